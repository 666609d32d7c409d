"""The page's codec holds the same vectors as every other implementation of the protocol."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from papertrader.wire import javascript
from papertrader.wire.spec import SPECS

PAGE = javascript.TARGET.parent
PROGRAM = Path(__file__).with_name("vectors.mjs")
node = shutil.which("node")


def run(page: Path, vectors: Path) -> subprocess.CompletedProcess[str]:
    """Hold a page's codec against vectors."""
    return subprocess.run(
        [str(node), str(PROGRAM), str(page), str(vectors)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_the_schema_of_the_page_is_up_to_date() -> None:
    """What the generator would write stands in the package."""
    assert javascript.main(["--check"]) == 0


def test_an_old_schema_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check itself sees a file that differs, and one that is missing."""
    monkeypatch.setattr(javascript, "TARGET", tmp_path / "schema.js")
    assert javascript.main(["--check"]) == 1
    assert javascript.main([]) == 0
    assert javascript.main(["--check"]) == 0


def test_nothing_of_the_inner_world_is_told_to_browsers() -> None:
    """The schema of the page ends where the client link ends."""
    text = javascript.TARGET.read_text(encoding="utf-8")
    for name in ("RELAY_UP", "WorkerAuth", "StoreCommand", "TopicPublish"):
        assert name not in text


@pytest.mark.skipif(node is None, reason="needs node; the page's tests in Chromium run it too")
def test_the_vectors_hold() -> None:
    """Every frame of the client link is read, written and refused as the vectors say."""
    done = run(PAGE, SPECS / "vectors")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "vectors hold" in done.stdout


@pytest.mark.skipif(node is None, reason="needs node")
def test_a_codec_that_errs_is_found(tmp_path: Path) -> None:
    """A changed offset, and a check that was left out, are seen."""
    for name in ("codec.js", "schema.js"):
        (tmp_path / name).write_text((PAGE / name).read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    codec = tmp_path / "codec.js"
    right = codec.read_text(encoding="utf-8")
    for old, new in (
        ("if (tag <= previous)", "if (tag < previous)"),
        ("view.setUint32(20,", "view.setUint32(16,"),
        ('how === "n" && value === NULL', "value === 0n"),
    ):
        assert old in right
        codec.write_text(right.replace(old, new), encoding="utf-8")
        assert run(tmp_path, SPECS / "vectors").returncode == 1, old
