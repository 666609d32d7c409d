"""The terms of a portfolio as fields of messages, and back."""

from __future__ import annotations

from typing import Any, Final, TypeAlias, TypeVar

import attrs

from papertrader.core.terms import DEFAULT_TERMS, PortfolioTerms
from papertrader.wire import codec
from papertrader.wire import messages as m
from papertrader.wire.derived import Message

_TERMS: Final = tuple(
    field.name for field in attrs.fields(PortfolioTerms) if field.name != "assets"
)
ShapeT = TypeVar("ShapeT", bound=Message)
Shown: TypeAlias = (
    m.PortfolioTermsSet | m.PortfolioTermsReply | m.StoreTerms | m.ContestCreate | m.StoreContest
)


def terms_block(shape: type[ShapeT], terms: PortfolioTerms, **head: Any) -> ShapeT:
    """Return the message ``shape`` that shows ``terms``; ``head`` are its other fields."""
    fields: dict[str, Any] = {name: getattr(terms, name) for name in _TERMS}
    fields["symbols"] = tuple(m.SymbolRow(symbol) for symbol in terms.assets)
    return shape(**head, **fields)


def terms_of(message: Shown) -> PortfolioTerms:
    """Return the terms that a message shows; raises `ValueError` if they contradict themselves."""
    fields = {name: getattr(message, name) for name in _TERMS}
    return PortfolioTerms(**fields, assets=tuple(row.symbol for row in message.symbols))


def terms_kept(record: bytes) -> PortfolioTerms:
    """Return the terms of a record, the default ones for none.

    Raises `TypeError` and `ValueError` for anything else.
    """
    if not record:
        return DEFAULT_TERMS
    _, message = codec.decode(record)
    if not isinstance(message, m.StoreTerms):
        raise TypeError("the terms of a portfolio are another record")
    return terms_of(message)
