"""How far a long job is: at a terminal, for programs, on a pipe, and after an interruption."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from papertrader import progress
from papertrader.cli import backups, operator, visit
from papertrader.cli.invocation import Invocation
from papertrader.cli.place import find_place
from papertrader.client.blocking import Client
from papertrader.master.engines import StoreError
from papertrader.progress import Progress
from papertrader.wire.kinds import Scope
from tests.master_kit import MasterKit
from tests.terminal_kit import PASSWORD, Terminal, terminal

__all__ = ["terminal"]

WAIT_S = 30.0


class Time:
    """Seconds that go on when told."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def walk(bar: Progress, time: Time, total: int, step_s: float) -> None:
    """Do a job of ``total`` steps, each of so many seconds."""
    with bar:
        for done in range(total + 1):
            bar.tell(done, total, "IBM")
            time.seconds += step_s


def test_a_bar_tells_rate_and_time_left(capsys: pytest.CaptureFixture[str]) -> None:
    """At a terminal, drawn in one line that ends with the job."""
    time = Time()
    walk(Progress("import", "symbols", now=time, watched=True), time, 4, 2.0)
    out, err = capsys.readouterr()
    drawn = [each.rstrip() for each in err.split("\r")]
    assert out == ""
    assert drawn[2] == (
        "import  [##########----------]  50 %  2 of 4 symbols  0.5/s  4 s left  IBM"
    )
    assert drawn[-1] == "import  [####################] 100 %  4 of 4 symbols  0.5/s  IBM"
    assert err.endswith("\n")
    assert err.count("\n") == 1


@pytest.mark.parametrize("how", [{"watched": False}, {"watched": True, "quiet": True}])
def test_nothing_on_a_pipe_or_when_quiet(
    capsys: pytest.CaptureFixture[str], how: dict[str, Any]
) -> None:
    """Neither is anything written about what is over in a moment."""
    time = Time()
    walk(Progress("audit", "batches", now=time, **how), time, 50, 1.0)
    walk(Progress("audit", "batches", now=time, watched=True), time, 50, 0.001)
    walk(Progress("audit", "batches", now=time, as_json=True), time, 50, 0.001)
    walk(Progress("audit", "batches", now=time, as_json=True, quiet=True), time, 50, 1.0)
    assert capsys.readouterr() == ("", "")


def test_programs_get_a_line_a_second(capsys: pytest.CaptureFixture[str]) -> None:
    """On standard error, whoever watches: standard output has the result alone."""
    time = Time()
    walk(Progress("audit", "batches", as_json=True, now=time, watched=True), time, 40, 0.1)
    out, err = capsys.readouterr()
    lines = [json.loads(line) for line in err.splitlines()]
    assert out == ""
    assert 3 <= len(lines) <= 4
    first = lines[0]["progress"]
    assert lines[0]["schema"] == 1
    assert (first["job"], first["total"], first["per_second"]) == ("audit", 40, 10.0)
    assert first["left_s"] == pytest.approx((40 - first["done"]) / 10)


def test_whoever_interrupts_is_told_how_things_stand(capsys: pytest.CaptureFixture[str]) -> None:
    """The line ends, then the sentence; the interruption goes on to whom it concerns."""
    time = Time()
    bar = Progress("audit", "batches", again="run it again", now=time, watched=False)
    with pytest.raises(KeyboardInterrupt), bar:
        bar.tell(3, 9)
        raise KeyboardInterrupt
    assert capsys.readouterr().err == "stopped at 3 of 9 batches; run it again\n"
    with pytest.raises(StoreError), bar:
        raise StoreError("another way to end")
    assert capsys.readouterr().err == ""


def test_lengths_of_time() -> None:
    """In the two largest units."""
    told = [progress.span(each) for each in (0.2, 59, 61, 3_599, 7_860)]
    assert told == ["0 s", "59 s", "1 min 1 s", "59 min 59 s", "2 h 11 min"]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state directory with an account in it; its master has stopped."""
    kit = MasterKit(tmp_path)
    kit.client().register()
    kit.stop()
    return tmp_path


def test_the_long_jobs_count_and_are_left_whole(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Audit, replay, rebuild, backup and restore: each counts up to its end. Interrupted anywhere,
    each can be run again, and the books are right."""
    counted: list[tuple[int, int]] = []
    stop_at: list[int] = []

    def tell(_: Progress, done: int, total: int, what: str = "") -> None:
        counted.append((done, total))
        if stop_at and len(counted) > stop_at[0]:
            raise KeyboardInterrupt

    monkeypatch.setattr(Progress, "tell", tell)
    place = ["--state-dir", str(state)]
    saved, again = state / "saved.db", state / "again.db"
    jobs: dict[str, Any] = {
        "audit": (operator.audit_command, place),
        "replay": (operator.replay_command, place),
        "rebuild": (operator.rebuild_command, place),
        "backup": (backups.backup_command, [str(saved), *place]),
        "restore": (backups.restore_command, [str(saved), "--force", *place]),
    }
    runner = CliRunner()
    for name, (command, arguments) in jobs.items():
        counted.clear()
        told = runner.invoke(command, [*arguments, "--json"])
        assert told.exit_code == 0, (name, told.output)
        assert json.loads(told.stdout)["schema"] == 1
        assert any(done == total > 0 for done, total in counted), (name, counted)
        length = len(counted)
        for stop in range(length):
            counted.clear()
            stop_at[:] = [stop]
            given = [str(again) if each == str(saved) and name == "backup" else each
                     for each in arguments]  # fmt: skip
            assert runner.invoke(command, given).exit_code != 0
            stop_at.clear()
            again.unlink(missing_ok=True)
            assert runner.invoke(operator.audit_command, [*place, "--quiet"]).exit_code == 0, name


def test_a_person_who_waits_is_told_for_what(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that takes the connection and says nothing; on a pipe nothing is said."""
    told = threading.Event()
    said: list[str] = []

    def echo(text: str = "", **_: object) -> None:
        said.append(text)
        told.set()

    def dial(endpoint: object, timeout: float) -> object:
        assert told.wait(WAIT_S)
        monkeypatch.setattr(visit, "SILENCE_S", WAIT_S)
        return market.transport(endpoint, timeout)

    market = terminal.market
    options = {**market.options(), "dial": dial, "while_waiting": visit.telling}
    client = Client("127.0.0.1:2049", **options)
    monkeypatch.setattr(visit, "SILENCE_S", 0.0)
    monkeypatch.setattr(visit.click, "echo", echo)
    with client:
        assert client.login("ada", PASSWORD).scope == Scope.TRADE
    assert said[0] == "still waiting for an answer of 127.0.0.1:2049; Ctrl-C gives up"
    place = find_place(Invocation(state_dir=terminal.state))
    monkeypatch.setattr(visit, "SILENCE_S", 0.0)
    del said[:]
    with visit.connect(Invocation(**market.options()), place) as unwatched:
        assert unwatched.login("ada", PASSWORD).scope == Scope.TRADE
        assert unwatched.worker == client.worker
    assert said == []
