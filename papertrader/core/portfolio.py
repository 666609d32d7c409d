"""Portfolios: cash, reservations, positions and their lots, and the arithmetic of cost and profit.

Lots are always kept. Average cost and first-in-first-out are two views of the same position
(trading rules, part 6). Whatever the view, all money is accounted for:

    cash = deposited + realized + dividends - fees + borrow + interest - sum of the cost bases
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from papertrader.core.added import ADDED, NAMED
from papertrader.core.ledger import InvariantViolated, LedgerAccount, LedgerKind
from papertrader.core.money import (
    AMOUNT_MAX,
    AMOUNT_MIN,
    NULL,
    SCALE,
    checked,
    cost_of_notional,
    divide_half_even,
    proceeds_of,
    proceeds_of_notional,
)
from papertrader.core.purse import EMPTY_PURSE, Purse
from papertrader.core.terms import DEFAULT_TERMS, AccountKind, PortfolioTerms

# Python 3.11 looks the members of an enumeration up slowly: each costs as much as a call.
_MARGIN: Final = AccountKind.MARGIN

LOTS_MAX: Final = 256
"""Lots kept for one position. One more, and the two oldest are merged into one."""


@attrs.define
class Lot:
    """What one fill opened. ``quantity`` and ``cost`` are negative in a short position.

    ``price`` is that of the fill (after a split: adjusted, half-even); ``cost`` is the exact money;
    ``opened_at`` is market time where terms say how long it must be held, else the master's.
    """

    quantity: int
    price: int
    cost: int
    opened_at: int
    transaction: int


@attrs.define
class Position:
    """What a portfolio holds of one symbol. Never changed once handed on.

    ``cost_basis`` is the money that the present quantity cost on average (fees apart), negative
    for a short position; ``realized`` the price profit so far, on average cost.
    """

    symbol: str
    quantity: int = 0
    cost_basis: int = 0
    realized: int = 0
    opened_at: int = 0
    updated_at: int = 0
    lots: tuple[Lot, ...] = ()

    @property
    def avg_cost(self) -> int:
        """Average cost of a share, half-even to 1e-8; `NULL` when flat."""
        return _price_of(self.cost_basis, self.quantity)

    @property
    def fifo_cost_basis(self) -> int:
        """What the lots still open cost, first in first out."""
        return sum(lot.cost for lot in self.lots)

    @property
    def fifo_avg_cost(self) -> int:
        """Average cost of the lots still open, half-even to 1e-8; `NULL` when flat."""
        return _price_of(self.fifo_cost_basis, self.quantity)

    @property
    def fifo_realized(self) -> int:
        """Price profit so far, first in first out.

        The money that went in and came out is the same in both views, so what they realized
        differs by exactly as much as their cost bases do.
        """
        return self.realized + self.fifo_cost_basis - self.cost_basis

    def value_at(self, price: int) -> int:
        """Return what the position is worth at ``price``, rounded down to a unit."""
        return proceeds_of(price, self.quantity)


@attrs.define
class PortfolioState:
    """A portfolio as it stands. Read it; only the desk changes it.

    ``realized`` is the profit of prices, ``dividends`` and ``fees`` are apart. ``positions`` keeps
    those that are flat now, for what they realized; ``reserved_quantity`` is per symbol.
    ``client_order_ids`` leads from each client order id ever used to the order. ``deposited`` (less
    what was withdrawn), ``realized``, ``dividends`` and ``fees`` count from the beginning of the
    ``season``, the first of which is 1; ``season_at`` is 0 in the first.
    """

    portfolio: int
    account: int
    currency: str
    cash: int = 0
    reserved_cash: int = 0
    deposited: int = 0
    realized: int = 0
    dividends: int = 0
    fees: int = 0
    positions: dict[str, Position] = attrs.Factory(dict)
    reserved_quantity: dict[str, int] = attrs.Factory(dict)
    client_order_ids: dict[int, int] = attrs.field(factory=dict, eq=False)
    name: str = attrs.field(default="", metadata={ADDED: True})
    season: int = attrs.field(default=1, metadata={ADDED: True})
    season_at: int = attrs.field(default=0, metadata={ADDED: True})
    terms: PortfolioTerms = attrs.field(default=DEFAULT_TERMS, metadata={ADDED: True})
    frozen: bool = attrs.field(default=False, metadata={ADDED: NAMED})
    contest: int = attrs.field(default=0, metadata={ADDED: NAMED})
    """The contest that it is an entry of; 0 for none."""
    purse: Purse = attrs.field(default=EMPTY_PURSE, metadata={ADDED: True})
    cash_account: LedgerAccount = attrs.field(init=False)
    position_account: LedgerAccount = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        # Made once: every fill names them.
        self.cash_account = LedgerAccount(LedgerKind.CASH, self.portfolio)
        self.position_account = LedgerAccount(LedgerKind.POSITION, self.portfolio)

    @property
    def is_margin(self) -> bool:
        """Whether it may borrow."""
        return self.terms.account_kind == _MARGIN

    @property
    def earned(self) -> int:
        """All that the season has realized: price, dividends, fees, borrow and interest."""
        carried = self.purse.borrow + self.purse.interest
        return self.realized + self.dividends - self.fees + carried

    @property
    def available_cash(self) -> int:
        """Cash that no open order has reserved."""
        return self.cash - self.reserved_cash

    def quantity(self, symbol: str) -> int:
        """Return what is held of ``symbol``."""
        position = self.positions.get(symbol)
        return position.quantity if position is not None else 0

    def available_quantity(self, symbol: str) -> int:
        """Return what is held of ``symbol``, or owed, that no open order to close it reserves."""
        return abs(self.quantity(symbol)) - self.reserved_quantity.get(symbol, 0)

    def equity(self, prices: Mapping[str, int]) -> int:
        """Return cash plus the worth of all positions at ``prices``.

        A position without a price counts at its cost basis.
        """
        total = self.cash
        for symbol, position in self.positions.items():
            price = prices.get(symbol, NULL)
            total += position.cost_basis if price == NULL else position.value_at(price)
        return total


@attrs.define
class SplitResult:
    """What a split makes of a position.

    ``released`` is the part of the old cost basis that left with the fraction paid in cash. The
    fraction is ``fraction_numerator / fraction_denominator`` in 1e-8 of an *old* share, or
    ``fraction_numerator`` over the split's denominator of a new one.
    """

    position: Position
    released: int
    fraction_numerator: int
    fraction_denominator: int


def _price_of(cost: int, quantity: int) -> int:
    """Return money per share in 1e-8 units, half-even; `NULL` for no shares."""
    if quantity == 0:
        return NULL
    scaled = cost * SCALE
    return (
        divide_half_even(scaled, quantity) if quantity > 0 else divide_half_even(-scaled, -quantity)
    )


def _share_of(total: int, part: int, whole: int) -> int:
    """Return ``total * part / whole``, rounded down; exact when ``part`` is the ``whole``."""
    return total * part // whole


def _without_oldest(lots: tuple[Lot, ...], quantity: int) -> tuple[Lot, ...]:
    """Return ``lots`` after ``quantity`` (of their own sign) was taken from the oldest ones."""
    left = abs(quantity)
    for index, lot in enumerate(lots):
        if left == 0:
            return lots[index:]
        if abs(lot.quantity) > left:
            taken = left if lot.quantity > 0 else -left
            rest = Lot(
                lot.quantity - taken,
                lot.price,
                lot.cost - _share_of(lot.cost, taken, lot.quantity),
                lot.opened_at,
                lot.transaction,
            )
            return (rest, *lots[index + 1 :])
        left -= abs(lot.quantity)
    return ()


def _with_newest(lots: tuple[Lot, ...], lot: Lot) -> tuple[Lot, ...]:
    """Return ``lots`` with one more; beyond `LOTS_MAX` the two oldest become one."""
    if len(lots) < LOTS_MAX:
        return (*lots, lot)
    first, second = lots[:2]
    quantity, cost = first.quantity + second.quantity, first.cost + second.cost
    merged = Lot(quantity, _price_of(cost, quantity), cost, first.opened_at, first.transaction)
    return (merged, *lots[2:], lot)


def trade(
    position: Position,
    quantity: int,
    price: int,
    gross: int,
    at: int,
    transaction: int,
    market_at: int = 0,
) -> tuple[Position, int]:
    """Return ``position`` after a fill, and the price profit that it realized on average cost.

    ``quantity`` and ``gross`` (the change of cash before fees) are signed: a buy has a positive
    quantity and a negative gross. The released part of the cost basis is rounded down to a unit.
    ``market_at`` is the market time of it, 0 where that is ``at``.
    Raises `InvariantViolated` if the fill crosses zero (it must be two steps then), and
    `AmountOverflow` if the result does not fit.
    """
    held = position.quantity
    after = held + quantity
    if held == 0 or (held > 0) == (quantity > 0):
        opened = Lot(quantity, price, -gross, market_at or at, transaction)
        lots, released, realized = _with_newest(position.lots, opened), gross, 0
    else:
        if after != 0 and (after > 0) != (held > 0):
            raise InvariantViolated(f"one fill took {position.symbol} from {held} to {after}")
        released = _share_of(position.cost_basis, -quantity, held)
        lots, realized = _without_oldest(position.lots, -quantity), gross - released
    basis, profit = position.cost_basis - released, position.realized + realized
    # Every fill comes here: only what does not fit pays for the calls.
    if max(after, basis, profit) > AMOUNT_MAX or min(after, basis, profit) < AMOUNT_MIN:
        for amount in (after, basis, profit):
            checked(amount)
    opened_at = position.opened_at if held else at
    return Position(position.symbol, after, basis, profit, opened_at, at, lots), realized


def moved(
    old: Position, new: Position | None, symbol: str, at: int, transaction: int
) -> tuple[Position, int]:
    """Return the position in ``symbol`` after that of another was moved into it, and its profit.

    Lots keep their cost and follow those that are there. A long and a short close one another at
    what the one that moves has cost. Raises `AmountOverflow` if the result does not fit.
    """
    held = new if new is not None else Position(symbol, opened_at=old.opened_at)
    if held.quantity * old.quantity < 0:
        return trade_through(
            held,
            quantity=old.quantity,
            price=old.avg_cost,
            gross=-old.cost_basis,
            at=at,
            transaction=transaction,
            market_at=old.lots[-1].opened_at if old.lots else 0,
        )
    lots = held.lots
    for lot in old.lots:
        lots = _with_newest(lots, lot)
    together = Position(
        symbol,
        checked(held.quantity + old.quantity),
        checked(held.cost_basis + old.cost_basis),
        held.realized,
        held.opened_at if held.quantity else old.opened_at,
        at,
        lots,
    )
    return together, 0


def trade_through(
    position: Position,
    quantity: int,
    price: int,
    gross: int,
    at: int,
    transaction: int,
    market_at: int = 0,
) -> tuple[Position, int]:
    """Return the same as `trade`, in two steps where the fill crosses zero: close, then open.

    The closing step is paid what it would be by itself, rounded against the user; the rest of
    ``gross`` is what opens at the fill's price.
    """
    held = position.quantity
    if held == 0 or (held > 0) == (quantity > 0) or abs(quantity) <= abs(held):
        return trade(position, quantity, price, gross, at, transaction, market_at)
    closing = -held * price
    paid = -cost_of_notional(closing) if closing > 0 else proceeds_of_notional(-closing)
    flat, realized = trade(
        position, quantity=-held, price=price, gross=paid, at=at, transaction=transaction
    )
    opened, _ = trade(
        flat,
        quantity=quantity + held,
        price=price,
        gross=gross - paid,
        at=at,
        transaction=transaction,
        market_at=market_at,
    )
    return opened, realized


def _split_lots(lots: tuple[Lot, ...], numerator: int, denominator: int) -> tuple[Lot, ...]:
    """Scale each lot so that the sum is the scaled sum, rounded towards zero.

    A lot that vanishes leaves its cost to the next one, or to the last one there is.
    """
    result: list[Lot] = []
    before = total = carried = 0
    for lot in lots:
        total += lot.quantity
        after = abs(total) * numerator // denominator
        quantity, before, carried = after - before, after, carried + lot.cost
        if quantity:
            result.append(
                Lot(
                    quantity if total > 0 else -quantity,
                    divide_half_even(lot.price * denominator, numerator),
                    carried,
                    lot.opened_at,
                    lot.transaction,
                )
            )
            carried = 0
    if result:
        result[-1].cost += carried
    return tuple(result)


def opened_before(position: Position, before: int) -> int:
    """Return how much of a position is of lots that were opened before an instant; all for 0."""
    if not before:
        return position.quantity
    return sum(lot.quantity for lot in position.lots if lot.opened_at < before)


def split(
    position: Position, *, numerator: int, denominator: int, lot: int, at: int, before: int = 0
) -> SplitResult:
    """Return what becomes of ``position`` when ``denominator`` shares turn into ``numerator``.

    Whole multiples of ``lot`` stay, the total cost basis with them; a fraction beyond them leaves,
    the oldest lots first, and is to be paid in cash. Lots that were opened at ``before`` or later,
    if that is not 0, were of new shares from the beginning and stay as they are, behind the others.
    Raises `AmountOverflow` if the result does not fit.
    """
    held = opened_before(position, before)
    sign = 1 if position.quantity > 0 else -1
    exact = abs(held) * numerator
    kept = exact // denominator
    kept -= kept % lot
    fraction = exact - kept * denominator
    stays = position.quantity - held
    # On average cost, which all shares have: counted in parts of a new one.
    released = _share_of(position.cost_basis, fraction, exact + abs(stays) * denominator)
    old: tuple[Lot, ...] = position.lots
    new: tuple[Lot, ...] = ()
    if stays:
        old = tuple(each for each in position.lots if each.opened_at < before)
        new = tuple(each for each in position.lots if each.opened_at >= before)
    lots = _split_lots(old, numerator, denominator)
    excess = exact // denominator - kept
    after = Position(
        position.symbol,
        checked(sign * kept + stays),
        position.cost_basis - released,
        position.realized,
        position.opened_at,
        at,
        (*(_without_oldest(lots, sign * excess) if kept else ()), *new),
    )
    return SplitResult(after, released, sign * fraction, numerator)
