"""TLS for the Twisted peers: the certificates, the key type and the TLS version of the product."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from OpenSSL import crypto
from twisted.internet import ssl as twisted_ssl

from benchmarks.peers.common import files


def server_options(directory: Path, name: str, *, mutual: bool = False) -> Any:
    """Return Twisted's options for a server; ``mutual`` asks the client for a certificate."""
    more: dict[str, Any] = {}
    if mutual:
        more["trustRoot"] = _authority(directory)
    key, certificate = files(directory, name)
    return twisted_ssl.CertificateOptions(
        privateKey=crypto.load_privatekey(crypto.FILETYPE_PEM, key.read_bytes()),
        certificate=crypto.load_certificate(crypto.FILETYPE_PEM, certificate.read_bytes()),
        raiseMinimumTo=twisted_ssl.TLSVersion.TLSv1_3,
        **more,
    )


def client_options(directory: Path, name: str) -> Any:
    """Return Twisted's options for a client that shows a certificate."""
    key, certificate = files(directory, name)
    return twisted_ssl.CertificateOptions(
        privateKey=crypto.load_privatekey(crypto.FILETYPE_PEM, key.read_bytes()),
        certificate=crypto.load_certificate(crypto.FILETYPE_PEM, certificate.read_bytes()),
        trustRoot=_authority(directory),
        raiseMinimumTo=twisted_ssl.TLSVersion.TLSv1_3,
    )


def _authority(directory: Path) -> Any:
    octets = (directory / "ca.pem").read_bytes()
    return twisted_ssl.trustRootFromCertificates([twisted_ssl.Certificate.loadPEM(octets)])
