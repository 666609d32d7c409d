"""The benchmarks measure what they say: figures, plots, the hand-written codec, one short run."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks import codec, processes, product
from benchmarks.__main__ import arguments
from benchmarks.bench import Bench
from benchmarks.figures import Results, Verdict, row, verdict_row
from benchmarks.peers.groupcommit import GroupCommit
from benchmarks.plots import plot, write_plots
from benchmarks.processes import Seen
from benchmarks.scenarios import product_load
from papertrader.core.orders import Side
from papertrader.wire import codec as wire
from papertrader.wire import messages as m

ROUNDS_MAX = 100
SVG = "{http://www.w3.org/2000/svg}"


def seen(rate: float, errors: int = 0) -> Seen:
    """Return a round as the load generator would tell it."""
    return Seen(
        rate=rate, errors=errors, worst_status=0x413 if errors else 0, p50_us=500.0, p99_us=2500.0,
        load_cpu=0.25, server_cpu=(0.5, 0.25), others=0.125,
    )  # fmt: skip


def test_a_figure_is_the_median_of_its_rounds() -> None:
    """The table tells median, scatter, and what ran meanwhile."""
    results = Results()
    results.add_seen("orders", "product", [seen(300), seen(100), seen(200)])
    figure = results.find("orders", "product")
    assert figure is not None
    assert figure.median == 200
    assert figure.spread == 0.5
    assert figure.note == (
        "267/CPU s, p50 0.50 ms, p99 2.50 ms, CPU 0.50 + 0.25, load 0.25, others 0.12"
    )
    assert "200 /s" in row(figure)


def test_refusals_are_told() -> None:
    """A row whose server refused something says how often and why."""
    results = Results()
    results.add_seen("orders", "product", [seen(300), seen(290, errors=7)])
    assert "REFUSED 7 (mostly 0x0413)" in row(results.figures[0])


def test_a_verdict_compares_two_figures() -> None:
    """A ratio is met from its bound on, in the direction that is wanted."""
    results = Results()
    results.add("relay", "product", "/s", [60.0])
    results.add("relay", "floor", "/s", [100.0])
    results.judge("relay", "product", "floor", 0.5)
    results.judge("relay", "product", "floor", 0.5, least=False)
    results.judge("relay", "product", "absent", 0.5)
    assert [each.met for each in results.verdicts] == [True, False]
    assert "MISSED" in verdict_row(Verdict(text="x", ratio=0.4, wanted=0.5))


def test_results_are_written_whole(tmp_path: Path) -> None:
    """The file has figures, verdicts and what was skipped."""
    results = Results()
    results.add("codec", "parse", "ns", [3.0, 1.0, 2.0])
    results.skip("a peer")
    results.write(tmp_path / "results.json")
    content = json.loads((tmp_path / "results.json").read_text())
    assert content["figures"][0]["median"] == 2.0
    assert content["skipped"] == ["a peer"]
    assert content["machine"]["python"]


def test_a_plot_is_an_svg_of_its_lines(tmp_path: Path) -> None:
    """Each line has its points inside the page; a rate is shown as the time of one."""
    root = ET.fromstring(plot("t", "x", "y", {"a": [(1, 10), (100, 1_000)], "b": [(10, 50)]}))
    assert len(root.findall(f"{SVG}circle")) == 3
    assert all(0 < float(each.attrib["cx"]) < 640 for each in root.findall(f"{SVG}circle"))
    results = Results()
    results.add("orders", "product", "/s", [1_000.0], size=1)
    results.add("orders", "product", "/s", [10_000.0], size=16)
    results.add("orders", "alone", "/s", [10_000.0], size=16)
    (path,) = write_plots(results.figures, tmp_path)
    assert path.name == "orders-microseconds-each.svg"
    assert len(ET.parse(path).getroot().findall(f"{SVG}polyline")) == 1


def test_code_by_hand_reads_and_refuses_as_the_derived_code() -> None:
    """The contestant of the derived codec does the same work."""
    frame = product.orders()[0]
    order = codec.parse_by_hand(frame, wire.HEADER.size)
    assert (order.symbol, order.side) == (product.SYMBOL, Side.BUY)
    assert codec.build_by_hand(order) == frame[wire.HEADER.size :]
    for at, value in ((32 + 32, 9), (32 + 35, 0x80)):
        wrong = frame[:at] + bytes([value]) + frame[at + 1 :]
        with pytest.raises((ValueError, KeyError)):
            codec.parse_by_hand(wrong, wire.HEADER.size)
        with pytest.raises(wire.RemoteFault):
            m.OrderNew.unpack(wrong, wire.HEADER.size)


def test_group_commit_keeps_five_rows_an_order(tmp_path: Path) -> None:
    """The floor for durable rows really writes them."""
    raw = GroupCommit(tmp_path / "raw.db")
    assert raw.run(16, 0.05) > 0
    raw.close()
    db = sqlite3.connect(tmp_path / "raw.db")
    (orders,) = db.execute("SELECT count(*) FROM orders").fetchone()
    assert orders > 0
    for table in ("fills", "ledger"):
        assert db.execute(f"SELECT count(*) FROM {table}").fetchone() == (orders,)
    db.close()


def test_the_command_line_names_the_sections() -> None:
    """One section can be measured alone."""
    assert arguments(["--only", "codec", "--rounds", "1"]).only == ["codec"]
    with pytest.raises(SystemExit):
        arguments(["--only", "nothing"])


@pytest.mark.slow
def test_orders_are_accepted_under_load(tmp_path: Path) -> None:
    """The load generator logs in, and the product takes every order it sends."""
    if shutil.which("cc") is None or not Path("/usr/include/openssl/ssl.h").exists():
        pytest.skip("no C compiler with OpenSSL's headers")
    bench = Bench(directory=tmp_path, build=tmp_path, rounds=1, seconds=0.3, warm=0.1)
    with (
        product.product(tmp_path / "state") as running,
        product_load(bench, running, product.orders(), 2, 1, of_one=1) as load,
    ):
        # A moment in which this machine does something else may see no order at all.
        rounds = [load.run(bench.seconds, bench.warm)]
        while not rounds[-1].rate and len(rounds) < ROUNDS_MAX:
            rounds.append(load.run(bench.seconds, bench.warm))
    said = rounds[-1]
    assert said.rate > 0
    assert [each.errors for each in rounds] == [0] * len(rounds)
    assert 0 < said.load_cpu < 1
    assert processes.busy_seconds() > 0
