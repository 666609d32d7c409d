"""The account: what it holds in all, how it is configured, what it was worth, what it did."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import attrs

from papertrader.client import results as r
from papertrader.client.curves import Curve
from papertrader.core.orders import OrderState
from papertrader.core.terms import AccountKind, PortfolioTerms, TermsFlag
from papertrader.gateway.errors import ApiError, bad_request, unprocessable, unsupported
from papertrader.gateway.ids import Kind, number_of, uuid_of
from papertrader.gateway.routing import Call
from papertrader.gateway.values import amount, flag_in, instant_in, moment, value_of
from papertrader.wire.kinds import AccountStatus, TxKind

ACTIVITIES_PAGE_MAX: Final = 100
_ZERO: Final = Decimal(0)
_PERIOD: Final = re.compile(r"([0-9]{1,4})(D|W|M|A|Y)")
_PERIOD_DAYS: Final = {"D": 1, "W": 7, "M": 31, "A": 366, "Y": 366}
_INTRADAY: Final = {"1Min": "1m", "5Min": "5m", "15Min": "15m", "1H": "1h"}
_FRAMES: Final = {**_INTRADAY, "1D": "1d", "1W": "1w", "1M": "1mo"}
_MINUTES_DAYS: Final = 7
_QUARTERS_DAYS: Final = 30
"""Of a shorter time than so many days the curve is one of minutes, or of quarters of an hour, if
nothing is said."""
_TRADES: Final = frozenset({TxKind.BUY, TxKind.SELL, TxKind.SHORT, TxKind.COVER})
_KINDS: Final = {
    TxKind.DIVIDEND: "DIV",
    TxKind.FEE: "FEE",
    TxKind.BORROW: "FEE",
    TxKind.SPLIT: "SPLIT",
    TxKind.DEPOSIT: "CSD",
    TxKind.WITHDRAWAL: "CSW",
    TxKind.INTEREST: "INT",
    TxKind.SYMBOL_CHANGE: "NC",
    TxKind.DELISTING: "REORG",
    TxKind.CORRECTION: "JNLC",
    TxKind.RESET: "JNLC",
}


@attrs.frozen
class Accounts:
    """The requests about the account."""

    async def account(self, call: Call) -> dict[str, Any]:
        """GET /v2/account."""
        seat = call.seat
        portfolio = await seat.client.portfolio(seat.portfolio)
        account = await seat.client.account()
        return account_body(account, portfolio, await self._last_equity(call, portfolio))

    async def _last_equity(self, call: Call, portfolio: r.Portfolio) -> Decimal | None:
        """Return what the portfolio was worth at the end of the last session; read once a day."""
        now = portfolio.market_time
        if now is None:
            return None
        kept = call.seat.kept.get("last_equity")
        if kept is None or kept[0] != now.date():
            curve = await call.seat.client.equity(
                "1d", from_time=now - timedelta(days=12), portfolio=call.seat.portfolio
            )
            before = [point for point in curve.points if point.at.date() < now.date()]
            # Of an account that is new today it is what it began with.
            last = before[-1:] or curve.points[:1]
            kept = (now.date(), last[0].equity if last else None)
            call.seat.kept["last_equity"] = kept
        found: Decimal | None = kept[1]
        return found

    async def configuration(self, call: Call) -> dict[str, Any]:
        """GET /v2/account/configurations."""
        return configuration_body(await call.seat.client.portfolio_terms(call.seat.portfolio))

    async def configure(self, call: Call) -> dict[str, Any]:
        """PATCH /v2/account/configurations: what differs from how it stands is changed or refused.

        ``no_shorting`` and ``max_margin_multiplier`` are terms of a portfolio, and are chosen while
        it is empty.
        """
        seat = call.seat
        terms = await seat.client.portfolio_terms(seat.portfolio)
        stands = configuration_body(terms)
        for name, given in call.body.items():
            if name not in _CHANGEABLE and given is not None and given != stands.get(name):
                raise unsupported(f"another {name[:32]} is")
        wished = wished_terms(terms, call)
        if wished != terms:
            terms = await seat.client.portfolio_terms_set(wished, portfolio=seat.portfolio)
        return configuration_body(terms)

    async def history(self, call: Call) -> dict[str, Any]:
        """GET /v2/account/portfolio/history: the ends of intervals, sessions, weeks or months."""
        query = call.query
        if query.get("intraday_reporting", "") not in ("", "market_hours") or flag_in(
            query, "extended_hours"
        ):
            raise unsupported("equity outside of market hours is")
        resets = query.get("pnl_reset", "")
        if resets not in ("", "per_day", "no_reset"):
            raise unprocessable("pnl_reset must be one of per_day, no_reset")
        now = (await call.seat.client.clock()).now
        end = instant_in(query, "end") or instant_in(query, "date_end")
        start = instant_in(query, "start")
        period = query.get("period", "") or "1M"
        begin: datetime | None = start or begin_of(period, end or now)
        frame = query.get("timeframe", "") or frame_of((end or now) - (begin or now))
        if frame not in _FRAMES:
            raise unprocessable(f"timeframe must be one of {', '.join(_FRAMES)}")
        if frame in _INTRADAY and period == "1D" and start is None and end is None:
            # The newest session, from the close before it on.
            begin = None
        curve = await call.seat.client.equity(
            _FRAMES[frame], from_time=begin, to_time=end, portfolio=call.seat.portfolio
        )
        return history_body(curve, frame, frame in _INTRADAY and resets != "no_reset")

    async def activities(self, call: Call) -> list[dict[str, Any]]:
        """GET /v2/account/activities, and /{type}: the newest first unless ``direction=asc``."""
        wanted = call.names.get("kind") or call.query.get("activity_types", "")
        kinds = {each.strip().upper() for each in wanted.split(",") if each.strip()}
        after, until = instant_in(call.query, "after"), instant_in(call.query, "until")
        day = instant_in(call.query, "date")
        if day is not None:
            after, until = day, day + timedelta(days=1)
        size = call.whole("page_size", ACTIVITIES_PAGE_MAX, ACTIVITIES_PAGE_MAX)
        chosen = [kind for kind in TxKind if not kinds or _kind_of(kind) in kinds]
        if not chosen:
            return []
        rows = await call.seat.client.transactions(
            from_time=after,
            to_time=until,
            kinds=chosen if kinds else (),
            limit=size,
            after=_place_of(call.query.get("page_token", "")),
            portfolio=call.seat.portfolio,
            newest_first=call.query.get("direction", "desc") != "asc",
        )
        fills = await self._fills(call, rows)
        return [
            activity_body(row, _kind_of(TxKind(row.kind)), fills.get(row.transaction))
            for row in rows
        ]

    async def _fills(self, call: Call, rows: Iterable[r.Transaction]) -> dict[int, Filled]:
        """Return how far their orders had come with the fills among ``rows``, by transaction."""
        seat, found = call.seat, dict[int, Filled]()
        for number in sorted({row.order_id for row in rows if row.kind in _TRADES}):
            order = await seat.client.order(number, portfolio=seat.portfolio)
            total, place = _ZERO, 0
            while True:
                page = await seat.client.receipts(number, after=place, portfolio=seat.portfolio)
                for receipt in page:
                    if receipt.transaction:
                        total += receipt.quantity
                        left = receipt.remaining
                        is_last = left == 0 and order.state == OrderState.FILLED
                        found[receipt.transaction] = Filled(total, left, is_last)
                place = page.next_after
                if not place:
                    break
        return found


@attrs.frozen
class Filled:
    """How far an order had come with a fill: what was filled, what was left, whether all was."""

    total: Decimal
    left: Decimal
    is_last: bool


_CHANGEABLE: Final = frozenset({"no_shorting", "max_margin_multiplier"})


def account_body(
    account: r.Account, portfolio: r.Portfolio, last_equity: Decimal | None
) -> dict[str, Any]:
    """Write an account; one that may not borrow can buy with what is free of its cash.

    Its equity is at the last prices, as ``last_equity`` and the history are; what has no price
    counts at its cost.
    """
    margin = portfolio.margin
    free = portfolio.cash - portfolio.reserved_cash
    power = margin.buying_power if margin is not None else free
    values = [
        (each.cost_basis if value is None else value, each.quantity > 0)
        for each, value in ((each, value_of(each)) for each in portfolio.positions)
    ]
    blocked = account.status != AccountStatus.ACTIVE
    equity = portfolio.cash + sum((value for value, _ in values), _ZERO)
    return {
        "id": uuid_of(Kind.ACCOUNT, account.account),
        "account_number": f"PT{account.account:08d}",
        "status": "ACCOUNT_CLOSED" if blocked else "ACTIVE",
        "crypto_status": "ACCOUNT_CLOSED" if blocked else "ACTIVE",
        "currency": portfolio.currency,
        "buying_power": amount(power),
        "regt_buying_power": amount(power),
        "daytrading_buying_power": amount(power),
        "non_marginable_buying_power": amount(free),
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


def configuration_body(terms: PortfolioTerms) -> dict[str, Any]:
    """Write how an account is configured: the terms of the portfolio, in Alpaca's words."""
    borrows = terms.account_kind == AccountKind.MARGIN
    return {
        "dtbp_check": "entry",
        "fractional_trading": True,
        "max_margin_multiplier": "2" if borrows else "1",
        "no_shorting": not borrows or terms.has(TermsFlag.NO_SHORTING),
        "pdt_check": "entry",
        "suspend_trade": False,
        "trade_confirm_email": "none",
        "ptp_no_exception_entry": False,
        "max_options_trading_level": 0,
    }


def wished_terms(terms: PortfolioTerms, call: Call) -> PortfolioTerms:
    """Return the terms that a change of the configuration asks for. Raises `ApiError`."""
    multiplier = str(call.body.get("max_margin_multiplier") or "")
    kind = terms.account_kind
    if multiplier:
        if multiplier not in ("1", "2"):
            raise unprocessable("max_margin_multiplier must be 1 or 2")
        kind = AccountKind.CASH if multiplier == "1" else AccountKind.MARGIN
    flags = terms.flags & ~int(TermsFlag.NO_SHORTING)
    no_shorting = terms.has(TermsFlag.NO_SHORTING)
    if call.body.get("no_shorting") is not None:
        no_shorting = flag_in(call.body, "no_shorting")
        if not no_shorting and kind == AccountKind.CASH:
            raise unprocessable("an account that may not borrow cannot sell short")
    keeps = no_shorting and kind == AccountKind.MARGIN
    try:
        return attrs.evolve(
            terms, account_kind=kind, flags=flags | (int(TermsFlag.NO_SHORTING) if keeps else 0)
        )
    except ValueError as error:
        raise unprocessable(str(error)) from None


def begin_of(period: str, end: datetime) -> datetime:
    """Return when a period such as 1M begins that ends at ``end``. Raises `ApiError`."""
    match = _PERIOD.fullmatch(period)
    if match is None:
        raise bad_request(f"invalid period: {period[:16]}")
    days = int(match[1]) * _PERIOD_DAYS[match[2]]
    try:
        return end - timedelta(days=days)
    except OverflowError:
        return datetime(1970, 1, 1, tzinfo=UTC)


def frame_of(length: timedelta) -> str:
    """Return the time frame of a curve so long, as Alpaca chooses it where none is named."""
    if length < timedelta(days=_MINUTES_DAYS):
        return "1Min"
    return "15Min" if length < timedelta(days=_QUARTERS_DAYS) else "1D"


def history_body(curve: Curve, frame: str, daily: bool = False) -> dict[str, Any]:
    """Write an equity curve. Profit is against the first point, without what was paid in since.

    ``daily``: each day anew, against the last point of the day before.
    """
    points = curve.points
    base = points[0].equity if points else _ZERO
    paid, profits, parts = _ZERO, [], []
    for number, point in enumerate(points):
        if daily and number and point.at.date() != points[number - 1].at.date():
            base, paid = points[number - 1].equity, _ZERO
        paid += point.flow if number else _ZERO
        profit = point.equity - base - paid
        profits.append(float(profit))
        parts.append(float(profit / base) if base else None)
    return {
        "timestamp": [int(point.at.timestamp()) for point in points],
        "equity": [float(point.equity) for point in points],
        "profit_loss": profits,
        "profit_loss_pct": parts,
        "base_value": float(points[0].equity if points else _ZERO),
        "timeframe": frame,
        "cashflow": {},
    }


def activity_body(row: r.Transaction, kind: str, filled: Filled | None) -> dict[str, Any]:
    """Write a transaction as an activity; ``filled``: how far its order had come with a fill."""
    at = row.market_at or row.executed_at or datetime(1970, 1, 1, tzinfo=UTC)
    head = {
        "id": f"{at:%Y%m%d%H%M%S}{at.microsecond // 1000:03d}"
        f"::{uuid_of(Kind.FILL, row.transaction)}",
        "activity_type": kind,
    }
    if kind == "FILL":
        return {
            **head,
            "transaction_time": moment(at),
            "price": amount(row.price),
            "qty": amount(abs(row.quantity)),
            "side": {TxKind.BUY: "buy", TxKind.COVER: "buy", TxKind.SHORT: "sell_short"}.get(
                TxKind(row.kind), "sell"
            ),
            "symbol": row.symbol,
            "order_id": uuid_of(Kind.ORDER, row.order_id),
            **({} if filled is None else _filled_body(filled)),
        }
    per_share = row.amount / row.quantity if row.quantity else None
    return {
        **head,
        "date": at.date().isoformat(),
        "net_amount": amount(row.amount),
        "symbol": row.symbol or None,
        "qty": amount(abs(row.quantity)) if row.quantity else None,
        "per_share_amount": amount(per_share.quantize(Decimal("0.00000001")))
        if per_share is not None and kind == "DIV"
        else None,
        "description": TxKind(row.kind).name.replace("_", " ").lower(),
        "status": "executed",
    }


def _filled_body(filled: Filled) -> dict[str, Any]:
    return {
        "cum_qty": amount(filled.total),
        "leaves_qty": amount(filled.left),
        "type": "fill" if filled.is_last else "partial_fill",
        "order_status": "filled" if filled.is_last else "partially_filled",
    }


def _kind_of(kind: TxKind) -> str:
    return "FILL" if kind in _TRADES else _KINDS.get(kind, "JNLC")


def _place_of(token: str) -> int:
    """Return the transaction that a page token names: the last one of the page before."""
    number = number_of(Kind.FILL, token.rpartition("::")[2]) if token else 0
    if number is None or number >= 2**63:
        raise ApiError(422, 42210000, "page_token does not name an activity of this list")
    return number
