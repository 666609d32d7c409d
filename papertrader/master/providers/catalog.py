"""The providers of live prices that there are, by the names that settings use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from papertrader.core.callbudget import ProviderLimits
from papertrader.core.secrets import Secret
from papertrader.master.providers.alpaca import Alpaca
from papertrader.master.providers.coinbase import Coinbase
from papertrader.master.providers.ecb import EuropeanCentralBank
from papertrader.master.providers.finnhub import Finnhub
from papertrader.master.providers.kraken import Kraken
from papertrader.master.providers.provider import Provider, ProviderFacts
from papertrader.master.providers.request import Asker
from papertrader.master.providers.twelvedata import TwelveData
from papertrader.net.clock import Clock

PROVIDERS: Final[Mapping[str, type[Provider]]] = MappingProxyType(
    {
        each.facts.name: each
        for each in (Kraken, Coinbase, Alpaca, Finnhub, TwelveData, EuropeanCentralBank)
    }
)
"""All of them; those that need no key first."""


def facts_of(name: str) -> ProviderFacts:
    """Return what is known of a provider. Raises `KeyError` if there is none of that name."""
    return PROVIDERS[name].facts


def make_provider(
    name: str, web: Asker, clock: Clock, *, limits: ProviderLimits, key: Sequence[Secret]
) -> Provider:
    """Return a provider. Raises `KeyError` for its name, `ValueError` for the key's lines."""
    return PROVIDERS[name](web, clock, key, limits)
