"""Conformance cases written by hand: exactly once, sessions, events."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from papertrader.core.money import SCALE
from papertrader.core.orders import OrderType, TimeInForce
from papertrader.fuzz import mutate
from papertrader.fuzz.bench import Bench, Case, CaseFailed
from papertrader.fuzz.channel import Channel
from papertrader.fuzz.commands_model import plain_reply
from papertrader.fuzz.world import hello
from papertrader.wire import codec
from papertrader.wire import messages as m
from papertrader.wire.derived import Message
from papertrader.wire.kinds import Mechanism, ResumeFlag, Scope, Status, Topic

Run = Callable[[Bench], None]
SYMBOL: Final = "AAPL"


def market_order(bench: Bench, quantity: int = 1) -> m.OrderNew:
    """Return an order that an open market fills: buy one share."""
    return m.OrderNew(
        client_order_id=bench.rng.getrandbits(62) + 1, symbol=SYMBOL, time_in_force=TimeInForce.GTC,
        quantity=quantity * SCALE,
    )  # fmt: skip


def resting_order(bench: Bench) -> m.OrderNew:
    """Return an order that stays open: buy far below the market, until cancelled."""
    return m.OrderNew(
        client_order_id=bench.rng.getrandbits(62) + 1, symbol=SYMBOL, time_in_force=TimeInForce.GTC,
        order_type=OrderType.LIMIT, quantity=SCALE, limit_price=SCALE * 150,
    )  # fmt: skip


# --- exactly once --------------------------------------------------------------------------------


def _same(bench: Bench, channel: Channel, octets: bytes) -> tuple[bytes, bytes]:
    """Send a frame twice (under another correlation); return both replies."""
    first = bench.outcome(channel, octets).frame
    second = bench.outcome(channel, bench.addressed(channel, octets)).frame
    if first is None or second is None:
        raise CaseFailed("a command was not answered")
    return first.octets, second.octets


def _repeated(make: Callable[[Bench], m.OrderNew]) -> Run:
    def run(bench: Bench) -> None:
        channel = bench.session(fresh=True)
        octets = bench.encoded(channel, make(bench), bench.next_seq(channel))
        first, second = _same(bench, channel, octets)
        if plain_reply(first) != plain_reply(second):
            raise CaseFailed("the repeated reply differs")
        if not codec.parse_header(second).flags & codec.REPLAYED:
            raise CaseFailed("the repeated reply lacks REPLAYED")

    return run


def _one_effect(bench: Bench) -> None:
    channel = bench.session(fresh=True)
    octets = bench.encoded(channel, resting_order(bench), bench.next_seq(channel))
    before = open_orders(bench, channel)
    copies = b"".join(bench.addressed(channel, octets) for _ in range(5))
    channel.send(octets + copies)
    bench.wait(channel)
    after = open_orders(bench, channel)
    if after - before > 1:
        raise CaseFailed(f"one command in six copies opened {after - before} orders")


def open_orders(bench: Bench, channel: Channel) -> int:
    """Return how many orders of the account are open."""
    reply = bench.ask(channel, m.AccountGet())
    return reply.open_orders if isinstance(reply, m.AccountReply) else 0


def _seq(name: str, numbers: tuple[int, ...], *statuses: Status, clause: str) -> Case:
    def run(bench: Bench) -> None:
        channel = bench.session(fresh=True)
        for number in numbers[:-1]:
            bench.outcome(channel, bench.encoded(channel, market_order(bench), number))
        octets = bench.encoded(channel, market_order(bench), numbers[-1])
        bench.expect(channel, octets, *statuses)

    return Case(section="once", name=name, clause=clause, run=run)


def _after_reconnect(bench: Bench) -> None:
    channel = bench.session(fresh=True)
    octets = bench.encoded(channel, market_order(bench), 7)
    first = bench.outcome(channel, octets).frame
    token = channel.reference.token
    bench.world.target.forget(channel)
    again = bench.world.open_plain("a")
    bench.ask(again, m.Resume(token=token, flags=ResumeFlag.TAKE_OVER))
    second = bench.outcome(again, bench.addressed(again, octets)).frame
    if first is None or second is None or plain_reply(first.octets) != plain_reply(second.octets):
        raise CaseFailed("after RESUME the same command got another reply")
    bench.world.goodbye(again)


def once_cases() -> Iterator[Case]:
    """Clause 12, from outside."""
    for name, make in (
        ("an order", market_order),
        ("a resting order", resting_order),
        ("a refused order", lambda b: market_order(b, 0)),
        ("an order without cash", lambda b: market_order(b, 999_999)),
    ):
        yield Case(section="once", name=f"{name} twice", clause="12.4", run=_repeated(make))
    yield Case(section="once", name="six copies in one write", clause="12.3", run=_one_effect)
    yield Case(section="once", name="again after RESUME", clause="12.9", run=_after_reconnect)
    yield _seq("seq 0", (0,), Status.SEQ_REQUIRED, clause="12.1")
    yield _seq("a gap", (5, 50), *_DECIDED, clause="12.2")
    yield _seq("below the last, never used", (5, 50, 7), Status.SEQ_TOO_OLD, clause="12.5")
    yield _seq("used for another", (5, 5), Status.SEQ_REUSED, clause="12.4")
    yield _seq("the greatest number", (2**63 - 1,), *_DECIDED, clause="12.1")
    yield _seq("beyond the greatest number", (2**63,), Status.INVALID_FIELD, clause="12.1")
    yield _seq("all bits set", (2**64 - 1,), Status.INVALID_FIELD, clause="12.1")


_DECIDED: Final = (
    Status.OK, *(s for s in Status if 0x0400 <= s < 0x0500),
)  # fmt: skip


# --- sessions ------------------------------------------------------------------------------------


def _resume(bench: Bench, token: bytes, *statuses: Status, take_over: bool = False) -> Channel:
    channel = bench.raw()
    channel.owner = "a"
    bench.expect(channel, hello(bench.rng), Status.OK)
    flags = ResumeFlag.TAKE_OVER if take_over else ResumeFlag(0)
    bench.ask(channel, m.Resume(token=token, flags=flags), *statuses)
    return channel


def _in_use(bench: Bench) -> None:
    channel = bench.session(fresh=True)
    _resume(bench, channel.reference.token, Status.SESSION_IN_USE)
    bench.still_usable(channel)


def _taken_over(bench: Bench) -> None:
    channel = bench.session(fresh=True)
    _resume(bench, channel.reference.token, Status.OK, take_over=True)
    bench.idle(0.5)
    events = [f.message for f in channel.inbox if isinstance(f.message, m.SessionEvent)]
    if [event.code for event in events] != [Status.SESSION_TAKEN_OVER]:
        raise CaseFailed("the connection that lost its session was not told so")
    bench.ask(channel, m.PortfolioGet(), Status.NOT_LOGGED_IN, Status.SESSION_DETACHED)


def _spent(bench: Bench) -> None:
    channel = bench.session(fresh=True)
    first = channel.reference.token
    second = _resume(bench, first, Status.OK, take_over=True)
    _resume(bench, second.reference.token, Status.OK, take_over=True)
    _resume(bench, first, Status.SESSION_REVOKED, Status.SESSION_EXPIRED, take_over=True)


def _previous(bench: Bench) -> None:
    channel = bench.session(fresh=True)
    token = channel.reference.token
    _resume(bench, token, Status.OK, take_over=True)
    _resume(bench, token, Status.OK, take_over=True)


def _here_again(bench: Bench) -> None:
    channel = bench.session(fresh=True)
    bench.ask(channel, m.Resume(token=channel.reference.token), Status.OK)
    bench.ask(channel, m.PortfolioGet())


def _ended(bench: Bench) -> None:
    channel = bench.session(fresh=True)
    token = channel.reference.token
    bench.ask(channel, m.Logout())
    bench.ask(channel, m.PortfolioGet(), Status.NOT_LOGGED_IN)
    _resume(bench, token, Status.SESSION_EXPIRED, Status.SESSION_REVOKED)


def _read_only(bench: Bench) -> None:
    account = bench.world.account(0)
    token = bench.world.keeper_token(account)
    channel = bench.raw()
    channel.owner = account.owner
    bench.expect(channel, hello(bench.rng), Status.OK)
    message = m.Login(
        username=account.username,
        password=token.hex(),
        mechanism=Mechanism.SESSION_TOKEN,
        scope=Scope.READ,
    )
    bench.ask(channel, message)
    bench.ask(channel, m.PortfolioGet())
    bench.ask(channel, market_order(bench), Status.SCOPE_DENIED, seq=1)


def _two_logins(bench: Bench) -> None:
    channel = bench.session(fresh=True)
    frame = bench.world.login_frame(bench.world.account(0), bench.correlation())
    bench.expect(channel, frame, Status.SESSION_IN_USE)


def _without(message: Message) -> Case:
    def run(bench: Bench) -> None:
        bench.ask(bench.plain(), message, Status.NOT_LOGGED_IN)

    name = f"{type(message).__name__} without a session"
    return Case(section="sessions", name=name, clause="11.1", run=run)


def _foreign(bench: Bench) -> None:
    mine, other = bench.session(0), bench.session(1)
    octets = mutate.put(bench.encoded(mine, m.PortfolioGet()), 16, "I", other.reference.handle)
    bench.expect(mine, octets, Status.NOT_LOGGED_IN)


def _not_yours(bench: Bench) -> None:
    mine, other = bench.session(0), bench.session(1)
    placed = bench.ask(mine, resting_order(bench), *_DECIDED, seq=bench.next_seq(mine))
    if not isinstance(placed, m.OrderReply):
        return
    bench.ask(other, m.OrderGet(order=placed.order), Status.NO_SUCH_ORDER)
    seq = bench.next_seq(other)
    bench.ask(other, m.OrderCancel(order=placed.order), Status.NO_SUCH_ORDER, seq=seq)
    bench.ask(
        other, m.PortfolioGet(portfolio=placed.portfolio), Status.NO_SUCH_PORTFOLIO, Status.PRIVATE
    )


def _directory(bench: Bench) -> None:
    bench.ask(bench.plain(), m.WorkerList())


def session_cases() -> Iterator[Case]:
    """Clause 11, from outside."""
    cases: tuple[tuple[str, str, Run], ...] = (
        ("a session that is in use", "11.5", _in_use),
        ("a session is taken over", "11.5", _taken_over),
        ("a spent token", "11.4", _spent),
        ("the previous token is still good", "11.4", _previous),
        ("RESUME where the session is", "11.5", _here_again),
        ("after LOGOUT", "11.8", _ended),
        ("a session that may only read", "11.8", _read_only),
        ("two LOGINs", "11.3", _two_logins),
        ("another's session", "11.3", _foreign),
        ("another's order and portfolio", "8.6", _not_yours),
        ("WORKER_LIST without a session", "11.1", _directory),
    )
    for name, clause, run in cases:
        yield Case(section="sessions", name=name, clause=clause, run=run)
    for message in (
        m.PortfolioGet(), m.OrderList(), m.AccountGet(), m.TransactionsGet(), m.Logout(),
        m.AssetGet(symbol=SYMBOL), m.AssetList(), m.BarsGet(symbol=SYMBOL, interval_s=86_400),
        m.QuoteGet(symbols=(m.SymbolRow(symbol=SYMBOL),)), m.Subscribe(topics=Topic.ACCOUNT),
    ):  # fmt: skip
        yield _without(message)


# --- events --------------------------------------------------------------------------------------


def _subscribed(from_seq: int) -> Run:
    # A number that has not come yet is one of a server that goes on from an older copy.
    told = Status.OK if from_seq <= 1 else Status.RESUME_GAP

    def run(bench: Bench) -> None:
        channel = bench.session(fresh=True)
        bench.ask(channel, m.Subscribe(topics=Topic.ACCOUNT, from_event_seq=from_seq), told)
        placed = bench.ask(channel, resting_order(bench), *_DECIDED, seq=1)
        bench.idle(1.0)
        if isinstance(placed, m.OrderReply) and not channel.reference.events.applied:
            raise CaseFailed("an order was placed and no event came")

    return run


def _quotes(bench: Bench) -> None:
    channel = bench.session(fresh=True)
    symbols = (m.SymbolRow(symbol=SYMBOL),)
    bench.ask(channel, m.Subscribe(topics=Topic.QUOTES, snapshot=True, symbols=symbols))
    bench.idle(1.0)


def _topics(topics: Topic) -> Case:
    def run(bench: Bench) -> None:
        bench.ask(bench.session(), m.Subscribe(topics=topics), Status.INVALID_FIELD)

    return Case(section="events", name=f"topics {int(topics)}", clause="14.1", run=run)


def event_cases() -> Iterator[Case]:
    """Clause 14, from outside."""
    for from_seq in (0, 1, 2**63, 2**64 - 1):
        yield Case(
            section="events", name=f"ACCOUNT from {from_seq}", clause="14.3",
            run=_subscribed(from_seq),
        )  # fmt: skip
    yield Case(section="events", name="QUOTES with a snapshot", clause="14.1", run=_quotes)
    for topics in (Topic(0), Topic.QUOTES | Topic.ACCOUNT, Topic.MARKET | Topic.ACCOUNT):
        yield _topics(topics)
