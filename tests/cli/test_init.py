"""``papertrader init``: five questions or none, what starts then, and nothing overwritten."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from papertrader.cli.main import main
from papertrader.master.registration import Registration
from papertrader.ops.certificates import certificate_files
from papertrader.ops.installation import unusable
from papertrader.ops.market_variables import MarketSource
from papertrader.ops.ownership import foreign
from papertrader.ops.running import StateLock
from papertrader.ops.settings_file import load_settings
from papertrader.ops.variables import Listen
from tests.server_kit import running

CHEAP = "accounts.starting_cash"


def run(*arguments: str, answers: str = "") -> tuple[int, str]:
    """Run the command as a person would; return its exit code and what it said."""
    done = CliRunner().invoke(main, ["init", *arguments], input=answers)
    return done.exit_code, done.output


def test_five_questions(tmp_path: Path) -> None:
    """Each answer is a setting; the last lines say what to do next."""
    state = tmp_path / "state"
    code, said = run("--state-dir", str(state), answers="simulated\ny\n2\nclosed\n5000.00\n")
    assert code == 0, said
    settings = load_settings(state / "papertrader.toml", {}, {})
    assert settings.market.source is MarketSource.SIMULATED
    assert settings.worker.listen == Listen("0.0.0.0", 2049)
    assert (settings.workers, settings.accounts.registration) == (2, Registration.CLOSED)
    assert settings.accounts.starting_cash == 5_000 * 10**8
    assert "  1. Look through" in said
    assert str(certificate_files(state, "worker-1-public")[0]) in said
    assert certificate_files(state, "worker-2-public")[0].exists()


def test_no_questions(tmp_path: Path) -> None:
    """--yes takes the defaults, and what else is given."""
    state = tmp_path / "state"
    code, said = run("--yes", "--state-dir", str(state), "--market", "simulated")
    assert code == 0, said
    settings = load_settings(state / "papertrader.toml", {}, {})
    assert settings.worker.listen == Listen("127.0.0.1", 2049)
    assert settings.market.source is MarketSource.SIMULATED


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """A second time is refused before anything is asked, and changes nothing."""
    state = tmp_path / "state"
    run("--yes", "--state-dir", str(state))
    before = {path: path.read_bytes() for path in state.rglob("*") if path.is_file()}
    code, said = run("--state-dir", str(state))
    assert code == 1
    assert "is there already" in said
    assert {path: path.read_bytes() for path in state.rglob("*") if path.is_file()} == before


def test_an_answer_that_is_wrong_leaves_nothing_behind(tmp_path: Path) -> None:
    """The settings file is not there, so that the next try is not refused."""
    state = tmp_path / "state"
    code, said = run("--yes", "--state-dir", str(state), "--starting-cash", "much")
    assert code == 1
    assert CHEAP in said
    assert run("--yes", "--state-dir", str(state))[0] == 0


def test_a_place_that_cannot_be_used(tmp_path: Path) -> None:
    """In words, and what to do; what the system calls it is no sentence."""
    (tmp_path / "file").touch()
    state = tmp_path / "file" / "state"
    code, said = run("--yes", "--state-dir", str(state))
    assert code == 1
    assert said.startswith(f"error: cannot use {state}: ")
    assert "; make it writable for you or choose another place" in said
    code, said = run("--state-dir", str(state), answers="")
    assert code == 1
    assert said.startswith(f"error: cannot use {state}: ")
    full = str(unusable(tmp_path, OSError(errno.ENOSPC, "No space left on device")))
    assert re.fullmatch(r"cannot use .*: its disk is full \([\d,]+ KiB are free\); .*", full)
    code, said = run("--yes", "--state-dir", "")
    assert code == 2
    assert "it is empty; name a directory" in said


def test_the_place_is_looked_at_before_anything_is_asked(tmp_path: Path) -> None:
    """Whoever cannot use it answers nothing in vain; who gives up leaves nothing behind."""
    state = tmp_path / "open"
    state.mkdir(mode=0o755)
    state.chmod(0o755)
    code, said = run("--state-dir", str(state), answers="simulated\n")
    assert (code, "Which market" in said) == (1, False)
    assert f"run: chmod 700 {state}" in said
    new = tmp_path / "deep" / "new"
    code, said = run("--state-dir", str(new), answers="simulated\n")
    assert (code, "Which market" in said) == (2, True)
    assert not new.parent.exists()
    assert list(state.iterdir()) == []


def test_what_is_missing_is_made(tmp_path: Path) -> None:
    """More workers than there were; a second time nothing, though a master runs meanwhile."""
    state = tmp_path / "state"
    arguments = ("--yes", "--missing", "--state-dir", str(state))
    assert "is ready" in run(*arguments, "--market", "simulated")[1]
    settings = state / "papertrader.toml"
    settings.write_text(settings.read_text().replace("workers = 1", "workers = 2"))
    before = (state / "tls" / "worker-1.pem").read_bytes()
    lock = StateLock(state, "master")
    lock.acquire()
    code, said = run(*arguments)
    assert (code, "its master runs" in said) == (1, True)
    lock.release()
    code, said = run(*arguments)
    assert (code, "2 workers" in said) == (0, True)
    assert (state / "tls" / "worker-1.pem").read_bytes() == before
    lock.acquire()
    code, said = run(*arguments)
    lock.release()
    assert (code, said) == (0, f"Nothing is missing in {state}.\n")


def test_a_directory_that_is_open_to_others(tmp_path: Path) -> None:
    """One advice, not two: what to run."""
    state = tmp_path / "state"
    assert run("--yes", "--state-dir", str(state))[0] == 0
    (state / "tls" / "master.pem").unlink()
    state.chmod(0o755)
    (state / "tls").chmod(0o755)
    code, said = run("--missing", "--state-dir", str(state))
    assert code == 1
    assert said.rstrip().endswith(f"run: chmod 700 {state / 'tls'}")


def test_nothing_is_made_while_a_master_runs(tmp_path: Path) -> None:
    """New keys that the registry does not know would stand in the way of the next try."""
    state = tmp_path / "state"
    assert run("--yes", "--state-dir", str(state))[0] == 0
    pair = [state / "tls" / f"worker-1.{kind}" for kind in ("pem", "key")]
    for file in pair:
        file.unlink()
    lock = StateLock(state, "master")
    lock.acquire()
    code, said = run("--missing", "--state-dir", str(state))
    assert (code, "its master runs" in said, "nothing was changed" in said) == (1, True, True)
    assert not any(file.exists() for file in pair)
    lock.release()
    assert run("--missing", "--state-dir", str(state))[0] == 0
    assert all(file.exists() for file in pair)


def test_a_store_that_cannot_be_had_leaves_nothing_behind(tmp_path: Path) -> None:
    """The settings file is not there, so that the next try is not refused."""
    state = tmp_path / "state"
    code, said = run("--yes", "--state-dir", str(state), "--store", "postgresql://127.0.0.1:1/x")
    assert code == 1
    assert said.startswith("error: ")
    assert not (state / "papertrader.toml").exists()


@pytest.mark.slow
def test_what_it_makes_can_be_started(tmp_path: Path) -> None:
    """`up` finds everything and makes nothing new."""
    state = tmp_path / "state"
    assert run("--yes", "--state-dir", str(state), "--market", "simulated")[0] == 0
    with running(state) as server:
        assert "making a new installation" not in server.output.read_text()
        assert server.audit().violations == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_root_makes_is_the_owners(tmp_path: Path) -> None:
    """Else no server could open it. A link is not followed; a file with two names is not given."""
    state, elsewhere = tmp_path / "state", tmp_path / "elsewhere"
    assert run("--state-dir", str(state), "--yes")[0] == 0
    for path in (state, *state.rglob("*")):
        os.chown(path, 4321, 4321)
    elsewhere.touch()
    before = state / "run" / "before"
    before.touch()
    (state / "run" / "link").symlink_to(elsewhere)
    os.link(elsewhere, state / "run" / "second")
    for path in (state / "tls").glob("worker-1*"):
        path.unlink()
    for options in (["--state-dir", str(state), "init"], ["init", "--state-dir", str(state)]):
        (state / "truth.db").unlink()
        made = CliRunner().invoke(main, [*options, "--missing"])
        assert made.exit_code == 0, made.output
        assert not {path.name for path in foreign(state)} - {"before", "link", "second"}
    assert (state / "truth.db").stat().st_uid == 4321
    assert (elsewhere.stat().st_uid, before.stat().st_uid) == (0, 0)
