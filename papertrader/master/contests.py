"""Contests at the master: opened by hosts, joined by traders, ranked, and written to a file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from papertrader.core.contestfile import FILE_MAX, Account, curve_of, risk_adjusted, write
from papertrader.core.contests import (
    Contest,
    ContestRules,
    ContestState,
    Standing,
    StandingOrder,
    ranked,
)
from papertrader.core.equity import Fold
from papertrader.core.events import Outcome
from papertrader.core.instants import MINUTE
from papertrader.core.money import NULL
from papertrader.core.refusals import Refusal
from papertrader.master.accounts import AccountBook, AccountRules
from papertrader.master.commands import Command, Refused
from papertrader.master.equity import EquityCurves
from papertrader.master.holdings import page_end, parts, rows_limit
from papertrader.master.sessions import Session
from papertrader.master.termrecords import terms_block, terms_of
from papertrader.master.transactions import Transactions
from papertrader.wire import codec, limits
from papertrader.wire import messages as m
from papertrader.wire.derived import Message
from papertrader.wire.kinds import Status, Tag

STANDINGS_KEPT: Final = 64
"""Contests whose risk-adjusted standings are remembered; the one asked for longest ago goes."""
STANDINGS_AGE: Final = MINUTE
"""For so long (the master's clock) risk-adjusted standings of a running contest are not counted
again."""
RowT = TypeVar("RowT", m.ContestRow, m.ContestReply)


class Contests:
    """The module (see above)."""

    def __init__(
        self,
        transactions: Transactions,
        curves: EquityCurves,
        book: AccountBook,
        rules: AccountRules,
        may_host: Callable[[Session], bool],
    ) -> None:
        self._transactions = transactions
        self._desk = transactions.desk
        self._curves = curves
        self._book = book
        self._rules = rules
        self._may_host = may_host
        self._counted: dict[int, tuple[int, int, dict[int, int]]] = {}
        """At most STANDINGS_KEPT: contest -> (when; the contest's end, 0 if it went on then; the
        risk-adjusted return of each entry)."""
        self._counting: set[int] = set()

    def create(self, command: Command, session: Session, message: m.ContestCreate) -> bytes:
        """Answer CONTEST_CREATE: the contest that was opened."""
        if not self._may_host(session):
            raise Refused(Status.SCOPE_DENIED, "Only sessions of scope HOST or ADMIN may do this.")
        cash = self._rules.starting_cash if message.cash == NULL else message.cash
        number = max(self._desk.state.contests, default=0) + 1

        def decide(seq: int) -> Outcome:
            return self._desk.open_contest(
                seq=seq,
                at=command.accepted_at,
                account=session.account,
                contest=number,
                rules=rules_of(message, self._rules.currency, cash, self._transactions.input_at),
                market_at=self._transactions.input_at,
            )

        try:
            rules_of(message, self._rules.currency, cash, self._transactions.market_now())
        except ValueError as error:
            raise Refused(Status.INVALID_FIELD, f"{error}.".capitalize(), field=0) from None
        shown = self._shown(session, number)
        return self._transactions.decide(command, session, 0, decide, shown, cash=cash)

    def join(self, command: Command, session: Session, message: m.ContestJoin) -> bytes:
        """Answer CONTEST_JOIN: the contest, with the asker's portfolio in it."""
        number = max(self._desk.state.portfolios, default=0) + 1
        contest = self._desk.state.contests.get(message.contest)
        cash = contest.rules.cash if contest is not None else 0

        def decide(seq: int) -> Outcome:
            return self._desk.join_contest(
                seq=seq,
                at=command.accepted_at,
                account=session.account,
                contest=message.contest,
                portfolio=number,
                market_at=self._transactions.input_at,
            )

        shown = self._shown(session, message.contest)
        return self._transactions.decide(command, session, number, decide, shown, deposit=cash)

    def get(self, command: Command, session: Session, message: m.ContestGet) -> bytes:
        """Answer CONTEST_GET."""
        shown = self._reply(session, self._contest(message.contest))
        head = command.header
        return codec.encode(
            shown, session=session.handle, correlation=head.correlation, opcode=head.opcode
        )

    def listing(self, command: Command, session: Session, message: m.ContestList) -> list[bytes]:
        """Answer CONTEST_LIST, oldest first."""
        limit = rows_limit(message.limit)
        numbers = [n for n in self._desk.state.contests if n > message.after][:limit]
        contests = self._desk.state.contests
        rows = [m.ContestRow(**self._fields(session, contests[n])).pack() for n in numbers]
        head = m.ContestListPart(as_of=command.accepted_at, next_after=page_end(numbers, limit))
        return parts(command, session, Tag.CONTESTS, m.ContestRow.SIZE, rows, head)

    async def standings(
        self, command: Command, session: Session, message: m.ContestStandings
    ) -> list[bytes]:
        """Answer CONTEST_STANDINGS: provisional while it runs, the result afterwards."""
        contest = self._contest(message.contest)
        by_risk = message.order == StandingOrder.RISK_ADJUSTED
        risks: dict[int, int] = {}
        if by_risk:
            risks = await self._risks(contest, command.accepted_at)
        rows = [
            m.StandingRow(
                rank=each.rank,
                portfolio=each.portfolio,
                username=self._username(each.account),
                equity=each.equity,
                gain=each.gain,
                risk_adjusted=each.risk_adjusted,
            ).pack()
            for each in self._ranked(contest, risks, by_risk=by_risk)
        ]
        head = m.ContestStandingsPart(
            contest=contest.contest,
            as_of=self._transactions.market_now(),
            ended_at=contest.ended_at,
        )
        return parts(command, session, Tag.STANDINGS, m.StandingRow.SIZE, rows, head)

    async def file(self, command: Command, session: Session, message: m.ContestFile) -> list[bytes]:
        """Answer CONTEST_FILE: the file of a contest that has ended, in parts."""
        contest = self._contest(message.contest)
        if not contest.ended_at:
            raise Refused(
                Status.NO_DATA, f"Contest {contest.contest} goes on; its file comes at its end."
            )
        if not contest.entries:
            raise Refused(Status.NO_DATA, f"Nobody entered contest {contest.contest}.")
        accounts, prices = await self._counted_by(contest)
        marks = dict(contest.marks)
        risks = {
            each.entry.portfolio: risk_adjusted(
                curve_of(each.transactions, prices, contest.ended_at, marks)
            )
            for each in accounts
        }
        octets = write(contest, accounts, prices, self._ranked(contest, risks))
        if len(octets) > FILE_MAX:
            raise Refused(Status.RANGE_TOO_LARGE, f"The file has more than {FILE_MAX} octets.")
        return self._file_parts(command, session, contest.contest, octets)

    # --- what is shown ---------------------------------------------------------------------------

    def _contest(self, number: int) -> Contest:
        contest = self._desk.state.contests.get(number)
        if contest is None:
            raise Refused(
                Refusal.NO_SUCH_CONTEST,
                f"There is no contest {number}; ask for the list of contests.",
            )
        return contest

    def _shown(self, session: Session, number: int) -> Callable[[Outcome], Message]:
        def shown(_outcome: Outcome) -> Message:
            return self._reply(session, self._desk.state.contests[number])

        return shown

    def _reply(self, session: Session, contest: Contest) -> m.ContestReply:
        fields = self._fields(session, contest)
        return terms_block(m.ContestReply, contest.rules.terms, **fields)

    def _fields(self, session: Session, contest: Contest) -> dict[str, Any]:
        rules, now = contest.rules, self._transactions.market_now()
        state = ContestState.RUNNING if contest.is_running(now) else ContestState.ANNOUNCED
        entry = contest.entry_of(session.account)
        return {
            "contest": contest.contest,
            "name": rules.name,
            "host": self._username(contest.host),
            "currency": rules.currency,
            "state": ContestState.ENDED if contest.ended_at or now >= rules.ends_at else state,
            "cash": rules.cash,
            "opens_at": rules.opens_at,
            "ends_at": rules.ends_at,
            "joins_until": rules.joins_until,
            "ended_at": contest.ended_at,
            "entries": len(contest.entries),
            "portfolio": entry.portfolio if entry is not None else 0,
        }

    def _username(self, account: int) -> str:
        return self._book.get(account).username

    def _ranked(
        self, contest: Contest, risks: dict[int, int], *, by_risk: bool = False
    ) -> list[Standing]:
        equities = [
            (entry.portfolio, self._equity(entry.portfolio, entry.equity), risks.get(number, NULL))
            for number, entry in contest.entries.items()
        ]
        return ranked(contest, equities, by_risk=by_risk)

    def _equity(self, portfolio: int, final: int) -> int:
        if final != NULL:
            return final
        return self._transactions.equity_at_last(portfolio)

    async def _risks(self, contest: Contest, now: int) -> dict[int, int]:
        """Return the risk-adjusted return of each entry, counted anew at most once a minute."""
        ended = contest.ended_at
        at, upto, known = self._counted.get(contest.contest, (0, NULL, {}))
        # What was counted while it went on is not how it ended.
        if upto == ended and (ended or now < at + STANDINGS_AGE):
            return known
        if contest.contest in self._counting:
            raise Refused(
                Status.SERVER_BUSY, "These standings are being counted.", retry_after_ms=1_000
            )
        self._counting.add(contest.contest)
        try:
            found = await self._count(contest)
        finally:
            self._counting.discard(contest.contest)
        self._counted.pop(contest.contest, None)
        self._counted[contest.contest] = (now, ended, found)
        while len(self._counted) > STANDINGS_KEPT:
            del self._counted[next(iter(self._counted))]
        return found

    async def _count(self, contest: Contest) -> dict[int, int]:
        if contest.ended_at:
            accounts, prices = await self._counted_by(contest)
            marks, end = dict(contest.marks), contest.ended_at
            return {
                each.entry.portfolio: risk_adjusted(curve_of(each.transactions, prices, end, marks))
                for each in accounts
            }
        return {
            entry.portfolio: risk_adjusted(
                await self._curves.points(entry.account, entry.portfolio, _DAY_S)
            )
            for entry in list(contest.entries.values())
        }

    async def _counted_by(
        self, contest: Contest
    ) -> tuple[list[Account], dict[int, dict[str, int]]]:
        """Return the entries with their transactions, and the prices that they are valued at."""
        end = contest.ended_at
        accounts: list[Account] = []
        for entry in contest.entries.values():
            posted = await self._curves.posted(entry.account, entry.portfolio)
            within = [each for each in posted if each.market_time <= end]
            accounts.append(Account(entry, self._username(entry.account), within))
        first = min(each.transactions[0].market_time for each in accounts)
        ends = [at for at in self._curves.ends(first, end) if at < end]
        held: dict[int, set[str]] = {at: set() for at in ends}
        for account in accounts:
            fold = Fold(ends)
            fold.take(account.transactions)
            for each in fold.finish(end):
                if each.at in held:
                    held[each.at].update(each.quantities)
        closes = self._curves.closes(end)
        await closes.read(sorted(set().union(*held.values())), first)
        prices: dict[int, dict[str, int]] = {}
        for at, symbols in held.items():
            known = {symbol: closes.price(symbol, at) for symbol in sorted(symbols)}
            prices[at] = {symbol: price for symbol, price in known.items() if price != NULL}
        return accounts, prices

    @staticmethod
    def _file_parts(command: Command, session: Session, contest: int, octets: bytes) -> list[bytes]:
        room = limits.PART_BODY_MAX - m.ContestFilePart.SIZE - codec.SECTION.size
        chunks = [octets[at : at + room] for at in range(0, len(octets), room)]
        return [
            codec.encode(
                m.ContestFilePart(
                    part=number,
                    parts=len(chunks),
                    rows=1,
                    total_rows=len(chunks),
                    contest=contest,
                    size=len(octets),
                    octets=chunk,
                ),
                flags=codec.MORE if number < len(chunks) else 0,
                session=session.handle,
                correlation=command.header.correlation,
            )
            for number, chunk in enumerate(chunks, 1)
        ]


_DAY_S: Final = 86_400


def rules_of(message: m.ContestCreate, currency: str, cash: int, now: int) -> ContestRules:
    """Return the rules that a host wishes for; raises `ValueError` for what contradicts itself."""
    opens_at = message.opens_at or now
    return ContestRules(
        name=message.name,
        currency=currency,
        cash=cash,
        opens_at=opens_at,
        ends_at=message.ends_at,
        joins_until=message.joins_until or opens_at,
        terms=terms_of(message),
    )
