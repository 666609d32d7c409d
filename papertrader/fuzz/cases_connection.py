"""Conformance cases written by hand: opening a connection, what is reserved, how octets are cut."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from papertrader.fuzz import mutate
from papertrader.fuzz.bench import Bench, Case, CaseFailed
from papertrader.fuzz.world import hello
from papertrader.wire import codec, kinds, limits
from papertrader.wire import messages as m
from papertrader.wire.kinds import Role, Status

# --- opening -------------------------------------------------------------------------------------


def _first(name: str, octets: Callable[[Bench], bytes], *statuses: Status) -> Case:
    def run(bench: Bench) -> None:
        channel = bench.raw()
        bench.expect(channel, octets(bench), *statuses)

    return Case(section="opening", name=name, clause="7.3", run=run)


def _keepalive(wished: int, given: range) -> Case:
    def run(bench: Bench) -> None:
        channel = bench.raw()
        outcome = bench.expect(channel, hello(bench.rng, keepalive_s=wished), Status.OK)
        reply = outcome.frame.message if outcome.frame else None
        if not isinstance(reply, m.HelloReply) or reply.keepalive_s not in given:
            raise CaseFailed(f"keepalive_s {getattr(reply, 'keepalive_s', None)} is in force")

    return Case(section="opening", name=f"keep-alive of {wished} s wished", clause="7.5", run=run)


def _silent(bench: Bench) -> None:
    channel = bench.raw()
    bench.idle(limits.HELLO_TIMEOUT_S + 3.0)
    if not channel.ended:
        raise CaseFailed(f"open without HELLO after {limits.HELLO_TIMEOUT_S + 3} s")
    goodbye = channel.reference.goodbye
    if goodbye is not None and goodbye.code != Status.HELLO_TIMEOUT:
        raise CaseFailed(f"GOODBYE({goodbye.code:#06x}) instead of HELLO_TIMEOUT")


def opening_cases() -> Iterator[Case]:
    """HELLO, its refusals, and what comes instead of it."""
    unsupported = Status.VERSION_UNSUPPORTED
    for low, high in ((1, 1), (0, 1), (1, 255), (0, 255)):
        yield _first(
            f"versions {low} to {high}",
            lambda b, v=(low, high): hello(b.rng, versions=v),  # type: ignore[misc]
            Status.OK,
        )
    for low, high in ((0, 0), (2, 2), (2, 255), (1, 0), (255, 255)):
        yield _first(
            f"versions {low} to {high}",
            lambda b, v=(low, high): hello(b.rng, versions=v),  # type: ignore[misc]
            unsupported,
        )
    for role in Role:
        good = role in (Role.CLIENT, Role.TOOL)
        yield _first(
            f"role {role.name}",
            lambda b, r=role: hello(b.rng, role=r),  # type: ignore[misc]
            *((Status.OK,) if good else (Status.OPCODE_FORBIDDEN, Status.PROTOCOL_STATE)),
        )
    yield _first("HELLO without grease", lambda b: hello(b.rng, grease=False), Status.OK)
    yield _first("HELLO twice", lambda b: hello(b.rng) + hello(b.rng), Status.PROTOCOL_STATE)
    yield _first(
        "an HTTP request", lambda b: b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", Status.BAD_MAGIC,
        Status.HELLO_EXPECTED,
    )  # fmt: skip
    yield _first("zeros", lambda b: bytes(64), Status.BAD_MAGIC, Status.HELLO_EXPECTED)
    yield _first(
        "a version that the header names is not looked at",
        lambda b: mutate.put(hello(b.rng), 2, "B", 9), Status.OK,
    )  # fmt: skip
    yield _keepalive(1, range(limits.KEEPALIVE_MIN_S, limits.KEEPALIVE_MAX_S + 1))
    yield _keepalive(limits.KEEPALIVE_MIN_S, range(limits.KEEPALIVE_MIN_S, 6))
    yield _keepalive(65_535, range(1, limits.KEEPALIVE_MAX_S + 1))
    yield Case(section="opening", name="no HELLO at all", clause="7.3", run=_silent)


# --- grease and shapes ---------------------------------------------------------------------------


def _greased(name: str, change: Callable[[Bench, bytes], bytes], status: Status) -> Case:
    def run(bench: Bench) -> None:
        channel = bench.session()
        bench.expect(channel, change(bench, bench.encoded(channel, m.PortfolioGet())), status)

    return Case(section="grease", name=name, clause="7.6", run=run)


def grease_cases() -> Iterator[Case]:
    """What is reserved keeps being ignored, or being refused."""
    for tag in kinds.GREASE_TAGS:
        yield _greased(
            f"section {tag:#06x}",
            lambda b, o, t=tag: mutate.resized(o + codec.section(t, b"x")),  # type: ignore[misc]
            Status.OK,
        )
    for bit in (0x0020, 0x0080, 0x0100, 0x0200, 0x0400, 0x0800):
        yield _greased(
            f"flag {bit:#06x}",
            lambda b, o, f=bit: mutate.put(o, 10, "H", f),  # type: ignore[misc]
            Status.OK,
        )
    for opcode in kinds.GREASE_OPCODES:
        yield _greased(
            f"opcode {opcode:#06x}",
            lambda b, o, c=opcode: mutate.put(o, 8, "H", c),  # type: ignore[misc]
            Status.UNKNOWN_OPCODE,
        )
    yield _greased("a longer block", lambda b, o: mutate.longer_block(b.rng, o), Status.OK)
    yield _greased("a checksum", lambda b, o: mutate.checksum(b.rng, o), Status.OK)


def _cut_at(at: int) -> Case:
    def run(bench: Bench) -> None:
        channel = bench.session()
        octets = bench.encoded(channel, m.PortfolioGet())
        channel.send(octets[:at])
        bench.idle(0.05)
        channel.send(octets[at:])
        bench.wait(channel)
        if bench.result(channel, int.from_bytes(octets[20:24], "big")).status != Status.OK:
            raise CaseFailed("a frame in two pieces was not answered")

    return Case(section="shapes", name=f"cut after octet {at}", clause="2.3", run=run)


def _drip(bench: Bench) -> None:
    channel = bench.session()
    octets = bench.encoded(channel, m.PortfolioGet())
    for each in octets:
        channel.send(bytes([each]))
        bench.world.target.pump(0.001)
    bench.wait(channel)
    if bench.result(channel, int.from_bytes(octets[20:24], "big")).status != Status.OK:
        raise CaseFailed("a frame in single octets was not answered")


def _pipeline(bench: Bench) -> None:
    channel = bench.session(fresh=True)
    frames = [bench.encoded(channel, m.OrderList()) for _ in range(40)]
    channel.send(b"".join(frames))
    bench.wait(channel)
    for octets in frames:
        if bench.result(channel, int.from_bytes(octets[20:24], "big")).status != Status.OK:
            raise CaseFailed("a request of a pipeline was not answered")


def _behind_hello(bench: Bench) -> None:
    channel = bench.raw()
    ping = codec.encode(m.Ping(token=5), correlation=9)
    channel.send(hello(bench.rng, grease=False) + ping)
    bench.wait(channel)
    if bench.result(channel, 9).status != Status.OK:
        raise CaseFailed("a PING behind HELLO was not answered")


def _half_closed(bench: Bench) -> None:
    channel = bench.session(fresh=True)
    channel.send(bench.encoded(channel, m.PortfolioGet()))
    channel.cut("half")
    bench.idle(1.0)
    bench.still_usable(bench.session(1))


def shape_cases() -> Iterator[Case]:
    """How octets are cut means nothing (clause 2.3)."""
    for at in (1, 2, 3, 16, 31, 32, 33, 39):
        yield _cut_at(at)
    yield Case(section="shapes", name="single octets", clause="2.3", run=_drip)
    yield Case(section="shapes", name="forty requests in one write", clause="2.3", run=_pipeline)
    yield Case(section="shapes", name="PING behind HELLO", clause="7.4", run=_behind_hello)
    yield Case(section="shapes", name="half-close", clause="8.6", run=_half_closed)
