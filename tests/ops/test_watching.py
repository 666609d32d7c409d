"""The watchdog of the workings, their last figures, and systemd's."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest

from papertrader.ops import notify
from papertrader.ops.notify import Notifier
from papertrader.ops.watching import ABORT_S, HANG_S, LOOK_S, START_S, LastFigures, Watchdog

WAIT_S = 60.0
WORDS_MAX = 100_000
"""More than any system's queue of datagrams holds."""


def test_silence_is_ended_once_and_then_for_good() -> None:
    """After HANG_S: abort; ABORT_S later, again and again: kill."""
    watchdog = Watchdog(0.0)
    watchdog.heard(0.0)
    told = [watchdog.look(second * LOOK_S) for second in range(1, 10)]
    assert told == ["", "", "", "", "abort", "", "kill", "kill", "kill"]
    assert (HANG_S, ABORT_S) == (5.0, 2.0)
    assert watchdog.was_silent


def test_a_start_may_take_longer() -> None:
    """Before the first heartbeat the views may have to be made again."""
    watchdog = Watchdog(0.0)
    looks = [watchdog.look(float(second)) for second in range(1, int(START_S) + 1)]
    assert looks[:-1] == [""] * (int(START_S) - 1)
    assert looks[-1] == "abort"


def test_a_machine_with_too_much_to_do_is_no_hang() -> None:
    """Workings that would go on are ended after HANG_S of work, not of waiting for a turn."""
    watchdog = Watchdog(0.0)
    watchdog.heard(0.0)
    told = [watchdog.look(float(second), second / 10) for second in range(1, 61)]
    assert told[:50] == [""] * 50
    assert "abort" in told[50:53]
    sleeping = Watchdog(0.0)
    sleeping.heard(0.0)
    told = [sleeping.look(float(second), 0.1 if second < 3 else None) for second in range(1, 8)]
    assert told.index("abort") <= 5
    awake = Watchdog(0.0)
    for second in range(1, 100):
        awake.heard(float(second))
        assert awake.look(float(second), float(second)) == ""


def test_a_driver_that_stood_still_blames_nobody() -> None:
    """What came while it stood is read after the look: the silence before it does not count."""
    watchdog = Watchdog(0.0)
    watchdog.heard(0.0)
    assert watchdog.look(1.0) == ""
    assert watchdog.look(500.0) == ""
    assert [watchdog.look(500.0 + second) for second in range(1, 5)] == ["", "", "", "abort"]


def test_last_figures_outlive_the_process(tmp_path: Path) -> None:
    """They are those of the last look; a want of memory is seen by the kernel's count."""
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "status").write_text("Name:\tx\nVmRSS:\t  12 kB\nThreads:\t3\n")
    (tmp_path / "7" / "stat").write_text("7 (a ) b) S " + " ".join(map(str, range(1, 50))))
    (tmp_path / "vmstat").write_text("nr_free 5\noom_kill 4\n")
    figures = LastFigures(7, tmp_path)
    assert figures.lines()[0] == "VmRSS: 12 kB", "it has not looked at once"
    assert LastFigures(8, tmp_path).lines() == ["nothing is known"]
    (tmp_path / "7" / "status").write_text("Name:\tx\nState:\tZ (zombie)\nThreads:\t1\n")
    figures.look()
    assert figures.lines()[0] == "VmRSS: 12 kB", (
        "a dead process's figures took the place of a live one's"
    )
    (tmp_path / "7" / "status").unlink()
    figures.look()
    assert figures.lines()[:2] == ["VmRSS: 12 kB", "Threads: 3"]
    assert figures.lines()[2].endswith("in ticks: 11 12")
    assert figures.worked_s is None
    (tmp_path / "7" / "status").write_text("")
    (tmp_path / "7" / "stat").write_text("7 (x) R " + " ".join(map(str, range(1, 50))))
    figures.look()
    assert figures.worked_s == 23 / os.sysconf("SC_CLK_TCK")
    assert not figures.out_of_memory
    (tmp_path / "vmstat").write_text("nr_free 5\noom_kill 5\n")
    assert figures.out_of_memory


def test_systemd_is_told_nothing_where_there_is_none(tmp_path: Path) -> None:
    """Without a socket, or with one that nobody reads, a word is lost and nothing happens."""
    Notifier({}).say("READY=1")
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "nobody")}).say("READY=1")
    assert Notifier({}).watchdog_s == 0.0


def test_a_word_waits_for_room_and_is_lost_if_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as `notify.SAY_S`: systemd may be at something else when its queue is full."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(tmp_path / "ear"))
        notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "ear")})
        waits = filled(ear)
        with monkeypatch.context() as patch:
            patch.setattr(notify, "SAY_S", 0.01)
            notifier.say("lost")
        monkeypatch.setattr(notify, "SAY_S", WAIT_S)
        saying = threading.Thread(target=notifier.say, args=("READY=1",))
        saying.start()
        saying.join(0.2)
        assert saying.is_alive(), "it does not wait"
        ear.settimeout(WAIT_S)
        heard = [ear.recv(64) for _ in range(waits + 1)]
        saying.join(WAIT_S)
    assert heard == [b"x"] * waits + [b"READY=1"]


def filled(ear: socket.socket) -> int:
    """Fill a socket's queue; return how many words it holds."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.setblocking(False)
        for count in range(WORDS_MAX):
            try:
                end.sendto(b"x", ear.getsockname())
            except BlockingIOError:
                return count
    raise AssertionError("it is never full")


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({"WATCHDOG_USEC": "3000000"}, 3.0),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid())}, 3.0),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}, 0.0),
        ({"WATCHDOG_USEC": "soon"}, 0.0),
    ],
)
def test_systemds_watchdog_is_for_the_process_it_names(
    environ: dict[str, str], seconds: float
) -> None:
    """WATCHDOG_PID of another process says that the time is not for this one."""
    assert Notifier(environ).watchdog_s == seconds
