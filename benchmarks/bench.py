"""A run of the benchmarks: how many rounds, where its files are, and rounds that take turns."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import attrs

from benchmarks import processes, product
from benchmarks.figures import Results
from benchmarks.processes import BenchmarkError, Load, Seen

PEER_PYTHON: Final = "PAPERTRADER_PEER_PYTHON"
"""Environment: a Python that has peers/requirements.txt; without it one is made."""
REQUIREMENTS: Final = Path(__file__).parent / "peers" / "requirements.txt"
NAUTILUS_PYTHON: Final = "PAPERTRADER_NAUTILUS_PYTHON"
"""Environment: a Python of 3.12 or newer that has NautilusTrader; without it one is made."""
NAUTILUS_REQUIREMENTS: Final = REQUIREMENTS.with_name("requirements-nautilus.txt")
NAUTILUS_LEAST: Final = (3, 12)
PIP_S: Final = 900


@attrs.define(kw_only=True)
class Bench:
    """One run. ``directory`` holds what it needs and may be lost; ``build`` what is kept."""

    directory: Path
    build: Path
    rounds: int
    seconds: float
    warm: float
    stall_s: float = 60.0
    """How long a reader stalls that is measured."""
    largest: int = 100_000
    """Most orders in the database, and accounts, by which growth is measured."""
    sustained_s: float = 60.0
    """How long orders come without a pause, to see whether the views keep up."""
    results: Results = attrs.Factory(Results)
    _peer_python: Path | None = None
    _nautilus_python: Path | None = None
    _files: int = 0

    @property
    def program(self) -> Path:
        """The load generator."""
        return processes.build_load(self.build)

    @property
    def tls(self) -> Path:
        """Certificates for the peers: those of an installation made for them."""
        state = self.directory / "peers"
        if not state.exists():
            product.install(state)
        return state / "tls"

    def peer_python(self) -> Path:
        """Return the Python of the peers; raises `BenchmarkError` if it cannot be had."""
        if self._peer_python is None:
            named = os.environ.get(PEER_PYTHON)
            self._peer_python = Path(named) if named else self._make_environment()
        return self._peer_python

    def nautilus_python(self) -> Path:
        """Return the Python of NautilusTrader; raises `BenchmarkError` if it cannot be had."""
        if self._nautilus_python is None:
            named = os.environ.get(NAUTILUS_PYTHON)
            self._nautilus_python = (
                Path(named)
                if named
                else self._make_environment("nautilus", NAUTILUS_REQUIREMENTS, _newer_python())
            )
        return self._nautilus_python

    def _make_environment(
        self,
        name: str = "peers",
        requirements: Path = REQUIREMENTS,
        maker: str = sys.executable,
    ) -> Path:
        environment = self.build / name
        python = environment / "bin" / "python"
        done = environment / ".installed"
        if not done.exists():
            print(f"making {environment} for the peers (once, a minute) ...", flush=True)
            pip = [str(python), "-m", "pip", "install", "--quiet", "-r", str(requirements)]
            try:
                for command in ([maker, "-m", "venv", "--clear", str(environment)], pip):
                    subprocess.run(command, check=True, timeout=PIP_S)
            except (OSError, subprocess.SubprocessError) as error:
                raise BenchmarkError(f"the peers' environment cannot be made: {error}") from None
            done.touch()
        return python

    def file(self, octets: bytes) -> Path:
        """Write octets to a file for the load generator."""
        self._files += 1
        path = self.directory / f"octets-{self._files}"
        path.write_bytes(octets)
        return path

    @contextlib.contextmanager
    def optional(self, what: str) -> Iterator[None]:
        """Say loudly when a peer cannot run, and go on without it."""
        try:
            yield
        except BenchmarkError as error:
            self.results.skip(f"{what}: {error}")

    def take_turns(self, loads: Mapping[str, Load]) -> dict[str, list[Seen]]:
        """Run every load in every round, each round beginning with another one."""
        return self.turns({name: self._runner(load) for name, load in loads.items()})

    def _runner(self, load: Load) -> Callable[[], Seen]:
        return lambda: load.run(self.seconds, self.warm)

    def turns(self, runners: Mapping[str, Callable[[], Seen]]) -> dict[str, list[Seen]]:
        """Call every runner in every round; a noisy moment then meets all of them."""
        seen: dict[str, list[Seen]] = {name: [] for name in runners}
        names = list(runners)
        for number in range(self.rounds):
            first = number % len(names)
            for name in names[first:] + names[:first]:
                seen[name].append(runners[name]())
        return seen


def _newer_python() -> str:
    """Return a Python that NautilusTrader runs on: ours, one on the path, or one of pyenv's."""
    on_path = [shutil.which(f"python3.{minor}") for minor in (14, 13, 12)]
    under = sorted(Path.home().glob(".pyenv/versions/3.*/bin/python"), reverse=True)
    for python in (sys.executable, *filter(None, on_path), *map(str, under)):
        asked = [python, "-c", "import sys; print(*sys.version_info[:2])"]
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
        words = done.stdout.split()
        if len(words) == 2 and tuple(map(int, words)) >= NAUTILUS_LEAST:
            return python
    raise BenchmarkError("it needs Python 3.12 or newer, and none was found")


def used_by_others(seconds: float) -> float:
    """Return how many cores are used just now, before anything of ours runs."""
    before = processes.busy_seconds()
    time.sleep(seconds)
    return (processes.busy_seconds() - before) / seconds
