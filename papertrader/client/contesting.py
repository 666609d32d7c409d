"""What every face can do with contests; each face inherits its own kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from papertrader.client import contest_commands as commands
from papertrader.client.asking import AsyncAsker, BlockingAsker, TwistedAsker
from papertrader.client.commands import Amount
from papertrader.client.moments import Moment
from papertrader.core.terms import PortfolioTerms

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred


class BlockingContests(BlockingAsker):
    """Methods of `Client`."""

    def contest_create(
        self,
        name: str,
        *,
        ends: Moment,
        opens: Moment = None,
        joins_until: Moment = None,
        cash: Amount | None = None,
        terms: PortfolioTerms | None = None,
    ) -> commands.ContestInfo:
        """Open a contest; needs a session of scope HOST or ADMIN. Times are market time.

        Without ``opens`` it runs at once. Without ``joins_until`` it can be entered until it opens,
        and one that opens at once until it ends. ``cash`` is what each entry begins with, ``terms``
        what it trades by. Raises `RefusedError` (SCOPE_DENIED, CONTEST_FORBIDS).
        """
        return self._ask(commands.contest_create(name, ends, opens, joins_until, cash, terms))

    def contest(self, number: int) -> commands.ContestInfo:
        """Read a contest and its terms. Raises `RefusedError` (NO_SUCH_CONTEST)."""
        return self._ask(commands.contest(number))

    def contests(self, *, after: int = 0, limit: int = 0) -> tuple[commands.ContestInfo, ...]:
        """Read contests, oldest first, those numbered above ``after``."""
        return self._ask(commands.contests(after, limit))

    def contest_join(self, number: int) -> commands.ContestInfo:
        """Enter a contest: a portfolio is opened for it, named in the answer.

        Raises `RefusedError` (NO_SUCH_CONTEST, CONTEST_CLOSED, CONTEST_FORBIDS, PORTFOLIO_LIMIT).
        """
        return self._ask(commands.contest_join(number))

    def contest_standings(self, number: int, *, by_risk: bool = False) -> commands.Standings:
        """Read who leads: by equity, or by the risk-adjusted return after all costs."""
        return self._ask(commands.contest_standings(number, by_risk))

    def contest_file(self, number: int) -> bytes:
        """Read the file of a contest that has ended; `papertrader contest verify` checks it.

        Raises `RefusedError` (NO_DATA while it goes on).
        """
        return self._ask(commands.contest_file(number))


class AsyncContests(AsyncAsker):
    """Methods of `AsyncClient`."""

    async def contest_create(
        self,
        name: str,
        *,
        ends: Moment,
        opens: Moment = None,
        joins_until: Moment = None,
        cash: Amount | None = None,
        terms: PortfolioTerms | None = None,
    ) -> commands.ContestInfo:
        """Open a contest; as `Client.contest_create`."""
        return await self._ask(commands.contest_create(name, ends, opens, joins_until, cash, terms))

    async def contest(self, number: int) -> commands.ContestInfo:
        """Read a contest and its terms; as `Client.contest`."""
        return await self._ask(commands.contest(number))

    async def contests(self, *, after: int = 0, limit: int = 0) -> tuple[commands.ContestInfo, ...]:
        """Read contests, oldest first, those numbered above ``after``; as `Client.contests`."""
        return await self._ask(commands.contests(after, limit))

    async def contest_join(self, number: int) -> commands.ContestInfo:
        """Enter a contest; as `Client.contest_join`."""
        return await self._ask(commands.contest_join(number))

    async def contest_standings(self, number: int, *, by_risk: bool = False) -> commands.Standings:
        """Read who leads; as `Client.contest_standings`."""
        return await self._ask(commands.contest_standings(number, by_risk))

    async def contest_file(self, number: int) -> bytes:
        """Read the file of a contest that has ended; as `Client.contest_file`."""
        return await self._ask(commands.contest_file(number))


class TwistedContests(TwistedAsker):
    """Methods of `TwistedClient`."""

    def contest_create(
        self,
        name: str,
        *,
        ends: Moment,
        opens: Moment = None,
        joins_until: Moment = None,
        cash: Amount | None = None,
        terms: PortfolioTerms | None = None,
    ) -> Deferred[commands.ContestInfo]:
        """Open a contest; as `Client.contest_create`."""
        return self._ask(commands.contest_create(name, ends, opens, joins_until, cash, terms))

    def contest(self, number: int) -> Deferred[commands.ContestInfo]:
        """Read a contest and its terms; as `Client.contest`."""
        return self._ask(commands.contest(number))

    def contests(
        self, *, after: int = 0, limit: int = 0
    ) -> Deferred[tuple[commands.ContestInfo, ...]]:
        """Read contests, oldest first, those numbered above ``after``; as `Client.contests`."""
        return self._ask(commands.contests(after, limit))

    def contest_join(self, number: int) -> Deferred[commands.ContestInfo]:
        """Enter a contest; as `Client.contest_join`."""
        return self._ask(commands.contest_join(number))

    def contest_standings(
        self, number: int, *, by_risk: bool = False
    ) -> Deferred[commands.Standings]:
        """Read who leads; as `Client.contest_standings`."""
        return self._ask(commands.contest_standings(number, by_risk))

    def contest_file(self, number: int) -> Deferred[bytes]:
        """Read the file of a contest that has ended; as `Client.contest_file`."""
        return self._ask(commands.contest_file(number))
