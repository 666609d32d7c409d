"""``papertrader contest`` with its subcommands."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs
import click

from papertrader.cli.grouping import Group
from papertrader.cli.invocation import Invocation, json_option, pass_invocation
from papertrader.cli.newfile import write_new
from papertrader.cli.output import counted, moment, money, name, pairs, percent, table, write_json
from papertrader.cli.parameters import AMOUNT, CONTEST_NAME, MOMENT
from papertrader.cli.problems import EXIT_REFUSED, Problem
from papertrader.cli.terms import differing, terms_options
from papertrader.cli.visit import logged_in
from papertrader.client.results import decimal_of
from papertrader.core.contestfile import FILE_MAX, FileError, verify
from papertrader.core.money import NULL
from papertrader.core.terms import PortfolioTerms
from papertrader.wire.kinds import Scope

if TYPE_CHECKING:
    from papertrader.client.contest_commands import ContestInfo

PROBLEMS_SHOWN: Final = 20
_NUMBER = click.argument("number", type=click.IntRange(1), metavar="CONTEST")


@click.group(cls=Group)
def contest() -> None:
    """Trade against others: same cash, same terms, from one market time to another."""


@contest.command()
@click.argument("title", type=CONTEST_NAME, metavar="NAME")
@click.option("--ends", type=MOMENT, required=True, help="Market time of the end (UTC).")
@click.option("--opens", type=MOMENT, help="Market time of the beginning; now otherwise.")
@click.option(
    "--join-until",
    type=MOMENT,
    help="Entries until then; otherwise until it opens, and if it opens now until it ends.",
)
@click.option("--cash", type=AMOUNT, metavar="AMOUNT", help="That each entry begins with.")
@terms_options
@json_option
@pass_invocation
def create(
    invocation: Invocation,
    /,
    title: str,
    ends: datetime,
    opens: datetime | None,
    join_until: datetime | None,
    cash: Decimal | None,
    terms: PortfolioTerms,
) -> None:
    """Open a contest called NAME; for hosts and operators."""
    with logged_in(invocation, scope=Scope.HOST) as client:
        try:
            made = client.contest_create(
                title, ends=ends, opens=opens, joins_until=join_until, cash=cash, terms=terms
            )
        except ValueError as error:
            raise Problem.usage(str(error)) from None
    _show(invocation, made)
    if not invocation.as_json:
        click.echo(
            f"Others enter it with: {invocation.command_line()} contest join {made.contest}",
            err=True,
        )


@contest.command("list")
@json_option
@pass_invocation
def list_contests(invocation: Invocation) -> None:
    """List the contests, oldest first."""
    with logged_in(invocation) as client:
        found = client.contests()
    if invocation.as_json:
        write_json(contests=list(found))
        return
    if not found:
        click.echo("There are no contests yet. A host opens one: see contest create --help")
        return
    rows = [
        (
            str(each.contest), each.name, each.host, name(each.state), moment(each.opens_at),
            moment(each.ends_at), moment(each.joins_until), str(each.entries),
            str(each.portfolio) if each.portfolio else "-",
        )
        for each in found
    ]  # fmt: skip
    headings = (
        ">contest", "name", "host", "state", "opens (market)", "ends (market)", "join until",
        ">entries", ">your portfolio",
    )  # fmt: skip
    click.echo(table(headings, rows))


@contest.command()
@_NUMBER
@json_option
@pass_invocation
def show(invocation: Invocation, number: int) -> None:
    """Show a contest and its terms."""
    with logged_in(invocation) as client:
        _show(invocation, client.contest(number))


@contest.command()
@_NUMBER
@json_option
@pass_invocation
def join(invocation: Invocation, number: int) -> None:
    """Enter a contest: a portfolio is opened for it."""
    with logged_in(invocation) as client:
        found = client.contest_join(number)
    if invocation.as_json:
        write_json(contest=found)
        return
    click.echo(
        f"You have entered {found.name} with portfolio {found.portfolio}:"
        f" {money(found.cash)} {found.currency}."
    )
    click.echo(
        f"next: {invocation.command_line()} portfolio --portfolio {found.portfolio}", err=True
    )


@contest.command()
@_NUMBER
@click.option("--by-risk", is_flag=True, help="By the risk-adjusted return after all costs.")
@json_option
@pass_invocation
def standings(invocation: Invocation, number: int, by_risk: bool) -> None:
    """Show who leads, or once it has ended who won."""
    with logged_in(invocation) as client:
        found = client.contest_standings(number, by_risk=by_risk)
    if invocation.as_json:
        write_json(standings=found)
        return
    rows = [
        (
            str(each.rank), each.username, money(each.equity), percent(each.gain),
            "-" if each.risk_adjusted is None else f"{each.risk_adjusted:,.2f}",
        )[: 5 if by_risk else 4]
        for each in found.rows
    ]  # fmt: skip
    # It is worked out from the whole curve, and only when it is asked for.
    headings = (">", "trader", ">equity", ">return", ">risk-adjusted")[: 5 if by_risk else 4]
    click.echo(table(headings, rows) if rows else "Nobody has entered yet.")
    when = found.ended_at or found.as_of
    click.echo(f"\n{'final, ended' if found.ended_at else 'provisional, at'} {moment(when)} UTC")


@contest.command()
@_NUMBER
@click.argument("target", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE")
@json_option
@pass_invocation
def export(invocation: Invocation, number: int, target: Path) -> None:
    """Write the FILE of a contest that has ended, which anyone can verify.

    A file that is there is not overwritten.
    """
    with logged_in(invocation) as client:
        octets = client.contest_file(number)
    write_new(target, octets)
    if invocation.as_json:
        write_json(file=str(target), octets=len(octets))
        return
    click.echo(f"{target}: {len(octets):,} octets")
    click.echo(f"next: {invocation.command_line()} contest verify {target}", err=True)


@contest.command("verify")
@click.argument("source", type=click.Path(exists=True, path_type=Path), metavar="FILE")
@json_option
@pass_invocation
def verify_file(invocation: Invocation, source: Path) -> None:
    """Count the FILE of a contest again: no server is asked.

    Exit code 0: everything follows from everything else; 1: it does not, and it lists where.
    """
    try:
        if source.stat().st_size > FILE_MAX:
            raise FileError(f"the file has more than {FILE_MAX} octets")
        report = verify(source.read_bytes())
    except (OSError, FileError) as error:
        raise Problem("FILE", f"{source}: {error}", "fetch it again", EXIT_REFUSED) from None
    usernames = {each.entry.portfolio: each.username for each in report.accounts}
    if invocation.as_json:
        write_json(
            contest=report.contest.rules.name,
            problems=list(report.problems),
            standings=[attrs.asdict(each) for each in report.standings],
        )
    else:
        rows = [
            (
                str(each.rank), usernames[each.portfolio], money(decimal_of(each.equity)),
                percent(decimal_of(each.gain)),
                "-" if each.risk_adjusted == NULL else f"{decimal_of(each.risk_adjusted):,.2f}",
            )
            for each in report.standings
        ]  # fmt: skip
        click.echo(table((">", "trader", ">equity", ">return", ">risk-adjusted"), rows))
        for problem in report.problems[:PROBLEMS_SHOWN]:
            click.echo(f"wrong: {problem}")
        trades = sum(len(each.transactions) for each in report.accounts)
        click.echo(
            f"\n{report.contest.rules.name}: {counted(len(report.accounts), 'entry', 'entries')},"
            f" {counted(trades, 'transaction')} counted again:"
            f" {'NOT as the file says' if report.problems else 'all agree'}"
        )
    if report.problems:
        click.get_current_context().exit(EXIT_REFUSED)


def _show(invocation: Invocation, found: ContestInfo) -> None:
    if invocation.as_json:
        write_json(contest=found)
        return
    lines = [
        ("contest", f"{found.contest} ({found.name}), by {found.host}"),
        ("state", name(found.state)),
        ("cash", f"{money(found.cash)} {found.currency}"),
        ("opens (market)", moment(found.opens_at)),
        ("ends (market)", moment(found.ends_at)),
        ("join until", moment(found.joins_until)),
        ("entries", str(found.entries)),
        ("your portfolio", str(found.portfolio) if found.portfolio else "-"),
    ]
    if found.terms is not None:
        lines.append(("terms", differing(found.terms)))
    click.echo(pairs(lines))
