"""The replay market over a user's own files: what is read, what is refused, what is then traded."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from papertrader.core.instants import MINUTE, SECOND
from papertrader.core.money import NULL, SCALE, parse_amount
from papertrader.core.quotes import ActionKind, AssetFlag, AssetKind, Bar, QuoteFlag
from papertrader.master.providers import datafiles, datarows
from papertrader.master.providers.base import TapeSource, UnknownSymbol, load_calendars
from papertrader.master.providers.filemarket import files_source, market_name
from papertrader.master.providers.recorded import DataFileError
from papertrader.wire import messages as m
from papertrader.wire.kinds import Status
from tests.master.test_assets import at, go_to, positions
from tests.master_kit import MasterKit

CALENDARS = load_calendars()
DAILY = """Date,Open,High,Low,Close,Adj Close,Volume
2012-01-03,10.00,10.50,9.90,10.20,5.1,1000000
2012-01-04,10.20,10.40,10.10,10.3125,5.2,1200000
2012-01-06,10.30,10.60,10.00,10.50,5.3,900000
"""
MINUTES = """symbol,time,open,high,low,close,volume
MMM,2012-01-03T14:30:00Z,20.00,20.10,19.90,20.05,500
MMM,2012-01-03T14:31:00+00:00,20.05,20.20,20.00,20.15,300
MMM,1325601240,20.40,20.50,20.30,20.45,700
MMM,2012-01-04 14:30,21.00,21.10,20.90,21.05,100
"""
QUOTES = """symbol,time,bid,ask,last,bid_size,ask_size,last_size
EUR/USD,2012-01-03T14:30:00.5Z,1.30010,1.30020,,,,
EUR/USD,2012-01-03T14:30:02.000000001Z,1.30030,1.30040,1.30035,100,200,10
EUR/USD,2012-01-03T14:31:00Z,1.29990,1.30000,1.29995,100,200,30
EUR/USD,2012-01-04T00:00:00Z,1.29000,1.29010,,,,
"""
ASSETS = "symbol,name,kind,calendar,lot\nEUR/USD,Euro,fx,24/7,0.01\n"
ACTIONS = (
    "symbol,ex_date,kind,value\nABC,2012-01-04,split,2:1\nABC,2012-01-06,cash_dividend,0.125\n"
)


def source(place: Path, **files: str) -> TapeSource:
    """Write files (``abc_csv`` is abc.csv) into a directory and return their market."""
    for name, text in files.items():
        (place / name.replace("_", ".", 1)).write_text(text)
    return files_source(place, CALENDARS)


def everything(place: Path) -> TapeSource:
    """The market of all kinds of file."""
    return source(
        place, abc_csv=DAILY, minutes_csv=MINUTES, quotes_csv=QUOTES, assets_csv=ASSETS,
        actions_csv=ACTIONS,
    )  # fmt: skip


def bar(time: str, *prices: str, volume: str = "0") -> Bar:
    """A bar from text."""
    return Bar(at(time), *map(parse_amount, prices), parse_amount(volume))


def test_all_kinds_together_are_one_market(tmp_path: Path) -> None:
    """Daily rows, minutes, quotes, what is known of the assets, and corporate actions."""
    market = everything(tmp_path)
    assert set(market.assets) == {"ABC", "MMM", "EUR/USD"}
    assert (market.first_time(), market.last_time()) == (
        at("2012-01-03 14:30"),
        at("2012-01-06 21:00"),
    )
    assert market.calendar_main.mic == "XNYS"
    abc, euro = market.assets["ABC"], market.assets["EUR/USD"]
    assert (abc.tick, abc.lot, abc.kind) == (SCALE // 10_000, SCALE, AssetKind.STOCK)
    assert (euro.tick, euro.lot, euro.kind) == (1_000, SCALE // 100, AssetKind.FX)
    assert euro.flags == AssetFlag.FRACTIONAL | AssetFlag.ALWAYS_OPEN
    found = market.actions(0, market.last_time())
    assert [(each.kind, each.at, each.amount) for each in found] == [
        (ActionKind.SPLIT, at("2012-01-04 14:30"), 0),
        (ActionKind.CASH_DIVIDEND, at("2012-01-06 14:30"), parse_amount("0.125")),
    ]
    assert len(market.quotes(at("2012-01-03 14:31"))) == 3
    with pytest.raises(UnknownSymbol):
        market.quote("XYZ", at("2012-01-03 14:31"))


def test_daily_rows_are_kept_exactly(tmp_path: Path) -> None:
    """Every decimal of them; the symbol comes from the file's name; a day without a row is none."""
    market = source(tmp_path, abc_csv=DAILY)
    assert market.bars("ABC", 86_400, 0, 0, market.last_time()) == [
        bar("2012-01-03", "10.00", "10.50", "9.90", "10.20", volume="1000000"),
        bar("2012-01-04", "10.20", "10.40", "10.10", "10.3125", volume="1200000"),
        bar("2012-01-06", "10.30", "10.60", "10.00", "10.50", volume="900000"),
    ]
    minutes = market.bars("ABC", 60, at("2012-01-04"), at("2012-01-05"), market.last_time())
    assert len(minutes) == 390
    assert max(each.high for each in minutes) == parse_amount("10.40")
    assert minutes[-1].close == parse_amount("10.3125")
    assert market.quotes(at("2012-01-05 16:00")) == []
    assert market.quotes(at("2012-01-06 16:00"))[0].flags == QuoteFlag.REPLAYED


def test_minutes_are_kept_exactly(tmp_path: Path) -> None:
    """What lies within a minute is drawn; before a minute without trades the price stands."""
    market = source(tmp_path, minutes_csv=MINUTES)
    bars = market.bars("MMM", 60, 0, 0, at("2012-01-03 14:35"))
    assert bars[:5] == [
        bar("2012-01-03 14:30", "20.00", "20.10", "19.90", "20.05", volume="500"),
        bar("2012-01-03 14:31", "20.05", "20.20", "20.00", "20.15", volume="300"),
        bar("2012-01-03 14:32", "20.15", "20.15", "20.15", "20.15"),
        bar("2012-01-03 14:33", "20.15", "20.15", "20.15", "20.15"),
        bar("2012-01-03 14:34", "20.40", "20.50", "20.30", "20.45", volume="700"),
    ]
    five, day = (market.bars("MMM", s, 0, 0, at("2012-01-03 21:00")) for s in (300, 86_400))
    assert five[0] == bar("2012-01-03 14:30", "20.00", "20.50", "19.90", "20.45", volume="1500")
    assert day == [bar("2012-01-03", "20.00", "20.50", "19.90", "20.45", volume="1500")]
    within = {
        quote.last
        for step in range(12)
        for quote in market.quotes(at("2012-01-03 14:31") + step * 5 * SECOND)
    }
    assert min(within) >= parse_amount("20.00")
    assert max(within) <= parse_amount("20.20")
    assert len(within) > 2


def test_quotes_are_given_out_as_recorded(tmp_path: Path) -> None:
    """At their own nanosecond, with the day's figures; the next UTC day begins anew."""
    market = source(tmp_path, quotes_csv=QUOTES, assets_csv=ASSETS)
    first = at("2012-01-03 14:30") + SECOND // 2
    assert market.first_time() == first
    assert market.quote("EUR/USD", first - 1) is None
    (one,) = market.quotes(first)
    assert (one.bid, one.ask, one.last) == (130_010_000, 130_020_000, NULL)
    assert market.quotes(at("2012-01-03 14:30") + 2 * SECOND) == []
    (two,) = market.quotes(at("2012-01-03 14:30") + 2 * SECOND + 1)
    assert (two.last, two.last_size, two.ask_size) == (130_035_000, 10 * SCALE, 200 * SCALE)
    assert two.source_time == at("2012-01-03 14:30") + 2 * SECOND + 1
    (three,) = market.quotes(at("2012-01-03 15:00"))
    assert (three.day_open, three.day_high, three.day_low, three.day_volume) == (
        130_015_000, 130_035_000, 129_995_000, 40 * SCALE,
    )  # fmt: skip
    (four,) = market.quotes(at("2012-01-04 00:00"))
    assert (four.day_open, four.prev_close) == (129_005_000, 129_995_000)
    assert four.flags == QuoteFlag.REPLAYED
    bars = market.bars("EUR/USD", 60, 0, 0, at("2012-01-03 14:31"))
    assert [(b.time, b.open, b.close, b.volume) for b in bars] == [
        (at("2012-01-03 14:30"), 130_015_000, 130_035_000, 10 * SCALE),
        (at("2012-01-03 14:31"), 129_995_000, 129_995_000, 30 * SCALE),
    ]
    week = market.bars("EUR/USD", 604_800, 0, 0, market.last_time(), 1, newest=True)
    assert [(b.time, b.high, b.low) for b in week] == [(at("2012-01-02"), 130_035_000, 129_005_000)]


def test_a_quote_stands_closed_after_its_session(tmp_path: Path) -> None:
    """An exchange's quotes: the last one before the close, flagged, until the next day's first."""
    rows = (
        "symbol,time,bid,ask\nABC,2012-01-03T20:59:00Z,10,10.01\nABC,2012-01-03T21:00:00Z,10,10.02\n"
        "ABC,2012-01-04T14:35:00Z,11,11.01\n"
    )
    market = source(tmp_path, quotes_csv=rows)
    assert market.last_time() == at("2012-01-04 21:00")
    (quote,) = market.quotes(at("2012-01-03 20:59"))
    assert not quote.flags & QuoteFlag.CLOSED
    (quote,) = market.quotes(at("2012-01-03 21:00"))
    assert (quote.ask, quote.flags) == (1_002_000_000, QuoteFlag.REPLAYED | QuoteFlag.CLOSED)
    assert market.quotes(at("2012-01-04 14:30")) == []
    (quote,) = market.quotes(at("2012-01-04 14:35"))
    assert quote.flags == QuoteFlag.REPLAYED
    assert len(market.bars("ABC", 86_400, 0, 0, market.last_time())) == 2


def test_packed_files_and_one_file_alone(tmp_path: Path) -> None:
    """.csv.gz, a byte order mark, empty lines, a single file instead of a directory."""
    path = tmp_path / "abc.csv.gz"
    path.write_bytes(gzip.compress(("\ufeff" + DAILY.replace("\n", "\r\n\r\n")).encode()))
    market = files_source(path, CALENDARS)
    assert len(market.bars("ABC", 86_400, 0, 0, market.last_time())) == 3
    assert market.name == market_name(path)
    assert market.name.startswith("abc-")


def test_parquet_gives_what_csv_gives(tmp_path: Path) -> None:
    """Doubles come as the decimals that were meant; times and dates as such."""
    parquet = pytest.importorskip("pyarrow.parquet", reason="pip install papertrader[parquet]")
    reading = pytest.importorskip("pyarrow.csv")
    for name, text in (
        ("abc", DAILY),
        ("minutes", MINUTES.replace("1325601240", "2012-01-03T14:34:00Z")),
    ):
        (tmp_path / f"{name}.csv").write_text(text)
        table = reading.read_csv(tmp_path / f"{name}.csv")
        (tmp_path / name).mkdir()
        parquet.write_table(table, tmp_path / name / f"{name}.parquet")
        from_csv = files_source(tmp_path / f"{name}.csv", CALENDARS)
        from_parquet = files_source(tmp_path / name, CALENDARS)
        (symbol,) = from_csv.assets
        end = from_csv.last_time()
        assert from_csv.bars(symbol, 60, 0, 0, end) == from_parquet.bars(symbol, 60, 0, 0, end)
    (tmp_path / "wrong.parquet").write_bytes(b"PAR1 or not")
    with pytest.raises(DataFileError, match=r"wrong\.parquet cannot be read as Parquet"):
        files_source(tmp_path / "wrong.parquet", CALENDARS)


WRONG_ROWS = {
    "2012-01-05,1,2,3,4,5,6": "the prices contradict each other",
    "2012-01-05,10,11,9,10,10": "6 values under 7 column names",
    "2012-01-05,ten,11,9,10,10,1": "open: 'ten' is not a number",
    "2012-01-05,nan,11,9,10,10,1": "open: 'nan' is not a number",
    "2012-01-05,1e1,11,9,10,10,1": "open: '1e1' is not a number",
    "2012-01-05,,11,9,10,10,1": "open: '' is not a number",
    "2012-01-05,10.123456789,11,9,10,10,1": "at most 8 decimals",
    "2012-01-05,10,11,0,10,10,1": "low: 0 is no price",
    "2012-01-05,10,11,-9,10,10,1": "low: -9 is no price",
    "2012-01-05,10,11,9,10,10,-1": "volume: -1 is below 0",
    "2012-01-07,10,11,9,10,10,1": "XNYS is closed on 2012-01-07",
    "2012-01-16,10,11,9,10,10,1": "XNYS is closed on 2012-01-16",
    "05.01.2012,10,11,9,10,10,1": "date: '05.01.2012' is not a date such as 2010-01-04",
    "2012-01-05 10:00,10,11,9,10,10,1": "is not a date",
    "2012-01-06,10,11,9,10,10,1": "a second row of ABC for 2012-01-06",
    '2012-01-05,"10,11,9,10,10,1': "unexpected end of data",
}


@pytest.mark.parametrize(("row", "what"), WRONG_ROWS.items())
def test_a_bad_row_is_named(tmp_path: Path, row: str, what: str) -> None:
    """One sentence: the file, the line, and what is wrong."""
    with pytest.raises(DataFileError) as wrong:
        source(tmp_path, abc_csv=DAILY + row + "\n")
    assert what in str(wrong.value)
    assert str(wrong.value).startswith(f"{tmp_path / 'abc.csv'}, line 5: ")
    assert "\n" not in str(wrong.value)


@pytest.mark.parametrize(
    ("name", "text", "what"),
    [
        ("minutes_csv", MINUTES + "MMM,2012-01-03T14:30:00Z,20,20,20,20,1\n", "line 6: a second"),
        ("minutes_csv", MINUTES + "MMM,2012-01-03T14:40:07Z,20,20,20,20,1\n", "start of a minute"),
        ("minutes_csv", MINUTES + "MMM,2012-01-03T14:29:00Z,20,20,20,20,1\n", "XNYS is closed on"),
        ("minutes_csv", MINUTES + "MMM,noon,20,20,20,20,1\n", "time: 'noon' is not a time"),
        ("minutes_csv", MINUTES + "mm m,2012-01-03T14:40:00Z,20,20,20,20,1\n", "valid symbol"),
        ("abc_csv", "symbol" + DAILY[4:], "line 1: these columns are no prices"),
        ("abc_csv", "Date,Open,High,Low,Close,close\n", "the column close is named twice"),
        ("abc_csv", "", "line 1: the names of the columns are missing"),
        ("abc_csv", DAILY.partition("\n")[0] + "\n", "the files have no prices"),
        ("abc_csv", DAILY + "\ud800", "cannot be read as text"),
        ("quotes_csv", QUOTES + "EUR/USD,2012-01-03T15:00:00Z,1,2,,,,\n", "sort the quotes"),
        ("quotes_csv", QUOTES + "EUR/USD,2012-01-05T15:00:00Z,2,1,,,,\n", "above the ask"),
        ("quotes_csv", QUOTES + "MMM,2012-01-03T15:00:00Z,1,2,,,,\n", "has minute rows"),
        ("assets_csv", ASSETS + "X,X,coin,,\n", "kind: 'coin' is not one of stock"),
        ("assets_csv", ASSETS + "X,X,,XMOON,\n", "calendar: 'XMOON' is not one of 24/7"),
        ("assets_csv", ASSETS + "X,X,,,0\n", "lot: it must be above 0"),
        ("assets_csv", ASSETS + "EUR/USD,X,,,\n", "a second row of EUR"),
        ("actions_csv", ACTIONS + "ABC,2012-01-07,split,2:1\n", "XNYS is closed on 2012-01-07"),
        ("actions_csv", ACTIONS + "ABC,2012-01-06,split,0:1\n", "is no split"),
        ("actions_csv", ACTIONS + "ABC,2012-01-04,split,3:1\n", "a second split of ABC"),
        ("actions_csv", ACTIONS + "ABC,2012-01-04,merger,1\n", "is not one of split"),
        ("actions_csv", ACTIONS + "XYZ,2012-01-04,split,3:1\n", "XYZ has no prices"),
    ],
)  # fmt: skip
def test_a_bad_file_is_named(tmp_path: Path, name: str, text: str, what: str) -> None:
    """Whatever the kind of file."""
    everything(tmp_path)
    path = tmp_path / name.replace("_", ".", 1)
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    if what == "the files have no prices":
        for other in tmp_path.iterdir():
            if other != path:
                other.unlink()
    with pytest.raises(DataFileError) as wrong:
        files_source(tmp_path, CALENDARS)
    assert what in str(wrong.value)
    assert "\n" not in str(wrong.value)


def test_there_are_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows, symbols, files, the length of a line and of a file; nothing at all; the wrong kind."""
    (tmp_path / "abc.csv").write_text(DAILY)
    for module, name, value, what in (
        (datarows, "ROWS_MAX", 2, "line 4: more than 2 rows"),
        (datarows, "SYMBOLS_MAX", 0, "or 0 symbols"),
        (datafiles, "FILES_MAX", 0, "more than 0: join some"),
        (datafiles, "LINE_MAX", 20, "line 1: longer than 20 characters"),
        (datafiles, "FILE_OCTETS_MAX", 100, "longer than 100 octets"),
    ):
        with monkeypatch.context() as bounded, pytest.raises(DataFileError) as wrong:
            bounded.setattr(module, name, value)
            files_source(tmp_path, CALENDARS)
        assert what in str(wrong.value)
    (tmp_path / "empty").mkdir()
    for place, what in (
        (tmp_path / "empty", "has no .csv"),
        (tmp_path / "abc.txt", "is no .csv"),
        (tmp_path / "none.csv", "cannot be read: No such file"),
    ):
        with pytest.raises(DataFileError, match=what):
            files_source(place, CALENDARS)


def test_orders_fill_on_ones_own_prices(tmp_path: Path) -> None:
    """A master over files: trades, the split, the clock's bounds, and books that agree."""
    data = tmp_path / "data"
    data.mkdir()
    everything(data)
    kit = MasterKit(tmp_path, start=0, data=data)
    ann = kit.client()
    ann.register()
    ann.login()
    clock = ann.ask(m.ClockGet()).message
    assert (clock.begins_at, clock.ends_at) == (at("2012-01-03 14:30"), at("2012-01-06 21:00"))
    kit.turn(0.3)
    ann.order("ABC", "10")
    assert ann.order("EUR/USD", "0.5").status == 0
    kit.turn(1.0)
    assert positions(ann) == {"ABC": 10 * SCALE, "EUR/USD": SCALE // 2}
    go_to(kit, "2012-01-04 14:31")
    assert positions(ann)["ABC"] == 20 * SCALE
    assert ann.order("AAPL", "1").status == Status.NO_SUCH_SYMBOL
    kit.check()


def test_a_start_after_the_data_is_refused(tmp_path: Path) -> None:
    """With the time at which they end."""
    data = tmp_path / "abc.csv"
    data.write_text(DAILY)
    with pytest.raises(RuntimeError, match=r"last price, at 2012-01-06T21:00:00\.000Z"):
        MasterKit(tmp_path, start=at("2012-01-09"), data=data)


def test_the_same_files_give_the_same_market(tmp_path: Path) -> None:
    """Every tick of it, whoever reads them; another seed draws other ways between."""
    data = tmp_path / "abc.csv"
    data.write_text(DAILY)
    times = [at("2012-01-03 14:30") + step * 7 * MINUTE for step in range(60)]
    first, again, other = (files_source(data, CALENDARS, seed) for seed in (1, 1, 2))
    quotes = [first.quote("ABC", time) for time in times]
    assert quotes == [again.quote("ABC", time) for time in times]
    assert quotes != [other.quote("ABC", time) for time in times]
