"""The order ticket: what the order would cost, or why it would be refused, before it is sent."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Select, Static

from papertrader.cli.output import money, name
from papertrader.cli.parameters import ungrouped
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

Given = tuple[Decimal, Decimal | None, str, Conditions | None, str | None]
"""Quantity, limit, time in force, conditions and tag of an order."""

_FIELDS = (
    ("quantity", "quantity", ""),
    ("limit", "limit", "empty: at the market"),
    ("stop", "stop", "empty: none"),
)


def _decimal(text: str) -> Decimal | None:
    try:
        value = Decimal(ungrouped(text).strip())
    except InvalidOperation:
        return None
    return value if value.is_finite() and value > 0 else None


class Ticket(ModalScreen[r.Order | None]):
    """Asks for an order; gives the order when it was taken, None when it was not sent."""

    CSS = """
    Ticket { align: center middle; }
    Ticket > Vertical { width: 46; height: auto; max-height: 100%; border: round $accent;
        background: $surface; padding: 0 1; overflow-y: auto; }
    Ticket Input { height: 3; border: round $panel-lighten-2; }
    Ticket Input:focus { border: round $accent; }
    Ticket Select { height: 3; }
    Ticket #estimate { height: auto; min-height: 3; color: $text-muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [("escape", "leave", "Leave")]

    def __init__(self, client: AsyncClient, side: Side, symbol: str) -> None:
        super().__init__()
        self._client = client
        self._side = side
        self._symbol = symbol
        self._sending = False

    def compose(self) -> ComposeResult:
        """Lay out the form."""
        with Vertical():
            yield Static(f"{name(self._side).capitalize()} {self._symbol}", id="title")
            for key, label, empty in _FIELDS:
                field = Input(placeholder=empty, id=key)
                field.border_title = label
                yield field
            yield Select(_TIFS, value="day", allow_blank=False, id="tif")
            field = Input(placeholder="empty: none", id="tag")
            field.border_title = "tag"
            yield field
            yield Static("How many?", id="estimate")
            yield Button(f"{name(self._side).capitalize()}  (Enter)", id="send", variant="primary")

    def on_mount(self) -> None:
        """Begin with the quantity."""
        self.query_one("#quantity", Input).focus()

    def _given(self) -> Given | str:
        """Return what was typed, or what is to be said of it while it is no order yet."""
        values: list[Decimal | None] = []
        for key, label, _ in _FIELDS:
            text = self.query_one(f"#{key}", Input).value.strip()
            value = _decimal(text)
            if text and value is None:
                return f"The {label} is to be a number above 0, not {text!r}."
            values.append(value)
        quantity, limit, stop = values
        if quantity is None:
            return "How many?"
        conditions = Conditions(stop=stop) if stop is not None else None
        tag = self.query_one("#tag", Input).value.strip() or None
        return quantity, limit, str(self.query_one("#tif", Select).value), conditions, tag

    def _say(self, text: str) -> None:
        self.query_one("#estimate", Static).update(Text(text))

    @on(Input.Changed)
    @on(Select.Changed)
    def changed(self) -> None:
        """Work the estimate out again."""
        self.estimate()

    @work(exclusive=True, group="estimate")
    async def estimate(self) -> None:
        """Ask what it would cost."""
        given = self._given()
        if isinstance(given, str):
            self._say(given)
            return
        self._say("Asking what it would cost ...")
        quantity, limit, tif, conditions, _ = given
        try:
            told = await self._client.order_preview(
                self._side, self._symbol, quantity, limit, tif, conditions=conditions
            )
        except errors.PaperTraderError as error:
            self._say(f"This would be refused: {error}")
            return
        except ValueError as error:
            self._say(str(error))
            return
        self._say(
            f"about {money(told.price)}: {money(told.cost)}, fees {money(told.fees)}"
            f"{f', margin {money(told.margin)}' if told.margin else ''}\n"
            f"buying power after: {money(told.buying_power_after)}"
            + (f"\n{told.note}" if told.note else "")
        )

    @on(Input.Submitted)
    @on(Button.Pressed, "#send")
    def sent(self) -> None:
        """Send the order, once."""
        if not self._sending:
            self.send()

    @work(group="send")
    async def send(self) -> None:
        """Send it; a refusal is said, and the ticket stays."""
        given = self._given()
        if isinstance(given, str):
            self._say(given)
            return
        self.workers.cancel_group(self, "estimate")
        self._say("Sending ... without a connection it goes out when there is one again.")
        self._sending = True
        quantity, limit, tif, conditions, tag = given
        try:
            order = await self._client.order_new(
                self._side, self._symbol, quantity, limit, tif, tag=tag, conditions=conditions
            )
        except errors.OutcomeUnknown:
            self._say("Sent, but nobody knows whether it was taken: see the orders.")
            return
        except errors.RefusedError as error:
            self._say(f"Refused: {error}")
            return
        except (errors.PaperTraderError, ValueError) as error:
            self._say(f"Not sent: {error}")
            return
        finally:
            self._sending = False
        self.dismiss(order)

    def action_leave(self) -> None:
        """Close it. What was sent cannot be called back by that, which is said."""
        if self._sending:
            self.app.notify(
                "The order may have been sent already, and be carried out: see the orders.",
                severity="warning",
            )
        self.dismiss(None)
