"""The numbers that say who may do what: how one logs in, scopes, privacy, states of accounts."""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Final


class Mechanism(IntEnum):
    """How a LOGIN proves who it is. 4 and up are kept for sealed logins.

    API_KEY: the PASSWORD section is the key's number (8 octets, big-endian) and its secret (32),
    written as 80 hexadecimal digits; the user name may be left empty.
    SESSION_TOKEN opens a second session beside a remembered one, whose token (64 hexadecimal
    digits) stands in the PASSWORD section; that token is not used up. The new session ends with the
    old one at the latest. So several programs of one user can share one stored login.
    """

    PASSWORD = 1
    API_KEY = 2
    SESSION_TOKEN = 3


class Scope(IntEnum):
    """What a session may do; each may do what those below it may: see `SCOPE_RANK`.

    SETUP is said, never asked for: the session may set up a second factor, and nothing else yet.
    """

    READ = 1
    TRADE = 2
    ADMIN = 3
    HOST = 4
    SETUP = 5


SCOPE_RANK: Final[dict[int, int]] = {
    Scope.SETUP: 0,
    Scope.READ: 1,
    Scope.TRADE: 2,
    Scope.HOST: 3,
    Scope.ADMIN: 4,
}
"""The order of the scopes; their numbers are those of the wire, older than HOST."""


def allows(scope: int, needed: Scope) -> bool:
    """Tell whether a session of ``scope`` may do what ``needed`` may."""
    return SCOPE_RANK.get(scope, 0) >= SCOPE_RANK[needed]


def lower_scope(one: int, other: int) -> int:
    """Return the scope of two that may do less."""
    return one if SCOPE_RANK[Scope(one)] <= SCOPE_RANK[Scope(other)] else other


class Privacy(IntFlag):
    """What an account shows to others."""

    PORTFOLIO_PUBLIC = 1
    HISTORY_PUBLIC = 2
    LISTED = 4


class AccountField(IntFlag):
    """What an ACCOUNT_UPDATE sets."""

    PRIVACY = 1
    EMAIL = 2


class AccountStatus(IntEnum):
    """Whether an account may be used."""

    ACTIVE = 1
    SUSPENDED = 2
    CLOSED = 3


class AccountRole(IntEnum):
    """What an account may be besides a trader's: which scopes its logins may have."""

    TRADER = 0
    HOST = 1
    OPERATOR = 2


class AccountAction(IntEnum):
    """What an operator does to an account (ACCOUNT_CONTROL)."""

    DISABLE = 1
    ENABLE = 2
    CLOSE = 3
    END_SESSIONS = 4
    SET_ROLE = 5
    TOTP_OFF = 6
