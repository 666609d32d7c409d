"""The witness file: what is kept of the master's heads, and what is said loudly. Clause 15.17."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from twisted.internet.task import Clock as FakeReactor

from papertrader.core.seals import Head, key_statement
from papertrader.net.clock import Clock
from papertrader.wire import messages as m
from papertrader.worker.witness import Witness, WitnessError, read_lines


class Signer:
    """A master's keys, epoch by epoch."""

    def __init__(self) -> None:
        self.keys: dict[int, Ed25519PrivateKey] = {}

    def key(self, epoch: int, by: int | None = None) -> m.AuditKey:
        """Make the key of an epoch, handed over to by that of another (None: by itself)."""
        key = self.keys[epoch] = Ed25519PrivateKey.generate()
        public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        signer = key if by is None else self.keys[by]
        signature = signer.sign(key_statement(epoch, public))
        return m.AuditKey(epoch=epoch, public=public, signature=signature)

    def head(self, epoch: int, seq: int, mark: int = 0, by: int | None = None) -> m.AuditHead:
        """Sign a head at an entry of the audit log; ``mark`` makes its hash another."""
        head = Head(
            epoch=epoch, at=seq, audit_seq=seq, audit=bytes([mark]) * 32, batch=seq, seq=seq,
            journal=bytes(32),
        )  # fmt: skip
        signature = self.keys[epoch if by is None else by].sign(head.statement())
        return m.AuditHead(**attrs.asdict(head), signature=signature)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file is."""
    return tmp_path / "witness" / "w.jsonl"


def opened(path: Path, **options: Any) -> Witness:
    """Open a witness file."""
    return Witness(path, Clock(FakeReactor()), **options)


def kinds(path: Path) -> list[str]:
    """The kinds of its lines."""
    return [line["kind"] for line in read_lines(path)]


@pytest.mark.clause("15.17")
def test_keys_and_heads_are_kept_and_read_again(path: Path) -> None:
    """Over a restart of the worker; what is known already is not kept twice."""
    signer = Signer()
    witness = opened(path)
    witness.take_key(signer.key(3))
    witness.take_head(signer.head(3, 10))
    later = signer.key(5, by=3)
    witness.take_key(later)
    again = opened(path)
    assert again.epoch == 5
    again.take_key(later)
    head = signer.head(5, 11)
    again.take_head(head)
    again.take_head(head)
    assert kinds(path) == ["key", "head", "key", "head"]
    assert again.alarms == 0
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_is_kept_is_on_the_disk_before_it_counts(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that loses its power has not seen less than it was told."""
    synced: list[list[str]] = []
    monkeypatch.setattr(
        "papertrader.worker.witness.os.fsync", lambda descriptor: synced.append(kinds(path))
    )
    signer = Signer()
    witness = opened(path)
    witness.take_key(signer.key(3))
    witness.take_head(signer.head(3, 10))
    assert synced == [["key"], ["key", "head"]]


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("cut off", lambda s: s.head(3, 5)),
        ("another hash", lambda s: s.head(3, 10, mark=1)),
        ("unsigned", lambda s: attrs.evolve(s.head(3, 11), audit_seq=12)),
        ("a later key", lambda s: s.head(3, 11, by=5)),
        ("no key", lambda s: attrs.evolve(s.head(3, 11), epoch=4)),
    ],
)
def test_what_does_not_fit_is_an_alarm(path: Path, what: str, message: Any) -> None:
    """A lower entry or another hash is kept beside; what is not signed is not kept at all."""
    signer = Signer()
    witness = opened(path)
    witness.take_key(signer.key(3))
    witness.take_key(signer.key(5, by=3))
    witness.take_head(signer.head(3, 10))
    witness.take_head(message(signer))
    assert witness.alarms == 1, what
    kept = what in ("cut off", "another hash")
    assert kinds(path) == ["key", "key", "head", "alarm"] + ["head"] * kept


@pytest.mark.parametrize("case", ["again", "stranger", "earlier"])
def test_a_key_that_does_not_follow_is_an_alarm(path: Path, case: str) -> None:
    """Another key of a known epoch, one that nobody handed over to, one of an earlier epoch."""
    signer = Signer()
    witness = opened(path)
    witness.take_key(signer.key(3))
    witness.take_key(signer.key(7, by=3))
    bad = {
        "again": lambda: signer.key(7, by=3),
        "stranger": lambda: signer.key(8),
        "earlier": lambda: signer.key(5, by=7),
    }[case]()
    witness.take_key(bad)
    assert witness.alarms == 1
    assert witness.epoch == 7
    assert kinds(path)[-1] == "alarm"


def test_the_file_is_bounded(path: Path) -> None:
    """At its bound it is set aside, and the next one begins with all keys and the last head."""
    signer = Signer()
    witness = opened(path, octets_max=2_000)
    witness.take_key(signer.key(3))
    for seq in range(1, 12):
        witness.take_head(signer.head(3, seq))
    aside = path.with_suffix(".jsonl.1")
    assert 2_000 <= aside.stat().st_size < 3_000
    assert kinds(path)[:2] == ["key", "head"]
    assert opened(path).last == witness.last
    heads = [line["audit_seq"] for each in (aside, path) for line in read_lines(each)
             if line["kind"] == "head"]  # fmt: skip
    # Set aside more than once: of the older ones the chain of hashes tells.
    assert sorted(set(heads)) == list(range(min(heads), 12))


def test_a_line_that_was_cut_short_is_no_line(path: Path) -> None:
    """kill -9 within a write: what is whole counts, and the next line is not joined to it."""
    signer = Signer()
    witness = opened(path)
    witness.take_key(signer.key(3))
    whole = path.read_bytes()
    witness.take_head(signer.head(3, 1))
    path.write_bytes(path.read_bytes()[:-20])
    again = opened(path)
    assert again.last is None
    again.take_head(signer.head(3, 2))
    assert path.read_bytes().startswith(whole)
    assert kinds(path) == ["key", "head"]


@pytest.mark.parametrize("noise", [b"{}x\n", b"[" * 3_000 + b"\n", b"\xff\n", b"3\n"])
def test_noise_is_told_with_its_line(path: Path, noise: bytes) -> None:
    """One sentence, no traceback of another kind."""
    path.parent.mkdir()
    path.write_bytes(b'{"kind": "alarm"}\n' + noise)
    with pytest.raises(WitnessError, match="line 2"):
        opened(path)


def test_a_disk_that_refuses_loses_no_link(path: Path) -> None:
    """An error of the file is logged; nothing is raised into the link."""
    path.parent.mkdir()
    path.mkdir()
    with pytest.raises(WitnessError, match="cannot be read"):
        opened(path)
    path.rmdir()
    witness = opened(path)
    path.parent.rmdir()
    path.parent.write_text(json.dumps({}))
    witness.take_key(Signer().key(1))
