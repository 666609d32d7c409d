"""What a conformance case works with: connections in a wanted state, and what came of a frame."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import Any, Final

import attrs

from papertrader.fuzz.channel import Channel, Frame
from papertrader.fuzz.mutate import put
from papertrader.fuzz.observe import Seen
from papertrader.fuzz.player import CLOSE_WAIT_S, REPLY_WAIT_S, last_reply
from papertrader.fuzz.reference import status_name
from papertrader.fuzz.world import World
from papertrader.wire import codec, limits
from papertrader.wire import messages as m
from papertrader.wire.derived import Message
from papertrader.wire.kinds import Opcode, Status

REUSE_MAX: Final = 60
"""Requests on one connection before a case gets a new one: below what is rate-limited."""
_BEFORE_SESSION: Final = (Opcode.REGISTER, Opcode.LOGIN, Opcode.RESUME)


class CaseFailed(Exception):
    """The target did not do what the case asks; the text says what it did."""


class CaseSkipped(Exception):
    """The case does not apply to this target; the text says why."""


@attrs.frozen(kw_only=True)
class Case:
    """A numbered case. ``run`` raises `CaseFailed` or `CaseSkipped`."""

    section: str
    name: str
    clause: str
    run: Callable[[Bench], None]


@attrs.frozen
class Outcome:
    """What came of a frame: the last reply, or the code of GOODBYE, or neither."""

    frame: Frame | None
    closed: bool
    code: int | None

    @property
    def status(self) -> int | None:
        """The status that was said, in a reply or (when closed) in GOODBYE."""
        if self.closed and self.code is not None:
            return self.code
        return None if self.frame is None else self.frame.header.status

    def __str__(self) -> str:
        if self.status is not None:
            return ("GOODBYE " if self.closed else "") + status_name(self.status)
        return "closed without a word" if self.closed else "silence"


class Bench:
    """The connections of a run (see the module)."""

    def __init__(self, world: World, rng: random.Random) -> None:
        self.world = world
        self.rng = rng
        self.seen: list[list[Seen]] = []
        self._kept: dict[str, Channel] = {}
        self._used: list[Channel] = []
        self._correlation = 100

    # --- connections ---------------------------------------------------------------------------

    def raw(self) -> Channel:
        """Return a new connection on which nothing was said."""
        return self._use(self.world.target.connect())

    def plain(self) -> Channel:
        """Return a connection after HELLO, without a session."""
        return self._shared("plain", self.world.open_plain)

    def session(self, account: int = 0, fresh: bool = False) -> Channel:
        """Return a connection with a session of an account; a new one if ``fresh``."""
        if fresh:
            return self._use(self.world.session(account))
        return self._shared(f"session {account}", lambda: self.world.session(account))

    def logged_out(self) -> Channel:
        """Return a connection whose session was ended by LOGOUT."""

        def make() -> Channel:
            channel = self.world.session(0)
            self.world.ask(channel, m.Logout())
            return channel

        return self._shared("logged out", make)

    def _shared(self, name: str, make: Callable[[], Channel]) -> Channel:
        channel = self._kept.get(name)
        if channel is not None:
            busy = channel.reference.answered > REUSE_MAX
            if not (channel.ended or channel.reference.doomed or busy or not channel.settled):
                self._used.append(channel)
                return channel
            self._leave(channel)
        channel = self._kept[name] = self._use(make())
        return channel

    def _use(self, channel: Channel) -> Channel:
        self._used.append(channel)
        return channel

    def _leave(self, channel: Channel) -> None:
        if not channel.ended:
            if not channel.reference.doomed:
                channel.send(codec.encode(m.Goodbye()))
            self.world.target.forget(channel)

    def finish(self) -> list[str]:
        """End a case: give back its own connections; return what the reference objects to."""
        found = []
        for channel in self._used:
            found += [f"{b.oracle}: {b.text}" for b in channel.take_breaches()]
            seen = channel.take_seen()
            if seen:
                self.seen.append(seen)
            if channel not in self._kept.values() or found:
                self._leave(channel)
        self._used.clear()
        return list(dict.fromkeys(found))

    def close(self) -> None:
        """Leave every connection."""
        for channel in self._kept.values():
            self._leave(channel)
        self._kept.clear()

    # --- frames --------------------------------------------------------------------------------

    def correlation(self) -> int:
        """Return a number that no open request has."""
        self._correlation += 1
        return self._correlation

    def addressed(self, channel: Channel, octets: bytes, seq: int | None = None) -> bytes:
        """Return a frame with the connection's session and a fresh correlation."""
        header = codec.parse_header(octets)
        handle = 0 if header.opcode in _BEFORE_SESSION else channel.reference.handle
        changed = put(put(octets, 16, "I", handle), 20, "I", self.correlation())
        return changed if seq is None else put(changed, 24, "Q", seq)

    def encoded(self, channel: Channel, message: Message, seq: int = 0, **header: Any) -> bytes:
        """Return a message's frame with the connection's session and a fresh correlation."""
        return self.addressed(channel, codec.encode(message, **header), seq)

    def next_seq(self, channel: Channel) -> int:
        """Return a command number that this session has not used."""
        return max(channel.reference.memory.last, len(channel.transcript)) + 1

    def wait(self, channel: Channel) -> None:
        """Wait until the target owes nothing more on a connection."""
        now = self.world.target.now
        until = now() + (CLOSE_WAIT_S if channel.reference.doomed else REPLY_WAIT_S)
        while not channel.settled and now() < until:
            self.world.target.pump(0.05)

    def idle(self, seconds: float) -> None:
        """Let time pass."""
        until = self.world.target.now() + seconds
        while self.world.target.now() < until:
            self.world.target.pump(0.05)

    def outcome(self, channel: Channel, octets: bytes) -> Outcome:
        """Send octets, wait for what is owed, and return what came of them."""
        channel.send(octets)
        self.wait(channel)
        correlation = int.from_bytes(octets[20:24], "big") if len(octets) >= 24 else 0
        return self.result(channel, correlation)

    def result(self, channel: Channel, correlation: int) -> Outcome:
        """Return what came of a request."""
        goodbye = channel.reference.goodbye
        code = goodbye.code if goodbye is not None else None
        return Outcome(last_reply(channel, correlation), channel.ended, code)

    def expect(self, channel: Channel, octets: bytes, *statuses: Status) -> Outcome:
        """Send octets and require one of the statuses, said by a reply or by GOODBYE."""
        outcome = self.outcome(channel, octets)
        require(outcome, statuses)
        return outcome

    def ask(
        self, channel: Channel, message: Message, *statuses: Status, seq: int = 0
    ) -> Message | None:
        """Ask and require one of the statuses (OK if none is named); return the reply."""
        octets = self.encoded(channel, message, seq)
        outcome = self.expect(channel, octets, *(statuses or (Status.OK,)))
        return outcome.frame.message if outcome.frame is not None else None

    def still_usable(self, channel: Channel) -> None:
        """Require that a connection answers PING."""
        reply = self.ask(channel, m.Ping(token=self.rng.getrandbits(60)))
        if not isinstance(reply, m.PingReply):
            raise CaseFailed("PING was not answered")


def require(outcome: Outcome, statuses: Iterable[int]) -> None:
    """Raise `CaseFailed` unless the outcome is one of the statuses."""
    allowed = tuple(statuses)
    if outcome.status not in allowed:
        raise CaseFailed(f"{outcome}, not {' or '.join(status_name(each) for each in allowed)}")


def too_long(octets: bytes) -> bool:
    """Tell whether a frame is larger than a client may send."""
    return len(octets) > limits.CLIENT_FRAME_MAX
