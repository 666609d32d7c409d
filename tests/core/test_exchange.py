"""Exchange rates: rounding against who trades, dates, and books that hold at any rates."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from papertrader.core.desk import Desk
from papertrader.core.exchange import (
    NO_RATES,
    Rates,
    RateTable,
    converted_notional,
    converted_price,
    converted_quote,
    cushioned,
    paid_for,
    read_rates,
    received_for,
)
from papertrader.core.instants import DAY, MINUTE, SECOND
from papertrader.core.ledger import ROUNDING
from papertrader.core.money import NULL, SCALE, parse_amount
from papertrader.core.orders import NewOrder, OrderType, Side, TimeInForce
from papertrader.core.quotes import ActionKind, Asset, AssetKind, CorporateAction, Quote
from papertrader.core.terms import FeeModelKind, PortfolioTerms

TABLE = "Date,USD,JPY\n2024-05-31,1.25,160\n2024-06-03,,161\n2024-06-04,1.2,163\n"
MIDNIGHT = 1_717_113_600 * SECOND
"""2024-05-31."""
PUBLISHED = 15 * 60 * MINUTE


def table() -> RateTable:
    """Give a small table with one gap."""
    return read_rates(TABLE)


def test_a_day_counts_from_its_publication() -> None:
    """Before 15:00 UTC the day before counts; what is empty is bridged by an earlier day."""
    found = [
        table().rate("EUR", "USD", MIDNIGHT + days * DAY + PUBLISHED - before)
        for days, before in ((0, 1), (0, 0), (3, 0), (4, 1), (4, 0), (400, 0))
    ]
    values = [None if each is None else each.bid for each in found]
    first, last = parse_amount("1.25"), parse_amount("1.2")
    assert values == [None, first, first, first, last, last]
    assert NO_RATES.rate("EUR", "USD", MIDNIGHT) is None


def test_crosses_and_inverses_are_rounded_apart() -> None:
    """Who buys pays a unit more than who sells receives, unless the rate is exact."""
    yen = table().rate("JPY", "USD", MIDNIGHT + 4 * DAY + PUBLISHED)
    assert yen is not None
    assert (yen.bid, yen.ask) == (736_196, 736_197)
    assert yen.symbol == "$JPY/USD"
    euro = table().rate("USD", "EUR", MIDNIGHT + PUBLISHED)
    assert euro is not None
    assert euro.bid == euro.ask == parse_amount("0.8")


@pytest.mark.parametrize(
    "text",
    ["Date,USD\n2024-06-03,1.2\n2024-05-31,1.25\n", "Date,USD\n2024-06-03,1.2,3\n"],
)
def test_a_table_that_does_not_fit_is_refused(text: str) -> None:
    """It must rise by day, and each line have the columns of the heading."""
    with pytest.raises(ValueError, match="does not fit: 2024"):
        read_rates(text)


def test_what_was_used_is_all_that_a_repetition_knows() -> None:
    """Only rates that were recalled are known then, each from its own time on."""
    rates = Rates()
    rates.table = table()
    late = MIDNIGHT + 4 * DAY + PUBLISHED
    used = [rates.get("EUR", "USD", at) for at in (MIDNIGHT + PUBLISHED, late, late + 5)]
    assert rates.peek("JPY", "USD", late) is not None
    assert list(rates.used.values()) == used[:2]
    again = Rates()
    again.recall(rates.used.values())
    assert [again.get("EUR", "USD", at) for at in (late - 1, late)] == used[:2]
    assert again.get("JPY", "USD", late) is None


notionals = st.integers(0, 10**24)
units = st.integers(1, 10**10)


@given(first=notionals, second=notionals, unit=units, spread=st.integers(0, 1))
def test_no_cutting_gains_a_unit(first: int, second: int, unit: int, spread: int) -> None:
    """Two parts cost as much as the whole at least, and bring no more; buyers pay more."""
    rate = Quote(symbol="$EUR/USD", bid=unit, ask=unit + spread)
    small = [each * SCALE // (10**9 * unit) for each in (first, second)]
    whole = paid_for(sum(small), rate)
    assert paid_for(small[0], rate) + paid_for(small[1], rate) >= whole
    brought = received_for(sum(small), rate)
    assert received_for(small[0], rate) + received_for(small[1], rate) <= brought <= whole
    assert paid_for(small[0], cushioned(rate)) * 100 >= paid_for(small[0], rate) * 101 - 100
    assert converted_notional(small[0], rate.ask) >= small[0] * rate.ask // SCALE
    assert paid_for(small[0], None) - received_for(small[0], None) in (0, 1)


def test_unknown_prices_stay_unknown() -> None:
    """`NULL` is no price in any currency."""
    rate = Quote(symbol="$EUR/USD", bid=SCALE, ask=SCALE)
    quote = converted_quote(Quote(symbol="SAPX", last=5), rate)
    assert (quote.bid, quote.ask, quote.last) == (NULL, NULL, 5)
    assert converted_price(NULL, SCALE) == converted_notional(NULL, NULL) == NULL
    assert converted_price(7, NULL) == 7


ASSET = Asset(
    symbol="SAPX",
    name="",
    kind=AssetKind.STOCK,
    currency="EUR",
    tick=SCALE // 100,
    lot=1,
    quantity_min=1,
    quantity_max=10**6 * SCALE,
    calendar="XETR",
)
step = st.tuples(
    st.sampled_from(["buy", "sell", "quote", "day"]),
    st.integers(1, 30 * SCALE),
    st.integers(900, 1_100),
    st.integers(1, 6 * SCALE),
)


@settings(max_examples=60, deadline=None)
@given(
    moves=st.lists(st.integers(9_000, 12_000), min_size=12, max_size=12),
    steps=st.lists(step, min_size=5, max_size=40),
    with_fees=st.booleans(),
)
def test_the_books_hold_at_any_rates(
    moves: list[int], steps: list[tuple[str, int, int, int]], with_fees: bool
) -> None:
    """Rates that leap between parts of an order: the invariants hold, and nobody gains by rounding.

    Cash never falls below what is reserved, whatever the rate does after an order was accepted.
    """
    desk = Desk()
    days = [f"2024-06-{number:02},{move / 10_000:.4f}" for number, move in enumerate(moves, 1)]
    desk.rates.table = read_rates("\n".join(["Date,USD", *days]))
    desk.list_asset(ASSET)
    now, seq = MIDNIGHT + DAY + PUBLISHED, 3
    desk.open_portfolio(
        seq=1, at=now, account=1, portfolio=1, currency="USD", deposit=5_000 * SCALE
    )
    if with_fees:
        terms = PortfolioTerms(
            fee_model=FeeModelKind.PERCENT, fee_rate=SCALE // 500, fee_minimum=SCALE
        )
        assert desk.set_terms(seq=2, at=now, account=1, portfolio=1, terms=terms).refusal is None
    for kind, quantity, cents, size in steps:
        seq, now = seq + 1, now + (DAY if kind == "day" else MINUTE)
        price = cents * SCALE // 10
        if kind == "quote":
            quote = Quote(
                symbol="SAPX", bid=price, ask=price + SCALE // 10, last=price, bid_size=size,
                ask_size=size, observed_at=now, source_time=now, quote_seq=seq,
            )  # fmt: skip
            desk.observe(seq=seq, quote=quote)
        elif kind != "day":
            desk.submit(
                NewOrder(
                    seq=seq, at=now, received_at=now, market_at=now, account=1, portfolio=1,
                    client_order_id=seq, symbol="SAPX", quantity=quantity,
                    side=Side.BUY if kind == "buy" else Side.SELL, order_type=OrderType.LIMIT,
                    time_in_force=TimeInForce.GTC, limit_price=price,
                )
            )  # fmt: skip
        assert desk.check_invariants() == []
        assert desk.state.portfolios[1].available_cash >= 0
    assert desk.state.ledger.balance(ROUNDING, "$USD") >= 0
    assert desk.state.ledger.balance(ROUNDING, "$EUR") == 0


def test_a_symbol_keeps_its_currency() -> None:
    """A change of symbol into another currency is a fault of the feed: nothing is applied."""
    desk = Desk()
    for symbol, currency in (("SAPX", "EUR"), ("SAPD", "USD")):
        desk.list_asset(attrs.evolve(ASSET, symbol=symbol, currency=currency))
    change = CorporateAction(
        symbol="SAPX", kind=ActionKind.SYMBOL_CHANGE, at=MIDNIGHT, successor="SAPD"
    )
    with pytest.raises(ValueError, match="SAPD, which trades in USD and not in EUR"):
        desk.act(seq=1, at=MIDNIGHT, action=change)
    assert not desk.has_applied(change)
