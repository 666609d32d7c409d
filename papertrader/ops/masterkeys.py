"""What the master's driver holds for it: TLS of its port, the authority, the key of its epoch."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from twisted.logger import Logger

from papertrader.core.instants import to_datetime
from papertrader.master.enrollment import SigningRefused
from papertrader.master.main import Main
from papertrader.net.clock import Clock
from papertrader.net.tls import ConnectionCreator, Reloading, inner_server_factory
from papertrader.ops.authorities import repair
from papertrader.ops.certificates import (
    authority_file,
    certificate_files,
    check_dates,
    tls_directory,
)
from papertrader.ops.sealing import begin_epoch
from papertrader.ops.signer import LocalSigner

LOOK_S: Final = 3_600.0
"""How often it is asked whether the master's own certificate is to be renewed."""


class MasterKeys:
    """Holds them (see the module). Raises `CredentialsError`, `CertificateError`."""

    log = Logger()

    def __init__(self, state: Path, main: Main, clock: Clock) -> None:
        self._state = state
        self._main = main
        self._clock = clock
        repair(tls_directory(state))
        self.tls = Reloading(self._load())
        """Makes the connections of the port for workers."""
        self.signer = LocalSigner(state, lambda: to_datetime(clock.true_ns()), self._changed)

    def _load(self) -> ConnectionCreator:
        """What counts on the disk now."""
        files = certificate_files(self._state, "master")
        return inner_server_factory(authority_file(self._state), *files, self._main.admitted)

    def _changed(self) -> None:
        self.tls.replace(self._load())
        self.log.info("the master shows and trusts what is on the disk now")

    def begin(self) -> None:
        """Give the master what it needs, once its store is open.

        Raises `StoreError`, and `CertificateError` if its own certificate is not good now and
        cannot be renewed.
        """
        parts = self._main.worker_parts
        parts.enrollment.signer = self.signer
        parts.notary.keys = begin_epoch(self._state, self._main.store, self._clock.wall_ns())
        self._look()
        check_dates(self._state, ["master"], now=to_datetime(self._clock.true_ns()))

    def _look(self) -> None:
        self._clock.call_later(LOOK_S, self._look)
        try:
            self.signer.renew_master()
        except SigningRefused as error:
            self.log.error("the master's certificate was not renewed: {why}", why=str(error))
