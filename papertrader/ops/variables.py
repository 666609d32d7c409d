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
from typing import Any, Final, TypeVar

import attrs

from papertrader.core.money import format_amount, parse_amount
from papertrader.master.registration import Registration
from papertrader.master.tries import ADDRESS_TRIES
from papertrader.ops.provider_variables import (
    PROVIDER_VARIABLES,
    read_providers,
    read_symbols,
    show_words,
)
from papertrader.ops.store_variables import (
    MASTER_STANDBY,
    STORE_LOW_WATER,
    STORE_URL,
    WORKER_MASTERS,
)
from papertrader.ops.variable import Variable, size_between, text_literal
from papertrader.ops.variable import shown as _shown
from papertrader.ops.web_variables import WEB_STRICT_TRANSPORT

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)

KIB: Final = 1024
MIB: Final = 1024 * KIB
GIB: Final = 1024 * MIB

WORKERS_MAX: Final = 64
PORT_MAX: Final = 65_535
PORTS_PER_WORKER: Final = 2
"""One for clients, one for browsers: the workers of one machine do not get in each other's way."""
LOG_BYTES_MIN: Final = 64 * KIB
LOG_BYTES_MAX: Final = GIB
UPDATE_INTERVAL_MS_AUTO: Final = 250
"""How often a market is looked at that is not asked for over a network."""
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
RATE_MAX: Final = 1_000_000
ADDRESS_CONNECTIONS_MAX: Final = 5_000
PATH_MAX: Final = 4_096

_LISTEN = re.compile(r"(?:\[([^\[\]]*)\]|([^:\[\]]*)):(\d{1,5})\Z", re.ASCII)
_SPEED = re.compile(r"(\d{1,5})(?:\.(\d{1,3})0*)?\Z", re.ASCII)
_INTEGER = re.compile(r"-?\d{1,19}\Z", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}\Z", re.ASCII)


class MarketSource(StrEnum):
    """Where prices come from."""

    REPLAY = "replay"
    SIMULATED = "simulated"
    LIVE = "live"


@attrs.frozen
class Listen:
    """An address and port to listen on; port 0 lets the system choose a free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


WEB_AUTO: Final = Listen("", -1)
"""Where browsers are waited for if nothing is said: the port after that for other clients."""


def _interval_ms(raw: object) -> int:
    """Read the stock data update interval; 0 is "auto"."""
    if isinstance(raw, str) and raw.strip() == "auto":
        return 0
    try:
        return _integer(UPDATE_INTERVAL_MS_MIN, UPDATE_INTERVAL_MS_MAX, " (milliseconds)")(raw)
    except ValueError as error:
        raise ValueError(f'{error}, or "auto"') from None


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


_size = size_between(LOG_BYTES_MIN, LOG_BYTES_MAX, 'from "64 KiB" to "1 GiB"')


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


def _web_listen(raw: object) -> Listen | None:
    """Read where browsers are waited for: None is "off", port -1 is "auto"."""
    if raw == "off":
        return None
    if raw == "auto":
        return WEB_AUTO
    try:
        return _listen(raw)
    except ValueError as error:
        raise ValueError(f'{error}, or "auto" or "off"') from None


def _listen_or_off(raw: object) -> Listen | None:
    if raw == "off":
        return None
    try:
        return _listen(raw)
    except ValueError as error:
        raise ValueError(f'{error}, or "off"') from None


def _show_web(value: Listen | None) -> str:
    if value is None:
        return '"off"'
    return '"auto"' if value == WEB_AUTO else text_literal(value)


def _path_text(raw: object) -> str:
    if isinstance(raw, str) and len(raw) <= PATH_MAX and raw.isprintable():
        return raw.strip()
    raise ValueError(f"{_shown(raw)} is wrong; allowed is the path of a file or directory")


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
The first listens on worker.listen, the second two ports further, and so on.""",
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
LOG_COMMANDS: Final[Variable[bool]] = Variable(
    name="log.commands",
    default="true",
    read=_boolean,
    show=lambda value: str(value).lower(),
    comment="""\
true: each command that changes something leaves a trail in the log, two entries of its worker
and two of the master ("papertrader log show --correlation"); false spares the time for it.""",
)
MASTER_LISTEN: Final[Variable[Listen]] = Variable(
    name="master.listen",
    default='"127.0.0.1:2048"',
    read=_listen,
    show=text_literal,
    comment="""\
Where the master waits for its workers: address:port, IPv6 as "[::1]:2048".
Only registered workers get in; keep it away from the internet all the same.""",
)
WORKER_LISTEN: Final[Variable[Listen]] = Variable(
    name="worker.listen",
    default='"127.0.0.1:2049"',
    read=_listen,
    show=text_literal,
    comment="""\
Where the first worker waits for clients. "0.0.0.0:2049" lets other machines connect;
port 0 takes any free one.""",
)
WEB_LISTEN: Final[Variable[Listen | None]] = Variable(
    name="web.listen",
    default='"auto"',
    read=_web_listen,
    show=_show_web,
    comment="""\
Where the first worker waits for browsers. "auto": where it waits for clients, one port further
(2050); "off": nowhere. Each further worker has its ports two further.""",
)
GATEWAY_LISTEN: Final[Variable[Listen | None]] = Variable(
    name="gateway.listen",
    default='"off"',
    read=_listen_or_off,
    show=_show_web,
    comment="""\
Where the first worker speaks Alpaca's public API over HTTPS, for programs written for it with
alpaca-py: "127.0.0.1:2070", say; "off": nowhere. Each further worker has its port two further.
Programs log in with an API key; papertrader key create --trade tells what to give them.""",
)
METRICS_LISTEN: Final[Variable[Listen | None]] = Variable(
    name="metrics.listen",
    default='"off"',
    read=_listen_or_off,
    show=_show_web,
    comment="""\
Where the master tells its figures to Prometheus (/metrics) and whether it serves (/health), with
neither login nor TLS: "127.0.0.1:9464", say; "off": nowhere. Needs the extra "metrics".""",
)
MARKET_UPDATE_INTERVAL_MS: Final = Variable(
    name="market.update_interval_ms",
    default='"auto"',
    read=_interval_ms,
    show=lambda value: str(value) if value else '"auto"',
    comment="""\
The stock data update interval in milliseconds of real time, 100 to 3600000, or "auto". New prices
are fetched, and waiting orders are filled, once in each interval. "auto" is 250 for a recorded or
simulated market; for a live one the shortest that the providers' limits hold (papertrader plan
tells it): symbols with open orders get it, those held and those watched twice and four times.""",
)
MARKET_SOURCE: Final = Variable(
    name="market.source",
    default='"replay"',
    read=_choice(MarketSource),
    show=text_literal,
    comment="""\
"replay" plays five recorded US stocks, 2000 to 2013; "simulated" invents a market from a seed.
Neither needs a key or a network. "live" asks the providers of market.providers for the prices of
today, at the real speed: speed, start, keep_closed_hours and seed do not count for it.""",
)
MARKET_DATA: Final[Variable[str]] = Variable(
    name="market.data",
    default='""',
    read=_path_text,
    show=text_literal,
    comment="""\
Files of your own prices for the replay market: a CSV or Parquet file, or a directory of such,
with daily rows, minute rows or quotes; a relative path counts from this file. Empty: the recorded
stocks that come with PaperTrader. Unless start is set, the market begins with the first price.""",
)
MARKET_ASSETS: Final[Variable[str]] = Variable(
    name="market.assets",
    default='""',
    read=_path_text,
    show=text_literal,
    comment="""\
The list of assets: a CSV or TOML file that says which symbols are listed, and of each its name,
status (tradable, halted, close_only), flags and limits; a relative path counts from this file.
Empty: all that the market has. papertrader assets import writes one from a provider.""",
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
MARKET_EXTENDED_HOURS: Final[Variable[bool]] = Variable(
    name="market.extended_hours",
    default="false",
    read=_boolean,
    show=lambda value: str(value).lower(),
    comment="""\
true gives US stocks prices from 04:00 to 09:30 and from 16:00 to 20:00 too, in which limit orders
with the extended-hours flag work. For the simulated market, and for your own files of quotes.""",
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
MARKET_PROVIDERS: Final[Variable[tuple[str, ...]]] = Variable(
    name="market.providers",
    default='"kraken coinbase"',
    read=read_providers,
    show=show_words,
    comment="""\
Who is asked for live prices, in this order: the next one stands in for one that fails. See
papertrader provider list. Keys: one file each in the directory keys beside this file, mode 0600,
or PAPERTRADER_KEY_NAME in the environment.""",
)
MARKET_SYMBOLS: Final[Variable[tuple[str, ...]]] = Variable(
    name="market.symbols",
    default='""',
    read=read_symbols,
    show=show_words,
    comment="""\
The symbols of the live market, such as "AAPL MSFT BTC/USD"; empty for a few that the providers
suggest.""",
)
ACCOUNTS_STARTING_CASH: Final[Variable[int]] = Variable(
    name="accounts.starting_cash",
    default='"100000.00"',
    read=_cash,
    show=lambda amount: text_literal(format_amount(amount)),
    comment="""\
What a new account begins with, as a decimal number in quotes.""",
)
ACCOUNTS_REGISTRATION: Final = Variable(
    name="accounts.registration",
    default='"open"',
    read=_choice(Registration),
    show=text_literal,
    comment="""\
"open" lets anyone who reaches a worker open an account; "invite" lets who has an invitation
(papertrader invite create); "closed" lets nobody, but with one that was made beside the server.""",
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

LIMITS_REQUESTS_PER_SECOND: Final = Variable(
    name="limits.requests_per_second",
    default="50",
    read=_integer(1, RATE_MAX),
    show=str,
    comment="""\
Requests that one connection may make in a second, on average; HELLO tells clients.
Raise these limits for tests of load only: they protect each client from the others.""",
)
LIMITS_REQUESTS_AT_ONCE: Final = Variable(
    name="limits.requests_at_once",
    default="100",
    read=_integer(1, RATE_MAX),
    show=str,
    comment="""\
Requests that one connection may make at once after a rest.""",
)
LIMITS_CONNECTS_PER_SECOND: Final = Variable(
    name="limits.connects_per_second",
    default="10",
    read=_integer(1, RATE_MAX),
    show=str,
    comment="""\
New connections from one address in a second, on average.""",
)
LIMITS_CONNECTS_AT_ONCE: Final = Variable(
    name="limits.connects_at_once",
    default="30",
    read=_integer(1, RATE_MAX),
    show=str,
    comment="""\
New connections from one address at once after a rest.""",
)
LIMITS_CONNECTIONS_PER_ADDRESS: Final = Variable(
    name="limits.connections_per_address",
    default="32",
    read=_integer(1, ADDRESS_CONNECTIONS_MAX),
    show=str,
    comment="""\
Open connections of one address to one worker.""",
)

LIMITS_LOGINS_PER_SECOND: Final = Variable(
    name="limits.logins_per_second",
    default="10",
    read=_integer(1, RATE_MAX),
    show=str,
    comment="""\
Logins with a password over one worker in a second, on average; those of five seconds may come at
once. Checking one takes some 30 ms of a processor.""",
)
LIMITS_FAILED_LOGINS_PER_ADDRESS: Final = Variable(
    name="limits.failed_logins_per_address",
    default=str(ADDRESS_TRIES),
    read=_integer(1, RATE_MAX),
    show=str,
    comment="""\
Failed logins from one address in ten minutes; then even a right password has to wait for their
end. More where many people share one address. Failures of one name are counted apart.""",
)
LIMITS_REGISTRATIONS_PER_SECOND: Final = Variable(
    name="limits.registrations_per_second",
    default="1",
    read=_integer(1, RATE_MAX),
    show=str,
    comment="""\
New accounts over one worker in a second, on average; those of a minute may come at once.""",
)
LIMITS_REGISTRATIONS_PER_HOUR: Final = Variable(
    name="limits.registrations_per_hour",
    default="5",
    read=_integer(1, RATE_MAX),
    show=str,
    comment="""\
New accounts from one address in an hour. The worker's own machine is not counted.""",
)
LIMITS_REGISTRATIONS_PER_DAY: Final = Variable(
    name="limits.registrations_per_day",
    default="1000",
    read=_integer(1, RATE_MAX),
    show=str,
    comment="""\
New accounts of the whole server in a day.""",
)

VARIABLES: Final[tuple[Variable[Any], ...]] = (
    WORKERS,
    LOG_MEMORY_BYTES,
    LOG_COMMANDS,
    STORE_URL,
    STORE_LOW_WATER,
    MASTER_LISTEN,
    MASTER_STANDBY,
    WORKER_LISTEN,
    WORKER_MASTERS,
    WEB_LISTEN,
    WEB_STRICT_TRANSPORT,
    GATEWAY_LISTEN,
    METRICS_LISTEN,
    MARKET_SOURCE,
    MARKET_UPDATE_INTERVAL_MS,
    MARKET_SPEED,
    MARKET_START,
    MARKET_KEEP_CLOSED_HOURS,
    MARKET_EXTENDED_HOURS,
    MARKET_SEED,
    MARKET_DATA,
    MARKET_ASSETS,
    MARKET_PROVIDERS,
    MARKET_SYMBOLS,
    ACCOUNTS_STARTING_CASH,
    ACCOUNTS_REGISTRATION,
    AUTH_ARGON2_MEMORY_KIB,
    AUTH_ARGON2_TIME,
    LIMITS_REQUESTS_PER_SECOND,
    LIMITS_REQUESTS_AT_ONCE,
    LIMITS_CONNECTS_PER_SECOND,
    LIMITS_CONNECTS_AT_ONCE,
    LIMITS_CONNECTIONS_PER_ADDRESS,
    LIMITS_LOGINS_PER_SECOND,
    LIMITS_FAILED_LOGINS_PER_ADDRESS,
    LIMITS_REGISTRATIONS_PER_SECOND,
    LIMITS_REGISTRATIONS_PER_HOUR,
    LIMITS_REGISTRATIONS_PER_DAY,
    *(variable for variables in PROVIDER_VARIABLES.values() for variable in variables),
)
"""All of them, in the order of the settings file: each section in one piece."""
