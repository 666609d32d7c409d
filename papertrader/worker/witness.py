"""The witness file: what a worker keeps of the master's journal, so that nobody changes it unseen.

One JSON object on each line, only ever appended:

``{"kind": "key", "epoch": ..., "public": ..., "signature": ...}``
    the key of an epoch, signed by the one before it (the first by itself).
``{"kind": "head", "epoch": ..., "audit_seq": ..., "audit": ..., ..., "signature": ...}``
    a head signed by the key of its epoch.
``{"kind": "alarm", "at": ..., "what": ...}``
    what did not fit: also what contradicts is kept, not only what agrees.

At `WITNESS_OCTETS_MAX` the file is set aside as ``.1``, in place of the one before; the next begins
with its keys and its last head, which covers all heads before it.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import attrs
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from twisted.logger import Logger

from papertrader.core.seals import Head, key_statement
from papertrader.net.clock import Clock
from papertrader.wire import messages as m

WITNESS_OCTETS_MAX: Final = 16 * 1024 * 1024
LINE_OCTETS_MAX: Final = 4_096
_MODE: Final = 0o600
_BYTES: Final = ("audit", "journal", "signature", "public")


class WitnessError(Exception):
    """A witness file cannot be read; the text says why."""


@attrs.frozen
class SignedHead:
    """A head and the signature that came with it."""

    head: Head
    signature: bytes


def is_signed(public: bytes, statement: bytes, signature: bytes) -> bool:
    """Tell whether an Ed25519 key signed a statement."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, statement)
    except (InvalidSignature, ValueError):
        return False
    return True


def follows(before: bytes | None, epoch: int, public: bytes, signature: bytes) -> bool:
    """Tell whether a key was handed over to by the one before it; the first signs itself."""
    return is_signed(before or public, key_statement(epoch, public), signature)


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Give the lines of a witness file, octets as such; a last line that was cut short is left out.

    Raises `WitnessError` for anything else that cannot be read.
    """
    try:
        with open(path, "rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(LINE_OCTETS_MAX), b""), 1):
                if not line.endswith(b"\n") and not file.read(1):
                    return
                try:
                    content = json.loads(line)
                    if not isinstance(content, dict):
                        raise ValueError("a line is an object")
                    for name in _BYTES:
                        if name in content:
                            content[name] = bytes.fromhex(content[name])
                    yield content
                except (ValueError, TypeError, RecursionError):
                    raise WitnessError(f"{path}: line {number} cannot be read") from None
    except OSError as error:
        raise WitnessError(f"{path} cannot be read: {error.strerror or error}") from None


def head_of(line: dict[str, Any]) -> SignedHead:
    """Return the head of a line; raises `WitnessError`."""
    try:
        fields = {field.name: line[field.name] for field in attrs.fields(Head)}
        signed = SignedHead(Head(**fields), line["signature"])
        signed.head.statement()
    except (LookupError, TypeError, ValueError, OverflowError, struct.error) as error:
        raise WitnessError(f"a head cannot be read ({error})") from None
    return signed


class Witness:
    """Appends to one witness file (see the module). Raises `WitnessError` if it cannot be read."""

    log = Logger()

    def __init__(self, path: Path, clock: Clock, octets_max: int = WITNESS_OCTETS_MAX) -> None:
        self.path = path
        self.alarms = 0
        self.heads = 0
        self.keys: dict[int, tuple[bytes, bytes]] = {}
        """epoch -> (public key, signature)"""
        self.last: SignedHead | None = None
        self._clock = clock
        self._octets_max = octets_max
        if path.exists():
            self._load()

    def _load(self) -> None:
        for line in read_lines(self.path):
            if line.get("kind") == "key":
                self.keys[int(line["epoch"])] = (line["public"], line["signature"])
            elif line.get("kind") == "head":
                self.last = head_of(line)

    @property
    def epoch(self) -> int:
        """The last epoch whose key is kept; 0 = none."""
        return max(self.keys, default=0)

    def take_key(self, message: m.AuditKey) -> None:
        """Keep the key of an epoch if it follows from the last one."""
        known = self.keys.get(message.epoch)
        if known is not None:
            if known[0] != message.public:
                self._alarm(
                    f"epoch {message.epoch} has another key than before: an old copy of the store"
                    " was put back, or somebody made a new one"
                )
            return
        last = self.keys[self.epoch][0] if self.keys else None
        later = message.epoch > self.epoch
        if not later or not follows(last, message.epoch, message.public, message.signature):
            self._alarm(f"the key of epoch {message.epoch} does not follow from the one before")
            return
        self.keys[message.epoch] = (message.public, message.signature)
        self._append(_key_line(message.epoch, message.public, message.signature))

    def take_head(self, message: m.AuditHead) -> None:
        """Keep a head that its epoch's key signed; say loudly if it contradicts the one before."""
        fields = {field.name: getattr(message, field.name) for field in attrs.fields(Head)}
        signed = SignedHead(Head(**fields), message.signature)
        head = signed.head
        public = self.keys.get(head.epoch, (b"", b""))[0]
        if not public or not is_signed(public, head.statement(), signed.signature):
            self._alarm(f"a head of epoch {head.epoch} is not signed by the key of that epoch")
            return
        last = self.last.head if self.last is not None else None
        if last is not None and signed == self.last:
            return
        if last is not None and (head.audit_seq, head.batch) < (last.audit_seq, last.batch):
            self._alarm(
                f"the master is at entry {head.audit_seq} of its audit log and was at"
                f" {last.audit_seq}: an old copy was put back, or its last entries were cut off"
            )
        elif last is not None and head.audit_seq == last.audit_seq and head.audit != last.audit:
            self._alarm(f"entry {head.audit_seq} of the audit log is not what it was")
        self.heads += 1
        self._append(_head_line(signed))
        self.last = signed

    def _alarm(self, what: str) -> None:
        self.alarms += 1
        self.log.critical("ALERT: {what}", what=what)
        self._append({"kind": "alarm", "at": self._clock.wall_ns(), "what": what})

    def _append(self, line: dict[str, Any]) -> None:
        """Append one line, durable when this returns; a disk that refuses is told in the log."""
        try:
            if self.path.exists() and self.path.stat().st_size >= self._octets_max:
                self._begin_anew()
            self._write([line])
        except OSError as error:
            self.log.error("the witness file cannot be written: {error}", error=str(error))

    def _begin_anew(self) -> None:
        self.path.replace(self.path.with_suffix(f"{self.path.suffix}.1"))
        lines = [_key_line(epoch, *self.keys[epoch]) for epoch in sorted(self.keys)]
        if self.last is not None:
            lines.append(_head_line(self.last))
        self._write(lines)

    def _write(self, lines: list[dict[str, Any]]) -> None:
        self.path.parent.mkdir(mode=0o700, exist_ok=True)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        descriptor = os.open(self.path, flags, _MODE)
        try:
            size = os.fstat(descriptor).st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                # A crash cut the last line short; the next one must not be joined to it.
                os.ftruncate(descriptor, _whole_lines(descriptor, size))
            text = "".join(json.dumps(line) + "\n" for line in lines)
            os.write(descriptor, text.encode("ascii"))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _whole_lines(descriptor: int, size: int) -> int:
    start = max(0, size - LINE_OCTETS_MAX)
    return start + os.pread(descriptor, size - start, start).rfind(b"\n") + 1


def _key_line(epoch: int, public: bytes, signature: bytes) -> dict[str, Any]:
    return {"kind": "key", "epoch": epoch, "public": public.hex(), "signature": signature.hex()}


def _head_line(signed: SignedHead) -> dict[str, Any]:
    fields = attrs.asdict(signed.head)
    shown = {k: v.hex() if isinstance(v, bytes) else v for k, v in fields.items()}
    return {"kind": "head", **shown, "signature": signed.signature.hex()}
