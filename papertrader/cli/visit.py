"""A visit to the server: passwords, the connection, the login of one command, GOODBYE."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Timer
from typing import Final, TypeVar

import click

from papertrader.cli.invocation import Invocation
from papertrader.cli.place import Place, find_place, load_login
from papertrader.cli.problems import EXIT_REFUSED, Problem
from papertrader.client import errors
from papertrader.client.blocking import Client
from papertrader.wire.kinds import Scope

SILENCE_S: Final = 3.0
"""A person who has waited for an answer for so long is told for what."""


@contextlib.contextmanager
def telling(client: Client) -> Iterator[None]:
    """Say so when what is done within takes long: a server that hangs is waited for 30 s."""

    def tell() -> None:
        click.echo(f"still waiting for an answer of {client.worker}; Ctrl-C gives up", err=True)

    # A thread, for a connection that is not answered holds this one up.
    timer = Timer(SILENCE_S, tell)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def password_from(path: Path, what: str = "password") -> str:
    """Return the first line of a file with a password or another secret; raises `Problem`."""
    try:
        with open(path, encoding="utf-8") as file:
            password = file.readline().rstrip("\r\n")
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise Problem.usage(
            f"the {what} file {path} cannot be read: {reason}",
            f"name a file whose first line is the {what}",
        ) from None
    if not password:
        raise Problem.usage(f"the first line of {path} is empty; it has to be the {what}")
    return password


def ask_password(invocation: Invocation, twice: bool = False, label: str = "Password") -> str:
    """Get a password: from the file named, from a terminal without echo, or a line of stdin."""
    if invocation.password_file is not None:
        return password_from(invocation.password_file)
    return _typed(label, twice)


def ask_new_password() -> str:
    """Get the next password: from a terminal without echo, twice, or a line of stdin."""
    return _typed("New password", twice=True)


def _typed(label: str, twice: bool) -> str:
    if sys.stdin.isatty():
        return str(click.prompt(label, hide_input=True, confirmation_prompt=twice, err=True))
    line = sys.stdin.readline().rstrip("\r\n")
    if not line:
        raise Problem.usage(
            f"there is no {label.lower()}",
            "type it at a terminal, or give it as a line of the standard input; a password also"
            " with --password-file FILE",
        )
    return line


def ask_secret(label: str) -> str:
    """Get a code or token: from a terminal without echo, or a line of stdin; never from argv."""
    return _typed(label, twice=False)


ResultT = TypeVar("ResultT")
WRONG_CODE: Final = (
    "each is good once: wait half a minute for the next one; the clock of the device that makes it"
    " must be right; who has lost device and recovery codes asks an operator"
)
"""What to do about a code that was refused."""


def code_if_needed(attempt: Callable[[str | None], ResultT]) -> ResultT:
    """Do what may need a second factor; if it does, ask for a code and do it with that.

    Who is asked for a code has given the right password: what is refused then is the code.
    """
    try:
        return attempt(None)
    except errors.SecondFactorRequired:
        code = ask_secret("Code of your authenticator (or a recovery code)")
    try:
        return attempt(code)
    except errors.RefusedError as error:
        if error.code != "AUTH_FAILED":
            raise
        raise Problem(
            "AUTH_FAILED", "That code is not good, or not any more.", WRONG_CODE, EXIT_REFUSED
        ) from None


def connect(invocation: Invocation, place: Place, learn_workers: bool = False) -> Client:
    """Return a client of the place; it connects with its first request. Raises `Problem`."""
    watched = sys.stderr.isatty() and not invocation.as_json
    try:
        return Client(
            place.workers,
            place.ca,
            learn_workers=learn_workers,
            dial=invocation.dial,
            now_ns=invocation.now_ns,
            sleep=invocation.sleep,
            randbits=invocation.randbits,
            while_waiting=telling if watched else contextlib.nullcontext,
        )
    except ValueError as error:
        raise Problem.usage(str(error)) from None


@contextlib.contextmanager
def logged_in(
    invocation: Invocation, learn_workers: bool = False, scope: Scope = Scope.TRADE
) -> Iterator[Client]:
    """Give a client with a session: by --user, by --key-file, or beside the stored login.

    Ends with GOODBYE.
    """
    place = find_place(invocation)
    if invocation.key_file is not None:
        credential = password_from(invocation.key_file, what="API key")
        with connect(invocation, place, learn_workers) as client:
            try:
                client.login(invocation.user or "", api_key=credential, scope=scope)
            except ValueError as error:
                raise Problem.usage(str(error)) from None
            yield client
        return
    if invocation.user is not None and invocation.password_file is not None:
        password = password_from(invocation.password_file)
        with connect(invocation, place, learn_workers) as client:
            user = invocation.user
            try:
                code_if_needed(lambda code: client.login(user, password, scope=scope, code=code))
            except ValueError as error:
                raise Problem.usage(str(error)) from None
            yield client
        return
    stored = load_login(place)
    with connect(invocation, place, learn_workers) as client:
        try:
            client.login(stored.user, session_token=stored.token, scope=scope)
        except (errors.AuthenticationFailed, ValueError):
            raise Problem.not_logged_in("the stored login is no longer valid") from None
        yield client


def proven(
    invocation: Invocation, act: Callable[[Client], ResultT], scope: Scope = Scope.TRADE
) -> ResultT:
    """Do what needs a password that was shown lately; if it was not, ask for it, and do it with it.

    ``act`` may be called twice: the first time raised `ProofTooOld`, which changes nothing.
    """
    try:
        with logged_in(invocation, scope=scope) as client:
            return act(client)
    except errors.ProofTooOld:
        if invocation.key_file is not None:
            raise
    place = find_place(invocation)
    user = load_login(place).user if invocation.user is None else invocation.user
    password = ask_password(invocation)
    with connect(invocation, place) as client:
        code_if_needed(
            lambda code: client.login(user, password, scope=scope, device="command line", code=code)
        )
        try:
            return act(client)
        finally:
            # It is of no use afterwards; an answer that was lost must not hide the first one.
            with contextlib.suppress(errors.PaperTraderError):
                client.logout()


def end_others(client: Client, kept: set[int]) -> int:
    """End the sessions of the account; return how many ended.

    Not ``kept``, to which this one and the one it is beside are added, nor what is beside those.
    """
    found = client.sessions()
    current = next(each for each in found if each.current)
    kept |= {current.session_id, current.parent} - {0}
    ended = 0
    for each in found:
        if each.session_id in kept or each.parent in kept:
            continue
        try:
            ended += client.session_revoke(each.session_id)
        except errors.RefusedError as error:
            # One beside another ended with that.
            if error.code != "NO_SUCH_SESSION":
                raise
    return ended
