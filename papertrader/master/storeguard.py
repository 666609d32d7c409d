"""Whether this master may change anything now: room on the disk, and the store being its own.

With too little room nothing is changed until there is enough again: whoever asks for a change is
told so, questions go on. Where other masters can reach the store, a sign of life is given, and
after this process stood still nothing is said before the store has been looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from papertrader.core.instants import SECOND
from papertrader.master.commands import Refused
from papertrader.master.database import BEAT_S, SILENT_S, TruthStore
from papertrader.master.engines import Fenced
from papertrader.master.journal import Journal
from papertrader.net.clock import Clock, Timer
from papertrader.wire.kinds import STATE_CHANGING, Opcode, Status

LOOK_S: Final = 1.0
"""How often the room on the disk is looked at."""
RETRY_AFTER_MS: Final = 2_000
CHANGING: Final = STATE_CHANGING | {Opcode.REGISTER}
"""What is refused while nothing may be changed. Logins are not: they are few and small, and who
wants to read needs one; the low-water mark leaves room for them, as long as it does."""
OF_LOGINS: Final = frozenset(
    {Opcode.LOGIN, Opcode.RESUME, Opcode.LOGOUT, Opcode.PASSWORD_RESET, Opcode.ACCOUNT_CLOSE}
)
"""What begins, goes on with or ends a login: each is recorded, a token that is shown as well."""
FOR_LOGINS: Final = 64
"""Below this part of the low-water mark these are refused as well: they would wait for room, and
their client would not know for what."""


class StoreGuard:
    """Watches one master's store (see the module).

    ``room`` gives the free octets where its files are; ``in_thread`` runs a function in the store's
    thread. ``on_fail`` is told when another master has taken over.
    """

    log = Logger()

    def __init__(
        self,
        store: TruthStore,
        journal: Journal,
        clock: Clock,
        in_thread: Callable[..., Deferred[Any]],
        on_fail: Callable[[Failure], None],
        room: Callable[[], int],
        low_water: int,
    ) -> None:
        self._store = store
        self._journal = journal
        self._clock = clock
        self._in_thread = in_thread
        self._on_fail = on_fail
        self._room = room
        self._low_water = low_water
        self._timers: dict[Callable[[], None], Timer] = {}
        self._beating = False
        self._beat_at = 0
        self.read_only = False
        self.full = False
        """There is no room for a login either."""
        self.sure = True
        """False while it is not known whether this master still has the store."""
        self.refused = 0
        self.pauses = 0

    def start(self) -> None:
        """Begin to watch."""
        self._look()
        if self._store.engine.shared:
            self._beat_at = self._clock.monotonic_ns()
            self._beat()

    def stop(self) -> None:
        """End that."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    @property
    def may_change(self) -> bool:
        """Whether anything may be recorded now."""
        return self.sure and not self.read_only and self._journal.waiting_since is None

    def check(self, opcode: int) -> None:
        """Raise `Refused` for a command that cannot be taken now; nothing of it was done."""
        if not self.sure:
            self.refused += 1
            raise Refused(
                Status.SERVER_BUSY,
                "The server was stopped for a while and looks whether another has taken over.",
                retry_after_ms=500,
            )
        full = opcode in OF_LOGINS and self.full
        if full or (opcode in CHANGING and not self.may_change):
            self.refused += 1
            why = "has no room on its disk" if self.read_only else "cannot reach its store"
            goes_on = (
                "nobody can log in or out" if full else "questions are answered, nothing is changed"
            )
            raise Refused(
                Status.READ_ONLY,
                f"The server {why}: until that is over {goes_on}.",
                retry_after_ms=RETRY_AFTER_MS,
            )

    def figures(self) -> list[tuple[str, int]]:
        """Give the counters."""
        return [
            ("store_read_only", int(not self.may_change)),
            ("store_refused", self.refused),
            ("store_pauses", self.pauses),
            ("store_retries", self._journal.retries),
            ("store_reconnected", self._store.reconnected),
            ("store_resolved", self._store.resolved),
            ("store_epoch", self._store.epoch),
        ]

    # --- room ------------------------------------------------------------------------------------

    def _look(self) -> None:
        self._timers[self._look] = self._clock.call_later(LOOK_S, self._look)
        if self._store.engine.shared:
            return
        try:
            room = self._room()
        except OSError as error:
            self.log.error("the room on the disk cannot be told: {error}", error=str(error))
            return
        self.full = room < self._low_water // FOR_LOGINS
        if room < self._low_water and not self.read_only:
            self.read_only = True
            self.pauses += 1
            self.log.critical(
                "{room} octets are free, fewer than store.low_water ({least}): nothing is changed"
                " until there are more; make room",
                room=room,
                least=self._low_water,
            )
        elif room >= self._low_water and self.read_only:
            self.read_only = False
            self.log.info("there is room again: changes are taken")

    # --- signs of life ---------------------------------------------------------------------------

    def _beat(self) -> None:
        self._timers[self._beat] = self._clock.call_later(BEAT_S, self._beat)
        now = self._clock.monotonic_ns()
        if self.sure and now - self._beat_at > SILENT_S * SECOND:
            # This process stood still, or the store did: another may have it by now.
            self.sure = False
            self.log.warn("no sign of life could be given for a while; looking who has the store")
        self.beat_now()

    def beat_now(self) -> None:
        """Give a sign of life, and learn whether another master has taken over."""
        if not self._beating:
            self._beating = True
            self._in_thread(self._store.beat).addCallbacks(self._beaten, self._not_beaten)

    def _beaten(self, _: None) -> None:
        self._beating = False
        self._beat_at = self._clock.monotonic_ns()
        self.sure = True

    def _not_beaten(self, failure: Failure) -> None:
        self._beating = False
        if failure.check(Fenced):
            self._on_fail(failure)
        else:
            # Its server is away: the journal's next commit waits for it, and gives up in time.
            self.log.warn("no sign of life: {why}", why=failure.getErrorMessage())
