"""Options of ``buy`` and ``sell`` beyond a limit: stops, legs, an amount of money, how long."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

import attrs
import click

from papertrader.cli.output import amount, moment, money, name
from papertrader.cli.parameters import AMOUNT, MOMENT, Kind
from papertrader.cli.problems import Problem
from papertrader.client.conditions import IN_FORCE, Conditions, Leg, leg_rows, trail_of
from papertrader.client.results import Order
from papertrader.core.orders import LegRole, OrderState, OrderType, Side, TimeInForce

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])


class TrailType(Kind):
    """How far a stop trails: an amount, or a percentage."""

    name = "distance"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text as it is, if it can be one."""
        try:
            trail_of(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return str(value)


class LegType(Kind):
    """An order that comes with another one, in words: role, side, prices."""

    name = "leg"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Leg:
        """Return the leg."""
        role, *words = str(value).lower().replace("-", "_").split() or [""]
        if role not in _ROLES:
            self.fail(f"{value!r} must begin with one of {', '.join(_ROLES)}", param, ctx)
        given: dict[str, Any] = {"role": _ROLES[role]}
        for word in words:
            key, _, text = word.partition("=")
            if key in _SIDES and not text:
                given["side"] = _SIDES[key]
            elif key in _LEG_WORDS and text and _LEG_WORDS[key] not in given:
                given[_LEG_WORDS[key]] = text
            else:
                self.fail(
                    f"{word!r} is no part of a leg; write buy or sell, and"
                    f" {'=..., '.join(_LEG_WORDS)}=..., each once",
                    param,
                    ctx,
                )
        try:
            leg = Leg(**given)
            leg_rows((leg,), 1, TimeInForce.GTC)
        except ValueError as error:
            self.fail(f"{value!r}: {error}", param, ctx)
        return leg


_ROLES: dict[str, LegRole] = {each.name.lower(): each for each in LegRole if each != LegRole.NONE}
_SIDES = {"buy": Side.BUY, "sell": Side.SELL}
_LEG_WORDS = {
    "limit": "limit",
    "stop": "stop",
    "touch": "touch",
    "trail": "trail",
    "trigger": "trigger",
    "tif": "time_in_force",
}
TRAIL, LEG = TrailType(), LegType()


@attrs.define(kw_only=True)
class Asked:
    """What the options ask for."""

    quantity: Decimal
    in_force: str
    conditions: Conditions


def condition_options(function: FunctionT) -> FunctionT:
    """Add the options."""
    options = (
        click.option("--stop", type=AMOUNT, metavar="PRICE", help="Begin when it turns this bad."),
        click.option("--touch", type=AMOUNT, metavar="PRICE", help="Begin when it gets this good."),
        click.option(
            "--trail", type=TRAIL, metavar="N|N%", help="A stop so far behind the best price."
        ),
        click.option(
            "--trigger",
            type=click.Choice(["default", "last", "bid-ask"]),
            default="default",
            help="Which price begins it; default: the last trade while inside bid and ask.",
        ),
        click.option(
            "--take-profit", type=AMOUNT, metavar="PRICE", help="Then close it at this limit."
        ),
        click.option("--stop-loss", type=AMOUNT, metavar="PRICE", help="Then close it if so bad."),
        click.option(
            "--trail-loss", type=TRAIL, metavar="N|N%", help="The same with a stop that trails."
        ),
        click.option(
            "--or-stop", type=AMOUNT, metavar="PRICE", help="With --limit: or at this stop instead."
        ),
        click.option(
            "--leg",
            "other_legs",
            type=LEG,
            multiple=True,
            metavar="'ROLE [SIDE] PRICES'",
            help="Any order that comes with it, as 'stop-loss stop=190 limit=188' or"
            " 'oto sell trail=1%'; repeat it.",
        ),
        click.option(
            "--tif",
            type=click.Choice(sorted(IN_FORCE)),
            default=None,
            help="How long it stands, by its name.",
        ),
        click.option("--until", type=MOMENT, metavar="TIME", help="Until then, market time (gtd)."),
        click.option(
            "--notional", type=AMOUNT, metavar="MONEY", help="For this much, instead of QUANTITY."
        ),
        click.option("--reduce-only", is_flag=True, help="No more than closes the position."),
        click.option("--allow-flip", is_flag=True, help="It may go through zero (margin)."),
        click.option("--extended-hours", is_flag=True, help="It may fill outside the session."),
    )
    for option in reversed(options):
        function = option(function)
    return function


def asked_for(quantity: Decimal | None, in_force: str, given: dict[str, Any]) -> Asked:
    """Put the options together; ``in_force`` is "" where another option did not say it.

    Raises `Problem` for those that exclude one another.
    """
    money_given = given["notional"]
    if (quantity is None) == (money_given is None):
        raise Problem.usage("give QUANTITY or --notional MONEY, and not both")
    until, tif = given["until"], given["tif"]
    if tif is not None and in_force:
        raise Problem.usage(f"--tif and --{in_force} exclude one another")
    if until is not None and (tif or in_force or "gtd") != "gtd":
        raise Problem.usage("--until is the end of a gtd order; leave out the other")
    in_force = tif or in_force or ("gtd" if until is not None else "day")
    if in_force == "gtd" and until is None:
        raise Problem.usage("a gtd order needs --until TIME")
    if given["stop_loss"] is not None and given["trail_loss"] is not None:
        raise Problem.usage("--stop-loss and --trail-loss exclude one another")
    conditions = Conditions(
        stop=given["stop"],
        touch=given["touch"],
        trail=given["trail"],
        trigger=given["trigger"].replace("-", "_"),
        until=until,
        for_money=money_given is not None,
        reduce_only=given["reduce_only"],
        allow_flip=given["allow_flip"],
        extended_hours=given["extended_hours"],
        legs=_legs(given),
    )
    return Asked(
        quantity=quantity if quantity is not None else money_given,
        in_force=in_force,
        conditions=conditions,
    )


def _legs(given: dict[str, Any]) -> tuple[Leg, ...]:
    legs = []
    if given["take_profit"] is not None:
        legs.append(Leg(role=LegRole.TAKE_PROFIT, limit=given["take_profit"]))
    if given["stop_loss"] is not None or given["trail_loss"] is not None:
        legs.append(Leg(role=LegRole.STOP_LOSS, stop=given["stop_loss"], trail=given["trail_loss"]))
    if given["or_stop"] is not None:
        legs.append(Leg(role=LegRole.OCO, stop=given["or_stop"]))
    return (*legs, *given["other_legs"])


def price_of(order: Order) -> str:
    """Say in words at what price an order trades, and when it begins."""
    words = []
    terms = order.terms
    if terms is not None and terms.trail is not None:
        distance = f"{amount(terms.trail)} %" if terms.trails_percent else money(terms.trail)
        stop = "" if order.stop_price is None else f", now {money(order.stop_price)}"
        words.append(f"with a stop that trails by {distance}{stop}")
    elif order.stop_price is not None:
        is_stop = order.order_type in (OrderType.STOP, OrderType.STOP_LIMIT)
        words.append(f"{'stop' if is_stop else 'when touched'} {money(order.stop_price)}")
    if order.limit_price is not None:
        words.append(f"at {money(order.limit_price)}")
    elif not words:
        words.append("at the market")
    if order.time_in_force == TimeInForce.GTD:
        words.append(f"until {moment(order.expire_at)} UTC")
    return ", ".join(words)


def reached(order: Order) -> str:
    """Say of a stop that was triggered what it may pay at most; "" for any other order."""
    if order.terms is None or order.terms.triggered_at is None or order.collar_price is None:
        return ""
    return f": its stop was reached, and it buys at {money(order.collar_price)} at most"


def leg_line(leg: Order) -> str:
    """Describe an order that hangs together with another one."""
    terms = leg.terms
    role = name(terms.role).replace("_", " ") if terms is not None else "order"
    waits = f", waits for order {terms.parent}" if terms and leg.state == OrderState.HELD else ""
    return f"  order {leg.order_id}, {role}: {name(leg.side)} {price_of(leg)}{waits}"
