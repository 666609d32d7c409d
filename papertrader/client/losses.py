"""Why a connection was not made, or ended, in the words of people: no names of exceptions."""

from __future__ import annotations

import re
import ssl
from typing import Final

from papertrader.wire.kinds import ALPN_CLIENT

UNTRUSTED: Final = "its certificate is not to be trusted"
"""What `why_lost` begins with, when it is that."""
SHUT_OUT: Final = "the server closed the connection before it began"
"""Whoever has too many connections at once is closed so, without TLS; nothing was sent."""
SHUT_OUT_TRIES: Final = 2
"""How often a client that is not patient tries again after that, each after a longer pause."""

_ENDED: Final = (
    ssl.SSLEOFError,
    ssl.SSLZeroReturnError,
    ConnectionResetError,
    ConnectionAbortedError,
    BrokenPipeError,
)
_NO_TLS: Final = "what answers there does not speak TLS; is it a PaperTrader worker?"
_NO_COMMON: Final = "both sides have no version of TLS in common"
_SAYINGS: Final = {
    "wrong version number": _NO_TLS,
    "packet length too long": _NO_TLS,
    "http request": _NO_TLS,
    "unknown protocol": _NO_TLS,
    "no application protocol": f"the server does not speak {ALPN_CLIENT}; is it a worker?",
    "certificate required": "it wants a worker's certificate: that port is for workers",
    "protocol version": _NO_COMMON,
    "unsupported protocol": _NO_COMMON,
    "certificate verify failed": UNTRUSTED,
}
"""What OpenSSL says, without what it says of alerts, and what that means here."""
_AROUND: Final = re.compile(r"^\[[^]]*\] |\s*\(_ssl\.c:\d+\)$")
_ALERT: Final = re.compile(r"^(?:tls|ssl)(?:v\d+)?(?:/tls)? alert ")


def tls_failure(reason: str) -> str:
    """Say what OpenSSL called a failure of TLS, such as ``tlsv1 alert internal error``."""
    words = _ALERT.sub("", _AROUND.sub("", reason).replace("_", " ").lower())
    return _SAYINGS.get(words) or f"TLS failed: {words}"


def was_shut_out(error: BaseException | None) -> bool:
    """Tell whether the peer just ended, if this is what a dial raised (None: it said nothing)."""
    return error is None or isinstance(error, _ENDED)


def why_lost(error: BaseException) -> str:
    """Say an I/O error in few words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{UNTRUSTED}: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, _ENDED):
        return "the connection was cut"
    if isinstance(error, ssl.SSLError):
        return tls_failure(error.strerror or str(error))
    if isinstance(error, OSError):
        return error.strerror or str(error) or type(error).__name__
    return str(error) or type(error).__name__
