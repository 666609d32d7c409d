"""Masters in memory whose views are written by a process of their own, as those of a real one are.

The process is not forked, for tests have threads: it is a new one that does the same.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from papertrader.master.engines import place_at
from papertrader.master.views import GATHER_S
from papertrader.master.viewsapart import ViewsApart
from tests.master_kit import MasterKit

PROGRAM = """
import socket, sys
from pathlib import Path
from papertrader.master.engines import place_at
from papertrader.master.viewsapart import serve

state = Path(sys.argv[2])
serve(socket.socket(fileno=int(sys.argv[1])), place_at(state, sys.argv[3]).views, state / "lock")
"""


def new_apart(state: Path, url: str) -> ViewsApart:
    """Return the master's end of a new process that writes the views of a store."""
    ours, theirs = socket.socketpair()
    with theirs:
        child = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(theirs.fileno()), str(state), url],
            pass_fds=[theirs.fileno()],
        )
    child.returncode = 0  # The other end waits for it; nobody else needs to.
    return ViewsApart(ours, child.pid, place_at(state, url).views)


class ApartKit(MasterKit):
    """A master in memory with such a process."""

    apart: ViewsApart

    def new_apart(self) -> ViewsApart:
        """Begin one with each master."""
        self.apart = new_apart(self.state_dir, self.master_rules().store_url)
        return self.apart

    def turn(self, seconds: float = 0.0) -> None:
        """Let time go on, and what waits to be written be written."""
        super().turn(max(seconds, GATHER_S))

    def kill(self) -> None:
        """Drop the master and its process, as kill -9 would."""
        super().kill()
        self.apart.close()

    def kill_writer(self) -> None:
        """Kill the process alone."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.apart.pid, signal.SIGKILL)
