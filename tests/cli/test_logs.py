"""``papertrader log`` and ``audit --witness`` as somebody types them, right and wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from papertrader.cli.invocation import Invocation
from papertrader.cli.main import main
from papertrader.core.logrecord import Correlation, Level, LogRecord, Source, render_json
from papertrader.eventlog.segments import SegmentFiles
from tests.torture.tamper import Scene, stage

SECOND = 10**9


def write(log: Path, process: str, *entries: tuple[int, Level, str]) -> None:
    """Append entries to a process's files: (second, level, message)."""
    log.mkdir(parents=True, exist_ok=True)
    source = Source(f"papertrader.{process}", f"papertrader/{process}.py", "f", 3)
    files = SegmentFiles(log, process, 1 << 20, 10)
    for second, level, message in entries:
        record = LogRecord(
            seq=second, wall_ns=second * SECOND, monotonic_ns=second, level=level, source=source,
            correlation=Correlation(worker=1, connection=2, request=second), message=message,
        )  # fmt: skip
        files.append((render_json(record) + "\n").encode("ascii"))
    files.close()


def nobody_waits(seconds: float) -> None:
    """Stand for the time between two looks of a command that should have ended."""
    raise AssertionError("it waits")


def run(state: Path, *arguments: str) -> Result:
    """Run a command on a state directory."""
    return CliRunner().invoke(
        main, ["--state-dir", str(state), *arguments], obj=Invocation(sleep=nobody_waits)
    )


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A master and a worker have logged."""
    write(tmp_path / "log", "master", (1, Level.INFO, "one"), (4, Level.WARNING, "four"))
    write(tmp_path / "log", "worker", (2, Level.DEBUG, "two"), (3, Level.INFO, "three"))
    return tmp_path


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], ["one", "three", "four"]),
        (["--level", "debug"], ["one", "two", "three", "four"]),
        (["--level", "warning"], ["four"]),
        (["--module", "papertrader.worker"], ["three"]),
        (["--process", "master"], ["one", "four"]),
        (["--correlation", "1:2:3"], ["three"]),
        (["--since", "1970-01-01T00:00:03"], ["three", "four"]),
        (["--until", "1970-01-01T00:00:03"], ["one"]),
        (["--since", "1970-01-01T01:00:03+01:00", "--limit", "1"], ["four"]),
        (["--since", "9999-12-31"], []),
    ],
)
def test_filters(state: Path, options: list[str], expected: list[str]) -> None:
    """Text and JSON hold the same, in the order of time; where nothing fits, it is said."""
    done = run(state, "log", "show", *options)
    assert [line.rsplit(" ", 1)[1] for line in done.stdout.splitlines()] == expected
    assert done.stderr == ("" if expected else "no entries are like that\n")
    entries = json.loads(run(state, "log", "show", "--json", *options).stdout)["entries"]
    assert [each["msg"] for each in entries] == expected


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--since", "1m", "--until", "2m"], "--until is not after --since"),
        (["--since", "tomorrow"], "is no time"),
        (["--correlation", "abc"], "is no correlation"),
        (["--process", "worker-9"], "no server named worker-9 has logged here"),
        (["--level", "loud"], "'loud' is not one of"),
        (["--limit", "0"], "not in the range"),
    ],
)
def test_what_is_wrong_is_said(state: Path, options: list[str], said: str) -> None:
    """Exit code 2 and a sentence."""
    done = run(state, "log", "show", *options)
    assert done.exit_code == 2
    assert said in done.stderr


@pytest.mark.parametrize("verb", ["show", "follow", "dump"])
@pytest.mark.parametrize("made", [False, True])
def test_before_anything_was_logged(tmp_path: Path, verb: str, made: bool) -> None:
    """There is no directory, or nothing in it: nobody waits for what will not come."""
    if made:
        (tmp_path / "log").mkdir()
    done = run(tmp_path, "log", verb)
    assert done.exit_code == 2
    assert f"no server has logged in {tmp_path / 'log'} yet" in done.stderr


def test_a_server_that_starts_later_is_followed(state: Path) -> None:
    """Its first entries are shown, those that were there before are not; Ctrl-C ends it."""
    steps: list[Callable[[], None]] = [
        lambda: write(state / "log", "master", (5, Level.INFO, "five")),
        lambda: write(state / "log", "late", (6, Level.INFO, "six"), (7, Level.DEBUG, "seven")),
        lambda: None,
    ]

    def sleep(seconds: float) -> None:
        if not steps:
            raise KeyboardInterrupt
        steps.pop(0)()

    done = CliRunner().invoke(
        main, ["--state-dir", str(state), "log", "follow", "--json"], obj=Invocation(sleep=sleep)
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(each["process"], each["msg"]) for each in lines] == [
        ("master", "five"), ("late", "six"),
    ]  # fmt: skip


# --- the witness ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Two starts of a master, all witnessed."""
    return stage(tmp_path_factory.mktemp("scene"), orders=2)


def audited(state: Path, witness: Path) -> tuple[int, dict[str, Any]]:
    """Audit with a witness; return the exit code and what was said."""
    done = CliRunner().invoke(
        main, ["audit", "--state-dir", str(state), "--witness", str(witness), "--json", "--quiet"]
    )
    return done.exit_code, json.loads(done.stdout)


def test_a_true_witness(scene: Scene) -> None:
    """How much was compared is said, so that nothing compared is not taken for it."""
    code, said = audited(scene.state, scene.witness)
    assert (code, said["clean"], said["witnessed_keys"]) == (0, True, 2)
    assert said["witnessed_heads"] >= 2
    text = CliRunner().invoke(
        main, ["audit", "-q", "--state-dir", str(scene.state), "--witness", str(scene.witness)]
    )
    assert f"witnessed: 2 keys, {said['witnessed_heads']} heads\nclean\n" in text.stdout


def test_a_witness_ahead_of_the_store(scene: Scene) -> None:
    """An old copy was put back: the entries that are gone are named."""
    code, said = audited(scene.older, scene.witness)
    assert code == 1
    assert any("an old copy was put back" in each for each in said["violations"])


def test_forged_witnesses(scene: Scene, tmp_path: Path) -> None:
    """Each field of the last head and of the last key changed, one by one: none is believed."""
    lines = scene.witness.read_text().splitlines()
    tried = 0
    for kind in ("head", "key"):
        at = max(n for n, line in enumerate(lines) if json.loads(line)["kind"] == kind)
        true = json.loads(lines[at])
        for name, value in true.items():
            if name == "kind":
                continue
            other = value + 1 if isinstance(value, int) else f"{int(value[0], 16) ^ 1:x}{value[1:]}"
            forged = tmp_path / "forged.jsonl"
            changed = json.dumps(true | {name: other})
            forged.write_text("\n".join([*lines[:at], changed, *lines[at + 1 :]]) + "\n")
            assert audited(scene.state, forged)[0] == 1, name
            tried += 1
    assert tried >= 8


@pytest.mark.parametrize(
    "octets",
    [
        b"noise\n", bytes(range(256)) + b"\n", b"[]\n", b"{}\n", b'{"kind": "head"}\n',
        b'{"kind": "key", "epoch": 1e999, "public": "00", "signature": "00"}\n',
        b'{"kind": "key", "epoch": -1, "public": "00", "signature": "00"}\n', b"[" * 9_000 + b"\n",
    ],
)  # fmt: skip
def test_what_is_no_witness(scene: Scene, tmp_path: Path, octets: bytes) -> None:
    """Exit code 2 and a sentence that names the file."""
    path = tmp_path / "noise.jsonl"
    path.write_bytes(octets)
    done = CliRunner().invoke(
        main, ["audit", "-q", "--state-dir", str(scene.state), "--witness", str(path)]
    )
    assert done.exit_code == 2
    assert str(path) in done.stderr
    assert "Traceback" not in done.stderr
