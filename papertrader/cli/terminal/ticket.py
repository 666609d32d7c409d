"""The order ticket: what the order would cost, or why it would be refused, before it is sent."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Select, Static

from papertrader.cli.output import money, name
from papertrader.client import errors
from papertrader.client import results as r
from papertrader.client.aio import AsyncClient
from papertrader.client.conditions import Conditions
from papertrader.core.orders import Side

_TIFS = (
    ("today", "day"),
    ("until cancelled", "gtc"),
    ("at once (IOC)", "ioc"),
    ("all (FOK)", "fok"),
)


def _decimal(text: str) -> Decimal | None:
    try:
        value = Decimal(text.strip().replace(",", ""))
    except InvalidOperation:
        return None
    return value if value.is_finite() and value > 0 else None


class Ticket(ModalScreen[r.Order | None]):
    """Asks for an order; gives the order when it was taken, None when it was not sent."""

    CSS = """
    Ticket { align: center middle; }
    Ticket > Vertical { width: 46; height: auto; max-height: 100%; border: round $accent;
        background: $surface; padding: 0 1; }
    Ticket Input, Ticket Select { height: 3; }
    Ticket #estimate { height: 3; color: $text-muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [("escape", "dismiss", "Leave")]

    def __init__(self, client: AsyncClient, side: Side, symbol: str) -> None:
        super().__init__()
        self._client = client
        self._side = side
        self._symbol = symbol

    def compose(self) -> ComposeResult:
        """Lay out the form."""
        with Vertical():
            yield Static(f"{name(self._side).capitalize()} {self._symbol}", id="title")
            yield Input(placeholder="quantity", id="quantity")
            yield Input(placeholder="limit (empty: at the market)", id="limit")
            yield Input(placeholder="stop (empty: none)", id="stop")
            yield Select(_TIFS, value="day", allow_blank=False, id="tif")
            yield Static("How many?", id="estimate")
            yield Button(f"{name(self._side).capitalize()}  (Enter)", id="send", variant="primary")

    def on_mount(self) -> None:
        """Begin with the quantity."""
        self.query_one("#quantity", Input).focus()

    def _given(self) -> tuple[Decimal, Decimal | None, str, Conditions | None] | None:
        """Return what was typed, None if it is no order yet."""
        quantity = _decimal(self.query_one("#quantity", Input).value)
        texts = [self.query_one(f"#{which}", Input).value.strip() for which in ("limit", "stop")]
        limit, stop = (_decimal(text) for text in texts)
        incomplete = [text for text, value in zip(texts, (limit, stop), strict=True)
                      if text and value is None]  # fmt: skip
        if quantity is None or incomplete:
            return None
        conditions = Conditions(stop=stop) if stop is not None else None
        return quantity, limit, str(self.query_one("#tif", Select).value), conditions

    @on(Input.Changed)
    @on(Select.Changed)
    def changed(self) -> None:
        """Work the estimate out again."""
        self.estimate()

    @work(exclusive=True, group="estimate")
    async def estimate(self) -> None:
        """Ask what it would cost."""
        shown = self.query_one("#estimate", Static)
        given = self._given()
        if given is None:
            shown.update("How many?")
            return
        quantity, limit, tif, conditions = given
        try:
            told = await self._client.order_preview(
                self._side, self._symbol, quantity, limit, tif, conditions=conditions
            )
        except errors.PaperTraderError as error:
            shown.update(f"This would be refused: {error}")
            return
        except ValueError as error:
            shown.update(str(error))
            return
        shown.update(
            f"about {money(told.price)}: {money(told.cost)}, fees {money(told.fees)}"
            f"{f', margin {money(told.margin)}' if told.margin else ''}\n"
            f"buying power after: {money(told.buying_power_after)}"
        )

    @on(Input.Submitted)
    @on(Button.Pressed, "#send")
    def sent(self) -> None:
        """Send the order."""
        self.send()

    @work(exclusive=True, group="send")
    async def send(self) -> None:
        """Send it; a refusal is said, and the ticket stays."""
        given = self._given()
        if given is None:
            return
        quantity, limit, tif, conditions = given
        try:
            order = await self._client.order_new(
                self._side, self._symbol, quantity, limit, tif, conditions=conditions
            )
        except (errors.PaperTraderError, ValueError) as error:
            self.query_one("#estimate", Static).update(f"Not sent: {error}")
            return
        self.dismiss(order)
