"""Several portfolios of an account: opened, named, funded, forked, frozen and reset."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from papertrader.core.custody import Likeness, brought_forward, likeness_of, present_likeness
from papertrader.core.events import Outcome
from papertrader.core.identifiers import check_name
from papertrader.core.instants import format_instant
from papertrader.core.ledger import Transaction, TransactionKind
from papertrader.core.money import NULL, SCALE, format_amount
from papertrader.core.quotes import CorporateAction
from papertrader.master.accounts import AccountRules
from papertrader.master.commands import Command, Refused
from papertrader.master.equity import EquityCurves
from papertrader.master.holdings import parts
from papertrader.master.operators import Operators
from papertrader.master.replies import in_turn
from papertrader.master.sessions import Session
from papertrader.master.termrecords import terms_block, terms_of
from papertrader.master.transactions import Transactions
from papertrader.wire import codec
from papertrader.wire import messages as m
from papertrader.wire.derived import Message
from papertrader.wire.kinds import Status, Tag

ListedT = TypeVar("ListedT", m.ListedRow, m.ListedReply)
Shown = Callable[[Outcome], Message]


class Portfolios:
    """The module (see above). ``rules`` say what a portfolio begins with by default."""

    def __init__(
        self,
        transactions: Transactions,
        rules: AccountRules,
        curves: EquityCurves,
        operators: Operators,
    ) -> None:
        self._transactions = transactions
        self._desk = transactions.desk
        self._rules = rules
        self._curves = curves
        self._operators = operators

    def create(self, command: Command, session: Session, message: m.PortfolioCreate) -> bytes:
        """Answer PORTFOLIO_CREATE: the portfolio that was opened."""
        name, cash = self._name(message.name, 0), self._cash(message.cash, 24)
        number = max(self._desk.state.portfolios, default=0) + 1
        state = self._desk.state
        currency = state.portfolios[self._transactions.first_portfolio(session)].currency

        def decide(seq: int) -> Outcome:
            return self._desk.create_portfolio(
                seq=seq,
                at=command.accepted_at,
                account=session.account,
                portfolio=number,
                name=name,
                currency=currency,
                deposit=cash,
                market_at=self._transactions.input_at,
            )

        return self._transactions.decide(
            command, session, number, decide, self._shown(session, number), deposit=cash
        )

    def update(self, command: Command, session: Session, message: m.PortfolioUpdate) -> bytes:
        """Answer PORTFOLIO_UPDATE: the portfolio under its new name."""
        name = self._name(message.name, 8)
        number = message.portfolio or self._transactions.first_portfolio(session)

        def decide(seq: int) -> Outcome:
            return self._desk.rename_portfolio(
                seq=seq,
                at=command.accepted_at,
                account=session.account,
                portfolio=number,
                name=name,
            )

        shown = self._shown(session, number)
        return self._transactions.decide(command, session, number, decide, shown)

    def reset(self, command: Command, session: Session, message: m.PortfolioReset) -> bytes:
        """Answer PORTFOLIO_RESET: the portfolio as its new season begins."""
        cash = self._cash(message.cash, 8)
        number = message.portfolio or self._transactions.first_portfolio(session)

        def decide(seq: int) -> Outcome:
            return self._desk.reset_portfolio(
                seq=seq,
                at=command.accepted_at,
                account=session.account,
                portfolio=number,
                cash=cash,
                market_at=self._transactions.input_at,
            )

        shown = self._shown(session, number)
        return self._transactions.decide(
            command, session, number, decide, shown, cash=cash if message.cash == NULL else None
        )

    def move_cash(self, command: Command, session: Session, message: m.PortfolioCash) -> bytes:
        """Answer PORTFOLIO_CASH: the portfolio with its new cash."""
        if message.amount in (0, NULL):
            raise Refused(Status.INVALID_FIELD, "There is no amount to pay.", field=8)
        number = message.portfolio or self._transactions.first_portfolio(session)

        def decide(seq: int) -> Outcome:
            return self._desk.move_cash(
                seq=seq,
                at=command.accepted_at,
                account=session.account,
                portfolio=number,
                amount=message.amount,
                market_at=self._transactions.input_at,
            )

        shown = self._shown(session, number)
        return self._transactions.decide(command, session, number, decide, shown)

    async def fork(self, command: Command, session: Session, message: m.PortfolioFork) -> bytes:
        """Answer PORTFOLIO_FORK: the new portfolio."""
        self._name(message.name, 8)
        source = message.portfolio or self._transactions.first_portfolio(session)
        owner = self._desk.portfolio(source)
        if not message.at or owner is None or owner.account != session.account:
            return self._fork(command, session, message, source, None)
        if message.at > self._transactions.market_now():
            raise Refused(Status.INVALID_FIELD, "That moment has not come yet.", field=32)

        async def work() -> bytes:
            posted = await self._curves.posted(session.account, source)
            first = min((each.market_time for each in posted), default=0)
            if first > message.at:
                opened = format_instant(first)
                sentence = f"Portfolio {source} was opened at {opened}; name a moment since then."
                raise Refused(Status.INVALID_FIELD, sentence, field=32)
            likeness = self._in_shares_of_now(posted, source, message.at)
            return self._fork(command, session, message, source, likeness)

        return await in_turn(command, session, work)

    def _in_shares_of_now(self, posted: list[Transaction], portfolio: int, at: int) -> Likeness:
        """Return what a portfolio was at ``at``, as the actions left it that were applied since."""
        desk = self._desk
        due = self._curves.actions(at, self._transactions.market_now())
        currency = desk.state.portfolios[portfolio].currency
        closed = {
            (each.symbol, each.market_time): each.price
            if each.rate == NULL
            else each.price * each.rate // SCALE
            for each in posted
            if each.kind == TransactionKind.DELISTING
        }

        def lot_of(symbol: str) -> int:
            asset = desk.asset(symbol)
            return 1 if asset is None else asset.lot

        def paid_for(action: CorporateAction) -> int:
            mine = closed.get((action.symbol, action.at), NULL)
            if mine != NULL or not action.amount:
                return mine
            return desk.price_in(currency, action.symbol, action.amount, action.at)

        applied = [each for each in due if desk.has_applied(each)]
        return brought_forward(likeness_of(posted, at), applied, lot_of, paid_for)

    def _fork(
        self,
        command: Command,
        session: Session,
        message: m.PortfolioFork,
        source: int,
        likeness: Likeness | None,
    ) -> bytes:
        owner = self._desk.portfolio(source)
        number = max(self._desk.state.portfolios, default=0) + 1

        def decide(seq: int) -> Outcome:
            return self._desk.fork_portfolio(
                seq=seq,
                at=command.accepted_at,
                account=session.account,
                portfolio=source,
                fork=number,
                name=message.name,
                likeness=likeness,
                market_at=self._transactions.input_at,
            )

        wanted = likeness or (present_likeness(owner) if owner is not None else None)
        return self._transactions.decide(
            command,
            session,
            number,
            decide,
            self._shown(session, number),
            deposit=wanted.worth if wanted is not None else 0,
            in_turn=likeness is not None,
        )

    def freeze(self, command: Command, session: Session, message: m.PortfolioFreeze) -> bytes:
        """Answer PORTFOLIO_FREEZE: the portfolio."""
        number = message.portfolio or self._transactions.first_portfolio(session)

        def decide(seq: int) -> Outcome:
            return self._desk.freeze_portfolio(
                seq=seq,
                at=command.accepted_at,
                account=session.account,
                portfolio=number,
                frozen=message.frozen,
            )

        shown = self._shown(session, number)
        return self._transactions.decide(command, session, number, decide, shown)

    def correct(self, command: Command, session: Session, message: m.PortfolioCorrect) -> bytes:
        """Answer PORTFOLIO_CORRECT: any portfolio, corrected; noted in the audit log."""
        self._operators.require(session)
        if message.amount in (0, NULL):
            raise Refused(Status.INVALID_FIELD, "There is nothing to correct.", field=8)
        number, reason = message.portfolio, message.reason or ""
        found = self._desk.portfolio(number)

        def decide(seq: int) -> Outcome:
            return self._desk.correct(
                seq=seq,
                at=command.accepted_at,
                portfolio=number,
                amount=message.amount,
                reason=reason,
                market_at=self._transactions.input_at,
            )

        def shown(_outcome: Outcome) -> Message:
            self._operators.note(
                command.accepted_at,
                "correction",
                session,
                f"portfolio {number}: {format_amount(message.amount)}: {reason}",
            )
            return self._listed(m.ListedReply, self._desk.state.portfolios[number].account, number)

        number_of = number if found is not None else 0
        return self._transactions.decide(command, session, number_of, decide, shown)

    def set_terms(self, command: Command, session: Session, message: m.PortfolioTermsSet) -> bytes:
        """Answer PORTFOLIO_TERMS: the terms that the portfolio now trades by."""
        try:
            terms = terms_of(message)
        except ValueError as error:
            raise Refused(Status.INVALID_FIELD, f"{error}.".capitalize(), field=8) from None
        number = message.portfolio or self._transactions.first_portfolio(session)

        def decide(seq: int) -> Outcome:
            return self._desk.set_terms(
                seq=seq,
                at=command.accepted_at,
                account=session.account,
                portfolio=number,
                terms=terms,
            )

        def shown(_outcome: Outcome) -> Message:
            return terms_block(m.PortfolioTermsReply, terms, portfolio=number)

        return self._transactions.decide(command, session, number, decide, shown)

    def terms(self, command: Command, session: Session, message: m.PortfolioTermsGet) -> bytes:
        """Answer PORTFOLIO_TERMS_GET."""
        number = self._transactions.portfolio_of(session, message.portfolio)
        shown = terms_block(
            m.PortfolioTermsReply, self._desk.state.portfolios[number].terms, portfolio=number
        )
        head = command.header
        return codec.encode(
            shown, session=session.handle, correlation=head.correlation, opcode=head.opcode
        )

    def listing(self, command: Command, session: Session, _message: m.PortfolioList) -> list[bytes]:
        """Answer PORTFOLIO_LIST, the default portfolio first."""
        desk = self._desk
        numbers = desk.state.accounts[session.account].portfolios
        rows = [self._listed(m.ListedRow, session.account, number).pack() for number in numbers]
        head = m.PortfolioListPart(
            as_of=command.accepted_at, event_seq=desk.next_event_seq(session.account) - 1
        )
        return parts(command, session, Tag.PORTFOLIOS, m.ListedRow.SIZE, rows, head)

    def _shown(self, session: Session, number: int) -> Shown:
        def shown(_outcome: Outcome) -> Message:
            return self._listed(m.ListedReply, session.account, number)

        return shown

    def _listed(self, shape: type[ListedT], account: int, number: int) -> ListedT:
        state = self._desk.state.portfolios[number]
        summary = self._transactions.summary(account, number)
        return shape(
            portfolio=number,
            name=state.name,
            currency=state.currency,
            season=state.season,
            season_at=state.season_at,
            cash=state.cash,
            reserved_cash=state.reserved_cash,
            equity=summary.equity,
            deposited=state.deposited,
            realized_pnl=summary.realized,
            open_orders=len(self._desk.state.open_orders[number]),
            positions=len(summary.positions),
        )

    @staticmethod
    def _name(name: str, field: int) -> str:
        try:
            return check_name(name)
        except ValueError as error:
            raise Refused(Status.INVALID_FIELD, f"{error}.", field=field) from None

    def _cash(self, cash: int, field: int) -> int:
        if cash == NULL:
            return self._rules.starting_cash
        if cash < 0:
            raise Refused(
                Status.INVALID_FIELD, "A portfolio cannot begin with less than 0.", field=field
            )
        return cash
