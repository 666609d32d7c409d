"""The table of the providers' limits that comes with the package."""

from __future__ import annotations

from importlib import resources

import pytest

from papertrader.core.callbudget import ProviderLimits
from papertrader.core.knownlimits import LIMITS_FILE, read_limits


def shipped() -> str:
    """Return the table's text."""
    return resources.files("papertrader.data").joinpath(LIMITS_FILE).read_text("utf-8")


def test_the_table_that_is_shipped() -> None:
    """Six providers, with one of each way to count."""
    known = read_limits(shipped())
    assert len(known) == 6
    assert known["massive"].limits == ProviderLimits(calls_per_minute=5)
    assert known["binance"].limits.cost_of_all(401) == 12
    assert known["tiingo"].limits.batch_max() == 500
    assert known["coingecko"].always
    assert not known["eodhd"].always


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a = 1", "a: write a section"),
        ("[a]\ntitle='x'", "limits of a cannot be read: 'hours'"),
        ("[a]\ntitle='x'\nhours='often'", "limits of a cannot be read: 'often'"),
        ("[a]\ntitle='x'\nhours='always'\ncalls=5", "limits of a cannot be read"),
        ("[a]\ntitle='x'\nhours='always'\ncalls_per_day=-5", "calls_per_day must be 0"),
        ("[a]\ntitle='x'\nhours='always'\ncalls_per_day='9'", "limits of a cannot be read"),
        ("[a", "Expected"),
    ],
)
def test_a_table_that_is_wrong(text: str, says: str) -> None:
    """Is refused with the provider's name."""
    with pytest.raises(ValueError, match=says):
        read_limits(text)
