"""Sequences as files, mutations, minimizing, explaining, reports, the command line."""

from __future__ import annotations

import json
import random
from pathlib import Path
from xml.etree import ElementTree

import attrs
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from papertrader.fuzz import allowed, corpus, explain, findings, mutate, report
from papertrader.fuzz.commands import main
from papertrader.fuzz.conform import Result, numbered
from papertrader.fuzz.corpus import CorpusError, Kind, Reference, Sequence, Source, Step, Wait
from papertrader.fuzz.generate import BEGIN_OR_END, CLIENT_REQUESTS, Generator
from papertrader.fuzz.minimize import minimized, without
from papertrader.fuzz.observe import Breach, Coverage, Seen
from papertrader.fuzz.sequences import Sequences
from papertrader.fuzz.serve import Conversation, Setting
from papertrader.fuzz.world import hello
from papertrader.wire import codec, vectors
from papertrader.wire import messages as m
from papertrader.wire.connection import Connection, Link
from papertrader.wire.errors import RemoteFault
from papertrader.wire.kinds import Opcode, Role, Status

STEPS = st.builds(
    Step,
    kind=st.sampled_from(Kind),
    connection=st.integers(0, 255),
    octets=st.binary(min_size=8, max_size=64),
    wait=st.sampled_from(Wait),
    delay_us=st.integers(0, 2**32 - 1),
    option=st.integers(0, 255),
    references=st.lists(
        st.builds(
            Reference, st.sampled_from(Source), st.integers(0, 4), st.integers(0, 4),
            st.integers(0, 9), st.integers(0, 9),
        ),
        max_size=3,
    ).map(tuple),
)  # fmt: skip


@given(st.lists(STEPS, max_size=6).map(tuple), st.integers(0, 2**64 - 1))
def test_a_sequence_survives_its_file(steps: tuple[Step, ...], seed: int) -> None:
    """loads(dumps(x)) is x."""
    assert corpus.loads(corpus.dumps(Sequence(steps, seed))) == Sequence(steps, seed)


@given(st.binary(max_size=200), st.integers(0, 80))
def test_a_bad_file_is_refused(octets: bytes, at: int) -> None:
    """Whatever a file holds, only CorpusError leaves the reader."""
    good = corpus.dumps(Sequence((Step(Kind.SEND, octets=b"x" * 40),), 5))
    for bad in (octets, b"PTC1" + octets, good[:at] + b"\xff" + good[at + 1 :]):
        if bad != good:
            with pytest.raises(CorpusError):
                corpus.loads(bad)


@settings(max_examples=300)
@given(st.integers(0, 2**32))
def test_mutations_of_any_frame_are_octets(seed: int) -> None:
    """No mutator fails on any valid frame, nor on what another has made of it."""
    rng = random.Random(seed)
    octets = Generator(rng).request()
    for _ in range(3):
        octets = mutate.mutated(rng, octets)
        if len(octets) < 32:
            break


def test_every_mutator_does_what_it_is_for() -> None:
    """Over some chances each changes the frame; those that are allowed still decode."""
    octets = codec.encode(
        m.QuoteGet(symbols=(m.SymbolRow(symbol="IBM"),)), session=3, correlation=4
    )
    for mutator in mutate.MUTATORS:
        made = {mutator(random.Random(seed), octets) for seed in range(30)}
        assert made - {octets}, mutator.__name__
        if mutator in (mutate.checksum, mutate.longer_block, mutate.unknown_section):
            for each in made:
                codec.decode(each)


def test_every_request_of_the_schema_has_its_row() -> None:
    """A message that is added needs its statuses in `papertrader.fuzz.allowed`; none is left over.

    That it is generated and has its place in a dialogue follows from the schema.
    """
    opcodes = {declared.opcode for declared in CLIENT_REQUESTS}
    assert {int(opcode) for opcode in allowed.OUTCOMES} == opcodes
    assert all(Status.OK in statuses for statuses in allowed.OUTCOMES.values())
    made = Sequences(random.Random(6))
    asked = {
        codec.parse_header(step.octets).opcode
        for _ in range(20)
        for step in made.every_message()
        if step.octets
    }
    never = BEGIN_OR_END | {Opcode.PASSWORD_CHANGE}
    assert asked == opcodes - {int(opcode) for opcode in never}


def test_generated_requests_are_well_formed() -> None:
    """Every message of the schema, many values: all decode, and every request is met."""
    generator = Generator(random.Random(4))
    for declared in CLIENT_REQUESTS:
        for _ in range(20):
            header, message = codec.decode(generator.frame(declared))
            assert header.opcode == declared.opcode
            assert type(message).__name__ == declared.name


def test_minimizing_keeps_what_is_needed() -> None:
    """Of twenty steps two make the bug, and one octet of them."""
    steps = [Step(Kind.SEND, octets=bytes(40)) for _ in range(20)]
    steps[5] = Step(Kind.OPEN)
    steps[13] = Step(Kind.SEND, octets=b"\1" * 40, delay_us=5, wait=Wait.IDLE)

    def breaks(sequence: Sequence) -> bool:
        kinds = [step.kind for step in sequence.steps]
        marked = any(len(step.octets) > 35 and step.octets[35] for step in sequence.steps)
        return Kind.OPEN in kinds and marked

    small = minimized(Sequence(tuple(steps)), breaks)
    assert [step.kind for step in small.steps] == [Kind.OPEN, Kind.SEND]
    assert small.steps[1].octets[32:] == b"\0\0\0\1\0\0\0\0"
    assert (small.steps[1].delay_us, small.steps[1].wait) == (0, Wait.NONE)
    with pytest.raises(ValueError, match="does not break"):
        minimized(Sequence(tuple(steps[:3])), breaks)


def test_references_stay_right_when_steps_go() -> None:
    """A reference to a step behind the gap moves with it."""
    hole = Reference(Source.REPLY, 0, 4, step=2)
    steps = (
        *(Step(Kind.SEND) for _ in range(3)),
        Step(Kind.SEND, octets=b"abcd", references=(hole,)),
    )
    left = without(Sequence(steps), 0, 1)
    assert left.steps[2].references[0].step == 1


def test_findings_are_saved_and_loaded(tmp_path: Path) -> None:
    """A directory with the sequence, the oracle and the transcript."""
    sequence = Sequence((Step(Kind.SEND, octets=b"abc"),), 8)
    place = findings.save(tmp_path, sequence, Breach("model", "x 12"), [Step(Kind.RECEIVED)])
    assert findings.load(place).steps == sequence.steps
    assert findings.wanted_oracle(place) == "model"
    assert findings.kind_of(Breach("model", "x 12")) == findings.kind_of(Breach("model", "x 99"))
    with pytest.raises(CorpusError, match="cannot be read"):
        findings.load(tmp_path / "none.ptc")


def test_coverage_counts_triples_and_pairs() -> None:
    """New is what was not seen before, alone or after another."""
    one, two = Seen("OPEN", 1, 0, 0), Seen("OPEN", 2, 0, 0)
    coverage = Coverage()
    assert coverage.add([one, two]) == 3
    assert coverage.add([one, two]) == 0
    assert coverage.add([two, one]) == 1


def test_every_vector_is_explained() -> None:
    """Fields by name, whatever the frame."""
    for vector in [*vectors.accepted(), *vectors.refused()]:
        lines = list(explain.explain_frame(vector.octets))
        assert lines
        assert any(line.startswith("refused") for line in lines) == (vector.status is not None)


def test_explaining_files(tmp_path: Path) -> None:
    """A sequence, octets, hexadecimal text."""
    frame = codec.encode(m.PortfolioGet(portfolio=77), correlation=3)
    (tmp_path / "a.bin").write_bytes(frame * 2)
    (tmp_path / "a.hex").write_text(frame.hex())
    (tmp_path / "a.ptc").write_bytes(corpus.dumps(Sequence((Step(Kind.SEND, octets=frame),))))
    for name, count in (("a.bin", 2), ("a.hex", 1), ("a.ptc", 1)):
        text = "\n".join(explain.explain_file(tmp_path / name))
        assert text.count("PORTFOLIO_GET") == count
        assert "77" in text


def test_there_are_enough_cases_and_their_numbers_are_unique() -> None:
    """At least 200, numbered from 1 without a gap; a section's are the same alone."""
    cases = numbered()
    assert [each.number for each in cases] == list(range(1, len(cases) + 1))
    assert len(cases) >= 200
    assert {each.number for each in numbered(["once"])} < {each.number for each in cases}


def test_reports() -> None:
    """JUnit and JSON say the same."""
    good = Result(
        number=1, section="a", name="n", clause="1.1", verdict="passed", text="", seconds=1
    )
    bad = attrs.evolve(good, number=2, verdict="failed", text="\0<")
    results = [good, bad]
    suite = ElementTree.fromstring(report.junit(results))
    assert suite.attrib["failures"] == "1"
    assert [case.find("failure") is not None for case in suite] == [False, True]
    content = json.loads(report.conform_json(results, Coverage()))
    assert [case["verdict"] for case in content["cases"]] == ["passed", "failed"]


def test_the_command_line(tmp_path: Path) -> None:
    """Help, a listing, vectors, and one clear sentence for what is wrong."""
    run = CliRunner().invoke
    assert "Exit codes" in run(main, ["--help"]).output
    assert len(run(main, ["conform", "--dry-run", "once"]).output.splitlines()) > 5
    out = tmp_path / "v.json"
    assert run(main, ["vectors", "--out", str(out)]).exit_code == 0
    assert run(main, ["explain", str(out)]).exit_code == 0
    for arguments, code in (
        (["conform"], 2),
        (["conform", "--target", "nonsense"], 2),
        (["conform", "--target", "127.0.0.1:2049", "nosuch"], 2),
        (["fuzz", "--target", "127.0.0.1:1", "--insecure"], 3),
    ):
        done = run(main, arguments)
        assert (done.exit_code, "rror" in done.output) == (code, True), done.output


def conversation(lies: float, seed: int = 2) -> Conversation:
    """Return one end of `serve` without its socket."""
    rng = random.Random(seed)
    setting = Setting(host="", port=0, certificate=Path(), key=Path(), lies=lies)
    return Conversation(setting, rng, Generator(rng))


def test_serve_plays_a_worker_that_our_connection_understands() -> None:
    """Without lies, HELLO, LOGIN and a request are answered well-formed."""
    talk = conversation(0.0)
    client = Connection(Link(role=Role.CLIENT, initiator=True, frame_max=1 << 20, instance=1), 0)
    client.receive(talk.receive(client.data_to_send(), 0.0), 0)
    assert client.fault is None
    for number, message in enumerate((m.Login(username="ann", password="x"), m.PortfolioGet())):
        frames = client.receive(talk.receive(codec.encode(message, correlation=number + 5), 0.0), 0)
        assert codec.decode(frames[0][1])[0].correlation == number + 5
    assert talk.breaches == []


def test_serve_lies_and_blames() -> None:
    """Lies break frames; a peer's bad frame and its patience with a fatal lie are findings."""
    talk = conversation(1.0)
    talk.receive(hello(random.Random(1)), 0.0)
    bad = 0
    for number in range(60):
        octets = talk.receive(codec.encode(m.PortfolioGet(), correlation=number + 1), 0.0)
        try:
            codec.decode(octets)
        except RemoteFault:
            bad += 1
    assert bad > 10
    assert talk.lied_at is not None
    assert [b.oracle for b in talk.overdue(60.0)] == ["discipline"]
    assert talk.overdue(61.0) == []
    talk.receive(mutate.put(codec.encode(m.Logout(), correlation=1), 32, "B", 9), 0.0)
    assert [b.oracle for b in talk.breaches] == ["framing"]


def test_a_case_that_fails_is_told_in_words() -> None:
    """The text of a status that has no name is its number."""
    assert explain.status_name(0x0999) == "0x0999"
    assert explain.status_name(Status.BAD_LOT) == "BAD_LOT"
