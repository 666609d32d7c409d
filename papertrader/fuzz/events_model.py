"""Account events as the harness expects them: one sequence without a gap, in one subscription."""

from __future__ import annotations

from papertrader.fuzz.observe import Breach
from papertrader.wire import codec, limits
from papertrader.wire import messages as m
from papertrader.wire.codec import Header
from papertrader.wire.derived import Message
from papertrader.wire.kinds import Opcode, Topic


class EventStream:
    """The subscriptions of one connection; at most `SUBSCRIPTIONS_MAX` of quotes are known."""

    def __init__(self) -> None:
        self._account = 0
        self._expected = 0
        self._quotes: dict[int, frozenset[str]] = {}
        self._was_subscribed = False
        self.applied = 0

    def forget(self) -> None:
        """The session is gone, and its subscriptions with it."""
        self._account = 0

    def subscribed(self, correlation: int, asked: m.Subscribe, reply: m.SubscribeReply) -> None:
        """Note a subscription that was answered."""
        self._was_subscribed = True
        if asked.topics == Topic.ACCOUNT:
            start = asked.from_event_seq or reply.next_event_seq
            if not reply.oldest_event_seq <= start <= reply.next_event_seq:
                start = reply.next_event_seq
            self._account, self._expected = correlation, start
        else:
            self._quotes[correlation] = frozenset(row.symbol for row in asked.symbols)
            while len(self._quotes) > limits.SUBSCRIPTIONS_MAX * 2:
                del self._quotes[next(iter(self._quotes))]

    def received(self, header: Header, message: Message | None, handle: int) -> list[Breach]:
        """Judge an event."""
        name = codec.describe(header.opcode)
        if header.status:
            return [Breach("framing", f"{name} with a status")]
        if isinstance(message, m.QuoteEvent):
            symbols = self._quotes.get(header.correlation)
            if symbols is None or message.symbol not in symbols or header.seq:
                text = f"EV_QUOTE of {message.symbol} that nothing asked for"
                return [Breach("framing", text)]
            return []
        if header.opcode not in (Opcode.EV_ORDER, Opcode.EV_TX):
            if 0x0510 <= header.opcode <= 0x051F and not header.seq and self._was_subscribed:
                return []
            return [Breach("framing", f"an event that is not for a client: {name}")]
        if not self._was_subscribed:
            return [Breach("leak", f"{name} without a subscription")]
        if header.session != handle and handle:
            return [Breach("leak", f"{name} of the session {header.session}")]
        if header.correlation != self._account:
            return []  # Of a subscription that was replaced, or went with its session.
        expected, self._expected = self._expected, header.seq + 1
        if header.seq != expected:
            return [Breach("framing", f"{name}: event {header.seq} came, {expected} was next")]
        self.applied += 1
        return []
