"""What the kernel says of running processes: who serves a state directory, memory, descriptors."""

from __future__ import annotations

import os
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")


def of_state(state: Path) -> dict[int, str]:
    """Return the processes whose command line names a state directory: pid and command line."""
    found = {}
    for place in Path("/proc").iterdir():
        if not place.name.isdigit():
            continue
        try:
            line = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(state) in line:
            found[int(place.name)] = line.strip()
    return found


def resident(pid: int) -> int:
    """Return the octets of memory that a process has resident. Raises `OSError` if it is gone."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE


def descriptors(pid: int) -> int:
    """Return how many files a process has open. Raises `OSError` if it is gone."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has used. Raises `OSError` if it is gone."""
    after = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(after[11]) + int(after[12])) / os.sysconf("SC_CLK_TCK")
