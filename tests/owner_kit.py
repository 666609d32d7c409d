"""What the in-memory worker of `client_kit` does for the owner of an account."""

from __future__ import annotations

import hashlib

import attrs

from papertrader.core.instants import SECOND
from papertrader.wire import codec
from papertrader.wire import messages as m
from papertrader.wire.kinds import AccountField, Scope, Status
from tests.client_accounts import START


@attrs.define
class FakeKey:
    """An API key."""

    number: int
    account: int
    secret: bytes
    label: str
    scope: int
    expires_at: int


def key_shown(keys: list[FakeKey], credential: str) -> FakeKey | None:
    """The key that a credential shows."""
    for key in keys:
        if (key.number.to_bytes(8, "big") + key.secret).hex() == credential:
            return key
    return None


class OwnerPeer:
    """Answers of `Peer`: reads send their reply, commands return it with its status."""

    def _mine_of(self) -> list:
        mine = self._mine().number
        living = {id(s): s for s in self.market.sessions.values() if s.account == mine}
        return list(living.values())

    def _session_list(self, header: codec.Header, message: m.SessionList) -> None:
        rows = [
            m.SessionRow(
                session_id=session.number, created_at=START, last_seen_at=START,
                expires_at=START + 86_400 * SECOND, address=bytes(10) + b"\xff\xff\x7f\0\0\1",
                device=session.device.encode().ljust(24, b"\0"), worker=1, scope=Scope.TRADE,
                online=session.peer is not None, current=session is self.session,
                remember=session.remember,
            )
            for session in self._mine_of()
        ]  # fmt: skip
        self._parts(header, m.SessionListPart, "sessions", rows, as_of=START)

    def _end(self, ended: list) -> int:
        for token, session in list(self.market.sessions.items()):
            if any(session is each for each in ended):
                del self.market.sessions[token]
        return len(ended)

    def _change_session_revoke(self, message: m.SessionRevoke) -> tuple[object, int]:
        ended = [s for s in self._mine_of() if s.number == message.session_id]
        if not ended:
            return codec.Failure("You have no such session."), Status.NO_SUCH_SESSION
        return m.SessionRevokeReply(ended=self._end(ended)), Status.OK

    def _change_password_change(self, message: m.PasswordChange) -> tuple[object, int]:
        account = self._mine()
        if message.password != account.password:
            return codec.Failure("That is not your present password."), Status.AUTH_FAILED
        account.password = message.new_password
        others = [s for s in self._mine_of() if s is not self.session]
        return m.PasswordChangeReply(ended=self._end(others)), Status.OK

    def _change_account_update(self, message: m.AccountUpdate) -> tuple[object, int]:
        account = self._mine()
        if message.mask & AccountField.PRIVACY:
            account.privacy = message.privacy
        if message.mask & AccountField.EMAIL:
            account.email = message.email or ""
        reply = m.AccountUpdateReply(privacy=account.privacy, has_email=bool(account.email))
        return reply, Status.OK

    def _change_apikey_create(self, message: m.ApiKeyCreate) -> tuple[object, int]:
        number = len(self.market.keys) + 1
        end = START + message.lifetime_s * SECOND if message.lifetime_s else 0
        key = FakeKey(
            number, self._mine().number, hashlib.sha256(b"key %d" % number).digest(),
            message.label, message.scope, end,
        )  # fmt: skip
        self.market.keys.append(key)
        reply = m.ApiKeyCreateReply(
            key=number, secret=key.secret, created_at=START, expires_at=end, scope=key.scope
        )
        return reply, Status.OK

    def _apikey_list(self, header: codec.Header, message: m.ApiKeyList) -> None:
        rows = [
            m.ApiKeyRow(
                key=key.number, created_at=START, expires_at=key.expires_at, scope=key.scope,
                label=key.label.encode().ljust(64, b"\0"),
            )
            for key in self.market.keys
            if key.account == self._mine().number
        ]  # fmt: skip
        self._parts(header, m.ApiKeyListPart, "keys", rows, as_of=START)

    def _change_apikey_revoke(self, message: m.ApiKeyRevoke) -> tuple[object, int]:
        for key in self.market.keys:
            if key.number == message.key and key.account == self._mine().number:
                self.market.keys.remove(key)
                return m.ApiKeyRevokeReply(ended=0), Status.OK
        return codec.Failure("You have no such API key."), Status.NO_SUCH_KEY
