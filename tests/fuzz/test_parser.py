"""The codec under a million changed frames; and what is put in on purpose is found."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from papertrader.fuzz import parser
from papertrader.fuzz.commands import main
from papertrader.wire import codec
from papertrader.wire import messages as m
from papertrader.wire.schema import MESSAGES

MILLION = 1_000_000


def test_a_million_changed_frames() -> None:
    """Each is refused, or read in its one encoding; one in a hundred as the reference reads it."""
    done, _ = parser.run(MILLION, seed=20_260_101, jobs=1)
    assert done.breaches == []
    assert (done.frames, done.compared) == (MILLION, MILLION // 100)
    # A harness that broke every frame, or none, would test nothing.
    assert 0.2 < done.taken / MILLION < 0.8


def test_frames_depend_on_the_seed_alone() -> None:
    """The same seed and block: the same frames; another seed or block: others."""
    template = parser.templates(3)[5]

    def made(seed: int, block: int) -> list[bytes]:
        return [parser.changed(template, chance) for chance in parser.chances(seed, block, 50)]

    assert made(3, 7) == made(3, 7)
    assert made(3, 7) != made(3, 8)
    assert made(3, 7) != made(4, 7)
    assert parser.templates(3) != parser.templates(4)


def test_every_message_is_a_template() -> None:
    """Changes begin with every message of the schema."""
    known = {(codec.parse_header(each).opcode, codec.parse_header(each).flags & 3)
             for each in parser.templates(0)}  # fmt: skip
    shapes = {"request": 0, "reply": 1, "event": 2}
    for message in MESSAGES:
        assert (message.opcode, shapes[message.shape.value]) in known, message.name


def lenient(octets: bytes) -> str | None:
    """Read a frame as a codec would that does not look at what is reserved in ORDER_NEW."""
    verdict = parser.judged(octets)
    if not verdict and octets[8:10] == b"\x02\x01" and octets[:4] == b"PT\x01\x01":
        return "taken"
    return verdict


def crashing(octets: bytes) -> str | None:
    """Read a frame as a codec would that stumbles over a long text."""
    if octets.count(0xFF) > 8:
        raise IndexError("out of range")
    return parser.judged(octets)


def strict(octets: bytes) -> str | None:
    """Read a frame as a codec would that refuses every root block that is longer than its own."""
    header, message = codec.decode(octets) if parser.judged(octets) else (None, None)
    if header is None or message is None or header.block_len > message.SIZE:
        return ""
    return "taken"


def test_what_is_put_in_is_found() -> None:
    """A codec that takes too much, one that takes too little, one that raises what it may not."""
    frames = parser.templates(1)
    for judge in (lenient, crashing, strict):
        done = parser.run_block(frames, 1, 0, 6_000, 1, judge)
        assert done.breaches, judge.__name__
        assert {breach.oracle for breach in done.breaches} == {"framing"}


def test_another_encoding_is_found() -> None:
    """What is built again must be the same octets, or a shorter frame of the same meaning."""
    octets = codec.encode(m.PortfolioGet(portfolio=3), correlation=4)
    message = codec.decode(octets)[1]
    longer = octets + codec.section(0x7000, b"new")
    parser.check_extended(longer, octets, message)
    other = codec.encode(m.PortfolioGet(portfolio=4), correlation=4)
    for before, again in ((octets, octets), (octets, other), (longer, other)):
        with pytest.raises(parser.Objection):
            parser.check_extended(before, again, message)


def test_the_command() -> None:
    """A short run says what it did; a number that is none is a wrong command line."""
    done = CliRunner().invoke(main, ["parser", "--frames", "2e4", "--seed", "5"])
    assert done.exit_code == 0, done.output
    assert done.output.startswith("20000 frames, ")
    assert CliRunner().invoke(main, ["parser", "--frames", "x"]).exit_code == 2
