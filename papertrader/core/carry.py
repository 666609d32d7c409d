"""Carrying: what it costs to hold on to credit and borrowed shares, and margin calls.

At each session's close, in the order of market time, every portfolio that owes money or shares is
charged for the days until the next session (three over a weekend), and its maintenance is
checked. Too little equity is a margin call: its plan is there to be seen, and it is carried out,
losers first, `CALL_GRACE` after the next opening unless the portfolio is inside its limit again.
It is a part of the desk (`papertrader.core.desk`): only events change the state.
"""

from __future__ import annotations

from typing import Final

from papertrader.core.closes import Closes
from papertrader.core.events import PortfolioMarked
from papertrader.core.instants import MINUTE
from papertrader.core.ledger import TransactionKind
from papertrader.core.margin import Closing, Marks, liquidation_plan, mark_of, value_of
from papertrader.core.money import CENT, AmountOverflow, checked, divide_half_even
from papertrader.core.orders import (
    OWN_ORDERS,
    NewOrder,
    OrderEventKind,
    OrderType,
    Side,
    TimeInForce,
)
from papertrader.core.portfolio import PortfolioState
from papertrader.core.postings import carry_event
from papertrader.core.rates import carry_rate, trading_day
from papertrader.core.refusals import Refusal, Refused
from papertrader.core.terms import BASIS_POINTS, TermsFlag

CALL_GRACE: Final = 60 * MINUTE
"""Market time between the opening after a margin call and its execution."""
CALENDAR: Final = "XNYS"
"""Calendar whose closes are those of the books."""
CLOSES_MAX: Final = 256
"""Closes that one input goes past, counted for each portfolio; the next input goes on."""
DAYS_A_YEAR: Final = 360


def carries(portfolio: PortfolioState) -> bool:
    """Tell whether a portfolio owes money or shares, or stands under a margin call."""
    if portfolio.cash < 0 or portfolio.purse.called_at:
        return True
    return any(position.quantity < 0 for position in portfolio.positions.values())


def charge(amount: int, points: int, days: int) -> int:
    """Return what ``amount`` costs at a rate (basis points a year) for so many days, in cents.

    It is rounded once.
    """
    cents = divide_half_even(amount * points * days, BASIS_POINTS * DAYS_A_YEAR * CENT)
    return checked(cents * CENT)


class Carrying(Closes):
    """Closes of sessions, interest, borrow fees and margin calls."""

    def next_carry(self) -> int:
        """Return the market time of the next close, or due margin call; 0 if there is none."""
        found = [
            at
            for number in self.state.margin_portfolios
            if (at := self._carry_due(self.state.portfolios[number]))
        ]
        return min(found, default=0)

    def plan_of(
        self, portfolio: PortfolioState, market_at: int, marks: Marks | None = None
    ) -> list[Closing]:
        """Return what a margin call would close by the newest quotes."""
        rules = self._requirements(market_at, noted=marks is not None)
        return liquidation_plan(portfolio, marks or self._quotes.peek, rules, self._lot_of)

    def _carry_due(self, portfolio: PortfolioState) -> int:
        if not carries(portfolio):
            return 0
        purse = portfolio.purse
        since = max(purse.carried_to, purse.touched_at)
        close = self.calendars.named(CALENDAR).next_session(since).close
        if purse.called_at:
            return min(close, purse.due_at)
        if portfolio.terms.has(TermsFlag.MARK_TO_MARKET):
            # That nothing is missing is a decision, too: what it rests on is noted.
            standing = self.standing(portfolio, since, self._quotes.get)
            if standing.shortfall:
                return since + 1
        return close

    def _carried_until(self) -> dict[int, int]:
        """Return by margin portfolio from which market time on its next close is looked for."""
        purses = {each: self.state.portfolios[each].purse for each in self.state.margin_portfolios}
        return {each: max(purse.carried_to, purse.touched_at) for each, purse in purses.items()}

    def _keep_carried(self, before: dict[int, int], at: int) -> None:
        """Let no portfolio be charged again for a time ``before`` which that was settled.

        What a company did is posted at its own time. Heard of late, that may be before the
        portfolio's last close, and before it borrowed anything at all.
        """
        for number in sorted(before):
            portfolio, since = self.state.portfolios[number], before[number]
            purse = portfolio.purse
            if max(purse.carried_to, purse.touched_at) >= since:
                continue
            standing = self.standing(portfolio, since, self._quotes.get)
            self._emit(
                PortfolioMarked(
                    portfolio.account,
                    number,
                    since,
                    standing.equity,
                    standing.maintenance,
                    purse.called_at,
                    purse.due_at,
                    purse.shortfall,
                    at,
                )
            )

    def _carry(self, at: int, market_at: int) -> None:
        """Do what has fallen due first, for every portfolio for which it has."""
        now = self.next_carry()
        for number in sorted(self.state.margin_portfolios):
            portfolio = self.state.portfolios[number]
            if self._carry_due(portfolio) != now or not now:
                continue
            purse = portfolio.purse
            since = max(purse.carried_to, purse.touched_at)
            if purse.called_at and now == purse.due_at:
                self._execute_call(portfolio, at, now)
            elif now == self.calendars.named(CALENDAR).next_session(since).close:
                self._close_session(portfolio, at, now)
            else:
                self._mark(portfolio, at, market_at, purse.carried_to)

    def _close_session(self, portfolio: PortfolioState, at: int, close: int) -> None:
        calendar = self.calendars.named(CALENDAR)
        today, following = calendar.session_at(close - 1), calendar.next_session(close)
        days = 1 if today is None else (following.day - today.day).days
        rate = carry_rate(trading_day(close))
        try:
            interest = charge(max(-portfolio.cash, 0), rate.interest, days)
            fees = []
            for symbol in sorted(portfolio.positions):
                position = portfolio.positions[symbol]
                if position.quantity < 0:
                    mark = mark_of(position, self._quotes.get(symbol))
                    fee = charge(-value_of(position, mark), rate.borrow, days)
                    fees.append((symbol, -position.quantity, mark, fee))
            checked(portfolio.cash - interest - sum(fee for *_, fee in fees))
        except AmountOverflow:
            interest, fees = 0, []
        if interest:
            self._emit(
                carry_event(
                    self.state, portfolio, TransactionKind.INTEREST, -interest, at, market_at=close
                )
            )
        for symbol, quantity, mark, fee in fees:
            if fee:
                self._emit(
                    carry_event(
                        self.state,
                        portfolio,
                        TransactionKind.BORROW,
                        -fee,
                        at,
                        market_at=close,
                        symbol=symbol,
                        quantity=quantity,
                        price=mark,
                    )
                )
        self._mark(portfolio, at, close, close)

    def _mark(
        self,
        portfolio: PortfolioState,
        at: int,
        market_at: int,
        carried_to: int,
        again: bool = False,
    ) -> None:
        """Value a portfolio; call for margin, or let the call fall that stands."""
        standing = self.standing(portfolio, market_at, self._quotes.get)
        purse, short = portfolio.purse, standing.shortfall
        called_at, due_at = purse.called_at, purse.due_at
        if not short:
            called_at = due_at = 0
        elif not called_at or again:
            called_at = called_at or market_at
            session = self.calendars.named(CALENDAR).next_session(market_at)
            due_at = max(session.open, market_at) + CALL_GRACE
            if again or due_at >= session.close:
                # Not after a close: what was sent then would not meet a market of that time.
                due_at = self.calendars.named(CALENDAR).next_session(session.close).open
                due_at += CALL_GRACE
        self._emit(
            PortfolioMarked(
                portfolio.account,
                portfolio.portfolio,
                carried_to,
                standing.equity,
                standing.maintenance,
                called_at,
                due_at,
                short,
                at,
            )
        )

    def _execute_call(self, portfolio: PortfolioState, at: int, market_at: int) -> None:
        """Carry out a margin call: cancel what is open, and close by the plan of now."""
        if self.standing(portfolio, market_at, self._quotes.get).shortfall:
            reason = int(Refusal.INSUFFICIENT_MARGIN)
            for number in sorted(self.state.open_orders[portfolio.portfolio]):
                order = self.state.orders[number]
                if order.is_open:
                    self._end(order, OrderEventKind.CANCELLED, reason, at)
            session = self.calendars.named(CALENDAR).next_session(market_at)
            for step in self.plan_of(portfolio, market_at, self._quotes.get):
                self._send(portfolio, step, at, market_at, session.close)
        self._mark(portfolio, at, market_at, portfolio.purse.carried_to, again=True)

    def _send(
        self, portfolio: PortfolioState, step: Closing, at: int, market_at: int, expire_at: int
    ) -> None:
        """Send an order of the desk's own; what it is refused for, the next call tries again."""
        command = NewOrder(
            seq=self._sequence,
            at=at,
            received_at=at,
            market_at=market_at,
            account=portfolio.account,
            portfolio=portfolio.portfolio,
            client_order_id=OWN_ORDERS + self.state.order_last + 1,
            symbol=step.symbol,
            side=Side.BUY if step.quantity > 0 else Side.SELL,
            order_type=OrderType.MARKET,
            time_in_force=TimeInForce.DAY,
            quantity=abs(step.quantity),
            expire_at=expire_at,
        )
        terms = self._judge(command, own=True)
        if not isinstance(terms, Refused):
            self._accept(command, terms)

    def _lot_of(self, symbol: str) -> int:
        asset = self._assets.peek(symbol)
        return asset.lot if asset is not None else 1
