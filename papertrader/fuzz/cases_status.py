"""Conformance cases by status and by limit: how each is reached from outside."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from papertrader.core.money import AMOUNT_MAX, NULL, SCALE
from papertrader.fuzz import mutate
from papertrader.fuzz.bench import Bench, Case, CaseFailed, CaseSkipped
from papertrader.fuzz.cases_rules import SYMBOL, market_order, resting_order
from papertrader.fuzz.world import hello
from papertrader.wire import codec, limits
from papertrader.wire import messages as m
from papertrader.wire.derived import Message
from papertrader.wire.kinds import Opcode, Status, Tag, Topic

Run = Callable[[Bench], None]
Change = Callable[[Bench, bytes], bytes]


def _frame(change: Change, *statuses: Status, fresh: bool = False) -> Run:
    """Return a case that changes a good PORTFOLIO_GET."""

    def run(bench: Bench) -> None:
        channel = bench.session(fresh=fresh)
        octets = change(bench, bench.encoded(channel, m.PortfolioGet()))
        bench.expect(channel, octets, *statuses)

    return run


def _asked(message: Callable[[Bench], Message], *statuses: Status, plain: bool = False) -> Run:
    """Return a case that asks one thing."""

    def run(bench: Bench) -> None:
        channel = bench.plain() if plain else bench.session()
        made = message(bench)
        changing = isinstance(made, m.OrderNew | m.OrderCancel)
        bench.ask(channel, made, *statuses, seq=bench.next_seq(channel) if changing else 0)

    return run


def _put(offset: int, code: str, value: int) -> Change:
    return lambda _, octets: mutate.put(octets, offset, code, value)


def _order(**changes: int | str) -> Callable[[Bench], Message]:
    def make(bench: Bench) -> Message:
        order = market_order(bench)
        for name, value in changes.items():
            setattr(order, name, value)
        return order

    return make


def _duplicate(bench: Bench) -> None:
    channel = bench.session(fresh=True)
    octets = bench.encoded(channel, m.PortfolioGet())
    bench.expect(channel, octets + octets, Status.DUPLICATE_CORRELATION)


def _duplicate_order(bench: Bench) -> None:
    channel = bench.session()
    order = resting_order(bench)
    first = bench.ask(channel, order, *_ANY_ORDER, seq=bench.next_seq(channel))
    if not isinstance(first, m.OrderReply):
        raise CaseSkipped("the market takes no resting order at present")
    bench.ask(channel, order, Status.DUPLICATE_ORDER, seq=bench.next_seq(channel))


def _done(bench: Bench) -> None:
    channel = bench.session()
    order = resting_order(bench)
    first = bench.ask(channel, order, *_ANY_ORDER, seq=bench.next_seq(channel))
    if not isinstance(first, m.OrderReply):
        raise CaseSkipped("the market takes no resting order at present")
    cancel = m.OrderCancel(order=first.order)
    bench.ask(channel, cancel, Status.OK, Status.ORDER_DONE, seq=bench.next_seq(channel))
    bench.ask(channel, cancel, Status.ORDER_DONE, seq=bench.next_seq(channel))


def _taken(bench: Bench) -> None:
    account = bench.world.account(1)
    bench.ask(
        bench.plain(), m.Register(username=account.username, password=account.password),
        Status.USERNAME_TAKEN,
    )  # fmt: skip


def _half_frame(bench: Bench) -> None:
    channel = bench.session(fresh=True)
    channel.send(bench.encoded(channel, m.PortfolioGet())[:36])
    bench.idle(limits.FRAME_TIMEOUT_S + 4.0)
    goodbye = channel.reference.goodbye
    if goodbye is None or goodbye.code != Status.KEEPALIVE_TIMEOUT:
        raise CaseFailed("half a frame was waited for longer than FRAME_TIMEOUT_S")


def _rate(bench: Bench) -> None:
    channel = bench.session(fresh=True)
    frames = [bench.encoded(channel, m.Logout()) for _ in range(limits.COMMAND_BURST * 2)]
    asked = [mutate.put(octets, 8, "H", 0x0A5A) for octets in frames]
    channel.send(b"".join(asked))
    bench.wait(channel)
    said = [f.header.status for f in channel.inbox if f.header.opcode == 0x0A5A]
    if Status.RATE_LIMITED not in said:
        raise CaseFailed(f"{len(asked)} requests at once were all taken")
    bench.idle(1.0)
    bench.ask(channel, m.PortfolioGet())


def _inflight(bench: Bench) -> None:
    channel = bench.session(fresh=True)
    frames = [bench.encoded(channel, m.PortfolioGet()) for _ in range(limits.INFLIGHT_MAX + 2)]
    channel.send(b"".join(frames))
    bench.wait(channel)
    said = {f.header.status for f in channel.inbox if f.header.opcode == Opcode.PORTFOLIO_GET}
    if not said <= {0, int(Status.TOO_MANY_INFLIGHT)}:
        raise CaseFailed("requests at once were answered otherwise than TOO_MANY_INFLIGHT")
    if Status.TOO_MANY_INFLIGHT not in said:
        raise CaseSkipped("the target answers faster than requests can be sent")


def _control(bench: Bench) -> None:
    channel = bench.session(fresh=True)
    ping = codec.encode(m.Ping(token=1), correlation=4)
    stream = b"".join(
        mutate.put(ping, 20, "I", 1000 + n) for n in range(limits.CONTROL_BURST * 2 + 10)
    )
    bench.expect(channel, stream, Status.PROTOCOL_STATE)


def _subscriptions(bench: Bench) -> None:
    channel = bench.session(fresh=True)
    message = m.Subscribe(topics=Topic.QUOTES, symbols=(m.SymbolRow(symbol=SYMBOL),))
    for _ in range(limits.SUBSCRIPTIONS_MAX):
        bench.ask(channel, message)
    bench.ask(channel, message, Status.TOO_MANY_SYMBOLS)


def _sessions(bench: Bench) -> None:
    channels = []
    for _ in range(limits.SESSIONS_PER_ACCOUNT + 1):
        channel = bench.raw()
        channel.owner = "b"
        bench.expect(channel, hello(bench.rng), Status.OK)
        channels.append(channel)
        frame = bench.world.login_frame(bench.world.account(1), bench.correlation())
        outcome = bench.outcome(channel, frame)
        if outcome.status == Status.TOO_MANY_SESSIONS:
            return
    raise CaseFailed(f"{len(channels)} sessions of one account are open")


def _connections(bench: Bench) -> None:
    channels = []
    try:
        for _ in range(limits.CONNECTIONS_PER_ADDRESS + 8):
            channel = bench.raw()
            channels.append(channel)
            bench.expect(channel, hello(bench.rng), Status.OK)
            living = sum(not each.ended for each in channels)
            if living > limits.CONNECTIONS_PER_ADDRESS:
                raise CaseFailed(f"{living} connections of one address live")
    except Exception as error:
        if isinstance(error, CaseFailed):
            raise
        return  # Refused before TLS: that is the limit.


def _text(message: Message, tag: Tag, most: int) -> Iterator[tuple[int, Run]]:
    """Yield cases with a section of its greatest length, and one octet more."""
    for size in (most, most + 1):

        def run(bench: Bench, size: int = size) -> None:
            channel = bench.session()
            octets = bench.encoded(channel, message, bench.next_seq(channel))
            found = mutate.sections_of(octets)
            keep = [o for o in found if int.from_bytes(octets[o[0] : o[0] + 2], "big") != tag]
            body = {
                int.from_bytes(octets[a : a + 2], "big"): octets[a : a + 6 + n] for a, n in keep
            }
            body[int(tag)] = codec.section(tag, b"x" * size)
            root = octets[: mutate.root_end(octets)]
            frame = mutate.resized(root + b"".join(body[key] for key in sorted(body)))
            outcome = bench.outcome(channel, frame)
            if (outcome.status == Status.SECTION_TOO_LARGE) != (size > most):
                raise CaseFailed(f"{tag.name} of {size} octets: {outcome}")

        yield size, run


def _expect_first(bench: Bench) -> None:
    octets = codec.encode(m.Ping(), correlation=3)
    bench.expect(bench.raw(), octets, Status.HELLO_EXPECTED)


_ANY_ORDER: Final = (Status.OK, *(s for s in Status if 0x0400 <= s < 0x0500))

RECIPES: Final[Mapping[Status, Run]] = MappingProxyType(
    {
        Status.OK: _asked(lambda _: m.PortfolioGet(), Status.OK),
        Status.BAD_MAGIC: _frame(_put(0, "H", 0x5058), Status.BAD_MAGIC),
        Status.VERSION_UNSUPPORTED: _frame(_put(2, "B", 2), Status.VERSION_UNSUPPORTED),
        Status.FRAME_TOO_LARGE: _frame(_put(4, "I", 1 << 24), Status.FRAME_TOO_LARGE),
        Status.BAD_LENGTH: _frame(_put(12, "H", 9), Status.BAD_LENGTH),
        Status.BAD_CHECKSUM: _frame(
            lambda b, o: mutate.wrong_checksum(b.rng, o), Status.BAD_CHECKSUM
        ),
        Status.BAD_CATEGORY: _frame(_put(3, "B", 2), Status.BAD_CATEGORY),
        Status.CRITICAL_FLAG: _frame(_put(10, "H", 0x4000), Status.CRITICAL_FLAG),
        Status.HELLO_EXPECTED: _expect_first,
        Status.OPCODE_FORBIDDEN: _frame(_put(8, "H", 0x7ABC), Status.OPCODE_FORBIDDEN),
        Status.PROTOCOL_STATE: _frame(_put(20, "I", 0), Status.PROTOCOL_STATE),
        Status.DUPLICATE_CORRELATION: _duplicate,
        Status.UNKNOWN_OPCODE: _frame(_put(8, "H", 0x0399), Status.UNKNOWN_OPCODE),
        Status.BLOCK_TOO_SHORT: _frame(
            lambda _, o: mutate.put(mutate.resized(o[:-1]), 12, "H", 7), Status.BLOCK_TOO_SHORT
        ),
        Status.INVALID_FIELD: _frame(_put(14, "H", 1), Status.INVALID_FIELD),
        Status.MISSING_SECTION: _asked(
            lambda _: m.Subscribe(topics=Topic.QUOTES), Status.MISSING_SECTION
        ),
        Status.DUPLICATE_SECTION: _frame(
            lambda _, o: mutate.resized(o + codec.section(0x7001, b"") * 2),
            Status.DUPLICATE_SECTION,
        ),
        Status.SECTION_TOO_LARGE: _frame(
            lambda b, o: mutate.put(
                codec.frame(
                    1, Opcode.QUOTE_GET, m.QuoteGet().pack(),
                    codec.group(Tag.SYMBOLS, 16, [b"AAPL".ljust(16, b"\0")] * 65),
                ),
                16, "Q", int.from_bytes(o[16:24], "big"),
            ),
            Status.SECTION_TOO_LARGE,
        ),
        Status.CRITICAL_SECTION: _frame(
            lambda b, o: mutate.critical_section(b.rng, o), Status.CRITICAL_SECTION
        ),
        Status.NOT_LOGGED_IN: _asked(lambda _: m.OrderList(), Status.NOT_LOGGED_IN, plain=True),
        Status.AUTH_FAILED: _asked(
            lambda b: m.Login(username=f"no{b.rng.getrandbits(60)}", password="x" * 9),
            Status.AUTH_FAILED, plain=True,
        ),
        Status.SESSION_EXPIRED: _asked(
            lambda b: m.Resume(token=b.rng.randbytes(32)), Status.SESSION_EXPIRED, plain=True
        ),
        Status.USERNAME_TAKEN: _taken,
        Status.PASSWORD_WEAK: _asked(
            lambda b: m.Register(username=f"fz{b.rng.getrandbits(50)}", password="password"),
            Status.PASSWORD_WEAK, plain=True,
        ),
        Status.NO_SUCH_ACCOUNT: _asked(
            lambda _: m.AccountGet(username="nobody.at-all"), Status.NO_SUCH_ACCOUNT, Status.PRIVATE
        ),
        Status.NO_SUCH_SYMBOL: _asked(
            lambda _: m.AssetGet(symbol="NOSUCH"), Status.NO_SUCH_SYMBOL
        ),
        Status.INSUFFICIENT_CASH: _asked(_order(quantity=900_000 * SCALE), *_ANY_ORDER[1:]),
        Status.INSUFFICIENT_POSITION: _asked(
            _order(side=2, quantity=5_000 * SCALE), Status.INSUFFICIENT_POSITION,
            Status.SHORT_NOT_ALLOWED,
        ),
        Status.SHORT_NOT_ALLOWED: _asked(
            _order(side=3), Status.SHORT_NOT_ALLOWED, Status.INSUFFICIENT_CASH
        ),
        Status.BAD_TICK: _asked(
            _order(order_type=2, limit_price=SCALE + 1), Status.BAD_TICK
        ),
        Status.BAD_LOT: _asked(_order(quantity=0), Status.BAD_LOT),
        Status.QUANTITY_LIMIT: _asked(
            _order(quantity=90_000_000_000 * SCALE), Status.QUANTITY_LIMIT
        ),
        Status.DUPLICATE_ORDER: _duplicate_order,
        Status.NO_SUCH_ORDER: _asked(lambda _: m.OrderGet(order=2**62), Status.NO_SUCH_ORDER),
        Status.ORDER_DONE: _done,
        Status.TIF_UNSUPPORTED: _asked(_order(time_in_force=5), Status.TIF_UNSUPPORTED),
        Status.TYPE_UNSUPPORTED: _asked(
            _order(order_type=5), Status.TYPE_UNSUPPORTED, Status.BAD_TICK
        ),
        Status.AMOUNT_OVERFLOW: _asked(
            _order(order_type=2, limit_price=AMOUNT_MAX // SCALE * SCALE, quantity=10**6 * SCALE),
            Status.AMOUNT_OVERFLOW, Status.PRICE_BAND,
        ),
        Status.NO_SUCH_PORTFOLIO: _asked(
            lambda _: m.PortfolioGet(portfolio=2**63), Status.NO_SUCH_PORTFOLIO
        ),
        Status.INTERVAL_UNSUPPORTED: _asked(
            lambda _: m.BarsGet(symbol=SYMBOL, interval_s=7), Status.INTERVAL_UNSUPPORTED
        ),
        Status.TOO_MANY_SYMBOLS: _subscriptions,
        Status.RATE_LIMITED: _rate,
        Status.TOO_MANY_INFLIGHT: _inflight,
        Status.KEEPALIVE_TIMEOUT: _half_frame,
    }
)  # fmt: skip
"""How to get each status from outside. Those of sessions and numbers have sections of their own;
others (an operator's, a full disk's, a lost link's) cannot be had by a client's frames alone."""


def status_cases() -> Iterator[Case]:
    """Every status that frames of a client can bring about."""
    for status, run in RECIPES.items():
        yield Case(section="statuses", name=status.name, clause="17.1", run=run)


def limit_cases() -> Iterator[Case]:
    """Every bound of clause 10 that a client can reach."""
    whole = limits.CLIENT_FRAME_MAX - limits.HEADER_SIZE
    named: tuple[tuple[str, Run], ...] = (
        ("CLIENT_FRAME_MAX, exactly", _frame(lambda _, o: _padded(o, whole), Status.OK)),
        (
            "CLIENT_FRAME_MAX, and one more",
            _frame(lambda _, o: _padded(o, whole + 1), Status.FRAME_TOO_LARGE),
        ),
        ("SECTIONS_MAX, exactly", _frame(lambda _, o: _sections_added(o, 32), Status.OK)),
        (
            "SECTIONS_MAX, and one more",
            _frame(lambda _, o: _sections_added(o, 33), Status.BAD_LENGTH),
        ),
        ("CONTROL_BURST", _control),
        ("SESSIONS_PER_ACCOUNT", _sessions),
        ("CONNECTIONS_PER_ADDRESS", _connections),
        ("TRANSACTIONS_GET beyond every bound", _asked(_far_page, Status.OK)),
        ("a price that is NULL where one is needed", _asked(
            _order(order_type=2, limit_price=NULL), Status.BAD_TICK,
        )),
    )  # fmt: skip
    for name, run in named:
        yield Case(section="limits", name=name, clause="10.1", run=run)
    order = m.OrderNew(client_order_id=1, symbol=SYMBOL, quantity=SCALE, tag="x")
    for message, tag, most in (
        (order, Tag.ORDER_TAG, limits.ORDER_TAG_MAX),
        (m.AssetList(prefix="x"), Tag.PREFIX, limits.PREFIX_MAX),
    ):
        for size, run in _text(message, tag, most):
            yield Case(section="limits", name=f"{tag.name} of {size}", clause="10.1", run=run)
    for count in (limits.QUOTE_SYMBOLS_MAX, limits.QUOTE_SYMBOLS_MAX + 1):
        yield Case(
            section="limits", name=f"QUOTE_GET of {count} symbols", clause="10.1",
            run=_symbols(Opcode.QUOTE_GET, m.QuoteGet().pack(), count, limits.QUOTE_SYMBOLS_MAX),
        )  # fmt: skip
    for count in (limits.SYMBOLS_MAX, limits.SYMBOLS_MAX + 1):
        block = m.Unsubscribe(subscription=9).pack()
        yield Case(
            section="limits", name=f"UNSUBSCRIBE of {count} symbols", clause="10.1",
            run=_symbols(Opcode.UNSUBSCRIBE, block, count, limits.SYMBOLS_MAX),
        )  # fmt: skip


def _symbols(opcode: int, block: bytes, count: int, most: int) -> Run:
    def run(bench: Bench) -> None:
        channel = bench.session()
        rows = [SYMBOL.encode().ljust(16, b"\0")] * count
        octets = codec.frame(1, opcode, block, codec.group(Tag.SYMBOLS, 16, rows))
        outcome = bench.outcome(channel, bench.addressed(channel, octets))
        if (outcome.status == Status.SECTION_TOO_LARGE) != (count > most):
            raise CaseFailed(f"{count} symbols: {outcome}")

    return run


def _far_page(_: Bench) -> Message:
    most = 2**64 - 1
    return m.TransactionsGet(after=most, from_time=most, to_time=most, limit=10)


def _padded(octets: bytes, body: int) -> bytes:
    room = body - (len(octets) - limits.HEADER_SIZE) - codec.SECTION.size
    return mutate.resized(octets + codec.section(0x7001, bytes(room)))


def _sections_added(octets: bytes, count: int) -> bytes:
    return mutate.resized(octets + b"".join(codec.section(0x7000 + n, b"") for n in range(count)))
