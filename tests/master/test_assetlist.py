"""The operator's list of assets: its shapes, its mistakes, what markets make of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from papertrader.core.money import SCALE
from papertrader.core.quotes import AssetFlag, AssetKind, AssetStatus
from papertrader.master.assetlist import (
    COLUMNS,
    ListedTape,
    assets_of,
    read_asset_file,
    read_assets,
    write_assets,
)
from papertrader.master.providers.base import UnknownSymbol, load_calendars
from papertrader.master.providers.catalog import facts_of
from papertrader.master.providers.recorded import DataFileError
from papertrader.master.providers.replay import replay_source
from papertrader.wire import messages as m
from papertrader.wire.kinds import Status
from tests.master.test_assets import at, market

CALENDARS = load_calendars()

CSV = """\
symbol,name,kind,currency,calendar,tick,lot,quantity_min,quantity_max,status,fractional,shortable
sap.de,SAP SE,stock,EUR,XETR,0.02,1,1,5000,tradable,no,yes
BTC/USD,,,,,,,,,halted,,
AAPL,,,,,,,,,,,
SPY,SPDR S&P 500,etf,,,,,,,close_only,,
"""
TOML = """\
[[asset]]
symbol = "SAP.DE"
name = "SAP SE"
kind = "stock"
currency = "EUR"
calendar = "XETR"
tick = 0.02
lot = 1
quantity_min = 1
quantity_max = 5000
fractional = false
shortable = true
"""


def test_a_csv_file_and_what_is_usual() -> None:
    """What is given counts, the rest is as usual for the symbol's shape and kind."""
    sap, btc, aapl, spy = assets_of(read_assets(CSV, toml=False), {}, CALENDARS)
    assert (sap.symbol, sap.name, sap.currency, sap.calendar) == ("SAP.DE", "SAP SE", "EUR", "XETR")
    assert (sap.tick, sap.lot, sap.quantity_max) == (SCALE // 50, SCALE, 5_000 * SCALE)
    assert sap.flags == AssetFlag.SHORTABLE
    assert (btc.kind, btc.status, btc.calendar) == (AssetKind.CRYPTO, AssetStatus.HALTED, "24/7")
    assert btc.flags == AssetFlag.FRACTIONAL | AssetFlag.ALWAYS_OPEN
    assert (aapl.kind, aapl.calendar, aapl.status) == (
        AssetKind.STOCK, "XNYS", AssetStatus.TRADABLE,
    )  # fmt: skip
    assert (spy.kind, spy.status) == (AssetKind.ETF, AssetStatus.CLOSE_ONLY)


def test_a_toml_file_says_the_same() -> None:
    """One shape is as good as the other."""
    (from_toml,) = assets_of(read_assets(TOML, toml=True), {}, CALENDARS)
    assert from_toml == assets_of(read_assets(CSV, toml=False), {}, CALENDARS)[0]


def test_known_assets_are_changed_only_where_the_list_says_so() -> None:
    """The provider's own tick and name stand if the row has none."""
    known = {each.symbol: each for each in facts_of("kraken").starters}
    symbol, asset = next(iter(known.items()))
    rows = read_assets(f"symbol,status\n{symbol},halted\n", toml=False)
    (found,) = assets_of(rows, known, CALENDARS)
    assert (found.name, found.tick, found.status) == (asset.name, asset.tick, AssetStatus.HALTED)


def test_what_is_written_is_read_back() -> None:
    """All columns, shares and coins."""
    assets = [each for name in ("kraken", "alpaca") for each in facts_of(name).starters]
    unique = {each.symbol: each for each in assets}
    text = write_assets(unique.values())
    assert text.startswith(",".join(COLUMNS) + "\n")
    assert assets_of(read_assets(text, toml=False), unique, CALENDARS) == [*unique.values()]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "symbol is needed"),
        ("symbol\n", "there is no asset in it"),
        ("symbol,colour\nA,red\n", "line 1: unknown is 'colour'; known are symbol, name"),
        ("symbol,symbol\nA,B\n", "each name once"),
        ("symbol\nA\na\n", "line 3: A stands there twice"),
        ("symbol\nnot a symbol\n", "line 2: 'NOT A SYMBOL' is not a valid symbol"),
        ("symbol,kind\nA,bond\n", "line 2: kind: 'bond' is not one of stock, etf"),
        ("symbol,status\nA,open\n", "status: 'open' is not one of tradable, halted"),
        ("symbol,tick\nA,0\n", "tick: it must be above 0"),
        ("symbol,tick\nA,1e-3\n", "line 2: tick: "),
        ("symbol,fractional\nA,perhaps\n", "fractional: 'perhaps' is not one of true, yes"),
        ("symbol,currency\nA,Dollar\n", "'Dollar' is not three letters"),
        ("symbol,quantity_min,quantity_max\nA,5,4\n", "quantity_min is above quantity_max"),
        ("symbol,lot,quantity_min\nA,2,3\n", "no multiple of lot"),
        ("symbol\nA,B\n", "line 2: more fields than the heading has"),
        ('symbol\n"A', "not CSV: unexpected end"),
    ],
)
def test_mistakes_in_csv(text: str, says: str) -> None:
    """Are told with their line, what is wrong and what is allowed."""
    with pytest.raises(ValueError) as caught:
        read_assets(text, toml=False)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[asset]", "not TOML"),
        ("a = 1", "write each asset as a section"),
        ("asset = [1]", "asset 1: write it as a section"),
        ("[[asset]]\nname = 'x'", "asset 1: symbol is needed"),
        ("[[asset]]\nsymbol = 'A'\n[[asset]]\nsymbol = 'B'\nlot = -1", "asset 2: lot: "),
    ],
)
def test_mistakes_in_toml(text: str, says: str) -> None:
    """Are told with the number of the asset."""
    with pytest.raises(ValueError) as caught:
        read_assets(text, toml=True)
    assert says in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    """Missing, not text, or wrong: the file's name comes first."""
    path = tmp_path / "list.csv"
    with pytest.raises(DataFileError, match=r"list.csv: cannot be read: No such file"):
        read_asset_file(path)
    path.write_bytes(b"symbol\n\xff\n")
    with pytest.raises(DataFileError, match=r"list.csv: not UTF-8"):
        read_asset_file(path)
    path.write_text("symbol\n?\n")
    with pytest.raises(DataFileError, match=r"list.csv: line 2: '\?' is not a valid symbol"):
        read_asset_file(path)


def test_an_unknown_calendar_is_refused() -> None:
    """With those that there are."""
    rows = read_assets("symbol,calendar\nA,XXXX\n", toml=False)
    with pytest.raises(ValueError, match="A: there is no calendar XXXX, but 24/7"):
        assets_of(rows, {}, CALENDARS)


def test_a_tape_is_cut_down_to_the_list() -> None:
    """Only listed symbols have quotes, bars and actions; their data is the market's."""
    whole = replay_source(CALENDARS, 1)
    rows = read_assets("symbol,name\nIBM,Big Blue\nMSFT,\n", toml=False)
    tape = ListedTape(whole, rows)
    now = at("2012-06-04 15:00")
    assert set(tape.assets) == {"IBM", "MSFT"}
    assert tape.assets["IBM"].name == "Big Blue"
    assert {each.symbol for each in tape.quotes(now)} == {"IBM", "MSFT"}
    assert tape.quote("IBM", now) == whole.quote("IBM", now)
    assert tape.bars("IBM", 60, 0, 0, now, 5) == whole.bars("IBM", 60, 0, 0, now, 5)
    assert (tape.first_time(), tape.last_time()) == (whole.first_time(), whole.last_time())
    assert {each.symbol for each in tape.actions(0, now)} == {"IBM", "MSFT"}
    assert tape.calendar("IBM").mic == "XNYS"
    for ask in (tape.calendar, lambda symbol: tape.quote(symbol, now)):
        with pytest.raises(UnknownSymbol):
            ask("AAPL")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("symbol\nTSLA\n", "TSLA is not in the market replay"),
        ("symbol,tick\nIBM,0.05\n", "IBM: tick is decided by the market replay"),
        ("symbol,calendar\nIBM,XLON\n", "IBM: calendar is decided by"),
    ],
)
def test_what_a_tape_decides_itself(text: str, says: str) -> None:
    """Symbols it has not, and the shape of its prices, cannot be listed otherwise."""
    with pytest.raises(ValueError, match=says):
        ListedTape(replay_source(CALENDARS, 1), read_assets(text, toml=False))


def test_a_market_with_a_list(tmp_path: Path) -> None:
    """The master lists what the file says: halted symbols take no order, close-only no purchase,
    others are not there; a search finds symbols and names."""
    path = tmp_path / "assets.csv"
    path.write_text("symbol,name,status\nAAPL,,\nIBM,Big Blue,halted\nMSFT,,close_only\n")
    kit, ann = market(tmp_path, "2012-06-04 15:00", assets=path)
    kit.turn(0.5)
    rows = ann.ask_all(m.AssetList())[0].message.assets
    assert [(row.symbol, AssetStatus(row.status)) for row in rows] == [
        ("AAPL", AssetStatus.TRADABLE),
        ("IBM", AssetStatus.HALTED),
        ("MSFT", AssetStatus.CLOSE_ONLY),
    ]
    for prefix in ("big", "IB"):
        (row,) = ann.ask_all(m.AssetList(prefix=prefix))[0].message.assets
        assert row.symbol == "IBM"
    assert ann.ask(m.AssetGet(symbol="IBM")).message.name == "Big Blue"
    assert ann.order("AAPL", "1").status == Status.OK
    assert ann.order("IBM", "1").status == Status.SYMBOL_HALTED
    assert ann.order("MSFT", "1").status == Status.SYMBOL_HALTED
    assert ann.order("GOOG", "1").status == Status.NO_SUCH_SYMBOL
    kit.check()


def test_a_wrong_list_ends_the_start(tmp_path: Path) -> None:
    """With the file, the symbol and what to do."""
    path = tmp_path / "assets.csv"
    path.write_text("symbol\nTSLA\n")
    with pytest.raises(DataFileError, match=r"assets.csv: TSLA is not in the market replay"):
        market(tmp_path, "2012-06-04 15:00", assets=path)
