"""Conformance cases made from the schema: every message in every state, every refused vector."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from papertrader.fuzz import allowed, mutate
from papertrader.fuzz.bench import Bench, Case, CaseFailed, require
from papertrader.fuzz.channel import Channel
from papertrader.fuzz.generate import harmless
from papertrader.wire import codec, kinds, limits, vectors
from papertrader.wire.declarations import Message, Shape
from papertrader.wire.kinds import Opcode
from papertrader.wire.schema import MESSAGES

STATES: Final[dict[str, Callable[[Bench], Channel]]] = {
    "WAIT_HELLO": lambda bench: bench.raw(),
    "OPEN": lambda bench: bench.plain(),
    "SESSION": lambda bench: bench.session(),
    "LOGGED_OUT": lambda bench: bench.logged_out(),
}
_UNANSWERED: Final = frozenset({Opcode.HEARTBEAT, Opcode.GOODBYE})


def settle(bench: Bench, channel: Channel, octets: bytes) -> None:
    """Send a frame and require that the target does what the reference allows, and something."""
    header = codec.parse_header(octets)
    silent = header.opcode <= 0xFF and header.flags & (codec.EVENT | codec.RESPONSE)
    outcome = bench.outcome(channel, octets)
    if not channel.settled:
        raise CaseFailed("it was neither answered nor closed in time")
    if outcome.status is None and not channel.ended and not silent:
        raise CaseFailed("nothing came of it")
    if not channel.ended and not channel.reference.doomed:
        bench.still_usable(channel)


def request_sent(octets: bytes) -> bool:
    """Tell whether a frame can be sent as it is, without harm to the run (see `harmless`)."""
    header = codec.parse_header(octets)
    return harmless(octets) or bool(header.flags & (codec.EVENT | codec.RESPONSE))


def _in_state(message: Message, state: str) -> Case:
    def run(bench: Bench) -> None:
        channel = STATES[state](bench)
        octets = codec.encode(vectors.least(message))
        if not request_sent(octets) and state != "WAIT_HELLO":
            # A well-formed LOGIN or REGISTER belongs to other cases; here one that is cut.
            octets = mutate.put(mutate.resized(octets[:40]), 12, "H", 8)
        if message.opcode > 0xFF and message.shape is Shape.REQUEST:
            octets = bench.addressed(channel, octets)
        elif message.shape is Shape.REQUEST:
            octets = mutate.put(octets, 20, "I", bench.correlation())
        settle(bench, channel, octets)

    return Case(
        section="states",
        name=f"{state}: {message.name}",
        clause="8.1" if message.opcode <= 0xFF or state == "WAIT_HELLO" else "9.2",
        run=run,
    )


def state_cases() -> Iterator[Case]:
    """Every message of the schema in every state of a connection."""
    for state in STATES:
        for message in MESSAGES:
            yield _in_state(message, state)


def _accepted(vector: vectors.Vector) -> Case:
    def run(bench: Bench) -> None:
        channel = bench.session()
        octets = bench.addressed(channel, vector.octets)
        header = codec.parse_header(octets)
        if header.opcode in kinds.STATE_CHANGING:
            octets = mutate.put(octets, 24, "Q", bench.next_seq(channel))
        if header.flags & codec.CHECKSUM:
            octets = mutate.checksum(bench.rng, mutate.resized(octets[:-4]))
        settle(bench, channel, octets)

    return Case(section="messages", name=f"vector {vector.name}", clause=vector.clause, run=run)


def message_cases() -> Iterator[Case]:
    """Every vector of a request that a receiver must accept, with a session."""
    for vector in vectors.accepted():
        header = codec.parse_header(vector.octets)
        asked = not header.flags & (codec.EVENT | codec.RESPONSE)
        if asked and 0x0100 <= header.opcode < kinds.INNER_OPCODES and request_sent(vector.octets):
            yield _accepted(vector)


def _refused(vector: vectors.Vector) -> Case:
    def run(bench: Bench) -> None:
        channel = bench.session(fresh=kinds.is_fatal(vector.status or 0))
        octets = bench.addressed(channel, vector.octets)
        header = codec.parse_header(octets)
        if header.opcode in kinds.STATE_CHANGING:
            octets = mutate.put(octets, 24, "Q", bench.next_seq(channel))
        short = len(octets) < limits.HEADER_SIZE + header.length
        outcome = bench.outcome(channel, octets)
        if short and header.length + limits.HEADER_SIZE <= limits.CLIENT_FRAME_MAX:
            return  # On a stream it is only a frame that has not come whole.
        wanted = {int(vector.status or 0)} | allowed.forbidden(header)
        if len(octets) > limits.HEADER_SIZE + header.length:
            wanted |= {int(kinds.Status.BAD_MAGIC), int(kinds.Status.BAD_LENGTH)}
            wanted |= {int(status) for status in kinds.Status if 0x0200 <= status < 0x0300}
        require(outcome, wanted)
        if not kinds.is_fatal(outcome.status or 0):
            bench.still_usable(channel)

    return Case(section="refused", name=f"vector {vector.name}", clause=vector.clause, run=run)


def refused_cases() -> Iterator[Case]:
    """Every vector that a receiver must refuse and that a client can send."""
    for vector in vectors.refused():
        if len(vector.octets) < limits.HEADER_SIZE:
            continue
        header = codec.parse_header(vector.octets)
        client = not header.flags & (codec.EVENT | codec.RESPONSE) and header.opcode > 0xFF
        if client and header.opcode < kinds.INNER_OPCODES:
            yield _refused(vector)


def _other_shape(message: Message) -> Case:
    def run(bench: Bench) -> None:
        channel = bench.session()
        octets = bench.addressed(channel, codec.encode(vectors.full(message)))
        settle(bench, channel, octets)
        if message.opcode > 0xFF and not channel.ended:
            raise CaseFailed("the connection lives after a frame that no client may send")

    return Case(section="direction", name=f"a client sends {message.name}", clause="9.2", run=run)


def direction_cases() -> Iterator[Case]:
    """Every message that a client may not send."""
    for message in MESSAGES:
        if message.opcode <= 0xFF:
            continue
        if message.shape is not Shape.REQUEST or message.opcode >= kinds.INNER_OPCODES:
            yield _other_shape(message)
