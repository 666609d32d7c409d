"""Profile ``relay``: a worker that lies, on the link to a master.

A round is one link: HELLO, WORKER_AUTH, two clients with sessions of two accounts, changed requests
of theirs, small lies that the link must survive, and one lie that must end it (or be answered). A
round depends on the seed and its number alone, so any can be played again; but it is a new boot of
the worker each time, or the master would go on with what it knows of the one before. That no harm
is done to others is seen by the canary and the audits of the campaign, which go the honest way
meanwhile.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator, Iterator
from typing import Final

import attrs

from papertrader.fuzz import generate, mutate
from papertrader.fuzz.corpus import Step
from papertrader.fuzz.inner import InnerClient, InnerLink
from papertrader.fuzz.observe import Breach
from papertrader.fuzz.player import transcript_of
from papertrader.fuzz.reference import status_name
from papertrader.fuzz.stream import Frames
from papertrader.fuzz.target import TlsTarget
from papertrader.fuzz.world import SetupError, World, hello
from papertrader.wire import codec, kinds, limits
from papertrader.wire import messages as m
from papertrader.wire.connection import State
from papertrader.wire.declarations import Shape
from papertrader.wire.errors import RemoteFault
from papertrader.wire.kinds import ClosedBy, Opcode, Status
from papertrader.wire.schema import MESSAGES

BATCH: Final = 24
BATCHES: Final = 6
"""Changed requests of one client at once, and how often in a round."""
WAIT_S: Final = 15.0
CLOSE_S: Final = 5.0
HOUR_NS: Final = 3_600 * 10**9
_SURVIVES: Final = frozenset[int]()
_FATAL: Final = frozenset(int(status) for status in Status if kinds.is_fatal(status))
_UP: Final = tuple(
    message
    for message in MESSAGES
    if message.shape is Shape.EVENT
    and message.opcode in (Opcode.CLIENT_OPEN, Opcode.CLIENT_CLOSE, Opcode.TOPIC_INTEREST,
                           Opcode.WORKER_STATS, Opcode.RELAY_CREDIT, Opcode.WORKER_LOG,
                           Opcode.LIMIT_HITS, Opcode.TRUST_TAKEN)
)  # fmt: skip
"""Notices that a worker may send at any time."""
_DOWN: Final = tuple(
    message
    for message in MESSAGES
    if kinds.INNER_OPCODES <= message.opcode < kinds.STORE_OPCODES
    and message.shape is Shape.EVENT
    and message not in _UP
    and message.opcode != Opcode.RELAY_UP
)
"""What only a master sends."""


@attrs.frozen
class Lie:
    """Octets for the link; codes of GOODBYE that they may cause; whether they must."""

    octets: bytes
    closes: frozenset[int] = _SURVIVES
    must: bool = False


@attrs.define
class RoundResult:
    """What came of a round."""

    number: int
    breaches: list[Breach] = attrs.Factory(list)
    transcript: list[Step] = attrs.Factory(list)
    cases: int = 0
    lies: int = 0


class Round:
    """One round (see the module)."""

    def __init__(
        self, target: TlsTarget, world: World, worker_id: int, seed: int, number: int
    ) -> None:
        self.result = RoundResult(number)
        self._target = target
        self._world = world
        self._worker_id = worker_id
        self._rng = random.Random(f"{seed} relay {number}")
        self._generator = generate.Generator(self._rng)
        self._frames = Frames(self._rng)
        self._link: InnerLink | None = None

    def run(self) -> Iterator[None]:
        """Play it; yields whenever it has to wait."""
        try:
            yield from self._play()
        finally:
            self._leave()

    def _play(self) -> Iterator[None]:
        while not self._target.may_connect:
            yield
        channel = self._target.connect()
        if not isinstance(channel, InnerLink):
            raise TypeError("a relay needs a target that makes links")
        link = self._link = channel
        while not link.connected:
            yield
        link.tend()
        yield from self._until(lambda: link.connection.state is not State.WAIT_HELLO, WAIT_S)
        early = self._rng.random() < 0.15
        if early:
            yield from self._end(self._before_auth(link))
            return
        status = yield from self._authenticate(link)
        if status:
            return
        clients = [link.client("a"), link.client("b")]
        for number, client in enumerate(clients):
            frame = self._world.login_frame(self._world.account(number), 2)
            client.channel.send(hello(self._rng) + frame)
        yield from self._settled(clients)
        for _ in range(BATCHES):
            living = [c for c in clients if not c.channel.ended and c.channel.reference.handle]
            if not living or link.ended:
                break
            self._ask(link, self._rng.choice(living), living)
            yield from self._settled(living)
        if not link.ended:
            yield from self._end(self._hard_lie(link, clients))

    def _settled(self, clients: list[InnerClient]) -> Iterator[None]:
        return self._until(lambda: all(c.channel.settled for c in clients), WAIT_S)

    def _until(self, done: Callable[[], bool], seconds: float) -> Iterator[None]:
        link = self._link
        until = self._target.now() + seconds
        while link is not None and not done() and not link.ended and self._target.now() < until:
            link.tend()
            yield

    # --- the beginning -------------------------------------------------------------------------

    def _authenticate(self, link: InnerLink) -> Generator[None, None, int]:
        rng = self._rng
        wrong = rng.random()
        worker_id, clock, allowed = self._worker_id, link.wall(), {int(Status.OK)}
        if wrong < 0.05:
            worker_id, allowed = rng.choice((0, 2**64 - 1)), {int(Status.WORKER_UNKNOWN)}
        elif wrong < 0.1:
            clock, allowed = rng.choice((0, clock + HOUR_NS)), {int(Status.CLOCK_SKEW)}
        auth = m.WorkerAuth(
            worker_id=worker_id, boot=self._world.boot(), next_worker_seq=1, listen_port=1,
            clock=clock, max_clients=5,
        )  # fmt: skip
        link.put(codec.encode(auth, correlation=1))
        self.result.cases += 1
        yield from self._until(lambda: bool(link.replies), WAIT_S)
        status = link.replies.popleft()[0].status if link.replies else None
        if status not in allowed:
            said = "nothing" if status is None else status_name(status)
            expected = ", ".join(status_name(each) for each in allowed)
            self._blame("model", f"WORKER_AUTH was answered {said}; allowed: {expected}")
            return 1
        if status:
            yield from self._closing(link, Lie(b"", frozenset(allowed), True))
        return status

    def _before_auth(self, link: InnerLink) -> Lie:
        """Anything but WORKER_AUTH first."""
        state = frozenset({int(Status.PROTOCOL_STATE), int(Status.OPCODE_FORBIDDEN)})
        declared = self._rng.choice(_UP)
        octets = self._rng.choice(
            (self._generator.frame(declared), link.envelope(1, self._generator.request()))
        )
        return Lie(octets, state, True)

    # --- requests of clients, and small lies ---------------------------------------------------

    def _ask(self, link: InnerLink, client: InnerClient, living: list[InnerClient]) -> None:
        reference = client.channel.reference
        for number in range(BATCH):
            if client.channel.ended or reference.doomed:
                return
            frame = self._frames.draw(reference.handle, number + 1, reference.unsure)
            if frame.verdict.closes or reference.is_open(frame.header.correlation):
                continue
            if self._rng.random() < 0.08:
                self._small_lie(link, client, living)
                self.result.lies += 1
            skewed = bool(link.lie.get("received_at"))
            # The reference must have the request before the link can bring its answer.
            client.channel.send_judged([frame])
            if skewed:
                reference.expect(frame.header.correlation, Status.CLOCK_SKEW)

    def _small_lie(self, link: InnerLink, client: InnerClient, living: list[InnerClient]) -> None:
        """Tell a lie that the link survives."""
        rng = self._rng
        how = rng.randrange(7)
        if how == 0:
            hour_ago = max(1, link.wall() - HOUR_NS)
            link.lie = {"received_at": rng.choice((1, hour_ago, link.wall() + HOUR_NS))}
        elif how == 1:
            link.lie = {"worker_seq": rng.choice((1, max(1, link.worker_seq)))}
        elif how == 2 and len(living) > 1:
            self._foreign_session(client, living)
        elif how == 3:
            connection = rng.choice((0, 2**32, 2**64 - 1))
            link.put(codec.encode(m.ClientClose(connection=connection, by=ClosedBy.CLIENT)))
        elif how == 4:
            connection = rng.choice((client.number, 77, 2**64 - 1))
            total = rng.choice((0, 1, 2**64 - 1))
            link.put(codec.encode(m.RelayCredit(connection=connection, total=total)))
        elif how == 5:
            stats = m.WorkerStats(
                clock=2**64 - 1, clients=2**32 - 1, frames_up=2**64 - 1, queue_down=2**32 - 1
            )
            link.put(codec.encode(stats))
        else:
            # A notice that only a newer revision knows.
            link.put(codec.frame(3, 0x7FFE - 0x100, bytes(8), flags=codec.EVENT))

    def _foreign_session(self, client: InnerClient, living: list[InnerClient]) -> None:
        """Ask as one client with the session of the other."""
        other = next(each for each in living if each is not client)
        handle = other.channel.reference.handle
        frame = codec.encode(
            m.AccountGet(), session=handle, correlation=self._generator.correlation()
        )
        client.channel.send(frame)

    # --- the lie at the end --------------------------------------------------------------------

    def _hard_lie(self, link: InnerLink, clients: list[InnerClient]) -> Lie:
        rng, generator = self._rng, self._generator
        number = clients[0].number
        request = codec.encode(m.PortfolioGet(), correlation=generator.correlation())
        how = rng.randrange(9)
        if how == 0:
            octets = link.envelope(number, request, worker_seq=link.worker_seq + 100_000)
            return Lie(octets, frozenset({int(Status.WINDOW_EXCEEDED)}), True)
        if how == 1:
            auth = m.WorkerAuth(worker_id=self._worker_id, boot=1, clock=link.wall())
            codes = frozenset({int(Status.OPCODE_FORBIDDEN), int(Status.PROTOCOL_STATE)})
            return Lie(codec.encode(auth, correlation=9), codes, True)
        if how == 2:
            return Lie(hello(rng), frozenset({int(Status.PROTOCOL_STATE)}), True)
        if how == 3:
            octets = generator.frame(rng.choice(_DOWN))
            codes = frozenset({int(Status.OPCODE_FORBIDDEN), int(Status.PROTOCOL_STATE)})
            return Lie(octets, codes, True)
        if how == 4:
            # INNER within INNER: what is relayed is a frame of the worker link.
            return Lie(link.envelope(number, link.envelope(number, request)), _FATAL)
        if how == 5:
            lie = mutate.put(request, *rng.choice(((0, "H", 1), (2, "B", 9), (3, "B", 9))))
            return Lie(link.envelope(number, lie), _FATAL, True)
        if how == 6:
            half = mutate.put(request, 4, "I", len(request) - limits.HEADER_SIZE + 1)
            return Lie(link.envelope(number, half), frozenset({int(Status.BAD_LENGTH)}), True)
        if how == 7:
            connection = rng.choice((0, 99, 2**64 - 1))
            link.gone.add(connection)
            return Lie(link.envelope(connection, request), _FATAL)
        declared = rng.choice(_UP)
        return judged(mutate.mutated(rng, generator.frame(declared)))

    def _end(self, lie: Lie) -> Iterator[None]:
        link = self._link
        if link is None:
            return
        self.result.lies += 1
        link.cases += 1
        link.put(lie.octets)
        yield from self._closing(link, lie)

    def _closing(self, link: InnerLink, lie: Lie) -> Iterator[None]:
        """Wait for the end that a lie must or may cause, and judge it."""
        yield from self._until(lambda: link.ended, CLOSE_S if lie.must else 0.3)
        goodbye = link.connection.goodbye
        if goodbye is None and link.ended:
            self._blame("discipline", "the link ended without GOODBYE")
        elif goodbye is None and lie.must:
            self._blame("discipline", f"a lie did not end the link in {CLOSE_S:.0f} s")
        elif goodbye is not None and goodbye.code not in lie.closes:
            expected = ", ".join(status_name(each) for each in sorted(lie.closes)[:8])
            text = f"the link was closed with {status_name(goodbye.code)}; allowed: {expected}"
            self._blame("discipline", text)

    def _blame(self, oracle: str, text: str) -> None:
        self.result.breaches.append(Breach(oracle, f"relay: {text}"))

    def _leave(self) -> None:
        link = self._link
        if link is None:
            return
        clients = [(client.number, client.channel) for client in link.clients.values()]
        if not link.ended:
            link.put(codec.encode(m.Goodbye()))
            self._target.forget(link)
        self.result.cases += link.cases
        self.result.breaches += link.take_breaches()
        if self.result.breaches:
            self.result.transcript = transcript_of([(0, link), *clients])


def judged(octets: bytes) -> Lie:
    """Return what a changed notice may cause at a master that reads as the specification says."""
    codes = set(_FATAL)
    try:
        codec.decode(octets)
    except RemoteFault as fault:
        codes.add(int(fault.status))
    return Lie(octets, frozenset(codes))


class Relay:
    """Rounds one after the other, beside whatever else a campaign does."""

    def __init__(
        self, target: TlsTarget, world: World, worker_id: int, seed: int, first: int = 0
    ) -> None:
        self.target = target
        self.rounds = self.refused = 0
        self._world = world
        self._worker_id = worker_id
        self._seed = seed
        self._next = first
        self._round: tuple[Round, Iterator[None]] | None = None

    def turn(self, more: bool) -> RoundResult | None:
        """Go on; return what came of a round when one is over."""
        if self._round is None:
            if not more:
                return None
            made = Round(self.target, self._world, self._worker_id, self._seed, self._next)
            self._next += 1
            self._round = (made, made.run())
        self.target.pump(0.0)
        playing, steps = self._round
        try:
            next(steps)
        except StopIteration:
            self.rounds += 1
            self._round = None
            return playing.result
        except SetupError:
            self.refused += 1
            self._round = None
        return None

    @property
    def busy(self) -> bool:
        """Whether a round is not over."""
        return self._round is not None
