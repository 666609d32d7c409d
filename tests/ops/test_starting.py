"""A start that takes long says how far it is; a quick one says nothing."""

from __future__ import annotations

import os
import resource
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from papertrader.cli import up
from papertrader.core.instants import SECOND
from papertrader.master import viewstore
from papertrader.master.main import Main
from papertrader.ops.files import make_private_directory
from papertrader.ops.master_tap import Options as MasterOptions
from papertrader.ops.options import ServerOptions
from papertrader.ops.running import (
    EXIT_FAILED,
    FILES_WANTED,
    StartError,
    files_for_connections,
    sentence_of,
    widen_files,
    write_run_file,
)
from papertrader.ops.settings import Settings
from papertrader.ops.settings_file import load_settings
from papertrader.ops.starting import TELL_EVERY_S, StartProgress
from papertrader.ops.worker_tap import Options as WorkerOptions
from tests.master_kit import MasterKit


def test_a_line_now_and_then() -> None:
    """Every two seconds, with what is left at the pace so far."""
    now, said = [0], list[str]()
    progress = StartProgress(lambda: now[0], said.append)
    for step in range(1, 11):
        now[0] += SECOND // 2
        progress(step * 1_000, 100_000)
    assert len(said) == 10 // 2 // TELL_EVERY_S
    assert said[0] == (
        "the views are made again from the journal: 4,000 of 100,000 inputs, about 48 seconds to go"
    )
    StartProgress(lambda: now[0], said.append)(100_000, 100_000)
    assert len(said) == 2


def test_a_store_that_is_brought_up_to_date() -> None:
    """Each step is told at once, a copy every two seconds; who waits hears of both."""
    now, said, alive = [0], list[str](), list[int]()
    progress = StartProgress(lambda: now[0], said.append, lambda: alive.append(now[0]))
    for mib in range(0, 1_000, 100):
        progress.store("truth.db is copied", mib << 20, 1_000 << 20)
        now[0] += SECOND
    progress.store("truth.db is brought to schema 6 of 6", 0, 0)
    assert said == [
        *(f"truth.db is copied: {mib} of 1,000 MiB" for mib in (200, 400, 600, 800)),
        "truth.db is brought to schema 6 of 6",
    ]
    assert len(alive) == len(said)


def test_up_waits_as_long_as_there_is_something_to_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Twice as long as it waits for a server that says nothing; then it gives up."""
    state = tmp_path / "state"
    make_private_directory(state / "run")
    pipe, errors = os.pipe()
    os.set_blocking(pipe, False)
    now = [0.0]
    half = up.START_S / 2
    due = {round(k * half): f"papertrader-master: {k} of 5\n" for k in range(1, 5)}

    def sleep(seconds: float) -> None:
        now[0] += 1
        os.write(errors, due.get(int(now[0]), "").encode())
        if now[0] == 5 * half:
            write_run_file(state, "master.json", {"driver": 42})

    monkeypatch.setattr(up, "time", SimpleNamespace(monotonic=lambda: now[0], sleep=sleep))
    supervisor = up.Supervisor(state, load_settings_of(tmp_path), {})
    process: Any = SimpleNamespace(pid=42, poll=lambda: None)
    # What is said does not need the disk, which may be what failed.
    server = up.Server("master", process, pipe, tmp_path / "nowhere" / "master.err")
    supervisor._servers.append(server)
    assert supervisor._wait(server, "master.json") == {"driver": 42}
    assert now[0] > 2 * up.START_S
    assert capsys.readouterr().err == "".join(due.values())
    with pytest.raises(StartError, match="was not ready"):
        supervisor._wait(server, "other.json")
    os.close(errors)
    os.close(pipe)


def test_what_a_server_said_is_kept_where_there_is_room(tmp_path: Path) -> None:
    """Whole lines are shown as they come, all of it is in its file; its last words are an error."""
    pipe, errors = os.pipe()
    os.set_blocking(pipe, False)
    process: Any = SimpleNamespace(pid=42, poll=lambda: 1)
    server = up.Server("master", process, pipe, tmp_path / "master.err")
    assert server.new_lines() == []
    os.write(errors, b"one\ntw")
    assert server.new_lines() == ["one"]
    os.write(errors, b"o\npapertrader-master: error: the store failed\n")
    os.close(errors)
    assert up.Supervisor._last_words(server) == "the store failed"
    assert server.new_lines() == []
    kept = (tmp_path / "master.err").read_text()
    assert kept == "one\ntwo\npapertrader-master: error: the store failed\n"
    os.close(pipe)


def load_settings_of(directory: Path) -> Settings:
    """Return the default settings."""
    path = directory / "papertrader.toml"
    path.touch()
    return load_settings(path, {}, {})


def test_views_that_are_made_again_are_told(tmp_path: Path) -> None:
    """A master of another version of the views reports each of its transactions."""
    kit = MasterKit(tmp_path)
    client = kit.client()
    client.register()
    client.login()
    for number in range(1, 6):
        assert client.order("AAPL", "1").status == 0, number
        kit.turn(0.5)
    kit.stop()
    store = viewstore.ViewStore(tmp_path / "views.db")
    store.open()
    store._set_meta("version", "0")
    store.close()
    told: list[tuple[int, int]] = []
    main = Main(kit.master_rules(), kit.clock, kit.threads, kit.entropy, kit.failures.append, None)
    main.initialize(lambda done, total: told.append((done, total)))
    assert told[-1][0] == told[-1][1] > 5
    main.store.close()
    main.view_store.close()


def test_what_a_failed_start_says_of_a_file() -> None:
    """Which one it is, in words, and where to look; other errors say what they say."""
    error = PermissionError(13, "Permission denied", "/srv/log/master.ring")
    assert sentence_of(error) == (
        "cannot use /srv/log/master.ring: Permission denied; papertrader doctor tells more"
    )
    assert sentence_of(StartError("no key")) == "no key"


@pytest.mark.parametrize("kind", ["master", "worker"])
def test_settings_are_told_without_the_usage(
    kind: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """One line for each error, and how an installation is made where there is none."""
    options: ServerOptions = MasterOptions() if kind == "master" else WorkerOptions()
    for text, said in (
        (None, f"there is no {tmp_path}/papertrader.toml; make it: papertrader init --state-dir"),
        ("workers = 0", "papertrader.toml:1: workers: 0 is wrong"),
    ):
        if text is not None:
            (tmp_path / "papertrader.toml").write_text(text)
        with pytest.raises(SystemExit) as ended:
            options.parseOptions(["--state-dir", str(tmp_path)])
        out, err = capfd.readouterr()
        assert (ended.value.code, out) == (EXIT_FAILED, "")
        assert err.startswith(f"papertrader-{kind}: error: {said}")
        assert err.count("\n") == 1


@pytest.mark.parametrize("kind", ["master", "worker"])
@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--nope"], "option --nope not recognized; see twistd papertrader-"),
        (["extra"], "'extra' is no option; see twistd papertrader-"),
        (["--state-dir"], "option --state-dir requires argument; see"),
        (["--state-dir", ""], "--state-dir is empty; name the directory"),
        (["--state-dir", "/dev/null"], "cannot read /dev/null/papertrader.toml: Not a directory;"),
        (["--set", "workers"], "--set takes name=value, not 'workers'; see"),
        (["--set", "=1"], "--set takes name=value, not '=1'; see"),
    ],
)
def test_wrong_options_are_one_line(
    kind: str, given: list[str], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """What is wrong, not the whole usage; and no stack where a directory cannot be looked into."""
    options: ServerOptions = MasterOptions() if kind == "master" else WorkerOptions()
    with pytest.raises(SystemExit) as ended:
        options.parseOptions(given)
    out, err = capfd.readouterr()
    assert (ended.value.code, out) == (EXIT_FAILED, "")
    assert err.startswith(f"papertrader-{kind}: error: {said}")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--number", "x"], "--number takes a number, not 'x'; see"),
        (["--number", "0"], "--number must be 1 to 64; see"),
        (["--region", ""], "--region takes a number, not ''; see"),
        (["--public-host", "https://a.example"], "--public-host: 'https://a.example' is neither"),
        (["--public-host", "a.example:2049"], "--public-host: 'a.example:2049' is neither"),
        (["--public-host", "a b"], "--public-host: 'a b' is neither"),
        (
            ["--public-host", "b\u00fccher.example"],
            "--public-host: 'b\u00fccher.example' is neither",
        ),
        (["--public-host", "a" * 60 + ".example"], "--public-host: a name of 68 characters"),
    ],
)
def test_wrong_options_of_a_worker(
    given: list[str], said: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """They end it before it starts: a name that cannot be told kept it out for ever."""
    (tmp_path / "papertrader.toml").touch()
    with pytest.raises(SystemExit) as ended:
        WorkerOptions().parseOptions(["--state-dir", str(tmp_path), *given])
    out, err = capfd.readouterr()
    assert (ended.value.code, out) == (EXIT_FAILED, "")
    assert err.startswith(f"papertrader-worker: error: {said}")
    assert err.count("\n") == 1


@pytest.mark.parametrize("host", ["", "192.0.2.1", "2001:db8::1", "London.example.org", "nas"])
def test_a_public_host(host: str, tmp_path: Path) -> None:
    """A name, an address of either kind, or none; clients are told it as it is."""
    (tmp_path / "papertrader.toml").touch()
    options = WorkerOptions()
    options.parseOptions(["--state-dir", str(tmp_path), "--public-host", host])
    assert f"--public-host={host}" in options.given()


@pytest.mark.parametrize(
    ("had", "has"),
    [
        ((1_024, 524_288), (FILES_WANTED, 524_288)),
        ((1_024, 4_096), (4_096, 4_096)),
        ((65_536, 65_536), None),
        ((1_024, resource.RLIM_INFINITY), (FILES_WANTED, resource.RLIM_INFINITY)),
    ],
)
def test_a_server_may_open_the_files_it_needs(
    monkeypatch: pytest.MonkeyPatch, had: tuple[int, int], has: tuple[int, int] | None
) -> None:
    """As many as the system lets it, where the usual limit is lower than its connections."""
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda what: had)
    monkeypatch.setattr(resource, "setrlimit", lambda what, limits: asked.append(limits))
    widen_files()
    assert asked == ([] if has is None else [has])


def test_a_server_that_may_open_too_few_files_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Instead of what the system says when a process cannot be started."""
    monkeypatch.setattr(resource, "getrlimit", lambda what: (100, 100))
    with pytest.raises(StartError, match=r"100 files, and needs 256 .*LimitNOFILE"):
        widen_files()


@pytest.mark.parametrize(
    ("soft", "connections"),
    [(256, 192), (16_384, 16_320), (10, 1), (resource.RLIM_INFINITY, FILES_WANTED)],
)
def test_connections_leave_files_for_the_server_itself(
    monkeypatch: pytest.MonkeyPatch, soft: int, connections: int
) -> None:
    """Otherwise its log and its link were the next to find none."""
    monkeypatch.setattr(resource, "getrlimit", lambda what: (soft, resource.RLIM_INFINITY))
    assert files_for_connections() == connections
