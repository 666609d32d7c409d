"""A second reader and writer of the protocol, built from nothing but the schema's JSON.

It uses the standard library alone and nothing of papertrader: what it cannot know from the JSON it
does not know. Written for clarity; a few hundred lines are all that another language needs.
"""

from __future__ import annotations

import json
import socket
import ssl
import struct
import time
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CODES = {1: "B", 2: "H", 4: "I", 8: "Q"}
FIRST_DIAL_S = 60.0
WAIT_S = 60.0


class Refused(Exception):
    """Octets that this reader does not accept; ``status`` is the name of the reason."""

    def __init__(self, status: str) -> None:
        super().__init__(status)
        self.status = status


@dataclass
class Frame:
    """One frame: the header's fields, which message it is, and its values."""

    header: dict[str, Any]
    message: str
    values: dict[str, Any] = field(default_factory=dict)


class Block:
    """The layout of a root block or row."""

    def __init__(self, fields: list[dict[str, Any]]) -> None:
        self.fields = fields
        self.layout = struct.Struct(">" + "".join(self._code(each) for each in fields))
        self.size = self.layout.size

    @staticmethod
    def _code(each: dict[str, Any]) -> str:
        if each["read"] in ("text", "octets", "zero"):
            return f"{each['octets']}s"
        code = CODES[each["octets"]]
        return code.lower() if each["read"] == "signed" else code

    def read(self, octets: bytes, offset: int) -> dict[str, Any]:
        """Return the values by name; raises `Refused`."""
        values = {}
        for each, raw in zip(self.fields, self.layout.unpack_from(octets, offset), strict=True):
            value: Any = raw
            if each["read"] == "zero":
                if any(raw):
                    raise Refused("INVALID_FIELD")
                continue
            if each["read"] == "text":
                text = raw.rstrip(b"\0")
                if any(not 0x21 <= octet <= 0x7E for octet in text):
                    raise Refused("INVALID_FIELD")
                value = text.decode("ascii")
            elif each["read"] == "octets":
                value = raw.hex()
            elif each["read"] == "boolean":
                if raw > 1:
                    raise Refused("INVALID_FIELD")
                value = bool(raw)
            values[each["name"]] = value
        return values

    def write(self, values: dict[str, Any], schema: Schema) -> bytes:
        """Return the octets; what is not given is at rest: 0, NULL or empty."""
        left = dict(values)
        raw = [schema.raw(each, left.pop(each["name"], None)) for each in self.fields]
        if left:
            raise KeyError(f"no such fields: {sorted(left)}")
        return self.layout.pack(*raw)


class Schema:
    """Everything that the JSON says, ready for reading and writing."""

    def __init__(self, path: Path) -> None:
        self.json: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if self.json["byte_order"] != "big":
            raise ValueError("only big-endian schemas are known here")
        sizes = [each["octets"] for each in self.json["header"]]
        self.header_names = [each["name"] for each in self.json["header"]]
        self.header = struct.Struct(">2s" + "".join(CODES[size] for size in sizes[1:]))
        self.section = self._head("section_head")
        self.group = self._head("group_head")
        self.magic = self.json["magic"].encode("ascii")
        self.flags: dict[str, int] = self.json["flags"]
        self.enumerations: dict[str, dict[str, int]] = self.json["enumerations"]
        self.status_names = {each["code"]: each["name"] for each in self.json["statuses"]}
        self.statuses = {name: code for code, name in self.status_names.items()}
        self.fatal = {each["name"] for each in self.json["statuses"] if each["fatal"]}
        self.limits = {each["name"]: each["value"] for each in self.json["limits"]}
        self.messages = {each["name"]: each for each in self.json["messages"]}
        self.rows = {each["name"]: Block(each["fields"]) for each in self.json["rows"]}
        self.blocks = {each["name"]: Block(each["fields"]) for each in self.json["messages"]}
        self.by_shape = {
            (opcode, each["shape"]): each
            for each in self.json["messages"]
            for opcode in each["opcodes"]
        }

    def _head(self, name: str) -> struct.Struct:
        return struct.Struct(">" + "".join(CODES[each["octets"]] for each in self.json[name]))

    # --- writing --------------------------------------------------------------------------------

    def number(self, name: str | int, members: dict[str, int]) -> int:
        """Return the number of a member, of several joined by ``|``, or of decimal text."""
        if isinstance(name, int):
            return name
        if name.lstrip("-").isdigit():
            return int(name)
        return sum(members[part] for part in name.split("|"))

    def raw(self, each: dict[str, Any], value: Any) -> Any:
        """Return what `struct` packs for a field."""
        how = each["read"]
        if how == "zero":
            return bytes(each["octets"])
        if how == "text":
            return (value or "").encode("ascii")
        if how == "octets":
            return bytes.fromhex(value or "").ljust(each["octets"], b"\0")
        if value is None:
            if each["null"] is not None:
                return int(each["null"])
            members = self.enumerations.get(each["of"] or "", {})
            is_choice = each["type"].startswith("e:")
            return min(members.values()) if is_choice else 0
        members = self.enumerations.get(each["of"] or "", {})
        return self.number(value, members if each["type"] != "err" else self.statuses)

    def _payload(self, section: dict[str, Any], value: Any) -> bytes:
        if section["kind"] == "text":
            return str(value).encode("utf-8")
        if section["kind"] == "octets":
            return bytes.fromhex(value)
        if section["kind"] == "group":
            row = self.rows[section["row"]]
            return self.group.pack(row.size, len(value)) + b"".join(
                row.write(each, self) for each in value
            )
        return int(value).to_bytes(section["max"], "big")

    def write(
        self, name: str, values: dict[str, Any], header: dict[str, Any], more: dict[str, Any]
    ) -> bytes:
        """Return a frame.

        ``header`` replaces fields of the header, whatever they say; ``more`` may have ``block``
        (hexadecimal octets behind the root block) and ``sections`` (tag and octets each).
        """
        message = self.messages[name]
        left = dict(values)
        parts: list[tuple[int, bytes]] = []
        for section in message["sections"]:
            value = left.pop(section["name"], None)
            if value is not None:
                parts.append((section["tag"], self._payload(section, value)))
        parts += [(each["tag"], bytes.fromhex(each["hex"])) for each in more.get("sections", ())]
        if more.get("sort", True):
            parts.sort(key=lambda part: part[0])
        block = self.blocks[name].write(left, self) + bytes.fromhex(more.get("block", ""))
        body = block + b"".join(self.section.pack(tag, len(raw)) + raw for tag, raw in parts)
        shape = {"request": 0, "reply": self.flags["RESPONSE"], "event": self.flags["EVENT"]}
        head: dict[str, Any] = {
            "magic": self.json["magic"], "version": self.json["version"],
            "category": message["category"], "length": len(body), "opcode": message["opcodes"][0],
            "flags": shape[message["shape"]], "block_len": len(block), "status": 0, "session": 0,
            "correlation": 0, "seq": 0,
        }  # fmt: skip
        names = {
            "opcode": self.json["opcodes"], "flags": self.flags, "status": self.statuses,
            "category": self.enumerations["Category"],
        }  # fmt: skip
        for key, value in header.items():
            head[key] = value if key == "magic" else self.number(value, names.get(key, {}))
        head["magic"] = head["magic"].encode("ascii")
        return self.header.pack(*(head[key] for key in self.header_names)) + body

    # --- reading --------------------------------------------------------------------------------

    def head(self, octets: bytes) -> dict[str, Any]:
        """Return the fields of a header; raises `Refused` when no frame can follow."""
        head = dict(zip(self.header_names, self.header.unpack_from(octets), strict=True))
        if head["magic"] != self.magic:
            raise Refused("BAD_MAGIC")
        if head["version"] != self.json["version"]:
            raise Refused("VERSION_UNSUPPORTED")
        if head["length"] + self.header.size > self.limits["FRAME_MAX"]:
            raise Refused("FRAME_TOO_LARGE")
        if head["category"] not in self.enumerations["Category"].values():
            raise Refused("BAD_CATEGORY")
        if head["flags"] & self.json["critical_flags"]:
            raise Refused("CRITICAL_FLAG")
        if head["block_len"] > head["length"]:
            raise Refused("BAD_LENGTH")
        return head

    def _message(self, head: dict[str, Any]) -> dict[str, Any]:
        flags = head["flags"]
        reply, event = flags & self.flags["RESPONSE"], flags & self.flags["EVENT"]
        if (reply and event) or (head["status"] and not reply):
            raise Refused("INVALID_FIELD")
        if reply and head["status"] and not head["block_len"]:
            asked = self.by_shape.get((head["opcode"], "request"))
            category = asked["category"] if asked else self.enumerations["Category"]["COMMAND"]
            return {"name": "Failure", "category": category, "sections": self.json["failure"]}
        shape = "reply" if reply else "event" if event else "request"
        found = self.by_shape.get((head["opcode"], shape))
        if found is None:
            raise Refused("UNKNOWN_OPCODE")
        return found

    def read(self, octets: bytes) -> Frame:
        """Read one whole frame; raises `Refused`."""
        if len(octets) < self.header.size:
            raise Refused("BAD_LENGTH")
        head = self.head(octets)
        if len(octets) != self.header.size + head["length"]:
            raise Refused("BAD_LENGTH")
        message = self._message(head)
        if head["category"] != message["category"]:
            raise Refused("BAD_CATEGORY")
        end = len(octets)
        if head["flags"] & self.flags["CHECKSUM"]:
            end -= self.json["checksum"]["octets"]
            whole = head["length"] >= self.json["checksum"]["octets"]
            if not whole or zlib.crc32(octets[:end]) != int.from_bytes(octets[end:], "big"):
                raise Refused("BAD_CHECKSUM")
        at = self.header.size + head["block_len"]
        if at > end:
            raise Refused("BAD_LENGTH")
        values = {}
        block = self.blocks.get(message["name"])
        if block is not None:
            if head["block_len"] < block.size:
                raise Refused("BLOCK_TOO_SHORT")
            values = block.read(octets, self.header.size)
            self._check_strict(message["fields"], values)
        values.update(self._sections(message["sections"], octets, at, end))
        return Frame(head, message["name"], values)

    def _check_strict(self, fields: list[dict[str, Any]], values: dict[str, Any]) -> None:
        for each in fields:
            members = self.enumerations.get(each["of"] or "")
            if members is None or not each["strict"]:
                continue
            value = values[each["name"]]
            if each["type"].startswith("e:"):
                if value not in members.values():
                    raise Refused("INVALID_FIELD")
            elif value & ~sum(members.values()):
                raise Refused("INVALID_FIELD")

    def _sections(
        self, sections: list[dict[str, Any]], octets: bytes, at: int, end: int
    ) -> dict[str, Any]:
        known = {each["tag"]: each for each in sections}
        values: dict[str, Any] = {}
        previous, count = -1, 0
        while at < end:
            count += 1
            if at + self.section.size > end or count > self.limits["SECTIONS_MAX"]:
                raise Refused("BAD_LENGTH")
            tag, size = self.section.unpack_from(octets, at)
            at += self.section.size
            if at + size > end:
                raise Refused("BAD_LENGTH")
            if tag <= previous:
                raise Refused("DUPLICATE_SECTION")
            previous = tag
            if tag in known:
                values[known[tag]["name"]] = self._value(known[tag], octets[at : at + size])
            elif tag & self.json["critical_tag"]:
                raise Refused("CRITICAL_SECTION")
            at += size
        if any(each["required"] and each["name"] not in values for each in sections):
            raise Refused("MISSING_SECTION")
        return values

    def _value(self, section: dict[str, Any], payload: bytes) -> Any:
        if section["kind"] == "group":
            return self._rows(section, payload)
        if len(payload) > section["max"]:
            raise Refused("SECTION_TOO_LARGE")
        if len(payload) < section["min"]:
            raise Refused("INVALID_FIELD")
        if section["kind"] == "text":
            try:
                return payload.decode("utf-8")
            except UnicodeDecodeError:
                raise Refused("INVALID_FIELD") from None
        return payload.hex() if section["kind"] == "octets" else int.from_bytes(payload, "big")

    def _rows(self, section: dict[str, Any], payload: bytes) -> list[dict[str, Any]]:
        head = self.group.size
        if len(payload) < head:
            raise Refused("BAD_LENGTH")
        size, count = self.group.unpack_from(payload)
        row = self.rows[section["row"]]
        if size * count != len(payload) - head:
            raise Refused("BAD_LENGTH")
        if size < row.size:
            raise Refused("BLOCK_TOO_SHORT")
        if count > section["max"]:
            raise Refused("SECTION_TOO_LARGE")
        if not count:
            raise Refused("INVALID_FIELD")
        rows = [row.read(payload, head + number * size) for number in range(count)]
        for each in rows:
            self._check_strict(row.fields, each)
        return rows


class Line:
    """A TLS connection to a worker; frames in and out, nothing decided."""

    def __init__(self, schema: Schema, host: str, port: int, ca: str) -> None:
        self.schema = schema
        self.inbox: list[Frame] = []
        self.held = b""
        self.closed = False
        self._data = b""
        context = ssl.create_default_context(cafile=ca)
        context.set_alpn_protocols([schema.json["links"]["client"]["alpn"]])
        self._socket = self._dialed(context, host, port)
        if self._socket.selected_alpn_protocol() != schema.json["links"]["client"]["alpn"]:
            raise ConnectionError("the worker speaks another protocol")

    @staticmethod
    def _dialed(context: ssl.SSLContext, host: str, port: int) -> ssl.SSLSocket:
        # A worker closes connections of an address that come too quickly; it may be tried again.
        deadline = time.monotonic() + FIRST_DIAL_S
        while True:
            try:
                plain = socket.create_connection((host, port), WAIT_S)
                return context.wrap_socket(plain, server_hostname=host)
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def send(self, octets: bytes) -> None:
        """Write octets."""
        self._socket.sendall(octets)

    def cut(self) -> None:
        """End the transport without a word."""
        self._socket.close()
        self.closed = True

    def wait(self) -> bool:
        """Wait for octets; keep the frames that are complete. False when the worker closed."""
        if self.closed:
            return False
        try:
            chunk = self._socket.recv(65536)
        except (ssl.SSLEOFError, ConnectionError):
            chunk = b""
        if not chunk:
            self._socket.close()
            self.closed = True
            return False
        self._data += chunk
        size = self.schema.header.size
        while len(self._data) >= size:
            end = size + self.schema.head(self._data)["length"]
            if len(self._data) < end:
                break
            self.inbox.append(self.schema.read(self._data[:end]))
            self._data = self._data[end:]
        return True
