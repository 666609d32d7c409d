"""``papertrader worker`` and ``papertrader ca``: what operators type."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from papertrader.cli.main import main
from papertrader.net.credentials import load_certificates, worker_identity
from papertrader.ops.certificates import certificate_files, make_authority
from papertrader.ops.enrolled import EnrolledWorker, read_enrolled, write_enrolled
from papertrader.ops.enrolling import EnrollError, EnrollmentLine, read_line
from papertrader.ops.handcarried import read_requests, signed_text
from papertrader.ops.running import write_run_file
from papertrader.ops.signer import LocalSigner
from papertrader.wire.kinds import AuthorityStep, BootMode, Opcode, Status
from tests.cli.test_operating import operator
from tests.terminal_kit import Terminal, terminal

__all__ = ["operator", "terminal"]

UUID = "6f1b2c1e-5a77-4e7b-9d3c-0a4b7a1f0c11"
LINE = EnrollmentLine(
    host="192.0.2.1", port=2048, name="far", uuid=UUID, token=b"\1" * 32, authority=b"\2" * 32
)


def test_the_list_and_one_of_it(operator: Terminal) -> None:
    """Names or numbers; state, address, clients, round trip, duplicates, end of the certificate."""
    lines = operator.run("worker", "ls").stdout.splitlines()
    assert lines[1].split()[:4] == ["3", "worker-3", "active", "yes"]
    assert lines[2].split()[:4] == ["4", "far", "pending", "no"]
    shown = operator.run("worker", "show", "worker-3").stdout
    assert "192.0.2.0/24" in shown
    assert shown == operator.run("worker", "show", "3").stdout
    missing = operator.run("worker", "show", "nobody")
    assert missing.exit_code == 2
    assert "there are: worker-3, far" in missing.stderr
    found = json.loads(operator.run("--json", "worker", "ls").stdout)
    assert found["workers"][0]["clients"] == 12


def test_add_prints_one_line_that_enrol_reads(operator: Terminal) -> None:
    """On stdout the line alone; what it is for on stderr."""
    result = operator.run("worker", "add", "far", "--cidr", "192.0.2.0/24", "--address",
                          "master.example.org:2048")  # fmt: skip
    assert result.exit_code == 0, result.output
    line = read_line(result.stdout)
    assert (line.host, line.port, line.token) == ("master.example.org", 2048, b"T" * 32)
    assert "worker enrol" in result.stderr
    assert operator.run("worker", "add", "far").exit_code == 2
    assert operator.run("worker", "add", "far", "--address", "x:y").exit_code == 2


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("",), "'' cannot name a worker; use up to 24"),
        (("f" * 25,), "cannot name a worker; use up to 24"),
        (("far", "--host", "https://far.example.org"), "is neither an IP address nor a DNS name"),
        (("far", "--host", ""), "'' is neither an IP address nor a DNS name"),
        (("far", "--cidr", ""), "--cidr is empty"),
        (("far", "--address", ""), "'' is not HOST:PORT; write for example 127.0.0.1:2048"),
    ],
)
def test_what_cannot_be_added(operator: Terminal, given: tuple[str, ...], said: str) -> None:
    """Wrong usage and no mistake of ours; a network left empty would have let it in from
    everywhere."""
    done = operator.run("worker", "add", *given)
    assert done.exit_code == 2
    assert said in done.stderr
    assert operator.market.bodies(Opcode.WORKER_ADD) == []


def test_a_public_host_that_cannot_be_told(terminal: Terminal) -> None:
    """Said before anything starts."""
    done = terminal.run("worker", "run", "--public-host", "london.example.org:2049")
    assert done.exit_code == 2
    assert "--public-host: 'london.example.org:2049' is neither" in done.stderr


def test_the_masters_port_need_not_be_said(operator: Terminal) -> None:
    """It was taken for a worker's, 2049, with which nobody is enrolled."""
    result = operator.run("worker", "add", "far", "--address", "master.example.org")
    assert read_line(result.stdout).port == 2048


def test_boot_admit_and_rotate(operator: Terminal) -> None:
    """By name; the modes and the seconds go to the server."""
    assert "had 12 clients" in operator.run("worker", "boot", "worker-3", "--drain", "2").stdout
    assert operator.run("worker", "boot", "3", "--revoke").exit_code == 0
    assert "active again" in operator.run("worker", "admit", "3").stdout
    sent = operator.market.bodies(Opcode.WORKER_BOOT)
    assert [each.mode for each in sent] == [BootMode.BOOT, BootMode.REVOKE, BootMode.ADMIT]
    assert sent[0].drain_ms == 2_000
    assert "make new keys: 2 workers" in operator.run("worker", "rotate").stdout
    assert "make new keys: 1 worker;" in operator.run("worker", "rotate", "3").stdout


def test_a_worker_that_has_not_come_in_cannot_be_shut_out(operator: Terminal) -> None:
    """It is told what it is, not that there is none; nothing is sent."""
    for command in ("boot", "admit"):
        result = operator.run("worker", command, "far")
        assert result.exit_code == 2
        assert "far was added and has not been set up" in result.stderr
        assert "good until" in result.stderr
    assert operator.market.bodies(Opcode.WORKER_BOOT) == []


def test_a_directory_that_cannot_be_a_workers(terminal: Terminal, tmp_path: Path) -> None:
    """Enrolled in one that others may read, or run where nothing is enrolled: what to do."""
    place = tmp_path / "open"
    place.mkdir(mode=0o755)
    place.chmod(0o755)
    line = tmp_path / "line"
    line.write_text(str(LINE))
    where = ("--state-dir", str(place), "worker")
    enrolled = terminal.run(*where, "enrol", "--line-file", str(line), state=False)
    assert enrolled.exit_code == 3
    assert f"chmod 700 {place}" in enrolled.stderr
    run = terminal.run(*where, "run", state=False)
    assert run.exit_code == 2
    assert f"--state-dir {place} worker enrol" in run.stderr


@pytest.mark.parametrize("whose", ["master", "paris"])
def test_a_directory_that_is_anothers(terminal: Terminal, tmp_path: Path, whose: str) -> None:
    """A master's, wherever its store is, or another worker's: nothing in it is replaced."""
    place = tmp_path / "own"
    (place / "tls").mkdir(mode=0o700, parents=True)
    if whose == "master":
        (place / "tls" / "master.pem").touch()
    else:
        write_enrolled(
            place,
            EnrolledWorker(
                name=whose, worker_id=4, uuid=UUID, master_host="192.0.2.1", master_port=2048
            ),
        )
    line = tmp_path / "line"
    line.write_text(str(LINE))
    done = terminal.run(
        "--state-dir", str(place), "worker", "enrol", "--line-file", str(line), state=False
    )
    assert done.exit_code == 3
    assert f"{whose}'s; choose another place" in done.stderr


def test_a_name_that_is_taken(operator: Terminal) -> None:
    """How a worker that is registered gets new keys."""
    operator.market.plan(Opcode.WORKER_ADD, Status.NAME_TAKEN)
    done = operator.run("worker", "add", "far", "--address", "192.0.2.1:2048")
    assert (done.exit_code, "worker add far --again" in done.stderr) == (1, True)


def test_certificates_are_read_again_by_workers_alone(
    operator: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a standby, nor a process that has the number of a worker that was killed, is told."""
    state = tmp_path / "told"
    (state / "run").mkdir(mode=0o700, parents=True)
    other = subprocess.Popen(["sleep", "60"])
    sent: list[int] = []
    monkeypatch.setattr(os, "kill", lambda pid, signal: sent.append(pid))
    try:
        for name, pid in (("worker-1", other.pid), ("standby", os.getpid())):
            write_run_file(state, f"{name}.json", {"pid": pid})
        where = ("--state-dir", str(state), "worker", "reload-cert")
        assert "no worker runs" in operator.run(*where, state=False).stderr
        monkeypatch.setattr("papertrader.cli.worker._is_server", lambda pid: True)
        assert "told: worker-1;" in operator.run(*where, state=False).stdout
        # By its number too, as everywhere else.
        assert "told: worker-1;" in operator.run(*where, "1", state=False).stdout
        assert sent == [other.pid] * 2
        none = operator.run(*where, "9", state=False)
        assert (none.exit_code, sent) == (2, [other.pid] * 2)
        assert "no worker 9 runs here; there run: worker-1" in none.stderr
    finally:
        monkeypatch.undo()
        other.kill()
        other.wait()


def test_the_authority_in_words(operator: Terminal) -> None:
    """Status, and a single step."""
    assert "one authority is trusted" in operator.run("ca", "status").stdout
    assert operator.run("ca", "rotate", "--step", "back").exit_code == 0
    assert operator.market.bodies(Opcode.AUTHORITY_CONTROL)[-1].step == AuthorityStep.BACK
    beside = operator.run("ca", "rotate")
    assert beside.exit_code == 2
    assert "is not the master's" in beside.stderr


def test_an_ordinary_login_is_refused(terminal: Terminal) -> None:
    """SCOPE_DENIED, exit code 1."""
    terminal.logged_in()
    terminal.market.plan(Opcode.WORKER_REGISTRY, Status.SCOPE_DENIED)
    assert terminal.run("worker", "ls").exit_code == 1


def test_the_line_is_read_back_and_shows_no_token() -> None:
    """Also with words around it, as it is pasted; a broken one is told."""
    assert read_line(str(LINE)) == LINE
    assert read_line(f"$ papertrader worker add far\n{LINE}\n") == LINE
    assert "01" * 32 not in repr(LINE)
    text = str(LINE)
    for broken in ("", text[:-1], text.replace(UUID, "x"), text.replace(":2048", "")):
        with pytest.raises(EnrollError):
            read_line(broken)


def test_ca_init_before_the_first_start(tmp_path: Path) -> None:
    """Root and issuing authority; a second time it is refused."""
    phrase = tmp_path / "phrase"
    phrase.write_text("a phrase that is long\n")
    words = ["--state-dir", str(tmp_path / "state"), "ca", "init", "--root-key",
             str(tmp_path / "root.key"), "--pass-phrase-file", str(phrase)]  # fmt: skip
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "root.key").stat().st_mode & 0o777 == 0o600
    assert b"ENCRYPTED" in (tmp_path / "root.key").read_bytes()
    again = CliRunner().invoke(main, words)
    assert again.exit_code == 2
    assert "ca rotate" in again.output


def test_enrolling_by_hand(tmp_path: Path) -> None:
    """csr, sign, install: two state directories, nothing but text without secrets between them."""
    far, home = tmp_path / "far", tmp_path / "home"
    make_authority(home, now=datetime.now(UTC))
    run = CliRunner().invoke
    words = ["--state-dir", str(far), "worker", "csr", "--name", "far", "--uuid", UUID]
    asked = run(main, [*words, "--master", "192.0.2.1:2048"])
    assert asked.exit_code == 0, asked.output
    name, csr, public_csr = read_requests(asked.stdout)
    assert name == "far"
    assert "PRIVATE" not in asked.stdout
    assert f"making a place for a worker in {far}\n" in asked.stderr
    signer = LocalSigner(home, lambda: datetime.now(UTC), lambda: None)
    signed = signer.sign(csr, UUID, "far")
    public = signer.sign_public(public_csr or "", UUID, "far", "far.example.org")
    file = tmp_path / "signed"
    file.write_text(signed_text(7, signed.certificate, public, signer.trust()))
    taken = run(main, ["--state-dir", str(far), "worker", "install", str(file)])
    assert taken.exit_code == 0, taken.output
    worker = read_enrolled(far)
    assert worker is not None
    assert (worker.worker_id, worker.master_host) == (7, "192.0.2.1")
    leaf = load_certificates(certificate_files(far, "far")[0])[0]
    assert worker_identity(leaf).spki == signed.spki
    twice = run(main, ["--state-dir", str(far), "worker", "install", str(file)])
    assert twice.exit_code == 2
    assert "no keys wait here" in twice.output
