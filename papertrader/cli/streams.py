"""The standard streams of a program that was started without one of them (``<&-``, ``2>&-``)."""

from __future__ import annotations

import os
import sys


def open_streams() -> None:
    """Open what is closed of the three: nothing is read there, and what is written is nobody's.

    Otherwise Python has None in its place, and the next file that is opened has its number.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # The lowest number that is free: this one.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            stream = open(number, "r" if number == 0 else "w", encoding="utf-8", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)
