"""What a client session has to know of requests: what needs no session."""

from __future__ import annotations

from typing import Final

from papertrader.wire.kinds import Opcode

LOGS_IN: Final = frozenset({Opcode.LOGIN, Opcode.RESUME})
SESSIONLESS: Final = frozenset(
    {Opcode.REGISTER, Opcode.LOGIN, Opcode.RESUME, Opcode.PASSWORD_RESET}
)
"""Requests that are sent with session 0."""
