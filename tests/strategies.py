"""Hypothesis strategies for every row and message of the wire, made from the declarations.

``from tests.strategies import messages, rows`` works because pytest puts the repository's root on
the path (``pythonpath`` in pyproject.toml).
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from papertrader.wire import messages as m
from papertrader.wire import primitives as p
from papertrader.wire.derived import Message as Made
from papertrader.wire.derived import Row
from papertrader.wire.generate import Field, fields_of
from papertrader.wire.schema import BLOCKS, MESSAGES, Message, Section
from papertrader.wire.vectors import TABLES

ROWS_DRAWN = 3
"""Rows drawn for one group at most: more would only be slower."""


def _integers(field: Field) -> st.SearchStrategy[int]:
    bits = 8 * field.size
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if field.code == "q" else (0, 2**bits - 1)
    return st.sampled_from([low, high, 0, 1]) | st.integers(low, high)


def field_values(field: Field) -> st.SearchStrategy[Any]:
    """Every value that a field may hold on the wire."""
    inner = field.inner
    if isinstance(inner, p.Ascii):
        printable = st.characters(min_codepoint=0x21, max_codepoint=0x7E)
        return st.text(printable, max_size=inner.length)
    if isinstance(inner, p.Octets):
        return st.binary(min_size=inner.length, max_size=inner.length)
    if isinstance(inner, p.Bool8):
        return st.booleans()
    if isinstance(inner, p.Choice):
        known = st.sampled_from(list(inner.members))
        return known if inner.strict else known | st.integers(0, 255)
    if isinstance(inner, p.Flags) and inner.strict:
        return st.integers(0, inner.mask).map(lambda bits: bits & inner.mask)
    return _integers(field)


def _block(struct: Any) -> dict[str, st.SearchStrategy[Any]]:
    return {f.name: field_values(f) for f in fields_of(struct) if not f.reserved}


def rows(name: str) -> st.SearchStrategy[Row]:
    """Rows of one kind."""
    cls: type[Row] = getattr(m, name)
    return st.builds(cls, **_block(BLOCKS[name].struct))


def section_values(section: Section) -> st.SearchStrategy[Any]:
    """Every value of a section, absence included where it is allowed."""
    if section.kind == "text":
        most = min(section.size_max, 24)
        given: st.SearchStrategy[Any] = st.text(
            st.characters(codec="utf-8"), min_size=section.size_min, max_size=most
        ).filter(lambda text: len(text.encode()) <= section.size_max)
        absent: Any = None
    elif section.kind == "octets":
        given = st.binary(min_size=section.size_min, max_size=section.size_min + 16)
        absent = b""
    else:
        most = min(section.size_max, ROWS_DRAWN)
        given = st.lists(rows(section.row), min_size=1, max_size=most).map(tuple)
        absent = ()
    return given if section.required else st.just(absent) | given


def messages_of(message: Message) -> st.SearchStrategy[Made]:
    """Every value of one message."""
    sections = {s.attribute: section_values(s) for s in message.sections}
    cls = TABLES[message.shape][message.opcode]
    return st.builds(cls, **_block(message.struct), **sections)


def messages() -> st.SearchStrategy[Made]:
    """Every value of every message."""
    return st.sampled_from(MESSAGES).flatmap(messages_of)
