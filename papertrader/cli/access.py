"""``papertrader totp`` and ``reset``: the second factor, and a forgotten password."""

from __future__ import annotations

import click

from papertrader.cli.grouping import Group
from papertrader.cli.invocation import Invocation, json_option, pass_invocation
from papertrader.cli.output import moment, write_json
from papertrader.cli.place import find_place, load_login
from papertrader.cli.visit import ask_new_password, ask_password, ask_secret, connect, logged_in

_CODE = "Code of your authenticator (or a recovery code)"


@click.group(cls=Group)
def totp() -> None:
    """Set up a second factor for your logins, or end it."""


@totp.command()
@json_option
@pass_invocation
def setup(invocation: Invocation) -> None:
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
        codes = client.totp_enable(ask_secret("Its first code"))
    _show_codes(invocation, codes)


@totp.command()
@json_option
@pass_invocation
def off(invocation: Invocation) -> None:
    """End it: from then on the password alone logs in."""
    with logged_in(invocation) as client:
        client.totp_disable(ask_secret(_CODE))
    if invocation.as_json:
        write_json(second_factor=False)
    else:
        click.echo("The second factor is off.")


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
