"""From wire messages to the values of `papertrader.client.results`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from ipaddress import IPv6Address
from typing import Final

from papertrader.client import moneyresults as mr
from papertrader.client import results as r
from papertrader.client import updates as u
from papertrader.client.orderterms import OrderTerms
from papertrader.client.results import decimal_of, decimal_or_none, moment_of
from papertrader.core.instants import to_datetime
from papertrader.core.orders import TrailKind
from papertrader.core.quotes import AssetFlag, QuoteFlag, QuoteProvider
from papertrader.wire import messages as m
from papertrader.wire.kinds import Privacy, Status, WorkerFlag

_REASONS: Final = {int(status): status.name for status in Status}


def order_terms_of(row: m.OrderTermsRow) -> OrderTerms:
    """Build `OrderTerms`."""
    percent = row.trail_kind == TrailKind.PERCENT
    return OrderTerms(
        role=row.role,
        source=row.source,
        trail=decimal_of(row.trail * 100 if percent else row.trail) if row.trail_kind else None,
        trails_percent=percent,
        mark=decimal_or_none(row.mark),
        notional=decimal_of(row.notional) if row.notional else None,
        parent=row.parent,
        pair=row.pair,
        works_from=moment_of(row.works_from),
        active_at=moment_of(row.active_at),
        triggered_at=moment_of(row.triggered_at),
        currency=row.currency,
    )


def orders_of(
    rows: Iterable[m.OrderRow],
    terms: Iterable[m.OrderTermsRow] = (),
    tags: Iterable[m.OrderTagRow] = (),
) -> tuple[r.Order, ...]:
    """Build the orders of a list, each with its terms and its tag."""
    known = {row.order: row for row in terms}
    texts = tags_of(tags)
    return tuple(order_of(row, known.get(row.order), texts.get(row.order, "")) for row in rows)


def tags_of(rows: Iterable[m.OrderTagRow]) -> dict[int, str]:
    """Return what is written on orders, by their numbers."""
    return {row.order: row.tag.rstrip(b"\0").decode("utf-8", "replace") for row in rows}


def order_of(
    row: m.OrderRow | m.OrderReply, terms: m.OrderTermsRow | None = None, tag: str = ""
) -> r.Order:
    """Build an `Order`; a reply has its terms, and those that hang together with it, in itself."""
    successor: tuple[m.SuccessorRow, ...] = ()
    combined: tuple[r.Order, ...] = ()
    if isinstance(row, m.OrderReply):
        successor = row.successor
        combined = orders_of(row.orders, row.order_terms, row.order_tags)
        tag = tags_of(row.order_tags).get(row.order, "")
        terms = next((each for each in row.order_terms if each.order == row.order), None)
    return r.Order(
        order_id=row.order,
        client_order_id=row.client_order_id,
        portfolio=row.portfolio,
        symbol=row.symbol,
        side=row.side,
        order_type=row.order_type,
        time_in_force=row.time_in_force,
        state=row.state,
        reason=_REASONS.get(row.reason, f"STATUS_{row.reason:#06x}") if row.reason else "",
        quantity=decimal_of(row.quantity),
        filled=decimal_of(row.filled),
        limit_price=decimal_or_none(row.limit_price),
        stop_price=decimal_or_none(row.stop_price),
        average_price=decimal_or_none(row.average_price),
        collar_price=decimal_or_none(row.collar_price),
        reserved_cash=decimal_of(row.reserved_cash),
        fees=decimal_of(row.fees),
        received_at=moment_of(row.received_at),
        accepted_at=moment_of(row.accepted_at),
        updated_at=moment_of(row.updated_at),
        expire_at=moment_of(row.expire_at),
        version=row.version,
        fills=row.fills,
        replaces=row.replaces,
        replaced_by=successor[0].replaced_by if successor else 0,
        terms=None if terms is None else order_terms_of(terms),
        combined=combined,
        tag=tag,
    )


def receipt_of(row: m.ReceiptRow) -> r.Receipt:
    """Build a `Receipt`."""
    return r.Receipt(
        quote_seq=row.quote_seq,
        bid=decimal_or_none(row.bid),
        ask=decimal_or_none(row.ask),
        last=decimal_or_none(row.last),
        bid_size=decimal_of(row.bid_size),
        ask_size=decimal_of(row.ask_size),
        observed_at=moment_of(row.observed_at),
        source_time=moment_of(row.source_time),
        age_ns=row.age,
        spread_cost=decimal_of(row.spread_cost),
        slippage=decimal_of(row.slippage),
        limiting=row.limiting,
    )


def asset_of(row: m.AssetRow | m.AssetReply) -> r.Asset:
    """Build an `Asset`; a row of a list has no name, exchange and source."""
    named = row if isinstance(row, m.AssetReply) else None
    return r.Asset(
        symbol=row.symbol,
        kind=row.kind,
        status=row.status,
        flags=AssetFlag(row.flags),
        currency=row.currency,
        tick=decimal_of(row.tick),
        lot=decimal_of(row.lot),
        quantity_min=decimal_of(row.quantity_min),
        quantity_max=decimal_of(row.quantity_max),
        first_bar=moment_of(row.first_bar),
        last_bar=moment_of(row.last_bar),
        name=(named and named.name) or "",
        exchange=(named and named.exchange) or "",
        source=(named and named.source) or "",
    )


def quote_of(row: m.QuoteRow | m.QuoteEvent) -> r.Quote:
    """Build a `Quote`."""
    return r.Quote(
        symbol=row.symbol,
        bid=decimal_or_none(row.bid),
        ask=decimal_or_none(row.ask),
        last=decimal_or_none(row.last),
        bid_size=decimal_of(row.bid_size),
        ask_size=decimal_of(row.ask_size),
        last_size=decimal_of(row.last_size),
        day_open=decimal_or_none(row.day_open),
        day_high=decimal_or_none(row.day_high),
        day_low=decimal_or_none(row.day_low),
        prev_close=decimal_or_none(row.prev_close),
        day_volume=decimal_of(row.day_volume),
        source_time=moment_of(row.source_time),
        observed_at=moment_of(row.observed_at),
        quote_seq=row.quote_seq,
        flags=QuoteFlag(row.flags),
        provider=_provider(row.provider),
    )


def _provider(number: int) -> str:
    """Return a provider's name; its number for one that is newer than this library."""
    if number in QuoteProvider.__members__.values():
        return QuoteProvider(number).name.lower()
    return str(number)


def bars_of(parts: Sequence[m.BarsPart]) -> r.Bars:
    """Build `Bars` from all parts of a transfer."""
    rows = (row for part in parts for row in part.bars)
    return r.Bars(
        symbol=parts[-1].symbol,
        interval_s=parts[-1].interval_s,
        complete=all(part.complete for part in parts),
        as_of=moment_of(parts[-1].as_of),
        missing=parts[-1].missing,
        cache_until=moment_of(parts[-1].cache_until),
        bars=tuple(
            r.Bar(
                time=to_datetime(row.time),
                open=decimal_of(row.open),
                high=decimal_of(row.high),
                low=decimal_of(row.low),
                close=decimal_of(row.close),
                volume=decimal_of(row.volume),
            )
            for row in rows
        ),
    )


def position_of(row: m.PositionRow) -> mr.Position:
    """Build a `Position`."""
    return mr.Position(
        symbol=row.symbol,
        quantity=decimal_of(row.quantity),
        reserved=decimal_of(row.reserved),
        average_cost=decimal_or_none(row.average_cost),
        cost_basis=decimal_of(row.cost_basis),
        mark=decimal_or_none(row.mark),
        last=decimal_or_none(row.last),
        market_value=decimal_or_none(row.market_value),
        unrealized_pnl=decimal_or_none(row.unrealized_pnl),
        realized_pnl=decimal_of(row.realized_pnl),
        opened_at=moment_of(row.opened_at),
        updated_at=moment_of(row.updated_at),
        fifo_cost_basis=decimal_of(row.fifo_cost_basis),
        fifo_realized=decimal_of(row.fifo_realized),
    )


def portfolio_of(parts: Sequence[m.PortfolioPart]) -> r.Portfolio:
    """Build a `Portfolio` from all parts of a transfer; the totals stand in each."""
    last = parts[-1]
    return r.Portfolio(
        account=last.account,
        portfolio=last.portfolio,
        currency=last.currency,
        cash=decimal_of(last.cash),
        reserved_cash=decimal_of(last.reserved_cash),
        equity=decimal_or_none(last.equity),
        market_value=decimal_or_none(last.market_value),
        unrealized_pnl=decimal_or_none(last.unrealized_pnl),
        realized_pnl=decimal_of(last.realized_pnl),
        as_of=moment_of(last.as_of),
        market_time=moment_of(last.market_time),
        event_seq=last.event_seq,
        positions=tuple(position_of(row) for part in parts for row in part.positions),
        earnings=_earnings_of(parts[0].earnings[0]) if parts[0].earnings else None,
        margin=_margin_of(parts[0]) if parts[0].margin else None,
    )


def _earnings_of(row: m.EarningsRow) -> mr.Earnings:
    return mr.Earnings(
        price=decimal_of(row.price),
        fees=decimal_of(row.fees),
        dividends=decimal_of(row.dividends),
        borrow=decimal_of(row.borrow),
        interest=decimal_of(row.interest),
        settled_cash=decimal_of(row.settled_cash),
        unsettled_cash=decimal_of(row.unsettled_cash),
        settles_at=moment_of(row.settles_at),
    )


def _margin_of(part: m.PortfolioPart) -> mr.Margin:
    row = part.margin[0]
    return mr.Margin(
        equity=decimal_of(row.equity),
        long_value=decimal_of(row.long_value),
        short_value=decimal_of(row.short_value),
        initial=decimal_of(row.initial),
        maintenance=decimal_of(row.maintenance),
        available=decimal_of(row.available),
        buying_power=decimal_of(row.buying_power),
        called_at=moment_of(row.called_at),
        due_at=moment_of(row.due_at),
        shortfall=decimal_of(row.shortfall),
        plan=tuple(
            mr.ClosingStep(
                symbol=step.symbol,
                quantity=decimal_of(step.quantity),
                mark=decimal_or_none(step.mark),
            )
            for step in part.plan
        ),
    )


def transaction_of(
    row: m.TransactionRow | m.TransactionEvent,
    detail: m.TransactionDetailRow | None = None,
    note: str = "",
) -> r.Transaction:
    """Build a `Transaction`; without a detail it has no fees and happened at the market's time."""
    detail = detail or m.TransactionDetailRow(market_at=row.executed_at)
    return r.Transaction(
        transaction=row.transaction,
        portfolio=row.portfolio,
        kind=row.kind,
        currency=row.currency,
        symbol=row.symbol,
        quantity=decimal_of(row.quantity),
        price=decimal_or_none(row.price),
        amount=decimal_of(row.amount),
        fees=decimal_of(row.fees),
        cash_after=decimal_of(row.cash_after),
        realized=decimal_of(row.realized),
        order_id=row.order,
        fill=row.fill,
        received_at=moment_of(row.received_at),
        executed_at=moment_of(row.executed_at),
        quote_seq=row.quote_seq,
        market_at=moment_of(detail.market_at),
        settles_at=moment_of(detail.settles_at),
        commission=decimal_of(detail.commission),
        sec_fee=decimal_of(detail.sec_fee),
        taf_fee=decimal_of(detail.taf_fee),
        rate=decimal_or_none(detail.rate),
        asset_currency=detail.asset_currency,
        note=note,
    )


def notes_of(rows: Iterable[m.NoteRow]) -> dict[int, str]:
    """Return the texts of a part by the number of the row that each belongs to."""
    pieces: defaultdict[int, bytes] = defaultdict(bytes)
    for each in rows:
        pieces[each.row] += each.piece
    return {row: octets.rstrip(b"\0").decode("utf-8", "replace") for row, octets in pieces.items()}


def account_of(reply: m.AccountReply) -> r.Account:
    """Build an `Account`."""
    return r.Account(
        account=reply.account,
        username=reply.username,
        created_at=moment_of(reply.created_at),
        currency=reply.currency,
        privacy=Privacy(reply.privacy),
        cash=decimal_or_none(reply.cash),
        reserved_cash=decimal_or_none(reply.reserved_cash),
        equity=decimal_or_none(reply.equity),
        realized_pnl=decimal_or_none(reply.realized_pnl),
        as_of=moment_of(reply.as_of),
        open_orders=reply.open_orders,
        positions=reply.positions,
        status=reply.status,
        scope=reply.scope,
        email=reply.email,
    )


def address_text(packed: bytes) -> str:
    """Write 16 octets as an IPv6 address, or as IPv4 if it is a mapped one; "" for unspecified."""
    address = IPv6Address(packed)
    mapped = address.ipv4_mapped
    if address.is_unspecified or (mapped is not None and mapped.is_unspecified):
        return ""
    return str(mapped or address)


def worker_of(row: m.WorkerRow) -> r.WorkerInfo:
    """Build a `WorkerInfo`."""
    return r.WorkerInfo(
        host=row.host,
        address=address_text(row.address),
        port=row.port,
        load=row.load,
        accepting=bool(row.flags & WorkerFlag.ACCEPTING),
        draining=bool(row.flags & WorkerFlag.DRAINING),
        region=row.region,
        sessions=row.sessions,
        rtt_us=row.rtt_us,
    )


def login_of(reply: m.LoginReply | m.ResumeReply) -> r.Login:
    """Build a `Login`."""
    return r.Login(
        account=reply.account,
        session_id=reply.session_id,
        token=reply.token,
        scope=reply.scope,
        expires_at=moment_of(reply.expires_at),
        next_event_seq=reply.next_event_seq,
        failed_tries=reply.failed_tries if isinstance(reply, m.LoginReply) else 0,
    )


def order_update_of(event: m.OrderEvent, sequence: int, replayed: bool) -> u.OrderUpdate:
    """Build an `OrderUpdate`; raises `ValueError` if the event has no order row."""
    if not event.orders:
        raise ValueError("an order event without its order")
    fill = None
    if event.fill:
        fill = r.Fill(
            order_id=event.order,
            number=event.fill,
            quantity=decimal_of(event.fill_quantity),
            price=decimal_or_none(event.fill_price),
            fees=decimal_of(event.fill_fees),
            transaction=event.transaction,
            receipt=receipt_of(event.receipt[0]) if event.receipt else None,
        )
    return u.OrderUpdate(
        sequence=sequence,
        kind=event.kind,
        order=orders_of(event.orders, event.order_terms, event.order_tags)[0],
        fill=fill,
        replayed=replayed,
    )


def transaction_update_of(
    event: m.TransactionEvent, sequence: int, replayed: bool
) -> u.TransactionUpdate:
    """Build a `TransactionUpdate`."""
    holding = None
    if event.positions:
        row = event.positions[0]
        holding = r.Holding(
            symbol=row.symbol,
            quantity=decimal_of(row.quantity),
            cost_basis=decimal_of(row.cost_basis),
            realized=decimal_of(row.realized),
            opened_at=moment_of(row.opened_at),
            updated_at=moment_of(row.updated_at),
        )
    return u.TransactionUpdate(
        sequence=sequence,
        transaction=transaction_of(
            event, event.details[0] if event.details else None, event.text or ""
        ),
        holding=holding,
        replayed=replayed,
        note=event.text or "",
    )
