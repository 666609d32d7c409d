"""The robot that knows the next price, for 10,000 trades by each fill model; with figures."""

from __future__ import annotations

import pytest

from papertrader.core.money import format_amount
from papertrader.core.terms import FillModelKind
from tests.robot import play

TRADES = 10_000


@pytest.mark.parametrize("how", ["market", "limit"])
@pytest.mark.parametrize("model", list(FillModelKind))
def test_ten_thousand_trades_earn_nothing(model: FillModelKind, how: str) -> None:
    """No more than chance; at the prices that it saw when it sent, it would have earned much."""
    result = play(TRADES, model, how=how)
    print(
        f"\n{model.name} {how}: {result.trades:,} trades, profit {format_amount(result.profit)};"
        f" at the prices seen {format_amount(result.if_filled_at_once)};"
        f" one deviation {format_amount(result.deviation)}"
    )
    assert result.profit < 3 * result.deviation
    if model in (FillModelKind.QUOTE, FillModelKind.CONSERVATIVE):
        assert result.profit < 0
    assert result.if_filled_at_once > 10 * result.deviation
