"""What the keys do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

_NAMES: Final = {"slash": "/", "question_mark": "?", "escape": "Esc"}


class Help(ModalScreen[None]):
    """A list of (key, what it does)."""

    CSS = """
    Help { align: center middle; }
    Help > VerticalScroll { width: 50; height: auto; max-height: 90%; border: round $accent;
        background: $surface; padding: 1 2; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape,q,question_mark,enter", "dismiss", "Close"),
    ]

    def __init__(self, keys: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._keys = keys

    def compose(self) -> ComposeResult:
        """Lay out the list."""
        lines = [f"{_NAMES.get(key, key):<5} {what}" for key, what in self._keys]
        lines.append("")
        lines.append("The command line takes what the shell takes:")
        lines.append("  buy IBM 10 --limit 101.5    receipt 1")
        with VerticalScroll():
            yield Static("\n".join(lines))
