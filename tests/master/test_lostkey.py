"""The key of the second factors is lost for ever: a way on that takes no factor off."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from papertrader.cli.main import main
from papertrader.master.engines import StoreError
from papertrader.master.secondfactor import KEY_FILE
from papertrader.ops.lostkey import REPLACED, affected, begin_anew
from papertrader.ops.running import StartError, StateLock
from papertrader.ops.sealkey import keep_seal_key, read_seal_key
from papertrader.wire.kinds import Status
from tests import backends
from tests.master.test_access import code_of, factor, login
from tests.master_kit import MasterClient, MasterKit


@pytest.fixture
def kit(tmp_path: Path) -> MasterKit:
    """A stopped master, with its key in its file and ann's second factor on; on both engines."""
    kit = MasterKit(tmp_path)
    kit.ann = kit.client()  # type: ignore[attr-defined]
    ann: MasterClient = kit.ann  # type: ignore[attr-defined]
    ann.register()
    ann.login()
    kit.factor = factor(kit, ann)  # type: ignore[attr-defined]
    kit.client(connection=2).register("bob")
    kit.stop()
    keep_seal_key(tmp_path, kit.seal_key)
    return kit


def test_no_factor_is_taken_off(kit: MasterKit) -> None:
    """Without a code nobody is let in, an old code opens nothing, a recovery code does."""
    state, (seed, recovery) = kit.state_dir, kit.factor  # type: ignore[attr-defined]
    place = backends.place(state)
    with pytest.raises(StoreError, match="nothing is lost"):
        begin_anew(place, kit.wall)
    (state / KEY_FILE).unlink()
    lost = begin_anew(place, kit.wall)
    assert [(each.username, each.recovery_codes) for each in lost] == [("ann", len(recovery))]
    key = read_seal_key(state)
    assert key not in (None, kit.seal_key)
    assert affected(place) == []
    kit.seal_key = key or b""
    kit.boot()
    kit.turn(60)
    assert login(kit, None).status == Status.SECOND_FACTOR_REQUIRED
    assert login(kit, code_of(kit, seed)).status == Status.AUTH_FAILED
    assert login(kit, recovery[0]).status == 0
    audited = kit.main.store.db.execute_sql(
        "SELECT kind, account, detail FROM audit WHERE kind IN"
        " ('second factor lost', 'second factors begun anew') ORDER BY seq"
    ).fetchall()
    assert audited == [
        ("second factor lost", 1, ""), ("second factors begun anew", 0, "1 accounts"),
    ]  # fmt: skip
    kit.check()


def test_a_key_of_another_store_is_kept(kit: MasterKit) -> None:
    """It may open something elsewhere; noise is moved aside as well."""
    state = kit.state_dir
    (state / KEY_FILE).write_text("00" * 32)
    begin_anew(backends.place(state), kit.wall)
    aside = state / (KEY_FILE + REPLACED)
    assert aside.read_text() == "00" * 32
    (state / KEY_FILE).write_text("noise")
    begin_anew(backends.place(state), kit.wall)
    assert aside.read_text() == "noise"
    assert affected(backends.place(state)) == []


def test_what_is_only_open_to_others_or_in_use_is_left_alone(kit: MasterKit) -> None:
    """A key that others can read is not lost; a master that runs has the store."""
    state, place = kit.state_dir, backends.place(kit.state_dir)
    (state / KEY_FILE).chmod(0o640)
    with pytest.raises(StartError, match="chmod 600"):
        affected(place)
    (state / KEY_FILE).unlink()
    lock = StateLock(state, "master")
    lock.acquire()
    try:
        with pytest.raises(StartError):
            begin_anew(place, kit.wall)
    finally:
        lock.release()
    assert not (state / KEY_FILE).exists()


def test_a_damaged_seed_alone_needs_no_new_key(kit: MasterKit) -> None:
    """The key opens the others: it stays."""
    kit.boot()
    bob = kit.client(connection=2)
    bob.login("bob")
    factor(kit, bob)
    kit.stop()
    store, state = kit.main.store, kit.state_dir
    store.open()
    store.db.execute_sql("UPDATE account SET totp_seed = ? WHERE id = 1", (bytes(48),))
    store.close()
    assert [each.username for each in begin_anew(backends.place(state), kit.wall)] == ["ann"]
    assert read_seal_key(state) == kit.seal_key
    assert affected(backends.place(state)) == []


@pytest.mark.sqlite
@pytest.mark.parametrize(("said", "exit_code"), [("1\n", 0), ("2\n", 1), ("\n", 1), ("yes\n", 1)])
def test_the_command_asks_how_many(kit: MasterKit, said: str, exit_code: int) -> None:
    """Only their number, typed, lets it go on."""
    (kit.state_dir / KEY_FILE).unlink()
    arguments = ["lost-key", "--state-dir", str(kit.state_dir)]
    result = CliRunner().invoke(main, arguments, input=said)
    assert result.exit_code == exit_code, result.output
    assert "ann" in result.output
    assert (kit.state_dir / KEY_FILE).exists() == (exit_code == 0)
