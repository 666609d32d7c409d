"""backtrader's own crossover strategy, trading over alpaca-py with a PaperTrader gateway.

    python examples/backtrader_alpaca.py https://HOST:PORT KEY_FILE SYMBOL

``pip install alpaca-py backtrader``; KEY_FILE is what ``papertrader key create --trade bot >
KEY_FILE`` wrote, or holds an ID and its secret, a line each, as Alpaca gives them;
REQUESTS_CA_BUNDLE names the authority's certificate. The strategy and backtrader are as they come
from PyPI, and know nothing of either; `AlpacaDays` and `AlpacaBroker` are what they trade through,
and would do so at Alpaca as well. One bar is a day of the market. Not advice: an example.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import backtrader as bt
from alpaca.common.exceptions import APIError
from alpaca.data.historical import StockHistoricalDataClient
from alpaca.data.requests import StockBarsRequest
from alpaca.data.timeframe import TimeFrame
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import OrderSide, TimeInForce
from alpaca.trading.requests import MarketOrderRequest
from backtrader.position import Position

POLL_S = 5.0
WARM_UP = timedelta(days=60)
"""Days before the first that is traded, for the averages to begin with."""
LIVELY = ("new", "accepted", "partially_filled", "pending_new", "held")


class AlpacaDays(bt.feed.DataBase):
    """The closed days of one symbol: those of the past at once, then each as it comes.

    ``wait`` is called while there is nothing new; the feed ends when it returns False.
    """

    params = (
        ("data_client", None), ("trading", None), ("wait", None), ("timeframe", bt.TimeFrame.Days),
    )  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._days: deque[Any] = deque(maxlen=10_000)
        self._told: datetime | None = None

    def islive(self) -> bool:
        """Days come as they close: nothing may be loaded ahead."""
        return True

    def _load(self) -> bool:
        while not self._days:
            self._read()
            if not self._days and not self.p.wait():
                return False
        bar = self._days.popleft()
        self.lines.datetime[0] = bt.date2num(bar.timestamp.replace(tzinfo=None))
        for line in ("open", "high", "low", "close", "volume"):
            getattr(self.lines, line)[0] = getattr(bar, line)
        self.lines.openinterest[0] = 0
        return True

    def _read(self) -> None:
        clock = self.p.trading.get_clock()
        start = self._told or clock.timestamp - WARM_UP
        request = StockBarsRequest(
            symbol_or_symbols=self.p.dataname, timeframe=TimeFrame.Day, start=start
        )
        bars = self.p.data_client.get_stock_bars(request).data.get(self.p.dataname, [])
        today = clock.timestamp.date()
        closed = [bar for bar in bars if bar.timestamp.date() < today or not clock.is_open]
        self._days += [bar for bar in closed if self._told is None or bar.timestamp > self._told]
        if self._days:
            self._told = self._days[-1].timestamp


class AlpacaBroker(bt.BrokerBase):
    """Sends backtrader's market orders by alpaca-py, and tells it of their fills."""

    params = (("trading", None), ("started_at", None))

    def __init__(self) -> None:
        super().__init__()
        self._sent: dict[str, Any] = {}
        self._held: dict[str, Position] = {}
        self._news: deque[Any] = deque(maxlen=10_000)
        self.startingcash = self.startingvalue = self.getcash()
        for each in self.p.trading.get_all_positions():
            self._held[each.symbol] = Position(float(each.qty), float(each.avg_entry_price))

    def getcash(self) -> float:
        """Return the account's cash."""
        return float(self.p.trading.get_account().cash)

    def getvalue(self, datas: Any = None) -> float:
        """Return what the account is worth."""
        return float(self.p.trading.get_account().equity)

    def getposition(self, data: Any, clone: bool = True) -> Position:
        """Return what is held of a feed's symbol."""
        held = self._held.setdefault(data.p.dataname, Position())
        return held.clone() if clone else held

    def buy(self, owner: Any, data: Any, size: float, **terms: Any) -> Any:
        """Send an order to buy."""
        return self._send(bt.BuyOrder(owner=owner, data=data, size=size), OrderSide.BUY)

    def sell(self, owner: Any, data: Any, size: float, **terms: Any) -> Any:
        """Send an order to sell."""
        return self._send(bt.SellOrder(owner=owner, data=data, size=size), OrderSide.SELL)

    def cancel(self, order: Any) -> None:
        """Cancel an order that has not filled."""
        for number, each in self._sent.items():
            if each.ref == order.ref:
                self.p.trading.cancel_order_by_id(number)

    def _send(self, order: Any, side: OrderSide) -> Any:
        order.addcomminfo(self.getcommissioninfo(order.data))
        order.submit(self)
        self._tell(order)
        feed = order.data
        if feed.datetime.datetime(0) < self.p.started_at:
            # A signal of the days before this program ran is not traded any more.
            order.reject(self)
            self._tell(order)
            return order
        request = MarketOrderRequest(
            symbol=feed.p.dataname, qty=abs(order.size), side=side, time_in_force=TimeInForce.GTC
        )
        made = self.p.trading.submit_order(request)
        self._sent[str(made.id)] = order
        order.accept(self)
        self._tell(order)
        return order

    def look(self) -> None:
        """Ask what became of the orders that were sent."""
        for number, order in list(self._sent.items()):
            found = self.p.trading.get_order_by_id(number)
            if found.status.value in LIVELY:
                continue
            del self._sent[number]
            if float(found.filled_qty):
                self._filled(order, float(found.filled_qty), float(found.filled_avg_price))
            else:
                order.cancel()
            self._tell(order)

    def _filled(self, order: Any, quantity: float, price: float) -> None:
        size = quantity if order.isbuy() else -quantity
        held = self.getposition(order.data, clone=False)
        after, cost, opened, closed = held.update(size, price)
        order.execute(
            order.data.datetime[0], size, price, closed, closed * price, 0.0, opened,
            opened * price, 0.0, 0.0, 0.0, after, cost,
        )  # fmt: skip
        order.completed()

    def _tell(self, order: Any) -> None:
        if order.status == order.Completed:
            done = order.executed
            print(f"{order.ordtypename()} {abs(done.size)} at {done.price:.2f}", flush=True)
        self._news.append(order.clone())

    def get_notification(self) -> Any:
        """Return the oldest news of an order."""
        return self._news.popleft() if self._news else None

    def next(self) -> None:
        """A bar is about to be traded: orders of the bar before have had their time."""
        self.look()


def run(
    url: str,
    keys: tuple[str, str],
    symbol: str,
    wait: Callable[[], bool],
    strategy: type[bt.Strategy] = bt.strategies.MA_CrossOver,
    size: int = 100,
    **terms: Any,
) -> tuple[Any, AlpacaBroker]:
    """Trade until ``wait`` returns False; returns the strategy and the broker."""
    trading = TradingClient(*keys, url_override=url)
    data_client = StockHistoricalDataClient(*keys, url_override=url)
    started_at = trading.get_clock().timestamp.replace(
        hour=0, minute=0, second=0, microsecond=0, tzinfo=None
    )  # fmt: skip
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.adddata(
        AlpacaDays(dataname=symbol, data_client=data_client, trading=trading, wait=wait)
    )
    broker = AlpacaBroker(trading=trading, started_at=started_at)
    cerebro.setbroker(broker)
    cerebro.addsizer(bt.sizers.FixedSize, stake=size)
    cerebro.addstrategy(strategy, **terms)
    (ran,) = cerebro.run()
    broker.look()
    return ran, broker


def _sleep() -> bool:
    time.sleep(POLL_S)
    return True


def keys_of(text: str) -> tuple[str, str]:
    """Return ID and secret: two words, or one of which the ID is the first 16 characters."""
    words = text.split()
    if len(words) == 1 and len(words[0]) == 80:
        return words[0][:16], words[0][16:]
    if len(words) == 2:
        return words[0], words[1]
    raise ValueError("the file of the key must hold its 80 digits, or an ID and a secret")


def main(arguments: list[str]) -> None:
    """Run until interrupted."""
    url, key_file, symbol = arguments
    keys = keys_of(Path(key_file).read_text(encoding="utf-8"))
    TradingClient(*keys, url_override=url).get_asset(symbol)  # none: no day of it would ever come
    run(url, keys, symbol, _sleep)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(130)
    except (APIError, OSError, ValueError) as wrong:  # requests' errors are OSErrors
        sys.exit(f"error: {wrong}")
