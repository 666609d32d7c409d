"""Kinds of command-line argument: symbols, amounts, dates, user names."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from papertrader.client.results import decimal_of, units_of
from papertrader.core.identifiers import check_symbol

if TYPE_CHECKING:
    Kind = click.ParamType[Any]
else:
    # Older releases of click have no type argument here.
    Kind = click.ParamType


class SymbolType(Kind):
    """A symbol; small letters are taken for capitals."""

    name = "symbol"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the symbol in capitals."""
        try:
            return check_symbol(str(value).upper())
        except ValueError as error:
            self.fail(str(error), param, ctx)


class AmountType(Kind):
    """A quantity or price: decimal digits, at most 8 after the point; commas group thousands."""

    name = "number"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Decimal:
        """Return the exact value."""
        label = param.human_readable_name.lower() if param is not None else "the number"
        try:
            return decimal_of(units_of(str(value).replace(",", ""), label))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class DateType(Kind):
    """A day, as 2010-01-31."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """Return the day."""
        try:
            return value if isinstance(value, date) else date.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is not a date; write it as 2010-01-31", param, ctx)


SYMBOL = SymbolType()
AMOUNT = AmountType()
DATE = DateType()
