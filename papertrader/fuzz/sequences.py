"""Sequences: what the profiles of a campaign play, one connection or several, in order."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, Final

from papertrader.core.money import SCALE
from papertrader.fuzz import allowed, mutate
from papertrader.fuzz.corpus import (
    SESSION_HOLE,
    Kind,
    Opening,
    Reference,
    Sequence,
    Source,
    Step,
    Wait,
)
from papertrader.fuzz.generate import BEGIN_OR_END, CLIENT_REQUESTS, Generator, harmless
from papertrader.fuzz.world import hello
from papertrader.wire import codec, kinds, limits
from papertrader.wire import messages as m
from papertrader.wire.kinds import Opcode, ResumeFlag, Topic

BATCH: Final = 72
"""Frames of one connection in one sequence: below what is rate-limited (COMMAND_BURST)."""
PROFILES: Final = ("codec", "wire", "session")
_TOKEN_PLACE: Final = limits.HEADER_SIZE
_WITHOUT: Final = frozenset({int(opcode) for opcode in allowed.WITHOUT_SESSION})


def ends(octets: bytes) -> bool:
    """Tell whether a frame may end its connection (so that it must come last)."""
    if len(octets) < limits.HEADER_SIZE:
        return True
    header = codec.parse_header(octets)
    if allowed.header_faults(header, limits.CLIENT_FRAME_MAX) or allowed.forbidden(header):
        return True
    if len(octets) != limits.HEADER_SIZE + header.length or not header.correlation:
        return True
    if header.opcode <= 0xFF:
        verdict = allowed.control_frame(header, octets)
        return verdict.fatal or verdict.beyond
    return bool(allowed.request(header, octets, header.session, False).closes)


def send(octets: bytes, wait: Wait = Wait.NONE, connection: int = 0) -> Step:
    """Return a step that sends a frame with the session of its connection, where one belongs."""
    header = codec.parse_header(octets) if len(octets) >= limits.HEADER_SIZE else None
    hole = header is not None and header.session == 0 and header.opcode not in _WITHOUT
    return Step(Kind.SEND, connection, octets, wait, references=(SESSION_HOLE,) if hole else ())


class Sequences:
    """Makes sequences from a source of chance."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.generator = Generator(rng)
        self.mark = ""
        """A mark of the first account, for what is stored under it (see the oracle of leaks)."""
        self._makers: dict[str, tuple[Callable[[], list[Step]], ...]] = {
            "codec": (self.lies, self.lies, self.lies, self.valid),
            "wire": (self.shapes, self.openings, self.silence),
            "session": (self.exactly_once, self.resuming, self.taking_over, self.crossing,
                        self.two_sessions, self.leaving, self.every_message, self.replacing),
        }  # fmt: skip

    def make(self, profile: str, seed: int) -> Sequence:
        """Return a sequence of a profile (or of any, for "all")."""
        chosen = self.rng.choice(PROFILES) if profile == "all" else profile
        return Sequence(tuple(self.rng.choice(self._makers[chosen])()), seed, chosen)

    # --- codec ---------------------------------------------------------------------------------

    def lie(self) -> bytes:
        """Return a frame that was changed, and may be sent by chance."""
        for _ in range(50):
            octets = mutate.mutated(self.rng, self.generator.request())
            if harmless(octets) and len(octets) <= limits.CLIENT_FRAME_MAX:
                return octets
        return codec.encode(m.PortfolioGet(), correlation=self.generator.correlation())

    def lies(self) -> list[Step]:
        """Many changed frames on one connection, with or without a session; one fatal at last."""
        self.generator.mark = self.mark
        steps = [Step(Kind.OPEN, option=self.rng.choice((Opening.FIRST, Opening.FIRST, 1)))]
        last: bytes | None = None
        used: set[int] = set()
        for _ in range(BATCH):
            octets = self.lie()
            correlation = codec.parse_header(octets).correlation if len(octets) >= 32 else 0
            if ends(octets) or correlation in used:
                last = octets
            else:
                used.add(correlation)
                steps.append(send(octets))
        if last is not None and self.rng.random() < 0.6:
            if self.rng.random() < 0.7:
                steps.append(Step(Kind.SEND, wait=Wait.REPLY))
            steps.append(send(last, Wait.REPLY))
        return steps

    def valid(self) -> list[Step]:
        """Well-formed requests with values at their bounds."""
        opening = self.rng.choice((Opening.FIRST, Opening.SECOND))
        self.generator.mark = self.mark if opening is Opening.FIRST else ""
        steps = [Step(Kind.OPEN, option=opening)]
        frames = (self.generator.request() for _ in range(BATCH))
        return steps + [send(octets) for octets in frames if harmless(octets)]

    # --- wire ----------------------------------------------------------------------------------

    def shapes(self) -> list[Step]:
        """A stream of good frames, cut in any way: drip, one write, half-close, reset."""
        rng = self.rng
        asked = [
            codec.encode(m.Ping(token=n), correlation=self.generator.correlation())
            for n in range(rng.randint(1, 8))
        ]
        stream = hello(rng) + b"".join(asked)
        steps = [Step(Kind.OPEN, option=Opening.RAW)]
        if rng.random() < 0.3:
            steps += [Step(Kind.SEND, octets=bytes([each])) for each in stream]
        else:
            while stream:
                size = rng.choice((1, 2, 31, 32, 33, 64, len(stream)))
                steps.append(Step(Kind.SEND, octets=stream[:size]))
                stream = stream[size:]
        how = rng.choice((Kind.CLOSE, Kind.HALF_CLOSE, Kind.RESET, None))
        if how is None:
            steps[-1] = send(steps[-1].octets, Wait.REPLY)
            return steps
        keep = rng.randint(1, len(steps))
        return [*steps[:keep], Step(how, wait=Wait.IDLE)]

    def openings(self) -> list[Step]:
        """HELLO in every wrong way, or something else first."""
        rng = self.rng
        first = rng.choice(
            (
                lambda: hello(rng, versions=(rng.randint(0, 3), rng.randint(0, 3))),
                lambda: hello(rng, role=rng.randint(1, 5)),
                lambda: hello(rng, keepalive_s=rng.choice((1, 5, 65535)), correlation=0),
                lambda: mutate.mutated(rng, hello(rng)),
                lambda: hello(rng) + hello(rng),
                self.generator.request,
                lambda: rng.randbytes(rng.randint(32, 200)),
                lambda: codec.encode(m.Goodbye()),
            )
        )()
        return [Step(Kind.OPEN, option=Opening.RAW), Step(Kind.SEND, octets=first, wait=Wait.REPLY)]

    def silence(self) -> list[Step]:
        """Half a frame, and then nothing: the target may wait, and must not mind."""
        octets = self.generator.request()
        cut = self.rng.randrange(1, len(octets))
        return [
            Step(Kind.OPEN, option=Opening.HELLO),
            Step(Kind.SEND, octets=octets[:cut], wait=Wait.IDLE),
            Step(self.rng.choice((Kind.CLOSE, Kind.RESET))),
        ]

    # --- session -------------------------------------------------------------------------------

    def command(self, seq: int, **changes: Any) -> bytes:
        """Return an ORDER_NEW."""
        return codec.encode(
            self.generator.order(**changes), correlation=self.generator.correlation(), seq=seq
        )

    def again(self, octets: bytes) -> bytes:
        """Return the same frame under a new correlation."""
        return mutate.put(octets, 20, "I", self.generator.correlation())

    def exactly_once(self) -> list[Step]:
        """Commands, repeated, changed, out of order, crossing a cancel."""
        rng = self.rng
        steps = [Step(Kind.OPEN, option=Opening.FIRST)]
        sent: list[bytes] = []
        seq = 0
        for _ in range(rng.randint(5, 25)):
            seq += rng.choice((1, 1, 1, 2, 1000))
            octets = self.command(seq)
            sent.append(octets)
            steps.append(send(octets, rng.choice((Wait.NONE, Wait.REPLY))))
            chance = rng.random()
            if chance < 0.3:
                steps.append(send(self.again(rng.choice(sent)), Wait.REPLY))
            elif chance < 0.5:
                steps.append(send(self.command(rng.randint(0, seq)), Wait.REPLY))
        return steps

    def _resume(self, of: int, take_over: bool, connection: int) -> Step:
        flags = int(ResumeFlag.TAKE_OVER) if take_over else 0
        frame = codec.encode(m.Resume(flags=flags), correlation=self.generator.correlation())
        hole = Reference(Source.TOKEN, _TOKEN_PLACE, 32, of + 1)
        return Step(Kind.SEND, connection, frame, Wait.REPLY, references=(hole,))

    def resuming(self) -> list[Step]:
        """A connection is lost with commands under way; RESUME, and all is said again."""
        rng = self.rng
        commands = [self.command(n + 1) for n in range(rng.randint(1, 6))]
        steps = [Step(Kind.OPEN, option=Opening.FIRST)]
        steps += [send(octets, rng.choice((Wait.NONE, Wait.REPLY))) for octets in commands]
        steps.append(send(codec.encode(m.Ping(), correlation=7), Wait.REPLY))
        steps += [Step(Kind.RESET), Step(Kind.OPEN, 1, option=Opening.HELLO)]
        steps.append(self._resume(0, True, 1))
        steps += [send(self.again(octets), Wait.REPLY, 1) for octets in commands]
        return steps

    def taking_over(self) -> list[Step]:
        """Two connections quarrel about one session."""
        steps = [
            Step(Kind.OPEN, option=Opening.FIRST),
            send(codec.encode(m.Ping(), correlation=7), Wait.REPLY),
            Step(Kind.OPEN, 1, option=Opening.HELLO),
            self._resume(0, self.rng.random() < 0.7, 1),
        ]
        for connection in (0, 1, 0, 1):
            frame = codec.encode(m.PortfolioGet(), correlation=self.generator.correlation())
            steps.append(send(frame, Wait.REPLY, connection))
        return steps

    def crossing(self) -> list[Step]:
        """Orders and their cancels in one write, while events are replayed."""
        rng = self.rng
        topic = codec.encode(
            m.Subscribe(topics=Topic.ACCOUNT, from_event_seq=rng.choice((0, 1, 1, 2**64 - 1))),
            correlation=self.generator.correlation(),
        )
        steps = [Step(Kind.OPEN, option=Opening.FIRST), send(topic)]
        for n in range(rng.randint(2, 12)):
            key = rng.getrandbits(62) + 1
            steps.append(send(self.command(2 * n + 1, client_order_id=key)))
            cancel = m.OrderCancel(client_order_id=key)
            correlation = self.generator.correlation()
            steps.append(send(codec.encode(cancel, correlation=correlation, seq=2 * n + 2)))
        if rng.random() < 0.5:
            steps.append(send(self.again(topic)))
        steps[-1] = send(steps[-1].octets, Wait.REPLY)
        return [*steps, Step(Kind.SEND, wait=Wait.IDLE)]

    def two_sessions(self) -> list[Step]:
        """Two accounts side by side: each asks for what is the other's."""
        generator = self.generator
        steps = [
            Step(Kind.OPEN, option=Opening.FIRST),
            Step(Kind.OPEN, 1, option=Opening.SECOND),
            send(self.command(1), Wait.REPLY),
        ]
        order = Reference(Source.REPLY, limits.HEADER_SIZE, 8, 2, limits.HEADER_SIZE)
        for message in (m.OrderGet(), m.OrderCancel()):
            seq = 1 if message.OPCODE == Opcode.ORDER_CANCEL else 0
            frame = codec.encode(message, correlation=generator.correlation(), seq=seq)
            steps.append(Step(Kind.SEND, 1, frame, Wait.REPLY, references=(SESSION_HOLE, order)))
        for portfolio in (1, 2, 3, 2**63):
            frame = codec.encode(
                m.PortfolioGet(portfolio=portfolio), correlation=generator.correlation()
            )
            steps.append(send(frame, Wait.REPLY, 1))
        return steps

    def every_message(self) -> list[Step]:
        """Every message of the schema that keeps the session, commands in order; some again."""
        rng, generator = self.rng, self.generator
        steps = [Step(Kind.OPEN, option=Opening.FIRST)]
        asked = [each for each in CLIENT_REQUESTS if each.opcode not in BEGIN_OR_END]
        rng.shuffle(asked)
        sent: list[bytes] = []
        seq = 0
        for declared in asked:
            changing = declared.opcode in kinds.STATE_CHANGING
            seq += changing
            octets = generator.frame(declared, seq=seq if changing else 0)
            if not harmless(octets) or len(octets) > limits.CLIENT_FRAME_MAX:
                continue
            steps.append(send(octets, rng.choice((Wait.NONE, Wait.REPLY))))
            if changing:
                sent.append(octets)
        steps[-1] = send(steps[-1].octets, Wait.REPLY)
        return steps + [send(self.again(octets), Wait.REPLY) for octets in sent]

    def replacing(self) -> list[Step]:
        """An order that rests, replaced twice, cancelled with all others, and asked for."""
        generator = self.generator
        price = self.rng.randint(1, 3) * SCALE
        steps = [
            Step(Kind.OPEN, option=Opening.FIRST),
            send(self.command(1, order_type=2, limit_price=price, side=1), Wait.REPLY),
        ]
        for seq in (2, 3):
            # The newest of its line stands in the reply to the step before.
            hole = Reference(Source.REPLY, limits.HEADER_SIZE, 8, seq - 1, limits.HEADER_SIZE)
            message = m.OrderReplace(
                client_order_id=self.rng.getrandbits(62) + 1,
                quantity=self.rng.randint(1, 9) * SCALE, limit_price=price,
            )  # fmt: skip
            frame = codec.encode(message, correlation=generator.correlation(), seq=seq)
            steps.append(Step(Kind.SEND, 0, frame, Wait.REPLY, references=(SESSION_HOLE, hole)))
        cancel = codec.encode(m.OrderCancelAll(), correlation=generator.correlation(), seq=4)
        steps += [send(cancel, Wait.REPLY), send(self.again(cancel), Wait.REPLY)]
        for question in (m.OrderGet(), m.OrderCancel()):
            seq = 5 if question.OPCODE == Opcode.ORDER_CANCEL else 0
            hole = Reference(Source.REPLY, limits.HEADER_SIZE, 8, 2, limits.HEADER_SIZE)
            frame = codec.encode(question, correlation=generator.correlation(), seq=seq)
            steps.append(Step(Kind.SEND, 0, frame, Wait.REPLY, references=(SESSION_HOLE, hole)))
        return steps

    def leaving(self) -> list[Step]:
        """LOGOUT or GOODBYE with requests under way and behind it."""
        rng, generator = self.rng, self.generator
        leave = rng.choice((m.Logout(), m.Goodbye()))
        correlation = generator.correlation() if isinstance(leave, m.Logout) else 0
        steps = [Step(Kind.OPEN, option=Opening.FIRST)]
        steps += [send(self.command(n + 1)) for n in range(rng.randint(0, 5))]
        steps.append(send(codec.encode(leave, correlation=correlation)))
        steps += [
            send(codec.encode(m.OrderList(), correlation=generator.correlation())) for _ in "ab"
        ]
        steps[-1] = send(steps[-1].octets, Wait.REPLY)
        return steps
