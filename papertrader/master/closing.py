"""Commands that end many orders at once: cancelling all, and closing positions."""

from __future__ import annotations

from collections.abc import Iterable

from papertrader.core.events import Event, OrderChanged, Outcome
from papertrader.core.orders import OrderEventKind
from papertrader.master.commands import Command
from papertrader.master.orderrecords import order_row
from papertrader.master.sessions import Session
from papertrader.master.transactions import CLIENT_ORDER_ID_MAX, Transactions
from papertrader.wire import limits
from papertrader.wire import messages as m
from papertrader.wire.derived import Message


class Closing:
    """Decides them by the desk, each exactly once."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def order_cancel_all(
        self, command: Command, session: Session, message: m.OrderCancelAll
    ) -> bytes:
        """Cancel what the message names; the reply says how many orders that were."""
        portfolio = message.portfolio or self._transactions.first_portfolio(session)

        def decide(seq: int) -> Outcome:
            return self._transactions.desk.cancel_all(
                seq=seq,
                at=command.accepted_at,
                account=session.account,
                portfolio=portfolio,
                symbol=message.symbol,
                side=message.side,
            )

        def answer(outcome: Outcome) -> Message:
            return m.OrderCancelAllReply(
                cancelled=_cancelled(outcome.events),
                still_open=len(self._transactions.desk.state.open_orders[portfolio]),
            )

        return self._transactions.decide(command, session, portfolio, decide, answer)

    def position_close(self, command: Command, session: Session, message: m.PositionClose) -> bytes:
        """Close a position or all; the reply shows the orders that do."""
        first = message.client_order_id
        if first > CLIENT_ORDER_ID_MAX - len(self._transactions.desk.state.orders):
            first = 0
        self._transactions.check_order_id(first, 24)
        portfolio = message.portfolio or self._transactions.first_portfolio(session)

        def decide(seq: int) -> Outcome:
            return self._transactions.desk.close(
                seq=seq,
                at=command.accepted_at,
                received_at=command.received_at,
                market_at=self._transactions.input_at,
                account=session.account,
                portfolio=portfolio,
                client_order_id=first,
                symbol=message.symbol,
            )

        def answer(outcome: Outcome) -> Message:
            sent = [
                event.order
                for event in outcome.events
                if isinstance(event, OrderChanged) and event.kind == OrderEventKind.ACCEPTED
            ]
            return m.PositionCloseReply(
                cancelled=_cancelled(outcome.events),
                closing=len(sent),
                text=outcome.text[: limits.TEXT_MAX] or None,
                orders=tuple(map(order_row, sent[: limits.CLOSING_SHOWN_MAX])),
            )

        return self._transactions.decide(command, session, portfolio, decide, answer)


def _cancelled(events: Iterable[Event]) -> int:
    """Count the orders that some events cancelled."""
    changes = (event for event in events if isinstance(event, OrderChanged))
    return sum(change.kind == OrderEventKind.CANCELLED for change in changes)
