"""What a syslog receiver understands of octets: RFC 5425's frames, RFC 5424's messages.

Written from the grammar of the two, octet by octet, and knows nothing of the code that sends.
"""

from __future__ import annotations

import attrs

BOM = b"\xef\xbb\xbf"


class GrammarError(Exception):
    """The octets are not what the grammar says."""


@attrs.frozen(kw_only=True)
class Message:
    """One message, by the names of the grammar."""

    facility: int
    severity: int
    version: int
    timestamp: str
    hostname: str
    app_name: str
    procid: str
    msgid: str
    data: dict[str, dict[str, str]]
    text: str
    length: int

    @property
    def values(self) -> dict[str, str]:
        """The values of the one element of structured data."""
        (values,) = self.data.values()
        return values


class Frames:
    """Takes octets as they come; gives messages when they are whole."""

    def __init__(self) -> None:
        self.rest = b""

    def feed(self, octets: bytes) -> list[Message]:
        """Return the messages that are complete now."""
        self.rest += octets
        found = []
        while b" " in self.rest:
            digits, _, behind = self.rest.partition(b" ")
            expect(digits.isdigit() and not digits.startswith(b"0"), f"length {digits!r}")
            if len(behind) < int(digits):
                break
            found.append(message(behind[: int(digits)]))
            self.rest = behind[int(digits) :]
        expect(len(self.rest) < 10 or b" " in self.rest[:10], "no length")
        return found


def expect(good: bool, what: str) -> None:
    """Raise `GrammarError` unless something is so."""
    if not good:
        raise GrammarError(what)


def message(octets: bytes) -> Message:
    """Read one message; raises `GrammarError`."""
    fields = octets.split(b" ", 6)
    expect(len(fields) == 7, "fields are missing")
    *header, rest = fields
    for name, field, longest in zip(
        ("TIMESTAMP", "HOSTNAME", "APP-NAME", "PROCID", "MSGID"),
        header[1:], (32, 255, 48, 128, 32), strict=True,
    ):  # fmt: skip
        expect(0 < len(field) <= longest and all(33 <= each <= 126 for each in field), name)
    priority, _, version = header[0].partition(b">")
    expect(priority[:1] == b"<" and priority[1:].isdigit() and int(priority[1:]) < 192, "PRI")
    expect(version == b"1", "VERSION")
    stamp = header[1].decode("ascii")
    expect(len(stamp) == 27 and stamp[10] == "T" and stamp[19] == "." and stamp[26] == "Z", stamp)
    data, text = elements(rest)
    if text:
        expect(text.startswith(BOM), "text in UTF-8 begins with a BOM")
    expect(not any(each < 32 or each == 127 for each in octets), "a control character")
    return Message(
        facility=int(priority[1:]) // 8, severity=int(priority[1:]) % 8, version=int(version),
        timestamp=stamp, hostname=header[2].decode(), app_name=header[3].decode(),
        procid=header[4].decode(), msgid=header[5].decode(),
        data=data, text=text[3:].decode("utf-8", "strict"), length=len(octets),
    )  # fmt: skip


def elements(octets: bytes) -> tuple[dict[str, dict[str, str]], bytes]:
    """Read structured data; return it, and the message behind it."""
    found: dict[str, dict[str, str]] = {}
    at = 0
    while octets[at : at + 1] == b"[":
        end = next(i for i in range(at, len(octets)) if octets[i] in b" ]")
        name, at = octets[at + 1 : end].decode("ascii"), end
        expect(name not in found and 0 < len(name) <= 32, "SD-ID")
        found[name] = {}
        while octets[at : at + 1] == b" ":
            equals = octets.index(b'="', at)
            key, at = octets[at + 1 : equals].decode("ascii"), equals + 2
            expect(0 < len(key) <= 32 and not set(key) & set('= ]"'), "PARAM-NAME")
            value = bytearray()
            while octets[at : at + 1] != b'"':
                if octets[at : at + 1] == b"\\" and octets[at + 1 : at + 2] in (b'"', b"\\", b"]"):
                    at += 1
                else:
                    expect(octets[at : at + 1] != b"]", "] without a backslash")
                value += octets[at : at + 1]
                at += 1
            found[name][key] = value.decode("utf-8", "strict")
            at += 1
        expect(octets[at : at + 1] == b"]", "the end of an element")
        at += 1
    expect(bool(found), "no structured data")
    expect(octets[at : at + 1] in (b" ", b""), "what follows the structured data")
    return found, octets[at + 1 :]
