"""Figures: what was measured, how far it scattered, and how it stands to what was wanted."""

from __future__ import annotations

import json
import platform
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs

from benchmarks.processes import Seen


@attrs.frozen(kw_only=True)
class Figure:
    """One thing measured in several rounds. ``size``: of the work, for the plots; 0 = none."""

    section: str
    name: str
    unit: str
    rounds: tuple[float, ...]
    size: int = 0
    note: str = ""
    cpu_us: tuple[float, ...] = ()
    """Microseconds of CPU of each server for one answer: worker and master, in this order."""

    @property
    def median(self) -> float:
        """What is told."""
        return statistics.median(self.rounds)

    @property
    def spread(self) -> float:
        """Half the distance of the extremes, as a share of the median."""
        median = self.median
        return (max(self.rounds) - min(self.rounds)) / 2 / median if median else 0.0


@attrs.frozen(kw_only=True)
class Verdict:
    """A ratio of two figures of one run beside what was wanted; ``least`` False: at most."""

    text: str
    ratio: float
    wanted: float
    least: bool = True

    @property
    def met(self) -> bool:
        """Whether the target is reached."""
        return self.ratio >= self.wanted if self.least else self.ratio <= self.wanted


@attrs.define
class Results:
    """Everything of one run."""

    figures: list[Figure] = attrs.Factory(list)
    verdicts: list[Verdict] = attrs.Factory(list)
    skipped: list[str] = attrs.Factory(list)

    def add(self, section: str, name: str, unit: str, rounds: Sequence[float], **more: Any) -> None:
        """Keep a figure and show it."""
        figure = Figure(section=section, name=name, unit=unit, rounds=tuple(rounds), **more)
        self.figures.append(figure)
        print(row(figure), flush=True)

    def add_seen(self, section: str, name: str, seen: Sequence[Seen], *, size: int = 0) -> None:
        """Keep the rounds of one server under load."""
        note = load_note(seen)
        rates = [each.rate for each in seen]
        servers = range(len(seen[0].server_cpu))
        cpu_us = tuple(
            statistics.median(each.server_cpu[i] / max(each.rate, 1e-9) * 1e6 for each in seen)
            for i in servers
        )
        self.add(section, name, "/s", rates, size=size, note=note, cpu_us=cpu_us)

    def find(self, section: str, name: str, size: int = 0) -> Figure | None:
        """Return a figure by its place; without a size the first of that name."""
        for figure in self.figures:
            if (figure.section, figure.name) == (section, name) and size in (0, figure.size):
                return figure
        return None

    def judge(
        self, section: str, of: str, to: str, wanted: float, *, size: int = 0, least: bool = True
    ) -> None:
        """Keep the ratio of two figures of one section beside what was wanted of it."""
        one, other = self.find(section, of, size), self.find(section, to, size)
        if one is None or other is None or not other.median:
            return
        text = f"{section}{f' {size}' if size else ''}: {of} / {to}"
        ratio = one.median / other.median
        self.conclude(Verdict(text=text, ratio=ratio, wanted=wanted, least=least))

    def conclude(self, verdict: Verdict) -> None:
        """Keep a verdict and show it."""
        self.verdicts.append(verdict)
        print(verdict_row(verdict), flush=True)

    def skip(self, what: str) -> None:
        """Say loudly that something was not measured."""
        self.skipped.append(what)
        print(f"!!! SKIPPED: {what}", flush=True)

    def write(self, path: Path) -> None:
        """Write everything as JSON."""
        content = {
            "machine": {
                "cpu": _cpu_name(),
                "python": platform.python_version(),
                "system": platform.platform(),
            },
            "figures": [
                {**attrs.asdict(each), "median": each.median, "spread": round(each.spread, 4)}
                for each in self.figures
            ],
            "verdicts": [{**attrs.asdict(each), "met": each.met} for each in self.verdicts],
            "skipped": self.skipped,
        }
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def load_note(seen: Sequence[Seen]) -> str:
    """Return latencies, CPU and refusals of some rounds, in short; nothing if none are known."""
    if not seen[0].p50_us:
        return ""

    def middle(values: Sequence[float]) -> float:
        return statistics.median(values)

    servers = " + ".join(
        f"{middle([each.server_cpu[i] for each in seen]):.2f}"
        for i in range(len(seen[0].server_cpu))
    )
    note = (
        f"{middle([each.per_cpu_second for each in seen]):,.0f}/CPU s, "
        f"p50 {middle([each.p50_us for each in seen]) / 1e3:.2f} ms, "
        f"p99 {middle([each.p99_us for each in seen]) / 1e3:.2f} ms, "
        f"CPU {servers or '-'}, load {middle([each.load_cpu for each in seen]):.2f}, "
        f"others {middle([each.others for each in seen]):.2f}"
    )
    errors = sum(each.errors for each in seen)
    worst = max(seen, key=lambda each: each.errors).worst_status
    return note + (f", REFUSED {errors} (mostly {worst:#06x})" if errors else "")


def row(figure: Figure) -> str:
    """Return a figure as a line of the table."""
    what = f"{figure.name} [{figure.size}]" if figure.size else figure.name
    value = f"{figure.median:,.0f}" if figure.median >= 100 else f"{figure.median:.3f}"
    return (
        f"{figure.section:<9} {what:<36} {value:>12} {figure.unit:<14}"
        f" ±{figure.spread * 100:3.0f} %  {figure.note}"
    )


def verdict_row(verdict: Verdict) -> str:
    """Return a verdict as a line of the table."""
    sign = ">=" if verdict.least else "<="
    return (
        f"  {'met   ' if verdict.met else 'MISSED'} {verdict.text:<60} {verdict.ratio:8.3f}"
        f" (wanted {sign} {verdict.wanted})"
    )


def _cpu_name() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()
