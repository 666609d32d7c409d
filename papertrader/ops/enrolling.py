"""A worker to be: makes its keys, shows its token to the master, and keeps what it is given.

The *line* is what an operator hands over: master's address, name, UUID, token, and the SHA-256 of
the authority by which the worker knows the master before it trusts anybody.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import attrs
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure

from papertrader.net.caller import Caller
from papertrader.net.clock import Clock
from papertrader.net.protocol import Closed, FrameProtocol
from papertrader.net.records import RecordFactory
from papertrader.net.tls import enrollment_client_factory
from papertrader.ops.authorities import key_text, new_key
from papertrader.ops.certificates import (
    authority_file,
    certificate_files,
    check_worker_name,
    tls_directory,
)
from papertrader.ops.enrolled import EnrolledWorker, write_enrolled
from papertrader.ops.files import PRIVATE_FILE, PUBLIC_FILE, make_private_directory, replace_file
from papertrader.ops.signing import CertificateError, make_request
from papertrader.wire import kinds, limits
from papertrader.wire import messages as m
from papertrader.wire.codec import RESPONSE, Header
from papertrader.wire.connection import Link
from papertrader.wire.errors import RemoteFault
from papertrader.wire.kinds import Role, Status

ENROLL_TIMEOUT_S: Final = 15
LINE_START: Final = "papertrader-worker"
_HEX: Final = re.compile(r"[0-9a-f]{64}\Z")


class EnrollError(Exception):
    """A worker cannot be enrolled; the text says why and what to do."""


@attrs.frozen(kw_only=True)
class EnrollmentLine:
    """What an operator hands over. ``token`` is a secret until it was used."""

    host: str
    port: int
    name: str
    uuid: str
    token: bytes = attrs.field(repr=False)
    authority: bytes

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (
            f"{LINE_START} {host}:{self.port} {self.name} {self.uuid} {self.token.hex()}"
            f" {self.authority.hex()}"
        )


def read_line(text: str) -> EnrollmentLine:
    """Read the line of ``papertrader worker add``; raises `EnrollError`."""
    words = text.split()
    start = words.index(LINE_START) if LINE_START in words else 0
    words = words[start : start + 6]
    if len(words) != 6:
        raise EnrollError(
            "this is not the line that `papertrader worker add` printed; copy it whole, from"
            f" {LINE_START} to its end"
        )
    _, address, name, uuid, token, authority = words
    host, _, port = address.rpartition(":")
    try:
        check_worker_name(name)
        good = _HEX.match(token) and _HEX.match(authority) and str(UUID(uuid)) == uuid
        number = int(port)
    except (ValueError, CertificateError):
        good, number = None, 0
    if not good or not host or not 0 < number < 65_536:
        raise EnrollError("the line was changed on its way; copy it again, or make another one")
    return EnrollmentLine(
        host=host.strip("[]"),
        port=number,
        name=name,
        uuid=uuid,
        token=bytes.fromhex(token),
        authority=bytes.fromhex(authority),
    )


@attrs.frozen(kw_only=True)
class NewKeys:
    """The keys of a worker to be, of both links, with the requests over them."""

    link: ec.EllipticCurvePrivateKey = attrs.field(repr=False)
    clients: ec.EllipticCurvePrivateKey = attrs.field(repr=False)
    csr: str
    public_csr: str


def make_keys(name: str, uuid: str) -> NewKeys:
    """Make keys and requests."""
    link, clients = new_key(), new_key()
    subject = f"PaperTrader {name}"
    return NewKeys(
        link=link,
        clients=clients,
        csr=make_request(link, subject, uuid),
        public_csr=make_request(clients, subject, uuid),
    )


def keep(
    state: Path, worker: EnrolledWorker, keys: NewKeys, certificate: str, public: str, trust: str
) -> None:
    """Write what a worker was given; the note of who it is comes last. Raises `OSError`."""
    directory = tls_directory(state)
    make_private_directory(directory)
    replace_file(authority_file(state), trust.encode("ascii"), PUBLIC_FILE)
    for name, key, text in (
        (worker.name, keys.link, certificate),
        (f"{worker.name}-public", keys.clients, public),
    ):
        certificate_file, key_file = certificate_files(state, name)
        replace_file(key_file, key_text(key), PRIVATE_FILE)
        replace_file(certificate_file, text.encode("ascii"), PUBLIC_FILE)
    write_enrolled(state, worker)


class _Newcomer(FrameProtocol):
    """The worker's end of an enrollment: one request, one answer."""

    def __init__(self, message: m.Enroll, clock: Clock, answer: Deferred[m.EnrollReply]) -> None:
        super().__init__(
            Link(
                role=Role.WORKER,
                initiator=True,
                frame_max=limits.FRAME_MAX,
                instance=1,
                keepalive_s=limits.INNER_KEEPALIVE_S,
                software=f"papertrader-worker/{kinds.REVISION}",
            ),
            clock,
        )
        self._message = message
        self._answer = answer
        self._caller = Caller(self.send, clock)

    def opened(self) -> None:
        """HELLO is done: ask."""
        asked = self._caller.call(self._message, ENROLL_TIMEOUT_S)
        asked.addCallbacks(self._done, self._failed)

    def _done(self, reply: Any) -> None:
        if not self._answer.called:
            self._answer.callback(reply)
        self.say_goodbye(Status.OK)

    def _failed(self, failure: Failure) -> None:
        if not self._answer.called:
            self._answer.errback(failure)

    def frame_received(self, header: Header, octets: bytes) -> None:
        """Take the answer."""
        if not header.flags & RESPONSE:
            raise RemoteFault(Status.OPCODE_FORBIDDEN, "only the answer is expected")
        self._caller.reply_received(header, octets)

    def closed(self, why: Closed) -> None:
        """Fail if there was no answer."""
        self._caller.fail_all(why.text or "the connection was lost")
        if not self._answer.called:
            self._answer.errback(EnrollError(why.text or "the connection was lost"))


async def enroll(line: EnrollmentLine, state: Path, reactor: Any, clock: Clock) -> EnrolledWorker:
    """Enroll a worker and keep everything in ``state``. Raises `EnrollError`, `OSError`.

    Whatever fails leaves the token as it was, unless the answer was lost after the master took it:
    then the operator adds the worker ``--again``.
    """
    keys = make_keys(line.name, line.uuid)
    answer: Deferred[m.EnrollReply] = Deferred()
    message = m.Enroll(token=line.token, csr=keys.csr, public_csr=keys.public_csr)
    factory = Factory.forProtocol(lambda: _Newcomer(message, clock, answer))
    factory.noisy = False
    tls = RecordFactory(enrollment_client_factory(line.authority), True, factory, reactor)
    endpoint = HostnameEndpoint(reactor, line.host, line.port, timeout=ENROLL_TIMEOUT_S)
    try:
        await endpoint.connect(tls)
        answer.addTimeout(ENROLL_TIMEOUT_S, reactor)
        reply = await answer
    except OSError:
        raise
    except Exception as error:
        raise EnrollError(
            f"{line.host}:{line.port} did not enroll this worker: {error}; the token is good once"
            " and for 15 minutes: make another with `papertrader worker add"
            f" {line.name}` (--again if it says that it is there)"
        ) from None
    worker = EnrolledWorker(
        name=reply.name,
        worker_id=reply.worker_id,
        uuid=line.uuid,
        master_host=line.host,
        master_port=line.port,
    )
    keep(
        state, worker, keys, reply.certificate or "", reply.public_certificate or "",
        reply.trust or "",
    )  # fmt: skip
    return worker
