"""A start that takes long says how far it is; a quick one says nothing."""

from __future__ import annotations

from pathlib import Path

from papertrader.core.instants import SECOND
from papertrader.master import viewstore
from papertrader.master.main import Main
from papertrader.ops.starting import TELL_EVERY_S, StartProgress
from tests.master_kit import MasterKit


def test_a_line_now_and_then() -> None:
    """Every two seconds, with what is left at the pace so far."""
    now, said = [0], list[str]()
    progress = StartProgress(lambda: now[0], said.append)
    for step in range(1, 11):
        now[0] += SECOND // 2
        progress(step * 1_000, 100_000)
    assert len(said) == 10 // 2 // TELL_EVERY_S
    assert said[0] == (
        "the views are made again from the journal: 4,000 of 100,000 inputs, about 48 seconds to go"
    )
    StartProgress(lambda: now[0], said.append)(100_000, 100_000)
    assert len(said) == 2


def test_views_that_are_made_again_are_told(tmp_path: Path) -> None:
    """A master of another version of the views reports each of its transactions."""
    kit = MasterKit(tmp_path)
    client = kit.client()
    client.register()
    client.login()
    for number in range(1, 6):
        assert client.order("AAPL", "1").status == 0, number
        kit.turn(0.5)
    kit.stop()
    store = viewstore.ViewStore(tmp_path / "views.db")
    store.open()
    store._set_meta("version", "0")
    store.close()
    told: list[tuple[int, int]] = []
    main = Main(kit.master_rules(), kit.clock, kit.threads, kit.entropy, kit.failures.append, None)
    main.initialize(lambda done, total: told.append((done, total)))
    assert told[-1][0] == told[-1][1] > 5
    main.store.close()
    main.view_store.close()
