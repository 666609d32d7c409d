"""The desk when a market's clock is set: what ends, what stays, what the books allow."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from papertrader.core.desk import Desk
from papertrader.core.events import ClockSet
from papertrader.core.ledger import InvariantViolated
from papertrader.core.marketclock import SPEED_MAX, ClockMode
from papertrader.core.state import DeskState
from papertrader.core.statehash import state_hash

SETTING = ClockSet(
    market="replay", epoch=0, mode=ClockMode.REPLAY, paused=True, speed_milli=60_000,
    market_at=1_000, speed_setting=60_000, start_setting=5, at=7,
)  # fmt: skip


def desk_with(*settings: dict[str, Any]) -> tuple[Desk, list[Any]]:
    """A desk whose clock was set so, and the events of it."""
    desk, events = Desk(), []
    for seq, changes in enumerate(settings, 1):
        outcome = desk.set_clock(seq=seq, setting=attrs.evolve(SETTING, **changes))
        assert outcome.refusal is None
        events += outcome.events
    return desk, events


def test_epochs_count_how_often_a_clock_was_turned_back() -> None:
    """Over all markets; what was set last of each is known."""
    desk, events = desk_with({}, {"back": True}, {"market": "simulated", "back": True}, {})
    assert [event.epoch for event in events] == [1, 2, 3, 3]
    assert desk.state.epoch == 3
    assert {name: clock.epoch for name, clock in desk.state.clocks.items()} == {
        "replay": 3, "simulated": 3,
    }  # fmt: skip


def test_recovery_gives_the_same_state() -> None:
    """Applying the events is enough; the hash covers the clock."""
    desk, events = desk_with({}, {"back": True, "market_at": 10}, {"paused": False})
    again = Desk()
    for event in events:
        again.apply(event)
    assert again.state_hash() == desk.state_hash()
    other, _ = desk_with({}, {"back": True, "market_at": 10}, {"paused": True})
    assert other.state_hash() != desk.state_hash()


def test_a_clock_never_set_leaves_the_hash_as_it_was() -> None:
    """So that checkpoints of older journals still compare."""
    state = DeskState()
    before = state_hash(state)
    state.apply(attrs.evolve(SETTING, epoch=1))
    assert state_hash(state) != before
    state.clocks.clear()
    assert state_hash(state) == before


@pytest.mark.parametrize(("epoch", "back"), [(0, False), (2, False), (1, True), (3, True)])
def test_an_epoch_that_does_not_follow_is_refused(epoch: int, back: bool) -> None:
    """A journal with a gap in its epochs is not applied."""
    with pytest.raises(InvariantViolated, match="epoch"):
        DeskState().apply(attrs.evolve(SETTING, epoch=epoch, back=back))


@pytest.mark.parametrize("speed", [0, -1, SPEED_MAX + 1])
def test_a_speed_that_no_clock_has_is_a_fault(speed: int) -> None:
    """Only a faulty caller sends one."""
    with pytest.raises(ValueError, match="no clock runs"):
        Desk().set_clock(seq=1, setting=attrs.evolve(SETTING, speed_milli=speed))
