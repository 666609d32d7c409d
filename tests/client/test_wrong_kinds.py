"""Every argument of every method, of all three faces, given what it cannot be.

The answer is one sentence that names the argument, and nothing is sent: none of the clients here
has a connection, and whatever gets as far as asking for one is found out.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from twisted.internet.testing import MemoryReactorClock

from papertrader.client import errors
from papertrader.client.aio import AsyncClient
from papertrader.client.blocking import Client
from papertrader.client.protocol import TwistedClient
from papertrader.core.orders import Side
from papertrader.core.terms import PortfolioTerms
from papertrader.wire.kinds import AccountAction, Privacy

SECRET = "correct horse"
RIGHT: Final[dict[str, Any]] = {
    "username": "ann", "action": AccountAction.DISABLE, "symbol": "AAPL", "number": 1, "key": 1,
    "label": "x", "password": SECRET, "quantity": 1, "side": Side.BUY, "name": "fund",
    "ends": datetime(2010, 1, 5, tzinfo=UTC), "worker": 1, "order_id": 1, "reason": "why",
    "new_password": SECRET, "token": "x" * 20, "portfolio": 1, "amount": 1, "code": "123456",
    "terms": PortfolioTerms(), "symbols": ["AAPL"], "invitation_id": 1, "session_id": 1,
    "subscription": 1, "csr": "x",
}  # fmt: skip
ALSO: Final[dict[str, dict[str, Any]]] = {
    "account_update": {"privacy": Privacy(0)}, "alert_create": {"above": 1},
    "login": {"username": "ann", "password": SECRET}, "order": {"order_id": 1},
    "order_cancel": {"order_id": 1}, "order_replace": {"quantity": 1},
    "resume": {"token": bytes(32)}, "set_clock": {"speed": 1},
}  # fmt: skip
"""What else these need, to be right but for the argument that is tried."""
SESSIONLESS: Final = {"login", "password_reset", "register", "resume", "workers", "unsubscribe"}
WRONG: Final[tuple[Any, ...]] = (
    None, [], ["x"], {}, {"a": 1}, set(), (1, 2), range(3), 1.5, math.nan, math.inf, True, b"AAPL",
    -1, 2**80, 10**5000, -(10**5000), "\ud800", object(), Side,
)  # fmt: skip
METHODS: Final = {
    name: inspect.signature(each)
    for name, each in inspect.getmembers(Client, inspect.isfunction)
    if not name.startswith("_") and name not in {"events", "close"}
}
ARGUMENTS: Final = [
    (name, each.name) for name, told in METHODS.items() for each in [*told.parameters.values()][1:]
]


class ReachedError(BaseException):
    """A worker was about to be asked."""


def never(*_arguments: object) -> Any:
    """Stand for the way to a worker."""
    raise ReachedError


def blocking() -> Callable[..., Any]:
    """How to call a method of the blocking face."""
    client = Client("127.0.0.1", dial=never)
    return lambda name, given: getattr(client, name)(**given)


def asynchronous() -> Callable[..., Any]:
    """How to call one of asyncio's: it does not get as far as to wait for anything."""
    client = AsyncClient("127.0.0.1", dial=never)

    def call(name: str, given: dict[str, Any]) -> None:
        work = getattr(client, name)(**given)
        try:
            work.send(None)
        finally:
            work.close()

    return call


def twisted() -> Callable[..., Any]:
    """How to call one of Twisted's."""
    client = TwistedClient(MemoryReactorClock(), "127.0.0.1", endpoint_for=never)
    return lambda name, given: getattr(client, name)(**given)


FACES: Final = [blocking, asynchronous, twisted]


def given(name: str) -> dict[str, Any]:
    """Return right arguments of a method."""
    needed = [
        each.name
        for each in [*METHODS[name].parameters.values()][1:]
        if each.default is inspect.Parameter.empty
    ]
    return {each: RIGHT[each] for each in needed} | ALSO.get(name, {})


def is_right(annotation: str, argument: str, wrong: Any) -> bool:
    """Tell whether that may be sent, and what comes of it is the server's to say."""
    if wrong is None:
        return "None" in annotation or annotation == "Moment"
    if isinstance(wrong, bool):
        return "bool" in annotation
    if isinstance(wrong, int):
        return wrong == -1 and "Amount" in annotation
    if not isinstance(wrong, list | set | tuple | range) or "Iterable" not in annotation:
        return False
    # None of them may be given for all; some members have these numbers; any text may be a host's.
    if not wrong:
        return "str | " not in annotation or argument == "symbols"
    number = isinstance(wrong, tuple | range)
    return argument in {"states", "kinds"} if number else argument in {"networks", "hosts"}


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.__name__)
@pytest.mark.parametrize("name", sorted(set(METHODS) - SESSIONLESS))
def test_what_is_right_is_taken(face: Callable[[], Callable[..., Any]], name: str) -> None:
    """All that is missing then is a session."""
    with pytest.raises(errors.NotLoggedIn):
        face()(name, given(name))


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.__name__)
@pytest.mark.parametrize(("name", "argument"), ARGUMENTS)
def test_what_is_wrong_is_named(
    face: Callable[[], Callable[..., Any]], name: str, argument: str
) -> None:
    """By a TypeError or a ValueError of its own, in one short line."""
    call, annotation = face(), METHODS[name].parameters[argument].annotation
    names = (argument, argument.replace("_", " "), argument.rstrip("s"), "user name")
    for wrong in WRONG:
        if is_right(annotation, argument, wrong):
            continue
        try:
            call(name, given(name) | {argument: wrong})
        except (errors.NotLoggedIn, ReachedError):
            pytest.fail(f"{argument}={type(wrong).__name__} is taken")
        except (TypeError, ValueError) as error:
            said = str(error)
            assert type(error) in {TypeError, ValueError}, said
            assert any(each in said for each in names[: 4 if argument == "username" else 3]), said
            assert len(said) < 300 and "\n" not in said
        else:
            pytest.fail(f"{argument}={type(wrong).__name__} is taken")
