"""Entries of the event log as syslog messages: RFC 5424, framed as RFC 5425 frames them.

==========  ==============================  ========================================================
field       what stands there               why
==========  ==============================  ========================================================
PRI         facility 3, severity by level   RFC 5424, tables 1 and 2: "system daemons"; see SEVERITY
TIMESTAMP   the entry's own, microseconds   six digits are the most that RFC 5424 (6.2.3) allows
HOSTNAME    this machine's name
APP-NAME    ``papertrader-`` and process
PROCID      ``-``                           the files do not say it
MSGID       ``event``, or ``lost``
SD          ``event@32473``, below          where the entry was written, and which command it is of
MSG         a BOM, then UTF-8               RFC 5424 (6.4): text in UTF-8 begins with one
==========  ==============================  ========================================================

``id`` names an entry by its place, ``FILE:OFFSET``: one that is sent twice has the same. 32473 is
the number that RFC 5612 keeps for nobody: there is none of PaperTrader's own.
"""

from __future__ import annotations

from typing import Final

from papertrader.core.instants import SECOND, to_datetime
from papertrader.core.logrecord import Level, LogRecord, RecordFlag
from papertrader.core.redaction import visible

FACILITY: Final = 3
"""System daemons: RFC 5424, table 1."""
SEVERITY: Final = {
    Level.DEBUG: 7,
    Level.INFO: 6,
    Level.WARNING: 4,
    Level.ERROR: 3,
    Level.CRITICAL: 2,
}
"""RFC 5424, table 2: debug, informational, warning, error, critical."""
FRAME_OCTETS_MAX: Final = 2_048
"""Octets of one message: what every receiver must take (RFC 5425, 4.3.1). Longer text is cut."""
VALUE_CHARACTERS_MAX: Final = 160
"""Characters of one value of the structured data; a longer one loses its front."""
HOST_CHARACTERS_MAX: Final = 255
_NAME_CHARACTERS_MAX: Final = 48
_BOM: Final = b"\xef\xbb\xbf"
_NIL: Final = "-"
_ESCAPED: Final = str.maketrans({'"': '\\"', "\\": "\\\\", "]": "\\]"})


def entry_message(record: LogRecord, *, process: str, host: str, identity: str) -> bytes:
    """Return the message of one entry, FRAME_OCTETS_MAX at most, without its frame.

    ``identity`` is what tells it from every other entry of this installation.
    """
    source, who = record.source, record.correlation
    values = [
        ("id", identity),
        ("seq", str(record.seq)),
        ("module", source.module),
        ("file", source.file),
        ("line", str(source.line)),
        ("func", source.function),
    ]
    if who.worker or who.connection or who.request:
        values.append(("corr", str(who)))
    if record.flags & RecordFlag.CONTINUED:
        values.append(("continued", "true"))
    return _message(
        SEVERITY[record.level], record.wall_ns, host, process, "event", values, record.message,
        cut=bool(record.flags & RecordFlag.CUT),
    )  # fmt: skip


def loss_message(
    *, process: str, host: str, identity: str, wall_ns: int, files: int, entries: int
) -> bytes:
    """Return the message that says that entries were deleted before they could be sent."""
    values = [("id", identity), ("files", str(files)), ("entries", str(entries))]
    text = (
        f"log files of {process} were removed before they were sent: {files} files,"
        f" at least {entries} entries are missing here"
    )
    return _message(
        SEVERITY[Level.WARNING], wall_ns, host, process, "lost", values, text, cut=False
    )


def framed(message: bytes) -> bytes:
    """Return a message with its length before it (RFC 5425, 4.3)."""
    return b"%d %s" % (len(message), message)


def is_cut(message: bytes) -> bool:
    """Tell whether a message of `entry_message` says that its text is not whole."""
    return b' cut="true"' in message.partition(_BOM)[0]


def host_name(name: str) -> str:
    """Return a machine's name as a message may have it; ``-`` if nothing is left of it."""
    return _plain(name, HOST_CHARACTERS_MAX)


def _message(
    severity: int, wall_ns: int, host: str, process: str, kind: str,
    values: list[tuple[str, str]], text: str, *, cut: bool,
) -> bytes:  # fmt: skip
    priority = FACILITY * 8 + severity
    name = _plain(f"papertrader-{process}", _NAME_CHARACTERS_MAX)
    head = f"<{priority}>1 {_timestamp(wall_ns)} {host} {name} {_NIL} {kind} [{kind}@32473"
    head += "".join(f' {key}="{_value(value)}"' for key, value in values)
    octets = visible(text).encode("utf-8")
    whole = head.encode("utf-8") + (b' cut="true"] ' if cut else b"] ") + _BOM
    if len(whole) + len(octets) <= FRAME_OCTETS_MAX:
        return whole + octets
    whole = head.encode("utf-8") + b' cut="true"] ' + _BOM
    # A character that the cut goes through goes away as a whole.
    kept = octets[: FRAME_OCTETS_MAX - len(whole)].decode("utf-8", "ignore")
    return whole + kept.encode("utf-8")


def _timestamp(wall_ns: int) -> str:
    second, rest = divmod(wall_ns, SECOND)
    return f"{to_datetime(second * SECOND):%Y-%m-%dT%H:%M:%S}.{rest // 1_000:06d}Z"


def _plain(text: str, characters_max: int) -> str:
    """Return printable ASCII without spaces, as the fields of the header are."""
    kept = "".join(each if "!" <= each <= "~" else "?" for each in text)
    return kept[:characters_max] or _NIL


def _value(text: str) -> str:
    """Return a value in ASCII: what is not is written as an escape, so that its octets are bounded.

    Names of our own code are ASCII; those that a worker ships may be anything.
    """
    text = text[-VALUE_CHARACTERS_MAX:]
    if not (text.isascii() and text.isprintable()):
        text = text.encode("unicode_escape").decode("ascii")[-VALUE_CHARACTERS_MAX:]
    return text.translate(_ESCAPED)
