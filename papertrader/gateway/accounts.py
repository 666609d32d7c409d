"""The account: what it holds in all, and how it is configured."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import attrs

from papertrader.client import results as r
from papertrader.gateway.ids import Kind, uuid_of
from papertrader.gateway.routing import Call
from papertrader.gateway.values import amount, moment
from papertrader.wire.kinds import AccountStatus

_ZERO = Decimal(0)


@attrs.frozen
class Accounts:
    """The requests about the account."""

    async def account(self, call: Call) -> dict[str, Any]:
        """GET /v2/account."""
        seat = call.seat
        portfolio = await seat.client.portfolio(seat.portfolio)
        account = await seat.client.account()
        return account_body(account, portfolio, portfolio.equity)


def account_body(
    account: r.Account, portfolio: r.Portfolio, last_equity: Decimal | None
) -> dict[str, Any]:
    """Write an account; one that may not borrow can buy with what is free of its cash."""
    margin = portfolio.margin
    power = margin.buying_power if margin is not None else portfolio.cash - portfolio.reserved_cash
    values = [(each.market_value or _ZERO, each.quantity > 0) for each in portfolio.positions]
    blocked = account.status != AccountStatus.ACTIVE
    equity = portfolio.equity if portfolio.equity is not None else portfolio.cash
    return {
        "id": uuid_of(Kind.ACCOUNT, account.account),
        "account_number": f"PT{account.account:08d}",
        "status": "ACCOUNT_UPDATED" if blocked else "ACTIVE",
        "crypto_status": "ACTIVE",
        "currency": portfolio.currency,
        "buying_power": amount(power),
        "regt_buying_power": amount(power),
        "daytrading_buying_power": "0",
        "non_marginable_buying_power": amount(portfolio.cash - portfolio.reserved_cash),
        "cash": amount(portfolio.cash),
        "accrued_fees": "0",
        "pending_transfer_in": "0",
        "pending_transfer_out": "0",
        "portfolio_value": amount(equity),
        "pattern_day_trader": False,
        "trading_blocked": blocked,
        "transfers_blocked": blocked,
        "account_blocked": blocked,
        "created_at": moment(account.created_at),
        "trade_suspended_by_user": False,
        "multiplier": "2" if margin is not None else "1",
        "shorting_enabled": margin is not None,
        "equity": amount(equity),
        "last_equity": amount(last_equity if last_equity is not None else equity),
        "long_market_value": amount(sum((v for v, is_long in values if is_long), _ZERO)),
        "short_market_value": amount(sum((v for v, is_long in values if not is_long), _ZERO)),
        "initial_margin": amount(margin.initial if margin is not None else _ZERO),
        "maintenance_margin": amount(margin.maintenance if margin is not None else _ZERO),
        "last_maintenance_margin": amount(margin.maintenance if margin is not None else _ZERO),
        "sma": "0",
        "daytrade_count": 0,
        "balance_asof": moment(portfolio.market_time),
        "options_approved_level": 0,
        "options_trading_level": 0,
        "options_buying_power": "0",
    }
