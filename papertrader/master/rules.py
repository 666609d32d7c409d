"""What the operator decides about a master, and the threads that it has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
from twisted.internet.defer import Deferred, execute

from papertrader.master.accounts import AccountRules
from papertrader.master.admission import AdmissionRules
from papertrader.master.demand import IDLE_DAYS, Demand
from papertrader.master.marketsource import MarketRules

InThread = Callable[..., Deferred[Any]]
"""Runs a function in a thread of its own kind and gives the result later."""


@attrs.frozen(kw_only=True)
class MasterRules:
    """Everything the operator decides about a master."""

    state_dir: Path
    market: MarketRules
    accounts: AccountRules
    argon2_memory_kib: int
    argon2_passes: int
    seal_key: bytes = attrs.field(repr=False)
    """Seals what second factors are made of: 32 octets."""
    seal_key_is_new: bool = False
    """There was none: nothing can have been sealed with this one."""
    hashing_threads: int = 1
    admission: AdmissionRules = attrs.Factory(AdmissionRules)
    second_factor: Demand = Demand.OFFERED
    idle_days: int = IDLE_DAYS
    """After so many days without use a remembered session ends."""
    store_url: str = ""
    """A PostgreSQL; empty for SQLite files in the state directory."""
    holder: str = ""
    """How this master is called to others that wait for the same store."""
    low_water: int = 0
    """With fewer free octets than this beside the files, nothing is changed."""
    room: Callable[[], int] = lambda: 2**63
    """Gives the free octets there."""
    wal_pass_octets: int = 1024 * 1024
    """What is written before the truth's write-ahead log is copied into its file."""


@attrs.frozen(kw_only=True)
class Threads:
    """The threads of a master: one writes the truth, one the views, some hash passwords.

    ``feeding`` waits for the process that writes the views, if there is one; the views' own thread
    then only reads them. ``proving`` takes the hashes of the memory, ``copying`` copies the truth's
    write-ahead log into its file.
    """

    truth: InThread
    views: InThread
    hashing: InThread
    feeding: InThread = attrs.field(default=attrs.Factory(lambda self: self.views, takes_self=True))
    proving: InThread = execute
    copying: InThread = execute
