"""Every bound of the protocol, by name; each has a status code and a test that hits it."""

from __future__ import annotations

from typing import Final, NamedTuple

from papertrader.wire.kinds import Status

HEADER_SIZE: Final = 32
CLIENT_FRAME_MAX: Final = 64 * 1024 + HEADER_SIZE
"""Largest frame (header included) a client may send."""
FRAME_MAX: Final = 1024 * 1024
"""Largest frame (header included) anyone may send."""
FRAME_MAX_LEAST: Final = CLIENT_FRAME_MAX
"""What everyone must be able to take, whatever its HELLO says. No part of a transfer is larger, so
that nobody needs to cut one to a peer's size."""
PART_BODY_MAX: Final = 64 * 1024
"""Largest body of one part of a transfer."""
SECTIONS_MAX: Final = 32
ROWS_MAX: Final = 50_000
"""Rows in one transfer; ``after`` pages further."""
LIST_ROWS_DEFAULT: Final = 500
INFLIGHT_MAX: Final = 64
"""Unanswered requests on one client connection."""
COMMAND_RATE: Final = 50
COMMAND_BURST: Final = 100
"""Commands a second of one session, and how many at once."""
CONTROL_RATE: Final = 20
CONTROL_BURST: Final = 40
"""PING and other control frames a second on one connection."""
CONNECTIONS_PER_ADDRESS: Final = 32
CONNECTIONS_MAX: Final = 5_000
SESSIONS_PER_ACCOUNT: Final = 16
SESSIONS_PER_CONNECTION: Final = 1
PORTFOLIOS_PER_ACCOUNT: Final = 16
"""As `papertrader.core.rules.DeskRules.portfolios_max`; a test compares them."""
KEYS_PER_ACCOUNT: Final = 16
"""API keys of one account that are not revoked."""
WATCHLISTS_PER_ACCOUNT: Final = 16
WATCHLIST_SYMBOLS: Final = 512
"""Symbols of one watchlist: what one subscription may have."""
ALERTS_PER_ACCOUNT: Final = 128
"""Alerts of one account, open ones and those that have ended and are not deleted."""
HELLO_TIMEOUT_S: Final = 5
FRAME_TIMEOUT_S: Final = 10
"""A frame must be complete so long after its first octet (slow-loris)."""
KEEPALIVE_S: Final = 15
KEEPALIVE_MIN_S: Final = 5
KEEPALIVE_MAX_S: Final = 120
INNER_KEEPALIVE_S: Final = 2
"""Keep-alive on the worker link: a silent cut is seen after two and a quarter of it."""
LINGER_S: Final = 2
OUTPUT_SOFT: Final = 256 * 1024
OUTPUT_HARD: Final = 4 * 1024 * 1024
"""Octets queued for one client: quotes conflate from the first on, at the second it is closed."""
RELAY_WINDOW_FRAMES: Final = 4_096
RELAY_WINDOW_OCTETS: Final = 16 * 1024 * 1024
"""RELAY_UP not yet acknowledged by the master, per worker."""
RELAY_CREDIT_OCTETS: Final = 256 * 1024
"""What the master may send a client before its worker gives more credit."""
SYMBOLS_MAX: Final = 512
"""Symbols in one subscription, and in one QUOTE_GET at most `QUOTE_SYMBOLS_MAX`."""
QUOTE_SYMBOLS_MAX: Final = 64
SUBSCRIPTIONS_MAX: Final = 16
"""Subscriptions of one client connection."""
REPLIES_KEPT: Final = 1_024
"""Stored replies of one session."""
EVENTS_KEPT: Final = 65_536
"""Account events kept for replay."""
REFUSALS_KEPT: Final = 1_000
"""Refused orders of one account of which the receipt is shown; the journal has the older ones."""
REPLAY_BATCH: Final = 64
BARS_ROWS_MAX: Final = 5_000
"""Bars worked out in one go; a longer series is asked for in pages, so that no one waits."""
EQUITY_SESSIONS_MAX: Final = 8_192
"""Sessions that one equity curve may have; some thirty years of an exchange."""
EQUITY_POINTS_MAX: Final = 4_096
"""Points of an equity curve within days: ten sessions of minutes, two years of hours."""
EQUITY_PRICES_MAX: Final = 200_000
"""Prices that such a curve may need: of each symbol ever held, one at each point."""
CLOCK_TOLERANCE_MS: Final = 250
"""How far a worker's stamp may lie outside the measured bound of its clock."""
SOFTWARE_MAX: Final = 64
NOTICE_MAX: Final = 1_024
TEXT_MAX: Final = 1_024
USERNAME_MAX: Final = 24
EMAIL_MAX: Final = 321
PASSWORD_MIN: Final = 8
PASSWORD_MAX: Final = 256
TAG_TEXT_MAX: Final = 64
ORDER_TAG_MAX: Final = 128
"""Octets of what a trader writes on an order to know it by."""
CODE_MAX: Final = 64
"""Octets of a second factor's code, an invitation, or a reset token, as people type them."""
RECOVERY_CODES: Final = 10
RECOVERY_CODES_TEXT_MAX: Final = 512
SEED_TEXT_MAX: Final = 64
INVITATIONS_MAX: Final = 1_000
"""Invitations that are open at a time."""
INVITATION_LIFETIME_MAX_S: Final = 90 * 86_400
RESET_LIFETIME_S: Final = 86_400
PROOF_S: Final = 600
"""So long after a password or a code was shown in a session it may change what proves its owner."""
COMMAND_DEADLINE_S: Final = 5
"""A command that reaches the master so long after its worker read it is not done any more."""
COMBINED_ORDERS_MAX: Final = 8
"""Orders shown beside the one that they hang together with."""
CLOSING_SHOWN_MAX: Final = 128
"""Orders shown in the reply of a POSITION_CLOSE."""
NAME_MAX: Final = 128
EXCHANGE_MAX: Final = 32
PREFIX_MAX: Final = 16
PEM_MAX: Final = 16_384
"""Certificates or a request for one, as PEM text: a chain of three takes some 3,000."""
NETWORKS_MAX: Final = 64
ENROLLMENT_TOKEN_S: Final = 900
ENROLLMENT_RATE: Final = 1
"""Enrollments a second, of all peers together."""
ENROLLMENTS_OPEN_MAX: Final = 8
ENROLLMENT_S: Final = 10
DUPLICATE_PING_S: Final = 2
"""How long the older of two links of one worker has to show that it lives."""


WORKER_LOG_OCTETS: Final = 48 * 1024
"""Lines of its log that a worker sends its master in one frame, and in a second."""


class LimitRule(NamedTuple):
    """A row of the table of limits: which constant, in what unit, what is said beyond it, and why.

    ``status`` is None where nothing is said: a default, or what only the own side keeps to.
    """

    name: str
    unit: str
    status: Status | None
    meaning: str


RULES: Final = (
    LimitRule("HEADER_SIZE", "octets", Status.BAD_LENGTH, "header of every frame, exactly"),
    LimitRule(
        "CLIENT_FRAME_MAX", "octets", Status.FRAME_TOO_LARGE, "frame of a client, with header"
    ),
    LimitRule("FRAME_MAX", "octets", Status.FRAME_TOO_LARGE, "frame of anyone, with header"),
    LimitRule("FRAME_MAX_LEAST", "octets", None, "frame that everyone must be able to take"),
    LimitRule("PART_BODY_MAX", "octets", None, "body of one part of a transfer"),
    LimitRule(
        "SECTIONS_MAX", "sections", Status.BAD_LENGTH, "sections of one frame; they do not nest"
    ),
    LimitRule("ROWS_MAX", "rows", Status.RANGE_TOO_LARGE, "rows of one transfer; page further"),
    LimitRule("BARS_ROWS_MAX", "rows", Status.RANGE_TOO_LARGE, "bars of one BARS_GET"),
    LimitRule(
        "EQUITY_SESSIONS_MAX",
        "sessions",
        Status.RANGE_TOO_LARGE,
        "of an equity curve",
    ),
    LimitRule("EQUITY_POINTS_MAX", "points", Status.RANGE_TOO_LARGE, "of one within days"),
    LimitRule("EQUITY_PRICES_MAX", "prices", Status.RANGE_TOO_LARGE, "that such a one needs"),
    LimitRule("LIST_ROWS_DEFAULT", "rows", None, "rows of a list when the request says 0"),
    LimitRule(
        "INFLIGHT_MAX", "requests", Status.TOO_MANY_INFLIGHT, "open requests of a connection"
    ),
    LimitRule(
        "COMMAND_RATE", "per second", Status.RATE_LIMITED, "requests of one session, on average"
    ),
    LimitRule("COMMAND_BURST", "requests", Status.RATE_LIMITED, "requests of one session at once"),
    LimitRule(
        "WORKER_LOG_OCTETS", "octets", Status.SECTION_TOO_LARGE, "log lines of a worker, a second"
    ),
    LimitRule("CONTROL_RATE", "per second", Status.PROTOCOL_STATE, "control frames, on average"),
    LimitRule("CONTROL_BURST", "frames", Status.PROTOCOL_STATE, "control frames at once"),
    LimitRule("CONNECTIONS_PER_ADDRESS", "connections", None, "from one address: cut before TLS"),
    LimitRule("CONNECTIONS_MAX", "connections", None, "of one worker: cut before TLS"),
    LimitRule("SESSIONS_PER_ACCOUNT", "sessions", Status.TOO_MANY_SESSIONS, "of one account"),
    LimitRule("PORTFOLIOS_PER_ACCOUNT", "portfolios", Status.PORTFOLIO_LIMIT, "of one account"),
    LimitRule("KEYS_PER_ACCOUNT", "keys", Status.TOO_MANY_KEYS, "of one account"),
    LimitRule(
        "WATCHLISTS_PER_ACCOUNT", "lists", Status.TOO_MANY_WATCHLISTS, "watchlists of one account"
    ),
    LimitRule("WATCHLIST_SYMBOLS", "rows", Status.SECTION_TOO_LARGE, "symbols of one watchlist"),
    LimitRule(
        "ALERTS_PER_ACCOUNT", "alerts", Status.TOO_MANY_ALERTS, "of one account, until deleted"
    ),
    LimitRule("SESSIONS_PER_CONNECTION", "sessions", Status.SESSION_IN_USE, "of one connection"),
    LimitRule("HELLO_TIMEOUT_S", "seconds", Status.HELLO_TIMEOUT, "from connecting to HELLO"),
    LimitRule("FRAME_TIMEOUT_S", "seconds", Status.KEEPALIVE_TIMEOUT, "for a frame to be complete"),
    LimitRule(
        "KEEPALIVE_S", "seconds", Status.KEEPALIVE_TIMEOUT, "keep-alive interval, by default"
    ),
    LimitRule("KEEPALIVE_MIN_S", "seconds", None, "shortest interval that a client is given"),
    LimitRule("KEEPALIVE_MAX_S", "seconds", None, "longest interval"),
    LimitRule(
        "INNER_KEEPALIVE_S", "seconds", Status.KEEPALIVE_TIMEOUT, "interval on the worker link"
    ),
    LimitRule("LINGER_S", "seconds", None, "from GOODBYE to cutting the transport"),
    LimitRule("OUTPUT_SOFT", "octets", None, "queued for a client: from here on quotes conflate"),
    LimitRule("OUTPUT_HARD", "octets", Status.SLOW_CONSUMER, "queued for a client, at most"),
    LimitRule(
        "RELAY_WINDOW_FRAMES", "frames", Status.MASTER_UNAVAILABLE, "RELAY_UP not acknowledged"
    ),
    LimitRule(
        "RELAY_WINDOW_OCTETS", "octets", Status.MASTER_UNAVAILABLE, "RELAY_UP not acknowledged"
    ),
    LimitRule("RELAY_CREDIT_OCTETS", "octets", None, "relayed to a client before more credit"),
    LimitRule("SYMBOLS_MAX", "rows", Status.SECTION_TOO_LARGE, "symbols of one SUBSCRIBE"),
    LimitRule("QUOTE_SYMBOLS_MAX", "rows", Status.SECTION_TOO_LARGE, "symbols of one QUOTE_GET"),
    LimitRule(
        "SUBSCRIPTIONS_MAX", "subscriptions", Status.TOO_MANY_SYMBOLS, "of one client connection"
    ),
    LimitRule("REPLIES_KEPT", "replies", Status.SEQ_TOO_OLD, "stored replies of one session"),
    LimitRule("REFUSALS_KEPT", "orders", None, "refused orders of one account that are shown"),
    LimitRule("EVENTS_KEPT", "events", Status.RESUME_GAP, "events of one account kept for replay"),
    LimitRule("REPLAY_BATCH", "events", None, "replayed at once, before live traffic has its turn"),
    LimitRule(
        "CLOCK_TOLERANCE_MS", "milliseconds", Status.CLOCK_SKEW, "stamp outside the clock's bound"
    ),
    LimitRule("SOFTWARE_MAX", "octets", Status.SECTION_TOO_LARGE, "SOFTWARE"),
    LimitRule("NOTICE_MAX", "octets", Status.SECTION_TOO_LARGE, "NOTICE"),
    LimitRule("TEXT_MAX", "octets", Status.SECTION_TOO_LARGE, "TEXT"),
    LimitRule("USERNAME_MAX", "octets", Status.SECTION_TOO_LARGE, "USERNAME"),
    LimitRule("EMAIL_MAX", "octets", Status.SECTION_TOO_LARGE, "EMAIL"),
    LimitRule("PASSWORD_MIN", "octets", Status.INVALID_FIELD, "a new password, at least"),
    LimitRule("PASSWORD_MAX", "octets", Status.SECTION_TOO_LARGE, "PASSWORD"),
    LimitRule("COMBINED_ORDERS_MAX", "rows", None, "orders shown beside one they hang on"),
    LimitRule("CLOSING_SHOWN_MAX", "rows", None, "orders shown by a POSITION_CLOSE"),
    LimitRule(
        "CODE_MAX", "octets", Status.SECTION_TOO_LARGE, "TOTP, INVITE and RESET_TOKEN, as typed"
    ),
    LimitRule("RECOVERY_CODES", "codes", None, "recovery codes of an account"),
    LimitRule("RECOVERY_CODES_TEXT_MAX", "octets", Status.SECTION_TOO_LARGE, "CODES"),
    LimitRule("SEED_TEXT_MAX", "octets", Status.SECTION_TOO_LARGE, "SEED"),
    LimitRule(
        "INVITATIONS_MAX", "invitations", Status.TOO_MANY_INVITATIONS, "open ones of a server"
    ),
    LimitRule("INVITATION_LIFETIME_MAX_S", "seconds", Status.INVALID_FIELD, "longest life of one"),
    LimitRule("RESET_LIFETIME_S", "seconds", Status.AUTH_FAILED, "life of a reset token"),
    LimitRule("PROOF_S", "seconds", Status.PROOF_TOO_OLD, "how long a shown password counts"),
    LimitRule(
        "COMMAND_DEADLINE_S", "seconds", Status.EXPIRED, "from the worker's stamp to the master"
    ),
    LimitRule("TAG_TEXT_MAX", "octets", Status.SECTION_TOO_LARGE, "TAG"),
    LimitRule("ORDER_TAG_MAX", "octets", Status.SECTION_TOO_LARGE, "ORDER_TAG"),
    LimitRule("NAME_MAX", "octets", Status.SECTION_TOO_LARGE, "NAME"),
    LimitRule("EXCHANGE_MAX", "octets", Status.SECTION_TOO_LARGE, "EXCHANGE and SOURCE"),
    LimitRule("PREFIX_MAX", "octets", Status.SECTION_TOO_LARGE, "PREFIX"),
    LimitRule("PEM_MAX", "octets", Status.SECTION_TOO_LARGE, "CSR, CERTIFICATE, TRUST, ..."),
    LimitRule("ENROLLMENT_TOKEN_S", "seconds", Status.ENROLLMENT_REFUSED, "life of a token"),
    LimitRule("ENROLLMENT_RATE", "a second", Status.RATE_LIMITED, "enrollments, of all together"),
    LimitRule("ENROLLMENTS_OPEN_MAX", "connections", Status.TOO_MANY_CONNECTIONS, "that enroll"),
    LimitRule("ENROLLMENT_S", "seconds", Status.HELLO_TIMEOUT, "for an enrollment to be done"),
    LimitRule("DUPLICATE_PING_S", "seconds", None, "for the older of two links to show life"),
    LimitRule("NETWORKS_MAX", "octets", Status.SECTION_TOO_LARGE, "NETWORKS"),
)
"""The table of limits, complete."""

if CLIENT_FRAME_MAX > FRAME_MAX or PART_BODY_MAX + HEADER_SIZE > FRAME_MAX_LEAST:
    raise RuntimeError("a part must fit in what everyone takes, and a client's frame in anyone's")
if 2 * (PART_BODY_MAX + HEADER_SIZE) > RELAY_CREDIT_OCTETS:
    raise RuntimeError("the credit must let parts through while half of it is not given back")
