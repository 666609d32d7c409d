"""The fuzz harness against real processes: conform passes, a short campaign finds nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from papertrader.fuzz import corpus
from papertrader.fuzz.corpus import Kind, Opening, Sequence, Step, Wait
from papertrader.fuzz.sequences import send
from papertrader.wire import codec
from papertrader.wire import messages as m
from tests.server_kit import Server, running

pytestmark = pytest.mark.slow
CONFORM_S = 240


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for the whole file."""
    with running(tmp_path_factory.mktemp("fuzz") / "state") as server:
        yield server


def harness(server: Server, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the harness as a person would."""
    command, *rest = arguments
    return subprocess.run(
        [
            sys.executable, "-m", "papertrader.fuzz", command,
            "--target", server.workers[0], "--tls-ca", str(server.ca), *rest,
        ],
        capture_output=True, text=True, timeout=CONFORM_S, check=False,
    )  # fmt: skip


def pids(server: Server) -> list[str]:
    """Return the processes of the server as options."""
    names = ("master.json", "worker-1.json")
    return [text for name in names for text in ("--pid", str(server.said(name)["pid"]))]


def test_every_case_passes(server: Server, tmp_path: Path) -> None:
    """At least 200 numbered cases, reported as JUnit and JSON; the books are right after it."""
    report, junit = tmp_path / "report.json", tmp_path / "junit.xml"
    done = harness(server, "conform", "--report", str(report), "--junit", str(junit))
    assert done.returncode == 0, done.stdout + done.stderr
    cases = json.loads(report.read_text())["cases"]
    assert len(cases) >= 200
    assert ElementTree.parse(junit).getroot().attrib["failures"] == "0"
    assert server.audit().violations == []


def test_a_campaign_finds_nothing(server: Server, tmp_path: Path) -> None:
    """Ten seconds of all profiles: no finding, no process restarted, a corpus to go on with."""
    before = pids(server)
    done = harness(
        server, "fuzz", "--seconds", "10", "--seed", "5", "--findings", str(tmp_path / "found"),
        "--corpus", str(tmp_path / "corpus"), "--canary-ms", "3000", *before,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert pids(server) == before
    kept = sorted((tmp_path / "corpus").glob("*.ptc"))
    assert kept
    again = harness(server, "replay", *map(str, kept[:3]))
    assert again.returncode == 0, again.stdout + again.stderr
    assert server.audit().violations == []


def test_minimize_refuses_what_breaks_nothing(server: Server, tmp_path: Path) -> None:
    """A clean sequence cannot be made smaller: one sentence, exit code 2."""
    frame = codec.encode(m.PortfolioGet(), correlation=4)
    steps = (Step(Kind.OPEN, option=Opening.FIRST), send(frame, Wait.REPLY))
    file = tmp_path / "clean.ptc"
    file.write_bytes(corpus.dumps(Sequence(steps)))
    done = harness(server, "minimize", str(file), "-o", str(tmp_path / "small.ptc"))
    assert done.returncode == 2
    assert "nothing to minimize" in done.stderr
