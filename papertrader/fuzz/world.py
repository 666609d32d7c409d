"""The accounts that a harness works with at a target, and how it gets sessions for them."""

from __future__ import annotations

import random
from typing import Final

import attrs

from papertrader.fuzz.channel import Channel, Frame, Target
from papertrader.fuzz.observe import MARK, SECRET_OWNER, mark_of
from papertrader.wire import codec, kinds
from papertrader.wire import messages as m
from papertrader.wire.derived import Message
from papertrader.wire.kinds import Mechanism, Role, Scope, Status

WAIT_S: Final = 20.0
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz0123456789"


class SetupError(Exception):
    """The harness cannot get its accounts; the text says why and what to do."""


@attrs.define
class Account:
    """One account at the target. ``owner`` is the name in its marks."""

    owner: str
    username: str
    password: str = attrs.field(repr=False)
    token: bytes = attrs.field(default=b"", repr=False)


def hello(
    rng: random.Random,
    *,
    grease: bool = True,
    versions: tuple[int, int] = (1, 1),
    role: int = Role.TOOL,
    keepalive_s: int = 0,
    correlation: int = 1,
) -> bytes:
    """Return a client's HELLO, with reserved features and an unknown section if ``grease``."""
    message = m.Hello(
        min_version=versions[0], max_version=versions[1], role=Role(role),
        revision=kinds.REVISION, keepalive_s=keepalive_s, max_frame=1 << 20,
        features=rng.getrandbits(8) << 56 if grease else 0, instance=rng.getrandbits(64),
    )  # fmt: skip
    sections = codec.section(kinds.Tag.SOFTWARE, b"papertrader.fuzz")
    if grease:
        sections += codec.section(rng.choice(kinds.GREASE_TAGS), rng.randbytes(3))
    return codec.frame(
        message.CATEGORY, message.OPCODE, message.pack(), sections, correlation=correlation
    )


class World:
    """The accounts, and a keeper's token for each: sessions are opened beside it, cheaply.

    ``given`` is an account that exists (user name and password) for the first; all others are
    registered. Raises `SetupError` when that is not possible.
    """

    def __init__(
        self, target: Target, rng: random.Random, given: tuple[str, str] | None = None
    ) -> None:
        self.target = target
        self.rng = rng
        self._given = given
        self.accounts: list[Account] = []

    def account(self, number: int) -> Account:
        """Return account 0 (attacked), 1 (attacked too), 2 (the canary)..., made when new."""
        while len(self.accounts) <= number:
            self.accounts.append(self._new(len(self.accounts)))
        return self.accounts[number]

    def renew(self, number: int) -> None:
        """Put a new account in the place of one whose books have become long; not of a given one.

        Sessions of the old one go on; its owner is the same as far as marks are concerned.
        """
        if number or self._given is None:
            self.accounts[number] = self._new(number)

    def _new(self, number: int) -> Account:
        owner = "abcdefgh"[number]
        if number == 0 and self._given is not None:
            return Account(owner, *self._given)
        word = "".join(self.rng.choices(_LETTERS, k=12))
        password = f"{MARK.decode()}{SECRET_OWNER}-{''.join(self.rng.choices(_LETTERS, k=20))}"
        account = Account(owner, f"fz{word}", password)
        channel = self.open_plain()
        message = m.Register(
            username=account.username, password=password, email=f"{self.mark(account)}@example.org"
        )
        reply = self.ask(channel, message)
        self.goodbye(channel)
        if reply.header.status:
            raise SetupError(
                f"REGISTER was answered {Status(reply.header.status).name}; open registration at"
                " the target, or give --user and --password-file"
            )
        return account

    def mark(self, account: Account) -> str:
        """Return a new mark of an account: it must never be sent to another."""
        word = "".join(self.rng.choices(_LETTERS, k=8))
        return mark_of(account.owner, word)

    def boot(self) -> int:
        """Return the number of a worker's boot that was not there before."""
        return self.rng.getrandbits(63) or 1

    # --- blocking conversation, for setting up and for honest questions --------------------------

    def open_plain(self, owner: str = "") -> Channel:
        """Open a connection and say HELLO."""
        channel = self.target.connect(owner)
        while not channel.connected:
            self.target.pump(0.05)
        channel.send(hello(self.rng))
        self.wait(channel)
        return channel

    def wait(self, channel: Channel, seconds: float = WAIT_S) -> None:
        """Wait until all that was asked is answered, or the connection is gone."""
        until = self.target.now() + seconds
        while not channel.settled and self.target.now() < until:
            self.target.pump(0.05)

    def ask(self, channel: Channel, message: Message, seq: int = 0) -> Frame:
        """Ask one thing and return the last frame of its answer; raises `SetupError`."""
        return self.ask_all(channel, message, seq)[-1]

    def ask_all(self, channel: Channel, message: Message, seq: int = 0) -> list[Frame]:
        """Ask one thing and return all frames of its answer; raises `SetupError`."""
        correlation = self.rng.randrange(1, 2**31)
        handle = 0 if message.OPCODE in (0x0101, 0x0102, 0x0104) else channel.reference.handle
        channel.send(codec.encode(message, session=handle, correlation=correlation, seq=seq))
        self.wait(channel)
        replies = [
            frame
            for frame in channel.inbox
            if frame.header.correlation == correlation
            and frame.header.opcode == message.OPCODE
            and frame.header.flags & codec.RESPONSE
        ]
        if not replies:
            raise SetupError(f"{type(message).__name__} was not answered")
        return replies

    def goodbye(self, channel: Channel) -> None:
        """End a connection politely."""
        channel.send(codec.encode(m.Goodbye()))
        channel.cut("close")

    def keeper_token(self, account: Account) -> bytes:
        """Return the token of the account's remembered session, logging in when there is none."""
        if not account.token:
            channel = self.open_plain(account.owner)
            message = m.Login(
                username=account.username, password=account.password, remember=True,
                scope=Scope.TRADE, mechanism=Mechanism.PASSWORD,
            )  # fmt: skip
            reply = self.ask(channel, message).message
            if not isinstance(reply, m.LoginReply):
                text = getattr(reply, "text", "") or ""
                raise SetupError(f"{account.username} cannot log in: {text}")
            account.token = reply.token
            channel.cut("close")
        return account.token

    def login_frame(self, account: Account, correlation: int) -> bytes:
        """Return the LOGIN that opens a session beside the keeper's."""
        token = self.keeper_token(account)
        message = m.Login(
            username=account.username, password=token.hex(), mechanism=Mechanism.SESSION_TOKEN,
            scope=Scope.TRADE,
        )  # fmt: skip
        return codec.encode(message, correlation=correlation)

    def session(self, number: int) -> Channel:
        """Open a connection with a session of an account; raises `SetupError`."""
        account = self.account(number)
        for _ in range(2):
            frame = self.login_frame(account, 2)
            channel = self.open_plain(account.owner)
            channel.send(frame)
            self.wait(channel)
            if channel.reference.handle:
                return channel
            account.token = b""
            channel.cut("close")
        raise SetupError(f"no session for {account.username} can be had; see the server's log")
