"""The terminal program through its pilot, against a real server; and once in a real terminal."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from papertrader.cli.invocation import Invocation
from papertrader.cli.output import money
from papertrader.cli.place import find_place, load_login
from papertrader.client import errors
from papertrader.client.aio import AsyncClient
from papertrader.client.updates import TransactionUpdate
from papertrader.core.orders import OrderState
from papertrader.wire.kinds import Scope
from tests.server_kit import PASSWORD, PROGRAM, Server, running

pytest.importorskip("textual")

from textual.css.query import NoMatches
from textual.pilot import Pilot
from textual.widgets import DataTable, Input, RichLog, Static, TabbedContent
from textual.widgets.data_table import RowDoesNotExist
from textual.worker import WorkerCancelled

from papertrader.cli.terminal import app as program_module
from papertrader.cli.terminal.app import TerminalProgram
from papertrader.cli.terminal.help import Help
from papertrader.cli.terminal.picture import Picture
from papertrader.cli.terminal.ticket import Ticket

WAIT_S = 90
READINGS_MAX = 20
SHOTS = os.environ.get("PAPERTRADER_SCREENSHOTS", "")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server with a simulated market, and a login stored as the shell's would be."""
    state = tmp_path_factory.mktemp("tui") / "state"
    with running(state, "--market", "simulated") as server:
        with server.client() as client:
            client.register("ann", PASSWORD)
        assert server.cli("login", "ann", stdin=f"{PASSWORD}\n").returncode == 0
        yield server
        assert server.audit().violations == []


class Followed(TerminalProgram):
    """The program; ``begun``: it has read and shown all that it reads at its start."""

    begun = False

    async def _begin(self) -> None:
        await super()._begin()
        self.begun = True


def program(server: Server, scope: Scope = Scope.TRADE, symbols: tuple[str, ...] = ()) -> Followed:
    """Return the program for that login."""
    invocation = Invocation(state_dir=server.state, program=str(PROGRAM))
    place = find_place(invocation)
    return Followed(invocation, place, load_login(place), scope, symbols)


async def wait(pilot: Pilot[None], what: Callable[[], object]) -> None:
    """Let the program work until something is true; a row that is not there yet is not."""
    deadline = time.monotonic() + WAIT_S
    while True:
        with contextlib.suppress(RowDoesNotExist):
            if what():
                return
        assert time.monotonic() < deadline, log_of(pilot)
        await pilot.pause(0.05)


async def open_ticket(pilot: Pilot[None]) -> None:
    """Press b, and wait until what is typed goes into the ticket."""
    await pilot.press("b")
    await wait(pilot, lambda: isinstance(pilot.app.screen, Ticket))
    await wait(pilot, lambda: pilot.app.focused is not None)
    assert isinstance(pilot.app.focused, Input) and pilot.app.focused.id == "quantity"


def log_of(pilot: Pilot[None]) -> str:
    """Return what the log tab says."""
    return "\n".join(line.text for line in pilot.app.query_one("#log-lines", RichLog).lines)


def fills_of(pilot: Pilot[None]) -> list[str]:
    """Return the sides of the fills, from the top."""
    table = pilot.app.query_one("#fills-table", DataTable)
    return [table.get_row_at(row)[1] for row in range(table.row_count)]


def shot(pilot: Pilot[None], name: str) -> None:
    """Keep a picture for ``docs/pictures``; it asks no other host for a font."""
    if SHOTS:
        picture = pilot.app.export_screenshot(title="PaperTrader", simplify=True)
        picture = re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)
        (Path(SHOTS) / f"{name}.svg").write_text(picture + "\n", encoding="utf-8")


def play(
    server: Server,
    body: Callable[[Pilot[None]], Awaitable[None]],
    scope: Scope = Scope.TRADE,
    rows: int = 10,
    symbols: tuple[str, ...] = (),
) -> None:
    """Run the program at 80 x 24 while ``body`` presses keys; ``rows``: so many are watched.

    With none nothing is waited for, for the program has no session to read anything in.
    """

    async def run() -> None:
        app = program(server, scope, symbols)
        async with app.run_test(size=(80, 24)) as pilot:
            if rows:
                await wait(pilot, lambda: app.begun and app.symbol)
                assert app.query_one("#watch", DataTable).row_count >= rows
            await body(pilot)

    asyncio.run(run())


def test_a_first_trade(server: Server) -> None:
    """The chart is drawn, the ticket estimates, the fill arrives, the position is there."""

    async def body(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, TerminalProgram)
        await wait(pilot, lambda: "▒" in str(app.query_one(Picture).render()))
        await open_ticket(pilot)
        await pilot.press("7")
        await wait(
            pilot, lambda: "buying power" in str(app.screen.query_one("#estimate", Static).render())
        )
        shot(pilot, "terminal-ticket")
        await pilot.press("enter")
        await wait(pilot, lambda: app.query_one("#fills-table", DataTable).row_count == 1)
        await wait(pilot, lambda: app.query_one("#positions-table", DataTable).row_count == 1)
        await pilot.press("1")
        app.clear_notifications()
        await pilot.pause()
        shot(pilot, "terminal")
        await pilot.press("escape", "4")
        await wait(pilot, lambda: "order 1 is taken" in log_of(pilot))
        await app.client.sell(app.symbol, 1)
        await wait(pilot, lambda: fills_of(pilot) == ["sell", "buy"])

    async def again(pilot: Pilot[None]) -> None:
        await wait(pilot, lambda: fills_of(pilot) == ["sell", "buy"])

    play(server, body)
    play(server, again)
    with server.client("ann") as client:
        assert [position.quantity for position in client.portfolio().positions] == [6]


def test_whoever_ends_the_program_while_the_account_is_read_sees_no_error(server: Server) -> None:
    """What is shown is gone when the answer comes."""

    async def body(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, TerminalProgram)
        await app.query_one("#positions-table", DataTable).remove()
        for _ in range(READINGS_MAX):
            app.refresh_soon()
            (reading,) = [
                each for each in app.workers if each.group == "refresh" and not each.is_cancelled
            ]
            # Whatever happens meanwhile may have begun another one in its place.
            with contextlib.suppress(WorkerCancelled):
                await reading.wait()
                return
        raise AssertionError("the account was never read to the end")

    play(server, body)


def test_what_still_runs_when_the_program_has_ended_is_quiet(server: Server) -> None:
    """No screen is left then; the second's tick and an answer that comes late raise nothing."""
    ended: list[TerminalProgram] = []

    async def body(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, TerminalProgram)
        ended.append(app)

    play(server, body)
    (app,) = ended
    assert app.screen_stack == []
    app._tick()
    with pytest.raises(NoMatches):
        app.note("too late")


def test_an_order_is_sent_with_a_tag(server: Server) -> None:
    """It stands in the ticket below how long the order lasts, and with the order afterwards."""

    async def body(pilot: Pilot[None]) -> None:
        app = pilot.app
        await open_ticket(pilot)
        await pilot.press("1", "tab", *"0.40", "tab", "tab", "tab", *"dip [b]")
        await pilot.press("enter")
        await wait(pilot, lambda: not isinstance(app.screen, Ticket))
        orders = app.query_one("#orders-table", DataTable)
        await wait(pilot, lambda: "dip [b]" in [str(cell) for cell in orders.get_row_at(0)])

    play(server, body)
    with server.client("ann") as client:
        (order,) = client.orders()
        assert order.tag == "dip [b]"
        client.order_cancel(order.order_id)


def test_what_is_held_is_shown_at_the_prices_of_now(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is bought or sold, and equity, marks and profits move with the market."""
    monkeypatch.setattr(program_module, "REVALUED_S", 1)
    with server.client("ann") as client:
        client.subscribe_account()
        client.buy("BRKF", 10)
        told = client.events(timeout=WAIT_S)
        assert any(isinstance(event, TransactionUpdate) for event in told)

    async def body(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, TerminalProgram)
        before = app.portfolio
        assert before is not None
        shown = str(app.query_one("#top", Static).render())
        assert money(before.equity) in shown
        await wait(
            pilot, lambda: app.portfolio is not None and app.portfolio.equity != before.equity
        )
        await wait(pilot, lambda: str(app.query_one("#top", Static).render()) != shown)
        marks = app.query_one("#positions-table", DataTable)
        await wait(pilot, lambda: marks.get_row_at(0)[3] != money(before.positions[0].mark))

    play(server, body)


def test_the_cursor_stays_on_the_order_that_was_chosen(server: Server) -> None:
    """Another one comes meanwhile, above it: what is canceled is the one under the cursor."""
    with server.client("ann") as client:
        chosen = client.buy("BRKF", 1, limit="0.41", time_in_force="gtc").order_id
        other = client.buy("BRKF", 1, limit="0.42", time_in_force="gtc").order_id

        async def body(pilot: Pilot[None]) -> None:
            orders = pilot.app.query_one("#orders-table", DataTable)
            await pilot.press("2", "down")
            await wait(pilot, lambda: str(orders.get_row_at(orders.cursor_row)[0]) == str(chosen))
            third = client.buy("BRKF", 1, limit="0.43", time_in_force="gtc").order_id
            await wait(pilot, lambda: str(orders.get_row_at(0)[0]) == str(third))
            await pilot.press("c")
            await wait(pilot, lambda: "canceled" in [str(c) for c in orders.get_row_at(2)])
            assert orders.cursor_row == 2

        play(server, body)
        assert client.order(chosen).state is OrderState.CANCELLED
        assert client.order(other).state is OrderState.WORKING
        client.order_cancel_all()


def test_the_cursor_may_be_moved_while_all_is_read(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it stands on is what is shown when the program has read everything."""
    real = AsyncClient.transactions
    moved = asyncio.Event()

    async def late(client: AsyncClient, **options: object) -> object:
        await moved.wait()
        return await real(client, **options)  # type: ignore[arg-type]

    async def body(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, Followed)
        watch = app.query_one("#watch", DataTable)
        await wait(pilot, lambda: app.symbol and watch.row_count >= 3)
        await pilot.press("down", "down")
        chosen = str(watch.get_row_at(2)[0])
        await wait(pilot, lambda: app.symbol == chosen)
        moved.set()
        await wait(pilot, lambda: app.begun)
        assert (app.symbol, watch.cursor_row) == (chosen, 2)

    monkeypatch.setattr(AsyncClient, "transactions", late)
    play(server, body, rows=0)


def test_the_command_line_has_the_grammar_of_the_shell(server: Server) -> None:
    """What the shell would do is done, and what it would say stands in the log; errors too."""

    async def body(pilot: Pilot[None]) -> None:
        for text in ("quote BRKF", "buy BRKF 1 --limit 0.50 --gtc --wait 0", "buy BRKF", "tui"):
            await pilot.press("slash")
            pilot.app.query_one("#command", Input).value = text
            await pilot.press("enter")
        await wait(pilot, lambda: "bid size" in log_of(pilot))
        await wait(pilot, lambda: "limit 0.50" in log_of(pilot))
        await wait(pilot, lambda: "error: give QUANTITY" in log_of(pilot))
        await wait(pilot, lambda: "tui is for a shell" in log_of(pilot))
        orders = pilot.app.query_one("#orders-table", DataTable)
        await wait(pilot, lambda: "0.50" in str(orders.get_row_at(0)))
        await pilot.press("escape", "c")
        await wait(pilot, lambda: pilot.app.focused is orders)
        assert "cancel" not in str(orders.get_row_at(0)), "what was not to be seen is left alone"
        await pilot.press("c")
        await wait(pilot, lambda: "cancel" in str(orders.get_row_at(0)))
        await pilot.press("escape", "3")
        assert pilot.app.focused is pilot.app.query_one("#fills-table", DataTable)

    play(server, body)


def test_what_would_be_refused_is_said_in_the_ticket(server: Server) -> None:
    """And nothing is sent when one leaves it."""

    async def body(pilot: Pilot[None]) -> None:
        await open_ticket(pilot)
        await pilot.press(*"99999999")
        estimate = pilot.app.screen.query_one("#estimate", Static)
        await wait(pilot, lambda: "would be refused" in str(estimate.render()))
        await pilot.press("escape")
        await wait(pilot, lambda: not isinstance(pilot.app.screen, Ticket))

    play(server, body)


def test_a_ticket_says_what_it_does_not_understand(server: Server) -> None:
    """By the name of the field; Enter sends nothing then, and what is put right is estimated."""

    async def body(pilot: Pilot[None]) -> None:
        await open_ticket(pilot)
        estimate = pilot.app.screen.query_one("#estimate", Static)
        await pilot.press("2", "tab", *"1x")
        await wait(
            pilot, lambda: "limit is to be a number above 0, not '1x'" in str(estimate.render())
        )
        await pilot.press("backspace", *",5")
        await wait(
            pilot, lambda: "limit is to be a number above 0, not '1,5'" in str(estimate.render())
        )
        await pilot.press("backspace", "backspace", "x")
        await pilot.press("enter", "backspace")
        await wait(pilot, lambda: "buying power" in str(estimate.render()))
        await pilot.press("escape")
        await wait(pilot, lambda: not isinstance(pilot.app.screen, Ticket))
        assert "taken" not in log_of(pilot)

    play(server, body)


def test_a_ticket_says_that_a_stop_would_wait(server: Server) -> None:
    """All of the sentence, below the figures, is on the screen."""

    async def body(pilot: Pilot[None]) -> None:
        await open_ticket(pilot)
        estimate = pilot.app.screen.query_one("#estimate", Static)
        await pilot.press("2", "tab", "tab", "1")
        await wait(pilot, lambda: "buys at 1.04 at most" in str(estimate.render()))
        assert str(estimate.render()).endswith("until that is so low.")
        await wait(pilot, lambda: estimate.content_size.height > 4)
        await pilot.press("escape")
        await wait(pilot, lambda: not isinstance(pilot.app.screen, Ticket))

    play(server, body)


def test_the_chart_lives_and_fills_its_place(server: Server) -> None:
    """Bars form further without a key; the picture is as large as the terminal becomes."""

    async def body(pilot: Pilot[None]) -> None:
        app = pilot.app
        chart = app.query_one(Picture)
        await wait(pilot, lambda: "▒" in str(chart.render()))
        for size in ((120, 40), (50, 12), (80, 24)):
            await pilot.resize_terminal(*size)
            await wait(
                pilot,
                lambda: str(chart.render()).count("\n") + 1 == max(4, chart.content_size.height),
            )
        await wait(pilot, lambda: chart.content_size.height >= 10)
        for _ in range(2):
            await pilot.press("i")
        await wait(pilot, lambda: "1m" in str(app.query_one("#quote", Static).render()))
        await wait(pilot, lambda: "▒" in str(chart.render()))
        before = str(chart.render())
        await wait(pilot, lambda: str(chart.render()) != before)
        for key in ("down", "down", "down", "up"):
            await pilot.press(key)
        await wait(pilot, lambda: "▒" in str(chart.render()))
        await pilot.press("4")
        await wait(pilot, lambda: "logged in as ann" in log_of(pilot))
        assert "error" not in log_of(pilot)

    play(server, body)


def test_a_symbol_that_there_is_not_is_told_and_not_watched(server: Server) -> None:
    """Its prices would never come; and where bars cannot be read, the chart says why."""

    async def body(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, TerminalProgram)
        watched = app.query_one("#watch", DataTable)
        rows = [watched.get_row_at(row)[0] for row in range(watched.row_count)]
        assert rows[0] == "ALRB" and "NOPE" not in rows
        await pilot.press("4")
        await wait(pilot, lambda: "error: There is no asset NOPE in this market." in log_of(pilot))
        app.choose("GONE")
        chart = app.query_one(Picture)
        await wait(pilot, lambda: "no asset GONE" in str(chart.render()))
        app.choose("ALRB")
        await wait(pilot, lambda: "▒" in str(chart.render()))

    play(server, body, rows=1, symbols=("NOPE", "ALRB"))


def test_help_lists_the_bindings_and_views_change(server: Server) -> None:
    """Made from the bindings, so that it cannot be out of date."""

    async def body(pilot: Pilot[None]) -> None:
        app = pilot.app
        await pilot.press("question_mark")
        await wait(pilot, lambda: isinstance(app.screen, Help))
        shown = str(app.screen.query_one(Static).render())
        for words in ("Buy", "Sell", "Interval", "Command", "Quit"):
            assert words in shown
        await pilot.press("escape")
        await pilot.press("i", "t")
        await wait(pilot, lambda: "1w" in str(app.query_one("#quote", Static).render()))

    play(server, body)


def test_fills_that_come_close_together_do_not_cover_the_screen(server: Server) -> None:
    """The newest is told beside the orders, the others stand in the log and under the fills."""

    async def body(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, TerminalProgram)
        app._disable_notifications = False
        for told in ("a", "b"):
            for price in ("9.50", "9.51", "9.52"):
                app._tell_fill(f"{told} at {price}")
            last = f"{told} at 9.52"
            await wait(pilot, lambda now=last: [n.message for n in app._notifications] == [now])

    play(server, body)


def test_who_may_only_look_gets_no_ticket(server: Server) -> None:
    """Scope READ: the keys say so."""

    async def body(pilot: Pilot[None]) -> None:
        await pilot.press("b")
        await pilot.pause(0.3)
        assert not isinstance(pilot.app.screen, Ticket)
        assert "read only" in str(pilot.app.query_one("#top", Static).render())

    play(server, body, Scope.READ)


def test_what_belongs_to_another_portfolio_is_told_and_not_mixed_in(server: Server) -> None:
    """Its order is a line of the log; a price alert that fires is one as well, and seen at once."""

    async def body(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, TerminalProgram)
        await pilot.press("escape", "4")
        other = await app.client.portfolio_create("other")
        order = await app.client.buy(app.symbol, 1, portfolio=other.portfolio)
        told = f"portfolio {other.portfolio}, order {order.order_id} accepted: buy {app.symbol}"
        await wait(pilot, lambda: told in log_of(pilot))
        assert order.order_id not in app.orders
        made = await app.client.alert_create(app.symbol, above="0.01")
        told = f"alert {made.alert} triggered: {app.symbol} last at least 0.01"
        await wait(pilot, lambda: told in log_of(pilot))

    play(server, body)


def test_the_end_of_the_session_is_seen(server: Server) -> None:
    """The first line says so, and the log what to do; what is shown is not called live any more."""

    async def body(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, TerminalProgram)
        with server.client() as client:
            client.login("ann", PASSWORD)
            for each in client.sessions():
                if each.online and not each.current:
                    # One of an earlier test may be at its end just now.
                    with contextlib.suppress(errors.RefusedError):
                        client.session_revoke(each.session_id)
        await wait(pilot, lambda: "LOGGED OUT" in str(app.query_one("#top", Static).render()))
        assert app.query_one("#lower", TabbedContent).active == "log"
        await wait(pilot, lambda: "login ann in a shell" in log_of(pilot))
        await pilot.press("i")
        chart = app.query_one(Picture)
        await wait(pilot, lambda: "there is no session" in str(chart.render()))

    play(server, body)


def test_a_session_that_ends_while_all_is_read_is_seen_too(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Revoked between the login and the first question: LOGGED OUT, as at any other time."""
    real = AsyncClient.watchlists

    async def revoked_first(client: AsyncClient) -> object:
        with server.client() as other:
            other.login("ann", PASSWORD)
            mine = await client.sessions()
            other.session_revoke(next(each.session_id for each in mine if each.current))
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            await real(client)
        pytest.fail("the session went on")

    async def body(pilot: Pilot[None]) -> None:
        app = pilot.app
        await wait(pilot, lambda: "LOGGED OUT" in str(app.query_one("#top", Static).render()))
        await wait(pilot, lambda: "login ann in a shell" in log_of(pilot))

    monkeypatch.setattr(AsyncClient, "watchlists", revoked_first)
    play(server, body, rows=0)


def test_without_a_terminal_it_does_not_start(server: Server) -> None:
    """As by ssh without -t: one sentence, and no page full of the signs that draw a screen."""
    done = server.cli("tui", stdin="")
    assert done.returncode == 2
    assert done.stderr.startswith("error: the terminal program needs a terminal")
    assert "ssh -t HOST" in done.stderr and "\x1b" not in done.stdout + done.stderr


@pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux")
def test_a_real_terminal_of_80_columns(server: Server, tmp_path: Path) -> None:
    """As over ssh: it starts, draws within 80 x 24, and ends with q."""
    socket = str(tmp_path / "tmux")

    def tmux(*arguments: str) -> str:
        done = subprocess.run(
            ["tmux", "-S", socket, *arguments], capture_output=True, text=True, timeout=WAIT_S,
            check=True,
        )  # fmt: skip
        return done.stdout

    command = f"{PROGRAM} --state-dir {server.state} tui; sleep 600"
    tmux("new-session", "-d", "-x", "80", "-y", "24", command)
    try:
        deadline = time.monotonic() + WAIT_S
        while not ("ALRB" in (screen := tmux("capture-pane", "-p")) and "▒" in screen):
            assert time.monotonic() < deadline, screen
            time.sleep(0.2)
        assert all(len(line) <= 80 for line in screen.splitlines())
        assert "Buy" in screen
        tmux("send-keys", "q")
        deadline = time.monotonic() + WAIT_S
        while "ALRB" in tmux("capture-pane", "-p"):
            assert time.monotonic() < deadline, "it does not end with q"
            time.sleep(0.2)
    finally:
        tmux("kill-server")
