"""What a client is told when a command was not done, and what the log keeps of it."""

from __future__ import annotations

from typing import Final

from twisted.logger import Logger

from papertrader.core.instants import SECOND
from papertrader.master.commands import Command, Refused
from papertrader.master.engines import StoreAway
from papertrader.master.journal import StoreFailed
from papertrader.wire import codec
from papertrader.wire.errors import RemoteFault
from papertrader.wire.kinds import Status

DENIAL_LOG_NS: Final = SECOND
"""At most one refusal for want of a scope is logged in this time: whoever asks for what is not
allowed as fast as possible must not push everything else out of the log."""

AWAY_RETRY_MS: Final = 1_000
"""When who asked for history is to ask again, while the server of the store is away."""


class Explaining:
    """Turns what a module raised into the reply that says why not."""

    log = Logger()

    def __init__(self) -> None:
        self.internal_errors = 0
        """Errors of ours."""
        self.denied = 0
        """Commands that their session had not the scope for."""
        self._logged_at = -DENIAL_LOG_NS

    def explain(self, command: Command, error: Exception) -> bytes:
        """Return the reply to a command for which a module raised an error.

        For one of ours, it has a reference to look for in the log, never the exception's text. To
        be called where the error is handled: its traceback is logged.
        """
        if isinstance(error, Refused):
            if error.status == Status.SCOPE_DENIED:
                self._note_denied(command)
            field = error.field
            if error.section is not None:
                field = codec.place_of(error.section, command.octets)
            return command.failure(error.status, error.text, field, error.retry_after_ms)
        if isinstance(error, RemoteFault):
            return command.failure(error.status, error.text, error.field)
        if isinstance(error, StoreAway):
            text = "The server cannot reach its store at the moment; ask again."
            return command.failure(Status.SERVER_BUSY, text, None, AWAY_RETRY_MS)
        if isinstance(error, StoreFailed):
            return command.unknown_reply()
        self.internal_errors += 1
        reference = f"{command.link.worker_id}-{command.connection}-{command.worker_seq}"
        self.log.failure(
            "{opcode} could not be answered ({reference})",
            opcode=codec.describe(command.opcode),
            reference=reference,
        )
        return command.failure(
            Status.INTERNAL, f"An error happened here; it was logged under {reference}."
        )

    def _note_denied(self, command: Command) -> None:
        self.denied += 1
        if command.accepted_at - self._logged_at < DENIAL_LOG_NS:
            return
        self._logged_at = command.accepted_at
        self.log.warn(
            "{opcode} was refused: session {session} of worker {worker} has not the scope"
            " ({denied} such refusals since the start)",
            opcode=codec.describe(command.opcode),
            session=command.session_handle,
            worker=command.link.worker_id,
            denied=self.denied,
        )
