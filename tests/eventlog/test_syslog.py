"""Entries as syslog messages, read back by a parser that knows the two RFCs alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from papertrader.core.logrecord import PLAIN, Correlation, Level, LogRecord, RecordFlag, Source
from papertrader.eventlog import syslog
from papertrader.eventlog.syslog import (
    FRAME_OCTETS_MAX,
    VALUE_CHARACTERS_MAX,
    entry_message,
    framed,
    host_name,
    is_cut,
    loss_message,
)
from tests.syslog_kit import Frames, Message, message

SOURCE = Source("papertrader.a.b", "papertrader/a/b.py", "C.f", 3)
NS = 1_767_323_045_123_456_789
"""2026-01-02 03:04:05.123456789 UTC."""


def record(
    text: str = "m",
    level: Level = Level.INFO,
    source: Source = SOURCE,
    corr: tuple[int, int, int] = (0, 0, 0),
    flags: RecordFlag = PLAIN,
) -> LogRecord:
    """Return an entry."""
    worker, connection, request = corr
    return LogRecord(
        seq=7, wall_ns=NS, monotonic_ns=1, level=level, source=source, message=text, flags=flags,
        correlation=Correlation(worker=worker, connection=connection, request=request),
    )  # fmt: skip


def sent(entry: LogRecord, host: str = "box") -> Message:
    """Frame an entry and read it back."""
    octets = entry_message(entry, process="worker-1", host=host, identity="worker-1-000001.log:90")
    frames = Frames()
    (found,) = frames.feed(framed(octets))
    assert frames.rest == b""
    assert found.length <= FRAME_OCTETS_MAX
    assert is_cut(octets) is ("cut" in found.values)
    return found


def test_every_field_of_an_entry() -> None:
    """Time, machine, process, place in the code, command, and a name of its own."""
    found = sent(record("buy \u20ac", corr=(1, 2, 3)))
    assert (found.timestamp, found.hostname) == ("2026-01-02T03:04:05.123456Z", "box")
    assert (found.app_name, found.procid, found.msgid) == ("papertrader-worker-1", "-", "event")
    assert found.data == {
        "event@32473": {
            "id": "worker-1-000001.log:90", "seq": "7", "module": "papertrader.a.b",
            "file": "papertrader/a/b.py", "line": "3", "func": "C.f", "corr": "1:2:3",
        }
    }  # fmt: skip
    assert found.text == "buy \u20ac"
    assert "corr" not in sent(record()).values


@pytest.mark.parametrize(
    ("level", "severity"),
    [
        (Level.DEBUG, 7), (Level.INFO, 6), (Level.WARNING, 4), (Level.ERROR, 3),
        (Level.CRITICAL, 2),
    ],
)  # fmt: skip
def test_facility_and_severity(level: Level, severity: int) -> None:
    """As tables 1 and 2 of RFC 5424 have them; every level has one."""
    found = sent(record(level=level))
    assert (found.facility, found.severity) == (3, severity)
    assert syslog.SEVERITY.keys() == set(Level)


def test_continued_and_cut_are_said() -> None:
    """A long traceback comes in several entries, and what the log had cut is not whole here."""
    assert "continued" not in sent(record()).values
    assert sent(record(flags=RecordFlag.CONTINUED)).values["continued"] == "true"
    assert sent(record(flags=RecordFlag.CUT)).values["cut"] == "true"


def test_a_long_text_is_cut_between_characters() -> None:
    """At what every receiver takes, to the octet, and it says so."""
    short = sent(record("")).length
    room = FRAME_OCTETS_MAX - short
    whole = sent(record("x" * room))
    assert (whole.length, "cut" in whole.values) == (FRAME_OCTETS_MAX, False)
    cut = sent(record("x" * (room + 1)))
    assert (cut.length, cut.values["cut"]) == (FRAME_OCTETS_MAX, "true")
    for pad in range(4):
        found = sent(record("x" * pad + "\U0001f600" * 1000))
        assert found.text.strip("x") == "\U0001f600" * (len(found.text) - pad)
        assert FRAME_OCTETS_MAX - 4 < found.length <= FRAME_OCTETS_MAX


def test_long_names_lose_their_front() -> None:
    """And leave room for the text, whatever they are made of."""
    name = "\U0001f600" * 300 + '"]\\' * 200
    found = sent(record("text", source=Source(name, name, name, 2**31)), host="h" * 255)
    assert found.text == "text"
    assert len(found.values["file"]) == VALUE_CHARACTERS_MAX
    assert found.values["file"].endswith('"]\\')


def test_no_text_passes_for_another_message() -> None:
    """Line breaks and what moves a cursor are escapes."""
    found = sent(record("one\n23 <0>1 - - - - - -\r\x1b[2J\u202e\x00\x7f\x85"))
    assert found.text == r"one\n23 <0>1 - - - - - -\r\x1b[2J\u202e\x00\x7f\x85"


def test_a_machine_without_a_name() -> None:
    """The header has printable ASCII alone, and never nothing."""
    assert [host_name(each) for each in ("", "a b", "\u00e9" * 300)] == ["-", "a?b", "?" * 255]


def test_a_loss_is_a_message_of_its_own() -> None:
    """A warning, with how much."""
    found = message(
        loss_message(
            process="master", host="box", identity="before x", wall_ns=NS, files=2, entries=40
        )
    )
    assert (found.severity, found.msgid, found.app_name) == (4, "lost", "papertrader-master")
    assert found.data == {"lost@32473": {"id": "before x", "files": "2", "entries": "40"}}
    assert "at least 40 entries are missing here" in found.text


@given(
    st.text(max_size=3000),
    st.lists(st.text(max_size=300), min_size=3, max_size=3),
    st.sampled_from(Level),
)
def test_whatever_stands_in_an_entry_the_message_is_good(
    text: str, names: list[str], level: Level
) -> None:
    """Any text and any names, surrogates among them."""
    found = sent(record(text, level, Source(*names, 1)))
    if text.isprintable() and "cut" not in found.values:
        assert found.text == text
    for key, name in zip(("module", "file", "func"), names, strict=True):
        if name.isascii() and name.isprintable():
            assert found.values[key] == name[-VALUE_CHARACTERS_MAX:]
