"""Turns on the processor: asked for where the kernel grants them, and nothing else is changed."""

from __future__ import annotations

import ctypes
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from papertrader.ops.turns import TURN_NS, ask_for_short_turns

GRANTS = (6, 12)
"""The kernel from which on it grants them."""
SAYS = """
import os, sys, threading
from pathlib import Path
from papertrader.ops.turns import ask_for_short_turns
from tests.ops.test_turns import turn_of
"""
ASKS = (
    SAYS
    + """
print(turn_of(0), os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0))
print(ask_for_short_turns())
print(turn_of(0), os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0))
"""
)
SERVES = (
    SAYS
    + """
from twisted.internet import reactor
from papertrader.ops.process import Process
process = Process(reactor, Path(sys.argv[1]), "master", 1 << 20)
process.thread("truth")
process.thread("hashing", 2)
process.start()
print(sorted({turn_of(int(each)) for each in os.listdir("/proc/self/task")}))
print(threading.active_count())
sys.stdout.flush()
os._exit(0)
"""
)


def turn_of(thread: int) -> int:
    """Return how long the turns are of a thread of this process, in ns; 0 for the present one."""
    number = {"x86_64": 315, "aarch64": 275}[platform.machine()]
    told = ctypes.create_string_buffer(56)
    done = ctypes.CDLL(None).syscall(number, thread, told, len(told), 0)
    assert done == 0
    return int.from_bytes(told.raw[24:32], sys.byteorder)


def kernel() -> tuple[int, ...]:
    """Return the numbers that the kernel's release begins with."""
    return tuple(int(part) for part in platform.release().split(".")[:2])


linux = pytest.mark.skipif(sys.platform != "linux", reason="Linux alone has them")
granted = pytest.mark.skipif(
    sys.platform != "linux" or kernel() < GRANTS or platform.machine() not in ("x86_64", "aarch64"),
    reason="this kernel grants no turns of one's own",
)


def said(script: str, *before: str, state: Path | None = None) -> list[str]:
    """Run a script in a process of its own; return the lines that it prints."""
    command = [*before, sys.executable, "-c", script, *([] if state is None else [str(state)])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.splitlines()


@granted
def test_turns_become_short_and_the_niceness_stays() -> None:
    """What an operator gave by nice is there afterwards."""
    before, asked, after = said(ASKS, "nice", "-n", "7")
    _, niceness, policy = before.split()
    assert asked == "True"
    assert after.split() == [str(TURN_NS), niceness, policy]
    assert int(before.split()[0]) > TURN_NS


@linux
def test_a_policy_that_somebody_chose_is_left_alone() -> None:
    """Nothing is asked for then."""
    script = "import os; os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))" + ASKS
    before, asked, after = said(script)
    assert asked == "False"
    assert before == after
    assert after.split()[2] == str(os.SCHED_BATCH)


def test_on_a_machine_of_unknown_calls_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The numbers of system calls differ by machine: a wrong one would do something else."""
    monkeypatch.setattr(platform, "machine", lambda: "pdp11")
    assert not ask_for_short_turns()


@granted
def test_every_thread_of_a_server_has_them(tmp_path: Path) -> None:
    """They are asked for before the first of its threads is started."""
    turns, threads = said(SERVES, state=tmp_path)
    assert turns == str([TURN_NS])
    assert int(threads) >= 4
