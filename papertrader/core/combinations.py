"""Combinations: what the fill or the end of one order does to the orders that hang on it.

It is a part of the desk (`papertrader.core.desk`), above the cashier: the same machine, in which
inputs are decided into events and only events change the state.
"""

from __future__ import annotations

import attrs

from papertrader.core import acceptance
from papertrader.core.acceptance import Terms, new_order
from papertrader.core.actions import end_order
from papertrader.core.amendment import not_to_end
from papertrader.core.contesting import Contesting, check_contest
from papertrader.core.exchange import converted_price
from papertrader.core.fills import Receipt
from papertrader.core.legs import EXITS, check_legs, held_order, wish_of
from papertrader.core.money import NULL
from papertrader.core.orders import (
    LegRole,
    NewOrder,
    Order,
    OrderEventKind,
    OrderFlag,
    OrderState,
    OrderTerms,
    Side,
    next_state,
)
from papertrader.core.portfolio import PortfolioState
from papertrader.core.quotes import Asset, market_time
from papertrader.core.refusals import Refusal, Refused
from papertrader.core.reserving import reserve_rest
from papertrader.core.restrictions import check_restrictions
from papertrader.core.shape import check_close_only, check_shape, check_trading
from papertrader.core.terms import DEFAULT_TERMS

_ENDED = int(Refusal.COMBINATION_ENDED)


class Combinations(Contesting):
    """Accepts orders with their legs, and lets the legs follow."""

    # Acceptance

    def _judge(
        self, command: NewOrder, old: Order | None = None, *, own: bool = False
    ) -> Refused | Terms:
        """Decide whether an order may enter, perhaps in the place of ``old``, and on what terms.

        ``own``: it is the desk's, and carries out a margin call. What binds its owner does not bind
        it: the portfolio's terms, a freeze, how many orders may be open, the least and the largest
        quantity of an order. What trades nowhere stops it, and the end of a contest, after which
        entries trade no more.
        """
        portfolio = acceptance.find_portfolio(command, self.state.portfolios)
        if isinstance(portfolio, Refused):
            return portfolio
        asset = acceptance.find_asset(command, self._assets, portfolio)
        if isinstance(asset, Refused):
            return asset
        refused = (
            check_trading(asset)
            if own
            else _opens_what_ends(command, asset, portfolio)
            or check_shape(command, asset, self.rules)
        )
        if refused is not None:
            return refused
        if command.flags and command.flags & OrderFlag.REDUCE_ONLY:
            cut = acceptance.cut_to_position(command, portfolio, old)
            if isinstance(cut, Refused):
                return cut
            command = cut
        terms = self._price(command, asset, portfolio)
        if isinstance(terms, Refused):
            return terms
        terms.quantity = terms.quantity or command.quantity
        if old is not None and old.terms is not None and old.terms.shares:
            terms.reserved_quantity = 0
        if not own:
            refused = self._check_bounds(command, asset, portfolio, old, terms.quantity)
        elif portfolio.contest:
            refused = check_contest(command, portfolio, self.state.contests)
        refused = refused or self._check_funds(command, terms, portfolio, old)
        if refused is not None:
            return refused
        return self._judge_legs(command, terms, asset, portfolio) if command.legs else terms

    def _check_bounds(
        self,
        command: NewOrder,
        asset: Asset,
        portfolio: PortfolioState,
        old: Order | None,
        shares: int,
    ) -> Refused | None:
        """Check what binds an owner: room for open orders, a freeze, a contest, terms."""
        account = self.state.accounts[command.account]
        refused = acceptance.check_room(command, account, self.rules, old)
        if portfolio.frozen or portfolio.contest or portfolio.terms is not DEFAULT_TERMS:
            resting = self._resting(command, old) if portfolio.terms.restricts else []
            refused = refused or self._forbidden(command, asset, portfolio, resting, shares)
        return refused

    def _forbidden(
        self,
        command: NewOrder,
        asset: Asset,
        portfolio: PortfolioState,
        resting: list[Order],
        shares: int = 0,
    ) -> Refused | None:
        """Tell what an owner, a contest or the portfolio's own terms have against an order.

        ``resting`` are the portfolio's other open orders in its symbol; ``shares`` what an order
        for an amount of money trades at its worst price.
        """
        if portfolio.frozen:
            return Refused(
                Refusal.PORTFOLIO_FROZEN,
                f"Portfolio {portfolio.portfolio} is frozen; let it trade again first.",
            )
        refused = None
        if portfolio.contest:
            refused = check_contest(command, portfolio, self.state.contests)
        if refused is not None or not portfolio.terms.restricts:
            return refused
        exchange = self._exchange(asset, portfolio, command.market_at)
        if exchange is not None:
            command = attrs.evolve(
                command,
                limit_price=converted_price(command.limit_price, exchange.ask),
                stop_price=converted_price(command.stop_price, exchange.ask),
            )
        worth = self._worth(portfolio, command.market_at)
        return check_restrictions(command, portfolio, worth, resting, shares)

    def _resting(self, command: NewOrder, old: Order | None) -> list[Order]:
        """Return the portfolio's open orders in the command's symbol, but for ``old``."""
        found = map(self.state.orders.__getitem__, self.state.open_orders[command.portfolio])
        return [order for order in found if order.symbol == command.symbol and order is not old]

    def _price(self, command: NewOrder, asset: Asset, portfolio: PortfolioState) -> Refused | Terms:
        """Work out on what terms an order would enter by the newest quote."""
        quote = self._quotes.get(asset.symbol)
        if asset.currency == portfolio.currency:
            return acceptance.find_terms(command, asset, quote, self.rules, portfolio)
        exchange = self._exchange(asset, portfolio, command.market_at)
        refused = acceptance.check_exchange(command, asset, portfolio, exchange)
        return refused or acceptance.find_terms(
            command, asset, quote, self.rules, portfolio, exchange
        )

    def _judge_legs(
        self, command: NewOrder, terms: Terms, asset: Asset, portfolio: PortfolioState
    ) -> Refused | Terms:
        """Decide the same about the legs; the partner of an OCO must be covered at once."""
        wishes = check_legs(command, asset, self.rules)
        if isinstance(wishes, Refused):
            return wishes
        for wish in wishes:
            found = acceptance.find_portfolio(wish, self.state.portfolios)
            if isinstance(found, Refused):
                return found
            refused = _opens_what_ends(wish, asset, portfolio)
            if refused is not None:
                return refused
        terms.legs = wishes
        if command.legs[0].role == LegRole.OCO:
            other = self._price(wishes[0], asset, portfolio)
            if isinstance(other, Refused):
                return other
            terms.partner = other
            resting = self._resting(command, None) if portfolio.terms.restricts else []
            refused = self._forbidden(wishes[0], asset, portfolio, resting)
            if refused is not None:
                return refused
            # What one of them closes, the other closes: the shares are reserved once.
            other.reserved_quantity = 0
            both = Terms(NULL, 0, terms.reserved_cash + other.reserved_cash, 0)
            both.opening_value = terms.opening_value + other.opening_value
            return self._check_funds(command, both, portfolio) or terms
        return terms

    def _accept(
        self,
        command: NewOrder,
        terms: Terms,
        replaces: int = 0,
        links: OrderTerms | None = None,
    ) -> Order:
        """Let an order enter, and its legs after it; ``links`` says what it is in a combination."""
        number = self.state.order_last + 1
        order = new_order(command, terms, number, replaces)
        if links is not None or terms.partner is not None:
            given = links or OrderTerms(role=LegRole.OCO, pair=number)
            order = order.with_terms(
                role=given.role,
                parent=given.parent,
                pair=given.pair,
                shares=given.shares,
                active_at=given.active_at,
            )
        self._change(OrderEventKind.ACCEPTED, order, command.at)
        if terms.partner is not None:
            partner = new_order(terms.legs[0], terms.partner, number + 1).with_terms(
                role=LegRole.OCO, pair=number, shares=terms.reserved_quantity > 0
            )
            self._change(OrderEventKind.ACCEPTED, partner, command.at)
        elif terms.legs:
            self._hold(command, terms.legs, order)
        return order

    def _hold(self, command: NewOrder, wishes: list[NewOrder], parent: Order) -> None:
        exits = [leg.role in EXITS for leg in command.legs]
        pair = 0
        for leg, wish in zip(command.legs, wishes, strict=True):
            number = self.state.order_last + 1
            if leg.role in EXITS and exits.count(True) > 1:
                pair = pair or number
            links = OrderTerms(
                role=leg.role, parent=parent.order_id, pair=pair if leg.role in EXITS else 0
            )
            self._change(OrderEventKind.ACCEPTED, held_order(wish, number, links), command.at)

    def _leave(self, wish: NewOrder, owner: PortfolioState) -> Refused | None:
        """Close a position by the order ``wish``, its open orders first; or say why not."""
        symbol, at = wish.symbol, wish.at
        asset = acceptance.find_asset(wish, self._assets, owner)
        if isinstance(asset, Refused):
            return asset
        refused = _opens_what_ends(wish, asset, owner) or check_shape(wish, asset, self.rules)
        terms = refused or self._price(wish, asset, owner)
        if isinstance(terms, Refused):
            return terms
        found = acceptance.find_portfolio(wish, self.state.portfolios)
        refused = found if isinstance(found, Refused) else None
        refused = refused or self._forbidden(wish, asset, owner, [])
        if refused is not None:
            return refused
        resting = sorted(self.state.open_orders[owner.portfolio])
        for order in map(self.state.orders.__getitem__, resting):
            if order.symbol == symbol and order.is_liquidation:
                return not_to_end(order)
        self._cancel_owners(owner.portfolio, 0, at, lambda order: order.symbol == symbol)
        judged = self._judge(wish)
        if isinstance(judged, Refused):
            return judged
        self._accept(wish, judged)
        return None

    def _succeed(self, old: Order, wish: NewOrder) -> Refused | Order:
        """Put the order that ``wish`` asks for in the place of ``old``, in its combinations too."""
        at = wish.at
        if wish.expire_at != old.expire_at and self._expires_with_others(old):
            return Refused(
                Refusal.BAD_COMBINATION,
                f"Order {old.order_id} expires together with the orders it belongs to; leave its"
                " expiry, or cancel them and send them anew.",
            )
        if old.state == OrderState.HELD:
            asset = self._assets.get(old.symbol)
            refused: Refused | None = None
            if asset is not None:
                refused = check_shape(wish, asset, self.rules)
            refused = refused or acceptance.check_deadline(wish)
            if refused is not None:
                return refused
            self._end(old, OrderEventKind.REPLACED, 0, at)
            order = held_order(wish, self.state.order_last + 1, old.terms or OrderTerms())
            order.replaces = old.order_id
            self._change(OrderEventKind.ACCEPTED, order, at)
            return order
        terms = self._judge(wish, old)
        if isinstance(terms, Refused):
            return terms
        self._end(old, OrderEventKind.REPLACED, 0, at)
        linked = old.terms is not None and (old.terms.parent or old.terms.pair)
        order = self._accept(wish, terms, old.order_id, old.terms if linked else None)
        self._adopt(old, order, at)
        return order

    def _expires_with_others(self, order: Order) -> bool:
        """Tell whether others end when an order expires that would not follow another expiry.

        Its legs would leave it without them, and its partner would end it.
        """
        terms = order.terms
        others = list(self.state.children.get(order.order_id, ()))
        if terms is not None and terms.pair:
            others += self.state.pairs.get(terms.pair, ())
        found = (self.state.orders[number] for number in others if number != order.order_id)
        return any(each.is_open and each.expire_at == order.expire_at for each in found)

    # What follows

    def _end(
        self,
        order: Order,
        kind: OrderEventKind,
        reason: int,
        at: int,
        receipt: Receipt | None = None,
    ) -> Order:
        ended = super()._end(order, kind, reason, at, receipt)
        if kind != OrderEventKind.REPLACED:
            self._follow(ended, at)
        return ended

    def _follow(self, ended: Order, at: int, filled: int | None = None) -> None:
        """Let those that hang on an order follow it: its partner ends, its children begin.

        ``filled``: for how much, if that is not what is no more left of ``ended``.
        """
        terms = ended.terms
        if terms is not None and terms.pair:
            for number in self.state.pairs.get(terms.pair, ())[:]:
                partner = self.state.orders[number]
                if partner.is_open and number != ended.order_id:
                    self._cancel_partner(partner, at)
        if ended.order_id not in self.state.children:
            return
        for number in self.state.children[ended.order_id][:]:
            child = self.state.orders[number]
            if child.state == OrderState.HELD:
                done = child.quantity - ended.remaining if filled is None else filled
                self._release(child, done, at)

    def _cancel_partner(self, partner: Order, at: int) -> None:
        """End the other one of a pair; nothing follows it."""
        kind = OrderEventKind.CANCELLED
        ended = end_order(self.shown(partner), kind, _ENDED, at)
        self._change(kind, ended, at, self._last_receipt(partner))

    def _release(self, child: Order, quantity: int, at: int) -> None:
        """Let a held leg work for what its parent has filled; a leg with nothing to do ends."""
        portfolio = self.state.portfolios[child.portfolio]
        asset = self._assets.get(child.symbol)
        if quantity <= 0 or asset is None:
            self._end(child, OrderEventKind.CANCELLED, _ENDED, at)
            return
        terms = child.terms or OrderTerms()
        leader = self._leader(child)
        if leader is not None:
            quantity = min(quantity, leader.remaining)
        elif _may_only_close(child, portfolio):
            quantity = min(quantity, _to_close(child, portfolio))
        wish = wish_of(child, max(quantity, 0), at)
        wish.market_at = self._market_at or self._seen_at(child.symbol) or at
        found = self._price(wish, asset, portfolio)
        shares = leader is not None and leader.reserved_quantity > 0
        if not isinstance(found, Refused):
            if shares:
                found.reserved_quantity = 0
            resting = self._resting(wish, child) if portfolio.terms.restricts else []
            refused = self._forbidden(wish, asset, portfolio, resting)
            found = refused or self._check_funds(wish, found, portfolio) or found
        if isinstance(found, Refused) or quantity <= 0:
            reason = int(found.refusal) if isinstance(found, Refused) else _ENDED
            self._end(child, OrderEventKind.CANCELLED, reason, at)
            return
        order = child.with_terms(
            active_at=at,
            shares=shares,
            mark=found.mark,
            marked_at=at if terms.trail else 0,
            currency=found.currency,
        )
        order.state = next_state(child.state, OrderEventKind.ACTIVATED)
        order.quantity = quantity
        order.stop_price, order.collar_price = found.stop_price, found.collar_price
        order.reserved_cash, order.reserved_quantity = found.reserved_cash, found.reserved_quantity
        order.version += 1
        order.updated_at = at
        self._change(OrderEventKind.ACTIVATED, order, at)

    def _seen_at(self, symbol: str) -> int:
        """Return the market time of the newest quote of a symbol, 0 without one."""
        quote = self._quotes.get(symbol)
        return 0 if quote is None else market_time(quote)

    def _leader(self, child: Order) -> Order | None:
        """Return the partner of a leg that works already, and so reserves the shares of both."""
        terms = child.terms
        for number in self.state.pairs.get(terms.pair, ()) if terms is not None else ():
            partner = self.state.orders[number]
            if number != child.order_id and partner.is_open and partner.state != OrderState.HELD:
                return partner
        return None

    def _yield(self, order: Order, quantity: int, at: int) -> None:
        """Before ``order`` fills ``quantity``: take that much from its partner."""
        if order.terms is None or not order.terms.pair:
            return
        for number in self.state.pairs.get(order.terms.pair, ())[:]:
            partner = self.state.orders[number]
            if number == order.order_id or not partner.is_open:
                continue
            if partner.remaining <= quantity:
                self._cancel_partner(partner, at)
                continue
            changed = self.shown(partner).snapshot()
            changed.quantity -= quantity
            reserve_rest(changed, self.state.portfolios[order.portfolio].terms, partner)
            changed.version += 1
            changed.updated_at = at
            self._change(OrderEventKind.ADJUSTED, changed, at)

    def _adopt(self, old: Order, new: Order, at: int) -> None:
        """Let the legs that wait for ``old`` wait for ``new``, which took its place."""
        for number in self.state.children.get(old.order_id, ())[:]:
            child = self.state.orders[number]
            if child.state != OrderState.HELD:
                continue
            changed = child.with_terms(parent=new.order_id)
            # Orders before the old one may have filled a part, too.
            changed.quantity += new.quantity - old.remaining
            changed.version += 1
            changed.updated_at = at
            self._change(OrderEventKind.ADJUSTED, changed, at)

    # Queries

    def shown(self, order: Order) -> Order:
        """Return an order with its stop where the market has moved it by now."""
        return self.state.marked(order)


def _opens_what_ends(command: NewOrder, asset: Asset, portfolio: PortfolioState) -> Refused | None:
    """Tell why an order may not open a position in an asset that may only be closed."""
    held = portfolio.quantity(command.symbol)
    return check_close_only(command, asset, held, is_margin=portfolio.is_margin)


def _may_only_close(child: Order, portfolio: PortfolioState) -> bool:
    """Tell whether a leg may trade no more than there is to close."""
    if not portfolio.is_margin:
        return child.side != Side.BUY
    return child.terms is not None and child.terms.role in EXITS


def _to_close(child: Order, portfolio: PortfolioState) -> int:
    """Return what a leg may close: nothing if its parent closed what there was, or a part of it."""
    held = portfolio.quantity(child.symbol)
    if held == 0 or (held > 0) == (child.side == Side.BUY):
        return 0
    return portfolio.available_quantity(child.symbol)
