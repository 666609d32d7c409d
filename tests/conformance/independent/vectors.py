"""Holds the independent reader against the vectors: ``python -I -S vectors.py SCHEMA VECTORS_DIR``.

Frames that must be accepted give the values that the file names, and those values give the octets;
frames that must be refused are refused with the status that the file names. Each difference is a
line; the exit code is 1 if there is one.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from reader import Refused, Schema


def plain(value: Any) -> Any:
    """Return a value as the vectors write it, with all numbers as text: their width is known."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return value if isinstance(value, bool) else str(value)


def accepted(schema: Schema, vector: dict[str, Any]) -> str:
    """Return what is different about a frame that must be accepted; empty if nothing is."""
    octets = bytes.fromhex(vector["hex"])
    try:
        frame = schema.read(octets)
    except Refused as why:
        return f"refused with {why.status}"
    header = {**frame.header, "magic": frame.header["magic"].decode("ascii")}
    if plain(header) != plain(vector["header"]):
        return f"header {header}"
    values = {key: value for key, value in vector["values"].items() if value is not None}
    if frame.message != vector["message"] or plain(frame.values) != plain(values):
        return f"{frame.message} {frame.values}"
    summed = frame.header["flags"] & schema.flags["CHECKSUM"]
    if not vector["canonical"] or summed or frame.message == "Failure":
        return ""
    return "" if schema.write(frame.message, values, vector["header"], {}) == octets else "written"


def refused(schema: Schema, vector: dict[str, Any]) -> str:
    """Return what is different about a frame that must be refused; empty if nothing is."""
    try:
        schema.read(bytes.fromhex(vector["hex"]))
    except Refused as why:
        right = why.status == vector["status"] and (why.status in schema.fatal) == vector["fatal"]
        return "" if right else f"refused with {why.status}"
    return "accepted"


def main(schema_path: str, directory: str) -> int:
    """Check both files; print what differs."""
    schema = Schema(Path(schema_path))
    told, count = [], 0
    for name, check in (("frames", accepted), ("refused", refused)):
        book = json.loads((Path(directory) / f"{name}.json").read_text(encoding="utf-8"))
        for vector in book[name]:
            count += 1
            different = check(schema, vector)
            if different:
                told.append(f"{vector['id']}: {different}")
    print("\n".join(told) or f"{count} vectors hold")
    return bool(told)


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
