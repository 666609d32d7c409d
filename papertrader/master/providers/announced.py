"""What providers announce of companies: splits and cash dividends, as read and as believed.

An announcement names an ex-date; when it counts is the opening of that day's session. What two rows
say of the same share, kind and day must agree, but dividends of one day add up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from math import gcd
from typing import Final

import attrs

from papertrader.core.actions import RATIO_MAX
from papertrader.core.calendar import Calendar
from papertrader.core.instants import midnight_of
from papertrader.core.quotes import ActionKind, CorporateAction
from papertrader.master.providers.exact import units
from papertrader.master.providers.faults import BadValue
from papertrader.master.providers.provider import Announcement, Problem

PRICE_SHARE: Final = 2
"""A dividend of more than the last price divided by this is not believed."""


def ratio(new: object, old: object) -> tuple[int, int]:
    """Return a split as whole numbers in lowest terms. Raises `BadValue` for an impossible one."""
    above, below = units(new, "new_rate"), units(old, "old_rate")
    if above <= 0 or below <= 0:
        raise BadValue("a split of nothing")
    common = gcd(above, below)
    above, below = above // common, below // common
    if max(above, below) > RATIO_MAX or above == below:
        raise BadValue(f"a split of {above} for {below}")
    return above, below


def combined(found: Iterable[Announcement]) -> tuple[list[Announcement], list[Problem]]:
    """Return one announcement of each share, kind and day; those that contradict are problems."""
    kept: dict[tuple[str, ActionKind, date], Announcement] = {}
    wrong: dict[tuple[str, ActionKind, date], Problem] = {}
    seen: set[tuple[object, ...]] = set()
    for each in found:
        key = (each.symbol, each.kind, each.ex_date)
        if attrs.astuple(each) in seen:
            # The same row on two pages, or twice.
            continue
        seen.add(attrs.astuple(each))
        before = kept.get(key)
        if before is None:
            kept[key] = each
        elif each.kind is ActionKind.CASH_DIVIDEND:
            kept[key] = attrs.evolve(before, amount=before.amount + each.amount)
        else:
            wrong[key] = Problem(each.symbol, "two different splits on one day")
    return [each for key, each in kept.items() if key not in wrong], list(wrong.values())


def believed(each: Announcement, last: int) -> str:
    """Return why an announcement is not believed, "" if it is; ``last`` price 0 if unknown."""
    if each.kind is ActionKind.CASH_DIVIDEND and last > 0 and each.amount * PRICE_SHARE > last:
        return "a dividend of more than half the price"
    return ""


def action_of(
    each: Announcement, calendars: Mapping[str, Calendar], calendar: str
) -> CorporateAction:
    """Return the corporate action: at the opening of the ex-date's session, or of the next one."""
    session = calendars[calendar].next_session(midnight_of(each.ex_date))
    return CorporateAction(
        symbol=each.symbol,
        kind=each.kind,
        at=session.open,
        numerator=each.numerator,
        denominator=each.denominator,
        amount=each.amount,
    )
