"""Of whom a second factor is demanded: a setting, and what a master goes by."""

from __future__ import annotations

from enum import StrEnum


class Demand(StrEnum):
    """Of nobody, of operators, or of every account."""

    OFFERED = "offered"
    OPERATORS = "operators"
    EVERYBODY = "everybody"
