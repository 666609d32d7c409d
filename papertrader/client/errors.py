"""What can go wrong for a user of the client library: one class per thing one would do next."""

from __future__ import annotations

from typing import Final

from papertrader.client.results import Order
from papertrader.wire.kinds import Status


class PaperTraderError(Exception):
    """Base of everything the client library raises by itself (bad arguments are TypeError and
    ValueError)."""


class ConnectionLost(PaperTraderError):
    """No worker could be reached, or none answered in time. A command was not executed."""


class OutcomeUnknown(PaperTraderError):
    """A command was sent and nobody knows whether it was executed.

    Ask for it (``order(client_order_id=...)``) before sending anything like it again.
    ``client_order_id`` is 0 where there is none.
    """

    def __init__(self, text: str, client_order_id: int = 0) -> None:
        super().__init__(text)
        self.client_order_id = client_order_id


class ProtocolFault(PaperTraderError):
    """The server said something that the protocol does not allow, or speaks another version."""


class TooManyCalls(PaperTraderError):
    """More requests are waiting in this client than it keeps (``CALLS_MAX``); wait for some."""


class RefusedError(PaperTraderError):
    """The server answered no. ``status`` is why, ``text`` the same for people.

    ``order`` is the order the refusal speaks of, where the server told it (DUPLICATE_ORDER and
    ORDER_DONE). ``field`` is the offset or section tag at fault, None if not told. Statuses that
    this version does not know are kept as integers.
    """

    def __init__(
        self, status: int, text: str = "", order: Order | None = None, field: int | None = None
    ) -> None:
        self.status = status
        self.code = status_name(status)
        self.text = text or self.code.replace("_", " ").lower()
        self.order = order
        self.field = field
        super().__init__(self.text)


class NotLoggedIn(RefusedError):
    """There is no session: log in first."""


class SessionEnded(RefusedError):
    """The session has expired, was revoked, or another program took it over: log in again."""


class AuthenticationFailed(RefusedError):
    """User name, password or token is wrong; the server does not say which."""


class SecondFactorRequired(RefusedError):
    """The password is right, and the account has a second factor: log in with a code of it."""


class SecondFactorDemanded(RefusedError):
    """This server demands a second factor of the account: set one up, then ask again."""


class ProofTooOld(RefusedError):
    """The session showed no password lately: log in with it, then ask again."""


class InvitationInvalid(RefusedError):
    """New accounts need an invitation here, and none that is good was shown."""


class UsernameTaken(RefusedError):
    """Another account has this user name."""


class InsufficientCash(RefusedError):
    """The portfolio has too little cash that is not held for other orders."""


class InsufficientPosition(RefusedError):
    """The portfolio holds too little of the symbol, or holds it for other orders."""


class NoSuchSymbol(RefusedError):
    """This market does not have the symbol."""


class NoSuchOrder(RefusedError):
    """The account has no such order."""


class Overloaded(RefusedError):
    """The server had no room for the request until its deadline; it was not executed."""


_CLASSES: Final[dict[int, type[RefusedError]]] = {
    Status.NOT_LOGGED_IN: NotLoggedIn,
    Status.SESSION_EXPIRED: SessionEnded,
    Status.SESSION_REVOKED: SessionEnded,
    Status.SESSION_TAKEN_OVER: SessionEnded,
    Status.SESSION_DETACHED: SessionEnded,
    Status.AUTH_FAILED: AuthenticationFailed,
    Status.SECOND_FACTOR_REQUIRED: SecondFactorRequired,
    Status.SECOND_FACTOR_DEMANDED: SecondFactorDemanded,
    Status.PROOF_TOO_OLD: ProofTooOld,
    Status.INVITATION_INVALID: InvitationInvalid,
    Status.USERNAME_TAKEN: UsernameTaken,
    Status.INSUFFICIENT_CASH: InsufficientCash,
    Status.INSUFFICIENT_POSITION: InsufficientPosition,
    Status.NO_SUCH_SYMBOL: NoSuchSymbol,
    Status.NO_SUCH_ORDER: NoSuchOrder,
    Status.RATE_LIMITED: Overloaded,
    Status.TOO_MANY_INFLIGHT: Overloaded,
    Status.SERVER_BUSY: Overloaded,
    Status.MASTER_UNAVAILABLE: Overloaded,
    Status.READ_ONLY: Overloaded,
    Status.SHUTDOWN: Overloaded,
    Status.CLOCK_SKEW: Overloaded,
    Status.EXPIRED: Overloaded,
}


def status_name(status: int) -> str:
    """Return the name of a status, or its number as text when it is not known here."""
    try:
        return Status(status).name
    except ValueError:
        return f"STATUS_{status:#06x}"


def refusal(
    status: int, text: str = "", order: Order | None = None, field: int | None = None
) -> RefusedError:
    """Return the error of the class that fits ``status``."""
    return _CLASSES.get(status, RefusedError)(status, text, order, field)
