"""Every command of the client, once: its arguments checked, its request built, its reply read.

The three faces (`blocking`, `aio`, `protocol`) only say how one waits for the answer. Functions
here raise `TypeError` and `ValueError` for arguments that cannot be sent; everything that depends
on the market or the account is left to the server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, Generic, TypeVar, cast

import attrs

from papertrader.client import conditions
from papertrader.client import conversion as convert
from papertrader.client import results as r
from papertrader.client.arguments import (
    bits_of,
    choice_of,
    flag_of,
    member_of,
    octets_of,
    of_kind,
    shown,
)
from papertrader.client.moments import Moment, instant_of
from papertrader.client.results import units_of
from papertrader.core.identifiers import ID_MAX, check_currency, check_symbol
from papertrader.core.money import NULL
from papertrader.core.orders import OPEN_STATES, OrderState, Side, TimeInForce
from papertrader.wire import limits
from papertrader.wire import messages as m
from papertrader.wire.derived import Message
from papertrader.wire.kinds import (
    STATE_CHANGING,
    Adjustment,
    Direction,
    Mechanism,
    OrderFlag,
    Privacy,
    ResumeFlag,
    Scope,
    Topic,
    TxKind,
)

ResultT = TypeVar("ResultT")

Amount = str | int | Decimal

INTERVALS: Final = {
    "1m": 60,
    "5m": 300,
    "15m": 900,
    "1h": 3_600,
    "1d": 86_400,
    "1w": 604_800,
    "1mo": 2_592_000,
}
"""Names of bar intervals, in seconds; a month is a calendar month."""

ADJUSTMENTS: Final = {"raw": Adjustment.RAW, "split": Adjustment.SPLIT, "total": Adjustment.TOTAL}
ALL_STATES: Final = sum(1 << state for state in OrderState)
TOKEN_OCTETS: Final = 32
ROWS_ASKED_MAX: Final = 65_535
INTERVAL_MS_MAX: Final = 3_600_000


@attrs.frozen(kw_only=True)
class Command(Generic[ResultT]):
    """A request and how its answer is read.

    ``read`` gets every part of the reply, one for most. The message is left out of ``repr``: it
    may hold a password.
    """

    message: Message = attrs.field(repr=False)
    read: Callable[[Sequence[Any]], ResultT] = attrs.field(repr=False)
    needs_session: bool = True

    @property
    def opcode(self) -> int:
        """Which request it is."""
        return self.message.OPCODE

    @property
    def changes_state(self) -> bool:
        """Whether it carries a sequence number and is executed once at most."""
        if isinstance(self.message, m.OrderNew) and self.message.flags & OrderFlag.VALIDATE_ONLY:
            return False
        return self.opcode in STATE_CHANGING

    @property
    def client_order_id(self) -> int:
        """The business key of an order command, 0 for others."""
        return getattr(self.message, "client_order_id", 0)


# --- arguments -----------------------------------------------------------------------------------


def _number(value: int, what: str, most: int = ID_MAX, least: int = 0) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{what} must be an integer, not {type(value).__name__}")
    if not least <= value <= most:
        raise ValueError(f"{what} must lie between {least} and {most}, not {shown(value)}")
    return value


def text_of(value: str, what: str, most: int, least: int = 1) -> str:
    """Return a text of ``least`` to ``most`` octets; raises `TypeError` or `ValueError`."""
    if not least <= len(octets_of(value, what)) <= most:
        raise ValueError(f"{what} must have {least} to {most} octets")
    return value


def _username(value: str) -> str:
    text_of(value, "the user name", 24)
    if not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError("the user name may have letters, digits and _ . - only")
    return value


def _symbols(symbols: str | Iterable[str], most: int) -> tuple[m.SymbolRow, ...]:
    if isinstance(symbols, bytes | Mapping) or not isinstance(symbols, Iterable):
        raise TypeError(f"symbols must be text, or several, not {type(symbols).__name__}")
    names = (symbols,) if isinstance(symbols, str) else tuple(dict.fromkeys(symbols))
    if len(names) > most:
        raise ValueError(f"{len(names)} symbols are too many; give at most {most}")
    return tuple(m.SymbolRow(symbol=check_symbol(name)) for name in names)


def _token(token: bytes) -> bytes:
    of_kind(token, "the session token", bytes)
    if len(token) != TOKEN_OCTETS:
        raise ValueError(f"a session token has {TOKEN_OCTETS} octets")
    return token


def interval_seconds(interval: str | int) -> int:
    """Return a bar interval in seconds, from a name of `INTERVALS` or a number of seconds."""
    if isinstance(interval, str):
        return choice_of(interval, "the interval", INTERVALS)
    return _number(interval, "the interval", 2**32 - 1, 1)


def whole_number(value: int, what: str, most: int = ID_MAX, least: int = 0) -> int:
    """Return ``value``, an integer of ``least`` to ``most``; raises `TypeError`, `ValueError`."""
    return _number(value, what, most, least)


def username_of(value: str) -> str:
    """Return ``value`` if it can be a user name; raises `TypeError`, `ValueError`."""
    return _username(value)


def username_or_own(value: str) -> str | None:
    """Return whose data is meant: None for "", which is the account's own."""
    return None if value == "" else _username(value)


def symbol_or_any(symbol: str) -> str:
    """Return a symbol, or "" for any: said by just that, and by nothing that is empty or None."""
    return "" if symbol == "" else check_symbol(symbol)


def symbol_rows_of(symbols: str | Iterable[str], most: int) -> tuple[m.SymbolRow, ...]:
    """Return the rows of a SYMBOLS group; raises `ValueError` for more than ``most``."""
    return _symbols(symbols, most)


# --- account and session -------------------------------------------------------------------------


def register(
    username: str,
    password: str,
    email: str | None,
    currency: str,
    privacy: Privacy,
    invitation: str | None,
) -> Command[r.Registration]:
    """Open an account."""
    message = m.Register(
        username=_username(username),
        currency="" if currency == "" else check_currency(currency),
        privacy=int(member_of(privacy, "privacy", Privacy)),
        email=None if email is None else text_of(email, "email", limits.EMAIL_MAX),
        password=text_of(password, "the password", limits.PASSWORD_MAX, limits.PASSWORD_MIN),
        invitation=None
        if invitation is None
        else text_of(invitation, "the invitation", limits.CODE_MAX),
    )

    def read(parts: Sequence[m.RegisterReply]) -> r.Registration:
        return r.Registration(
            account=parts[0].account,
            created_at=r.moment_of(parts[0].created_at),
            starting_cash=r.decimal_of(parts[0].starting_cash),
        )

    return Command(message=message, read=read, needs_session=False)


def login(
    username: str,
    password: str | None,
    session_token: bytes | None,
    api_key: str | None,
    remember: bool,
    scope: Scope,
    lifetime_s: int,
    device: str | None,
    code: str | None,
) -> Command[r.Login]:
    """Open a session: with a password, beside a remembered one with its token, with an API key."""
    if sum(secret is not None for secret in (password, session_token, api_key)) != 1:
        raise ValueError("give one of the password, session_token and api_key")
    if session_token is not None:
        mechanism, secret = Mechanism.SESSION_TOKEN, _token(session_token).hex()
    elif api_key is not None:
        mechanism, secret = Mechanism.API_KEY, text_of(api_key, "the API key", limits.PASSWORD_MAX)
    else:
        mechanism, secret = Mechanism.PASSWORD, cast("str", password)
    message = m.Login(
        username="" if username == "" and api_key is not None else _username(username),
        mechanism=mechanism,
        remember=flag_of(remember, "remember"),
        scope=member_of(scope, "scope", Scope),
        lifetime_s=_number(lifetime_s, "lifetime_s", 2**32 - 1),
        password=text_of(secret, "the password", limits.PASSWORD_MAX),
        device=None if device is None else text_of(device, "the device name", 24),
        code=None if code is None else text_of(code, "the code", limits.CODE_MAX),
    )
    return Command(
        message=message, read=lambda parts: convert.login_of(parts[0]), needs_session=False
    )


def resume(token: bytes, last_event_seq: int) -> Command[r.Login]:
    """Go on with a session."""
    message = m.Resume(
        token=_token(token),
        last_event_seq=_number(last_event_seq, "last_event_seq"),
        flags=int(ResumeFlag.TAKE_OVER),
    )
    return Command(
        message=message, read=lambda parts: convert.login_of(parts[0]), needs_session=False
    )


def logout(everywhere: bool) -> Command[int]:
    """End the session, or all sessions of the account; answers how many ended."""
    return Command(
        message=m.Logout(everywhere=flag_of(everywhere, "everywhere")),
        read=lambda parts: cast("int", parts[0].ended),
    )


def account(username: str) -> Command[r.Account]:
    """Read the own account (``""``) or another user's."""
    message = m.AccountGet(username="" if username == "" else _username(username))
    return Command(message=message, read=lambda parts: convert.account_of(parts[0]))


# --- orders --------------------------------------------------------------------------------------


def order_new(
    side: Side,
    symbol: str,
    quantity: Amount,
    limit: Amount | None,
    time_in_force: str | TimeInForce,
    client_order_id: int,
    portfolio: int,
    tag: str | None,
    given: conditions.Conditions | None = None,
) -> Command[r.Order]:
    """Send a market order, or a limit order if ``limit`` is given, on the conditions ``given``."""
    message = order_wish(
        side, symbol, quantity, limit, time_in_force, client_order_id, portfolio, tag, given
    )
    return Command(message=message, read=lambda parts: convert.order_of(parts[0]))


def order_wish(
    side: Side,
    symbol: str,
    quantity: Amount,
    limit: Amount | None,
    time_in_force: str | TimeInForce,
    client_order_id: int,
    portfolio: int,
    tag: str | None,
    given: conditions.Conditions | None = None,
) -> m.OrderNew:
    """Build the request of an order."""
    wanted = conditions.NO_CONDITIONS
    if given is not None:
        wanted = of_kind(given, "conditions", conditions.Conditions)
    in_force = conditions.time_in_force_of(time_in_force)
    number = _number(client_order_id, "client_order_id", least=1)
    return m.OrderNew(
        client_order_id=number,
        portfolio=_number(portfolio, "portfolio"),
        symbol=check_symbol(symbol),
        side=of_kind(side, "the side", Side),
        order_type=conditions.order_type_of(wanted, limit),
        time_in_force=in_force,
        flags=conditions.flags_of(wanted),
        quantity=units_of(quantity, "quantity"),
        limit_price=NULL if limit is None else units_of(limit, "limit"),
        stop_price=conditions.stop_of(wanted),
        expire_at=conditions.until_of(wanted, in_force),
        tag=tag_of(tag),
        trigger=conditions.trigger_rows(wanted),
        legs=conditions.leg_rows(wanted.legs, number, in_force),
    )


def tag_of(tag: str | None) -> str | None:
    """Return what is to be written on an order; None for nothing."""
    if tag is None or tag == "":
        return None
    if not of_kind(tag, "the tag", str).isprintable():
        raise ValueError("a tag is one line of printable characters")
    return text_of(tag, "the tag", limits.ORDER_TAG_MAX)


def _which(order_id: int, client_order_id: int) -> None:
    _number(order_id, "order_id")
    _number(client_order_id, "client_order_id")
    if bool(order_id) == bool(client_order_id):
        raise ValueError("name the order by order_id or by client_order_id, and not by both")


def order_cancel(order_id: int, client_order_id: int, portfolio: int) -> Command[r.Order]:
    """Cancel an open order."""
    _which(order_id, client_order_id)
    message = m.OrderCancel(
        order=order_id,
        client_order_id=client_order_id,
        portfolio=_number(portfolio, "portfolio"),
    )
    return Command(message=message, read=lambda parts: convert.order_of(parts[0]))


def order(order_id: int, client_order_id: int, portfolio: int, tag: str = "") -> Command[r.Order]:
    """Read one order, the newest one if it is named by its tag."""
    if tag == "":
        _which(order_id, client_order_id)
    elif order_id or client_order_id:
        raise ValueError("name the order by a number or by its tag, and not by both")
    message = m.OrderGet(
        order=order_id,
        client_order_id=client_order_id,
        portfolio=_number(portfolio, "portfolio"),
        tag=tag_of(tag),
    )
    return Command(message=message, read=lambda parts: convert.order_of(parts[0]))


def orders(
    symbol: str,
    states: Iterable[OrderState] | None,
    every: bool,
    limit: int,
    after: int,
    portfolio: int,
    newest_first: bool = False,
) -> Command[r.Page[r.Order]]:
    """Read open orders, those in ``states``, or every order."""
    wanted = OPEN_STATES if states is None else states
    message = m.OrderList(
        portfolio=_number(portfolio, "portfolio"),
        symbol=symbol_or_any(symbol),
        states=ALL_STATES if flag_of(every, "every") else bits_of(wanted, "states", OrderState),
        limit=_number(limit, "limit", ROWS_ASKED_MAX),
        after=_number(after, "after"),
        direction=direction_of(newest_first),
    )

    def read(parts: Sequence[m.OrderListPart]) -> r.Page[r.Order]:
        rows = tuple(
            order
            for part in parts
            for order in convert.orders_of(part.orders, part.order_terms, part.order_tags)
        )
        return _page(rows, parts[-1])

    return Command(message=message, read=read)


def direction_of(newest_first: bool) -> tuple[m.DirectionRow, ...]:
    """Return the section of a request that says which way a list is to go."""
    wanted = flag_of(newest_first, "newest_first")
    return (m.DirectionRow(Direction.NEWEST_FIRST),) if wanted else ()


def _page(
    rows: tuple[r.ItemT, ...], last: m.OrderListPart | m.AssetListPart | m.TransactionsPart
) -> r.Page[r.ItemT]:
    return r.Page(
        items=rows,
        next_after=last.next_after,
        event_seq=last.event_seq,
        as_of=r.moment_of(last.as_of),
        cache_until=r.moment_of(getattr(last, "cache_until", 0)),
    )


# --- market data ---------------------------------------------------------------------------------


def asset(symbol: str) -> Command[r.Asset]:
    """Read one asset."""
    message = m.AssetGet(symbol=check_symbol(symbol))
    return Command(message=message, read=lambda parts: convert.asset_of(parts[0]))


def assets(prefix: str, limit: int) -> Command[r.Page[r.Asset]]:
    """Read the assets whose symbol begins with ``prefix``."""
    message = m.AssetList(
        limit=_number(limit, "limit", ROWS_ASKED_MAX),
        prefix=None if prefix == "" else text_of(prefix, "the prefix", limits.PREFIX_MAX),
    )

    def read(parts: Sequence[m.AssetListPart]) -> r.Page[r.Asset]:
        rows = tuple(convert.asset_of(row) for part in parts for row in part.assets)
        return _page(rows, parts[-1])

    return Command(message=message, read=read)


def quotes(symbols: str | Iterable[str], max_age_ms: int) -> Command[r.Quotes]:
    """Read the newest quotes of 1 to 64 symbols."""
    rows = _symbols(symbols, limits.QUOTE_SYMBOLS_MAX)
    if not rows:
        raise ValueError("name at least one symbol")
    message = m.QuoteGet(max_age_ms=_number(max_age_ms, "max_age_ms", 2**32 - 1), symbols=rows)
    return Command(
        message=message,
        read=lambda parts: r.Quotes(
            map(convert.quote_of, parts[0].quotes), r.moment_of(parts[0].as_of)
        ),
    )


def bars(
    symbol: str, interval: str | int, from_time: Moment, to_time: Moment, limit: int, adjust: str
) -> Command[r.Bars]:
    """Read a series of bars."""
    message = m.BarsGet(
        symbol=check_symbol(symbol),
        interval_s=interval_seconds(interval),
        adjustment=choice_of(adjust, "adjust", ADJUSTMENTS),
        newest_first=False,
        from_time=instant_of(from_time, "from_time"),
        to_time=instant_of(to_time, "to_time"),
        limit=_number(limit, "limit", limits.ROWS_MAX),
    )
    return Command(message=message, read=convert.bars_of)


# --- portfolio, history, events, workers ----------------------------------------------------------


def portfolio(number: int, username: str = "") -> Command[r.Portfolio]:
    """Read cash, totals and positions, of another user's if ``username`` is given."""
    message = m.PortfolioGet(
        portfolio=_number(number, "portfolio"), username=username_or_own(username)
    )
    return Command(message=message, read=convert.portfolio_of)


def transactions(
    from_time: Moment,
    to_time: Moment,
    kinds: Iterable[TxKind],
    limit: int,
    after: int,
    number: int,
    username: str = "",
    newest_first: bool = False,
) -> Command[r.Page[r.Transaction]]:
    """Read ledger history, of another user's if ``username`` is given."""
    message = m.TransactionsGet(
        portfolio=_number(number, "portfolio"),
        from_time=instant_of(from_time, "from_time"),
        to_time=instant_of(to_time, "to_time"),
        after=_number(after, "after"),
        kinds=bits_of(kinds, "kinds", TxKind),
        limit=_number(limit, "limit", ROWS_ASKED_MAX),
        username=username_or_own(username),
        direction=direction_of(newest_first),
    )

    def read(parts: Sequence[m.TransactionsPart]) -> r.Page[r.Transaction]:
        details = {row.transaction: row for part in parts for row in part.details}
        rows = tuple(
            convert.transaction_of(row, details.get(row.transaction), notes.get(at, ""))
            for part in parts
            for notes in (convert.notes_of(part.notes),)
            for at, row in enumerate(part.transactions)
        )
        return _page(rows, parts[-1])

    return Command(message=message, read=read)


def subscribe_quotes(
    symbols: str | Iterable[str], min_interval_ms: int, snapshot: bool
) -> m.Subscribe:
    """Build the request for quotes as they change."""
    rows = _symbols(symbols, limits.SYMBOLS_MAX)
    if not rows:
        raise ValueError("name at least one symbol")
    return m.Subscribe(
        topics=int(Topic.QUOTES),
        min_interval_ms=_number(min_interval_ms, "min_interval_ms", INTERVAL_MS_MAX),
        snapshot=flag_of(snapshot, "snapshot"),
        symbols=rows,
    )


def subscribe_account(from_event_seq: int) -> m.Subscribe:
    """Build the request for the account's numbered events."""
    return m.Subscribe(
        topics=int(Topic.ACCOUNT), from_event_seq=_number(from_event_seq, "from_event_seq")
    )


def workers(region: int) -> Command[tuple[r.WorkerInfo, ...]]:
    """Read which workers clients may use."""
    return Command(
        message=m.WorkerList(region=_number(region, "region", 2**32 - 1)),
        read=lambda parts: tuple(convert.worker_of(row) for row in parts[0].workers),
    )
