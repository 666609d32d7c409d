"""Leaks by time: a wrong password must take as long for a user that exists as for none."""

from __future__ import annotations

from typing import Final

from papertrader.fuzz.observe import MARK, SECRET_OWNER, Breach
from papertrader.fuzz.world import SetupError, World
from papertrader.wire import messages as m
from papertrader.wire.kinds import Mechanism, Status

EVERY_S: Final = 16.0
"""Between two tries: always fewer than are counted against an address or a user."""
SAMPLES_MIN: Final = 6
"""Tries of each kind before they say anything."""
SAMPLES_MAX: Final = 256
DIFFERENCE: Final = 0.4
"""How much of the longer time the two kinds may differ by, and ..."""
DIFFERENCE_S: Final = 0.015
"""... how many seconds they must differ by at least to be noticed from afar."""


class LoginTiming:
    """Tries to log in with a wrong password, to a user that exists and to one that does not."""

    def __init__(self, world: World, number: int = 3) -> None:
        self.times: dict[bool, list[float]] = {True: [], False: []}
        self.breaches: list[Breach] = []
        self._world = world
        self._number = number
        self._next = 0.0
        self._known = False

    def tend(self) -> None:
        """Make a try if one is due."""
        now = self._world.target.now()
        if now < self._next:
            return
        self._next = now + EVERY_S
        self._known = not self._known
        try:
            self._try(self._known)
        except SetupError:
            return  # It was not answered; other oracles tell.

    def _try(self, known: bool) -> None:
        world = self._world
        account = world.account(self._number)
        name = account.username if known else f"no{account.username[2:]}"[:24]
        channel = world.open_plain()
        began = world.target.now()
        reply = world.ask(
            channel,
            m.Login(
                username=name, password=f"{MARK.decode()}{SECRET_OWNER}-wrong-password",
                mechanism=Mechanism.PASSWORD,
            ),
        )  # fmt: skip
        took = world.target.now() - began
        status = reply.header.status
        world.goodbye(channel)
        if status == Status.AUTH_FAILED:
            self.times[known].append(took)
            del self.times[known][:-SAMPLES_MAX]
        elif status == Status.OK:
            self.breaches.append(Breach("leak", "a wrong password was taken"))

    def judge(self) -> list[Breach]:
        """Return what the times tell."""
        return self.breaches + compared(self.times[True], self.times[False])


def compared(known: list[float], unknown: list[float]) -> list[Breach]:
    """Compare the quick quarter of both: waiting only adds, so it tells the work that was done."""
    if min(len(known), len(unknown)) < SAMPLES_MIN:
        return []
    first, second = (sorted(each)[len(each) // 4] for each in (known, unknown))
    apart = abs(first - second)
    if apart <= max(DIFFERENCE_S, DIFFERENCE * max(first, second)):
        return []
    text = f"a wrong password takes {first * 1000:.0f} ms for a user that exists"
    return [Breach("leak", f"{text}, {second * 1000:.0f} ms for one that does not")]
