"""Contests as records of the journal, and back."""

from __future__ import annotations

from papertrader.core.contests import Contest, ContestRules, Entry
from papertrader.core.events import ContestEnded, ContestJoined, ContestOpened
from papertrader.master.termrecords import terms_block, terms_of
from papertrader.wire import codec
from papertrader.wire import messages as m
from papertrader.wire.derived import Message

ContestEvent = ContestOpened | ContestJoined | ContestEnded


def contest_record(seq: int, event: ContestEvent) -> Message:
    """Return the record of an event that input ``seq`` caused."""
    if isinstance(event, ContestOpened):
        rules = event.rules
        return terms_block(
            m.StoreContest,
            rules.terms,
            seq=seq,
            contest=event.contest,
            account=event.account,
            at=event.at,
            name=rules.name,
            currency=rules.currency,
            cash=rules.cash,
            opens_at=rules.opens_at,
            ends_at=rules.ends_at,
            joins_until=rules.joins_until,
        )
    if isinstance(event, ContestJoined):
        return m.StoreEntry(
            seq=seq,
            contest=event.contest,
            account=event.account,
            portfolio=event.portfolio,
            market_at=event.market_at,
            at=event.at,
        )
    return m.StoreResult(
        seq=seq,
        contest=event.contest,
        market_at=event.market_at,
        at=event.at,
        marks=tuple(m.MarkRow(symbol, price) for symbol, price in event.marks),
        results=tuple(m.ResultRow(portfolio, equity) for portfolio, equity in event.results),
    )


def contest_event(record: Message) -> ContestEvent | None:
    """Return what a record says; None for one that is not of a contest."""
    if isinstance(record, m.StoreContest):
        rules = ContestRules(
            name=record.name,
            currency=record.currency,
            cash=record.cash,
            opens_at=record.opens_at,
            ends_at=record.ends_at,
            joins_until=record.joins_until,
            terms=terms_of(record),
        )
        return ContestOpened(record.contest, record.account, rules, record.at)
    if isinstance(record, m.StoreEntry):
        return ContestJoined(
            record.contest, record.account, record.portfolio, record.market_at, record.at
        )
    if isinstance(record, m.StoreResult):
        marks = tuple((row.symbol, row.price) for row in record.marks)
        results = tuple((row.portfolio, row.equity) for row in record.results)
        return ContestEnded(record.contest, record.market_at, marks, results, record.at)
    return None


def contests_of(stored: list[bytes]) -> list[Contest]:
    """Return the contests that records, in the order of the journal, make."""
    found: dict[int, Contest] = {}
    for octets in stored:
        _, message = codec.decode(octets)
        event = contest_event(message)
        if isinstance(event, ContestOpened):
            found[event.contest] = Contest(event.contest, event.account, event.rules, event.at)
        elif isinstance(event, ContestJoined):
            entry = Entry(event.portfolio, event.account, event.market_at)
            found[event.contest].entries[event.portfolio] = entry
        elif event is not None:
            contest = found[event.contest]
            contest.ended_at, contest.marks = event.market_at, event.marks
            for portfolio, equity in event.results:
                contest.entries[portfolio].equity = equity
    return list(found.values())
