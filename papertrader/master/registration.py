"""Who may open an account: a setting, and what the accounts go by."""

from __future__ import annotations

from enum import StrEnum


class Registration(StrEnum):
    """Everybody, who has an invitation, or nobody but with one that was made beside the service."""

    OPEN = "open"
    INVITE = "invite"
    CLOSED = "closed"
