"""The audit against what was kept elsewhere: heads of the audit log that workers have witnessed.

What the files alone cannot show: that their last entries were cut off, that an old copy was put
back, that everything was made anew with another key. A head that a worker kept names an entry of
the audit log and a batch of the journal with their hashes, signed by the key of the epoch it was
made in. Each key was signed by the one before it, so that whoever has today's key cannot sign for
an earlier epoch.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import attrs
import peewee

from papertrader.core.seals import BEGUN_ANEW, HEAD_KIND, read_head_detail
from papertrader.master.engines import StoreError
from papertrader.worker.witness import WitnessError, follows, head_of, is_signed, read_lines

Violated = Callable[[str], None]


@attrs.define
class Witnessed:
    """How much was compared."""

    keys: int = 0
    heads: int = 0


_KEYS_SINCE: Final = 5
"""The schema from which on there are keys; a store before it, and its backup, has none."""


def _keys(truth: peewee.Database) -> list[tuple[int, bytes, bytes]]:
    (schema,) = truth.execute_sql("SELECT value FROM meta WHERE key = 'schema'").fetchone()
    if int(schema) < _KEYS_SINCE:
        return []
    rows = truth.execute_sql("SELECT epoch, public, signature FROM audit_key ORDER BY epoch")
    return list(rows.fetchall())


def check_keys(truth: peewee.Database, violated: Violated) -> None:
    """Check that each key of the store follows from the one before it."""
    before: bytes | None = None
    rows = truth.execute_sql("SELECT detail FROM audit WHERE kind = ?", (BEGUN_ANEW,))
    anew = {detail for (detail,) in rows.fetchall()}
    for epoch, public, signature in _keys(truth):
        if epoch < 1:
            violated(f"there is no epoch {epoch}")
            continue
        if f"epoch {epoch}" in anew:
            before = None
        if not follows(before, int(epoch), bytes(public), bytes(signature)):
            violated(f"the audit key of epoch {epoch} does not follow from the one before it")
        before = bytes(public)


def check_heads(truth: peewee.Database, violated: Violated) -> None:
    """Check that the heads in the audit log lead where the journal and the checkpoints are."""
    rows = truth.execute_sql(
        "SELECT seq, detail FROM audit WHERE kind = ? ORDER BY seq", (HEAD_KIND,)
    )
    for seq, detail in rows.fetchall():
        try:
            batch, last_seq, checkpoints, journal = read_head_detail(detail)
        except ValueError as error:
            violated(f"entry {seq} of the audit log: {error}")
            continue
        if batch and not _is_batch(truth, batch, last_seq, journal):
            violated(f"the journal's batch {batch} is not what entry {seq} of the audit log says")
        (there,) = truth.execute_sql(
            "SELECT count(*) FROM checkpoint WHERE id <= ?", (checkpoints,)
        ).fetchone()
        if there != checkpoints:
            violated(f"checkpoints of memory are missing that entry {seq} of the audit log counted")


def _is_batch(truth: peewee.Database, batch: int, last_seq: int, journal: bytes) -> bool:
    row = truth.execute_sql(
        "SELECT last_seq, hash FROM journal WHERE batch = ?", (batch,)
    ).fetchone()
    return row is not None and (row[0], bytes(row[1])) == (last_seq, journal)


def check_witness(truth: peewee.Database, files: Iterable[Path], violated: Violated) -> Witnessed:
    """Compare the store with witness files; raises `StoreError` for one that cannot be read.

    Lines of ``.1`` beside a file are read before its own, if they are there.
    """
    found = Witnessed()
    own = {int(epoch): bytes(public) for epoch, public, _ in _keys(truth)}
    for file in files:
        older = file.with_suffix(f"{file.suffix}.1")
        try:
            for path in (older, file) if older.exists() else (file,):
                _check_file(truth, path, own, found, violated)
        except WitnessError as error:
            raise StoreError(str(error)) from None
    return found


def _check_file(
    truth: peewee.Database,
    path: Path,
    own: dict[int, bytes],
    found: Witnessed,
    violated: Violated,
) -> None:
    keys: dict[int, bytes] = {}
    for number, line in enumerate(read_lines(path), 1):
        kind = line.get("kind")
        try:
            if kind == "key":
                found.keys += 1
                _check_key(line, keys, own, violated)
            elif kind == "head":
                found.heads += 1
                _check_head(truth, line, keys, violated)
            elif kind == "alarm":
                violated(f"{path.name}: the worker noted: {line.get('what')}")
            else:
                raise WitnessError(f"there are no lines of kind {kind!r}")
        except WitnessError as error:
            raise WitnessError(f"{path}: line {number}: {error}") from None
    if not keys:
        violated(f"{path.name} holds no key, and so proves nothing")


def _check_key(
    line: dict[str, Any], keys: dict[int, bytes], own: dict[int, bytes], violated: Violated
) -> None:
    try:
        epoch, public, signature = int(line["epoch"]), line["public"], line["signature"]
        last = keys[max(keys)] if keys else None
        good = follows(last, epoch, public, signature)
    except (LookupError, TypeError, ValueError, OverflowError, struct.error) as error:
        raise WitnessError(f"a key cannot be read ({error})") from None
    if not good:
        violated(f"the witnessed key of epoch {epoch} does not follow from the one before it")
    keys[epoch] = public
    if epoch not in own:
        violated(f"epoch {epoch} was witnessed and is not in the store: an old copy was put back")
    elif own[epoch] != public:
        violated(f"epoch {epoch} had another key when it was witnessed: it was made anew")


def _check_head(
    truth: peewee.Database, line: dict[str, Any], keys: dict[int, bytes], violated: Violated
) -> None:
    signed = head_of(line)
    head = signed.head
    public = keys.get(head.epoch)
    if public is None or not is_signed(public, head.statement(), signed.signature):
        violated(f"a witnessed head of epoch {head.epoch} is not signed by that epoch's key")
        return
    row = truth.execute_sql("SELECT hash FROM audit WHERE seq = ?", (head.audit_seq,)).fetchone()
    if row is None:
        violated(
            f"entry {head.audit_seq} of the audit log was witnessed and is gone: entries were cut"
            " off, or an old copy was put back"
        )
    elif bytes(row[0]) != head.audit:
        violated(f"entry {head.audit_seq} of the audit log is not what was witnessed")
    if head.batch and not _is_batch(truth, head.batch, head.seq, head.journal):
        violated(f"batch {head.batch} of the journal is not what was witnessed")
