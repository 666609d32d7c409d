"""All orders there ever were, by number.

They are what makes a client order id unique for ever, and a list of orders whole. But nearly all
have ended, and most of those nobody asks for again: what a start finds of them stays the rows that
it was kept in, which take half the room, and an order is made of one whenever somebody wants it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol, TypeAlias, TypeVar, overload

from papertrader.core.orders import Order, OrderState

Row: TypeAlias = Any
"""An order as it was kept by somebody: what the `OrderReader` that comes with it can read."""
Glance: TypeAlias = tuple[int, int, int, str, int, OrderState, int, int, str]
"""Of an order: number, client order id, portfolio, symbol, flags, state, the order it replaces,
sequence, tag."""
T = TypeVar("T")


class OrderReader(Protocol):
    """Reads rows. Raises `LookupError`, `ValueError` or `struct.error` for what is none."""

    def glance(self, row: Row) -> Glance:
        """Return what a start needs of every order: for a fraction of what the order costs."""

    def order(self, row: Row) -> Order:
        """Return the order: each time another one, but equal."""


class Orders(Mapping[int, Order]):
    """Orders by number, whether they are here or kept as rows."""

    __slots__ = ("_here", "_reader", "_rows")

    def __init__(self) -> None:
        self._here: dict[int, Order] = {}
        self._rows: dict[int, Row] = {}
        self._reader: OrderReader | None = None

    def __getitem__(self, number: int) -> Order:
        order = self._here.get(number)
        return self.read(self._rows[number]) if order is None else order

    @overload
    def get(self, number: int, /) -> Order | None: ...
    @overload
    def get(self, number: int, /, default: Order | T) -> Order | T: ...
    def get(self, number: int, /, default: Any = None) -> Any:
        """Return an order, or ``default`` if there never was one of this number."""
        order = self._here.get(number)
        if order is not None:
            return order
        return self.read(self._rows[number]) if number in self._rows else default

    def __setitem__(self, number: int, order: Order) -> None:
        self._here[number] = order

    def __contains__(self, number: object) -> bool:
        return number in self._here or number in self._rows

    def __iter__(self) -> Iterator[int]:
        yield from self._rows
        yield from self._here

    def __len__(self) -> int:
        return len(self._rows) + len(self._here)

    def keep(self, number: int, row: Row, reader: OrderReader) -> None:
        """Take in, as its row, an order that has ended: it is never changed again."""
        self._reader = reader
        self._rows[number] = row

    def here(self) -> Iterator[Order]:
        """Give those that are no rows: every open one, and what has ended since the start."""
        return iter(self._here.values())

    def standing(self, number: int) -> tuple[OrderState, str]:
        """Return an order's state and symbol: what is asked of many to find a few."""
        order = self._here.get(number)
        if order is not None:
            return order.state, order.symbol
        glance = self._its_reader().glance(self._rows[number])
        return glance[5], glance[3]

    def kept(self) -> list[Order | Row]:
        """Return all by number, each as it is kept: as they are now, to be `read` at any time."""
        rows, here = self._rows, self._here
        return [rows[number] if number in rows else here[number] for number in sorted(self)]

    def read(self, kept: Order | Row) -> Order:
        """Return the order of something that `kept` has given."""
        return kept if isinstance(kept, Order) else self._its_reader().order(kept)

    def _its_reader(self) -> OrderReader:
        if self._reader is None:
            raise LookupError("no orders were kept as rows")
        return self._reader
