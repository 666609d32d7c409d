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
from papertrader.core.acceptance import Refused, Terms, new_order
from papertrader.core.actions import (
    Posting,
    check_action,
    end_order,
    plan_dividend,
    plan_split,
    split_order,
    split_quote,
)
from papertrader.core.amendment import amended, check_replaceable
from papertrader.core.audit import find_violations, state_hash
from papertrader.core.book import Book
from papertrader.core.cashier import Cashier
from papertrader.core.events import (
    ActionApplied,
    Event,
    Outcome,
    Preview,
)
from papertrader.core.fills import (
    displayed_size,
    fill_from_quote,
    may_fill,
    receipt_for,
    touch_price,
)
from papertrader.core.identifiers import check_currency, check_symbol
from papertrader.core.money import AMOUNT_MIN, NULL, SCALE, AmountOverflow
from papertrader.core.orders import (
    IMMEDIATE,
    NewOrder,
    Order,
    OrderEventKind,
    Replacement,
    Side,
    SideFilter,
    TimeInForce,
    next_state,
)
from papertrader.core.portfolio import PortfolioState
from papertrader.core.postings import action_event, fill_events
from papertrader.core.quotes import (
    ActionKind,
    Asset,
    AssetStatus,
    CorporateAction,
    Quote,
    QuoteFlag,
)
from papertrader.core.refusals import Refusal

_NOT_TRADING = frozenset({AssetStatus.HALTED, AssetStatus.DELISTED})


class Desk(Cashier):
    """Orders in, events out. Every input carries a ``seq`` greater than that of all before it.

    Inputs raise `ValueError` for what only a faulty caller can send; what a trader can get wrong
    is a `Refusal` in the `Outcome`. Neither changes anything.
    """

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

    def submit(self, command: NewOrder) -> Outcome:
        """Accept or refuse a new order. It fills at the earliest on the next quote observed."""
        self._begin(command.seq)
        terms = self._judge(command)
        if isinstance(terms, Refused):
            return self._refuse(command, terms)
        order = self._accept(command, terms)
        return Outcome(None, "", order, self._finish())

    def preview(self, command: NewOrder) -> Preview:
        """Tell what `submit` would answer, and what the order would cost; it is not an input."""
        terms = self._judge(command)
        if isinstance(terms, Refused):
            refused = self._refuse(command, terms)
            return Preview(refusal=refused.refusal, text=refused.text, order=refused.order)
        order = new_order(command, terms, 0)
        price = order.bound_price
        quote = self._quotes.get(order.symbol)
        touch = NULL if quote is None else touch_price(order.side, quote)
        if touch != NULL and (touch < price if order.side == Side.BUY else touch > price):
            price = touch
        notional = price * order.quantity if order.side == Side.BUY else -price * order.quantity
        free = self.state.portfolios[order.portfolio].available_cash
        return Preview(
            refusal=None,
            text="",
            order=order,
            price=price,
            cost=max(AMOUNT_MIN, -(-notional // SCALE)),
            available_after=free - order.reserved_cash,
        )

    def replace(self, command: Replacement) -> Outcome:
        """Put a new order in the place of an open one; the new one's number is in the outcome.

        What the old order has reserved is there for the new one, and nobody can come between: the
        larger of both is held until the swap. A fill may come first; the refusal says so then.
        """
        self._begin(command.seq)
        owner = acceptance.find_portfolio(command, self.state.portfolios)
        if isinstance(owner, Refused):
            return self._refuse(command, owner)
        old = self.order(command.order_id)
        found = check_replaceable(command, old)
        if isinstance(found, Refused):
            shown = None if found.refusal == Refusal.NO_SUCH_ORDER else old
            return Outcome(found.refusal, found.text, shown, [])
        wish = amended(command, found)
        if isinstance(wish, Refused):
            return self._refuse(command, wish)
        terms = self._judge(wish, found)
        if isinstance(terms, Refused):
            return self._refuse(command, terms)
        self._end(found, OrderEventKind.REPLACED, 0, command.at)
        order = self._accept(wish, terms, replaces=found.order_id)
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

    def cancel_all(
        self,
        *,
        seq: int,
        at: int,
        account: int,
        portfolio: int,
        symbol: str = "",
        side: SideFilter = SideFilter.ANY,
    ) -> Outcome:
        """Cancel every open order of a portfolio, or those of one symbol or side; one event each.

        None to cancel is no refusal.
        """
        self._begin(seq)
        if self._owned(account, portfolio) is None:
            return self._no_portfolio(portfolio)
        for order_id in sorted(self.state.open_orders[portfolio]):
            order = self.state.orders[order_id]
            if symbol in ("", order.symbol) and side in (SideFilter.ANY, order.side):
                self._end(order, OrderEventKind.CANCELLED, 0, at)
        return Outcome(None, "", None, self._finish())

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

    def _judge(self, command: NewOrder, old: Order | None = None) -> Refused | Terms:
        """Decide whether an order may enter, perhaps in the place of ``old``, and on what terms."""
        portfolio = acceptance.find_portfolio(command, self.state.portfolios)
        if isinstance(portfolio, Refused):
            return portfolio
        asset = acceptance.find_asset(command, self._assets, portfolio)
        if isinstance(asset, Refused):
            return asset
        refused = acceptance.check_shape(command, asset, self.rules)
        if refused is not None:
            return refused
        quote = self._quotes.get(asset.symbol)
        terms = acceptance.find_terms(command, asset, quote, self.rules)
        if isinstance(terms, Refused):
            return terms
        account = self.state.accounts[command.account]
        refused = acceptance.check_room(command, account, self.rules, old)
        return refused or acceptance.check_funds(command, terms, portfolio, old) or terms

    def _refuse(self, command: NewOrder | Replacement, refused: Refused) -> Outcome:
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

    def _accept(self, command: NewOrder, terms: Terms, replaces: int = 0) -> Order:
        order = new_order(command, terms, self.state.order_last + 1, replaces)
        self._change(OrderEventKind.ACCEPTED, order, command.at)
        return order

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
            is_part = fill.quantity < order.remaining
            if is_part and order.time_in_force == TimeInForce.FOK:
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
            if is_part and order.time_in_force in IMMEDIATE:
                self._give_up(changed.order, quote, asset)

    def _give_up(self, order: Order, quote: Quote, asset: Asset) -> None:
        """Cancel what ``quote``, the only one that an IOC or FOK order may use, did not fill."""
        receipt = receipt_for(order, quote, fill_from_quote(order, quote, 0, asset.lot))
        reason, at = int(Refusal.NOT_FILLABLE), quote.observed_at
        ended = end_order(order, OrderEventKind.CANCELLED, reason, at)
        self._change(OrderEventKind.CANCELLED, ended, at, receipt)

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
            if order.time_in_force in IMMEDIATE:
                self._give_up(order, quote, asset)
                continue
            # It took nothing, so if its bound would have let it, the size was gone.
            fill = fill_from_quote(order, quote, 0, asset.lot)
            changed = order.snapshot()
            changed.state = next_state(order.state, OrderEventKind.WORKING)
            changed.version += 1
            changed.updated_at = at
            self._change(OrderEventKind.WORKING, changed, at, receipt_for(order, quote, fill))
