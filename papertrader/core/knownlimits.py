"""The limits of known providers, read from a table that comes with the package."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any, Final

import attrs

from papertrader.core.callbudget import ProviderLimits

LIMITS_FILE: Final = "provider_limits.toml"
"""Its name within ``papertrader.data``."""
PROVIDERS_MAX: Final = 256
"""Providers in one table; a longer one is refused."""

_HOURS: Final = {"session": False, "always": True}


@attrs.frozen(kw_only=True)
class KnownLimits:
    """What a provider is called and allows; ``always``: its market never closes."""

    name: str
    title: str
    always: bool
    limits: ProviderLimits


def read_limits(text: str) -> Mapping[str, KnownLimits]:
    """Read a table of limits (TOML: one section for each provider), by name.

    Raises `ValueError` that names the provider and what is wrong.
    """
    tables = tomllib.loads(text)
    if len(tables) > PROVIDERS_MAX:
        raise ValueError(f"{len(tables)} providers are too many: at most {PROVIDERS_MAX}")
    return {name: _read(name, table) for name, table in tables.items()}


def _read(name: str, table: Any) -> KnownLimits:
    if not isinstance(table, dict):
        raise ValueError(f"{name}: write a section [{name}] with the limits in it")
    values = dict(table)
    try:
        title, hours = str(values.pop("title")), _HOURS[values.pop("hours")]
        return KnownLimits(name=name, title=title, always=hours, limits=ProviderLimits(**values))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"the limits of {name} cannot be read: {error}") from error
