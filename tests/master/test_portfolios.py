"""Several portfolios at the master: each command once, in the journal, the views and the audit."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from papertrader.core.cashier import DEPOSITED_MAX
from papertrader.core.ledger import EQUITY
from papertrader.core.money import NULL, SCALE
from papertrader.core.orders import OrderEventKind, OrderState, OrderType, TimeInForce
from papertrader.core.terms import AccountKind, FeeModelKind, PortfolioTerms
from papertrader.master import records
from papertrader.master.operators import Appointment, appoint
from papertrader.master.termrecords import terms_block
from papertrader.wire import codec, limits
from papertrader.wire import messages as m
from papertrader.wire.kinds import FrameFlag, Scope, Status, TxKind
from tests import backends
from tests.master_kit import PASSWORD, MasterClient, MasterKit


def command(client: MasterClient, message: Any) -> Any:
    """Send a command under the next number."""
    client.seq += 1
    return client.ask(message, seq=client.seq)


def listed(client: MasterClient) -> list[m.ListedRow]:
    """The account's portfolios."""
    return list(client.ask(m.PortfolioList()).message.portfolios)


def without_prices(rows: list[m.ListedRow]) -> list[m.ListedRow]:
    """The same rows without what depends on the newest quote."""
    return [attrs.evolve(row, equity=0) for row in rows]


def test_a_portfolio_is_created_and_trades_by_itself(kit: MasterKit, ann: MasterClient) -> None:
    """Clause 13.10: name, cash and positions are its own, and survive a crash."""
    made = command(ann, m.PortfolioCreate(name="tech", cash=5_000 * SCALE))
    assert made.status == 0
    number = made.message.portfolio
    assert (made.message.name, made.message.cash) == ("tech", 5_000 * SCALE)
    default = command(ann, m.PortfolioCreate(name="more")).message
    assert default.cash == 100_000 * SCALE
    assert ann.order("AAPL", "2", portfolio=number).status == 0
    kit.quote("AAPL", "560.00", "560.10")
    for _ in range(2):
        first, second, third = listed(ann)
        assert (first.portfolio, first.name, first.positions) == (1, "", 0)
        assert (second.name, second.positions, second.season) == ("tech", 1, 1)
        assert second.cash == 5_000 * SCALE - 1_120_20000000
        assert third.name == "more"
        kit.crash()
        ann.resume()
    history = ann.ask(m.TransactionsGet(portfolio=number)).message.transactions
    assert [row.kind for row in history] == [TxKind.DEPOSIT, TxKind.BUY]


def test_a_command_sent_again_creates_one_portfolio(kit: MasterKit, ann: MasterClient) -> None:
    """R4: the stored reply, also over a crash; another name under the number is SEQ_REUSED."""
    made = ann.ask(m.PortfolioCreate(name="tech"), seq=1)
    kit.crash()
    ann.resume()
    again = ann.ask(m.PortfolioCreate(name="tech"), seq=1)
    assert again.header.flags & FrameFlag.REPLAYED
    assert again.octets[limits.HEADER_SIZE :] == made.octets[limits.HEADER_SIZE :]
    assert ann.ask(m.PortfolioCreate(name="other"), seq=1).status == Status.SEQ_REUSED
    assert len(listed(ann)) == 2


@pytest.mark.parametrize(
    ("message", "status"),
    [
        (m.PortfolioCreate(name=""), Status.INVALID_FIELD),
        (m.PortfolioCreate(name="-x"), Status.INVALID_FIELD),
        (m.PortfolioCreate(name="x", cash=-1), Status.INVALID_FIELD),
        (m.PortfolioCreate(name="x", cash=2**62), Status.AMOUNT_OVERFLOW),
        (m.PortfolioCreate(name="MINE"), Status.NAME_TAKEN),
        (m.PortfolioUpdate(name="a/b"), Status.INVALID_FIELD),
        (m.PortfolioUpdate(portfolio=1, name="Mine"), Status.NAME_TAKEN),
        (m.PortfolioUpdate(portfolio=99, name="x"), Status.NO_SUCH_PORTFOLIO),
        (m.PortfolioReset(cash=-1), Status.INVALID_FIELD),
        (m.PortfolioReset(portfolio=99), Status.NO_SUCH_PORTFOLIO),
        (m.PortfolioReset(cash=2**62), Status.AMOUNT_OVERFLOW),
        (m.PortfolioCash(amount=0), Status.INVALID_FIELD),
        (m.PortfolioCash(amount=NULL), Status.INVALID_FIELD),
        (m.PortfolioCash(amount=2**62), Status.AMOUNT_OVERFLOW),
        (m.PortfolioCash(amount=-(2**62)), Status.INSUFFICIENT_CASH),
        (m.PortfolioCash(portfolio=99, amount=1), Status.NO_SUCH_PORTFOLIO),
    ],
)
def test_every_refusal(ann: MasterClient, message: Any, status: Status) -> None:
    """A sentence, nothing done; decisions of the desk are kept and repeated."""
    command(ann, m.PortfolioCreate(name="mine"))
    before = listed(ann)
    refused = command(ann, message)
    assert refused.status == status
    assert refused.message.text.endswith(".")
    assert listed(ann) == before
    again = ann.ask(message, seq=ann.seq)
    assert again.status == status
    assert bool(again.header.flags & FrameFlag.REPLAYED) == (status != Status.INVALID_FIELD)


def test_commands_need_a_number_and_the_right_to_trade(kit: MasterKit, ann: MasterClient) -> None:
    """R1, for each of them."""
    for message in (
        m.PortfolioCreate(name="x"),
        m.PortfolioUpdate(name="x"),
        m.PortfolioReset(),
        m.PortfolioCash(amount=1),
        m.OrderCancelAll(),
        m.OrderReplace(order=1, client_order_id=1),
    ):
        assert ann.ask(message, seq=0).status == Status.SEQ_REQUIRED
    assert len(listed(ann)) == 1


def test_an_account_has_so_many_portfolios(ann: MasterClient) -> None:
    """Clause 13.10: PORTFOLIO_LIMIT for one more."""
    most = limits.PORTFOLIOS_PER_ACCOUNT
    assert most == ann.kit.main.transactions.desk.rules.portfolios_max
    for number in range(1, most):
        assert command(ann, m.PortfolioCreate(name=f"p{number}", cash=0)).status == 0
    assert command(ann, m.PortfolioCreate(name="x")).status == Status.PORTFOLIO_LIMIT
    assert len(listed(ann)) == most


def test_money_goes_in_and_out(kit: MasterKit, ann: MasterClient) -> None:
    """Clause 13.12: as transactions of their own kinds; what is reserved stays."""
    ann.follow()
    limit = {"order_type": OrderType.LIMIT, "limit_price": 100 * SCALE}
    ann.order("AAPL", "10", **limit)
    paid = command(ann, m.PortfolioCash(amount=500 * SCALE))
    assert (paid.message.cash, paid.message.deposited) == (100_500 * SCALE, 100_500 * SCALE)
    out = command(ann, m.PortfolioCash(amount=-99_500 * SCALE))
    assert out.message.cash == out.message.reserved_cash == 1_000 * SCALE
    refused = command(ann, m.PortfolioCash(amount=-1))
    assert refused.status == Status.INSUFFICIENT_CASH
    _, first, second = ann.events()
    assert (first.message.kind, first.message.amount) == (TxKind.DEPOSIT, 500 * SCALE)
    assert (second.message.kind, second.message.amount) == (TxKind.WITHDRAWAL, -99_500 * SCALE)
    kit.crash()
    ann.resume()
    assert listed(ann)[0].deposited == 1_000 * SCALE


def test_a_reset_keeps_the_history(kit: MasterKit, ann: MasterClient) -> None:
    """Clause 13.11: orders end, positions close, the season counts anew; old rows stay."""
    ann.order("AAPL", "10")
    kit.quote("AAPL", "560.00", "560.00")
    ann.order("AAPL", "1", order_type=OrderType.LIMIT, limit_price=SCALE)
    kit.quote("AAPL", "570.00", "570.10")
    ann.follow()
    reset = command(ann, m.PortfolioReset(cash=1_000 * SCALE))
    assert (reset.message.season, reset.message.cash) == (2, 1_000 * SCALE)
    assert reset.message.season_at > 0
    assert (reset.message.positions, reset.message.open_orders) == (0, 0)
    assert reset.message.realized_pnl == 0
    cancelled, closed, funded = ann.events()
    assert cancelled.message.kind == OrderEventKind.CANCELLED
    assert (closed.message.kind, closed.message.amount) == (TxKind.RESET, 5_700 * SCALE)
    assert closed.message.realized == 100 * SCALE
    assert funded.message.cash_after == 1_000 * SCALE
    ann.order("AAPL", "1")
    kit.quote("AAPL", "580.00", "580.00")
    for _ in range(2):
        (row,) = listed(ann)
        assert (row.season, row.cash, row.positions) == (2, 420 * SCALE, 1)
        history = ann.ask(m.TransactionsGet()).message.transactions
        kinds = [TxKind.DEPOSIT, TxKind.BUY, TxKind.RESET, TxKind.RESET, TxKind.BUY]
        assert [each.kind for each in history] == kinds
        orders = ann.ask(m.OrderList(states=0xFFFF)).message.orders
        assert orders[1].state == OrderState.CANCELLED
        kit.crash()
        ann.resume()


def test_names_and_seasons_are_in_rebuilt_views(kit: MasterKit, ann: MasterClient) -> None:
    """Views made anew from the journal hold what the first ones did, trades around a reset too."""
    command(ann, m.PortfolioUpdate(name="main"))
    for _ in range(2):
        ann.order("AAPL", "1")
        kit.quote("AAPL", "560.00", "560.00")
        command(ann, m.PortfolioReset())
    ann.order("AAPL", "1")
    kit.quote("AAPL", "560.00", "560.00")
    before = without_prices(listed(ann))
    kit.kill()
    backends.remove_views(kit.state_dir)
    kit.boot()
    ann.resume()
    assert without_prices(listed(ann)) == before
    assert (before[0].name, before[0].season, before[0].positions) == ("main", 3, 1)


def test_nobody_touches_the_portfolio_of_another(kit: MasterKit, ann: MasterClient) -> None:
    """It does not exist for one."""
    bob = kit.client(connection=2)
    bob.register("bob")
    bob.login("bob")
    for message in (
        m.PortfolioUpdate(portfolio=1, name="x"),
        m.PortfolioReset(portfolio=1),
        m.PortfolioCash(portfolio=1, amount=1),
        m.OrderCancelAll(portfolio=1),
    ):
        assert command(bob, message).status == Status.NO_SUCH_PORTFOLIO
    assert listed(ann)[0].season == 1


def test_a_reset_keeps_the_quotes_that_it_used(kit: MasterKit, ann: MasterClient) -> None:
    """Its input in the journal has them: the decision can be made again from it alone."""
    for symbol in ("AAPL", "MSFT"):
        ann.order(symbol, "1")
        kit.quote(symbol, "20.00", "20.00")
        kit.quote(symbol, "560.00", "560.00")
    command(ann, m.PortfolioReset())
    kit.turn()
    rows = kit.main.store.db.execute_sql("SELECT frames FROM journal ORDER BY batch")
    found = [message for row in rows for message in records.read_frames(bytes(row[0]))]
    (reset,) = [
        each
        for each in found
        if isinstance(each, m.StoreCommand)
        and isinstance(codec.decode(codec.decode(each.inner)[1].inner)[1], m.PortfolioReset)
    ]
    assert [quote.symbol for quote in reset.quotes] == ["AAPL", "MSFT"]


def chosen(**terms: Any) -> m.PortfolioTermsSet:
    """A request for terms that are the default ones but for ``terms``."""
    return terms_block(m.PortfolioTermsSet, PortfolioTerms(**terms))


def test_terms_are_chosen_while_a_portfolio_is_empty(kit: MasterKit, ann: MasterClient) -> None:
    """Clauses 13.14 and 13.15: they are kept, shown, and refused under an open order."""
    wish = chosen(
        account_kind=AccountKind.MARGIN,
        fee_model=FeeModelKind.PER_SHARE,
        fee_rate=500_000,
        seed=7,
        assets=("AAPL",),
    )
    assert command(ann, wish).status == 0
    shown = ann.ask(m.PortfolioTermsGet()).message
    assert isinstance(shown, m.PortfolioTermsReply)
    assert (shown.account_kind, shown.fee_rate, shown.seed) == (AccountKind.MARGIN, 500_000, 7)
    assert [row.symbol for row in shown.symbols] == ["AAPL"]
    assert command(ann, attrs.evolve(wish, participation=0)).status == Status.INVALID_FIELD
    assert command(ann, attrs.evolve(wish, portfolio=9)).status == (Status.NO_SUCH_PORTFOLIO)
    assert command(ann, chosen()).status == 0
    rest = m.OrderNew(
        client_order_id=5, symbol="AAPL", order_type=OrderType.LIMIT, quantity=SCALE,
        limit_price=SCALE, time_in_force=TimeInForce.GTC,
    )  # fmt: skip
    assert command(ann, rest).status == 0
    assert command(ann, wish).status == Status.PORTFOLIO_IN_USE


def test_a_portfolio_is_forked_now_and_at_a_moment(kit: MasterKit, ann: MasterClient) -> None:
    """Clause 13.17: as it is, as it was, and what cannot be; it survives a crash."""
    began = ann.ask(m.ClockGet()).message.now
    assert ann.order("AAPL", "10").status == 0
    kit.turn(5.0)
    ann.inbox()
    now = command(ann, m.PortfolioFork(name="now")).message
    assert (now.positions, now.name) == (1, "now")
    then = command(ann, m.PortfolioFork(name="then", at=began)).message
    assert (then.positions, then.cash) == (0, 100_000 * SCALE)
    assert command(ann, m.PortfolioFork(name="now")).status == Status.NAME_TAKEN
    assert command(ann, m.PortfolioFork(name="")).status == Status.INVALID_FIELD
    for moment in (2**62, began - 86_400 * 10**9, 1):
        refused = command(ann, m.PortfolioFork(name="x", at=moment))
        assert refused.status == Status.INVALID_FIELD
    assert "was opened at" in refused.message.text
    assert command(ann, m.PortfolioFork(portfolio=9, name="x")).status == (Status.NO_SUCH_PORTFOLIO)
    before = without_prices(listed(ann))
    kit.crash()
    again = kit.client(connection=5)
    again.login()
    assert without_prices(listed(again)) == before


def test_a_portfolio_freezes_and_trades_again(kit: MasterKit, ann: MasterClient) -> None:
    """Clause 13.18: also after a crash."""
    assert command(ann, m.PortfolioFreeze(frozen=True)).status == 0
    assert ann.order("AAPL", "1").status == Status.PORTFOLIO_FROZEN
    kit.crash()
    again = kit.client(connection=5)
    again.login()
    assert again.order("AAPL", "1").status == Status.PORTFOLIO_FROZEN
    assert command(again, m.PortfolioFreeze()).status == 0
    assert again.order("AAPL", "1").status == 0


def test_an_operator_corrects_with_a_reason(kit: MasterKit, ann: MasterClient) -> None:
    """Clause 13.19: an entry, an event with the reason, a row of the audit log; nobody else."""
    wish = m.PortfolioCorrect(portfolio=1, amount=SCALE, reason="goodwill")
    assert command(ann, wish).status == Status.SCOPE_DENIED
    kit.main.journal.change(appoint(kit.main.store, 1, Appointment.ADMIN))
    kit.turn()
    kit.crash()
    boss = kit.client(connection=5)
    reply = boss.ask(m.Login(username="ann", scope=Scope.ADMIN, password=PASSWORD), session=0)
    boss.session = reply.header.session
    boss.follow()
    assert command(boss, wish).message.cash == 100_001 * SCALE
    assert command(boss, attrs.evolve(wish, amount=0)).status == Status.INVALID_FIELD
    assert command(boss, attrs.evolve(wish, portfolio=9)).status == Status.NO_SUCH_PORTFOLIO
    events = [each.message for each in boss.events() if hasattr(each.message, "cash_after")]
    assert [each.text for each in events] == ["goodwill"]
    assert events[0].kind == TxKind.CORRECTION
    (part,) = boss.ask_all(m.TransactionsGet())
    at = [row.kind for row in part.message.transactions].index(TxKind.CORRECTION)
    (note,) = part.message.notes
    assert (note.row, note.piece.rstrip(b"\0")) == (at, b"goodwill")
    rows = kit.main.store.db.execute_sql("SELECT kind, detail FROM audit").fetchall()
    assert ("correction", "portfolio 1: 1.00: goodwill") in [tuple(row) for row in rows]


def test_a_fork_of_the_past_keeps_its_turn(kit: MasterKit, ann: MasterClient) -> None:
    """Clauses 12.2, 13.17: a later command may be done first; the same again is done once."""
    began = ann.ask(m.ClockGet()).message.now
    ann.inbox()
    wish = m.PortfolioFork(name="then", at=began)
    first = ann.send(wish, seq=1)
    again = ann.send(wish, seq=1)
    later = ann.send(m.PortfolioCash(amount=SCALE), seq=2)
    kit.turn(1.0)
    answers = {each.header.correlation: each for each in ann.inbox()}
    assert [answers[each].status for each in (first, again, later)] == [0, 0, 0]
    assert answers[first].message.portfolio == answers[again].message.portfolio == 2
    assert answers[again].header.flags & FrameFlag.REPLAYED
    assert len(listed(ann)) == 2
    late = m.PortfolioFork(name="x", at=2**62)
    assert ann.ask(late, seq=3).status == Status.INVALID_FIELD
    assert ann.ask(m.PortfolioCash(amount=SCALE), seq=3).status == 0


def test_all_money_together_may_exceed_64_bits(kit: MasterKit) -> None:
    """Ninety-six portfolios of a billion each: the house owes more than one number of 64 bits."""
    most = limits.PORTFOLIOS_PER_ACCOUNT
    for number in range(1, 7):
        client = kit.client(connection=number)
        client.register(f"rich{number}")
        client.login(f"rich{number}")
        for each in range(1, most):
            made = m.PortfolioCreate(name=f"p{each}", cash=10**9 * SCALE)
            assert command(client, made).status == 0
        assert command(client, m.PortfolioCash(amount=900_000_000 * SCALE)).status == 0
    kit.turn(1.0)
    owed = kit.main.transactions.desk.state.ledger.balance(EQUITY, "$USD")
    assert owed < -(2**63)
    kit.crash()
    assert kit.main.transactions.desk.state.ledger.balance(EQUITY, "$USD") == owed


def test_what_is_paid_in_is_bounded_in_all(kit: MasterKit, ann: MasterClient) -> None:
    """However often it is lost in between; a new season begins anew."""
    state = kit.main.transactions.desk.state.portfolios[1]
    assert DEPOSITED_MAX > 10**9 * SCALE
    refused = kit.main.transactions.desk._moved_too_much(state, DEPOSITED_MAX)
    assert refused.refusal == Status.AMOUNT_OVERFLOW
    assert kit.main.transactions.desk._moved_too_much(state, SCALE) is None
    assert command(ann, m.PortfolioCash(amount=SCALE)).status == 0
