"""The deployment variables of each provider of live prices: its address, and what it allows.

Providers change these without telling anybody, so they are settings; the defaults are what was
true when this was written.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import attrs

from papertrader.core.callbudget import COUNT_MAX, ProviderLimits
from papertrader.core.identifiers import check_symbol
from papertrader.master.providers.catalog import PROVIDERS, facts_of
from papertrader.master.providers.request import Origin
from papertrader.ops.variable import Variable, shown, text_literal

SYMBOLS_MAX: Final = 5_000
"""Symbols that market.symbols may name."""
LIMITS: Final = ("calls_per_minute", "calls_per_hour", "calls_per_day", "symbols_per_call")
DELAY_MAX_S: Final = 86_400
"""A price that is a day old is no price of today."""
_SEPARATOR: Final = re.compile(r"[\s,]+")
_WORDS: Final = {
    "calls_per_minute": "Calls in a minute (credits, where a symbol costs one); 0 = no such limit.",
    "calls_per_hour": "The same in an hour.",
    "calls_per_day": "The same in a day.",
    "symbols_per_call": "Symbols in one call at most.",
}


@attrs.frozen(kw_only=True)
class ProviderSettings:
    """One provider: where it is, by how many seconds its prices are late, and what it allows."""

    name: str
    url: str
    delay_s: int
    limits: ProviderLimits


def read_providers(raw: object) -> tuple[str, ...]:
    """Read the names of the providers, in the order in which they are asked."""
    names = _words(raw)
    if not names or len(set(names)) != len(names) or not set(names) <= PROVIDERS.keys():
        raise ValueError(
            f"{shown(raw)} is wrong; allowed is a text with some of these names, each once, the"
            f" first to be asked first: {', '.join(PROVIDERS)}"
        )
    return names


def read_symbols(raw: object) -> tuple[str, ...]:
    """Read a list of symbols; empty for the providers' own choice."""
    names = _words(raw)
    try:
        for name in names:
            check_symbol(name)
        if len(set(names)) != len(names) or len(names) > SYMBOLS_MAX:
            raise ValueError
    except ValueError:
        raise ValueError(
            f"{shown(raw)} is wrong; allowed is a text with up to {SYMBOLS_MAX:,} symbols, each"
            ' once, such as "AAPL BTC/USD"'
        ) from None
    return names


def show_words(words: tuple[str, ...]) -> str:
    """Write a list of words as a TOML literal."""
    return text_literal(" ".join(words))


def _words(raw: object) -> tuple[str, ...]:
    if not isinstance(raw, str):
        raise ValueError(f"{shown(raw)} is wrong; allowed is a text with names")
    return tuple(word for word in _SEPARATOR.split(raw.strip()) if word)


def _url(raw: object) -> str:
    try:
        if not isinstance(raw, str):
            raise ValueError("it is no text")
        return str(Origin.parse(raw.strip()))
    except ValueError as error:
        raise ValueError(
            f"{shown(raw)} is wrong: {error}; allowed is an address such as"
            ' "https://api.example.com", or "http://127.0.0.1:8080" on this machine'
        ) from None


def _count(least: int, most: int = COUNT_MAX) -> Callable[[object], int]:
    def read(raw: object) -> int:
        if isinstance(raw, str) and raw.strip().isascii() and raw.strip().isdigit():
            raw = int(raw.strip()[:10])
        if isinstance(raw, bool) or not isinstance(raw, int) or not least <= raw <= most:
            raise ValueError(
                f"{shown(raw)} is wrong; allowed is a whole number from {least} to {most}"
            )
        return raw

    return read


def _variables_of(name: str) -> tuple[Variable[Any], ...]:
    facts = facts_of(name)
    key = f"a key of {facts.key_lines} line(s)" if facts.key_lines else "no key"
    address = Variable(
        name=f"{name}.url",
        default=f'"{facts.url}"',
        read=_url,
        show=text_literal,
        comment=f"{facts.title}: needs {key}. Where it is.",
    )
    delay = Variable(
        name=f"{name}.delay_s",
        default=str(facts.delay_s),
        read=_count(0, DELAY_MAX_S),
        show=str,
        comment="Seconds by which its prices are late, such as 900; they are flagged DELAYED.",
    )
    counts = (
        Variable(
            name=f"{name}.{limit}",
            default=str(getattr(facts.limits, limit)),
            read=_count(1 if limit == "symbols_per_call" else 0),
            show=str,
            comment=_WORDS[limit],
        )
        for limit in LIMITS
    )
    return (address, delay, *counts)


PROVIDER_VARIABLES: Final = {name: _variables_of(name) for name in PROVIDERS}
"""The variables of each provider: address, delay, then `LIMITS`."""


def settled(name: str, values: tuple[Any, ...]) -> ProviderSettings:
    """Return a provider's settings from the values of its variables.

    Raises `ValueError` for limits under which not even one symbol can be asked for.
    """
    url, delay_s, *counts = values
    limits = attrs.evolve(facts_of(name).limits, **dict(zip(LIMITS, counts, strict=True)))
    return ProviderSettings(name=name, url=url, delay_s=delay_s, limits=limits)
