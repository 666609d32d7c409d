"""Profile ``client``: programs that connect to a worker or a master that sometimes lies.

A command is run again and again against `papertrader.fuzz.serve`. It may fail, and say so; it must
not crash, it must end, and what it sends must be right. Each connection's lies depend on the seed
and the number of the connection alone.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import tempfile
from collections.abc import Callable
from typing import IO, Final

import attrs

from papertrader.fuzz.observe import Breach
from papertrader.fuzz.serve import Acceptor

RUN_S: Final = 30.0
"""How long a program may take; one that lies cannot hold up longer."""
JOBS: Final = 2
OUTPUT_KEPT: Final = 4_000
CRASH: Final = r"Traceback \(most recent call last\)|panicked at|Segmentation fault|core dumped"
"""What a program prints when it has crashed, unless other words are given."""
TICK_S: Final = 0.02


@attrs.frozen(kw_only=True)
class Runs:
    """What is run: ``command`` may name {host}, {port} and {address}; ``crash`` is a pattern."""

    command: str
    seconds: float
    run_s: float = RUN_S
    jobs: int = JOBS
    crash: str = CRASH


@attrs.define(eq=False)
class _Running:
    process: subprocess.Popen[bytes]
    output: IO[bytes]
    began: float


class Clients:
    """Runs of a program against an acceptor (see the module); raises `OSError` for no program."""

    def __init__(self, acceptor: Acceptor, runs: Runs, now: Callable[[], float]) -> None:
        self.breaches: list[Breach] = []
        self.done = self.failed = 0
        self._acceptor = acceptor
        self._runs = runs
        self._now = now
        self._crash = re.compile(runs.crash)
        self._running: list[_Running] = []

    def run(self, progress: Callable[[float], None] = lambda seconds: None) -> None:
        """Go on until the time is over; then the programs that still run have to end."""
        began = self._now()
        try:
            while self._now() - began < self._runs.seconds:
                while len(self._running) < self._runs.jobs:
                    self._start()
                self._turn()
                progress(self._now() - began)
            while self._running:
                self._turn()
        finally:
            for each in self._running:
                each.process.kill()
                each.process.wait()
                each.output.close()

    def _start(self) -> None:
        host, port = self._acceptor.host, self._acceptor.port
        names = {"host": host, "port": str(port), "address": f"{host}:{port}"}
        words = [word.format(**names) for word in shlex.split(self._runs.command)]
        output = tempfile.TemporaryFile()  # noqa: SIM115 (closed when the run is over)
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
        self._running.append(_Running(process, output, self._now()))

    def _turn(self) -> None:
        self._acceptor.turn(TICK_S)
        for each in list(self._running):
            code = each.process.poll()
            late = self._now() - each.began > self._runs.run_s
            if code is None and not late:
                continue
            if code is None:
                each.process.kill()
                each.process.wait()
                text = f"the program did not end in {self._runs.run_s:.0f} s"
                self._blame(Breach("discipline", text))
            self._ended(each, code)

    def _ended(self, run: _Running, code: int | None) -> None:
        self._running.remove(run)
        self.done += 1
        run.output.seek(0, 2)
        run.output.seek(max(0, run.output.tell() - OUTPUT_KEPT))
        said = run.output.read().decode("utf-8", "replace")
        run.output.close()
        if code is None:
            return
        self.failed += code != 0
        if code < 0:
            self._blame(Breach("crash", f"the program was ended by signal {-code}"))
        elif self._crash.search(said):
            last = said.strip().splitlines()[-1] if said.strip() else ""
            self._blame(Breach("crash", f"the program crashed: {last[:200]}"))

    def _blame(self, breach: Breach) -> None:
        if breach not in self.breaches:
            self.breaches.append(breach)
