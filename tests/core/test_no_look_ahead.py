"""A robot that knows the next price one update ahead earns nothing from it (trading rules, 2)."""

from __future__ import annotations

import pytest

from papertrader.core.terms import FillModelKind
from tests.robot import play

TRADES = 600


@pytest.mark.parametrize("how", ["market", "limit"])
@pytest.mark.parametrize("model", [FillModelKind.QUOTE, FillModelKind.CONSERVATIVE])
def test_knowing_the_next_price_pays_the_spread(model: FillModelKind, how: str) -> None:
    """It pays about a spread a round trip; filled at once when it sent, it would have won."""
    result = play(TRADES, model, how=how)
    assert result.trades == TRADES
    assert result.profit < 0
    assert result.if_filled_at_once > 0


@pytest.mark.parametrize("model", [FillModelKind.IDEAL, FillModelKind.VOLUME_SHARE])
def test_without_a_spread_it_wins_no_more_than_chance(model: FillModelKind) -> None:
    """Without a spread it gets what a fair coin would, within three deviations."""
    result = play(TRADES, model)
    assert result.profit < 3 * result.deviation
    assert result.if_filled_at_once > 10 * result.deviation
