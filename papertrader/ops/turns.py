"""Short turns on the processor for a server.

A server's threads wake, work for some tenths of a millisecond and wait again. Linux since 6.12 lets
a thread say how long its turns are to be (``sched_setattr``, field ``sched_runtime``): one with
shorter turns comes sooner after it woke, beside threads that compute, and is put off sooner itself.
Its share of the processor stays the same, and no right is needed. Where there is no such call, or
it is refused, all stays as it was (``specs/decisions/0023-short-turns.rst``).
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys
from typing import Final

TURN_NS: Final = 100_000
"""The shortest that the kernel grants."""
_ATTRIBUTES: Final = struct.Struct("=IIQiIQQQII")
"""Size, policy, flags, niceness, priority, runtime, deadline, period, clamps."""
_SCHED_SETATTR: Final = {"x86_64": 314, "aarch64": 274, "riscv64": 274}
"""By machine, the number of the system call: C libraries have its name since a short time only."""


def ask_for_short_turns() -> bool:
    """Ask for them, for this thread and those that it starts from now on; tell whether it may.

    A thread whose operator has chosen another policy for it is left as it is.
    """
    if not _is_plain():
        return False
    niceness = os.getpriority(os.PRIO_PROCESS, 0)
    size = _ATTRIBUTES.size
    asked = _ATTRIBUTES.pack(size, os.SCHED_OTHER, 0, niceness, 0, TURN_NS, 0, 0, 0, 0)
    number = _SCHED_SETATTR[platform.machine()]
    return bool(ctypes.CDLL(None).syscall(number, 0, ctypes.c_char_p(asked), 0) == 0)


def _is_plain() -> bool:
    """Tell whether this is a machine of which the calls are known, and nobody chose a policy."""
    if sys.platform != "linux" or sys.maxsize < 2**32 or platform.machine() not in _SCHED_SETATTR:
        return False
    return os.sched_getscheduler(0) == os.SCHED_OTHER
