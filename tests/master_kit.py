"""A whole master in memory for tests: real store on disk, fake time, no sockets, no threads."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.task import Clock as FakeReactor
from twisted.python.failure import Failure

from papertrader.core.instants import SECOND, from_datetime
from papertrader.core.money import SCALE, parse_amount
from papertrader.core.quotes import Quote
from papertrader.master import main
from papertrader.master.accounts import AccountRules
from papertrader.master.admission import AdmissionRules
from papertrader.master.commands import Command
from papertrader.master.demand import IDLE_DAYS, Demand
from papertrader.master.livemarket import LiveParts
from papertrader.master.main import Main
from papertrader.master.marketsource import MarketRules
from papertrader.master.providers import recorded, replay
from papertrader.master.registration import Registration
from papertrader.master.rules import MasterRules, Threads
from papertrader.master.viewsapart import ViewsApart
from papertrader.net.clock import Clock
from papertrader.ops.inspection import Report
from papertrader.wire import codec
from papertrader.wire import messages as m
from papertrader.wire.kinds import FrameFlag, Topic
from tests import backends
from tests.backends import audit, replay_check

# The data that come with the package never change, and reading them is most of a start.
replay.load_daily = functools.cache(recorded.load_daily)  # type: ignore[attr-defined]
main.load_calendars = functools.cache(main.load_calendars)  # type: ignore[attr-defined]
main.load_rates = functools.cache(main.load_rates)  # type: ignore[attr-defined]

START = from_datetime(datetime(2012, 6, 4, 14, 0, tzinfo=UTC))
PASSWORD = "a long enough one"


def at_once(function: Any, *arguments: Any) -> Deferred[Any]:
    """Run what would run in a thread here and now."""
    return maybeDeferred(function, *arguments)


class Gate:
    """A thread whose work is done when a test says so, call by call."""

    def __init__(self) -> None:
        self._calls: list[tuple[Deferred[Any], Callable[..., Any], tuple[Any, ...]]] = []

    def __call__(self, function: Any, *arguments: Any) -> Deferred[Any]:
        """Take a call."""
        done: Deferred[Any] = Deferred()
        self._calls.append((done, function, arguments))
        return done

    def __len__(self) -> int:
        return len(self._calls)

    def work(self) -> None:
        """Do the oldest call, and tell."""
        done, function, arguments = self._calls.pop(0)
        try:
            result = function(*arguments)
        except Exception:
            result = Failure()
        done.callback(result)

    def do_untold(self) -> None:
        """Do the oldest call, but let nobody know: the process ends before it could."""
        _, function, arguments = self._calls.pop(0)
        function(*arguments)

    def fail(self, error: Exception, *, done_all_the_same: bool = False) -> None:
        """Let the oldest call fail, after doing its work or without."""
        waiting, function, arguments = self._calls.pop(0)
        if done_all_the_same:
            function(*arguments)
        waiting.errback(Failure(error))


AT_ONCE = Threads(truth=at_once, views=at_once, hashing=at_once)


def rules(state_dir: Path, **market: Any) -> MasterRules:
    """Return the rules of a replay master with quick password hashes."""
    chosen: dict[str, Any] = {
        "source": "replay",
        "start": START,
        "speed_milli": 60_000,
        "keep_closed_hours": False,
        "seed": 1,
        "update_interval_ms": 250,
    }
    chosen.update(market)
    return MasterRules(
        state_dir=state_dir,
        market=MarketRules(**chosen),
        accounts=AccountRules(
            starting_cash=100_000 * SCALE, currency="USD", registration=Registration.OPEN
        ),
        argon2_memory_kib=8,
        argon2_passes=1,
        seal_key=bytes(range(32)),
        admission=AdmissionRules(
            logins_per_second=1_000, registrations_per_second=1_000, registrations_per_hour=10_000
        ),
        store_url=backends.url_at(state_dir),
        holder=state_dir.name,
    )


class FakeLink:
    """A worker's link that keeps what it is given: (connection, header, message)."""

    def __init__(self, worker_id: int = 1, boot: int = 7) -> None:
        self.worker_id = worker_id
        self.boot = boot
        self.sent: list[tuple[int, bytes, int]] = []
        self.closed: list[tuple[int, int]] = []
        self.cancelled: list[tuple[int, int]] = []

    def relay(
        self,
        connection: int,
        octets: bytes,
        *,
        accepted_at: int = 0,
        flags: int = 0,
        cache_s: int = 0,
    ) -> None:
        self.sent.append((connection, octets, flags))

    def relay_parts(
        self, connection: int, correlation: int, parts: Sequence[bytes], **marks: int
    ) -> bool:
        for part in parts:
            self.relay(connection, part, **marks)
        return True

    def cancel(self, connection: int, correlation: int) -> None:
        self.cancelled.append((connection, correlation))

    def room(self, connection: int) -> Deferred[None]:
        return succeed(None)

    def close_client(self, connection: int, code: int, text: str = "") -> None:
        self.closed.append((connection, code))


@attrs.define(eq=False)
class Answer:
    """One frame that a client got."""

    header: codec.Header
    message: Any
    octets: bytes

    @property
    def status(self) -> int:
        """What became of the request."""
        return self.header.status

    @property
    def is_reply(self) -> bool:
        """Whether it answers a request."""
        return bool(self.header.flags & FrameFlag.RESPONSE)


class MasterKit:
    """A running master, its fake time, and clients to speak to it."""

    def __init__(
        self,
        state_dir: Path,
        *,
        threads: Threads = AT_ONCE,
        registration: Registration = Registration.OPEN,
        admission: AdmissionRules | None = None,
        live: Callable[[Clock], LiveParts] | None = None,
        currency: str = "USD",
        **market: Any,
    ) -> None:
        self.state_dir = state_dir
        self.threads = threads
        self.market = market
        self.live = live
        self.registration = registration
        self.admission = admission
        self.currency = currency
        self.demand = Demand.OFFERED
        self.idle_days = IDLE_DAYS
        self.seal_key = bytes(range(32))
        self.quotes = 1 << 50
        self.reactor = FakeReactor()
        self.reactor.advance(1_000)
        self.wall = 1_800_000_000 * SECOND
        self.failures: list[str] = []
        self._entropy = 0
        self.seq = 0
        self.boot()

    def boot(self, *, start: bool = True) -> None:
        """Begin a master on the state directory, and start it."""
        self.clock = Clock(self.reactor, lambda: self.wall)
        self.main = Main(
            self.master_rules(),
            self.clock,
            self.threads,
            self.entropy,
            self.failures.append,
            None if self.live is None else self.live(self.clock),
            self.new_apart(),
        )
        self.main.initialize()
        if start:
            self.start()

    def new_apart(self) -> ViewsApart | None:
        """Return the process that writes the views; None: the master writes them itself."""
        return None

    def master_rules(self) -> MasterRules:
        """Return what the operator of this master has decided."""
        chosen = rules(self.state_dir, **self.market)
        accounts = attrs.evolve(
            chosen.accounts, registration=self.registration, currency=self.currency
        )
        admission = self.admission or chosen.admission
        return attrs.evolve(
            chosen, accounts=accounts, admission=admission, seal_key=self.seal_key,
            second_factor=self.demand, idle_days=self.idle_days,
        )  # fmt: skip

    def start(self) -> None:
        """Start the master's modules: the market goes on."""
        self.main.start()
        self.turn()

    def entropy(self, size: int) -> bytes:
        """Give octets that are the same in every run."""
        self._entropy += 1
        return hashlib.sha256(self._entropy.to_bytes(8, "big")).digest()[:size]

    def turn(self, seconds: float = 0.0) -> None:
        """Let time go on in steps of a market update."""
        left = seconds
        while left > 0:
            step = min(0.05, left)
            self.reactor.advance(step)
            left -= step
        self.reactor.advance(0)
        self.reactor.advance(0)

    def kill(self) -> None:
        """Drop the master as kill -9 would: nothing is flushed, nothing said."""
        self.wall = self.clock.wall_ns() + 1_000 * SECOND
        self.clock.cancel_all()
        self.main.store.close()
        self.main.view_store.close()

    def crash(self) -> None:
        """Kill the master and start another."""
        self.kill()
        self.boot()

    def stop(self) -> None:
        """Stop the master as SIGTERM would."""
        done = Deferred.fromCoroutine(self.main.stop())
        self.turn()
        assert done.called
        self.wall = self.clock.wall_ns() + 1_000 * SECOND
        self.clock.cancel_all()

    def check(self) -> Report:
        """Stop, and look for anything that is wrong: in the books, or in memory against them."""
        assert self.failures == [], self.failures
        assert self.main.internal_errors == 0, self.main.internal_errors
        self.stop()
        report = audit(self.state_dir)
        assert report.violations == [], report.violations
        replayed = replay_check(self.state_dir)
        assert replayed.findings == [], replayed.findings
        return report

    def quote(self, symbol: str, bid: str, ask: str, **fields: Any) -> Quote:
        """Let the market show a quote of the test's own now; prices as text."""
        self.quotes += 1
        fields.setdefault("observed_at", self.clock.stamp_ns())
        quote = Quote(
            symbol=symbol,
            bid=parse_amount(bid),
            ask=parse_amount(ask),
            last=parse_amount(bid),
            quote_seq=self.quotes,
            **fields,
        )
        self.main.transactions.observe(quote)
        self.turn()
        return quote

    def client(self, link: FakeLink | None = None, connection: int = 1) -> MasterClient:
        """Return a client on a connection of a worker."""
        return MasterClient(self, link or FakeLink(), connection)


class MasterClient:
    """Speaks to a master as a worker relays it."""

    def __init__(self, kit: MasterKit, link: FakeLink, connection: int) -> None:
        self.kit = kit
        self.link = link
        self.connection = connection
        self.session = 0
        self.token = b""
        self.seq = 0
        self.correlation = 0
        self.address = bytes(16)
        self._read = 0
        self._held: list[Answer] = []

    def send(
        self,
        message: Any,
        *,
        seq: int = 0,
        session: int | None = None,
        resent: bool = False,
        worker_seq: int = 0,
    ) -> int:
        """Relay one message; return its correlation."""
        self.correlation += 1
        octets = codec.encode(
            message,
            session=self.session if session is None else session,
            correlation=self.correlation,
            seq=seq,
        )
        self.relay(octets, resent=resent, worker_seq=worker_seq)
        return self.correlation

    def relay(self, octets: bytes, *, resent: bool = False, worker_seq: int = 0) -> None:
        """Relay one frame, under the worker's next number unless one is given."""
        if worker_seq == 0:
            self.kit.seq += 1
            worker_seq = self.kit.seq
        stamp = self.kit.clock.stamp_ns()
        envelope = codec.encode(
            m.RelayUp(
                received_at=stamp, worker_seq=worker_seq, connection=self.connection, inner=octets
            )
        )
        self.kit.main.command(
            Command(
                self.link,
                self.connection,
                worker_seq,
                stamp,
                self.kit.clock.stamp_ns(),
                self.address,
                resent,
                codec.parse_header(octets),
                octets,
                envelope,
            )
        )

    def events(self) -> list[Answer]:
        """Return the events that came since the last look; replies are dropped."""
        return [each for each in self.inbox() if not each.is_reply]

    def follow(self, after: int = 0) -> Answer:
        """Ask for the account's events, from the one behind ``after`` on if it is not 0."""
        return self.ask(m.Subscribe(topics=Topic.ACCOUNT, from_event_seq=after and after + 1))

    def inbox(self) -> list[Answer]:
        """Return what came since the last look."""
        mine = [octets for connection, octets, _ in self.link.sent if connection == self.connection]
        fresh = mine[self._read :]
        self._read = len(mine)
        held, self._held = self._held, []
        return held + [Answer(*codec.decode(octets), octets) for octets in fresh]

    def ask(self, message: Any, *, seq: int = 0, **options: Any) -> Answer:
        """Relay one message and return its (last) reply; other frames stay unread."""
        return self.ask_all(message, seq=seq, **options)[-1]

    def ask_all(self, message: Any, *, seq: int = 0, **options: Any) -> list[Answer]:
        """Relay one message and return all parts of its reply; other frames stay unread."""
        correlation = self.send(message, seq=seq, **options)
        self.kit.turn()
        replies = self.replies(correlation)
        assert replies, f"no reply to {type(message).__name__}"
        return replies

    def replies(self, correlation: int) -> list[Answer]:
        """Return the replies to one request; other frames stay unread."""
        found, others = [], []
        for each in self.inbox():
            mine = each.is_reply and each.header.correlation == correlation
            (found if mine else others).append(each)
        self._held = others
        return found

    def register(self, name: str = "ann") -> Answer:
        """Open an account."""
        return self.ask(m.Register(username=name, password=PASSWORD), session=0)

    def login(self, name: str = "ann", remember: bool = True) -> Answer:
        """Open a session."""
        answer = self.ask(
            m.Login(username=name, password=PASSWORD, remember=remember, scope=2), session=0
        )
        if answer.header.status == 0:
            self.session, self.token = answer.header.session, answer.message.token
        return answer

    def resume(self, last_event_seq: int = 0, take_over: bool = True) -> Answer:
        """Go on with the session."""
        answer = self.ask(
            m.Resume(token=self.token, last_event_seq=last_event_seq, flags=2 * take_over),
            session=0,
        )
        if answer.header.status == 0:
            self.session, self.token = answer.header.session, answer.message.token
            self.seq = max(self.seq, answer.message.last_command_seq)
        return answer

    def order(self, symbol: str, quantity: str, side: int = 1, **fields: Any) -> Answer:
        """Send a new order with the next number."""
        self.seq += 1
        fields.setdefault("client_order_id", self.seq)
        return self.ask(
            m.OrderNew(symbol=symbol, side=side, quantity=parse_amount(quantity), **fields),
            seq=self.seq,
        )
