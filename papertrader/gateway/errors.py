"""What goes wrong, in Alpaca's own form: an HTTP status, a code of eight digits, a sentence."""

from __future__ import annotations

from typing import Any, Final

from papertrader.client import errors
from papertrader.wire.kinds import Status

RETRY_AFTER_S: Final = 1


class ApiError(Exception):
    """An answer that is no success. ``more`` are further fields of its body."""

    def __init__(self, status: int, code: int, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.more = more

    def body(self) -> dict[str, Any]:
        """Return what is sent."""
        return {"code": self.code, "message": self.message, **self.more}


def bad_request(message: str) -> ApiError:
    """The request itself cannot be read."""
    return ApiError(400, 40010001, message)


def unauthorized() -> ApiError:
    """No key was shown."""
    return ApiError(401, 40110000, "request is not authorized")


def forbidden(message: str = "forbidden.") -> ApiError:
    """The key is not good, or not good enough."""
    return ApiError(403, 40310000, message)


def not_found(message: str) -> ApiError:
    """There is no such thing."""
    return ApiError(404, 40410000, message)


def unprocessable(message: str) -> ApiError:
    """The request can be read, and cannot be done."""
    return ApiError(422, 42210000, message)


def too_many(message: str = "rate limit exceeded") -> ApiError:
    """Ask again later; programs with alpaca-py do so by themselves."""
    return ApiError(429, 42910000, message)


def unavailable(message: str) -> ApiError:
    """The service cannot answer now; nothing was done."""
    return ApiError(503, 50310000, message)


def internal(message: str = "internal server error occurred") -> ApiError:
    """A fault of ours, or an outcome that nobody knows."""
    return ApiError(500, 50010000, message)


def unsupported(what: str) -> ApiError:
    """Something that PaperTrader does not have."""
    return ApiError(422, 42210000, f"{what} not supported by PaperTrader")


_FORBIDDEN: Final = frozenset(
    {
        Status.SCOPE_DENIED,
        Status.ACCOUNT_SUSPENDED,
        Status.SECOND_FACTOR_DEMANDED,
        Status.PRIVATE,
        Status.PORTFOLIO_FROZEN,
        Status.CONTEST_FORBIDS,
        Status.TERMS_FORBID,
        Status.SHORT_NOT_ALLOWED,
        Status.TOO_MANY_SESSIONS,
    }
)
_NOT_FOUND: Final = frozenset(
    {Status.NO_SUCH_ORDER, Status.NO_SUCH_PORTFOLIO, Status.NO_SUCH_WATCHLIST, Status.NO_DATA}
)
_POOR: Final = frozenset({Status.INSUFFICIENT_CASH, Status.INSUFFICIENT_MARGIN})
_UNFIT: Final = frozenset({Status.INVALID_FIELD, Status.RANGE_TOO_LARGE})
_LATER: Final = frozenset({Status.RATE_LIMITED, Status.TOO_MANY_INFLIGHT})
_ORDER_FIRST: Final = 0x0400
_ORDER_LAST: Final = 0x05FF


def error_of(error: Exception) -> ApiError | None:
    """Turn what the client library raises into an answer; None for what is a fault of ours.

    An outcome that is not known must not be 429 or 504: alpaca-py would send the order again.
    """
    if isinstance(error, ApiError):
        return error
    if isinstance(error, errors.RefusedError):
        return _refused(error)
    if isinstance(error, errors.OutcomeUnknown):
        return internal(str(error))
    if isinstance(error, errors.TooManyCalls):
        return too_many()
    if isinstance(error, errors.ConnectionLost):
        return unavailable(str(error))
    if isinstance(error, errors.ProtocolFault):
        return internal()
    return None


def _refused(error: errors.RefusedError) -> ApiError:
    status = error.status
    if status == Status.AUTH_FAILED:
        return forbidden()
    if isinstance(error, errors.NotLoggedIn | errors.SessionEnded):
        return unauthorized()
    if status in _LATER:
        return too_many()
    if isinstance(error, errors.Overloaded):
        return unavailable(error.text)
    if status in _POOR:
        return forbidden(f"insufficient buying power: {error.text}")
    if status == Status.INSUFFICIENT_POSITION:
        return forbidden(f"insufficient qty available for order: {error.text}")
    if status in _FORBIDDEN:
        return forbidden(error.text)
    if status in _NOT_FOUND:
        return not_found(error.text)
    if status == Status.DUPLICATE_ORDER:
        return ApiError(422, 40010001, "client_order_id must be unique")
    if _ORDER_FIRST <= status <= _ORDER_LAST or status in _UNFIT:
        return unprocessable(error.text)
    return internal(error.text)
