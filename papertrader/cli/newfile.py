"""Files that a command writes for a person: new ones, never in the place of another."""

from __future__ import annotations

from pathlib import Path

from papertrader.cli.problems import Problem


def must_be_new(path: Path) -> None:
    """Raise `Problem` if there is such a file."""
    if path.exists():
        raise _there_already(path)


def write_new(path: Path, octets: bytes) -> None:
    """Write a file that is not there yet; of one that finds no room nothing is left.

    Raises `Problem`.
    """
    try:
        with open(path, "xb") as file:
            try:
                file.write(octets)
                file.flush()
            except OSError:
                path.unlink()
                raise
    except FileExistsError:
        raise _there_already(path) from None
    except OSError as error:
        raise Problem.usage(
            f"{path} cannot be written: {error.strerror or error}",
            "name a file in a directory that is there, may be written and has room",
        ) from None


def _there_already(path: Path) -> Problem:
    return Problem.usage(f"{path} exists already", "name another file, or remove it")
