"""What is believed of an observation, at the bounds of what is."""

from __future__ import annotations

from papertrader.core.instants import DAY, SECOND
from papertrader.core.money import SCALE
from papertrader.core.quotes import Asset, AssetKind, QuoteFlag
from papertrader.master.providers.plausible import Plausibility
from papertrader.master.providers.provider import Observation

NOW = 20_000 * DAY
SHARE = Asset(
    symbol="AAPL", name="Apple", kind=AssetKind.STOCK, currency="USD", tick=SCALE // 100, lot=SCALE,
    quantity_min=SCALE, quantity_max=1_000 * SCALE, calendar="XNYS",
)  # fmt: skip


def seen(price: int, source_time: int = 0) -> Observation:
    """What a provider said."""
    return Observation(
        symbol="AAPL", provider="finnhub", last=price * SCALE, source_time=source_time
    )


def test_a_clock_may_be_ahead_by_a_minute() -> None:
    """And by no nanosecond more."""
    checks = Plausibility()
    assert checks.refusal(seen(100, NOW + 60 * SECOND), NOW) == ""
    assert "future" in checks.refusal(seen(100, NOW + 60 * SECOND + 1), NOW)


def test_a_share_may_move_by_a_fifth() -> None:
    """Beyond that two further answers must agree with it."""
    checks = Plausibility()
    assert checks.judge(seen(100), SHARE) == QuoteFlag(0)
    assert checks.judge(seen(120), SHARE) == QuoteFlag(0)
    assert [checks.judge(seen(145), SHARE) for _ in range(3)] == [
        QuoteFlag.SUSPECT, QuoteFlag.SUSPECT, QuoteFlag(0),
    ]  # fmt: skip
