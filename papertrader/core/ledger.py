"""The ledger: transactions as balanced entries between accounts, and the balances they give.

Double entry: in each transaction, and so in all of them together, the entries of each asset sum
to zero. The user's side of a portfolio is CASH and POSITION; the system's side says where it came
from or went: EQUITY (deposits), MARKET (the counterparty of trades), FEES, ROUNDING (the units by
which money was rounded against the user), CORPORATE (dividends and splits) and CARRY (interest and
borrow fees).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum
from typing import Final

import attrs

from papertrader.core.money import NULL


class InvariantViolated(Exception):
    """Our own books do not agree. A bug, never a user's doing: stop, and recover by the journal."""


class TransactionKind(IntEnum):
    """Why money or shares moved (wire numbers)."""

    BUY = 1
    SELL = 2
    SHORT = 3
    COVER = 4
    FEE = 5
    DIVIDEND = 6
    SPLIT = 7
    DEPOSIT = 8
    RESET = 9
    INTEREST = 10
    WITHDRAWAL = 11
    BORROW = 12
    """Fee for borrowed shares."""
    SYMBOL_CHANGE = 13
    DELISTING = 14
    CORRECTION = 15
    """An operator's, with a reason."""


FUNDING: Final = frozenset(
    {
        TransactionKind.DEPOSIT,
        TransactionKind.WITHDRAWAL,
        TransactionKind.RESET,
        TransactionKind.CORRECTION,
    }
)
"""Kinds that, without a symbol, move the owner's money in or out: no profit, no loss."""
CARRYING: Final = frozenset({TransactionKind.BORROW, TransactionKind.INTEREST})
"""Kinds that are what it costs to hold on to something for a time."""


class LedgerKind(IntEnum):
    """Kinds of ledger account. The first two belong to a portfolio, the others to the system."""

    CASH = 1
    POSITION = 2
    EQUITY = 3
    MARKET = 4
    FEES = 5
    ROUNDING = 6
    CORPORATE = 7
    CARRY = 8


_KINDS: Final = 16
"""More than there are kinds: an account's number leaves room for them."""


@attrs.frozen
class LedgerAccount:
    """One account of the ledger; ``portfolio`` is 0 on the system's side."""

    kind: LedgerKind
    portfolio: int = 0
    number: int = attrs.field(init=False, eq=False, repr=False)
    """Stands for both: Python finds a whole number in a table far sooner than a pair."""

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "number", self.portfolio * _KINDS + self.kind)


EQUITY: Final = LedgerAccount(LedgerKind.EQUITY)
MARKET: Final = LedgerAccount(LedgerKind.MARKET)
FEES: Final = LedgerAccount(LedgerKind.FEES)
ROUNDING: Final = LedgerAccount(LedgerKind.ROUNDING)
CORPORATE: Final = LedgerAccount(LedgerKind.CORPORATE)
CARRY: Final = LedgerAccount(LedgerKind.CARRY)


@attrs.define
class Entry:
    """``amount`` (1e-8 units, signed) of ``asset`` moved into ``ledger_account``."""

    ledger_account: LedgerAccount
    asset: str
    amount: int


@attrs.define
class Transaction:
    """One posted change of a portfolio.

    ``amount`` is the signed change of cash, ``fees`` included; ``realized`` the profit or loss of
    prices on average cost. ``quantity`` is unsigned in a trade, what was held at a dividend, and
    the signed change at a split. ``price`` is per share, `NULL` where there is none.
    ``executed_at`` is the master's instant; ``market_at`` the market's time then, 0 where it is the
    same. ``settles_at`` is the market time at which the cash settles, 0 for at once. ``sec_fee``
    and ``taf_fee`` are parts of ``fees``, the rest is commission. ``rate`` is what one unit of
    ``asset_currency`` was worth in ``currency``; `NULL` and empty where the price is in it.
    """

    transaction_id: int
    portfolio: int
    kind: TransactionKind
    currency: str
    amount: int
    cash_after: int
    executed_at: int
    received_at: int = 0
    symbol: str = ""
    quantity: int = 0
    price: int = NULL
    fees: int = 0
    order: int = 0
    fill: int = 0
    quote_seq: int = 0
    realized: int = 0
    market_at: int = 0
    settles_at: int = 0
    sec_fee: int = 0
    taf_fee: int = 0
    rate: int = NULL
    asset_currency: str = ""
    note: str = ""
    """Why, of a correction."""

    @property
    def market_time(self) -> int:
        """The market's time at the transaction."""
        return self.market_at or self.executed_at

    @property
    def commission(self) -> int:
        """The part of the fees that is not a regulator's."""
        return self.fees - self.sec_fee - self.taf_fee

    @property
    def has_detail(self) -> bool:
        """Whether anything differs from the plain case."""
        return bool(self.market_at or self.settles_at or self.fees or self.asset_currency)


def cash_asset(currency: str) -> str:
    """Return the ledger's name for a currency: ``"$USD"``.

    The sign keeps money apart from shares whose ticker looks like a currency.
    """
    return "$" + currency


def check_balanced(entries: Iterable[Entry]) -> None:
    """Raise `InvariantViolated` unless the entries of each asset sum to zero (I-01)."""
    totals: dict[str, int] = {}
    for entry in entries:
        asset = entry.asset
        if asset in totals:
            totals[asset] += entry.amount
        else:
            totals[asset] = entry.amount
    for asset, total in totals.items():
        if total:
            raise InvariantViolated(f"a transaction's entries of {asset} sum to {total}, not 0")


def trade_entries(
    cash: LedgerAccount,
    position: LedgerAccount,
    symbol: str,
    currency: str,
    quantity: int,
    gross: int,
    market: int,
    fees: int = 0,
) -> tuple[Entry, ...]:
    """Return the entries of a trade between a portfolio's two accounts and the market.

    ``quantity`` and ``gross`` (cash before ``fees``) are signed as the user sees them: a buy has a
    positive quantity and a negative gross. ``market`` is what the counterparty gets, rounded the
    other way; what lies between is ROUNDING's.
    """
    money = cash_asset(currency)
    rounded = -gross - market
    plain = (
        Entry(cash, money, gross - fees),
        Entry(MARKET, money, market),
        Entry(position, symbol, quantity),
        Entry(MARKET, symbol, -quantity),
    )
    if not fees and not rounded:
        return plain
    entries = list(plain)
    if fees:
        entries.append(Entry(FEES, money, fees))
    if rounded:
        entries.append(Entry(ROUNDING, money, rounded))
    return tuple(entries)


def transfer_entries(
    *,
    source: LedgerAccount,
    cash: LedgerAccount,
    position: LedgerAccount,
    currency: str,
    amount: int,
    symbol: str = "",
    quantity: int = 0,
) -> tuple[Entry, ...]:
    """Return the entries that move ``amount`` of cash and ``quantity`` of ``symbol``.

    Both go from ``source``, on the system's side, to the user; either may be 0 or negative.
    """
    entries: list[Entry] = []
    if amount:
        money = cash_asset(currency)
        entries.append(Entry(cash, money, amount))
        entries.append(Entry(source, money, -amount))
    if quantity:
        entries.append(Entry(position, symbol, quantity))
        entries.append(Entry(source, symbol, -quantity))
    return tuple(entries)


class Ledger:
    """The balance of each account and asset: the sum of all entries posted."""

    def __init__(self) -> None:
        self._balances: dict[str, dict[int, int]] = {}
        """By asset, then by the account's number."""

    def post(self, entries: Sequence[Entry]) -> None:
        """Add ``entries`` to the balances; raises `InvariantViolated` if they do not balance."""
        check_balanced(entries)
        everything = self._balances
        for entry in entries:
            asset, number = entry.asset, entry.ledger_account.number
            if asset in everything:
                balances = everything[asset]
            else:
                balances = everything[asset] = {}
            if number in balances:
                balances[number] += entry.amount
            else:
                balances[number] = entry.amount

    def restore(self, ledger_account: LedgerAccount, asset: str, amount: int) -> None:
        """Set one balance, when a state is put together again from its parts."""
        self._balances.setdefault(asset, {})[ledger_account.number] = amount

    def balance(self, ledger_account: LedgerAccount, asset: str) -> int:
        """Return the balance of one account in one asset; 0 where nothing was posted."""
        return self._balances.get(asset, {}).get(ledger_account.number, 0)

    def assets(self) -> Iterable[str]:
        """Give every asset that has balances."""
        return self._balances

    def balances_of(self, asset: str) -> dict[int, int]:
        """Return the balances of an asset as they are now, by the number of each account."""
        return dict(self._balances.get(asset, {}))

    def balances(self) -> Iterator[tuple[LedgerAccount, str, int]]:
        """Give every account, asset and balance, in no order that matters."""
        for asset, balances in self._balances.items():
            for number, amount in balances.items():
                portfolio, kind = divmod(number, _KINDS)
                yield LedgerAccount(LedgerKind(kind), portfolio), asset, amount
