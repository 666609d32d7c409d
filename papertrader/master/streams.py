"""Account event streams: every event of an account, in order, to each session that listens.

Live events go out when they are durable. A session that asks for older ones is served from the
views, batch by batch, while its live events are held back; when it has caught up it goes live.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from papertrader.master.commands import Command, Refused
from papertrader.master.sessions import Session, lost_events
from papertrader.master.views import Views
from papertrader.master.viewstore import ViewStore
from papertrader.wire import codec, limits
from papertrader.wire import messages as m
from papertrader.wire.kinds import FrameFlag, Opcode, Status, Topic

REPLAYED = int(FrameFlag.REPLAYED)


class Streams:
    """Who listens to which account, and how far each account's durable stream has come."""

    log = Logger()

    def __init__(
        self, views: Views, store: ViewStore, when_durable: Callable[[Callable[[], None]], None]
    ) -> None:
        self._views = views
        self._store = store
        self._when_durable = when_durable
        self._listening: dict[int, list[Session]] = {}
        self._next: dict[int, int] = {}
        self._oldest: dict[int, int] = {}
        self.sent = 0

    def load(self, account: int, next_event: int, oldest: int) -> None:
        """Take over an account's stream at the start."""
        self._next[account] = next_event
        self._oldest[account] = oldest or 1

    def bounds(self, account: int) -> tuple[int, int]:
        """Return (oldest event kept, next event) of an account's durable stream."""
        upcoming = self._next.get(account, 1)
        return max(self._oldest.get(account, 1), upcoming - limits.EVENTS_KEPT), upcoming

    def send(self, pushes: Iterable[tuple[int, int, bytes]]) -> None:
        """Send durable events, each (account, sequence, frame), to those who listen."""
        for account, seq, frame in pushes:
            self._next[account] = seq + 1
            listening = self._listening.get(account)
            if listening:
                for session in listening:
                    if not session.replaying:
                        self._send(session, frame, 0)
                        session.cursor = seq + 1

    def tell(self, account: int, frame: bytes) -> None:
        """Send an event that is no part of the stream to those who listen to an account."""
        for session in self._listening.get(account, ()):
            self._send(session, frame, 0)

    def _send(self, session: Session, frame: bytes, flags: int) -> None:
        if session.link is not None:
            octets = codec.readdress(frame, session.handle, session.subscription, flags)
            session.link.relay(session.connection, octets)
            self.sent += 1

    def routes(self) -> Mapping[int, Callable[..., Any]]:
        """Return which command is answered by what."""
        return {Opcode.SUBSCRIBE: self.subscribe, Opcode.UNSUBSCRIBE: self.unsubscribe}

    def subscribe(self, command: Command, session: Session, message: m.Subscribe) -> None:
        """Answer SUBSCRIBE(ACCOUNT) once what was decided before is durable."""
        if message.topics != Topic.ACCOUNT:
            raise Refused(
                Status.INVALID_FIELD,
                "Ask for the account's events alone; quotes are the worker's.",
                field=0,
            )
        self._when_durable(lambda: self._begin(command, session, message.from_event_seq))

    def _begin(self, command: Command, session: Session, from_event_seq: int) -> None:
        """Send the account's events from now on, or from an older one on."""
        if session.link is not command.link or session.connection != command.connection:
            # It was detached while the answer waited for the journal: nobody is left to listen.
            return
        oldest, upcoming = self.bounds(session.account)
        start = from_event_seq or upcoming
        gap = not oldest <= start <= upcoming
        lost = lost_events(start, oldest) if gap else None
        start = upcoming if gap else start
        head = command.header
        reply = m.SubscribeReply(
            next_event_seq=upcoming,
            oldest_event_seq=oldest,
            text=lost,
        )
        status = Status.RESUME_GAP if gap else Status.OK
        command.answer(
            codec.encode(reply, status=status, session=session.handle, correlation=head.correlation)
        )
        session.subscription, session.cursor = head.correlation, start
        self._listen(session)
        if start < upcoming and not session.replaying:
            session.replaying = True
            Deferred.fromCoroutine(self._replay(session)).addErrback(
                lambda failure: self.log.failure("a replay of events failed", failure=failure)
            )

    def _listen(self, session: Session) -> None:
        listening = self._listening.setdefault(session.account, [])
        if session not in listening:
            listening.append(session)

    async def _replay(self, session: Session) -> None:
        try:
            while session.subscription and session.link is not None:
                _, upcoming = self.bounds(session.account)
                if session.cursor >= upcoming:
                    return
                start = session.cursor
                rows = await self._views.ask(
                    self._views.watermark,
                    self._store.events,
                    session.account,
                    start,
                    limits.REPLAY_BATCH,
                )
                if not rows:
                    # Durable, but the views are still to write it.
                    await self._views.reached(self._views.watermark + 1)
                if session.cursor != start:
                    # A newer SUBSCRIBE has begun elsewhere meanwhile.
                    continue
                for seq, frame in rows:
                    if session.subscription and session.cursor <= seq < upcoming:
                        self._send(session, frame, REPLAYED)
                        session.cursor = seq + 1
                if session.link is not None:
                    await session.link.room(session.connection)
        finally:
            session.replaying = False

    def unsubscribe(self, command: Command, session: Session, message: m.Unsubscribe) -> bytes:
        """End the subscription to the account's events; quotes are the worker's."""
        if message.subscription == session.subscription:
            self.stop(session)
        head = command.header
        return codec.encode(
            m.UnsubscribeReply(), session=session.handle, correlation=head.correlation
        )

    def stop(self, session: Session) -> None:
        """Stop sending a session its account's events."""
        session.subscription = 0
        listening = self._listening.get(session.account, [])
        if session in listening:
            listening.remove(session)
        if not listening:
            self._listening.pop(session.account, None)
