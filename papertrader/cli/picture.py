"""A report as a picture. matplotlib draws it: an extra, imported here alone and only when asked."""

from __future__ import annotations

import io
from importlib.util import find_spec
from typing import Any, Final

from papertrader.cli.output import day
from papertrader.cli.problems import Problem
from papertrader.client import results as r
from papertrader.client.curves import Curve, drawdowns, growth
from papertrader.extras import install_command

_INCHES: Final = (9.0, 8.0)
_DPI: Final = 120
_COLOURS: Final = ("#8a99a6", "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00")
"""Told apart by those who do not tell red from green (Okabe and Ito)."""
_HATCHES: Final = ("", "//", "..", "xx", "--", "\\\\", "++")


def drawing_program() -> None:
    """Make sure, before anything is read, that there is something to draw with.

    Raises `Problem` with what to install.
    """
    if find_spec("matplotlib") is None:
        raise Problem.usage(
            "a picture needs matplotlib, which is not installed",
            f"{install_command('report')}; --html needs nothing",
        )


def png(
    owner: str,
    curve: Curve,
    portfolio: r.Portfolio,
    compared: r.Bars | None,
    benchmark: str,
) -> bytes:
    """Return growth, drawdown and allocation as the octets of a PNG."""
    from matplotlib.figure import Figure  # noqa: PLC0415 (an extra)

    figure = Figure(figsize=_INCHES, dpi=_DPI, layout="constrained")
    upper, middle, lower = figure.subplots(3, 1, height_ratios=(5, 2, 1))
    when = [each.at for each in curve.points]
    levels = growth(curve)
    figure.suptitle(f"PaperTrader: {owner}, as of {day(curve.as_of)}. Fake money.")
    upper.set_title("Growth of 100, time-weighted", loc="left", fontsize="medium")
    upper.plot(when, levels, color="#12658f", label="portfolio")
    if compared is not None and when:
        _compare(upper, compared, benchmark, curve)
        upper.legend(loc="upper left")
    middle.set_title("Drawdown, percent", loc="left", fontsize="medium")
    middle.fill_between(when, drawdowns(levels), color="#c2410c", alpha=0.35)
    for axes in (upper, middle):
        axes.grid(visible=True, color="#dde3e8")
        axes.set_axisbelow(True)
    _allocate(lower, portfolio)
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", metadata={"Software": "PaperTrader"})
    return drawn.getvalue()


def _compare(axes: Any, compared: r.Bars, benchmark: str, curve: Curve) -> None:
    """Draw the benchmark from the level of 100 on, beginning with the portfolio."""
    first, last = curve.points[0].at, curve.points[-1].at
    before = [bar for bar in compared.bars if bar.time <= first][-1:]
    bars = before + [bar for bar in compared.bars if first < bar.time <= last]
    if bars:
        base = bars[0].close
        axes.plot(
            [max(first, bar.time) for bar in bars],
            [float(100 * bar.close / base) for bar in bars],
            color="#6d5aa8",
            linestyle="--",
            label=benchmark,
        )


def _allocate(axes: Any, portfolio: r.Portfolio) -> None:
    """Draw a bar of what the money is in, each part with its pattern and its name."""
    parts = [("cash", max(0.0, float(portfolio.cash)))]
    parts += [(each.symbol, abs(float(each.market_value or 0))) for each in portfolio.positions]
    whole = sum(value for _, value in parts) or 1.0
    at = 0.0
    for place, (label, value) in enumerate(parts):
        share = value / whole * 100
        axes.barh(
            [0], [share], left=[at], label=f"{label} {share:.1f} %", edgecolor="white",
            color=_COLOURS[place % len(_COLOURS)], hatch=_HATCHES[place % len(_HATCHES)],
        )  # fmt: skip
        at += share
    axes.set_title("Allocation", loc="left", fontsize="medium")
    axes.set_axis_off()
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 0.05), ncols=5, fontsize="small")
