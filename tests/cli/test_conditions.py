"""Stops, legs, orders for money, and closing on the command line."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from papertrader.cli.conditions import reached
from papertrader.client.conditions import Conditions
from papertrader.core.money import NULL, SCALE, parse_amount
from papertrader.core.orders import (
    LegRole,
    OrderFlag,
    OrderType,
    Side,
    SideFilter,
    TimeInForce,
    TrailKind,
    TriggerSource,
)
from papertrader.testing import Market
from papertrader.wire import messages as m
from papertrader.wire.kinds import Opcode
from tests.client_kit import BlockingMarket
from tests.terminal_kit import PASSWORD, Terminal, fill_while_waiting

P = parse_amount


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    """A terminal at which ada is logged in."""
    market = BlockingMarket()
    market.add("ada", PASSWORD)
    (tmp_path / "run").mkdir()
    content = {"workers": ["127.0.0.1:2049"], "ca": str(tmp_path / "ca.pem")}
    (tmp_path / "run" / "workers.json").write_text(json.dumps(content))
    return Terminal(market, tmp_path).logged_in()


def sent(terminal: Terminal, *words: str) -> m.OrderNew:
    """Type an order, and return what was sent."""
    result = terminal.run(*words, "--wait", "0")
    assert result.exit_code == 0, result.stderr
    return terminal.market.bodies(Opcode.ORDER_NEW)[-1]


def test_a_stop_limit_with_its_end(terminal: Terminal) -> None:
    """--until alone makes it GTD; times are UTC unless they say otherwise."""
    order = sent(
        terminal, "buy", "aapl", "10", "--stop", "200", "--limit", "201", "--until", "2030-01-02"
    )
    assert (order.order_type, order.time_in_force) == (OrderType.STOP_LIMIT, TimeInForce.GTD)
    assert (order.stop_price, order.limit_price) == (P("200"), P("201"))
    listed = terminal.run("orders").stdout.splitlines()[1]
    assert "stop 200.00/201.00" in listed
    assert "until 2030-01-02 00:00" in listed


def test_a_trailing_stop(terminal: Terminal) -> None:
    """A percentage, and which price moves it."""
    order = sent(terminal, "buy", "AAPL", "1", "--trail", "1%", "--trigger", "bid-ask", "--gtc")
    (trigger,) = order.trigger
    assert (trigger.trail_kind, trigger.trail) == (TrailKind.PERCENT, SCALE // 100)
    assert order.order_type == OrderType.TRAILING_STOP


def test_a_bracket(terminal: Terminal) -> None:
    """Take profit and stop loss come along."""
    order = sent(
        terminal,
        "buy",
        "AAPL",
        "10",
        "--take-profit",
        "220",
        "--trail-loss",
        "2.50",
        "--tif",
        "gtc",
    )
    profit, loss = order.legs
    assert (profit.role, profit.limit_price) == (LegRole.TAKE_PROFIT, P("220"))
    assert (loss.role, loss.trail_kind, loss.trail) == (
        LegRole.STOP_LOSS,
        TrailKind.AMOUNT,
        P("2.5"),
    )


def test_a_leg_of_any_type(terminal: Terminal) -> None:
    """A stop limit as the stop loss, a take profit when touched, and orders after that."""
    order = sent(
        terminal, "buy", "AAPL", "10", "--gtc",
        "--leg", "stop-loss stop=190 limit=188", "--leg", "take-profit touch=230 trigger=bid-ask",
        "--leg", "oto buy trail=1% tif=gtc", "--leg", "oto sell limit=240",
    )  # fmt: skip
    loss, profit, first, second = order.legs
    assert (loss.role, loss.order_type) == (LegRole.STOP_LOSS, OrderType.STOP_LIMIT)
    assert (loss.stop_price, loss.limit_price) == (P("190"), P("188"))
    assert (profit.role, profit.order_type) == (LegRole.TAKE_PROFIT, OrderType.MARKET_IF_TOUCHED)
    assert profit.source == TriggerSource.BID_ASK
    assert (first.order_type, first.side) == (OrderType.TRAILING_STOP, SideFilter.BUY)
    assert (first.trail_kind, first.trail) == (TrailKind.PERCENT, SCALE // 100)
    assert (second.role, second.order_type, second.side) == (
        LegRole.OTO,
        OrderType.LIMIT,
        SideFilter.SELL,
    )


def test_a_touch_is_listed_as_one(terminal: Terminal) -> None:
    """It is no stop: it begins when the price has come its way."""
    sent(terminal, "sell", "aapl", "1", "--touch", "250", "--gtc")
    assert "touch 250.00" in terminal.run("orders").stdout


def test_one_or_the_other(terminal: Terminal) -> None:
    """A limit, or a stop instead."""
    order = sent(terminal, "buy", "AAPL", "1", "--limit", "100", "--or-stop", "190", "--gtc")
    (leg,) = order.legs
    assert (leg.role, leg.order_type, leg.stop_price) == (LegRole.OCO, OrderType.STOP, P("190"))
    assert leg.time_in_force == TimeInForce.GTC


def test_for_money(terminal: Terminal) -> None:
    """Without a quantity; flags besides."""
    order = sent(terminal, "buy", "AAPL", "--notional", "100", "--reduce-only")
    assert order.quantity == P("100")
    assert order.flags == OrderFlag.NOTIONAL | OrderFlag.REDUCE_ONLY
    assert order.stop_price == NULL


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("AAPL",), "QUANTITY or --notional"),
        (("AAPL", "1", "--notional", "5"), "QUANTITY or --notional"),
        (("AAPL", "1", "--gtc", "--tif", "day"), "--tif and --gtc exclude"),
        (("AAPL", "1", "--ioc", "--until", "2030-01-01"), "--until is the end of a gtd order"),
        (("AAPL", "1", "--tif", "gtd"), "needs --until"),
        (("AAPL", "1", "--until", "soon"), "not a time"),
        (("AAPL", "1", "--stop", "1", "--trail", "1"), "one of stop, touch and trail"),
        (("AAPL", "1", "--trail", "1", "--limit", "1"), "no limit"),
        (("AAPL", "1", "--trail", "x"), "trail"),
        (("AAPL", "1", "--stop-loss", "1", "--trail-loss", "1"), "exclude one another"),
        (("AAPL", "1", "--leg", "profit limit=1"), "must begin with one of take_profit"),
        (("AAPL", "1", "--leg", "oto limit=1 limit=2"), "'limit=2' is no part of a leg"),
        (("AAPL", "1", "--leg", "oto what=1"), "'what=1' is no part of a leg"),
        (("AAPL", "1", "--leg", "oto stop=1 touch=2"), "one of stop, touch and trail"),
        (("AAPL", "1", "--leg", "oto limit=x"), "limit"),
    ],
)
def test_what_excludes_one_another(terminal: Terminal, words: tuple[str, ...], text: str) -> None:
    """Exit code 2, one sentence, and nothing is sent."""
    result = terminal.run("buy", *words)
    assert result.exit_code == 2
    assert text in result.stderr
    assert terminal.market.bodies(Opcode.ORDER_NEW) == []


def test_a_preview_tells_what_to_know_before(terminal: Terminal) -> None:
    """The server's sentence stands under the figures, and in JSON."""
    shown = terminal.run("buy", "AAPL", "1", "--stop", "1", "--preview")
    assert shown.stdout.endswith("\nIt would wait.\n")
    told = json.loads(terminal.run("buy", "AAPL", "1", "--stop", "1", "--preview", "--json").stdout)
    assert told["preview"]["note"] == "It would wait."
    assert "wait" not in terminal.run("buy", "AAPL", "1", "--preview").stdout


def test_a_stop_that_waits_below_the_market_says_what_it_may_pay() -> None:
    """Once it is triggered its collar bounds it; before, and of others, nothing is said."""
    with Market(seed=7, speed=60) as market:
        client = market.client("ann")
        (quote,) = client.quotes(["BRKF"])
        stops = (round(quote.last * part, 2) for part in (Decimal("0.7"), Decimal("1.3")))
        sent = [
            client.order_new(Side.BUY, "BRKF", 1, conditions=Conditions(stop=stop))
            for stop in stops
        ]  # fmt: skip
        assert [reached(order) for order in sent] == ["", ""]
        market.advance(2)
        behind, ahead = (client.order(order.order_id) for order in sent)
        most = f"{behind.collar_price:.2f}"
        assert reached(behind) == f": its stop was reached, and it buys at {most} at most"
        assert reached(ahead) == ""


def test_closing_one_position_and_all(terminal: Terminal) -> None:
    """What was canceled, what was sent, what filled, and on stderr what could not be closed."""
    fill_while_waiting(terminal)
    result = terminal.run("close", "aapl")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[:2] == ["2 open orders canceled", "Order 1: sell 1 AAPL at the market, day"]
    assert lines[2].startswith("Filled: 1 AAPL at ")
    assert lines[3].startswith("Cash now: ")
    every = terminal.run("close", "--all", "--wait", "0")
    assert every.exit_code == 0
    assert "No price of MSFT" in every.stderr
    assert "1 of 1 not filled yet; the order stays open." in every.stderr
    fill_while_waiting(terminal)
    told = json.loads(terminal.run("close", "AAPL", "--json").stdout)
    assert told["closing"] == len(told["orders"]) == len(told["fills"]) == 1
    assert told["orders"][0]["state"] == "FILLED"
    assert terminal.run("close").exit_code == 2
    assert terminal.run("close", "AAPL", "--all").exit_code == 2
    assert terminal.run("close", "IBM").exit_code == 1


def test_a_stop_is_moved(terminal: Terminal) -> None:
    """replace takes --stop and --trail."""
    sent(terminal, "buy", "AAPL", "1", "--stop", "200", "--gtc")
    assert terminal.run("replace", "1", "--stop", "190").exit_code == 0
    assert terminal.run("replace", "1", "--trail", "3%").exit_code == 0
    first, second = terminal.market.bodies(Opcode.ORDER_REPLACE)
    assert first.stop_price == P("190")
    assert second.trigger[0].trail == SCALE * 3 // 100
    assert terminal.run("replace", "1").exit_code == 2
