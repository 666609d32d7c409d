"""What is signed so that the journal and the audit log cannot be changed unseen: exact octets.

A *head* says how far both had come at one moment; whoever keeps it elsewhere can tell later whether
they still lead there. The key that signs heads is another one in each epoch (each start of the
master), and every key is signed by the one before it.
"""

from __future__ import annotations

import re
import struct
from typing import Final

import attrs

_KEY: Final = b"PTWP audit key\0"
_HEAD: Final = b"PTWP audit head\0"
_HEAD_LAYOUT: Final = struct.Struct(">QQQ32sQQ32s")
HEAD_KIND: Final = "head"
"""Kind of the entries by which the audit log covers the journal."""
BEGUN_ANEW: Final = "audit key begun anew"
"""Kind of the entry that says that a key was not handed over to, since the last one was lost."""
ENGINE_KIND: Final = "engine"
"""Kind of the entries that say which engine decides from then on (`papertrader.core.desk`)."""
_ENGINE: Final = re.compile(r"engine (\d+) after input (\d+)\Z", re.ASCII)
_DETAIL: Final = re.compile(
    r"batch (\d+) input (\d+) checkpoints (\d+) hash ([0-9a-f]{64})\Z", re.ASCII
)


@attrs.frozen(kw_only=True)
class Head:
    """How far audit log and journal had come: last entry and its hash, last batch, input, hash."""

    epoch: int
    at: int
    audit_seq: int
    audit: bytes
    batch: int
    seq: int
    journal: bytes

    def statement(self) -> bytes:
        """Return the octets that are signed."""
        return _HEAD + _HEAD_LAYOUT.pack(
            self.epoch, self.at, self.audit_seq, self.audit, self.batch, self.seq, self.journal
        )


def key_statement(epoch: int, public: bytes) -> bytes:
    """Return the octets by which a key hands over to the key of ``epoch``."""
    return _KEY + epoch.to_bytes(8, "big") + public


def head_detail(batch: int, seq: int, checkpoints: int, journal: bytes) -> str:
    """Return the detail of a head's entry in the audit log."""
    return f"batch {batch} input {seq} checkpoints {checkpoints} hash {journal.hex()}"


def read_head_detail(detail: str) -> tuple[int, int, int, bytes]:
    """Read (batch, input, checkpoints, hash) of a head's entry; raises `ValueError`."""
    match = _DETAIL.match(detail)
    if match is None:
        raise ValueError("a head of the audit log cannot be read")
    return int(match[1]), int(match[2]), int(match[3]), bytes.fromhex(match[4])


def engine_detail(engine: int, seq: int) -> str:
    """Return the text of the entry that an engine decides all inputs after ``seq``."""
    return f"engine {engine} after input {seq}"


def engine_of(detail: str) -> tuple[int, int]:
    """Return (engine, last input before it) of such a text. Raises `ValueError` for another."""
    found = _ENGINE.match(detail)
    if found is None:
        raise ValueError(f"the audit log's entry {detail!r} names no engine")
    return int(found[1]), int(found[2])
