"""The cashier: the inputs that open, name, fund and reset portfolios.

It is the lower half of the desk (`papertrader.core.desk`): the same machine, in which inputs are
decided into events and only events change the state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from papertrader.core.acceptance import Terms, check_funds, worst_price
from papertrader.core.actions import end_order, last_price
from papertrader.core.allowance import check_leverage, check_margin, waiting_value
from papertrader.core.board import Board
from papertrader.core.events import (
    Event,
    OrderChanged,
    Outcome,
    PortfolioNamed,
    PortfolioOpened,
    SeasonBegun,
    TermsSet,
)
from papertrader.core.exchange import Rates, converted_quote, is_rate, received_for
from papertrader.core.fills import Receipt
from papertrader.core.identifiers import check_currency, check_id, check_name
from papertrader.core.ledger import TransactionKind
from papertrader.core.margin import Marks, Requirements, Standing, stand
from papertrader.core.money import AMOUNT_MAX, NULL, AmountOverflow, checked, format_amount
from papertrader.core.orders import NewOrder, Order, OrderEventKind, Side
from papertrader.core.portfolio import PortfolioState, Position
from papertrader.core.postings import closing_event, deposit_event, funding_event
from papertrader.core.quotes import Asset, AssetKind, Quote, market_time
from papertrader.core.rates import MarginRequirement, margin_requirement, trading_day
from papertrader.core.reasons import last_receipt
from papertrader.core.refusals import Refusal, Refused
from papertrader.core.rules import DeskRules
from papertrader.core.settlement import Calendars
from papertrader.core.state import DeskState
from papertrader.core.terms import PortfolioTerms, TermsFlag

DEPOSITED_MAX: Final = AMOUNT_MAX // 2
"""Money that may be paid into a portfolio in one season, less what was taken out, or the reverse;
half of what can be counted, so that a reset always has room."""


class Cashier:
    """Portfolios and their cash. Every input has a ``seq`` greater than that of all before it."""

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

    # Inputs

    def open_portfolio(
        self,
        *,
        seq: int,
        at: int,
        account: int,
        portfolio: int,
        currency: str,
        deposit: int,
        market_at: int = 0,
    ) -> list[Event]:
        """Open a portfolio and pay ``deposit`` (0 or more) into it.

        ``market_at`` is the market's time, here and in every other input; 0 where it is ``at``.

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
        self._begin(seq, market_at)
        self._open(account, portfolio, currency, deposit, at)
        return self._finish()

    def create_portfolio(
        self,
        *,
        seq: int,
        at: int,
        account: int,
        portfolio: int,
        name: str,
        currency: str,
        deposit: int,
        market_at: int = 0,
    ) -> Outcome:
        """Open a further, named portfolio of an account, as its owner asked.

        Refused with PORTFOLIO_LIMIT, NAME_TAKEN, or AMOUNT_OVERFLOW for more cash than a portfolio
        may be given. Raises `ValueError` for a number that is taken or a name that is none.
        """
        check_id(portfolio, "portfolio")
        check_currency(currency)
        check_name(name)
        if portfolio in self.state.portfolios or deposit < 0:
            raise ValueError(f"portfolio {portfolio} cannot open with {deposit}; check both")
        self._begin(seq, market_at)
        mine = self.state.accounts[account].portfolios
        if len(mine) >= self.rules.portfolios_max:
            return self._no(
                Refusal.PORTFOLIO_LIMIT,
                f"You have {len(mine)} portfolios, and {self.rules.portfolios_max} are allowed;"
                " reset one instead.",
            )
        refused = self._name_taken(account, name) or self._too_rich(deposit, currency)
        if refused is not None:
            return refused
        self._open(account, portfolio, currency, deposit, at)
        self._emit(PortfolioNamed(account, portfolio, name, at))
        return Outcome(None, "", None, self._finish())

    def rename_portfolio(
        self, *, seq: int, at: int, account: int, portfolio: int, name: str
    ) -> Outcome:
        """Give a portfolio another name; NAME_TAKEN if another one of the account has it.

        Raises `ValueError` for a name that is none.
        """
        check_name(name)
        self._begin(seq)
        owner = self._owned(account, portfolio)
        if owner is None:
            return self._no_portfolio(portfolio)
        refused = self._name_taken(account, name, but=portfolio)
        if refused is not None:
            return refused
        if owner.name != name:
            self._emit(PortfolioNamed(account, portfolio, name, at))
        return Outcome(None, "", None, self._finish())

    def set_terms(
        self, *, seq: int, at: int, account: int, portfolio: int, terms: PortfolioTerms
    ) -> Outcome:
        """Let a portfolio trade by ``terms`` from now on.

        Refused with PORTFOLIO_IN_USE while it has positions or open orders: what was reserved and
        earned by the old terms would no longer be right.
        """
        self._begin(seq)
        owner = self._owned(account, portfolio)
        if owner is None:
            return self._no_portfolio(portfolio)
        refused = self._bound(owner)
        if refused is not None:
            return refused
        if not self.state.is_empty(portfolio):
            return self._no(
                Refusal.PORTFOLIO_IN_USE,
                f"Portfolio {portfolio} has positions or open orders; its terms can change only"
                " when it has none: close them, or reset it.",
            )
        if owner.terms != terms:
            self._emit(TermsSet(account, portfolio, terms, at))
        return Outcome(None, "", None, self._finish())

    def deposit(
        self, *, seq: int, at: int, portfolio: int, amount: int, market_at: int = 0
    ) -> list[Event]:
        """Pay ``amount`` (more than 0) into a portfolio.

        Raises `ValueError` for an unknown portfolio or amount, and `AmountOverflow` if the cash
        would not fit.
        """
        owner = self.state.portfolios.get(portfolio)
        if owner is None or amount <= 0:
            raise ValueError(f"cannot pay {amount} into portfolio {portfolio}; check both")
        event = deposit_event(self.state, owner, amount, at, market_at)
        self._begin(seq)
        self._emit(event)
        return self._finish()

    def move_cash(
        self,
        *,
        seq: int,
        at: int,
        account: int,
        portfolio: int,
        amount: int,
        market_at: int = 0,
    ) -> Outcome:
        """Pay ``amount`` into a portfolio or, if it is negative, out of it; as the owner asked.

        What open orders have reserved cannot be taken out (INSUFFICIENT_CASH), and no more can be
        paid in than a portfolio may hold (AMOUNT_OVERFLOW). Raises `ValueError` for 0.
        """
        if amount == 0:
            raise ValueError("nothing to pay: the amount is 0")
        self._begin(seq, market_at)
        owner = self._owned(account, portfolio)
        if owner is None:
            return self._no_portfolio(portfolio)
        refused = self._bound(owner) or self._moved_too_much(owner, amount)
        if refused is None and amount > 0:
            refused = self._too_rich(owner.cash + amount, owner.currency)
        elif refused is None:
            refused = self._too_poor(owner, -amount)
        if refused is not None:
            return refused
        kind = TransactionKind.DEPOSIT if amount > 0 else TransactionKind.WITHDRAWAL
        self._emit(funding_event(self.state, owner, amount, kind, at, market_at))
        return Outcome(None, "", None, self._finish())

    def reset_portfolio(
        self,
        *,
        seq: int,
        at: int,
        account: int,
        portfolio: int,
        cash: int,
        market_at: int = 0,
    ) -> Outcome:
        """Begin a new season with ``cash`` (0 or more); what was stays in the ledger's history.

        Open orders are cancelled; positions are closed at the last price known (at their average
        cost where none is), rounded against the user; what then differs from ``cash`` is posted.
        Refused with AMOUNT_OVERFLOW if some figure does not fit. Raises `ValueError` for less
        than 0.
        """
        if cash < 0:
            raise ValueError("a season cannot begin with less than 0 in cash")
        self._begin(seq, market_at)
        owner = self._owned(account, portfolio)
        if owner is None:
            return self._no_portfolio(portfolio)
        held = [owner.positions[symbol] for symbol in sorted(owner.positions)]
        held = [position for position in held if position.quantity]
        refused = self._bound(owner) or self._too_rich(cash, owner.currency)
        then = market_at or at
        refused = refused or self._beyond_counting(owner, held, then)
        if refused is not None:
            return refused
        for order_id in sorted(self.state.open_orders[portfolio]):
            order = self.state.orders[order_id]
            if order.is_open:  # A leg may have ended with its parent.
                self._end(order, OrderEventKind.CANCELLED, 0, at)
        for position in held:
            price, quote_seq, exchange = self._closing_price(owner, position, then)
            self._emit(
                closing_event(
                    self.state,
                    owner,
                    position,
                    price,
                    quote_seq,
                    at,
                    market_at,
                    exchange=exchange,
                )
            )
        if cash != owner.cash:
            kind = TransactionKind.RESET
            self._emit(funding_event(self.state, owner, cash - owner.cash, kind, at, market_at))
        self._emit(SeasonBegun(account, portfolio, owner.season + 1, at))
        return Outcome(None, "", None, self._finish())

    # Deciding

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
        ended = end_order(order, kind, reason, at)
        self._change(kind, ended, at, receipt or self._last_receipt(order))
        return ended

    def _last_receipt(self, order: Order) -> Receipt:
        """Write why the newest quote left an order waiting that ends now."""
        symbol, terms = order.symbol, self.state.portfolios[order.portfolio].terms
        return last_receipt(order, self._quotes.get(symbol), self._assets.get(symbol), terms)

    def _open(self, account: int, portfolio: int, currency: str, deposit: int, at: int) -> None:
        self._emit(PortfolioOpened(account, portfolio, currency, at))
        if deposit:
            owner = self.state.portfolios[portfolio]
            self._emit(deposit_event(self.state, owner, deposit, at, self._market_at))

    def _owned(self, account: int, portfolio: int) -> PortfolioState | None:
        owner = self.state.portfolios.get(portfolio)
        return owner if owner is not None and owner.account == account else None

    def _closing_price(
        self, portfolio: PortfolioState, position: Position, market_at: int
    ) -> tuple[int, int, Quote | None]:
        """Return what a position is closed at, the number of the quote that says so, and the rate.

        At its average cost, in the portfolio's money, where no price is known, or no rate.
        """
        quote, asset = self._quotes.get(position.symbol), self._assets.peek(position.symbol)
        price = last_price(quote)
        rate = None
        if asset is not None and asset.currency != portfolio.currency:
            rate = self._exchange(self._assets[position.symbol], portfolio, market_at)
            if rate is None:
                price = NULL
        if quote is None or price == NULL:
            return position.avg_cost, 0, None
        return price, quote.quote_seq, rate

    @staticmethod
    def _no(refusal: Refusal, text: str) -> Outcome:
        return Outcome(refusal, text, None, [])

    def _bound(self, portfolio: PortfolioState) -> Outcome | None:
        """Refuse what an entry of a contest may not do."""
        if not portfolio.contest:
            return None
        return self._no(
            Refusal.CONTEST_FORBIDS,
            f"Portfolio {portfolio.portfolio} is an entry of contest {portfolio.contest}: its cash"
            " and its terms are the contest's, and it cannot be reset.",
        )

    def _no_portfolio(self, portfolio: int) -> Outcome:
        return self._no(
            Refusal.NO_SUCH_PORTFOLIO,
            f"You have no portfolio {portfolio}; ask for the list of your portfolios.",
        )

    def _name_taken(self, account: int, name: str, but: int = 0) -> Outcome | None:
        for number in self.state.accounts[account].portfolios:
            taken = self.state.portfolios[number].name
            if number != but and taken.casefold() == name.casefold():
                return self._no(
                    Refusal.NAME_TAKEN,
                    f"Your portfolio {number} is called {taken}; choose another name.",
                )
        return None

    def _moved_too_much(self, portfolio: PortfolioState, amount: int) -> Outcome | None:
        """Refuse what would make the sum of all that was paid in too great to be kept."""
        if abs(portfolio.deposited + amount) <= DEPOSITED_MAX:
            return None
        return self._no(
            Refusal.AMOUNT_OVERFLOW,
            f"More than {format_amount(DEPOSITED_MAX, group=True)} {portfolio.currency} would have"
            " moved in or out of this portfolio in this season; begin a new one.",
        )

    def _too_rich(self, cash: int, currency: str) -> Outcome | None:
        most = self.rules.cash_max
        if cash <= most:
            return None
        return self._no(
            Refusal.AMOUNT_OVERFLOW,
            f"The portfolio would have {format_amount(cash, group=True)} {currency} in cash, and"
            f" {format_amount(most, group=True)} is the most that can be paid in; pay in less.",
        )

    def _too_poor(self, portfolio: PortfolioState, amount: int) -> Outcome | None:
        free = self._withdrawable(portfolio)
        if amount <= free:
            return None
        return self._no(
            Refusal.INSUFFICIENT_CASH,
            f"{format_amount(amount, group=True)} {portfolio.currency} cannot be taken out,"
            f" available {format_amount(free, group=True)} {portfolio.currency}; take out less or"
            " cancel an open order.",
        )

    def _withdrawable(self, portfolio: PortfolioState) -> int:
        """Return what may be taken out: settled cash that nothing asks for."""
        now = self._market_at
        settled = portfolio.cash - portfolio.purse.unsettled_at(now)
        if portfolio.is_margin:
            standing = self.standing(portfolio, now, self._quotes.get)
            return max(0, min(settled, standing.available))
        return settled - portfolio.reserved_cash

    def _beyond_counting(
        self, portfolio: PortfolioState, held: list[Position], market_at: int
    ) -> Outcome | None:
        """Refuse a reset that could not be posted, before anything of it is."""
        cash = portfolio.cash
        try:
            for position in held:
                price, _, rate = self._closing_price(portfolio, position, market_at)
                proceeds = received_for(price * position.quantity, rate)
                cash = checked(cash + proceeds)
                checked(position.realized + proceeds - position.cost_basis)
        except AmountOverflow:
            return self._no(
                Refusal.AMOUNT_OVERFLOW,
                "The positions are worth more money than can be counted here; sell some of them"
                " first.",
            )
        return None
