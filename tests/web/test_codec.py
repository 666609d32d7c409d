"""The page's codec holds the same vectors as every other implementation of the protocol."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from papertrader.core.fills import LimitingRule
from papertrader.wire import codec, javascript
from papertrader.wire import messages as m
from papertrader.wire.kinds import Category
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


def test_whatever_stops_an_order_has_words_on_the_page() -> None:
    """Not the name of the rule."""
    text = (PAGE / "views" / "orders.js").read_text(encoding="utf-8")
    table = text.split("const LIMITING = {")[1].split("};")[0]
    missing = [rule.name for rule in LimitingRule if rule and f"{rule.name}: " not in table]
    assert missing == []


@pytest.mark.skipif(node is None, reason="needs node; the page's tests in Chromium run it too")
def test_the_vectors_hold() -> None:
    """Every frame of the client link is read, written and refused as the vectors say."""
    done = run(PAGE, SPECS / "vectors")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "vectors hold" in done.stdout


@pytest.mark.skipif(node is None, reason="needs node")
@pytest.mark.clause("9.2")
def test_an_event_of_a_later_revision_is_left_out() -> None:
    """A page that is open while the server becomes newer goes on; an unknown request is a fault."""
    known = codec.encode(m.Heartbeat(next_event_seq=7))
    later = [
        codec.frame(category, opcode, bytes(8), b"", flags=codec.EVENT)
        for category, opcode in ((Category.CONTROL, 0x0040), (Category.COMMAND, 0x0640))
    ]
    strange = codec.frame(Category.COMMAND, 0x0640, bytes(8), b"", correlation=1)
    script = (
        "const { decodeKnown } = await import(process.argv[1]);"
        "const frames = (words) => words.map((each) => Uint8Array.from(Buffer.from(each, 'hex')));"
        "const [good, bad] = JSON.parse(process.argv[2]).map(frames);"
        "let refused = ''; try { decodeKnown(bad); } catch (why) { refused = why.status; }"
        "console.log(decodeKnown(good).map(({ name }) => name).join(), refused);"
    )
    frames = [[each.hex() for each in (*later, known)], [strange.hex()]]
    done = subprocess.run(
        [str(node), "--input-type=module", "-e", script, (PAGE / "codec.js").as_uri(),
         json.dumps(frames)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stdout == "Heartbeat UNKNOWN_OPCODE\n", done.stderr


@pytest.mark.skipif(node is None, reason="needs node")
def test_a_codec_that_errs_is_found(tmp_path: Path) -> None:
    """A changed offset, and a check that was left out, are seen."""
    for name in ("codec.js", "schema.js"):
        (tmp_path / name).write_text((PAGE / name).read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    erring = tmp_path / "codec.js"
    right = erring.read_text(encoding="utf-8")
    for old, new in (
        ("if (tag <= previous)", "if (tag < previous)"),
        ("view.setUint32(20,", "view.setUint32(16,"),
        ('how === "n" && value === NULL', "value === 0n"),
    ):
        assert old in right
        erring.write_text(right.replace(old, new), encoding="utf-8")
        assert run(tmp_path, SPECS / "vectors").returncode == 1, old
