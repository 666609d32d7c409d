"""What is good for a time is not good any more at the very end of it."""

from __future__ import annotations

import pytest

from papertrader.core.instants import SECOND
from papertrader.master.commands import Refused
from papertrader.master.invitations import Invitations, ResetTokens
from papertrader.master.keys import ApiKey
from papertrader.master.profile import require_proof
from papertrader.master.registry import RegisteredWorker
from papertrader.master.secondfactor import SETUP_LIFETIME, SecondFactors
from papertrader.master.sessions import DETACHED_GRACE
from papertrader.wire import limits
from papertrader.wire.kinds import AccountRole, Status
from tests.master_kit import MasterClient, MasterKit

NOW = 1_700_000_000 * SECOND


def entropy(count: int) -> bytes:
    """Octets that need not be secret here."""
    return bytes(range(count))


def test_an_invitation_ends_with_its_last_second(kit: MasterKit) -> None:
    """It opens an account a nanosecond before its end, and is gone at it."""
    end = NOW + 60 * SECOND
    invitations = Invitations(kit.main.journal, entropy)
    made, code = invitations.create(AccountRole.TRADER, 60, 1, "", NOW)
    assert made.expires_at == end
    held = invitations.hold(code, end - 1)
    invitations.let_go(held)
    assert invitations.listing(end - 1) == [made]
    with pytest.raises(Refused, match="none that is good"):
        invitations.hold(code, end)
    assert invitations.listing(end) == []


def test_a_reset_token_ends_with_its_last_second(kit: MasterKit) -> None:
    """Likewise."""
    tokens = ResetTokens(kit.main.journal, entropy)
    token, end = tokens.create(1, NOW)
    assert end == NOW + limits.RESET_LIFETIME_S * SECOND
    assert tokens.fits(1, token, end - 1)
    assert not tokens.fits(1, token, end)


def test_a_seed_waits_for_its_code_until_its_end(kit: MasterKit, ann: MasterClient) -> None:
    """Before it a wrong code is a wrong code; at it there is no seed any more."""
    book = kit.main.people.book
    factors = SecondFactors(book, kit.main.journal, bytes(32), entropy)
    (account,) = book
    _, end = factors.begin(account, NOW)
    assert end == NOW + SETUP_LIFETIME
    for at, status in ((end - 1, Status.AUTH_FAILED), (end, Status.SECOND_FACTOR_STATE)):
        with pytest.raises(Refused) as refused:
            factors.enable(account, "not a code", at)
        assert refused.value.status == status


def test_a_session_and_its_proof_end_with_their_last_second(
    kit: MasterKit, ann: MasterClient
) -> None:
    """And its grace, once its connection is gone."""
    sessions = kit.main.people.authorization.sessions
    (session,) = sessions
    end = session.expires_at
    assert list(sessions.due(end - 1)) == []
    assert list(sessions.due(end)) == [session]
    until = session.proven_at + limits.PROOF_S * SECOND
    require_proof(session, until - 1)
    with pytest.raises(Refused, match="needs your password"):
        require_proof(session, until)
    session.detached_at, session.remember = NOW, False
    assert list(sessions.due(NOW + DETACHED_GRACE - 1)) == []
    assert list(sessions.due(NOW + DETACHED_GRACE)) == [session]
    session.detached_at, session.remember = 0, True


def test_a_key_ends_with_its_last_second() -> None:
    """An API key, and a worker's key that has been replaced by another; 0 is never."""
    key = ApiKey(1, 1, b"", 0, "", 0, expires_at=NOW)
    assert (key.is_good(NOW - 1), key.is_good(NOW)) == (True, False)
    assert ApiKey(1, 1, b"", 0, "", 0).is_good(NOW)
    worker = RegisteredWorker(
        worker_id=1, name="w", uuid="", spki=b"new", previous=b"old", previous_until=NOW
    )  # fmt: skip
    assert [worker.knows(b"old", at) for at in (NOW - 1, NOW)] == [True, False]
    assert worker.knows(b"new", NOW)
