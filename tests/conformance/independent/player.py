"""Plays ``dialogues.json`` against a worker with the independent reader, and says what differed.

``python -I -S player.py SCHEMA DIALOGUES HOST PORT CA [ID ...]`` prints one line of JSON for each
dialogue: its id and, when it went wrong, why. The exit code is the number of those, at most 100.
"""

from __future__ import annotations

import json
import re
import secrets
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from reader import Frame, Line, Refused, Schema

PLACE = re.compile(r"\$\{([a-z0-9_.]+)\}")
FRAMES_MAX = 400
"""Frames looked at for one step: quotes and events that nobody waits for are among them."""


class Differs(Exception):
    """What the worker did is not what the dialogue says."""


class Play:
    """One dialogue."""

    def __init__(self, schema: Schema, address: tuple[str, int, str], values: dict[str, Any]):
        self.schema = schema
        self.address = address
        self.values = values
        self.lines: dict[str, Line] = {}

    def line(self, step: dict[str, Any]) -> Line:
        """Return the connection of a step."""
        return self.lines[step.get("on", "a")]

    def filled(self, value: Any) -> Any:
        """Return a value of the dialogue with what was kept put in the place of its names."""
        if isinstance(value, dict):
            return {key: self.filled(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self.filled(each) for each in value]
        if not isinstance(value, str):
            return value
        whole = PLACE.fullmatch(value)
        if whole:
            return self.values[whole[1]]
        return PLACE.sub(lambda match: str(self.values[match[1]]), value)

    def play(self, steps: list[dict[str, Any]]) -> None:
        """Do the steps; raises `Differs`."""
        try:
            for number, step in enumerate(steps, 1):
                try:
                    getattr(self, f"do_{step['do'].replace('-', '_')}")(step)
                except (Differs, Refused, OSError) as why:
                    raise Differs(f"step {number} {json.dumps(step)[:300]}: {why!r}") from None
        finally:
            for line in self.lines.values():
                if not line.closed:
                    line.cut()

    # --- what a step may say --------------------------------------------------------------------

    def do_connect(self, step: dict[str, Any]) -> None:
        """Open a TLS connection; nothing is said on it yet."""
        self.lines[step.get("on", "a")] = Line(self.schema, *self.address)

    def do_cut(self, step: dict[str, Any]) -> None:
        """End the transport without a word."""
        self.line(step).cut()

    def do_send(self, step: dict[str, Any]) -> None:
        """Send a frame, or octets that are none."""
        line = self.line(step)
        if "hex" in step:
            line.send(bytes.fromhex(step["hex"]))
            return
        values, header = self.filled(step.get("values", {})), self.filled(step.get("header", {}))
        line.held += self.schema.write(step["message"], values, header, step)
        if not step.get("hold"):
            line.send(line.held)
            line.held = b""

    def do_expect(self, step: dict[str, Any]) -> None:
        """Wait for the first frame of a message and correlation, and compare it."""
        frame = self._found(step)
        told = {"header": self._named(frame.header), "values": frame.values}
        for part in ("header", "values"):
            for key, wanted in self.filled(step.get(part, {})).items():
                self._compare(f"{part}.{key}", wanted, told[part].get(key), frame)
        for flag in step.get("flags", ()):
            if not frame.header["flags"] & self.schema.flags[flag]:
                raise Differs(f"{flag} is not set in {frame}")
        for name, path in step.get("keep", {}).items():
            value: Any = told
            for key in path.split("."):
                value = value[int(key)] if key.isdigit() else value[key]
            self.values[name] = value

    def do_expect_closed(self, step: dict[str, Any]) -> None:
        """The worker closes, and has said nothing more than was expected."""
        line = self.line(step)
        while line.wait():
            if len(line.inbox) > FRAMES_MAX:
                raise Differs("the worker does not close")
        if line.inbox:
            raise Differs(f"more was said: {line.inbox}")

    # --- comparing ------------------------------------------------------------------------------

    def _found(self, step: dict[str, Any]) -> Frame:
        line = self.line(step)
        wanted = self.filled(step.get("header", {})).get("correlation")
        looked = 0
        while True:
            for frame in line.inbox[looked:]:
                same = wanted is None or frame.header["correlation"] == wanted
                if frame.message == step["message"] and same and self._chosen(step, frame):
                    line.inbox.remove(frame)
                    return frame
                asked = frame.header["flags"] & self.schema.flags["RESPONSE"]
                if asked and wanted == frame.header["correlation"]:
                    raise Differs(f"another answer came: {self._named(frame.header)}, {frame}")
                if frame.message == "Goodbye":
                    raise Differs(f"the worker said GOODBYE: {frame.values}")
            looked = len(line.inbox)
            if looked > FRAMES_MAX or not line.wait():
                raise Differs(f"{step['message']} did not come, but {line.inbox[:5]}")

    def _chosen(self, step: dict[str, Any], frame: Frame) -> bool:
        """Tell whether a frame has the values by which the step picks one of several."""
        try:
            for key, wanted in self.filled(step.get("which", {})).items():
                self._compare(f"values.{key}", wanted, frame.values.get(key), frame)
        except Differs:
            return False
        return True

    def _named(self, header: dict[str, Any]) -> dict[str, Any]:
        status = self.schema.status_names.get(header["status"], header["status"])
        opcodes = {number: name for name, number in self.schema.json["opcodes"].items()}
        opcode = opcodes.get(header["opcode"], header["opcode"])
        return {**header, "status": status, "opcode": opcode}

    def _compare(self, where: str, wanted: Any, got: Any, frame: Frame) -> None:
        if isinstance(wanted, list):
            if not isinstance(got, list) or len(got) != len(wanted):
                raise Differs(f"{where}: {len(wanted)} rows wanted, {got} told")
            for number, row in enumerate(wanted):
                for key, value in row.items():
                    self._compare(f"{where}.{number}.{key}", value, got[number].get(key), frame)
            return
        if isinstance(wanted, dict):
            (rule, bound), *_ = wanted.items()
            if rule == "above" and isinstance(got, int) and got > int(bound):
                return
            if rule == "not" and got is not None and str(got) != str(bound):
                return
            raise Differs(f"{where}: {rule} {bound} wanted, {got} told")
        if self._number(where, wanted, frame) != got:
            raise Differs(f"{where}: {wanted} wanted, {got} told in {frame.message}")

    def _number(self, where: str, wanted: Any, frame: Frame) -> Any:
        """Return a value as the reader gives it: members of enumerations as numbers."""
        name = where.rpartition(".")[2]
        if not isinstance(wanted, str) or where.startswith("header.status"):
            return wanted
        fields = [*self.schema.messages.get(frame.message, {"fields": []})["fields"]]
        for row in self.schema.json["rows"]:
            fields += row["fields"] if where.count(".") > 1 else []
        for each in fields:
            if each["name"] == name and each["read"] in ("signed", "unsigned"):
                members = self.schema.enumerations.get(each["of"] or "", {})
                return self.schema.number(
                    wanted, self.schema.statuses if each["type"] == "err" else members
                )
        return int(wanted) if where == "header.seq" else wanted


def steps_of(book: dict[str, Any], dialogue: dict[str, Any]) -> list[dict[str, Any]]:
    """Return all steps of a dialogue, those of its openings first."""
    steps: list[dict[str, Any]] = []
    for opening in dialogue.get("after", ()):
        steps += book["openings"][opening]
    return steps + list(dialogue["steps"])


def main(arguments: list[str]) -> int:
    """Play what is asked for, or all; return how many went wrong."""
    schema_path, dialogues, host, port, ca, *wanted = arguments
    schema = Schema(Path(schema_path))
    book = json.loads(Path(dialogues).read_text(encoding="utf-8"))
    wrong = 0
    for dialogue in book["dialogues"]:
        if wanted and dialogue["id"] not in wanted:
            continue
        given = {"user": f"u{secrets.token_hex(6)}", "password": secrets.token_hex(8)}
        told = {"id": dialogue["id"], "why": None}
        try:
            Play(schema, (host, int(port), ca), given).play(steps_of(book, dialogue))
        except Differs as why:
            told["why"] = str(why)
            wrong += 1
        print(json.dumps(told), flush=True)
    return min(wrong, 100)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
