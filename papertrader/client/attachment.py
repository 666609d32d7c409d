"""The login of a client: what the server gave for it, and when to ask for it again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from papertrader.client.calls import retry_pause
from papertrader.client.commands import Command
from papertrader.client.phases import LOGINS, Login
from papertrader.wire import messages as m
from papertrader.wire.codec import Header
from papertrader.wire.derived import Message
from papertrader.wire.errors import RemoteFault
from papertrader.wire.kinds import ResumeFlag, Status

_SEQ_MAX: Final = 2**63 - 1
"""The greatest number that a command can have (specification, clause 12.1)."""


class Attachment:
    """The session at the server, as far as its client knows it.

    ``state`` follows `LOGINS`. ``token`` resumes it, on this connection or another one; empty if
    there is none. ``handle`` is its number in frames, 0 while the worker does not know us.
    """

    def __init__(self, randbits: Callable[[int], int]) -> None:
        self.state = Login.NONE
        self.token = b""
        self.handle = 0
        self._randbits = randbits
        self._seq = 0
        self._not_before = 0
        self._tries = 0

    def next_seq(self) -> int:
        """Return the number of the next command that changes something."""
        self._seq += 1
        return self._seq

    def granted(self, header: Header, message: m.LoginReply | m.ResumeReply) -> None:
        """A LOGIN or a RESUME was answered with the session."""
        self.state = LOGINS[self.state, "granted"]
        self.token = message.token
        self.handle = header.session or message.session
        self._tries = 0
        if isinstance(message, m.ResumeReply):
            self._seq = max(self._seq, message.last_command_seq)

    def due(self) -> int | None:
        """Return when RESUME may be asked; None while there is nothing to resume."""
        return self._not_before if self.state is Login.DETACHED else None

    def resume(self, last_event_seq: int) -> Command[Any]:
        """Return the RESUME to send now."""
        self.state = LOGINS[self.state, "asked"]
        request = m.Resume(
            token=self.token, last_event_seq=last_event_seq, flags=int(ResumeFlag.TAKE_OVER)
        )
        return Command(message=request, read=lambda parts: parts[0], needs_session=False)

    def put_off(self, failure: Message, now: int) -> None:
        """RESUME cannot be answered at present: later, by the server's wish or a growing pause."""
        self.state = LOGINS[self.state, "detached"]
        self._not_before = now + retry_pause(self._tries, failure, self._randbits(16))
        self._tries += 1

    def greeted(self) -> None:
        """There is a new connection: whatever was put off may be asked at once."""
        self._not_before = 0

    def lost(self) -> None:
        """The connection is gone, and with it what the worker knew."""
        if self.state in {Login.ATTACHED, Login.RESUMING}:
            self.state = LOGINS[self.state, "detached"]

    def detach(self) -> bool:
        """The worker has lost us though the connection stands; tell whether we were attached."""
        if self.state is not Login.ATTACHED:
            return False
        self.state = LOGINS[self.state, "detached"]
        self.handle = 0
        return True

    def end(self) -> None:
        """There is no session any more."""
        if self.state is not Login.NONE:
            self.state = LOGINS[self.state, "ended"]
        self.token = b""
        self.handle = 0
        self._seq = 0


def check_resumed(message: Message) -> None:
    """Raise `RemoteFault` for a RESUME answered with a number that no command can have."""
    if isinstance(message, m.ResumeReply) and message.last_command_seq > _SEQ_MAX:
        raise RemoteFault(Status.PROTOCOL_STATE, "no command can have such a number")
