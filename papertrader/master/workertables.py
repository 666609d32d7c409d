"""Tables of the truth store: workers, who may become one, the audit log and its keys."""

from __future__ import annotations

import peewee

from papertrader.master.table import Table


class WorkerRow(Table):
    """A registered worker and the key it must show. ``active``: 1 yes, 0 revoked, 2 booted."""

    id = peewee.BigIntegerField(primary_key=True)
    name = peewee.TextField(unique=True)
    uuid = peewee.TextField(unique=True)
    spki = peewee.BlobField(unique=True)
    active = peewee.BigIntegerField(default=1)
    added_at = peewee.BigIntegerField()
    networks = peewee.TextField(constraints=[peewee.SQL("DEFAULT ''")])
    hosts = peewee.TextField(constraints=[peewee.SQL("DEFAULT ''")])
    previous_spki = peewee.BlobField(constraints=[peewee.SQL("DEFAULT X''")])
    previous_until = peewee.BigIntegerField(constraints=[peewee.SQL("DEFAULT 0")])
    not_after = peewee.BigIntegerField(constraints=[peewee.SQL("DEFAULT 0")])
    authority = peewee.BlobField(constraints=[peewee.SQL("DEFAULT X''")])

    class Meta:
        """Name in SQL."""

        table_name = "worker"


class EnrollmentRow(Table):
    """A worker that may enroll; of its token only the SHA-256 is kept."""

    worker = peewee.BigIntegerField(primary_key=True)
    name = peewee.TextField()
    uuid = peewee.TextField()
    token_hash = peewee.BlobField()
    expires_at = peewee.BigIntegerField()
    added_at = peewee.BigIntegerField()
    networks = peewee.TextField()
    hosts = peewee.TextField()
    again = peewee.BigIntegerField()

    class Meta:
        """Name in SQL."""

        table_name = "enrollment"


class AuditKeyRow(Table):
    """The public key that signs the heads of an epoch, signed by the key before it."""

    epoch = peewee.BigIntegerField(primary_key=True)
    public = peewee.BlobField()
    signature = peewee.BlobField()

    class Meta:
        """Name in SQL."""

        table_name = "audit_key"


class AuditRow(Table):
    """Who did what: logins, sessions, workers; chained by hash."""

    seq = peewee.BigIntegerField(primary_key=True)
    at = peewee.BigIntegerField()
    kind = peewee.TextField()
    account = peewee.BigIntegerField(default=0)
    detail = peewee.TextField(default="")
    previous = peewee.BlobField()
    hash = peewee.BlobField()

    class Meta:
        """Name in SQL."""

        table_name = "audit"
