"""A worker's keys in its state directory, and what its links show of them (`upkeep.KeyStore`)."""

from __future__ import annotations

from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.logger import Logger

from papertrader.core.instants import from_datetime
from papertrader.net.credentials import (
    CredentialsError,
    host_names,
    load_certificates,
    worker_identity,
)
from papertrader.net.tls import (
    Reloading,
    inner_client_factory,
    public_server_factory,
    web_server_factory,
)
from papertrader.ops.authorities import key_text, new_key
from papertrader.ops.certificates import (
    authority_file,
    certificate_files,
    is_ours,
    replace_pair,
    settle_pair,
)
from papertrader.ops.files import PUBLIC_FILE, replace_file
from papertrader.ops.signing import make_request, renew_at


class WorkerKeys:
    """The keys of the worker called ``name``. Raises `CredentialsError` if they cannot be used.

    ``inner``, ``public`` and ``web`` make the connections of the links and of the web page. They
    follow when a file changes by `take`, `set_trust` or `reload`; what is open stays as it is.
    """

    log = Logger()

    def __init__(self, state: Path, name: str) -> None:
        self._state = state
        self.name = name
        self._link = certificate_files(state, name)
        self._clients = certificate_files(state, f"{name}-public")
        settle_pair(*self._link)
        settle_pair(*self._clients)
        self._trusted = self._read_trust()
        self.inner = Reloading(inner_client_factory(authority_file(state), *self._link))
        self.public = Reloading(public_server_factory(*self._clients))
        self.web = Reloading(web_server_factory(*self._clients))
        self.hosts: set[str] = set(self._public_names())
        """Names and addresses in the public certificate; the same set, changed when that does."""
        self.reload_failures = 0
        self._next: tuple[ec.EllipticCurvePrivateKey, ec.EllipticCurvePrivateKey | None] | None
        self._next = None

    @property
    def _leaf(self) -> x509.Certificate:
        return load_certificates(self._link[0])[0]

    def renew_at(self) -> int:
        """Return when the next certificate is to be asked for (`upkeep.KeyStore`)."""
        instants = [renew_at(self._leaf)]
        public = load_certificates(self._clients[0])[0]
        if is_ours(self._state, public):
            instants.append(renew_at(public))
        return from_datetime(min(instants))

    def requests(self) -> tuple[str, str | None]:
        """Make new keys and requests over them (`upkeep.KeyStore`)."""
        try:
            uuid = worker_identity(self._leaf).uuid
            ours = is_ours(self._state, load_certificates(self._clients[0])[0])
        except CredentialsError as error:
            raise ValueError(str(error)) from None
        link, clients = new_key(), new_key() if ours else None
        self._next = (link, clients)
        subject = f"PaperTrader {self.name}"
        public = make_request(clients, subject, uuid) if clients is not None else None
        return make_request(link, subject, uuid), public

    def take(self, certificate: str, public: str | None, trust: str) -> None:
        """Keep what was signed for the newest keys (`upkeep.KeyStore`)."""
        keys, self._next = self._next, None
        if keys is None:
            raise ValueError("nothing was asked for")
        link, clients = keys
        _require_pair(certificate, link)
        self._write_trust(trust)
        replace_pair(*self._link, certificate, key_text(link))
        if public is not None and clients is not None:
            _require_pair(public, clients)
            replace_pair(*self._clients, public, key_text(clients))
        self.reload()

    def _public_names(self) -> tuple[str, ...]:
        return host_names(load_certificates(self._clients[0])[0])

    def trust(self) -> str:
        """Return what the link trusts, as it was read last (`upkeep.KeyStore`)."""
        return self._trusted

    def _read_trust(self) -> str:
        return authority_file(self._state).read_text(encoding="ascii")

    def set_trust(self, trust: str) -> None:
        """Trust this from now on (`upkeep.KeyStore`)."""
        self._write_trust(trust)
        self.reload()

    def _write_trust(self, trust: str) -> None:
        found = x509.load_pem_x509_certificates(trust.encode("ascii"))
        if not all(_is_authority(each) for each in found):
            raise ValueError("what is to be trusted are not authorities")
        if trust != self._read_trust():
            # Workers beside their master share the file with it.
            replace_file(authority_file(self._state), trust.encode("ascii"), PUBLIC_FILE)

    def reload(self) -> bool:
        """Read all files again; if they cannot be used, all stays as it was, and the log says why.

        Connections that are open go on as they are.
        """
        try:
            trusted = self._read_trust()
            inner = inner_client_factory(authority_file(self._state), *self._link)
            public = public_server_factory(*self._clients)
            web = web_server_factory(*self._clients)
            hosts = self._public_names()
        except (CredentialsError, OSError, ValueError) as error:
            self.reload_failures += 1
            self.log.error("certificates were not read again: {why}", why=str(error))
            return False
        self._trusted = trusted
        self.inner.replace(inner)
        self.public.replace(public)
        self.web.replace(web)
        self.hosts.clear()
        self.hosts.update(hosts)
        self.log.info("certificates of {name} were read again", name=self.name)
        return True


def _require_pair(certificate: str, key: ec.EllipticCurvePrivateKey) -> None:
    leaf = x509.load_pem_x509_certificates(certificate.encode("ascii"))[0]
    if leaf.public_key() != key.public_key():
        raise ValueError("the certificate that was signed is over another key than ours")


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except x509.ExtensionNotFound:
        return False
    return bool(basic.value.ca)
