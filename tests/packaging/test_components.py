"""``make sbom`` and ``make advisories``: what they call, and what they say of it; no network."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A directory of tools that count as installed, beside an installation that does."""
    for name in ("tools", "installed"):
        (tmp_path / name / "bin").mkdir(parents=True)
        (tmp_path / name / ".ready").touch()
    (tmp_path / "installed" / "bin" / "python").symlink_to(sys.executable)
    return tmp_path / "tools" / "bin"


def make(target: str, tools: Path) -> subprocess.CompletedProcess[str]:
    """Make a target with those tools; nothing is installed for it."""
    where = tools.parents[1]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    return subprocess.run(
        [
            "make", "--no-print-directory", "-o", ".venv/.installed-runtime", target,
            f"TOOLS={where / 'tools'}", f"INSTALLED={where / 'installed'}",
        ],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip


def tool(tools: Path, name: str, script: str) -> None:
    """Put a program there."""
    (tools / name).write_text(f"#!/bin/sh\n{script}\n")
    (tools / name).chmod(0o755)


def test_what_is_installed_is_listed(tools: Path) -> None:
    """CycloneDX's own program reads the installation, not this environment."""
    tool(tools, "cyclonedx-py", f'echo "$@" >{tools}/said')
    made = make("sbom", tools)
    assert made.returncode == 0, made.stderr
    said = (tools / "said").read_text().split()
    assert said[0] == "environment"
    assert said[-1] == str(tools.parents[1] / "installed" / "bin" / "python")
    assert made.stdout.endswith("build/sbom.json\n")


@pytest.mark.parametrize(("finding", "code"), [("No known vulnerabilities found", 0), ("PYSEC", 1)])
def test_published_weaknesses_are_told(tools: Path, finding: str, code: int) -> None:
    """What pip-audit finds is said, and counts: make fails for a weakness."""
    tool(tools, "pip-audit", f'echo "$@" >{tools}/said; echo "{finding}" >&2; exit {code}')
    made = make("advisories", tools)
    assert (made.returncode != 0) == (code != 0)
    assert finding in made.stderr
    said = (tools / "said").read_text().split()
    assert said[said.index("--path") + 1].endswith("site-packages")


def test_without_a_network_one_line_says_so(tools: Path) -> None:
    """No traceback, and no success: nothing was looked up."""
    trace = "Traceback; requests.exceptions.ConnectionError: HTTPSConnectionPool"
    tool(tools, "pip-audit", f'echo "{trace}" >&2; exit 1')
    made = make("advisories", tools)
    assert made.returncode != 0
    said = [line for line in made.stderr.splitlines() if not line.startswith("make")]
    assert len(said) == 1
    assert said[0].startswith("error: ")
    assert "over the network, and api.osv.dev does not answer" in said[0]
