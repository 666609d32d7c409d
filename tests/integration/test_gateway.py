"""alpaca-py from PyPI, unchanged, against a real worker over TLS: one server for all tests here.

Each test is named in ``specs/gateway.rst`` by the methods that it shows.
"""

from __future__ import annotations

import contextlib
import json
import queue
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from alpaca.common.exceptions import APIError
from alpaca.data.enums import Adjustment
from alpaca.data.live import CryptoDataStream, StockDataStream
from alpaca.data.requests import (
    CryptoBarsRequest,
    CryptoLatestBarRequest,
    CryptoLatestOrderbookRequest,
    CryptoLatestQuoteRequest,
    CryptoLatestTradeRequest,
    CryptoQuoteRequest,
    CryptoSnapshotRequest,
    CryptoTradesRequest,
    StockBarsRequest,
    StockLatestBarRequest,
    StockLatestQuoteRequest,
    StockLatestTradeRequest,
    StockQuotesRequest,
    StockSnapshotRequest,
    StockTradesRequest,
)
from alpaca.data.timeframe import TimeFrame, TimeFrameUnit
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import (
    OrderClass,
    OrderSide,
    OrderStatus,
    OrderType,
    PositionSide,
    QueryOrderStatus,
    TimeInForce,
)
from alpaca.trading.requests import (
    ClosePositionRequest,
    CreateWatchlistRequest,
    GetCalendarRequest,
    GetOptionContractsRequest,
    GetOrdersRequest,
    GetPortfolioHistoryRequest,
    LimitOrderRequest,
    MarketOrderRequest,
    ReplaceOrderRequest,
    StopLimitOrderRequest,
    StopLossRequest,
    StopOrderRequest,
    TakeProfitRequest,
    TrailingStopOrderRequest,
    UpdateWatchlistRequest,
)
from alpaca.trading.stream import TradingStream

from tests.alpaca_kit import BUY, OTHER, PAIR, SELL, STOCK, WAIT_S, Bot, error_of, refused
from tests.server_kit import PASSWORD, Server, running

pytestmark = pytest.mark.slow

OPTIONS = ("--gateway-port", "0", "--market", "simulated", "--market-clock", "2020-01-06")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A PaperTrader with a gateway, whose authority the process trusts."""
    state: Path = tmp_path_factory.mktemp("gateway") / "state"
    with running(state, *OPTIONS) as started, pytest.MonkeyPatch.context() as patch:
        patch.setenv("REQUESTS_CA_BUNDLE", str(started.ca))
        patch.setenv("SSL_CERT_FILE", str(started.ca))
        yield started


@pytest.fixture(scope="module")
def bot(server: Server) -> Iterator[Bot]:
    """A program of a new account."""
    made = Bot(server, "bot")
    yield made
    made.owner.close()


# --- the account ----------------------------------------------------------------------------------


def test_a_market_order(bot: Bot) -> None:
    """A newcomer's account has its cash; an order is sent, filled, and found by both its names."""
    account: Any = bot.trading.get_account()
    assert (account.cash, account.currency, account.status.value) == ("100000", "USD", "ACTIVE")
    request = MarketOrderRequest(symbol=STOCK, qty=3, client_order_id="my first one", **BUY)
    sent: Any = bot.trading.submit_order(request)
    assert (sent.symbol, sent.qty, sent.client_order_id) == (STOCK, "3", "my first one")
    found = bot.filled(sent)
    assert found.filled_qty == "3"
    assert bot.trading.get_order_by_client_id("my first one") == found
    with refused(40010001):
        bot.trading.submit_order(request)
    after: Any = bot.trading.get_account()
    assert Decimal(after.cash) == Decimal(100_000) - 3 * Decimal(found.filled_avg_price)
    assert Decimal(after.equity) == Decimal(after.cash) + Decimal(after.long_market_value)


def test_wrong_keys(bot: Bot) -> None:
    """A wrong secret is forbidden, and is not told in the answer; so is what is no key at all."""
    for keys in ((bot.keys[0], "0" * 64), ("made up", "as well")):
        with pytest.raises(APIError) as caught:
            TradingClient(*keys, url_override=bot.url).get_account()
        assert error_of(caught) == {"code": 40310000, "message": "forbidden."}


def test_configurations(server: Server) -> None:
    """What can be changed is changed while the account is empty; the rest is said to be fixed."""
    trading = Bot(server, "configured").trading
    configured: Any = trading.get_account_configurations()
    assert (configured.no_shorting, configured.max_margin_multiplier) == (True, "1")
    configured.max_margin_multiplier, configured.no_shorting = "2", False
    changed: Any = trading.set_account_configurations(configured)
    assert (changed.no_shorting, changed.max_margin_multiplier) == (False, "2")
    assert trading.get_account_configurations() == changed
    changed.suspend_trade = True
    with refused(42210000):
        trading.set_account_configurations(changed)
    account: Any = trading.get_account()
    assert (account.multiplier, account.shorting_enabled) == ("2", True)


def test_portfolio_history_and_activities(bot: Bot) -> None:
    """The curve ends at what the account is worth; fills and deposits are activities."""
    order = bot.bought(1)
    history: Any = bot.trading.get_portfolio_history()
    assert history.timeframe == "1D"
    assert len(history.timestamp) == len(history.equity) >= 1
    week = GetPortfolioHistoryRequest(period="1W", timeframe="1W")
    assert bot.trading.get_portfolio_history(week).timeframe == "1W"
    for frame in ("1Min", "5Min", "15Min", "1H"):
        day = GetPortfolioHistoryRequest(period="1D", timeframe=frame)
        short: Any = bot.trading.get_portfolio_history(day)
        assert (short.timeframe, short.equity[-1]) == (frame, pytest.approx(100_000, abs=500))
    with refused(42210000):
        bot.trading.get_portfolio_history(GetPortfolioHistoryRequest(timeframe="2Min"))
    fills: Any = bot.trading.get("/account/activities/FILL", {"page_size": 1})
    assert [fill["order_id"] for fill in fills] == [str(order.id)]
    assert (fills[0]["type"], fills[0]["cum_qty"], fills[0]["leaves_qty"]) == ("fill", "1", "0")
    every: Any = bot.trading.get("/account/activities", {"direction": "asc"})
    assert (every[0]["activity_type"], every[0]["net_amount"]) == ("CSD", "100000")
    rest: Any = bot.trading.get("/account/activities", {"page_token": fills[0]["id"]})
    assert rest == every[::-1][1:]


# --- orders ---------------------------------------------------------------------------------------


def test_orders_of_every_type(bot: Bot) -> None:
    """Each type and time in force rests as it was sent, and is listed and cancelled."""
    price = bot.price()
    low, high = float(round(price / 2, 2)), float(round(price * 2, 2))
    requests = [
        LimitOrderRequest(symbol=STOCK, qty=1, limit_price=low, **BUY),
        StopOrderRequest(symbol=STOCK, qty=1, stop_price=high, **BUY),
        StopLimitOrderRequest(symbol=STOCK, qty=1, stop_price=high, limit_price=high, **BUY),
        TrailingStopOrderRequest(symbol=STOCK, qty=1, trail_percent=50, **BUY),
        TrailingStopOrderRequest(symbol=STOCK, qty=1, trail_price=low, **BUY),
    ]
    sent: list[Any] = [bot.trading.submit_order(request) for request in requests]
    assert [order.type for order in sent] == [request.type for request in requests]
    assert [order.limit_price for order in sent[:3]] == [str(low), None, str(high)]
    assert [order.trail_percent for order in sent] == [None, None, None, "50", None]
    assert sent[4].trail_price == str(low)
    listed: Any = bot.trading.get_orders()
    assert [order.id for order in listed] == [order.id for order in sent[::-1]]
    chosen = GetOrdersRequest(
        status=QueryOrderStatus.OPEN, symbols=[STOCK], side=OrderSide.BUY, limit=2
    )
    assert bot.trading.get_orders(chosen) == listed[:2]
    bot.trading.cancel_order_by_id(sent[0].id)
    gone: Any = bot.trading.get_order_by_id(sent[0].id)
    assert gone.status == OrderStatus.CANCELED
    with refused(42210000):
        bot.trading.cancel_order_by_id(sent[0].id)
    cancelled: Any = bot.trading.cancel_orders()
    assert {(each.id, each.status) for each in cancelled} == {(each.id, 200) for each in sent[1:]}
    assert bot.trading.get_orders() == []
    closed: Any = bot.trading.get_orders(GetOrdersRequest(status=QueryOrderStatus.CLOSED))
    assert {each.id for each in closed} >= {each.id for each in sent}
    for in_force in (TimeInForce.IOC, TimeInForce.FOK, TimeInForce.OPG, TimeInForce.CLS):
        wish = LimitOrderRequest(
            symbol=STOCK, qty=1, limit_price=low, side=OrderSide.BUY, time_in_force=in_force
        )
        made: Any = bot.trading.submit_order(wish)
        assert made.time_in_force == in_force
    bot.trading.cancel_orders()


def test_an_amount_of_money(bot: Bot) -> None:
    """A notional order buys a fraction, where the market has them; else it says why not."""
    request = MarketOrderRequest(symbol=STOCK, notional=500, **BUY)
    fraction: Any = bot.filled(bot.trading.submit_order(request))
    assert fraction.notional == "500"
    assert Decimal(fraction.filled_qty) * Decimal(fraction.filled_avg_price) <= 500


def test_replacing(bot: Bot) -> None:
    """The new order is linked with the old one, both ways."""
    low = float(round(bot.price() / 2, 2))
    old: Any = bot.trading.submit_order(
        LimitOrderRequest(symbol=STOCK, qty=1, limit_price=low, **BUY)
    )
    new: Any = bot.trading.replace_order_by_id(
        old.id, ReplaceOrderRequest(qty=2, limit_price=low - 1, client_order_id="the second")
    )
    assert (new.replaces, new.qty, new.limit_price) == (old.id, "2", f"{low - 1:.2f}".rstrip("0"))
    before: Any = bot.trading.get_order_by_id(old.id)
    assert (before.status, before.replaced_by) == (OrderStatus.REPLACED, new.id)
    assert bot.trading.get_order_by_client_id("the second").id == new.id  # type: ignore[union-attr]
    bot.trading.cancel_orders()


def test_classes_of_orders(bot: Bot) -> None:
    """Bracket, OTO and OCO come with their legs, which are orders of their own."""
    price = bot.price()
    low, lower, high = (float(round(price * part / 10, 2)) for part in (6, 5, 20))
    bracket: Any = bot.trading.submit_order(
        LimitOrderRequest(
            symbol=STOCK, qty=2, limit_price=low, order_class=OrderClass.BRACKET,
            take_profit=TakeProfitRequest(limit_price=high),
            stop_loss=StopLossRequest(stop_price=lower), **BUY,
        )
    )  # fmt: skip
    assert bracket.order_class == OrderClass.BRACKET
    assert [(leg.type, leg.status) for leg in bracket.legs] == [
        (OrderType.LIMIT, OrderStatus.HELD), (OrderType.STOP, OrderStatus.HELD),
    ]  # fmt: skip
    nested = GetOrdersRequest(status=QueryOrderStatus.OPEN, nested=True)
    (listed,) = bot.trading.get_orders(nested)
    assert listed.legs == bracket.legs  # type: ignore[union-attr]
    bot.trading.cancel_order_by_id(bracket.id)
    assert bot.trading.get_orders() == []
    oto: Any = bot.trading.submit_order(
        LimitOrderRequest(
            symbol=STOCK, qty=2, limit_price=low, order_class=OrderClass.OTO,
            stop_loss=StopLossRequest(stop_price=lower, limit_price=lower), **BUY,
        )
    )  # fmt: skip
    assert (oto.order_class, [leg.type for leg in oto.legs]) == (
        OrderClass.OTO, [OrderType.STOP_LIMIT],
    )  # fmt: skip
    bot.trading.cancel_orders()
    bot.bought(2)
    oco: Any = bot.trading.submit_order(
        LimitOrderRequest(
            symbol=STOCK, qty=2, order_class=OrderClass.OCO,
            take_profit=TakeProfitRequest(limit_price=high),
            stop_loss=StopLossRequest(stop_price=lower), **SELL,
        )
    )  # fmt: skip
    assert (oco.order_class, oco.limit_price) == (OrderClass.OCO, str(high).removesuffix(".0"))
    assert [(leg.type, leg.order_class) for leg in oco.legs] == [(OrderType.STOP, OrderClass.OCO)]
    bot.trading.cancel_orders()


def test_refusals(bot: Bot) -> None:
    """What cannot be done is said in Alpaca's form, with its codes."""
    with refused(40310000):
        bot.trading.submit_order(MarketOrderRequest(symbol=STOCK, qty=1_000_000, **BUY))
    with refused(40310000):
        bot.trading.submit_order(MarketOrderRequest(symbol=OTHER, qty=1, **SELL))
    with refused(40410000):
        bot.trading.submit_order(MarketOrderRequest(symbol="NOPE", qty=1, **BUY))
    with refused(42210000):
        bot.trading.submit_order(MarketOrderRequest(symbol=STOCK, qty=0, **BUY))
    with refused(40410000):
        bot.trading.get_order_by_id("00000000-0000-4000-8000-000000000000")
    wanted = GetOptionContractsRequest(underlying_symbols=[STOCK])
    contracts: Any = bot.trading.get_option_contracts(wanted)
    assert (contracts.option_contracts, contracts.next_page_token) == ([], None)
    with refused(40410000):
        bot.trading.get_option_contract("AAPL100117C00200000")
    with refused(42210000):
        bot.trading.exercise_options_position("AAPL100117C00200000")


# --- positions ------------------------------------------------------------------------------------


def test_positions(server: Server) -> None:
    """Positions are told, closed in part, closed by symbol, and all at once."""
    made = Bot(server, "holder")
    trading = made.trading
    made.bought(10)
    made.bought(4, OTHER)
    positions: Any = trading.get_all_positions()
    assert [(each.symbol, each.qty, each.side) for each in positions] == [
        (OTHER, "4", PositionSide.LONG), (STOCK, "10", PositionSide.LONG),
    ]  # fmt: skip
    one: Any = trading.get_open_position(OTHER)
    assert one.asset_id == positions[0].asset_id
    assert trading.get_open_position(one.asset_id).symbol == OTHER  # type: ignore[union-attr]
    half: Any = trading.close_position(STOCK, ClosePositionRequest(percentage="50"))
    assert (half.qty, half.side) == ("5", OrderSide.SELL)
    made.filled(half)
    some: Any = trading.close_position(STOCK, ClosePositionRequest(qty="2"))
    made.filled(some)
    assert trading.get_open_position(STOCK).qty == "3"  # type: ignore[union-attr]
    made.filled(trading.close_position(OTHER))
    with refused(40410000):
        trading.get_open_position(OTHER)
    (closed,) = trading.close_all_positions(cancel_orders=True)
    made.filled(closed.body)  # type: ignore[union-attr]
    assert trading.get_all_positions() == []
    made.owner.close()


def test_a_short_position(server: Server) -> None:
    """Who may borrow sells what is not held, and buys it back."""
    made = Bot(server, "short")
    configured: Any = made.trading.get_account_configurations()
    configured.max_margin_multiplier, configured.no_shorting = "2", False
    made.trading.set_account_configurations(configured)
    made.filled(made.trading.submit_order(MarketOrderRequest(symbol=STOCK, qty=5, **SELL)))
    held: Any = made.trading.get_open_position(STOCK)
    assert (held.side, held.qty) == (PositionSide.SHORT, "-5")
    made.bought(5)
    assert made.trading.get_all_positions() == []
    made.owner.close()


# --- what there is --------------------------------------------------------------------------------


def test_assets_clock_and_calendar(bot: Bot) -> None:
    """Assets by symbol and UUID; the clock is the market's, and so are the sessions."""
    assets: Any = bot.trading.get_all_assets()
    assert {STOCK, OTHER} <= {asset.symbol for asset in assets}
    asset: Any = bot.trading.get_asset(STOCK)
    assert bot.trading.get_asset(asset.id) == asset
    with refused(40410000):
        bot.trading.get_asset("NOPE")
    clock: Any = bot.trading.get_clock()
    assert clock.timestamp.year == 2020
    assert clock.next_close > clock.timestamp
    (friday, monday) = bot.trading.get_calendar(
        GetCalendarRequest(start=date(2020, 1, 3), end=date(2020, 1, 6))
    )
    assert (friday.date, monday.date) == (date(2020, 1, 3), date(2020, 1, 6))  # type: ignore[union-attr]
    assert friday.open == datetime(2020, 1, 3, 9, 30)  # type: ignore[union-attr] # noqa: DTZ001


def test_watchlists(bot: Bot) -> None:
    """A list is made, read, changed, renamed and deleted."""
    trading = bot.trading
    made: Any = trading.create_watchlist(CreateWatchlistRequest(name="mine", symbols=[STOCK]))
    assert [asset.symbol for asset in made.assets] == [STOCK]
    added: Any = trading.add_asset_to_watchlist_by_id(made.id, OTHER)
    assert [asset.symbol for asset in added.assets] == [STOCK, OTHER]
    assert trading.get_watchlist_by_id(made.id) == added
    less: Any = trading.remove_asset_from_watchlist_by_id(made.id, STOCK)
    assert [asset.symbol for asset in less.assets] == [OTHER]
    renamed: Any = trading.update_watchlist_by_id(made.id, UpdateWatchlistRequest(name="other"))
    (listed,) = trading.get_watchlists()
    assert (listed.name, listed.id) == ("other", renamed.id)  # type: ignore[union-attr]
    trading.delete_watchlist_by_id(renamed.id)
    assert trading.get_watchlists() == []
    with refused(40410000):
        trading.get_watchlist_by_id(renamed.id)


# --- data -----------------------------------------------------------------------------------------


def test_stock_data(bot: Bot) -> None:
    """The newest quotes, trades and bars; a year of days in pages; what is kept of the past."""
    symbols = [STOCK, OTHER, "NOPE"]
    known = {STOCK, OTHER}
    quotes: Any = bot.stocks.get_stock_latest_quote(
        StockLatestQuoteRequest(symbol_or_symbols=symbols)
    )
    assert set(quotes) == known
    assert quotes[STOCK].ask_price >= quotes[STOCK].bid_price > 0
    trades: Any = bot.stocks.get_stock_latest_trade(
        StockLatestTradeRequest(symbol_or_symbols=symbols)
    )
    assert trades[OTHER].price > 0
    latest: Any = bot.stocks.get_stock_latest_bar(StockLatestBarRequest(symbol_or_symbols=symbols))
    snapshots: Any = bot.stocks.get_stock_snapshot(StockSnapshotRequest(symbol_or_symbols=symbols))
    assert set(snapshots) == known
    assert snapshots[STOCK].previous_daily_bar.close > 0
    assert set(latest) <= known
    request = StockBarsRequest(
        symbol_or_symbols=symbols, timeframe=TimeFrame.Day, start=datetime(2019, 1, 1),  # noqa: DTZ001
        end=datetime(2019, 12, 31), adjustment=Adjustment.SPLIT,  # noqa: DTZ001
    )  # fmt: skip
    days: Any = bot.stocks.get_stock_bars(request)
    assert {symbol: len(bars) for symbol, bars in days.data.items()} == {STOCK: 252, OTHER: 252}
    half_hours = TimeFrame(2, TimeFrameUnit.Hour)
    hours: Any = bot.stocks.get_stock_bars(
        StockBarsRequest(symbol_or_symbols=STOCK, timeframe=half_hours, limit=3)
    )
    assert len(hours.data.get(STOCK, [])) <= 3
    past = {"symbol_or_symbols": STOCK, "start": datetime(2020, 1, 6)}  # noqa: DTZ001
    of_quotes: Any = bot.stocks.get_stock_quotes(StockQuotesRequest(**past))
    of_trades: Any = bot.stocks.get_stock_trades(StockTradesRequest(**past))
    assert len(of_quotes.data[STOCK]) == len(of_trades.data[STOCK]) == 1


def test_crypto_data(bot: Bot) -> None:
    """The same of coins."""
    client, latest = bot.crypto, {"symbol_or_symbols": [PAIR]}
    asked: list[tuple[Callable[[Any], Any], Any]] = [
        (client.get_crypto_latest_quote, CryptoLatestQuoteRequest(**latest)),
        (client.get_crypto_latest_trade, CryptoLatestTradeRequest(**latest)),
        (client.get_crypto_latest_bar, CryptoLatestBarRequest(**latest)),
        (client.get_crypto_latest_orderbook, CryptoLatestOrderbookRequest(**latest)),
        (client.get_crypto_snapshot, CryptoSnapshotRequest(**latest)),
    ]
    for method, request in asked:
        assert set(method(request)) == {PAIR}, method
    past = {**latest, "start": datetime(2019, 12, 1)}  # noqa: DTZ001
    days = client.get_crypto_bars(CryptoBarsRequest(timeframe=TimeFrame.Day, **past))
    assert len(days.data[PAIR]) > 10  # type: ignore[union-attr]
    assert PAIR in client.get_crypto_quotes(CryptoQuoteRequest(**past)).data  # type: ignore[union-attr]
    assert PAIR in client.get_crypto_trades(CryptoTradesRequest(**past)).data  # type: ignore[union-attr]


# --- streams --------------------------------------------------------------------------------------


class Listening:
    """A stream of alpaca-py on a thread of its own; what it hands out is kept."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.heard: queue.Queue[Any] = queue.Queue()
        self.wake: Callable[[], object] = lambda: None
        self._thread = threading.Thread(target=stream.run, daemon=True)

    async def hear(self, thing: Any) -> None:
        """Keep what was handed out."""
        self.heard.put(thing)

    def __enter__(self) -> Listening:
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        # It waits five seconds for its own thread to hear of it, which hears of it later as well.
        with contextlib.suppress(TimeoutError):
            self.stream.stop()
        # It looks whether it is to stop when something comes.
        self.wake()
        self._thread.join(WAIT_S)
        assert not self._thread.is_alive()

    def next(self) -> Any:
        """Return the next thing that comes."""
        return self.heard.get(timeout=WAIT_S)


def test_trade_updates(server: Server) -> None:
    """An order is told when it is taken, when it fills, and when it is cancelled."""
    made = Bot(server, "listener")
    stream = TradingStream(*made.keys, url_override=f"wss://{made.place}/stream")
    listening = Listening(stream)
    stream.subscribe_trade_updates(listening.hear)
    listening.wake = lambda: made.bought(1)
    with listening:
        orders: list[Any] = []
        request = MarketOrderRequest(symbol=STOCK, qty=1, client_order_id="heard of", **BUY)
        # Nothing says when the stream listens: the first order that is told shows it.
        while not orders or listening.heard.empty():
            orders.append(made.bought(1))
        sent: Any = made.trading.submit_order(request)
        update = listening.next()
        while update.order.id != sent.id:
            update = listening.next()
        assert (update.event, update.order.client_order_id) == ("new", "heard of")
        filled = listening.next()
        assert (filled.event, filled.order.id, filled.qty) == ("fill", sent.id, 1)
        assert filled.position_qty == len(orders) + 1
        assert filled.price == float(filled.order.filled_avg_price)
        low = float(round(made.price() / 2, 2))
        rests: Any = made.trading.submit_order(
            LimitOrderRequest(symbol=STOCK, qty=1, limit_price=low, **BUY)
        )
        made.trading.cancel_order_by_id(rests.id)
        assert [str(listening.next().event) for _ in range(2)] == ["new", "canceled"]
    made.owner.close()


def test_market_data_streams(bot: Bot) -> None:
    """Quotes, trades and bars come as they are subscribed to; what is given up comes no more."""
    stream = StockDataStream(*bot.keys, url_override=f"wss://{bot.place}/v2/iex")
    listening = Listening(stream)
    stream.subscribe_quotes(listening.hear, STOCK)
    with listening:
        quote = listening.next()
        assert (quote.symbol, quote.timestamp.year) == (STOCK, 2020)
        assert quote.ask_price >= quote.bid_price > 0
        kinds: dict[str, Any] = {}
        each = {
            "trade": stream.subscribe_trades,
            "bar": stream.subscribe_bars,
            "day": stream.subscribe_daily_bars,
        }

        def keep(kind: str) -> Callable[[Any], Any]:
            async def handler(thing: Any) -> None:
                kinds.setdefault(kind, thing)
                if len(kinds) == len(each):
                    listening.heard.put("all")

            return handler

        for kind, subscribe in each.items():
            subscribe(keep(kind), STOCK, OTHER)
        stream.subscribe_updated_bars(listening.hear, STOCK)
        stream.subscribe_trading_statuses(listening.hear, STOCK)
        stream.register_trade_corrections(listening.hear)
        stream.register_trade_cancels(listening.hear)
        stream.unsubscribe_quotes(STOCK)
        for _ in range(10_000):
            if listening.next() == "all":
                break
        assert {kinds["trade"].symbol, kinds["bar"].symbol} <= {STOCK, OTHER}
        assert kinds["bar"].timestamp.second == 0
        for give_up in (stream.unsubscribe_bars, stream.unsubscribe_daily_bars):
            give_up(STOCK, OTHER)
        stream.unsubscribe_trades(OTHER)
        stream.unsubscribe_updated_bars(STOCK)
        stream.unsubscribe_trading_statuses(STOCK)


def test_a_crypto_stream(bot: Bot) -> None:
    """Pairs are streamed as shares are, with a book of one level."""
    where = f"wss://{bot.place}/v1beta3/crypto/us"
    stream = CryptoDataStream(*bot.keys, url_override=where)
    listening = Listening(stream)
    stream.subscribe_orderbooks(listening.hear, PAIR)
    with listening:
        book = listening.next()
        assert (book.symbol, len(book.bids), len(book.asks)) == (PAIR, 1, 1)


def test_days_between(bot: Bot) -> None:
    """The market's clock, not the wall's, ends a range that says no end."""
    start = bot.trading.get_clock().timestamp - timedelta(days=7)  # type: ignore[union-attr]
    request = StockBarsRequest(symbol_or_symbols=STOCK, timeframe=TimeFrame.Day, start=start)
    days = bot.stocks.get_stock_bars(request).data[STOCK]  # type: ignore[union-attr]
    assert 3 <= len(days) <= 7
    assert days[-1].timestamp.astimezone(UTC) <= bot.trading.get_clock().timestamp  # type: ignore[union-attr]


def test_a_client_order_id_outlives_both_servers(server: Server) -> None:
    """After master and worker were killed: shown as it was said, found, and not used twice."""
    bot = Bot(server, "lasting")
    said = "my strategy / leg 7"
    order = LimitOrderRequest(symbol=STOCK, qty=1, limit_price=1, client_order_id=said, **BUY)
    sent = bot.trading.submit_order(order)
    assert sent.client_order_id == said
    for name in ("master", "worker-1"):
        server.wait_for_new(name, server.kill(name))
    # The library's client waits until the worker has its master again; alpaca-py does not.
    owner = server.client()
    owner.login("lasting", PASSWORD)
    assert owner.order(tag=said).is_open
    owner.close()
    bot.owner.close()
    where = server.said("worker-1.json")["gateway"]
    trading = TradingClient(*bot.keys, url_override=f"https://{where['host']}:{where['port']}")
    found = trading.get_order_by_client_id(said)
    assert (found.id, found.client_order_id) == (sent.id, said)
    assert [each.client_order_id for each in trading.get_orders()] == [said]
    with pytest.raises(APIError) as refused:
        trading.submit_order(order)
    assert json.loads(str(refused.value))["code"] == 40010001
    new = trading.replace_order_by_id(sent.id, ReplaceOrderRequest(qty=2, client_order_id="next"))
    assert (new.client_order_id, trading.get_order_by_id(sent.id).client_order_id) == ("next", said)
