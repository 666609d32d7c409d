"""Another key of the second factors while theirs is known; crashes at each instant of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from papertrader.cli.main import main
from papertrader.master.engines import StoreError
from papertrader.master.secondfactor import KEY_FILE
from papertrader.ops import reseal
from papertrader.ops.lostkey import REPLACED, affected
from papertrader.ops.reseal import seal_anew
from papertrader.ops.running import StartError, StateLock
from papertrader.ops.sealkey import keep_seal_key, next_key_file, read_seal_key
from papertrader.wire.kinds import Status
from tests import backends
from tests.master.test_access import code_of, factor, login
from tests.master_kit import MasterKit


class Lost(Exception):
    """The machine stops here."""


class Installation:
    """A stopped master, with its key in its file; ann has a second factor."""

    def __init__(self, state: Path) -> None:
        self.kit = MasterKit(state)
        ann = self.kit.client()
        ann.register()
        ann.login()
        self.seed, self.recovery = factor(self.kit, ann)
        self.kit.stop()
        self.before = self.kit.seal_key
        keep_seal_key(state, self.before)
        self.state, self.place = state, backends.place(state)

    def seal(self) -> int:
        """Do it."""
        return seal_anew(self.place, self.kit.wall)

    def check(self) -> None:
        """Start on the key that is there: what ann has opens her account, and nothing less."""
        key = read_seal_key(self.state)
        assert key is not None
        assert key != self.before
        assert affected(self.place) == []
        self.kit.seal_key = key
        self.kit.boot()
        self.kit.turn(60)
        assert login(self.kit, None).status == Status.SECOND_FACTOR_REQUIRED
        assert login(self.kit, code_of(self.kit, self.seed)).status == 0
        assert login(self.kit, self.recovery[0]).status == 0
        audited = self.kit.main.store.db.execute_sql(
            "SELECT detail FROM audit WHERE kind = 'second factors sealed anew'"
        ).fetchall()
        assert audited == [("1 accounts",)]
        self.kit.check()


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    """One of the test's own."""
    return Installation(tmp_path)


def test_nobody_notices_another_key(installation: Installation) -> None:
    """Codes and recovery codes are good as before; the key before is kept, for old backups."""
    assert installation.seal() == 1
    kept = installation.state / (KEY_FILE + REPLACED)
    assert kept.read_text() == installation.before.hex()
    assert not next_key_file(installation.state).exists()
    installation.check()


@pytest.mark.parametrize(
    ("module", "name"),
    [(reseal, "_write"), (reseal, "put_key"), (os, "replace"), (Path, "unlink")],
    ids=["before", "sealed", "key moved aside", "key in place"],
)
def test_a_crash_is_made_good_by_the_same_command(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, module: Any, name: str
) -> None:
    """Until then no master starts on what may be the wrong key, and nothing is taken for lost."""

    def stop(*_: object, **__: object) -> None:
        raise Lost

    with monkeypatch.context() as patched:
        patched.setattr(module, name, stop)
        with pytest.raises(Lost):
            installation.seal()
    if name != "_write":
        with pytest.raises(StartError, match="reseal was interrupted"):
            read_seal_key(installation.state)
        with pytest.raises(StartError, match="reseal was interrupted"):
            affected(installation.place)
    assert installation.seal() == 1
    installation.check()


def test_a_key_that_does_not_fit_changes_nothing(installation: Installation) -> None:
    """Nor does one that is missing."""
    path = installation.state / KEY_FILE
    path.write_text("00" * 32)
    with pytest.raises(StoreError, match="does not open the second factor of account 1"):
        installation.seal()
    assert path.read_text() == "00" * 32
    path.unlink()
    with pytest.raises(StartError, match="is missing"):
        installation.seal()
    assert not next_key_file(installation.state).exists()
    keep_seal_key(installation.state, installation.before)
    assert installation.seal() == 1
    installation.check()


@pytest.mark.sqlite
def test_the_command_says_how_many(installation: Installation) -> None:
    """And what old backups need; beside a master that runs it changes nothing."""
    lock = StateLock(installation.state, "master")
    lock.acquire()
    refused = CliRunner().invoke(main, ["reseal", "--state-dir", str(installation.state)])
    lock.release()
    assert refused.exit_code == 2
    assert read_seal_key(installation.state) == installation.before
    result = CliRunner().invoke(main, ["reseal", "--state-dir", str(installation.state)])
    assert (result.exit_code, "sealed with a new key: 1." in result.output) == (0, True)
    installation.check()
