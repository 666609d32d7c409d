"""``papertrader export`` and ``report``: against a real server, as a person would."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from papertrader.cli import export, picture
from papertrader.cli.problems import Problem
from papertrader.client.conditions import Conditions
from papertrader.client.curves import CurvePoint
from tests.server_kit import PASSWORD, Server, running

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on which ann has bought and sold."""
    with running(tmp_path_factory.mktemp("export") / "state", "--market", "simulated") as server:
        with server.client() as client:
            client.register("ann", PASSWORD)
        assert server.cli("login", "ann", stdin=f"{PASSWORD}\n").returncode == 0
        assert server.cli("buy", "BRKF", "10", "--wait", "60").returncode == 0
        assert server.cli("sell", "BRKF", "4", "--wait", "60").returncode == 0
        yield server


def test_csv_is_exact(server: Server) -> None:
    """Every transaction, its amounts to the last unit; they add up to the cash."""
    done = server.cli("export", "transactions")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [row["kind"] for row in rows] == ["DEPOSIT", "BUY", "SELL"]
    with server.client("ann") as client:
        assert sum(Decimal(row["amount"]) for row in rows) == client.portfolio().cash
    orders = list(csv.DictReader(io.StringIO(server.cli("export", "orders").stdout)))
    assert [row["state"] for row in orders] == ["FILLED", "FILLED"]


def test_what_a_spreadsheet_would_calculate_is_text() -> None:
    """An apostrophe stands before it; amounts and what is plain stay as they are."""
    rows = [{"amount": Decimal("-5.00"), "note": each} for each in ("=1+1", "@x", "-", "a=b", "")]
    lines = export.as_csv(CurvePoint, rows).splitlines()[1:]
    assert lines == ["-5.00,'=1+1", "-5.00,'@x", "-5.00,'-", "-5.00,a=b", "-5.00,"]


def test_a_spreadsheet_takes_each_thing_for_what_it_is(server: Server) -> None:
    """A time has no zone and no part of a second; digits that it would lose, or eat, are text."""
    at = datetime(2012, 1, 3, 15, 2, 10, 500, tzinfo=UTC)
    rows = [
        {"at": at, "id": 2**62, "seq": 10**15 - 1, "tag": "007", "cash": Decimal("-1.50")},
        {"at": None, "id": 1, "seq": 0, "tag": "=1+1", "cash": None},
    ]
    told = export.as_sheet(CurvePoint, rows)
    assert told.encode().startswith(b"\xef\xbb\xbfat,")
    assert told.splitlines()[1:] == [
        "2012-01-03 15:02:10,'4611686018427387904,999999999999999,'007,-1.50",
        ",1,0,'=1+1,",
    ]
    done = server.cli("export", "orders", "--format", "sheet")
    (first, _) = csv.DictReader(io.StringIO(done.stdout))
    assert first["client_order_id"].startswith("'")
    assert re.fullmatch(r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d", first["accepted_at"])


def test_instants_are_all_in_one_form() -> None:
    """With and without a fraction of a second: pandas takes the first one's for all."""
    whole = datetime(2012, 1, 3, 15, 2, 10, tzinfo=UTC)
    rows = [{"at": each} for each in (whole, whole.replace(microsecond=500))]
    assert export.as_csv(CurvePoint, rows).splitlines()[1:] == [
        "2012-01-03T15:02:10.000000+00:00", "2012-01-03T15:02:10.000500+00:00",
    ]  # fmt: skip


def test_orders_with_and_without_conditions_have_the_same_columns(server: Server) -> None:
    """What stands under a heading belongs there; a list of nothing still has its heading."""
    with server.client("ann") as client:
        empty = client.portfolio_create("empty").portfolio
        stop = client.buy("BRKF", 1, time_in_force="gtc", portfolio=empty, tag="trails",
                          conditions=Conditions(trail="3%"))  # fmt: skip
        plain = client.buy("BRKF", 1, limit="0.01", time_in_force="gtc", portfolio=empty, tag="no")
    done = server.cli("export", "orders", "--portfolio", str(empty))
    rows = {row["order_id"]: row for row in csv.DictReader(io.StringIO(done.stdout))}
    trailing, resting = rows[str(stop.order_id)], rows[str(plain.order_id)]
    assert (trailing["tag"], trailing["terms_trail"]) == ("trails", "3.00")
    assert (resting["tag"], resting["terms_trail"]) == ("no", "")
    done = server.cli("export", "orders", "--portfolio", str(empty), "--format", "json")
    assert [row["order_id"] for row in json.loads(done.stdout)] == [stop.order_id, plain.order_id]
    heading = server.cli("export", "positions", "--portfolio", str(empty)).stdout
    assert heading.startswith("symbol,") and heading.count("\n") == 1


def test_json_and_a_file_that_is_not_overwritten(server: Server, tmp_path: Path) -> None:
    """The rows as objects; the second time it is refused."""
    target = tmp_path / "positions.json"
    done = server.cli("export", "positions", "--format", "json", "--output", str(target))
    assert done.returncode == 0
    assert "1 row.\n" in done.stderr
    (row,) = json.loads(target.read_text())
    assert row["symbol"] == "BRKF"
    assert Decimal(row["quantity"]) == 6
    again = server.cli("export", "positions", "--output", str(target))
    assert again.returncode == 2
    assert again.stderr.splitlines() == [
        f"error: {target} exists already", "hint: name another file, or remove it",
    ]  # fmt: skip


def test_what_ghostfolio_imports(server: Server) -> None:
    """Activities of the two trades, with what its importer asks for; only of transactions."""
    done = server.cli("export", "transactions", "--format", "ghostfolio")
    activities = json.loads(done.stdout)["activities"]
    assert [each["type"] for each in activities] == ["BUY", "SELL"]
    wanted = {"currency", "dataSource", "date", "fee", "quantity", "symbol", "type", "unitPrice"}
    assert all(wanted <= each.keys() for each in activities)
    assert server.cli("export", "orders", "--format", "ghostfolio").returncode == 2


def test_a_report_needs_nothing_else(server: Server, tmp_path: Path) -> None:
    """One file, without a script or an address, with the trades and what they cost."""
    target = tmp_path / "report.html"
    done = server.cli("report", "--html", str(target), "--benchmark", "BRKF")
    assert done.returncode == 0, done.stderr
    text = target.read_text()
    assert "<script" not in text
    assert not re.search(r"(?:src|href)=", text)
    for words in ("Growth of 100", "Drawdown", "Allocation", "Earned and paid", "BRKF", "together"):
        assert words in text
    assert server.cli("report", "--html", str(target)).returncode == 2


def test_a_report_is_a_picture_where_matplotlib_is(server: Server, tmp_path: Path) -> None:
    """Both at once; and what is not to be had is said before anything is read."""
    page, drawn = tmp_path / "both.html", tmp_path / "both.png"
    done = server.cli("report", "--html", str(page), "--png", str(drawn), "--benchmark", "BRKF")
    assert done.returncode == 0, done.stderr
    octets = drawn.read_bytes()
    assert octets.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = (int.from_bytes(octets[at : at + 4], "big") for at in (16, 20))
    assert (width, height) == (1080, 960)
    assert page.exists()
    assert server.cli("report").returncode == 2


def test_without_matplotlib_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """And matplotlib is not imported for anything but a picture."""
    monkeypatch.setattr(picture, "find_spec", lambda name: None)
    with pytest.raises(Problem) as caught:
        picture.drawing_program()
    assert "[report]" in caught.value.hint
    loaded = "import sys, papertrader.cli.report; print('matplotlib' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", loaded], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
