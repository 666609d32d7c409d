"""What the in-memory worker of `client_kit` does with portfolios, their terms and their history."""

from __future__ import annotations

from typing import Any

import attrs

from papertrader.core.instants import SECOND
from papertrader.core.money import NULL, SCALE, cost_of, proceeds_of
from papertrader.core.terms import FillModelKind
from papertrader.wire import codec
from papertrader.wire import messages as m
from papertrader.wire.kinds import Status
from tests.client_accounts import ASK, BID, START, FakeAccount, paged

CALLED_PORTFOLIO = 9
"""Number of a portfolio that stands under a margin call."""
CALLED: dict[str, Any] = {
    "earnings": (
        m.EarningsRow(
            price=300 * SCALE,
            fees=3 * SCALE,
            dividends=2 * SCALE,
            borrow=-SCALE,
            interest=-4 * SCALE,
            settled_cash=90 * SCALE,
            unsettled_cash=10 * SCALE,
            settles_at=START,
        ),
    ),
    "margin": (
        m.MarginRow(
            equity=3_298 * SCALE,
            long_value=12_300 * SCALE,
            initial=6_150 * SCALE,
            maintenance=3_690 * SCALE,
            available=-2_852 * SCALE,
            called_at=START,
            due_at=START + 3_600 * SECOND,
            shortfall=392 * SCALE,
        ),
    ),
    "plan": (m.PlanRow("AAPL", -22 * SCALE, 60 * SCALE), m.PlanRow("IBM", 5 * SCALE, SCALE)),
}


class PortfolioPeer:
    """Answers of `Peer`: reads send their reply, commands return it with its status."""

    def _listed(self, number: int) -> m.ListedRow:
        rows = self._mine().portfolios
        if not rows:
            cash = self._mine().cash
            rows[1] = m.ListedRow(
                portfolio=1, currency="USD", season=1, cash=cash, equity=cash, deposited=cash
            )
        return rows[number or 1]

    def _portfolio_list(self, header: codec.Header, message: m.PortfolioList) -> None:
        self._listed(1)
        rows = list(self._mine().portfolios.values())
        self._parts(header, m.PortfolioListPart, "portfolios", rows, as_of=START)

    def _change_portfolio_create(self, wish: m.PortfolioCreate) -> tuple[object, int]:
        first = self._listed(1)
        rows = self._mine().portfolios
        if wish.name in {row.name for row in rows.values()}:
            return codec.Failure("You have a portfolio of that name."), Status.NAME_TAKEN
        cash = 100_000 * SCALE if wish.cash == NULL else wish.cash
        rows[len(rows) + 1] = attrs.evolve(
            first, portfolio=len(rows) + 1, name=wish.name, cash=cash, equity=cash
        )
        return self._listed_reply(len(rows)), Status.OK

    def _listed_reply(self, number: int) -> m.ListedReply:
        row = self._listed(number)
        return m.ListedReply(**{a.name: getattr(row, a.name) for a in attrs.fields(m.ListedRow)})

    def _change_portfolio_update(self, wish: m.PortfolioUpdate) -> tuple[object, int]:
        self._listed(wish.portfolio).name = wish.name
        return self._listed_reply(wish.portfolio), Status.OK

    def _change_portfolio_reset(self, wish: m.PortfolioReset) -> tuple[object, int]:
        row = self._listed(wish.portfolio)
        row.season += 1
        row.season_at = START
        row.cash = 100_000 * SCALE if wish.cash == NULL else wish.cash
        return self._listed_reply(wish.portfolio), Status.OK

    def _change_portfolio_cash(self, wish: m.PortfolioCash) -> tuple[object, int]:
        row = self._listed(wish.portfolio)
        if row.cash + wish.amount < 0:
            return codec.Failure("There is too little cash."), Status.INSUFFICIENT_CASH
        row.cash += wish.amount
        return self._listed_reply(wish.portfolio), Status.OK

    def _change_portfolio_terms(self, wish: m.PortfolioTermsSet) -> tuple[object, int]:
        names = [a.name for a in attrs.fields(m.PortfolioTermsSet)]
        terms = m.PortfolioTermsReply(**{name: getattr(wish, name) for name in names})
        self._mine().terms[wish.portfolio or 1] = terms
        return terms, Status.OK

    def _portfolio_terms_get(self, header: codec.Header, message: m.PortfolioTermsGet) -> None:
        number = message.portfolio or 1
        anew = m.PortfolioTermsReply(
            portfolio=number, fill_model=FillModelKind.QUOTE, participation=1_000, impact=1_000,
            price_minimum=0,
        )  # fmt: skip
        self._send(header, self._mine().terms.get(number, anew))

    def _change_portfolio_fork(self, wish: m.PortfolioFork) -> tuple[object, int]:
        return self._change_portfolio_create(m.PortfolioCreate(name=wish.name, cash=NULL))

    def _change_portfolio_freeze(self, wish: m.PortfolioFreeze) -> tuple[object, int]:
        return self._listed_reply(wish.portfolio), Status.OK

    def _change_portfolio_correct(self, wish: m.PortfolioCorrect) -> tuple[object, int]:
        return self._change_portfolio_cash(
            m.PortfolioCash(portfolio=wish.portfolio, amount=wish.amount)
        )

    def _shown(self, username: str | None) -> FakeAccount | None:
        """The own account, or another one that its owner shows."""
        if username is None:
            return self._mine()
        account = self.market.accounts.get(username)
        return account if account is not None and account.privacy & 3 else None

    def _portfolio_get(self, header: codec.Header, message: m.PortfolioGet) -> None:
        account = self._shown(message.username)
        if account is None:
            self._fail(header, Status.NO_SUCH_ACCOUNT, "There is no account that you may see.")
            return
        rows = [
            m.PositionRow(
                symbol=symbol, quantity=quantity, average_cost=ASK,
                cost_basis=cost_of(ASK, quantity), mark=BID, last=ASK,
                market_value=proceeds_of(BID, quantity),
                unrealized_pnl=proceeds_of(BID, quantity) - cost_of(ASK, quantity),
                fifo_cost_basis=cost_of(ASK, quantity) + SCALE, fifo_realized=SCALE,
            )
            for symbol, quantity in account.shares.items()
            if quantity
        ]  # fmt: skip
        value = sum(row.market_value for row in rows)
        self._parts(
            header, m.PortfolioPart, "positions", rows, account=account.number, portfolio=1,
            currency="USD", cash=account.cash, market_value=value, equity=account.cash + value,
            as_of=START, market_time=START, event_seq=len(account.events),
            **(CALLED if message.portfolio == CALLED_PORTFOLIO else {}),
        )  # fmt: skip

    def _transactions_get(self, header: codec.Header, message: m.TransactionsGet) -> None:
        account = self._shown(message.username)
        if account is None:
            self._fail(header, Status.NO_SUCH_ACCOUNT, "There is no account that you may see.")
            return
        rows, after = paged(account.transactions, message, "transaction")
        self._parts(header, m.TransactionsPart, "transactions", rows, as_of=START, next_after=after)

    def _equity_get(self, header: codec.Header, message: m.EquityGet) -> None:
        account = self._shown(message.username)
        if account is None:
            self._fail(header, Status.NO_SUCH_ACCOUNT, "There is no account that you may see.")
            return
        day = 86_400 * SECOND
        rows = [
            m.EquityRow(START + n * day, worth * SCALE, SCALE, paid * SCALE)
            for n, (worth, paid) in enumerate([(100, 0), (110, 0), (165, 44)])
            if message.from_time <= START + n * day < (message.to_time or 2**63)
        ]
        self._parts(
            header, m.EquityPart, "equity", rows, as_of=START, portfolio=1, currency="USD",
            interval_s=message.interval_s,
        )  # fmt: skip
