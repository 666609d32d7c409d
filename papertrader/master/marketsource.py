"""Which market a master has: what the operator decides, and the source of its prices."""

from __future__ import annotations

from pathlib import Path

import attrs

from papertrader.master.assetlist import ListedTape, read_asset_file
from papertrader.master.providers.base import TapeSource, load_calendars
from papertrader.master.providers.filemarket import files_source
from papertrader.master.providers.recorded import DataFileError
from papertrader.master.providers.replay import replay_source
from papertrader.master.providers.simulated import simulated_source


@attrs.frozen(kw_only=True)
class MarketRules:
    """Which market: ``source`` is ``replay``, ``simulated`` or ``live``; ``start`` a market
    instant."""

    source: str
    start: int
    speed_milli: int
    keep_closed_hours: bool
    seed: int
    update_interval_ms: int
    data: Path | None = None
    """Files of a user's own prices to replay, instead of those that come with the package."""
    assets: Path | None = None
    """The operator's list of assets (`papertrader.master.assetlist`); None: all there are."""
    extended_hours: bool = False
    """Whether the market has prices before and after the session."""


def make_source(rules: MarketRules) -> TapeSource:
    """Return the recorded or simulated market that the rules name, with the assets listed there.

    Raises `papertrader.master.providers.recorded.DataFileError` for a file that cannot be used.
    """
    source = _whole_source(rules)
    if rules.assets is None:
        return source
    try:
        return ListedTape(source, read_asset_file(rules.assets))
    except DataFileError:
        raise
    except ValueError as error:
        raise DataFileError(f"{rules.assets}: {error}") from None


def _whole_source(rules: MarketRules) -> TapeSource:
    calendars = load_calendars(extended=rules.extended_hours)
    if rules.source == "replay" and rules.data is not None:
        return files_source(rules.data, calendars, rules.seed)
    if rules.source == "replay":
        return replay_source(calendars, rules.seed)
    return simulated_source(calendars, rules.start, rules.seed)
