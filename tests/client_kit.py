"""A worker and its master in memory, made of real wire frames, that goes wrong when told to.

`Market` is what outlives connections (accounts, sessions, stored replies, orders, events);
`Peer` is one connection of a client. `Market.plan` scripts what happens to the next request of an
opcode: a status to answer, ``"drop"`` (connection lost before it is acted on), ``"drop after"``
(acted on, connection lost before the reply), ``"detach"`` (acted on, the worker loses the session),
``"silence"`` (no answer ever).
"""

from __future__ import annotations

import hashlib
from collections import defaultdict, deque
from random import Random
from typing import Any

import attrs

from papertrader.core.contests import ContestState, StandingOrder
from papertrader.core.instants import SECOND
from papertrader.core.logrecord import (
    PLAIN,
    UNCORRELATED,
    Level,
    LogRecord,
    Source,
    render_json,
)
from papertrader.core.marketclock import ClockField, ClockMode
from papertrader.core.money import NULL, SCALE, cost_of, proceeds_of
from papertrader.core.orders import OrderEventKind, OrderState, OrderType, Side
from papertrader.core.quotes import AssetKind, AssetStatus
from papertrader.core.terms import FillModelKind
from papertrader.wire import codec, limits
from papertrader.wire import messages as m
from papertrader.wire.codec import MORE, REPLAYED
from papertrader.wire.connection import Connection, Link, State
from papertrader.wire.kinds import (
    STATE_CHANGING,
    AuthorityPhase,
    Direction,
    MarketState,
    Mechanism,
    Opcode,
    OrderFlag,
    Role,
    Scope,
    Status,
    Topic,
    TxKind,
    WorkerState,
)
from tests.alert_kit import AlertPeer
from tests.owner_kit import OwnerPeer, key_shown

START = 1_700_000_000 * SECOND
BID = 18_240_000_000
ASK = 18_250_000_000


class FakeClock:
    """Time that goes on only when someone waits."""

    def __init__(self, now: int = START) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += max(1, round(seconds * SECOND))


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


REFUSAL = 41


@attrs.define
class ServerSession:
    account: int
    token: bytes
    remember: bool
    last_seq: int = 0
    replies: dict = attrs.Factory(dict)
    peer: object = None
    handle: int = 0
    device: str = ""
    number: int = 0
    scope: int = Scope.TRADE


@attrs.define
class FakeAccount:
    number: int
    username: str
    password: str
    cash: int = 100_000 * SCALE
    orders: list = attrs.Factory(list)
    transactions: list = attrs.Factory(list)
    events: list = attrs.Factory(list)
    privacy: int = 0
    email: str = ""
    shares: dict = attrs.Factory(lambda: defaultdict(int))
    portfolios: dict = attrs.Factory(dict)
    terms: dict = attrs.Factory(dict)
    refused: dict = attrs.Factory(dict)
    tags: dict = attrs.Factory(dict)


class Market:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.contests: dict[int, m.ContestCreate] = {}
        self.watchlists: dict[str, list[str]] = {}
        self.alerts: dict[int, m.AlertReply] = {}
        self.contest_file = bytes(range(150))
        self.receipts: dict[int, list[m.OrderReceiptRow]] = {}
        self.accounts: dict[str, FakeAccount] = {}
        self.sessions: dict[bytes, ServerSession] = {}
        self.plans: dict[int, deque] = defaultdict(deque)
        self.peers: list[Peer] = []
        self.requests: list[tuple[codec.Header, object]] = []
        self.refuse_dials = 0
        self.fill_at_once = False
        self.events_kept_from = 1
        self.part_rows = 2
        self.handles = 100
        self.dials: list[str] = []
        self.workers: tuple = ()
        self.skip_events: set[int] = set()
        self.quote_seq = 7
        self.keys: list = []
        self.clock_is_refused = False
        self.bars_missing = 0

    def plan(self, opcode: int, *what: object) -> None:
        self.plans[opcode].extend(what)

    def dial(self, endpoint: object) -> Peer:
        self.dials.append(str(endpoint))
        if self.refuse_dials:
            self.refuse_dials -= 1
            raise ConnectionRefusedError("Connection refused")
        peer = Peer(self, len(self.peers) + 1)
        self.peers.append(peer)
        return peer

    def add(self, username: str, password: str) -> FakeAccount:
        account = FakeAccount(len(self.accounts) + 1, username, password)
        self.accounts[username] = account
        return account

    def account(self, number: int) -> FakeAccount:
        return next(a for a in self.accounts.values() if a.number == number)

    def seen(self, opcode: int) -> list[codec.Header]:
        return [header for header, _ in self.requests if header.opcode == opcode]

    def bodies(self, opcode: int) -> list[object]:
        return [message for header, message in self.requests if header.opcode == opcode]

    def quote(self, symbol: str = "AAPL", last: int = ASK) -> dict:
        return {
            "symbol": symbol, "bid": BID, "ask": ASK, "last": last, "bid_size": 100 * SCALE,
            "ask_size": 100 * SCALE, "source_time": START, "observed_at": START,
            "quote_seq": self.quote_seq,
        }  # fmt: skip

    def hours(self, state: int = MarketState.OPEN) -> dict:
        return {
            "exchange": "XNYS", "state": state, "now": START, "next_open": START + 86_400 * SECOND,
            "next_close": START + 3_600 * SECOND, "update_interval_ms": 250,
        }  # fmt: skip

    def tick(self) -> None:
        """The next price update: open orders fill, and those who listen are told."""
        for account in self.accounts.values():
            for order in account.orders:
                if order.state == OrderState.PENDING:
                    self._fill(account, order)
        self.quote_seq += 1
        for peer in self.peers:
            peer.push_quotes()

    def _fill(self, account: FakeAccount, order: m.OrderRow) -> None:
        buys = order.side == Side.BUY
        price = ASK if buys else BID
        if order.order_type == OrderType.LIMIT and (
            price > order.limit_price if buys else price < order.limit_price
        ):
            return
        money = cost_of(price, order.quantity) if buys else proceeds_of(price, order.quantity)
        account.cash += -money if buys else money
        account.shares[order.symbol] += order.quantity if buys else -order.quantity
        order.state = OrderState.FILLED
        order.filled = order.quantity
        order.average_price = price
        order.fills = 1
        order.version += 1
        number = len(account.transactions) + 1
        transaction = m.TransactionRow(
            transaction=number, portfolio=1, kind=TxKind.BUY if buys else TxKind.SELL,
            currency="USD", symbol=order.symbol, quantity=order.quantity, price=price,
            amount=-money if buys else money, cash_after=account.cash, order=order.order,
            fill=1, executed_at=self.clock(), quote_seq=7,
        )  # fmt: skip
        account.transactions.append(transaction)
        receipt = m.ReceiptRow(
            quote_seq=7, bid=BID, ask=ASK, last=ASK, bid_size=100 * SCALE, ask_size=100 * SCALE,
            observed_at=START, source_time=START, spread_cost=5_000_000,
        )  # fmt: skip
        self.event(
            account,
            m.OrderEvent(
                kind=OrderEventKind.FILL, fill=1, fill_quantity=order.quantity, fill_price=price,
                transaction=number, order=order.order, orders=(attrs.evolve(order),),
                receipt=(receipt,),
            ),
        )  # fmt: skip
        fields = {a.name: getattr(transaction, a.name) for a in attrs.fields(m.TransactionRow)}
        self.event(account, m.TransactionEvent(**fields))

    def event(self, account: FakeAccount, message: object) -> None:
        account.events.append(message)
        sequence = len(account.events)
        for peer in self.peers:
            if sequence not in self.skip_events:
                peer.push_account(account, message, sequence)
        self.skip_events.discard(sequence)

    def new_order(self, account: FakeAccount, wish: m.OrderNew) -> m.OrderRow:
        order = m.OrderRow(
            order=len(account.orders) + 1, client_order_id=wish.client_order_id,
            account=account.number, portfolio=wish.portfolio or 1, symbol=wish.symbol,
            side=wish.side, order_type=wish.order_type, time_in_force=wish.time_in_force,
            state=OrderState.PENDING, quantity=wish.quantity, limit_price=wish.limit_price,
            stop_price=wish.stop_price, expire_at=wish.expire_at,
            received_at=self.clock(), accepted_at=self.clock(), updated_at=self.clock(), version=1,
        )  # fmt: skip
        account.orders.append(order)
        account.tags[order.order] = wish.tag
        self.event(
            account,
            m.OrderEvent(
                kind=OrderEventKind.ACCEPTED,
                order=order.order,
                orders=(attrs.evolve(order),),
                order_tags=tag_rows(account, [order]),
            ),
        )
        return order


def reply_of(order: m.OrderRow, account: FakeAccount | None = None) -> m.OrderReply:
    reply = m.OrderReply(**{a.name: getattr(order, a.name) for a in attrs.fields(m.OrderRow)})
    reply.order_tags = tag_rows(account, [order]) if account is not None else ()
    return reply


def tag_rows(account: FakeAccount, orders: list[m.OrderRow]) -> tuple[m.OrderTagRow, ...]:
    known = [(order.order, account.tags.get(order.order)) for order in orders]
    return tuple(
        m.OrderTagRow(number, tag.encode().ljust(limits.ORDER_TAG_MAX, b"\0"))
        for number, tag in known
        if tag
    )


def paged(rows: list, message: object, key: str) -> tuple[list, int]:
    """The rows of a page, in its direction, and where the next one goes on."""
    if message.direction and message.direction[0].direction == Direction.NEWEST_FIRST:
        before = message.after or 2**64
        found = [row for row in rows[::-1] if getattr(row, key) < before]
    else:
        found = [row for row in rows if getattr(row, key) > message.after]
    limit = message.limit or 500
    return found[:limit], getattr(found[limit - 1], key) if len(found) > limit else 0


class Peer(OwnerPeer, AlertPeer):
    """The server's end of one connection: octets in with `take`, octets out with `give`."""

    def __init__(self, market: Market, number: int) -> None:
        self.market = market
        link = Link(
            role=Role.WORKER, initiator=False, frame_max=limits.CLIENT_FRAME_MAX, instance=number,
            outer=True, connection_id=number,
        )  # fmt: skip
        self.connection = Connection(link, market.clock())
        self.session: ServerSession | None = None
        self.out: list[bytes] = []
        self.lost = False
        self.account_topic = 0
        self.quote_topics: dict[int, set[str]] = {}
        self.public_topics: dict[int, m.Subscribe] = {}

    @property
    def closed(self) -> bool:
        return self.lost or self.connection.state is State.CLOSED

    def take(self, data: bytes) -> None:
        if self.closed:
            return
        for header, octets in self.connection.receive(data, self.market.clock()):
            if self.lost:
                return
            self._request(header, octets)

    def give(self) -> bytes:
        octets = self.connection.data_to_send() + b"".join(self.out)
        self.out.clear()
        return b"" if self.lost else octets

    def drop(self) -> None:
        self.lost = True
        self.out.clear()
        self.account_topic = 0
        self.quote_topics.clear()
        self.public_topics.clear()
        if self.session is not None and self.session.peer is self:
            self.session.peer = None

    def goodbye(self, code: int, text: str = "", workers: tuple = ()) -> None:
        self.connection.say_goodbye(code, text, workers=workers)

    # --- answers -------------------------------------------------------------------------------

    def _request(self, header: codec.Header, octets: bytes) -> None:
        message = codec.decode_body(header, octets)
        self.market.requests.append((header, message))
        if header.opcode == Opcode.CANCEL:
            return
        plan = self.market.plans[header.opcode]
        act = plan.popleft() if plan else None
        if act == "drop":
            self.drop()
        elif act == "silence":
            return
        elif isinstance(act, bytes):
            self.out.append(act)
        elif isinstance(act, Status):
            self._fail(header, act, "as planned")
        else:
            self._act(header, message, octets)
            if act == "drop after":
                self.drop()
            elif act == "detach":
                self.out.clear()
                self.detach()
                self._fail(header, Status.SESSION_DETACHED, "link lost")

    def detach(self) -> None:
        """As the worker does after a loss of its link to the master."""
        self.session = None
        self.account_topic = 0
        self.quote_topics.clear()
        self.public_topics.clear()
        self._event(m.SessionEvent(code=Status.SESSION_DETACHED))

    def _act(self, header: codec.Header, message: object, octets: bytes) -> None:
        if header.opcode in {Opcode.REGISTER, Opcode.LOGIN, Opcode.RESUME}:
            getattr(self, f"_{Opcode(header.opcode).name.lower()}")(header, message)
        elif self.session is None or header.session != self.session.handle:
            self._fail(header, Status.NOT_LOGGED_IN, "log in first")
        elif header.opcode in STATE_CHANGING:
            self._command(header, message, octets)
        else:
            getattr(self, f"_{Opcode(header.opcode).name.lower()}")(header, message)

    def _send(self, header: codec.Header, message: object, **more: object) -> None:
        octets = codec.encode(message, opcode=header.opcode, correlation=header.correlation, **more)
        self.out.append(octets)

    def _fail(self, header: codec.Header, status: int, text: str) -> None:
        self.out.append(codec.failure(header.opcode, status, text, correlation=header.correlation))

    def _event(self, message: object, **more: object) -> None:
        handle = self.session.handle if self.session else 0
        self.out.append(codec.encode(message, session=handle, **more))

    def _register(self, header: codec.Header, message: m.Register) -> None:
        if message.username in self.market.accounts:
            self._fail(header, Status.USERNAME_TAKEN, "The name is taken; choose another.")
            return
        account = self.market.add(message.username, message.password)
        self._send(
            header,
            m.RegisterReply(account=account.number, created_at=START, starting_cash=account.cash),
        )

    def _login(self, header: codec.Header, message: m.Login) -> None:
        account = self.market.accounts.get(message.username)
        if message.mechanism == Mechanism.SESSION_TOKEN:
            good = account is not None and bytes.fromhex(message.password) in self.market.sessions
        elif message.mechanism == Mechanism.API_KEY:
            key = key_shown(self.market.keys, message.password)
            account = self.market.account(key.account) if key is not None else None
            good = account is not None and message.username in {"", account.username}
        else:
            good = account is not None and account.password == message.password
        if not good:
            self._fail(header, Status.AUTH_FAILED, "User name or password is wrong.")
            return
        token = hashlib.sha256(b"%d" % len(self.market.sessions)).digest()
        session = ServerSession(account.number, token, message.remember, scope=message.scope)
        session.device = message.device or ""
        self.market.sessions[token] = session
        self._attach(session)
        reply = m.LoginReply(
            token=token, session=session.handle, scope=session.scope, account=account.number,
            session_id=session.number, expires_at=START + 86_400 * SECOND,
            next_event_seq=len(account.events) + 1,
        )  # fmt: skip
        self._send(header, reply, session=session.handle)

    def _attach(self, session: ServerSession) -> None:
        self.market.handles += 1
        session.handle = self.market.handles
        session.number = session.number or session.handle
        session.peer = self
        self.session = session

    def _resume(self, header: codec.Header, message: m.Resume) -> None:
        session = self.market.sessions.get(message.token)
        if session is None:
            self._fail(header, Status.SESSION_EXPIRED, "The session has expired.")
            return
        token = hashlib.sha256(message.token).digest()
        session.token = token
        self.market.sessions[token] = session
        self._attach(session)
        account = self.market.account(session.account)
        reply = m.ResumeReply(
            token=token, session=session.handle, scope=session.scope, account=session.account,
            session_id=session.number, expires_at=START + 86_400 * SECOND,
            last_command_seq=session.last_seq, oldest_event_seq=self.market.events_kept_from,
            next_event_seq=len(account.events) + 1,
        )  # fmt: skip
        self._send(header, reply, session=session.handle)

    def _logout(self, header: codec.Header, message: m.Logout) -> None:
        for token, session in list(self.market.sessions.items()):
            if session is self.session:
                del self.market.sessions[token]
        self._send(header, m.LogoutReply(ended=1))

    def _account_get(self, header: codec.Header, message: m.AccountGet) -> None:
        account = self._mine()
        self._send(
            header,
            m.AccountReply(
                account=account.number, username=account.username, created_at=START,
                currency="USD", cash=account.cash, equity=account.cash, as_of=START,
                scope=Scope.TRADE, privacy=account.privacy, email=account.email or None,
            ),
        )  # fmt: skip

    def _mine(self) -> FakeAccount:
        return self.market.account(self.session.account)

    # --- commands ------------------------------------------------------------------------------

    def _command(self, header: codec.Header, message: object, octets: bytes) -> None:
        session = self.session
        if isinstance(message, m.OrderNew) and message.flags & OrderFlag.VALIDATE_ONLY:
            self._preview(header, message)
            return
        content = (header.opcode, octets[limits.HEADER_SIZE :])
        if header.seq == 0:
            self._fail(header, Status.SEQ_REQUIRED, "seq")
        elif header.seq <= session.last_seq:
            stored = session.replies.get(header.seq)
            if stored is None:
                self._fail(header, Status.SEQ_TOO_OLD, "too old")
            elif stored[0] != content:
                self._fail(header, Status.SEQ_REUSED, "reused")
            else:
                _, reply, status = stored
                self._send(header, reply, status=status, flags=REPLAYED)
        else:
            session.last_seq = header.seq
            change = getattr(self, f"_change_{Opcode(header.opcode).name.lower()}", None)
            if change is not None:
                reply, status = change(message)
            elif header.opcode == Opcode.ORDER_NEW:
                reply, status = self._order_new(message)
            else:
                reply, status = self._order_cancel(message)
            if isinstance(reply, codec.Failure) and hasattr(message, "client_order_id"):
                self._mine().refused[message.client_order_id] = (status, reply.text)
            session.replies[header.seq] = (content, reply, status)
            self._send(header, reply, status=status)

    def _order_new(self, wish: m.OrderNew) -> tuple[object, int]:
        account = self._mine()
        for order in account.orders:
            if order.client_order_id == wish.client_order_id:
                reply = reply_of(order)
                reply.text = "An order with this number exists."
                return reply, Status.DUPLICATE_ORDER
        if wish.symbol not in {"AAPL", "IBM"}:
            return codec.Failure("There is no such symbol."), Status.NO_SUCH_SYMBOL
        if wish.side == Side.BUY and cost_of(ASK, wish.quantity) > account.cash:
            return codec.Failure("There is too little cash."), Status.INSUFFICIENT_CASH
        order = self.market.new_order(account, wish)
        accepted = reply_of(order, account)
        if self.market.fill_at_once:
            self.market.tick()
        return accepted, Status.OK

    def _preview(self, header: codec.Header, wish: m.OrderNew) -> None:
        cost = cost_of(ASK, wish.quantity)
        left = self._mine().cash - cost
        if header.seq or left < 0:
            status = Status.INVALID_FIELD if header.seq else Status.INSUFFICIENT_CASH
            self._fail(header, status, "There is too little cash.")
            return
        row = m.PreviewRow(price=ASK, cost=cost, buying_power_after=left, currency="USD")
        shown = m.OrderReply(
            symbol=wish.symbol, side=wish.side, order_type=wish.order_type, quantity=wish.quantity,
            time_in_force=wish.time_in_force, reserved_cash=cost, version=1, preview=(row,),
        )  # fmt: skip
        self._send(header, shown)

    def _change_order_replace(self, wish: m.OrderReplace) -> tuple[object, int]:
        account = self._mine()
        found = next((each for each in account.orders if each.order == wish.order), None)
        if found is None:
            return codec.Failure("There is no such order."), Status.NO_SUCH_ORDER
        if wish.expect_version not in {0, found.version}:
            reply = reply_of(found)
            reply.text = "The order has changed."
            return reply, Status.STALE_VERSION
        found.state = OrderState.REPLACED
        anew = m.OrderNew(
            client_order_id=wish.client_order_id, portfolio=found.portfolio, symbol=found.symbol,
            side=found.side, order_type=found.order_type, time_in_force=found.time_in_force,
            quantity=wish.quantity or found.quantity,
            limit_price=found.limit_price if wish.limit_price == NULL else wish.limit_price,
        )  # fmt: skip
        new = self.market.new_order(account, anew)
        new.replaces = found.order
        return reply_of(new), Status.OK

    def _change_order_cancel_all(self, wish: m.OrderCancelAll) -> tuple[object, int]:
        pending = [each for each in self._mine().orders if each.state == OrderState.PENDING]
        meant = [
            each for each in pending
            if wish.symbol in {"", each.symbol} and wish.side in {0, each.side}
        ]  # fmt: skip
        for order in meant:
            order.state = OrderState.CANCELLED
        left = len(pending) - len(meant)
        return m.OrderCancelAllReply(cancelled=len(meant), still_open=left), Status.OK

    def _change_position_close(self, wish: m.PositionClose) -> tuple[object, int]:
        account = self._mine()
        if wish.symbol == "IBM":
            return codec.Failure("You hold no IBM."), Status.INSUFFICIENT_POSITION
        sell = m.OrderNew(
            client_order_id=wish.client_order_id, symbol="AAPL", side=Side.SELL, quantity=SCALE
        )
        order = self.market.new_order(account, sell)
        reply = m.PositionCloseReply(cancelled=2, closing=1, orders=(order,))
        reply.text = None if wish.symbol else "No price of MSFT is known yet."
        return reply, Status.OK

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

    def _change_clock_set(self, wish: m.ClockSet) -> tuple[object, int]:
        if self.market.clock_is_refused and self.session.scope != Scope.ADMIN:
            return codec.Failure("Only an operator may set the clock."), Status.SCOPE_DENIED
        shown = m.ClockSetReply(
            mode=ClockMode.REPLAY, skips_closed=True, speed_milli=60_000, now=START, as_of=START,
            begins_at=START - SECOND, epoch=1,
        )  # fmt: skip
        if wish.fields & ClockField.NOW:
            shown.now, shown.epoch = wish.now, 2
        shown.paused = bool(wish.fields & ClockField.STEP) or wish.paused
        if wish.fields & ClockField.SPEED:
            shown.speed_milli = wish.speed_milli
        return shown, Status.OK

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

    def _contest_reply(self, number: int, portfolio: int = 0) -> m.ContestReply:
        made = self.market.contests[number]
        names = {a.name for a in attrs.fields(m.ContestCreate)} & {
            a.name for a in attrs.fields(m.ContestReply)
        }
        fields = {name: getattr(made, name) for name in names}
        return m.ContestReply(
            **fields, contest=number, host="ada", currency="USD", state=ContestState.RUNNING,
            portfolio=portfolio,
        )  # fmt: skip

    def _change_contest_create(self, wish: m.ContestCreate) -> tuple[object, int]:
        self.market.contests[len(self.market.contests) + 1] = wish
        return self._contest_reply(len(self.market.contests)), Status.OK

    def _change_contest_join(self, wish: m.ContestJoin) -> tuple[object, int]:
        if wish.contest not in self.market.contests:
            return codec.Failure("There is no such contest."), Status.NO_SUCH_CONTEST
        return self._contest_reply(wish.contest, 7), Status.OK

    def _contest_get(self, header: codec.Header, message: m.ContestGet) -> None:
        self._send(header, self._contest_reply(message.contest))

    def _contest_list(self, header: codec.Header, message: m.ContestList) -> None:
        rows = [
            m.ContestRow(contest=number, name=made.name, host="ada", currency="USD")
            for number, made in self.market.contests.items()
        ]
        self._parts(header, m.ContestListPart, "contests", rows, as_of=START)

    def _contest_standings(self, header: codec.Header, message: m.ContestStandings) -> None:
        risk = SCALE // 2 if message.order == StandingOrder.RISK_ADJUSTED else NULL
        rows = [
            m.StandingRow(
                rank=place, portfolio=place, username=name, equity=worth * SCALE,
                gain=SCALE // 10, risk_adjusted=risk,
            )
            for place, (name, worth) in enumerate([("ada", 1_100), ("bob", 1_100)], 1)
        ]  # fmt: skip
        self._parts(
            header, m.ContestStandingsPart, "standings", rows, contest=message.contest, as_of=START
        )

    def _contest_file(self, header: codec.Header, message: m.ContestFile) -> None:
        chunks = [self.market.contest_file[at : at + 50] for at in range(0, 150, 50)]
        for number, chunk in enumerate(chunks, 1):
            part = m.ContestFilePart(
                part=number, parts=3, contest=message.contest, size=150, octets=chunk
            )
            self._send(header, part, flags=MORE if number < 3 else 0)

    def _find(self, message: m.OrderGet | m.OrderCancel) -> m.OrderRow | None:
        for order in self._mine().orders:
            if order.order == message.order or (
                not message.order and order.client_order_id == message.client_order_id
            ):
                return order
        if getattr(message, "tag", None):
            tags = self._mine().tags
            return next(
                (o for o in self._mine().orders[::-1] if tags[o.order] == message.tag), None
            )
        return None

    def _order_cancel(self, message: m.OrderCancel) -> tuple[object, int]:
        order = self._find(message)
        if order is None:
            return codec.Failure("There is no such order."), Status.NO_SUCH_ORDER
        if order.state != OrderState.PENDING:
            return reply_of(order), Status.ORDER_DONE
        order.state = OrderState.CANCELLED
        return reply_of(order), Status.OK

    def _order_get(self, header: codec.Header, message: m.OrderGet) -> None:
        order = self._find(message)
        if order is None:
            self._fail(header, Status.NO_SUCH_ORDER, "There is no such order.")
        else:
            self._send(header, reply_of(order, self._mine()))

    def _refusals_get(self, header: codec.Header, message: m.RefusalsGet) -> None:
        """Every refusal has the same number: what is refused again is told by the same words."""
        known = self._mine().refused
        wanted = [message.client_order_id] if message.client_order_id else list(known)
        rows = [
            m.RefusalRow(refusal=REFUSAL, client_order_id=number, reason=known[number][0])
            for number in wanted
            if number in known
        ]
        self._parts(header, m.RefusalsPart, "refusals", rows, as_of=START)

    def _receipt_get(self, header: codec.Header, message: m.ReceiptGet) -> None:
        if not message.order and not message.client_order_id:
            numbers = sorted(each for each in self.market.receipts if each > message.after)
            rows = [row for number in numbers for row in self.market.receipts[number]]
            self._parts(header, m.ReceiptPart, "receipts", rows, as_of=START)
            return
        order = self._find(message)
        if order is None:
            self._fail(header, Status.NO_SUCH_ORDER, "There is no such order.")
            return
        kept = self.market.receipts.get(order.order, [])
        rows = [row for row in kept if row.event_seq > message.after]
        self._parts(header, m.ReceiptPart, "receipts", rows, as_of=START)

    # --- lists, in parts -------------------------------------------------------------------------

    def _parts(
        self, header: codec.Header, cls: type, group: str, rows: list, **fixed: object
    ) -> None:
        size = self.market.part_rows
        chunks = [rows[i : i + size] for i in range(0, len(rows), size)] or [[]]
        for number, chunk in enumerate(chunks, 1):
            part = cls(
                part=number, parts=len(chunks), rows=len(chunk), total_rows=len(rows),
                **{group: tuple(chunk)}, **fixed,
            )  # fmt: skip
            self._send(header, part, flags=MORE if number < len(chunks) else 0)

    def _order_list(self, header: codec.Header, message: m.OrderList) -> None:
        wanted = message.states or 0b1110
        rows = [order for order in self._mine().orders if wanted >> order.state & 1]
        if message.symbol:
            rows = [order for order in rows if order.symbol == message.symbol]
        rows, after = paged(rows, message, "order")
        self._parts(
            header, m.OrderListPart, "orders", rows, as_of=START, next_after=after,
            order_tags=tag_rows(self._mine(), rows),
        )  # fmt: skip

    def _asset_list(self, header: codec.Header, message: m.AssetList) -> None:
        rows = [
            m.AssetRow(
                symbol=name, kind=AssetKind.STOCK, status=AssetStatus.TRADABLE, currency="USD",
                tick=1_000_000, lot=SCALE, quantity_min=SCALE, quantity_max=1_000_000 * SCALE,
            )
            for name in ("AAPL", "IBM", "MSFT")
            if name.startswith(message.prefix or "")
        ]  # fmt: skip
        self._parts(
            header, m.AssetListPart, "assets", rows, as_of=START, cache_until=START + SECOND
        )

    def _bars_get(self, header: codec.Header, message: m.BarsGet) -> None:
        rows = [
            m.BarRow(START + day * 86_400 * SECOND, BID, ASK, BID, ASK, 1_000 * SCALE)
            for day in range(5)
        ]
        self._parts(
            header, m.BarsPart, "bars", rows, symbol=message.symbol,
            interval_s=message.interval_s, adjustment=message.adjustment, complete=True,
            as_of=START, missing=self.market.bars_missing, cache_until=START + SECOND,
        )  # fmt: skip

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
        ]
        self._parts(
            header, m.EquityPart, "equity", rows, as_of=START, portfolio=1, currency="USD",
            interval_s=message.interval_s,
        )  # fmt: skip

    def _quote_get(self, header: codec.Header, message: m.QuoteGet) -> None:
        known = {"AAPL", "IBM", "MSFT"}
        if any(row.symbol not in known for row in message.symbols):
            self._fail(header, Status.NO_SUCH_SYMBOL, "There is no such symbol.")
            return
        rows = tuple(m.QuoteRow(**self.market.quote(row.symbol)) for row in message.symbols)
        self._send(header, m.QuoteReply(as_of=START, rows=len(rows), quotes=rows))

    def _asset_get(self, header: codec.Header, message: m.AssetGet) -> None:
        reply = m.AssetReply(
            symbol=message.symbol, kind=AssetKind.STOCK, status=AssetStatus.TRADABLE,
            currency="USD", tick=1_000_000, lot=SCALE, quantity_min=SCALE,
            quantity_max=10**6 * SCALE, name="Apple Inc.", exchange="XNAS", source="wiki",
        )  # fmt: skip
        self._send(header, reply)

    def _log_dump(self, header: codec.Header, message: m.LogDump) -> None:
        source = Source("papertrader.x", "x.py", "f", 7)
        for number, text in ((1, "one\ntwo"), (2, "three")):
            record = LogRecord(
                seq=number, wall_ns=START + number, monotonic_ns=5, level=Level.WARNING,
                source=source, correlation=UNCORRELATED, message=text, flags=PLAIN,
            )  # fmt: skip
            part = m.LogPart(
                part=number, parts=2, rows=1, total_rows=2, as_of=START, lines=render_json(record)
            )
            self._send(header, part, flags=MORE if number == 1 else 0)

    def _stats_get(self, header: codec.Header, message: m.StatsGet) -> None:
        if self.session.scope != Scope.ADMIN:
            self._fail(header, Status.SCOPE_DENIED, "Only sessions of scope ADMIN may do this.")
            return
        rows = [m.StatRow(key="accounts", value=1), m.StatRow(worker=3, key="rtt_us", value=1_234)]
        self._parts(header, m.StatsPart, "stats", rows, as_of=START)

    def _worker_control(self, header: codec.Header, message: m.WorkerControl) -> None:
        if self.session.scope != Scope.ADMIN:
            self._fail(header, Status.SCOPE_DENIED, "Only sessions of scope ADMIN may do this.")
            return
        self._send(header, m.WorkerControlReply(clients=12))

    def _asset_halt(self, header: codec.Header, message: m.AssetHalt) -> None:
        if self.session.scope != Scope.ADMIN:
            self._fail(header, Status.SCOPE_DENIED, "Only sessions of scope ADMIN may do this.")
            return
        status = AssetStatus.HALTED if message.halted else AssetStatus.TRADABLE
        self._send(header, m.AssetHaltReply(symbol=message.symbol, status=status))

    def _is_operator(self, header: codec.Header) -> bool:
        if self.session.scope != Scope.ADMIN:
            self._fail(header, Status.SCOPE_DENIED, "Only sessions of scope ADMIN may do this.")
        return self.session.scope == Scope.ADMIN

    def _worker_add(self, header: codec.Header, message: m.WorkerAdd) -> None:
        if self._is_operator(header):
            self._send(
                header,
                m.WorkerAddReply(
                    worker_id=4, uuid=bytes(range(16)), token=b"T" * 32, authority=b"A" * 32,
                    expires_at=START,
                ),
            )  # fmt: skip

    def _worker_sign(self, header: codec.Header, message: m.WorkerSign) -> None:
        if self._is_operator(header):
            self._send(
                header,
                m.WorkerSignReply(
                    worker_id=4, uuid=bytes(range(16)), certificate="C", public_certificate="P",
                    trust="T",
                ),
            )  # fmt: skip

    def _worker_registry(self, header: codec.Header, message: m.WorkerRegistry) -> None:
        if not self._is_operator(header):
            return
        rows = [
            m.RegisteredRow(
                worker_id=3, name="worker-3", state=WorkerState.ACTIVE, connected=True,
                trusting=True, clients=12, rtt_us=1_234, duplicates=1, added_at=START,
                address=bytes(10) + b"\xff\xff\xc0\x00\x02\x07", seen_at=START, expires_at=START,
                spki=b"K" * 32, authority=b"A" * 32, networks=b"192.0.2.0/24".ljust(64, b"\0"),
            ),
            m.RegisteredRow(worker_id=4, name="far", state=WorkerState.PENDING, added_at=START),
        ]  # fmt: skip
        self._parts(header, m.WorkerRegistryPart, "registered", rows, as_of=START)

    def _worker_boot(self, header: codec.Header, message: m.WorkerBoot) -> None:
        if self._is_operator(header):
            states = (WorkerState.ACTIVE, WorkerState.BOOTED, WorkerState.REVOKED)
            self._send(header, m.WorkerBootReply(clients=12, state=states[message.mode]))

    def _worker_rotate(self, header: codec.Header, message: m.WorkerRotate) -> None:
        if self._is_operator(header):
            self._send(header, m.WorkerRotateReply(ordered=1 if message.worker_id else 2))

    def _authority_control(self, header: codec.Header, message: m.AuthorityControl) -> None:
        if self._is_operator(header):
            self._send(
                header,
                m.AuthorityControlReply(
                    phase=AuthorityPhase.SINGLE, workers=2, trusting=2, renewed=2,
                    issuing=b"A" * 32, issuing_until=START, master_until=START,
                ),
            )  # fmt: skip

    def _market_status(self, header: codec.Header, message: m.MarketStatus) -> None:
        if message.exchange not in {"", "XNYS"}:
            self._fail(header, Status.NO_DATA, "Nothing of that exchange is listed here.")
            return
        self._send(header, m.MarketStatusReply(**self.market.hours()))

    def _clock_get(self, header: codec.Header, message: m.ClockGet) -> None:
        self._send(
            header,
            m.ClockReply(
                mode=ClockMode.REPLAY, skips_closed=True, speed_milli=60_000, now=START,
                as_of=START,
            ),
        )  # fmt: skip

    def _worker_list(self, header: codec.Header, message: m.WorkerList) -> None:
        self._send(
            header,
            m.WorkerListReply(
                as_of=START, rows=len(self.market.workers), workers=self.market.workers
            ),
        )

    # --- subscriptions ---------------------------------------------------------------------------

    def _subscribe(self, header: codec.Header, message: m.Subscribe) -> None:
        if message.topics in (Topic.BARS, Topic.MARKET):
            self.public_topics[header.correlation] = message
            self._send(header, m.SubscribeReply())
            if message.topics == Topic.MARKET and message.snapshot:
                event = m.MarketEvent(**self.market.hours())
                self._event(event, correlation=header.correlation)
            return
        if message.topics == Topic.QUOTES:
            self.quote_topics[header.correlation] = {row.symbol for row in message.symbols}
            self._send(header, m.SubscribeReply())
            if message.snapshot:
                self.push_quotes(only=header.correlation)
            return
        account = self._mine()
        first = message.from_event_seq or len(account.events) + 1
        gap = first < self.market.events_kept_from
        self.account_topic = header.correlation
        self._send(
            header,
            m.SubscribeReply(
                next_event_seq=len(account.events) + 1,
                oldest_event_seq=self.market.events_kept_from,
            ),
            status=Status.RESUME_GAP if gap else 0,
        )
        for sequence in range(max(first, self.market.events_kept_from), len(account.events) + 1):
            self._event(
                account.events[sequence - 1], correlation=header.correlation, seq=sequence,
                flags=REPLAYED,
            )  # fmt: skip

    def _unsubscribe(self, header: codec.Header, message: m.Unsubscribe) -> None:
        self.public_topics.pop(message.subscription, None)
        symbols = self.quote_topics.get(message.subscription, set())
        symbols -= {row.symbol for row in message.symbols} or set(symbols)
        if not symbols:
            self.quote_topics.pop(message.subscription, None)
        self._send(header, m.UnsubscribeReply(symbols_left=len(symbols)))

    def push_account(self, account: FakeAccount, message: object, sequence: int) -> None:
        listens = self.account_topic and not self.lost and self.session is not None
        if listens and self.session.account == account.number:
            self._event(message, correlation=self.account_topic, seq=sequence)

    def push_bar(self, symbol: str, time: int, final: bool, epoch: int = 0) -> None:
        """Push a bar to every subscription to bars of the symbol."""
        for correlation, request in self.public_topics.items():
            if symbol in {row.symbol for row in request.symbols}:
                event = m.BarEvent(
                    symbol=symbol, interval_s=request.bar_interval_s, final=final, time=time,
                    open=BID, high=ASK, low=BID, close=ASK, volume=SCALE, epoch=epoch,
                )  # fmt: skip
                self._event(event, correlation=correlation)

    def push_market(self, state: int) -> None:
        """Push an opening or a close to every subscription to the market."""
        for correlation, request in self.public_topics.items():
            if request.topics == Topic.MARKET:
                self._event(m.MarketEvent(**self.market.hours(state)), correlation=correlation)

    def push_quotes(self, only: int = 0) -> None:
        if self.lost or self.session is None:
            return
        for correlation, symbols in self.quote_topics.items():
            for symbol in sorted(symbols):
                if only in {0, correlation}:
                    self._event(m.QuoteEvent(**self.market.quote(symbol)), correlation=correlation)


class MemoryTransport:
    """The blocking face's transport to a `Peer`: nothing to read means that time goes by."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.closed = False

    def send(self, octets: bytes) -> None:
        if self.peer.closed:
            raise ConnectionResetError("Connection reset by peer")
        self.peer.take(octets)

    def receive(self, timeout: float) -> bytes | None:
        octets = self.peer.give()
        if octets or self.peer.closed:
            return octets
        self.peer.market.on_idle()
        octets = self.peer.give()
        if octets or self.peer.closed:
            return octets
        self.peer.market.clock.sleep(timeout)
        return None

    def close(self) -> None:
        self.closed = True
        self.peer.drop()


class BlockingMarket(Market):
    """A market for the blocking face: ``idle`` holds what happens while the client waits."""

    def __init__(self) -> None:
        super().__init__()
        self.idle: deque = deque()
        self.random = Random(1)

    def on_idle(self) -> None:
        if self.idle:
            self.idle.popleft()()

    def transport(self, endpoint: object, timeout: float) -> MemoryTransport:
        return MemoryTransport(self.dial(endpoint))

    def options(self) -> dict:
        """What a `Client` has to be given to talk to this market."""
        return {
            "dial": self.transport, "now_ns": self.clock, "sleep": self.clock.sleep,
            "randbits": self.random.getrandbits,
        }  # fmt: skip
