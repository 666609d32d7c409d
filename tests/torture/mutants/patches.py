"""Mutants: bugs put in on purpose, each a small patch of the package that the harness must find.

A patch file begins with a sentence, then says how it is found (``find:``: a command of
``python -m papertrader.fuzz`` without its target, or ``simulation``, ``play`` or ``pytest`` with
arguments)
and, if needed, how the server is started (``server:``, options of ``papertrader up``) and which row
of ``specs/torture.rst`` it is (``design:``). A unified diff follows. Its hunks are found by their
text, not by their line numbers, so that changes elsewhere in a file do no harm.
"""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent
COPIED = ("papertrader", "twisted")


class PatchError(Exception):
    """A patch does not fit the sources; the text says which and where."""


class Hunk(NamedTuple):
    """Lines of a file, and what stands in their place."""

    path: str
    old: str
    new: str


class Mutant(NamedTuple):
    """One bug: ``find`` and ``server`` are arguments (see the module)."""

    name: str
    what: str
    find: list[str]
    server: list[str]
    hunks: list[Hunk]
    design: str = ""


def read(path: Path) -> Mutant:
    """Read a patch file. Raises `PatchError` if it is not one."""
    head, *parts = re.split(r"^--- .*\n\+\+\+ b/", path.read_text(encoding="utf-8"), flags=re.M)
    what, *rest = head.strip().splitlines()
    said = dict(line.split(": ", 1) for line in rest if line)
    hunks = []
    for part in parts:
        name, _, text = part.partition("\n")
        for body in re.split(r"^@@ .*\n", text, flags=re.M)[1:]:
            lines = body.splitlines(keepends=True)
            old = "".join(line[1:] for line in lines if line[0] in " -")
            new = "".join(line[1:] for line in lines if line[0] in " +")
            hunks.append(Hunk(name.strip(), old, new))
    if not hunks or "find" not in said:
        raise PatchError(f"{path.name}: no hunks, or no line that begins with find:")
    find, server = shlex.split(said["find"]), said.get("server", "").split()
    return Mutant(path.stem, what, find, server, hunks, said.get("design", ""))


def every() -> list[Mutant]:
    """Return all mutants in the order of their numbers."""
    return [read(path) for path in sorted(HERE.glob("*.patch"))]


def applied(mutant: Mutant, root: Path = ROOT) -> dict[str, str]:
    """Return the sources that a mutant changes, changed. Raises `PatchError`."""
    changed: dict[str, str] = {}
    for hunk in mutant.hunks:
        text = changed.get(hunk.path) or (root / hunk.path).read_text(encoding="utf-8")
        count = text.count(hunk.old)
        if count != 1:
            raise PatchError(
                f"{mutant.name}: {count} places of {hunk.path} have the hunk's lines; make the"
                " patch anew"
            )
        changed[hunk.path] = text.replace(hunk.old, hunk.new)
    return changed


def copy_with(mutant: Mutant | None, place: Path) -> Path:
    """Copy the package to ``place`` with a mutant in it (None: as it is); return ``place``."""
    ignored = shutil.ignore_patterns("__pycache__", "dropin.cache")
    for name in COPIED:
        shutil.copytree(ROOT / name, place / name, ignore=ignored)
    if mutant is not None:
        for path, text in applied(mutant, place).items():
            (place / path).write_text(text, encoding="utf-8")
    return place
