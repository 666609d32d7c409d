"""Peer: the REST paper trader one would write: FastAPI, uvicorn, SQLAlchemy on SQLite.

POST /orders checks the cash, writes order, fill, balance, position and ledger entry, commits, and
answers in JSON. Settings: one process, uvloop, httptools, TLS 1.3, P-256; SQLite with journal_mode
WAL and synchronous FULL (the product's durability), a pool of 20 connections; the handler is a
plain function, which FastAPI runs in its threads, with a lock about the transaction, since SQLite
lets one write at a time and its own waiting is slower.

    python -m benchmarks.peers.rest TLS_DIRECTORY DATABASE_FILE
"""

from __future__ import annotations

import itertools
import sys
import threading
import time
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from pydantic import BaseModel
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from benchmarks.peers.common import serve_with_uvicorn

ACCOUNTS: Final = 1_000
PRICE: Final = 2_900_000


class Base(DeclarativeBase):
    """The tables."""


class OrderRow(Base):
    """An order."""

    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    account: Mapped[int] = mapped_column(index=True)
    symbol: Mapped[str]
    side: Mapped[str]
    quantity: Mapped[int]
    price: Mapped[int]
    state: Mapped[str]
    at: Mapped[int]


class FillRow(Base):
    """A fill."""

    __tablename__ = "fills"
    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(index=True)
    quantity: Mapped[int]
    price: Mapped[int]
    at: Mapped[int]


class BalanceRow(Base):
    """An account's cash."""

    __tablename__ = "balances"
    account: Mapped[int] = mapped_column(primary_key=True)
    cash: Mapped[int]


class PositionRow(Base):
    """What an account holds of a symbol."""

    __tablename__ = "positions"
    account: Mapped[int] = mapped_column(primary_key=True)
    symbol: Mapped[str] = mapped_column(primary_key=True)
    quantity: Mapped[int]
    cost: Mapped[int]


class LedgerRow(Base):
    """A ledger entry."""

    __tablename__ = "ledger"
    id: Mapped[int] = mapped_column(primary_key=True)
    account: Mapped[int] = mapped_column(index=True)
    order_id: Mapped[int]
    amount: Mapped[int]
    at: Mapped[int]


class OrderIn(BaseModel):
    """The body of POST /orders."""

    account: int
    symbol: str
    side: str
    quantity: int


def engine(path: str) -> Engine:
    """Return the database with its tables and accounts."""
    made = create_engine(
        f"sqlite:///{path}", pool_size=20, max_overflow=20, connect_args={"timeout": 30}
    )

    def durable(connection: Any, record: Any) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")

    event.listen(made, "connect", durable)
    Base.metadata.create_all(made)
    with Session(made) as session:
        session.add_all(BalanceRow(account=each, cash=10**15) for each in range(ACCOUNTS))
        session.commit()
    return made


def application(made: Engine) -> FastAPI:
    """Return the paper trader."""
    app = FastAPI()
    lock = threading.Lock()
    turn = itertools.cycle(range(ACCOUNTS))

    def place(order: OrderIn) -> dict[str, Any]:
        # The load sends one text, so the account is taken in turn here.
        account, now = next(turn), time.time_ns()
        amount = order.quantity * PRICE
        with lock, Session(made) as session:
            balance = session.get_one(BalanceRow, account)
            position = session.get(PositionRow, (account, order.symbol))
            if balance.cash < amount:
                return {"state": "refused"}
            row = OrderRow(
                account=account, symbol=order.symbol, side=order.side, quantity=order.quantity,
                price=PRICE, state="filled", at=now,
            )  # fmt: skip
            session.add(row)
            balance.cash -= amount
            if position is None:
                session.add(
                    PositionRow(
                        account=account, symbol=order.symbol, quantity=order.quantity, cost=amount
                    )
                )
            else:
                position.quantity += order.quantity
                position.cost += amount
            session.flush()
            session.add(FillRow(order_id=row.id, quantity=order.quantity, price=PRICE, at=now))
            session.add(LedgerRow(account=account, order_id=row.id, amount=-amount, at=now))
            number = row.id
            session.commit()
        return {"order": number, "state": "filled", "quantity": order.quantity, "price": PRICE}

    place.__annotations__["order"] = OrderIn
    app.add_api_route("/orders", place, methods=["POST"])
    return app


if __name__ == "__main__":
    serve_with_uvicorn(application(engine(sys.argv[2])), Path(sys.argv[1]))
