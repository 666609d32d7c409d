"""Bounds of the whole server, made small and hit."""

from __future__ import annotations

import pytest

from papertrader.core.instants import MINUTE
from papertrader.core.money import SCALE
from papertrader.core.orders import OrderState, TimeInForce
from papertrader.core.quotes import Quote, QuoteFlag
from papertrader.core.terms import FillModelKind, PortfolioTerms
from papertrader.master import deciding, inputs
from papertrader.master.bars import FormingBars
from papertrader.master.termrecords import terms_block
from papertrader.master.workerlink import WorkerLink
from papertrader.wire import messages as m
from papertrader.wire.kinds import Status
from tests.master.conftest import trader
from tests.master_kit import MasterClient, MasterKit


def test_the_server_has_so_many_sessions(
    kit: MasterKit, ann: MasterClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SERVER_BUSY with a wait; one that ends makes room."""
    monkeypatch.setattr("papertrader.master.authorization.SESSIONS_MAX", 2)
    second, third = kit.client(connection=2), kit.client(connection=3)
    assert second.login().status == 0
    refused = third.login()
    assert (refused.status, refused.message.retry_after_ms) == (Status.SERVER_BUSY, 5_000)
    second.ask(m.Logout())
    assert third.login().status == 0


def test_the_server_has_so_many_accounts(kit: MasterKit, monkeypatch: pytest.MonkeyPatch) -> None:
    """REGISTRATION_CLOSED from then on."""
    monkeypatch.setattr("papertrader.master.accounts.ACCOUNTS_MAX", 1)
    trader(kit, "ann", 1)
    assert kit.client(connection=2).register("bob").status == Status.REGISTRATION_CLOSED


def test_bars_in_formation_take_turns(kit: MasterKit, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more topics than so many are worked out in one update; the others follow."""
    monkeypatch.setattr("papertrader.master.bars.BARS_PER_UPDATE", 2)
    bars: FormingBars = kit.main.assets._bars
    topics = [("AAPL", 60), ("AAPL", 3_600), ("MSFT", 60), ("MSFT", 3_600), ("IBM", 60)]
    for topic in topics:
        bars._followed[topic] = None
    looked: list[tuple[str, int]] = []
    monkeypatch.setattr(bars, "_looked_at", lambda topic, market_at: looked.append(topic) or [])
    seen = []
    for _ in range(3):
        bars.update((), kit.main.assets.market.now())
        seen.append(len(looked))
    assert seen == [2, 4, 6]
    assert set(looked) == set(topics)


def test_so_many_quotes_are_kept_with_an_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first ones; none is an empty section."""
    monkeypatch.setattr(inputs, "QUOTES_KEPT_MAX", 3)
    quotes = [
        Quote(symbol="AAPL", bid=1, ask=2, last=1, observed_at=n, quote_seq=n) for n in range(1, 9)
    ]
    assert len(inputs.quotes_section(quotes)) == len(inputs.quotes_section(quotes[:3]))
    assert len(inputs.quotes_section(quotes[:2])) < len(inputs.quotes_section(quotes))
    assert inputs.quotes_section([]) == b""


def test_a_close_of_many_symbols_is_kept_whole(
    kit: MasterKit, ann: MasterClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More bars than one record holds, completed by one close: each fill is decided again."""
    monkeypatch.setattr(inputs, "QUOTES_KEPT_MAX", 1)
    ann.seq += 1
    terms = terms_block(m.PortfolioTermsSet, PortfolioTerms(fill_model=FillModelKind.BAR))
    assert ann.ask(terms, seq=ann.seq).status == 0
    symbols, closes = ("AAPL", "IBM", "MSFT"), 0
    for symbol in symbols:
        closes = ann.order(symbol, "1").message.expire_at
    for number, minutes in enumerate((-2.5, -0.9, -0.1)):
        for symbol in symbols:
            at = closes + int(minutes * MINUTE)
            kit.quote(
                symbol, "28.50", "28.55", source_time=at, day_volume=number * 700 * SCALE,
                flags=int(QuoteFlag.REPLAYED),
            )  # fmt: skip
        for symbol in symbols if number == 0 else ():
            ann.order(symbol, "2", time_in_force=TimeInForce.CLS)
    kit.main.transactions.advance(closes)
    kit.turn()
    orders = ann.ask(m.OrderList(states=0xFFFF)).message.orders
    assert [order.state for order in orders] == [OrderState.FILLED] * 6
    seen: list[int] = []
    of = deciding.Input.of
    monkeypatch.setattr(
        deciding.Input,
        "of",
        lambda given, kind: (
            seen.append(len(of(given, kind)) * (kind is m.StoreTime)) or of(given, kind)
        ),
    )
    kit.check()
    assert max(seen) == len(symbols)
    kit.boot()


def test_a_publication_is_split(kit: MasterKit, monkeypatch: pytest.MonkeyPatch) -> None:
    """As few frames as the bound allows, every event in one of them, in order."""
    monkeypatch.setattr("papertrader.master.workerlink.PUBLISH_OCTETS_MAX", 100)
    link: WorkerLink = kit.main.workers.new_link()
    batches: list[list[bytes]] = []
    monkeypatch.setattr(link, "_publish", lambda batch, kind: batches.append(list(batch)))
    frames = [bytes([n]) * 40 for n in range(5)]
    link.publish(frames)
    assert [len(batch) for batch in batches] == [2, 2, 1]
    assert [frame for batch in batches for frame in batch] == frames
