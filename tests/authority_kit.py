"""A private authority for tests of workers: real keys and certificates in a state directory."""

from __future__ import annotations

from papertrader.core.instants import to_datetime
from papertrader.ops.authorities import new_key
from papertrader.ops.certificates import issue_master, make_authority
from papertrader.ops.sealing import begin_epoch
from papertrader.ops.signer import LocalSigner
from papertrader.ops.signing import make_request
from tests.master_kit import MasterKit


def give_authority(kit: MasterKit) -> LocalSigner:
    """Give a master in memory an authority of its own, and the key of its epoch."""
    now = to_datetime(kit.clock.wall_ns())
    if not (kit.state_dir / "tls" / "ca.pem").exists():
        make_authority(kit.state_dir, now=now)
        issue_master(kit.state_dir, now=now)
    signer = LocalSigner(kit.state_dir, lambda: to_datetime(kit.clock.wall_ns()), lambda: None)
    kit.main.worker_parts.enrollment.signer = signer
    kit.main.worker_parts.notary.keys = begin_epoch(kit.state_dir, kit.main.store)
    return signer


def request(uuid: str) -> str:
    """Make a request for a certificate over a new key."""
    return make_request(new_key(), "PaperTrader test", uuid)
