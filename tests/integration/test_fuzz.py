"""The fuzz harness against real processes: conform passes, a short campaign finds nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from papertrader.core.money import SCALE
from papertrader.fuzz import corpus
from papertrader.fuzz.corpus import Kind, Opening, Reference, Sequence, Source, Step, Wait, dumps
from papertrader.fuzz.mutate import put
from papertrader.fuzz.observe import mark_of
from papertrader.fuzz.sequences import send
from papertrader.wire import codec, limits
from papertrader.wire import messages as m
from papertrader.wire.kinds import ResumeFlag
from tests.ports import free_port
from tests.server_kit import Server, running

pytestmark = pytest.mark.slow
CONFORM_S = 900
CANARY_MS = "30000"
"""How long the honest client may wait for an answer on a busy machine: that it is answered, and
keeps its connection, is what is looked at here."""
RUN_S = "120"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for the whole file, on which one may fail to log in as often as one likes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PAPERTRADER_LIMITS_FAILED_LOGINS_PER_ADDRESS", "1000000")
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
        "--corpus", str(tmp_path / "corpus"), "--canary-ms", CANARY_MS, *before,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert pids(server) == before
    kept = sorted((tmp_path / "corpus").glob("*.ptc"))
    assert kept
    again = harness(server, "replay", *map(str, kept[:3]))
    assert again.returncode == 0, again.stdout + again.stderr
    assert server.audit().violations == []


def test_who_resumes_a_session_is_no_stranger_to_it(server: Server, tmp_path: Path) -> None:
    """What an account has written on its order is told to whoever showed its token, and is no
    leak, though the connection was nobody's before."""
    tagged = m.OrderNew(
        client_order_id=77, symbol="IBM", quantity=SCALE, tag=mark_of("a", "abcdefgh")
    )
    order = codec.encode(tagged, correlation=3, seq=1)
    resume = codec.encode(m.Resume(flags=int(ResumeFlag.TAKE_OVER)), correlation=4)
    token = Reference(Source.TOKEN, limits.HEADER_SIZE, 32, 1)
    steps = (
        Step(Kind.OPEN, option=Opening.FIRST),
        send(order, Wait.REPLY),
        Step(Kind.OPEN, 1, option=Opening.HELLO),
        Step(Kind.SEND, 1, resume, Wait.REPLY, references=(token,)),
        send(put(order, 20, "I", 5), Wait.REPLY, 1),
    )
    file = tmp_path / "resumed.ptc"
    file.write_bytes(dumps(Sequence(steps)))
    done = harness(server, "replay", str(file))
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_worker_that_lies_finds_nothing(tmp_path: Path) -> None:
    """Profile relay with the certificate of a worker that is registered and does not run."""
    state = tmp_path / "state"
    with running(state, "--workers", "2"):
        pass
    with running(state, "--workers", "1") as server:
        before = pids(server)
        certificate = state / "tls" / "worker-2"
        done = harness(
            server, "fuzz", "--profile", "relay", "--seconds", "8", "--findings",
            str(tmp_path / "found"), "--inner", f"127.0.0.1:{server.said('master.json')['port']}",
            "--certificate", f"{certificate}.pem", "--key", f"{certificate}.key",
            "--worker-id", "2", "--canary-ms", CANARY_MS, *before,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        assert "rounds on the worker link" in done.stdout
        assert pids(server) == before
        assert server.audit().violations == []


CLIENT = """
import sys
from papertrader.client.blocking import Client
from papertrader.client.errors import PaperTraderError

try:
    with Client(sys.argv[1], sys.argv[2], learn_workers=False, timeout=2.0) as client:
        client.login("ada", "correct horse")
        for ask in (client.portfolio, client.orders, client.transactions, client.account):
            ask()
        client.buy("IBM", 1)
except PaperTraderError as error:
    sys.exit(str(error))
"""


def served(server: Server, tmp_path: Path, program: str) -> subprocess.CompletedProcess[str]:
    """Run a program against a worker that lies, for some seconds."""
    file = tmp_path / "program.py"
    file.write_text(program)
    public = server.state / "tls" / "worker-1-public"
    port = free_port()
    return subprocess.run(
        [
            sys.executable, "-m", "papertrader.fuzz", "serve", "--listen", f"127.0.0.1:{port}",
            "--certificate", f"{public}.pem", "--key", f"{public}.key", "--seconds", "6",
            "--lies", "0.5", "--run-seconds", RUN_S,
            "--run", f"{sys.executable} {file} {{address}} {server.ca}",
        ],
        capture_output=True, text=True, timeout=CONFORM_S, check=False,
    )  # fmt: skip


def test_our_client_survives_a_worker_that_lies(server: Server, tmp_path: Path) -> None:
    """Profile client: it fails and says so, it ends, and what it sends is right."""
    done = served(server, tmp_path, CLIENT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 findings" in done.stdout
    assert " 0 lies" not in done.stdout


def test_a_client_that_crashes_is_found(server: Server, tmp_path: Path) -> None:
    """What the programs print is read."""
    done = served(server, tmp_path, "raise LookupError('put in on purpose')")
    assert done.returncode == 1
    assert "FINDING crash: the program crashed: LookupError: put in on purpose" in done.stdout


def test_minimize_refuses_what_breaks_nothing(server: Server, tmp_path: Path) -> None:
    """A clean sequence cannot be made smaller: one sentence, exit code 2."""
    frame = codec.encode(m.PortfolioGet(), correlation=4)
    steps = (Step(Kind.OPEN, option=Opening.FIRST), send(frame, Wait.REPLY))
    file = tmp_path / "clean.ptc"
    file.write_bytes(corpus.dumps(Sequence(steps)))
    done = harness(server, "minimize", str(file), "-o", str(tmp_path / "small.ptc"))
    assert done.returncode == 2
    assert "nothing to minimize" in done.stderr
