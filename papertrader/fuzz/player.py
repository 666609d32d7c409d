"""Plays a sequence against a target, live, and tells what broke."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from zlib import crc32

import attrs

from papertrader.fuzz import reference
from papertrader.fuzz.channel import Channel, Frame, UnreachableError
from papertrader.fuzz.corpus import Kind, Opening, Reference, Sequence, Source, Step, Wait
from papertrader.fuzz.observe import Breach, Seen
from papertrader.fuzz.world import World
from papertrader.wire import codec, limits

IDLE_S: Final = 0.25
CLOSE_WAIT_S: Final = reference.CLOSE_S + 1.0
REPLY_WAIT_S: Final = reference.REPLY_S + 1.0
_CUTS: Final = {Kind.CLOSE: "close", Kind.HALF_CLOSE: "half", Kind.RESET: "reset"}
_OWNERS: Final = {Opening.FIRST: 0, Opening.SECOND: 1}


@attrs.define
class Played:
    """What came of a sequence: breaches, coverage per connection, and the transcript as steps."""

    breaches: list[Breach] = attrs.Factory(list)
    seen: list[list[Seen]] = attrs.Factory(list)
    frames: int = 0
    answered: int = 0
    transcript: list[Step] = attrs.Factory(list)


class Player:
    """One run of one sequence (see the module)."""

    def __init__(self, world: World, sequence: Sequence) -> None:
        self.world = world
        self.sequence = sequence
        self.played = Played()
        self._channels: dict[int, Channel] = {}
        self._all: list[tuple[int, Channel]] = []
        self._asked: dict[int, tuple[Channel, int]] = {}
        self._tokens: dict[int, bytes] = {}
        self._owners: dict[int, str] = {}

    def play(self) -> Played:
        """Play it at once; raises `UnreachableError` and `SetupError`."""
        for _ in self.run():
            self.world.target.pump(0.02)
        return self.played

    def run(self) -> Iterator[None]:
        """Play it step by step: yields whenever it has to wait for the target."""
        try:
            for index, step in enumerate(self.sequence.steps):
                yield from self._step(index, step)
            for channel in list(self._channels.values()):
                yield from self._until_settled(channel)
        finally:
            self._leave()

    def _step(self, index: int, step: Step) -> Iterator[None]:
        if step.delay_us:
            yield from self._pause(step.delay_us / 1e6)
        if step.kind is Kind.OPEN:
            yield from self._open(step)
            return
        channel = self._channels.get(step.connection)
        if channel is None or step.kind is Kind.RECEIVED:
            return
        if step.kind is Kind.SEND:
            octets = self._filled(step, channel)
            if len(octets) >= 24:
                self._asked[index] = (channel, int.from_bytes(octets[20:24], "big"))
            # Pieces of a frame are written as they are: their shape is what is tried.
            whole = len(octets) == limits.HEADER_SIZE + int.from_bytes(octets[4:8], "big")
            channel.send(octets, gather=whole and step.wait is Wait.NONE)
            self.played.frames += 1
        else:
            channel.cut(_CUTS[step.kind])
        yield from self._wait(step, channel)

    def _open(self, step: Step) -> Iterator[None]:
        world = self.world
        before = self._channels.pop(step.connection, None)
        if before is not None:
            yield from self._until_settled(before)
            self._end(before)
        while not world.target.may_connect:
            yield
        try:
            opening = Opening(step.option)
        except ValueError:
            opening = Opening.RAW
        if opening in _OWNERS:
            channel = world.session(_OWNERS[opening])
        elif opening is Opening.HELLO:
            channel = world.open_plain()
        else:
            channel = world.target.connect()
        while not channel.connected:
            yield
        self._channels[step.connection] = channel
        self._owners[step.connection] = channel.owner
        self._all.append((step.connection, channel))

    def _wait(self, step: Step, channel: Channel) -> Iterator[None]:
        if step.wait is Wait.REPLY:
            yield from self._until_settled(channel)
        elif step.wait is Wait.CLOSE:
            until = self.world.target.now() + CLOSE_WAIT_S
            while not channel.ended and self.world.target.now() < until:
                yield
        elif step.wait is Wait.IDLE:
            yield from self._pause(IDLE_S)
        if channel.reference.token:
            self._tokens[step.connection] = channel.reference.token

    def _pause(self, seconds: float) -> Iterator[None]:
        until = self.world.target.now() + seconds
        while self.world.target.now() < until:
            yield

    def _until_settled(self, channel: Channel) -> Iterator[None]:
        now = self.world.target.now
        until = now() + (CLOSE_WAIT_S if channel.reference.doomed else REPLY_WAIT_S)
        while not channel.settled and now() < until:
            yield

    # --- templates -----------------------------------------------------------------------------

    def _filled(self, step: Step, channel: Channel) -> bytes:
        if not step.references:
            return step.octets
        octets = bytearray(step.octets)
        for hole in step.references:
            value = self._value(hole, channel)[: hole.length].ljust(hole.length, b"\0")
            octets[hole.place : hole.place + hole.length] = value
        if sums_up(step.octets):
            octets[-4:] = codec.CRC.pack(crc32(octets[:-4]))
        return bytes(octets)

    def _value(self, hole: Reference, channel: Channel) -> bytes:
        if hole.source is Source.SESSION:
            return channel.reference.handle.to_bytes(4, "big")
        if hole.source is Source.TOKEN:
            if hole.step:
                other = self._channels.get(hole.step - 1)
                # Whoever shows an account's token is no stranger to it any more.
                channel.owner = channel.owner or self._owners.get(hole.step - 1, "")
                return other.reference.token if other else self._tokens.get(hole.step - 1, b"")
            return channel.reference.token
        asked = self._asked.get(hole.step)
        if asked is None:
            return b""
        reply = last_reply(asked[0], asked[1])
        return b"" if reply is None else reply.octets[hole.offset :]

    # --- the end -------------------------------------------------------------------------------

    def _end(self, channel: Channel) -> None:
        self.played.breaches += channel.take_breaches()
        seen = channel.take_seen()
        if seen:
            self.played.seen.append(seen)
        self.played.answered += channel.reference.answered
        leave(self.world, channel)

    def _leave(self) -> None:
        for number, channel in self._all:
            if self._channels.get(number) is channel:
                self._end(channel)
        if self.played.breaches:
            self.played.transcript = transcript_of(self._all)


_GOODBYE: Final = bytes.fromhex("505401030000002000040002002000000000000000000000") + bytes(40)


def sums_up(octets: bytes) -> bool:
    """Tell whether a frame has a checksum, and the right one."""
    if len(octets) < limits.HEADER_SIZE + 4 or not octets[11] & codec.CHECKSUM:
        return False
    return int.from_bytes(octets[-4:], "big") == crc32(octets[:-4])


def leave(world: World, channel: Channel) -> None:
    """End a connection politely, unless it has ended or is about to."""
    if not channel.ended:
        if not channel.reference.doomed:
            channel.send(_GOODBYE)
        world.target.forget(channel)


def transcript_of(channels: list[tuple[int, Channel]]) -> list[Step]:
    """Return what went both ways on some connections, in the order of time, as steps."""
    pieces = [(e, number) for number, channel in channels for e in channel.transcript]
    pieces.sort(key=lambda piece: piece[0].at)
    return [
        Step(Kind.SEND if piece.sent else Kind.RECEIVED, number, piece.octets)
        for piece, number in pieces
    ]


def last_reply(channel: Channel, correlation: int) -> Frame | None:
    """Return the newest reply to a request of a connection."""
    for frame in reversed(channel.inbox):
        if frame.header.correlation == correlation and frame.header.flags & codec.RESPONSE:
            return frame
    return None


def play(world: World, sequence: Sequence) -> Played:
    """Play a sequence; a target that takes no connections any more is a crash."""
    player = Player(world, sequence)
    try:
        return player.play()
    except UnreachableError as error:
        player.played.breaches.append(Breach("crash", str(error)))
        return player.played
