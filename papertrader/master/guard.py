"""The guard against commands that crash the master each time they are sent again.

What is decided at a moment stands in memory that outlives the process (`eventlog.inflight`); the
driver reads it when the process died. A command that was under way at two crashes is refused for
ever, before it is looked at. A decision is only made durable after the mark is taken back, so that
what is refused here was not carried out at any of those crashes.
"""

from __future__ import annotations

import hashlib
from struct import Struct
from typing import Final

from twisted.logger import Logger

from papertrader.core.logrecord import Correlation
from papertrader.eventlog.inflight import InFlight
from papertrader.master.commands import Command, Refused
from papertrader.master.sessions import Session
from papertrader.wire import codec, limits
from papertrader.wire.kinds import Status

_SALT: Final = Struct(">HQ")
_TEXT: Final = (
    "The server crashed whenever it came to this command; it is not carried out. Its operator"
    " finds more under the log's suspects."
)


def _hash(opcode: int, account: int, octets: bytes) -> bytes:
    """Return what a command has in common with itself sent again, over whichever session."""
    hasher = hashlib.sha256(_SALT.pack(opcode, account))
    hasher.update(memoryview(octets)[limits.HEADER_SIZE :])
    return hasher.digest()


class Guard:
    """Marks each command while it is decided, and refuses those that are poison."""

    log = Logger()

    def __init__(self, in_flight: InFlight, poison: frozenset[bytes]) -> None:
        self.refused = 0
        """Commands refused so far."""
        self._in_flight = in_flight
        self._poison = poison
        if poison:
            self.log.critical(
                "commands that crashed the master twice and are refused from now on: {hashes}",
                hashes=", ".join(sorted(each.hex() for each in poison)),
            )

    def begin(self, command: Command, session: Session | None) -> None:
        """Mark a command before anything of its body is read. Raises `Refused` for poison.

        A number whose reply is kept was carried out: it is answered from there whatever it was.
        """
        link, fields = command.link, command.fields
        opcode, correlation = fields[4], fields[9]
        account = 0 if session is None else session.account
        hash_ = _hash(opcode, account, command.octets)
        if hash_ in self._poison and (session is None or command.seq not in session.replies):
            self.refused += 1
            self.log.critical(
                "{opcode} of account {account} was refused: it crashed the master before",
                opcode=codec.describe(opcode),
                account=account,
                correlation=Correlation.known(link.worker_id, command.connection, correlation),
            )
            raise Refused(Status.COMMAND_POISON, _TEXT)
        self._in_flight.begin(
            hash_, opcode, account, link.worker_id, command.connection, correlation
        )

    def end(self) -> None:
        """The command is decided, or was refused."""
        self._in_flight.end()

    def close(self) -> None:
        """Nothing is decided any more."""
        self._in_flight.close()
