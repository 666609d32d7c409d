"""``papertrader sessions``, ``password``, ``key``: what the owner of an account does to it."""

from __future__ import annotations

import contextlib
from typing import Final

import click

from papertrader.cli.grouping import Group
from papertrader.cli.invocation import Invocation, json_option, pass_invocation
from papertrader.cli.output import moment, name, plain, table, write_json
from papertrader.cli.parameters import IDENTIFIER
from papertrader.cli.place import StoredLogin, find_place, load_login, save_login
from papertrader.cli.problems import Problem
from papertrader.cli.visit import (
    ask_new_password,
    ask_password,
    code_if_needed,
    connect,
    end_others,
    logged_in,
    proven,
)
from papertrader.client import errors
from papertrader.client.account_commands import ApiKeyInfo, NewApiKey, SessionInfo
from papertrader.client.blocking import Client
from papertrader.gateway.ids import halves_of
from papertrader.wire.kinds import Scope

DAY_S: Final = 86_400
DAYS_MAX: Final = 36_500


@click.command()
@click.option("--revoke", type=IDENTIFIER, metavar="ID", help="End this session instead.")
@click.option("--revoke-others", is_flag=True, help="End all but your login here instead.")
@json_option
@pass_invocation
def sessions(invocation: Invocation, revoke: int | None, revoke_others: bool) -> None:
    """List where your account is logged in, or end sessions.

    To end any, your password is asked for if you did not type it in the last ten minutes.
    """
    if revoke is not None and revoke_others:
        raise Problem.usage("--revoke and --revoke-others exclude one another")
    if revoke is not None or revoke_others:
        _revoke(invocation, revoke)
        return
    with logged_in(invocation) as client:
        found: tuple[SessionInfo, ...] = client.sessions()
    if invocation.as_json:
        write_json(sessions=list(found))
        return
    current = next((each for each in found if each.current), None)
    rows = [
        (
            str(each.session_id), each.device, each.address,
            str(each.worker or ""), moment(each.created_at, seconds=False),
            moment(each.last_seen_at, seconds=False), moment(each.expires_at, seconds=False),
            name(each.scope), "yes" if each.online else "no", _remark(each, current),
        )
        for each in found
    ]  # fmt: skip
    headings = (
        ">session", "device", "address", ">worker", "opened (UTC)", "last seen", "ends", "may",
        "online", "",
    )  # fmt: skip
    click.echo(table(headings, rows))


def _revoke(invocation: Invocation, session: int | None) -> None:
    """End one session; None: all but this login."""
    kept: set[int] = set()
    ended = proven(
        invocation,
        lambda client: (
            end_others(client, kept) if session is None else client.session_revoke(session)
        ),
    )
    if invocation.as_json:
        write_json(ended=ended)
    elif session is None:
        click.echo(f"Other sessions ended: {ended}.")
    else:
        click.echo(f"Session {session} is ended.")


def _remark(each: SessionInfo, current: SessionInfo | None) -> str:
    if each.current:
        return "this command"
    if current is not None and each.session_id == current.parent:
        return "your login here"
    return f"API key {each.api_key}" if each.api_key else ""


@click.command()
@json_option
@pass_invocation
def password(invocation: Invocation) -> None:
    """Change your password and end every other session of your account.

    The present password is asked for, or read with --password-file, then the new one. Your login
    here goes on; API keys stay good.
    """
    place = find_place(invocation)
    stays = invocation.user is None
    user = load_login(place).user if invocation.user is None else invocation.user
    present = ask_password(invocation, label="Present password")
    new = ask_new_password()
    with connect(invocation, place) as client:
        try:
            made = code_if_needed(
                lambda code: client.login(
                    user, present, remember=stays, device="command line", code=code
                )
            )
            ended = client.password_change(present, new)
            if stays:
                expires_at = str(plain(made.expires_at) or "")
                save_login(place, StoredLogin(user=user, token=made.token, expires_at=expires_at))
        except (errors.PaperTraderError, ValueError, Problem) as error:
            # A remembered session that nobody can use must not stay behind.
            with contextlib.suppress(errors.PaperTraderError):
                client.logout()
            if isinstance(error, ValueError):
                raise Problem.usage(str(error)) from None
            raise
    if invocation.as_json:
        write_json(ended=ended)
        return
    click.echo(f"The password of {user} is changed. Other sessions ended: {ended}.")


@click.group(cls=Group)
def key() -> None:
    """Make, list and revoke API keys, with which your programs log in."""


@key.command()
@click.argument("label")
@click.option("--trade", is_flag=True, help="It may trade; without this it may only read.")
@click.option("--host", is_flag=True, help="It may open contests, too, if you may.")
@click.option("--admin", is_flag=True, help="It may do what an operator may, if you are one.")
@click.option(
    "--days",
    type=click.IntRange(1, DAYS_MAX),
    help="How long it is good; without this until you revoke it.",
)
@json_option
@pass_invocation
def create(
    invocation: Invocation, label: str, trade: bool, host: bool, admin: bool, days: int | None
) -> None:
    """Make a key and print it: this is the only time that it is shown."""
    wishes = ((Scope.TRADE, trade), (Scope.HOST, host), (Scope.ADMIN, admin))
    chosen = [each for each, given in wishes if given]
    if len(chosen) > 1:
        raise Problem.usage("--trade, --host and --admin exclude one another")
    scope = chosen[0] if chosen else Scope.READ
    # A key may do no more than the session that makes it.
    needed = Scope.TRADE if scope == Scope.READ else scope

    def make(client: Client) -> NewApiKey:
        return client.api_key_create(label, scope=scope, lifetime_s=(days or 0) * DAY_S)

    try:
        made = proven(invocation, make, needed)
    except ValueError as error:
        raise Problem.usage(str(error)) from None
    if not made.credential:
        raise Problem(
            "KEY_LOST",
            f"key {made.key} was made, but the server cannot show it any more",
            f"revoke it with: {{program}} key revoke {made.key}, then make another",
            1,
        )
    if invocation.as_json:
        write_json(api_key=made, credential=made.credential)
        return
    click.echo(made.credential)
    until = f"until {moment(made.expires_at, seconds=False)} UTC" if made.expires_at else "for ever"
    key_id, secret = halves_of(made.credential)
    click.echo(
        f"For programs written for Alpaca: APCA_API_KEY_ID={key_id} APCA_API_SECRET_KEY={secret}",
        err=True,
    )
    click.echo(
        f"API key {made.key} may {name(made.scope)} {until}. Keep it: it is not shown again.",
        err=True,
    )


@key.command("list")
@json_option
@pass_invocation
def list_keys(invocation: Invocation) -> None:
    """List your keys that are not revoked."""
    with logged_in(invocation) as client:
        found: tuple[ApiKeyInfo, ...] = client.api_keys()
    if invocation.as_json:
        write_json(api_keys=list(found))
        return
    rows = [
        (
            str(each.key), each.label, name(each.scope), moment(each.created_at, seconds=False),
            moment(each.last_used_at, seconds=False), moment(each.expires_at, seconds=False),
            str(each.sessions),
        )
        for each in found
    ]  # fmt: skip
    headings = (
        ">key", "label", "may", "made (UTC)", "last login", "ends", ">sessions",
    )  # fmt: skip
    nothing = f"No API keys; make one with: {invocation.command_line()} key create NAME"
    click.echo(table(headings, rows) if rows else nothing)


@key.command()
@click.argument("number", metavar="KEY", type=IDENTIFIER)
@json_option
@pass_invocation
def revoke(invocation: Invocation, number: int) -> None:
    """Void a key for ever and end the sessions that it opened."""
    with logged_in(invocation) as client:
        ended = client.api_key_revoke(number)
    if invocation.as_json:
        write_json(ended=ended)
        return
    click.echo(f"API key {number} is void. Sessions ended: {ended}.")
