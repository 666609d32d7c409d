"""A master on PostgreSQL whose role cannot change what its store consists of."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import attrs
import psycopg
import pytest
from click.testing import CliRunner
from psycopg.errors import InsufficientPrivilege

from papertrader.cli.main import main
from papertrader.master import viewstore
from papertrader.master.engines import StoreError
from papertrader.ops.inspection import rebuild
from papertrader.ops.preparing import prepare_store
from tests import postgres_kit
from tests.master_kit import MasterClient, MasterKit

pytestmark = pytest.mark.postgresql


@attrs.frozen
class Roles:
    """A schema, its owner, and the role of the master; URLs of both."""

    state: Path
    schema: str
    owner: str
    work: str

    def sql(self, statement: str, url: str = "") -> list[tuple[object, ...]]:
        """Run a statement, as the master's role unless ``url`` says another."""
        with psycopg.connect(url or self.work, autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def prepare(self, *, anew: bool = False) -> str:
        """Prepare the store."""
        return prepare_store(self.state, self.work, self.owner, anew=anew)


@pytest.fixture(name="roles")
def fixture_roles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Roles]:
    """Two roles of the tests' server, and a schema of the first one's."""
    server = postgres_kit.server()
    schema = postgres_kit.schema_of(tmp_path)
    own, work = f"own_{schema}", f"work_{schema}"
    for role in (own, work):
        server.sql(f"CREATE ROLE {role} LOGIN")
    server.sql(f"CREATE SCHEMA {schema} AUTHORIZATION {own}")
    server.sql(f"GRANT USAGE ON SCHEMA {schema} TO {work}")
    place = f"127.0.0.1:{server.port}/postgres?options=-csearch_path%3D{schema}"
    made = Roles(tmp_path, schema, f"postgresql://{own}@{place}", f"postgresql://{work}@{place}")
    monkeypatch.setattr(postgres_kit, "url_of", lambda state: made.work)
    yield made
    server.sql(f"DROP SCHEMA {schema} CASCADE")
    for role in (own, work):
        server.sql(f"DROP OWNED BY {role}")
        server.sql(f"DROP ROLE {role}")


def traded(state: Path) -> tuple[MasterKit, MasterClient]:
    """A master on the store, and somebody who has traded."""
    kit = MasterKit(state)
    ann = kit.client()
    ann.register()
    ann.login()
    assert ann.order("MSFT", "5").status == 0
    kit.quote("MSFT", "28.50", "28.51")
    kit.turn()
    return kit, ann


def test_a_master_works_a_store_that_it_cannot_change(roles: Roles) -> None:
    """It starts, trades, starts again and is audited; the owner's part is refused it."""
    assert roles.prepare() == f"work_{roles.schema}"
    kit, ann = traded(roles.state)
    before = kit.main.transactions.desk.state_hash()
    for statement in (
        "CREATE TABLE mine (x int)",
        "DROP TABLE journal",
        "ALTER TABLE journal DISABLE TRIGGER ALL",
        "DROP TRIGGER journal_no_change ON journal",
        "CREATE OR REPLACE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RETURN NEW; END $$",
        *(
            f"{change} {table}{rest}"
            for table, column in (
                ("journal", "frames"), ("audit", "detail"), ("checkpoint", "state_hash"),
                ("audit_key", "public"),
            )
            for change, rest in (
                ("DELETE FROM", ""), ("UPDATE", f" SET {column} = {column}"), ("TRUNCATE", ""),
            )
        ),
    ):  # fmt: skip
        with pytest.raises(InsufficientPrivilege):
            roles.sql(statement)
    kit.kill()
    kit.boot()
    assert kit.main.transactions.desk.state_hash() == before
    ann.resume()
    assert ann.order("MSFT", "1").status == 0
    kit.check()


def test_the_next_version_is_prepared_too(roles: Roles, monkeypatch: pytest.MonkeyPatch) -> None:
    """Views of another version: the master says who may make them, and goes on when they are."""
    roles.prepare()
    kit, _ = traded(roles.state)
    before = kit.main.transactions.desk.state_hash()
    kit.stop()
    monkeypatch.setattr(viewstore, "VIEWS_VERSION", "next")
    with pytest.raises(StoreError, match=r"(denied|owner).*papertrader prepare-store"):
        kit.boot()
    kit.main.store.close()
    with pytest.raises(StoreError, match="does not end"):
        roles.prepare()
    kit.main.view_store.close()
    roles.prepare()
    kit.boot()
    assert kit.main.transactions.desk.state_hash() == before
    kit.check()


def test_the_views_are_made_anew(roles: Roles) -> None:
    """By the owner, for a master that cannot drop them; it fills them again."""
    roles.prepare()
    kit, _ = traded(roles.state)
    before = kit.main.transactions.desk.state_hash()
    kit.stop()
    with pytest.raises(StoreError, match=r"owner.*papertrader prepare-store"):
        rebuild(postgres_kit.place_of(roles.state), lambda line: None)
    assert roles.sql("SELECT count(*) FROM view_order") == [(1,)]
    roles.prepare(anew=True)
    assert roles.sql("SELECT count(*) FROM view_order") == [(0,)]
    kit.boot()
    assert kit.main.transactions.desk.state_hash() == before
    assert roles.sql("SELECT count(*) FROM view_order") == [(1,)]
    kit.check()


def test_a_store_that_is_not_prepared(roles: Roles) -> None:
    """The start says what to do."""
    with pytest.raises(StoreError, match=r"(denied|owner).*papertrader prepare-store"):
        MasterKit(roles.state)


def test_a_schema_that_the_role_may_not_use(roles: Roles) -> None:
    """The start and the command say what to grant."""
    postgres_kit.server().sql(f"REVOKE USAGE ON SCHEMA {roles.schema} FROM work_{roles.schema}")
    with pytest.raises(StoreError, match="GRANT USAGE ON SCHEMA"):
        MasterKit(roles.state)
    with pytest.raises(StoreError, match="GRANT USAGE ON SCHEMA"):
        roles.prepare()


def test_not_while_a_master_has_it(roles: Roles) -> None:
    """It is told to stop first."""
    roles.prepare()
    kit, _ = traded(roles.state)
    with pytest.raises(StoreError, match="another master"):
        roles.prepare()
    kit.check()


def test_a_role_from_whom_nothing_can_be_kept(roles: Roles) -> None:
    """A superuser, the owner, who may act as the owner, nobody; another store."""
    server = postgres_kit.server()
    query = roles.work.partition("?")[2]
    with pytest.raises(StoreError, match="superuser"):
        prepare_store(roles.state, f"{server.url}?{query}", roles.owner)
    with pytest.raises(StoreError, match="who owns the store"):
        prepare_store(roles.state, roles.owner, roles.owner)
    server.sql(f"GRANT own_{roles.schema} TO work_{roles.schema}")
    with pytest.raises(StoreError, match="may act as"):
        roles.prepare()
    server.sql(f"REVOKE own_{roles.schema} FROM work_{roles.schema}")
    with pytest.raises(StoreError, match="different"):
        prepare_store(roles.state, roles.work, server.url)
    with pytest.raises(StoreError, match="names no role"):
        prepare_store(roles.state, roles.work.replace(f"work_{roles.schema}@", ""), roles.owner)
    with pytest.raises(StoreError, match="files of this machine"):
        prepare_store(roles.state, "", roles.owner)


def test_the_command(roles: Roles, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says who may work the store now; a mistake is one line."""
    monkeypatch.setenv("PAPERTRADER_STORE_URL", roles.work)
    run = CliRunner()
    arguments = ["prepare-store", "--state-dir", str(roles.state), "--owner"]
    done = run.invoke(main, [*arguments, roles.owner])
    assert done.exit_code == 0, done.output
    assert (
        done.output
        == f"The store is ready for work_{roles.schema}, who cannot change its tables.\n"
    )
    told = run.invoke(main, [*arguments, roles.owner, "--json"])
    assert json.loads(told.output)["role"] == f"work_{roles.schema}"
    wrong = run.invoke(main, [*arguments, roles.work])
    assert wrong.exit_code == 2
    assert wrong.output.startswith("error: ")
    assert wrong.output.count("\n") == 1
