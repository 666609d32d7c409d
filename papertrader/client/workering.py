"""Workers and the authority, for operators, of every face; each face inherits its own kind.

All need a session of scope ADMIN.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from papertrader.client import worker_commands as commands
from papertrader.client.asking import AsyncAsker, BlockingAsker, TwistedAsker
from papertrader.client.workerresults import (
    AddedWorker,
    AuthorityState,
    BootedWorker,
    SignedWorker,
    WorkerEntry,
)

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred


class BlockingWorkers(BlockingAsker):
    """Methods of `Client`."""

    def worker_add(
        self,
        name: str,
        *,
        again: bool = False,
        networks: Iterable[str] = (),
        hosts: Iterable[str] = (),
    ) -> AddedWorker:
        """Make a place in the registry, for a worker called ``name``; the token opens it once.

        ``again``: it is there already, and its next enrollment replaces its key. ``networks``: from
        where it may come (CIDR). ``hosts``: names for the certificate that it shows to clients.
        Raises `RefusedError` (NAME_TAKEN, NO_DATA, INVALID_FIELD).
        """
        return self._ask(commands.worker_add(name, again, networks, hosts))

    def worker_sign(self, name: str, csr: str, public_csr: str | None = None) -> SignedWorker:
        """Sign the requests (PEM) of a worker that was added and cannot enroll itself.

        Raises `RefusedError` (NO_DATA, INVALID_FIELD).
        """
        return self._ask(commands.worker_sign(name, csr, public_csr))

    def worker_registry(self) -> tuple[WorkerEntry, ...]:
        """Read every worker of the registry, by number."""
        return self._ask(commands.worker_registry())

    def worker_boot(self, worker: int, mode: str = "boot", *, drain_s: int = 0) -> BootedWorker:
        """Shut a worker out while it runs: ``boot``, ``revoke`` (for ever) or ``admit`` again.

        ``drain_s``: for so long its clients may move to other workers before. Raises
        `RefusedError` (NO_DATA, INVALID_FIELD) and `ValueError`.
        """
        return self._ask(commands.worker_boot(worker, mode, drain_s))

    def worker_rotate(self, worker: int = 0) -> int:
        """Have a worker (0: all that are up) make new keys; returns how many were told.

        Raises `RefusedError` (NO_DATA).
        """
        return self._ask(commands.worker_rotate(worker))

    def authority_control(self, step: str = "none", *, force: bool = False) -> AuthorityState:
        """Look how far the change to another authority is, or take a ``step``.

        ``trust``, ``reissue``, ``drop``; ``back`` takes one of the first two back; ``none`` only
        looks. ``force``: drop although workers would be shut out. Raises `RefusedError`
        (INVALID_FIELD) and `ValueError`.
        """
        return self._ask(commands.authority_control(step, force))


class AsyncWorkers(AsyncAsker):
    """Methods of `AsyncClient`."""

    async def worker_add(
        self,
        name: str,
        *,
        again: bool = False,
        networks: Iterable[str] = (),
        hosts: Iterable[str] = (),
    ) -> AddedWorker:
        """Make a place in the registry; as `Client.worker_add`."""
        return await self._ask(commands.worker_add(name, again, networks, hosts))

    async def worker_sign(self, name: str, csr: str, public_csr: str | None = None) -> SignedWorker:
        """Sign the requests of a worker; as `Client.worker_sign`."""
        return await self._ask(commands.worker_sign(name, csr, public_csr))

    async def worker_registry(self) -> tuple[WorkerEntry, ...]:
        """Read the registry; as `Client.worker_registry`."""
        return await self._ask(commands.worker_registry())

    async def worker_boot(
        self, worker: int, mode: str = "boot", *, drain_s: int = 0
    ) -> BootedWorker:
        """Shut a worker out while it runs; as `Client.worker_boot`."""
        return await self._ask(commands.worker_boot(worker, mode, drain_s))

    async def worker_rotate(self, worker: int = 0) -> int:
        """Have workers make new keys; as `Client.worker_rotate`."""
        return await self._ask(commands.worker_rotate(worker))

    async def authority_control(self, step: str = "none", *, force: bool = False) -> AuthorityState:
        """Look at, or go on with, the change of authorities; as `Client.authority_control`."""
        return await self._ask(commands.authority_control(step, force))


class TwistedWorkers(TwistedAsker):
    """Methods of `TwistedClient`."""

    def worker_add(
        self,
        name: str,
        *,
        again: bool = False,
        networks: Iterable[str] = (),
        hosts: Iterable[str] = (),
    ) -> Deferred[AddedWorker]:
        """Make a place in the registry; as `Client.worker_add`."""
        return self._ask(commands.worker_add(name, again, networks, hosts))

    def worker_sign(
        self, name: str, csr: str, public_csr: str | None = None
    ) -> Deferred[SignedWorker]:
        """Sign the requests of a worker; as `Client.worker_sign`."""
        return self._ask(commands.worker_sign(name, csr, public_csr))

    def worker_registry(self) -> Deferred[tuple[WorkerEntry, ...]]:
        """Read the registry; as `Client.worker_registry`."""
        return self._ask(commands.worker_registry())

    def worker_boot(
        self, worker: int, mode: str = "boot", *, drain_s: int = 0
    ) -> Deferred[BootedWorker]:
        """Shut a worker out while it runs; as `Client.worker_boot`."""
        return self._ask(commands.worker_boot(worker, mode, drain_s))

    def worker_rotate(self, worker: int = 0) -> Deferred[int]:
        """Have workers make new keys; as `Client.worker_rotate`."""
        return self._ask(commands.worker_rotate(worker))

    def authority_control(
        self, step: str = "none", *, force: bool = False
    ) -> Deferred[AuthorityState]:
        """Look at, or go on with, the change of authorities; as `Client.authority_control`."""
        return self._ask(commands.authority_control(step, force))
