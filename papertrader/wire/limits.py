"""Every bound of the protocol, by name; each has a status code and a test that hits it."""

from __future__ import annotations

from typing import Final

HEADER_SIZE: Final = 32
CLIENT_FRAME_MAX: Final = 64 * 1024 + HEADER_SIZE
"""Largest frame (header included) a client may send."""
FRAME_MAX: Final = 1024 * 1024
"""Largest frame (header included) anyone may send."""
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
HELLO_TIMEOUT_S: Final = 5
FRAME_TIMEOUT_S: Final = 10
"""A frame must be complete so long after its first octet (slow-loris)."""
KEEPALIVE_S: Final = 15
KEEPALIVE_MIN_S: Final = 5
KEEPALIVE_MAX_S: Final = 120
INNER_KEEPALIVE_S: Final = 2
"""Keep-alive on the worker link: a silent cut is seen within 5 seconds."""
LINGER_S: Final = 2
OUTPUT_SOFT: Final = 256 * 1024
OUTPUT_HARD: Final = 4 * 1024 * 1024
"""Octets queued for one client: quotes conflate from the first on, at the second it is closed."""
RELAY_WINDOW_FRAMES: Final = 4_096
RELAY_WINDOW_OCTETS: Final = 16 * 1024 * 1024
"""RELAY_UP not yet acknowledged by the master, per worker."""
SYMBOLS_MAX: Final = 512
"""Symbols in one subscription, and in one QUOTE_GET at most `QUOTE_SYMBOLS_MAX`."""
QUOTE_SYMBOLS_MAX: Final = 64
SUBSCRIPTIONS_MAX: Final = 16
"""Subscriptions of one client connection."""
REPLIES_KEPT: Final = 1_024
"""Stored replies of one session."""
EVENTS_KEPT: Final = 65_536
"""Account events kept for replay."""
REPLAY_BATCH: Final = 64
CLOCK_TOLERANCE_MS: Final = 250
"""How far a worker's stamp may lie outside the measured bound of its clock."""
SOFTWARE_MAX: Final = 64
NOTICE_MAX: Final = 1_024
TEXT_MAX: Final = 1_024
EMAIL_MAX: Final = 321
PASSWORD_MIN: Final = 8
PASSWORD_MAX: Final = 256
TAG_TEXT_MAX: Final = 64
NAME_MAX: Final = 128
EXCHANGE_MAX: Final = 32
PREFIX_MAX: Final = 16

if CLIENT_FRAME_MAX > FRAME_MAX or PART_BODY_MAX + HEADER_SIZE > FRAME_MAX:
    raise RuntimeError("a part must fit in a frame, and a client's frame in anyone's")
