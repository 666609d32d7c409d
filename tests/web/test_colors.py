"""The page's colours that carry meaning, as those see them who do not tell red from green."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import pytest

import papertrader

STYLE = (Path(papertrader.__file__).parent / "page" / "style.css").read_text(encoding="utf-8")
VIEWS = Path(papertrader.__file__).parent / "page" / "views"

Vector = tuple[float, float, float]
Matrix = tuple[Vector, Vector, Vector]

EYES: dict[str, Matrix] = {
    "all colors": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
}
"""Linear RGB as it is seen: Machado, Oliveira and Fernandes 2009, severity 1."""
TO_XYZ: Matrix = (
    (0.4124564, 0.3575761, 0.1804375),
    (0.2126729, 0.7151522, 0.0721750),
    (0.0193339, 0.1191920, 0.9503041),
)
WHITE = (0.95047, 1.0, 1.08883)
APART = 40.0
"""Distance in CIELAB (1976) of two colours whose difference has a meaning; 2.3 is just seen."""
PARTS_APART = 15.0
"""The parts of the ring: each has its name beside it, and neighbors have a gap between them."""


def times(matrix: Matrix, vector: Vector) -> Vector:
    """Multiply."""
    one, two, three = (sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix)
    return one, two, three


def lab(color: str, eyes: str) -> Vector:
    """Return the CIELAB place of ``#rrggbb`` as these eyes see it."""
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    seen = times(EYES[eyes], (red, green, blue))
    kept = (min(1.0, max(0.0, seen[0])), min(1.0, max(0.0, seen[1])), min(1.0, max(0.0, seen[2])))
    ratios = [part / white for part, white in zip(times(TO_XYZ, kept), WHITE, strict=True)]
    x, y, z = (r ** (1 / 3) if r > 0.008856 else 7.787 * r + 16 / 116 for r in ratios)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def distance(one: str, other: str, eyes: str) -> float:
    """Return how far two colours are apart for these eyes."""
    pairs = zip(lab(one, eyes), lab(other, eyes), strict=True)
    return float(sum((a - b) ** 2 for a, b in pairs) ** 0.5)


def themes() -> list[dict[str, str]]:
    """Return the named colours in light and in dark."""
    light, dark = STYLE.split("prefers-color-scheme: dark", 1)
    named = [dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", part)) for part in (light, dark)]
    return [named[0], named[0] | named[1]]


@pytest.mark.parametrize("eyes", EYES)
@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_up_is_not_down_to_anybody(theme: int, eyes: str) -> None:
    """Nor is what went well what went wrong."""
    colors = themes()[theme]
    for one, other in (("up", "down"), ("good", "bad")):
        assert distance(colors[one], colors[other], eyes) >= APART, (one, other)


@pytest.mark.parametrize("eyes", EYES)
def test_the_parts_of_the_ring_are_not_alike(eyes: str) -> None:
    """Eight colours, each told from each."""
    parts = dict(re.findall(r"\.part-(\d) \{ stroke: (#[0-9a-f]{6})", STYLE))
    assert len(parts) == 8
    near = {pair: distance(parts[pair[0]], parts[pair[1]], eyes) for pair in combinations(parts, 2)}
    assert min(near.values()) >= PARTS_APART, min(near, key=lambda pair: near[pair])


def test_red_and_green_would_be_found() -> None:
    """The usual pair is far apart for most, and near for those with deuteranopia."""
    assert distance("#4a8a2a", "#a8641e", "all colors") >= APART
    assert distance("#4a8a2a", "#a8641e", "deuteranopia") < APART


@pytest.mark.parametrize("view", sorted(VIEWS.glob("*.js")), ids=lambda path: path.stem)
def test_no_direction_is_told_by_color_alone(view: Path) -> None:
    """Wherever a value has the colour of its direction, an arrow or a sign stands with it."""
    lines = view.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        if "tone(" in line and "import" not in line:
            near = " ".join(lines[number : number + 2])
            assert re.search(r"arrow\(|signed\(|percent\(|sign\(|\bshown\b", near), line
