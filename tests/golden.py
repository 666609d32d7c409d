"""Golden cases: the ledger's rules as JSON stories in ``specs/vectors/ledger``, and their player.

A case is an object: ``title``, ``rule`` (what it shows), optional ``start`` (market time of the
first step, ISO 8601; each step comes a second after the one before unless it says ``at``), optional
``assets`` and ``portfolios`` (one of each by default: ACME, and portfolio 1 of account 1 with
10,000.00 USD), ``rates`` (lines of a table of exchange rates), and ``steps``.

A step has one input: ``order``, ``preview``, ``replace``, ``cancel``, ``cancel_all``, ``close``,
``quote``, ``time``, ``action``, ``cash``, ``reset`` or ``terms``. What is expected of it:

- ``refusal`` and perhaps ``says`` (part of the sentence); a command without it must be accepted;
- ``events``: all events that it causes, in order, each with the figures that matter;
- ``orders``: what is then known of some orders, by client order id;
- ``portfolio``: what the first portfolio (or ``portfolios``: those named) then has.

Amounts are decimal text, enumerations their names, absent prices ``null``. Orders are named by
their client order id (``id``), which a case chooses itself.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import attrs

from papertrader.core import orders as o
from papertrader.core.desk import Desk
from papertrader.core.events import Event, OrderChanged, Outcome, TransactionPosted
from papertrader.core.exchange import read_rates
from papertrader.core.instants import SECOND, from_datetime
from papertrader.core.money import NULL, SCALE, format_amount, parse_amount
from papertrader.core.quotes import (
    ActionKind,
    Asset,
    AssetFlag,
    AssetKind,
    AssetStatus,
    CorporateAction,
    Quote,
    QuoteFlag,
)
from papertrader.core.refusals import Refusal
from papertrader.core.rules import DeskRules
from papertrader.core.statehash import StateHash
from papertrader.core.terms import PortfolioTerms, TermsFlag

CASES = Path(__file__).parent.parent / "specs" / "vectors" / "ledger"
START = "2024-06-03T14:00:00Z"

_TEXT = {"symbol", "currency", "name", "calendar", "exchange", "market", "why", "successor"}
_NUMBERS = {
    "fill",
    "version",
    "fills",
    "season",
    "account",
    "portfolio",
    "expect_version",
    "lots",
    "transaction",
    "open_orders",
    "hold_seconds",
    "seed",
    "basis_points",
    "numerator",
    "denominator",
}
_INSTANTS = {"expire_at", "works_from", "received_at", "source_time", "observed_at", "settles_at"}
_INSTANTS |= {"called_at", "due_at", "carried_to", "market_at"}
_FLAGS: dict[str, Any] = {"flags": QuoteFlag}


def parse_instant(text: str) -> int:
    """Read ISO 8601."""
    return from_datetime(datetime.fromisoformat(text))


def case_files() -> list[Path]:
    """Return the files of all cases in order."""
    return sorted(CASES.glob("[0-9]*.json"))


def _value(name: str, given: Any, enums: dict[str, type[enum.IntEnum]]) -> Any:
    """Turn what a case says of a field into the desk's value."""
    if name in enums:
        return enums[name][given]
    if given is None:
        return NULL
    if name in _INSTANTS:
        return parse_instant(given)
    if isinstance(given, str) and name not in _TEXT:
        return parse_amount(given)
    return given


def _same(name: str, found: Any, expected: Any) -> bool:
    """Tell whether a figure is what a case expects."""
    if isinstance(found, enum.Enum):
        return bool(found.name == expected)
    if name == "reason":
        return (Refusal(found).name if found else "") == expected
    if expected is None:
        return bool(found == NULL)
    if name in _INSTANTS:
        return bool(found == (parse_instant(expected) if expected else 0))
    if isinstance(expected, str) and isinstance(found, int):
        return bool(found == parse_amount(expected))
    return bool(found == expected)


def shown(found: Any) -> str:
    """Write a figure as a case would."""
    if isinstance(found, enum.Enum):
        return found.name
    if isinstance(found, int) and found == NULL:
        return "null"
    return f"{format_amount(found)} ({found})" if isinstance(found, int) else str(found)


@attrs.define
class Player:
    """Plays one case on a desk; raises `AssertionError` where it goes otherwise than told."""

    case: dict[str, Any]
    desk: Desk = attrs.field(init=False)
    now: int = attrs.field(init=False)
    seq: int = 0
    quotes: int = 0
    transactions: int = 0
    events: list[Event] = attrs.Factory(list)
    names: dict[int, tuple[int, int]] = attrs.Factory(dict)

    def __attrs_post_init__(self) -> None:
        self.now = parse_instant(self.case.get("start", START))
        self.desk = self.new_desk()
        for given in self.case.get("portfolios", [{}]):
            number = given.get("portfolio", 1)
            terms = given.get("terms")
            self._keep(
                self.desk.open_portfolio(
                    **self._tick(),
                    account=given.get("account", 1),
                    portfolio=number,
                    currency=given.get("currency", "USD"),
                    deposit=parse_amount(given.get("cash", "10000")),
                )
            )
            if terms:
                self._terms({"portfolio": number, **terms})

    def new_desk(self) -> Desk:
        """Return an empty desk on which the case's assets are listed."""
        desk = Desk(DeskRules(**self.case.get("rules", {})))
        desk.rates.table = read_rates("\n".join(self.case.get("rates", ["Date"])))
        for given in self.case.get("assets", [{}]):
            desk.list_asset(self._asset(given))
        return desk

    def play(self) -> None:
        """Play all steps, and prove that the events alone lead to the same state."""
        hashing = StateHash(self.desk.state)
        for number, step in enumerate(self.case["steps"], 1):
            try:
                self._step(step)
                assert hashing.take() == self.desk.state_hash(), "the hash by parts is another one"
            except AssertionError as wrong:
                raise AssertionError(f"step {number}, {next(iter(step))}: {wrong}") from None
        other = self.new_desk()
        for event in self.events:
            other.apply(event)
        if other.state_hash() != self.desk.state_hash():
            raise AssertionError("the events alone do not lead to the same state")

    # --- inputs

    def _tick(self) -> dict[str, int]:
        self.seq += 1
        self.now += SECOND
        return {"seq": self.seq, "at": self.now}

    def _keep(self, events: list[Event]) -> list[Event]:
        self.events += events
        violations = self.desk.check_invariants()
        if violations:
            raise AssertionError("; ".join(violations))
        return events

    def _asset(self, given: dict[str, Any]) -> Asset:
        enums: dict[str, type[enum.IntEnum]] = {"kind": AssetKind, "status": AssetStatus}
        fields = {
            name: sum(AssetFlag[flag] for flag in value)
            if name == "flags"
            else _value(name, value, enums)
            for name, value in given.items()
        }
        usual: dict[str, Any] = {
            "symbol": "ACME",
            "name": "Acme",
            "kind": AssetKind.STOCK,
            "currency": "USD",
            "tick": SCALE // 100,
            "lot": SCALE,
            "quantity_max": 10_000_000 * SCALE,
            "calendar": "XNYS",
        }
        fields.setdefault("quantity_min", fields.get("lot", SCALE))
        return Asset(**(usual | fields))

    def _step(self, step: dict[str, Any]) -> None:
        if "at" in step:
            self.now = parse_instant(step["at"]) - SECOND
        kind = next(name for name in step if hasattr(self, f"_{name}"))
        before = len(self.events)
        outcome = getattr(self, f"_{kind}")(step[kind])
        self._refused(step, outcome)
        if "events" in step:
            self._check_events(self.events[before:], step["events"])
        for name, expected in step.get("orders", {}).items():
            self._check_order(int(name), expected)
        if "portfolio" in step:
            self._check_portfolio(1, step["portfolio"])
        for name, expected in step.get("portfolios", {}).items():
            self._check_portfolio(int(name), expected)

    def _refused(self, step: dict[str, Any], outcome: Any) -> None:
        refusal = getattr(outcome, "refusal", None)
        text = getattr(outcome, "text", "")
        name = refusal.name if refusal is not None else ""
        if name != step.get("refusal", ""):
            raise AssertionError(f"refused with {name or 'nothing'}: {text}")
        if step.get("says", "") not in text:
            raise AssertionError(f"it says: {text}")

    def _owner(self, given: dict[str, Any]) -> dict[str, int]:
        number = given.get("portfolio", 1)
        return {"account": self.desk.state.portfolios[number].account, "portfolio": number}

    def _wish(self, given: dict[str, Any]) -> o.NewOrder:
        return wish_of(given, self._tick(), self._owner(given))

    def _order(self, given: dict[str, Any]) -> Outcome:
        outcome = self.desk.submit(self._wish(given))
        self._keep(outcome.events)
        return outcome

    def _preview(self, given: dict[str, Any]) -> Any:
        found = self.desk.preview(self._wish(given))
        for name, expected in given.get("shows", {}).items():
            if not _same(name, getattr(found, name), expected):
                raise AssertionError(f"{name} is {shown(getattr(found, name))}")
        return found

    def _find(self, given: dict[str, Any]) -> int:
        number = given.get("portfolio", 1)
        return self.desk.state.portfolios[number].client_order_ids[given["order"]]

    def _replace(self, given: dict[str, Any]) -> Outcome:
        rest = {
            name: _value(name, value, {})
            for name, value in given.items()
            if name not in ("order", "id", "portfolio", "trail")
        }
        if "trail" in given:
            rest["trail_kind"], rest["trail"] = _trail(given["trail"])
        tick = self._tick()
        outcome = self.desk.replace(
            o.Replacement(
                **tick,
                **self._owner(given),
                received_at=self.now,
                market_at=self.now,
                order_id=self._find(given),
                client_order_id=given["id"],
                **rest,
            )
        )
        self._keep(outcome.events)
        return outcome

    def _cancel(self, given: dict[str, Any]) -> Outcome:
        outcome = self.desk.cancel(**self._tick(), **self._owner(given), order_id=self._find(given))
        self._keep(outcome.events)
        return outcome

    def _cancel_all(self, given: dict[str, Any]) -> Outcome:
        outcome = self.desk.cancel_all(
            **self._tick(),
            **self._owner(given),
            symbol=given.get("symbol", ""),
            side=o.SideFilter[given.get("side", "ANY")],
        )
        self._keep(outcome.events)
        return outcome

    def _quote(self, given: dict[str, Any]) -> None:
        self.quotes += 1
        tick = self._tick()
        usual: dict[str, Any] = {
            "symbol": "ACME",
            "quote_seq": self.quotes,
            "observed_at": tick["at"],
            "source_time": tick["at"],
        }
        fields = {
            name: int(sum(QuoteFlag[flag] for flag in value))
            if name == "flags"
            else _value(name, value, {})
            for name, value in given.items()
        }
        quote = Quote(**(usual | fields))
        acts = self.desk.would_act(quote)
        events = self._keep(self.desk.observe(seq=tick["seq"], quote=quote))
        if events and not acts:
            raise AssertionError("the desk said that this quote would do nothing")

    def _time(self, given: str) -> None:
        tick = self._tick()
        self.now = max(self.now, parse_instant(given))
        events = self.desk.advance(seq=tick["seq"], at=self.now, market_at=parse_instant(given))
        self._keep(events)

    def _action(self, given: dict[str, Any]) -> None:
        usual: dict[str, Any] = {"symbol": "ACME", "at": self.now}
        fields = {
            name: parse_instant(value)
            if name == "at"
            else _value(name, value, {"kind": ActionKind})
            for name, value in given.items()
            if name != "late"
        }
        action, late = CorporateAction(**(usual | fields)), given.get("late", False)
        self._keep(self.desk.act(**self._tick(), action=action, late=late))

    def _close(self, given: dict[str, Any]) -> Outcome:
        outcome = self.desk.close(
            **self._tick(),
            **self._owner(given),
            received_at=self.now,
            market_at=self.now,
            client_order_id=given["id"],
            symbol=given.get("symbol", ""),
        )
        self._keep(outcome.events)
        return outcome

    def _cash(self, given: dict[str, Any]) -> Outcome:
        outcome = self.desk.move_cash(
            **self._tick(),
            **self._owner(given),
            amount=parse_amount(given["amount"]),
            market_at=self.now,
        )
        self._keep(outcome.events)
        return outcome

    def _reset(self, given: dict[str, Any]) -> Outcome:
        outcome = self.desk.reset_portfolio(
            **self._tick(), **self._owner(given), cash=parse_amount(given["cash"])
        )
        self._keep(outcome.events)
        return outcome

    def _terms(self, given: dict[str, Any]) -> Outcome:
        outcome = self.desk.set_terms(**self._tick(), **self._owner(given), terms=terms_of(given))
        self._keep(outcome.events)
        return outcome

    # --- expectations

    def _names_of(self, event: Event) -> dict[str, Any]:
        """Return everything that a case may say of an event."""
        found: dict[str, Any] = {"event": type(event).__name__}
        if isinstance(event, OrderChanged):
            order = event.order
            found |= {each.name: getattr(order, each.name) for each in attrs.fields(o.Order)}
            found |= {
                "kind": event.kind,
                "order": order.client_order_id,
                "remaining": order.remaining,
                "average": order.avg_price,
                "fill": event.fill,
                "fees": event.fill_fees,
                "price": event.fill_price,
                "quantity": event.fill_quantity or order.quantity,
            }
            found |= _terms_shown(order)
            if event.receipt is not None:
                found |= {
                    each.name: getattr(event.receipt, each.name)
                    for each in attrs.fields(type(event.receipt))
                }
        elif isinstance(event, TransactionPosted):
            transaction = event.transaction
            found |= {
                each.name: getattr(transaction, each.name)
                for each in attrs.fields(type(transaction))
            }
            found["commission"] = transaction.commission
            named = self.desk.order(transaction.order)
            found["order"] = named.client_order_id if named is not None else 0
            found["held"] = event.position.quantity if event.position is not None else 0
        else:
            found |= {each.name: getattr(event, each.name) for each in attrs.fields(type(event))}
        return found

    def _check_events(self, events: list[Event], expected: list[dict[str, Any]]) -> None:
        told = [self._names_of(event) for event in events]
        story = "; ".join(
            f"{each.get('kind', each['event'])!s} {each.get('order', '')}" for each in told
        )
        if len(told) != len(expected):
            raise AssertionError(f"{len(told)} events instead of {len(expected)}: {story}")
        for found, wanted in zip(told, expected, strict=True):
            _check(found, wanted, story)

    def _check_order(self, name: int, expected: dict[str, Any]) -> None:
        owner = self.desk.state.portfolios[expected.get("portfolio", 1)]
        order = self.desk.state.orders[owner.client_order_ids[name]]
        shown_order = self.desk.shown(order)
        found = {each.name: getattr(shown_order, each.name) for each in attrs.fields(o.Order)}
        found |= {"average": order.avg_price, "remaining": order.remaining}
        found |= _terms_shown(shown_order)
        _check(found, expected, f"order {name}")

    def _check_portfolio(self, number: int, expected: dict[str, Any]) -> None:
        owner = self.desk.state.portfolios[number]
        found = {each.name: getattr(owner, each.name) for each in attrs.fields(type(owner))}
        found["available_cash"] = owner.available_cash
        found |= {
            each.name: getattr(owner.purse, each.name) for each in attrs.fields(type(owner.purse))
        }
        found["settled_cash"] = owner.cash - owner.purse.unsettled_at(self.now)
        standing = self.desk.standing(owner, self.now)
        found |= {each.name: getattr(standing, each.name) for each in attrs.fields(type(standing))}
        found["shortfall"] = standing.shortfall
        found["earned"] = owner.earned
        plan = self.desk.plan_of(owner, self.now)
        found["plan"] = [f"{shown(step.quantity)} {step.symbol}" for step in plan]
        rest = {name: value for name, value in expected.items() if name != "positions"}
        _check(found, rest, f"portfolio {number}")
        for symbol, wanted in expected.get("positions", {}).items():
            position = owner.positions.get(symbol)
            if position is None:
                raise AssertionError(f"portfolio {number} never held {symbol}")
            parts = {
                each.name: getattr(position, each.name) for each in attrs.fields(type(position))
            }
            parts |= {
                "average": position.avg_cost,
                "fifo_average": position.fifo_avg_cost,
                "fifo_realized": position.fifo_realized,
                "reserved": owner.reserved_quantity.get(symbol, 0),
                "lots": len(position.lots),
            }
            _check(parts, wanted, f"{symbol} in portfolio {number}")


def _check(found: dict[str, Any], expected: dict[str, Any], where: str) -> None:
    for name, wanted in expected.items():
        if name not in found:
            raise AssertionError(f"there is no {name!r} in {where}")
        if not _same(name, found[name], wanted):
            raise AssertionError(f"{name} is {shown(found[name])}, not {wanted} ({where})")


def _terms_shown(order: o.Order) -> dict[str, Any]:
    terms = order.terms
    if terms is None:
        return {}
    return {each.name: getattr(terms, each.name) for each in attrs.fields(o.OrderTerms)}


def _trail(given: str) -> tuple[o.TrailKind, int]:
    if given.endswith("%"):
        return o.TrailKind.PERCENT, parse_amount(given[:-1]) // 100
    return o.TrailKind.AMOUNT, parse_amount(given)


_ENUMS: dict[str, type[enum.IntEnum]] = {
    "side": o.Side,
    "order_type": o.OrderType,
    "time_in_force": o.TimeInForce,
    "source": o.TriggerSource,
    "role": o.LegRole,
}
_SHORT = {
    "id": "client_order_id",
    "type": "order_type",
    "tif": "time_in_force",
    "limit": "limit_price",
    "stop": "stop_price",
}


def _order_fields(given: dict[str, Any]) -> dict[str, Any]:
    """Turn what a case says of an order or a leg into fields."""
    fields: dict[str, Any] = {}
    for short, value in given.items():
        name = _SHORT.get(short, short)
        if name == "trail":
            fields["trail_kind"], fields["trail"] = _trail(value)
        elif name == "legs":
            fields["legs"] = tuple(
                o.Leg(**({"time_in_force": o.TimeInForce.GTC} | _order_fields(leg)))
                for leg in value
            )
        elif name == "flags":
            fields["flags"] = int(sum(o.OrderFlag[flag] for flag in value))
        elif name not in ("portfolio", "shows"):
            fields[name] = _value(name, value, _ENUMS)
    return fields


def wish_of(given: dict[str, Any], tick: dict[str, int], owner: dict[str, int]) -> o.NewOrder:
    """Return the command of an order; ACME, GTC, and LIMIT or MARKET unless it says otherwise."""
    fields = _order_fields(given)
    limit = fields.get("limit_price", NULL)
    usual: dict[str, Any] = {
        "symbol": "ACME",
        "side": o.Side.BUY,
        "time_in_force": o.TimeInForce.GTC,
        "order_type": o.OrderType.MARKET if limit == NULL else o.OrderType.LIMIT,
        "received_at": tick["at"],
        "market_at": tick["at"],
    }
    return o.NewOrder(**(usual | tick | owner | fields))


def terms_of(given: dict[str, Any]) -> PortfolioTerms:
    """Return the terms of a portfolio out of what a case says of them."""
    fields: dict[str, Any] = {}
    types = {each.name: each for each in attrs.fields(PortfolioTerms)}
    for name, value in given.items():
        if name == "portfolio":
            continue
        default = types[name].default
        if isinstance(default, enum.IntEnum):
            fields[name] = type(default)[value]
        elif name == "assets":
            fields[name] = tuple(value)
        elif name == "flags":
            fields[name] = int(sum(TermsFlag[flag] for flag in value))
        else:
            fields[name] = parse_amount(value) if isinstance(value, str) else value
    return PortfolioTerms(**fields)


def cases() -> Iterator[tuple[str, dict[str, Any]]]:
    """Give the name and the content of every case."""
    for path in case_files():
        yield path.stem, json.loads(path.read_text(encoding="utf-8"))
