"""Oracles that ask honest questions: conservation of money, and the canary."""

from __future__ import annotations

from collections import Counter, deque
from typing import Final

import attrs

from papertrader.core.money import NULL, SCALE
from papertrader.fuzz.channel import Channel, Frame
from papertrader.fuzz.observe import Breach
from papertrader.fuzz.world import SetupError, World
from papertrader.wire import codec
from papertrader.wire import messages as m
from papertrader.wire.kinds import Status, TxKind

SNAPSHOT_TRIES: Final = 8
LATENCIES_MAX: Final = 4_096
CANARY_EVERY_S: Final = 0.2
_SIGNS: Final = {TxKind.BUY: 1, TxKind.COVER: 1, TxKind.SELL: -1, TxKind.SHORT: -1}
_CORPORATE: Final = frozenset(
    int(kind) for kind in (TxKind.SPLIT, TxKind.RESET, TxKind.SYMBOL_CHANGE, TxKind.DELISTING)
)


@attrs.frozen
class Books:
    """What an account shows of itself at one moment."""

    portfolio: m.PortfolioPart
    positions: tuple[m.PositionRow, ...]
    transactions: tuple[m.TransactionRow, ...]
    orders: tuple[m.OrderRow, ...]


def unbalanced(books: Books) -> list[Breach]:
    """Return what does not add up (conservation)."""
    found = []
    cash = 0
    for row in books.transactions:
        cash += row.amount
        if row.cash_after != cash:
            found.append(f"transaction {row.transaction}: cash_after {row.cash_after}, not {cash}")
            break
    if cash != books.portfolio.cash and not found:
        found.append(f"the transactions add up to {cash}, the cash is {books.portfolio.cash}")
    reserved = sum(row.reserved_cash for row in books.orders if row.reserved_cash != NULL)
    if reserved != books.portfolio.reserved_cash:
        said = books.portfolio.reserved_cash
        found.append(f"open orders reserve {reserved}, the portfolio says {said}")
    if not any(row.kind in _CORPORATE for row in books.transactions):
        held: dict[str, int] = {}
        for row in books.transactions:
            sign = _SIGNS.get(TxKind(row.kind)) if row.kind in TxKind._value2member_map_ else None
            if sign is not None:
                held[row.symbol] = held.get(row.symbol, 0) + sign * abs(row.quantity)
        shown = {row.symbol: row.quantity for row in books.positions if row.quantity}
        if {symbol: count for symbol, count in held.items() if count} != shown:
            found.append(f"the fills make {held}, the positions are {shown}")
    return [Breach("conservation", text) for text in found]


def counted_twice(books: Books) -> list[Breach]:
    """Return effects that an account shows twice, or not at all (idempotency)."""
    found = []
    keys = Counter((row.portfolio, row.client_order_id) for row in books.orders)
    for (portfolio, key), times in keys.items():
        if times == 1 or not key:
            continue
        found.append(f"two orders of portfolio {portfolio} have the client_order_id {key}")
    trades = [row for row in books.transactions if row.order and row.kind in _SIGNS]
    seen: set[tuple[int, int, int]] = set()
    filled: dict[int, int] = {}
    for row in trades:
        fill = (row.order, row.fill, row.kind)
        if fill in seen:
            found.append(f"fill {row.fill} of order {row.order} was posted twice")
        seen.add(fill)
        filled[row.order] = filled.get(row.order, 0) + abs(row.quantity)
    if any(row.kind in _CORPORATE for row in books.transactions):
        return [Breach("idempotency", text) for text in found[:8]]  # Quantities have changed.
    found += [
        f"order {row.order} has filled {row.filled}, its transactions {filled.get(row.order, 0)}"
        for row in books.orders
        if row.filled != filled.get(row.order, 0)
    ]
    return [Breach("idempotency", text) for text in found[:8]]


def _messages(frames: list[Frame], name: str) -> list[Frame]:
    last = frames[-1]
    if last.header.status:
        raise SetupError(f"{name} was answered {Status(last.header.status).name}")
    return frames


def books_of(world: World, channel: Channel) -> Books | None:
    """Ask for an account's books until all parts tell of one moment; None if they never do."""
    for _ in range(SNAPSHOT_TRIES):
        parts = _messages(world.ask_all(channel, m.PortfolioGet()), "PORTFOLIO_GET")
        listed = _messages(world.ask_all(channel, m.OrderList(limit=50_000)), "ORDER_LIST")
        rows: list[m.TransactionRow] = []
        moments = {_moment(frame) for frame in (*parts, *listed)}
        after = 0
        while True:
            asked = m.TransactionsGet(after=after, limit=5_000)
            pages = _messages(world.ask_all(channel, asked), "TRANSACTIONS_GET")
            for page in pages:
                moments.add(_moment(page))
                rows += getattr(page.message, "transactions", ())
            after = getattr(pages[-1].message, "next_after", 0)
            if not after:
                break
        head = parts[0].message
        if len(moments) == 1 and isinstance(head, m.PortfolioPart):
            held = tuple(row for part in parts for row in getattr(part.message, "positions", ()))
            orders = tuple(row for part in listed for row in getattr(part.message, "orders", ()))
            return Books(head, held, tuple(rows), orders)
    return None


def _moment(frame: Frame) -> int:
    return int(getattr(frame.message, "event_seq", -1))


def audited(world: World, number: int) -> tuple[list[Breach], int]:
    """Audit an account; return what is wrong, and how many rows its books have by now."""
    channel = world.session(number)
    try:
        books = books_of(world, channel)
        if books is None:
            return [], 0
        wrong = unbalanced(books) + counted_twice(books)
        return wrong, len(books.transactions) + len(books.orders)
    finally:
        world.goodbye(channel)


class Canary:
    """A second, honest client that goes on trading: its wait and its connection are watched."""

    def __init__(self, world: World, number: int = 2, bound_s: float = 1.0) -> None:
        self.latencies: deque[float] = deque(maxlen=LATENCIES_MAX)
        self.breaches: list[Breach] = []
        self._world = world
        self._number = number
        self._bound = bound_s
        self._channel = world.session(number)
        self._asked: tuple[int, float] | None = None
        self._next = 0.0
        self._seq = 0
        self._lost = 0

    def tend(self) -> None:
        """Do what is due; call it often."""
        now = self._world.target.now()
        channel = self._channel
        self.breaches += [
            Breach("canary", f"{b.oracle}: {b.text}") for b in channel.take_breaches()
        ]
        if channel.ended:
            self._lost += 1
            if self._lost <= 3:
                self.breaches.append(Breach("canary", "the honest client lost its connection"))
            self._channel = self._world.session(self._number)
            self._asked, self._seq = None, 0
            return
        if self._asked is not None:
            self._look(channel, now)
        elif now >= self._next:
            self._ask(channel, now)

    def _look(self, channel: Channel, now: float) -> None:
        if self._asked is not None and channel.settled:
            self.latencies.append(now - self._asked[1])
            self._asked, self._next = None, now + CANARY_EVERY_S

    def _ask(self, channel: Channel, now: float) -> None:
        rng = self._world.rng
        correlation = rng.randrange(1, 2**31)
        message: m.OrderNew | m.PortfolioGet | m.Ping
        seq = 0
        chance = rng.random()
        if chance < 0.3:
            self._seq += 1
            seq = self._seq
            message = m.OrderNew(
                client_order_id=rng.getrandbits(62) + 1, symbol="IBM", quantity=SCALE
            )
        else:
            message = m.PortfolioGet() if chance < 0.7 else m.Ping(token=correlation)
        handle = channel.reference.handle if message.OPCODE > 0xFF else 0
        channel.send(codec.encode(message, session=handle, correlation=correlation, seq=seq))
        self._asked = (correlation, now)

    @property
    def p99(self) -> float:
        """The 99th percentile of the waits, seconds."""
        waits = sorted(self.latencies)
        return waits[min(len(waits) - 1, len(waits) * 99 // 100)] if waits else 0.0

    def judge(self) -> list[Breach]:
        """Return what happened to it in the end."""
        found = self.breaches
        if self.p99 > self._bound:
            text = f"p99 of the honest client is {self.p99 * 1000:.0f} ms"
            found.append(Breach("canary", f"{text}, at most {self._bound * 1000:.0f} ms"))
        self._world.goodbye(self._channel)
        return found
