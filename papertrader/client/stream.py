"""Subscriptions of a session, and the account's numbered events: none twice, none left out."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Any

import attrs

from papertrader.client import updates as u
from papertrader.client.alert_commands import alert_update_of
from papertrader.client.buffer import EventBuffer
from papertrader.client.commands import Command
from papertrader.client.conversion import order_update_of, quote_of, transaction_update_of
from papertrader.client.market_commands import bar_update_of, market_state_of
from papertrader.client.requests import RequestBook
from papertrader.wire import limits
from papertrader.wire import messages as m
from papertrader.wire.codec import REPLAYED, Header
from papertrader.wire.derived import Message
from papertrader.wire.kinds import Opcode, Status, Topic
from papertrader.wire.messages import Subscribe


class Verdict(Enum):
    """What to do with an account event."""

    APPLY = "apply"
    DROP = "drop"
    ASK = "ask"
    """Some before it are missing: subscribe again from the expected one."""
    LOST = "lost"
    """Asking again did not bring the missing ones: apply it and tell the user."""


@attrs.define
class Subscription:
    """A subscription as the user knows it (``number``); ``correlation`` is its name on the present
    connection, 0 while there is none."""

    number: int
    request: Subscribe
    correlation: int = 0
    established: bool = False
    newest: dict[str, int] = attrs.Factory(dict)
    """Number of the last quote, or epoch and time of the last closed bar, given per symbol:
    another worker may repeat one, or lag behind."""

    @property
    def is_account(self) -> bool:
        """Whether it is for account events and not for public ones."""
        return bool(self.request.topics & Topic.ACCOUNT)

    def without(self, symbols: frozenset[str]) -> bool:
        """Leave out symbols (all if empty); tell whether any are left."""
        rows = self.request.symbols
        self.request.symbols = (
            tuple(row for row in rows if row.symbol not in symbols) if symbols else ()
        )
        return bool(self.request.symbols)


class AccountStream:
    """The receiver's side of the account's event sequence.

    ``expected`` is the number of the next event, 0 while unknown: then the first one that comes
    sets it. ``asking`` is set while a SUBSCRIBE that will repeat events is under way.
    """

    def __init__(self) -> None:
        self.expected = 0
        self.asking = False
        self._asked_from = 0

    @property
    def last(self) -> int:
        """The last event processed, 0 if none is known."""
        return max(self.expected - 1, 0)

    def begin(self, expected: int) -> None:
        """Forget everything; ``expected`` is the first event wanted, 0 for whatever comes."""
        self.expected = expected
        self.asking = False
        self._asked_from = 0

    def judge(self, sequence: int) -> Verdict:
        """Decide what to do with the event ``sequence``; counts it if it is to be applied."""
        if self.expected in {0, sequence}:
            self.expected = sequence + 1
            return Verdict.APPLY
        if sequence < self.expected or self.asking:
            return Verdict.DROP
        if self._asked_from == self.expected:
            self.expected = sequence + 1
            return Verdict.LOST
        return Verdict.ASK

    def is_behind(self, next_sequence: int) -> bool:
        """Tell whether the peer's "next" (a heartbeat's) shows that events did not arrive."""
        return (
            not self.asking
            and 0 < self.expected < next_sequence
            and self._asked_from != self.expected
        )

    def ask(self) -> None:
        """Note that the missing events were asked for."""
        self.asking = True
        self._asked_from = self.expected

    def answered(self, next_sequence: int, gap: bool) -> None:
        """Take the reply to a SUBSCRIBE; ``gap``: the server has not kept all that was asked."""
        self.asking = False
        if gap:
            self.expected = 0
        elif not self.expected:
            self.expected = next_sequence


class Subscriptions:
    """What a session is subscribed to, and the events that came of it.

    Its own SUBSCRIBEs (after a reconnect, or to ask for missing events) go into ``requests``.
    """

    def __init__(self, requests: RequestBook) -> None:
        self._requests = requests
        self._all: dict[int, Subscription] = {}
        self.stream = AccountStream()
        self.events = EventBuffer()

    def __len__(self) -> int:
        return len(self._all)

    def get(self, number: int) -> Subscription | None:
        """Return a subscription by its number."""
        return self._all.get(number)

    def add(self, number: int, request: Subscribe) -> None:
        """Enter a new one; raises `ValueError` for one too many or a second for the account."""
        if len(self._all) >= limits.SUBSCRIPTIONS_MAX:
            raise ValueError(f"a client has at most {limits.SUBSCRIPTIONS_MAX} subscriptions")
        subscription = Subscription(number, request)
        if subscription.is_account:
            if self._account() is not None:
                raise ValueError("this client receives the account's events already")
            self.stream.begin(request.from_event_seq)
        self._all[number] = subscription

    def remove(self, number: int) -> bool:
        """Forget one; tell whether it was there."""
        return self._all.pop(number, None) is not None

    def remove_unestablished(self, number: int) -> None:
        """Forget one that the server never granted."""
        subscription = self._all.get(number)
        if subscription is not None and not subscription.established:
            del self._all[number]

    def clear(self) -> None:
        """Forget all: the session has ended."""
        self._all.clear()
        self.stream.begin(0)

    def leave_out(self, number: int, symbols: frozenset[str]) -> None:
        """Leave symbols out of one (all if empty), and forget it if none are left."""
        subscription = self._all[number]
        if not subscription.without(symbols):
            del self._all[number]
            self._requests.take_waiting(lambda call: call.subscription == number)
        if not subscription.correlation:
            self._end_unsubscribes()

    def bind(self, number: int, correlation: int) -> None:
        """A SUBSCRIBE goes out: its events will carry ``correlation``."""
        subscription = self._all.get(number)
        if subscription is not None:
            subscription.correlation = correlation
            if subscription.is_account:
                subscription.request.from_event_seq = self.stream.expected
                self.stream.asking = True

    def unbind(self) -> None:
        """The server has forgotten all of them, with the connection or the login."""
        for subscription in self._all.values():
            subscription.correlation = 0
        self.stream.asking = False
        self._end_unsubscribes()

    def renew(self) -> None:
        """Subscribe again to everything that was granted before."""
        for subscription in self._all.values():
            if subscription.established:
                self._ask_again(subscription)

    def granted(self, number: int, status: int, message: m.SubscribeReply) -> None:
        """Take the server's answer to a SUBSCRIBE."""
        subscription = self._all.get(number)
        if subscription is None:
            return
        subscription.established = True
        if subscription.is_account:
            gap = status == Status.RESUME_GAP
            self.stream.answered(message.next_event_seq, gap)
            if gap:
                text = message.text or "the server no longer has all events since the last one"
                self.events.append(u.EventsLost(reason=text))

    def take(self, header: Header, message: Message) -> None:
        """Take a pushed message; raises `ValueError` if it makes no sense."""
        replayed = bool(header.flags & REPLAYED)
        if isinstance(message, m.QuoteEvent):
            for subscription in self._all.values():
                if (
                    subscription.correlation == header.correlation
                    and message.quote_seq > subscription.newest.get(message.symbol, 0)
                ):
                    subscription.newest[message.symbol] = message.quote_seq
                    quote = quote_of(message)
                    update = u.QuoteUpdate(subscription=subscription.number, quote=quote)
                    self.events.append(update)
        elif isinstance(message, m.BarEvent):
            for subscription in self._all.values():
                # A bar of a later epoch of market time is news whatever its time.
                time = message.epoch << 64 | message.time
                if (
                    subscription.correlation == header.correlation
                    and time > subscription.newest.get(message.symbol, 0)
                ):
                    if message.final:
                        subscription.newest[message.symbol] = time
                    self.events.append(bar_update_of(subscription.number, message))
        elif isinstance(message, m.MarketEvent):
            for subscription in self._all.values():
                if subscription.correlation == header.correlation:
                    state, number = market_state_of(message), subscription.number
                    self.events.append(u.MarketUpdate(subscription=number, market=state))
        elif isinstance(message, m.OrderEvent):
            self._account_event(order_update_of(message, header.seq, replayed), header.seq)
        elif isinstance(message, m.TransactionEvent):
            self._account_event(transaction_update_of(message, header.seq, replayed), header.seq)
        elif isinstance(message, m.AlertEvent):
            account = self._account()
            if account is not None and account.correlation == header.correlation:
                self.events.append(alert_update_of(message))

    def notice_next(self, next_sequence: int) -> None:
        """Take what a heartbeat said of the next event; asks for those that did not arrive."""
        if self.stream.is_behind(next_sequence):
            self._ask_for_missing()

    def _account(self) -> Subscription | None:
        return next((one for one in self._all.values() if one.is_account), None)

    def _account_event(self, update: u.Event, sequence: int) -> None:
        if self._account() is None:
            return
        verdict = self.stream.judge(sequence)
        if verdict is Verdict.ASK:
            self._ask_for_missing()
        elif verdict is Verdict.LOST:
            self.events.append(u.EventsLost(reason="the server did not repeat missing events"))
        if verdict in {Verdict.APPLY, Verdict.LOST}:
            self.events.append(update)

    def _ask_for_missing(self) -> None:
        account = self._account()
        if account is not None and account.established:
            self.stream.ask()
            self._ask_again(account)

    def _ask_again(self, subscription: Subscription) -> None:
        def done(_value: Any, error: Exception | None) -> None:
            if error is not None and self.remove(subscription.number):
                ended = u.SubscriptionEnded(subscription=subscription.number, reason=str(error))
                self.events.append(ended)

        if not any(call.subscription == subscription.number for call in self._requests.waiting):
            command = Command(message=subscription.request, read=lambda _parts: None)
            self._requests.new(command, None, done, subscription.number)

    def _end_unsubscribes(self) -> None:
        """End waiting UNSUBSCRIBEs of what the server does not know any more."""
        for call in self._requests.take_waiting(
            lambda call: call.command.opcode == Opcode.UNSUBSCRIBE
        ):
            self._requests.finish(call, None, None)


def symbol_rows(symbols: Iterable[str]) -> tuple[m.SymbolRow, ...]:
    """Return the rows of a SYMBOLS group, in order."""
    return tuple(m.SymbolRow(symbol=symbol) for symbol in sorted(symbols))
