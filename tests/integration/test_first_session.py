"""A newcomer's first session, typed as the README shows it, against real processes."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import stat
import textwrap
import time
from decimal import Decimal
from pathlib import Path

import pytest

from tests.server_kit import EVENTS_S, PASSWORD, START_S, Server, events_until, lives, running

pytestmark = pytest.mark.slow


def ok(server: Server, *arguments: str) -> str:
    """Run a command that must work; return what it printed."""
    done = server.cli(*arguments)
    assert done.returncode == 0, f"{arguments}: {done.stderr}"
    assert "Traceback" not in done.stderr
    return done.stdout


def portfolio(server: Server) -> dict[str, object]:
    """Return the portfolio as programs read it."""
    content: dict[str, object] = json.loads(ok(server, "--json", "portfolio"))["portfolio"]
    return content


def password_file(tmp_path: Path) -> Path:
    """Return a file with the password, as scripts use it."""
    path = tmp_path / "password"
    path.write_text(PASSWORD + "\n")
    path.chmod(0o600)
    return path


def children(parent: int) -> list[int]:
    """Return the processes that a process has started."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(path.read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(path.parent.name))
    return found


def start_shown(server: Server) -> list[str]:
    """Return what a start printed, but for places, ports, times and codes.

    The last line may still be on its way: it comes behind READY.
    """
    deadline = time.monotonic() + EVENTS_S
    while "this code: " not in server.output.read_text() and time.monotonic() < deadline:
        time.sleep(0.05)
    text = server.output.read_text().replace(f" --state-dir {server.state}", "")
    return start_lines(text)


def start_in_readme() -> list[str]:
    """Return the same of what the README shows."""
    text = (Path(__file__).parents[2] / "README.rst").read_text("utf-8")
    shown = text.partition("$ make run\n")[2].partition("\nIn another::")[0]
    return start_lines(textwrap.dedent(shown))


def start_lines(text: str) -> list[str]:
    """Return the lines of a start in the order of the alphabet: two channels are in one file."""
    # Where the environment is active the program is called by its name alone.
    text = re.sub(r"\S*bin/papertrader\b", "papertrader", text)
    text = re.sub(r"(?<![\w.:/])/[\w./-]+", "PATH", text)
    text = re.sub(r"\b[0-9a-f]{32}\b|127\.0\.0\.1:\d+|\d{4}-\d\d-\d\dT\d\d:\d\dZ", "N", text)
    return sorted(line for line in text.splitlines() if line)


def test_the_first_session(tmp_path: Path) -> None:
    """Register, log in, buy, sell, look: the money adds up by hand, also after a second start."""
    secret = str(password_file(tmp_path))
    with running(tmp_path / "state") as server:
        assert re.fullmatch(
            r"READY worker=127\.0\.0\.1:\d+ ca=\S+ca\.pem state=\S+", server.ready_line
        )
        assert start_shown(server) == start_in_readme()
        ok(server, "--password-file", secret, "register", "ann")
        ok(server, "--password-file", secret, "login", "ann")
        token = server.state / "client" / "session.json"
        assert stat.S_IMODE(token.stat().st_mode) == 0o600
        assert "AAPL" in ok(server, "assets")
        assert "AAPL" in ok(server, "quote", "AAPL")
        bought = ok(server, "buy", "AAPL", "10", "--wait", "60")
        match = re.search(r"10 AAPL at ([\d,.]+)", bought)
        assert match is not None, bought
        price = Decimal(match[1].replace(",", ""))
        held = portfolio(server)
        assert Decimal(str(held["cash"])) == Decimal(100_000) - 10 * price
        sold = ok(server, "sell", "AAPL", "10", "--wait", "60")
        match = re.search(r"10 AAPL at ([\d,.]+)", sold)
        assert match is not None, sold
        back = Decimal(match[1].replace(",", ""))
        cash = Decimal(100_000) - 10 * price + 10 * back
        assert Decimal(str(portfolio(server)["cash"])) == cash
        history = json.loads(ok(server, "--json", "history"))
        amounts = [Decimal(row["amount"]) for row in history["transactions"]]
        assert amounts == [Decimal(100_000), -10 * price, 10 * back]
        limit = ok(server, "--json", "buy", "IBM", "5", "--limit", "1.00", "--gtc", "--wait", "0")
        number = json.loads(limit)["order"]["order_id"]
        assert ok(server, "audit").endswith("clean\n")
        assert ok(server, "replay-check").endswith("the same\n")
        sale = json.loads(ok(server, "--json", "history"))["transactions"][-1]
        assert "fill 1: 10 at" in ok(server, "receipt", str(sale["order_id"]))
        server.stop()
        assert ok(server, "rebuild").endswith("clean\n")
        server.start()
        again = portfolio(server)
        assert Decimal(str(again["cash"])) == cash
        assert str(number) in ok(server, "orders")
        # Whoever writes the views may die, of lack of memory, say: the master goes on without.
        (writer,) = children(int(server.said("master.json")["pid"]))
        os.kill(writer, signal.SIGKILL)
        ok(server, "cancel", str(number))
        assert str(number) not in ok(server, "orders")
        assert len(json.loads(ok(server, "--json", "history"))["transactions"]) == len(amounts)
        told, deadline = "", time.monotonic() + EVENTS_S
        # The log's files are written now and then.
        while "the process that writes the views ended" not in told:
            assert time.monotonic() < deadline, told
            told = ok(server, "log", "show", "--level", "error")
        assert server.audit().violations == []
        server.stop()
        first, second = server.output.read_text().split("In another terminal, type next:\n")[1:]
        assert " register ann\n" in first
        assert " login NAME  (or a new account: " in second
        assert "ann" not in second.partition("Ctrl-C")[0].replace(str(server.state), "")


def test_refusals_have_codes_and_sentences(tmp_path: Path) -> None:
    """Each kind of bad input: its own code, one clear sentence, the documented exit code."""
    secret = str(password_file(tmp_path))
    with running(tmp_path / "state") as server:
        ok(server, "--password-file", secret, "register", "ann")
        assert server.cli("buy", "AAPL", "1").returncode == 4, "not logged in"
        ok(server, "--password-file", secret, "login", "ann")
        wrong = tmp_path / "wrong"
        wrong.write_text("not the password\n")
        cases = {
            "USERNAME_TAKEN": ("--password-file", secret, "register", "Ann"),
            "AUTH_FAILED": ("--user", "ann", "--password-file", str(wrong), "portfolio"),
            "NO_SUCH_SYMBOL": ("buy", "NOPE", "1"),
            "INSUFFICIENT_CASH": ("buy", "AAPL", "100000"),
            "INSUFFICIENT_POSITION": ("sell", "AAPL", "1"),
            "BAD_LOT": ("buy", "AAPL", "0.5"),
            "BAD_TICK": ("buy", "AAPL", "1", "--limit", "100.001"),
        }
        for code, arguments in cases.items():
            done = server.cli("--json", *arguments)
            assert done.returncode in (1, 4), f"{code}: {done}"
            error = json.loads(done.stderr.splitlines()[-1])["error"]
            assert error["code"] == code
            assert len(error["text"]) > 10
            assert "Traceback" not in done.stderr
        told = {
            each["reason"]: each
            for each in json.loads(ok(server, "--json", "refusals"))["refusals"]
        }
        orders = {code for code, words in cases.items() if words[0] in ("buy", "sell")}
        assert set(told) == orders, "an order was refused and has no receipt"
        short = told["INSUFFICIENT_POSITION"]
        assert (float(short["asked"]), float(short["there"]), short["symbol"]) == (1, 0, "AAPL")
        cash = told["INSUFFICIENT_CASH"]
        listed = ok(server, "refusals").splitlines()
        assert listed[0].split()[:4] == ["number", "refused", "(UTC)", "portfolio"]
        assert f" {cash['portfolio']} " in listed[-1]
        lines = ok(server, "refusals", str(cash["refusal"]))
        assert cash["text"] in lines and "there 100,000.00" in lines and "quote" in lines
        assert ok(server, "replay-check")
        assert server.audit().violations == []


def test_killing_up_leaves_nothing_running(tmp_path: Path) -> None:
    """``up`` itself is killed: its servers stop too, and the next start goes on."""
    with running(tmp_path / "state") as server:
        assert server.process is not None
        said = [server.said(name) for name in ("master.json", "worker-1.json")]
        # A driver outlives its workings for a moment, and holds their lock until it is gone.
        pids = [int(each[which]) for each in said for which in ("driver", "pid")]
        server.process.kill()
        server.process.wait()
        server.process = None
        deadline = time.monotonic() + START_S
        while living := [pid for pid in pids if lives(pid)]:
            assert time.monotonic() < deadline, living
            time.sleep(0.05)
        server.start()
        assert server.audit().violations == []


def test_the_simulated_market_ticks(tmp_path: Path) -> None:
    """At least 20 assets, coins among them, prices several times a second, a year of history."""
    secret = str(password_file(tmp_path))
    with running(tmp_path / "state", "--market", "simulated") as server:
        ok(server, "--password-file", secret, "register", "ann")
        ok(server, "--password-file", secret, "login", "ann")
        assets = json.loads(ok(server, "--json", "assets"))["assets"]
        assert len(assets) >= 20
        assert sum(1 for asset in assets if asset["kind"].lower() == "crypto") == 2
        symbol = assets[0]["symbol"]
        with server.client() as client:
            client.login("ann", PASSWORD)
            client.subscribe_quotes([symbol])
            assert len(events_until(client, lambda seen: len(seen) >= 5)) == 5
            assert len(client.bars(symbol, limit=300)) >= 250
        server.wait_for_new("worker-1", server.kill("worker-1"))
        ok(server, "buy", symbol, "1")
        assert server.audit().violations == []
