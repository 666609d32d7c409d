"""Price alerts: made by their owners, watched with every quote, ended once and kept until deleted.

They are preferences, not money: kept in a table of the truth store. What ends one is written there
before anybody is told (specification, clauses 14.14 to 14.17); a crash before that leaves the alert
open, to be triggered by a later quote, and a crash after it leaves it ended.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import attrs
import peewee

from papertrader.core.alerts import Alert, AlertBook, AlertCondition, AlertState, adjusted
from papertrader.core.desk import Desk
from papertrader.core.quotes import ActionKind, CorporateAction, Quote
from papertrader.master.commands import Command, Refused
from papertrader.master.holdings import parts
from papertrader.master.journal import Journal
from papertrader.master.markettime import MarketTime
from papertrader.master.replies import conclude, stored_reply
from papertrader.master.sessions import Session
from papertrader.master.streams import Streams
from papertrader.net.clock import Clock
from papertrader.wire import codec, limits
from papertrader.wire import messages as m
from papertrader.wire.derived import Message
from papertrader.wire.kinds import Status, Tag

LAST_KEY: Final = "alert_last"
"""Where the highest number given out is kept: numbers of deleted alerts are not given out again."""
TIME_MAX: Final = 2**63 - 1
"""The store's integers have a sign."""
_COLUMNS: Final = (
    "id, account, symbol, condition, price, asked, created_at, expires_at, state, ended_at,"
    " market_at, seen, quote_seq"
)
"""In the order of the attributes of `papertrader.core.alerts.Alert`."""
_PRICE_FIELD: Final = 24
_EXPIRES_FIELD: Final = 32


class Alerts:
    """The module (see above); at most ALERTS_PER_ACCOUNT alerts of one account."""

    def __init__(
        self, desk: Desk, journal: Journal, streams: Streams, market: MarketTime, clock: Clock
    ) -> None:
        self._desk = desk
        self._journal = journal
        self._streams = streams
        self._market = market
        self._clock = clock
        self._book = AlertBook()
        self._by_account: dict[int, dict[int, Alert]] = {}
        self._last = 0
        self.ended = 0

    def __len__(self) -> int:
        return len(self._book)

    def symbols(self) -> Iterable[str]:
        """Return the symbols that open alerts watch."""
        return self._book.symbols()

    def load(self, db: peewee.Database) -> None:
        """Read the alerts from the store."""
        row = db.execute_sql("SELECT value FROM meta WHERE key = ?", (LAST_KEY,)).fetchone()
        self._last = int(row[0]) if row is not None else 0
        names = [each.name for each in attrs.fields(Alert)]
        for values in db.execute_sql(f"SELECT {_COLUMNS} FROM alert ORDER BY id"):
            fields: dict[str, Any] = dict(zip(names, values, strict=True))
            fields["condition"] = AlertCondition(fields["condition"])
            fields["state"] = AlertState(fields["state"])
            self._keep(Alert(**fields))

    def forget(self, account: int) -> None:
        """Delete the alerts of an account that is closed."""
        for number in self._by_account.pop(account, {}):
            self._book.remove(number)
            self._change("DELETE FROM alert WHERE id = ?", (number,))

    def _keep(self, alert: Alert) -> None:
        self._by_account.setdefault(alert.account, {})[alert.alert] = alert
        if alert.state == AlertState.OPEN:
            self._book.add(alert)

    # --- the market (`assets.MarketWatcher`) ---------------------------------------------------

    def observe(self, quote: Quote, market_at: int) -> None:
        """Trigger what a new quote triggers."""
        found = self._book.take_triggered(quote)
        if found:
            at = self._clock.wall_ns()
            self._end([alert.triggered(quote, at, market_at) for alert in found])

    def advance(self, market_at: int) -> None:
        """End what has expired by a market time."""
        self._end_as(AlertState.EXPIRED, self._book.take_expired(market_at), market_at)

    def act(self, action: CorporateAction, market_at: int, *, late: bool = False) -> None:
        """Carry the alerts of a symbol through a corporate action that was just applied.

        What was made after the time of a split that was heard of ``late`` is of its prices.
        The change is of the same batch as the action's record: neither is ever without the other.
        """
        if action.kind == ActionKind.CASH_DIVIDEND:
            return
        found = self._book.take_of(action.symbol)
        if action.kind == ActionKind.DELISTING:
            self._end_as(AlertState.DELISTED, found, market_at)
            return
        for alert in found:
            stays = late and action.kind == ActionKind.SPLIT and alert.created_at >= action.at
            changed = alert if stays else adjusted(alert, action)
            self._keep(changed)
            row = (changed.price, changed.symbol, changed.alert)
            self._change("UPDATE alert SET price = ?, symbol = ? WHERE id = ?", row)

    def turned_back(self, market_at: int) -> None:
        """End all: the prices to come are those of another time, and of another scale perhaps."""
        self._end_as(AlertState.CLOCK_TURNED_BACK, self._book.take_all(), market_at)

    def _end_as(self, state: AlertState, alerts: list[Alert], market_at: int) -> None:
        if alerts:
            at = self._clock.wall_ns()
            self._end([alert.ended(state, at, market_at) for alert in alerts])

    def _end(self, alerts: list[Alert]) -> None:
        """Write down that alerts have ended, then tell who listens."""
        for alert in alerts:
            self._keep(alert)
            self._change(
                "UPDATE alert SET state = ?, ended_at = ?, market_at = ?, seen = ?, quote_seq = ?"
                " WHERE id = ?",
                (int(alert.state), alert.ended_at, alert.market_at, alert.seen, alert.quote_seq,
                 alert.alert),
            )  # fmt: skip
        self.ended += len(alerts)
        frames = [(each.account, codec.encode(_shown(m.AlertEvent, each))) for each in alerts]

        def tell() -> None:
            for account, frame in frames:
                self._streams.tell(account, frame)

        self._journal.when_durable(tell)

    def _change(self, sql: str, row: tuple[Any, ...]) -> None:
        self._journal.change(lambda db: db.execute_sql(sql, row))

    # --- requests ------------------------------------------------------------------------------

    def create(self, command: Command, session: Session, message: m.AlertCreate) -> bytes:
        """Answer ALERT_CREATE."""
        stored = stored_reply(command, session)
        if stored is not None:
            return stored
        self._check(message)
        if len(self._by_account.get(session.account, ())) >= limits.ALERTS_PER_ACCOUNT:
            raise Refused(
                Status.TOO_MANY_ALERTS,
                f"You have {limits.ALERTS_PER_ACCOUNT} alerts already; delete those that ended.",
            )
        if self._desk.asset(message.symbol) is None:
            text = f"There is no asset {message.symbol or '(empty)'} in this market."
            refusal = command.failure(Status.NO_SUCH_SYMBOL, text, 0)
            return conclude(self._journal, command, session, refusal)
        self._last += 1
        alert = Alert(
            alert=self._last,
            account=session.account,
            symbol=message.symbol,
            condition=AlertCondition(message.condition),
            price=message.price,
            asked=message.price,
            created_at=command.accepted_at,
            expires_at=message.expires_at,
        )
        self._keep(alert)
        self._store(alert)
        return self._answer(command, session, _shown(m.AlertReply, alert))

    def _check(self, message: m.AlertCreate) -> None:
        if message.price <= 0:
            raise Refused(Status.INVALID_FIELD, "An alert's price is above 0.", field=_PRICE_FIELD)
        if message.expires_at and not self._market.now() < message.expires_at <= TIME_MAX:
            raise Refused(
                Status.INVALID_FIELD,
                "An alert expires at a market time in the future; 0 is never.",
                field=_EXPIRES_FIELD,
            )

    def _store(self, alert: Alert) -> None:
        row = attrs.astuple(alert)
        marks = ", ".join("?" for _ in row)
        self._change(f"INSERT INTO alert ({_COLUMNS}) VALUES ({marks})", row)
        self._change(
            "INSERT INTO meta (key, value) VALUES (?, ?)"
            " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (LAST_KEY, str(alert.alert)),
        )

    def listing(self, command: Command, session: Session, message: m.AlertList) -> list[bytes]:
        """Answer ALERT_LIST, oldest first."""
        rows = [
            _shown(m.AlertRow, alert).pack()
            for alert in sorted(
                self._by_account.get(session.account, {}).values(), key=lambda each: each.alert
            )
            if message.symbol in ("", alert.symbol)
        ]
        head = m.AlertListPart(as_of=command.accepted_at)
        return parts(command, session, Tag.ALERTS, m.AlertRow.SIZE, rows, head)

    def delete(self, command: Command, session: Session, message: m.AlertDelete) -> bytes:
        """Answer ALERT_DELETE: one, or all that have ended."""
        stored = stored_reply(command, session)
        if stored is not None:
            return stored
        mine = self._by_account.get(session.account, {})
        if message.alert and message.alert not in mine:
            raise Refused(Status.NO_SUCH_ALERT, f"You have no alert {message.alert}.")
        ended = [each.alert for each in mine.values() if each.state != AlertState.OPEN]
        numbers = [message.alert] if message.alert else ended
        for number in numbers:
            del mine[number]
            self._book.remove(number)
            self._change("DELETE FROM alert WHERE id = ?", (number,))
        kept = len(mine)
        if not mine:
            self._by_account.pop(session.account, None)
        reply = m.AlertDeleteReply(deleted=len(numbers), kept=kept)
        return self._answer(command, session, reply)

    def _answer(self, command: Command, session: Session, reply: Message) -> bytes:
        octets = codec.encode(reply, session=session.handle, correlation=command.header.correlation)
        return conclude(self._journal, command, session, octets)


def _shown(shape: type[Any], alert: Alert) -> Any:
    """Return an alert as a row, a reply or an event: they have the same fields."""
    names = (each.name for each in attrs.fields(Alert) if each.name != "account")
    return shape(**{name: getattr(alert, name) for name in names})
