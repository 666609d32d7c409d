"""The desk: the deterministic machine that decides what commands, quotes and time do.

Each input is decided into events, and the events are applied: nothing else changes the state. So
a desk is recovered by applying the events of the journal (`Desk.apply`), without deciding
anything again; and deciding the same inputs again must give the same events. There is no clock,
no randomness and no I/O here: instants and sequence numbers come in with each input.

Reference data, assets and the newest quotes, is not made of events and is given again at each
start. To repeat a decision, repeat with it `Desk.last_quote` as it then was.
"""

from __future__ import annotations

from papertrader.core import acceptance
from papertrader.core.acceptance import Refused, Terms
from papertrader.core.actions import (
    Posting,
    check_action,
    end_order,
    plan_dividend,
    plan_split,
    split_order,
    split_quote,
)
from papertrader.core.audit import find_violations, state_hash
from papertrader.core.book import Book
from papertrader.core.events import (
    ActionApplied,
    Event,
    OrderChanged,
    Outcome,
    PortfolioOpened,
)
from papertrader.core.fills import (
    displayed_size,
    fill_from_quote,
    may_fill,
    receipt_for,
    touch_price,
)
from papertrader.core.identifiers import check_currency, check_id, check_symbol
from papertrader.core.money import AmountOverflow, checked
from papertrader.core.orders import NewOrder, Order, OrderEventKind, Side, next_state
from papertrader.core.portfolio import PortfolioState
from papertrader.core.postings import action_event, deposit_event, fill_events
from papertrader.core.quotes import (
    ActionKind,
    Asset,
    AssetStatus,
    CorporateAction,
    Quote,
    QuoteFlag,
)
from papertrader.core.refusals import Refusal
from papertrader.core.rules import DeskRules
from papertrader.core.state import DeskState

_NOT_TRADING = frozenset({AssetStatus.HALTED, AssetStatus.DELISTED})


class Desk:
    """Orders in, events out. Every input carries a ``seq`` greater than that of all before it.

    Inputs raise `ValueError` for what only a faulty caller can send; what a trader can get wrong
    is a `Refusal` in the `Outcome`. Neither changes anything.
    """

    def __init__(self, rules: DeskRules | None = None) -> None:
        self.rules = rules if rules is not None else DeskRules()
        self.state = DeskState()
        self._assets: dict[str, Asset] = {}
        self._quotes: dict[str, Quote] = {}
        self._sequence = 0
        self._events: list[Event] = []

    # Reference data

    def list_asset(self, asset: Asset) -> None:
        """Make ``asset`` known, or replace what is known of it (a halt, for example)."""
        check_symbol(asset.symbol)
        check_currency(asset.currency)
        if asset.tick <= 0 or asset.lot <= 0 or asset.quantity_min <= 0:
            raise ValueError(f"the tick, lot and least quantity of {asset.symbol} must be above 0")
        self._assets[asset.symbol] = asset

    def note_quote(self, quote: Quote) -> None:
        """Remember ``quote`` as the newest of its symbol without working any order.

        For a quote that `would_act` does not need. One that is SUSPECT, or not newer than the one
        known, is not remembered.
        """
        if self._is_news(quote) and not quote.flags & QuoteFlag.SUSPECT:
            self._quotes[quote.symbol] = quote

    # Inputs

    def open_portfolio(
        self, *, seq: int, at: int, account: int, portfolio: int, currency: str, deposit: int
    ) -> list[Event]:
        """Open a portfolio and pay ``deposit`` (0 or more) into it.

        Raises `ValueError` if the number is taken or invalid, or the deposit does not fit.
        """
        check_id(account, "account")
        check_id(portfolio, "portfolio")
        check_currency(currency)
        if portfolio in self.state.portfolios:
            raise ValueError(f"portfolio {portfolio} exists already; choose another number")
        if deposit < 0:
            raise ValueError("a portfolio cannot open with less than 0 in cash")
        checked(deposit)
        self._begin(seq)
        self._emit(PortfolioOpened(account, portfolio, currency, at))
        if deposit:
            self._emit(deposit_event(self.state, self.state.portfolios[portfolio], deposit, at))
        return self._finish()

    def deposit(self, *, seq: int, at: int, portfolio: int, amount: int) -> list[Event]:
        """Pay ``amount`` (more than 0) into a portfolio.

        Raises `ValueError` for an unknown portfolio or amount, and `AmountOverflow` if the cash
        would not fit.
        """
        owner = self.state.portfolios.get(portfolio)
        if owner is None or amount <= 0:
            raise ValueError(f"cannot pay {amount} into portfolio {portfolio}; check both")
        event = deposit_event(self.state, owner, amount, at)
        self._begin(seq)
        self._emit(event)
        return self._finish()

    def submit(self, command: NewOrder) -> Outcome:
        """Accept or refuse a new order. It fills at the earliest on the next quote observed."""
        self._begin(command.seq)
        portfolio = acceptance.find_portfolio(command, self.state.portfolios)
        if isinstance(portfolio, Refused):
            return self._refuse(command, portfolio)
        asset = acceptance.find_asset(command, self._assets, portfolio)
        if isinstance(asset, Refused):
            return self._refuse(command, asset)
        refused = acceptance.check_shape(command, asset, self.rules)
        if refused is not None:
            return self._refuse(command, refused)
        quote = self._quotes.get(asset.symbol)
        terms = acceptance.find_terms(command, asset, quote, self.rules)
        if isinstance(terms, Refused):
            return self._refuse(command, terms)
        account = self.state.accounts[command.account]
        refused = acceptance.check_room(command, account, self.rules)
        refused = refused or acceptance.check_funds(command, terms, portfolio)
        if refused is not None:
            return self._refuse(command, refused)
        order = self._accept(command, terms)
        return Outcome(None, "", order, self._finish())

    def cancel(
        self,
        *,
        seq: int,
        at: int,
        account: int,
        portfolio: int,
        order_id: int = 0,
        client_order_id: int = 0,
    ) -> Outcome:
        """Cancel an open order, named by ``order_id`` or, if that is 0, by ``client_order_id``."""
        self._begin(seq)
        order = (
            self.order(order_id)
            if order_id
            else self.order_by_client_id(portfolio, client_order_id)
        )
        if order is None or order.account != account or order.portfolio != portfolio:
            return Outcome(
                Refusal.NO_SUCH_ORDER,
                f"You have no order {order_id or client_order_id} in portfolio {portfolio}; ask for"
                " the list of your orders.",
                None,
                [],
            )
        if not order.is_open:
            return Outcome(
                Refusal.ORDER_DONE,
                f"Order {order.order_id} is {order.state.name} already; nothing is left to cancel.",
                order,
                [],
            )
        ended = self._end(order, OrderEventKind.CANCELLED, 0, at)
        return Outcome(None, "", ended, self._finish())

    def would_act(self, quote: Quote) -> bool:
        """Tell, cheaply, whether `observe` may yield events; False when it certainly yields none.

        So that only quotes that do something need a sequence number and a place in the journal;
        the others go to `note_quote`.
        """
        book = self._workable(quote)
        if book is None:
            return False
        return (
            book.touches(Side.BUY, touch_price(Side.BUY, quote))
            or book.touches(Side.SELL, touch_price(Side.SELL, quote))
            or any(stamp < quote.observed_at for stamp, _ in book.pending.values())
        )

    def observe(self, *, seq: int, quote: Quote) -> list[Event]:
        """Work the open orders of one symbol against a new quote.

        An order uses it only if the master observed it after the order was received. Orders take
        turns by price and then by time; what one took of the displayed size is gone for the next.
        A quote that is not newer than the last one of its symbol does nothing.
        """
        self._begin(seq)
        book = self._workable(quote)
        self.note_quote(quote)
        if book is not None:
            asset = self._assets[quote.symbol]
            self._work(book, Side.BUY, quote, asset)
            self._work(book, Side.SELL, quote, asset)
            self._wake(book, quote, asset)
        return self._finish()

    def advance(self, *, seq: int, at: int, market_at: int) -> list[Event]:
        """Expire every open order whose time is at or before ``market_at``, the earliest first."""
        self._begin(seq)
        while (order := self.state.due(market_at)) is not None:
            self._end(order, OrderEventKind.EXPIRED, 0, at)
        return self._finish()

    def act(self, *, seq: int, at: int, action: CorporateAction) -> list[Event]:
        """Apply a corporate action to all positions and open orders of its symbol, once.

        One with the same symbol, kind and time as an earlier one does nothing: the caller adds up
        two dividends of the same day. Raises `ValueError` for an unknown symbol or an impossible
        action, and `AmountOverflow` if some result does not fit; nothing is applied then.
        """
        check_action(action)
        asset = self._assets.get(action.symbol)
        if asset is None:
            raise ValueError(f"{action.symbol} is not listed; list it before its actions")
        postings = [] if self.has_applied(action) else self._plan(action, asset, at)
        self._begin(seq)
        if self.has_applied(action):
            return self._finish()
        self._emit(ActionApplied(action, at))
        for posting in postings:
            self._emit(action_event(self.state, posting, at))
        if action.kind == ActionKind.SPLIT:
            self._split_orders(action, asset, at)
            quote = self._quotes.get(action.symbol)
            if quote is not None:
                self._quotes[action.symbol] = split_quote(quote, action)
        return self._finish()

    def apply(self, event: Event) -> None:
        """Take over one event of the journal, in its order; nothing is decided.

        Raises `InvariantViolated`, with nothing changed, if it does not follow from the state.
        """
        self.state.apply(event)
        self._sequence = max(self._sequence, self.state.sequence_last)

    # Queries. What they return is the desk's own: read it, never change it.

    def order(self, order_id: int) -> Order | None:
        """Return an order as it stands."""
        return self.state.orders.get(order_id)

    def order_by_client_id(self, portfolio: int, client_order_id: int) -> Order | None:
        """Return the order for which a portfolio used ``client_order_id``."""
        owner = self.state.portfolios.get(portfolio)
        order_id = owner.client_order_ids.get(client_order_id) if owner is not None else None
        return None if order_id is None else self.state.orders[order_id]

    def orders_of(self, *, account: int = 0, portfolio: int = 0) -> list[Order]:
        """Return all orders, finished ones too, of a portfolio or, if that is 0, of an account."""
        if portfolio:
            portfolios = [portfolio]
        else:
            owner = self.state.accounts.get(account)
            portfolios = owner.portfolios if owner is not None else []
        orders, by_portfolio = self.state.orders, self.state.orders_by_portfolio
        return [orders[number] for each in portfolios for number in by_portfolio.get(each, ())]

    def portfolio(self, portfolio: int) -> PortfolioState | None:
        """Return a portfolio as it stands."""
        return self.state.portfolios.get(portfolio)

    def portfolios_of(self, account: int) -> list[PortfolioState]:
        """Return the portfolios of an account in the order in which they were opened."""
        owner = self.state.accounts.get(account)
        return [self.state.portfolios[each] for each in owner.portfolios] if owner else []

    def asset(self, symbol: str) -> Asset | None:
        """Return what is known of a symbol."""
        return self._assets.get(symbol)

    def last_quote(self, symbol: str) -> Quote | None:
        """Return the newest trustworthy quote of a symbol."""
        return self._quotes.get(symbol)

    def next_event_seq(self, account: int) -> int:
        """Return the number that the account's next event will have; 1 for an unknown account."""
        owner = self.state.accounts.get(account)
        return 1 if owner is None else owner.event_seq + 1

    def next_expiry(self) -> int:
        """Return the market time from which `advance` has something to do; 0 if never."""
        return self.state.next_expiry()

    def has_applied(self, action: CorporateAction) -> bool:
        """Tell whether an action of this symbol, kind and time was applied."""
        return (action.symbol, action.kind, action.at) in self.state.applied

    def check_invariants(self) -> list[str]:
        """Count everything again; return one sentence for each invariant that does not hold."""
        return find_violations(self.state)

    def state_hash(self) -> bytes:
        """Return SHA-256 over all state that events have made; quotes and assets are left out."""
        return state_hash(self.state)

    # Deciding

    def _begin(self, seq: int) -> None:
        if seq <= self._sequence:
            raise ValueError(f"input {seq} comes after input {self._sequence}; it must be greater")
        self._sequence = seq

    def _emit(self, event: Event) -> None:
        self.state.apply(event)
        self._events.append(event)

    def _finish(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    def _refuse(self, command: NewOrder, refused: Refused) -> Outcome:
        order = None
        if refused.refusal == Refusal.DUPLICATE_ORDER:
            order = self.order_by_client_id(command.portfolio, command.client_order_id)
        return Outcome(refused.refusal, refused.text, order, [])

    def _is_news(self, quote: Quote) -> bool:
        known = self._quotes.get(quote.symbol)
        return known is None or quote.quote_seq > known.quote_seq

    def _workable(self, quote: Quote) -> Book | None:
        """Return the book that ``quote`` may work, or None if it cannot fill anything."""
        book = self.state.books.get(quote.symbol)
        asset = self._assets.get(quote.symbol)
        if book is None or asset is None or asset.status in _NOT_TRADING:
            return None
        return book if may_fill(quote) and self._is_news(quote) else None

    def _accept(self, command: NewOrder, terms: Terms) -> Order:
        order = Order(
            order_id=self.state.order_last + 1,
            client_order_id=command.client_order_id,
            account=command.account,
            portfolio=command.portfolio,
            symbol=command.symbol,
            side=command.side,
            order_type=command.order_type,
            time_in_force=command.time_in_force,
            flags=command.flags,
            quantity=command.quantity,
            limit_price=command.limit_price,
            stop_price=command.stop_price,
            reserved_cash=terms.reserved_cash,
            reserved_quantity=terms.reserved_quantity,
            collar_price=terms.collar_price,
            received_at=command.received_at,
            accepted_at=command.at,
            updated_at=command.at,
            expire_at=command.expire_at,
            sequence=command.seq,
        )
        self._change(OrderEventKind.ACCEPTED, order, command.at)
        return order

    def _change(self, kind: OrderEventKind, order: Order, at: int) -> None:
        event_seq = self.state.accounts[order.account].event_seq + 1
        self._emit(OrderChanged(order.account, order.portfolio, event_seq, kind, order, at))

    def _end(self, order: Order, kind: OrderEventKind, reason: int, at: int) -> Order:
        ended = end_order(order, kind, reason, at)
        self._change(kind, ended, at)
        return ended

    def _plan(self, action: CorporateAction, asset: Asset, at: int) -> list[Posting]:
        """Work out what an action posts to each portfolio, before anything is changed."""
        postings = []
        quote = self._quotes.get(action.symbol)
        for number in sorted(self.state.portfolios):
            portfolio = self.state.portfolios[number]
            if action.kind == ActionKind.SPLIT:
                posting = plan_split(portfolio, action, asset, quote, at)
            else:
                posting = plan_dividend(portfolio, action)
            if posting is not None:
                postings.append(posting)
        return postings

    def _split_orders(self, action: CorporateAction, asset: Asset, at: int) -> None:
        book = self.state.books.get(action.symbol)
        for order_id in book.order_ids() if book is not None else ():
            kind, order = split_order(self.state.orders[order_id], action, asset, at)
            self._change(kind, order, at)

    def _work(self, book: Book, side: Side, quote: Quote, asset: Asset) -> None:
        """Let the orders of one side take from ``quote`` in their turn until it is used up."""
        price = touch_price(side, quote)
        if not book.touches(side, price):
            return
        size_left = displayed_size(side, quote)
        for order_id in book.candidates(side, price):
            if size_left < asset.lot:
                break
            order = self.state.orders[order_id]
            if order.received_at >= quote.observed_at:
                continue
            fill = fill_from_quote(order, quote, size_left, asset.lot)
            if fill.quantity == 0:
                continue
            try:
                changed, posted = fill_events(self.state, order, fill, quote)
            except AmountOverflow:
                # The trader has grown beyond what can be counted: give the order up, not the desk.
                reason = int(Refusal.AMOUNT_OVERFLOW)
                self._end(order, OrderEventKind.CANCELLED, reason, quote.observed_at)
                continue
            self._emit(changed)
            self._emit(posted)
            size_left -= fill.quantity

    def _wake(self, book: Book, quote: Quote, asset: Asset) -> None:
        """Let orders that met their first eligible quote, and took nothing, rest in the book."""
        at = quote.observed_at
        eligible = [
            (stamp, sequence, order_id)
            for order_id, (stamp, sequence) in book.pending.items()
            if stamp < at
        ]
        for _, _, order_id in sorted(eligible):
            order = self.state.orders[order_id]
            # It took nothing, so if its bound would have let it, the size was gone.
            fill = fill_from_quote(order, quote, 0, asset.lot)
            changed = order.snapshot()
            changed.state = next_state(order.state, OrderEventKind.WORKING)
            changed.version += 1
            changed.updated_at = at
            self._emit(
                OrderChanged(
                    order.account,
                    order.portfolio,
                    self.state.accounts[order.account].event_seq + 1,
                    OrderEventKind.WORKING,
                    changed,
                    at,
                    receipt=receipt_for(order, quote, fill),
                )
            )
