"""A client's command as the master sees it: who sent it, when, over which worker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import attrs
from twisted.internet.defer import Deferred

from papertrader.eventlog.trail import TRAILED, Note, status_name
from papertrader.wire import codec
from papertrader.wire import messages as m
from papertrader.wire.codec import Fields, Header
from papertrader.wire.errors import RemoteFault
from papertrader.wire.kinds import RelayDownFlag, Status

BUSY_RETRY_MS: Final = 1_000
"""What a client is told to wait when too much of its own is on its way already."""


_CLOSE: Final = int(RelayDownFlag.CLOSE)
_STATUS_AT: Final = 14
"""Where a frame has the upper octet of its status."""
_FATAL: Final = 1
"""That octet, of a status after which the connection is closed."""


def close_flag(reply: bytes) -> int:
    """Return the flag of RELAY_DOWN with which a reply's worker closes its client; mostly 0."""
    return _CLOSE if reply[_STATUS_AT] == _FATAL else 0


class Link(Protocol):
    """A worker's link, as far as those who answer commands need it."""

    worker_id: int
    boot: int

    def relay(
        self,
        connection: int,
        octets: bytes,
        *,
        accepted_at: int = 0,
        flags: int = 0,
        cache_s: int = 0,
    ) -> None:
        """Send one frame to one client of the worker."""

    def relay_parts(
        self,
        connection: int,
        correlation: int,
        parts: Sequence[bytes],
        *,
        accepted_at: int = 0,
        flags: int = 0,
        cache_s: int = 0,
    ) -> bool:
        """Send the parts of one reply as the client takes them; False: too much waits for it."""

    def cancel(self, connection: int, correlation: int) -> None:
        """End a transfer to a client of which parts still wait."""

    def room(self, connection: int) -> Deferred[None]:
        """Fire when no reply or event waits for a client."""

    def close_client(self, connection: int, code: int, text: str = "") -> None:
        """Have the worker close one client."""


class Refused(Exception):
    """A command that is answered with a status and a sentence instead of being done.

    ``field`` is what FIELD says, ``section`` the tag of the section whose content is not allowed.
    """

    def __init__(
        self,
        status: int,
        text: str,
        *,
        field: int | None = None,
        section: int | None = None,
        retry_after_ms: int | None = None,
    ) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.field = field
        self.section = section
        self.retry_after_ms = retry_after_ms


@attrs.define(slots=True, eq=False)
class Command:
    """One relayed frame: the envelope's facts, the client's header and octets.

    ``received_at`` is the worker's stamp, ``accepted_at`` the master's; nanoseconds. ``fields`` are
    the header's; what nearly every command needs of them stands beside them. ``waited`` is for how
    long it is certain to have been on its way until ``accepted_at``.
    """

    link: Link
    connection: int
    worker_seq: int
    received_at: int
    accepted_at: int
    address: bytes
    resent: bool
    fields: Fields
    octets: bytes = attrs.field(repr=False)
    envelope: bytes = attrs.field(repr=False)
    waited: int = 0

    @property
    def header(self) -> Header:
        """The client's header by its names; the path of an order goes by the places instead."""
        return Header._make(self.fields)

    @property
    def opcode(self) -> int:
        """What is asked for."""
        return int(self.fields[4])

    @property
    def session_handle(self) -> int:
        """The session that the client names."""
        return int(self.fields[8])

    @property
    def correlation(self) -> int:
        """The request's number on its connection."""
        return int(self.fields[9])

    @property
    def seq(self) -> int:
        """The command's number in its session; 0 for none."""
        return int(self.fields[10])

    def answer(self, octets: bytes, *, flags: int = 0, cache_s: int = 0) -> None:
        """Send a finished frame back to the client."""
        self.link.relay(
            self.connection, octets, accepted_at=self.accepted_at, flags=flags, cache_s=cache_s
        )

    def answer_parts(self, parts: Sequence[bytes], *, flags: int = 0, cache_s: int = 0) -> None:
        """Send the frames of a reply back to the client, SERVER_BUSY if too much waits for it."""
        taken = self.link.relay_parts(
            self.connection,
            self.correlation,
            parts,
            accepted_at=self.accepted_at,
            flags=flags,
            cache_s=cache_s,
        )
        if not taken:
            self.answer(
                self.failure(
                    Status.SERVER_BUSY,
                    "Too much that you asked for waits to be sent; read it first.",
                    retry_after_ms=BUSY_RETRY_MS,
                )
            )

    def note_taken_up(self, trail: Note) -> None:
        """Write into this command's trail, if it leaves one, that the master has it."""
        fields = self.fields
        name = TRAILED.get(fields[4])
        if name is not None:
            text = f"{name} taken up, relayed as {self.worker_seq}"
            trail(text, self.link.worker_id, self.connection, fields[9])

    def note_answered(self, trail: Note, reply: bytes, journal_seq: int) -> None:
        """Write into it that everything is durable and the reply leaves."""
        fields = self.fields
        name = TRAILED.get(fields[4])
        if name is not None:
            status = status_name(int.from_bytes(reply[_STATUS_AT : _STATUS_AT + 2], "big"))
            text = f"{name} durable, journal at {journal_seq}; answered: {status}"
            trail(text, self.link.worker_id, self.connection, fields[9])

    def failure(
        self,
        status: int,
        text: str,
        field: int | None = None,
        retry_after_ms: int | None = None,
    ) -> bytes:
        """Return the reply that says only why not."""
        head = self.header
        return codec.failure(
            head.opcode,
            status,
            text,
            session=head.session,
            correlation=head.correlation,
            field=field,
            retry_after_ms=retry_after_ms,
        )

    def unknown_reply(self) -> bytes:
        """Return the reply that says that nobody knows whether the command was done."""
        return self.failure(
            Status.OUTCOME_UNKNOWN,
            "The outcome is not known; send the same command again with the same number.",
        )

    def unknown(self) -> None:
        """Answer that nobody knows whether the command was done."""
        self.answer(self.unknown_reply())


def cancel(command: Command) -> None:
    """End a transfer of the same connection. What CANCEL is too late for has its answer."""
    try:
        message = codec.decode_body(command.header, command.octets)
    except RemoteFault:
        # Its worker took it for a CANCEL: it knows more than we do, and nothing is owed.
        return
    if isinstance(message, m.Cancel):
        command.link.cancel(command.connection, message.target)
