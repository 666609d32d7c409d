"""Watchlists at the master: set, replaced, listed, deleted; limits, refusals, crashes."""

from __future__ import annotations

from typing import Any

from papertrader.wire import codec, limits
from papertrader.wire import messages as m
from papertrader.wire.kinds import FrameFlag, Status, Tag
from tests.master_kit import MasterClient, MasterKit


def command(client: MasterClient, message: Any) -> Any:
    """Send a command under the next number."""
    client.seq += 1
    return client.ask(message, seq=client.seq)


def put(client: MasterClient, name: str, *symbols: str) -> Any:
    """Set a watchlist."""
    rows = tuple(m.SymbolRow(symbol) for symbol in symbols)
    return command(client, m.WatchlistSet(name=name, symbols=rows))


def lists(client: MasterClient, name: str = "") -> dict[str, list[str]]:
    """The account's watchlists."""
    found: dict[str, list[str]] = {}
    for row in client.ask(m.WatchlistList(name=name)).message.watches:
        found.setdefault(row.name, []).append(row.symbol)
    return found


def test_a_list_is_set_replaced_read_and_deleted(kit: MasterKit, ann: MasterClient) -> None:
    """Clause 14.13: symbols in the order given, lists by name, across a crash."""
    made = put(ann, "tech", "MSFT", "AAPL").message
    assert (made.name, made.symbols, made.lists) == ("tech", 2, 1)
    put(ann, "old", "GOOG")
    assert put(ann, "tech", "IBM", "MSFT", "AAPL").message.lists == 2
    both = {"old": ["GOOG"], "tech": ["IBM", "MSFT", "AAPL"]}
    assert lists(ann) == both
    assert list(lists(ann)) == ["old", "tech"]
    kit.crash()
    ann = kit.client(connection=2)
    ann.login()
    assert lists(ann) == both
    assert lists(ann, "old") == {"old": ["GOOG"]}
    gone = command(ann, m.WatchlistDelete(name="tech")).message
    assert (gone.name, gone.symbols, gone.lists) == ("tech", 0, 1)
    command(ann, m.WatchlistDelete(name="old"))
    kit.crash()
    ann = kit.client(connection=3)
    ann.login()
    assert lists(ann) == {}


def test_each_refusal(kit: MasterKit, ann: MasterClient) -> None:
    """Clause 14.13: names, symbols twice or unknown, lists that there are not."""
    for name in ("", "-a", "a!b"):
        refused = put(ann, name, "AAPL")
        assert (refused.status, refused.message.field) == (Status.INVALID_FIELD, 0)
    twice = put(ann, "a", "AAPL", "AAPL")
    assert (twice.status, twice.message.field) == (Status.INVALID_FIELD, m.WatchlistSet.SIZE)
    unknown = put(ann, "a", "AAPL", "NONE")
    assert unknown.status == Status.NO_SUCH_SYMBOL
    rows = (m.SymbolRow("AAPL"), m.SymbolRow("NONE"))
    again = ann.ask(m.WatchlistSet(name="a", symbols=rows), seq=ann.seq)
    assert again.header.flags & FrameFlag.REPLAYED
    assert command(ann, m.WatchlistDelete(name="a")).status == Status.NO_SUCH_WATCHLIST
    assert ann.ask(m.WatchlistList(name="a")).status == Status.NO_SUCH_WATCHLIST
    assert lists(ann) == {}
    bob = kit.client(connection=2)
    bob.register("bob")
    bob.login("bob")
    put(ann, "mine", "AAPL")
    assert lists(bob) == {}
    assert command(bob, m.WatchlistDelete(name="mine")).status == Status.NO_SUCH_WATCHLIST


def test_limits(kit: MasterKit, ann: MasterClient) -> None:
    """WATCHLISTS_PER_ACCOUNT lists, one more is refused; WATCHLIST_SYMBOLS rows of one."""
    for number in range(limits.WATCHLISTS_PER_ACCOUNT):
        assert put(ann, f"list{number}", "AAPL").status == 0
    assert put(ann, "more", "AAPL").status == Status.TOO_MANY_WATCHLISTS
    assert put(ann, "list0", "IBM").status == 0, "replacing one is no further one"
    rows = [m.SymbolRow(f"S{number}").pack() for number in range(limits.WATCHLIST_SYMBOLS + 1)]
    section = codec.group(Tag.SYMBOLS, m.SymbolRow.SIZE, rows)
    ann.seq += 1
    ann.correlation += 1
    ann.relay(
        codec.frame(
            1,
            m.WatchlistSet.OPCODE,
            m.WatchlistSet(name="list0").pack(),
            section,
            session=ann.session,
            correlation=ann.correlation,
            seq=ann.seq,
        )
    )
    kit.turn()
    (reply,) = ann.replies(ann.correlation)
    assert reply.status == Status.SECTION_TOO_LARGE
