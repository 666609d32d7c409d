"""Conformance cases written by hand: what a client's money does, and who is told of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from papertrader.core.money import SCALE, cost_of_notional
from papertrader.core.orders import TimeInForce
from papertrader.fuzz import mutate
from papertrader.fuzz.audits import books_of, unbalanced
from papertrader.fuzz.bench import Bench, Case, CaseFailed, CaseSkipped
from papertrader.fuzz.cases_rules import resting_order
from papertrader.fuzz.channel import Channel
from papertrader.fuzz.world import hello
from papertrader.wire import limits
from papertrader.wire import messages as m
from papertrader.wire.kinds import Status, Topic, TxKind

FILL_WAIT_S: Final = 12.0
_ODD_QUANTITIES: Final = (33_333_333, 33_333_331, 29_999_999)
"""Parts of a coin: a price with cents does not make them come out even."""
_DECIDED: Final = (
    Status.OK, *(s for s in Status if 0x0400 <= s < 0x0500),
)  # fmt: skip


def _reserved(bench: Bench, channel: Channel) -> int:
    reply = bench.ask(channel, m.PortfolioGet())
    if not isinstance(reply, m.PortfolioPart):
        raise CaseFailed("PORTFOLIO_GET was answered by something else")
    return reply.reserved_cash


def _given_back(bench: Bench) -> None:
    channel = bench.session(fresh=True)
    before = _reserved(bench, channel)
    placed = bench.ask(channel, resting_order(bench), *_DECIDED, seq=bench.next_seq(channel))
    if not isinstance(placed, m.OrderReply):
        raise CaseSkipped("the market takes no resting order at present")
    held = _reserved(bench, channel) - before
    cancel = m.OrderCancel(order=placed.order)
    done = bench.ask(
        channel, cancel, Status.OK, Status.ORDER_DONE, seq=bench.next_seq(channel)
    )  # fmt: skip
    if held <= 0:
        raise CaseFailed(f"an open order to buy reserves {held}")
    if isinstance(done, m.OrderReply) and done.filled == 0 and _reserved(bench, channel) != before:
        raise CaseFailed("a cancelled order did not give back what it had reserved")


def _finest(bench: Bench, channel: Channel) -> m.AssetRow:
    """Return an asset of which fractions may be bought at any time."""
    listed = bench.ask(channel, m.AssetList())
    rows = getattr(listed, "assets", ())
    for row in rows:
        if row.lot < SCALE and row.lot == 1 and row.symbol.endswith("USD"):
            found: m.AssetRow = row
            return found
    raise CaseSkipped("no asset is sold in fractions at any time here")


def _against_the_user(bench: Bench) -> None:
    channel = bench.session(fresh=True)
    symbol = _finest(bench, channel).symbol
    for quantity in _ODD_QUANTITIES:
        bought = _bought(bench, channel, symbol, quantity)
        cost = cost_of_notional(sum(each.price * each.quantity for each in bought))
        paid = -sum(each.amount for each in bought)
        if paid != cost:
            raise CaseFailed(f"{quantity} of {symbol} cost {cost}, and {paid} was paid")


def _bought(bench: Bench, channel: Channel, symbol: str, quantity: int) -> list[m.TransactionRow]:
    """Buy at the market, wait until all is there, and return the fills."""
    order = m.OrderNew(
        client_order_id=bench.rng.getrandbits(62) + 1, symbol=symbol,
        time_in_force=TimeInForce.GTC, quantity=quantity,
    )  # fmt: skip
    placed = bench.ask(channel, order, seq=bench.next_seq(channel))
    if not isinstance(placed, m.OrderReply):
        raise CaseFailed("the order was answered by something else")
    until = bench.world.target.now() + FILL_WAIT_S
    while bench.world.target.now() < until:
        bench.idle(0.3)
        frames = bench.world.ask_all(channel, m.TransactionsGet(limit=5_000))
        rows = [row for frame in frames for row in getattr(frame.message, "transactions", ())]
        fills = [row for row in rows if row.order == placed.order and row.kind == TxKind.BUY]
        if sum(row.quantity for row in fills) == quantity:
            return fills
    raise CaseSkipped(f"the order was not filled in {FILL_WAIT_S:.0f} s")


def _books(bench: Bench) -> None:
    channel = bench.session(fresh=True)
    books = books_of(bench.world, channel)
    if books is None:
        raise CaseSkipped("the account never stands still")
    for breach in unbalanced(books):
        raise CaseFailed(breach.text)


def _own_account(bench: Bench) -> None:
    for number in (0, 1, 0):
        account = bench.world.account(number)
        reply = bench.ask(bench.session(number, fresh=True), m.AccountGet())
        if not isinstance(reply, m.AccountReply) or reply.username != account.username:
            raise CaseFailed(f"{account.owner} was told of {getattr(reply, 'username', 'nobody')}")


def _asked_twice(bench: Bench) -> None:
    for number in (0, 1, 0):
        channel = bench.session(number, fresh=True)
        for _ in range(2):
            reply = bench.ask(channel, m.AssetList(limit=3))
            if not isinstance(reply, m.AssetListPart):
                raise CaseFailed("ASSET_LIST was answered by something else")


def _wrong_password(change: Callable[[str], str]) -> Callable[[Bench], None]:
    def run(bench: Bench) -> None:
        account = bench.world.account(1)
        channel = bench.raw()
        bench.expect(channel, hello(bench.rng), Status.OK)
        message = m.Login(username=account.username, password=change(account.password))
        bench.ask(channel, message, Status.AUTH_FAILED, Status.RATE_LIMITED)

    return run


def _unasked(bench: Bench) -> None:
    listening, silent = bench.session(fresh=True), bench.session(fresh=True)
    bench.ask(silent, m.Ping(token=1))
    placed = bench.ask(listening, resting_order(bench), *_DECIDED, seq=1)
    bench.idle(0.5)
    if isinstance(placed, m.OrderReply):
        bench.still_usable(silent)


def _in_a_row(bench: Bench) -> None:
    channel = bench.session(fresh=True)
    bench.ask(channel, m.Subscribe(topics=Topic.ACCOUNT))
    for number in range(1, 5):
        placed = bench.ask(channel, resting_order(bench), *_DECIDED, seq=2 * number - 1)
        if isinstance(placed, m.OrderReply):
            cancel = m.OrderCancel(order=placed.order)
            bench.ask(channel, cancel, Status.OK, Status.ORDER_DONE, seq=2 * number)
    bench.idle(1.0)


def _good_but(offset: int, value: int) -> Callable[[Bench], None]:
    """Return a case of an order that is good but for one octet of its root block."""

    def run(bench: Bench) -> None:
        channel = bench.session()
        octets = bench.encoded(channel, resting_order(bench), bench.next_seq(channel))
        changed = mutate.put(octets, limits.HEADER_SIZE + offset, "B", value)
        bench.expect(channel, changed, Status.INVALID_FIELD)

    return run


def money_cases() -> Iterator[Case]:
    """Money, the books, and what must be told to nobody else."""
    cases: tuple[tuple[str, str, Callable[[Bench], None]], ...] = (
        ("a cancelled order gives back its cash", "12.3", _given_back),
        ("a cost is rounded against the buyer", "4.2", _against_the_user),
        ("the books add up", "12.3", _books),
        ("each is told of the own account", "8.6", _own_account),
        ("a public question asked again", "9.1", _asked_twice),
        ("a password with one octet more", "11.3", _wrong_password(lambda text: text + "x")),
        ("a password with one octet less", "11.3", _wrong_password(lambda text: text[:-1])),
        ("an order with a side that there is not", "3.5", _good_but(32, 9)),
        ("an order of a type that there is not", "3.5", _good_but(33, 0xEE)),
        ("an order with a flag that there is not", "3.5", _good_but(35, 0x80)),
        ("no events without a subscription", "14.1", _unasked),
        ("events of eight commands in a row", "14.3", _in_a_row),
    )
    for name, clause, run in cases:
        yield Case(section="money", name=name, clause=clause, run=run)
