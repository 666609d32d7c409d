"""Log entries as text and as JSON."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from papertrader.core.logrecord import (
    NAME_BYTES_MAX,
    Correlation,
    Level,
    LogRecord,
    RecordFlag,
    Source,
    parse_json,
    printable,
    render_json,
    render_text,
)

SOURCE = Source("papertrader.master.main", "papertrader/master/main.py", "Main.start", 42)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)
names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
records = st.builds(
    LogRecord,
    seq=st.integers(1, 2**64 - 1),
    wall_ns=st.integers(0, 2**63 - 1),
    monotonic_ns=st.integers(-(2**63), 2**63 - 1),
    level=st.sampled_from(Level),
    source=st.builds(Source, names, names, names, st.integers(0, 2**32 - 1)),
    correlation=st.builds(
        Correlation,
        worker=st.integers(0, 2**64 - 1),
        connection=st.integers(0, 2**64 - 1),
        request=st.integers(0, 2**32 - 1),
    ),
    message=texts,
    flags=st.sampled_from([RecordFlag(bits) for bits in range(4)]),
)


def entry(message: str, **changes: object) -> LogRecord:
    values: dict[str, object] = {
        "seq": 7,
        "wall_ns": 1_767_323_045_123_456_789,
        "monotonic_ns": 5,
        "level": Level.WARNING,
        "source": SOURCE,
        "correlation": Correlation(worker=1, connection=22, request=333),
        "message": message,
    }
    return LogRecord(**(values | changes))  # type: ignore[arg-type]


def test_text_has_all_that_an_entry_must_have() -> None:
    """Date, time, level, module, file, line, function, correlation and message are there."""
    assert render_text(entry("the queue is full")) == (
        "2026-01-02T03:04:05.123456789Z WARNING papertrader.master.main "
        "papertrader/master/main.py:42 in Main.start [1:22:333]: the queue is full"
    )


def test_json_has_all_that_an_entry_must_have() -> None:
    """The JSON line's fields are those that log viewers and the entry of the protocol need."""
    assert json.loads(render_json(entry("the queue is full"))) == {
        "seq": 7,
        "ts": "2026-01-02T03:04:05.123456789Z",
        "mono": 5,
        "level": "warning",
        "module": "papertrader.master.main",
        "file": "papertrader/master/main.py",
        "line": 42,
        "func": "Main.start",
        "msg": "the queue is full",
        "corr": "1:22:333",
    }


def test_flags_are_told_in_both_forms() -> None:
    """A cut and a continued entry say so; without correlation there is no field for it."""
    record = entry("x", flags=RecordFlag.CUT | RecordFlag.CONTINUED, correlation=Correlation())
    assert render_text(record).endswith("Main.start: (continued) x (cut)")
    told = json.loads(render_json(record))
    assert told["cut"] is True
    assert told["continued"] is True
    assert "corr" not in told


@given(records)
def test_json_is_one_ascii_line_and_reads_back(record: LogRecord) -> None:
    """Whatever an entry says, its line is plain ASCII and gives the same entry back."""
    line = render_json(record)
    assert line.isascii()
    assert line.isprintable()
    assert parse_json(line) == record


@given(records)
def test_text_moves_no_cursor(record: LogRecord) -> None:
    """No control character, bidi override or line separator reaches the reader's terminal."""
    shown = render_text(record)
    bad = {"Cc", "Cf", "Zl", "Zp"}
    assert not [c for c in shown if unicodedata.category(c) in bad and c != "\n"]


def test_a_message_cannot_pass_for_another_entry() -> None:
    """A line break inside a message gets a margin that no entry begins with."""
    forged = entry("hello\n2026-01-02T03:04:05.123456789Z ERROR all is lost\r\x1b[2K\u202e")
    lines = render_text(forged).split("\n")
    assert lines[1].startswith("    | 2026-01-02")
    assert lines[1].endswith("\\r\\x1b[2K\\u202e")


def test_plain_text_stays_as_it_is() -> None:
    """Letters of any script are left alone."""
    assert printable("Größe 價格 5") == "Größe 價格 5"


@pytest.mark.parametrize(
    "line",
    [
        "",
        "[]",
        "{}",
        "null",
        '{"seq":1}',
        '{"segment":1,"previous":"0"}',
        "[" * 100_000,
        render_json(entry("x")).replace("warning", "loud"),
        render_json(entry("x"))[:-1],
    ],
)
def test_other_lines_are_refused(line: str) -> None:
    """What is not an entry gives ValueError and nothing else."""
    with pytest.raises(ValueError, match=r"\w"):
        parse_json(line)


@pytest.mark.parametrize("field", ["worker", "connection", "request"])
@pytest.mark.parametrize("value", [-1, 2**64])
def test_correlation_is_bounded(field: str, value: int) -> None:
    """Numbers that would not fit a record are refused when the correlation is made."""
    with pytest.raises(ValueError, match=field):
        Correlation(**{field: value})


@given(st.text(max_size=400), st.text(max_size=400), st.text(max_size=400))
def test_source_names_are_bounded(module: str, file: str, function: str) -> None:
    """However long or strange names are, their octets fit a record and can be read again."""
    source = Source(module, file, function, 1)
    assert len(source.encoded) <= 3 * NAME_BYTES_MAX + 2
    assert source.encoded.count(b"\0") == 2
    Source.decode(source.encoded, 1)


def test_long_file_names_keep_their_end() -> None:
    """Of a long path, the end says most."""
    source = Source("m", "x" * 500 + "/clock.py", "f", 1)
    assert Source.decode(source.encoded, 1).file.endswith("/clock.py")


def test_damaged_names_are_replaced() -> None:
    """A source with parts missing is still a source."""
    assert Source.decode(b"only", 3) == Source("only", "?", "?", 3)
