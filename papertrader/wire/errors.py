"""The two ways in which the protocol can be broken: by the peer, or by ourselves."""

from __future__ import annotations

from papertrader.wire.kinds import Status, is_fatal


class ProtocolError(Exception):
    """The protocol was broken."""


class RemoteFault(ProtocolError):
    """The peer's octets break the protocol.

    ``status`` is the code to answer with. ``field`` says where (or None): a section's tag for
    MISSING_SECTION to CRITICAL_SECTION, otherwise the offset in the body. When ``fatal`` the frame
    boundary or the peer's honesty is in doubt: say GOODBYE and close.
    """

    def __init__(self, status: Status, text: str, field: int | None = None) -> None:
        super().__init__(f"{status.name}: {text}")
        self.status = status
        self.text = text
        self.field = field

    @property
    def fatal(self) -> bool:
        """Whether the connection must close."""
        return is_fatal(self.status)


class LocalFault(ProtocolError):
    """Our own side tried to send what the protocol does not allow: a bug here, not there."""
