"""Questions about what is and what was: orders, the portfolio, the ledger's transactions.

What is comes from the desk's memory, what was from the views, which are waited for until they hold
everything that the asker may have been told.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Final

from papertrader.core.refusals import Refusal
from papertrader.master import records
from papertrader.master.accounts import AccountBook, account_shown
from papertrader.master.commands import Command, Refused
from papertrader.master.holdings import (
    Details,
    newest_first,
    orders_wanted,
    page_end,
    parts,
    rows_limit,
)
from papertrader.master.journal import Journal
from papertrader.master.moneyrows import money_sections
from papertrader.master.orderrecords import combined, order_row, tag_row, terms_row
from papertrader.master.sessions import Session
from papertrader.master.transactions import Market, Transactions
from papertrader.master.views import Views
from papertrader.master.viewstore import ViewStore
from papertrader.wire import messages as m
from papertrader.wire.kinds import Privacy, Tag

STORED_MAX: Final = 2**63 - 1
"""The store's integers have a sign; nothing in it is greater than this."""


class History:
    """Answers; changes nothing."""

    def __init__(
        self,
        transactions: Transactions,
        journal: Journal,
        views: Views,
        store: ViewStore,
        market: Market,
        book: AccountBook,
    ) -> None:
        self._transactions = transactions
        self._journal = journal
        self._views = views
        self._store = store
        self._market = market
        self._book = book

    def order_get(self, command: Command, session: Session, message: m.OrderGet) -> bytes:
        """Answer ORDER_GET by order number, by client order id, or by tag."""
        desk = self._transactions.desk
        portfolio = self._transactions.portfolio_of(session, message.portfolio)
        if message.order:
            order = desk.order(message.order)
        elif message.tag and not message.client_order_id:
            order = desk.order_by_tag(portfolio, message.tag)
        else:
            order = desk.order_by_client_id(portfolio, message.client_order_id)
        if order is None or order.account != session.account:
            which: object = message.order or message.client_order_id
            if not which and message.tag is None:
                text = "Say which order: its number, its client_order_id or its tag."
                raise Refused(Refusal.NO_SUCH_ORDER, text)
            which = which or f'with the tag "{message.tag}"'
            raise Refused(Refusal.NO_SUCH_ORDER, f"You have no order {which}.")
        head = command.header
        return records.order_reply(
            head.opcode,
            desk.shown(order),
            session=session.handle,
            correlation=head.correlation,
            more=records.successor_section(desk.state.replaced_by.get(order.order_id, 0)),
            beside=[desk.shown(each) for each in combined(desk.state, order)],
        )

    def order_list(self, command: Command, session: Session, message: m.OrderList) -> list[bytes]:
        """Answer ORDER_LIST."""
        desk = self._transactions.desk
        portfolio = self._transactions.portfolio_of(session, message.portfolio)
        limit = rows_limit(message.limit)
        found = []
        for order in orders_wanted(desk.state, portfolio, message):
            found.append(desk.shown(order))
            if len(found) == limit:
                break
        head = m.OrderListPart(
            as_of=command.accepted_at,
            event_seq=desk.next_event_seq(session.account) - 1,
            next_after=page_end([order.order_id for order in found], limit),
        )
        rows = [order_row(order).pack() for order in found]
        more = (
            Details(Tag.ORDER_TERMS, m.OrderTermsRow.SIZE, list(map(terms_row, found))),
            Details(Tag.ORDER_TAGS, m.OrderTagRow.SIZE, list(map(tag_row, found))),
        )
        return parts(command, session, Tag.ORDERS, m.OrderRow.SIZE, rows, head, more)

    async def receipt_get(
        self, command: Command, session: Session, message: m.ReceiptGet
    ) -> list[bytes]:
        """Answer RECEIPT_GET: what decided each fill of an order, and what stopped the rest."""
        if not message.order and not message.client_order_id:
            return await self._all_receipts(command, session, message)
        desk = self._transactions.desk
        if message.order:
            order = desk.order(message.order)
        else:
            portfolio = self._transactions.portfolio_of(session, message.portfolio)
            order = desk.order_by_client_id(portfolio, message.client_order_id)
        if order is None or order.account != session.account:
            raise Refused(
                Refusal.NO_SUCH_ORDER,
                f"You have no order {message.order or message.client_order_id}.",
            )
        limit = rows_limit(message.limit)
        told = self._told(session, session.account)
        await self._journal.durable()
        rows = await self._views.ask(
            self._journal.durable_seq,
            self._store.receipts,
            order.order_id,
            min(message.after, STORED_MAX),
            limit,
        )
        numbers = [m.OrderReceiptRow.unpack(row).event_seq for row in rows]
        head = m.ReceiptPart(
            as_of=command.accepted_at, event_seq=told, next_after=page_end(numbers, limit)
        )
        return parts(command, session, Tag.RECEIPTS, m.OrderReceiptRow.SIZE, rows, head)

    async def refusals_get(
        self, command: Command, session: Session, message: m.RefusalsGet
    ) -> list[bytes]:
        """Answer REFUSALS_GET: the orders that were refused on arrival, and why."""
        limit = rows_limit(message.limit)
        told = self._told(session, session.account)
        await self._journal.durable()
        found, kept_from = await self._views.ask(
            self._journal.durable_seq,
            self._store.refusals,
            session.account,
            message.client_order_id,
            message.portfolio,
            min(message.after, STORED_MAX),
            limit,
            newest_first(message),
        )
        head = m.RefusalsPart(
            as_of=command.accepted_at,
            event_seq=told,
            next_after=found[-1][0] if len(found) >= limit else 0,
            kept_from=kept_from,
        )
        rows, notes = [row for _, row, _ in found], [text for _, _, text in found]
        return parts(command, session, Tag.REFUSALS, m.RefusalRow.SIZE, rows, head, notes=notes)

    async def _all_receipts(
        self, command: Command, session: Session, message: m.ReceiptGet
    ) -> list[bytes]:
        """Answer for all orders of a portfolio, by order: a page has its orders' every receipt."""
        portfolio = self._transactions.portfolio_of(session, message.portfolio)
        limit = rows_limit(message.limit)
        told = self._told(session, session.account)
        numbers = self._transactions.desk.state.orders_by_portfolio[portfolio]
        start = bisect_right(numbers, message.after)
        asked = numbers[start : start + limit]
        await self._journal.durable()
        rows, last = await self._views.ask(
            self._journal.durable_seq, self._store.receipts_of, asked, limit
        )
        head = m.ReceiptPart(
            as_of=command.accepted_at,
            event_seq=told,
            next_after=last if last and last < numbers[-1] else 0,
        )
        return parts(command, session, Tag.RECEIPTS, m.OrderReceiptRow.SIZE, rows, head)

    def portfolio_get(
        self, command: Command, session: Session, message: m.PortfolioGet
    ) -> list[bytes]:
        """Answer PORTFOLIO_GET: totals, and positions by symbol; of another user's if shown."""
        account = self._account(session, message.username, Privacy.PORTFOLIO_PUBLIC)
        portfolio = self._transactions.portfolio_in(account, message.portfolio)
        summary = self._transactions.summary(account, portfolio)
        head = m.PortfolioPart(
            account=account,
            portfolio=portfolio,
            currency=summary.currency,
            cash=summary.cash,
            reserved_cash=summary.reserved_cash,
            equity=summary.equity,
            market_value=summary.market_value,
            unrealized_pnl=summary.unrealized,
            realized_pnl=summary.realized,
            as_of=summary.as_of,
            market_time=self._market.now(),
            event_seq=self._told(session, account),
        )
        rows = [row.pack() for row in summary.positions]
        state = self._transactions.desk.state.portfolios[portfolio]
        first = money_sections(self._transactions.desk, state, head.market_time)
        return parts(command, session, Tag.POSITIONS, m.PositionRow.SIZE, rows, head, first=first)

    async def transactions_get(
        self, command: Command, session: Session, message: m.TransactionsGet
    ) -> list[bytes]:
        """Answer TRANSACTIONS_GET; of another user's account if shown."""
        account = self._account(session, message.username, Privacy.HISTORY_PUBLIC)
        portfolio = self._transactions.portfolio_in(account, message.portfolio)
        limit = rows_limit(message.limit)
        told = self._told(session, account)
        await self._journal.durable()
        rows = await self._views.ask(
            self._journal.durable_seq,
            self._store.transactions,
            account,
            portfolio,
            min(message.after, STORED_MAX),
            min(message.from_time, STORED_MAX),
            min(message.to_time, STORED_MAX),
            message.kinds,
            limit,
            newest_first(message),
        )
        numbers = [m.TransactionRow.unpack(row[0]).transaction for row in rows]
        head = m.TransactionsPart(
            as_of=command.accepted_at, event_seq=told, next_after=page_end(numbers, limit)
        )
        details = Details(Tag.DETAILS, m.TransactionDetailRow.SIZE, [row[1] for row in rows])
        blocks, notes = [row[0] for row in rows], [row[2] for row in rows]
        return parts(
            command, session, Tag.TRANSACTIONS, m.TransactionRow.SIZE, blocks, head, (details,),
            notes=notes,
        )  # fmt: skip

    def _account(self, session: Session, username: str | None, needed: int) -> int:
        if username is None:
            return session.account
        return account_shown(self._book, session, username, needed).account

    def _told(self, session: Session, account: int) -> int:
        """Return up to which event the answer goes; of another's stream nothing is told."""
        if account != session.account:
            return 0
        return self._transactions.desk.next_event_seq(account) - 1
