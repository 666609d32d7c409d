"""What operators ask over the wire: the log, counters, draining workers. Scope ADMIN only.

The first operator is made beside the service, or with an invitation that was made there; later
ones by an operator (`papertrader.master.accountcontrol`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator
from enum import StrEnum
from typing import Final

from papertrader.core.limithits import DRAINED
from papertrader.core.logrecord import Level
from papertrader.eventlog.reading import ENTRIES_MAX
from papertrader.master.commands import Command, Refused
from papertrader.master.database import Change, TruthStore
from papertrader.master.holdings import parts
from papertrader.master.journal import Journal
from papertrader.master.sessions import Session
from papertrader.master.workers import Workers
from papertrader.wire import codec, limits
from papertrader.wire import messages as m
from papertrader.wire.kinds import AccountRole, DrainMode, Scope, Status, Tag, allows

DEADLINE_MS_MAX: Final = 3_600_000
"""Longest time for which a worker may be drained before its clients are closed."""
LINES_OCTETS: Final = limits.PART_BODY_MAX - 1_024
"""Lines of one part of LOG_DUMP, line breaks included; what is left is for its other fields."""
_ROLE_KEY: Final = "admin."

Figures = Callable[[], Iterable[tuple[str, int]]]
"""Gives the master's counters: (name of at most 24 octets, value)."""


LogEntries = Callable[[int, Level, int, bool], Awaitable[list[str]]]
"""(not before, least level, how many, flush first) -> the newest entries as lines of JSON."""


def _chunks(lines: list[str]) -> list[list[str]]:
    """Divide lines into parts that fit; no lines are one empty part."""
    chunks: list[list[str]] = [[]]
    size = 0
    for line in lines:
        if chunks[-1] and size + len(line) + 1 > LINES_OCTETS:
            chunks.append([])
            size = 0
        chunks[-1].append(line)
        size += len(line) + 1
    return chunks


class Appointment(StrEnum):
    """What an account may be besides a trader's; the value is how the store notes it."""

    ADMIN = "1"
    HOST = "host"
    NONE = "0"


_ROLES: Final = {
    Appointment.NONE: AccountRole.TRADER,
    Appointment.HOST: AccountRole.HOST,
    Appointment.ADMIN: AccountRole.OPERATOR,
}
_APPOINTMENTS: Final = {role: appointment for appointment, role in _ROLES.items()}


def appointments(store: TruthStore) -> dict[int, Appointment]:
    """Return the accounts that are more than a trader's."""
    rows = store.db.execute_sql("SELECT key, value FROM meta WHERE key LIKE ?", (f"{_ROLE_KEY}%",))
    found = {int(key.removeprefix(_ROLE_KEY)): Appointment(value) for key, value in rows}
    return {account: role for account, role in found.items() if role != Appointment.NONE}


def appoint(store: TruthStore, account: int, role: Appointment) -> Change:
    """Return the change that gives an account its role."""

    def change(_db: object) -> None:
        store.set_meta(f"{_ROLE_KEY}{account}", role.value)

    return change


class Operators:
    """The module (see above)."""

    def __init__(
        self, store: TruthStore, journal: Journal, workers: Workers, figures: Figures
    ) -> None:
        self._store = store
        self._journal = journal
        self._workers = workers
        self._figures = figures
        self._roles: dict[int, Appointment] = {}
        self.log_entries: LogEntries | None = None
        """Reads the event log; None where none is kept."""
        self.process_figures: Figures = tuple
        """Gives the counters of the process that the master runs in."""

    async def log_dump(self, command: Command, session: Session, message: m.LogDump) -> list[bytes]:
        """Answer LOG_DUMP: lines of JSON, in parts."""
        self.require(session)
        if self.log_entries is None:
            raise Refused(Status.NO_DATA, "This master keeps no event log.")
        if message.limit > ENTRIES_MAX:
            raise Refused(
                Status.RANGE_TOO_LARGE, f"At most {ENTRIES_MAX} entries are sent at once."
            )
        limit = message.limit or limits.LIST_ROWS_DEFAULT
        least = Level(message.least)
        lines = await self.log_entries(message.from_time, least, limit, message.flush)
        chunks = _chunks(lines)
        head = command.header
        return [
            codec.encode(
                m.LogPart(
                    part=number,
                    parts=len(chunks),
                    rows=len(chunk),
                    total_rows=len(lines),
                    as_of=command.accepted_at,
                    lines="\n".join(chunk) or None,
                ),
                flags=codec.MORE if number < len(chunks) else 0,
                session=session.handle,
                correlation=head.correlation,
            )
            for number, chunk in enumerate(chunks, 1)
        ]

    def load(self) -> None:
        """Read who is an operator or a host."""
        self._roles = appointments(self._store)

    def role_of(self, account: int) -> AccountRole:
        """Return what an account may be."""
        return _ROLES[self._roles.get(account, Appointment.NONE)]

    def set_role(self, account: int, role: AccountRole, at: int) -> None:
        """Give an account its role; durable with the batch, noted in the audit log."""
        appointment = _APPOINTMENTS[role]
        self._roles.pop(account, None)
        if appointment is not Appointment.NONE:
            self._roles[account] = appointment
        self._journal.change(appoint(self._store, account, appointment))
        self._journal.change(self._store.audit(at, f"role {role.name.lower()}", account))

    def check_login(self, account: int, scope: int) -> None:
        """Raise `Refused` if a login asks for a scope that its account may not have."""
        role = self._roles.get(account, Appointment.NONE)
        if scope == Scope.SETUP:
            raise Refused(Status.INVALID_FIELD, "SETUP is said, not asked for.", field=26)
        if scope == Scope.ADMIN and role != Appointment.ADMIN:
            raise Refused(Status.SCOPE_DENIED, "This account is not an operator's.")
        if scope == Scope.HOST and role == Appointment.NONE:
            raise Refused(Status.SCOPE_DENIED, "This account is not a host's.")

    def is_operator(self, session: Session) -> bool:
        """Tell whether a session has scope ADMIN and its account may have it."""
        role = self._roles.get(session.account)
        return session.scope == Scope.ADMIN and role == Appointment.ADMIN

    def may_host(self, session: Session) -> bool:
        """Tell whether a session has scope HOST or ADMIN and its account may have it."""
        return allows(session.scope, Scope.HOST) and session.account in self._roles

    def require(self, session: Session) -> None:
        """Raise `Refused` unless the session is an operator's."""
        if not self.is_operator(session):
            raise Refused(Status.SCOPE_DENIED, "Only sessions of scope ADMIN may do this.")

    def note(self, at: int, kind: str, session: Session, detail: str) -> None:
        """Write what an operator did into the audit log."""
        self._journal.change(self._store.audit(at, kind, session.account, detail))

    def rows(self) -> Iterator[tuple[int, str, int]]:
        """Give every counter: worker (0: the master itself), name, value."""
        for key, value in (*self._figures(), *self.process_figures()):
            yield 0, key, value
        for number in self._workers.directory.drained():
            yield number, DRAINED, 1
        for link in sorted(self._workers.links(), key=lambda link: link.worker_id):
            number, stats = link.worker_id, link.stats
            yield number, "rtt_us", link.rtt_us
            yield number, "connections", len(link.clients)
            yield number, "held_for_credit", link.flows.held
            for key, hits in link.hits.items():
                yield number, key, hits
            yield number, "log_dropped", link.log_dropped
            if stats is not None:
                for key in _WORKER_KEYS:
                    yield number, key, getattr(stats, key)
                for told in stats.link:
                    yield number, "link_losses", told.losses
                    yield number, "link_refusals", told.refusals
                    yield number, "unknown_frames", told.unknown_frames
                    yield number, "strays", told.strays

    def stats_get(self, command: Command, session: Session, message: m.StatsGet) -> list[bytes]:
        """Answer STATS_GET: the master's counters, then those of each worker that is up."""
        self.require(session)
        head = m.StatsPart(as_of=command.accepted_at)
        packed = [
            m.StatRow(worker=worker, key=key, value=value).pack()
            for worker, key, value in self.rows()
        ]
        return parts(command, session, Tag.STATS, m.StatRow.SIZE, packed, head)

    def worker_control(self, command: Command, session: Session, message: m.WorkerControl) -> bytes:
        """Answer WORKER_CONTROL: drain a worker, or let it be."""
        self.require(session)
        if message.deadline_ms > DEADLINE_MS_MAX:
            raise Refused(
                Status.INVALID_FIELD, f"A worker is drained within {DEADLINE_MS_MAX} milliseconds."
            )
        mode = DrainMode(message.mode)
        if not self._workers.drain(message.worker_id, mode, message.deadline_ms):
            raise Refused(Status.NO_DATA, f"There is no worker {message.worker_id}.")
        detail = f"worker {message.worker_id}: {mode.name}"
        self._journal.change(
            self._store.audit(command.accepted_at, "worker control", session.account, detail)
        )
        found = [link for link in self._workers.links() if link.worker_id == message.worker_id]
        reply = m.WorkerControlReply(clients=sum(len(link.clients) for link in found))
        head = command.header
        return codec.encode(reply, session=session.handle, correlation=head.correlation)


_WORKER_KEYS: Final = (
    "sessions",
    "frames_up",
    "frames_down",
    "bytes_up",
    "bytes_down",
    "cache_hits",
    "cache_misses",
    "rejected",
    "queue_up",
    "queue_down",
)
