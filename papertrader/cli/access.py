"""``papertrader totp`` and ``reset``: the second factor, and a forgotten password."""

from __future__ import annotations

import sys
from typing import Final

import click

from papertrader.cli.exclusions import EitherOption
from papertrader.cli.grouping import Group
from papertrader.cli.invocation import Invocation, json_option, pass_invocation
from papertrader.cli.output import moment, write_json
from papertrader.cli.place import find_place, load_login
from papertrader.cli.problems import Problem
from papertrader.cli.visit import (
    ask_new_password,
    ask_password,
    ask_secret,
    connect,
    end_others,
    logged_in,
)
from papertrader.client import errors
from papertrader.client.blocking import Client

_TRIES: Final = 3
"""Codes that may be typed before the setting up is given up."""
_CODE = "Code of your authenticator (or a recovery code)"


@click.group(cls=Group)
def totp() -> None:
    """Set up a second factor for your logins, or end it."""


def _enable(client: Client) -> tuple[str, ...]:
    """Ask for the first code; a mistyped one is asked for again, and the seed stays what it is."""
    wrong: Exception | None = None
    tries = 0
    while True:
        try:
            code = ask_secret("First code")
        except Problem as nothing:
            raise wrong or nothing from None
        try:
            return client.totp_enable(code)
        except errors.AuthenticationFailed as error:
            wrong, tries = error, tries + 1
            if tries == _TRIES:
                raise
            click.echo(f"{error.text} Type the newest one.", err=True)


_others = click.option(
    "--end-others/--keep-others",
    "others",
    cls=EitherOption,
    default=None,
    help="End your other sessions as well, or not; without this you are asked at a terminal.",
)


@totp.command()
@_others
@json_option
@pass_invocation
def setup(invocation: Invocation, others: bool | None) -> None:
    """Set it up: shows a seed for your authenticator, asks for its first code, and turns it on.

    The recovery codes that it prints are shown only then: keep them on paper.
    """
    user = load_login(find_place(invocation)).user if invocation.user is None else invocation.user
    password = ask_password(invocation)
    with logged_in(invocation) as client:
        made = client.totp_setup(password)
        click.echo(f"Seed: {made.seed}", err=True)
        click.echo(f"URI:  {made.uri(user)}", err=True)
        click.echo(
            f"Give one of the two to an authenticator program, by {moment(made.expires_at)} UTC.",
            err=True,
        )
        codes = _enable(client)
        # First: these are shown only once, whatever becomes of the rest.
        if not invocation.as_json:
            _show_codes(invocation, codes)
        ended = _end_others(invocation, client, others)
    if invocation.as_json:
        write_json(second_factor=True, recovery_codes=list(codes), ended=ended)


@totp.command()
@_others
@json_option
@pass_invocation
def off(invocation: Invocation, others: bool | None) -> None:
    """End it: from then on the password alone logs in."""
    with logged_in(invocation) as client:
        client.totp_disable(ask_secret(_CODE))
        if not invocation.as_json:
            click.echo("The second factor is off.")
        ended = _end_others(invocation, client, others)
    if invocation.as_json:
        write_json(second_factor=False, ended=ended)


def _end_others(invocation: Invocation, client: Client, others: bool | None) -> int:
    """End the other sessions if that is wished; return how many ended."""
    if others is None and sys.stdin.isatty() and not invocation.as_json:
        others = click.confirm("End your other sessions as well?", default=False, err=True)
    if others is None:
        if not invocation.as_json:
            hint = f"{invocation.command_line()} sessions --revoke-others"
            click.echo(f"Your other sessions go on; to end them: {hint}", err=True)
        return 0
    ended = end_others(client, set()) if others else 0
    if others and not invocation.as_json:
        click.echo(f"Other sessions ended: {ended}.", err=True)
    return ended


@totp.command()
@json_option
@pass_invocation
def codes(invocation: Invocation) -> None:
    """Make new recovery codes; the old ones are void."""
    with logged_in(invocation) as client:
        made = client.recovery_renew(ask_secret(_CODE))
    _show_codes(invocation, made)


def _show_codes(invocation: Invocation, made: tuple[str, ...]) -> None:
    if invocation.as_json:
        write_json(second_factor=True, recovery_codes=list(made))
        return
    if not made:
        click.echo(
            "The second factor is on, but the server cannot show its recovery codes any more;"
            f" make others with: {invocation.command_line()} totp codes"
        )
        return
    for code in made:
        click.echo(code)
    click.echo(
        "The second factor is on. These recovery codes are good once each, in the place of a code;"
        " they are not shown again.",
        err=True,
    )


@click.command()
@click.argument("username", metavar="NAME")
@json_option
@pass_invocation
def reset(invocation: Invocation, username: str) -> None:
    """Set a new password with a token that an operator gave you. Ends every session of NAME."""
    place = find_place(invocation)
    token = ask_secret("Token")
    new = ask_new_password()
    with connect(invocation, place) as client:
        ended = client.password_reset(username, token, new)
    if invocation.as_json:
        write_json(ended=ended)
    else:
        click.echo(f"{username} has a new password. Sessions ended: {ended}.")
        click.echo(f"next: {invocation.command_line()} login {username}", err=True)
