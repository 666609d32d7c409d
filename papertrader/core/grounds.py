"""What every input is decided by: the rules, the state, the assets, quotes and rates known.

It is the ground that the desk (`papertrader.core.desk`) stands on: inputs are decided into events,
and only events change the state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from papertrader.core.acceptance import Terms, check_funds, worst_price
from papertrader.core.actions import end_order
from papertrader.core.allowance import check_leverage, check_margin, waiting_value
from papertrader.core.board import Board
from papertrader.core.events import Event, OrderChanged, Outcome
from papertrader.core.exchange import Rates, converted_quote, is_rate
from papertrader.core.fills import Receipt
from papertrader.core.margin import Marks, Requirements, Standing, stand
from papertrader.core.orders import NewOrder, Order, OrderEventKind, Side
from papertrader.core.portfolio import PortfolioState
from papertrader.core.quotes import Asset, AssetKind, Quote, market_time
from papertrader.core.rates import MarginRequirement, margin_requirement, trading_day
from papertrader.core.reasons import last_receipt
from papertrader.core.refusals import Refusal, Refused
from papertrader.core.rules import DeskRules
from papertrader.core.settlement import Calendars
from papertrader.core.state import DeskState
from papertrader.core.terms import PortfolioTerms, TermsFlag


class Grounds:
    """What decisions look at, and how their events come to be.

    Every input has a ``seq`` greater than that of all before it.
    """

    def __init__(self, rules: DeskRules | None = None) -> None:
        self.rules = rules if rules is not None else DeskRules()
        self.state = DeskState()
        self._assets: Board[Asset] = Board()
        self._quotes: Board[Quote] = Board()
        self.rates = Rates()
        self.calendars = Calendars()
        self._sequence = 0
        self._market_at = 0
        self._events: list[Event] = []

    # What decisions depend on besides the events

    def forget_used(self) -> None:
        """Begin to note anew which assets, quotes and rates the decisions look at."""
        self._assets.used.clear()
        self._quotes.used.clear()
        self.rates.used.clear()

    def assets_used(self) -> list[Asset]:
        """Return the assets that were looked at since `forget_used`, as they then were."""
        return list(self._assets.used.values())

    def quotes_used(self) -> list[Quote]:
        """Return the rates, as quotes, and the newest quotes looked at since `forget_used`."""
        return [*self.rates.used.values(), *self._quotes.used.values()]

    def forget_assets(self) -> None:
        """Know no asset any more, as a master that has just started."""
        self._assets.clear()

    def recall(self, quotes: Iterable[Quote]) -> None:
        """Let ``quotes`` be all that are known, to decide an input of the past again.

        The rates among them are the only ones known from then on.
        """
        self._quotes.clear()
        rates = []
        for quote in quotes:
            if is_rate(quote):
                rates.append(quote)
            else:
                self._quotes[quote.symbol] = quote
        self.rates.recall(rates)

    # What a portfolio stands for

    def _exchange(self, asset: Asset, portfolio: PortfolioState, market_at: int) -> Quote | None:
        """Return the rate of an asset's currency; None if it needs none, or none is known."""
        if asset.currency == portfolio.currency:
            return None
        return self.rates.get(asset.currency, portfolio.currency, market_at)

    def worth(self, portfolio: PortfolioState, symbol: str, market_at: int) -> Quote | None:
        """Return the newest quote of a symbol in a portfolio's money, for anything but a decision.

        None if no quote is known, or no rate of its currency at that time.
        """
        quote, asset = self._quotes.peek(symbol), self._assets.peek(symbol)
        if quote is None or asset is None or asset.currency == portfolio.currency:
            return quote
        rate = self.rates.peek(asset.currency, portfolio.currency, market_at)
        return None if rate is None else converted_quote(quote, rate)

    def _worth(self, portfolio: PortfolioState, market_at: int) -> Marks:
        """Return what gives the same for a decision: what it looks at is noted."""

        def worth(symbol: str) -> Quote | None:
            quote, asset = self._quotes.get(symbol), self._assets.peek(symbol)
            if quote is None or asset is None or asset.currency == portfolio.currency:
                return quote
            rate = self._exchange(self._assets[symbol], portfolio, market_at)
            return None if rate is None else converted_quote(quote, rate)

        return worth

    def _settles_at(self, terms: PortfolioTerms, asset: Asset, quote: Quote) -> int:
        """Return the market time at which what a fill brings settles; 0 for at once."""
        if not (terms.flags and terms.flags & TermsFlag.DELAYED_SETTLEMENT):
            return 0
        return self.calendars.settles_at(asset, market_time(quote))

    def free_cash(self, portfolio: PortfolioState, market_at: int) -> int:
        """Return what new orders of a portfolio may reserve: settled cash, or margin.

        ``market_at`` 0 stands for a time at which nothing has settled that is still to.
        """
        if portfolio.is_margin:
            return self.standing(portfolio, market_at).available
        return portfolio.available_cash - portfolio.purse.unsettled_at(market_at)

    def standing(
        self, portfolio: PortfolioState, market_at: int, marks: Marks | None = None
    ) -> Standing:
        """Return how a portfolio stands at the newest quotes, by the margin rules of that day."""
        rules = self._requirements(market_at, noted=marks is not None)
        waiting = self._waiting(portfolio, rules)
        return stand(portfolio, marks or self._quotes.peek, rules, waiting)

    def _requirements(self, market_at: int, *, noted: bool = True) -> Requirements:
        """Return what gives the margin rules of a day for a symbol.

        For a decision (``noted``) it is noted which assets have rules of their own kind.
        """
        day = trading_day(market_at)
        usual = margin_requirement(day)

        def required(symbol: str) -> MarginRequirement:
            asset = self._assets.peek(symbol)
            if asset is None or asset.kind != AssetKind.CRYPTO:
                return usual
            if noted:
                self._assets.get(symbol)
            return margin_requirement(day, asset.kind)

        return required

    def _waiting(
        self, portfolio: PortfolioState, rules: Requirements, but: Order | None = None
    ) -> Callable[[], int]:
        """Return what tells what the open orders of a portfolio will cost in all, without one."""

        def waiting() -> int:
            if not portfolio.is_margin or not portfolio.reserved_cash:
                return portfolio.reserved_cash - (but.reserved_cash if but is not None else 0)
            numbers = self.state.open_orders[portfolio.portfolio]
            orders = (self.state.orders[each] for each in numbers)
            return waiting_value((each for each in orders if each is not but), rules)

        return waiting

    def _check_funds(
        self,
        command: NewOrder,
        terms: Terms,
        portfolio: PortfolioState,
        old: Order | None = None,
    ) -> Refused | None:
        """Check that a portfolio has what an order would reserve, perhaps in place of ``old``."""
        cash = portfolio.available_cash
        if portfolio.purse.unsettled:
            cash -= portfolio.purse.unsettled_at(command.market_at)
        refused = check_funds(command, terms, portfolio, cash, old)
        if refused is not None or not terms.opening_value:
            return refused
        if not (portfolio.is_margin or portfolio.terms.leverage):
            return None
        value = terms.opening_value
        marks = self._worth(portfolio, command.market_at)
        standing = self.standing(portfolio, command.market_at, marks)
        rules = self._requirements(command.market_at)
        if portfolio.is_margin:
            price, rule = worst_price(command, terms.collar_price), rules(command.symbol)
            refused = self._opposed(command, portfolio, old) or check_margin(
                command, terms.reserved_cash, value, portfolio, standing, rule, price, old
            )
        return refused or check_leverage(
            value, portfolio, standing, self._waiting(portfolio, rules, old)
        )

    def _opposed(
        self, command: NewOrder, portfolio: PortfolioState, old: Order | None
    ) -> Refused | None:
        """Refuse to open a position one way while an open order may open it the other way.

        Both might fill, and one of them would then close what it was to open.
        """
        buys = command.side == Side.BUY
        for number in self.state.open_orders[portfolio.portfolio]:
            order = self.state.orders[number]
            if order.symbol != command.symbol or order is old or not order.reserved_cash:
                continue
            if (order.side == Side.BUY) != buys:
                return Refused(
                    Refusal.INSUFFICIENT_POSITION,
                    f"Your open order {number} may open a position in {order.symbol} the other"
                    " way; cancel it first.",
                )
        return None

    # Events

    def _begin(self, seq: int, market_at: int = 0) -> None:
        if seq <= self._sequence:
            raise ValueError(f"input {seq} comes after input {self._sequence}; it must be greater")
        self._sequence = seq
        self._market_at = market_at

    def _emit(self, event: Event) -> None:
        self.state.apply(event)
        self._events.append(event)

    def _finish(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    def _change(
        self, kind: OrderEventKind, order: Order, at: int, receipt: Receipt | None = None
    ) -> None:
        account, portfolio = order.account, order.portfolio
        event_seq = self.state.accounts[account].event_seq + 1
        event = OrderChanged(account, portfolio, event_seq, kind, order, at)
        event.receipt = receipt
        self._emit(event)

    def _end(
        self,
        order: Order,
        kind: OrderEventKind,
        reason: int,
        at: int,
        receipt: Receipt | None = None,
    ) -> Order:
        # A trailing stop ends where the market has moved it by now.
        ended = end_order(self.state.marked(order), kind, reason, at)
        self._change(kind, ended, at, receipt or self._last_receipt(order))
        return ended

    def _cancel_owners(
        self,
        portfolio: int,
        reason: int,
        at: int,
        wanted: Callable[[Order], bool] = lambda order: True,
    ) -> None:
        """Cancel the open orders of a portfolio that are its owner's to end, or those wanted."""
        for number in self.state.owners_orders(portfolio):
            order = self.state.orders[number]
            # The end of one may have ended others.
            if order.is_open and wanted(order):
                self._end(order, OrderEventKind.CANCELLED, reason, at)

    def _last_receipt(self, order: Order) -> Receipt:
        """Write why the newest quote left an order waiting that ends now."""
        symbol, terms = order.symbol, self.state.portfolios[order.portfolio].terms
        return last_receipt(order, self._quotes.get(symbol), self._assets.get(symbol), terms)

    def _owned(self, account: int, portfolio: int) -> PortfolioState | None:
        owner = self.state.portfolios.get(portfolio)
        return owner if owner is not None and owner.account == account else None

    @staticmethod
    def _no(refusal: Refusal, text: str) -> Outcome:
        return Outcome(refusal, text, None, [])

    def _no_portfolio(self, portfolio: int) -> Outcome:
        return self._no(
            Refusal.NO_SUCH_PORTFOLIO,
            f"You have no portfolio {portfolio}; ask for the list of your portfolios.",
        )
