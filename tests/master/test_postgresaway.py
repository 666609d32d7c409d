"""What is said of a PostgreSQL with which there is no connection."""

from __future__ import annotations

import peewee
import pytest

from papertrader.master.postgres import unreached


@pytest.mark.sqlite
@pytest.mark.parametrize(
    ("why", "advice"),
    [
        ("connection refused", "; check store.url and the server"),
        ("fe_sendauth: no password supplied", "; the role's password stands in ~/.pgpass"),
        (
            'password authentication failed for user "x"',
            "; the role's password stands in ~/.pgpass",
        ),
    ],
)
def test_where_to_look(why: str, advice: str) -> None:
    """A password that is not found or wrong is not in store.url, where it was looked for."""
    said = unreached("127.0.0.1/x", peewee.OperationalError(f"{why}\n"))
    assert said.startswith(f"cannot connect to 127.0.0.1/x: {why}{advice}")
