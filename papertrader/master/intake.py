"""Between the workers and the modules: whose command is next, and which is refused for load.

As long as little comes, each command is done at once. When a turn of the reactor brings more than
`TURN_COMMANDS`, the rest waits here and is done in turn: a command of one worker after that of the
other; of each worker one connection after the other, `RUN_COMMANDS` of each; of each connection in
order. What has waited for too long since its worker read it is refused and never done. Whether a
worker's commands are late, and what is refused of them for it, is that worker's matter alone: the
turns see to it that none waits for another's flood.

Why not one command of each connection: what is answered together goes to the client in one record,
and what it sends then comes back together. With sixteen requests open on each of fifty connections,
turns of one left four to a record, and half of the worker's work was records.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final
from weakref import WeakKeyDictionary

from papertrader.core.instants import SECOND
from papertrader.core.limithits import LimitHits
from papertrader.core.shedding import TARGET, Shedding, Work
from papertrader.master.commands import Command, Link
from papertrader.net.clock import Clock, Timer
from papertrader.wire import limits
from papertrader.wire.kinds import Opcode, Status

TURN_COMMANDS: Final = 256
"""Commands done in one turn of the reactor; others wait for the next, so that timers and sockets
have their turn as well."""
RUN_COMMANDS: Final = 16
"""Commands of one connection that are done in a row when others wait as well."""
QUEUE_PER_WORKER: Final = limits.RELAY_WINDOW_FRAMES
"""Commands of one worker that wait here; one more is SERVER_BUSY."""
SHED_RETRY_MS: Final = 500
_DEADLINE: Final = limits.COMMAND_DEADLINE_S * SECOND

WORK: Final[Mapping[int, Work]] = MappingProxyType(
    {
        **dict.fromkeys(
            (
                Opcode.ORDER_LIST, Opcode.TRANSACTIONS_GET, Opcode.EQUITY_GET, Opcode.RECEIPT_GET,
                Opcode.REFUSALS_GET,
                Opcode.BARS_GET, Opcode.ASSET_LIST, Opcode.CONTEST_LIST, Opcode.CONTEST_STANDINGS,
                Opcode.CONTEST_FILE, Opcode.LOG_DUMP,
            ),
            Work.HISTORY,
        ),
        **dict.fromkeys(
            (Opcode.LOGIN, Opcode.REGISTER, Opcode.PASSWORD_RESET, Opcode.TOTP_SETUP), Work.LOGIN
        ),
        **dict.fromkeys(
            (Opcode.ORDER_NEW, Opcode.ORDER_REPLACE, Opcode.POSITION_CLOSE), Work.ORDER
        ),
        **dict.fromkeys(
            (
                Opcode.ORDER_CANCEL, Opcode.ORDER_CANCEL_ALL, Opcode.CANCEL, Opcode.LOGOUT,
                Opcode.RESUME, Opcode.SESSION_REVOKE, Opcode.APIKEY_REVOKE, Opcode.PASSWORD_CHANGE,
                Opcode.ACCOUNT_CONTROL, Opcode.INVITE_REVOKE, Opcode.WORKER_CONTROL,
                Opcode.STATS_GET, Opcode.UNSUBSCRIBE,
            ),
            Work.KEPT,
        ),
    }
)  # fmt: skip
"""Which kind of work a request is; what is not named is of the account."""


class WorkerQueue:
    """What waits of one worker; that it is not more than `QUEUE_PER_WORKER`, its owner sees to.

    A connection with a single command waiting does not stand behind the runs of those that sent
    many: it has every second place.
    """

    __slots__ = ("_many", "_of", "_run", "_single", "_single_next", "size")

    def __init__(self) -> None:
        self.size = 0
        # By connection; together they hold `size` commands, and each of them at least one.
        self._of: dict[int, deque[Command]] = {}
        # Connections, each in one of the two, once.
        self._single: deque[int] = deque(maxlen=QUEUE_PER_WORKER)
        self._many: deque[int] = deque(maxlen=QUEUE_PER_WORKER)
        self._run = 0
        self._single_next = True

    def append(self, command: Command) -> None:
        """Take a command in."""
        self.size += 1
        queue = self._of.get(command.connection)
        if queue is None:
            self._of[command.connection] = deque((command,), maxlen=QUEUE_PER_WORKER)
            self._single.append(command.connection)
        else:
            queue.append(command)

    def pop(self) -> Command:
        """Take out the command whose turn it is. Raises `IndexError` if nothing waits."""
        self.size -= 1
        single, many, of = self._single, self._many, self._of
        while single and len(of[single[0]]) > 1:
            many.append(single.popleft())
        if single and (self._single_next or not many):
            self._single_next = False
            return of.pop(single.popleft()).popleft()
        self._single_next = True
        queue = of[many[0]]
        command = queue.popleft()
        self._run += 1
        if not queue:
            del of[many.popleft()]
            self._run = 0
        elif self._run >= RUN_COMMANDS:
            many.rotate(-1)
            self._run = 0
        return command


class Intake:
    """Gives commands to ``decide``, each once, or answers them itself."""

    def __init__(self, clock: Clock, decide: Callable[[Command], None], hits: LimitHits) -> None:
        self._clock = clock
        self._decide = decide
        self._hits = hits
        # Only links of which a command was late; seldom any.
        self._sheddings: WeakKeyDictionary[Link, Shedding] = WeakKeyDictionary()
        self._left = TURN_COMMANDS
        self._turn: Timer | None = None
        # Only links of which something waits, the next first.
        self._queues: OrderedDict[Link, WorkerQueue] = OrderedDict()

    def __len__(self) -> int:
        return sum(queue.size for queue in self._queues.values())

    @property
    def level(self) -> int:
        """How many kinds of work are refused now, of the worker that is worst off."""
        now = self._clock.wall_ns()
        return max((each.level_at(now) for each in self._sheddings.values()), default=0)

    def take(self, command: Command) -> None:
        """Do a command, let it wait for its turn, or refuse it."""
        if self._turn is None:
            self._turn = self._clock.call_later(0, self._next_turn)
        if self._left and not self._queues:
            self._left -= 1
            self._begin(command)
            return
        link = command.link
        queue = self._queues.get(link)
        if queue is None:
            queue = self._queues[link] = WorkerQueue()
        if queue.size >= QUEUE_PER_WORKER:
            self._hits.hit("queue_worker")
            self._busy(command, "Too much waits of your worker")
            return
        queue.append(command)

    def stop(self) -> None:
        """Refuse what waits: the server is stopping."""
        while self._queues:
            self._busy(self._next(), "The server is stopping")
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None

    def _next_turn(self) -> None:
        self._turn = None
        self._left = TURN_COMMANDS
        if self._queues:
            self._hits.hit("turn")
            self._turn = self._clock.call_later(0, self._next_turn)
        while self._queues and self._left:
            self._left -= 1
            command = self._next()
            now = self._clock.stamp_ns()
            command.waited += now - command.accepted_at
            # The ledger's order is that of the decisions.
            command.accepted_at = now
            self._begin(command)

    def _next(self) -> Command:
        """Take out the command whose turn it is: links in turn, one command of each."""
        link, queue = next(iter(self._queues.items()))
        command = queue.pop()
        if queue.size:
            self._queues.move_to_end(link)
        else:
            del self._queues[link]
        return command

    def _begin(self, command: Command) -> None:
        waited = command.waited
        level = self._judge(command) if waited > TARGET or self._sheddings else 0
        if waited > _DEADLINE and not command.resent:
            self._hits.hit("deadline")
            command.answer(
                command.failure(
                    Status.EXPIRED,
                    "This waited too long on its way; it was not done and will not be.",
                    retry_after_ms=SHED_RETRY_MS,
                )
            )
        elif level and work_of(command.opcode) <= level:
            self._hits.hit(f"shed_{work_of(command.opcode).name.lower()}")
            self._busy(command, "There is too much to do at this moment", level)
        else:
            self._decide(command)

    def _judge(self, command: Command) -> int:
        """Note how long a command of its worker has waited; return that worker's level."""
        shedding = self._sheddings.get(command.link)
        if shedding is None:
            if command.waited <= TARGET:
                return 0
            shedding = self._sheddings[command.link] = Shedding()
        shedding.waited(command.waited, command.accepted_at)
        if not shedding.level and command.waited <= TARGET:
            del self._sheddings[command.link]
        return shedding.level

    def _busy(self, command: Command, why: str, level: int = 1) -> None:
        if command.opcode != Opcode.CANCEL:
            command.answer(
                command.failure(
                    Status.SERVER_BUSY,
                    f"{why}; try again shortly.",
                    retry_after_ms=SHED_RETRY_MS * level,
                )
            )


def work_of(opcode: int) -> Work:
    """Return which kind of work a request is."""
    return WORK.get(opcode, Work.ACCOUNT)
