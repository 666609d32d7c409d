"""``papertrader portfolio`` with its subcommands, and ``papertrader portfolios``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import click

from papertrader.cli.grouping import Group
from papertrader.cli.holdings import show_portfolio
from papertrader.cli.invocation import Invocation, json_option, pass_invocation
from papertrader.cli.output import moment, money, table, write_json
from papertrader.cli.parameters import AMOUNT, MOMENT, PORTFOLIO_NAME, of_option, portfolio_option
from papertrader.cli.problems import Problem
from papertrader.cli.terms import terms
from papertrader.cli.visit import logged_in
from papertrader.wire.kinds import Scope

if TYPE_CHECKING:
    from papertrader.client.blocking import Client
    from papertrader.client.trading_commands import PortfolioInfo

_CASH = click.option(
    "--cash", type=AMOUNT, metavar="AMOUNT", help="To begin with; the server's default otherwise."
)


@click.group(cls=Group, invoke_without_command=True)
@portfolio_option
@of_option
@click.option("--lots", is_flag=True, help="Cost and profit by average and first in first out.")
@json_option
@pass_invocation
@click.pass_context
def portfolio(
    ctx: click.Context,
    invocation: Invocation,
    portfolio: int | None,
    username: str | None,
    lots: bool,
) -> None:
    """Show cash, positions and what they are worth; or change a portfolio."""
    if ctx.invoked_subcommand is None:
        show_portfolio(invocation, portfolio or 0, username or "", lots=lots)
    elif portfolio is not None or username is not None:
        raise Problem.usage("--portfolio stands after the subcommand, and --of alone")


@click.command()
@json_option
@pass_invocation
def portfolios(invocation: Invocation) -> None:
    """List your portfolios, the default one first."""
    with logged_in(invocation) as client:
        found = client.portfolios()
    if invocation.as_json:
        write_json(portfolios=found)
        return
    rows = [
        (
            str(each.portfolio), each.name or "-", str(each.season), moment(each.season_at),
            money(each.cash), money(each.reserved_cash), money(each.equity),
            money(each.realized_pnl), str(each.open_orders), str(each.positions), each.currency,
        )
        for each in found
    ]  # fmt: skip
    headings = (
        ">portfolio", "name", ">season", "since (UTC)", ">cash", ">reserved", ">equity",
        ">realized", ">orders", ">positions", "currency",
    )  # fmt: skip
    click.echo(table(headings, rows))


@portfolio.command()
@click.argument("name", type=PORTFOLIO_NAME)
@_CASH
@json_option
@pass_invocation
def create(invocation: Invocation, name: str, cash: Decimal | None) -> None:
    """Open a further portfolio called NAME."""
    _change(invocation, lambda client: client.portfolio_create(name, cash=cash), "is open")


@portfolio.command()
@click.argument("name", type=PORTFOLIO_NAME)
@portfolio_option
@json_option
@pass_invocation
def rename(invocation: Invocation, name: str, portfolio: int | None) -> None:
    """Call a portfolio NAME."""
    number = portfolio or 0
    _change(invocation, lambda client: client.portfolio_rename(number, name), "has its new name")


@portfolio.command()
@_CASH
@click.option("--yes", is_flag=True, help="Do not ask.")
@portfolio_option
@json_option
@pass_invocation
def reset(invocation: Invocation, cash: Decimal | None, yes: bool, portfolio: int | None) -> None:
    """Cancel the open orders, close the positions at the last price, begin a new season.

    The history of transactions and orders stays.
    """
    if not yes:
        which = f"portfolio {portfolio}" if portfolio is not None else "your first portfolio"
        click.confirm(f"Close everything in {which} and begin anew?", abort=True, err=True)
    number = portfolio or 0
    _change(
        invocation, lambda client: client.portfolio_reset(number, cash=cash), "begins a new season"
    )


@portfolio.command()
@click.argument("amount", type=AMOUNT)
@portfolio_option
@json_option
@pass_invocation
def deposit(invocation: Invocation, amount: Decimal, portfolio: int | None) -> None:
    """Pay AMOUNT in."""
    number = portfolio or 0
    _change(
        invocation, lambda client: client.portfolio_deposit(amount, portfolio=number), "has more"
    )


@portfolio.command()
@click.argument("amount", type=AMOUNT)
@portfolio_option
@json_option
@pass_invocation
def withdraw(invocation: Invocation, amount: Decimal, portfolio: int | None) -> None:
    """Take AMOUNT out, of what no order has reserved."""
    number = portfolio or 0
    _change(
        invocation, lambda client: client.portfolio_withdraw(amount, portfolio=number), "has less"
    )


@portfolio.command()
@click.argument("name", type=PORTFOLIO_NAME)
@click.option("--at", type=MOMENT, help="Market time (UTC) of the moment; now otherwise.")
@portfolio_option
@json_option
@pass_invocation
def fork(invocation: Invocation, name: str, at: datetime | None, portfolio: int | None) -> None:
    """Open a portfolio called NAME as another one is, or was: the same cash and positions."""
    number = portfolio or 0
    _change(
        invocation,
        lambda client: client.portfolio_fork(name, portfolio=number, at=at),
        "is open",
    )


@portfolio.command()
@portfolio_option
@json_option
@pass_invocation
def freeze(invocation: Invocation, portfolio: int | None) -> None:
    """Cancel the open orders and let a portfolio trade no more."""
    number = portfolio or 0
    _change(invocation, lambda client: client.portfolio_freeze(number), "is frozen")


@portfolio.command()
@portfolio_option
@json_option
@pass_invocation
def thaw(invocation: Invocation, portfolio: int | None) -> None:
    """Let a frozen portfolio trade again."""
    number = portfolio or 0
    _change(
        invocation, lambda client: client.portfolio_freeze(number, frozen=False), "trades again"
    )


@portfolio.command()
@click.argument("number", type=click.IntRange(1), metavar="PORTFOLIO")
@click.argument("amount", type=AMOUNT)
@click.option("--reason", required=True, help="Why; the owner and the audit log see it.")
@json_option
@pass_invocation
def correct(invocation: Invocation, number: int, amount: Decimal, reason: str) -> None:
    """Post a correction of AMOUNT to any PORTFOLIO; for operators.

    It is an entry of its own, never an edit; with a minus sign (after --) it takes out.
    """
    invocation.of_others = True
    _change(
        invocation,
        lambda client: client.portfolio_correct(number, amount, reason),
        "is corrected",
        scope=Scope.ADMIN,
    )


def _change(
    invocation: Invocation,
    change: Callable[[Client], PortfolioInfo],
    done: str,
    scope: Scope = Scope.TRADE,
) -> None:
    """Do something to a portfolio, and say how it stands."""
    with logged_in(invocation, scope=scope) as client:
        try:
            found = change(client)
        except ValueError as error:
            raise Problem.usage(str(error)) from None
    if invocation.as_json:
        write_json(portfolio=found)
        return
    name = f" ({found.name})" if found.name else ""
    click.echo(
        f"Portfolio {found.portfolio}{name} {done}: {money(found.cash)} {found.currency} in cash,"
        f" season {found.season}"
    )


portfolio.add_command(terms)
