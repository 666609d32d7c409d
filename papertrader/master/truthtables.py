"""The tables of the truth store, as models: what its schema is made of, on either engine."""

from __future__ import annotations

from typing import Final

import peewee

from papertrader.master.table import Table
from papertrader.master.workertables import AuditKeyRow, AuditRow, EnrollmentRow, WorkerRow


class JournalRow(Table):
    """A batch: everything that one fsync made durable, in frames, chained by hash.

    Its inputs follow those of the batch before, so that `batch_after` finds one by the input: an
    index for it would be two pages more to write in every commit, which has two without.
    """

    batch = peewee.BigIntegerField(primary_key=True)
    first_seq = peewee.BigIntegerField()
    last_seq = peewee.BigIntegerField()
    epoch = peewee.BigIntegerField()
    written_at = peewee.BigIntegerField()
    previous = peewee.BlobField()
    hash = peewee.BlobField()
    frames = peewee.BlobField()

    class Meta:
        """Name in SQL."""

        table_name = "journal"


class AccountRow(Table):
    """Who has an account, and the password's hash. Not in the journal: it can be forgotten."""

    id = peewee.BigIntegerField(primary_key=True)
    username = peewee.TextField()
    username_key = peewee.TextField(unique=True)
    email = peewee.TextField(default="")
    password_hash = peewee.TextField()
    currency = peewee.TextField()
    privacy = peewee.BigIntegerField(default=0)
    status = peewee.BigIntegerField(default=1)
    created_at = peewee.BigIntegerField()
    registered_by = peewee.TextField(default="")
    failed_tries = peewee.BigIntegerField(default=0)
    totp_seed = peewee.BlobField(default=b"")
    totp_step = peewee.BigIntegerField(default=0)
    last_login_at = peewee.BigIntegerField(default=0)

    class Meta:
        """Name in SQL."""

        table_name = "account"


class SessionRow(Table):
    """A session; of its tokens only SHA-256 hashes are kept."""

    id = peewee.BigIntegerField(primary_key=True)
    account = peewee.BigIntegerField(index=True)
    parent = peewee.BigIntegerField(default=0)
    token_hash = peewee.BlobField(unique=True)
    previous_hash = peewee.BlobField(default=b"")
    remember = peewee.BigIntegerField()
    scope = peewee.BigIntegerField()
    device = peewee.TextField(default="")
    worker = peewee.BigIntegerField(default=0)
    address = peewee.BlobField(default=b"")
    created_at = peewee.BigIntegerField()
    expires_at = peewee.BigIntegerField()
    ended_at = peewee.BigIntegerField(default=0)
    end_reason = peewee.BigIntegerField(default=0)
    last_seen_at = peewee.BigIntegerField(default=0)
    api_key = peewee.BigIntegerField(default=0)

    class Meta:
        """Name in SQL."""

        table_name = "session"


class ApiKeyRow(Table):
    """An API key; of its secret only the SHA-256 hash is kept."""

    id = peewee.BigIntegerField(primary_key=True)
    account = peewee.BigIntegerField(index=True)
    secret_hash = peewee.BlobField(unique=True)
    scope = peewee.BigIntegerField()
    label = peewee.TextField()
    created_at = peewee.BigIntegerField()
    expires_at = peewee.BigIntegerField(default=0)
    last_used_at = peewee.BigIntegerField(default=0)
    revoked_at = peewee.BigIntegerField(default=0)

    class Meta:
        """Name in SQL."""

        table_name = "api_key"


class SpentTokenRow(Table):
    """A token that was replaced; whoever still shows it has stolen it, or was robbed."""

    token_hash = peewee.BlobField(primary_key=True)
    session = peewee.BigIntegerField(index=True)
    spent_at = peewee.BigIntegerField()

    class Meta:
        """Name in SQL."""

        table_name = "spent_token"
        without_rowid = True


class RecoveryCodeRow(Table):
    """A recovery code that was not used; only its SHA-256 hash is kept."""

    code_hash = peewee.BlobField(primary_key=True)
    account = peewee.BigIntegerField(index=True)

    class Meta:
        """Name in SQL."""

        table_name = "recovery_code"
        without_rowid = True


class InvitationRow(Table):
    """An invitation; of its code only the SHA-256 hash is kept."""

    id = peewee.BigIntegerField(primary_key=True)
    code_hash = peewee.BlobField(unique=True)
    role = peewee.BigIntegerField()
    created_at = peewee.BigIntegerField()
    expires_at = peewee.BigIntegerField()
    created_by = peewee.BigIntegerField()
    label = peewee.TextField()
    used_by = peewee.BigIntegerField()
    ended_at = peewee.BigIntegerField()

    class Meta:
        """Name in SQL."""

        table_name = "invitation"


class ResetTokenRow(Table):
    """What resets one password once; only its SHA-256 hash is kept."""

    account = peewee.BigIntegerField(primary_key=True)
    token_hash = peewee.BlobField()
    expires_at = peewee.BigIntegerField()

    class Meta:
        """Name in SQL."""

        table_name = "reset_token"


class LoginTriesRow(Table):
    """Failed logins of a user name (a hash of it), so that a restart forgives nothing."""

    key = peewee.BlobField(primary_key=True)
    failures = peewee.BigIntegerField()
    last_at = peewee.BigIntegerField()
    hour_at = peewee.BigIntegerField()
    hour = peewee.BigIntegerField()

    class Meta:
        """Name in SQL."""

        table_name = "login_tries"
        without_rowid = True


class LoginAddressRow(Table):
    """From where an account was logged in to."""

    account = peewee.BigIntegerField()
    network = peewee.BlobField()
    at = peewee.BigIntegerField()

    class Meta:
        """Name in SQL."""

        table_name = "login_address"
        primary_key = peewee.CompositeKey("account", "network")
        without_rowid = True


class CheckpointRow(Table):
    """The hash of the desk's memory after input ``seq``: what audit compares a re-run with."""

    seq = peewee.BigIntegerField()
    at = peewee.BigIntegerField()
    state_hash = peewee.BlobField()

    class Meta:
        """Name in SQL."""

        table_name = "checkpoint"


class WatchlistRow(Table):
    """A named list of symbols, with spaces between them."""

    account = peewee.BigIntegerField()
    name = peewee.TextField()
    symbols = peewee.TextField()

    class Meta:
        """Name in SQL."""

        table_name = "watchlist"
        primary_key = peewee.CompositeKey("account", "name")
        without_rowid = True


class AlertRow(Table):
    """A price alert, open or ended; prices in 1e-8 units."""

    id = peewee.BigIntegerField(primary_key=True)
    account = peewee.BigIntegerField(index=True)
    symbol = peewee.TextField()
    condition = peewee.BigIntegerField()
    price = peewee.BigIntegerField()
    asked = peewee.BigIntegerField()
    created_at = peewee.BigIntegerField()
    expires_at = peewee.BigIntegerField()
    state = peewee.BigIntegerField()
    ended_at = peewee.BigIntegerField()
    market_at = peewee.BigIntegerField()
    seen = peewee.BigIntegerField()
    quote_seq = peewee.BigIntegerField()

    class Meta:
        """Name in SQL."""

        table_name = "alert"


class MetaRow(Table):
    """Single values: schema version, epoch, market time."""

    key = peewee.TextField(primary_key=True)
    value = peewee.TextField()

    class Meta:
        """Name in SQL."""

        table_name = "meta"
        without_rowid = True


TABLES: Final = (
    JournalRow,
    AccountRow,
    SessionRow,
    ApiKeyRow,
    SpentTokenRow,
    RecoveryCodeRow,
    InvitationRow,
    ResetTokenRow,
    LoginTriesRow,
    LoginAddressRow,
    WorkerRow,
    EnrollmentRow,
    AuditKeyRow,
    AuditRow,
    CheckpointRow,
    WatchlistRow,
    AlertRow,
    MetaRow,
)

APPEND_ONLY: Final = ("journal", "audit", "checkpoint", "audit_key")
"""Tables whose rows a trigger keeps from being changed or deleted."""
