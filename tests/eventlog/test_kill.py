"""A process killed at any moment: every record whose append had returned is found again."""

from __future__ import annotations

import mmap
import os
import random
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

from papertrader.core.ringlog import RingReader

KILLS = 20
RING_BYTES = 65536

WRITING = """
import mmap, sys
from papertrader.core.logrecord import Level, Source
from papertrader.core.ringlog import RingIdentity, RingWriter
def mapped(path):
    with open(path, "r+b") as file:
        return mmap.mmap(file.fileno(), 0)
ring, returned = mapped(sys.argv[1]), mapped(sys.argv[2])
identity = RingIdentity(boot_id=b"0123456789abcdef", pid=1, started_ns=1, process="p", build="b")
writer = RingWriter(ring, identity)
source = Source("m", "f", "n", 1)
while True:
    size = writer.last_seq * 37 % 1024
    text = b"%d:" % (writer.last_seq + 1) + b"x" * size
    seq = writer.append(Level.INFO, source, text[:1024], wall_ns=1, monotonic_ns=1)
    # One copy of eight octets; struct would zero them first, and a kill may come between.
    returned[:8] = seq.to_bytes(8, "little")
"""


def test_killed_at_random_moments(tmp_path: Path) -> None:
    """Twenty kills: the ring's newest records are there, whole, up to the last that returned."""
    chance = random.Random(2026)
    ring_path, returned_path = tmp_path / "ring", tmp_path / "returned"
    for _ in range(KILLS):
        ring_path.write_bytes(bytes(RING_BYTES))
        returned_path.write_bytes(bytes(mmap.PAGESIZE))
        with open(returned_path, "r+b") as file:
            returned = mmap.mmap(file.fileno(), 0)
        arguments = [sys.executable, "-c", WRITING, str(ring_path), str(returned_path)]
        writer = subprocess.Popen(arguments)
        try:
            wait_for(returned, chance.randrange(1, 3000))
        finally:
            writer.send_signal(signal.SIGKILL)
            writer.wait()
        (last,) = struct.unpack_from("<Q", returned)
        reader = RingReader(ring_path.read_bytes())
        seqs = [record.seq for record in reader.records()]
        # The kill may come between the end of an append and the note that it returned.
        assert last <= seqs[-1] <= last + 1
        assert seqs == list(range(seqs[0], seqs[-1] + 1))
        assert seqs[0] == 1 or len(seqs) > (RING_BYTES - 4096) // 1200
        assert all(record.message.startswith(f"{record.seq}:") for record in reader.records())
        assert reader.torn <= 1


def wait_for(returned: mmap.mmap, count: int) -> None:
    """Return when the writer has written ``count`` records; fail after 90 seconds."""
    deadline = time.monotonic() + 90
    while struct.unpack_from("<Q", returned)[0] < count:
        if time.monotonic() > deadline:
            raise AssertionError("the writer wrote nothing")
        os.sched_yield()
