"""Symbols that end: a change into what is held already, and a clock that is turned back."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from papertrader.core.events import ClockSet
from papertrader.core.marketclock import ClockMode
from papertrader.core.money import SCALE
from papertrader.core.orders import OrderFlag, OrderState, Side
from papertrader.core.quotes import (
    ActionKind,
    AssetFlag,
    AssetStatus,
    CorporateAction,
)
from papertrader.core.refusals import Refusal
from papertrader.core.terms import AccountKind, PortfolioTerms


@pytest.mark.parametrize("long", ["4", "10", "15"])
def test_a_long_that_becomes_a_short_closes_it(floor: Any, long: str) -> None:
    """Its owner's open orders that were to close or enlarge the short are cancelled."""
    floor.desk.list_asset(attrs.evolve(floor.asset, symbol="NEWS", flags=AssetFlag.SHORTABLE))
    terms = PortfolioTerms(account_kind=AccountKind.MARGIN)
    floor.keep(floor.desk.set_terms(**floor.tick(), account=1, portfolio=1, terms=terms).events)
    floor.open(2, 2)
    for symbol, side in (("ACME", Side.BUY), ("NEWS", Side.SELL_SHORT)):
        floor.quote("10", "10", symbol=symbol)
        floor.order(long if side == Side.BUY else "10", symbol=symbol, side=side)
        floor.quote("10", "10", symbol=symbol)
    cover = floor.order("10", "5", symbol="NEWS")
    more = floor.order("1", "50", symbol="NEWS", side=Side.SELL_SHORT)
    others = floor.order("1", "5", symbol="NEWS", account=2, portfolio=2)
    change = {"kind": ActionKind.SYMBOL_CHANGE, "successor": "NEWS"}
    floor.act(CorporateAction(symbol="ACME", at=floor.now + 1, **change))
    assert floor.desk.portfolio(1).quantity("NEWS") == (int(long) - 10) * SCALE
    for order in (cover, more):
        now = floor.now_is(order)
        assert (now.state, now.reason) == (OrderState.CANCELLED, Refusal.INSUFFICIENT_POSITION)
    assert floor.now_is(others).is_open
    assert floor.recovered().state_hash() == floor.desk.state_hash()


@pytest.mark.parametrize("held", ["0", "4"])
def test_what_comes_to_a_symbol_is_not_closed_by_an_order_that_was_to_open(
    floor: Any, held: str
) -> None:
    """A short comes to where a buy was to open a long: the buy is cancelled."""
    floor.desk.list_asset(attrs.evolve(floor.asset, flags=AssetFlag.SHORTABLE))
    floor.desk.list_asset(attrs.evolve(floor.asset, symbol="NEWS", flags=AssetFlag.SHORTABLE))
    terms = PortfolioTerms(account_kind=AccountKind.MARGIN)
    floor.keep(floor.desk.set_terms(**floor.tick(), account=1, portfolio=1, terms=terms).events)
    for symbol, size in (("ACME", "10"), ("NEWS", held)):
        floor.quote("10", "10", symbol=symbol)
        if size != "0":
            floor.order(size, symbol=symbol, side=Side.SELL_SHORT)
            floor.quote("10", "10", symbol=symbol)
    # Where a short is held, the buy is one that goes through zero.
    flags = 0 if held == "0" else int(OrderFlag.ALLOW_FLIP)
    opening = floor.order("6", "9", symbol="NEWS", flags=flags)
    change = {"kind": ActionKind.SYMBOL_CHANGE, "successor": "NEWS"}
    floor.act(CorporateAction(symbol="ACME", at=floor.now + 1, **change))
    now = floor.now_is(opening)
    assert (now.state, now.reason) == (OrderState.CANCELLED, Refusal.INSUFFICIENT_POSITION)
    whole = str(10 + int(held))
    more = floor.order("1", "50", symbol="NEWS", side=Side.SELL_SHORT)
    cover = floor.order(whole, "8", symbol="NEWS")
    floor.quote("8", "8", symbol="NEWS")
    assert floor.now_is(cover).state == OrderState.FILLED
    assert floor.now_is(more).is_open
    assert floor.desk.portfolio(1).quantity("NEWS") == 0


@pytest.mark.parametrize("status", [AssetStatus.TRADABLE, AssetStatus.CLOSE_ONLY])
def test_a_symbol_lives_again_before_its_end(floor: Any, status: AssetStatus) -> None:
    """Turned back to before a delisting, the market trades it as it did; after it, it does not."""
    floor.desk.list_asset(attrs.evolve(floor.asset, status=status))
    end = floor.now + 1_000
    floor.act(CorporateAction(symbol="ACME", kind=ActionKind.DELISTING, at=end))
    for back_to, found in ((end, AssetStatus.DELISTED), (end - 1, status)):
        tick = floor.tick()
        setting = ClockSet(
            "replay", 0, ClockMode.REPLAY, False, 1_000, back_to, 1_000, 0, tick["at"], True
        )
        floor.keep(floor.desk.set_clock(seq=tick["seq"], setting=setting).events)
        assert floor.desk.asset("ACME").status == found
    floor.act(CorporateAction(symbol="ACME", kind=ActionKind.DELISTING, at=end))
    assert floor.desk.asset("ACME").status == AssetStatus.DELISTED
