"""The terminal program: what is on the screen, and what the keys do.

It stands on the asyncio face of the client library, on Textual's own loop; Twisted is not loaded.
The command line below runs the same ``papertrader`` that a shell would, so that its grammar is the
same to the letter; what it says goes into the log.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from typing import ClassVar, Final, TypeVar

from rich.text import Text
from textual import on, work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.css.query import NoMatches
from textual.widget import Widget
from textual.widgets import DataTable, Footer, Input, Static, TabbedContent, TabPane

from papertrader.cli.alerts import describe
from papertrader.cli.invocation import Invocation
from papertrader.cli.output import amount, gaps, money, name
from papertrader.cli.place import Place, StoredLogin
from papertrader.cli.terminal.commandline import said_by
from papertrader.cli.terminal.help import Help
from papertrader.cli.terminal.listing import (
    Lines,
    arrow,
    coloured,
    day_change,
    fill,
    moment,
    priced,
    shortened,
)
from papertrader.cli.terminal.picture import BARS_MAX, STYLES, Picture
from papertrader.cli.terminal.ticket import Ticket
from papertrader.client import errors
from papertrader.client import results as r
from papertrader.client import updates as u
from papertrader.client.aio import AsyncClient
from papertrader.client.alertresults import AlertUpdate
from papertrader.core.orders import OrderState, Side
from papertrader.core.quotes import QuoteFlag
from papertrader.wire.kinds import Scope, TxKind

WidgetT = TypeVar("WidgetT", bound=Widget)

WATCH_MAX: Final = 64
"""Symbols on the watch list: one QUOTE_GET has no more."""
ROWS_MAX: Final = 200
"""Orders and fills kept on the screen."""
TRADES: Final = (TxKind.BUY, TxKind.SELL, TxKind.SHORT, TxKind.COVER)
LOG_LINES_MAX: Final = 2_000
SYMBOL_WIDTH: Final = 8
PRICE_WIDTH: Final = 11
"""Columns of the watch list; what is longer is shortened, and stands whole over the chart."""
INTERVALS: Final = ("1m", "5m", "1h", "1d", "1w")
REVALUED_S: Final = 5
"""While positions are held, what they are worth is read again every so many seconds."""
TOLD_S: Final = 5
"""A fill is told for so many seconds; many small ones would cover what they are told of."""
SETTLE_S: Final = 0.1
"""The bars of a symbol are read when the cursor has stood on it for so long."""
BAR_MS: Final = 1_000
"""The bar in formation is pushed once in this time at most."""


class TerminalProgram(App[None]):
    """One user at one terminal."""

    TITLE = "PaperTrader"
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #top { height: 1; background: $panel; }
    #middle { height: 1fr; }
    #watch { width: 35; border-right: solid $panel; scrollbar-size: 0 1; }
    #quote { height: 1; padding: 0 1; }
    #lower { height: 9; max-height: 45%; }
    DataTable { height: 1fr; }
    RichLog { height: 1fr; }
    #command { height: 1; border: none; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("b", "ticket('buy')", "Buy"),
        Binding("s", "ticket('sell')", "Sell"),
        Binding("c", "cancel", "Cancel"),
        Binding("i", "interval", "Interval"),
        Binding("t", "kind", "Candles/line"),
        Binding("slash", "command", "Command"),
        Binding("question_mark", "help", "Help"),
        Binding("q", "quit", "Quit"),
        Binding("escape", "leave", "Back to the list", show=False),
        Binding("1", "tab('positions')", "Positions", show=False),
        Binding("2", "tab('orders')", "Orders", show=False),
        Binding("3", "tab('fills')", "Fills", show=False),
        Binding("4", "tab('log')", "Log", show=False),
    ]

    def __init__(
        self,
        invocation: Invocation,
        place: Place,
        login: StoredLogin,
        scope: Scope,
        symbols: Iterable[str] = (),
    ) -> None:
        super().__init__()
        self.invocation = invocation
        self.login = login
        self.scope = scope
        self.client = AsyncClient(
            place.workers, place.ca, patient=True, now_ns=invocation.now_ns,
            randbits=invocation.randbits,
        )  # fmt: skip
        self.symbol = ""
        self.quotes: dict[str, r.Quote] = {}
        self.orders: dict[int, r.Order] = {}
        self.fills: dict[int, tuple[str, ...]] = {}
        """What is shown of each fill, by its transaction."""
        self.portfolio: r.Portfolio | None = None
        self._given = tuple(symbols)
        self._interval = "1d"
        self._bars_followed = 0
        self._bars_wanted = False
        self._bars_reading = False
        self._clock: r.MarketClock | None = None
        self._connected = False
        self._ended = ""
        self._ticks = 0
        self._told_at = -TOLD_S

    def compose(self) -> ComposeResult:
        """Lay out the screen."""
        yield Static(id="top")
        with Horizontal(id="middle"):
            yield DataTable(id="watch", cursor_type="row", zebra_stripes=False)
            with Vertical():
                yield Static(id="quote")
                yield Picture("chart")
        with TabbedContent(id="lower", initial="positions"):
            with TabPane("Positions", id="positions"):
                yield DataTable(id="positions-table", cursor_type="row")
            with TabPane("Orders", id="orders"):
                yield DataTable(id="orders-table", cursor_type="row")
            with TabPane("Fills", id="fills"):
                yield DataTable(id="fills-table", cursor_type="row")
            with TabPane("Log", id="log"):
                yield Lines("log-lines", LOG_LINES_MAX)
        yield Input(id="command", placeholder="/ a command, as in the shell: buy AAPL 10")
        yield Footer()

    def _at(self, selector: str, kind: type[WidgetT]) -> WidgetT:
        """Return a widget of the program's own screen, also while another one lies over it.

        Raises `NoMatches` while the program ends: whatever is under way then suppresses it, since
        what still comes has nowhere to stand and nobody is to be told of an error.
        """
        screens = self.screen_stack
        if not screens:
            raise NoMatches(f"{selector}: the screen is gone")
        return screens[0].query_one(selector, kind)

    # --- begin and end --------------------------------------------------------------------------

    async def on_mount(self) -> None:
        """Prepare the tables, then connect."""
        watch = self._at("#watch", DataTable)
        for label, width in (("symbol", SYMBOL_WIDTH), ("last", PRICE_WIDTH), ("day", 8)):
            watch.add_column(label, width=width)
        self._at("#positions-table", DataTable).add_columns(
            "symbol", "quantity", "average", "mark", "value", "unrealized"
        )
        self._at("#orders-table", DataTable).add_columns(
            "order", "side", "symbol", "filled", "at", "state", "tag"
        )
        self._at("#fills-table", DataTable).add_columns(
            "time (UTC)", "side", "symbol", "quantity", "price"
        )
        self._at("#watch", DataTable).focus()
        self.set_interval(1, self._tick)
        self._show_top()
        self.live()

    async def on_unmount(self) -> None:
        """Say GOODBYE; nothing is shown any more."""
        self.workers.cancel_all()
        await self.client.close()

    @work(exclusive=True, group="live")
    async def live(self) -> None:
        """Log in beside the stored login, then follow everything until the end."""
        try:
            await self.client.__aenter__()
            made = await self.client.login(
                self.login.user, session_token=self.login.token, scope=self.scope
            )
            if made.scope == Scope.SETUP:
                self._tell_confined()
                return
            self._connected = True
            self.note(f"logged in as {self.login.user}")
            # Ended while all is read for the first time: the event that says why comes below.
            with contextlib.suppress(errors.NotLoggedIn, errors.SessionEnded):
                await self._begin()
            async for event in self.client.events():
                await self._take(event)
        except NoMatches:
            return
        except (errors.PaperTraderError, OSError, ValueError) as error:
            self._connected = False
            with contextlib.suppress(NoMatches):
                self.note(f"error: {error}")
                self.note("hint: papertrader login, then start this again", "down")
                self.show_tab("log")

    def _tell_confined(self) -> None:
        """Say what this login lacks; nothing else can be done before."""
        self.note("error: this server demands a second factor, and this account has none", "down")
        self.note("hint: papertrader totp setup in a shell, then start this again", "down")
        self.show_tab("log")

    async def _begin(self) -> None:
        lists = await self.client.watchlists()
        given = [symbol for symbol in self._given if await self._is_there(symbol)]
        symbols = [*given, *(symbol for each in lists for symbol in each.symbols)]
        if not symbols:
            symbols = [asset.symbol for asset in await self.client.assets(limit=20)]
        await self.refresh_account()
        held = [each.symbol for each in self.portfolio.positions] if self.portfolio else []
        watched = list(dict.fromkeys(each.upper() for each in (*symbols, *held)))[:WATCH_MAX]
        table = self._at("#watch", DataTable)
        for symbol in watched:
            table.add_row(shortened(symbol, SYMBOL_WIDTH), "-", "", key=symbol)
        await self.client.subscribe_account()
        await self.client.subscribe_quotes(watched)
        page = await self.client.orders(every=True, limit=ROWS_MAX, newest_first=True)
        self.orders |= {order.order_id: order for order in page}
        self._show_orders()
        for each in await self.client.transactions(kinds=TRADES, limit=ROWS_MAX, newest_first=True):
            self.fills[each.transaction] = (
                moment(each.executed_at), name(each.kind), each.symbol,
                amount(abs(each.quantity)), money(each.price),
            )  # fmt: skip
        self._show_fills()
        # The cursor may have been moved while all this was read: what it stands on stays.
        if watched and not self.symbol:
            self.choose(watched[0])

    async def _is_there(self, symbol: str) -> bool:
        """Return whether there is such an asset; one that is not is told, for it has no prices."""
        try:
            await self.client.asset(symbol)
        except errors.NoSuchSymbol as error:
            self.note(f"error: {error}", "down")
            self.notify(str(error), severity="error", markup=False)
            return False
        return True

    # --- what comes -----------------------------------------------------------------------------

    async def _take(self, event: u.Event) -> None:
        if isinstance(event, u.QuoteUpdate):
            self._take_quote(event.quote)
        elif isinstance(event, u.BarUpdate):
            if event.subscription == self._bars_followed:
                self._at("#chart", Picture).add(event.bar)
        elif isinstance(event, u.OrderUpdate):
            self._take_order(event)
        elif isinstance(event, u.TransactionUpdate):
            self.refresh_soon()
        elif isinstance(event, u.ConnectionUpdate):
            self._connected = event.connected
            what = "connected to" if event.connected else "lost"
            self.note(f"{what} {event.worker}{f': {event.reason}' if event.reason else ''}")
            if event.connected and self.symbol:
                self._read_bars()
        elif isinstance(event, u.EventsLost | u.SubscriptionEnded):
            self.note(f"warning: {event.reason}", "down")
            self.refresh_soon()
            self._read_bars()
        elif isinstance(event, AlertUpdate):
            shown = event.alert
            line = f"alert {shown.alert} {name(shown.state)}: {describe(shown)}"
            self.note(line)
            self.notify(line, markup=False)
        elif isinstance(event, u.SessionUpdate):
            self._end(event.reason)

    def _end(self, reason: str) -> None:
        """Nothing comes any more: say so where it is seen."""
        self._connected, self._ended = False, reason
        self.note(f"the session ended: {reason}", "down")
        again = f"{self.invocation.command_line()} login {self.login.user}"
        self.note(f"hint: {again} in a shell, then start this again", "down")
        self.show_tab("log")
        self._show_top()

    def _take_quote(self, quote: r.Quote) -> None:
        self.quotes[quote.symbol] = quote
        table = self._at("#watch", DataTable)
        columns = list(table.columns)
        if quote.symbol in {row.value for row in table.rows}:
            change = day_change(quote)
            text = "" if change is None else f"{arrow(change)}{abs(change):6.2f}%"
            table.update_cell(quote.symbol, columns[1], priced(quote.last, PRICE_WIDTH))
            table.update_cell(quote.symbol, columns[2], coloured(text, change or 0))
        if quote.symbol == self.symbol:
            self._show_quote()

    def _take_order(self, event: u.OrderUpdate) -> None:
        order = event.order
        line = f"order {order.order_id} {name(event.kind)}: {name(order.side)} {order.symbol}"
        if self.portfolio is not None and order.portfolio != self.portfolio.portfolio:
            # What is shown, and what keys do, is about the first portfolio alone.
            self.note(f"portfolio {order.portfolio}, {line}")
            return
        self.orders[order.order_id] = order
        if event.fill is not None:
            fill = event.fill
            line += f", {amount(fill.quantity)} at {money(fill.price)}"
            self.fills[fill.transaction] = (
                moment(order.updated_at), name(order.side), order.symbol,
                amount(fill.quantity), money(fill.price),
            )  # fmt: skip
            self._show_fills()
            self._tell_fill(f"{name(order.side)} {amount(fill.quantity)} {order.symbol} at"
                            f" {money(fill.price)}")  # fmt: skip
        self.note(line)
        self._show_orders()
        self.refresh_soon()

    @work(exclusive=True, group="tell")
    async def _tell_fill(self, text: str) -> None:
        """Say it beside the orders for a while; of fills that come close together, the newest."""
        if self._ticks - self._told_at < TOLD_S:
            self.clear_notifications()
        self._told_at = self._ticks
        self.notify(text, timeout=TOLD_S)

    # --- the account ----------------------------------------------------------------------------

    def refresh_soon(self) -> None:
        """Read the account again: many events in one moment cause one reading."""
        self._refresh()

    @work(exclusive=True, group="refresh")
    async def _refresh(self) -> None:
        await asyncio.sleep(0.2)
        with contextlib.suppress(NoMatches):
            try:
                await self.refresh_account()
            except errors.PaperTraderError as error:
                self.note(f"error: {error}", "down")

    async def refresh_account(self) -> None:
        """Read cash and positions, and show them."""
        self.portfolio = await self.client.portfolio()
        rows = []
        for each in self.portfolio.positions:
            gain = each.unrealized_pnl or 0
            rows.append((each.symbol, (
                each.symbol, amount(each.quantity), money(each.average_cost), money(each.mark),
                money(each.market_value),
                coloured(f"{arrow(gain)} {money(each.unrealized_pnl)}", gain),
            )))  # fmt: skip
        fill(self._at("#positions-table", DataTable), rows)
        self._show_top()

    def note(self, text: str, style: str = "") -> None:
        """Write a line into the log."""
        self._at("#log-lines", Lines).tell(Text(text, style=STYLES[style]))

    # --- what is shown --------------------------------------------------------------------------

    def _tick(self) -> None:
        with contextlib.suppress(NoMatches):
            self._show_top()
        self._ticks += 1
        held = self.portfolio is not None and self.portfolio.positions
        if held and self._connected and not self._ticks % REVALUED_S:
            self.refresh_soon()

    def _show_top(self) -> None:
        state = "connected" if self._connected else "not connected"
        parts = [f"LOGGED OUT: {self._ended}" if self._ended else state, self.login.user]
        if self.portfolio is not None:
            parts.append(f"equity {money(self.portfolio.equity)} {self.portfolio.currency}")
            parts.append(f"cash {money(self.portfolio.cash)}")
        if self.scope == Scope.READ:
            parts.append("read only")
        self._at("#top", Static).update(f" {'  '.join(parts)}")

    def _show_orders(self) -> None:
        newest = sorted(self.orders.values(), key=lambda order: -order.order_id)[:ROWS_MAX]
        self.orders = {order.order_id: order for order in newest}
        rows = []
        for order in newest:
            price = order.limit_price or order.stop_price
            done = f"{amount(order.filled)}/{amount(order.quantity)}"
            at = money(price) if price is not None else name(order.order_type)
            number = str(order.order_id)
            rows.append((number, (
                number, name(order.side), order.symbol, done, at, name(order.state),
                Text(order.tag),
            )))  # fmt: skip
        fill(self._at("#orders-table", DataTable), rows)

    def _show_fills(self) -> None:
        """Show the fills, the newest first."""
        self.fills = dict(sorted(self.fills.items(), reverse=True)[:ROWS_MAX])
        rows = ((str(number), row) for number, row in self.fills.items())
        fill(self._at("#fills-table", DataTable), rows)

    def _show_quote(self) -> None:
        quote = self.quotes.get(self.symbol)
        shown = Text(f"{self.symbol} {self._interval}  ", style="bold")
        if quote is not None:
            change = day_change(quote)
            shown.append(f"{money(quote.last)} ")
            if change is not None:
                shown.append(coloured(f"{arrow(change)} {change:+.2f} %", change))
            shown.append(f"  {money(quote.bid)} / {money(quote.ask)}")
            flags = quote.flags & ~QuoteFlag.REPLAYED
            told = quote.source_time.strftime("%m-%d %H:%M:%S") if quote.source_time else ""
            shown.append(f"  {told} {quote.provider}", style="bright_black")
            if flags:
                shown.append(f" {name(flags)}", style=STYLES["down"])
        self._at("#quote", Static).update(shown)

    def choose(self, symbol: str) -> None:
        """Show a symbol."""
        self.symbol = symbol
        self._show_quote()
        self._read_bars()

    def _read_bars(self) -> None:
        """Have the bars of the symbol shown read: those asked for last, when one goes on faster."""
        self._at("#chart", Picture).show(None)
        self._bars_wanted = True
        if not self._bars_reading:
            self._bars_reading = True
            self._follow_bars()

    @work(group="bars")
    async def _follow_bars(self) -> None:
        try:
            while self._bars_wanted:
                await asyncio.sleep(SETTLE_S)
                self._bars_wanted = False
                await self._follow(self.symbol, self._interval)
        except NoMatches:
            return
        finally:
            self._bars_reading = False

    async def _follow(self, symbol: str, interval: str) -> None:
        """Read bars, and follow the one in formation; what was followed before is left."""
        before, self._bars_followed = self._bars_followed, 0
        try:
            if before:
                with contextlib.suppress(ValueError):  # it ended already, as with its session
                    await self.client.unsubscribe(before)
            self._bars_followed = await self.client.subscribe_bars(
                symbol, interval, min_interval_ms=BAR_MS, snapshot=False
            )
            series = await self.client.bars(symbol, interval, limit=BARS_MAX, adjust="split")
        except (errors.PaperTraderError, ValueError) as error:
            self.note(f"error: {error}", "down")
            if not self._bars_wanted:
                self._at("#chart", Picture).fail(str(error))
            return
        if not self._bars_wanted:
            self._at("#chart", Picture).show(series.bars)
            if series.missing:
                self.note(f"{symbol} {interval}: {gaps(series.missing)}")

    # --- keys -----------------------------------------------------------------------------------

    @on(DataTable.RowHighlighted, "#watch")
    def highlighted(self, event: DataTable.RowHighlighted) -> None:
        """Show what the cursor stands on."""
        symbol = event.row_key.value if event.row_key is not None else None
        if symbol and symbol != self.symbol and self.client is not None and self._connected:
            with contextlib.suppress(NoMatches):
                self.choose(symbol)

    def show_tab(self, tab: str) -> None:
        """Show one of the lower tabs; the focus stays where it is."""
        self._at("#lower", TabbedContent).active = tab

    def action_tab(self, tab: str) -> None:
        """Show one of the lower tabs, and let the cursor keys move in it."""
        self.show_tab(tab)
        self._at(f"#{tab} > *", Widget).focus()

    def action_interval(self) -> None:
        """Go on to the next interval."""
        self._interval = INTERVALS[(INTERVALS.index(self._interval) + 1) % len(INTERVALS)]
        self._show_quote()
        self._read_bars()

    def action_kind(self) -> None:
        """Candles, or a line."""
        self._at("#chart", Picture).turn()

    def action_command(self) -> None:
        """Go to the command line."""
        self._at("#command", Input).focus()

    def action_leave(self) -> None:
        """Go back to the watch list."""
        self._at("#watch", DataTable).focus()

    def action_help(self) -> None:
        """Show what the keys do: made from the bindings."""
        shown = [each for each in self.BINDINGS if isinstance(each, Binding)]
        self.push_screen(Help([(each.key, each.description) for each in shown]))

    def action_ticket(self, side: str) -> None:
        """Open the ticket for the symbol shown."""
        if self.scope == Scope.READ:
            self.notify("this session may only look", severity="warning")
        elif self.symbol:
            self.push_screen(Ticket(self.client, Side[side.upper()], self.symbol), self._sent)

    def _sent(self, order: r.Order | None) -> None:
        if order is not None:
            self.note(f"order {order.order_id} is taken")
            self.show_tab("orders")

    @work(group="cancel")
    async def action_cancel(self) -> None:
        """Cancel the order under the cursor of the orders; never one that is not to be seen."""
        table = self._at("#orders-table", DataTable)
        if self.scope == Scope.READ:
            self.notify("this session may only look", severity="warning")
            return
        if not self.orders:
            self.notify("there are no orders", severity="warning")
            return
        if self._at("#lower", TabbedContent).active != "orders":
            self.action_tab("orders")
            self.notify("choose the order, then press c")
            return
        row = table.coordinate_to_cell_key(table.cursor_coordinate).row_key.value
        order = self.orders.get(int(row or 0))
        if order is None or order.state not in _CANCELLABLE:
            self.notify("that order is not open", severity="warning")
            return
        try:
            await self.client.order_cancel(order.order_id)
        except errors.PaperTraderError as error:
            self.notify(str(error), severity="error")

    # --- the command line -------------------------------------------------------------------------

    @on(Input.Submitted, "#command")
    def submitted(self, event: Input.Submitted) -> None:
        """Run what was typed."""
        text = event.value.strip().removeprefix("papertrader ").strip()
        event.input.clear()
        self.action_leave()
        if text:
            self.run_command(text)

    @work(group="command")
    async def run_command(self, text: str) -> None:
        """Run a command as the shell would, and write what it says into the log."""
        self.note(f"> {text}")
        self.show_tab("log")
        lines, well = await said_by(self.invocation, text)
        with contextlib.suppress(NoMatches):
            for line in lines[-LOG_LINES_MAX:]:
                self.note(line, "" if well else "down")


_CANCELLABLE: Final = (
    OrderState.PENDING, OrderState.WORKING, OrderState.PARTIALLY_FILLED, OrderState.HELD,
)  # fmt: skip
