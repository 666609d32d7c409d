"""``papertrader portfolio terms``: see and choose the terms by which a portfolio trades."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import wraps
from typing import Any, Final

import attrs
import click

from papertrader.cli.exclusions import EitherOption
from papertrader.cli.invocation import Invocation, json_option, pass_invocation
from papertrader.cli.output import amount, money, name, pairs, plain, write_json
from papertrader.cli.parameters import AMOUNT, SYMBOL, FunctionT, WideRange, portfolio_option
from papertrader.cli.problems import Problem
from papertrader.cli.visit import logged_in
from papertrader.client.results import decimal_of, units_of
from papertrader.core.terms import (
    AccountKind,
    FeeModelKind,
    FillModelKind,
    PortfolioTerms,
    TermsFlag,
)

_MONEY: Final = ("fee_rate", "fee_maker", "fee_minimum", "price_minimum")
_FLAGS: Final = {
    "regulatory_fees": TermsFlag.REGULATORY_FEES,
    "delayed_settlement": TermsFlag.DELAYED_SETTLEMENT,
    "no_shorting": TermsFlag.NO_SHORTING,
    "mark_to_market": TermsFlag.MARK_TO_MARKET,
}
_POINTS_OF: Final = {
    "slippage": "the price",
    "participation": "the volume",
    "impact": "the price",
    "leverage": "equity",
    "position_cap": "equity",
    "fee_maximum": "the notional",
}
"""What those are parts of that are told in basis points."""
_NO_LIMIT: Final = {
    "leverage": "by the margin rules",
    "position_cap": "none",
    "hold_seconds": "none",
    "fee_maximum": "none",
    "price_minimum": "none",
}
"""What 0 stands for."""


def _either(sides: str, meaning: str) -> Callable[[FunctionT], FunctionT]:
    return click.option(sides, default=None, cls=EitherOption, help=meaning)


def _names(kind: type[AccountKind | FillModelKind | FeeModelKind]) -> click.Choice[str]:
    return click.Choice([member.name.lower().replace("_", "-") for member in kind])


_POINTS: Final = click.IntRange(0, 10_000)
_OPTIONS: Final = (
    click.option("--kind", "account_kind", type=_names(AccountKind), help="Cash or margin."),
    click.option("--fill-model", type=_names(FillModelKind), help="What a quote gives an order."),
    click.option("--fees", "fee_model", type=_names(FeeModelKind), help="What a fill costs."),
    click.option("--fee-rate", type=AMOUNT, help="Per share, or the part of the notional (0.001)."),
    click.option("--fee-maker", type=AMOUNT, help="Likewise, for orders that rested in the book."),
    click.option("--fee-minimum", type=AMOUNT, help="Least fee of an order that fills."),
    click.option("--fee-maximum", type=_POINTS, help="Most, in basis points of the notional."),
    _either("--regulatory-fees/--no-regulatory-fees", "On sales."),
    _either("--delayed-settlement/--no-delayed-settlement", "T+1."),
    _either("--no-shorting/--shorting", "Whether it may sell short."),
    _either("--mark-to-market/--mark-at-close", "When margin is checked."),
    click.option("--slippage", type=_POINTS, help="Basis points, for the conservative fill model."),
    click.option("--participation", type=_POINTS, help="Basis points, for the volume fill models."),
    click.option("--impact", type=_POINTS, help="Basis points, for the volume-share fill model."),
    click.option("--leverage", type=click.IntRange(0, 40_000), help="Basis points of equity."),
    click.option("--position-cap", type=_POINTS, help="Basis points of equity in one asset."),
    click.option("--hold-seconds", type=WideRange(0, 2**32 - 1), help="Least time held."),
    click.option("--price-minimum", type=AMOUNT, help="Assets below it may not be opened."),
    click.option("--seed", type=WideRange(0, 2**63 - 1), help="For models that use chance."),
    click.option("--asset", "assets", type=SYMBOL, multiple=True, help="Only these; repeat it."),
)
"""One for each field of the terms, but for the flags, which have one each."""
_NAMES: Final = (
    *(field.name for field in attrs.fields(PortfolioTerms) if field.name != "flags"),
    *_FLAGS,
)


def _with_options(function: FunctionT) -> FunctionT:
    """Add every option of the terms to a command; what was not given is None or empty."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def terms_options(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of the terms, and the terms they make as ``terms``."""

    @wraps(function)
    def chosen(*arguments: Any, **options: Any) -> None:
        wishes = {key: options.pop(key) for key in _NAMES}
        wishes = {key: value for key, value in wishes.items() if value not in (None, ())}
        try:
            terms = changed(PortfolioTerms(), wishes)
        except ValueError as error:
            raise Problem.usage(str(error)) from None
        function(*arguments, terms=terms, **options)

    return _with_options(chosen)


@click.command()
@_with_options
@click.option("--default", "anew", is_flag=True, help="Begin from the default terms.")
@portfolio_option
@json_option
@pass_invocation
def terms(invocation: Invocation, /, portfolio: int | None, anew: bool, **chosen: Any) -> None:
    """Show the terms a portfolio trades by; with options, choose them.

    They can change while the portfolio has no positions and no open orders.
    """
    number = portfolio or 0
    wishes = {key: value for key, value in chosen.items() if value not in (None, ())}
    with logged_in(invocation) as client:
        found = client.portfolio_terms(number)
        if wishes or anew:
            base = PortfolioTerms() if anew else found
            try:
                found = client.portfolio_terms_set(changed(base, wishes), portfolio=number)
            except ValueError as error:
                raise Problem.usage(str(error)) from None
    if invocation.as_json:
        write_json(terms={key: plain(value) for key, value in shown(found).items()})
    else:
        click.echo(pairs([(key.replace("_", " "), in_words(found, key)) for key in shown(found)]))


def changed(terms: PortfolioTerms, wishes: dict[str, Any]) -> PortfolioTerms:
    """Return ``terms`` with what was wished for; raises `ValueError` if that contradicts itself."""
    changes: dict[str, Any] = {}
    flags = terms.flags
    for key, value in wishes.items():
        if key in _FLAGS:
            flags = flags | _FLAGS[key] if value else flags & ~_FLAGS[key]
        elif key in _MONEY:
            changes[key] = units_of(value, key)
        elif key in ("account_kind", "fill_model", "fee_model"):
            kind = type(getattr(terms, key))
            changes[key] = kind[value.upper().replace("-", "_")]
        else:
            changes[key] = value
    return attrs.evolve(terms, flags=int(flags), **changes)


def differing(terms: PortfolioTerms) -> str:
    """Return what differs from the default terms, in words."""
    default = shown(PortfolioTerms())
    found = [
        f"{key.replace('_', ' ')} {in_words(terms, key)}"
        for key, value in shown(terms).items()
        if value != default[key]
    ]
    return ", ".join(found) or "the default ones"


def in_words(terms: PortfolioTerms, key: str) -> str:
    """Return one of the terms with its unit; what limits nothing says so."""
    value = shown(terms)[key]
    if isinstance(value, bool):
        return "yes" if value else "no"
    if key in _NO_LIMIT and not value:
        return _NO_LIMIT[key]
    if key in _POINTS_OF:
        return f"{amount(Decimal(value) / 100)} % of {_POINTS_OF[key]}"
    if key == "hold_seconds":
        return f"{value} s of market time"
    return money(value) if isinstance(value, Decimal) else str(value)


def shown(terms: PortfolioTerms) -> dict[str, str | int | bool | Decimal]:
    """Return the terms as names and values for people."""
    rows: dict[str, str | int | bool | Decimal] = {}
    for field in attrs.fields(PortfolioTerms):
        value = getattr(terms, field.name)
        if field.name == "flags":
            rows |= {key: bool(value & flag) for key, flag in _FLAGS.items()}
        elif field.name == "assets":
            rows["assets"] = " ".join(value) or "all"
        elif field.name in _MONEY:
            rows[field.name] = decimal_of(value)
        else:
            rows[field.name] = name(value) if hasattr(value, "name") else value
    return rows
