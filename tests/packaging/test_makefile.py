"""`make run` and `make test`: Python is found or asked for, signals reach the program."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECONDS_MAX = 120

PROGRAM = f"""#!{sys.executable}
import signal, sys
caught = []
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda number, frame: caught.append(number))
print("ready", *sys.argv[1:], flush=True)
while not caught:
    signal.pause()
print("stopped by", *caught, flush=True)
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed"),
]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A directory with our Makefile and nothing installed."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "setup.cfg").touch()
    return tmp_path


@pytest.fixture
def installed(project: Path) -> Path:
    """The same with a program in the place of ours, as if it had been installed."""
    program = project / ".venv" / "bin" / "papertrader"
    program.parent.mkdir(parents=True)
    program.write_text(PROGRAM)
    program.chmod(0o755)
    (project / ".venv" / ".installed-runtime").touch()
    return project


@pytest.fixture
def running(installed: Path) -> Iterator[subprocess.Popen[str]]:
    """A `make run` whose program is ready, in a process group of its own."""
    with subprocess.Popen(
        ["make", "run", "ARGS=--speed 10"],
        cwd=installed,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready up --speed 10\n"
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def environment(path: str | None = None) -> dict[str, str]:
    """The environment of a user who did not start us through make."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    kept.pop("MFLAGS", None)
    return kept if path is None else {**kept, "PATH": path}


def make(
    project: Path, *arguments: str, path: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run make to its end."""
    return subprocess.run(
        [str(shutil.which("make")), *arguments],
        cwd=project,
        env=environment(path),
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )


def test_sigterm_to_make_stops_the_program(running: subprocess.Popen[str]) -> None:
    """A SIGTERM to make alone is passed on; make waits for the program's own end."""
    os.kill(running.pid, signal.SIGTERM)
    output, _ = running.communicate(timeout=SECONDS_MAX)
    assert "stopped by 15\n" in output
    assert running.returncode != 0


def test_interrupt_stops_the_program_once(running: subprocess.Popen[str]) -> None:
    """Ctrl-C, which the terminal sends to the whole group, reaches the program exactly once."""
    os.killpg(running.pid, signal.SIGINT)
    output, _ = running.communicate(timeout=SECONDS_MAX)
    assert "stopped by 2\n" in output


def test_nothing_is_installed_twice(installed: Path) -> None:
    """With everything in place `make run` needs neither Python nor the network."""
    result = make(installed, "--dry-run", "run")
    assert result.returncode == 0
    assert "pip" not in result.stdout


@pytest.mark.parametrize("changed", ["pyproject.toml", "setup.cfg"])
def test_changed_packaging_is_installed_again(installed: Path, changed: str) -> None:
    """A change of the packaging files makes the next run install again."""
    stamp = (installed / ".venv" / ".installed-runtime").stat().st_mtime
    os.utime(installed / changed, (stamp + 5, stamp + 5))
    result = make(installed, "--dry-run", "run")
    assert "pip --quiet --disable-pip-version-check install --editable ." in result.stdout
    assert "[dev]" not in result.stdout


def test_old_python_is_refused(project: Path) -> None:
    """Without a Python of at least 3.11 there is one clear error and a hint."""
    tools = project / "tools"
    tools.mkdir()
    for name in ("python3", "python3.12"):
        (tools / name).write_text("#!/bin/sh\nexit 1\n")
        (tools / name).chmod(0o755)
    for name in ("sh", "touch"):
        (tools / name).symlink_to(str(shutil.which(name)))
    result = make(project, "run", path=str(tools))
    assert result.returncode != 0
    assert "error: PaperTrader needs Python 3.11 or newer, and none was found." in result.stderr
    assert "hint: " in result.stderr
    result = make(project, "run", f"PYTHON={tools}/python3", path=str(tools))
    assert "python3' is not." in result.stderr
    assert not (project / ".venv" / ".installed-runtime").exists()


def test_found_python_makes_the_environment(project: Path) -> None:
    """The Python that is named is used to make the environment, before anything is fetched."""
    python = project / "python-for-test"
    python.write_text(f'#!/bin/sh\n[ "$1" = -m ] && exit 7\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    result = make(project, "run", f"PYTHON={python}")
    assert "Making .venv with Python 3." in result.stdout
    assert "cannot make a virtual environment" in result.stderr
    assert "Installing" not in result.stdout


def test_test_runs_every_check(installed: Path) -> None:
    """`make test` runs the linter, the formatter, the type checker, the layers and the tests."""
    (installed / ".venv" / ".installed-development").touch()
    result = make(installed, "--dry-run", "test")
    commands = [line.removeprefix(".venv/bin/") for line in result.stdout.splitlines()]
    checks = ["ruff check", "ruff format --check", "mypy", "lint-imports"]
    assert commands == [*checks, "pytest --numprocesses 2 --dist loadfile "]


def test_clean_leaves_the_sources(installed: Path) -> None:
    """`make clean` removes what was made and nothing that was written."""
    for name in ("papertrader", "tests", "benchmarks", "twisted/plugins"):
        (installed / name / "__pycache__").mkdir(parents=True)
        (installed / name / "source.py").touch()
    (installed / "twisted" / "plugins" / "dropin.cache").touch()
    assert make(installed, "clean").returncode == 0
    left = {str(path.relative_to(installed)) for path in installed.rglob("*") if path.is_file()}
    assert left == {
        "Makefile",
        "benchmarks/source.py",
        "papertrader/source.py",
        "pyproject.toml",
        "setup.cfg",
        "tests/source.py",
        "twisted/plugins/source.py",
    }


def test_continuous_integration_runs_make_test(tmp_path: Path) -> None:
    """`.ci/run` builds the documentation, then hands over to `make test`, whose status counts."""
    tools = tmp_path / "tools"
    tools.mkdir()
    fake = tools / "make"
    fake.write_text('#!/bin/sh\npwd\necho "$1"\n[ "$1" != test ] || exit 3\n')
    fake.chmod(0o755)
    path = f"{tools}:{os.environ['PATH']}"
    result = subprocess.run(
        [ROOT / ".ci" / "run"],
        cwd=tmp_path,
        env=environment(path),
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    assert result.returncode == 3
    assert result.stdout.splitlines() == [
        str(ROOT), "browser", str(ROOT), "docs", str(ROOT), "test",
    ]  # fmt: skip
