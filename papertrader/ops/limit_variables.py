"""The deployment variables of what one client, one address and one worker may ask for."""

from __future__ import annotations

from typing import Any, Final

from papertrader.master.tries import ADDRESS_TRIES
from papertrader.ops.variable import Variable, whole_number

RATE_MAX: Final = 1_000_000
ADDRESS_CONNECTIONS_MAX: Final = 5_000

LIMITS_REQUESTS_PER_SECOND: Final = Variable(
    name="limits.requests_per_second",
    default="50",
    read=whole_number(1, RATE_MAX),
    show=str,
    comment="""\
Requests that one connection may make in a second, on average; HELLO tells clients.
Raise these limits for tests of load only: they protect each client from the others.""",
)
LIMITS_REQUESTS_AT_ONCE: Final = Variable(
    name="limits.requests_at_once",
    default="100",
    read=whole_number(1, RATE_MAX),
    show=str,
    comment="""\
Requests that one connection may make at once after a rest.""",
)
LIMITS_CONNECTS_PER_SECOND: Final = Variable(
    name="limits.connects_per_second",
    default="10",
    read=whole_number(1, RATE_MAX),
    show=str,
    comment="""\
New connections from one address in a second, on average.""",
)
LIMITS_CONNECTS_AT_ONCE: Final = Variable(
    name="limits.connects_at_once",
    default="30",
    read=whole_number(1, RATE_MAX),
    show=str,
    comment="""\
New connections from one address at once after a rest.""",
)
LIMITS_CONNECTIONS_PER_ADDRESS: Final = Variable(
    name="limits.connections_per_address",
    default="32",
    read=whole_number(1, ADDRESS_CONNECTIONS_MAX),
    show=str,
    comment="""\
Open connections of one address to one worker.""",
)

LIMITS_LOGINS_PER_SECOND: Final = Variable(
    name="limits.logins_per_second",
    default="10",
    read=whole_number(1, RATE_MAX),
    show=str,
    comment="""\
Logins with a password over one worker in a second, on average; those of five seconds may come at
once. Checking one takes some 30 ms of a processor.""",
)
LIMITS_FAILED_LOGINS_PER_ADDRESS: Final = Variable(
    name="limits.failed_logins_per_address",
    default=str(ADDRESS_TRIES),
    read=whole_number(1, RATE_MAX),
    show=str,
    comment="""\
Failed logins from one address in ten minutes; then even a right password has to wait for their
end. More where many people share one address. Failures of one name are counted apart.""",
)
LIMITS_REGISTRATIONS_PER_SECOND: Final = Variable(
    name="limits.registrations_per_second",
    default="1",
    read=whole_number(1, RATE_MAX),
    show=str,
    comment="""\
New accounts over one worker in a second, on average; those of a minute may come at once.""",
)
LIMITS_REGISTRATIONS_PER_HOUR: Final = Variable(
    name="limits.registrations_per_hour",
    default="5",
    read=whole_number(1, RATE_MAX),
    show=str,
    comment="""\
New accounts from one address in an hour. The worker's own machine is not counted.""",
)
LIMITS_REGISTRATIONS_PER_DAY: Final = Variable(
    name="limits.registrations_per_day",
    default="1000",
    read=whole_number(1, RATE_MAX),
    show=str,
    comment="""\
New accounts of the whole server in a day.""",
)

LIMIT_VARIABLES: Final[tuple[Variable[Any], ...]] = (
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
)
"""The section, in its order."""
