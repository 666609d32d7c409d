"""Results as tables: exact values, frames when asked for, HTML that nothing can break out of."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import attrs
import pytest

from papertrader.client import results as r
from papertrader.client import tables
from papertrader.core.orders import Side

START = datetime(2020, 1, 1, tzinfo=UTC)


def bars(count: int) -> r.Bars:
    """Return a series."""
    rows = tuple(
        r.Bar(
            time=START + timedelta(days=day), open=Decimal(day), high=Decimal(day + 2),
            low=Decimal(day), close=Decimal(day + 1), volume=Decimal("0.1"),
        )
        for day in range(count)
    )  # fmt: skip
    return r.Bars(symbol="AAPL", interval_s=86_400, complete=True, as_of=START, bars=rows)


@attrs.frozen(kw_only=True)
class Odd:
    """A row with everything that a table has to deal with."""

    side: Side
    inner: r.Bar
    many: tuple[int, ...]
    price: Decimal | None
    text: str


@attrs.frozen(kw_only=True)
class Held:
    """A row that holds another value, or none."""

    number: int
    terms: r.Bar | None
    combined: tuple[int, ...]
    tag: str


def test_records_are_exact_and_flat() -> None:
    """Members by name, decimals as they are, nested values left out."""
    row = Odd(side=Side.BUY, inner=bars(1).bars[0], many=(1,), price=Decimal("0.10"), text="x")
    assert tables.records([row]) == [{"side": "BUY", "price": Decimal("0.10"), "text": "x"}]
    assert tables.records([row], floats=True)[0]["price"] == 0.1


def test_every_row_has_the_same_columns() -> None:
    """Whatever it holds: a field that may hold another value is none, or its fields are."""
    bare = Held(number=1, terms=None, combined=(), tag="a")
    rows = [bare, attrs.evolve(bare, number=2, terms=bars(1).bars[0], combined=(1,), tag="b")]
    assert tables.records(rows) == [{"number": 1, "tag": "a"}, {"number": 2, "tag": "b"}]
    first, second = tables.records(rows, nested=True)
    assert list(first) == list(second) == ["_".join(path) for path in tables.columns(Held, True)]
    assert (first["terms_close"], first["tag"]) == (None, "a")
    assert (second["terms_close"], second["tag"]) == (Decimal(1), "b")


def test_a_frame_of_pandas() -> None:
    """One column for each field, one row for each bar; pandas is in the development tools."""
    pandas = pytest.importorskip("pandas")
    frame = bars(3).to_frame(floats=True)
    assert list(frame.columns) == ["time", "open", "high", "low", "close", "volume"]
    assert frame["close"].tolist() == [1.0, 2.0, 3.0]
    assert isinstance(frame, pandas.DataFrame)


def test_a_frame_of_polars() -> None:
    """Decimals stay exact, in a column that begins with many rows of nothing, too."""
    polars = pytest.importorskip("polars")
    rows = [
        Odd(side=Side.BUY, inner=bars(1).bars[0], many=(), price=price, text="x")
        for price in [*[None] * 200, Decimal("0.10")]
    ]
    frame = tables.frame(rows, "polars")
    assert isinstance(frame, polars.DataFrame)
    assert frame.shape == (201, 3)
    assert frame["price"][200] == Decimal("0.10")
    assert bars(3).to_frame("polars", floats=True)["close"].to_list() == [1.0, 2.0, 3.0]


def test_every_list_of_results_is_a_table() -> None:
    """Quotes too, though they are a tuple."""
    quote = r.Quote(**{field.name: None for field in attrs.fields(r.Quote)})
    assert r.Quotes([quote]).to_records()[0].keys() >= {"symbol", "bid", "ask"}
    assert "<table>" in r.Quotes([quote])._repr_html_()


def test_a_library_is_loaded_only_when_asked_for() -> None:
    """Importing the client loads neither; another name is refused."""
    import subprocess

    code = "import sys, papertrader.client.blocking; print('pandas' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
    with pytest.raises(ValueError, match="pandas or polars"):
        bars(1).to_frame("numpy")


def test_notebooks_see_a_table_and_a_curve() -> None:
    """At most 20 rows, and how many there are more."""
    shown = bars(30)._repr_html_()
    assert shown.count("<tr>") == tables.ROWS_SHOWN + 1
    assert "<polyline" in shown
    assert "30 bars" in shown
    page = r.Page(items=bars(25).bars, next_after=0, event_seq=0, as_of=None)
    assert "and 5 more" in page._repr_html_()
    assert tables.html_table([]) == "<p>no rows</p>"


def test_html_is_escaped() -> None:
    """A name is text, whatever it looks like."""
    shown = tables.html_table([{"<b>": "<script>alert(1)</script>"}], caption="<i>")
    assert "<script>" not in shown
    assert "<b>" not in shown
    assert "<i>" not in shown


def test_a_curve_that_does_not_move_is_drawn() -> None:
    """Without division by nothing; a single value is no curve."""
    assert "<polyline" in tables.sparkline([Decimal(1), Decimal(1)])
    assert tables.sparkline([Decimal(1)]) == ""
