"""The codec's own cost: derived code beside code written by hand and construct interpreted."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from typing import Any, Final

import attrs

from benchmarks.bench import Bench
from papertrader.core.orders import OrderType, Side, TimeInForce
from papertrader.wire import codec
from papertrader.wire import messages as m
from papertrader.wire.schema import MESSAGES

CALLS: Final = 20_000
CALLS_CONSTRUCT: Final = 500
TURNS: Final = 20
_LAYOUT: Final = struct.Struct(">QQ16sBBBBqqqQ")
_SIDES: Final = {int(each): each for each in Side}
_TYPES: Final = {int(each): each for each in OrderType}
_TIMES: Final = {int(each): each for each in TimeInForce}
_FLAGS_UNKNOWN: Final = 0xE0
_NAMES: Final[dict[bytes, str]] = {}
"""Symbols read before, as the derived code keeps them: few symbols come again and again."""
_PACKED: Final[dict[str, bytes]] = {}


@attrs.define(slots=True)
class HandOrder:
    """A new order as somebody would write it by hand."""

    client_order_id: int
    portfolio: int
    symbol: str
    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    flags: int
    quantity: int
    limit_price: int
    stop_price: int
    expire_at: int
    tag: str | None = None
    legs: tuple[Any, ...] = ()
    trigger: tuple[Any, ...] = ()


def parse_by_hand(octets: bytes, offset: int) -> HandOrder:
    """Check and read what the derived code checks and reads: enumerations, flags, ASCII, padding.

    Raises `ValueError` or `KeyError` where the derived code refuses.
    """
    order_id, portfolio, raw, side, kind, tif, flags, quantity, limit, stop, expire = (
        _LAYOUT.unpack_from(octets, offset)
    )
    if flags & _FLAGS_UNKNOWN:
        raise ValueError
    name = _NAMES.get(raw)
    if name is None:
        stripped = raw.rstrip(b"\0")
        if b"\0" in stripped:
            raise ValueError
        name = _NAMES[raw] = stripped.decode("ascii")
    return HandOrder(
        order_id, portfolio, name, _SIDES[side], _TYPES[kind], _TIMES[tif], flags,
        quantity, limit, stop, expire,
    )  # fmt: skip


def build_by_hand(order: HandOrder) -> bytes:
    """Check and write what the derived code checks and writes."""
    name = _PACKED.get(order.symbol)
    if name is None:
        name = _PACKED[order.symbol] = order.symbol.encode("ascii")
    if len(name) > 16 or order.flags & _FLAGS_UNKNOWN:
        raise ValueError
    return _LAYOUT.pack(
        order.client_order_id, order.portfolio, name, _SIDES[order.side],
        _TYPES[order.order_type], _TIMES[order.time_in_force], order.flags, order.quantity,
        order.limit_price, order.stop_price, order.expire_at,
    )  # fmt: skip


def measure(bench: Bench) -> None:
    """Measure parse and build of a new order."""
    declared = next(each for each in MESSAGES if each.name == "OrderNew").struct
    derived = m.OrderNew(
        client_order_id=7, symbol="AURUSD", side=Side.BUY, order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC, quantity=10**8, limit_price=2_900_000_000_000,
    )  # fmt: skip
    frame = codec.encode(derived, session=1, correlation=1, seq=1)
    offset = len(frame) - m.OrderNew.SIZE
    block = frame[offset:]
    by_hand, interpreted = parse_by_hand(frame, offset), declared.parse(block)
    if attrs.asdict(by_hand) != attrs.asdict(m.OrderNew.unpack(frame, offset)):
        raise RuntimeError("the contestants read different orders")
    unpack = m.OrderNew.unpack
    contest: dict[str, tuple[Callable[[], Any], int]] = {
        "parse derived": (lambda: unpack(frame, offset), CALLS),
        "parse by hand": (lambda: parse_by_hand(frame, offset), CALLS),
        "parse construct": (lambda: declared.parse(block), CALLS_CONSTRUCT),
        "build derived": (derived.pack, CALLS),
        "build by hand": (lambda: build_by_hand(by_hand), CALLS),
        "build construct": (lambda: declared.build(interpreted), CALLS_CONSTRUCT),
    }
    built = {contest[name][0]() for name in contest if name.startswith("build")}
    if built != {block}:
        raise RuntimeError("the contestants build different octets")
    rounds: dict[str, list[float]] = {name: [] for name in contest}
    for _ in range(bench.rounds):
        # In small turns: what else the machine does then meets all of them alike.
        sums = dict.fromkeys(contest, 0.0)
        for _ in range(TURNS):
            for name, (call, calls) in contest.items():
                sums[name] += _nanoseconds(call, calls // TURNS)
        for name, total in sums.items():
            rounds[name].append(total / TURNS)
    for name, values in rounds.items():
        bench.results.add("codec", name, "ns", values)
    bench.results.judge("codec", "parse derived", "parse by hand", 1.15, least=False)
    bench.results.judge("codec", "parse construct", "parse derived", 15)


def _nanoseconds(call: Callable[[], Any], calls: int) -> float:
    start = time.process_time_ns()
    for _ in range(calls):
        call()
    return (time.process_time_ns() - start) / calls
