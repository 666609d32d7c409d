"""All orders there ever were, by number.

They are what makes a client order id unique for ever, and a list of orders whole. But nearly all
have ended, and most of those nobody asks for again. So they are kept as rows, which take half the
room, and an order is made of one whenever somebody wants it: those that a start finds ended stay
what it read, and later ones are put away.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol, TypeAlias

from papertrader.core.orders import Order, OrderState

Row: TypeAlias = Any
"""An order as it was kept by somebody: what the `OrderRows` that comes with it can read."""
Glance: TypeAlias = tuple[int, int, int, str, int, OrderState, int, int, str]
"""Of an order: number, client order id, portfolio, symbol, flags, state, the order it replaces,
sequence, tag."""


class OrderRows(Protocol):
    """Makes rows of orders, and orders of rows.

    Raises `LookupError`, `ValueError` or `struct.error` for what is no row.
    """

    def row(self, order: Order) -> Row:
        """Return the row of an order."""

    def glance(self, row: Row) -> Glance:
        """Return what a start needs of every order: for a fraction of what the order costs."""

    def order(self, row: Row) -> Order:
        """Return the order: each time another one, but equal."""

    def encoded(self, row: Row) -> bytes | None:
        """Return `encoded_order` of a plain order, one without terms and tag; None of others."""


class Orders(Mapping[int, Order]):
    """Orders by number, whether they are here or kept as rows."""

    __slots__ = ("_ended", "_form", "_here", "_rows")

    def __init__(self) -> None:
        self._here: dict[int, Order] = {}
        self._rows: dict[int, Row] = {}
        self._form: OrderRows | None = None
        self._ended: list[int] = []

    def __getitem__(self, number: int) -> Order:
        order = self._here.get(number)
        return self.read(self._rows[number]) if order is None else order

    def find(self, number: int) -> Order | None:
        """Return an order; None if there never was one of this number."""
        order = self._here.get(number)
        if order is not None:
            return order
        return self.read(self._rows[number]) if number in self._rows else None

    def __setitem__(self, number: int, order: Order) -> None:
        self._here[number] = order

    def __contains__(self, number: object) -> bool:
        return number in self._here or number in self._rows

    def __iter__(self) -> Iterator[int]:
        yield from self._rows
        yield from self._here

    def __len__(self) -> int:
        return len(self._rows) + len(self._here)

    def keep(self, number: int, row: Row, form: OrderRows) -> None:
        """Take in, as its row, an order that has ended: it is never changed again."""
        self._form = form
        self._rows[number] = row

    def has_ended(self, number: int) -> None:
        """Note that an order has just come to its end."""
        self._ended.append(number)

    def put_away(self, most: int, form: OrderRows) -> int:
        """Keep as rows what has ended first, ``most`` of it; return how much is left."""
        ended, self._form = self._ended, form
        for number in ended[:most]:
            self._rows[number] = form.row(self._here[number])
            del self._here[number]
        del ended[:most]
        return len(ended)

    def here(self) -> Iterator[Order]:
        """Give those that are no rows: every open one, and what has ended lately."""
        return iter(self._here.values())

    def standing(self, number: int) -> tuple[OrderState, str]:
        """Return an order's state and symbol: what is asked of many to find a few."""
        order = self._here.get(number)
        if order is not None:
            return order.state, order.symbol
        glance = self._known_form().glance(self._rows[number])
        return glance[5], glance[3]

    def kept_of(self, numbers: Iterable[int]) -> list[Order | Row]:
        """Return those there are of some, each as it is kept now, to be `read` at any time.

        A thread may ask: what is put away meanwhile is found in the one place or the other.
        """
        rows, here = self._rows.get, self._here.get
        found = [rows(number) or here(number) or rows(number) for number in numbers]
        return [kept for kept in found if kept is not None]

    def read(self, kept: Order | Row) -> Order:
        """Return the order of something that `kept_of` has given."""
        return kept if isinstance(kept, Order) else self._known_form().order(kept)

    def encoded(self, kept: Order | Row) -> bytes | None:
        """Return `OrderRows.encoded` of what `kept_of` has given; None if it is no row."""
        return None if isinstance(kept, Order) else self._known_form().encoded(kept)

    def _known_form(self) -> OrderRows:
        if self._form is None:
            raise LookupError("no orders were kept as rows")
        return self._form
