"""What an operator demands of logins: settings, and what a master goes by."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

IDLE_DAYS: Final = 14
IDLE_DAYS_MAX: Final = 30
"""Days without use after which a remembered session ends; it lives no longer than the second."""


class Demand(StrEnum):
    """A second factor: of nobody, of operators, or of every account."""

    OFFERED = "offered"
    OPERATORS = "operators"
    EVERYBODY = "everybody"
