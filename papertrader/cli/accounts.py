"""``papertrader account``: one's own; and what operators do about accounts and invitations."""

from __future__ import annotations

from typing import Any, Final

import click

from papertrader.cli.account import own
from papertrader.cli.exclusions import one_of
from papertrader.cli.grouping import Group
from papertrader.cli.invocation import Invocation, json_option, pass_invocation
from papertrader.cli.output import moment, name, pairs, table, write_json
from papertrader.cli.parameters import IDENTIFIER, WideRange
from papertrader.cli.place import find_place, forget_login
from papertrader.cli.problems import Problem
from papertrader.cli.visit import ask_password, code_if_needed, logged_in
from papertrader.client.access_commands import AccountInfo
from papertrader.client.blocking import Client
from papertrader.core.identifiers import ID_MAX
from papertrader.wire.kinds import AccountAction, AccountRole, Scope

DAY_S: Final = 86_400
DAYS_MAX: Final = 90
_ROLES: Final = {
    "trader": AccountRole.TRADER,
    "host": AccountRole.HOST,
    "operator": AccountRole.OPERATOR,
}
_ROLE = click.Choice(list(_ROLES))


class AccountGroup(Group):
    """A group whose default command shows or changes one's own account, or shows another's."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Let what names no command be meant for the default one."""
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = ["own", *args]
        return super().parse_args(ctx, args)


@click.group(cls=AccountGroup)
def account() -> None:
    """Show your account, or what NAME shows; for operators, manage accounts.

    `papertrader account [NAME] [--public|--private] [--email TEXT]` is about your own (see
    `account own --help`). ls, show, sessions, disable, enable, role, reset-token and totp-off are
    for operators.
    """


account.add_command(own)


@account.command("ls")
@click.option("--after", type=WideRange(0, ID_MAX), default=0, help="Above this number.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=500, show_default=True,
    help="Accounts at most.",
)  # fmt: skip
@json_option
@pass_invocation
def list_accounts(invocation: Invocation, after: int, limit: int) -> None:
    """List the accounts (operators only)."""
    with logged_in(invocation, scope=Scope.ADMIN) as client:
        page = client.accounts(after=after, limit=limit)
    if invocation.as_json:
        write_json(accounts=list(page.accounts), next_after=page.next_after)
        return
    rows = [
        (
            str(each.account), each.username, name(each.status), name(each.role),
            moment(each.created_at, seconds=False), moment(each.last_login_at, seconds=False),
            str(each.sessions), str(each.failed_tries), "yes" if each.second_factor else "",
        )
        for each in page.accounts
    ]  # fmt: skip
    headings = (
        ">account", "user", "status", "role", "since (UTC)", "last login", ">sessions",
        ">failed tries", "2nd factor",
    )  # fmt: skip
    click.echo(table(headings, rows))
    if page.next_after:
        click.echo(f"more with: --after {page.next_after}", err=True)


@account.command()
@click.argument("username", metavar="NAME")
@json_option
@pass_invocation
def show(invocation: Invocation, username: str) -> None:
    """Show an account as its operator sees it."""
    with logged_in(invocation, scope=Scope.ADMIN) as client:
        (found,) = client.accounts(username).accounts
    if invocation.as_json:
        write_json(account=found)
    else:
        click.echo(pairs(_rows(found)))


def _rows(found: AccountInfo) -> list[tuple[str, str]]:
    return [
        ("user", found.username),
        ("account", str(found.account)),
        ("status", name(found.status)),
        ("role", name(found.role)),
        ("since", moment(found.created_at)),
        ("last login", moment(found.last_login_at)),
        ("failed tries since", str(found.failed_tries)),
        ("sessions", str(found.sessions)),
        ("second factor", "on" if found.second_factor else "off"),
    ]


@account.command("sessions")
@click.argument("username", metavar="NAME")
@click.option("--revoke", type=IDENTIFIER, metavar="ID", help="End this one.")
@click.option("--revoke-all", is_flag=True, help="End all of them.")
@json_option
@pass_invocation
def list_sessions(
    invocation: Invocation, username: str, revoke: int | None, revoke_all: bool
) -> None:
    """List or end the sessions of an account (operators only)."""
    one_of("revoke", "revoke_all")
    if revoke is not None or revoke_all:
        _control(invocation, username, AccountAction.END_SESSIONS, session_id=revoke or 0)
        return
    with logged_in(invocation, scope=Scope.ADMIN) as client:
        found = client.account_sessions(username)
    if invocation.as_json:
        write_json(sessions=list(found))
        return
    rows = [
        (
            str(each.session_id), each.device, each.address, str(each.worker or ""),
            moment(each.created_at, seconds=False), moment(each.last_seen_at, seconds=False),
            name(each.scope), "yes" if each.online else "no",
        )
        for each in found
    ]  # fmt: skip
    headings = (
        ">session", "device", "address", ">worker", "opened (UTC)", "last seen", "may", "online",
    )  # fmt: skip
    click.echo(table(headings, rows))


def _control(invocation: Invocation, username: str, action: AccountAction, **options: Any) -> None:
    with logged_in(invocation, scope=Scope.ADMIN) as client:
        ended = client.account_control(username, action, **options)
    if invocation.as_json:
        write_json(account=username, done=action.name.lower(), ended=ended)
    else:
        what = action.name.lower().replace("_", " ")
        click.echo(f"{username}: {what}. Sessions ended: {ended}.")


@account.command()
@click.argument("username", metavar="NAME")
@json_option
@pass_invocation
def disable(invocation: Invocation, username: str) -> None:
    """Let nobody log in to an account, and end its sessions (operators only)."""
    _control(invocation, username, AccountAction.DISABLE)


@account.command()
@click.argument("username", metavar="NAME")
@json_option
@pass_invocation
def enable(invocation: Invocation, username: str) -> None:
    """Undo `account disable` (operators only)."""
    _control(invocation, username, AccountAction.ENABLE)


@account.command()
@click.argument("username", metavar="NAME")
@click.argument("role", type=_ROLE)
@json_option
@pass_invocation
def role(invocation: Invocation, username: str, role: str) -> None:
    """Make an account a trader's, a host's or an operator's (operators only)."""
    _control(invocation, username, AccountAction.SET_ROLE, role=_ROLES[role])


@account.command("totp-off")
@click.argument("username", metavar="NAME")
@json_option
@pass_invocation
def totp_off(invocation: Invocation, username: str) -> None:
    """End the second factor of an owner who has lost it (operators only).

    Be sure who asks: afterwards the password alone logs in.
    """
    _control(invocation, username, AccountAction.TOTP_OFF)


@account.command("reset-token")
@click.argument("username", metavar="NAME")
@json_option
@pass_invocation
def reset_token(invocation: Invocation, username: str) -> None:
    """Make a token with which NAME sets a new password, once, within a day (operators only)."""
    with logged_in(invocation, scope=Scope.ADMIN) as client:
        made = client.reset_create(username)
    if not made.token:
        raise Problem("TOKEN_LOST", "the server cannot show the token any more", "ask again", 1)
    if invocation.as_json:
        write_json(token=made.token, expires_at=made.expires_at)
        return
    click.echo(made.token)
    click.echo(
        f"Good once, until {moment(made.expires_at, seconds=False)} UTC. Give it to {username},"
        f" who types: {invocation.program} reset {username}",
        err=True,
    )


@account.command()
@click.argument("username", metavar="[NAME]", required=False)
@click.option("--yes", is_flag=True, help="Confirm the action without prompting.")
@json_option
@pass_invocation
def close(invocation: Invocation, username: str | None, yes: bool) -> None:
    """Close your account for ever, or, for operators, that of NAME.

    What is personal is forgotten; orders and transactions stay, under a number. Your open orders
    are canceled first.
    """
    if not yes:
        whose = "your account" if username is None else f"the account of {username}"
        click.confirm(f"This cannot be undone. Close {whose} for ever?", abort=True, err=True)
    if username is not None:
        _control(invocation, username, AccountAction.CLOSE)
        return
    place = find_place(invocation)
    password = ask_password(invocation)

    def leave(client: Client, code: str | None) -> int:
        return client.account_close(password, code)

    with logged_in(invocation) as client:
        for each in client.portfolios():
            client.order_cancel_all(portfolio=each.portfolio)
        ended = code_if_needed(lambda code: leave(client, code))
    if invocation.user is None:
        forget_login(place)
    if invocation.as_json:
        write_json(ended=ended)
    else:
        click.echo("The account is closed.")


@click.group(cls=Group)
def invite() -> None:
    """Make, list and revoke invitations to open an account (operators only)."""


@invite.command()
@click.option(
    "--role", type=_ROLE, default="trader", show_default=True, help="Role of the new account."
)
@click.option(
    "--days", type=click.IntRange(1, DAYS_MAX), default=7, show_default=True,
    help="How long it is good.",
)  # fmt: skip
@click.option("--label", default="", help="For your own memory.")
@json_option
@pass_invocation
def create(invocation: Invocation, role: str, days: int, label: str) -> None:
    """Make an invitation and print its code: this is the only time that it is shown."""
    with logged_in(invocation, scope=Scope.ADMIN) as client:
        try:
            made = client.invite_create(role=_ROLES[role], lifetime_s=days * DAY_S, label=label)
        except ValueError as error:
            raise Problem.usage(str(error)) from None
    if not made.code:
        raise Problem(
            "CODE_LOST",
            f"invitation {made.invitation_id} was made, but its code cannot be shown any more",
            f"revoke it with: {{program}} invite revoke {made.invitation_id}",
            1,
        )
    if invocation.as_json:
        write_json(invitation=made, code=made.code)
        return
    click.echo(made.code)
    click.echo(
        f"Invitation {made.invitation_id} opens one account ({role}) until"
        f" {moment(made.expires_at, seconds=False)} UTC. Whoever gets it types:"
        f" {invocation.program} register NAME --invite",
        err=True,
    )


@invite.command("ls")
@json_option
@pass_invocation
def list_invitations(invocation: Invocation) -> None:
    """List the invitations that are open."""
    with logged_in(invocation, scope=Scope.ADMIN) as client:
        found = client.invitations()
    if invocation.as_json:
        write_json(invitations=list(found))
        return
    rows = [
        (
            str(each.invitation_id), name(each.role), moment(each.created_at, seconds=False),
            moment(each.expires_at, seconds=False), str(each.created_by or "beside the server"),
        )
        for each in found
    ]  # fmt: skip
    click.echo(table((">invitation", "role", "made (UTC)", "ends", "by account"), rows))


@invite.command("revoke")
@click.argument("number", metavar="INVITATION", type=IDENTIFIER)
@json_option
@pass_invocation
def revoke_invitation(invocation: Invocation, number: int) -> None:
    """Void an invitation."""
    with logged_in(invocation, scope=Scope.ADMIN) as client:
        client.invite_revoke(number)
    if invocation.as_json:
        write_json(revoked=number)
    else:
        click.echo(f"Invitation {number} is void.")
