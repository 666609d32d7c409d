"""The file of a contest: all that its standings follow from, to be counted again by anyone.

JSON lines, each with sorted keys and no spaces. The first says what contest it was, then one line
for each entry with its transactions, one with the prices, one with the standings, and last the
SHA-256 of everything before it. Amounts are integers of 1e-8, times nanoseconds of market time.

`verify` needs the file alone. It counts cash and holdings transaction by transaction, values them
at the prices of the file, and ranks the entries. It cannot know whether the prices were the
market's: they are the same for all entries, and can be compared with any other source.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import attrs

from papertrader.core.contests import Contest, ContestRules, Entry, Standing, ranked
from papertrader.core.equity import Fold, value
from papertrader.core.ledger import FUNDING, Transaction, TransactionKind
from papertrader.core.money import NULL, SCALE
from papertrader.core.performance import EquityPoint, measure
from papertrader.core.terms import PortfolioTerms

FORMAT: Final = "papertrader-contest"
VERSION: Final = 1
FILE_MAX: Final = 256 * 1024 * 1024
"""Octets of a file that is read or written; a longer one is refused."""
_COLUMNS: Final = (
    "transaction_id", "kind", "symbol", "quantity", "price", "amount", "fees", "cash_after",
    "realized", "market_at", "order", "fill", "quote_seq",
)  # fmt: skip
_MOVES: Final = frozenset({TransactionKind.BUY, TransactionKind.COVER})

Prices = Mapping[int, Mapping[str, int]]
"""Market time of each session's end -> last price of each symbol held then."""


@attrs.frozen
class Account:
    """An entry as the file has it."""

    entry: Entry
    username: str
    transactions: Sequence[Transaction]


def curve_of(
    transactions: Iterable[Transaction], prices: Prices, ended_at: int, marks: Mapping[str, int]
) -> list[EquityPoint]:
    """Return the daily equity of an entry up to the contest's end."""
    fold = Fold([at for at in sorted(prices) if at < ended_at])
    fold.take(each for each in transactions if each.market_time <= ended_at)

    def price_of(symbol: str, at: int) -> int:
        known = marks if at == ended_at else prices.get(at, {})
        return known.get(symbol, NULL)

    return [value(each, price_of) for each in fold.finish(ended_at)]


def risk_adjusted(points: Sequence[EquityPoint]) -> int:
    """Return the Sharpe ratio of a curve in 1e-8; `NULL` where there is too little to say."""
    sharpe = measure(points).sharpe
    return NULL if sharpe is None or abs(sharpe) > SCALE else round(sharpe * SCALE)


def write(
    contest: Contest, accounts: Sequence[Account], prices: Prices, standings: Sequence[Standing]
) -> bytes:
    """Return the octets of a contest's file."""
    rules = contest.rules
    lines = [
        _line(
            format=FORMAT,
            version=VERSION,
            contest=contest.contest,
            host=contest.host,
            created_at=contest.created_at,
            ended_at=contest.ended_at,
            rules=attrs.asdict(rules),
            marks={symbol: _price(price) for symbol, price in contest.marks},
            columns=list(_COLUMNS),
        )
    ]
    for account in accounts:
        rows = [_row(each) for each in account.transactions]
        entry = attrs.asdict(account.entry)
        lines.append(_line(entry=entry, username=account.username, transactions=rows))
    lines.append(_line(prices=[[at, dict(prices[at])] for at in sorted(prices)]))
    lines.append(_line(standings=[_standing(each) for each in standings]))
    body = b"".join(lines)
    return body + _line(sha256=hashlib.sha256(body).hexdigest())


def _line(**content: Any) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def _row(transaction: Transaction) -> list[Any]:
    found: list[Any] = [getattr(transaction, name) for name in _COLUMNS]
    found[1], found[4] = int(transaction.kind), _price(transaction.price)
    found[9] = transaction.market_time
    return found


def _price(price: int) -> int | None:
    return None if price == NULL else price


def _standing(standing: Standing) -> dict[str, int | None]:
    shown = attrs.asdict(standing)
    return shown | {"risk_adjusted": _price(standing.risk_adjusted)}


# --- verifying -----------------------------------------------------------------------------------


class FileError(ValueError):
    """The file is not one of a contest, or cannot be read; the message says where."""


@attrs.frozen
class Report:
    """What was found: ``problems`` is empty where everything follows from everything else."""

    contest: Contest
    accounts: Sequence[Account]
    standings: Sequence[Standing]
    problems: Sequence[str]


def verify(octets: bytes) -> Report:
    """Count a contest's file again. Raises `FileError` for what cannot be read at all."""
    if len(octets) > FILE_MAX:
        raise FileError(f"the file has more than {FILE_MAX} octets")
    contest, accounts, prices, told = _parsed(octets)
    problems: list[str] = []
    _, _, seal = octets.rstrip(b"\n").rpartition(b"\n")
    if json.loads(seal).get("sha256") != hashlib.sha256(octets[: -len(seal) - 1]).hexdigest():
        problems.append("the file was changed: its SHA-256 is another one")
    equities = []
    marks = dict(contest.marks)
    for account in accounts:
        name = f"entry {account.entry.portfolio} of {account.username}"
        problems += [f"{name}: {each}" for each in _ledger_problems(contest, account)]
        points = curve_of(account.transactions, prices, contest.ended_at, marks)
        worth = points[-1].equity if points else 0
        if worth != account.entry.equity:
            problems.append(f"{name} is worth {worth}, and the file says {account.entry.equity}")
        equities.append((account.entry.portfolio, worth, risk_adjusted(points)))
    standings = ranked(contest, equities)
    if [_standing(each) for each in standings] != told:
        problems.append("the standings are not those that follow from the transactions")
    return Report(contest, accounts, standings, problems)


def _ledger_problems(contest: Contest, account: Account) -> list[str]:
    """Count one entry's cash; at most a few sentences."""
    found: list[str] = []
    cash = last = 0
    for number, each in enumerate(account.transactions):
        where = f"transaction {each.transaction_id}"
        if each.transaction_id <= last:
            found.append(f"{where} is out of order")
        last = each.transaction_id
        cash += each.amount
        if each.cash_after != cash:
            found.append(f"{where} leaves {each.cash_after}, and it adds up to {cash}")
            cash = each.cash_after
        if each.kind in FUNDING and not each.symbol:
            starting = number == 0 and each.amount == contest.rules.cash
            if not starting:
                found.append(f"{where} moves cash that the contest does not allow")
        elif each.price != NULL and each.kind in (*_MOVES, TransactionKind.SELL):
            found += _trade_problems(where, each)
        if contest.rules.opens_at > each.market_time and number:
            found.append(f"{where} was before the contest opened")
    return found[:10]


def _trade_problems(where: str, trade: Transaction) -> list[str]:
    """A trade's cash is its price times its quantity, to the unit of its rounding, and its fees."""
    notional = trade.price * trade.quantity
    sign = -1 if trade.kind in _MOVES else 1
    off = abs((trade.amount + trade.fees) * SCALE - sign * notional)
    if off >= 2 * SCALE:
        return [f"{where} moved {trade.amount}, which is not its price times its quantity"]
    return []


def _parsed(octets: bytes) -> tuple[Contest, list[Account], Prices, list[Any]]:
    try:
        lines = [json.loads(line) for line in octets.splitlines()]
        head, entries, (prices, standings, _) = lines[0], lines[1:-3], lines[-3:]
        if head["format"] != FORMAT or head["version"] != VERSION:
            raise FileError(f"this is not a {FORMAT} file of version {VERSION}")
        rules = dict(head["rules"])
        terms = dict(rules["terms"])
        terms["assets"] = tuple(terms["assets"])
        rules["terms"] = PortfolioTerms(**terms)
        accounts = [_account(each, rules["currency"]) for each in entries]
        contest = Contest(
            head["contest"],
            head["host"],
            ContestRules(**rules),
            head["created_at"],
            {each.entry.portfolio: each.entry for each in accounts},
            head["ended_at"],
            tuple((s, NULL if p is None else p) for s, p in sorted(head["marks"].items())),
        )
        priced = {at: dict(known) for at, known in prices["prices"]}
        return contest, accounts, priced, standings["standings"]
    except FileError:
        raise
    except (ValueError, LookupError, TypeError, AttributeError):
        raise FileError("this is not a whole file of a contest") from None


def _account(line: Mapping[str, Any], currency: str) -> Account:
    entry = Entry(**line["entry"])
    found = []
    for row in line["transactions"]:
        fields = dict(zip(_COLUMNS, row, strict=True))
        fields["kind"] = TransactionKind(fields["kind"])
        fields["price"] = NULL if fields["price"] is None else fields["price"]
        found.append(
            Transaction(
                portfolio=entry.portfolio,
                currency=currency,
                executed_at=fields["market_at"],
                **fields,
            )
        )
    return Account(entry, line["username"], found)
