"""Closes by models of volumes: a session played by the desk, and by lists that know no desk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import attrs
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from papertrader.core.instants import SECOND
from papertrader.core.intervals import BAR_NS
from papertrader.core.money import SCALE
from papertrader.core.orders import Side, TimeInForce
from papertrader.core.quotes import AssetFlag
from papertrader.core.terms import BASIS_POINTS, AccountKind, FillModelKind, PortfolioTerms
from tests.core.conftest import Floor

CENT = SCALE // 100
CLOSE = 21 * 60 * BAR_NS
"""The close of the session of the 1st of January 1970; six bars are played before it."""
OPENING = CLOSE - 6 * BAR_NS
MORNING = CLOSE + 17 * 60 * BAR_NS + 30 * BAR_NS
BUYER, SELLER = 2, 3
"""Portfolios: one has cash and buys, the other has margin and sells short."""


class Quote(NamedTuple):
    """So many seconds after the opening: a last price in cents, and what was traded since."""

    second: int
    last: int
    volume: int


class Wish(NamedTuple):
    """An order sent so many seconds after the opening, which lasts until it ends or is filled."""

    second: int
    buys: bool
    quantity: int
    limit: int
    lasts: TimeInForce

    @property
    def closes(self) -> bool:
        """Whether it is for the close."""
        return self.lasts == TimeInForce.CLS


@attrs.define
class Order:
    """What the model knows of an order: sums in cents times shares."""

    wish: Wish
    filled: int = 0
    spent: int = 0

    def take(self, left: int, price: int) -> int:
        """Take what is left, at a price, if the limit allows; return how much."""
        wish = self.wish
        if price > wish.limit if wish.buys else price < wish.limit:
            return 0
        taken = max(0, min(wish.quantity - self.filled, left))
        self.filled += taken
        self.spent += taken * price
        return taken


LASTS = st.integers(9_900, 10_100)
LIMITS = st.integers(9_850, 10_150)
QUOTES = st.lists(
    st.builds(Quote, st.integers(0, 11).map(lambda number: number * 30), LASTS, st.integers(5, 60)),
    min_size=3,
    max_size=12,
    unique_by=lambda quote: quote.second,
).map(sorted)
WISHES = st.lists(
    st.builds(
        Wish,
        st.integers(0, 299),
        st.booleans(),
        st.integers(1, 40),
        LIMITS,
        st.sampled_from([TimeInForce.CLS, TimeInForce.DAY, TimeInForce.GTC]),
    ),
    min_size=2,
    max_size=8,
).map(lambda wishes: sorted(wishes, key=lambda wish: wish.second))


def touch(quote: Quote, buys: bool) -> int:
    """What a side trades at: a cent beside the last price."""
    return quote.last + 1 if buys else quote.last - 1


def in_turn(orders: list[Order], buys: bool) -> list[Order]:
    """One side's resting orders, the best price first, then the oldest."""
    mine = [each for each in orders if each.wish.buys == buys and not each.wish.closes]
    return sorted(mine, key=lambda each: -each.wish.limit if buys else each.wish.limit)


def by_volume(quotes: list[Quote], orders: list[Order], part: int) -> None:
    """Resting orders share each quote's volume; at the close, others what is left of the last."""
    left = dict.fromkeys((True, False), 0)
    for number, quote in enumerate(quotes):
        for buys in (True, False):
            # Nobody knows what was traded before the first quote.
            left[buys] = quote.volume * part // BASIS_POINTS if number else 0
            for order in in_turn(orders, buys):
                if order.wish.second < quote.second:
                    left[buys] -= order.take(left[buys], touch(quote, buys))
    for order in orders:
        if order.wish.closes and order.wish.second < quotes[-1].second:
            buys = order.wish.buys
            left[buys] -= order.take(left[buys], touch(quotes[-1], buys))


def bars_of(quotes: list[Quote]) -> Iterator[list[Quote]]:
    """The quotes of each minute that had some, but for the first: it may have begun before."""
    minutes = sorted({quote.second // 60 for quote in quotes})
    for minute in minutes[1:]:
        yield [quote for quote in quotes if quote.second // 60 == minute]


def by_bar(quotes: list[Quote], orders: list[Order], part: int) -> None:
    """Resting orders share each bar, and those for the close what they leave of the last one."""
    bars = list(bars_of(quotes))
    left: dict[bool, int] = {}
    for bar in bars:
        prices = [quote.last for quote in bar]
        whole = sum(quote.volume for quote in bar) * part // BASIS_POINTS
        left = {True: whole, False: whole}
        for buys in (True, False):
            best = min(prices) if buys else max(prices)
            for order in in_turn(orders, buys):
                if order.wish.second >= bar[0].second:
                    continue
                limit = order.wish.limit
                opens = prices[0] <= limit if buys else prices[0] >= limit
                touched = best <= limit if buys else best >= limit
                if opens or touched:
                    left[buys] -= order.take(left[buys], prices[0] if opens else limit)
    for order in orders:
        if bars and order.wish.closes and order.wish.second < bars[-1][0].second:
            buys = order.wish.buys
            left[buys] -= order.take(left[buys], bars[-1][-1].last)


class Session:
    """The desk's side: quotes on whole seconds, orders half a second after theirs."""

    def __init__(self, model: FillModelKind, part: int) -> None:
        self.floor = Floor(cash="10", flags=AssetFlag.SHORTABLE)
        self.volume = 0
        for portfolio, kind in ((BUYER, AccountKind.CASH), (SELLER, AccountKind.MARGIN)):
            self.floor.open(1, portfolio, "1000000")
            terms = PortfolioTerms(
                account_kind=kind, fill_model=model, participation=part, impact=0
            )
            tick = self.floor.tick()
            outcome = self.floor.desk.set_terms(**tick, account=1, portfolio=portfolio, terms=terms)
            self.floor.keep(outcome.events)

    def at(self, market_at: int) -> None:
        """Go to an instant."""
        self.floor.now = market_at - 10

    def quote(self, quote: Quote, market_at: int) -> None:
        """Show a quote."""
        self.at(market_at)
        self.volume += quote.volume
        self.floor.observe(
            attrs.evolve(
                self.floor.quote_of(None, None),
                bid=touch(quote, False) * CENT,
                ask=touch(quote, True) * CENT,
                last=quote.last * CENT,
                day_volume=self.volume * SCALE,
                source_time=market_at,
            )
        )

    def send(self, wish: Wish) -> int:
        """Send an order; return its number."""
        self.at(OPENING + wish.second * SECOND + SECOND // 2)
        last = {"time_in_force": wish.lasts}
        if wish.lasts != TimeInForce.GTC:
            last["expire_at"] = CLOSE
        if wish.closes:
            last["works_from"] = 1
        order = self.floor.order(
            str(wish.quantity),
            str(wish.limit / 100),
            Side.BUY if wish.buys else Side.SELL_SHORT,
            portfolio=BUYER if wish.buys else SELLER,
            **last,
        )
        return int(order.order_id)

    def close(self) -> None:
        """Let the close come."""
        self.at(CLOSE)
        self.floor.keep(self.floor.desk.advance(**self.floor.tick(), market_at=CLOSE))


@given(
    quotes=QUOTES,
    wishes=WISHES,
    model=st.sampled_from([FillModelKind.VOLUME_SHARE, FillModelKind.BAR]),
    part=st.sampled_from([500, 1_000, 3_333, 10_000]),
)
@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_session_comes_out_as_lists_say(
    quotes: list[Quote], wishes: list[Wish], model: FillModelKind, part: int
) -> None:
    """Each order has filled as much, for as much; who closed and who rests share one volume."""
    session = Session(model, part)
    steps = sorted([*quotes, *wishes], key=lambda step: (step.second, isinstance(step, Wish)))
    numbers = []
    for step in steps:
        if isinstance(step, Wish):
            numbers.append(session.send(step))
        else:
            session.quote(step, OPENING + step.second * SECOND)
    session.close()
    orders = [Order(wish) for wish in wishes]
    (by_bar if model == FillModelKind.BAR else by_volume)(quotes, orders, part)
    expected = [(each.filled * SCALE, each.spent * CENT * SCALE) for each in orders]
    assert told(session, numbers) == expected
    # The next morning's first quote tells nothing of the day before; it has no volume.
    session.quote(Quote(0, 10_000, 0), MORNING)
    assert told(session, numbers) == expected
    if any(each.filled for each in orders if each.wish.closes):
        event(f"{model.name} fills at the close")


def told(session: Session, numbers: list[int]) -> list[tuple[int, int]]:
    """Return what each order has filled, and for how much."""
    found = [session.floor.desk.order(number) for number in numbers]
    return [(each.filled, each.notional_filled) for each in found]
