"""Why there is no connection, in people's words."""

from __future__ import annotations

import errno
import ssl
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from twisted.internet import error as twisted_error
from twisted.python.failure import Failure

from papertrader.client.endpoints import Endpoint
from papertrader.client.losses import UNTRUSTED, tls_failure, was_shut_out, why_lost
from papertrader.client.octetstream import Octets, tls_endpoints, why_not_made
from papertrader.net.tls import NotSpoken, PeerRefused, public_server_factory
from papertrader.ops.certificates import authority_file
from tests.tls_kit import SERVER_USE, forged, installation, meet


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)", "does not speak TLS"),
        ("[SSL] tlsv1 alert no application protocol (_ssl.c:1006)", "is it a worker?"),
        ("[SSL: TLSV1_ALERT_PROTOCOL_VERSION] tlsv1 alert protocol version", "in common"),
        ("[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert certificate required", "workers"),
        ("tls alert handshake failure", "TLS failed: handshake failure"),
        ("ssl/tls alert internal error", "TLS failed: internal error"),
        ("certificate verify failed", UNTRUSTED),
    ],
)
def test_what_openssl_says_is_put_in_words(said: str, told: str) -> None:
    """Of whatever it is, no names of constants and no lines of its source."""
    words = tls_failure(said)
    assert told in words
    assert "_" not in words
    assert "[" not in words
    assert why_lost(ssl.SSLError(1, said)) == words
    assert not was_shut_out(ssl.SSLError(1, said))


@pytest.mark.parametrize(
    "error",
    [
        ssl.SSLEOFError(8, "[SSL: UNEXPECTED_EOF_WHILE_READING] EOF occurred"),
        ssl.SSLZeroReturnError(6, "TLS/SSL connection has been closed (EOF)"),
        ConnectionResetError(),
        ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"),
    ],
)
def test_an_end_without_a_word_is_one_thing(error: OSError) -> None:
    """However the platform calls it."""
    assert was_shut_out(error)
    assert why_lost(error) == "the connection was cut"


def test_a_dial_of_twisted_is_told_as_the_others_tell_it() -> None:
    """Without Twisted's sentence around it; a reset is an end."""
    reset = Failure(twisted_error.ConnectError(errno.ECONNRESET, "104: Connection reset by peer"))
    assert why_not_made(reset) == ("Connection reset by peer", True)
    refused = Failure(
        twisted_error.ConnectionRefusedError(errno.ECONNREFUSED, "111: Connection refused")
    )
    assert why_not_made(refused) == ("Connection refused", False)
    assert why_not_made(Failure(ValueError("no such host"))) == ("no such host", False)


def test_what_we_refused_ourselves_is_said_as_what_the_platform_refuses() -> None:
    """Of a certificate that it is not to be trusted, and why; of a protocol, which one."""
    told: list[tuple[str, bool]] = []
    for error in (PeerRefused("the server's certificate does not name x"), NotSpoken(b"ptwp/1")):
        stream = Octets(
            lambda octets: None,
            lambda octets, data: None,
            lambda octets, why, ended: told.append((why, ended)),
        )
        stream.connectionLost(Failure(error))
    assert told == [
        (f"{UNTRUSTED}: the server's certificate does not name x", False),
        ("the server does not speak ptwp/1; is it a worker?", False),
    ]


@pytest.mark.parametrize("names", [None, "other.example"])
def test_the_library_asks_for_the_name_that_it_dialled(tmp_path: Path, names: str | None) -> None:
    """Also of a certificate of the right authority that has no name at all, which Twisted's own
    check lets through."""
    state = installation(tmp_path / "state")
    named = [x509.DNSName(names)] if names else None
    files = forged(state, tmp_path, named, [SERVER_USE])
    endpoint: Any = tls_endpoints(None, authority_file(state))(Endpoint("localhost", 2049))
    meeting = meet(public_server_factory(*files), endpoint._options)
    assert meeting.refused
    assert meeting.client.handshakes == 0
