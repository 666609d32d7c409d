"""The event log in a real process: its reactor, its threads, its shutdown."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from papertrader.core.logrecord import Level, parse_json

PROCESS = """
import sys
from pathlib import Path
from twisted.internet import reactor
from papertrader.net.clock import Clock, install_monotonic
install_monotonic(reactor)
from twisted.internet.threads import deferToThread
from twisted.logger import Logger, globalLogBeginner, globalLogPublisher
from papertrader.eventlog.log import EventLog
from papertrader.eventlog.settings import EventLogSettings
clock = Clock(reactor)
event_log = EventLog(
    state=Path(sys.argv[1]), process="worker", boot_id=b"0123456789abcdef",
    settings=EventLogSettings(memory_bytes=1 << 20, flush_interval_ms=20), clock=clock,
    publisher=globalLogPublisher, defer_to_thread=deferToThread,
    call_from_thread=reactor.callFromThread,
)
event_log.start()
globalLogBeginner.beginLoggingTo([], redirectStandardIO=True, discardBuffer=True)
log = Logger()
def in_thread():
    log.error("from a thread")
    print("printed")
def end():
    log.info("the last")
    reactor.stop()
reactor.addSystemEventTrigger("before", "shutdown", event_log.stop)
reactor.callWhenRunning(log.info, "running")
def begin():
    deferToThread(in_thread).addCallback(lambda _: clock.call_later(0.1, end))
reactor.callWhenRunning(begin)
reactor.run()
"""


@pytest.mark.slow
def test_a_process_logs_from_start_to_stop(tmp_path: Path) -> None:
    """Entries of the reactor, of a thread and of print arrive in order; nothing is left over."""
    arguments = [sys.executable, "-c", PROCESS, str(tmp_path)]
    ended = subprocess.run(arguments, check=False, timeout=60, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    (path,) = (tmp_path / "log").glob("worker-*.log")
    entries = [parse_json(line) for line in path.read_text("ascii").splitlines()[1:]]
    messages = [entry.message for entry in entries]
    assert messages[-1] == "the last"
    wanted = ["running", "from a thread", "printed", "the last"]
    assert [message for message in messages if message in wanted] == wanted
    assert entries[messages.index("from a thread")].level is Level.ERROR
    assert entries[messages.index("from a thread")].source.function == "in_thread"
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
