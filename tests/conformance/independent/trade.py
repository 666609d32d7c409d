"""A whole client of the independent reader: ``python -I -S trade.py SCHEMA HOST PORT CA``.

It registers, logs in, follows its account and a quote, buys at the market, sells again, and holds
every figure that it is told against the events. It prints a line of JSON at the end, or fails with
an exception that says what did not add up.
"""

from __future__ import annotations

import json
import secrets
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from reader import Frame, Line, Schema

SYMBOL = "IBM"
FRAMES_MAX = 2_000


def claim(holds: bool, what: str) -> None:
    """Stop when something does not add up."""
    if not holds:
        raise SystemExit(f"wrong: {what}")


class Trader:
    """A client that believes nothing which it cannot compute again."""

    def __init__(self, schema: Schema, line: Line) -> None:
        self.schema = schema
        self.line = line
        self.session = 0
        self.seq = 0
        self.correlation = 0
        self.next_event = 1
        self.events: list[Frame] = []
        self.quotes: list[Frame] = []
        self.read_frames = 0

    def ask(self, message: str, values: dict[str, Any], *, command: bool = False) -> Frame:
        """Send a request and return its reply; events on the way are kept."""
        self.correlation += 1
        self.seq += command
        header = {
            "session": self.session, "correlation": self.correlation,
            "seq": self.seq if command else 0,
        }  # fmt: skip
        self.line.send(self.schema.write(message, values, header, {}))
        while True:
            frame = self.next_frame()
            if frame.header["flags"] & self.schema.flags["RESPONSE"]:
                claim(frame.header["correlation"] == self.correlation, "another request's reply")
                status = self.schema.status_names[frame.header["status"]]
                claim(status == "OK", f"{message} is answered {status}: {frame.values}")
                return frame

    def next_frame(self) -> Frame:
        """Return the next reply; take events and what is between."""
        while True:
            while not self.line.inbox:
                claim(self.line.wait(), "the worker closed the connection")
            frame = self.line.inbox.pop(0)
            self.read_frames += 1
            claim(self.read_frames < FRAMES_MAX, "it takes for ever")
            if frame.message in ("OrderEvent", "TransactionEvent"):
                claim(frame.header["seq"] == self.next_event, f"a gap at {self.next_event}")
                claim(frame.header["session"] == self.session, "another session's event")
                self.next_event += 1
                self.events.append(frame)
            elif frame.message == "QuoteEvent":
                self.quotes.append(frame)
            elif frame.message == "Ping":
                pong = {**frame.values, "received_at": frame.values["sent_at"]}
                header = {"correlation": frame.header["correlation"]}
                self.line.send(self.schema.write("PingReply", pong, header, {}))
                continue
            elif frame.message == "Heartbeat":
                continue
            return frame

    def events_of(self, order: int, final: str) -> list[Frame]:
        """Wait for all events of an order up to its final state and the last transaction."""
        state = self.schema.enumerations["OrderState"][final]
        while True:
            mine = [each for each in self.events if each.values["order"] == order]
            told = [each for each in mine if each.message == "OrderEvent"]
            booked = [each for each in mine if each.message == "TransactionEvent"]
            fills = sum(each.values["fill"] > 0 for each in told)
            if told and told[-1].values["orders"][0]["state"] == state and len(booked) == fills:
                return mine
            self.next_frame()

    def begin(self) -> int:
        """Open the connection, an account and a session; return the cash."""
        hello = {
            "min_version": 1, "max_version": self.schema.json["version"], "role": "CLIENT",
            "revision": self.schema.json["revision"], "max_frame": 1 << 20,
            "instance": secrets.randbits(64),
        }  # fmt: skip
        reply = self.ask("Hello", hello)
        claim(reply.values["version"] == 1, "version 1 is not chosen")
        user = {"username": f"t{secrets.token_hex(6)}", "password": secrets.token_hex(8)}
        cash: int = self.ask("Register", user).values["starting_cash"]
        login = self.ask("Login", {"mechanism": "PASSWORD", "scope": "TRADE", **user})
        self.session = login.header["session"]
        claim(self.session == login.values["session"] > 0, "the handle is not in the header")
        self.next_event = 1
        self.ask("Subscribe", {"topics": "ACCOUNT", "from_event_seq": 1})
        watch = {"topics": "QUOTES", "snapshot": True, "symbols": [{"symbol": SYMBOL}]}
        self.ask("Subscribe", watch)
        return cash

    def trade(self, side: str, number: int, quantity: int, cash: int) -> int:
        """Send an order for the market, follow it to its end; return the cash behind it."""
        order = {
            "client_order_id": number, "symbol": SYMBOL, "side": side, "order_type": "MARKET",
            "time_in_force": "DAY", "quantity": quantity,
        }  # fmt: skip
        placed = self.ask("OrderNew", order, command=True).values
        claim(placed["client_order_id"] == number, "another order is answered")
        filled = 0
        for event in self.events_of(placed["order"], "FILLED"):
            values = event.values
            if event.message == "TransactionEvent":
                exact = values["price"] * values["quantity"]
                units = self.schema.json["amounts"]["units"]
                cost = -(-exact // units) if side == "BUY" else exact // units
                amount = -cost if side == "BUY" else cost
                claim(values["amount"] == amount - values["fees"], f"the amount of {values}")
                cash += values["amount"]
                claim(values["cash_after"] == cash, f"the cash after {values}")
            elif values["fill"]:
                filled += values["fill_quantity"]
                receipt = values["receipt"][0]
                claim(receipt["observed_at"] > placed["received_at"], "a quote from before")
                claim(values["orders"][0]["filled"] == filled, "what is filled")
        claim(filled == quantity, "not all is filled")
        return cash


def main(schema_path: str, host: str, port: str, ca: str) -> int:
    """Trade, and say what happened."""
    schema = Schema(Path(schema_path))
    line = Line(schema, host, int(port), ca)
    trader = Trader(schema, line)
    units = schema.json["amounts"]["units"]
    start = cash = trader.begin()
    cash = trader.trade("BUY", 1, 5 * units, cash)
    cash = trader.trade("SELL", 2, 2 * units, cash)
    portfolio = trader.ask("PortfolioGet", {}).values
    claim(portfolio["cash"] == cash, "the portfolio's cash")
    held = {row["symbol"]: row["quantity"] for row in portfolio["positions"]}
    claim(held == {SYMBOL: 3 * units}, f"the positions {held}")
    while not trader.quotes:
        trader.next_frame()
    line.send(schema.write("Goodbye", {"code": 0}, {}, {}))
    while line.wait():
        pass
    told = {
        "events": trader.next_event - 1, "spent": start - cash, "quotes": len(trader.quotes),
        "foreign": sorted(name for name in sys.modules if name.startswith("papertrader")),
    }  # fmt: skip
    print(json.dumps(told))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
