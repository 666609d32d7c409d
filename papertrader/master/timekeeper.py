"""Setting the market's clock: CLOCK_SET. See ``specs/decisions/0012-turning-the-clock.rst``.

An operator may, and whoever has the only account of the installation: a market of one's own.
"""

from __future__ import annotations

from typing import Final

import attrs

from papertrader.core.events import ClockSet, Outcome
from papertrader.core.instants import DAY, format_instant
from papertrader.core.marketclock import SPEED_MAX, ClockField, ClockMode
from papertrader.master.accounts import AccountBook
from papertrader.master.assets import Assets
from papertrader.master.commands import Command, Refused
from papertrader.master.operators import Operators
from papertrader.master.replies import stored_reply
from papertrader.master.sessions import Session
from papertrader.master.transactions import Transactions
from papertrader.net.clock import Clock
from papertrader.wire import messages as m
from papertrader.wire.derived import Message
from papertrader.wire.kinds import Status

STEP_MAX: Final = 400 * DAY
"""Longest step; for more there is NOW."""

_FIELDS, _SPEED, _NOW, _STEP = 0, 4, 8, 16
"""Offsets that refusals name."""


@attrs.frozen(kw_only=True)
class ClockSettings:
    """What the settings say of the market's clock, for what was set against them."""

    speed_milli: int
    start: int


class Timekeeper:
    """The module (see above)."""

    def __init__(
        self,
        assets: Assets,
        clock: Clock,
        transactions: Transactions,
        book: AccountBook,
        operators: Operators,
        settings: ClockSettings,
    ) -> None:
        self._assets = assets
        self._market = assets.market
        self._clock = clock
        self._transactions = transactions
        self._book = book
        self._operators = operators
        self._settings = settings

    def clock_set(self, command: Command, session: Session, message: m.ClockSet) -> bytes:
        """Answer CLOCK_SET: the clock as it is set, once for ever."""
        stored = stored_reply(command, session)
        if stored is not None:
            return stored
        self._require(session)
        fields = ClockField(message.fields)
        self._check(message, fields)
        # Each of the quotes that are left is an input of its own: none may come within this one.
        self._assets.finish()
        before = self._market.now()
        self._turn(message, fields)
        at, desk = self._market.now(), self._transactions.desk
        setting = ClockSet(
            market=self._market.name,
            epoch=0,
            mode=self._market.market_clock.mode,
            paused=self._market.market_clock.paused,
            speed_milli=self._market.speed_milli,
            market_at=at,
            speed_setting=self._settings.speed_milli,
            start_setting=self._settings.start,
            at=command.accepted_at,
            back=at < before,
        )

        def decide(seq: int) -> Outcome:
            return desk.set_clock(seq=seq, setting=setting)

        def answer(_outcome: Outcome) -> Message:
            self._market.epoch = desk.state.epoch
            self._assets.clock_set(at, back=setting.back)
            return self._assets.hours.clock_reply(m.ClockSetReply)

        portfolio = self._transactions.first_portfolio(session)
        reply = self._transactions.decide(command, session, portfolio, decide, answer)
        # The first prices of the new time follow the record of how it came about.
        self._assets.update_soon()
        return reply

    def _require(self, session: Session) -> None:
        if not self._operators.is_operator(session) and len(self._book) > 1:
            raise Refused(
                Status.SCOPE_DENIED,
                "Others have accounts here too, so only an operator may set the market's clock.",
            )

    def _check(self, message: m.ClockSet, fields: ClockField) -> None:
        """Raise `Refused` for what this clock cannot do."""
        mode = self._market.market_clock.mode
        if not fields or (ClockField.NOW | ClockField.STEP) in fields:
            raise Refused(
                Status.INVALID_FIELD,
                "Say what is to be set; NOW and STEP do not go together.",
                field=_FIELDS,
            )
        if ClockField.MODE in fields and message.mode != mode:
            raise Refused(
                Status.CLOCK_FIXED,
                f"This is the {self._market.name} market; another one is chosen when the server"
                " is started (papertrader up --market).",
            )
        if mode is ClockMode.LIVE and fields & ~ClockField.MODE:
            raise Refused(
                Status.CLOCK_FIXED,
                "A live market follows the real time; start the replay or simulated market to set"
                " its clock.",
            )
        if ClockField.SPEED in fields and not 1 <= message.speed_milli <= SPEED_MAX:
            raise Refused(
                Status.INVALID_FIELD, "The speed must lie between 0.001 and 10,000.", field=_SPEED
            )
        if ClockField.STEP in fields and not 1 <= message.step <= STEP_MAX:
            raise Refused(
                Status.INVALID_FIELD, "A step is 1 nanosecond to 400 days long.", field=_STEP
            )
        self._check_target(message, fields)

    def _check_target(self, message: m.ClockSet, fields: ClockField) -> None:
        first, last = self._market.begins_at, self._market.market_clock.market_end
        target, field = first, _NOW
        if ClockField.NOW in fields:
            target = message.now
        elif ClockField.STEP in fields:
            target, field = self._market.now() + message.step, _STEP
        if not first <= target or (last and target > last):
            raise Refused(
                Status.CLOCK_FIXED,
                f"This market has prices from {format_instant(first)} to"
                f" {format_instant(last) if last else 'no end'}; choose a time between.",
                field=field,
            )

    def _turn(self, message: m.ClockSet, fields: ClockField) -> None:
        market_clock, wall = self._market.market_clock, self._clock.wall_ns()
        if ClockField.SPEED in fields:
            market_clock.set_speed(message.speed_milli, wall)
        if ClockField.NOW in fields:
            market_clock.go_to(message.now, wall)
        elif ClockField.STEP in fields:
            market_clock.pause(wall)
            market_clock.go_to(market_clock.now(wall) + message.step, wall)
        if ClockField.PAUSED in fields:
            if message.paused:
                market_clock.pause(wall)
            else:
                market_clock.resume(wall)
