"""Floor: raw sqlite3 with group commit in one process: no network, no rules, five rows an order.

Settings: WAL, synchronous FULL, prepared statements by executemany where rows allow it, one writer
thread that takes all that waits and commits it at once. It shows what rows cost at best.
"""

from __future__ import annotations

import itertools
import queue
import sqlite3
import threading
import time
from pathlib import Path
from typing import Final

_SCHEMA: Final = """
CREATE TABLE orders (id INTEGER PRIMARY KEY, account INTEGER NOT NULL, symbol INTEGER NOT NULL,
 side INTEGER NOT NULL, quantity INTEGER NOT NULL, price INTEGER, state INTEGER NOT NULL,
 at INTEGER NOT NULL);
CREATE INDEX orders_account ON orders (account, id);
CREATE TABLE fills (id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL, quantity INTEGER NOT NULL,
 price INTEGER NOT NULL, at INTEGER NOT NULL);
CREATE INDEX fills_order ON fills (order_id);
CREATE TABLE balances (account INTEGER PRIMARY KEY, cash INTEGER NOT NULL);
CREATE TABLE positions (account INTEGER NOT NULL, symbol INTEGER NOT NULL,
 quantity INTEGER NOT NULL, cost INTEGER NOT NULL, PRIMARY KEY (account, symbol)) WITHOUT ROWID;
CREATE TABLE ledger (id INTEGER PRIMARY KEY, account INTEGER NOT NULL, order_id INTEGER NOT NULL,
 amount INTEGER NOT NULL, at INTEGER NOT NULL);
CREATE INDEX ledger_account ON ledger (account, id);
"""
ACCOUNTS: Final = 1_000
SYMBOLS: Final = 50
_PRICE: Final = 12_345


class GroupCommit:
    """A database and the thread that writes to it."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(_SCHEMA)
        self._db.executemany(
            "INSERT INTO balances VALUES (?, ?)", [(each, 10**12) for each in range(ACCOUNTS)]
        )
        self._numbers = itertools.count(1)

    def run(self, in_flight: int, seconds: float) -> float:
        """Keep so many orders in flight for so long; return how many were durable a second."""
        orders: queue.SimpleQueue[int] = queue.SimpleQueue()
        done: queue.SimpleQueue[int] = queue.SimpleQueue()
        stop = threading.Event()
        writer = threading.Thread(target=self._write, args=(orders, done, stop))
        for _ in range(in_flight):
            orders.put(next(self._numbers))
        writer.start()
        start, total, elapsed = time.perf_counter(), 0, 0.0
        # One commit at least, however late it comes.
        while not total or elapsed < seconds:
            count = done.get(timeout=60)
            total += count
            elapsed = time.perf_counter() - start
            for _ in range(count):
                orders.put(next(self._numbers))
        stop.set()
        writer.join()
        return total / elapsed

    def _write(
        self, orders: queue.SimpleQueue[int], done: queue.SimpleQueue[int], stop: threading.Event
    ) -> None:
        while not stop.is_set():
            batch = [orders.get()]
            while not orders.empty():
                batch.append(orders.get())
            self._commit(batch)
            done.put(len(batch))

    def _commit(self, batch: list[int]) -> None:
        db, at = self._db, time.time_ns()
        rows = [(number, number % ACCOUNTS, number % SYMBOLS) for number in batch]
        db.execute("BEGIN IMMEDIATE")
        db.executemany(
            "INSERT INTO orders VALUES (?, ?, ?, 1, 1, ?, 2, ?)",
            [(number, account, symbol, _PRICE, at) for number, account, symbol in rows],
        )
        db.executemany(
            "INSERT INTO fills VALUES (?, ?, 1, ?, ?)",
            [(number, number, _PRICE, at) for number in batch],
        )
        db.executemany(
            "UPDATE balances SET cash = cash - ? WHERE account = ?",
            [(_PRICE, account) for _, account, _ in rows],
        )
        db.executemany(
            "INSERT INTO positions VALUES (?, ?, 1, ?) ON CONFLICT (account, symbol) DO UPDATE"
            " SET quantity = quantity + 1, cost = cost + excluded.cost",
            [(account, symbol, _PRICE) for _, account, symbol in rows],
        )
        db.executemany(
            "INSERT INTO ledger VALUES (?, ?, ?, ?, ?)",
            [(number, account, number, -_PRICE, at) for number, account, _ in rows],
        )
        db.execute("COMMIT")

    def close(self) -> None:
        """Close the database."""
        self._db.close()
