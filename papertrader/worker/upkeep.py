"""What a worker does about its own keys while its link is up: renews them, trusts, witnesses.

The keys lie where the driver keeps them (`KeyStore`); they never leave it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final, Protocol

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from papertrader.core.instants import SECOND
from papertrader.net.clock import Clock, Timer
from papertrader.wire import messages as m
from papertrader.wire.derived import Message
from papertrader.worker.witness import Witness

LOOK_S: Final = 60.0
"""How often it is asked whether a renewal is due."""
RETRY_S: Final = 600
"""How long after a renewal that failed the next one is tried."""


class KeyStore(Protocol):
    """The worker's keys and certificates. Every call may raise `OSError` or `ValueError`."""

    def renew_at(self) -> int:
        """Return when the next certificate is to be asked for; wall nanoseconds."""

    def requests(self) -> tuple[str, str | None]:
        """Make new keys; return requests for the link's certificate and, if ours, the public."""

    def take(self, certificate: str, public: str | None, trust: str) -> None:
        """Keep what was signed for the newest keys, and show it from now on."""

    def trust(self) -> str:
        """Return what is trusted on the link, as PEM."""

    def set_trust(self, trust: str) -> None:
        """Trust this from now on."""


class Upkeep:
    """Does it (see the module). ``call`` asks the master, ``tell`` notifies it."""

    log = Logger()

    def __init__(
        self,
        clock: Clock,
        keys: KeyStore,
        witness: Witness | None,
        call: Callable[[Message], Deferred[Message]],
        tell: Callable[[Message], None],
    ) -> None:
        self.renewals = 0
        self.failures = 0
        self._clock = clock
        self._keys = keys
        self._witness = witness
        self._call = call
        self._tell = tell
        self._asking = False
        self._not_before = 0
        self._timer: Timer | None = None

    def begin(self) -> None:
        """The link is up: say what is trusted, and look whether a renewal is due, now and on."""
        self.stop()
        self._say_trust()
        self._look()

    def stop(self) -> None:
        """The link is gone, or the worker ends."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._asking = False

    def take(self, message: Message) -> bool:
        """Take a notice of the master; False if it is not about this."""
        if isinstance(message, m.RenewOrder):
            self.renew()
        elif isinstance(message, m.TrustSet):
            self._set_trust(message.trust or "")
        elif isinstance(message, m.AuditKey):
            if self._witness is not None:
                self._witness.take_key(message)
        elif isinstance(message, m.AuditHead):
            if self._witness is not None:
                self._witness.take_head(message)
        else:
            return False
        return True

    def _look(self) -> None:
        self._timer = self._clock.call_later(LOOK_S, self._look)
        now = self._clock.wall_ns()
        if now >= self._not_before and now >= self._keys.renew_at():
            self.renew()

    def renew(self) -> None:
        """Make new keys and have them signed; does nothing while that is under way."""
        if self._asking:
            return
        self._asking = True
        try:
            csr, public_csr = self._keys.requests()
        except (OSError, ValueError) as error:
            self._failed(Failure(error))
            return
        asked = self._call(m.CertificateRenew(csr=csr, public_csr=public_csr))
        asked.addCallback(self._signed).addErrback(self._failed)

    def _signed(self, reply: Message) -> None:
        if not isinstance(reply, m.CertificateRenewReply):
            raise ValueError("the master answered a renewal with something else")
        self._keys.take(reply.certificate or "", reply.public_certificate, reply.trust or "")
        self._asking = False
        self.renewals += 1
        self.log.info("this worker has new keys")
        self._say_trust()

    def _failed(self, failure: Failure) -> None:
        self._asking = False
        self.failures += 1
        self._not_before = self._clock.wall_ns() + RETRY_S * SECOND
        self.log.error(
            "this worker's keys could not be renewed: {why}", why=failure.getErrorMessage()
        )

    def _set_trust(self, trust: str) -> None:
        try:
            if trust != self._keys.trust():
                self._keys.set_trust(trust)
                self.log.info("this worker trusts other authorities than before")
        except (OSError, ValueError) as error:
            self.log.error("what the master said to trust cannot be used: {why}", why=str(error))
            return
        self._say_trust()

    def _say_trust(self) -> None:
        try:
            trust = hashlib.sha256(self._keys.trust().encode()).digest()
        except OSError as error:
            self.log.error("what is trusted cannot be read: {why}", why=str(error))
            return
        epoch = self._witness.epoch if self._witness is not None else 0
        self._tell(m.TrustTaken(trust=trust, witnessed=epoch))
