"""Kinds of command-line argument: symbols, amounts, dates, user names."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from papertrader.cli.invocation import Invocation
from papertrader.client.commands import tag_of
from papertrader.client.moments import instant_of
from papertrader.client.results import decimal_of, units_of
from papertrader.core.identifiers import ID_MAX, check_name, check_symbol

if TYPE_CHECKING:
    Kind = click.ParamType[Any]
else:
    # Older releases of click have no type argument here.
    Kind = click.ParamType


FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])

DAY = timedelta(days=1)


class SymbolType(Kind):
    """A symbol; small letters are taken for capitals."""

    name = "symbol"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the symbol in capitals."""
        try:
            return check_symbol(str(value).upper())
        except ValueError as error:
            self.fail(str(error), param, ctx)


_GROUPED: Final = re.compile(r"\s*[+-]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]*)?\s*")


def ungrouped(text: str) -> str:
    """Leave out commas that group thousands; any other stays, and makes the text no number.

    A comma where others write a point must not make 15 of 1,5.
    """
    return text.replace(",", "") if _GROUPED.fullmatch(text) else text


class AmountType(Kind):
    """A quantity or price: decimal digits, at most 8 after the point; commas group thousands."""

    name = "number"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Decimal:
        """Return the exact value."""
        label = param.human_readable_name.lower() if param is not None else "the number"
        try:
            return decimal_of(units_of(ungrouped(str(value)), label))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class DateType(Kind):
    """A day, as 2010-01-31."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """Return the day, if the next one can be told to a server, too."""
        try:
            found = value if isinstance(value, date) else date.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is not a date; write it as 2010-01-31", param, ctx)
        try:
            instant_of(found, "the day")
            # An end is the day after the last one.
            instant_of(min(found, date.max - DAY) + DAY, "the day")
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return found


class PortfolioNameType(Kind):
    """The name of a portfolio, or of what else ``what`` says."""

    name = "name"

    def __init__(self, what: str = "portfolio") -> None:
        self.what = what

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name as it is."""
        try:
            return check_name(str(value), self.what)
        except ValueError as error:
            self.fail(str(error), param, ctx)


PORTFOLIO_NAME = PortfolioNameType()
CONTEST_NAME = PortfolioNameType("contest")
WATCHLIST_NAME = PortfolioNameType("watchlist")


class UsernameType(Kind):
    """A user name: letters, digits and ``_ . -``."""

    name = "name"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name if it can be one."""
        text = str(value)
        if re.fullmatch(r"[A-Za-z0-9_.-]{1,24}", text) is None:
            self.fail(f"{text!r} is not a user name", param, ctx)
        return text


class MomentType(Kind):
    """A time: 2010-01-31 (its midnight UTC) or 2010-01-31T15:30, UTC where no zone is named."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Return the time with its zone."""
        try:
            found = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(
                f"{value!r} is not a time; write it as 2010-01-31 or 2010-01-31T15:30 (UTC)",
                param,
                ctx,
            )
        found = found if found.tzinfo is not None else found.replace(tzinfo=UTC)
        try:
            instant_of(found, "the time")
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return found


class WideRange(click.IntRange):
    """Whole numbers from ``lowest`` on; where they end is what fits into a frame, and not shown."""

    def __init__(self, lowest: int, highest: int) -> None:
        super().__init__(lowest, highest)
        self.highest = highest

    def _describe_range(self) -> str:
        return f"x>={self.min}"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number."""
        if str(value).isdecimal() and int(value) > self.highest:
            self.fail(f"{value} is too large", param, ctx)
        return int(super().convert(value, param, ctx))


IDENTIFIER = WideRange(1, ID_MAX)
"""A number that the server gave to an order, a portfolio, a session, a key."""
MOMENT = MomentType()
SYMBOL = SymbolType()
USERNAME = UsernameType()
AMOUNT = AmountType()
DATE = DateType()


def portfolio_option(function: FunctionT) -> FunctionT:
    """Let ``--portfolio N`` name another portfolio than the default one."""
    option = click.option(
        "--portfolio",
        type=IDENTIFIER,
        default=None,
        metavar="N",
        callback=_note_portfolio,
        help="Another portfolio than your first; see: papertrader portfolios.",
    )
    return option(function)


def _note_portfolio(ctx: click.Context, _parameter: click.Parameter, value: Any) -> Any:
    if value is not None:
        ctx.ensure_object(Invocation).portfolio = value
    return value


class TagType(Kind):
    """What is written on an order: one line."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text as it is."""
        try:
            return tag_of(str(value)) or self.fail("a tag has a letter at least", param, ctx)
        except ValueError as error:
            self.fail(str(error), param, ctx)


TAG = TagType()


class OrderCommand(click.Command):
    """A command whose arguments may be negative numbers, to be refused with a reason.

    So click is told to take what it does not know for an argument; what looks like an option and
    is none is found here, and named.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments; raises `click.NoSuchOption`."""
        known = {
            name: isinstance(each, click.Option) and not each.is_flag
            for each in self.get_params(ctx)
            for name in (*each.opts, *each.secondary_opts)
            if name.startswith("-")
        }
        left = iter(args)
        for given in left:
            if given == "--":
                break
            name, has_value, _ = given.partition("=")
            if name in known:
                if known[name] and not has_value:
                    next(left, None)
            elif _OPTION.match(given):
                near = get_close_matches(name, known)
                raise click.NoSuchOption(name, possibilities=near, ctx=ctx)
        return super().parse_args(ctx, args)


_OPTION = re.compile(r"--?[A-Za-z]")
"""What is meant as an option; a number may begin with a minus."""


def of_option(function: FunctionT) -> FunctionT:
    """Let ``--of NAME`` name another user, whose data is shown as far as their privacy allows."""
    option = click.option(
        "--of",
        "username",
        type=USERNAME,
        metavar="NAME",
        callback=_note_of_others,
        help="Another user's, as far as it is shown to others.",
    )
    return option(function)


def _note_of_others(ctx: click.Context, _parameter: click.Parameter, value: Any) -> Any:
    ctx.ensure_object(Invocation).of_others = value is not None
    return value
