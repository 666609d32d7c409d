"""Exactly once: the replies kept of a session's commands (specification, clauses 12.1 to 12.7).

A command's reply is kept in the session's memory and, in the same transaction as its effect, in the
journal. The same number with the same request is answered from there and never done again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from twisted.internet.defer import Deferred

from papertrader.master import records
from papertrader.master.commands import Command, Refused
from papertrader.master.journal import Journal
from papertrader.master.sessions import Session, request_hash
from papertrader.wire import codec
from papertrader.wire.derived import Message
from papertrader.wire.kinds import FrameFlag, Status, is_stored

_STATUS: Final = slice(14, 16)
"""Where a frame has its status."""
COMMAND_SEQ_MAX: Final = 2**63 - 1
"""The stores' integers have a sign: what is beyond it must not reach the journal."""


def is_fresh(command: Command, session: Session) -> bool:
    """Tell whether a command's number was not used before (R1 to R3).

    Raises `Refused` for a session that may change nothing, and for a command without a number.
    """
    if not session.may_trade:
        raise Refused(Status.SCOPE_DENIED, "This session may read, not trade.")
    seq = command.seq
    if seq == 0:
        raise Refused(Status.SEQ_REQUIRED, "A command that changes something needs a number.")
    if seq > COMMAND_SEQ_MAX:
        raise Refused(Status.INVALID_FIELD, "A command's number is 9223372036854775807 at most.")
    if session.claimed:
        return seq > max(session.last_seq, *session.claimed)
    return seq > session.last_seq


def stored_reply(command: Command, session: Session, fingerprint: bytes = b"") -> bytes | None:
    """Return the kept reply of a number that was used; None for a fresh one (R1 to R5).

    ``fingerprint`` stands for the request's hash where the request holds a secret.
    """
    if session.underway and not fingerprint and command.seq in session.underway:
        raise Refused(Status.SEQ_REUSED, "Another command is under way with that number.")
    if is_fresh(command, session):
        return None
    kept = session.replies.get(command.seq)
    if kept is None:
        raise Refused(
            Status.SEQ_TOO_OLD,
            "The answer to that command is not kept any more; ask what became of it instead.",
        )
    hash_, frame = kept
    if hash_ != (fingerprint or request_hash(command.opcode, command.octets)):
        raise Refused(Status.SEQ_REUSED, "Another command was sent under that number.")
    return codec.readdress(frame, session.handle, command.correlation, int(FrameFlag.REPLAYED))


async def in_turn(
    command: Command, session: Session, work: Callable[[], Awaitable[bytes]]
) -> bytes:
    """Do a command that must wait for something, at its place among the session's numbers.

    What comes after it may be done first, but is later; the same command again waits for its end
    and gets the kept reply. ``work`` must not ask `stored_reply` itself.
    """
    seq = command.seq
    while seq in session.underway:
        over: Deferred[None] = Deferred()
        session.underway[seq].append(over)
        await over
    stored = stored_reply(command, session)
    if stored is not None:
        return stored
    session.claimed.add(seq)
    session.underway[seq] = []
    try:
        return await work()
    finally:
        # If nothing is kept of it the number is free again, unless a later one was used.
        session.claimed.discard(seq)
        for waiting in session.underway.pop(seq):
            waiting.callback(None)


def keep_reply(
    command: Command, session: Session, reply: bytes, fingerprint: bytes = b"", shown: bytes = b""
) -> records.StoredReply | None:
    """Keep a reply if its status is one that is kept; return what the journal must hold (R7).

    ``shown`` goes to the journal in the place of a reply with a secret.
    """
    opcode, seq = command.fields[4], command.fields[10]
    if not is_stored(int.from_bytes(reply[_STATUS], "big")):
        return None
    hash_ = fingerprint or request_hash(opcode, command.octets)
    session.keep_reply(seq, hash_, reply)
    return records.StoredReply(session.session_id, seq, hash_, command.accepted_at, shown or reply)


def journal_reply(journal: Journal, kept: records.StoredReply) -> None:
    """Journal a reply whose effect is a change of tables given to the same open batch."""
    seq = journal.next_seq()
    journal.record(seq, [records.reply_record(seq, kept)])


def conclude(journal: Journal, command: Command, session: Session, octets: bytes) -> bytes:
    """Keep and journal a reply, after the change of tables that it tells of; return it."""
    kept = keep_reply(command, session, octets)
    if kept is not None:
        journal_reply(journal, kept)
    return octets


def conclude_message(
    journal: Journal,
    command: Command,
    session: Session,
    reply: Message,
    fingerprint: bytes = b"",
    shown: Message | None = None,
) -> bytes:
    """Return the reply's frame, kept and journaled; ``shown`` is what the journal may hold."""

    def frame(message: Message) -> bytes:
        return codec.encode(message, session=session.handle, correlation=command.header.correlation)

    octets = frame(reply)
    public = frame(shown) if shown is not None else b""
    kept = keep_reply(command, session, octets, fingerprint, public)
    if kept is not None:
        journal_reply(journal, kept)
    return octets
