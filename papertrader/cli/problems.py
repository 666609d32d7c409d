"""What the command line says when something fails, and with which exit code it ends."""

from __future__ import annotations

import errno
import json
from typing import Final, Self

import click

from papertrader.cli.invocation import Invocation
from papertrader.core.redaction import visible

EXIT_REFUSED: Final = 1
EXIT_USAGE: Final = 2
EXIT_CONNECT: Final = 3
EXIT_LOGIN: Final = 4
EXIT_UNKNOWN: Final = 5
EXIT_BUG: Final = 70
EXIT_INTERRUPTED: Final = 130

_DISK: Final = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)
"""Of errors that name no file, those of a disk."""
_DATES: Final = ("not yet valid", "expired")
"""In the words of OpenSSL, what a clock may be the cause of."""

EXIT_CODES: Final = (
    (0, "done"),
    (EXIT_REFUSED, "the server refused"),
    (EXIT_USAGE, "wrong usage"),
    (EXIT_CONNECT, "cannot connect"),
    (EXIT_LOGIN, "not logged in"),
    (EXIT_UNKNOWN, "sent, but nobody knows whether it was executed"),
    (EXIT_BUG, "a mistake in this program"),
    (EXIT_INTERRUPTED, "interrupted"),
)

_HINTS: Final = {
    "AUTH_FAILED": "check the name and the password; an account is made with: {program} register"
    " NAME; who forgot the password asks an operator for a token",
    "READ_ONLY": "nothing was done: do it again when the operator has put that right",
    "SECOND_FACTOR_REQUIRED": "a code of your authenticator is asked for at a terminal, or read"
    " as a line of the standard input",
    "SECOND_FACTOR_DEMANDED": "set one up with: {program} totp setup, then do this again",
    "PROOF_TOO_OLD": "show your password again with: {program} login NAME, then do this again",
    "INVITATION_INVALID": "register with the code that you were given: {program} register NAME"
    " --invite",
    "NO_SUCH_INVITATION": "see the invitations with: {program} invite ls",
    "USERNAME_TAKEN": "choose another name, or log in with: {program} login NAME",
    "NO_SUCH_SYMBOL": "see what there is with: {program} assets",
    "INSUFFICIENT_CASH": "see your cash with: {program} portfolio{of}",
    "INSUFFICIENT_MARGIN": "see your margin with: {program} portfolio{of}",
    "INSUFFICIENT_POSITION": "see what you hold with: {program} portfolio{of}",
    "NO_SUCH_ORDER": "see your orders with: {program} orders --all{of}; those of another portfolio"
    " with --portfolio N",
    "ORDER_DONE": "see your orders with: {program} orders --all{of}",
    "STALE_VERSION": "see your orders with: {program} orders{of}",
    "NO_SUCH_PORTFOLIO": "see your portfolios with: {program} portfolios",
    "NAME_TAKEN": "see your portfolios with: {program} portfolios",
    "TERMS_FORBID": "see the terms with: {program} portfolio terms{of}",
    "PORTFOLIO_FROZEN": "let it trade again with: {program} portfolio thaw{of}",
    "PORTFOLIO_IN_USE": "begin anew with: {program} portfolio reset{of}",
    "PORTFOLIO_LIMIT": "see your portfolios with: {program} portfolios",
    "BAD_TICK": "see the smallest price step with: {program} assets",
    "BAD_LOT": "see the smallest quantity step with: {program} assets",
    "NO_SUCH_SESSION": "see your sessions with: {program} sessions",
    "NO_SUCH_KEY": "see your API keys with: {program} key list",
    "TOO_MANY_KEYS": "revoke one with: {program} key revoke KEY",
    "SCOPE_DENIED": "log in with the rights that it needs, if you have them: {program} login NAME,"
    " with --admin or --host",
    "NO_SUCH_CONTEST": "see the contests with: {program} contest list",
    "NO_SUCH_WATCHLIST": "see your watchlists with: {program} watchlist list",
    "NO_SUCH_ALERT": "see your alerts with: {program} alert list",
    "BAD_PRICE": "see the newest prices with: {program} quote SYMBOL",
    "TOO_MANY_SESSIONS": "end the others with: {program} logout --everywhere",
}

_SECRET_HINTS: Final = {
    "totp": "type the newest code; the clock of the device that makes it must be right",
    "password": "type your present password once more",
    "account": "type your password once more",
    "sessions": "type your password once more",
    "key": "type your password once more",
    "reset": "ask an operator for another token: it is good once, and for a day",
}
"""What to do about AUTH_FAILED where somebody is logged in already, by the command."""
_OTHERS_HINTS: Final = {
    "NO_SUCH_PORTFOLIO": "its owner sees the numbers with: {program} portfolios",
    "INSUFFICIENT_CASH": "its owner sees the cash with: {program} portfolio",
    "NO_SUCH_ACCOUNT": "its owner lets others see it with: {program} account --public",
    "PRIVATE": "its owner lets others see it with: {program} account --public",
}
"""What to do about a refusal of what is another user's."""
_KEY_HINT: Final = (
    "log in, see your API keys with: {program} key list; another one: key create LABEL"
)

_RANGE: Final = "is not a valid integer range"
_WHOLE: Final = "is not a whole number"
"""What click says of a number that is none, and what a person understands."""


class Problem(Exception):
    """A failure of the command line itself, with what to do about it.

    ``code`` is what programs see with ``--json``. ``{program}`` in a hint becomes the command,
    ``{of}`` the option for the portfolio that it was about, if that was named.
    """

    def __init__(self, code: str, text: str, hint: str, exit_code: int) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.hint = hint
        self.exit_code = exit_code

    @classmethod
    def usage(cls, text: str, hint: str = "") -> Self:
        """Return the problem of a wrong argument."""
        return cls("USAGE", text, hint, EXIT_USAGE)

    @classmethod
    def unanswered(cls) -> Self:
        """Return the problem of a question that nobody was there to answer."""
        return cls.usage(
            "the question was not answered with yes, so nothing was done",
            "answer it at a terminal, or give the command --yes",
        )

    @classmethod
    def not_logged_in(cls, text: str = "you are not logged in") -> Self:
        """Return the problem of a missing or ended login."""
        return cls("NOT_LOGGED_IN", text, "log in with: {program} login NAME", EXIT_LOGIN)


def hint_of(code: str) -> str:
    """Return what to do about a refusal; "" where there is nothing."""
    return _HINTS.get(code, "")


def _hint_of_connecting(text: str, remote: bool) -> str:
    from papertrader.client.losses import SHUT_OUT, UNTRUSTED  # noqa: PLC0415

    if UNTRUSTED in text and any(each in text for each in _DATES):
        return (
            "look at the clocks of this machine and of the worker's; if both are right, its"
            " operator starts it again, and papertrader doctor there says more"
        )
    if UNTRUSTED in text:
        return (
            "name what it is certified for with --connect, and with --ca who certified it (a public"
            " authority: the system's file, such as /etc/ssl/certs/ca-certificates.crt)"
        )
    if SHUT_OUT in text:
        return (
            "nothing was sent; it has too many connections of your address just now, or no"
            " worker is there: wait some seconds, then do it again"
        )
    if remote:
        return "check the address, the CA file, and whether a worker runs there"
    return "if none runs there, start one with: make run (or papertrader up)"


def _problem_of(error: Exception, remote: bool, with_key: bool) -> Problem:
    """Turn whatever was raised into a `Problem`."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, click.ClickException):
        context = getattr(error, "ctx", None)
        hint = ""
        if context is not None:
            # As the user calls the program, which click only knows the name of.
            words = context.command_path.split()[1:]
            hint = " ".join(("see: {program}", *words, "--help"))
            if isinstance(error, click.NoSuchOption) and _is_global(context, error.option_name):
                rest = " ".join(words)
                hint = f"it stands before the command: {{program}} {error.option_name} ... {rest}"
        if isinstance(error, click.NoSuchOption) and error.option_name[1:2].isdigit():
            return Problem.usage("a number of less than 0 is of no use here", hint)
        if isinstance(error, click.exceptions.NoArgsIsHelpError):
            return Problem.usage("which command?", hint)
        return Problem.usage(error.format_message().replace(_RANGE, _WHOLE), hint)
    # Imported late: usage errors and --help need nothing of the client.
    from papertrader.client import errors  # noqa: PLC0415

    if isinstance(error, errors.NotLoggedIn | errors.SessionEnded):
        return Problem.not_logged_in(error.text)
    if isinstance(error, errors.RefusedError):
        hint = _KEY_HINT if with_key and error.code == "AUTH_FAILED" else hint_of(error.code)
        return Problem(error.code, error.text, hint, EXIT_REFUSED)
    if isinstance(error, errors.OutcomeUnknown):
        hint = "look with: {program} orders --all{of}"
        if error.client_order_id:
            hint += (
                f"; to repeat it without doing it twice, add"
                f" --client-order-id {error.client_order_id}"
            )
        return Problem("OUTCOME_UNKNOWN", str(error), hint, EXIT_UNKNOWN)
    if isinstance(error, errors.ProtocolFault):
        hint = "check that both sides are of the same version: {program} version"
        return Problem("PROTOCOL_FAULT", str(error), hint, EXIT_CONNECT)
    if isinstance(error, errors.PaperTraderError):
        hint = _hint_of_connecting(str(error), remote)
        return Problem("CONNECTION_LOST", str(error), hint, EXIT_CONNECT)
    if isinstance(error, OSError) and (error.filename or error.errno in _DISK):
        what = f"{error.filename}: " if error.filename else ""
        hint = "look at its path, its owner and mode, and at the room on its disk"
        return Problem("FILE_UNUSABLE", f"{what}{error.strerror}", hint, EXIT_USAGE)
    text = f"{type(error).__name__}: {error}"
    hint = "run it again with --debug before the command, and report what it prints"
    return Problem("INTERNAL", text, hint, EXIT_BUG)


def _is_global(context: click.Context, option: str) -> bool:
    """Tell whether the program has an option that a command of it has not."""
    root = context.find_root()
    return root is not context and any(option in each.opts for each in root.command.params)


def report(error: Exception, invocation: Invocation, command: str = "") -> int:
    """Tell the user (or their program) on stderr; return the exit code.

    ``command`` is the one that was called: its help is named when there is no better hint.
    """
    if isinstance(error, click.exceptions.NoArgsIsHelpError) and not invocation.as_json:
        # A group by itself is a question: what is there?
        click.echo(error.format_message(), err=True)
        return EXIT_USAGE
    problem = _problem_of(
        error, remote=invocation.connect is not None, with_key=invocation.key_file is not None
    )
    in_general = problem.hint == hint_of("AUTH_FAILED")
    if in_general and invocation.user is None and invocation.key_file is None:
        problem.hint = _SECRET_HINTS.get(command, problem.hint)
    if invocation.of_others:
        problem.hint = _OTHERS_HINTS.get(problem.code, problem.hint)
    if not problem.hint and problem.exit_code == EXIT_USAGE and command:
        problem.hint = f"see: {{program}} {command} --help"
    text = _sentence(problem.text)
    hint = problem.hint.replace("{program}", invocation.command_line())
    hint = hint.replace("{of}", invocation.of_portfolio())
    if invocation.as_json:
        content = {"code": problem.code, "text": text}
        if hint:
            content["hint"] = hint
        click.echo(json.dumps({"schema": 1, "error": content}), err=True)
    else:
        click.echo(f"error: {text}", err=True)
        if hint:
            click.echo(f"hint: {hint}", err=True)
    return problem.exit_code


def _sentence(text: str) -> str:
    """Join lines: an error is one line. What would move a cursor is shown, not done."""
    return visible(" ".join(text.split()))
