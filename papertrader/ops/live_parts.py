"""Putting a live market together from settings: providers, keys, assets, the real network."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from papertrader.core.quotes import Asset
from papertrader.core.secrets import Secret
from papertrader.master.assetlist import assets_of, read_asset_file
from papertrader.master.livemarket import LiveParts
from papertrader.master.providers.base import load_calendars
from papertrader.master.providers.catalog import facts_of, make_provider
from papertrader.master.providers.live import choose_assets
from papertrader.master.providers.provider import Provider
from papertrader.master.providers.recorded import DataFileError
from papertrader.master.providers.request import Origin
from papertrader.net.clock import Clock
from papertrader.ops.provider_keys import KeyMissing, read_key
from papertrader.ops.settings import Settings


def live_parts(
    settings: Settings, state: Path, environ: Mapping[str, str], reactor: Any, clock: Clock
) -> LiveParts:
    """Return the parts of the live market that the settings describe. Raises `KeyMissing`."""
    from papertrader.master.providers.http import Connections, Web  # noqa: PLC0415 (loads treq)

    keys = {name: read_key(state, name, environ) for name in settings.market.providers}
    connections = Connections(reactor)
    providers = []
    for name, key in keys.items():
        chosen = settings.provider(name)
        web = Web(
            connections.agent, Origin.parse(chosen.url), clock, settings.market.answer_timeout_s
        )
        made = make_provider(name, web, clock, limits=chosen.limits, key=key)
        made.delay_s = chosen.delay_s
        providers.append(made)
    return LiveParts(
        providers=tuple(providers),
        assets=live_assets(settings, state),
        jitter=random.SystemRandom().random,
        close=connections.close,
        interval_ms=settings.market.update_interval_ms,
    )


def live_assets(settings: Settings, state: Path) -> tuple[Asset, ...]:
    """Return the assets of the live market: of the list, or those named, or else what its providers
    suggest. Raises `papertrader.master.providers.recorded.DataFileError` for the list."""
    known: dict[str, Asset] = {}
    for name in settings.market.providers:
        for asset in facts_of(name).starters:
            known.setdefault(asset.symbol, asset)
    if settings.market.assets:
        path = state / settings.market.assets
        try:
            return tuple(assets_of(read_asset_file(path), known, load_calendars()))
        except DataFileError:
            raise
        except ValueError as error:
            raise DataFileError(f"{path}: {error}") from None
    symbols = settings.market.symbols
    return tuple(choose_assets(symbols, known) if symbols else known.values())


def shown_provider(
    settings: Settings, state: Path, environ: Mapping[str, str], name: str, web: Any, clock: Clock
) -> tuple[Provider, bool]:
    """Return a provider for looking at, and whether its key is there (else one that is none)."""
    try:
        key, has_key = read_key(state, name, environ), True
    except KeyMissing:
        key, has_key = (Secret(b"none"),) * facts_of(name).key_lines, False
    limits = settings.provider(name).limits
    return make_provider(name, web, clock, limits=limits, key=key), has_key
