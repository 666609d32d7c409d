"""What a portfolio's money is made of, as sections: earnings, settlement, margin, and its plan."""

from __future__ import annotations

from papertrader.core.desk import Desk
from papertrader.core.portfolio import PortfolioState
from papertrader.wire import codec
from papertrader.wire import messages as m
from papertrader.wire.kinds import Tag


def money_sections(desk: Desk, portfolio: PortfolioState, market_at: int) -> bytes:
    """Return the sections EARNINGS, MARGIN and PLAN; nothing for a portfolio without any of it."""
    purse = portfolio.purse
    unsettled = purse.unsettled_at(market_at)
    sections = b""
    kinds = (portfolio.fees, portfolio.dividends, purse.borrow, purse.interest, unsettled)
    if any(kinds):
        row = m.EarningsRow(
            price=portfolio.realized,
            fees=portfolio.fees,
            dividends=portfolio.dividends,
            borrow=purse.borrow,
            interest=purse.interest,
            settled_cash=portfolio.cash - unsettled,
            unsettled_cash=unsettled,
            settles_at=purse.next_settlement(market_at),
        )
        sections += codec.group(Tag.EARNINGS, row.SIZE, [row.pack()])
    if not portfolio.is_margin:
        return sections
    standing = desk.standing(portfolio, market_at)
    margin = m.MarginRow(
        equity=standing.equity,
        long_value=standing.long_value,
        short_value=standing.short_value,
        initial=standing.initial,
        maintenance=standing.maintenance,
        available=standing.available,
        buying_power=standing.buying_power,
        called_at=purse.called_at,
        due_at=purse.due_at,
        shortfall=standing.shortfall,
    )
    sections += codec.group(Tag.MARGIN, margin.SIZE, [margin.pack()])
    if standing.shortfall:
        plan = desk.plan_of(portfolio, market_at)
        rows = [m.PlanRow(step.symbol, step.quantity, step.mark).pack() for step in plan]
        sections += codec.group(Tag.PLAN, m.PlanRow.SIZE, rows)
    return sections
