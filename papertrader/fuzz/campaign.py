"""A campaign: many sequences at once against a target, guided by coverage, for a given time."""

from __future__ import annotations

import hashlib
import random
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
from papertrader.fuzz.player import Player
from papertrader.fuzz.sequences import Sequences, ends, send
from papertrader.fuzz.world import SetupError, World

POOL_MAX: Final = 1_000
"""Sequences kept to be varied; the oldest goes first."""
AUDIT_S: Final = 20.0
VARIED: Final = 0.3
"""How often a kept sequence is varied instead of a new one made."""
PUMP_S: Final = 0.005
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


@attrs.define(kw_only=True)
class Tally:
    """What a campaign did so far."""

    sequences: int = 0
    frames: int = 0
    answered: int = 0
    refused_setups: int = 0
    kept: int = 0
    found: dict[str, int] = attrs.Factory(dict)
    places: list[str] = attrs.Factory(list)
    texts: list[Breach] = attrs.Factory(list)


class Campaign:
    """A run (see the module). ``progress`` is called every second with what was done so far."""

    def __init__(
        self, world: World, plan: Plan, progress: Callable[[Campaign, float], None]
    ) -> None:
        self.world = world
        self.plan = plan
        self.tally = Tally()
        self.coverage = Coverage()
        self.canary: audits.Canary | None = None
        self._progress = progress
        self._rng = random.Random(plan.seed)
        self._sequences = Sequences(self._rng)
        self._pool: list[Sequence] = []
        self._running: list[tuple[Player, Iterator[None]]] = []
        self._started = 0

    def run(self) -> Tally:
        """Play until the time is over; raises `UnreachableError` only if nothing ever went."""
        plan, now = self.plan, self.world.target.now
        for number in (0, 1):
            self.world.keeper_token(self.world.account(number))
        self._sequences.mark = self.world.mark(self.world.account(0))
        self.canary = audits.Canary(self.world, bound_s=plan.canary_s)
        before = {pid: audits.usage(pid) for pid in plan.pids}
        if plan.corpus is not None and plan.corpus.is_dir():
            self._pool = findings.load_all(plan.corpus)[-POOL_MAX:]
        began = told = audited = now()
        try:
            while now() - began < plan.seconds and not self._over:
                self._fill(now() - began)
                self.world.target.pump(PUMP_S)
                self._advance()
                self.canary.tend()
                if now() - told >= 1.0:
                    told = now()
                    self._progress(self, told - began)
                if now() - audited >= AUDIT_S:
                    self._audit()
                    audited = now()
            while self._running and not self._over:
                self.world.target.pump(PUMP_S)
                self._advance()
                self.canary.tend()
            self._audit()
            for breach in self.canary.judge():
                self._found(Sequence(()), breach, [])
        except UnreachableError as error:
            self._found(Sequence(()), Breach("crash", str(error)), [])
        for pid in plan.pids:
            for breach in audits.resources(pid, before[pid], audits.usage(pid)):
                self._found(Sequence(()), breach, [])
        return self.tally

    @property
    def _over(self) -> bool:
        return bool(self.tally.found) and self.plan.stop_on_first

    def _audit(self) -> None:
        for number in range(3):
            try:
                breaches = audits.conservation(self.world, number)
            except SetupError:
                self.tally.refused_setups += 1
                continue
            for breach in breaches:
                self._found(Sequence(()), breach, [])

    # --- sequences -----------------------------------------------------------------------------

    def _fill(self, elapsed: float) -> None:
        plan = self.plan
        while len(self._running) < plan.connections:
            if plan.rate and self._started >= plan.rate * max(elapsed, 0.001):
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
