"""``python -m papertrader.ops.workings``: the workings of a server, as its driver starts them.

They serve on a socket that they inherit, tell the driver by a pipe that they live, and end when it
is gone. Nobody else starts them.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import os
import resource
import select
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final

from twisted.internet import reactor
from twisted.logger import globalLogBeginner

from papertrader.net.clock import install_monotonic
from papertrader.ops.heart import (
    GATEWAY_FD,
    GO_FD,
    HEART_FD,
    LISTEN_FD,
    SPARE,
    STACKS_FD,
    WEB_FD,
    Inherited,
)
from papertrader.ops.running import EXIT_FAILED

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4


def confine() -> None:
    """Leave the terminal's signals to the driver, die with it, and let no core be dumped.

    Ends the process if the driver has died before it could be told to die with it.
    """
    # The child of a fork leads no group, except in a container's first process.
    with contextlib.suppress(PermissionError):
        os.setsid()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        prctl = ctypes.CDLL(None).prctl
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        # Memory holds keys and tokens: no other process of this user may read it either.
        prctl(_PR_SET_DUMPABLE, 0)
    if is_alone():
        os._exit(EXIT_FAILED)


def is_alone() -> bool:
    """Tell whether nobody holds the other end of the pipe of heartbeats: there is no driver.

    The number of the parent would not tell: it may be that of a process which takes in orphans, and
    in a container the driver itself may be number 1.
    """
    pipe = select.poll()
    pipe.register(HEART_FD, 0)
    return any(events & (select.POLLERR | select.POLLHUP) for _, events in pipe.poll(0))


def run(kind: str, arguments: Sequence[str]) -> None:
    """Serve until told to stop. Exits with what a failed start says."""
    install_monotonic(reactor)
    died = ""
    if arguments[:1] == ["--died"]:
        died, arguments = arguments[1], arguments[2:]
    module = module_of(kind)
    options = module.Options()
    options.parseOptions(list(arguments))
    # What is printed, and what Twisted logs, goes to the event log alone.
    globalLogBeginner.beginLoggingTo([], redirectStandardIO=True, discardBuffer=True)
    inherited = Inherited(listen=LISTEN_FD, heart=HEART_FD, web=WEB_FD, gateway=GATEWAY_FD)
    service = module.Workings(options, reactor, inherited, died)
    service.startService()
    core: Any = reactor
    core.addSystemEventTrigger("before", "shutdown", service.stopService)
    core.run()


def main(arguments: Sequence[str]) -> None:
    """Run the workings of the kind that the first argument names."""
    confine()
    faulthandler.enable(STACKS_FD, all_threads=True)
    kind, rest = arguments[0], list(arguments[1:])
    if rest[:1] == [SPARE]:
        rest = ["--died", wait_for_turn(kind), *rest[1:]]
    run(kind, rest)


def wait_for_turn(kind: str) -> str:
    """Load all code, then wait until the driver says of what the life before this one died.

    Ends the process if there is no driver any more.
    """
    module_of(kind)
    said = b""
    while not said.endswith(b"\n"):
        octets = os.read(GO_FD, 4_096)
        if not octets:
            os._exit(0)
        said += octets
    os.close(GO_FD)
    return said.decode(errors="replace").rstrip("\n")


def module_of(kind: str) -> Any:
    """Load one half of the house: that of this kind."""
    return import_module(f"papertrader.ops.{kind}_workings")


if __name__ == "__main__":
    main(sys.argv[1:])
