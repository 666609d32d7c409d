"""The declarations themselves: no construct traps, names, numbers and frozen layouts."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import construct as c
import pytest

import papertrader.wire
from papertrader.core import ledger, refusals
from papertrader.wire import generate, kinds, limits, messages, reference, statuses, vectors
from papertrader.wire import primitives as p
from papertrader.wire.declarations import FAILURE
from papertrader.wire.generate import fields_of, format_of
from papertrader.wire.kinds import Opcode, Status, Tag
from papertrader.wire.messages import EVENTS, REPLIES, REQUESTS
from papertrader.wire.schema import BLOCKS, GROUPS, HEADER_FIELDS, HEADER_STRUCT, MESSAGES

PACKAGE = Path(papertrader.wire.__file__).parent
SOURCES = sorted(PACKAGE.glob("*.py"))
LAYOUTS = Path(__file__).with_name("layouts.txt")

FORBIDDEN = frozenset(
    {
        "GreedyRange", "VarInt", "ZigZag", "Enum", "FlagsEnum", "Flag", "Optional", "Select",
        "Pointer", "PascalString", "CString", "PaddedString", "GreedyString", "PrefixedArray",
        "Prefixed", "FixedSized", "LazyBound", "RepeatUntil", "Switch", "IfThenElse", "If",
        "Padding", "Padded", "Union", "Rebuild", "NullTerminated", "BitStruct", "ExprAdapter",
    }
)  # fmt: skip
"""What construct offers and accepts more with than it should; `compile` is forbidden besides."""
ALLOWED = (c.Struct, c.Renamed, c.FormatField, c.Bytes, c.BytesInteger)
STRICT = (p.Alias, p.Ascii, p.Octets, p.Choice, p.Flags, p.Bool8, p.Zero)
CRITICAL = {Tag.USERNAME, Tag.TRIGGER, Tag.LEGS, Tag.LOTS_KEPT, Tag.DIRECTION}
"""Sections that a request must not be answered without understanding."""
STRUCTS = {
    **{block.name: block.struct for block in BLOCKS.values()},
    **{message.name: message.struct for message in MESSAGES},
    "header": HEADER_STRUCT,
}


def _tree(construct: Any) -> Iterator[Any]:
    yield construct
    for child in (*getattr(construct, "subcons", ()), getattr(construct, "subcon", None)):
        if child is not None:
            yield from _tree(child)


@pytest.mark.clause("2.4")
@pytest.mark.parametrize("name", STRUCTS)
def test_declarations_are_made_of_strict_blocks_only(name: str) -> None:
    """Each declaration is a flat Struct of fixed-size fields, all of them strict."""
    struct = STRUCTS[name]
    assert type(struct) is c.Struct
    for node in _tree(struct):
        assert type(node) in (*ALLOWED, *STRICT), type(node)
    for subcon in struct.subcons:
        assert isinstance(list(_tree(subcon))[-1], (c.FormatField, c.Bytes))
    assert struct.sizeof() == sum(subcon.sizeof() for subcon in struct.subcons)


def _construct_names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id in ("c", "construct"):
                yield node.attr
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("construct"):
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_no_construct_traps_in_the_sources(path: Path) -> None:
    """No module of the package names what construct is lax with, nor compiles anything."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    used = set(_construct_names(tree))
    assert not used & FORBIDDEN
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    compiled = [f for f in calls if isinstance(f, ast.Attribute) and f.attr == "compile"]
    assert all(isinstance(f.value, ast.Name) and f.value.id == "re" for f in compiled)
    bare = {f.id for f in calls if isinstance(f, ast.Name)}
    assert not bare & {"compile", "exec", "eval"}
    # GreedyBytes stands only where what follows was bounded before, and Terminated checks.
    if "GreedyBytes" in used:
        assert path.name == "reference.py"


def test_the_lint_sees_what_it_forbids() -> None:
    """The lint itself finds a trap in a source and in a tree."""
    tree = ast.parse("import construct as c\nx = c.GreedyRange(c.Byte)\n")
    assert set(_construct_names(tree)) & FORBIDDEN
    lax = c.Struct("n" / c.Flag, "s" / c.PascalString(c.Byte, "utf8"))
    assert any(type(node) not in (*ALLOWED, *STRICT) for node in _tree(lax))


def test_every_field_is_documented() -> None:
    """Each field but reserved octets has a name and a meaning; each declaration says what it is."""
    for name, struct in STRUCTS.items():
        if name == "header":
            continue
        for field in fields_of(struct):
            if field.reserved:
                assert not field.name
            else:
                assert field.name.isidentifier(), (name, field.name)
                assert field.docs, (name, field.name)
    assert all(declared.docs for declared in (*BLOCKS.values(), *MESSAGES))


def test_names_and_numbers_are_unique() -> None:
    """No name of a message, row, field, section or number stands for two things."""
    declared = [m.name for m in MESSAGES] + [b for g in GROUPS.values() for b in g.blocks]
    assert not [name for name, count in Counter(declared).items() if count > 1]
    for enumeration in (Opcode, Status, Tag, *kinds_of_fields()):
        assert len(enumeration) == len(enumeration.__members__), enumeration
    for message in MESSAGES:
        names = [f.name for f in fields_of(message.struct) if f.name]
        names += [section.attribute for section in message.sections]
        assert len(set(names)) == len(names), message.name
        tags = [section.tag for section in message.sections]
        assert tags == sorted(set(tags)), message.name
    told = Counter((m.shape, op) for m in MESSAGES for op in (m.opcode, *m.also))
    assert max(told.values()) == 1
    assert {op for m in MESSAGES for op in (m.opcode, *m.also)} == set(Opcode)


def kinds_of_fields() -> set[Any]:
    """Return every enumeration that some field is declared with."""
    return {
        field.inner.members
        for name, struct in STRUCTS.items()
        if name != "header"
        for field in fields_of(struct)
        if isinstance(field.inner, (p.Choice, p.Flags))
    }


def test_tags_say_what_they_are() -> None:
    """Groups have bit 14 and only groups; grease tags are free; few tags are critical."""
    for message in (*MESSAGES, FAILURE):
        for section in message.sections:
            assert bool(section.tag & kinds.TAG_GROUP) == (section.kind == "group")
            assert bool(section.row) == (section.kind == "group")
            assert section.kind in ("text", "octets", "u16", "u32", "group")
            assert bool(section.tag & kinds.TAG_CRITICAL) == (section.tag in CRITICAL)
            if section.kind in ("u16", "u32"):
                width = int(section.kind[1:]) // 8
                assert (section.size_min, section.size_max) == (width, width)
    assert not set(kinds.GREASE_TAGS) & {int(tag) for tag in Tag}
    assert not set(kinds.GREASE_OPCODES) & {int(opcode) for opcode in Opcode}
    assert all(not tag & kinds.TAG_CRITICAL for tag in kinds.GREASE_TAGS)


@pytest.mark.clause("1.3", "18.1")
def test_every_request_has_a_reply_and_every_reply_a_request() -> None:
    """What is asked is answered under the same opcode; events stand alone."""
    assert REQUESTS.keys() == REPLIES.keys()
    assert not EVENTS.keys() & REQUESTS.keys()
    also = {each.name: each.also for each in MESSAGES}
    for opcode in REQUESTS:
        assert opcode == REPLIES[opcode].OPCODE or opcode in also[REPLIES[opcode].__name__]


@pytest.mark.clause("3.1", "7.1")
def test_layouts_never_change_by_accident() -> None:
    """Every layout is the frozen one: lengthening one is a decision, written down here as well."""
    frozen = dict(line.split() for line in LAYOUTS.read_text(encoding="utf-8").splitlines())
    now = {
        name: format_of(fields_of(struct)) for name, struct in STRUCTS.items() if name != "header"
    }
    assert now == frozen
    for name, layout in frozen.items():
        cls = getattr(messages, name)
        assert cls.LAYOUT.format == layout
        assert STRUCTS[name].sizeof() == cls.SIZE


@pytest.mark.clause("2.4", "4.1")
def test_the_header_is_32_octets() -> None:
    """The table of the header, its construct and its struct agree."""
    assert sum(size for _, size, _, _ in HEADER_FIELDS) == limits.HEADER_SIZE
    assert HEADER_STRUCT.sizeof() == limits.HEADER_SIZE
    sizes = [(subcon.name, subcon.sizeof()) for subcon in HEADER_STRUCT.subcons]
    assert sizes == [(name, size) for name, size, _, _ in HEADER_FIELDS]


def test_the_generated_module_is_current(tmp_path: Path) -> None:
    """messages.py is what the generator writes from the declarations of today."""
    written = tmp_path / "messages.py"
    generate.main(written)
    current = (PACKAGE / "messages.py").read_text(encoding="utf-8")
    assert current == generate.source() == written.read_text(encoding="utf-8")


def test_an_integer_section_can_be_declared() -> None:
    """The generator writes integer sections too, though only failures have one today."""
    message = attrs.evolve(FAILURE, name="Sample", struct=c.Struct("x" / p.U8 * "x"))
    source = generate.class_source(message.name, message.docs, message.struct, message)
    assert "    field: int | None = None" in source
    assert "SectionSpec(0x0004, 'field', 'u16', 2, False, 2, None)" in source


@pytest.mark.clause("16.1")
def test_journal_records_are_not_reachable_from_links() -> None:
    """Exactly the records of the journal have opcodes of 0x7Exx, and all are events."""
    journal = {message.opcode for message in GROUPS["journal"].messages}
    assert journal == {opcode for opcode in Opcode if opcode >= kinds.STORE_OPCODES}
    assert journal <= EVENTS.keys()
    assert max(journal) < kinds.STORE_OPCODES + 0x100


@pytest.mark.clause("17.1")
def test_statuses_fit_the_refusals_and_their_ranges() -> None:
    """Refusals of the core have the wire's numbers; each status has a rule and a sentence."""
    for refusal in refusals.Refusal:
        assert Status[refusal.name] == refusal
    assert set(statuses.STATUS_RULES) == set(Status)
    for status, rule in statuses.STATUS_RULES.items():
        assert rule.meaning.endswith(".")
        assert rule.fatal == kinds.is_fatal(status)
        assert rule.retry == kinds.may_retry(status)
        assert rule.stored == kinds.is_stored(status)
        assert not (rule.stored and rule.retry), status
        assert not (rule.fatal and rule.stored), status
    assert all(kinds.is_stored(refusal) for refusal in refusals.Refusal)
    assert {s for s in Status if 0x0100 <= s < 0x0200} <= {s for s in Status if kinds.is_fatal(s)}
    assert {int(k): k.name for k in kinds.TxKind} == {
        int(k): k.name for k in ledger.TransactionKind
    }


@pytest.mark.clause("10.1")
def test_every_limit_has_a_row_in_the_table() -> None:
    """The table of limits and the constants name each other, none left out."""
    constants = {name for name, value in vars(limits).items() if isinstance(value, int)}
    named = [rule.name for rule in limits.RULES]
    assert sorted(named) == sorted(constants)
    assert all(getattr(limits, rule.name) > 0 and rule.meaning for rule in limits.RULES)


@pytest.mark.parametrize("name", sorted(set(STRUCTS) - {"header"}))
def test_defaults_can_be_sent(name: str) -> None:
    """A message or row made without arguments packs, and unpacks to itself."""
    cls = getattr(messages, name)
    assert cls.unpack(cls().pack()) == cls()


def test_the_reference_knows_what_is_missing() -> None:
    """When nothing is wrong with a block, the search for the bad field says so."""
    assert reference.field_at_fault("Heartbeat", bytes(8)) == (0, "does not parse")
    where, why = reference.field_at_fault("SymbolRow", b"a b".ljust(16, b"\0"))
    assert (where, why.split(":")[0]) == (0, "symbol")


@pytest.mark.parametrize(
    ("construct", "good", "bad"),
    [
        (p.Ascii(4, "x"), "USD", ("TOOLONG", "a b", "é", 5, "\0")),
        (p.Choice(kinds.Scope, strict=True), kinds.Scope.READ, (9,)),
        (p.Flags(c.Int8ub, kinds.Topic, strict=True), 3, (16,)),
    ],
)
def test_strict_blocks_refuse_when_building(
    construct: Any, good: Any, bad: tuple[Any, ...]
) -> None:
    """The blocks are as strict when building as when parsing: construct itself can be trusted."""
    assert construct.parse(construct.build(good)) == good
    for value in bad:
        with pytest.raises(c.ConstructError):
            construct.build(value)


def test_construct_builds_what_the_derived_code_builds() -> None:
    """Building through construct gives the octets of `pack`, for every message and row."""
    for name, struct in STRUCTS.items():
        if name == "header":
            continue
        declared = next((m for m in MESSAGES if m.name == name), None)
        for made in [getattr(messages, name)(), *([vectors.full(declared)] if declared else [])]:
            values = {f.name: getattr(made, f.name) for f in fields_of(struct) if f.name}
            assert struct.build(values) == made.pack(), name
