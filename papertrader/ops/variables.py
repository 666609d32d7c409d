"""The deployment variables: name, default, what is allowed, and the comment that explains each.

Those of the market, the limits, the store, the providers and the web stand in files of their own.

A variable is read from TOML (numbers, text, dates, true and false) or from plain text (environment
and command line), so every reader takes both. Floating point never appears: TOML's decimals arrive
as `decimal.Decimal`.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Final

import attrs

from papertrader.core.money import format_amount, parse_amount
from papertrader.master.demand import IDLE_DAYS, IDLE_DAYS_MAX, Demand
from papertrader.master.registration import Registration
from papertrader.ops.limit_variables import LIMIT_VARIABLES
from papertrader.ops.market_variables import MARKET_VARIABLES
from papertrader.ops.provider_variables import PROVIDER_VARIABLES
from papertrader.ops.store_variables import (
    MASTER_STANDBY,
    STORE_LOW_WATER,
    STORE_URL,
    WORKER_MASTERS,
)
from papertrader.ops.variable import (
    Variable,
    boolean,
    one_of,
    place,
    show_boolean,
    shown,
    size_between,
    text_literal,
    whole_number,
)
from papertrader.ops.web_variables import WEB_STRICT_TRANSPORT

KIB: Final = 1024
MIB: Final = 1024 * KIB
GIB: Final = 1024 * MIB

WORKERS_MAX: Final = 64
PORT_MAX: Final = 65_535
PORTS_PER_WORKER: Final = 2
"""One for clients, one for browsers: the workers of one machine do not get in each other's way."""
LOG_BYTES_MIN: Final = 64 * KIB
LOG_BYTES_MAX: Final = GIB
STARTING_CASH_MIN: Final = parse_amount("1.00")
STARTING_CASH_MAX: Final = parse_amount("1000000000.00")
CURRENCIES: Final = (
    "AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "INR", "JPY",
    "KRW", "MXN", "NOK", "NZD", "PLN", "SEK", "SGD", "TRY", "USD", "ZAR",
)  # fmt: skip
"""Those of the package's table of exchange rates."""
ARGON2_MEMORY_KIB_MIN: Final = 7_168
ARGON2_MEMORY_KIB_MAX: Final = 1_048_576
ARGON2_TIME_MAX: Final = 10

_LISTEN = re.compile(r"(?:\[([^\[\]]*)\]|([^:\[\]]*)):(\d{1,5})\Z", re.ASCII)


@attrs.frozen
class Listen:
    """An address and port to listen on; port 0 lets the system choose a free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return place(self.host, self.port)


WEB_AUTO: Final = Listen("", -1)
"""Where browsers are waited for if nothing is said: the port after that for other clients."""

_size = size_between(LOG_BYTES_MIN, LOG_BYTES_MAX, 'from "64 KiB" to "1 GiB"')


def _listen(raw: object) -> Listen:
    match = _LISTEN.match(raw.strip()) if isinstance(raw, str) else None
    try:
        if match is None or int(match[3]) > PORT_MAX:
            raise ValueError
        host = str(IPv4Address(match[2]) if match[1] is None else IPv6Address(match[1]))
    except ValueError:
        raise ValueError(
            f'{shown(raw)} is wrong; allowed is "address:port" with an IP address of this '
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


def _cash(raw: object) -> int:
    if isinstance(raw, str):
        try:
            amount = parse_amount(raw.strip())
        except (ValueError, ArithmeticError):
            amount = 0
        if STARTING_CASH_MIN <= amount <= STARTING_CASH_MAX:
            return amount
    raise ValueError(
        f'{shown(raw)} is wrong; allowed is a decimal number in quotes from "1.00" to '
        '"1000000000.00", without commas, such as "100000.00"'
    )


def _currency(raw: object) -> str:
    if raw in CURRENCIES:
        return str(raw)
    raise ValueError(f"{shown(raw)} is wrong; allowed is one of {', '.join(CURRENCIES)}")


WORKERS: Final = Variable(
    name="workers",
    default="1",
    read=whole_number(1, WORKERS_MAX),
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
    read=boolean,
    show=show_boolean,
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
ACCOUNTS_STARTING_CASH: Final[Variable[int]] = Variable(
    name="accounts.starting_cash",
    default='"100000.00"',
    read=_cash,
    show=lambda amount: text_literal(format_amount(amount)),
    comment="""\
What a new account begins with, as a decimal number in quotes.""",
)
ACCOUNTS_CURRENCY: Final[Variable[str]] = Variable(
    name="accounts.currency",
    default='"USD"',
    read=_currency,
    show=text_literal,
    comment="""\
In which currency new accounts and contests are kept, such as "EUR" or "JPY". The accounts that
there are keep theirs. Margin portfolios and contests trade only what is priced in it; the market
that comes with the package and the simulated one are priced in "USD".""",
)
ACCOUNTS_REGISTRATION: Final = Variable(
    name="accounts.registration",
    default='"open"',
    read=one_of(Registration),
    show=text_literal,
    comment="""\
"open" lets anyone who reaches a worker open an account; "invite" lets who has an invitation
(papertrader invite create); "closed" lets nobody, but with one that was made beside the server.""",
)
AUTH_ARGON2_MEMORY_KIB: Final = Variable(
    name="auth.argon2_memory_kib",
    default="19456",
    read=whole_number(ARGON2_MEMORY_KIB_MIN, ARGON2_MEMORY_KIB_MAX, " (KiB)"),
    show=str,
    comment="""\
Memory that checking one password takes, in KiB. More makes stolen hashes dearer to guess and
logins slower.""",
)
AUTH_ARGON2_TIME: Final = Variable(
    name="auth.argon2_time",
    default="2",
    read=whole_number(1, ARGON2_TIME_MAX),
    show=str,
    comment="""\
Passes over that memory, 1 to 10.""",
)
AUTH_SECOND_FACTOR: Final = Variable(
    name="auth.second_factor",
    default='"offered"',
    read=one_of(Demand),
    show=text_literal,
    comment="""\
"offered" lets everybody decide whether logins need a second factor; "operators" demands one of
operators, "everybody" of every account. Who has none may log in to set one up (papertrader totp
setup), and do nothing else before; API keys of such an account open nothing.""",
)
AUTH_IDLE_DAYS: Final = Variable(
    name="auth.idle_days",
    default=str(IDLE_DAYS),
    read=whole_number(1, IDLE_DAYS_MAX),
    show=str,
    comment="""\
Days without use after which a remembered login ends (papertrader login), 1 to 30; 30 days after
the password was typed it ends in any case. Others end a minute after their connection.""",
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
    *MARKET_VARIABLES,
    ACCOUNTS_STARTING_CASH,
    ACCOUNTS_CURRENCY,
    ACCOUNTS_REGISTRATION,
    AUTH_ARGON2_MEMORY_KIB,
    AUTH_ARGON2_TIME,
    AUTH_SECOND_FACTOR,
    AUTH_IDLE_DAYS,
    *LIMIT_VARIABLES,
    *(variable for variables in PROVIDER_VARIABLES.values() for variable in variables),
)
"""All of them, in the order of the settings file: each section in one piece."""
