"""A campaign: many sequences at once against a target, guided by coverage, for a given time."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import attrs

from papertrader.fuzz import audits, corpus, findings
from papertrader.fuzz.channel import UnreachableError
from papertrader.fuzz.corpus import Kind, Sequence, Source, Step
from papertrader.fuzz.generate import harmless
from papertrader.fuzz.mutate import mutated
from papertrader.fuzz.observe import Breach, Coverage
from papertrader.fuzz.player import Player, leave, transcript_of
from papertrader.fuzz.relay import Relay
from papertrader.fuzz.resources import Watch
from papertrader.fuzz.sequences import Sequences, ends, send
from papertrader.fuzz.stream import Stream
from papertrader.fuzz.timing import LoginTiming
from papertrader.fuzz.world import SetupError, World

POOL_MAX: Final = 1_000
"""Sequences kept to be varied; the oldest goes first."""
AUDIT_S: Final = 20.0
VARIED: Final = 0.3
"""How often a kept sequence is varied instead of a new one made."""
PUMP_S: Final = 0.005
BOOKS_MAX: Final = 2_000
"""Orders and transactions of an attacked account; with more, another account takes its place."""
CANARY: Final = 2
"""The number of the account that is not attacked."""
BESIDE_STREAMS: Final = 20.0
"""Sequences a second beside streams, if no other rate is wished: each costs a connection."""
STEPS_MAX: Final = 144
"""Steps of a sequence that was varied."""


@attrs.frozen(kw_only=True)
class Plan:
    """What a campaign does. ``rate`` bounds sequences a second (0: as quick as they go)."""

    seconds: float
    seed: int
    profile: str = "all"
    connections: int = 8
    rate: float = 0.0
    stop_on_first: bool = False
    corpus: Path | None = None
    findings: Path | None = None
    pids: tuple[int, ...] = ()
    canary_s: float = 1.0
    streams: int = 8
    cpu: Callable[[], float] = time.process_time
    """Seconds of processor time of this process."""


@attrs.define(kw_only=True)
class Tally:
    """What a campaign did so far."""

    sequences: int = 0
    frames: int = 0
    streamed: int = 0
    """Of the frames: those of streams, several in one write."""
    seconds: float = 0.0
    cpu_s: float = 0.0
    """Processor time that the harness itself took in those seconds."""
    rounds: int = 0
    lies: int = 0
    """Rounds on the worker link, and what was told there that is not so."""
    timed: int = 0
    """Frames sent in those seconds; what is left to be done at the end is not counted."""
    answered: int = 0
    refused_setups: int = 0
    """Times that the target refused what the harness needs: an account, a session, its books."""
    kept: int = 0
    found: dict[str, int] = attrs.Factory(dict)
    places: list[str] = attrs.Factory(list)
    texts: list[Breach] = attrs.Factory(list)


class Campaign:
    """A run (see the module). ``progress`` is called every second with what was done so far."""

    def __init__(
        self,
        world: World,
        plan: Plan,
        progress: Callable[[Campaign, float], None],
        relay: Relay | None = None,
    ) -> None:
        self.world = world
        self.plan = plan
        self.tally = Tally()
        self.coverage = Coverage()
        self.canary: audits.Canary | None = None
        self.timing = LoginTiming(world)
        self.relay = relay
        self._progress = progress
        self._rng = random.Random(plan.seed)
        self._sequences = Sequences(self._rng)
        self._pool: list[Sequence] = []
        self._running: list[tuple[Player, Iterator[None]]] = []
        self._started = 0
        self.watches = [Watch(pid) for pid in plan.pids]
        self._streams: list[Stream] = []
        if plan.profile in ("codec", "all"):
            self._streams = [
                Stream(world, number, plan.seed, self.coverage) for number in range(plan.streams)
            ]

    def run(self) -> Tally:
        """Play until the time is over; raises `UnreachableError` only if nothing ever went."""
        plan, now = self.plan, self.world.target.now
        for number in (0, 1):
            self.world.keeper_token(self.world.account(number))
        self._sequences.mark = self.world.mark(self.world.account(0))
        self.canary = audits.Canary(self.world, CANARY, bound_s=plan.canary_s)
        if plan.corpus is not None and plan.corpus.is_dir():
            self._pool = findings.load_all(plan.corpus)[-POOL_MAX:]
        began = told = audited = now()
        cpu = plan.cpu()
        self._sample(began)
        try:
            while now() - began < plan.seconds and not self._over:
                self._stream(True)
                self._relayed(True)
                self._fill(now() - began)
                self.world.target.pump(PUMP_S)
                self._advance()
                self.canary.tend()
                self.timing.tend()
                if now() - told >= 1.0:
                    told = now()
                    self._sample(told)
                    self._progress(self, told - began)
                if now() - audited >= AUDIT_S:
                    self._audit()
                    audited = now()
            self.tally.seconds, self.tally.cpu_s = now() - began, plan.cpu() - cpu
            self.tally.timed = self.tally.frames
            while self._finishing() and not self._over:
                self.world.target.pump(PUMP_S)
                self._advance()
                self.canary.tend()
            self._sample(now())
            self._audit()
            for breach in self.canary.judge() + self.timing.judge():
                self._found(Sequence(()), breach, [])
        except UnreachableError as error:
            self._found(Sequence(()), Breach("crash", str(error)), [])
        self._sample(now())
        for watch in self.watches:
            for breach in watch.judge():
                self._found(Sequence(()), breach, [])
        return self.tally

    def _sample(self, now: float) -> None:
        for watch in self.watches:
            watch.sample(now, self.tally.frames)

    @property
    def _over(self) -> bool:
        return bool(self.tally.found) and self.plan.stop_on_first

    def _audit(self) -> None:
        for number in range(3):
            try:
                breaches, rows = audits.audited(self.world, number)
                if rows > BOOKS_MAX and number != CANARY:
                    self.world.renew(number)
            except SetupError:
                self.tally.refused_setups += 1
                continue
            for breach in breaches:
                self._found(Sequence(()), breach, [])

    # --- streams -------------------------------------------------------------------------------

    def _stream(self, more: bool) -> bool:
        """Let every stream go on, ``more`` or to its end; tell whether one is not there yet."""
        for stream in self._streams:
            before = stream.cases
            try:
                going = stream.turn(more)
            except SetupError:
                self.tally.refused_setups += 1
                going = False
            self.tally.streamed += stream.cases - before
            self.tally.frames += stream.cases - before
            if not going:
                self._ended(stream)
        return any(stream.channel is not None for stream in self._streams)

    def _finishing(self) -> bool:
        """Bring to its end what is under way; tell whether something still is."""
        streaming, relaying = self._stream(False), self._relayed(False)
        return streaming or relaying or bool(self._running)

    def _relayed(self, more: bool) -> bool:
        """Let the round on the worker link go on; tell whether one is under way."""
        if self.relay is None:
            return False
        done = self.relay.turn(more)
        if done is not None:
            self.tally.frames += done.cases
            self.tally.rounds += 1
            self.tally.lies += done.lies
            sequence = Sequence((), self.plan.seed, f"relay {done.number}")
            for breach in done.breaches:
                self._found(sequence, breach, done.transcript)
        return self.relay.busy

    def _ended(self, stream: Stream) -> None:
        before = stream.answered
        channel = stream.finish()
        if channel is None:
            return
        self.tally.answered += stream.answered - before
        self.tally.sequences += 1
        breaches = channel.take_breaches()
        if breaches:
            sequence = stream.sequence()
            transcript = transcript_of([(0, channel)])
            for breach in breaches:
                self._found(sequence, breach, transcript)
        leave(self.world, channel)

    # --- sequences -----------------------------------------------------------------------------

    def _fill(self, elapsed: float) -> None:
        plan = self.plan
        if plan.profile == "relay":
            return
        rate = plan.rate or (BESIDE_STREAMS if self._streams else 0.0)
        while len(self._running) < plan.connections:
            if rate and self._started >= rate * max(elapsed, 0.001):
                return
            self._started += 1
            player = Player(self.world, self._next())
            self._running.append((player, player.run()))

    def _next(self) -> Sequence:
        rng = self._rng
        if self._pool and rng.random() < VARIED:
            return varied(rng, rng.choice(self._pool), rng.choice(self._pool))
        return self._sequences.make(self.plan.profile, self.plan.seed)

    def _advance(self) -> None:
        for player, steps in list(self._running):
            try:
                next(steps)
            except StopIteration:
                self._done(player)
            except SetupError:
                self.tally.refused_setups += 1
                self._done(player)
            else:
                continue
            self._running.remove((player, steps))

    def _done(self, player: Player) -> None:
        tally, played = self.tally, player.played
        tally.sequences += 1
        tally.frames += played.frames
        tally.answered += played.answered
        new = sum(self.coverage.add(seen) for seen in played.seen)
        if new:
            self._keep(player.sequence)
        for breach in played.breaches:
            self._found(player.sequence, breach, played.transcript)

    def _keep(self, sequence: Sequence) -> None:
        self._pool.append(sequence)
        if len(self._pool) > POOL_MAX:
            del self._pool[0]
        if self.plan.corpus is not None and self.tally.kept < POOL_MAX:
            self.tally.kept += 1
            octets = corpus.dumps(sequence)
            name = hashlib.sha256(octets).hexdigest()[:16]
            self.plan.corpus.mkdir(parents=True, exist_ok=True)
            (self.plan.corpus / f"{name}.ptc").write_bytes(octets)

    def _found(self, sequence: Sequence, breach: Breach, transcript: list[Step]) -> None:
        kind = findings.kind_of(breach)
        count = self.tally.found.get(kind, 0)
        if len(self.tally.found) < findings.FINDINGS_MAX or count:
            self.tally.found[kind] = count + 1
        if count == 0 and len(self.tally.texts) < findings.FINDINGS_MAX:
            self.tally.texts.append(breach)
            if self.plan.findings is not None:
                place = findings.save(self.plan.findings, sequence, breach, transcript)
                self.tally.places.append(str(place))


def varied(rng: random.Random, sequence: Sequence, other: Sequence) -> Sequence:
    """Return a sequence changed in one way: a step gone, twice, moved, or lying; or two joined.

    Steps that open connections stay, so that what one account stores is never sent as another.
    """
    steps = [step for step in sequence.steps if step.kind is not Kind.RECEIVED]
    free = [n for n, step in enumerate(steps) if step.kind is not Kind.OPEN]
    how = rng.randrange(5)
    if len(free) < 2 or how == 0:
        steps += [
            step
            for step in other.steps
            if not any(r.source is Source.REPLY for r in step.references)
        ]
    elif how == 1:
        del steps[rng.choice(free)]
    elif how == 2:
        at = rng.choice(free)
        steps.insert(at, steps[at])
    elif how == 3:
        first, second = rng.choice(free), rng.choice(free)
        if steps[first].connection == steps[second].connection:
            steps[first], steps[second] = steps[second], steps[first]
    else:
        at = rng.choice(free)
        octets = mutated(rng, steps[at].octets) if len(steps[at].octets) >= 32 else b""
        if octets and harmless(octets) and not ends(octets):
            steps[at] = send(octets, steps[at].wait, steps[at].connection)
    return Sequence(tuple(steps[:STEPS_MAX]), sequence.seed, sequence.name)
