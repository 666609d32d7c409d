"""Contests: requests with their results; see `commands`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import attrs

from papertrader.client.arguments import flag_of, of_kind
from papertrader.client.commands import Amount, Command, whole_number
from papertrader.client.moments import Moment, instant_of
from papertrader.client.results import decimal_of, decimal_or_none, moment_of, units_of
from papertrader.core.contests import ContestState, StandingOrder
from papertrader.core.identifiers import check_name
from papertrader.core.money import NULL
from papertrader.core.terms import DEFAULT_TERMS, PortfolioTerms
from papertrader.wire import messages as m

_TERMS: Final = tuple(
    field.name for field in attrs.fields(PortfolioTerms) if field.name != "assets"
)


@attrs.frozen(kw_only=True)
class ContestInfo:
    """A contest. Times are market time; ``portfolio`` is your own entry, 0 for none.

    ``terms`` are None in a list.
    """

    contest: int
    name: str
    host: str
    currency: str
    state: ContestState | int
    cash: Decimal
    opens_at: datetime | None
    ends_at: datetime | None
    joins_until: datetime | None
    ended_at: datetime | None
    entries: int
    portfolio: int
    terms: PortfolioTerms | None = None


@attrs.frozen(kw_only=True)
class StandingInfo:
    """One place. ``gain`` is the return (0.01 for one percent), ``risk_adjusted`` a Sharpe ratio.

    The latter is None where there is too little to say, and when the ranking is by equity.
    """

    rank: int
    username: str
    portfolio: int
    equity: Decimal
    gain: Decimal
    risk_adjusted: Decimal | None


@attrs.frozen(kw_only=True)
class Standings:
    """Who leads at ``as_of`` (market time); ``ended_at`` is None while that may change."""

    contest: int
    as_of: datetime | None
    ended_at: datetime | None
    rows: tuple[StandingInfo, ...]


def _info(row: m.ContestRow | m.ContestReply, terms: PortfolioTerms | None = None) -> ContestInfo:
    return ContestInfo(
        contest=row.contest,
        name=row.name,
        host=row.host,
        currency=row.currency,
        state=row.state,
        cash=decimal_of(row.cash),
        opens_at=moment_of(row.opens_at),
        ends_at=moment_of(row.ends_at),
        joins_until=moment_of(row.joins_until),
        ended_at=moment_of(row.ended_at),
        entries=row.entries,
        portfolio=row.portfolio,
        terms=terms,
    )


def _read_one(parts: Sequence[m.ContestReply]) -> ContestInfo:
    fields: dict[str, Any] = {name: getattr(parts[0], name) for name in _TERMS}
    assets = tuple(row.symbol for row in parts[0].symbols)
    return _info(parts[0], PortfolioTerms(**fields, assets=assets))


def contest_create(
    name: str,
    ends: Moment,
    opens: Moment,
    joins_until: Moment,
    cash: Amount | None,
    terms: PortfolioTerms | None,
) -> Command[ContestInfo]:
    """Open a contest. One that opens at once can be entered until its end, if nothing else is said.

    Were it as the frame has it, that nobody may come late, nobody could ever enter it.
    """
    chosen = DEFAULT_TERMS if terms is None else of_kind(terms, "terms", PortfolioTerms)
    if joins_until is None and opens is None:
        joins_until = ends
    fields: dict[str, Any] = {each: getattr(chosen, each) for each in _TERMS}
    message = m.ContestCreate(
        name=check_name(name, "contest"),
        cash=NULL if cash is None else units_of(cash, "cash"),
        opens_at=instant_of(opens, "opens"),
        ends_at=instant_of(ends, "ends"),
        joins_until=instant_of(joins_until, "joins_until"),
        **fields,
        symbols=tuple(m.SymbolRow(symbol) for symbol in chosen.assets),
    )
    return Command(message=message, read=_read_one)


def contest(number: int) -> Command[ContestInfo]:
    """Read a contest and its terms."""
    return Command(message=m.ContestGet(contest=whole_number(number, "number")), read=_read_one)


def contest_join(number: int) -> Command[ContestInfo]:
    """Enter a contest."""
    return Command(message=m.ContestJoin(contest=whole_number(number, "number")), read=_read_one)


def contests(after: int, limit: int) -> Command[tuple[ContestInfo, ...]]:
    """Read contests, oldest first."""
    message = m.ContestList(
        after=whole_number(after, "after"), limit=whole_number(limit, "limit", 65_535)
    )

    def read(parts: Sequence[m.ContestListPart]) -> tuple[ContestInfo, ...]:
        return tuple(_info(row) for part in parts for row in part.contests)

    return Command(message=message, read=read)


def contest_standings(number: int, by_risk: bool) -> Command[Standings]:
    """Read who leads."""
    order = StandingOrder.RISK_ADJUSTED if flag_of(by_risk, "by_risk") else StandingOrder.EQUITY
    message = m.ContestStandings(contest=whole_number(number, "number"), order=order)

    def read(parts: Sequence[m.ContestStandingsPart]) -> Standings:
        rows = tuple(
            StandingInfo(
                rank=row.rank,
                username=row.username,
                portfolio=row.portfolio,
                equity=decimal_of(row.equity),
                gain=decimal_of(row.gain),
                risk_adjusted=decimal_or_none(row.risk_adjusted),
            )
            for part in parts
            for row in part.standings
        )
        head = parts[0]
        return Standings(
            contest=head.contest,
            as_of=moment_of(head.as_of),
            ended_at=moment_of(head.ended_at),
            rows=rows,
        )

    return Command(message=message, read=read)


def contest_file(number: int) -> Command[bytes]:
    """Read the file of a contest that has ended."""

    def read(parts: Sequence[m.ContestFilePart]) -> bytes:
        return b"".join(part.octets for part in parts)

    message = m.ContestFile(contest=whole_number(number, "number"))
    return Command(message=message, read=read)
