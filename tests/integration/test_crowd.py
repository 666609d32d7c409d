"""Many at once on real processes: a flood that harms nobody else, and money that is spent once.

Nothing here looks at a clock: what is asserted is how often something happened.
"""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Iterator

import pytest

from papertrader.core.money import SCALE
from papertrader.core.orders import OrderType, TimeInForce
from papertrader.wire import codec
from papertrader.wire import messages as m
from papertrader.wire.kinds import Status
from tests.server_kit import PASSWORD, Server, running
from tests.torture.line import Line, client_context

PATIENCE_S = 60.0
CASH = 100_000
"""What an account begins with."""
EACH = 10_000
"""What one of the orders below reserves."""


def order(number: int, quantity: int = EACH) -> m.OrderNew:
    """An order that rests far below the market: a dollar a share, until it is cancelled."""
    return m.OrderNew(
        client_order_id=number, symbol="IBM", time_in_force=TimeInForce.GTC,
        order_type=OrderType.LIMIT, quantity=quantity * SCALE, limit_price=SCALE,
    )  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A master and two workers; nothing but the limits of commands is in the way of a test."""
    state = tmp_path_factory.mktemp("crowd") / "state"
    with pytest.MonkeyPatch.context() as patch:
        for name in ("LOGINS_PER_SECOND", "REGISTRATIONS_PER_SECOND", "CONNECTS_AT_ONCE"):
            patch.setenv(f"PAPERTRADER_LIMITS_{name}", "1000")
        with running(state, "--workers", "2") as server:
            yield server


class Flooder(threading.Thread):
    """Sends requests as fast as they are taken, and reads what it is told about them."""

    def __init__(self, line: Line) -> None:
        super().__init__(daemon=True)
        self.line = line
        self.sent = 0
        self.told: Counter[int] = Counter()
        self.changed = threading.Condition()
        self.stopping = False
        self.failure: Exception | None = None

    def run(self) -> None:
        """Flood until told to stop."""
        try:
            while not self.stopping:
                asked = [self.line.frame(m.PortfolioGet())[1] for _ in range(100)]
                self.line.send(b"".join(asked))
                with self.changed:
                    self.sent += len(asked)
                    self._read()
                    self.changed.notify_all()
        except OSError as error:
            if not self.stopping:
                self.failure = error
        with self.changed:
            self.changed.notify_all()

    def _read(self) -> None:
        """Take what is there already."""
        for header in self.line.at_hand():
            self.told[header.status] += 1

    def wait_for(self, sent: int, limited: int = 0) -> None:
        """Wait until so many requests were sent, and so many refused for their rate."""
        with self.changed:
            assert self.changed.wait_for(
                lambda: (
                    self.failure is not None
                    or (self.sent >= sent and self.told[Status.RATE_LIMITED] >= limited)
                ),
                PATIENCE_S,
            ), (self.sent, self.told)
        assert self.failure is None, self.failure

    def stop(self) -> None:
        """End, also while a write waits."""
        self.stopping = True
        with contextlib.suppress(OSError):
            self.line.cut()
        if self.ident is not None:
            self.join(PATIENCE_S)
        assert not self.is_alive()


@pytest.mark.slow
def test_a_noisy_neighbor_harms_nobody_else(server: Server) -> None:
    """While three connections flood the same worker, each order of another client is taken at
    the first try; those that flood are told their limit."""
    worker, context = server.workers[0], client_context(server.ca)
    honest = Line(worker, context)
    honest.log_in("honest", PASSWORD)
    flooders = []
    with contextlib.ExitStack() as stack:
        for number in range(3):
            noisy = Line(worker, context)
            noisy.log_in(f"noisy{number}", PASSWORD)
            flooders.append(Flooder(noisy))
            stack.callback(flooders[-1].stop)
        for flooder in flooders:
            flooder.start()
        for flooder in flooders:
            flooder.wait_for(1_000, limited=1)
        before = [flooder.sent for flooder in flooders]
        for number in range(1, 21):
            honest.ask(order(number, 1), changing=True)
            honest.ask(m.OrderCancel(client_order_id=number), changing=True)
            # The flood goes on between any two of them.
            for flooder, sent in zip(flooders, before, strict=True):
                flooder.wait_for(sent + 20 * number)
    assert all(flooder.told[Status.RATE_LIMITED] > 0 for flooder in flooders)
    listed = codec.decode_body(*honest.ask(m.OrderList(states=0xFFFF)))
    assert listed.total_rows == 20
    honest.close()


@pytest.mark.slow
def test_money_is_spent_once_over_two_workers(server: Server) -> None:
    """Twelve connections of one account, six on each worker, spend the same money at the same
    moment: exactly what is there is spent. Then they spend what others of them free."""
    context = client_context(server.ca)
    lines = [Line(server.workers[number % 2], context) for number in range(12)]
    for number, line in enumerate(lines):
        line.log_in("spender", PASSWORD, new=number == 0)
    asked = [[order(100 * number + each) for each in range(1, 6)] for number in range(12)]
    told = Counter(status for line in at_once(lines, asked) for status in line)
    assert told == {0: CASH // EACH, Status.INSUFFICIENT_CASH: 60 - CASH // EACH}
    assert balance(lines[0]) == (CASH, 0)

    # Each open order is cancelled by two connections while all of them order again.
    listed = codec.decode_body(*lines[0].ask(m.OrderList()))
    taken = [row.client_order_id for row in listed.orders]
    assert len(taken) == CASH // EACH
    again = [
        [m.OrderCancel(client_order_id=taken[(number + place) % len(taken)]) if place % 2 else
         order(5_000 + 100 * number + place) for place in range(6)]
        for number in range(12)
    ]  # fmt: skip
    replies = at_once(lines, again)
    cancelled = sum(line[place] == 0 for line in replies for place in (1, 3, 5))
    ordered = sum(line[place] == 0 for line in replies for place in (0, 2, 4))
    assert cancelled == len(taken)
    assert 0 < ordered <= cancelled
    assert balance(lines[1]) == (CASH, CASH - EACH * ordered)
    for line in lines:
        line.close()
    report = server.audit()
    assert report.violations == []


def at_once(lines: list[Line], asked: list[list[m.OrderNew | m.OrderCancel]]) -> list[list[int]]:
    """Have every connection send what it asks at the same moment; return the statuses."""
    start = threading.Barrier(len(lines))
    told: list[list[int]] = [[] for _ in lines]

    def send(place: int) -> None:
        start.wait(PATIENCE_S)
        told[place] = lines[place].ask_all(list(asked[place]), changing=True)

    threads = [threading.Thread(target=send, args=(place,)) for place in range(len(lines))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert all(len(replies) == len(asked[0]) for replies in told)
    return told


def balance(line: Line) -> tuple[int, int]:
    """Return cash, and what of it no order has reserved, in dollars."""
    reply = codec.decode_body(*line.ask(m.PortfolioGet()))
    return reply.cash // SCALE, (reply.cash - reply.reserved_cash) // SCALE
