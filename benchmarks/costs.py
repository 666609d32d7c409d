"""``python -m benchmarks.costs [RESULTS]``: what things cost, as ``specs/scaling.rst`` tells it.

Reads ``results.json`` of a run and prints the table of part 1 and the sums that the other parts go
by, so that the page is brought up to date by hand, number by number. What a run has not measured is
left out.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

RESULTS: Final = Path(__file__).with_name("results.json")
WIDTHS: Final = (41, 14, 50)
ORDER_EVERY_S: Final = 120
READ_EVERY_S: Final = 10
"""What the page's user does while logged in, with one update a second besides."""
HALF: Final = 0.5
LOGGED_IN: Final = 6
"""One of so many accounts is logged in."""


class Costs:
    """The figures of one run."""

    def __init__(self, path: Path) -> None:
        self._figures: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))["figures"]

    def find(self, section: str, name: str) -> dict[str, Any] | None:
        """Return the last figure of that name: of several sizes, the largest."""
        found = [f for f in self._figures if (f["section"], f["name"]) == (section, name)]
        return found[-1] if found else None

    def median(self, section: str, name: str) -> float | None:
        """Return what a figure tells."""
        figure = self.find(section, name)
        return None if figure is None else float(figure["median"])

    def of_server(self, section: str, place: int) -> float | None:
        """Return microseconds of CPU of a server for an answer of the product."""
        figure = self.find(section, "product")
        return None if figure is None or not figure["cpu_us"] else float(figure["cpu_us"][place])

    def delivery(self, section: str, name: str) -> float | None:
        """Return microseconds of CPU for a delivery."""
        rate = self.median(section, name)
        return None if not rate else 1e6 / rate

    def rows(self) -> Iterator[tuple[str, float | None, str, str]]:
        """Give (what, value, unit, measured by)."""
        yield (
            "an order, decided and told",
            self.median("scale", "an order, decided and told"),
            "us",
            "scale",
        )
        yield (
            "its share of a commit",
            self.median("scale", "an order, its share of a commit"),
            "us",
            "scale",
        )
        yield (
            "its views, a process of their own",
            self.median("scale", "an order, its views"),
            "us",
            "scale",
        )
        yield (
            "an order at the master, all but views",
            self.of_server("orders 50x16", 1),
            "us",
            "orders",
        )
        yield "an order at the worker", self.of_server("orders 50x16", 0), "us", "orders"
        yield "an account read at the master", self.of_server("relay 50x16", 1), "us", "relay"
        yield "an account read at the worker", self.of_server("relay 50x16", 0), "us", "relay"
        yield "a quote from the worker's cache", self.of_server("reads 50x16", 0), "us", "reads"
        yield (
            "a delivery, worker",
            self.delivery("fan-out", "product, its worker alone"),
            "us",
            "fanout",
        )
        yield (
            "a delivery to a browser, worker",
            self.delivery("browsers", "1,000 WebSocket clients"),
            "us",
            "browsers",
        )
        yield (
            "a resting order in the master",
            self.median("memory", "master, of a resting order"),
            "KiB",
            "accounts",
        )
        yield (
            "an idle account in the master",
            self.median("memory", "master, of an idle account"),
            "KiB",
            "accounts",
        )
        yield (
            "the same with session and connection",
            self.median("memory", "master, of an idle account, its session and connection"),
            "KiB",
            "accounts",
        )
        yield "an idle client, worker", self.median("memory", "product"), "KiB", "memory"
        yield (
            "a page of history",
            self.median("scale", "a page of history, by its number"),
            "us",
            "pages",
        )


def table(costs: Costs) -> Iterator[str]:
    """Give the lines of the table."""
    rule = "  ".join("=" * width for width in WIDTHS)
    yield rule
    yield _line("what", "cost", "measured by")
    yield rule
    for what, value, unit, section in costs.rows():
        if value is not None:
            told = f"{value:.1f} KiB" if unit == "KiB" else f"{value:.0f} \u00b5s"
            yield _line(what, told, f"``--only {section}``")
    yield rule


def _line(*cells: str) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, WIDTHS, strict=True)).rstrip()


def sums(costs: Costs) -> Iterator[str]:
    """Give the sums of a user and of a master, where everything for them was measured."""
    order, read = costs.of_server("orders 50x16", 1), costs.of_server("relay 50x16", 1)
    if order is not None and read is not None:
        user = order / ORDER_EVERY_S + read / READ_EVERY_S
        users = HALF * 1e6 / user
        yield f"orders a second of one core at the most: {1e6 / order:,.0f}"
        yield f"a user logged in costs the master {user:.1f} us a second"
        yield f"at half load: {users:,.0f} users, {LOGGED_IN * users:,.0f} accounts"
    up, asked = costs.of_server("orders 50x16", 0), costs.of_server("relay 50x16", 0)
    told = costs.delivery("fan-out", "product, its worker alone")
    if up is not None and asked is not None and told is not None:
        worker = up / ORDER_EVERY_S + asked / READ_EVERY_S + told
        yield f"a user logged in costs the worker {worker:.0f} us a second"
    took = [f["median"] for f in costs._figures if f["name"].endswith(" took")]
    if took:
        yield f"the run took {statistics.fsum(took) / 60:.0f} minutes"


def main() -> None:
    """Print both."""
    costs = Costs(Path(sys.argv[1]) if len(sys.argv) > 1 else RESULTS)
    print("\n".join([*table(costs), "", *sums(costs)]))


if __name__ == "__main__":
    main()
