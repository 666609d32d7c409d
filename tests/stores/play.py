"""Make a small store as some version of PaperTrader makes it, to be read by all later ones.

Run it in a checkout of that version: ``python .../tests/stores/play.py DIRECTORY``. What a version
does not know yet is left out. `tests/ops/test_old_stores.py` says when a new store is needed.
"""

from __future__ import annotations

import lzma
import sqlite3
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path.cwd()))

from papertrader.core.money import SCALE
from papertrader.core.orders import OrderType, Side, TimeInForce
from papertrader.wire import messages as m
from tests.master_kit import MasterClient, MasterKit


class Player:
    """Two people who use whatever there is."""

    def __init__(self, kit: MasterKit) -> None:
        self.kit = kit
        self.ann, self.bob = self.client("ann", 1), self.client("bob", 2)

    def client(self, name: str, connection: int) -> MasterClient:
        """Return a client that has an account and a session."""
        client = self.kit.client(connection=connection)
        client.register(name)
        client.login(name)
        return client

    def do(self, client: MasterClient, message: str, **fields: Any) -> Any:
        """Send a command that this version may know; says what became of it."""
        kind = getattr(m, message, None)
        if kind is None or any(not hasattr(kind, field) for field in fields):
            print(f"{message}: not known")
            return None
        client.seq += 1
        answer = client.ask(kind(**fields), seq=client.seq)
        print(f"{message}: {answer.status:#06x}")
        return answer.message

    def trade(self) -> None:
        """Orders of all plain kinds, filled, cancelled, replaced, refused, short."""
        kit, ann, bob = self.kit, self.ann, self.bob
        kit.quote("MSFT", "28.50", "28.52")
        kit.quote("AAPL", "560", "560.10")
        for client in (ann, bob):
            client.order("MSFT", "100")
            client.order("AAPL", "1.5")
        limit = {"order_type": OrderType.LIMIT, "time_in_force": TimeInForce.GTC}
        client_id = ann.order("MSFT", "10", limit_price=28 * SCALE, **limit).message.order
        ann.order("MSFT", "10", limit_price=27 * SCALE, **limit)
        bob.order("MSFT", "40", side=Side.SELL, order_type=OrderType.STOP,
                  stop_price=28 * SCALE, time_in_force=TimeInForce.GTC)  # fmt: skip
        kit.quote("MSFT", "28.40", "28.41")
        self.do(ann, "OrderReplace", order=client_id, quantity=12 * SCALE, limit_price=28 * SCALE)
        kit.quote("MSFT", "27.90", "27.92")
        self.do(ann, "OrderCancelAll")
        bob.order("IBM", "1000000")
        ann.order("MSFT", "50", side=Side.SELL)
        kit.quote("MSFT", "27.90", "27.92")

    def keep_books(self) -> None:
        """Portfolios, cash, seasons; loans and short sales, contests where there are any."""
        kit, ann, bob = self.kit, self.ann, self.bob
        made = self.do(ann, "PortfolioCreate", name="second", cash=50_000 * SCALE)
        self.do(ann, "PortfolioCash", portfolio=made.portfolio, amount=1_000 * SCALE)
        self.do(ann, "PortfolioUpdate", portfolio=made.portfolio, name="renamed")
        self.terms(made.portfolio)
        ann.order("IBM", "100", side=Side.SELL, portfolio=made.portfolio)
        kit.quote("IBM", "190", "190.10")
        kit.quote("IBM", "191", "191.10")
        self.do(bob, "PortfolioReset", cash=20_000 * SCALE)
        bob.order("IBM", "10")
        kit.quote("IBM", "192", "192.10")
        self.do(bob, "PortfolioFork", portfolio=0, name="fork")

    def terms(self, portfolio: int) -> None:
        """Let a portfolio have a margin account where a version knows of terms."""
        if not hasattr(m, "PortfolioTermsSet"):
            return
        from papertrader.core import terms
        from papertrader.master.termrecords import terms_block

        chosen = terms.PortfolioTerms(
            account_kind=terms.AccountKind.MARGIN,
            fee_model=terms.FeeModelKind.PERCENT,
            fee_rate=SCALE // 1_000,
        )
        self.ann.seq += 1
        message = terms_block(m.PortfolioTermsSet, chosen, portfolio=portfolio)
        print(f"terms: {self.ann.ask(message, seq=self.ann.seq).status:#06x}")


def main(state: Path) -> None:
    """Play, crash, play on, end in good order."""
    state.mkdir(parents=True)
    kit = MasterKit(state)
    player = Player(kit)
    player.trade()
    kit.turn(3.0)
    kit.crash()
    for client in (player.ann, player.bob):
        print("resume:", client.resume().status)
    player.keep_books()
    kit.turn(3.0)
    kit.check()
    for name in ("truth", "views"):
        with sqlite3.connect(state / f"{name}.db") as db:
            text = "\n".join(db.iterdump())
        # Without a time, so that the same store makes the same file.
        packed = lzma.compress(text.encode(), preset=9)
        (state / f"{name}.sql.xz").write_bytes(packed)
        print(f"{name}.sql.xz: {len(packed)} octets")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
