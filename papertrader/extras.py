"""What to type where an extra of this installation is missing."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path


def install_command(extra: str) -> str:
    """Return the command that installs an extra into the Python that runs this.

    In a checkout it is the checkout's own: nothing of its name is asked of a package index.
    """
    root = Path(__file__).resolve().parent.parent
    is_checkout = (root / "pyproject.toml").is_file() and (root / "Makefile").is_file()
    python = _near(Path(sys.executable)) if sys.executable else "python3"
    wanted = f"{_near(root)}[{extra}]" if is_checkout else f"papertrader[{extra}]"
    editable = "--editable " if is_checkout else ""
    return f"{shlex.quote(python)} -m pip install {editable}{shlex.quote(wanted)}"


def _near(path: Path) -> str:
    """Write a path as seen from the working directory, if it lies within it."""
    try:
        return str(path.relative_to(Path.cwd()))
    except (OSError, ValueError):
        return str(path)
