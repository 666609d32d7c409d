"""The desk: the deterministic machine that decides what commands, quotes and time do.

Each input is decided into events, and the events are applied: nothing else changes the state. So
a desk is recovered by applying the events of the journal (`Desk.apply`), without deciding
anything again; and deciding the same inputs again must give the same events. There is no clock,
no randomness and no I/O here: instants and sequence numbers come in with each input.

Reference data, assets and the newest quotes, is not made of events and is given again at each
start. To repeat a decision, repeat with it `Desk.last_quote` as it then was.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from papertrader.core import acceptance
from papertrader.core.acceptance import new_order
from papertrader.core.actions import Posting, check_action
from papertrader.core.amendment import amended, check_replaceable, not_to_end
from papertrader.core.audit import find_violations
from papertrader.core.bounds import beyond_collar
from papertrader.core.carry import CLOSES_MAX
from papertrader.core.endings import ENDINGS
from papertrader.core.events import (
    ActionApplied,
    ClockSet,
    Event,
    Outcome,
    Preview,
)
from papertrader.core.exchange import paid_for, received_for
from papertrader.core.fees import fees_of_fill
from papertrader.core.fills import touch_price
from papertrader.core.identifiers import check_currency, check_symbol
from papertrader.core.intervals import Interval
from papertrader.core.marketclock import SPEED_MAX
from papertrader.core.money import NULL, SCALE
from papertrader.core.orders import (
    TRIGGERED_TYPES,
    NewOrder,
    Order,
    OrderEventKind,
    OrderFlag,
    OrderType,
    Replacement,
    Side,
    SideFilter,
    TimeInForce,
)
from papertrader.core.portfolio import PortfolioState
from papertrader.core.postings import action_event, rate_for
from papertrader.core.quotes import (
    ActionKind,
    Asset,
    AssetStatus,
    CorporateAction,
    Quote,
)
from papertrader.core.refusals import Refusal, Refused
from papertrader.core.refusedorders import refused_order, refused_replacement
from papertrader.core.reserving import affordable
from papertrader.core.rules import DeskRules
from papertrader.core.splits import Splits
from papertrader.core.statehash import state_hash

ENGINE: Final = 6
"""The number of the rules that decide, and of the data that come with them: calendars, rates, fees.

One more whenever the same inputs may come to other outcomes than before, receipts included
(``specs/decisions/0020-engines.rst``). 0 stands for all versions before engines had numbers.
"""


class Desk(Splits):
    """Orders in, events out. Every input carries a ``seq`` greater than that of all before it.

    Inputs raise `ValueError` for what only a faulty caller can send; what a trader can get wrong
    is a `Refusal` in the `Outcome`. Neither changes anything.
    """

    def __init__(self, rules: DeskRules | None = None) -> None:
        super().__init__(rules)
        self._ended_assets: dict[str, Asset] = {}
        """What an action has ended, as it was listed; for a clock that is turned back."""

    # Reference data

    def forget_assets(self) -> None:
        """Know no asset any more, as a master that has just started."""
        super().forget_assets()
        self._ended_assets.clear()

    def list_asset(self, asset: Asset) -> None:
        """Make ``asset`` known, or replace what is known of it (a halt, for example)."""
        check_symbol(asset.symbol)
        check_currency(asset.currency)
        if asset.tick <= 0 or asset.lot <= 0 or asset.quantity_min <= 0:
            raise ValueError(f"the tick, lot and least quantity of {asset.symbol} must be above 0")
        if asset.symbol in self.state.ended and asset.status != AssetStatus.DELISTED:
            self._ended_assets[asset.symbol] = asset
            asset = attrs.evolve(asset, status=AssetStatus.DELISTED)
        self._assets[asset.symbol] = asset

    # Inputs

    def submit(self, command: NewOrder) -> Outcome:
        """Accept or refuse a new order. It fills at the earliest on the next quote observed."""
        self._begin(command.seq)
        terms = self._judge(command)
        if isinstance(terms, Refused):
            return self._refuse(command, terms)
        order = self._accept(command, terms)
        return Outcome(None, "", order, self._finish())

    def preview(self, command: NewOrder) -> Preview:
        """Tell what `submit` would answer, and what the order would cost; it is not an input."""
        terms = self._judge(command)
        if isinstance(terms, Refused):
            refused = self._refuse(command, terms)
            return Preview(refusal=refused.refusal, text=refused.text, order=refused.order)
        order = new_order(command, terms, 0)
        price = order.bound_price
        if order.order_type in TRIGGERED_TYPES and not order.is_limited:
            price = order.stop_price
        quote = self._quotes.get(order.symbol)
        touch = NULL if quote is None else touch_price(order.side, quote)
        at_once = order.order_type not in TRIGGERED_TYPES
        if (
            at_once
            and touch != NULL
            and (touch < price if order.side == Side.BUY else touch > price)
        ):
            price = touch
        if command.flags & OrderFlag.NOTIONAL:
            asset = self._assets[order.symbol]
            order.quantity = max(affordable(command.quantity, price, asset.lot), order.quantity)
        owner = self.state.portfolios[order.portfolio]
        notional = price * order.quantity
        exchange = self._exchange(self._assets[order.symbol], owner, command.market_at)
        buys = order.side == Side.BUY
        cost = paid_for(notional, exchange) if buys else -received_for(notional, exchange)
        reserved, left = order.reserved_cash, 0
        if owner.is_margin:
            worst = order.bound_price if order.bound_price > 0 else price
            most = paid_for(worst * order.quantity, exchange) if buys else 0
            standing = self.standing(owner, command.market_at)
            after, left = standing.power_after(reserved, most), standing.available - reserved
        else:
            after = self.free_cash(owner, command.market_at) - reserved
        fees = fees_of_fill(
            owner.terms,
            order,
            quantity=order.quantity,
            notional=notional,
            gross=-cost,
            asset=self._assets[order.symbol],
            market_at=command.market_at,
            month_shares=owner.purse.shares_in(command.market_at),
            rate=rate_for(order.side, exchange),
        )
        return Preview(
            refusal=None,
            text=beyond_collar(order, touch),
            order=order,
            price=price,
            cost=cost,
            fees=fees.total,
            available_after=after,
            margin=reserved if owner.is_margin else 0,
            margin_left=max(left, 0),
        )

    def replace(self, command: Replacement) -> Outcome:
        """Put a new order in the place of an open one; the new one's number is in the outcome.

        What the old order has reserved is there for the new one, and nobody can come between: the
        larger of both is held until the swap. A fill may come first; the refusal says so then.
        """
        self._begin(command.seq)
        owner = acceptance.find_portfolio(command, self.state.portfolios)
        if isinstance(owner, Refused):
            return self._refuse(command, owner)
        old = self.order(command.order_id)
        found = check_replaceable(command, old)
        if isinstance(found, Refused):
            shown = None if found.refusal == Refusal.NO_SUCH_ORDER else old
            outcome = self._refuse(command, found, shown)
            outcome.order = shown
            return outcome
        wish = amended(command, found)
        if isinstance(wish, Refused):
            return self._refuse(command, wish, found)
        order = self._succeed(found, wish)
        if isinstance(order, Refused):
            return self._refuse(command, order, found)
        return Outcome(None, "", order, self._finish())

    def close(
        self,
        *,
        seq: int,
        at: int,
        received_at: int,
        market_at: int,
        account: int,
        portfolio: int,
        client_order_id: int,
        symbol: str = "",
    ) -> Outcome:
        """Close the position in a symbol, or all, by market orders; nobody can come between.

        Each symbol's open orders are cancelled first. The orders are GTC and have the client order
        ids from ``client_order_id`` on. One that cannot be closed is left as it is, with its
        orders; the outcome's text says why. Refused if nothing at all can be closed.
        """
        self._begin(seq)
        owner = self._owned(account, portfolio)
        if owner is None:
            return self._no_portfolio(portfolio)
        held = [each for each in owner.positions.values() if each.quantity]
        wanted = sorted(each.symbol for each in held if symbol in ("", each.symbol))
        if not wanted:
            return self._no(
                Refusal.INSUFFICIENT_POSITION,
                f"You hold no {symbol or 'position'} in portfolio {portfolio}; there is nothing to"
                " close.",
            )
        refusals, receipts = [], []
        for number, each in enumerate(wanted, client_order_id):
            quantity = owner.quantity(each)
            wish = NewOrder(
                seq=seq,
                at=at,
                received_at=received_at,
                market_at=market_at,
                account=account,
                portfolio=portfolio,
                client_order_id=number,
                symbol=each,
                side=Side.SELL if quantity > 0 else Side.BUY,
                order_type=OrderType.MARKET,
                time_in_force=TimeInForce.GTC,
                quantity=abs(quantity),
            )
            refused = self._leave(wish, owner)
            if refused is not None:
                refusals.append(refused)
                receipts.append(refused_order(wish, refused, self._quotes.get(each)))
        if len(refusals) == len(wanted):
            return Outcome(refusals[0].refusal, refusals[0].text, None, self._finish(), receipts)
        text = " ".join(each.text for each in refusals)
        return Outcome(None, text, None, self._finish(), receipts)

    def cancel(
        self,
        *,
        seq: int,
        at: int,
        account: int,
        portfolio: int,
        order_id: int = 0,
        client_order_id: int = 0,
    ) -> Outcome:
        """Cancel an open order, named by ``order_id`` or, if that is 0, by ``client_order_id``."""
        self._begin(seq)
        order = (
            self.order(order_id)
            if order_id
            else self.order_by_client_id(portfolio, client_order_id)
        )
        if order is None or order.account != account or order.portfolio != portfolio:
            return Outcome(
                Refusal.NO_SUCH_ORDER,
                f"You have no order {order_id or client_order_id} in portfolio {portfolio}; ask for"
                " the list of your orders.",
                None,
                [],
            )
        if not order.is_open:
            return Outcome(
                Refusal.ORDER_DONE,
                f"Order {order.order_id} is {order.state.name} already; nothing is left to cancel.",
                order,
                [],
            )
        if order.is_liquidation:
            held = not_to_end(order)
            return Outcome(held.refusal, held.text, order, [])
        ended = self._end(order, OrderEventKind.CANCELLED, 0, at)
        return Outcome(None, "", ended, self._finish())

    def cancel_all(
        self,
        *,
        seq: int,
        at: int,
        account: int,
        portfolio: int,
        symbol: str = "",
        side: SideFilter = SideFilter.ANY,
    ) -> Outcome:
        """Cancel every open order of a portfolio, or those of one symbol or side; one event each.

        None to cancel is no refusal. Those that carry out a margin call stay.
        """
        self._begin(seq)
        if self._owned(account, portfolio) is None:
            return self._no_portfolio(portfolio)

        def wanted(order: Order) -> bool:
            return symbol in ("", order.symbol) and side in (SideFilter.ANY, order.side)

        self._cancel_owners(portfolio, 0, at, wanted)
        return Outcome(None, "", None, self._finish())

    def advance(
        self,
        *,
        seq: int,
        at: int,
        market_at: int,
        closings: Mapping[str, Interval] | None = None,
    ) -> list[Event]:
        """Do everything that was due until ``market_at``, in the order of market time.

        A close completes the bars that go on, and resting orders take from them; then orders for
        the close fill, and open orders expire. At each close after that, what is owed is charged
        and margin is checked, and margin calls that have fallen due are carried out; contests end.
        After `CLOSES_MAX` closes the rest is left to the next input. ``closings`` is given to
        decide an input again; otherwise they are worked out, and `closings_used` returns them.
        """
        self._begin(seq, market_at)
        self._begin_closes(market_at, closings)
        closes, ends = 0, self.next_contest_end()
        while True:
            order, carry = self.state.due(market_at), self.next_carry()
            if self._bars_before(carry, ends, 0 if order is None else order.expire_at):
                self._close_bar()
                continue
            due = carry if 0 < carry <= market_at else market_at
            if 0 < ends < min(due, market_at if order is None else order.expire_at):
                self.end_contests(at, market_at, ends)
                ends = self.next_contest_end()
                continue
            if 0 < carry <= market_at and (order is None or carry < order.expire_at):
                if closes >= CLOSES_MAX:
                    # Contests that end later end with what they are charged until then.
                    return self._finish()
                self._carry(at, market_at)
                closes += 1
                continue
            if order is None:
                break
            if order.time_in_force == TimeInForce.CLS:
                self._close_out(order, at)
            else:
                self._expire(order, at)
        self.end_contests(at, market_at, market_at)
        return self._finish()

    def set_clock(self, *, seq: int, setting: ClockSet) -> Outcome:
        """Take note of how a market's clock was set; ``setting.epoch`` is filled in here.

        Turned back, a new epoch of market time begins: open orders are cancelled with the
        reason CLOCK_TURNED_BACK, the quotes that are known are forgotten, for they are of a time
        that has not come yet, and corporate actions after ``market_at`` apply again: what one of
        them had ended trades as it did before. Money and
        positions stay as they are. Raises `ValueError` for a speed that no clock can have.
        """
        if not 1 <= setting.speed_milli <= SPEED_MAX:
            raise ValueError(f"no clock runs at {setting.speed_milli} thousandths")
        self._begin(seq)
        if setting.back:
            reason = int(Refusal.CLOCK_TURNED_BACK)
            for order_id in sorted(set().union(*self.state.open_orders.values())):
                order = self.state.orders[order_id]
                if order.is_open:
                    self._end(order, OrderEventKind.CANCELLED, reason, setting.at)
            self._quotes.clear()
            self._intervals.clear()
        self._emit(attrs.evolve(setting, epoch=self.state.epoch + setting.back))
        for symbol in self._ended_assets.keys() - self.state.ended:
            self._assets[symbol] = self._ended_assets.pop(symbol)
        return Outcome(None, "", None, self._finish())

    def unlist(self, symbol: str) -> None:
        """Forget an asset: at the market time of now it is not listed yet."""
        self._assets.pop(symbol)
        self._ended_assets.pop(symbol, None)
        self._quotes.pop(symbol)

    def plan_action(
        self, *, at: int, action: CorporateAction, late: bool = False
    ) -> tuple[Asset, list[Posting]]:
        """Return what `act` would post, and change nothing; raises what `act` raises."""
        check_action(action)
        asset = self._assets.get(action.symbol)
        if asset is None:
            raise ValueError(f"{action.symbol} is not listed; list it before its actions")
        ends = action.kind in ENDINGS
        if ends and not self.has_applied(action):
            self._check_ending(action)
        if ends or self.has_applied(action):
            return asset, []
        return asset, self._plan(action, asset, at, late)

    def act(self, *, seq: int, at: int, action: CorporateAction, late: bool = False) -> list[Event]:
        """Apply a corporate action to all positions and open orders of its symbol, once.

        One that is ``late`` was heard of when its time had passed: what was bought, and sent, from
        then on was so at prices after a split, and without the right to a dividend.
        One with the same symbol, kind and time as an earlier one does nothing: the caller adds up
        two dividends of the same day. Raises `ValueError` for an unknown symbol or an impossible
        action, and `AmountOverflow` if some result does not fit; nothing is applied then.
        """
        asset, postings = self.plan_action(at=at, action=action, late=late)
        ends = action.kind in ENDINGS
        self._begin(seq, action.at)
        if self.has_applied(action):
            return self._finish()
        carried = self._carried_until()
        self._emit(ActionApplied(action, at))
        if ends:
            self._end_symbol(action, at)
            self.list_asset(asset)
        for posting in postings:
            self._emit(action_event(self.state, posting, at, action.at))
        if action.kind == ActionKind.SPLIT:
            changed = [posting.portfolio.portfolio for posting in postings]
            self._split_rest(action, asset, at, late, changed)
        self._keep_carried(carried, at)
        return self._finish()

    def apply(self, event: Event) -> None:
        """Take over one event of the journal, in its order; nothing is decided.

        Raises `InvariantViolated`, with nothing changed, if it does not follow from the state.
        """
        self.state.apply(event)
        self._sequence = max(self._sequence, self.state.sequence_last)

    # Queries. What they return is the desk's own: read it, never change it.

    def order(self, order_id: int) -> Order | None:
        """Return an order as it stands."""
        return self.state.orders.find(order_id)

    def order_by_client_id(self, portfolio: int, client_order_id: int) -> Order | None:
        """Return the order for which a portfolio used ``client_order_id``."""
        owner = self.state.portfolios.get(portfolio)
        order_id = owner.client_order_ids.get(client_order_id) if owner is not None else None
        return None if order_id is None else self.state.orders[order_id]

    def order_by_tag(self, portfolio: int, tag: str) -> Order | None:
        """Return the newest order of a portfolio that has this tag."""
        order_id = self.state.tagged.get((portfolio, tag))
        return None if order_id is None else self.state.orders[order_id]

    def orders_of(self, *, account: int = 0, portfolio: int = 0) -> list[Order]:
        """Return all orders, finished ones too, of a portfolio or, if that is 0, of an account."""
        if portfolio:
            portfolios = [portfolio]
        else:
            owner = self.state.accounts.get(account)
            portfolios = owner.portfolios if owner is not None else []
        orders, by_portfolio = self.state.orders, self.state.orders_by_portfolio
        return [orders[number] for each in portfolios for number in by_portfolio.get(each, ())]

    def portfolio(self, portfolio: int) -> PortfolioState | None:
        """Return a portfolio as it stands."""
        return self.state.portfolios.get(portfolio)

    def asset(self, symbol: str) -> Asset | None:
        """Return what is known of a symbol."""
        return self._assets.peek(symbol)

    def last_quote(self, symbol: str) -> Quote | None:
        """Return the newest trustworthy quote of a symbol."""
        return self._quotes.peek(symbol)

    def price_in(self, currency: str, symbol: str, price: int, market_at: int) -> int:
        """Return a price of a symbol in a currency, at the rate of a market time; `NULL` if none.

        What is no decision asks this; rounded down, as what is held is valued.
        """
        asset = self._assets.peek(symbol)
        if price == NULL or asset is None or asset.currency == currency:
            return price
        rate = self.rates.peek(asset.currency, currency, market_at)
        return NULL if rate is None else price * rate.bid // SCALE

    def next_event_seq(self, account: int) -> int:
        """Return the number that the account's next event will have; 1 for an unknown account."""
        owner = self.state.accounts.get(account)
        return 1 if owner is None else owner.event_seq + 1

    def next_expiry(self) -> int:
        """Return the market time from which `advance` has something to do; 0 if never."""
        times = (
            self.state.next_expiry(),
            self.next_contest_end(),
            self.next_carry(),
            self.next_bar_close(),
        )
        return min((each for each in times if each), default=0)

    def has_applied(self, action: CorporateAction) -> bool:
        """Tell whether an action of this symbol, kind and time was applied."""
        return (action.symbol, action.kind, action.at) in self.state.applied

    def check_invariants(self) -> list[str]:
        """Count everything again; return one sentence for each invariant that does not hold."""
        return find_violations(self.state)

    def state_hash(self) -> bytes:
        """Return the hash of all state that events have made; quotes and assets are left out."""
        return state_hash(self.state)

    # Deciding

    def _refuse(
        self, command: NewOrder | Replacement, refused: Refused, old: Order | None = None
    ) -> Outcome:
        """Answer a refusal, with its receipt; ``old`` is what the order was to replace."""
        order = None
        if refused.refusal == Refusal.DUPLICATE_ORDER:
            order = self.order_by_client_id(command.portfolio, command.client_order_id)
        if isinstance(command, NewOrder):
            receipt = refused_order(command, refused, self._quotes.get(command.symbol))
        else:
            quote = None if old is None else self._quotes.get(old.symbol)
            receipt = refused_replacement(command, refused, old, quote)
        return Outcome(refused.refusal, refused.text, order, [], [receipt])
