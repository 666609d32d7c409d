"""The numbers of sections: never renumbered, retired ones are kept. `kinds` hands them on."""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class Tag(IntEnum):
    """Section tags. Bit 15: critical. Bit 14: group of rows."""

    TEXT = 0x0001
    SOFTWARE = 0x0002
    NOTICE = 0x0003
    FIELD = 0x0004
    RETRY_AFTER = 0x0005
    EMAIL = 0x0006
    PASSWORD = 0x0007
    NEW_PASSWORD = 0x0008
    DEVICE = 0x000A
    TAG = 0x000B
    NAME = 0x000C
    EXCHANGE = 0x000D
    SOURCE = 0x000E
    INNER = 0x0010
    FRAME = 0x0011
    BARS = 0x4001
    POSITIONS = 0x4002
    ORDERS = 0x4003
    TRANSACTIONS = 0x4004
    QUOTES = 0x4005
    ASSETS = 0x4006
    SESSIONS = 0x4007
    SYMBOLS = 0x4008
    WORKERS = 0x4009
    EQUITY = 0x400A
    STATS = 0x400C
    RECEIPT = 0x400D
    PREVIEW = 0x400E
    SUCCESSOR = 0x400F
    KEYS = 0x4010
    ENTRIES = 0x4011
    LOTS = 0x4012
    PORTFOLIOS = 0x4013
    DETAILS = 0x4018
    EARNINGS = 0x4019
    MARGIN = 0x401A
    PLAN = 0x401B
    CONTESTS = 0x4030
    STANDINGS = 0x4031
    MARKS = 0x4032
    RECEIPTS = 0x4020
    WORKING = 0x4021
    INTERVAL = 0x4022
    CLOSINGS = 0x4026
    GIVEN = 0x4023
    REFUSALS = 0x4024
    NOTES = 0x4025
    ORDER_TERMS = 0x4040
    ORDER_TAGS = 0x4041
    WATCHES = 0x4050
    ALERTS = 0x4051
    PREFIX = 0x0014
    LINES = 0x0017
    FILE = 0x0018
    CSR = 0x0060
    PUBLIC_CSR = 0x0061
    CERTIFICATE = 0x0062
    PUBLIC_CERTIFICATE = 0x0063
    TRUST = 0x0064
    NETWORKS = 0x0065
    HOSTS = 0x0066
    REGISTERED = 0x4060
    INVITE = 0x0015
    TOTP = 0x0050
    SEED = 0x0051
    CODES = 0x0052
    RESET_TOKEN = 0x0053
    ORDER_TAG = 0x0070
    INVITATIONS = 0x4070
    ACCOUNTS = 0x4071
    LIMIT_HITS = 0x4072
    LINK = 0x4073
    USERNAME = 0x8016
    TRIGGER = 0xC014
    DIRECTION = 0xC071
    LEGS = 0xC00D
    LOTS_KEPT = 0xC019


TAG_CRITICAL: Final = 0x8000
TAG_GROUP: Final = 0x4000
GREASE_TAGS: Final = (0x005A, 0x015A, 0x3F5A)
