"""Run the mutants: ``python -m tests.torture.mutants [--only TEXT] [--seconds 60]``.

For each mutant a real master and worker are started from a copy of the package with the bug in it,
and the harness, unchanged, must find it in time. Without a bug it must find nothing. What a test,
the simulation or random play is to find is given to it in the copy: it must fail there, and a seed
that one of the latter two fails with must fail with the same history when it is run again.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.server_kit import Server
from tests.torture.mutants import patches
from tests.torture.mutants.patches import ROOT, Mutant, PatchError

FOUND_MARKS = ("FAILED ", "FINDING ", "SKIPPED ")
CONTROL_S = 240.0
SEEDED = ("simulation", "play")
"""Campaigns of `tests.torture` whose findings are seeds."""
IN_COPY = (*SEEDED, "pytest")


class Finding(NamedTuple):
    """What found a bug, and how many seconds after the harness began; ``text`` "" for nothing."""

    text: str
    seconds: float


class MutantServer(Server):
    """A server that runs from a copy of the package."""

    def __init__(self, state: Path, package: Path, *arguments: str) -> None:
        super().__init__(state, *arguments)
        self.package = package

    def start(self) -> Server:
        """Start from the copy: its directory comes first wherever modules are looked for."""
        before, path = Path.cwd(), os.environ.get("PYTHONPATH")
        os.environ["PYTHONPATH"] = str(self.package)
        os.chdir(self.package)
        try:
            return super().start()
        finally:
            os.chdir(before)
            if path is None:
                del os.environ["PYTHONPATH"]
            else:
                os.environ["PYTHONPATH"] = path


@contextlib.contextmanager
def running(mutant: Mutant | None) -> Iterator[Server]:
    """Run a server with a mutant in it for the length of a block."""
    with tempfile.TemporaryDirectory(prefix="papertrader-mutant-") as name:
        package = patches.copy_with(mutant, Path(name) / "copy")
        options = mutant.server if mutant is not None else []
        server = MutantServer(Path(name) / "state", package, *options)
        try:
            yield server.start()
        finally:
            server.end()


def hunt(server: Server, find: list[str], seconds: float, findings: Path) -> Finding:
    """Run the harness until it finds something, is through, or the time is over."""
    command, *rest = find
    if command == "fuzz":
        rest += ["--stop-on-first", "--seconds", f"{seconds:.0f}", "--findings", str(findings)]
        for name in ("master", "worker-1"):
            rest += ["--pid", str(server.said(f"{name}.json")["pid"])]
    arguments = [
        sys.executable, "-m", "papertrader.fuzz", command, "--target", server.workers[0],
        "--tls-ca", str(server.ca), *rest,
    ]  # fmt: skip
    began = time.monotonic()
    process = subprocess.Popen(
        arguments, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    last = ""
    try:
        lines = process.stdout if process.stdout is not None else []
        for line in lines:
            last = line.strip()
            marked = last.startswith(FOUND_MARKS)
            if marked and not (last.startswith("SKIPPED ") and "--strict" not in find):
                return Finding(last, time.monotonic() - began)
            if time.monotonic() - began > seconds:
                break
        # The harness could not even get its accounts: that is found too.
        if process.wait(5) not in (0, None):
            return Finding(last, time.monotonic() - began)
    except subprocess.TimeoutExpired:
        pass
    finally:
        process.kill()
        process.wait()
    return Finding("", time.monotonic() - began)


def hunt_in_copy(mutant: Mutant, seconds: float) -> Finding:
    """Run tests or a campaign on a copy with the mutant, until it fails or the time is over."""
    with tempfile.TemporaryDirectory(prefix="papertrader-mutant-") as name:
        copy = patches.copy_with(mutant, Path(name))
        for each in ("tests", "specs", "benchmarks", "pyproject.toml", "README.rst", "Makefile"):
            (copy / each).symlink_to(ROOT / each)
        command, *rest = mutant.find
        if command in SEEDED:
            arguments = ["-m", f"tests.torture.{command}", "--stop", *rest]
        else:
            arguments = ["-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *rest]
        began = time.monotonic()
        try:
            done = run_in(copy, arguments, seconds)
        except subprocess.TimeoutExpired:
            return Finding("", time.monotonic() - began)
        took = time.monotonic() - began
        lines = (done.stdout or "").splitlines()
        if command in SEEDED:
            return Finding(replayed(copy, command, lines, seconds), took)
        failed = [line for line in lines if line.startswith(("FAILED ", "ERROR "))]
        return Finding(failed[0] if done.returncode == 1 and failed else "", took)


def run_in(copy: Path, arguments: list[str], seconds: float) -> subprocess.CompletedProcess[str]:
    """Run Python on a copy of the package. Raises `subprocess.TimeoutExpired`."""
    return subprocess.run(
        [sys.executable, *arguments], cwd=copy, env=os.environ | {"PYTHONPATH": str(copy)},
        capture_output=True, text=True, check=False, timeout=seconds,
    )  # fmt: skip


def replayed(copy: Path, campaign: str, lines: list[str], seconds: float) -> str:
    """Run again the seed that a campaign failed with; "" unless its history is the same."""
    for line in lines:
        match = _SEED.match(line)
        if match is not None:
            seed, digest = match[1], match[2]
            again = run_in(copy, ["-m", f"tests.torture.{campaign}", "--seed", seed], seconds)
            same = f"seed {seed}: history {digest}, run again {digest}"
            if same in (again.stdout or "") and again.returncode == 1:
                return f"{line}; again: {digest}"
    return ""


_SEED = re.compile(r"seed (\d+) \(([0-9a-f]+)\): ")


def try_one(mutant: Mutant, seconds: float) -> Finding:
    """Run one mutant; return what found it."""
    if mutant.find[0] in IN_COPY:
        return hunt_in_copy(mutant, 5 * seconds)
    with running(mutant) as server, tempfile.TemporaryDirectory() as findings:
        return hunt(server, mutant.find, seconds, Path(findings))


def control() -> str:
    """Run the harness against the package as it is; return what it objects to."""
    with running(None) as server, tempfile.TemporaryDirectory() as findings:
        conform = hunt(server, ["conform"], CONTROL_S, Path(findings))
        fuzz = hunt(server, ["fuzz"], 60.0, Path(findings))
        return conform.text or fuzz.text


def main() -> int:
    """Run what the command line names."""
    parser = argparse.ArgumentParser(prog="tests.torture.mutants", description=__doc__)
    parser.add_argument("--only", default="", help="only mutants whose name has this text")
    parser.add_argument("--seconds", type=float, default=60.0, help="time to find each")
    parser.add_argument("--no-control", action="store_true", help="not the package as it is")
    options = parser.parse_args()
    missed = []
    for mutant in patches.every():
        if options.only not in mutant.name:
            continue
        try:
            finding = try_one(mutant, options.seconds)
        except PatchError as error:
            finding = Finding("", 0.0)
            print(error)
        in_copy = mutant.find[0] in IN_COPY
        if not finding.text or finding.seconds > options.seconds * (5 if in_copy else 1):
            missed.append(mutant.name)
        how = " ".join(mutant.find)
        print(f"{mutant.name:<34}{finding.seconds:6.1f} s  {how}: {finding.text or 'NOT FOUND'}")
        sys.stdout.flush()
    if not (options.no_control or options.only):
        objection = control()
        print(f"{'no mutant':<34}          conform, fuzz: {objection or 'nothing found'}")
        if objection:
            missed.append("no mutant")
    print(f"not as it must be: {', '.join(missed) or 'none'}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
