"""Deciding again: the journal's inputs given to a desk that knows nothing else.

The desk is pure, so the same inputs must give the same outcomes, to the octet of their records, on
any machine and with any version of Python.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import attrs

from papertrader.core.custody import Holding, Likeness
from papertrader.core.desk import Desk
from papertrader.core.events import (
    ClockSet,
    ContestOpened,
    Event,
    OrderChanged,
    Outcome,
    PortfolioOpened,
    TransactionPosted,
)
from papertrader.core.money import NULL
from papertrader.core.quotes import Quote
from papertrader.core.refusedorders import RefusedOrder
from papertrader.master import inputs, records, wishes
from papertrader.master.contestrecords import contest_event
from papertrader.master.receipts import interval_of
from papertrader.master.refusalrecords import refusal_record
from papertrader.master.termrecords import terms_of
from papertrader.wire import codec
from papertrader.wire import messages as m
from papertrader.wire.derived import Message
from papertrader.wire.kinds import FrameFlag, Opcode


class NotKept(Exception):
    """An input of which the journal, of an older version, does not have all that decided it."""


@attrs.define
class Input:
    """All records of one input sequence number, in their order."""

    seq: int
    records: list[Any]

    def of(self, kind: type[Any]) -> list[Any]:
        """Return the records of one kind."""
        return [record for record in self.records if isinstance(record, kind)]

    @property
    def reply(self) -> m.StoreReply | None:
        """The stored reply, if the input was a command's."""
        found = self.of(m.StoreReply)
        return found[0] if found else None


@attrs.define
class Decided:
    """What a desk made of an input: its events and, for a command, the status of the reply.

    ``refused`` are the receipts of the orders that it refused.
    """

    events: list[Event]
    status: int | None = None
    refused: list[RefusedOrder] = attrs.Factory(list)

    @property
    def clock_turned_back(self) -> bool:
        """Whether assets may not be listed any more, since the market's clock was turned back."""
        return any(isinstance(event, ClockSet) and event.back for event in self.events)


def list_assets(desk: Desk, given: Input) -> None:
    """Let the desk know the assets that the journal tells with this input."""
    for record in given.of(m.StoreAsset):
        desk.list_asset(inputs.asset_of(record))


def decide(desk: Desk, given: Input) -> Decided | None:
    """Decide an input; None for one that is none of the desk's.

    Raises `NotKept` where something is missing, and `ValueError` for a record that no command of
    this version explains.
    """
    list_assets(desk, given)
    seq = given.seq
    for record in given.records:
        if isinstance(record, m.StoreCommand):
            desk.recall([records.quote_of(row) for row in record.quotes])
            outcome = _command(desk, given, record)
            status = 0 if outcome.refusal is None else int(outcome.refusal)
            return Decided(outcome.events, status, outcome.refused)
        if isinstance(record, m.StoreTime):
            # Of very many quotes, or closes, there are several records.
            parts = given.of(m.StoreTime)
            desk.recall([records.quote_of(row) for part in parts for row in part.quotes])
            at, market_at = record.accepted_at, record.market_at
            closings = {row.symbol: interval_of(row) for part in parts for row in part.closings}
            events = desk.advance(seq=seq, at=at, market_at=market_at, closings=closings)
            return Decided(events)
        if isinstance(record, m.StoreAction):
            desk.recall([*_quotes(given), *map(records.quote_of, record.quotes)])
            action = inputs.action_of(record)
            at, late = record.accepted_at, bool(record.late)
            return Decided(desk.act(seq=seq, at=at, action=action, late=late))
    for record in given.of(m.StoreQuote):
        desk.recall([records.quote_of(row) for row in record.quotes])
        interval = interval_of(record.interval[0]) if record.interval else None
        quote = records.quote_of(record)
        return Decided(desk.observe(seq=seq, quote=quote, interval=interval))
    for record in given.of(m.StorePortfolio):
        return Decided(
            desk.open_portfolio(
                seq=seq,
                at=record.accepted_at,
                account=record.account,
                portfolio=record.portfolio,
                currency=record.currency,
                deposit=record.deposit,
                market_at=_market_at(record),
            )
        )
    return None


def _market_at(opened: m.StorePortfolio) -> int:
    return opened.given[0].market_at if opened.given else 0


def _quotes(given: Input) -> list[Quote]:
    return [records.quote_of(record) for record in given.of(m.StoreQuote)]


def _command(desk: Desk, given: Input, record: m.StoreCommand) -> Outcome:
    _, envelope = codec.decode(record.inner)
    if not isinstance(envelope, m.RelayUp):
        raise TypeError("a command's record holds another frame")
    header, message = codec.decode(envelope.inner)
    decision = _COMMANDS.get(type(message))
    if decision is None:
        raise ValueError(f"{Opcode(header.opcode).name} cannot be decided again")
    stamped = wishes.Given(
        seq=record.seq,
        at=record.accepted_at,
        # A stamp from the future, within the clocks' error, counts as the present.
        received_at=min(envelope.received_at, record.accepted_at),
        market_at=record.market_at,
        account=record.account,
        portfolio=record.portfolio,
        expire_at=record.expire_at,
        works_from=record.given[0].works_from if record.given else 0,
    )
    return decision(desk, message, stamped, given)


def _order_new(desk: Desk, message: m.OrderNew, given: wishes.Given, _: Input) -> Outcome:
    return desk.submit(wishes.new_order(message, given))


def _order_replace(desk: Desk, message: m.OrderReplace, given: wishes.Given, _: Input) -> Outcome:
    return desk.replace(wishes.replacement(message, given))


def _order_cancel(desk: Desk, message: m.OrderCancel, given: wishes.Given, _: Input) -> Outcome:
    return desk.cancel(
        seq=given.seq,
        at=given.at,
        account=given.account,
        portfolio=given.portfolio,
        order_id=message.order,
        client_order_id=message.client_order_id,
    )


def _cancel_all(desk: Desk, message: m.OrderCancelAll, given: wishes.Given, _: Input) -> Outcome:
    return desk.cancel_all(
        seq=given.seq,
        at=given.at,
        account=given.account,
        portfolio=given.portfolio,
        symbol=message.symbol,
        side=message.side,
    )


def _close(desk: Desk, message: m.PositionClose, given: wishes.Given, _: Input) -> Outcome:
    return desk.close(
        seq=given.seq,
        at=given.at,
        received_at=given.received_at,
        market_at=given.market_at,
        account=given.account,
        portfolio=given.portfolio,
        client_order_id=message.client_order_id,
        symbol=message.symbol,
    )


def _create(desk: Desk, message: m.PortfolioCreate, given: wishes.Given, whole: Input) -> Outcome:
    opened = whole.of(m.StorePortfolio)
    return desk.create_portfolio(
        seq=given.seq,
        at=given.at,
        account=given.account,
        portfolio=given.portfolio,
        name=message.name,
        currency=opened[0].currency if opened else "USD",
        # What is opened by default has been opened; a refusal never depends on it.
        deposit=opened[0].deposit if opened else max(message.cash, 0),
        market_at=given.market_at,
    )


def _rename(desk: Desk, message: m.PortfolioUpdate, given: wishes.Given, _: Input) -> Outcome:
    return desk.rename_portfolio(
        seq=given.seq,
        at=given.at,
        account=given.account,
        portfolio=given.portfolio,
        name=message.name,
    )


def _reset(desk: Desk, message: m.PortfolioReset, given: wishes.Given, whole: Input) -> Outcome:
    cash = message.cash
    if cash == NULL:
        kept = whole.of(m.StoreCommand)[0].given
        if not kept:
            raise NotKept("the default cash of a season is not kept")
        cash = kept[0].cash
    return desk.reset_portfolio(
        seq=given.seq,
        at=given.at,
        account=given.account,
        portfolio=given.portfolio,
        cash=cash,
        market_at=given.market_at,
    )


def _move_cash(desk: Desk, message: m.PortfolioCash, given: wishes.Given, _: Input) -> Outcome:
    return desk.move_cash(
        seq=given.seq,
        at=given.at,
        account=given.account,
        portfolio=given.portfolio,
        amount=message.amount,
        market_at=given.market_at,
    )


def _set_terms(desk: Desk, message: m.PortfolioTermsSet, given: wishes.Given, _: Input) -> Outcome:
    return desk.set_terms(
        seq=given.seq,
        at=given.at,
        account=given.account,
        portfolio=given.portfolio,
        terms=terms_of(message),
    )


def _fork(desk: Desk, message: m.PortfolioFork, given: wishes.Given, whole: Input) -> Outcome:
    likeness = None
    if message.at:
        # What it was then is the ledger's; what was made of it stands in the outcome.
        opened = whole.of(m.StorePortfolio)
        if not opened:
            raise NotKept("what a portfolio was at a moment, of a fork that was refused")
        posted = [records.fact_of(record) for record in whole.of(m.StoreTransaction)]
        bought = [each.transaction for each in posted if isinstance(each, TransactionPosted)]
        holdings = tuple(Holding(t.symbol, t.quantity, -t.amount) for t in bought if t.symbol)
        likeness = Likeness(opened[0].deposit - sum(each.cost for each in holdings), holdings)
    source = message.portfolio or desk.state.accounts[given.account].portfolios[0]
    return desk.fork_portfolio(
        seq=given.seq,
        at=given.at,
        account=given.account,
        portfolio=source,
        fork=given.portfolio,
        name=message.name,
        likeness=likeness,
        market_at=given.market_at,
    )


def _freeze(desk: Desk, message: m.PortfolioFreeze, given: wishes.Given, _: Input) -> Outcome:
    return desk.freeze_portfolio(
        seq=given.seq,
        at=given.at,
        account=given.account,
        portfolio=given.portfolio,
        frozen=message.frozen,
    )


def _correct(desk: Desk, message: m.PortfolioCorrect, given: wishes.Given, _: Input) -> Outcome:
    return desk.correct(
        seq=given.seq,
        at=given.at,
        portfolio=message.portfolio,
        amount=message.amount,
        reason=message.reason or "",
        market_at=given.market_at,
    )


def _open_contest(
    desk: Desk, message: m.ContestCreate, given: wishes.Given, whole: Input
) -> Outcome:
    told = [contest_event(record) for record in whole.of(m.StoreContest)]
    if not told or not isinstance(told[0], ContestOpened):
        raise NotKept("the number of a contest that was refused")
    return desk.open_contest(
        seq=given.seq,
        at=given.at,
        account=given.account,
        contest=told[0].contest,
        rules=told[0].rules,
        market_at=given.market_at,
    )


def _join_contest(desk: Desk, message: m.ContestJoin, given: wishes.Given, _: Input) -> Outcome:
    return desk.join_contest(
        seq=given.seq,
        at=given.at,
        account=given.account,
        contest=message.contest,
        portfolio=given.portfolio,
        market_at=given.market_at,
    )


def _set_clock(desk: Desk, _message: m.ClockSet, given: wishes.Given, whole: Input) -> Outcome:
    # What the clock makes of the wish is the clock's doing; the desk is told the result.
    told = [records.clock_of(record) for record in whole.of(m.StoreClock)]
    if not told:
        raise NotKept("a setting of the clock that was refused")
    setting: ClockSet = attrs.evolve(told[0], epoch=0)
    return desk.set_clock(seq=given.seq, setting=setting)


_Decision = Callable[[Desk, Any, wishes.Given, Input], Outcome]
_COMMANDS: Final[Mapping[type[Message], _Decision]] = MappingProxyType(
    {
        m.OrderNew: _order_new,
        m.OrderReplace: _order_replace,
        m.OrderCancel: _order_cancel,
        m.OrderCancelAll: _cancel_all,
        m.PositionClose: _close,
        m.PortfolioCreate: _create,
        m.PortfolioUpdate: _rename,
        m.PortfolioReset: _reset,
        m.PortfolioCash: _move_cash,
        m.PortfolioTermsSet: _set_terms,
        m.ClockSet: _set_clock,
        m.PortfolioFork: _fork,
        m.PortfolioFreeze: _freeze,
        m.PortfolioCorrect: _correct,
        m.ContestCreate: _open_contest,
        m.ContestJoin: _join_contest,
    }
)
"""Every command whose record the desk has decided."""


def outcomes_of(given: Input) -> list[Any]:
    """Return the records of what an input caused, without its stored reply."""
    return [
        record
        for record in given.records
        if not isinstance(record, m.StoreReply) and records.fact_of(record) is not None
    ]


def record_of(seq: int, event: Event, deposit: int = 0, market_at: int = 0) -> bytes:
    """Return the record that the journal has of an event."""
    if isinstance(event, PortfolioOpened):
        return records.portfolio_record(seq, event, deposit, market_at)
    push = b""
    if isinstance(event, OrderChanged | TransactionPosted):
        push = records.push_frame(event)
    return records.event_record(seq, event, push)


def difference(given: Input, decided: Decided) -> str:
    """Return in a sentence how what was decided now differs from the journal, "" if not."""
    told = outcomes_of(given)
    if len(told) != len(decided.events):
        return f"{len(told)} outcomes are kept, and {len(decided.events)} were decided now"
    for number, (record, event) in enumerate(zip(told, decided.events, strict=True), 1):
        opened = record if isinstance(record, m.StorePortfolio) else None
        now = record_of(
            given.seq,
            event,
            opened.deposit if opened else 0,
            _market_at(opened) if opened else 0,
        )
        kept = codec.encode(record, flags=int(FrameFlag.CHECKSUM))
        # An older version wrote less of the same fact: what it means is compared then.
        if now != kept and records.fact_of(record) != event:
            return f"outcome {number}, {type(record).__name__}, is another one now"
    found = _refusal_difference(given, decided.refused)
    if found:
        return found
    return _status_difference(given.reply, decided.status)


def _refusal_difference(given: Input, refused: Sequence[RefusedOrder]) -> str:
    """Compare receipts of refused orders to the octet."""
    kept = given.of(m.StoreRefusal)
    if len(kept) != len(refused):
        return f"{len(kept)} receipts of refused orders are kept, and {len(refused)} are made now"
    for record, each in zip(kept, refused, strict=True):
        if codec.encode(record, flags=int(FrameFlag.CHECKSUM)) != refusal_record(given.seq, each):
            name = each.client_order_id
            return f"the receipt of the refused order {name} is another one now"
    return ""


def _status_difference(reply: m.StoreReply | None, status: int | None) -> str:
    if reply is None or status is None:
        return ""
    kept = codec.parse_header(reply.inner).status
    return f"its reply had status {kept:#06x}, and has {status:#06x} now" if kept != status else ""


def grouped(found: Sequence[Any]) -> list[Input]:
    """Put the records of a batch together by their input's number, in order."""
    groups: list[Input] = []
    for record in found:
        seq = records.seq_of(record)
        if not groups or groups[-1].seq != seq:
            groups.append(Input(seq, []))
        groups[-1].records.append(record)
    return groups
