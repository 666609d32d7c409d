"""What passes over links about keys: enrollment before there is one, renewal and trust on it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Protocol

from papertrader.master.commands import Refused
from papertrader.master.enrollment import Enrolled, Enrollment, SigningRefused
from papertrader.master.notary import Notary
from papertrader.master.registry import uuid_octets
from papertrader.net.clock import Clock, Timer
from papertrader.wire import codec, limits
from papertrader.wire import messages as m
from papertrader.wire.codec import Header
from papertrader.wire.errors import RemoteFault
from papertrader.wire.kinds import Status

WhenDurable = Callable[..., None]
"""``when_durable(done, lost)``: calls ``done`` once all that was decided is on the disk."""


class CredentialLink(Protocol):
    """A link, as far as its keys go."""

    worker_id: int
    shown: bytes
    trusting: bytes
    renewal_ordered: bool
    renewal_unconfirmed: bool

    def send(self, octets: bytes, frames: int = 1) -> None:
        """Send whole frames."""

    def say_goodbye(self, code: int, text: str = "") -> None:
        """Close with a code."""


class Credentialing:
    """Answers about keys on all links. ``notary`` tells whoever trusts us what to witness."""

    def __init__(
        self, enrollment: Enrollment, notary: Notary, clock: Clock, when_durable: WhenDurable
    ) -> None:
        self.enrollment = enrollment
        self._notary = notary
        self._clock = clock
        self._when_durable = when_durable

    def newcomer(self, link: Any) -> Newcomer:
        """Begin an enrollment; raises `RemoteFault` when too many are open."""
        if self.enrollment.open >= limits.ENROLLMENTS_OPEN_MAX:
            self.enrollment.too_many("enrollments_open")
            raise RemoteFault(Status.TOO_MANY_CONNECTIONS, "too many enroll at once; try again")
        return Newcomer(link, self.enrollment, self._clock, self._when_durable)

    def trust_frame(self) -> bytes | None:
        """Return TRUST_SET, or None when no authority is known here."""
        signer = self.enrollment.signer
        if signer is None:
            return None
        try:
            return codec.encode(m.TrustSet(trust=signer.trust()))
        except SigningRefused:
            return None

    def trust_hash(self) -> bytes:
        """Return the SHA-256 of what is trusted; empty when no authority is known here."""
        signer = self.enrollment.signer
        try:
            return hashlib.sha256(signer.trust().encode()).digest() if signer is not None else b""
        except SigningRefused:
            return b""

    def joined(self, link: CredentialLink) -> None:
        """A worker is in: tell it what to trust."""
        frame = self.trust_frame()
        if frame is not None:
            link.send(frame)

    def trust_taken(self, link: CredentialLink, message: m.TrustTaken) -> None:
        """A worker says what it trusts and what it has witnessed."""
        first = not link.trusting
        if link.renewal_unconfirmed:
            link.renewal_unconfirmed = False
            self.enrollment.confirm(link.worker_id)
        link.trusting = message.trust
        if first:
            for frame in self._notary.greeting(link.worker_id, message.witnessed):
                link.send(frame)

    def renew(self, link: CredentialLink, header: Header, message: m.CertificateRenew) -> None:
        """Answer CERTIFICATE_RENEW once the key is registered."""
        ordered, link.renewal_ordered = link.renewal_ordered, False
        try:
            done = self.enrollment.renew(
                link.worker_id, link.shown, message.csr or "", message.public_csr, ordered=ordered
            )
        except Refused as error:
            link.send(_failure(header, error))
            return
        reply = m.CertificateRenewReply(
            old_until=done.worker.previous_until,
            certificate=done.certificate,
            public_certificate=done.public_certificate,
            trust=done.trust,
        )
        octets = codec.encode(reply, correlation=header.correlation)
        link.renewal_unconfirmed = True
        self._when_durable(lambda: link.send(octets), None)


class Newcomer:
    """One connection that may do nothing but enroll, once, and soon."""

    def __init__(
        self, link: Any, enrollment: Enrollment, clock: Clock, when_durable: WhenDurable
    ) -> None:
        self._link = link
        self._enrollment = enrollment
        self._when_durable = when_durable
        self._asked = False
        self._timer: Timer | None = clock.call_later(limits.ENROLLMENT_S, self._late)
        enrollment.open += 1

    def frame(self, header: Header, octets: bytes) -> None:
        """Take the one request; anything else, or another one, is a fault."""
        message = codec.decode_body(header, octets)
        if not isinstance(message, m.Enroll) or self._asked:
            raise RemoteFault(Status.OPCODE_FORBIDDEN, "one ENROLL is all that is taken here")
        self._asked = True
        try:
            done = self._enrollment.enroll(message.token, message.csr or "", message.public_csr)
        except Refused as error:
            self._answer(_failure(header, error), error.status)
            return
        octets = codec.encode(_reply(done), correlation=header.correlation)
        self._when_durable(
            lambda: self._answer(octets, Status.OK),
            lambda: self._link.say_goodbye(Status.SHUTDOWN, "the outcome is not known"),
        )

    def _answer(self, octets: bytes, status: int) -> None:
        self._link.send(octets)
        self._link.say_goodbye(status, "the enrollment is done" if not status else "refused")

    def _late(self) -> None:
        self._timer = None
        self._link.say_goodbye(Status.HELLO_TIMEOUT, "no ENROLL in time")

    def ended(self) -> None:
        """The connection is gone."""
        self._enrollment.open -= 1
        if self._timer is not None:
            self._timer.cancel()


def _failure(header: Header, error: Refused) -> bytes:
    return codec.failure(
        header.opcode,
        error.status,
        error.text,
        correlation=header.correlation,
        retry_after_ms=error.retry_after_ms,
    )


def _reply(done: Enrolled) -> m.EnrollReply:
    return m.EnrollReply(
        worker_id=done.worker.worker_id,
        uuid=uuid_octets(done.worker.uuid),
        name=done.worker.name,
        certificate=done.certificate,
        public_certificate=done.public_certificate,
        trust=done.trust,
    )
