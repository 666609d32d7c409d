"""The power fails at any moment: nothing acknowledged is lost, and the bugs it is for are found."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.torture import power
from tests.torture.disk.images import Disk, Operation
from tests.torture.disk.shim import NoCompiler, library

IMAGES = 600
CONTROL_IMAGES = 150


@pytest.fixture(scope="module", autouse=True)
def compiled() -> None:
    """Skip all of it, loudly, where there is no C compiler."""
    try:
        library()
    except NoCompiler as error:
        pytest.skip(f"the recorder of file operations cannot be made: {error}")


@pytest.mark.slow
def test_what_was_told_is_there_after_a_power_failure() -> None:
    """P-01: of every image the store recovers, whole, with all that was acknowledged."""
    tally = power.campaign(IMAGES, 1, say=False)
    assert tally.said == 0
    assert tally.images == IMAGES
    assert tally.whole > 0


@pytest.mark.slow
@pytest.mark.parametrize("control", ["normal", "off", "early"])
def test_the_campaign_finds_the_bug_it_is_for(control: str) -> None:
    """M-01, M-02, M-03: one sync too few, none at all, or a reply before the commit."""
    tally = power.campaign(CONTROL_IMAGES, 1, control, say=False)
    assert tally.lost > 0


def test_a_disk_forgets_what_was_not_synced() -> None:
    """Writes, truncations and names: durable when synced, and anything else before."""
    home = Path("/d")
    disk, random = Disk(home), Random(1)
    disk.do(Operation("c", "/d/a", 0, b""))
    disk.do(Operation("w", "/d/a", 0, b"one"))
    assert disk.image("nothing", random) == {}
    assert disk.image("everything", random) == {"/d/a": b"one"}
    disk.do(Operation("s", "/d/a", 2, b""))
    assert disk.image("nothing", random) == {}
    disk.do(Operation("s", "/d", 3, b""))
    assert disk.image("nothing", random) == {"/d/a": b"one"}
    disk.do(Operation("w", "/d/a", 3, b"two" * 600))
    seen = {disk.image("torn", random)["/d/a"] for _ in range(40)}
    assert b"one" in {each[:3] for each in seen}
    assert len(seen) > 4
    disk.do(Operation("u", "/d/a", 0, b""))
    assert disk.image("nothing", random) == {"/d/a": b"one"}
    assert disk.image("everything", random) == {}


def test_a_sync_covers_only_what_came_before_it_began() -> None:
    """A write of another thread while a sync runs may be lost."""
    disk = Disk(Path("/d"))
    disk.do(Operation("c", "/d/a", 0, b""))
    disk.do(Operation("s", "/d", 1, b""))
    disk.do(Operation("w", "/d/a", 0, b"one"))
    disk.do(Operation("w", "/d/a", 3, b"two"))
    disk.do(Operation("s", "/d/a", 3, b""))
    assert disk.image("nothing", Random(1)) == {"/d/a": b"one"}
