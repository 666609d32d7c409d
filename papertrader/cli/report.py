"""``papertrader report``: how a portfolio did, as an HTML file that needs no other, a picture."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import click

from papertrader.cli.invocation import Invocation, pass_invocation
from papertrader.cli.newfile import must_be_new, write_new
from papertrader.cli.output import day, moment, money, name, percent
from papertrader.cli.parameters import SYMBOL, portfolio_option
from papertrader.cli.performance import costs_of, transactions_of
from papertrader.cli.picture import drawing_program, png
from papertrader.cli.problems import Problem
from papertrader.cli.visit import logged_in
from papertrader.client import results as r
from papertrader.client.curves import Curve, drawdowns, growth, performance_of
from papertrader.wire.kinds import Scope

_NEW: Final = click.Path(path_type=Path, dir_okay=False)
_SIZE: Final = (860, 240)
_TRADES: Final = 500
"""Trades that are listed, the newest; the rest is counted."""
_STYLE: Final = """
body{font:15px/1.5 system-ui,sans-serif;max-width:900px;margin:2rem auto;padding:0 1rem}
body{color:#16212b}
h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}table{border-collapse:collapse;width:100%}
td,th{padding:.2rem .5rem;border-top:1px solid #dde3e8;text-align:right}
td:first-child,th:first-child{text-align:left}
th{color:#5a6875;font-weight:500}svg{width:100%;height:auto}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(10rem,1fr));gap:.5rem}
.figures div{background:#f3f5f7;border-radius:8px;padding:.5rem .7rem}
.figures b{display:block;font-size:1.2rem}
small{color:#5a6875}
"""


def _points(values: Sequence[float], width: int, height: int) -> str:
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    last = max(1, len(values) - 1)
    return " ".join(
        f"{place * width / last:.1f},{(high - value) / span * height:.1f}"
        for place, value in enumerate(values)
    )


def curve_svg(
    values: Sequence[float], label: str, colour: str, days: tuple[str, str], fill: bool = False
) -> str:
    """Return a curve with its highest and lowest value, and its first and last day, beside it."""
    if len(values) < 2:
        return "<p><small>There are not enough sessions yet.</small></p>"
    width, height = _SIZE
    points = _points(values, width, height)
    area = (
        f'<polygon points="0,{height} {points} {width},{height}" fill="{colour}" opacity=".15"/>'
        if fill
        else ""
    )
    return (
        f'<svg viewBox="-4 -14 {width + 8} {height + 46}" role="img" aria-label="{label}">{area}'
        f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
        f'<text x="0" y="-3" font-size="12">{max(values):,.2f}</text>'
        f'<text x="0" y="{height + 12}" font-size="12">{min(values):,.2f}</text>'
        f'<text x="0" y="{height + 28}" font-size="12">{days[0]}</text>'
        f'<text x="{width}" y="{height + 28}" font-size="12" text-anchor="end">{days[1]}</text>'
        "</svg>"
    )


def allocation_svg(parts: Sequence[tuple[str, float]]) -> str:
    """Return a bar divided by what the money is in, with a pattern and a name for each part."""
    total = sum(value for _, value in parts)
    if total <= 0:
        return ""
    colours = ("#8a99a6", "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00")
    at, drawn = 0.0, []
    for place, (label, value) in enumerate(parts):
        width = value / total * _SIZE[0]
        drawn.append(
            f'<rect x="{at:.1f}" y="0" width="{width:.1f}" height="36"'
            f' fill="{colours[place % len(colours)]}"><title>{html.escape(label)}</title></rect>'
        )
        at += width
    inside = "".join(drawn)
    return f'<svg viewBox="0 0 {_SIZE[0]} 36" role="img" aria-label="allocation">{inside}</svg>'


def _table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f"<th>{html.escape(each)}</th>" for each in headings)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(each)}</td>" for each in row) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value * 100:+z.2f} %"


def document(
    owner: str,
    curve: Curve,
    portfolio: r.Portfolio,
    trades: Sequence[r.Transaction],
    costs: Sequence[tuple[str, Decimal]],
    figures: Any,
    benchmark: str,
) -> str:
    """Return the whole file."""
    levels = growth(curve)
    days = (day(curve.points[0].at), day(curve.points[-1].at)) if curve.points else ("", "")
    shown: list[tuple[str, str]] = [
        ("equity", f"{money(portfolio.equity)} {portfolio.currency}"),
        ("return", _percent(figures.total_return)),
        ("return a year", _percent(figures.annual_return)),
        ("volatility a year", percent(figures.volatility)),
        ("Sharpe ratio", "-" if figures.sharpe is None else f"{figures.sharpe:.2f}"),
        ("deepest fall", _percent(figures.drawdown.depth)),
    ]
    if benchmark:
        shown.append((f"return of {benchmark}", _percent(figures.benchmark_return)))
    boxes = "".join(
        f"<div>{html.escape(what)}<b>{html.escape(text)}</b></div>" for what, text in shown
    )
    parts = [("cash", max(0.0, float(portfolio.cash)))]
    parts += [(each.symbol, abs(float(each.market_value or 0))) for each in portfolio.positions]
    listed = [
        (
            moment(each.market_at or each.executed_at), name(each.kind), each.symbol,
            f"{each.quantity:,f}", money(each.price), money(each.fees), money(each.amount),
            money(each.realized),
        )
        for each in trades[-_TRADES:]
    ]  # fmt: skip
    more = (
        f"<p><small>and {len(trades) - _TRADES} before</small></p>" if len(trades) > _TRADES else ""
    )
    sections = [
        f"<h1>PaperTrader: {html.escape(owner)}</h1>",
        f"<p><small>Fake money. As of {moment(curve.as_of)} UTC.</small></p>",
        f'<div class="figures">{boxes}</div>',
        "<h2>Growth of 100, time-weighted</h2>",
        curve_svg(levels, "growth", "#12658f", days, fill=True),
        "<h2>Drawdown, percent</h2>", curve_svg(drawdowns(levels), "drawdown", "#c2410c", days),
        "<h2>Allocation</h2>", allocation_svg(parts),
        _table(("", "value", "part"), [
            (label, f"{value:,.2f}", f"{value / (sum(v for _, v in parts) or 1) * 100:.1f} %")
            for label, value in parts
        ]),
        "<h2>Earned and paid</h2>",
        _table(("", portfolio.currency), [(what, money(each)) for what, each in costs]),
        "<h2>Trades</h2>",
        _table(("market time (UTC)", "kind", "symbol", "quantity", "price", "fees", "amount",
                "realized"), reversed(listed)),
        more,
    ]  # fmt: skip
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>PaperTrader: {html.escape(owner)}</title><style>{_STYLE}</style></head><body>"
        + "".join(sections)
        + "</body></html>\n"
    )


@click.command()
@click.option("--html", "page", type=_NEW, help="Write one HTML file that needs nothing else.")
@click.option("--png", "picture", type=_NEW, help="Write a picture (needs matplotlib).")
@click.option("--benchmark", type=SYMBOL, help="Compare with this asset, its dividends included.")
@portfolio_option
@pass_invocation
def report(
    invocation: Invocation,
    page: Path | None,
    picture: Path | None,
    benchmark: str | None,
    portfolio: int | None,
) -> None:
    """Write how a portfolio did: equity, drawdown, allocation, costs and trades.

    A file that is there is not overwritten.
    """
    if page is None and picture is None:
        raise Problem.usage("say what to write", "{program} report --html FILE, or --png FILE")
    if picture is not None:
        drawing_program()
    for path in (page, picture):
        if path is not None:
            must_be_new(path)
    number = portfolio or 0
    with logged_in(invocation, scope=Scope.READ) as client:
        owner = client.account().username
        curve = client.equity("1d", portfolio=number)
        holding = client.portfolio(number)
        trades = transactions_of(client, number, "")
        spent = costs_of(client, trades)
        compared = client.bars(benchmark, "1d", adjust="total") if benchmark else None
    figures = performance_of(curve, trades, benchmark=compared)
    if page is not None:
        costs = [*spent.lines, ("together", spent.total)]
        text = document(owner, curve, holding, trades, costs, figures, benchmark or "")
        _write(page, text.encode())
    if picture is not None:
        _write(picture, png(owner, curve, holding, compared, benchmark or ""))


def _write(path: Path, octets: bytes) -> None:
    write_new(path, octets)
    click.echo(f"The report is in {path}.")
