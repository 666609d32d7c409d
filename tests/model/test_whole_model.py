"""Everything at once: users, portfolios, all orders, actions, resets, forks, contests, restarts.

The machine of `test_combinations_model`, with everything else that an owner, a host or an operator
can do, and with the desk made anew from its events, or from what the views keep, in between.
"""

from __future__ import annotations

import os
from typing import Any

import attrs
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule, run_state_machine_as_test

from papertrader.core.contests import ContestRules
from papertrader.core.custody import likeness_of, present_likeness
from papertrader.core.equity import Fold
from papertrader.core.events import TransactionPosted
from papertrader.core.money import NULL, SCALE
from papertrader.core.orders import NewOrder, OrderType, Side, TimeInForce
from papertrader.core.quotes import ActionKind, CorporateAction
from papertrader.core.restore import restore_state
from papertrader.core.statehash import StateHash
from papertrader.core.terms import AccountKind, FeeModelKind, PortfolioTerms, TermsFlag
from tests.model.test_combinations_model import PRICE, CombinationMachine, image_of

EXAMPLES = int(os.environ.get("PAPERTRADER_EXAMPLES", "200"))
STEPS = int(os.environ.get("PAPERTRADER_STEPS", "50"))
TERMS = st.builds(
    PortfolioTerms,
    account_kind=st.sampled_from(AccountKind),
    fee_model=st.sampled_from(FeeModelKind),
    fee_rate=st.sampled_from([SCALE // 200, SCALE // 813]),
    fee_minimum=st.sampled_from([0, SCALE]),
    flags=st.sampled_from([0, int(TermsFlag.REGULATORY_FEES), int(TermsFlag.MARK_TO_MARKET)]),
    position_cap=st.sampled_from([0, 0, 9_000]),
    price_minimum=st.sampled_from([0, 0, 10 * SCALE]),
)


class WholeMachine(CombinationMachine):
    """See the module."""

    hashing: StateHash | None = None

    @invariant()
    def the_hash_by_parts_is_that_of_the_whole(self) -> None:
        """Whatever was done, and over a new beginning."""
        if self.hashing is None or self.hashing.state is not self.desk.state:
            self.hashing = StateHash(self.desk.state)
        assert self.hashing.take() == self.desk.state_hash()

    def owner_of(self, portfolio: int) -> dict[str, int]:
        """Name a portfolio and whose it is."""
        return {
            "account": self.desk.state.portfolios[portfolio].account,
            "portfolio": portfolio,
        }

    def any_portfolio(self, data: st.DataObject) -> dict[str, int]:
        """Draw one of all portfolios."""
        return self.owner_of(data.draw(st.sampled_from(sorted(self.desk.state.portfolios))))

    def next_portfolio(self) -> int:
        """Return the number of the next portfolio."""
        return max(self.desk.state.portfolios) + 1

    def asked(self, method: str, **fields: Any) -> Any:
        """Ask for something; a refusal changes nothing."""
        before = self.desk.state_hash()
        outcome = getattr(self.desk, method)(**self.tick(), **fields)
        if outcome.refusal is not None:
            assert outcome.events == []
            assert self.desk.state_hash() == before
        self.keep(outcome.events)
        return outcome

    @rule(
        data=st.data(),
        side=st.sampled_from(Side),
        lots=st.integers(1, 40),
        limit=st.none() | PRICE,
        day=st.booleans(),
    )
    def trade(
        self, data: st.DataObject, side: Side, lots: int, limit: int | None, day: bool
    ) -> None:
        """A plain order of any portfolio."""
        outcome = self.desk.submit(
            NewOrder(
                **self.tick(),
                **self.any_portfolio(data),
                received_at=self.seq,
                market_at=self.seq,
                client_order_id=self.next_id(),
                symbol="ACME",
                side=side,
                order_type=OrderType.MARKET if limit is None else OrderType.LIMIT,
                time_in_force=TimeInForce.DAY if day else TimeInForce.GTC,
                quantity=lots * SCALE,
                limit_price=NULL if limit is None else limit,
                expire_at=self.seq + 12 if day else 0,
            )
        )
        self.keep(outcome.events)

    @precondition(lambda self: len(self.desk.state.portfolios) < 8 and self.seq % 5 == 0)
    @rule(data=st.data(), terms=TERMS, account=st.integers(1, 3), cash=st.integers(0, 9_000))
    def open_another(
        self, data: st.DataObject, terms: PortfolioTerms, account: int, cash: int
    ) -> None:
        """A further portfolio, of a new user perhaps, with terms of its own."""
        number = self.next_portfolio()
        deposit = cash * SCALE + 1
        if account not in self.desk.state.accounts or data.draw(st.booleans()):
            self.keep(
                self.desk.open_portfolio(
                    **self.tick(), account=account, portfolio=number, currency="USD",
                    deposit=deposit,
                )
            )  # fmt: skip
        else:
            self.asked(
                "create_portfolio", account=account, portfolio=number, name=f"p{number}",
                currency="USD", deposit=deposit,
            )  # fmt: skip
        self.asked("set_terms", account=account, portfolio=number, terms=terms)

    @precondition(lambda self: len(self.desk.state.portfolios) < 8 and self.seq % 3 == 0)
    @rule(data=st.data(), back=st.integers(0, 60))
    def fork(self, data: st.DataObject, back: int) -> None:
        """A portfolio as another one is, or was."""
        source, number = self.any_portfolio(data), self.next_portfolio()
        likeness = None
        if back:
            likeness = likeness_of(self.posted(source["portfolio"]), self.seq - back)
        outcome = self.asked(
            "fork_portfolio", **source, fork=number, name=f"f{number}", likeness=likeness
        )
        if outcome.refusal is None and likeness is None:
            ours = self.desk.state.portfolios[number]
            theirs = self.desk.state.portfolios[source["portfolio"]]
            assert present_likeness(ours) == present_likeness(theirs)

    @rule(data=st.data(), frozen=st.booleans(), chance=st.integers(0, 3))
    def freeze(self, data: st.DataObject, frozen: bool, chance: int) -> None:
        """A break, or its end."""
        if chance == 0 or not frozen:
            self.asked("freeze_portfolio", **self.any_portfolio(data), frozen=frozen)

    @rule(data=st.data(), cents=st.integers(-200_000, 200_000).filter(bool))
    def money(self, data: st.DataObject, cents: int) -> None:
        """Paid in, taken out, or corrected."""
        whose = self.any_portfolio(data)
        if data.draw(st.booleans()):
            self.asked("move_cash", **whose, amount=cents * SCALE // 100)
        else:
            number = whose["portfolio"]
            self.asked("correct", portfolio=number, amount=cents * SCALE // 100, reason="why")

    @precondition(lambda self: self.seq % 6 == 0)
    @rule(amount=st.integers(1, SCALE))
    def dividend(self, amount: int) -> None:
        """Longs are paid, shorts pay."""
        action = CorporateAction(
            symbol="ACME", kind=ActionKind.CASH_DIVIDEND, at=self.seq, amount=amount
        )
        self.keep(self.desk.act(**self.tick(), action=action))

    @precondition(lambda self: len(self.desk.state.contests) < 3)
    @rule(lasts=st.integers(5, 60), terms=TERMS)
    def announce(self, lasts: int, terms: PortfolioTerms) -> None:
        """A contest that anybody may join while it runs."""
        rules = ContestRules(
            name="cup", currency="USD", cash=1_500 * SCALE, opens_at=self.seq + 1,
            ends_at=self.seq + lasts, joins_until=self.seq + lasts, terms=terms,
        )  # fmt: skip
        number = len(self.desk.state.contests) + 1
        self.asked("open_contest", account=1, contest=number, rules=rules, market_at=self.seq)

    @precondition(lambda self: self.desk.state.contests)
    @rule(data=st.data())
    def join(self, data: st.DataObject) -> None:
        """An entry."""
        contest = data.draw(st.sampled_from(sorted(self.desk.state.contests)))
        account = data.draw(st.sampled_from(sorted(self.desk.state.accounts)))
        self.asked(
            "join_contest", account=account, contest=contest, portfolio=self.next_portfolio(),
            market_at=self.seq,
        )  # fmt: skip

    @rule(from_views=st.booleans())
    def restart(self, from_views: bool) -> None:
        """The same desk, made anew; the market shows its newest quote again."""
        other = self.new_desk()
        if from_views:
            other.state = restore_state(attrs.evolve(image_of(self.desk, self.events)))
        else:
            for event in self.events:
                other.apply(event)
        assert other.state_hash() == self.desk.state_hash()
        quote = self.desk.last_quote("ACME")
        if quote is not None:
            other.note_quote(quote)
        self.desk = other

    def posted(self, portfolio: int) -> list[Any]:
        """The transactions of a portfolio."""
        return [
            event.transaction
            for event in self.events
            if isinstance(event, TransactionPosted) and event.portfolio == portfolio
        ]

    def teardown(self) -> None:
        """Curves and forks come from transactions alone: what they say is what the desk has."""
        super().teardown()
        for number, owner in self.desk.state.portfolios.items():
            posted = self.posted(number)
            if not posted:
                continue
            assert likeness_of(posted, 2**63) == present_likeness(owner)
            fold = Fold([])
            fold.take(posted)
            last = fold.finish(2**63)[-1]
            held = {s: p.quantity for s, p in owner.positions.items() if p.quantity}
            assert (last.cash, last.quantities) == (owner.cash, held)
        for contest in self.desk.state.contests.values():
            ended = bool(contest.ended_at)
            assert all((each.equity != NULL) == ended for each in contest.entries.values())


def test_everything_at_once_keeps_the_books_right() -> None:
    """Random users, portfolios, orders, actions, contests, restarts: see the machine."""
    run_state_machine_as_test(
        WholeMachine,
        settings=settings(max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None),
    )
