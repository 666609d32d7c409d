"""On which line of a TOML text each key stands: the standard parser does not tell."""

from __future__ import annotations

import re

_NAME = r"""(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')"""
_KEY = re.compile(rf"\s*({_NAME}(?:\s*\.\s*{_NAME})*)\s*=")
_HEADER = re.compile(rf"\s*\[{{1,2}}\s*({_NAME}(?:\s*\.\s*{_NAME})*)\s*\]")


def lines_of(text: str) -> dict[str, int]:
    """Map each dotted key and section of a valid TOML text to the line where it first stands.

    Keys within inline tables are not listed; their table is.
    """
    lines: dict[str, int] = {}
    section: tuple[str, ...] = ()
    within = ""  # the quotes of a text over several lines that is still open
    for number, line in enumerate(text.split("\n"), start=1):
        if within:
            within = "" if within in line else within
            continue
        if header := _HEADER.match(line):
            section = _parts(header[1])
            lines.setdefault(".".join(section), number)
        elif key := _KEY.match(line):
            name = (*section, *_parts(key[1]))
            lines.setdefault(".".join(name), number)
            lines.setdefault(name[0], number)
            value = line[key.end() :].lstrip()
            if value[:3] in ('"""', "'''") and value.count(value[:3]) == 1:
                within = value[:3]
    return lines


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in re.findall(_NAME, dotted))
