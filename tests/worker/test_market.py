"""What the worker answers itself: cached replies, and questions about quotes that it has."""

from __future__ import annotations

import pytest

from papertrader.core.quotes import QuoteFlag
from papertrader.wire import codec, limits
from papertrader.wire import messages as m
from papertrader.wire.codec import CACHED, MORE
from papertrader.wire.derived import Message
from papertrader.wire.kinds import Opcode, RelayDownFlag, Scope, Status
from papertrader.worker import questions as questions_module
from papertrader.worker.topics import ASKED_S
from tests.link_kit import WALL_NS
from tests.worker_kit import (
    ClientPeer,
    House,
    follow,
    quote,
    quote_get,
    scene,
    subscribe,
)

CACHEABLE = int(RelayDownFlag.CACHEABLE)


# --- cache -----------------------------------------------------------------------------------


@pytest.mark.clause("9.9", "15.5")
@pytest.mark.parametrize(
    ("message", "reply"),
    [
        (m.AssetGet(symbol="A"), m.AssetReply(symbol="A")),
        (m.AssetList(limit=3), m.AssetListPart()),
        (m.BarsGet(symbol="A", interval_s=60), m.BarsPart(symbol="A")),
        (quote_get("A"), m.QuoteReply(rows=0)),
        (m.MarketStatus(), m.MarketStatusReply()),
        (m.ClockGet(), m.ClockReply()),
    ],
)
def test_a_cacheable_reply_is_given_again_until_it_expires(
    message: Message, reply: Message
) -> None:
    """The second client gets the same reply, CACHED, without the master; after its time, a miss."""
    it, client = scene()
    other = it.connect_client(port=4001)
    it.log_in(other, 71)
    it.ask(client, message, correlation=5, session=77)
    inner = it.answer(it.relayed()[0], reply, down=CACHEABLE, cache_s=10)
    assert [octets for _, octets in client.frames] == [inner]
    it.ask(other, message, correlation=6, session=71)
    assert it.relayed() == []
    ((header, octets),) = other.frames
    assert octets == codec.readdress(inner, 71, 6, CACHED)
    assert header.flags & CACHED
    it.advance(10)
    it.ask(other, message, correlation=7, session=71)
    assert len(it.relayed()) == 1


@pytest.mark.clause("15.13")
def test_what_is_cached_is_void_when_the_master_says_so() -> None:
    """CACHE_INVALIDATE: the same question goes to the master again."""
    it, client = scene()
    message = m.AssetGet(symbol="A")
    it.ask(client, message, correlation=5, session=77)
    it.answer(it.relayed()[0], m.AssetReply(symbol="A"), down=CACHEABLE, cache_s=10)
    it.master.send(codec.encode(m.CacheInvalidate(epoch=2)))
    it.settle()
    it.ask(client, message, correlation=6, session=77)
    assert len(it.relayed()) == 1


def test_a_changed_asset_voids_replies_and_leaves_quotes() -> None:
    """CACHE_INVALIDATE of epoch 0 (clause 15.13): the newest quotes are given out as before."""
    it, client = scene()
    it.ask(client, subscribe("A"), correlation=4, session=77)
    it.publish(quote("A", seq=3))
    client.take()
    message = m.AssetGet(symbol="A")
    it.ask(client, message, correlation=5, session=77)
    it.answer(it.relayed()[0], m.AssetReply(symbol="A"), down=CACHEABLE, cache_s=10)
    it.master.send(codec.encode(m.CacheInvalidate()))
    it.settle()
    it.ask(client, message, correlation=6, session=77)
    it.ask(client, quote_get("A"), correlation=7, session=77)
    (asked,) = it.relayed()
    assert codec.parse_header(asked.inner).opcode == Opcode.ASSET_GET


def test_a_reply_in_parts_is_cached_whole() -> None:
    """All parts, in order, in one write."""
    it, client = scene()
    message = m.BarsGet(symbol="A", interval_s=60)
    it.ask(client, message, correlation=5, session=77)
    (up,) = it.relayed()
    parts = [m.BarsPart(part=n, parts=3, symbol="A") for n in (1, 2, 3)]
    inners = [
        it.answer(up, part, down=CACHEABLE, cache_s=10, flags=MORE if part.part < 3 else 0)
        for part in parts
    ]
    client.take()
    writes = len(client.wire.near.writes)
    it.ask(client, message, correlation=6, session=77)
    assert [octets for _, octets in client.frames] == [
        codec.readdress(inner, 77, 6, CACHED) for inner in inners
    ]
    assert len(client.wire.near.writes) == writes + 1


@pytest.mark.clause("15.5")
@pytest.mark.parametrize(
    ("down", "cache_s", "status"),
    [(0, 10, 0), (CACHEABLE, 0, 0), (CACHEABLE, 10, Status.NO_SUCH_SYMBOL)],
)
def test_only_good_replies_that_the_master_marked_are_kept(
    down: int, cache_s: int, status: int
) -> None:
    """Unmarked, timeless and failed replies are asked for again."""
    it, client = scene()
    it.ask(client, m.AssetGet(symbol="A"), correlation=5, session=77)
    reply: Message = codec.Failure(text="no") if status else m.AssetReply(symbol="A")
    it.answer(it.relayed()[0], reply, down=down, cache_s=cache_s, status=status)
    it.ask(client, m.AssetGet(symbol="A"), correlation=6, session=77)
    assert len(it.relayed()) == 1


def test_private_replies_are_never_kept_even_if_marked() -> None:
    """The worker does not rely on the mark alone."""
    it, client = scene()
    it.ask(client, m.AccountGet(), correlation=5, session=77)
    it.answer(it.relayed()[0], m.AccountReply(account=5), down=CACHEABLE, cache_s=10)
    it.ask(client, m.AccountGet(), correlation=6, session=77)
    assert len(it.relayed()) == 1


@pytest.mark.clause("15.2")
@pytest.mark.parametrize("same_master", [True, False])
def test_the_cache_goes_on_during_a_loss_and_ends_with_another_master(same_master: bool) -> None:
    """Cached reads are answered without a link; a new master_boot voids everything."""
    it, client = scene()
    it.ask(client, m.AssetGet(symbol="A"), correlation=5, session=77)
    it.answer(it.relayed()[0], m.AssetReply(symbol="A"), down=CACHEABLE, cache_s=600)
    client.take()
    it.cut_master()
    it.ask(client, m.AssetGet(symbol="A"), correlation=6, session=77)
    assert [header.status for header, _ in client.take()] == [0]
    it.advance(6)
    it.master_boot += not same_master
    it.connect_master()
    client.take()
    it.log_in(client, 78)
    it.ask(client, m.AssetGet(symbol="A"), correlation=7, session=78)
    assert len(it.relayed()) == (0 if same_master else 1)


# --- QUOTE_GET -------------------------------------------------------------------------------


def test_known_quotes_are_answered_here_as_the_master_would() -> None:
    """Rows are the EV_QUOTE root blocks, in the order asked."""
    it, client = scene()
    follow(it, client, "A", "B")
    it.ask(client, quote_get("B", "A"), correlation=5, session=77)
    assert it.relayed() == []
    ((header, reply),) = client.take()
    assert (header.session, header.correlation) == (77, 5)
    assert header.flags & CACHED
    assert isinstance(reply, m.QuoteReply)
    assert [(row.symbol, row.last, row.quote_seq) for row in reply.quotes] == [
        ("B", 2, 2),
        ("A", 1, 1),
    ]
    assert (reply.rows, reply.as_of) == (2, it.clock.wall_ns())
    assert not any(row.flags & QuoteFlag.STALE for row in reply.quotes)


def test_an_unknown_or_too_old_quote_is_asked_of_the_master() -> None:
    """max_age_ms counts from observed_at; one missing symbol is enough."""
    it, client = scene()
    follow(it, client, "A")
    it.ask(client, quote_get("A", "B"), correlation=5, session=77)
    assert len(it.relayed()) == 1
    age_ms = (it.clock.wall_ns() - WALL_NS) // 1_000_000
    it.advance(2)
    it.ask(client, quote_get("A", max_age_ms=age_ms + 1999), correlation=6, session=77)
    assert len(it.relayed()) == 1
    it.ask(client, quote_get("A", max_age_ms=age_ms + 2000), correlation=7, session=77)
    assert it.relayed() == []


def test_a_question_asked_again_gets_the_newest_and_its_own_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Questions are remembered by what they ask: never the answer, the asker, or more than fit."""
    monkeypatch.setattr(questions_module, "QUESTIONS_MAX", 2)
    it, client = scene()
    follow(it, client, "A", "B")
    for turn in range(1, 4):
        it.publish(quote("A", last=turn, seq=100 + turn), quote("B", last=turn, seq=200 + turn))
        client.take()
        for number, names in enumerate((("A",), ("B",), ("A", "B"), ("B", "A"))):
            correlation = 10 * turn + number
            it.ask(client, quote_get(*names), correlation=correlation, session=77)
            ((header, octets),) = client.frames
            client.take()
            reply = codec.decode(octets)[1]
            assert isinstance(reply, m.QuoteReply)
            assert (header.session, header.correlation) == (77, correlation)
            assert [(row.symbol, row.last) for row in reply.quotes] == [(n, turn) for n in names]
    assert it.relayed() == []


def test_a_wrong_checksum_is_found_though_the_question_is_known() -> None:
    """A QUOTE_GET with CHECKSUM is looked at each time: its sum covers the header as well."""
    it, client = scene()
    follow(it, client, "A")
    good = codec.encode(quote_get("A"), session=77, correlation=11, flags=codec.CHECKSUM)
    for octets, served in ((good, True), (good[:23] + b"\x0c" + good[24:], False)):
        client.send(octets)
        it.settle()
        answers = [codec.decode(each)[1] for _, each in client.frames]
        assert any(isinstance(answer, m.QuoteReply) for answer in answers) == served
        client.take()


def _asked(it: House, client: ClientPeer, *octets: bytes) -> list[tuple[int, int, list[str]]]:
    """Send requests in one write; return correlation, status and symbols of the answers."""
    client.send(b"".join(octets))
    it.settle()
    found = []
    for header, octets_ in client.frames:
        reply = codec.decode(octets_)[1]
        rows = reply.quotes if isinstance(reply, m.QuoteReply) else ()
        found.append((header.correlation, header.status, [row.symbol for row in rows]))
    client.take()
    return found


def _question(correlation: int, *symbols: str, session: int = 77, max_age_ms: int = 0) -> bytes:
    message = quote_get(*symbols, max_age_ms=max_age_ms)
    return codec.encode(message, session=session, correlation=correlation)


def test_questions_of_one_read_are_answered_by_one_write_in_their_order() -> None:
    """Known and new ones, changing symbols, and a frame cut by the end of the read."""
    it, client = scene()
    follow(it, client, "A", "B")
    asked = ["A", "A", "B", "A", "A", "A", "B", "B"]
    for first in (10, 30):
        frames = [_question(first + n, name) for n, name in enumerate(asked)]
        before = client.near.counters.writes
        served = it.worker.statistics.served
        frames_in = client.near.counters.frames_in
        cut = frames[-1][:40]
        answers = _asked(it, client, *frames[:-1], cut)
        assert answers == [(first + n, 0, [name]) for n, name in enumerate(asked[:-1])]
        assert client.near.counters.writes == before + 1
        assert _asked(it, client, frames[-1][40:]) == [(first + 7, 0, ["B"])]
        assert it.worker.statistics.served == served + len(asked)
        assert client.near.counters.frames_in == frames_in + len(asked)
    assert it.relayed() == []


def test_a_known_question_is_refused_as_any_other() -> None:
    """Of another session, after its turn in the bucket, and with an open request of its number."""
    it, client = scene()
    follow(it, client, "A")
    assert _asked(it, client, _question(5, "A")) == [(5, 0, ["A"])]
    answers = _asked(
        it, client, _question(6, "A"), _question(7, "A", session=78), _question(8, "A")
    )
    assert [each[:2] for each in answers] == [(6, 0), (7, Status.NOT_LOGGED_IN), (8, 0)]
    # A request that the master has not answered: its number may not be used again meanwhile.
    it.ask(client, quote_get("UNKNOWN"), correlation=9, session=77)
    assert len(it.relayed()) == 1
    assert _asked(it, client, _question(10, "A")) == [(10, 0, ["A"])]
    client.send(_question(9, "A"))
    it.settle()
    assert client.lost
    assert client.near.connection.fault is not None
    assert client.near.connection.fault.status == Status.DUPLICATE_CORRELATION


def test_a_known_question_without_a_number_ends_the_connection() -> None:
    """Correlation 0 is a fault in the middle of a run as well; what came before it is answered."""
    it, client = scene()
    follow(it, client, "A")
    _asked(it, client, _question(5, "A"))
    client.send(_question(6, "A") + _question(0, "A") + _question(7, "A"))
    it.settle()
    assert [header.correlation for header, _ in client.frames if header.correlation] == [6]
    assert client.near.connection.fault is not None
    assert client.near.connection.fault.status == Status.PROTOCOL_STATE


def test_known_questions_keep_to_the_rate() -> None:
    """Of a burst that is too long, as many are answered as the bucket holds, whatever the path."""
    it, client = scene()
    follow(it, client, "A")
    assert _asked(it, client, _question(5, "A")) == [(5, 0, ["A"])]
    over, count = 12, limits.COMMAND_BURST + 12
    answers = _asked(it, client, *[_question(10 + n, "A") for n in range(count)])
    statuses = [status for _, status, _ in answers]
    # LOGIN, SUBSCRIBE and the question before took three; no time passes here.
    assert statuses == [0] * (count - over - 3) + [Status.RATE_LIMITED] * (over + 3)
    assert it.worker.statistics.rate_limited == over + 3
    assert [correlation for correlation, _, _ in answers] == list(range(10, 10 + count))


def test_an_answer_that_is_kept_ages() -> None:
    """max_age_ms counts for the second asking as for the first."""
    it, client = scene()
    follow(it, client, "A")
    age_ms = (it.clock.wall_ns() - WALL_NS) // 1_000_000 + 1000
    assert _asked(it, client, _question(5, "A", max_age_ms=age_ms)) == [(5, 0, ["A"])]
    assert _asked(it, client, _question(6, "A")) == [(6, 0, ["A"])]
    it.advance(2)
    assert _asked(it, client, _question(7, "A", max_age_ms=age_ms)) == []
    assert len(it.relayed()) == 1
    assert _asked(it, client, _question(8, "A")) == [(8, 0, ["A"])]


def test_known_questions_of_a_client_that_does_not_read_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Between pieces it is seen whether the client is behind; the rest comes when it reads."""
    most = questions_module.RUN_MAX * questions_module.QUESTION_OCTETS // 16 * 136
    assert limits.OUTPUT_SOFT + most < limits.OUTPUT_HARD
    monkeypatch.setattr(questions_module, "RUN_MAX", 16)
    it, client = scene()
    names = [f"S{n}" for n in range(28)]
    follow(it, client, *names)
    _asked(it, client, _question(5, *names))
    before = client.near.counters.frames_out
    client.near.pauseProducing()
    client.send(b"".join(_question(10 + n, *names) for n in range(97)))
    it.settle()
    assert client.near.is_congested
    # Five pieces of 16 are more than the soft bound.
    assert client.near.counters.frames_out == before + 80
    client.near.resumeProducing()
    it.settle()
    answers = [(header.correlation, header.status) for header, _ in client.frames]
    assert answers == [(10 + n, 0) for n in range(97)]


def test_a_symbol_asked_for_is_followed_for_a_minute() -> None:
    """Once the master knows it, its quotes come here; unknown symbols cause no interest."""
    it, client = scene()
    it.ask(client, quote_get("A"), correlation=5, session=77)
    it.ask(client, quote_get("NONE"), correlation=6, session=77)
    good, bad = it.relayed()
    it.answer(good, m.QuoteReply())
    it.answer(bad, codec.Failure(text="no such symbol"), status=Status.NO_SUCH_SYMBOL)
    assert [(each.symbol, each.add) for each in it.told(m.TopicInterest)] == [("A", True)]
    it.publish(quote("A"))
    client.take()
    it.ask(client, quote_get("A"), correlation=7, session=77)
    assert it.relayed() == []
    it.advance(ASKED_S + 1)
    assert [(each.symbol, each.add) for each in it.told(m.TopicInterest)] == [("A", False)]
    it.ask(client, quote_get("A"), correlation=8, session=77)
    assert len(it.relayed()) == 1


@pytest.mark.clause("9.9", "14.5")
def test_quotes_are_stale_after_five_seconds_without_link() -> None:
    """Still answered, but flagged."""
    it, client = scene()
    follow(it, client, "A")
    it.cut_master()
    it.advance(4.5)
    it.ask(client, quote_get("A"), correlation=5, session=77)
    it.advance(1)
    for correlation in (6, 7):
        it.ask(client, quote_get("A"), correlation=correlation, session=77)
    replies = [reply for _, reply in client.take() if isinstance(reply, m.QuoteReply)]
    assert [reply.quotes[0].flags for reply in replies] == [0, QuoteFlag.STALE, QuoteFlag.STALE]
    assert replies[0].quotes[0].last == replies[1].quotes[0].last


@pytest.mark.clause("11.26")
def test_a_confined_session_is_served_nothing_here() -> None:
    """The master answers all it asks, until it has its second factor; the next session is free."""
    it, client = scene()
    other = it.connect_client()
    it.log_in(other, 78)
    it.ask(other, subscribe("A"), correlation=900, session=78)
    it.publish(quote("A"))
    it.master.take()
    for opening in (m.Resume(token=bytes(32)), m.Login(username="ada", password="correct horse")):
        it.ask(client, opening, correlation=20)
        reply = m.ResumeReply if isinstance(opening, m.Resume) else m.LoginReply
        it.answer(it.relayed()[0], reply(session=77, scope=Scope.SETUP), session=77)
        client.take()
        it.ask(client, quote_get("A"), correlation=21, session=77)
        it.ask(client, subscribe("A"), correlation=22, session=77)
        asked = it.relayed()
        assert [codec.parse_header(up.inner).opcode for up in asked] == [
            Opcode.QUOTE_GET, Opcode.SUBSCRIBE
        ]  # fmt: skip
        assert client.take() == []
        for up in asked:
            refused = codec.Failure(text="")
            it.answer(up, refused, status=Status.SECOND_FACTOR_DEMANDED)
        client.take()
    it.ask(client, m.TotpEnable(code="123456"), correlation=23, session=77)
    (up,) = it.relayed()
    it.answer(up, m.TotpEnableReply(count=10))
    client.take()
    it.ask(client, quote_get("A"), correlation=24, session=77)
    assert it.relayed() == []
    ((_, served),) = client.take()
    assert [row.symbol for row in served.quotes] == ["A"]
