"""Streams: changed requests in a row on one connection, many in one write, each judged.

A request that cannot end its connection is sent with others in one write, and the next ones follow
before all are answered. One that ends the connection comes last; then a new connection is opened.
What a stream sent is kept, so that a finding can be played again as a sequence.
"""

from __future__ import annotations

import random
import struct
from typing import Final

from papertrader.fuzz import allowed, mutate
from papertrader.fuzz.channel import Channel
from papertrader.fuzz.corpus import SESSION_HOLE, Kind, Opening, Sequence, Step, Wait
from papertrader.fuzz.generate import BEGIN_OR_END, CLIENT_REQUESTS, Generator, harmless
from papertrader.fuzz.observe import Coverage
from papertrader.fuzz.reference import Judged, Reference
from papertrader.fuzz.world import World, hello
from papertrader.wire import codec, kinds, limits
from papertrader.wire.kinds import Opcode

WRITE_FRAMES: Final = 28
"""Requests of one write. Another follows when at most so many are open: always fewer than
`INFLIGHT_MAX`, whose refusals say nothing of the frame."""
LIFE: Final = 600
"""Requests of one connection; then comes one that ends it."""
TEMPLATES_EACH: Final = 8
"""Well-formed requests of each message that changes begin with; they are replaced by and by."""
RENEWED: Final = 1 / 16
"""How often a template is replaced by a new one."""
KEPT_MAX: Final = 256
"""Frames kept because their like had an answer that was new; they are changed further."""
HEAVY: Final = frozenset(
    {Opcode.ORDER_LIST, Opcode.TRANSACTIONS_GET, Opcode.BARS_GET, Opcode.ASSET_LIST}
)
"""Requests with long answers: drawn more rarely, since the answer is what takes the time."""
HEAVY_SHARE: Final = 0.1
SETTLE_S: Final = 20.0
DRAWS_MAX: Final = 40
_FATAL: Final = (
    mutate.length, mutate.version, mutate.magic, mutate.category, mutate.too_large,
    mutate.wrong_checksum,
)  # fmt: skip
_MILD: Final = tuple(each for each in mutate.MUTATORS if each not in _FATAL)
_ADDRESS: Final = struct.Struct(">II")
_U64: Final = struct.Struct(">Q")


class Frames:
    """Draws changed requests (see the module). The same chance and answers give the same ones."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.generator = Generator(rng)
        self._opcodes = [d for d in CLIENT_REQUESTS if d.opcode not in BEGIN_OR_END]
        self._templates: list[bytes] = []
        self._kept: list[bytes] = []

    def _template(self) -> bytes:
        rng = self.rng
        while True:
            declared = rng.choice(self._opcodes)
            if declared.opcode in HEAVY and rng.random() >= HEAVY_SHARE:
                continue
            octets = self.generator.frame(declared)
            if harmless(octets) and len(octets) <= limits.CLIENT_FRAME_MAX:
                return octets

    def _chosen(self) -> bytes:
        rng, templates = self.rng, self._templates
        if not templates:
            templates += [self._template() for _ in range(TEMPLATES_EACH * len(self._opcodes))]
        if self._kept and rng.random() < 0.1:
            return rng.choice(self._kept)
        number = int(rng.random() * len(templates))
        if rng.random() < RENEWED:
            templates[number] = self._template()
        return templates[number]

    def keep(self, octets: bytes) -> None:
        """Go on changing a frame whose like was answered in a new way."""
        if len(self._kept) >= KEPT_MAX:
            del self._kept[int(self.rng.random() * KEPT_MAX)]
        self._kept.append(octets)

    def draw(self, handle: int, seq: int, unsure: bool) -> Judged:
        """Return a changed request of the session, judged; it may end the connection.

        ``seq`` is the number that a command mostly has.
        """
        rng = self.rng
        while True:
            octets = bytearray(self._chosen())
            _ADDRESS.pack_into(octets, 16, handle, self.generator.correlation())
            if octets[8] << 8 | octets[9] in kinds.STATE_CHANGING and rng.random() < 0.8:
                _U64.pack_into(octets, 24, seq)
            changed = bytes(octets)
            if rng.random() < 0.9:
                changes = _FATAL if rng.random() < 0.01 else _MILD
                changed = changes[int(rng.random() * len(changes))](rng, changed)
                if rng.random() < 0.15 and len(changed) >= limits.HEADER_SIZE:
                    changed = _MILD[int(rng.random() * len(_MILD))](rng, changed)
            judged = judge(changed, handle, unsure)
            if judged is not None:
                return judged


def judge(octets: bytes, handle: int, unsure: bool) -> Judged | None:
    """Judge one whole request of a session; None if it may not be sent by chance."""
    if not limits.HEADER_SIZE <= len(octets) <= limits.CLIENT_FRAME_MAX:
        return None
    header = codec.parse_header(octets)
    if header.opcode in BEGIN_OR_END or not (header.opcode > 0xFF or header.opcode == 0):
        return None
    if header.opcode == Opcode.PASSWORD_CHANGE and not harmless(octets):
        return None
    codes = set(allowed.header_faults(header, limits.CLIENT_FRAME_MAX))
    codes |= allowed.forbidden(header)
    if not header.correlation:
        codes.add(int(kinds.Status.PROTOCOL_STATE))
    if codes or len(octets) != limits.HEADER_SIZE + header.length:
        codes |= {int(kinds.Status.BAD_MAGIC), int(kinds.Status.KEEPALIVE_TIMEOUT)}
        return Judged(header, octets, allowed.fatal(codes))
    return Judged(header, octets, allowed.request(header, octets, handle, unsure))


class Stream:
    """One stream of one account; reconnects when its connection has come to its end."""

    def __init__(self, world: World, number: int, seed: int, coverage: Coverage) -> None:
        self.world = world
        self.account = number % 2
        self.cases = 0
        self.endings = 0
        self.refused = 0
        self.answered = 0
        self.channel: Channel | None = None
        self.frames = Frames(random.Random(f"{seed} stream {number}"))
        self._number = number
        self._seed = seed
        self._coverage = coverage
        self._sent: list[bytes] = []
        self._last: Judged | None = None
        self._recent: list[bytes] = []
        self._ending = False
        self._since = self._opened = 0.0
        self._seq = 0
        self._handle = 0

    # --- a turn --------------------------------------------------------------------------------

    def turn(self, more: bool = True) -> bool:
        """Do what can be done now; False: the connection has come to its end (see `finish`)."""
        channel = self.channel
        now = self.world.target.now()
        if channel is None:
            if more and self.world.target.may_connect:
                self._open(now)
            return True
        if not channel.connected:
            self._since = self._opened = now
            return True
        if channel.ended or channel.breaches:
            return False
        reference = channel.reference
        if not self._handle:
            self._handle = reference.handle
            if not self._handle:
                if channel.settled or now - self._since > SETTLE_S:
                    self.refused += 1
                    self.world.account(self.account).token = b""
                    return False
                return True
        if self._ending:
            return not channel.settled and now - self._since <= SETTLE_S
        if reference.handle != self._handle or len(self._sent) >= LIFE or not more:
            return self._end(channel, now)
        if reference.open_count <= WRITE_FRAMES and self._may_write(reference, now):
            self._observe(channel)
            self._write(channel)
            self._since = now
        return reference.open_count == 0 or now - self._since <= SETTLE_S

    def _may_write(self, reference: Reference, now: float) -> bool:
        """Keep to the rate that the target told, since a refusal for it says nothing else."""
        earned = (now - self._opened) * reference.command_rate
        return len(self._sent) + WRITE_FRAMES <= limits.COMMAND_BURST * 0.9 + earned

    def _open(self, now: float) -> None:
        world = self.world
        account = world.account(self.account)
        frame = world.login_frame(account, 2)
        self.frames.generator.mark = world.mark(account)
        self._sent, self._recent = [], []
        self._last, self._ending, self._since, self._opened = None, False, now, now
        self._handle = self._seq = 0
        self.channel = world.target.connect(account.owner)
        self.channel.send(hello(self.frames.rng) + frame)

    def _write(self, channel: Channel) -> None:
        batch: list[Judged] = []
        unsure = channel.reference.unsure
        used: set[int] = set()
        for _ in range(DRAWS_MAX):
            frame = self.frames.draw(self._handle, self._seq + 1, unsure)
            taken = frame.header.correlation in used or channel.reference.is_open(
                frame.header.correlation
            )
            if frame.verdict.closes or taken:
                self._last = frame
                continue
            used.add(frame.header.correlation)
            if frame.header.seq == self._seq + 1:
                self._seq += 1
            batch.append(frame)
            if len(batch) >= WRITE_FRAMES:
                break
        octets = [frame.octets for frame in batch]
        self._sent += octets
        self._recent = octets
        self.cases += len(batch)
        channel.send_judged(batch)

    def _observe(self, channel: Channel) -> None:
        seen = channel.take_seen()
        known = len(self._coverage.triples)
        self._coverage.add(seen)
        if len(self._coverage.triples) > known:
            # Of which frame the new answer was is not told; one of its opcode will do.
            opcodes = {each.opcode for each in seen}
            for octets in self._recent:
                if octets[8] << 8 | octets[9] in opcodes:
                    self.frames.keep(octets)
                    break

    def _end(self, channel: Channel, now: float) -> bool:
        """Send what ends the connection when all else is answered; False: it may be left."""
        if not channel.settled:
            return now - self._since <= SETTLE_S
        if self._last is None or channel.reference.handle != self._handle:
            return False
        self._ending, self._since = True, now
        self._sent.append(self._last.octets)
        self.cases += 1
        self.endings += 1
        channel.send(self._last.octets)
        return channel.reference.doomed or not channel.settled

    # --- the end -------------------------------------------------------------------------------

    def finish(self) -> Channel | None:
        """Give the connection back when `turn` said so; the caller asks it for its breaches."""
        channel, self.channel = self.channel, None
        if channel is not None:
            self._observe(channel)
            self.answered += channel.reference.answered
        return channel

    def sequence(self) -> Sequence:
        """Return what was sent on the connection as a sequence that can be played again."""
        opening = Opening.SECOND if self.account else Opening.FIRST
        steps = [Step(Kind.OPEN, option=opening)]
        last = len(self._sent) - 1
        for number, octets in enumerate(self._sent):
            wait = Wait.REPLY if number % WRITE_FRAMES == WRITE_FRAMES - 1 else Wait.NONE
            hole = int.from_bytes(octets[16:20], "big") == self._handle != 0
            steps.append(
                Step(
                    Kind.SEND, 0, octets, Wait.REPLY if number == last else wait,
                    references=(SESSION_HOLE,) if hole else (),
                )
            )  # fmt: skip
        return Sequence(tuple(steps), self._seed, f"stream {self._number}")
