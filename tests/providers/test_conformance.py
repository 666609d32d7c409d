"""The numbered suite that every provider passes: whatever it is sent, no order is filled by it.

Each class is one thing that can come back from a provider (T-40 to T-46 of the list of threats).
First an honest answer, then the class; nothing that comes of it may fill an order, and the next
honest answer is taken again. The table in specs/providers.rst has the same numbers.
"""

from __future__ import annotations

import gzip
import re
import tracemalloc
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest

from papertrader.core.fills import may_fill
from papertrader.core.instants import DAY, SECOND
from papertrader.core.quotes import QuoteFlag
from papertrader.master.providers.faults import RETRY_AFTER_S_MAX, FaultKind, ProviderFault
from papertrader.master.providers.provider import Answer
from papertrader.master.providers.request import BODY_MAX
from tests.provider_kit import JSON, KEY, NAMES, NOON, Bench, Row, Sent, bomb, later, same, texts

Served = Sent | str | Mapping[str, Row] | Row
K = FaultKind
MIB = 1024 * 1024


@attrs.frozen(kw_only=True)
class Case:
    """One class. ``faults``: what the call may fail with; none: it brings an answer."""

    number: int
    row: str
    name: str
    serve: Callable[[Bench], Served]
    faults: tuple[FaultKind, ...] = ()
    suspect: bool = False
    applies: Callable[[Bench], bool] = lambda bench: True


def _body(bench: Bench, **changes: Any) -> str:
    return bench.shape.body({bench.symbol: attrs.evolve(Row(), **changes)})


def _raw(text: str) -> Callable[[Bench], Served]:
    return lambda bench: Sent(200, text.encode(), bench.shape.headers)


def _sent(status: int, text: str = "{}", **headers: str) -> Callable[[Bench], Served]:
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda bench: Sent(status, text.encode(), {**JSON, **more})


def _tokens() -> list[Case]:
    tokens = {
        "price 0": "0",
        "negative price": "-1.5",
        "NaN": "NaN",
        "Infinity": "Infinity",
        "minus Infinity": "-Infinity",
        "1e999": "1e999",
        "1e999999999": "1e999999999",
        "text for a price": '"abc"',
        "null": "null",
        "true": "true",
        "10^400 in digits": "1" + "0" * 400,
        "integer of 5,000 digits": "7" * 5_000,
        "fraction of 5,000 digits": "1." + "7" * 5_000,
        "array for a price": "[1]",
        "object for a price": '{"x":1}',
        "empty text": '""',
        "hexadecimal": '"0x64"',
        "text NaN": '"NaN"',
        "price beyond 64 bits": "99999999999999",
        "other digits": '"\u0661\u0660\u0660"',
    }
    cases = []
    for number, (name, token) in enumerate(tokens.items(), 1):
        cases.append(
            Case(
                number=number,
                row="T-40",
                name=name,
                serve=lambda bench, token=token: same(token),
                faults=(K.MALFORMED,),
            )
        )
    return cases


def _twice(bench: Bench) -> Served:
    body = _body(bench)
    if body.startswith("<"):
        cube = re.findall(r"<Cube currency[^>]*>", body)[0]
        return body.replace(cube, cube + cube)
    return body[:1] + '"x":1,"x":2,' + body[1:]


def _deep(bench: Bench) -> Served:
    if bench.name == "ecb":
        return _body(bench).replace("<Cube>", "<Cube>" * 100_000)
    return "[" * 100_000 + "]" * 100_000


def _shapes() -> list[tuple[str, Callable[[Bench], Served]]]:
    return [
        ("a name twice in an object", _twice),
        ("nested 100,000 deep", _deep),
        ("broken off in the middle", lambda b: _body(b)[: len(_body(b)) // 2]),
        ("nothing at all", _raw("")),
        ("not UTF-8", lambda b: Sent(200, b"\xff\xfe" + _body(b).encode(), b.shape.headers)),
        ("a JSON array", _raw("[]")),
        ("JSON null", _raw("null")),
        ("a login page", _sent(200, "<html>log in</html>", Content_Type="text/html")),
    ]


def _has_book(bench: Bench) -> bool:
    return bench.provider.facts.has_bid_ask


def _is_stamped(bench: Bench) -> bool:
    return bench.shape.has_stamp


def _prices() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        ("T-41", "ten times the price", {"serve": lambda b: _scaled("1000", "1001", "1000.5")}),
        ("T-41", "a tenth of the price", {"serve": lambda b: _scaled("10", "10.01", "10.005")}),
        (
            "T-41",
            "bid above ask",
            {"serve": lambda b: Row(bid="100.2", ask="100.1"), "applies": _has_book},
        ),
        (
            "T-41",
            "last outside its day",
            {"serve": lambda b: Row(high="100.01"), "applies": lambda b: b.shape.has_day},
        ),
        (
            "T-41",
            "low of the day above its high",
            {
                "serve": lambda b: Row(low="100.05", high="100.04"),
                "applies": lambda b: b.shape.has_day,
            },
        ),
    ]


def _scaled(bid: str, ask: str, last: str) -> Row:
    return Row(bid=bid, ask=ask, last=last, low="1", high="99999")


def _times() -> list[tuple[str, Callable[[Bench], Served]]]:
    return [
        (
            "an hour in the future",
            lambda b: Row(at=later(DAY // SECOND if b.name == "ecb" else 3600)),
        ),
        ("before the one we had", lambda b: Row(at=NOON - 2 * DAY)),
        ("a day old", lambda b: Row(at=NOON - DAY)),
    ]


def _endless(request: Any) -> None:
    for _ in range(3 * BODY_MAX // 65_536):
        request.write(b" " * 65_536)


def _transport() -> list[Case]:
    hold = lambda request: None  # noqa: E731
    rows: list[tuple[str, Callable[[Bench], Served], FaultKind]] = [
        ("1 MiB and an octet", _raw(" " * (BODY_MAX + 1)), K.TOO_LARGE),
        (
            "gzip bomb, 200 kB to 200 MB",
            lambda b: Sent(200, bomb(), {**b.shape.headers, "Content-Encoding": "gzip"}),
            K.TOO_LARGE,
        ),
        (
            "called gzip, and is none",
            lambda b: Sent(200, b"x" * 99, {**b.shape.headers, "Content-Encoding": "gzip"}),
            K.MALFORMED,
        ),
        (
            "gzip that breaks off",
            lambda b: Sent(
                200,
                gzip.compress(_body(b).encode())[:-9],
                {**b.shape.headers, "Content-Encoding": "gzip"},
            ),
            K.MALFORMED,
        ),
        (
            "packed with br",
            lambda b: Sent(200, b"x" * 99, {**b.shape.headers, "Content-Encoding": "br"}),
            K.MALFORMED,
        ),
        (
            "an answer that drips and never ends",
            lambda b: Sent(200, _body(b).encode()[:9], b.shape.headers, hold),
            K.DEADLINE,
        ),
        (
            "an answer without an end",
            lambda b: Sent(200, b" ", b.shape.headers, _endless),
            K.TOO_LARGE,
        ),
        (
            "shorter than it says",
            lambda b: Sent(
                200,
                _body(b).encode()[:-5],
                {**b.shape.headers, "Content-Length": "9999"},
                lambda request: request.transport.loseConnection(),
            ),
            K.UNREACHABLE,
        ),
    ]
    return [
        Case(number=0, row="T-43", name=name, serve=serve, faults=(kind,))
        for name, serve, kind in rows
    ]


def _statuses() -> list[Case]:
    there = {"Location": "https://evil.example/steal"}
    rows: list[tuple[str, str, Callable[[Bench], Served], FaultKind]] = [
        ("T-44", "301 to another host", _sent(301, **there), K.REDIRECT),
        ("T-44", "302 to another path", _sent(302, Location="/elsewhere"), K.REDIRECT),
        ("T-44", "307 without an address", _sent(307), K.REDIRECT),
        ("T-45", "429 with Retry-After: 7", _sent(429, Retry_After="7"), K.LIMITED),
        ("T-45", "429 without", _sent(429), K.LIMITED),
        ("T-45", "429 for 10 years", _sent(429, Retry_After="315360000"), K.LIMITED),
        (
            "T-45",
            "429 until a date",
            _sent(429, Retry_After="Mon, 23 Nov 2026 17:01:00 GMT"),
            K.LIMITED,
        ),
        ("T-45", "418", _sent(418, Retry_After="120"), K.LIMITED),
        ("T-45", "500 with HTML", _sent(500, "<html>", Content_Type="text/html"), K.FAILED),
        ("T-45", "503 with Retry-After", _sent(503, Retry_After="30"), K.FAILED),
        ("T-45", "402, the quota is used up", _sent(402), K.DENIED),
        ("T-45", "204 without content", _sent(204, ""), K.REFUSED),
    ]
    return [
        Case(number=0, row=row, name=name, serve=serve, faults=(kind,))
        for row, name, serve, kind in rows
    ]


def _own(what: str) -> Callable[[Bench], Served]:
    def serve(bench: Bench) -> Served:
        status, text = getattr(bench.shape, what)
        return Sent(status, text.encode(), bench.shape.headers)

    return serve


def _partial() -> list[Case]:
    batches = lambda b: b.name not in ("coinbase", "finnhub")  # noqa: E731
    return [
        Case(
            number=0,
            row="T-46",
            name="not a word of the symbol",
            serve=lambda b: b.shape.body({b.shape.symbols[1]: Row()}),
            faults=(K.MALFORMED,),
            applies=batches,
        ),
        Case(
            number=0,
            row="T-46",
            name="another symbol in its place",
            serve=lambda b: _body(b).replace(
                b.symbol[:3] if b.name == "ecb" else b.symbol, "WRONG"
            ),
            faults=(K.MALFORMED,),
            applies=lambda b: b.name in ("alpaca", "twelvedata"),
        ),
        Case(
            number=0,
            row="T-46",
            name="null in the place of the symbol",
            serve=lambda b: '{"error":[],"result":{"XBTCZUSD":null},"AAPL":null}',
            faults=(K.MALFORMED,),
            applies=lambda b: b.name != "ecb",
        ),
    ]


def cases() -> list[Case]:
    """Return all classes, numbered."""
    found = _tokens()
    for name, serve in _shapes():
        found.append(Case(number=0, row="T-40", name=name, serve=serve, faults=(K.MALFORMED,)))
    for row, name, more in _prices():
        found.append(Case(number=0, row=row, name=name, suspect=True, **more))
    for name, serve in _times():
        found.append(Case(number=0, row="T-42", name=name, serve=serve, applies=_is_stamped))
    found += _transport() + _statuses()
    for what, kinds in (
        ("limited", (K.LIMITED,)),
        ("denied", (K.DENIED,)),
        ("refused", (K.REFUSED, K.DENIED)),
    ):
        name = f"the provider's own words: {what}"
        found.append(Case(number=0, row="T-45", name=name, serve=_own(what), faults=kinds))
    found += _partial()
    return [attrs.evolve(case, number=number) for number, case in enumerate(found, 1)]


CASES = cases()


PAIRS = [
    pytest.param(case, name, id=f"{case.number:02}-{case.row}-{case.name}-{name}")
    for case in CASES
    for name in NAMES
    if case.applies(Bench(name))
]
"""A class that a provider's answers have no room for (a stamp, a bid) is not among them."""


@pytest.mark.parametrize(("case", "name"), PAIRS)
def test_no_class_fills_an_order(case: Case, name: str) -> None:
    """After an honest quote the class fills nothing; then an honest answer is taken again."""
    bench = Bench(name)
    bench.serve(Row())
    bench.ask()
    (good,) = bench.quotes()
    bench.serve(case.serve(bench))
    found = bench.ask()
    after = bench.quotes()
    assert [quote for quote in after if may_fill(quote)] == []
    if isinstance(found, ProviderFault):
        assert found.kind in case.faults
        assert 0 <= found.retry_after_s <= RETRY_AFTER_S_MAX
        assert after == []
    else:
        for quote in after:
            wanted = QuoteFlag.SUSPECT if case.suspect else QuoteFlag.STALE
            assert quote.flags & (wanted | QuoteFlag.STALE)
        assert after or found.problems or bench.source.refused
    assert KEY.decode() not in texts([found])
    # What was believed before still stands.
    newest = bench.source.quote(bench.symbol, NOON)
    assert newest is not None
    if not after:
        assert newest is good
    bench.serve(Row(at=bench.clock.wall_ns()))
    assert isinstance(bench.ask(), Answer)
    (again,) = bench.quotes()
    assert again.last == good.last
    assert may_fill(again) == may_fill(good)


def test_there_are_forty_classes_and_more() -> None:
    """The suite is as large as it says, and each class has a name of its own."""
    assert len(CASES) >= 40
    assert len({case.name for case in CASES}) == len(CASES)
    for name in NAMES:
        assert sum(case.applies(Bench(name)) for case in CASES) >= 40


def test_the_table_of_the_specification_is_this_suite() -> None:
    """specs/providers.rst lists each class under its number."""
    text = (Path(__file__).parents[2] / "specs" / "providers.rst").read_text()
    rows = re.findall(r"^(\d+) +(T-\d\d) +(.+?)\s*$", text, re.M)
    assert [(int(n), row, name) for n, row, name in rows] == [
        (case.number, case.row, case.name) for case in CASES
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_bomb_takes_little_memory(name: str) -> None:
    """200 MB behind 200 kB: no more than 4 MiB of it are ever in memory."""
    bench = Bench(name)
    bench.serve(Sent(200, bomb(), {**bench.shape.headers, "Content-Encoding": "gzip"}))
    if not bench.provider.prepared:
        bench.run(bench.provider.prepare())
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        fault = bench.ask()
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert isinstance(fault, ProviderFault)
    assert fault.kind is FaultKind.TOO_LARGE
    assert peak <= 4 * MIB


@pytest.mark.parametrize("name", NAMES)
def test_honest_gzip_is_read(name: str) -> None:
    """A server that packs though nobody asked is understood."""
    bench = Bench(name)
    body = gzip.compress(bench.shape.body({bench.symbol: Row()}).encode())
    bench.serve(Sent(200, body, {**bench.shape.headers, "Content-Encoding": "gzip"}))
    assert isinstance(bench.ask(), Answer)
    assert len(bench.quotes()) == 1


@pytest.mark.parametrize("name", NAMES)
def test_retry_after_is_obeyed_within_bounds(name: str) -> None:
    """Seconds, a date, or nonsense; never more than 15 minutes."""
    for text, seconds in (
        ("7", 7),
        ("315360000", RETRY_AFTER_S_MAX),
        ("Mon, 23 Nov 2026 17:01:00 GMT", 60),
        ("-5", 0),
        ("soon", 0),
        ("1e9", 0),
    ):
        bench = Bench(name)
        bench.serve(Sent(429, b"{}", {**JSON, "Retry-After": text}))
        fault = bench.ask()
        assert isinstance(fault, ProviderFault)
        assert abs(fault.retry_after_s - seconds) <= 2


@pytest.mark.parametrize("name", NAMES)
def test_a_jump_is_believed_when_it_is_confirmed(name: str) -> None:
    """A price 10 times the last is SUSPECT; two further answers that agree make it good."""
    bench = Bench(name)
    bench.serve(Row())
    bench.ask()
    bench.quotes()
    bench.serve(_scaled("1000", "1001", "1000.5"))
    flags = []
    for _ in range(3):
        bench.ask()
        (quote,) = bench.quotes()
        flags.append(bool(quote.flags & QuoteFlag.SUSPECT))
    assert flags == [True, True, False]


@pytest.mark.parametrize("name", NAMES)
def test_jumps_that_disagree_are_never_believed(name: str) -> None:
    """Noise does not confirm itself."""
    bench = Bench(name)
    bench.serve(Row())
    bench.ask()
    bench.quotes()
    for price in ("1000", "2000", "300", "4000", "900"):
        bench.serve(_scaled(price, price, price))
        bench.ask()
        (quote,) = bench.quotes()
        assert quote.flags & QuoteFlag.SUSPECT
