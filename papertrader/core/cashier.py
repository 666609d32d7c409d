"""The cashier: the inputs that open, name, fund and reset portfolios.

It is the lowest part of the desk (`papertrader.core.desk`), on `papertrader.core.grounds`: the same
machine, in which inputs are decided into events and only events change the state.
"""

from __future__ import annotations

from typing import Final

from papertrader.core.actions import last_price
from papertrader.core.events import (
    Event,
    Outcome,
    PortfolioMarked,
    PortfolioNamed,
    PortfolioOpened,
    SeasonBegun,
    TermsSet,
)
from papertrader.core.exchange import received_for
from papertrader.core.grounds import Grounds
from papertrader.core.identifiers import check_currency, check_id, check_name
from papertrader.core.ledger import TransactionKind
from papertrader.core.money import AMOUNT_MAX, NULL, AmountOverflow, checked, format_amount
from papertrader.core.orders import OrderEventKind
from papertrader.core.portfolio import PortfolioState, Position
from papertrader.core.postings import closing_event, deposit_event, funding_event
from papertrader.core.quotes import Quote
from papertrader.core.refusals import Refusal
from papertrader.core.terms import AccountKind, PortfolioTerms

DEPOSITED_MAX: Final = AMOUNT_MAX // 2
"""Money that may be paid into a portfolio in one season, less what was taken out, or the reverse;
half of what can be counted, so that a reset always has room."""


class Cashier(Grounds):
    """Portfolios and their cash."""

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
        earned by the old terms would no longer be right. With INSUFFICIENT_CASH if one that owes
        money were to be a cash portfolio, which owes nothing.
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
        if terms.account_kind == AccountKind.CASH and owner.cash < 0:
            return self._no(
                Refusal.INSUFFICIENT_CASH,
                f"Portfolio {portfolio} owes {format_amount(-owner.cash, group=True)}"
                f" {owner.currency}, and a cash portfolio owes nothing; pay it in first, or reset"
                " the portfolio.",
            )
        if owner.terms != terms:
            if owner.purse.called_at and terms.account_kind == AccountKind.CASH:
                # Nothing is held or owed, and nobody would look at the call any more.
                carried_to = owner.purse.carried_to
                self._emit(
                    PortfolioMarked(account, portfolio, carried_to, owner.cash, 0, 0, 0, 0, at)
                )
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

    def _open(self, account: int, portfolio: int, currency: str, deposit: int, at: int) -> None:
        self._emit(PortfolioOpened(account, portfolio, currency, at))
        if deposit:
            owner = self.state.portfolios[portfolio]
            self._emit(deposit_event(self.state, owner, deposit, at, self._market_at))

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

    def _bound(self, portfolio: PortfolioState) -> Outcome | None:
        """Refuse what an entry of a contest may not do."""
        if not portfolio.contest:
            return None
        return self._no(
            Refusal.CONTEST_FORBIDS,
            f"Portfolio {portfolio.portfolio} is an entry of contest {portfolio.contest}: its cash"
            " and its terms are the contest's, and it can be neither reset nor forked.",
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
