"""What is good until an instant is good no more at that instant."""

from __future__ import annotations

import pytest

from papertrader.master.keys import ApiKey
from papertrader.master.registry import RegisteredWorker
from papertrader.wire.kinds import Scope

END = 1_000


@pytest.mark.parametrize(
    ("ends", "now", "good"),
    [(END, END - 1, True), (END, END, False), (END, END + 1, False), (0, END, True)],
)
def test_an_api_key_ends(ends: int, now: int, good: bool) -> None:
    """0 is for never."""
    key = ApiKey(1, 1, b"", Scope.READ, "bot", created_at=1, expires_at=ends)
    assert key.is_good(now) is good


@pytest.mark.parametrize(("now", "known"), [(END - 1, True), (END, False), (END + 1, False)])
def test_the_key_of_a_worker_before_its_renewal_ends(now: int, known: bool) -> None:
    """The present one does not; without a renewal there is none before."""
    worker = RegisteredWorker(
        worker_id=1, name="one", uuid="u", spki=b"new", previous=b"old", previous_until=END
    )
    assert worker.knows(b"old", now) is known
    assert worker.knows(b"new", now)
    first = RegisteredWorker(worker_id=1, name="one", uuid="u", spki=b"new", previous_until=END)
    assert not first.knows(b"", now)
