"""``papertrader register``, ``login``, ``logout``, ``account own``."""

from __future__ import annotations

import contextlib
from typing import Final

import click

from papertrader.cli.exclusions import EitherOption
from papertrader.cli.invocation import Invocation, json_option, pass_invocation
from papertrader.cli.output import counted, moment, money, name, pairs, plain, write_json
from papertrader.cli.place import (
    Place,
    StoredLogin,
    find_place,
    forget_login,
    load_login,
    save_login,
)
from papertrader.cli.problems import Problem
from papertrader.cli.visit import ask_password, ask_secret, code_if_needed, connect, proven
from papertrader.client import errors
from papertrader.client.blocking import Client
from papertrader.client.results import Account
from papertrader.wire.kinds import Privacy, Scope

SHOW_ALL: Final = Privacy.PORTFOLIO_PUBLIC | Privacy.HISTORY_PUBLIC | Privacy.LISTED


@click.command()
@click.argument("username", metavar="NAME")
@click.option("--email", help="An e-mail address, if you wish to give one.")
@click.option("--invite", is_flag=True, help="You have an invitation: its code is asked for.")
@json_option
@pass_invocation
def register(invocation: Invocation, username: str, email: str | None, invite: bool) -> None:
    """Open an account. The password is asked for twice, or read with --password-file."""
    place = find_place(invocation)
    invitation = ask_secret("Invitation") if invite else None
    password = ask_password(invocation, twice=True)
    with connect(invocation, place) as client:
        try:
            made = client.register(username, password, email=email, invitation=invitation)
        except ValueError as error:
            raise Problem.usage(str(error)) from None
    if invocation.as_json:
        write_json(registration=made)
        return
    click.echo(f"Account {username} is open, with {money(made.starting_cash)} to trade with.")
    click.echo(f"next: {invocation.command_line()} login {username}", err=True)


@click.command()
@click.argument("username", metavar="[NAME]", required=False)
@click.option("--admin", is_flag=True, help="With the rights of an operator, if you are one.")
@click.option("--host", is_flag=True, help="With the rights of a host, if you are one.")
@click.option("--read-only", is_flag=True, help="To look, and to change nothing.")
@json_option
@pass_invocation
def login(
    invocation: Invocation, username: str | None, admin: bool, host: bool, read_only: bool
) -> None:
    """Log in; later commands use this login. The password is asked for without echo."""
    chosen = [
        scope
        for scope, given in ((Scope.ADMIN, admin), (Scope.HOST, host), (Scope.READ, read_only))
        if given
    ]
    if len(chosen) > 1:
        raise Problem.usage("--admin, --host and --read-only exclude one another")
    place = find_place(invocation)
    username = username or invocation.user
    if username is None:
        username = click.prompt("User name", err=True)
    password = ask_password(invocation)
    with connect(invocation, place) as client:
        try:
            made = code_if_needed(
                lambda code: client.login(
                    username,
                    password,
                    remember=True,
                    scope=chosen[0] if chosen else Scope.TRADE,
                    device="command line",
                    code=code,
                )
            )
        except ValueError as error:
            raise Problem.usage(str(error)) from None
        expires_at = str(plain(made.expires_at) or "")
        stored = StoredLogin(user=username, token=made.token, expires_at=expires_at)
        try:
            replaced = _stored(place)
            save_login(place, stored)
        except Problem:
            # A session that nobody can use must not stay behind.
            client.logout()
            raise
    if replaced is not None:
        _end(invocation, place, replaced)
    if invocation.as_json:
        write_json(login=made, user=username)
        return
    confined = made.scope == Scope.SETUP
    only = ", but only to set up a second factor: this server demands one" if confined else ""
    until = f"{moment(made.expires_at, seconds=False)} UTC"
    click.echo(f"Logged in as {username} until {until}{only}.")
    if made.failed_tries:
        failed = counted(made.failed_tries, "failed login")
        click.echo(f"warning: {failed} since the last good one", err=True)
    following = "totp setup" if confined else "assets"
    click.echo(f"next: {invocation.command_line()} {following}", err=True)


def _stored(place: Place) -> StoredLogin | None:
    with contextlib.suppress(Problem):
        return load_login(place)
    return None


def _end(invocation: Invocation, place: Place, stored: StoredLogin) -> None:
    """End the login that a new one has replaced, if that is still possible."""
    with contextlib.suppress(errors.PaperTraderError), connect(invocation, place) as client:
        client.resume(stored.token)
        client.logout()


@click.command()
@click.option("--everywhere", is_flag=True, help="End every session of the account.")
@json_option
@pass_invocation
def logout(invocation: Invocation, everywhere: bool) -> None:
    """End the stored login and forget it."""
    place = find_place(invocation)
    stored = load_login(place)
    ended = 0
    with connect(invocation, place) as client:
        try:
            client.resume(stored.token)
            ended = client.logout(everywhere=everywhere)
        except (errors.SessionEnded, errors.AuthenticationFailed, errors.NotLoggedIn):
            if everywhere:
                forget_login(place)
                raise Problem.not_logged_in("the stored login had ended already") from None
    forget_login(place)
    if invocation.as_json:
        write_json(ended=ended)
    else:
        click.echo(f"Logged out {stored.user}.")


@click.command("own")
@click.argument("username", metavar="[NAME]", required=False, default="")
@click.option(
    "--public/--private",
    "public",
    cls=EitherOption,
    default=None,
    help="Let others see your portfolio and history, and be listed / show nothing.",
)
@click.option("--email", help='Set your e-mail address; "" removes it.')
@json_option
@pass_invocation
def own(invocation: Invocation, username: str, public: bool | None, email: str | None) -> None:
    """Show your account, or what another user shows of theirs; or change what yours shows.

    To change the e-mail address, your password is asked for if you did not type it in the last
    ten minutes.
    """
    changes = public is not None or email is not None
    invocation.of_others = bool(username)
    if username and changes:
        raise Problem.usage("only your own account can be changed; leave out the name")
    privacy = None if public is None else (SHOW_ALL if public else Privacy(0))

    def visit(client: Client) -> Account:
        if changes:
            client.account_update(privacy=privacy, email=email)
        return client.account(username)

    try:
        found = proven(invocation, visit)
    except ValueError as error:
        raise Problem.usage(str(error)) from None
    if invocation.as_json:
        write_json(account=found)
        return
    rows = [
        ("user", found.username),
        ("account", str(found.account)),
        ("since", moment(found.created_at)),
        ("status", name(found.status)),
        ("currency", found.currency),
        ("cash", money(found.cash)),
        ("reserved for orders", money(found.reserved_cash)),
        ("equity", money(found.equity)),
        ("realized profit", money(found.realized_pnl)),
        ("open orders", str(found.open_orders)),
        ("positions", str(found.positions)),
        ("shown to others", name(found.privacy).replace("_", " ").replace(",", ", ")),
    ]
    if found.email:
        rows.append(("e-mail", found.email))
    click.echo(pairs(rows))
