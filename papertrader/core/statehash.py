"""The hash of the desk's state, made of parts: what has not changed since the last is not encoded.

A state has accounts, portfolios, orders, balances and contests, some of them by the million. Each
of these parts is cut into groups, and of each group a digest is remembered. Events tell which
groups they `touch`; only those are encoded again, and the hash is that of all digests. So to take
one each minute costs what a minute has changed, for who runs a desk and for who audits it.

What was not touched is believed to be as it was. So that damage is noticed there too, some groups
are encoded again in turn each time (``scrubbed``), from nothing kept: their digests must be those
remembered, and what is kept of them what they are encoded to.
"""

from __future__ import annotations

import copy
import hashlib
import struct
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import islice
from typing import Any, Final, Protocol

import attrs

from papertrader.core.allorders import Orders, Row
from papertrader.core.encoding import OWNER_OF, LotsKept, encoded, encoded_order
from papertrader.core.orders import Order
from papertrader.core.quotes import ActionKind
from papertrader.core.state import DeskState
from papertrader.core.touched import ACCOUNTS_TOGETHER, ORDERS_TOGETHER, Touched

FORM: Final = b"\x04"
"""What a hash begins with: another octet whenever the same state is encoded in other octets, or an
audit would call the memory of earlier masters wrong."""
EARLIER_FORMS: Final = frozenset({b"\x02", b"\x03"})
"""Of masters whose encoding was another; what is none of these is of this form, or is damaged."""
FORM_1_SIZE: Final = 32
"""Octets of a hash of form 1, which was of the whole state at once and does not say its form."""


NUMBER: Final = struct.Struct(">Q").pack
"""Makes what follows an order's encoding: what is known under its client order id, its number."""


def state_hash(state: DeskState) -> bytes:
    """Return the hash (33 octets) of everything that events have made, encoded from the ground up.

    Quotes and assets are not part of it, nor what only speeds things up. The same events in the
    same order give the same octets on any machine.
    """
    return _Taker(_parts_of(state)).begin(state, Touched())().hash()


@attrs.frozen
class StateParts:
    """What a hash is made of: the digest of each part."""

    orders: bytes
    accounts: bytes
    portfolios: bytes
    balances: bytes
    contests: bytes
    actions: bytes
    rest: bytes

    def hash(self) -> bytes:
        """Return the hash."""
        return FORM + hashlib.sha256(FORM + b"".join(attrs.astuple(self))).digest()


class StateHash:
    """Takes the hash of one state again and again; a state has one of these at most.

    ``scrubbed``: so many groups of each part are encoded again in turn, each time.
    ``with_orders``: False for who has the digest of the orders from elsewhere.
    """

    def __init__(self, state: DeskState, scrubbed: int = 0, with_orders: bool = True) -> None:
        self.state: Final = state
        self._taker = _Taker(_parts_of(state, with_orders), scrubbed)
        state.touched = Touched()

    @property
    def damaged(self) -> int:
        """Groups that were not as remembered though no event had touched them, so far."""
        return self._taker.damaged

    def prime(self) -> Callable[[], None]:
        """Return what works out the digests of the orders there are, for a thread as well.

        The first `begin` after that has ended copies only those that were touched meanwhile.
        """
        return self._taker.prime(self.state.order_last)

    def begin(self) -> Callable[[], StateParts]:
        """Return what works out the parts of the state as it is now, whenever and wherever called.

        A thread may call it while the state goes on, but before the next `begin`. What is copied
        here, in the caller's turn, is what was touched since the last time; at first, all.
        """
        touched, self.state.touched = self.state.touched, Touched()
        return self._taker.begin(self.state, touched)

    def take(self) -> bytes:
        """Return the hash of the state as it is now."""
        return self.begin()().hash()


class _Part(Protocol):
    """Some of the state, in groups."""

    def groups(self) -> Iterable[Any]:
        """Give all groups that there are: numbers, or strings."""

    def touched(self, touched: Touched) -> Iterable[Any]:
        """Give those that were touched."""

    def copied(self, group: Any) -> Any:
        """Return what of a group may change meanwhile as a copy, the rest as it is."""

    def encoded(self, copied: Any, anew: bool = False) -> bytes:
        """Return the encoding of what `copied` has returned; ``anew``: from nothing kept."""


@attrs.define(eq=False)
class _Digests:
    """The digests of a part's groups."""

    part: _Part
    known: bool = False
    """Whether there are digests of all groups, but for what was touched since."""
    by_group: dict[Any, bytes] = attrs.Factory(dict)
    turn: list[Any] = attrs.Factory(list)
    """The groups that are still to be scrubbed before all are again."""

    def next_in_turn(self, most: int) -> list[Any]:
        """Return the groups whose turn it is to be scrubbed."""
        if not self.turn:
            self.turn = list(islice(self.by_group, len(self.by_group)))
        some = self.turn[-most:] if most else []
        del self.turn[len(self.turn) - len(some) :]
        return some


class _Taker:
    def __init__(self, parts: Sequence[_Part], scrubbed: int = 0) -> None:
        self._scrubbed = scrubbed
        self._parts = [_Digests(part) for part in parts]
        self.damaged = 0

    def prime(self, last: int) -> Callable[[], None]:
        """Return what works out the digests of all orders up to ``last``."""
        digests = self._parts[0]
        digests.known = True

        def run() -> None:
            part, by_group = digests.part, digests.by_group
            for group in range(last // ORDERS_TOGETHER + 1):
                copied = part.copied(group)
                if copied:
                    by_group[group] = hashlib.sha256(part.encoded(copied)).digest()

        return run

    def begin(self, state: DeskState, touched: Touched) -> Callable[[], StateParts]:
        """Return what works out the parts: what was touched, at first all."""
        copies: list[tuple[_Digests, list[tuple[Any, Any]], list[tuple[Any, Any]], set[Any]]] = []
        for digests in self._parts:
            part = digests.part
            changed = set(part.touched(touched) if digests.known else part.groups())
            digests.known = True
            turn = set(digests.next_in_turn(self._scrubbed))
            copies.append((
                digests,
                [(group, part.copied(group)) for group in changed],
                [(group, part.copied(group)) for group in turn - changed],
                turn & changed,
            ))  # fmt: skip
        rest = hashlib.sha256(_encoded_rest(state)).digest()

        def finish() -> StateParts:
            found: list[bytes] = []
            for digests, changed, scrubbed, doubted in copies:
                by_group, encode = digests.by_group, digests.part.encoded
                for group, copied in scrubbed:
                    digest = hashlib.sha256(encode(copied, anew=True)).digest()
                    self.damaged += by_group[group] != digest
                    by_group[group] = digest
                for group, copied in changed:
                    octets = encode(copied)
                    if group in doubted:
                        believed, octets = octets, encode(copied, anew=True)
                        self.damaged += believed != octets
                    by_group[group] = hashlib.sha256(octets).digest()
                found.append(digest_of(by_group))
            found.append(rest)
            return StateParts(*found)

        return finish


def digest_of(by_group: dict[Any, bytes]) -> bytes:
    """Return the digest of a part, whose groups have these."""
    rows = [b"%b:%b" % (str(group).encode(), by_group[group]) for group in sorted(by_group)]
    return hashlib.sha256(b"".join(rows)).digest()


def _parts_of(state: DeskState, with_orders: bool = True) -> list[_Part]:
    """Return the parts in the order in which `StateParts` has their digests."""
    orders: _Part = _AllOrders(state) if with_orders else _Elsewhere()
    return [
        orders, _Accounts(state), _Portfolios(state), _Balances(state), _Contests(state),
        _Actions(state),
    ]  # fmt: skip


class _Elsewhere:
    """A part that somebody else has the digest of."""

    def groups(self) -> Iterable[int]:
        return ()

    def touched(self, touched: Touched) -> Iterable[int]:
        return ()

    def copied(self, group: int) -> bytes:
        return b""

    def encoded(self, copied: bytes, anew: bool = False) -> bytes:
        return copied


class _Accounts:
    def __init__(self, state: DeskState) -> None:
        self._rows: dict[int, Any] = state.accounts

    def groups(self) -> Iterable[int]:
        return {number // ACCOUNTS_TOGETHER for number in self._rows}

    def touched(self, touched: Touched) -> Iterable[int]:
        return touched.accounts

    def copied(self, group: int) -> list[Any]:
        rows, begun = self._rows, group * ACCOUNTS_TOGETHER
        numbers = range(begun, begun + ACCOUNTS_TOGETHER)
        return [_copy(rows[number]) for number in numbers if number in rows]

    def encoded(self, copied: list[Any], anew: bool = False) -> bytes:
        return b"".join(map(encoded, copied))


class _Portfolios(_Accounts):
    def __init__(self, state: DeskState) -> None:
        self._rows = state.portfolios
        self._lots = LotsKept()

    def touched(self, touched: Touched) -> Iterable[int]:
        return touched.portfolios

    def encoded(self, copied: list[Any], anew: bool = False) -> bytes:
        lots = partial(self._lots.encoded, anew=anew)
        return b"".join([encoded(row, partial(lots, row.portfolio)) for row in copied])


def _copy(row: Any) -> Any:
    """Return a copy of an account or a portfolio: what stands within is replaced, not changed."""
    copied = copy.copy(row)
    for name in row.__slots__:
        value = getattr(row, name, None)
        # The client order ids, as many as orders, only grow, and are hashed with the orders.
        if isinstance(value, dict | list) and name != "client_order_ids":
            setattr(copied, name, value.copy())
    return copied


class _AllOrders:
    """The orders, each with what its portfolio has under its client order id: its own number."""

    def __init__(self, state: DeskState) -> None:
        self._orders: Orders = state.orders
        self._portfolios = state.portfolios

    def groups(self) -> Iterable[int]:
        return {number // ORDERS_TOGETHER for number in self._orders}

    def touched(self, touched: Touched) -> Iterable[int]:
        return touched.orders

    def copied(self, group: int) -> list[Order | Row]:
        # No order is ever changed: events put others in their places.
        begun = group * ORDERS_TOGETHER
        return self._orders.kept_of(range(begun, begun + ORDERS_TOGETHER))

    def encoded(self, copied: list[Order | Row], anew: bool = False) -> bytes:
        return b"".join(map(self._encoded, copied))

    def _encoded(self, kept: Order | Row) -> bytes:
        octets = self._orders.encoded(kept)
        if octets is None:
            order = self._orders.read(kept)
            octets = encoded_order(order)
            client_order_id, number = order.client_order_id, order.portfolio
        else:
            # Of most rows the order need not be made.
            client_order_id, number = OWNER_OF(octets)
        portfolio = self._portfolios.get(number)
        known = portfolio.client_order_ids.get(client_order_id, 0) if portfolio is not None else 0
        return octets + NUMBER(known)


class _Balances:
    """The balances by asset."""

    def __init__(self, state: DeskState) -> None:
        self._ledger = state.ledger

    def groups(self) -> Iterable[str]:
        return self._ledger.assets()

    def touched(self, touched: Touched) -> Iterable[str]:
        return touched.assets

    def copied(self, group: str) -> dict[int, int]:
        return self._ledger.balances_of(group)

    def encoded(self, copied: dict[int, int], anew: bool = False) -> bytes:
        return b"".join([b"i%d,i%d," % row for row in sorted(copied.items())])


class _Contests:
    def __init__(self, state: DeskState) -> None:
        self._contests = state.contests

    def groups(self) -> Iterable[int]:
        return self._contests

    def touched(self, touched: Touched) -> Iterable[int]:
        return touched.contests

    def copied(self, group: int) -> bytes:
        # Of few, and seldom: encoded at once.
        return encoded(self._contests[group])

    def encoded(self, copied: bytes, anew: bool = False) -> bytes:
        return copied


class _Actions:
    """All corporate actions that were applied, as one group."""

    def __init__(self, state: DeskState) -> None:
        self._state = state

    def groups(self) -> Iterable[int]:
        return (0,)

    def touched(self, touched: Touched) -> Iterable[int]:
        return (0,) if touched.actions else ()

    def copied(self, group: int) -> list[tuple[str, ActionKind, int]]:
        return list(self._state.applied)

    def encoded(self, copied: list[tuple[str, ActionKind, int]], anew: bool = False) -> bytes:
        return b"".join(map(encoded, sorted(copied)))


def _encoded_rest(state: DeskState) -> bytes:
    """Return the encoding of the clocks and of what trailing stops have met: of few."""
    octets = [encoded(state.clocks[market]) for market in sorted(state.clocks)]
    symbols = sorted({*state.books, *state.model_books})
    books = [book for symbol in symbols for _, book in state.books_in(symbol)]
    marks = sorted(mark for book in books for mark in book.triggers.marks())
    octets.append(encoded(marks))
    return b"".join(octets)
