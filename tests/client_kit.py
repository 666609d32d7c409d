"""A worker and its master in memory, made of real wire frames, that goes wrong when told to.

`Market` is what outlives connections (accounts, sessions, stored replies, orders, events);
`Peer` is one connection of a client. `Market.plan` scripts what happens to the next request of an
opcode: a status to answer, ``"drop"`` (connection lost before it is acted on), ``"drop after"``
(acted on, connection lost before the reply), ``"detach"`` (acted on, the worker loses the session),
``"silence"`` (no answer ever).
"""

from __future__ import annotations

import hashlib
import ssl
from collections import defaultdict, deque
from random import Random

import attrs

from papertrader.core.instants import SECOND
from papertrader.core.money import SCALE, cost_of, proceeds_of
from papertrader.core.orders import OrderEventKind, OrderState, OrderType, Side
from papertrader.wire import codec, limits
from papertrader.wire import messages as m
from papertrader.wire.codec import MORE, REPLAYED
from papertrader.wire.connection import Connection, Link, State
from papertrader.wire.kinds import (
    STATE_CHANGING,
    MarketState,
    Mechanism,
    Opcode,
    OrderFlag,
    Role,
    Scope,
    Status,
    Topic,
    TxKind,
)
from tests.alert_kit import AlertPeer
from tests.client_accounts import ASK, BID, START, FakeAccount, FakeClock, ServerSession, tag_rows
from tests.contest_kit import ContestPeer
from tests.listing_kit import ListingPeer
from tests.operator_kit import OperatorPeer
from tests.order_kit import OrderPeer
from tests.owner_kit import OwnerPeer, key_shown
from tests.portfolio_kit import PortfolioPeer


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
        self.shut_dials = 0
        self.drained: set[int] = set()
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
        if self.shut_dials:
            self.shut_dials -= 1
            raise ssl.SSLEOFError(8, "[SSL: UNEXPECTED_EOF_WHILE_READING] EOF occurred")
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


class Peer(OrderPeer, PortfolioPeer, ContestPeer, ListingPeer, OperatorPeer, OwnerPeer, AlertPeer):
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
        elif act == "expire":
            self._fail(header, Status.SESSION_EXPIRED, "The session has expired; log in again.")
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
            self._fail(header, Status.SESSION_EXPIRED, "The session has expired; log in again.")
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
