"""What the in-memory worker of `client_kit` does with watchlists and price alerts."""

from __future__ import annotations

import attrs

from papertrader.core.alerts import AlertState
from papertrader.core.money import NULL
from papertrader.wire import codec
from papertrader.wire import messages as m
from papertrader.wire.kinds import Status
from tests.client_accounts import START


class AlertPeer:
    """Answers of `Peer`: reads send their reply, commands return it with its status."""

    def _change_watchlist_set(self, wish: m.WatchlistSet) -> tuple[object, int]:
        symbols = [row.symbol for row in wish.symbols]
        if "NONE" in symbols:
            return codec.Failure("There is no asset NONE."), Status.NO_SUCH_SYMBOL
        self.market.watchlists[wish.name] = symbols
        count = len(self.market.watchlists)
        return m.WatchlistReply(name=wish.name, symbols=len(symbols), lists=count), Status.OK

    def _change_watchlist_delete(self, wish: m.WatchlistDelete) -> tuple[object, int]:
        if self.market.watchlists.pop(wish.name, None) is None:
            return codec.Failure("You have no such watchlist."), Status.NO_SUCH_WATCHLIST
        return m.WatchlistReply(name=wish.name, lists=len(self.market.watchlists)), Status.OK

    def _watchlist_list(self, header: codec.Header, message: m.WatchlistList) -> None:
        lists = self.market.watchlists
        if message.name and message.name not in lists:
            self._fail(header, Status.NO_SUCH_WATCHLIST, "You have no such watchlist.")
            return
        names = [message.name] if message.name else sorted(lists)
        rows = [m.WatchRow(name, symbol) for name in names for symbol in lists[name]]
        self._parts(header, m.WatchlistPart, "watches", rows, as_of=START)

    def _change_alert_create(self, wish: m.AlertCreate) -> tuple[object, int]:
        number = len(self.market.alerts) + 1
        made = m.AlertReply(
            alert=number, symbol=wish.symbol, condition=wish.condition, state=AlertState.OPEN,
            price=wish.price, asked=wish.price, expires_at=wish.expires_at, created_at=START,
            seen=NULL,
        )  # fmt: skip
        self.market.alerts[number] = made
        return made, Status.OK

    def _alert_list(self, header: codec.Header, message: m.AlertList) -> None:
        rows = [
            m.AlertRow(**attrs.asdict(each))
            for each in self.market.alerts.values()
            if message.symbol in ("", each.symbol)
        ]
        self._parts(header, m.AlertListPart, "alerts", rows, as_of=START)

    def _change_alert_delete(self, wish: m.AlertDelete) -> tuple[object, int]:
        alerts = self.market.alerts
        gone = [wish.alert] if wish.alert else [n for n, a in alerts.items() if a.ended_at]
        if not set(gone) <= alerts.keys():
            return codec.Failure("You have no such alert."), Status.NO_SUCH_ALERT
        for number in gone:
            del alerts[number]
        return m.AlertDeleteReply(deleted=len(gone), kept=len(alerts)), Status.OK

    def push_alert(self, number: int, seen: int) -> None:
        """Trigger an alert and tell it to the subscription to the account, if there is one."""
        ended = attrs.evolve(
            self.market.alerts[number], state=AlertState.TRIGGERED, ended_at=START + 1,
            market_at=START, seen=seen, quote_seq=9,
        )  # fmt: skip
        self.market.alerts[number] = ended
        self._event(m.AlertEvent(**attrs.asdict(ended)), correlation=self.account_topic)
