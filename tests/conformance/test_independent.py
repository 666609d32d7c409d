"""A second implementation, made from the schema's JSON alone, reads, writes, talks and trades.

It runs in processes of their own, without the directories in which this package could be found.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from papertrader.wire import spec
from tests.server_kit import Server, running

HERE = Path(__file__).parent / "independent"
VECTORS = spec.SPECS / "vectors"
DIALOGUES = json.loads((VECTORS / "dialogues.json").read_text(encoding="utf-8"))["dialogues"]
STANDARD = frozenset(sys.stdlib_module_names) | {"reader"}


def isolated(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python without the current directory, the environment and every installed package."""
    return subprocess.run(
        [sys.executable, "-I", "-S", *arguments],
        capture_output=True, text=True, timeout=120, check=False, cwd="/",
    )  # fmt: skip


def program(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run one of the independent programs."""
    return isolated(str(HERE / name), *arguments)


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What ``python -m papertrader.wire.spec --json`` prints, in a file."""
    path = tmp_path_factory.mktemp("schema") / "schema.json"
    done = subprocess.run(
        [sys.executable, "-m", "papertrader.wire.spec", "--json"],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    path.write_text(done.stdout, encoding="utf-8")
    return str(path)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for the whole file."""
    with running(tmp_path_factory.mktemp("independent") / "state") as server:
        yield server


def place(server: Server) -> tuple[str, str, str]:
    """Return host, port and authority for the programs."""
    host, _, port = server.workers[0].rpartition(":")
    return host, port, str(server.ca)


def test_nothing_of_the_package_can_be_imported() -> None:
    """In that isolation an import of papertrader, or of anything installed, fails."""
    done = isolated("-c", "import papertrader")
    assert done.returncode == 1
    assert "ModuleNotFoundError" in done.stderr
    assert isolated("-c", "import attrs").returncode == 1


def test_the_programs_name_the_standard_library_alone() -> None:
    """No import of theirs leaves the standard library and their own directory."""
    for path in HERE.glob("*.py"):
        for line in path.read_text(encoding="utf-8").splitlines():
            words = line.split()
            if words[:1] in (["import"], ["from"]):
                assert words[1].partition(".")[0] in STANDARD, (path.name, line)


@pytest.mark.clause("19.1", "19.2")
def test_the_vectors_hold_for_it(schema: str) -> None:
    """It accepts, refuses and builds the frames of the vectors as they say."""
    done = program("vectors.py", schema, str(VECTORS))
    assert done.returncode == 0, done.stdout
    assert done.stdout.endswith("vectors hold\n")


def test_a_vector_that_does_not_hold_is_found(schema: str, tmp_path: Path) -> None:
    """The comparison itself sees a changed value, and a refused frame under another name."""
    for name in ("frames", "refused"):
        text = (VECTORS / f"{name}.json").read_text(encoding="utf-8")
        changed = text.replace('"AAPL"', '"AAPM"', 1).replace('"BAD_MAGIC"', '"BAD_LENGTH"', 1)
        (tmp_path / f"{name}.json").write_text(changed, encoding="utf-8")
    done = program("vectors.py", schema, str(tmp_path))
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == 2


@pytest.mark.slow
def test_it_logs_in_trades_and_follows_events(schema: str, server: Server) -> None:
    """Every figure it is told agrees with what it computes; the events have no gap."""
    done = program("trade.py", schema, *place(server))
    assert done.returncode == 0, done.stderr + done.stdout
    told = json.loads(done.stdout)
    assert told["foreign"] == []
    assert told["events"] >= 7
    assert told["spent"] > 0
    assert told["quotes"] >= 1
    assert server.audit().violations == []


@pytest.mark.slow
@pytest.mark.clause("19.3", "19.4")
def test_the_dialogues_go_as_they_are_written(schema: str, server: Server) -> None:
    """Each dialogue of the vectors, played against a worker over TLS, ends as it says."""
    done = program("player.py", schema, str(VECTORS / "dialogues.json"), *place(server))
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each for each in told if each["why"]] == [], done.stderr
    assert [each["id"] for each in told] == [each["id"] for each in DIALOGUES]
    assert done.returncode == 0
    assert server.audit().violations == []


@pytest.mark.slow
def test_a_dialogue_that_goes_otherwise_is_found(
    schema: str, server: Server, tmp_path: Path
) -> None:
    """The player sees another status, another value, a missing flag and a connection that stays."""
    changes = {
        "auth-failed": ('"AUTH_FAILED"', '"NO_DATA"'),
        "cancel": ('"state": "CANCELLED"', '"state": "FILLED"'),
        "repeated-command": ('["REPLAYED"]', '["CACHED"]'),
        "bad-magic": ('"BAD_MAGIC"', '"BAD_LENGTH"'),
    }
    book = json.loads((VECTORS / "dialogues.json").read_text(encoding="utf-8"))
    for number, dialogue in enumerate(book["dialogues"]):
        old, new = changes.get(dialogue["id"], ("", ""))
        if old:
            text = json.dumps(dialogue)
            assert old in text, dialogue["id"]
            book["dialogues"][number] = json.loads(text.replace(old, new))
    path = tmp_path / "dialogues.json"
    path.write_text(json.dumps(book), encoding="utf-8")
    done = program("player.py", schema, str(path), *place(server), *changes)
    told = {each["id"]: each["why"] for each in map(json.loads, done.stdout.splitlines())}
    assert told.keys() == changes.keys()
    assert all(told.values()), told
    assert done.returncode == len(changes)
