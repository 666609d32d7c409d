"""The text of ``specs/protocol.rst``: its clauses and the tables in them."""

from __future__ import annotations

import re
from typing import Final

from papertrader.wire.spec import SPECS

PROSE: Final = (SPECS / "protocol.rst").read_text(encoding="utf-8")
CLAUSES: Final = tuple(re.findall(r"^\*\*(\d+\.\d+)\*\*", PROSE, re.M))


def text_of(clause: str) -> str:
    """Return the text of a clause, what is generated in it included."""
    start = PROSE.index(f"\n**{clause}**") + 1
    after = re.search(r"^(\*\*\d+\.\d+\*\*|\d+\. .*\n=+$)", PROSE[start + 4 :], re.M)
    return PROSE[start : start + 4 + after.start()] if after else PROSE[start:]


def table_behind(clause: str) -> list[list[str]]:
    """Return the rows of the first table in a clause, without its headings."""
    lines = text_of(clause).splitlines()
    rules = [number for number, line in enumerate(lines) if re.fullmatch(r"=+( +=+)+", line)]
    columns = [(match.start(), match.end()) for match in re.finditer(r"=+", lines[rules[0]])]
    starts = [start for start, _ in columns]
    ends = [*starts[1:], None]
    return [
        [line[start:end].strip() for start, end in zip(starts, ends, strict=True)]
        for line in lines[rules[1] + 1 : rules[2]]
    ]
