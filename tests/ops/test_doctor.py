"""``papertrader doctor``: each thing broken, and seen."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import sqlite3
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import attrs
import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from papertrader.cli.main import main
from papertrader.eventlog.tail import Place
from papertrader.master.database import SCHEMA_VERSION, TruthStore
from papertrader.master.engines import StoreError, place_at
from papertrader.master.registry import Registry
from papertrader.master.secondfactor import KEY_FILE
from papertrader.net.credentials import load_certificates, worker_identity
from papertrader.ops.certificates import certificate_files, issue_again
from papertrader.ops.doctor import (
    BEHIND_MAX,
    DISK_FREE_MIN,
    Finding,
    Surroundings,
    Verdict,
    _libraries,
    examine,
    is_read_only,
    kernel_clock,
)
from papertrader.ops.forwarded import FILE, Forwarded
from papertrader.ops.installation import lacks_nothing, prepare, prepare_settings
from papertrader.ops.ownership import owner_of
from papertrader.ops.running import write_run_file
from papertrader.ops.sealing import begin_epoch
from papertrader.ops.sealkey import keep_seal_key, new_seal_key
from papertrader.ops.settings_file import SETTINGS_FILE

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
AROUND = Surroundings(
    now=NOW, environment={}, clock_offset=lambda: 0.001, free_octets=lambda path: 10 * DISK_FREE_MIN
)
"""A machine on which all is well."""


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """An installation as `up` makes it, on ports that are free."""
    made = tmp_path / "state"
    prepare_settings(made, lambda line: None)
    prepare(made, 1, now=NOW, new_uuid=lambda: UUID(int=7))
    listen(made, "127.0.0.1:0")
    return made


def listen(state: Path, worker: str, master: str = "127.0.0.1:0") -> None:
    """Set the ports."""
    text = f'[master]\nlisten = "{master}"\n[worker]\nlisten = "{worker}"\n'
    (state / SETTINGS_FILE).write_text(text)


def seen(state: Path, check: str, **changes: Any) -> Finding:
    """Return the worst finding of a check."""
    order = (Verdict.BAD, Verdict.WARNING, Verdict.SKIPPED, Verdict.GOOD)
    found = [
        each for each in examine(state, attrs.evolve(AROUND, **changes)) if each.check == check
    ]
    return min(found, key=lambda each: order.index(each.verdict))


def test_a_new_installation_is_healthy(state: Path) -> None:
    """Nothing is bad, nothing is a warning, and nothing is changed by looking."""
    before = {path: path.stat().st_mtime_ns for path in state.rglob("*")}
    found = examine(state, AROUND)
    assert {each.verdict for each in found} <= {Verdict.GOOD, Verdict.SKIPPED}, found
    assert {each.check for each in found} == {
        "settings", "permissions", "certificates", "clock", "disk", "schema", "keys", "versions",
        "libraries", "ports", "budget", "server", "figures", "forwarding",
    }  # fmt: skip
    assert {path: path.stat().st_mtime_ns for path in state.rglob("*")} == before


@pytest.mark.parametrize("name", ["", "tls", "tls/master.key", "tls/ca.key", "truth.db"])
def test_what_others_can_read(state: Path, name: str) -> None:
    """T-55: the directory, a key, the store; it says which chmod."""
    path = state / name
    path.chmod(0o755 if path.is_dir() else 0o644)
    found = seen(state, "permissions")
    assert found.verdict is Verdict.BAD
    assert found.advice == f"run: chmod {'700' if path.is_dir() else '600'} {path}"


def test_what_others_own(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of another user, as a command run as root leaves it: whose it is, and what to do."""
    (state / "run").mkdir(0o700, exist_ok=True)
    lock = state / "run" / "master.lock"
    lock.touch()
    seen_as_it_is = Path.lstat

    def lstat(path: Path) -> os.stat_result:
        found = seen_as_it_is(path)
        values = list(found)
        values[stat.ST_UID] += 1 if path == lock else 0
        return os.stat_result(values)

    monkeypatch.setattr(Path, "lstat", lstat)
    found = seen(state, "permissions")
    assert found.verdict is Verdict.BAD
    assert found.what.startswith(f"{lock} belongs to ")
    assert f"chown -R {owner_of(state)} {state}" in found.advice


@pytest.mark.parametrize(("name", "mode"), [("truth.db", 0o400), ("run", 0o500), ("", 0o500)])
def test_what_its_owner_cannot_use(state: Path, name: str, mode: int) -> None:
    """A file or a directory that may not be written to."""
    (state / name).chmod(mode)
    try:
        found = seen(state, "permissions")
    finally:
        (state / name).chmod(0o700)
    assert (found.verdict, found.what) == (
        Verdict.BAD, f"{state / name} cannot be used by its owner",
    )  # fmt: skip
    assert found.advice.endswith(str(state / name))


@pytest.mark.parametrize(
    ("days", "verdict", "name"),
    [(15, Verdict.GOOD, ""), (20, Verdict.WARNING, "worker-1.pem"), (31, Verdict.BAD, "worker-1"),
     (820, Verdict.BAD, "worker-1"), (3_700, Verdict.BAD, "ca.pem")],
)  # fmt: skip
def test_certificates_that_end(state: Path, days: int, verdict: Verdict, name: str) -> None:
    """Fourteen days ahead, and when it is too late; with what renews each."""
    found = seen(state, "certificates", now=NOW + timedelta(days=days))
    assert found.verdict is verdict
    every = examine(state, attrs.evolve(AROUND, now=NOW + timedelta(days=days)))
    assert any(name in each.what for each in every if each.check == "certificates")
    assert bool(found.advice) == (verdict is not Verdict.GOOD)


@pytest.mark.parametrize(("bits", "said"), [(2_048, "an RSA key of 2048 bits"), (3_072, "")])
def test_a_key_of_less_than_128_bits(state: Path, bits: int, said: str) -> None:
    """An operator's own certificate may be RSA; ours are P-256."""
    key = generate_private_key(65_537, bits)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "trade.example")])
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).serial_number(7)
        .public_key(key.public_key()).not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=80)).sign(key, SHA256())
    )  # fmt: skip
    certificate, private = certificate_files(state, "worker-1-public")
    certificate.write_bytes(made.public_bytes(Encoding.PEM))
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    found = seen(state, "certificates")
    assert found.verdict is (Verdict.WARNING if said else Verdict.GOOD), found
    assert said in found.what


@pytest.mark.parametrize(
    ("where", "verdict"),
    [("", Verdict.SKIPPED), ("off", Verdict.SKIPPED), ("127.0.0.1:9464", Verdict.GOOD),
     ("[::1]:9464", Verdict.GOOD), ("0.0.0.0:9464", Verdict.WARNING),
     ("192.0.2.7:9464", Verdict.WARNING)],
)  # fmt: skip
def test_figures_that_leave_the_machine(state: Path, where: str, verdict: Verdict) -> None:
    """They have no TLS: told nowhere by default, and warned of elsewhere than here."""
    if where:
        settings = state / SETTINGS_FILE
        settings.write_text(settings.read_text() + f'[metrics]\nlisten = "{where}"\n')
    assert seen(state, "figures").verdict is verdict


def test_the_log_on_its_way_elsewhere(state: Path) -> None:
    """Not at all, up to date, far behind, and a record that cannot be read."""
    assert seen(state, "forwarding").verdict is Verdict.SKIPPED
    log = state / "log"
    log.mkdir(mode=0o700, exist_ok=True)
    (log / "master-000007.log").write_bytes(b"x" * 100)
    record = Forwarded(receiver="tls://a:1", places={"master": Place(7, 100, 5)}, lost=3)
    record.write(log)
    found = seen(state, "forwarding")
    assert found.verdict is Verdict.GOOD
    assert found.what == "0.0 MiB behind on the way to tls://a:1, 3 entries lost"
    with (log / "master-000008.log").open("wb") as file:
        file.truncate(BEHIND_MAX)
    assert seen(state, "forwarding").verdict is Verdict.GOOD
    (log / "worker-1-000001.log").write_bytes(b"x")
    found = seen(state, "forwarding")
    assert (found.verdict, found.what[:15]) == (Verdict.WARNING, "16 MiB behind o")
    (log / FILE).write_text("{")
    assert seen(state, "forwarding").verdict is Verdict.WARNING


@pytest.mark.parametrize("how", ["noise", "another key", "no key", "from the future", "no set"])
def test_certificates_that_cannot_be_used(state: Path, how: str) -> None:
    """Each is told in one sentence."""
    certificate, key = certificate_files(state, "master")
    now = NOW
    if how == "noise":
        certificate.write_text("noise")
    elif how == "another key":
        key.write_bytes(certificate_files(state, "worker-1")[1].read_bytes())
    elif how == "no key":
        key.unlink()
    elif how == "from the future":
        now = NOW - timedelta(days=2)
    else:
        (state / "tls" / "authorities.json").write_text("noise")
    assert seen(state, "certificates", now=now).verdict is Verdict.BAD


@pytest.mark.parametrize("name", ["master", "worker-1", "worker-1-public"])
def test_a_certificate_that_is_gone(state: Path, name: str) -> None:
    """The server that needs it would not start again; what is left was called good."""
    certificate_files(state, name)[0].unlink()
    found = seen(state, "certificates")
    server = "the master" if name == "master" else "worker-1"
    assert found.verdict is Verdict.BAD
    assert found.what == f"{name}.pem is missing, without which {server} does not start"
    assert "papertrader init --missing" in found.advice


def test_a_certificate_of_a_worker_that_the_settings_want(state: Path) -> None:
    """There are two workers now, and nothing was made for the second."""
    (state / SETTINGS_FILE).write_text("workers = 2\n" + (state / SETTINGS_FILE).read_text())
    assert seen(state, "certificates").what.startswith("worker-2.pem is missing")


@pytest.mark.parametrize(
    ("offset", "verdict"), [(0.9, Verdict.GOOD), (-1.5, Verdict.BAD), (None, Verdict.WARNING)]
)
def test_the_clock(state: Path, offset: float | None, verdict: Verdict) -> None:
    """Off, or kept by nothing."""
    found = seen(state, "clock", clock_offset=lambda: offset)
    assert found.verdict is verdict
    assert kernel_clock() is None or (kernel_clock() is not None and kernel_clock() >= 0)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("free", "verdict", "said"),
    [
        (DISK_FREE_MIN, Verdict.GOOD, "256 MiB free at "),
        (DISK_FREE_MIN - 1, Verdict.WARNING, "below 8.0 MiB (store.low_water) nothing is changed"),
        (8 * 2**20, Verdict.WARNING, "8.0 MiB free"),
        (8 * 2**20 - 1, Verdict.BAD, "less than store.low_water (8.0 MiB): a master that runs"),
        (0, Verdict.BAD, "0.0 MiB free"),
    ],
)
def test_the_disk(state: Path, free: int, verdict: Verdict, said: str) -> None:
    """Little room is a warning; less than the settings allow is what stops trading."""
    settings = state / SETTINGS_FILE
    settings.write_text(settings.read_text() + '[store]\nlow_water = "8 MiB"\n')
    found = seen(state, "disk", free_octets=lambda path: free)
    assert found.verdict is verdict
    assert said in found.what
    assert bool(found.advice) == (verdict is not Verdict.GOOD)


@pytest.mark.parametrize(
    ("url", "environment", "said"),
    [
        ("postgresql://a@127.0.0.1/x", {}, ""),
        ("postgresql://a@[::1]:5433/x", {}, ""),
        ("postgresql:///x?host=/run/postgresql", {}, ""),
        ("postgresql:///x", {"PGHOST": "db.example"}, "may be read and changed"),
        ("postgresql://a@db.example/x", {}, "may be read and changed"),
        ("postgresql://a@192.0.2.7/x?sslmode=prefer", {}, "may be read and changed"),
        ("postgresql://a@db.example/x?sslmode=require", {}, "nobody checks who answers"),
        ("postgresql://a@db.example/x", {"PGSSLMODE": "verify-ca"}, ""),
        ("postgresql://a@db.example/x?sslmode=verify-full", {}, ""),
    ],
)
def test_the_way_to_a_server(state: Path, url: str, environment: dict[str, str], said: str) -> None:
    """Nobody is between on this machine; elsewhere TLS must be demanded."""
    assert seen(state, "server").verdict is Verdict.SKIPPED
    settings = state / SETTINGS_FILE
    settings.write_text(settings.read_text() + f'[store]\nurl = "{url}"\n')
    found = seen(state, "server", environment=environment)
    assert found.verdict is (Verdict.WARNING if said else Verdict.GOOD)
    assert said in found.what


@pytest.mark.parametrize(
    ("version", "verdict"),
    [(SCHEMA_VERSION + 1, Verdict.BAD), (SCHEMA_VERSION - 1, Verdict.WARNING), (None, Verdict.BAD)],
)
def test_the_store(state: Path, version: int | None, verdict: Verdict) -> None:
    """Of a newer program, of an older one, not a store at all."""
    path = state / "truth.db"
    if version is None:
        path.write_bytes(b"noise" * 1_000)
    else:
        db = sqlite3.connect(path)
        db.execute("UPDATE meta SET value = ? WHERE key = 'schema'", (str(version),))
        db.commit()
        db.close()
    assert seen(state, "schema").verdict is verdict


@pytest.mark.parametrize("left", ["views.db", "tls/audit.key"])
def test_a_store_that_is_gone(state: Path, left: str) -> None:
    """Where a master has run, a store that is not there is no new installation's."""
    (state / "truth.db").unlink()
    assert seen(state, "schema").verdict is Verdict.SKIPPED
    (state / left).touch(0o600)
    found = seen(state, "schema")
    assert (found.verdict, "is gone" in found.what) == (Verdict.BAD, True)
    assert "papertrader restore" in found.advice


def test_views_that_are_damaged(state: Path) -> None:
    """They are made again, not restored."""
    (state / "views.db").write_bytes(b"noise" * 1_000)
    found = seen(state, "schema")
    assert (found.verdict, "papertrader rebuild" in found.advice) == (Verdict.BAD, True)


@pytest.mark.sqlite
def test_a_store_that_is_gone_is_not_made_anew(state: Path) -> None:
    """Neither while its views are there, nor, when nothing is left of it, where it had a key."""
    (state / "truth.db").unlink()
    (state / "views.db").touch(0o600)
    with pytest.raises(StoreError, match=r"truth\.db is gone.*papertrader restore"):
        prepare(state, 1, now=NOW, new_uuid=lambda: UUID(int=7))
    (state / "views.db").unlink()
    prepare(state, 1, now=NOW, new_uuid=lambda: UUID(int=7))
    (state / "tls" / "audit.key").touch(0o600)
    store = TruthStore(place_at(state).truth, "test")
    store.open()
    try:
        with pytest.raises(StoreError, match="a master has run here before"):
            begin_epoch(state, store)
    finally:
        store.close()


@pytest.mark.sqlite
@pytest.mark.parametrize("lost", ["worker-1.pem", "worker-1.key", "master.key"])
def test_a_pair_that_is_lost_is_made_again(state: Path, lost: str) -> None:
    """By what makes whatever is missing; a worker's place in the registry is its new keys'."""
    (state / "tls" / lost).unlink()
    assert not lacks_nothing(state, 1, place_at(state), now=NOW)
    prepare(state, 1, now=NOW, new_uuid=lambda: UUID(int=8))
    assert lacks_nothing(state, 1, place_at(state), now=NOW)
    assert seen(state, "certificates").verdict is Verdict.GOOD
    registry = Registry()
    with contextlib.closing(place_at(state).truth.snapshot()) as db:
        registry.load(db)
    known, own = registry.get(1), load_certificates(state / "tls" / "worker-1.pem")[0]
    assert known is not None
    assert (known.uuid, known.spki) == attrs.astuple(worker_identity(own))[:2]
    later = NOW + timedelta(days=25)
    assert not lacks_nothing(state, 1, place_at(state), now=later)


@pytest.mark.sqlite
def test_what_was_made_while_the_clock_was_ahead_is_made_again(state: Path) -> None:
    """When the clock is right again no link comes about with it: the next start mends that."""
    for each in ("worker-1", "worker-1-public"):
        issue_again(state, each, now=NOW + timedelta(days=43))
    told = seen(state, "certificates")
    assert told.verdict is Verdict.BAD
    assert "papertrader init --missing" in told.advice
    assert not lacks_nothing(state, 1, place_at(state), now=NOW)
    prepare(state, 1, now=NOW, new_uuid=lambda: UUID(int=8))
    assert lacks_nothing(state, 1, place_at(state), now=NOW)
    assert seen(state, "certificates").verdict is Verdict.GOOD


@pytest.mark.sqlite
def test_keys_of_a_stranger_are_not_registered(state: Path, tmp_path: Path) -> None:
    """A pair that is there, and not the registered one, is told, with the way out."""
    prepare_settings(tmp_path / "other", lambda line: None)
    prepare(tmp_path / "other", 1, now=NOW, new_uuid=lambda: UUID(int=9))
    for each in certificate_files(state, "worker-1"):
        each.write_bytes((tmp_path / "other" / "tls" / each.name).read_bytes())
    with pytest.raises(StoreError, match=r"another key .* papertrader init --missing"):
        prepare(state, 1, now=NOW, new_uuid=lambda: UUID(int=8))


def test_the_key_of_the_second_factors(state: Path) -> None:
    """Never made, made, open to others, noise, lost after a start, another than the store's."""
    assert seen(state, "keys").verdict is Verdict.SKIPPED
    (state / "tls" / "audit.key").touch(0o600)
    lost = seen(state, "keys")
    assert lost.verdict is Verdict.WARNING
    assert str(state / KEY_FILE) in lost.advice
    keep_seal_key(state, new_seal_key())
    assert seen(state, "keys").verdict is Verdict.GOOD
    with contextlib.closing(sqlite3.connect(state / "truth.db")) as db:
        for number, name, sealed in ((1, "ann", b""), (2, "bob", bytes(48))):
            db.execute(
                "INSERT INTO account (id, username, username_key, email, password_hash, currency,"
                " privacy, status, created_at, registered_by, failed_tries, totp_seed, totp_step,"
                " last_login_at) VALUES (?, ?, ?, '', '', 'USD', 0, 1, 0, '', 0, ?, 0, 0)",
                (number, name, name, sealed),
            )
        db.commit()
    other = seen(state, "keys")
    assert other.verdict is Verdict.BAD
    assert "does not open the second factors" in other.what
    (state / KEY_FILE).chmod(0o640)
    assert seen(state, "permissions").advice == f"run: chmod 600 {state / KEY_FILE}"
    (state / KEY_FILE).chmod(0o600)
    (state / KEY_FILE).write_text("noise")
    assert "is no key" in seen(state, "keys").what
    (state / KEY_FILE).unlink()
    assert seen(state, "keys").what.startswith(f"{KEY_FILE} is missing, which opens the second")


def test_versions_and_libraries(state: Path) -> None:
    """Too old; missing."""
    assert seen(state, "versions", python=(3, 10)).verdict is Verdict.BAD
    assert seen(state, "versions", openssl=(1, 1)).verdict is Verdict.BAD
    missing = _libraries(("twisted", "a-library-that-is-not-there"))
    assert (missing.verdict, missing.what) == (
        Verdict.BAD, "missing: a-library-that-is-not-there",
    )  # fmt: skip


def test_a_disk_that_can_only_be_read(state: Path) -> None:
    """A file system that the kernel has mounted so after an error: there is room, and no use."""
    found = seen(state, "disk", read_only=lambda path: True)
    assert found.verdict is Verdict.BAD
    assert "can only be read" in found.what
    assert seen(state, "disk").verdict is Verdict.GOOD


@pytest.mark.parametrize(
    ("number", "expected"),
    [(errno.EROFS, True), (errno.EACCES, False), (errno.EOPNOTSUPP, False), (errno.EISDIR, False)],
)
def test_a_file_system_that_only_refuses_to_be_written(
    state: Path, monkeypatch: pytest.MonkeyPatch, number: int, expected: bool
) -> None:
    """Linux shuts one after an error and still calls it writable; other refusals say nothing."""

    def refused(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    before = sorted(state.iterdir())
    assert not is_read_only(state)
    assert sorted(state.iterdir()) == before
    monkeypatch.setattr(os, "open", refused)
    assert is_read_only(state) is expected


def test_a_port_that_somebody_has(state: Path) -> None:
    """Which setting to change."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listen(state, f"127.0.0.1:{taken.getsockname()[1]}")
        found = seen(state, "ports")
        assert found.verdict is Verdict.BAD
        assert "worker.listen" in found.advice
        # A standby has its port though it does not serve; what a dead one left says nothing.
        for file in ("worker-1-driver.json", "worker-1.json"):
            for pid, verdict in ((os.getpid(), Verdict.GOOD), (2**22 + 1, Verdict.BAD)):
                write_run_file(state, file, {"driver": pid})
                assert seen(state, "ports").verdict is verdict


def test_settings_and_budget(state: Path) -> None:
    """Wrong settings, all of them; a live market whose limits do not hold what is wanted."""
    (state / SETTINGS_FILE).write_text("[market]\nspeeed = 3\n")
    assert seen(state, "settings").verdict is Verdict.BAD
    symbols = " ".join(f"S{number}" for number in range(400))
    (state / SETTINGS_FILE).write_text(
        f'[market]\nsource = "live"\nproviders = "twelvedata"\nsymbols = "{symbols}"\n'
        "update_interval_ms = 1000\n"
    )
    assert seen(state, "budget").verdict is Verdict.WARNING


def test_the_command(state: Path, tmp_path: Path) -> None:
    """Exit code 1 when something is bad; JSON for programs; a place where nothing is."""
    (state / "tls" / "ca.key").chmod(0o644)
    result = CliRunner().invoke(main, ["--state-dir", str(state), "doctor"])
    assert result.exit_code == 1
    assert "-> run: chmod 600" in result.output
    found = json.loads(
        CliRunner().invoke(main, ["--state-dir", str(state), "--json", "doctor"]).output
    )
    assert found["healthy"] is False
    assert {each["verdict"] for each in found["findings"]} >= {"BAD", "GOOD"}
    nowhere = CliRunner().invoke(main, ["--state-dir", str(tmp_path / "x"), "doctor"])
    assert nowhere.exit_code == 1
    assert "papertrader up" in nowhere.output
