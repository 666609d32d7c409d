"""The deployment variables: name, default, what is allowed, and the comment that explains each.

A variable is read from TOML (numbers, text, dates, true and false) or from plain text (environment
and command line), so every reader takes both. Floating point never appears: TOML's decimals arrive
as `decimal.Decimal`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Final, Generic, TypeVar

import attrs

from papertrader.core.money import format_amount, parse_amount

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)

KIB: Final = 1024
MIB: Final = 1024 * KIB
GIB: Final = 1024 * MIB

WORKERS_MAX: Final = 64
PORT_MAX: Final = 65_535
LOG_BYTES_MIN: Final = 64 * KIB
LOG_BYTES_MAX: Final = GIB
UPDATE_INTERVAL_MS_MIN: Final = 100
UPDATE_INTERVAL_MS_MAX: Final = 3_600_000
SPEED_MILLI_MIN: Final = 1
SPEED_MILLI_MAX: Final = 10_000_000
SEED_MAX: Final = 2**63 - 1
STARTING_CASH_MIN: Final = parse_amount("1.00")
STARTING_CASH_MAX: Final = parse_amount("1000000000.00")
ARGON2_MEMORY_KIB_MIN: Final = 7_168
ARGON2_MEMORY_KIB_MAX: Final = 1_048_576
ARGON2_TIME_MAX: Final = 10
TEXT_SHOWN_MAX: Final = 40
"""Longest part of a wrong value that an error message repeats."""

_SIZE = re.compile(r"(\d{1,12})\s*(B|KiB|MiB|GiB)?\Z", re.ASCII | re.IGNORECASE)
_SIZE_UNITS: Final = {"": 1, "b": 1, "kib": KIB, "mib": MIB, "gib": GIB}
_LISTEN = re.compile(r"(?:\[([^\[\]]*)\]|([^:\[\]]*)):(\d{1,5})\Z", re.ASCII)
_SPEED = re.compile(r"(\d{1,5})(?:\.(\d{1,3})0*)?\Z", re.ASCII)
_INTEGER = re.compile(r"-?\d{1,19}\Z", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}\Z", re.ASCII)


class MarketSource(StrEnum):
    """Where prices come from."""

    REPLAY = "replay"
    SIMULATED = "simulated"


class Registration(StrEnum):
    """Who may open an account."""

    OPEN = "open"
    CLOSED = "closed"


@attrs.frozen
class Listen:
    """An address and port to listen on; port 0 lets the system choose a free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@attrs.frozen(kw_only=True)
class Variable(Generic[T]):
    """One deployment variable.

    ``default`` is a TOML literal; ``read`` turns a raw value into the setting or raises
    `ValueError` saying what is wrong and what is allowed; ``show`` writes a TOML literal.
    """

    name: str
    default: str
    read: Callable[[object], T]
    show: Callable[[T], str]
    comment: str

    @property
    def section(self) -> str:
        """The TOML table it stands in; empty for the top of the file."""
        return self.name.rpartition(".")[0]

    @property
    def key(self) -> str:
        """Its name within the section."""
        return self.name.rpartition(".")[2]

    @property
    def environment_name(self) -> str:
        """The environment variable that overrides the file."""
        return "PAPERTRADER_" + self.name.replace(".", "_").upper()


def _shown(raw: object) -> str:
    text = raw if isinstance(raw, str) else str(raw).lower() if isinstance(raw, bool) else str(raw)
    cut = text if len(text) <= TEXT_SHOWN_MAX else text[:TEXT_SHOWN_MAX] + "..."
    return f'"{cut}"' if isinstance(raw, str) else cut


def _quoted(value: object) -> str:
    return f'"{value}"'


def _integer(low: int, high: int, unit: str = "") -> Callable[[object], int]:
    allowed = f"allowed is a whole number from {low} to {high}{unit}"

    def read(raw: object) -> int:
        if isinstance(raw, str) and _INTEGER.match(raw.strip()):
            raw = int(raw)
        if isinstance(raw, bool) or not isinstance(raw, int) or not low <= raw <= high:
            raise ValueError(f"{_shown(raw)} is wrong; {allowed}")
        return raw

    return read


def _choice(kind: type[E]) -> Callable[[object], E]:
    allowed = " or ".join(f'"{each}"' for each in kind)

    def read(raw: object) -> E:
        for each in kind:
            if raw == each.value:
                return each
        raise ValueError(f"{_shown(raw)} is wrong; allowed is {allowed}")

    return read


def _boolean(raw: object) -> bool:
    if isinstance(raw, bool):
        return raw
    if raw in ("true", "false"):
        return raw == "true"
    raise ValueError(f"{_shown(raw)} is wrong; allowed is true or false")


def _size(raw: object) -> int:
    match = _SIZE.match(str(raw).strip()) if isinstance(raw, str | int) else None
    size = int(match[1]) * _SIZE_UNITS[(match[2] or "").lower()] if match else -1
    if isinstance(raw, bool) or not LOG_BYTES_MIN <= size <= LOG_BYTES_MAX:
        raise ValueError(
            f'{_shown(raw)} is wrong; allowed is from "64 KiB" to "1 GiB", '
            "as text with a unit or as a number of bytes"
        )
    return size


def _listen(raw: object) -> Listen:
    match = _LISTEN.match(raw.strip()) if isinstance(raw, str) else None
    try:
        if match is None or int(match[3]) > PORT_MAX:
            raise ValueError
        host = str(IPv4Address(match[2]) if match[1] is None else IPv6Address(match[1]))
    except ValueError:
        raise ValueError(
            f'{_shown(raw)} is wrong; allowed is "address:port" with an IP address of this '
            'machine, such as "127.0.0.1:2049" (this machine only), "0.0.0.0:2049" (everyone) or '
            '"[::1]:2049", and a port from 0 (any free one) to 65535'
        ) from None
    return Listen(host, int(match[3]))


def _speed(raw: object) -> int:
    text = raw.strip() if isinstance(raw, str) else str(raw)
    match = _SPEED.match(text) if isinstance(raw, str | int | Decimal) else None
    speed = int(match[1]) * 1000 + int((match[2] or "").ljust(3, "0")) if match else 0
    if not SPEED_MILLI_MIN <= speed <= SPEED_MILLI_MAX:
        raise ValueError(
            f"{_shown(raw)} is wrong; allowed is from 0.001 to 10000, with at most 3 decimals"
        )
    return speed


def _show_speed(speed_milli: int) -> str:
    whole, thousandths = divmod(speed_milli, 1000)
    return f"{whole}.{thousandths:03d}".rstrip("0").rstrip(".")


def _date(raw: object) -> date:
    if isinstance(raw, date) and not isinstance(raw, datetime):
        return raw
    try:
        if isinstance(raw, str) and _DATE.match(raw.strip()):
            return date.fromisoformat(raw.strip())
    except ValueError:
        pass
    raise ValueError(f"{_shown(raw)} is wrong; allowed is a date such as 2010-01-04")


def _cash(raw: object) -> int:
    if isinstance(raw, str):
        try:
            amount = parse_amount(raw.strip())
        except (ValueError, ArithmeticError):
            amount = 0
        if STARTING_CASH_MIN <= amount <= STARTING_CASH_MAX:
            return amount
    raise ValueError(
        f'{_shown(raw)} is wrong; allowed is a decimal number in quotes from "1.00" to '
        '"1000000000.00", without commas, such as "100000.00"'
    )


WORKERS: Final = Variable(
    name="workers",
    default="1",
    read=_integer(1, WORKERS_MAX),
    show=str,
    comment="""\
How many workers to run, 1 to 64. Clients connect to workers only, so one is the least.
The first listens on worker.listen, the second on the next port, and so on.""",
)
LOG_MEMORY_BYTES: Final[Variable[int]] = Variable(
    name="log.memory_bytes",
    default='"16 MiB"',
    read=_size,
    show=str,
    comment="""\
How much log each process keeps in memory before it goes to disk, "64 KiB" to "1 GiB".
Smaller needs less memory but a faster disk; larger is faster.""",
)
MASTER_LISTEN: Final[Variable[Listen]] = Variable(
    name="master.listen",
    default='"127.0.0.1:2048"',
    read=_listen,
    show=_quoted,
    comment="""\
Where the master waits for its workers: address:port, IPv6 as "[::1]:2048".
Only registered workers get in; keep it away from the internet all the same.""",
)
WORKER_LISTEN: Final[Variable[Listen]] = Variable(
    name="worker.listen",
    default='"127.0.0.1:2049"',
    read=_listen,
    show=_quoted,
    comment="""\
Where the first worker waits for clients. "0.0.0.0:2049" lets other machines connect;
port 0 takes any free one.""",
)
MARKET_UPDATE_INTERVAL_MS: Final = Variable(
    name="market.update_interval_ms",
    default="250",
    read=_integer(UPDATE_INTERVAL_MS_MIN, UPDATE_INTERVAL_MS_MAX, " (milliseconds)"),
    show=str,
    comment="""\
The stock data update interval in milliseconds of real time, 100 to 3600000. New prices are
fetched, and waiting orders are filled, once in each interval.""",
)
MARKET_SOURCE: Final = Variable(
    name="market.source",
    default='"replay"',
    read=_choice(MarketSource),
    show=_quoted,
    comment="""\
"replay" plays five recorded US stocks, 2000 to 2013; "simulated" invents a market from a seed.
Neither needs a key or a network.""",
)
MARKET_SPEED: Final[Variable[int]] = Variable(
    name="market.speed",
    default="60",
    read=_speed,
    show=_show_speed,
    comment="""\
How many market seconds pass in one real second, 0.001 to 10000. At 60 a trading day takes
six and a half minutes.""",
)
MARKET_START: Final[Variable[date]] = Variable(
    name="market.start",
    default="2010-01-04",
    read=_date,
    show=str,
    comment="""\
The market's first day. Replay: 2000-03-01 to 2013-03-01. Simulated: 1991-01-02 to 2026-12-31.""",
)
MARKET_KEEP_CLOSED_HOURS: Final[Variable[bool]] = Variable(
    name="market.keep_closed_hours",
    default="false",
    read=_boolean,
    show=lambda value: str(value).lower(),
    comment="""\
true lets nights, weekends and holidays pass at market.speed; false skips them.""",
)
MARKET_SEED: Final = Variable(
    name="market.seed",
    default="1",
    read=_integer(0, SEED_MAX),
    show=str,
    comment="""\
The same seed gives the same market again, tick by tick: the simulated one, and the paths within
each day of the replayed one.""",
)
ACCOUNTS_STARTING_CASH: Final[Variable[int]] = Variable(
    name="accounts.starting_cash",
    default='"100000.00"',
    read=_cash,
    show=lambda amount: _quoted(format_amount(amount)),
    comment="""\
What a new account begins with, as a decimal number in quotes.""",
)
ACCOUNTS_REGISTRATION: Final = Variable(
    name="accounts.registration",
    default='"open"',
    read=_choice(Registration),
    show=_quoted,
    comment="""\
"open" lets anyone who reaches a worker open an account; "closed" lets only the operator.""",
)
AUTH_ARGON2_MEMORY_KIB: Final = Variable(
    name="auth.argon2_memory_kib",
    default="19456",
    read=_integer(ARGON2_MEMORY_KIB_MIN, ARGON2_MEMORY_KIB_MAX, " (KiB)"),
    show=str,
    comment="""\
Memory that checking one password takes, in KiB. More makes stolen hashes dearer to guess and
logins slower.""",
)
AUTH_ARGON2_TIME: Final = Variable(
    name="auth.argon2_time",
    default="2",
    read=_integer(1, ARGON2_TIME_MAX),
    show=str,
    comment="""\
Passes over that memory, 1 to 10.""",
)

VARIABLES: Final[tuple[Variable[Any], ...]] = (
    WORKERS,
    LOG_MEMORY_BYTES,
    MASTER_LISTEN,
    WORKER_LISTEN,
    MARKET_SOURCE,
    MARKET_UPDATE_INTERVAL_MS,
    MARKET_SPEED,
    MARKET_START,
    MARKET_KEEP_CLOSED_HOURS,
    MARKET_SEED,
    ACCOUNTS_STARTING_CASH,
    ACCOUNTS_REGISTRATION,
    AUTH_ARGON2_MEMORY_KIB,
    AUTH_ARGON2_TIME,
)
"""All of them, in the order of the settings file: each section in one piece."""
