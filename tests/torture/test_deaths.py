"""Eight kinds of death of a real master: each leaves a whole crash log, and nobody is lost.

What kills it is put in by the interpreter's ``sitecustomize``: when an order for a symbol that does
not exist comes, the master logs its last words and dies in the way that a file says, once. The
client repeats its order by itself and gets its answer from the next life. ``make test`` has two of
the kinds, ``make torture`` all.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from papertrader.client.blocking import Client
from papertrader.client.errors import RefusedError
from papertrader.eventlog.crashes import THE_END
from tests.server_kit import EVENTS_S, PASSWORD, Server

pytestmark = pytest.mark.slow

INJECTION = """
import sys
if "papertrader.ops.workings" in sys.orig_argv and "master" in sys.orig_argv:
    import os, signal, time
    from twisted.logger import Logger
    from papertrader.master.main import Main
    from papertrader.master.transactions import Transactions
    log = Logger("tests.deaths")
    ARMED = os.environ["PT_ARMED"]
    mains = []
    def hang():
        while True:
            time.sleep(0.01)
    def eat():
        with open(os.path.join(os.environ["PT_CGROUP"], "cgroup.procs"), "w") as group:
            group.write(str(os.getpid()))
        eaten = []
        while True:
            eaten.append(b"x" * (1 << 20))
    DEATHS = {
        "SEGV": lambda: os.kill(os.getpid(), signal.SIGSEGV),
        "ABRT": os.abort,
        "KILL": lambda: os.kill(os.getpid(), signal.SIGKILL),
        "EXIT": lambda: os._exit(3),
        "HANG": hang,
        "OOM": eat,
        "BOOKS": lambda: mains[0]._fail("the books are wrong, says a test"),
        "TERM": lambda: os.kill(os.getpid(), signal.SIGTERM),
    }
    real_init = Main.__init__
    def init(self, *arguments):
        mains.append(self)
        real_init(self, *arguments)
    Main.__init__ = init
    real = Transactions.order_new
    def order_new(self, command, session, message):
        how = "SEGV" if message.symbol == "ALWAYS" else ""
        if message.symbol == "ONCE" and os.path.exists(ARMED):
            with open(ARMED) as file:
                how = file.read()
            os.unlink(ARMED)
        if how:
            log.info("last words before {how}", how=how)
            DEATHS[how]()
        return real(self, command, session, message)
    Transactions.order_new = order_new
else:
    # Ten crashes in a row would take three minutes, most of it the driver's waiting.
    from papertrader.ops import restarts
    restarts.BACKOFF_MIN_S = restarts.BACKOFF_MAX_S = 0.1
"""
KINDS = {
    "KILL": "signal SIGKILL",
    "TERM": "exit code 0",
    "SEGV": "signal SIGSEGV",
    "ABRT": "signal SIGABRT",
    "EXIT": "exit code 3",
    "BOOKS": "exit code 70",
    "HANG": "signal SIGABRT, hung: ended by the watchdog",
    "OOM": "signal SIGKILL, out of memory",
}
TRIED = list(KINDS) if "PAPERTRADER_KILLS" in os.environ else ["TERM", "SEGV"]
WITH_STACKS = ("SEGV", "ABRT", "HANG")
CGROUPS = Path("/sys/fs/cgroup/memory")
OOM_BYTES = 400 << 20


@pytest.fixture(scope="module")
def group() -> Iterator[Path | None]:
    """A control group whose memory ends soon; None where the system lets us make none."""
    path = CGROUPS / f"papertrader-test-{os.getpid()}"
    try:
        path.mkdir()
        (path / "memory.limit_in_bytes").write_text(str(OOM_BYTES))
    except OSError:
        yield None
        return
    yield path
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            path.rmdir()
            return
        except OSError:
            time.sleep(0.1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, group: Path | None) -> Iterator[Server]:
    """One server for the whole file, with what kills its master put in."""
    base = tmp_path_factory.mktemp("deaths")
    (base / "sitecustomize.py").write_text(INJECTION)
    before = dict(os.environ)
    os.environ.update(
        PYTHONPATH=str(base), PT_ARMED=str(base / "armed"), PT_CGROUP=str(group or "")
    )
    server = Server(base / "state")
    try:
        server.start()
        with Client(server.workers, server.ca) as client:
            client.register("ann", PASSWORD)
        yield server
        server.stop()
        assert server.audit().violations == []
    finally:
        server.end()
        os.environ.clear()
        os.environ.update(before)


def crash_files(server: Server) -> set[Path]:
    """Return the crash files of the master."""
    return set((server.state / "log").glob("crash-master-*.log"))


def wait_for_crash(server: Server, known: set[Path]) -> str:
    """Return the new crash file's text."""
    deadline = time.monotonic() + EVENTS_S
    while time.monotonic() < deadline:
        new = crash_files(server) - known
        if new:
            return new.pop().read_text()
        time.sleep(0.05)
    raise AssertionError("no crash file was written")


@pytest.mark.parametrize("kind", TRIED)
def test_a_death_leaves_its_log_and_loses_nobody(
    server: Server, group: Path | None, kind: str
) -> None:
    """Status or signal, figures, stacks where there are any, every entry up to the last words."""
    if kind == "OOM" and group is None:
        pytest.skip("no control group for memory can be made here: run it as root with cgroup v1")
    known = crash_files(server)
    with Client(server.workers, server.ca, timeout=90, patient=True) as client:
        client.login("ann", PASSWORD)
        (server.state.parent / "armed").write_text(kind)
        began = time.monotonic()
        # The order is repeated by the client itself; the next life knows no such symbol.
        with pytest.raises(RefusedError) as refused:
            client.buy("ONCE", 1)
        took = time.monotonic() - began
        assert refused.value.code == "NO_SUCH_SYMBOL"
        assert client.portfolio().cash > 0
    text = wait_for_crash(server, known)
    assert text.startswith("The workings of master (process ")
    assert f"died: {KINDS[kind]}\n" in text
    assert text.endswith(THE_END)
    entries = re.findall(r"^[* ] (\d+) \d{4}-\d\d-\d\dT\S+Z [A-Z]+ (.*)$", text, re.M)
    numbers = [int(number) for number, _ in entries]
    assert numbers == list(range(1, numbers[-1] + 1)), "entries are missing"
    assert any(f"last words before {kind}" in words for _, words in entries)
    assert re.search(r"^VmRSS: +\d+ kB|^VmRSS: \d+ kB", text, re.M)
    stacks = text.partition("--- stacks")[2].partition("--- the event log's memory")[0]
    assert ("in order_new" in stacks) is (kind in WITH_STACKS)
    way = "none" if kind in ("TERM", "BOOKS") else "opcode 0x0201 of account 1"
    assert f"--- command under way: {way}" in text
    shown, deadline = "", time.monotonic() + EVENTS_S
    # The log's files are written now and then.
    while f"the life before this one ended by {KINDS[kind]}" not in shown:
        assert time.monotonic() < deadline, shown
        shown = server.cli("log", "show", "--level", "error").stdout
    print(f"{kind}: answered after {took:.1f} s")


def test_a_query_of_death_kills_twice_and_never_again(server: Server) -> None:
    """T-56: the third time it is refused without being looked at; others are served all along."""
    known = crash_files(server)
    with Client(server.workers, server.ca, timeout=120, patient=True) as client:
        client.login("ann", PASSWORD)
        for _ in range(3):
            with pytest.raises(RefusedError) as refused:
                client.buy("ALWAYS", 1, client_order_id=77)
            assert refused.value.code == "COMMAND_POISON"
        order = client.buy("IBM", 1)
        assert order.order_id > 0
    assert len(crash_files(server) - known) == 2
    suspects = (server.state / "log" / "suspects").read_text()
    told = "0x0201 account 1: under way when the workings died of signal SIGSEGV"
    assert suspects.count(told) >= 2


def test_no_core_and_no_debugger(server: Server) -> None:
    """The workings cannot dump core, and other processes of the user may not read their memory."""
    pid = server.said("master.json")["pid"]
    limits = Path(f"/proc/{pid}/limits").read_text()
    assert re.search(r"Max core file size +0 +0 ", limits)
    assert Path(f"/proc/{pid}/environ").stat().st_uid == 0
    probe = subprocess.run(
        ["python3", "-c", f"open('/proc/{pid}/maps').read(1)"],
        capture_output=True, check=False, user=65534 if os.getuid() == 0 else None,
    )  # fmt: skip
    assert probe.returncode != 0
