"""A target in memory for tests of the fuzz harness: honest, or with one bug put in on purpose.

It holds the protocol by `papertrader.wire.connection` and keeps accounts in a dictionary; it is no
market: orders are taken and rest, nothing is filled.
"""

from __future__ import annotations

import random
from hashlib import sha256
from typing import Any

import attrs

from papertrader.core.money import SCALE
from papertrader.fuzz.channel import Channel
from papertrader.fuzz.commands_model import essence
from papertrader.fuzz.observe import LeakWatch
from papertrader.fuzz.world import World
from papertrader.wire import codec, kinds, limits
from papertrader.wire import messages as m
from papertrader.wire.codec import Header
from papertrader.wire.connection import Connection, Link, State
from papertrader.wire.derived import Message
from papertrader.wire.errors import RemoteFault
from papertrader.wire.kinds import Mechanism, Opcode, Role, Status, TxKind

CASH = 1_000 * SCALE


@attrs.define
class FakeAccount:
    """An account of the target."""

    number: int
    username: str
    email: str
    orders: list[m.OrderRow] = attrs.Factory(list)


@attrs.define
class FakeSession:
    """A session of the target."""

    account: FakeAccount
    token: bytes
    handle: int
    last: int = 0
    replies: dict[int, tuple[bytes, bytes]] = attrs.Factory(dict)


class FakeEnd:
    """The target's end of one connection."""

    def __init__(self, target: FakeTarget, owner: str) -> None:
        self.target = target
        self.inbox = b""
        self.gone = False
        self.session: FakeSession | None = None
        link = Link(
            role=Role.WORKER, initiator=False, frame_max=limits.CLIENT_FRAME_MAX, instance=1,
            outer=True, command_rate=target.command_rate,
        )  # fmt: skip
        self.connection = Connection(link, target.wall())
        self.channel = Channel(len(target.ends), target.now, self.take, self.cut, target.leaks)
        self.channel.owner = owner

    def take(self, octets: bytes, at_once: bool) -> None:
        """Keep what was sent until the next turn."""
        self.inbox += octets

    def cut(self, how: str) -> None:
        """End the connection from the harness' side."""
        self.gone = True
        self.channel.end()

    def turn(self) -> bool:
        """Read, answer, close; tell whether anything happened."""
        if self.gone or not self.inbox:
            return False
        data, self.inbox = self.inbox, b""
        out = b""
        try:
            frames = self.connection.receive(data, self.target.wall())
            if getattr(self.connection.peer, "role", Role.CLIENT) not in (Role.CLIENT, Role.TOOL):
                raise RemoteFault(Status.OPCODE_FORBIDDEN, "only clients connect here")
            for header, octets in frames:
                out += self.target.answer(self, header, octets)
        except RemoteFault as fault:
            self.connection.fail(fault)
        control = self.connection.data_to_send()
        if "mute" in self.target.bugs and self.connection.fault is not None:
            return True
        if out or control:
            self.channel.feed(control + out if self.connection.fault is None else out + control)
        if self.connection.state is State.CLOSED and not self.gone:
            self.cut("close")
        return True


class FakeTarget:
    """The target; ``bugs`` names what is wrong with it."""

    may_connect = True

    def __init__(self, *bugs: str, command_rate: int = limits.COMMAND_RATE) -> None:
        self.command_rate = command_rate
        self.bugs = frozenset(bugs)
        self.leaks = LeakWatch()
        self.ends: list[FakeEnd] = []
        self.accounts: dict[str, FakeAccount] = {}
        self.sessions: list[FakeSession] = []
        self.time = 100.0

    def now(self) -> float:
        """The time, which goes on with `pump` alone."""
        return self.time

    def wall(self) -> int:
        """The time in nanoseconds."""
        return int(self.time * 1e9)

    def connect(self, owner: str = "") -> Channel:
        """Open a connection."""
        end = FakeEnd(self, owner)
        self.ends.append(end)
        return end.channel

    def pump(self, seconds: float) -> None:
        """Give every connection a turn; time goes on only when nothing happened."""
        happened = [end.turn() for end in self.ends]
        if not any(happened):
            self.time += seconds
        self.ends = [end for end in self.ends if not end.gone]

    def forget(self, channel: Channel) -> None:
        """Cut a connection."""
        for end in self.ends:
            if end.channel is channel and not end.gone:
                channel.reference.cut()
                end.cut("close")

    # --- answers -------------------------------------------------------------------------------

    def answer(self, end: FakeEnd, header: Header, octets: bytes) -> bytes:
        """Answer one frame."""
        if not header.correlation:
            raise RemoteFault(Status.PROTOCOL_STATE, "no correlation")
        session = end.session
        handle = session.handle if session else 0

        def failure(status: int, field: int | None = None) -> bytes:
            return codec.failure(
                header.opcode, status, session=header.session, correlation=header.correlation,
                field=field,
            )  # fmt: skip

        if "internal" in self.bugs and header.opcode == Opcode.ORDER_LIST:
            return failure(Status.INTERNAL)
        if "closed" in self.bugs and header.opcode in (Opcode.LOGIN, Opcode.PORTFOLIO_GET):
            return failure(Status.SERVER_BUSY)
        if "refuses" in self.bugs and header.opcode == Opcode.ORDER_LIST:
            return failure(Status.PASSWORD_WEAK)
        if header.opcode not in m.REQUESTS:
            return failure(Status.UNKNOWN_OPCODE)
        open_to_all = header.opcode in kinds.WITHOUT_SESSION
        if (header.session not in (0, handle)) or not (header.session or open_to_all):
            return failure(Status.NOT_LOGGED_IN)
        try:
            message = codec.decode_body(header, octets)
        except RemoteFault as fault:
            if fault.fatal:
                raise
            return failure(fault.status, fault.field)
        made, status, flags = self.reply(end, header, octets, message)
        if isinstance(made, bytes):
            return made
        if made is None:
            return failure(status)
        handle = end.session.handle if end.session else header.session
        frame = codec.encode(
            made, opcode=header.opcode, status=status, flags=flags, session=handle,
            correlation=header.correlation,
        )  # fmt: skip
        if end.session is not None and header.opcode in kinds.STATE_CHANGING:
            end.session.replies[header.seq] = (essence(header, octets), frame)
            end.session.last = max(end.session.last, header.seq)
        if "odd" in self.bugs and header.opcode == Opcode.PORTFOLIO_GET:
            frame = frame[:68] + b"\1" + frame[69:]  # reserved octets behind the currency
        return frame

    def reply(
        self, end: FakeEnd, header: Header, octets: bytes, message: Message
    ) -> tuple[Any, int, int]:
        """Return (message or frame or None, status, flags)."""
        session = end.session
        if isinstance(message, m.Register):
            if message.username in self.accounts:
                return None, Status.USERNAME_TAKEN, 0
            number = len(self.accounts) + 1
            account = FakeAccount(number, message.username, message.email or "")
            self.accounts[message.username] = account
            return m.RegisterReply(account=number, starting_cash=CASH), 0, 0
        if isinstance(message, m.Login):
            known = self.accounts.get(message.username)
            if message.mechanism == Mechanism.PASSWORD and "wrong" in message.password:
                if known is not None or "hurries" not in self.bugs:
                    self.time += 0.03
                return None, Status.AUTH_FAILED, 0
            if known is None or session is not None:
                return None, Status.SESSION_IN_USE if session else Status.AUTH_FAILED, 0
            number = len(self.sessions) + 1
            end.session = FakeSession(known, sha256(str(number).encode()).digest(), number)
            self.sessions.append(end.session)
            made = m.LoginReply(token=end.session.token, session=number, session_id=number)
            return made, 0, 0
        if isinstance(message, m.Resume):
            return None, Status.SESSION_EXPIRED, 0
        if isinstance(message, m.PasswordReset):
            return None, Status.AUTH_FAILED, 0
        if isinstance(message, m.WorkerList):
            return m.WorkerListReply(), 0, 0
        if session is None:
            return None, Status.NOT_LOGGED_IN, 0
        return self.of_account(end, session, header, octets, message)

    def of_account(
        self, end: FakeEnd, session: FakeSession, header: Header, octets: bytes, message: Message
    ) -> tuple[Any, int, int]:
        """Answer what needs a session."""
        account = session.account
        if isinstance(message, m.Logout):
            end.session = None
            return m.LogoutReply(ended=1), 0, 0
        if isinstance(message, m.AccountGet):
            whose = next(iter(self.accounts.values())) if "leaks" in self.bugs else account
            made = m.AccountReply(account=account.number, email=whose.email or None)
            return made, 0, 0
        if isinstance(message, m.OrderNew):
            return self.order(session, header, octets, message)
        if isinstance(message, m.PortfolioGet):
            reserved = sum(row.reserved_cash for row in account.orders)
            return m.PortfolioPart(
                part=1, parts=1, account=account.number, currency="USD", cash=CASH,
                reserved_cash=reserved, event_seq=len(account.orders),
            ), 0, 0  # fmt: skip
        if isinstance(message, m.TransactionsGet):
            wrong = 1 if "loses money" in self.bugs else 0
            row = m.TransactionRow(
                transaction=1, kind=TxKind.DEPOSIT, currency="USD", amount=CASH,
                cash_after=CASH - wrong,
            )  # fmt: skip
            return m.TransactionsPart(
                part=1, parts=1, rows=1, total_rows=1, event_seq=len(account.orders),
                transactions=(row,),
            ), 0, 0  # fmt: skip
        if isinstance(message, m.OrderList):
            return m.OrderListPart(
                part=1, parts=1, rows=len(account.orders), total_rows=len(account.orders),
                event_seq=len(account.orders), orders=tuple(account.orders),
            ), 0, 0  # fmt: skip
        return None, Status.SERVER_BUSY, 0

    def order(
        self, session: FakeSession, header: Header, octets: bytes, message: m.OrderNew
    ) -> tuple[Any, int, int]:
        """Take an order, exactly once unless that is the bug."""
        if message.flags & kinds.OrderFlag.VALIDATE_ONLY:
            return None, Status.INVALID_FIELD, 0
        if not header.seq:
            return None, Status.SEQ_REQUIRED, 0
        kept = session.replies.get(header.seq)
        if kept is not None and "twice" not in self.bugs:
            if kept[0] != essence(header, octets):
                return None, Status.SEQ_REUSED, 0
            return codec.readdress(
                kept[1], session.handle, header.correlation, codec.REPLAYED
            ), 0, 0  # fmt: skip
        if header.seq < session.last:
            return None, Status.SEQ_TOO_OLD, 0
        number = len(session.account.orders) + 1
        key = message.client_order_id
        row = m.OrderRow(order=number, symbol=message.symbol, reserved_cash=0, client_order_id=key)
        session.account.orders += [row, row] if "does it twice" in self.bugs else [row]
        return m.OrderReply(order=number, symbol=message.symbol), 0, 0


def world(*bugs: str, seed: int = 1) -> World:
    """Return a world around a target with these bugs."""
    return World(FakeTarget(*bugs), random.Random(seed))
