"""Custody: the inputs that fork, freeze and correct a portfolio.

A part of the desk (`papertrader.core.desk`). Nothing of the past is edited here: a fork is a new
portfolio with deposits of its own, and a correction is an entry like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import attrs

from papertrader.core.cashier import Cashier
from papertrader.core.equity import curve_begins, signed_quantity
from papertrader.core.events import Outcome, PortfolioFrozen, PortfolioNamed, TermsSet
from papertrader.core.identifiers import check_id, check_name
from papertrader.core.ledger import Transaction, TransactionKind
from papertrader.core.money import NULL, SCALE, AmountOverflow, checked, divide_half_even
from papertrader.core.portfolio import PortfolioState
from papertrader.core.postings import delivery_event, funding_event
from papertrader.core.quotes import ActionKind, CorporateAction
from papertrader.core.refusals import Refusal
from papertrader.core.terms import DEFAULT_TERMS


@attrs.frozen
class Holding:
    """What a fork begins with of one symbol; a short position has both numbers below 0."""

    symbol: str
    quantity: int
    cost: int


@attrs.frozen
class Likeness:
    """What a portfolio was at a moment: its cash, and what it held at average cost."""

    cash: int
    holdings: tuple[Holding, ...]

    @property
    def worth(self) -> int:
        """The cash, and what the holdings cost."""
        return self.cash + sum(each.cost for each in self.holdings)


def likeness_of(transactions: Iterable[Transaction], until: int) -> Likeness:
    """Return what a portfolio was after its transactions up to ``until`` (market time).

    All money is accounted for, so what a transaction realized, less what it brought, is the change
    of the cost: it need not be decided again. Where the market's clock was turned back it is the
    last time of ``until`` that counts: what was held at the turn was held from then on.
    """
    cash = moved = 0
    held: dict[str, tuple[int, int]] = {}
    posted = list(transactions)
    begins = curve_begins(posted)
    begin = max((n for n in begins if posted[n].market_time <= until), default=0)
    end = min((n for n in begins if n > begin), default=len(posted))
    for number, each in enumerate(posted[:end]):
        if number >= begin and each.market_time > until:
            break
        cash = each.cash_after
        change = signed_quantity(each)
        if not change and each.kind != TransactionKind.SPLIT:
            continue  # A split that leaves as many may still pay a fraction, and its cost leaves.
        quantity, cost = held.get(each.symbol, (0, 0))
        if each.kind == TransactionKind.SYMBOL_CHANGE:
            # What leaves one symbol with its cost arrives in the other with the next entry.
            gone = moved == 0 and change == -quantity
            cost, moved = (0, cost) if gone else (cost + moved + each.realized, 0)
        else:
            cost += each.realized - each.amount - each.fees
        held[each.symbol] = (quantity + change, cost)
    found = [Holding(symbol, *held[symbol]) for symbol in sorted(held) if held[symbol][0]]
    return Likeness(cash, tuple(found))


def brought_forward(
    likeness: Likeness,
    actions: Iterable[CorporateAction],
    lot_of: Callable[[str], int],
    paid_for: Callable[[CorporateAction], int],
) -> Likeness:
    """Return a likeness of the past in the shares of now: ``actions`` have come since, in order.

    Of a split whole lots (``lot_of`` a symbol) are kept. What is left of one returns to the cash at
    its cost, so that the whole is worth as much as it was. What has a new symbol is held under that
    one, and what was delisted is cash: ``paid_for`` a share of it in the likeness' money, and its
    cost where that is `NULL`. A dividend is not paid again.
    """
    cash, held = likeness.cash, {each.symbol: each for each in likeness.holdings}
    for action in actions:
        if action.kind == ActionKind.CASH_DIVIDEND:
            continue
        old = held.pop(action.symbol, None)
        if old is None:
            continue
        if action.kind == ActionKind.SPLIT:
            kept = _split_holding(old, action, lot_of(action.symbol))
            cash += old.cost - kept.cost
        elif action.kind == ActionKind.SYMBOL_CHANGE:
            there = held.get(action.successor, Holding(action.successor, 0, 0))
            kept = Holding(there.symbol, there.quantity + old.quantity, there.cost + old.cost)
        else:
            price = paid_for(action)
            cash += old.cost if price == NULL else price * old.quantity // SCALE
            continue
        if kept.quantity:
            held[kept.symbol] = kept
    return Likeness(cash, tuple(held[symbol] for symbol in sorted(held)))


def _split_holding(old: Holding, action: CorporateAction, lot: int) -> Holding:
    size = abs(old.quantity) * action.numerator
    lots = size // (action.denominator * lot) * lot
    cost = divide_half_even(old.cost * lots * action.denominator, size)
    return Holding(old.symbol, lots if old.quantity > 0 else -lots, cost)


class Custody(Cashier):
    """Forks, freezes and corrections."""

    def fork_portfolio(
        self,
        *,
        seq: int,
        at: int,
        account: int,
        portfolio: int,
        fork: int,
        name: str,
        likeness: Likeness | None = None,
        market_at: int = 0,
    ) -> Outcome:
        """Open portfolio ``fork`` as ``portfolio`` is now, or as it was by ``likeness``.

        It gets the same terms, and as a deposit the cash and what the positions cost; these it then
        buys at that cost, each as one lot. Open orders stay where they are. Refused with
        CONTEST_FORBIDS for an entry of a contest, PORTFOLIO_LIMIT, NAME_TAKEN, and
        INSUFFICIENT_CASH for a portfolio that owes money or shares. Raises `ValueError` for a
        number that is taken or a name that is none.
        """
        check_id(fork, "portfolio")
        check_name(name)
        if fork in self.state.portfolios:
            raise ValueError(f"portfolio {fork} exists already; choose another number")
        self._begin(seq, market_at)
        source = self._owned(account, portfolio)
        if source is None:
            return self._no_portfolio(portfolio)
        wanted = likeness or present_likeness(source)
        refused = (
            self._bound(source)
            or self._too_many(account)
            or self._name_taken(account, name)
            or self._owing(wanted)
        )
        if refused is not None:
            return refused
        try:
            checked(wanted.worth)
        except AmountOverflow:
            return self._no(Refusal.AMOUNT_OVERFLOW, "The fork would be worth too much to count.")
        self._open(account, fork, source.currency, wanted.worth, at)
        self._emit(PortfolioNamed(account, fork, name, at))
        if source.terms != DEFAULT_TERMS:
            self._emit(TermsSet(account, fork, source.terms, at))
        opened = self.state.portfolios[fork]
        for each in wanted.holdings:
            self._emit(
                delivery_event(
                    self.state, opened, each.symbol, each.quantity, each.cost, at, market_at
                )
            )
        return Outcome(None, "", None, self._finish())

    def freeze_portfolio(
        self, *, seq: int, at: int, account: int, portfolio: int, frozen: bool
    ) -> Outcome:
        """Let a portfolio trade no more, or again.

        Open orders are cancelled when it freezes, but for those that carry out a margin call.
        """
        self._begin(seq)
        owner = self._owned(account, portfolio)
        if owner is None:
            return self._no_portfolio(portfolio)
        if owner.frozen == frozen:
            return Outcome(None, "", None, self._finish())
        if frozen:
            self._cancel_owners(portfolio, int(Refusal.PORTFOLIO_FROZEN), at)
        self._emit(PortfolioFrozen(account, portfolio, frozen, at))
        return Outcome(None, "", None, self._finish())

    def correct(
        self, *, seq: int, at: int, portfolio: int, amount: int, reason: str, market_at: int = 0
    ) -> Outcome:
        """Post an operator's correction of ``amount`` (not 0) to any portfolio.

        It is an entry like any other, never an edit: like a deposit, no profit and no loss.
        Refused with INSUFFICIENT_CASH if a cash portfolio has less than is to be taken. Raises
        `ValueError` for 0.
        """
        if amount == 0:
            raise ValueError("nothing to correct: the amount is 0")
        self._begin(seq, market_at)
        owner = self.state.portfolios.get(portfolio)
        if owner is None:
            return self._no(Refusal.NO_SUCH_PORTFOLIO, f"There is no portfolio {portfolio}.")
        refused = self._too_rich(owner.cash + amount, owner.currency)
        if amount < 0:
            refused = self._too_poor(owner, -amount)
        if refused is not None:
            return refused
        kind = TransactionKind.CORRECTION
        posted = funding_event(self.state, owner, amount, kind, at, market_at)
        posted.transaction.note = reason
        self._emit(posted)
        return Outcome(None, "", None, self._finish())

    def _owing(self, wanted: Likeness) -> Outcome | None:
        if wanted.cash >= 0 and all(each.quantity > 0 for each in wanted.holdings):
            return None
        return self._no(
            Refusal.INSUFFICIENT_CASH,
            "A portfolio that owes money or shares cannot be forked; fork it at a moment when it"
            " did not.",
        )

    def _too_many(self, account: int) -> Outcome | None:
        mine = self.state.accounts[account].portfolios
        if len(mine) < self.rules.portfolios_max:
            return None
        return self._no(
            Refusal.PORTFOLIO_LIMIT,
            f"You have {len(mine)} portfolios, and {self.rules.portfolios_max} are allowed;"
            " reset one instead.",
        )


def present_likeness(portfolio: PortfolioState) -> Likeness:
    """Return what a portfolio is now."""
    held = [portfolio.positions[symbol] for symbol in sorted(portfolio.positions)]
    holdings = [Holding(p.symbol, p.quantity, p.cost_basis) for p in held if p.quantity]
    return Likeness(portfolio.cash, tuple(holdings))
