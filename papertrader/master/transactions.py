"""Assets Transaction Management: orders in, fills and ledger entries out, each exactly once.

Every input (a command, a quote, market time, a corporate action) gets the next sequence number and
is decided by the desk at once, in memory; inputs and outcomes go to the journal together, and
nobody is told before they are durable there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from twisted.logger import Logger

from papertrader.core.desk import Desk
from papertrader.core.events import Event, OrderChanged, Outcome, PortfolioOpened, TransactionPosted
from papertrader.core.orders import IMMEDIATE, NewOrder, OrderType, Replacement, TimeInForce
from papertrader.core.quotes import CorporateAction, Quote
from papertrader.core.refusals import Refusal
from papertrader.master import records
from papertrader.master.commands import Command, Refused
from papertrader.master.holdings import Summary, summarize
from papertrader.master.journal import Fact, Journal
from papertrader.master.replies import keep_reply, stored_reply
from papertrader.master.sessions import Session
from papertrader.master.streams import Streams
from papertrader.master.views import BACKLOG_MAX, Views
from papertrader.net.clock import Clock
from papertrader.wire import codec, limits
from papertrader.wire import messages as m
from papertrader.wire.derived import Message
from papertrader.wire.kinds import OrderFlag, Status, Tag

CLIENT_ORDER_ID_MAX = 2**63 - 1
QUOTES_KEPT_MAX = 4_096
"""Quotes kept with one input; beyond it only the transactions tell the prices of a reset."""
_OF_THE_SESSION = frozenset({TimeInForce.DAY, *IMMEDIATE})
"""Times in force that end with the session at the latest."""


_ADDRESS = slice(limits.HEADER_SIZE + 24, limits.HEADER_SIZE + 42)
"""Where a RELAY_UP envelope has the client's address and port."""


def _without_address(envelope: bytes) -> bytes:
    """Return the envelope as the journal keeps it: nothing in it leads to a person."""
    return envelope[: _ADDRESS.start] + bytes(18) + envelope[_ADDRESS.stop :]


class Market(Protocol):
    """What transactions need to know of the market."""

    def now(self) -> int:
        """Market time."""

    def day_end(self, symbol: str) -> int:
        """Market time at which a DAY order of ``symbol`` sent now expires."""


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
        self.orders_taken = 0
        self.orders_refused = 0
        self.quotes_used = 0

    # --- inputs from inside --------------------------------------------------------------------

    def open_portfolio(self, account: int, currency: str, deposit: int) -> int:
        """Open a portfolio with its starting cash; return its number."""
        seq, at = self._journal.next_seq(), self._clock.wall_ns()
        portfolio = max(self.desk.state.portfolios, default=0) + 1
        events = self.desk.open_portfolio(
            seq=seq, at=at, account=account, portfolio=portfolio, currency=currency, deposit=deposit
        )
        self._post(seq, [], events, deposit=deposit)
        return portfolio

    def observe(self, quote: Quote) -> None:
        """Work the open orders against a new quote. Only quotes that did something are kept."""
        if not self.desk.would_act(quote):
            self.desk.note_quote(quote)
            return
        seq = self._journal.next_seq()
        events = self.desk.observe(seq=seq, quote=quote)
        self.quotes_used += 1
        self._post(seq, [records.quote_record(seq, quote)], events)

    def advance(self, market_at: int) -> None:
        """Let market time go on: what was due until ``market_at`` expires."""
        due = self.desk.next_expiry()
        if due == 0 or due > market_at:
            return
        seq, at = self._journal.next_seq(), self._clock.wall_ns()
        events = self.desk.advance(seq=seq, at=at, market_at=market_at)
        self._post(seq, [records.time_record(seq, at, market_at)], events)

    def act(self, action: CorporateAction) -> None:
        """Apply a corporate action, once for ever."""
        if self.desk.has_applied(action):
            return
        seq, at = self._journal.next_seq(), self._clock.wall_ns()
        quote = self.desk.last_quote(action.symbol)
        before = [records.quote_record(seq, quote)] if quote is not None else []
        events = self.desk.act(seq=seq, at=at, action=action)
        self._post(seq, [*before, records.action_record(seq, at, action)], events)
        self.log.info(
            "corporate action: {kind} of {symbol}", kind=action.kind.name, symbol=action.symbol
        )

    # --- commands ------------------------------------------------------------------------------

    def order_new(self, command: Command, session: Session, message: m.OrderNew) -> bytes:
        """Decide a new order; the reply is kept for whoever asks the same again."""
        if message.flags & OrderFlag.VALIDATE_ONLY:
            return self._preview(command, session, message)
        stored = self._stored(command, session)
        if stored is not None:
            return stored
        self._check(message.client_order_id, 0)
        seq = self._journal.next_seq()
        order = self._wish(seq, command, session, message)
        used = []
        if message.order_type == OrderType.MARKET:
            used = self._quotes_of([message.symbol])
        outcome = self.desk.submit(order)
        self._count(outcome)
        before = self._input(
            seq, command, session, order.portfolio, order.market_at, order.expire_at, used
        )
        return self._conclude(seq, command, session, before, outcome)

    def _wish(self, seq: int, command: Command, session: Session, message: m.OrderNew) -> NewOrder:
        expires = message.expire_at
        if message.time_in_force in _OF_THE_SESSION:
            expires = self._market.day_end(message.symbol)
        return NewOrder(
            seq=seq,
            at=command.accepted_at,
            received_at=command.received_at,
            market_at=self._market.now(),
            account=session.account,
            portfolio=message.portfolio or self.first_portfolio(session),
            client_order_id=message.client_order_id,
            symbol=message.symbol,
            side=message.side,
            order_type=message.order_type,
            time_in_force=message.time_in_force,
            quantity=message.quantity,
            flags=message.flags & ~OrderFlag.VALIDATE_ONLY,
            limit_price=message.limit_price,
            stop_price=message.stop_price,
            expire_at=expires,
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
        self._check(message.client_order_id, 0)
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
        stored = self._stored(command, session)
        if stored is not None:
            return stored
        self._check(message.client_order_id, 8)
        seq, market_at = self._journal.next_seq(), self._market.now()
        old = self.desk.order(message.order)
        used = []
        if old is not None and old.order_type == OrderType.MARKET:
            used = self._quotes_of([old.symbol])
        wish = Replacement(
            seq=seq,
            at=command.accepted_at,
            received_at=command.received_at,
            market_at=market_at,
            account=session.account,
            portfolio=message.portfolio or self.first_portfolio(session),
            order_id=message.order,
            client_order_id=message.client_order_id,
            quantity=message.quantity,
            limit_price=message.limit_price,
            stop_price=message.stop_price,
            expire_at=message.expire_at,
            expect_version=message.expect_version,
        )
        outcome = self.desk.replace(wish)
        self._count(outcome)
        before = self._input(seq, command, session, wish.portfolio, market_at, 0, used)
        return self._conclude(seq, command, session, before, outcome)

    def order_cancel(self, command: Command, session: Session, message: m.OrderCancel) -> bytes:
        """Decide a cancel; the reply is kept likewise."""
        stored = self._stored(command, session)
        if stored is not None:
            return stored
        portfolio = message.portfolio or self.first_portfolio(session)
        seq = self._journal.next_seq()
        outcome = self.desk.cancel(
            seq=seq,
            at=command.accepted_at,
            account=session.account,
            portfolio=portfolio,
            order_id=message.order,
            client_order_id=message.client_order_id,
        )
        before = self._input(seq, command, session, portfolio, self._market.now(), 0)
        return self._conclude(seq, command, session, before, outcome)

    def order_cancel_all(
        self, command: Command, session: Session, message: m.OrderCancelAll
    ) -> bytes:
        """Cancel what the message names; the reply says how many orders that were."""
        portfolio = message.portfolio or self.first_portfolio(session)

        def decide(seq: int) -> Outcome:
            return self.desk.cancel_all(
                seq=seq,
                at=command.accepted_at,
                account=session.account,
                portfolio=portfolio,
                symbol=message.symbol,
                side=message.side,
            )

        def answer(outcome: Outcome) -> Message:
            return m.OrderCancelAllReply(
                cancelled=len(outcome.events),
                still_open=len(self.desk.state.open_orders[portfolio]),
            )

        return self.decide(command, session, portfolio, decide, answer)

    def decide(
        self,
        command: Command,
        session: Session,
        portfolio: int,
        decision: Callable[[int], Outcome],
        answer: Callable[[Outcome], Message],
        *,
        uses: Iterable[str] = (),
        deposit: int = 0,
    ) -> bytes:
        """Decide a command of another module exactly once; the reply is kept.

        ``decision`` gets the input's sequence number; ``answer`` makes the reply of what was not
        refused. ``uses`` are the symbols whose newest quotes the decision depends on; ``deposit``
        is what a portfolio that it opens begins with.
        """
        stored = self._stored(command, session)
        if stored is not None:
            return stored
        used = self._quotes_of(uses)
        seq = self._journal.next_seq()
        outcome = decision(seq)
        before = self._input(seq, command, session, portfolio, self._market.now(), 0, used)
        reply = b""
        if outcome.refusal is None:
            reply = codec.encode(
                answer(outcome),
                session=session.handle,
                correlation=command.header.correlation,
                opcode=command.header.opcode,
            )
        return self._conclude(seq, command, session, before, outcome, reply, deposit)

    def _quotes_of(self, symbols: Iterable[str]) -> list[Quote]:
        found = (self.desk.last_quote(symbol) for symbol in symbols)
        return [quote for quote in found if quote is not None]

    def _check(self, client_order_id: int, field: int) -> None:
        if not 0 < client_order_id <= CLIENT_ORDER_ID_MAX:
            raise Refused(
                Status.INVALID_FIELD,
                "client_order_id must be 1 to 9223372036854775807.",
                field=field,
            )
        if self._views.backlog > BACKLOG_MAX:
            raise Refused(Status.SERVER_BUSY, "The server is catching up.", retry_after_ms=1_000)

    def _count(self, outcome: Outcome) -> None:
        if outcome.refusal is None:
            self.orders_taken += 1
        else:
            self.orders_refused += 1

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

    def _stored(self, command: Command, session: Session) -> bytes | None:
        """Return the stored reply for a sequence that was used; None for a fresh one (R1 to R5)."""
        return stored_reply(command, session)

    def _input(
        self,
        seq: int,
        command: Command,
        session: Session,
        portfolio: int,
        market_at: int,
        expire_at: int,
        quotes: Sequence[Quote] = (),
    ) -> bytes:
        block = m.StoreCommand(
            seq=seq,
            accepted_at=command.accepted_at,
            market_at=market_at,
            account=session.account,
            portfolio=portfolio,
            session_id=session.session_id,
            expire_at=expire_at,
        ).pack()
        sections = codec.section(Tag.INNER, _without_address(command.envelope))
        if quotes:
            rows = [records.quote_block(quote) for quote in quotes[:QUOTES_KEPT_MAX]]
            sections += codec.group(Tag.QUOTES, m.QuoteRow.SIZE, rows)
        return codec.frame(
            m.StoreCommand.CATEGORY, m.StoreCommand.OPCODE, block, sections, flags=records.CHECKED
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
        head = command.header
        status = 0 if outcome.refusal is None else int(outcome.refusal)
        order = outcome.order
        if order is not None:
            successor = self.desk.state.replaced_by.get(order.order_id, 0)
            reply = records.order_reply(
                head.opcode,
                order,
                status,
                outcome.text,
                session.handle,
                head.correlation,
                records.successor_section(successor),
            )
        elif not reply:
            reply = command.failure(status, outcome.text)
        kept = keep_reply(command, session, reply)
        self._post(seq, [before], outcome.events, kept, deposit)
        return reply

    # --- outcomes ------------------------------------------------------------------------------

    def _post(
        self,
        seq: int,
        before: Sequence[bytes],
        events: Iterable[Event],
        reply: records.StoredReply | None = None,
        deposit: int = 0,
    ) -> None:
        """Give an input and what it caused to the journal, and its events to those who listen."""
        frames = list(before)
        facts: list[Fact] = []
        pushes: list[tuple[int, int, bytes]] = []
        for event in events:
            push = b""
            if isinstance(event, OrderChanged | TransactionPosted):
                push = records.push_frame(event)
                pushes.append((event.account, event.event_seq, push))
            if isinstance(event, PortfolioOpened):
                frames.append(records.portfolio_record(seq, event, deposit))
            else:
                frames.append(records.event_record(seq, event, push))
            facts.append((seq, event))
        if reply is not None:
            frames.append(records.reply_record(seq, reply))
            facts.append((seq, reply))
        self._journal.record(seq, frames, facts)
        if pushes:
            self._journal.when_durable(self._sender(pushes))

    def _sender(self, pushes: list[tuple[int, int, bytes]]) -> Callable[[], None]:
        def send() -> None:
            self._streams.send(pushes)

        return send

    def summary(self, account: int, portfolio: int = 0) -> Summary:
        """Return an account's cash, totals and positions at the newest prices."""
        mine = self.desk.state.accounts[account].portfolios
        return summarize(self.desk, portfolio or mine[0], self._clock.wall_ns())
