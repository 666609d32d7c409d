"""What an account's owner does to it, as requests with their results; see `commands`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, cast

import attrs

from papertrader.client.arguments import member_of, octets_of
from papertrader.client.commands import Command, text_of, whole_number
from papertrader.client.conversion import address_text
from papertrader.client.results import moment_of
from papertrader.wire import limits
from papertrader.wire import messages as m
from papertrader.wire.kinds import AccountField, Privacy, Scope

LIFETIME_MAX_S: Final = 2**32 - 1
_NO_SECRET: Final = bytes(32)


@attrs.frozen(kw_only=True)
class SessionInfo:
    """A session of the account. ``current``: the one that asked; ``online``: a connection has it.

    ``parent``: the session beside which it was opened; ``api_key``: the key that opened it; 0 for
    none.
    """

    session_id: int
    created_at: datetime | None
    last_seen_at: datetime | None
    expires_at: datetime | None
    address: str
    device: str
    worker: int
    parent: int
    api_key: int
    scope: Scope | int
    online: bool
    current: bool
    remember: bool


@attrs.frozen(kw_only=True)
class AccountSettings:
    """What `account_update` has left in force."""

    privacy: Privacy
    has_email: bool


@attrs.frozen(kw_only=True)
class NewApiKey:
    """A key that was just made. ``credential`` is what `login` takes: it is shown only here.

    ``credential`` is "" if the server was restarted before its answer came: revoke the key then.
    """

    key: int
    credential: str = attrs.field(repr=False)
    scope: Scope | int
    created_at: datetime | None
    expires_at: datetime | None


@attrs.frozen(kw_only=True)
class ApiKeyInfo:
    """A key that is not revoked; ``sessions`` counts those that it opened and that live."""

    key: int
    label: str
    scope: Scope | int
    created_at: datetime | None
    last_used_at: datetime | None
    expires_at: datetime | None
    sessions: int


def _shown(octets: bytes) -> str:
    """Read padded text that someone gave; what could not be printed becomes a question mark."""
    text = octets.rstrip(b"\0").decode("utf-8", "replace")
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def sessions() -> Command[tuple[SessionInfo, ...]]:
    """Read the living sessions of the account."""

    def read(parts: Sequence[m.SessionListPart]) -> tuple[SessionInfo, ...]:
        return tuple(session_of(row) for part in parts for row in part.sessions)

    return Command(message=m.SessionList(), read=read)


def session_of(row: m.SessionRow) -> SessionInfo:
    """Return how a program sees a session."""
    return SessionInfo(
        session_id=row.session_id,
        created_at=moment_of(row.created_at),
        last_seen_at=moment_of(row.last_seen_at),
        expires_at=moment_of(row.expires_at),
        address=address_text(row.address),
        device=_shown(row.device),
        worker=row.worker,
        parent=row.parent,
        api_key=row.key,
        scope=row.scope,
        online=row.online,
        current=row.current,
        remember=row.remember,
    )


def session_revoke(session_id: int) -> Command[int]:
    """End another session; answers how many ended."""
    return Command(
        message=m.SessionRevoke(session_id=whole_number(session_id, "session_id")),
        read=lambda parts: cast("int", parts[0].ended),
    )


def password_change(password: str, new_password: str) -> Command[int]:
    """Set a new password; answers how many other sessions ended."""
    message = m.PasswordChange(
        password=text_of(password, "the password", limits.PASSWORD_MAX),
        new_password=text_of(
            new_password, "the new password", limits.PASSWORD_MAX, limits.PASSWORD_MIN
        ),
    )
    return Command(message=message, read=lambda parts: cast("int", parts[0].ended))


def account_update(privacy: Privacy | None, email: str | None) -> Command[AccountSettings]:
    """Set what others see, or the e-mail address ("" removes it)."""
    if privacy is None and email is None:
        raise ValueError("say what to change: privacy, email, or both")
    if privacy is not None:
        privacy = member_of(privacy, "privacy", Privacy)
    if email is not None:
        text_of(email, "email", limits.EMAIL_MAX, 0)
    mask = AccountField(0)
    mask |= AccountField.PRIVACY if privacy is not None else 0
    mask |= AccountField.EMAIL if email is not None else 0
    message = m.AccountUpdate(mask=int(mask), privacy=int(privacy or 0), email=email or None)

    def read(parts: Sequence[m.AccountUpdateReply]) -> AccountSettings:
        return AccountSettings(privacy=Privacy(parts[0].privacy), has_email=parts[0].has_email)

    return Command(message=message, read=read)


def api_key_create(label: str, scope: Scope, lifetime_s: int) -> Command[NewApiKey]:
    """Make an API key."""
    octets = len(octets_of(label, "the label"))
    if not 1 <= octets <= limits.TAG_TEXT_MAX or not label.isprintable():
        raise ValueError(f"the label must be one line of 1 to {limits.TAG_TEXT_MAX} octets")
    message = m.ApiKeyCreate(
        scope=member_of(scope, "scope", Scope),
        lifetime_s=whole_number(lifetime_s, "lifetime_s", LIFETIME_MAX_S),
        label=label,
    )

    def read(parts: Sequence[m.ApiKeyCreateReply]) -> NewApiKey:
        made = parts[0]
        whole = made.key.to_bytes(8, "big") + made.secret
        return NewApiKey(
            key=made.key,
            credential="" if made.secret == _NO_SECRET else whole.hex(),
            scope=made.scope,
            created_at=moment_of(made.created_at),
            expires_at=moment_of(made.expires_at),
        )

    return Command(message=message, read=read)


def api_keys() -> Command[tuple[ApiKeyInfo, ...]]:
    """Read the keys of the account."""

    def read(parts: Sequence[m.ApiKeyListPart]) -> tuple[ApiKeyInfo, ...]:
        return tuple(
            ApiKeyInfo(
                key=row.key,
                label=_shown(row.label),
                scope=row.scope,
                created_at=moment_of(row.created_at),
                last_used_at=moment_of(row.last_used_at),
                expires_at=moment_of(row.expires_at),
                sessions=row.sessions,
            )
            for part in parts
            for row in part.keys
        )

    return Command(message=m.ApiKeyList(), read=read)


def api_key_revoke(key: int) -> Command[int]:
    """Void a key; answers how many sessions ended with it."""
    return Command(
        message=m.ApiKeyRevoke(key=whole_number(key, "key")),
        read=lambda parts: cast("int", parts[0].ended),
    )
