"""What a run leaves behind: JUnit for build servers, JSON for programs, HTML for people."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from papertrader.fuzz.campaign import Campaign
from papertrader.fuzz.conform import Result
from papertrader.fuzz.observe import Coverage


def junit(results: Sequence[Result]) -> str:
    """Return the results as a JUnit file."""
    failed = sum(result.verdict == "failed" for result in results)
    skipped = sum(result.verdict == "skipped" for result in results)
    suite = ElementTree.Element(
        "testsuite", name="papertrader.fuzz conform", tests=str(len(results)),
        failures=str(failed), skipped=str(skipped), errors="0",
        time=f"{sum(result.seconds for result in results):.3f}",
    )  # fmt: skip
    for result in results:
        case = ElementTree.SubElement(
            suite, "testcase", classname=f"conform.{result.section}",
            name=f"{result.number} {result.name} (clause {result.clause})",
            time=f"{result.seconds:.3f}",
        )  # fmt: skip
        if result.verdict != "passed":
            tag = "failure" if result.verdict == "failed" else "skipped"
            ElementTree.SubElement(case, tag, message=printable(result.text))
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode") + "\n"


def printable(text: str) -> str:
    """Return text without what XML does not take."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def conform_json(results: Sequence[Result], coverage: Coverage) -> str:
    """Return the results as JSON."""
    content = {
        "schema": 1,
        "cases": [
            {
                "number": r.number, "section": r.section, "name": r.name, "clause": r.clause,
                "verdict": r.verdict, "text": r.text, "seconds": round(r.seconds, 3),
            }
            for r in results
        ],
        "coverage": coverage.as_rows(),
    }  # fmt: skip
    return json.dumps(content, indent=1) + "\n"


def campaign_facts(campaign: Campaign) -> dict[str, Any]:
    """Return what a campaign did, for JSON."""
    tally = campaign.tally
    return {
        "schema": 1,
        "seed": campaign.plan.seed,
        "profile": campaign.plan.profile,
        "seconds": campaign.plan.seconds,
        "sequences": tally.sequences,
        "frames": tally.frames,
        "answered": tally.answered,
        "refused_setups": tally.refused_setups,
        "streamed": tally.streamed,
        "cases_per_second": round(tally.timed / tally.seconds) if tally.seconds else None,
        "cases_per_cpu_second": round(tally.timed / tally.cpu_s) if tally.cpu_s else None,
        "relay_rounds": tally.rounds,
        "relay_lies": tally.lies,
        "processes": [watch.told() for watch in campaign.watches],
        "coverage_triples": len(campaign.coverage.triples),
        "coverage_pairs": len(campaign.coverage.pairs),
        "canary_p99_ms": round(campaign.canary.p99 * 1000, 1) if campaign.canary else None,
        "findings": [{"oracle": b.oracle, "text": b.text} for b in tally.texts],
        "counts": tally.found,
        "saved": tally.places,
        "coverage": campaign.coverage.as_rows(),
    }


def campaign_line(campaign: Campaign) -> str:
    """Return in one line what a campaign did and found."""
    tally = campaign.tally
    canary = campaign.canary.p99 * 1000 if campaign.canary else 0.0
    return (
        f"{tally.sequences} sequences, {tally.frames} frames, {tally.answered} answers,"
        f" {tally.refused_setups} setups refused,"
        f" {len(campaign.coverage.triples)} triples, {len(campaign.coverage.pairs)} pairs,"
        f" canary p99 {canary:.1f} ms, {len(tally.found)} findings"
    )


def campaign_html(campaign: Campaign) -> str:
    """Return what a campaign did as a page."""
    facts = campaign_facts(campaign)
    rows = "".join(
        f"<tr><td>{html.escape(name)}</td><td>{_cell(facts[name])}</td></tr>"
        for name in facts
        if name not in ("findings", "coverage", "counts", "schema")
    )
    found = "".join(
        f"<tr><td>{html.escape(kind)}</td><td>{count}</td></tr>"
        for kind, count in campaign.tally.found.items()
    )
    return (
        "<!doctype html><meta charset='utf-8'><title>papertrader.fuzz</title>"
        f"<h1>Campaign</h1><table>{rows}</table><h2>Findings</h2><table>{found}</table>\n"
    )


def _cell(fact: object) -> str:
    """Write a fact into a page; of several each stands on a line."""
    lines = fact if isinstance(fact, list) else [fact]
    return "<br>".join(html.escape(str(each)) for each in lines) or "none"


def write(path: Path | None, text: str) -> None:
    """Write a report if a file was named; raises `OSError`."""
    if path is not None:
        path.write_text(text, encoding="utf-8")
