"""Assets Transaction Management: orders in, fills and ledger entries out, each exactly once.

Every input (a command, a quote, market time, a corporate action) gets the next sequence number and
is decided by the desk at once, in memory; inputs and outcomes go to the journal together, and
nobody is told before they are durable there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import attrs
from twisted.logger import Logger

from papertrader.core.actions import last_price
from papertrader.core.desk import Desk
from papertrader.core.events import Event, OrderChanged, Outcome, PortfolioOpened, TransactionPosted
from papertrader.core.instants import format_instant
from papertrader.core.money import AmountOverflow
from papertrader.core.orders import IMMEDIATE, WAITING, NewOrder, Order, TimeInForce
from papertrader.core.quotes import Asset, CorporateAction, Quote
from papertrader.core.refusals import Refusal
from papertrader.master import inputs, packing, records, wishes
from papertrader.master.commands import Command, Refused
from papertrader.master.holdings import Summary, Totals, summarize, totals
from papertrader.master.journal import Journal
from papertrader.master.orderrecords import combined
from papertrader.master.refusalrecords import refusal_record
from papertrader.master.replies import keep_reply, stored_reply
from papertrader.master.sessions import Session
from papertrader.master.streams import Streams
from papertrader.master.views import Views
from papertrader.master.viewstore import BACKLOG_MAX
from papertrader.net.clock import Clock
from papertrader.wire import codec, limits
from papertrader.wire import messages as m
from papertrader.wire.derived import Message
from papertrader.wire.kinds import OrderFlag, Status, Tag

CLIENT_ORDER_ID_MAX = 2**63 - 1
# Plain integers: the operators of IntFlag are slow, and each order passes here.
_VALIDATE_ONLY = int(OrderFlag.VALIDATE_ONLY)
_EXTENDED_HOURS = int(OrderFlag.EXTENDED_HOURS)
_OF_THE_SESSION = frozenset({TimeInForce.DAY, *IMMEDIATE})
"""Times in force that end with the session at the latest."""


_ADDRESS = slice(limits.HEADER_SIZE + 24, limits.HEADER_SIZE + 42)
"""Where a RELAY_UP envelope has the client's address and port."""


def _without_address(envelope: bytes) -> bytes:
    """Return the envelope as the journal keeps it: nothing in it leads to a person."""
    return envelope[: _ADDRESS.start] + bytes(18) + envelope[_ADDRESS.stop :]


@attrs.define
class _Posted:
    """An input packed for the journal, and for those who listen."""

    frames: list[bytes]
    first: Event | None = None
    """The first of what it caused."""
    pushes: list[tuple[int, int, bytes]] = attrs.Factory(list)

    def block_of(self, order: Order) -> bytes:
        """Return the packed row of an order if its event was packed; nothing if it was not."""
        if isinstance(self.first, OrderChanged) and self.first.order is order:
            return self.pushes[0][2][packing.ORDER_AT : packing.ORDER_END]
        return b""


class Market(Protocol):
    """What transactions need to know of the market."""

    def now(self) -> int:
        """Market time."""

    def day_end(self, symbol: str, *, extended: bool = False) -> int:
        """Market time at which a DAY order of ``symbol`` sent now expires."""

    def hours(self, symbol: str, *, opening: bool) -> tuple[int, int]:
        """Opening and close of the session of an order for its opening, or for its close."""


class Transactions:
    """The module (see above)."""

    log = Logger()

    def __init__(
        self,
        desk: Desk,
        journal: Journal,
        views: Views,
        streams: Streams,
        clock: Clock,
        market: Market,
    ) -> None:
        self.desk = desk
        self._journal = journal
        self._views = views
        self._streams = streams
        self._clock = clock
        self._market = market
        self._input_at = 0
        self._quotes = inputs.PackedQuotes()
        self._told_epoch = desk.state.epoch
        self._told: dict[str, Asset] = {}
        """Assets as the journal knows them since this start."""
        self.quotes_used = 0
        self.actions_refused = 0
        """Corporate actions that could not be applied, since the start."""

    # --- inputs from inside --------------------------------------------------------------------

    def open_portfolio(self, account: int, currency: str, deposit: int) -> int:
        """Open a portfolio with its starting cash; return its number."""
        seq, at = self._next_seq(), self._clock.wall_ns()
        portfolio = max(self.desk.state.portfolios, default=0) + 1
        events = self.desk.open_portfolio(
            seq=seq,
            at=at,
            account=account,
            portfolio=portfolio,
            currency=currency,
            deposit=deposit,
            market_at=self._input_at,
        )
        self._post(seq, [], events, deposit)
        return portfolio

    def observe(self, quote: Quote) -> None:
        """Work the open orders against a new quote. Only quotes that did something are kept."""
        self.desk.rates.learn(quote)
        if not self.desk.would_act(quote):
            self.desk.note_quote(quote)
            return
        seq = self._next_seq()
        events = self.desk.observe(seq=seq, quote=quote)
        self.quotes_used += 1
        interval, used = self.desk.interval_used(), self.desk.quotes_used()
        self._post(seq, [inputs.quote_record(seq, quote, interval, used)], events)

    def note(self, quote: Quote) -> None:
        """Remember a quote, and work no order against it."""
        self.desk.rates.learn(quote)
        self.desk.note_quote(quote)

    def advance(self, market_at: int) -> None:
        """Let market time go on: all that was due until ``market_at`` is done.

        One input goes past `CLOSES_MAX` closes. A step of the clock over more of them is more
        inputs, before anything of the new time is taken: what is posted then counts as later than
        all closes before it.
        """
        due = self.desk.next_expiry()
        while 0 < due <= market_at:
            self._advance(market_at)
            done, due = due, self.desk.next_expiry()
            if due <= done:
                break

    def _advance(self, market_at: int) -> None:
        seq, at = self._next_seq(), self._clock.wall_ns()
        events = self.desk.advance(seq=seq, at=at, market_at=market_at)
        used, closings = self.desk.quotes_used(), self.desk.closings_used()
        self._post(seq, inputs.time_records(seq, at, market_at, used, closings), events)

    def act(self, action: CorporateAction, *, late: bool = False) -> bool:
        """Apply a corporate action, once for ever; tell whether it was not applied before.

        ``late``: its time had passed before anybody heard of it, and orders may have filled since;
        an ALERT in the log says so to the operator, who can make good what it could not.
        One that cannot be applied (its result does not fit, no company could take it) changes
        nothing and is left out, with an ALERT in the log: it must not stop everybody's market.
        """
        if self.desk.has_applied(action):
            return False
        at = self._clock.wall_ns()
        try:
            # Numbers of inputs are gap-free: none is taken before it is known that there is one.
            self.desk.plan_action(at=at, action=action, late=late)
        except (AmountOverflow, ValueError) as error:
            self.actions_refused += 1
            self.log.error(
                "ALERT: the {kind} of {symbol} at {at} is left out: {why}",
                kind=action.kind.name, symbol=action.symbol, at=action.at, why=str(error),
            )  # fmt: skip
            return False
        seq = self._next_seq()
        events = self.desk.act(seq=seq, at=at, action=action, late=late)
        used = self.desk.quotes_used()
        self._post(seq, [inputs.action_record(seq, at, action, used, late=late)], events)
        self.log.info(
            "corporate action: {kind} of {symbol}", kind=action.kind.name, symbol=action.symbol
        )
        if late:
            self.log.warn(
                "ALERT: the {kind} of {symbol} of {at} was heard of late; who sold since then had"
                " nothing of it for what they sold (specs/ledger.rst, part 3)",
                kind=action.kind.name, symbol=action.symbol, at=format_instant(action.at),
            )  # fmt: skip
        return True

    # --- commands ------------------------------------------------------------------------------

    def order_new(self, command: Command, session: Session, message: m.OrderNew) -> bytes:
        """Decide a new order; the reply is kept for whoever asks the same again."""
        if message.flags & _VALIDATE_ONLY:
            return self._preview(command, session, message)
        stored = stored_reply(command, session)
        if stored is not None:
            return stored
        self.check_order_id(message.client_order_id, 0)
        for leg in message.legs:
            self.check_order_id(leg.client_order_id, int(Tag.LEGS))
        wishes.check_tag(message.tag)
        seq = self._next_seq()
        order = self._wish(seq, command, session, message)
        outcome = self.desk.submit(order)
        before = self._input(
            seq, command, session, order.portfolio, order.expire_at, works_from=order.works_from
        )
        return self._conclude(seq, command, session, before, outcome)

    def _wish(self, seq: int, command: Command, session: Session, message: m.OrderNew) -> NewOrder:
        expires, works_from = message.expire_at, 0
        if message.time_in_force in _OF_THE_SESSION:
            extended = bool(message.flags & _EXTENDED_HOURS)
            expires = self._market.day_end(message.symbol, extended=extended)
        elif message.time_in_force in WAITING:
            opening = message.time_in_force == TimeInForce.OPG
            works_from, expires = self._market.hours(message.symbol, opening=opening)
        portfolio = message.portfolio or self.first_portfolio(session)
        given = self._given(seq, command, session, portfolio, expires)
        given.works_from = works_from
        return wishes.new_order(message, given)

    def _given(
        self, seq: int, command: Command, session: Session, portfolio: int, expire_at: int = 0
    ) -> wishes.Given:
        return wishes.Given(
            seq=seq,
            at=command.accepted_at,
            received_at=command.received_at,
            market_at=self._input_at,
            account=session.account,
            portfolio=portfolio,
            expire_at=expire_at,
        )

    def _preview(self, command: Command, session: Session, message: m.OrderNew) -> bytes:
        """Answer what the order would be and cost; nothing is changed, journalled or kept."""
        if not session.may_trade:
            raise Refused(Status.SCOPE_DENIED, "This session may read, not trade.")
        head = command.header
        if head.seq:
            raise Refused(
                Status.INVALID_FIELD, "A preview changes nothing and has no number; send seq 0."
            )
        self.check_order_id(message.client_order_id, 0)
        for leg in message.legs:
            self.check_order_id(leg.client_order_id, int(Tag.LEGS))
        wishes.check_tag(message.tag)
        self._input_at = self._market.now()
        wish = self._wish(0, command, session, message)
        preview = self.desk.preview(wish)
        status = 0 if preview.refusal is None else int(preview.refusal)
        if preview.order is None:
            return command.failure(status, preview.text)
        more = b""
        if not status:
            currency = self.desk.state.portfolios[wish.portfolio].currency
            more = records.preview_section(preview, currency)
        return records.order_reply(
            head.opcode,
            preview.order,
            status,
            preview.text,
            session.handle,
            head.correlation,
            more,
        )

    def order_replace(self, command: Command, session: Session, message: m.OrderReplace) -> bytes:
        """Decide a replace; the reply, the new order, is kept likewise."""
        stored = stored_reply(command, session)
        if stored is not None:
            return stored
        self.check_order_id(message.client_order_id, 8)
        wishes.check_tag(message.tag)
        seq = self._next_seq()
        portfolio = message.portfolio or self.first_portfolio(session)
        wish = wishes.replacement(message, self._given(seq, command, session, portfolio))
        outcome = self.desk.replace(wish)
        before = self._input(seq, command, session, portfolio)
        return self._conclude(seq, command, session, before, outcome)

    def order_cancel(self, command: Command, session: Session, message: m.OrderCancel) -> bytes:
        """Decide a cancel; the reply is kept likewise."""
        stored = stored_reply(command, session)
        if stored is not None:
            return stored
        portfolio = message.portfolio or self.first_portfolio(session)
        seq = self._next_seq()
        outcome = self.desk.cancel(
            seq=seq,
            at=command.accepted_at,
            account=session.account,
            portfolio=portfolio,
            order_id=message.order,
            client_order_id=message.client_order_id,
        )
        before = self._input(seq, command, session, portfolio)
        return self._conclude(seq, command, session, before, outcome)

    def decide(
        self,
        command: Command,
        session: Session,
        portfolio: int,
        decision: Callable[[int], Outcome],
        answer: Callable[[Outcome], Message],
        *,
        deposit: int = 0,
        cash: int | None = None,
        in_turn: bool = False,
    ) -> bytes:
        """Decide a command of another module exactly once; the reply is kept.

        ``decision`` gets the input's sequence number; ``answer`` makes the reply of what was not
        refused. ``deposit`` is what a portfolio that it opens begins with, ``cash`` a
        default that the decision depends on. ``in_turn``: `replies.in_turn` has seen to its number.
        """
        stored = None if in_turn else stored_reply(command, session)
        if stored is not None:
            return stored
        seq = self._next_seq()
        outcome = decision(seq)
        before = self._input(seq, command, session, portfolio, cash=cash)
        reply = b""
        if outcome.refusal is None:
            reply = codec.encode(
                answer(outcome),
                session=session.handle,
                correlation=command.header.correlation,
                opcode=command.header.opcode,
            )
        return self._conclude(seq, command, session, before, outcome, reply, deposit)

    def check_order_id(self, client_order_id: int, field: int) -> None:
        """Refuse an order whose number is none, and any while the views are far behind."""
        if not 0 < client_order_id <= CLIENT_ORDER_ID_MAX:
            raise Refused(
                Status.INVALID_FIELD,
                "client_order_id must be 1 to 9223372036854775807.",
                field=field,
            )
        if self._views.backlog > BACKLOG_MAX:
            raise Refused(Status.SERVER_BUSY, "The server is catching up.", retry_after_ms=1_000)

    def equity_at_last(self, portfolio: int) -> int:
        """Return cash, and positions at the last price of each, at cost where none is known."""
        state = self.desk.state.portfolios[portfolio]
        held = [symbol for symbol, position in state.positions.items() if position.quantity]
        now = self.market_now()
        return state.equity({each: last_price(self.desk.worth(state, each, now)) for each in held})

    def market_now(self) -> int:
        """Return the market's time."""
        return self._market.now()

    @property
    def input_at(self) -> int:
        """The market's time of the present input, which is kept with it."""
        return self._input_at

    def first_portfolio(self, session: Session) -> int:
        """Return the account's default portfolio, which 0 stands for."""
        # A command's portfolio is judged by the desk alone: its refusals are stored replies.
        return self.desk.state.accounts[session.account].portfolios[0]

    def portfolio_of(self, session: Session, portfolio: int) -> int:
        """Return the portfolio that a question means; 0 stands for the account's first.

        Raises `Refused` for one that is not the account's.
        """
        return self.portfolio_in(session.account, portfolio)

    def portfolio_in(self, account: int, portfolio: int) -> int:
        """Return the same for a question about any account; raises `Refused` likewise."""
        known = self.desk.state.accounts[account].portfolios
        if portfolio == 0:
            return known[0]
        if portfolio not in known:
            raise Refused(Refusal.NO_SUCH_PORTFOLIO, f"The account has no portfolio {portfolio}.")
        return portfolio

    # --- exactly once --------------------------------------------------------------------------

    def _input(
        self,
        seq: int,
        command: Command,
        session: Session,
        portfolio: int,
        expire_at: int = 0,
        cash: int | None = None,
        works_from: int = 0,
    ) -> bytes:
        more = self._quotes.section(self.desk.quotes_used())
        if cash is not None or works_from:
            given = m.GivenRow(
                market_at=self._input_at, cash=cash or 0, works_from=works_from
            ).pack()
            more += codec.group(Tag.GIVEN, m.GivenRow.SIZE, [given])
        return packing.command_record(
            seq,
            command.accepted_at,
            self._input_at,
            session.account,
            portfolio,
            session.session_id,
            expire_at,
            _without_address(command.envelope),
            more,
        )

    def _conclude(
        self,
        seq: int,
        command: Command,
        session: Session,
        before: bytes,
        outcome: Outcome,
        reply: bytes = b"",
        deposit: int = 0,
    ) -> bytes:
        """Journal an input with its outcome; ``reply`` is that of one without an order."""
        fields = command.fields
        status = 0 if outcome.refusal is None else int(outcome.refusal)
        posted = self._posted(seq, [before], outcome.events, deposit)
        order = outcome.order
        if order is not None:
            state = self.desk.state
            successor = state.replaced_by.get(order.order_id, 0)
            reply = records.order_reply(
                fields[4],
                order,
                status,
                outcome.text,
                session.handle,
                fields[9],
                records.successor_section(successor) if successor else b"",
                combined(state, order),
                posted.block_of(order),
            )
        elif not reply:
            reply = command.failure(status, outcome.text)
        posted.frames.extend(refusal_record(seq, each) for each in outcome.refused)
        self._record(seq, posted, keep_reply(command, session, reply))
        return reply

    # --- outcomes ------------------------------------------------------------------------------

    def _post(
        self, seq: int, before: Sequence[bytes], events: Iterable[Event], deposit: int = 0
    ) -> None:
        """Give an input and what it caused to the journal, and its events to those who listen."""
        self._record(seq, self._posted(seq, before, events, deposit), None)

    def _posted(
        self, seq: int, before: Sequence[bytes], events: Iterable[Event], deposit: int = 0
    ) -> _Posted:
        """Pack an input and what it caused; each event's frame is made once, for all who get it."""
        frames = self._assets_told(seq)
        frames.extend(before)
        posted = _Posted(frames)
        pushes = posted.pushes
        for event in events:
            if posted.first is None:
                posted.first = event
            if isinstance(event, OrderChanged | TransactionPosted):
                push = records.push_frame(event)
                pushes.append((event.account, event.event_seq, push))
                frames.append(records.event_record(seq, event, push))
            elif isinstance(event, PortfolioOpened):
                frames.append(records.portfolio_record(seq, event, deposit, self._input_at))
            else:
                frames.append(records.event_record(seq, event))
        return posted

    def _record(self, seq: int, posted: _Posted, reply: records.StoredReply | None) -> None:
        if reply is not None:
            posted.frames.append(records.reply_record(seq, reply))
        self._journal.record(seq, posted.frames)
        if posted.pushes:
            self._journal.when_durable(self._sender(posted.pushes))

    def _next_seq(self) -> int:
        """Return the next input's number; what the desk looks at from now on belongs to it."""
        self.desk.forget_used()
        self._input_at = self._market.now()
        return self._journal.next_seq()

    def _assets_told(self, seq: int) -> list[bytes]:
        """Return records of the assets that this input used and the journal does not know yet."""
        frames = []
        for asset in self.desk.assets_used():
            if self._told.get(asset.symbol) is not asset:
                self._told[asset.symbol] = asset
                frames.append(inputs.asset_record(seq, asset))
        if self._told_epoch != self.desk.state.epoch:
            # This input has turned the clock back, and looked at what was listed before: what is
            # listed then is told anew.
            self._told.clear()
            self._told_epoch = self.desk.state.epoch
        return frames

    def _sender(self, pushes: list[tuple[int, int, bytes]]) -> Callable[[], None]:
        def send() -> None:
            self._streams.send(pushes)

        return send

    def totals(self, account: int) -> Totals:
        """Return the totals of an account's first portfolio at the newest prices."""
        mine = self.desk.state.accounts[account].portfolios
        return totals(self.desk, mine[0], self.market_now())

    def summary(self, account: int, portfolio: int = 0) -> Summary:
        """Return an account's cash, totals and positions at the newest prices."""
        mine = self.desk.state.accounts[account].portfolios
        now = self._clock.wall_ns()
        return summarize(self.desk, portfolio or mine[0], now, self.market_now())
