"""The specification: generated tables and vectors are current, and the vectors hold both ways."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import attrs
import pytest

from papertrader.wire import codec, kinds, messages, spec, tables, vectors
from papertrader.wire.derived import Message
from papertrader.wire.errors import RemoteFault
from papertrader.wire.kinds import Status
from papertrader.wire.schema import BLOCKS, MESSAGES
from tests.wire.frames import compare, rebuilt, referred

FRAMES: list[dict[str, Any]] = json.loads((spec.SPECS / "vectors" / "frames.json").read_text())[
    "frames"
]
REFUSED: list[dict[str, Any]] = json.loads((spec.SPECS / "vectors" / "refused.json").read_text())[
    "refused"
]
PROSE = (spec.SPECS / "protocol.rst").read_text(encoding="utf-8")


def test_everything_generated_is_current(capsys: pytest.CaptureFixture[str]) -> None:
    """`--check` finds nothing to write."""
    assert spec.main(["--check"]) == 0
    assert capsys.readouterr().err == ""


def test_two_runs_write_the_same() -> None:
    """The generated texts depend on nothing but the declarations."""
    assert spec.texts(spec.SPECS) == spec.texts(spec.SPECS)


def _copy(tmp_path: Path) -> Path:
    specs = tmp_path / "specs"
    specs.mkdir()
    shutil.copy(spec.SPECS / "protocol.rst", specs)
    return specs


def test_check_tells_what_is_old_and_write_mends_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A changed table and missing vectors exit 1, naming the files; writing makes them current."""
    specs = _copy(tmp_path)
    prose = specs / "protocol.rst"
    prose.write_text(prose.read_text().replace("BAD_MAGIC  ", "WORSE_MAGIC"))
    assert spec.main(["--check", "--specs", str(specs)]) == 1
    told = capsys.readouterr().err
    assert all(name in told for name in ("protocol.rst", "frames.json", "refused.json"))
    assert spec.main(["--specs", str(specs)]) == 0
    assert spec.main(["--check", "--specs", str(specs)]) == 0
    assert prose.read_text() == PROSE


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (".. begin generated: flags\n", ".. begin generated: flagons\n"),
        (".. end generated: flags\n", ""),
        (".. begin generated: flags\n", ".. begin generated: header\n"),
    ],
)
def test_broken_markers_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str
) -> None:
    """A marker that is unknown, unclosed or doubled stops the command with one sentence."""
    specs = _copy(tmp_path)
    (specs / "protocol.rst").write_text(PROSE.replace(old, new))
    assert spec.main(["--specs", str(specs)]) == 1
    assert "marker comments" in capsys.readouterr().err


def test_a_missing_directory_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Outside a checkout the command says so."""
    assert spec.main(["--specs", str(tmp_path / "nowhere")]) == 1
    assert "cannot be read" in capsys.readouterr().err


def test_json_holds_the_whole_schema(capsys: pytest.CaptureFixture[str]) -> None:
    """`--json` prints every message with contiguous fields, every number and every limit."""
    assert spec.main(["--json"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert [message["name"] for message in schema["messages"]] == [m.name for m in MESSAGES]
    for block in (*schema["messages"], *schema["rows"]):
        at = 0
        for field in block["fields"]:
            assert field["offset"] == at
            at += field["octets"]
        assert at == block.get("block_len", block.get("row_len"))
    assert sum(field["octets"] for field in schema["header"]) == 32
    assert len(schema["statuses"]) == len(Status)
    assert {row["name"] for row in schema["rows"]} == BLOCKS.keys()
    used = {f["of"] for b in (*schema["messages"], *schema["rows"]) for f in b["fields"]} - {None}
    assert used <= schema["enumerations"].keys()


# --- vectors -----------------------------------------------------------------------------------


def _value(cls: type[Any], name: str, value: Any) -> Any:
    if isinstance(value, list):
        spec_ = next(s for s in cls.SECTIONS if s.attribute == name)
        return tuple(_built(spec_.row, row) for row in value)
    fields = {field.name: field.type for field in attrs.fields(cls)}
    if fields[name] == "bytes":
        return bytes.fromhex(value)
    if isinstance(value, str) and fields[name] not in ("str", "str | None"):
        return int(value)
    return value


def _built(cls: type[Any], values: dict[str, Any]) -> Any:
    return cls(**{name: _value(cls, name, value) for name, value in values.items()})


@pytest.mark.clause("3.3", "3.6", "19.1")
@pytest.mark.parametrize("vector", FRAMES, ids=lambda vector: vector["id"])
def test_frames_hold_both_ways(vector: dict[str, Any]) -> None:
    """The octets decode to header and values; header and values build the octets."""
    octets = bytes.fromhex(vector["hex"])
    header, made = codec.decode(octets)
    assert compare(octets)
    head = vector["header"]
    for name in header._fields[1:]:
        assert int(head[name]) == getattr(header, name), name
    cls: type[Message] = getattr(messages, vector["message"], codec.Failure)
    assert cls.__name__ == vector["message"]
    assert _built(cls, vector["values"]) == made
    assert (rebuilt(header, _built(cls, vector["values"])) == octets) == vector["canonical"]


@pytest.mark.clause("3.4", "4.4", "6.1", "6.3", "19.2")
@pytest.mark.parametrize("vector", REFUSED, ids=lambda vector: vector["id"])
def test_refused_frames_are_refused_as_said(vector: dict[str, Any]) -> None:
    """Each is refused with its status, and construct refuses it as well."""
    octets = bytes.fromhex(vector["hex"])
    with pytest.raises(RemoteFault) as caught:
        codec.decode(octets)
    assert caught.value.status.name == vector["status"]
    assert caught.value.status == vector["code"]
    assert caught.value.fatal == vector["fatal"]
    assert referred(octets) is None


@pytest.mark.clause("18.1")
def test_every_message_has_vectors() -> None:
    """Each message has a frame with everything and one with as little as possible."""
    ids = {vector["id"] for vector in FRAMES}
    assert len(ids) == len(FRAMES)
    assert len({vector["id"] for vector in REFUSED}) == len(REFUSED)
    for message in MESSAGES:
        assert {f"{message.name}-full", f"{message.name}-least"} <= ids


def test_full_vectors_set_every_field() -> None:
    """In the full vector no section is absent, so that a writer who forgets one is found."""
    by_id = {vector["id"]: vector for vector in FRAMES}
    for message in MESSAGES:
        values = by_id[f"{message.name}-full"]["values"]
        assert {section.attribute for section in message.sections} <= values.keys()


def test_every_request_fault_has_a_vector() -> None:
    """Each status that reading one frame can give stands in the vectors."""
    told = {vector["status"] for vector in REFUSED}
    framing = {s.name for s in Status if 0x0101 <= s <= 0x0107 or 0x0201 <= s <= 0x0207}
    assert told == framing


def test_clauses_exist() -> None:
    """Vectors name clauses that the text has; clauses count without a gap; references hold."""
    clauses = re.findall(r"^\*\*(\d+\.\d+)\*\*", PROSE, re.M)
    by_part: dict[int, list[int]] = {}
    for clause in clauses:
        part, number = map(int, clause.split("."))
        by_part.setdefault(part, []).append(number)
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in by_part.values())
    assert list(by_part) == list(range(1, len(by_part) + 1))
    assert {vector["clause"] for vector in (*FRAMES, *REFUSED)} <= set(clauses)
    parts = set(map(str, by_part))
    for reference in re.findall(r"clauses? (\d+(?:\.\d+)?)", PROSE):
        assert reference in (parts if "." not in reference else clauses), reference


def test_the_prose_names_only_what_exists() -> None:
    """Every word in capitals with an underscore is a status, opcode, limit, member or the like."""
    prose = re.sub(
        r"^\.\. begin generated.*?^\.\. end generated: \S+$", "", PROSE, flags=re.M | re.S
    )
    known = {status.name for status in Status} | {opcode.name for opcode in kinds.Opcode}
    known |= {rule["name"] for rule in spec.schema()["limits"]} | {tag.name for tag in kinds.Tag}
    known |= {m.name or "" for e in tables.enumerations().values() for m in e}
    known |= {"WAIT_HELLO"}
    words = set(re.findall(r"\b[A-Z]+(?:_[A-Z0-9]+)+\b", prose))
    assert words - known == set()


def test_values_that_no_type_refuses_have_no_bad_vector() -> None:
    """Bad-field vectors cover every message that has a field which can be wrong."""
    named = {vector["id"].split("-")[0] for vector in REFUSED}
    able = {
        message.name
        for message in MESSAGES
        if any(vectors.bad_value(f) for f in spec.fields_of(message.struct))
    }
    assert able <= named
