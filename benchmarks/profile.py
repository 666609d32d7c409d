"""``python -m benchmarks.profile``: flame graphs of master and worker under load.

    python -m benchmarks.profile [--seconds S] [--output DIRECTORY]

py-spy samples both processes from outside while orders come in, while accounts are read, and while
quotes go out. It is installed in the environment of the peers. Where the system forbids one process
to read another (ptrace), nothing is written and the reason is said.
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import Final

from benchmarks import product
from benchmarks.bench import Bench
from benchmarks.processes import BenchmarkError, Load
from benchmarks.product import Product
from benchmarks.scenarios import product_load
from benchmarks.states import subscribers

HERE: Final = Path(__file__).parent
RATE_HZ: Final = 200
END_S: Final = 60
SUBSCRIBERS: Final = 500


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile", description=__doc__)
    parser.add_argument("--seconds", type=int, default=8, help="length of each sampling")
    parser.add_argument("--output", type=Path, default=HERE / "profiles")
    parser.add_argument("--build", type=Path, default=HERE.parent / "build" / "benchmarks")
    return parser.parse_args(given)


def sample(
    spy: Path, pids: dict[str, int], seconds: int, output: Path, of: str
) -> list[subprocess.Popen[bytes]]:
    """Start sampling some processes; each writes ``OF-NAME.svg``."""
    return [
        subprocess.Popen(
            [
                str(spy), "record", "--pid", str(pid), "--duration", str(seconds), "--rate",
                str(RATE_HZ), "--nonblocking", "--output", str(output / f"{of}-{name}.svg"),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for name, pid in pids.items()
    ]  # fmt: skip


def under_load(
    spy: Path, running: Product, load: Load, seconds: int, output: Path, of: str
) -> None:
    """Sample master and worker while a load runs. Raises `BenchmarkError` if that fails."""
    runner = threading.Thread(target=load.run, args=(seconds + 2.0, 0.5))
    runner.start()
    pids = {"master": running.master.workings, "worker": running.worker.pid}
    spies = sample(spy, pids, seconds, output, of)
    said = [each.communicate(timeout=seconds + END_S)[1].decode() for each in spies]
    runner.join()
    for each, text in zip(spies, said, strict=True):
        if each.returncode:
            raise BenchmarkError(f"py-spy: {text.strip()[-300:]}")


def main() -> None:
    """Write six flame graphs: master and worker, under orders, account reads and fan-out."""
    options = arguments()
    options.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-") as name, contextlib.ExitStack() as stack:
        bench = Bench(directory=Path(name), build=options.build, rounds=1, seconds=1.0, warm=0.5)
        spy = bench.peer_python().with_name("py-spy")
        if not spy.exists():
            raise SystemExit(f"error: there is no {spy}; install py-spy in that environment")
        running = stack.enter_context(product.product(bench.directory / "state"))
        with product_load(bench, running, product.orders(), 50, 16, of_one=1) as load:
            under_load(spy, running, load, options.seconds, options.output, "orders")
        with product_load(bench, running, product.account_read(), 50, 16) as load:
            under_load(spy, running, load, options.seconds, options.output, "reads")
        with subscribers(bench, running, SUBSCRIBERS) as load:
            under_load(spy, running, load, options.seconds, options.output, "fan-out")
    print("written:", *sorted(options.output.glob("*.svg")))


if __name__ == "__main__":
    main()
