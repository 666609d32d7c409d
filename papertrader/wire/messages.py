"""One slots class for each message and row, with the code derived from its declaration.

Written by ``python -m papertrader.wire.generate`` from ``papertrader.wire.schema``; not edited.
"""

# ruff: noqa
from __future__ import annotations

import struct
from typing import ClassVar, Final

import attrs

from papertrader.core.alerts import AlertCondition, AlertState
from papertrader.core.contests import ContestState, StandingOrder
from papertrader.core.fills import LimitingRule
from papertrader.core.ledger import LedgerKind
from papertrader.core.logrecord import Level
from papertrader.core.marketclock import ClockMode
from papertrader.core.orders import LegRole, OrderEventKind, OrderState, OrderType, Side, SideFilter, TimeInForce, TrailKind, TriggerSource
from papertrader.core.quotes import ActionKind, AssetKind, AssetStatus, QuoteProvider
from papertrader.core.refusals import FigureUnit
from papertrader.core.terms import AccountKind, FeeModelKind, FillModelKind
from papertrader.core.money import NULL
from papertrader.wire.derived import (
    BOOL as _BOOL,
    BAD as _BAD,
    Message,
    Row,
    SectionSpec,
    ascii_get as _ascii_get,
    ascii_of as _ascii,
    blame,
    ccy_of as _ccy,
    masked as _masked,
    packed as _packed,
    packed_get as _packed_get,
    sized as _sized,
)
from papertrader.wire.errors import LocalFault
from papertrader.wire.kinds import AccountAction, AccountRole, AccountStatus, Adjustment, AuthorityPhase, AuthorityStep, BootMode, ClosedBy, Direction, DrainMode, Family, MarketState, Mechanism, Role, Scope, TlsVersion, TopicKind, TxKind, WorkerState

_ACCOUNTACTION: Final[dict[int, AccountAction]] = {int(m): m for m in AccountAction}
_ACCOUNTKIND: Final[dict[int, AccountKind]] = {int(m): m for m in AccountKind}
_ACCOUNTROLE: Final[dict[int, AccountRole]] = {int(m): m for m in AccountRole}
_ACCOUNTSTATUS: Final[dict[int, AccountStatus]] = {int(m): m for m in AccountStatus}
_ACTIONKIND: Final[dict[int, ActionKind]] = {int(m): m for m in ActionKind}
_ADJUSTMENT: Final[dict[int, Adjustment]] = {int(m): m for m in Adjustment}
_ALERTCONDITION: Final[dict[int, AlertCondition]] = {int(m): m for m in AlertCondition}
_ALERTSTATE: Final[dict[int, AlertState]] = {int(m): m for m in AlertState}
_ASSETKIND: Final[dict[int, AssetKind]] = {int(m): m for m in AssetKind}
_ASSETSTATUS: Final[dict[int, AssetStatus]] = {int(m): m for m in AssetStatus}
_AUTHORITYPHASE: Final[dict[int, AuthorityPhase]] = {int(m): m for m in AuthorityPhase}
_AUTHORITYSTEP: Final[dict[int, AuthorityStep]] = {int(m): m for m in AuthorityStep}
_BOOTMODE: Final[dict[int, BootMode]] = {int(m): m for m in BootMode}
_CLOCKMODE: Final[dict[int, ClockMode]] = {int(m): m for m in ClockMode}
_CLOSEDBY: Final[dict[int, ClosedBy]] = {int(m): m for m in ClosedBy}
_CONTESTSTATE: Final[dict[int, ContestState]] = {int(m): m for m in ContestState}
_DIRECTION: Final[dict[int, Direction]] = {int(m): m for m in Direction}
_DRAINMODE: Final[dict[int, DrainMode]] = {int(m): m for m in DrainMode}
_FAMILY: Final[dict[int, Family]] = {int(m): m for m in Family}
_FEEMODELKIND: Final[dict[int, FeeModelKind]] = {int(m): m for m in FeeModelKind}
_FIGUREUNIT: Final[dict[int, FigureUnit]] = {int(m): m for m in FigureUnit}
_FILLMODELKIND: Final[dict[int, FillModelKind]] = {int(m): m for m in FillModelKind}
_LEDGERKIND: Final[dict[int, LedgerKind]] = {int(m): m for m in LedgerKind}
_LEGROLE: Final[dict[int, LegRole]] = {int(m): m for m in LegRole}
_LEVEL: Final[dict[int, Level]] = {int(m): m for m in Level}
_LIMITINGRULE: Final[dict[int, LimitingRule]] = {int(m): m for m in LimitingRule}
_MARKETSTATE: Final[dict[int, MarketState]] = {int(m): m for m in MarketState}
_MECHANISM: Final[dict[int, Mechanism]] = {int(m): m for m in Mechanism}
_ORDEREVENTKIND: Final[dict[int, OrderEventKind]] = {int(m): m for m in OrderEventKind}
_ORDERSTATE: Final[dict[int, OrderState]] = {int(m): m for m in OrderState}
_ORDERTYPE: Final[dict[int, OrderType]] = {int(m): m for m in OrderType}
_QUOTEPROVIDER: Final[dict[int, QuoteProvider]] = {int(m): m for m in QuoteProvider}
_ROLE: Final[dict[int, Role]] = {int(m): m for m in Role}
_SCOPE: Final[dict[int, Scope]] = {int(m): m for m in Scope}
_SIDE: Final[dict[int, Side]] = {int(m): m for m in Side}
_SIDEFILTER: Final[dict[int, SideFilter]] = {int(m): m for m in SideFilter}
_STANDINGORDER: Final[dict[int, StandingOrder]] = {int(m): m for m in StandingOrder}
_TIMEINFORCE: Final[dict[int, TimeInForce]] = {int(m): m for m in TimeInForce}
_TLSVERSION: Final[dict[int, TlsVersion]] = {int(m): m for m in TlsVersion}
_TOPICKIND: Final[dict[int, TopicKind]] = {int(m): m for m in TopicKind}
_TRAILKIND: Final[dict[int, TrailKind]] = {int(m): m for m in TrailKind}
_TRIGGERSOURCE: Final[dict[int, TriggerSource]] = {int(m): m for m in TriggerSource}
_TXKIND: Final[dict[int, TxKind]] = {int(m): m for m in TxKind}
_WORKERSTATE: Final[dict[int, WorkerState]] = {int(m): m for m in WorkerState}


@attrs.define(slots=True, eq=True)
class SessionRow(Row):
    """A session, without its token."""

    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QQQQ16s24sQQQBBBB4s')
    SIZE: ClassVar[int] = 104

    session_id: int = 0
    created_at: int = 0
    last_seen_at: int = 0
    expires_at: int = 0
    address: bytes = bytes(16)
    device: bytes = bytes(24)
    worker: int = 0
    parent: int = 0
    key: int = 0
    scope: int = Scope.READ
    online: bool = False
    current: bool = False
    remember: bool = False

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> SessionRow:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (session_id, created_at, last_seen_at, expires_at, address, device, worker, parent, key, scope, online, current, remember, _zero13,) = _unpack_SessionRow(octets, offset)
            if _zero13 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls(session_id, created_at, last_seen_at, expires_at, address, device, worker, parent, key, _SCOPE.get(scope, scope), _BOOL[online], _BOOL[current], _BOOL[remember])
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_SessionRow(self.session_id, self.created_at, self.last_seen_at, self.expires_at, _sized(self.address, 16), _sized(self.device, 24), self.worker, self.parent, self.key, self.scope, 1 if self.online else 0, 1 if self.current else 0, 1 if self.remember else 0, b'\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"SessionRow: {error}") from None


_unpack_SessionRow = SessionRow.LAYOUT.unpack_from
_pack_SessionRow = SessionRow.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class ApiKeyRow(Row):
    """A key, without its secret."""

    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QQQQB3sL64s')
    SIZE: ClassVar[int] = 104

    key: int = 0
    created_at: int = 0
    last_used_at: int = 0
    expires_at: int = 0
    scope: int = Scope.READ
    sessions: int = 0
    label: bytes = bytes(64)

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> ApiKeyRow:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (key, created_at, last_used_at, expires_at, scope, _zero5, sessions, label,) = _unpack_ApiKeyRow(octets, offset)
            if _zero5 != b'\x00\x00\x00':
                raise ValueError
            return cls(key, created_at, last_used_at, expires_at, _SCOPE.get(scope, scope), sessions, label)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_ApiKeyRow(self.key, self.created_at, self.last_used_at, self.expires_at, self.scope, b'\x00\x00\x00', self.sessions, _sized(self.label, 64))
        except _BAD as error:
            raise LocalFault(f"ApiKeyRow: {error}") from None


_unpack_ApiKeyRow = ApiKeyRow.LAYOUT.unpack_from
_pack_ApiKeyRow = ApiKeyRow.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class InvitationRow(Row):
    """An invitation, without its code."""

    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QQQQB7s')
    SIZE: ClassVar[int] = 40

    invitation_id: int = 0
    created_at: int = 0
    expires_at: int = 0
    created_by: int = 0
    role: int = AccountRole.TRADER

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> InvitationRow:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (invitation_id, created_at, expires_at, created_by, role, _zero5,) = _unpack_InvitationRow(octets, offset)
            if _zero5 != b'\x00\x00\x00\x00\x00\x00\x00':
                raise ValueError
            return cls(invitation_id, created_at, expires_at, created_by, _ACCOUNTROLE.get(role, role))
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_InvitationRow(self.invitation_id, self.created_at, self.expires_at, self.created_by, self.role, b'\x00\x00\x00\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"InvitationRow: {error}") from None


_unpack_InvitationRow = InvitationRow.LAYOUT.unpack_from
_pack_InvitationRow = InvitationRow.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class AccountRow(Row):
    """An account, as its operator sees it. No e-mail address, no password hash."""

    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>Q24sQQLHBBB7s')
    SIZE: ClassVar[int] = 64

    account: int = 0
    username: str = ""
    created_at: int = 0
    last_login_at: int = 0
    failed_tries: int = 0
    sessions: int = 0
    status: int = AccountStatus.ACTIVE
    role: int = AccountRole.TRADER
    has_totp: bool = False

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> AccountRow:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (account, username, created_at, last_login_at, failed_tries, sessions, status, role, has_totp, _zero9,) = _unpack_AccountRow(octets, offset)
            if _zero9 != b'\x00\x00\x00\x00\x00\x00\x00':
                raise ValueError
            return cls(account, _ascii_get(username) or _ascii(username), created_at, last_login_at, failed_tries, sessions, _ACCOUNTSTATUS.get(status, status), _ACCOUNTROLE.get(role, role), _BOOL[has_totp])
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_AccountRow(self.account, _packed_get((self.username, 24)) or _packed(self.username, 24), self.created_at, self.last_login_at, self.failed_tries, self.sessions, self.status, self.role, 1 if self.has_totp else 0, b'\x00\x00\x00\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"AccountRow: {error}") from None


_unpack_AccountRow = AccountRow.LAYOUT.unpack_from
_pack_AccountRow = AccountRow.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class OrderRow(Row):
    """An order as it stands."""

    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QQQQ16sBBBBB1sHqqqqqqqqQQQQLLQ')
    SIZE: ClassVar[int] = 168

    order: int = 0
    client_order_id: int = 0
    account: int = 0
    portfolio: int = 0
    symbol: str = ""
    side: int = Side.BUY
    order_type: int = OrderType.MARKET
    time_in_force: int = TimeInForce.DAY
    flags: int = 0
    state: int = OrderState.PENDING
    reason: int = 0
    quantity: int = 0
    filled: int = 0
    limit_price: int = NULL
    stop_price: int = NULL
    average_price: int = NULL
    collar_price: int = NULL
    reserved_cash: int = 0
    fees: int = 0
    received_at: int = 0
    accepted_at: int = 0
    updated_at: int = 0
    expire_at: int = 0
    version: int = 0
    fills: int = 0
    replaces: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> OrderRow:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (order, client_order_id, account, portfolio, symbol, side, order_type, time_in_force, flags, state, _zero10, reason, quantity, filled, limit_price, stop_price, average_price, collar_price, reserved_cash, fees, received_at, accepted_at, updated_at, expire_at, version, fills, replaces,) = _unpack_OrderRow(octets, offset)
            if _zero10 != b'\x00':
                raise ValueError
            return cls(order, client_order_id, account, portfolio, _ascii_get(symbol) or _ascii(symbol), _SIDE.get(side, side), _ORDERTYPE.get(order_type, order_type), _TIMEINFORCE.get(time_in_force, time_in_force), flags, _ORDERSTATE.get(state, state), reason, quantity, filled, limit_price, stop_price, average_price, collar_price, reserved_cash, fees, received_at, accepted_at, updated_at, expire_at, version, fills, replaces)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_OrderRow(self.order, self.client_order_id, self.account, self.portfolio, _packed_get((self.symbol, 16)) or _packed(self.symbol, 16), self.side, self.order_type, self.time_in_force, self.flags, self.state, b'\x00', self.reason, self.quantity, self.filled, self.limit_price, self.stop_price, self.average_price, self.collar_price, self.reserved_cash, self.fees, self.received_at, self.accepted_at, self.updated_at, self.expire_at, self.version, self.fills, self.replaces)
        except _BAD as error:
            raise LocalFault(f"OrderRow: {error}") from None


_unpack_OrderRow = OrderRow.LAYOUT.unpack_from
_pack_OrderRow = OrderRow.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class OrderTermsRow(Row):
    """What an order has beyond a plain market or limit order; left out for a plain one."""

    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QBBBB4sqqqQQQQQQ')
    SIZE: ClassVar[int] = 88

    order: int = 0
    trail_kind: int = TrailKind.NONE
    source: int = TriggerSource.DEFAULT
    role: int = LegRole.NONE
    shares: bool = False
    currency: str = ""
    trail: int = NULL
    mark: int = NULL
    notional: int = 0
    parent: int = 0
    pair: int = 0
    works_from: int = 0
    active_at: int = 0
    triggered_at: int = 0
    marked_at: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> OrderTermsRow:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (order, trail_kind, source, role, shares, currency, trail, mark, notional, parent, pair, works_from, active_at, triggered_at, marked_at,) = _unpack_OrderTermsRow(octets, offset)
            return cls(order, _TRAILKIND.get(trail_kind, trail_kind), _TRIGGERSOURCE.get(source, source), _LEGROLE.get(role, role), _BOOL[shares], _ccy(currency), trail, mark, notional, parent, pair, works_from, active_at, triggered_at, marked_at)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_OrderTermsRow(self.order, self.trail_kind, self.source, self.role, 1 if self.shares else 0, _packed_get((self.currency, 4)) or _packed(self.currency, 4), self.trail, self.mark, self.notional, self.parent, self.pair, self.works_from, self.active_at, self.triggered_at, self.marked_at)
        except _BAD as error:
            raise LocalFault(f"OrderTermsRow: {error}") from None


_unpack_OrderTermsRow = OrderTermsRow.LAYOUT.unpack_from
_pack_OrderTermsRow = OrderTermsRow.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class OrderTagRow(Row):
    """What its trader has written on an order; left out for one without it."""

    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>Q128s')
    SIZE: ClassVar[int] = 136

    order: int = 0
    tag: bytes = bytes(128)

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> OrderTagRow:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (order, tag,) = _unpack_OrderTagRow(octets, offset)
            return cls(order, tag)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_OrderTagRow(self.order, _sized(self.tag, 128))
        except _BAD as error:
            raise LocalFault(f"OrderTagRow: {error}") from None


_unpack_OrderTagRow = OrderTagRow.LAYOUT.unpack_from
_pack_OrderTagRow = OrderTagRow.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class TriggerRow(Row):
    """How a stop is triggered."""

    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>BB6sq')
    SIZE: ClassVar[int] = 16

    trail_kind: TrailKind = TrailKind.NONE
    source: TriggerSource = TriggerSource.DEFAULT
    trail: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> TriggerRow:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (trail_kind, source, _zero2, trail,) = _unpack_TriggerRow(octets, offset)
            if _zero2 != b'\x00\x00\x00\x00\x00\x00':
                raise ValueError
            return cls(_TRAILKIND[trail_kind], _TRIGGERSOURCE[source], trail)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_TriggerRow(_TRAILKIND[self.trail_kind], _TRIGGERSOURCE[self.source], b'\x00\x00\x00\x00\x00\x00', self.trail)
        except _BAD as error:
            raise LocalFault(f"TriggerRow: {error}") from None


_unpack_TriggerRow = TriggerRow.LAYOUT.unpack_from
_pack_TriggerRow = TriggerRow.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class LegRow(Row):
    """An order that comes with another one, for the same quantity."""

    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>BBBBBB2sQqqq')
    SIZE: ClassVar[int] = 40

    role: LegRole = LegRole.NONE
    side: SideFilter = SideFilter.ANY
    order_type: OrderType = OrderType.MARKET
    time_in_force: TimeInForce = TimeInForce.DAY
    trail_kind: TrailKind = TrailKind.NONE
    source: TriggerSource = TriggerSource.DEFAULT
    client_order_id: int = 0
    limit_price: int = NULL
    stop_price: int = NULL
    trail: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> LegRow:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (role, side, order_type, time_in_force, trail_kind, source, _zero6, client_order_id, limit_price, stop_price, trail,) = _unpack_LegRow(octets, offset)
            if _zero6 != b'\x00\x00':
                raise ValueError
            return cls(_LEGROLE[role], _SIDEFILTER[side], _ORDERTYPE[order_type], _TIMEINFORCE[time_in_force], _TRAILKIND[trail_kind], _TRIGGERSOURCE[source], client_order_id, limit_price, stop_price, trail)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_LegRow(_LEGROLE[self.role], _SIDEFILTER[self.side], _ORDERTYPE[self.order_type], _TIMEINFORCE[self.time_in_force], _TRAILKIND[self.trail_kind], _TRIGGERSOURCE[self.source], b'\x00\x00', self.client_order_id, self.limit_price, self.stop_price, self.trail)
        except _BAD as error:
            raise LocalFault(f"LegRow: {error}") from None


_unpack_LegRow = LegRow.LAYOUT.unpack_from
_pack_LegRow = LegRow.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class PreviewRow(Row):
    """What an order would cost if it were sent now."""

    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>qqqq4s4sqq')
    SIZE: ClassVar[int] = 56

    price: int = NULL
    cost: int = 0
    fees: int = 0
    buying_power_after: int = 0
    currency: str = ""
    asset_currency: str = ""
    margin: int = 0
    margin_left: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> PreviewRow:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (price, cost, fees, buying_power_after, currency, asset_currency, margin, margin_left,) = _unpack_PreviewRow(octets, offset)
            return cls(price, cost, fees, buying_power_after, _ccy(currency), _ccy(asset_currency), margin, margin_left)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_PreviewRow(self.price, self.cost, self.fees, self.buying_power_after, _packed_get((self.currency, 4)) or _packed(self.currency, 4), _packed_get((self.asset_currency, 4)) or _packed(self.asset_currency, 4), self.margin, self.margin_left)
        except _BAD as error:
            raise LocalFault(f"PreviewRow: {error}") from None


_unpack_PreviewRow = PreviewRow.LAYOUT.unpack_from
_pack_PreviewRow = PreviewRow.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class SuccessorRow(Row):
    """The order that took another's place."""

    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>Q')
    SIZE: ClassVar[int] = 8

    replaced_by: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> SuccessorRow:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (replaced_by,) = _unpack_SuccessorRow(octets, offset)
            return cls(replaced_by)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_SuccessorRow(self.replaced_by)
        except _BAD as error:
            raise LocalFault(f"SuccessorRow: {error}") from None


_unpack_SuccessorRow = SuccessorRow.LAYOUT.unpack_from
_pack_SuccessorRow = SuccessorRow.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class DirectionRow(Row):
    """Which way a list goes."""

    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>B7s')
    SIZE: ClassVar[int] = 8

    direction: Direction = Direction.OLDEST_FIRST

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> DirectionRow:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (direction, _zero1,) = _unpack_DirectionRow(octets, offset)
            if _zero1 != b'\x00\x00\x00\x00\x00\x00\x00':
                raise ValueError
            return cls(_DIRECTION[direction])
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_DirectionRow(_DIRECTION[self.direction], b'\x00\x00\x00\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"DirectionRow: {error}") from None


_unpack_DirectionRow = DirectionRow.LAYOUT.unpack_from
_pack_DirectionRow = DirectionRow.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class AssetRow(Row):
    """An asset."""

    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>16sBBH4sqqqqQQ')
    SIZE: ClassVar[int] = 72

    symbol: str = ""
    kind: int = AssetKind.STOCK
    status: int = AssetStatus.TRADABLE
    flags: int = 0
    currency: str = ""
    tick: int = NULL
    lot: int = 0
    quantity_min: int = 0
    quantity_max: int = 0
    first_bar: int = 0
    last_bar: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> AssetRow:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (symbol, kind, status, flags, currency, tick, lot, quantity_min, quantity_max, first_bar, last_bar,) = _unpack_AssetRow(octets, offset)
            return cls(_ascii_get(symbol) or _ascii(symbol), _ASSETKIND.get(kind, kind), _ASSETSTATUS.get(status, status), flags, _ccy(currency), tick, lot, quantity_min, quantity_max, first_bar, last_bar)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_AssetRow(_packed_get((self.symbol, 16)) or _packed(self.symbol, 16), self.kind, self.status, self.flags, _packed_get((self.currency, 4)) or _packed(self.currency, 4), self.tick, self.lot, self.quantity_min, self.quantity_max, self.first_bar, self.last_bar)
        except _BAD as error:
            raise LocalFault(f"AssetRow: {error}") from None


_unpack_AssetRow = AssetRow.LAYOUT.unpack_from
_pack_AssetRow = AssetRow.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class SymbolRow(Row):
    """A symbol."""

    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>16s')
    SIZE: ClassVar[int] = 16

    symbol: str = ""

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> SymbolRow:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (symbol,) = _unpack_SymbolRow(octets, offset)
            return cls(_ascii_get(symbol) or _ascii(symbol))
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_SymbolRow(_packed_get((self.symbol, 16)) or _packed(self.symbol, 16))
        except _BAD as error:
            raise LocalFault(f"SymbolRow: {error}") from None


_unpack_SymbolRow = SymbolRow.LAYOUT.unpack_from
_pack_SymbolRow = SymbolRow.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class QuoteRow(Row):
    """The newest prices of a symbol."""

    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>16sqqqqqqqqqqqQQQHB5s')
    SIZE: ClassVar[int] = 136

    symbol: str = ""
    bid: int = NULL
    ask: int = NULL
    last: int = NULL
    bid_size: int = 0
    ask_size: int = 0
    last_size: int = 0
    day_open: int = NULL
    day_high: int = NULL
    day_low: int = NULL
    prev_close: int = NULL
    day_volume: int = 0
    source_time: int = 0
    observed_at: int = 0
    quote_seq: int = 0
    flags: int = 0
    provider: int = QuoteProvider.UNKNOWN

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> QuoteRow:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (symbol, bid, ask, last, bid_size, ask_size, last_size, day_open, day_high, day_low, prev_close, day_volume, source_time, observed_at, quote_seq, flags, provider, _zero17,) = _unpack_QuoteRow(octets, offset)
            if _zero17 != b'\x00\x00\x00\x00\x00':
                raise ValueError
            return cls(_ascii_get(symbol) or _ascii(symbol), bid, ask, last, bid_size, ask_size, last_size, day_open, day_high, day_low, prev_close, day_volume, source_time, observed_at, quote_seq, flags, _QUOTEPROVIDER.get(provider, provider))
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_QuoteRow(_packed_get((self.symbol, 16)) or _packed(self.symbol, 16), self.bid, self.ask, self.last, self.bid_size, self.ask_size, self.last_size, self.day_open, self.day_high, self.day_low, self.prev_close, self.day_volume, self.source_time, self.observed_at, self.quote_seq, self.flags, self.provider, b'\x00\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"QuoteRow: {error}") from None


_unpack_QuoteRow = QuoteRow.LAYOUT.unpack_from
_pack_QuoteRow = QuoteRow.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class BarRow(Row):
    """A bar."""

    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>Qqqqqq')
    SIZE: ClassVar[int] = 48

    time: int = 0
    open: int = NULL
    high: int = NULL
    low: int = NULL
    close: int = NULL
    volume: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> BarRow:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (time, open, high, low, close, volume,) = _unpack_BarRow(octets, offset)
            return cls(time, open, high, low, close, volume)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_BarRow(self.time, self.open, self.high, self.low, self.close, self.volume)
        except _BAD as error:
            raise LocalFault(f"BarRow: {error}") from None


_unpack_BarRow = BarRow.LAYOUT.unpack_from
_pack_BarRow = BarRow.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class EarningsRow(Row):
    """What the realized profit of the season is made of, and which cash has settled; in the first part, where any of it but price is not 0."""

    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>qqqqqqqQ')
    SIZE: ClassVar[int] = 64

    price: int = 0
    fees: int = 0
    dividends: int = 0
    borrow: int = 0
    interest: int = 0
    settled_cash: int = 0
    unsettled_cash: int = 0
    settles_at: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> EarningsRow:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (price, fees, dividends, borrow, interest, settled_cash, unsettled_cash, settles_at,) = _unpack_EarningsRow(octets, offset)
            return cls(price, fees, dividends, borrow, interest, settled_cash, unsettled_cash, settles_at)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_EarningsRow(self.price, self.fees, self.dividends, self.borrow, self.interest, self.settled_cash, self.unsettled_cash, self.settles_at)
        except _BAD as error:
            raise LocalFault(f"EarningsRow: {error}") from None


_unpack_EarningsRow = EarningsRow.LAYOUT.unpack_from
_pack_EarningsRow = EarningsRow.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class MarginRow(Row):
    """How a portfolio that may borrow stands, at liquidation prices; in the first part."""

    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>qqqqqqqQQq')
    SIZE: ClassVar[int] = 80

    equity: int = 0
    long_value: int = 0
    short_value: int = 0
    initial: int = 0
    maintenance: int = 0
    available: int = 0
    buying_power: int = 0
    called_at: int = 0
    due_at: int = 0
    shortfall: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> MarginRow:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (equity, long_value, short_value, initial, maintenance, available, buying_power, called_at, due_at, shortfall,) = _unpack_MarginRow(octets, offset)
            return cls(equity, long_value, short_value, initial, maintenance, available, buying_power, called_at, due_at, shortfall)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_MarginRow(self.equity, self.long_value, self.short_value, self.initial, self.maintenance, self.available, self.buying_power, self.called_at, self.due_at, self.shortfall)
        except _BAD as error:
            raise LocalFault(f"MarginRow: {error}") from None


_unpack_MarginRow = MarginRow.LAYOUT.unpack_from
_pack_MarginRow = MarginRow.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class PlanRow(Row):
    """One step of what a margin call would close now, in this order."""

    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>16sqq')
    SIZE: ClassVar[int] = 32

    symbol: str = ""
    quantity: int = 0
    mark: int = NULL

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> PlanRow:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (symbol, quantity, mark,) = _unpack_PlanRow(octets, offset)
            return cls(_ascii_get(symbol) or _ascii(symbol), quantity, mark)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_PlanRow(_packed_get((self.symbol, 16)) or _packed(self.symbol, 16), self.quantity, self.mark)
        except _BAD as error:
            raise LocalFault(f"PlanRow: {error}") from None


_unpack_PlanRow = PlanRow.LAYOUT.unpack_from
_pack_PlanRow = PlanRow.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class PositionRow(Row):
    """A position."""

    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>16sqqqqqqqqqQQqq')
    SIZE: ClassVar[int] = 120

    symbol: str = ""
    quantity: int = 0
    reserved: int = 0
    average_cost: int = NULL
    cost_basis: int = 0
    mark: int = NULL
    last: int = NULL
    market_value: int = 0
    unrealized_pnl: int = 0
    realized_pnl: int = 0
    opened_at: int = 0
    updated_at: int = 0
    fifo_cost_basis: int = 0
    fifo_realized: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> PositionRow:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (symbol, quantity, reserved, average_cost, cost_basis, mark, last, market_value, unrealized_pnl, realized_pnl, opened_at, updated_at, fifo_cost_basis, fifo_realized,) = _unpack_PositionRow(octets, offset)
            return cls(_ascii_get(symbol) or _ascii(symbol), quantity, reserved, average_cost, cost_basis, mark, last, market_value, unrealized_pnl, realized_pnl, opened_at, updated_at, fifo_cost_basis, fifo_realized)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_PositionRow(_packed_get((self.symbol, 16)) or _packed(self.symbol, 16), self.quantity, self.reserved, self.average_cost, self.cost_basis, self.mark, self.last, self.market_value, self.unrealized_pnl, self.realized_pnl, self.opened_at, self.updated_at, self.fifo_cost_basis, self.fifo_realized)
        except _BAD as error:
            raise LocalFault(f"PositionRow: {error}") from None


_unpack_PositionRow = PositionRow.LAYOUT.unpack_from
_pack_PositionRow = PositionRow.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class TransactionRow(Row):
    """One ledger transaction."""

    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QQB3s4s16sqqqqqqQL4sQQQ')
    SIZE: ClassVar[int] = 128

    transaction: int = 0
    portfolio: int = 0
    kind: int = TxKind.BUY
    currency: str = ""
    symbol: str = ""
    quantity: int = 0
    price: int = NULL
    amount: int = 0
    fees: int = 0
    cash_after: int = 0
    realized: int = 0
    order: int = 0
    fill: int = 0
    received_at: int = 0
    executed_at: int = 0
    quote_seq: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> TransactionRow:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (transaction, portfolio, kind, _zero3, currency, symbol, quantity, price, amount, fees, cash_after, realized, order, fill, _zero14, received_at, executed_at, quote_seq,) = _unpack_TransactionRow(octets, offset)
            if _zero3 != b'\x00\x00\x00' or _zero14 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls(transaction, portfolio, _TXKIND.get(kind, kind), _ccy(currency), _ascii_get(symbol) or _ascii(symbol), quantity, price, amount, fees, cash_after, realized, order, fill, received_at, executed_at, quote_seq)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_TransactionRow(self.transaction, self.portfolio, self.kind, b'\x00\x00\x00', _packed_get((self.currency, 4)) or _packed(self.currency, 4), _packed_get((self.symbol, 16)) or _packed(self.symbol, 16), self.quantity, self.price, self.amount, self.fees, self.cash_after, self.realized, self.order, self.fill, b'\x00\x00\x00\x00', self.received_at, self.executed_at, self.quote_seq)
        except _BAD as error:
            raise LocalFault(f"TransactionRow: {error}") from None


_unpack_TransactionRow = TransactionRow.LAYOUT.unpack_from
_pack_TransactionRow = TransactionRow.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class TransactionDetailRow(Row):
    """What else there is to say of a transaction; left out where the market's time is the master's, nothing was charged, and the cash is there at once."""

    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QQQqqqq4s4s')
    SIZE: ClassVar[int] = 64

    transaction: int = 0
    market_at: int = 0
    settles_at: int = 0
    commission: int = 0
    sec_fee: int = 0
    taf_fee: int = 0
    rate: int = NULL
    asset_currency: str = ""

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> TransactionDetailRow:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (transaction, market_at, settles_at, commission, sec_fee, taf_fee, rate, asset_currency, _zero8,) = _unpack_TransactionDetailRow(octets, offset)
            if _zero8 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls(transaction, market_at, settles_at, commission, sec_fee, taf_fee, rate, _ccy(asset_currency))
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_TransactionDetailRow(self.transaction, self.market_at, self.settles_at, self.commission, self.sec_fee, self.taf_fee, self.rate, _packed_get((self.asset_currency, 4)) or _packed(self.asset_currency, 4), b'\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"TransactionDetailRow: {error}") from None


_unpack_TransactionDetailRow = TransactionDetailRow.LAYOUT.unpack_from
_pack_TransactionDetailRow = TransactionDetailRow.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class EquityRow(Row):
    """A point of an equity curve."""

    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>Qqqq')
    SIZE: ClassVar[int] = 32

    time: int = 0
    equity: int = 0
    cash: int = 0
    flow: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> EquityRow:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (time, equity, cash, flow,) = _unpack_EquityRow(octets, offset)
            return cls(time, equity, cash, flow)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_EquityRow(self.time, self.equity, self.cash, self.flow)
        except _BAD as error:
            raise LocalFault(f"EquityRow: {error}") from None


_unpack_EquityRow = EquityRow.LAYOUT.unpack_from
_pack_EquityRow = EquityRow.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class ListedRow(Row):
    """A portfolio in short."""

    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>Q24s4sLQqqqqqLL')
    SIZE: ClassVar[int] = 96

    portfolio: int = 0
    name: str = ""
    currency: str = ""
    season: int = 0
    season_at: int = 0
    cash: int = 0
    reserved_cash: int = 0
    equity: int = 0
    deposited: int = 0
    realized_pnl: int = 0
    open_orders: int = 0
    positions: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> ListedRow:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (portfolio, name, currency, season, season_at, cash, reserved_cash, equity, deposited, realized_pnl, open_orders, positions,) = _unpack_ListedRow(octets, offset)
            return cls(portfolio, _ascii_get(name) or _ascii(name), _ccy(currency), season, season_at, cash, reserved_cash, equity, deposited, realized_pnl, open_orders, positions)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_ListedRow(self.portfolio, _packed_get((self.name, 24)) or _packed(self.name, 24), _packed_get((self.currency, 4)) or _packed(self.currency, 4), self.season, self.season_at, self.cash, self.reserved_cash, self.equity, self.deposited, self.realized_pnl, self.open_orders, self.positions)
        except _BAD as error:
            raise LocalFault(f"ListedRow: {error}") from None


_unpack_ListedRow = ListedRow.LAYOUT.unpack_from
_pack_ListedRow = ListedRow.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class ReceiptRow(Row):
    """Why a fill was what it was; recomputable to the last unit."""

    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QqqqqqQQQqqB7s')
    SIZE: ClassVar[int] = 96

    quote_seq: int = 0
    bid: int = NULL
    ask: int = NULL
    last: int = NULL
    bid_size: int = 0
    ask_size: int = 0
    observed_at: int = 0
    source_time: int = 0
    age: int = 0
    spread_cost: int = 0
    slippage: int = 0
    limiting: int = LimitingRule.NONE

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> ReceiptRow:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (quote_seq, bid, ask, last, bid_size, ask_size, observed_at, source_time, age, spread_cost, slippage, limiting, _zero12,) = _unpack_ReceiptRow(octets, offset)
            if _zero12 != b'\x00\x00\x00\x00\x00\x00\x00':
                raise ValueError
            return cls(quote_seq, bid, ask, last, bid_size, ask_size, observed_at, source_time, age, spread_cost, slippage, _LIMITINGRULE.get(limiting, limiting))
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_ReceiptRow(self.quote_seq, self.bid, self.ask, self.last, self.bid_size, self.ask_size, self.observed_at, self.source_time, self.age, self.spread_cost, self.slippage, self.limiting, b'\x00\x00\x00\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"ReceiptRow: {error}") from None


_unpack_ReceiptRow = ReceiptRow.LAYOUT.unpack_from
_pack_ReceiptRow = ReceiptRow.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class HoldingRow(Row):
    """A position by itself, without market prices."""

    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>16sqqqQQ')
    SIZE: ClassVar[int] = 56

    symbol: str = ""
    quantity: int = 0
    cost_basis: int = 0
    realized: int = 0
    opened_at: int = 0
    updated_at: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> HoldingRow:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (symbol, quantity, cost_basis, realized, opened_at, updated_at,) = _unpack_HoldingRow(octets, offset)
            return cls(_ascii_get(symbol) or _ascii(symbol), quantity, cost_basis, realized, opened_at, updated_at)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_HoldingRow(_packed_get((self.symbol, 16)) or _packed(self.symbol, 16), self.quantity, self.cost_basis, self.realized, self.opened_at, self.updated_at)
        except _BAD as error:
            raise LocalFault(f"HoldingRow: {error}") from None


_unpack_HoldingRow = HoldingRow.LAYOUT.unpack_from
_pack_HoldingRow = HoldingRow.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class WorkerRow(Row):
    """A worker."""

    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>16sHBBLLL64s')
    SIZE: ClassVar[int] = 96

    address: bytes = bytes(16)
    port: int = 0
    load: int = 0
    flags: int = 0
    region: int = 0
    sessions: int = 0
    rtt_us: int = 0
    host: str = ""

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> WorkerRow:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (address, port, load, flags, region, sessions, rtt_us, host,) = _unpack_WorkerRow(octets, offset)
            return cls(address, port, load, flags, region, sessions, rtt_us, _ascii_get(host) or _ascii(host))
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_WorkerRow(_sized(self.address, 16), self.port, self.load, self.flags, self.region, self.sessions, self.rtt_us, _packed_get((self.host, 64)) or _packed(self.host, 64))
        except _BAD as error:
            raise LocalFault(f"WorkerRow: {error}") from None


_unpack_WorkerRow = WorkerRow.LAYOUT.unpack_from
_pack_WorkerRow = WorkerRow.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class WorkingRow(Row):
    """What a fill model other than QUOTE went by besides."""

    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>B7sqqqQQqqqqq')
    SIZE: ClassVar[int] = 88

    model: int = FillModelKind.IDEAL
    reference: int = NULL
    taken: int = 0
    volume: int = 0
    bar_time: int = 0
    bar_observed_at: int = 0
    bar_open: int = NULL
    bar_high: int = NULL
    bar_low: int = NULL
    bar_close: int = NULL
    bar_volume: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> WorkingRow:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (model, _zero1, reference, taken, volume, bar_time, bar_observed_at, bar_open, bar_high, bar_low, bar_close, bar_volume,) = _unpack_WorkingRow(octets, offset)
            if _zero1 != b'\x00\x00\x00\x00\x00\x00\x00':
                raise ValueError
            return cls(_FILLMODELKIND.get(model, model), reference, taken, volume, bar_time, bar_observed_at, bar_open, bar_high, bar_low, bar_close, bar_volume)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_WorkingRow(self.model, b'\x00\x00\x00\x00\x00\x00\x00', self.reference, self.taken, self.volume, self.bar_time, self.bar_observed_at, self.bar_open, self.bar_high, self.bar_low, self.bar_close, self.bar_volume)
        except _BAD as error:
            raise LocalFault(f"WorkingRow: {error}") from None


_unpack_WorkingRow = WorkingRow.LAYOUT.unpack_from
_pack_WorkingRow = WorkingRow.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class IntervalRow(Row):
    """What a quote says of the time since the one before it."""

    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>qQQqqqqq')
    SIZE: ClassVar[int] = 64

    volume: int = 0
    bar_time: int = 0
    bar_observed_at: int = 0
    bar_open: int = NULL
    bar_high: int = NULL
    bar_low: int = NULL
    bar_close: int = NULL
    bar_volume: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> IntervalRow:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (volume, bar_time, bar_observed_at, bar_open, bar_high, bar_low, bar_close, bar_volume,) = _unpack_IntervalRow(octets, offset)
            return cls(volume, bar_time, bar_observed_at, bar_open, bar_high, bar_low, bar_close, bar_volume)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_IntervalRow(self.volume, self.bar_time, self.bar_observed_at, self.bar_open, self.bar_high, self.bar_low, self.bar_close, self.bar_volume)
        except _BAD as error:
            raise LocalFault(f"IntervalRow: {error}") from None


_unpack_IntervalRow = IntervalRow.LAYOUT.unpack_from
_pack_IntervalRow = IntervalRow.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class ClosingRow(Row):
    """What the last quote of a session says of the time before the close."""

    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>16sqQQqqqqq')
    SIZE: ClassVar[int] = 80

    symbol: str = ""
    volume: int = 0
    bar_time: int = 0
    bar_observed_at: int = 0
    bar_open: int = NULL
    bar_high: int = NULL
    bar_low: int = NULL
    bar_close: int = NULL
    bar_volume: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> ClosingRow:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (symbol, volume, bar_time, bar_observed_at, bar_open, bar_high, bar_low, bar_close, bar_volume,) = _unpack_ClosingRow(octets, offset)
            return cls(_ascii_get(symbol) or _ascii(symbol), volume, bar_time, bar_observed_at, bar_open, bar_high, bar_low, bar_close, bar_volume)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_ClosingRow(_packed_get((self.symbol, 16)) or _packed(self.symbol, 16), self.volume, self.bar_time, self.bar_observed_at, self.bar_open, self.bar_high, self.bar_low, self.bar_close, self.bar_volume)
        except _BAD as error:
            raise LocalFault(f"ClosingRow: {error}") from None


_unpack_ClosingRow = ClosingRow.LAYOUT.unpack_from
_pack_ClosingRow = ClosingRow.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class OrderReceiptRow(Row):
    """A receipt with the event that it belongs to; recomputable to the last unit."""

    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QB1sHLQqqqQqQqqqqqQQQqqB7sB7sqqqQQqqqqq')
    SIZE: ClassVar[int] = 248

    event_seq: int = 0
    kind: int = OrderEventKind.ACCEPTED
    reason: int = 0
    fill: int = 0
    at: int = 0
    fill_quantity: int = 0
    fill_price: int = NULL
    fill_fees: int = 0
    transaction: int = 0
    remaining: int = 0
    quote_seq: int = 0
    bid: int = NULL
    ask: int = NULL
    last: int = NULL
    bid_size: int = 0
    ask_size: int = 0
    observed_at: int = 0
    source_time: int = 0
    age: int = 0
    spread_cost: int = 0
    slippage: int = 0
    limiting: int = LimitingRule.NONE
    model: int = FillModelKind.IDEAL
    reference: int = NULL
    taken: int = 0
    volume: int = 0
    bar_time: int = 0
    bar_observed_at: int = 0
    bar_open: int = NULL
    bar_high: int = NULL
    bar_low: int = NULL
    bar_close: int = NULL
    bar_volume: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> OrderReceiptRow:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (event_seq, kind, _zero2, reason, fill, at, fill_quantity, fill_price, fill_fees, transaction, remaining, quote_seq, bid, ask, last, bid_size, ask_size, observed_at, source_time, age, spread_cost, slippage, limiting, _zero23, model, _zero25, reference, taken, volume, bar_time, bar_observed_at, bar_open, bar_high, bar_low, bar_close, bar_volume,) = _unpack_OrderReceiptRow(octets, offset)
            if _zero2 != b'\x00' or _zero23 != b'\x00\x00\x00\x00\x00\x00\x00' or _zero25 != b'\x00\x00\x00\x00\x00\x00\x00':
                raise ValueError
            return cls(event_seq, _ORDEREVENTKIND.get(kind, kind), reason, fill, at, fill_quantity, fill_price, fill_fees, transaction, remaining, quote_seq, bid, ask, last, bid_size, ask_size, observed_at, source_time, age, spread_cost, slippage, _LIMITINGRULE.get(limiting, limiting), _FILLMODELKIND.get(model, model), reference, taken, volume, bar_time, bar_observed_at, bar_open, bar_high, bar_low, bar_close, bar_volume)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_OrderReceiptRow(self.event_seq, self.kind, b'\x00', self.reason, self.fill, self.at, self.fill_quantity, self.fill_price, self.fill_fees, self.transaction, self.remaining, self.quote_seq, self.bid, self.ask, self.last, self.bid_size, self.ask_size, self.observed_at, self.source_time, self.age, self.spread_cost, self.slippage, self.limiting, b'\x00\x00\x00\x00\x00\x00\x00', self.model, b'\x00\x00\x00\x00\x00\x00\x00', self.reference, self.taken, self.volume, self.bar_time, self.bar_observed_at, self.bar_open, self.bar_high, self.bar_low, self.bar_close, self.bar_volume)
        except _BAD as error:
            raise LocalFault(f"OrderReceiptRow: {error}") from None


_unpack_OrderReceiptRow = OrderReceiptRow.LAYOUT.unpack_from
_pack_OrderReceiptRow = OrderReceiptRow.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class RefusalRow(Row):
    """Why an order was refused on arrival; recomputable to the last unit."""

    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QQQQ16sBBBBHB1sqqqqqqLH2sQQQQQQQqqqqqQQQ')
    SIZE: ClassVar[int] = 232

    refusal: int = 0
    client_order_id: int = 0
    portfolio: int = 0
    replaces: int = 0
    symbol: str = ""
    side: int = Side.BUY
    order_type: int = OrderType.MARKET
    time_in_force: int = TimeInForce.DAY
    flags: int = 0
    reason: int = 0
    unit: int = FigureUnit.NONE
    quantity: int = 0
    limit_price: int = NULL
    stop_price: int = NULL
    asked: int = 0
    there: int = 0
    price: int = NULL
    points: int = 0
    quote_flags: int = 0
    rule_since: int = 0
    received_at: int = 0
    at: int = 0
    market_at: int = 0
    works_from: int = 0
    expire_at: int = 0
    quote_seq: int = 0
    bid: int = NULL
    ask: int = NULL
    last: int = NULL
    bid_size: int = 0
    ask_size: int = 0
    observed_at: int = 0
    source_time: int = 0
    age: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> RefusalRow:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (refusal, client_order_id, portfolio, replaces, symbol, side, order_type, time_in_force, flags, reason, unit, _zero11, quantity, limit_price, stop_price, asked, there, price, points, quote_flags, _zero20, rule_since, received_at, at, market_at, works_from, expire_at, quote_seq, bid, ask, last, bid_size, ask_size, observed_at, source_time, age,) = _unpack_RefusalRow(octets, offset)
            if _zero11 != b'\x00' or _zero20 != b'\x00\x00':
                raise ValueError
            return cls(refusal, client_order_id, portfolio, replaces, _ascii_get(symbol) or _ascii(symbol), _SIDE.get(side, side), _ORDERTYPE.get(order_type, order_type), _TIMEINFORCE.get(time_in_force, time_in_force), flags, reason, _FIGUREUNIT.get(unit, unit), quantity, limit_price, stop_price, asked, there, price, points, quote_flags, rule_since, received_at, at, market_at, works_from, expire_at, quote_seq, bid, ask, last, bid_size, ask_size, observed_at, source_time, age)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_RefusalRow(self.refusal, self.client_order_id, self.portfolio, self.replaces, _packed_get((self.symbol, 16)) or _packed(self.symbol, 16), self.side, self.order_type, self.time_in_force, self.flags, self.reason, self.unit, b'\x00', self.quantity, self.limit_price, self.stop_price, self.asked, self.there, self.price, self.points, self.quote_flags, b'\x00\x00', self.rule_since, self.received_at, self.at, self.market_at, self.works_from, self.expire_at, self.quote_seq, self.bid, self.ask, self.last, self.bid_size, self.ask_size, self.observed_at, self.source_time, self.age)
        except _BAD as error:
            raise LocalFault(f"RefusalRow: {error}") from None


_unpack_RefusalRow = RefusalRow.LAYOUT.unpack_from
_pack_RefusalRow = RefusalRow.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class NoteRow(Row):
    """A piece of the text that belongs to a row of the same part; several make it up, in order."""

    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>L4s240s')
    SIZE: ClassVar[int] = 248

    row: int = 0
    piece: bytes = bytes(240)

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> NoteRow:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (row, _zero1, piece,) = _unpack_NoteRow(octets, offset)
            if _zero1 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls(row, piece)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_NoteRow(self.row, b'\x00\x00\x00\x00', _sized(self.piece, 240))
        except _BAD as error:
            raise LocalFault(f"NoteRow: {error}") from None


_unpack_NoteRow = NoteRow.LAYOUT.unpack_from
_pack_NoteRow = NoteRow.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class ContestRow(Row):
    """A contest in short."""

    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>Q24s24s4sB3sqQQQQL4sQ')
    SIZE: ClassVar[int] = 120

    contest: int = 0
    name: str = ""
    host: str = ""
    currency: str = ""
    state: int = ContestState.ANNOUNCED
    cash: int = 0
    opens_at: int = 0
    ends_at: int = 0
    joins_until: int = 0
    ended_at: int = 0
    entries: int = 0
    portfolio: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> ContestRow:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (contest, name, host, currency, state, _zero5, cash, opens_at, ends_at, joins_until, ended_at, entries, _zero12, portfolio,) = _unpack_ContestRow(octets, offset)
            if _zero5 != b'\x00\x00\x00' or _zero12 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls(contest, _ascii_get(name) or _ascii(name), _ascii_get(host) or _ascii(host), _ccy(currency), _CONTESTSTATE.get(state, state), cash, opens_at, ends_at, joins_until, ended_at, entries, portfolio)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_ContestRow(self.contest, _packed_get((self.name, 24)) or _packed(self.name, 24), _packed_get((self.host, 24)) or _packed(self.host, 24), _packed_get((self.currency, 4)) or _packed(self.currency, 4), self.state, b'\x00\x00\x00', self.cash, self.opens_at, self.ends_at, self.joins_until, self.ended_at, self.entries, b'\x00\x00\x00\x00', self.portfolio)
        except _BAD as error:
            raise LocalFault(f"ContestRow: {error}") from None


_unpack_ContestRow = ContestRow.LAYOUT.unpack_from
_pack_ContestRow = ContestRow.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class StandingRow(Row):
    """One entry's place."""

    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>L4sQ24sqqq')
    SIZE: ClassVar[int] = 64

    rank: int = 0
    portfolio: int = 0
    username: str = ""
    equity: int = 0
    gain: int = 0
    risk_adjusted: int = NULL

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> StandingRow:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (rank, _zero1, portfolio, username, equity, gain, risk_adjusted,) = _unpack_StandingRow(octets, offset)
            if _zero1 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls(rank, portfolio, _ascii_get(username) or _ascii(username), equity, gain, risk_adjusted)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_StandingRow(self.rank, b'\x00\x00\x00\x00', self.portfolio, _packed_get((self.username, 24)) or _packed(self.username, 24), self.equity, self.gain, self.risk_adjusted)
        except _BAD as error:
            raise LocalFault(f"StandingRow: {error}") from None


_unpack_StandingRow = StandingRow.LAYOUT.unpack_from
_pack_StandingRow = StandingRow.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class WatchRow(Row):
    """A symbol of a watchlist; rows of one list stand together, in the order they were given in."""

    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>24s16s')
    SIZE: ClassVar[int] = 40

    name: str = ""
    symbol: str = ""

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> WatchRow:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (name, symbol,) = _unpack_WatchRow(octets, offset)
            return cls(_ascii_get(name) or _ascii(name), _ascii_get(symbol) or _ascii(symbol))
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_WatchRow(_packed_get((self.name, 24)) or _packed(self.name, 24), _packed_get((self.symbol, 16)) or _packed(self.symbol, 16))
        except _BAD as error:
            raise LocalFault(f"WatchRow: {error}") from None


_unpack_WatchRow = WatchRow.LAYOUT.unpack_from
_pack_WatchRow = WatchRow.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class AlertRow(Row):
    """A price alert."""

    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>Q16sBB6sqqQQQQqQ')
    SIZE: ClassVar[int] = 96

    alert: int = 0
    symbol: str = ""
    condition: int = AlertCondition.LAST_AT_LEAST
    state: int = AlertState.OPEN
    price: int = NULL
    asked: int = NULL
    expires_at: int = 0
    created_at: int = 0
    ended_at: int = 0
    market_at: int = 0
    seen: int = NULL
    quote_seq: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> AlertRow:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (alert, symbol, condition, state, _zero4, price, asked, expires_at, created_at, ended_at, market_at, seen, quote_seq,) = _unpack_AlertRow(octets, offset)
            if _zero4 != b'\x00\x00\x00\x00\x00\x00':
                raise ValueError
            return cls(alert, _ascii_get(symbol) or _ascii(symbol), _ALERTCONDITION.get(condition, condition), _ALERTSTATE.get(state, state), price, asked, expires_at, created_at, ended_at, market_at, seen, quote_seq)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_AlertRow(self.alert, _packed_get((self.symbol, 16)) or _packed(self.symbol, 16), self.condition, self.state, b'\x00\x00\x00\x00\x00\x00', self.price, self.asked, self.expires_at, self.created_at, self.ended_at, self.market_at, self.seen, self.quote_seq)
        except _BAD as error:
            raise LocalFault(f"AlertRow: {error}") from None


_unpack_AlertRow = AlertRow.LAYOUT.unpack_from
_pack_AlertRow = AlertRow.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class StatRow(Row):
    """A counter."""

    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>Q24sQ')
    SIZE: ClassVar[int] = 40

    worker: int = 0
    key: str = ""
    value: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> StatRow:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (worker, key, value,) = _unpack_StatRow(octets, offset)
            return cls(worker, _ascii_get(key) or _ascii(key), value)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_StatRow(self.worker, _packed_get((self.key, 24)) or _packed(self.key, 24), self.value)
        except _BAD as error:
            raise LocalFault(f"StatRow: {error}") from None


_unpack_StatRow = StatRow.LAYOUT.unpack_from
_pack_StatRow = StatRow.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class LinkRow(Row):
    """How a worker fared with its master, since its boot."""

    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QQQQ')
    SIZE: ClassVar[int] = 32

    losses: int = 0
    refusals: int = 0
    unknown_frames: int = 0
    strays: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> LinkRow:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (losses, refusals, unknown_frames, strays,) = _unpack_LinkRow(octets, offset)
            return cls(losses, refusals, unknown_frames, strays)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_LinkRow(self.losses, self.refusals, self.unknown_frames, self.strays)
        except _BAD as error:
            raise LocalFault(f"LinkRow: {error}") from None


_unpack_LinkRow = LinkRow.LAYOUT.unpack_from
_pack_LinkRow = LinkRow.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class LimitRow(Row):
    """How often a limit was hit."""

    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>24sQ')
    SIZE: ClassVar[int] = 32

    key: str = ""
    hits: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> LimitRow:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (key, hits,) = _unpack_LimitRow(octets, offset)
            return cls(_ascii_get(key) or _ascii(key), hits)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_LimitRow(_packed_get((self.key, 24)) or _packed(self.key, 24), self.hits)
        except _BAD as error:
            raise LocalFault(f"LimitRow: {error}") from None


_unpack_LimitRow = LimitRow.LAYOUT.unpack_from
_pack_LimitRow = LimitRow.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class RegisteredRow(Row):
    """A worker of the registry."""

    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>Q24s16sBBB1sLLLL16sQQQ32s32s64s')
    SIZE: ClassVar[int] = 236

    worker_id: int = 0
    name: str = ""
    uuid: bytes = bytes(16)
    state: int = WorkerState.PENDING
    connected: bool = False
    trusting: bool = False
    region: int = 0
    clients: int = 0
    rtt_us: int = 0
    duplicates: int = 0
    address: bytes = bytes(16)
    added_at: int = 0
    seen_at: int = 0
    expires_at: int = 0
    spki: bytes = bytes(32)
    authority: bytes = bytes(32)
    networks: bytes = bytes(64)

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> RegisteredRow:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (worker_id, name, uuid, state, connected, trusting, _zero6, region, clients, rtt_us, duplicates, address, added_at, seen_at, expires_at, spki, authority, networks,) = _unpack_RegisteredRow(octets, offset)
            if _zero6 != b'\x00':
                raise ValueError
            return cls(worker_id, _ascii_get(name) or _ascii(name), uuid, _WORKERSTATE.get(state, state), _BOOL[connected], _BOOL[trusting], region, clients, rtt_us, duplicates, address, added_at, seen_at, expires_at, spki, authority, networks)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_RegisteredRow(self.worker_id, _packed_get((self.name, 24)) or _packed(self.name, 24), _sized(self.uuid, 16), self.state, 1 if self.connected else 0, 1 if self.trusting else 0, b'\x00', self.region, self.clients, self.rtt_us, self.duplicates, _sized(self.address, 16), self.added_at, self.seen_at, self.expires_at, _sized(self.spki, 32), _sized(self.authority, 32), _sized(self.networks, 64))
        except _BAD as error:
            raise LocalFault(f"RegisteredRow: {error}") from None


_unpack_RegisteredRow = RegisteredRow.LAYOUT.unpack_from
_pack_RegisteredRow = RegisteredRow.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class GivenRow(Row):
    """What an input was decided by besides; without it nothing of it was needed."""

    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QqQ')
    SIZE: ClassVar[int] = 24

    market_at: int = 0
    cash: int = 0
    works_from: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> GivenRow:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (market_at, cash, works_from,) = _unpack_GivenRow(octets, offset)
            return cls(market_at, cash, works_from)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_GivenRow(self.market_at, self.cash, self.works_from)
        except _BAD as error:
            raise LocalFault(f"GivenRow: {error}") from None


_unpack_GivenRow = GivenRow.LAYOUT.unpack_from
_pack_GivenRow = GivenRow.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class EntryRow(Row):
    """One side of a ledger transaction; the amounts of each asset add up to zero."""

    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>B3s16sQq')
    SIZE: ClassVar[int] = 36

    kind: LedgerKind = LedgerKind.CASH
    asset: str = ""
    portfolio: int = 0
    amount: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> EntryRow:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (kind, _zero1, asset, portfolio, amount,) = _unpack_EntryRow(octets, offset)
            if _zero1 != b'\x00\x00\x00':
                raise ValueError
            return cls(_LEDGERKIND[kind], _ascii_get(asset) or _ascii(asset), portfolio, amount)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_EntryRow(_LEDGERKIND[self.kind], b'\x00\x00\x00', _packed_get((self.asset, 16)) or _packed(self.asset, 16), self.portfolio, self.amount)
        except _BAD as error:
            raise LocalFault(f"EntryRow: {error}") from None


_unpack_EntryRow = EntryRow.LAYOUT.unpack_from
_pack_EntryRow = EntryRow.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class LotRow(Row):
    """Shares bought together."""

    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>qqqQQ')
    SIZE: ClassVar[int] = 40

    quantity: int = 0
    price: int = NULL
    cost: int = 0
    opened_at: int = 0
    transaction: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> LotRow:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (quantity, price, cost, opened_at, transaction,) = _unpack_LotRow(octets, offset)
            return cls(quantity, price, cost, opened_at, transaction)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_LotRow(self.quantity, self.price, self.cost, self.opened_at, self.transaction)
        except _BAD as error:
            raise LocalFault(f"LotRow: {error}") from None


_unpack_LotRow = LotRow.LAYOUT.unpack_from
_pack_LotRow = LotRow.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class LotsKeptRow(Row):
    """Lots that a trade left as they were."""

    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>L4s')
    SIZE: ClassVar[int] = 8

    lots: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> LotsKeptRow:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (lots, _zero1,) = _unpack_LotsKeptRow(octets, offset)
            if _zero1 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls(lots)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_LotsKeptRow(self.lots, b'\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"LotsKeptRow: {error}") from None


_unpack_LotsKeptRow = LotsKeptRow.LAYOUT.unpack_from
_pack_LotsKeptRow = LotsKeptRow.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class MarkRow(Row):
    """A price."""

    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>16sq')
    SIZE: ClassVar[int] = 24

    symbol: str = ""
    price: int = NULL

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> MarkRow:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (symbol, price,) = _unpack_MarkRow(octets, offset)
            return cls(_ascii_get(symbol) or _ascii(symbol), price)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_MarkRow(_packed_get((self.symbol, 16)) or _packed(self.symbol, 16), self.price)
        except _BAD as error:
            raise LocalFault(f"MarkRow: {error}") from None


_unpack_MarkRow = MarkRow.LAYOUT.unpack_from
_pack_MarkRow = MarkRow.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class ResultRow(Row):
    """A result."""

    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>Qq')
    SIZE: ClassVar[int] = 16

    portfolio: int = 0
    equity: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> ResultRow:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (portfolio, equity,) = _unpack_ResultRow(octets, offset)
            return cls(portfolio, equity)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_ResultRow(self.portfolio, self.equity)
        except _BAD as error:
            raise LocalFault(f"ResultRow: {error}") from None


_unpack_ResultRow = ResultRow.LAYOUT.unpack_from
_pack_ResultRow = ResultRow.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class Hello(Message):
    """Initiator to acceptor, the first frame of a connection. Frozen for ever."""

    OPCODE: ClassVar[int] = 0x0001
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 3
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x0002, 'software', 'text', 64, False, 1, None),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>BBB1sHHLQQ')
    SIZE: ClassVar[int] = 28

    min_version: int = 0
    max_version: int = 0
    role: Role = Role.CLIENT
    revision: int = 0
    keepalive_s: int = 0
    max_frame: int = 0
    features: int = 0
    instance: int = 0
    software: str | None = None

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> Hello:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (min_version, max_version, role, _zero3, revision, keepalive_s, max_frame, features, instance,) = _unpack_Hello(octets, offset)
            if _zero3 != b'\x00':
                raise ValueError
            return cls(min_version, max_version, _ROLE[role], revision, keepalive_s, max_frame, features, instance)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_Hello(self.min_version, self.max_version, _ROLE[self.role], b'\x00', self.revision, self.keepalive_s, self.max_frame, self.features, self.instance)
        except _BAD as error:
            raise LocalFault(f"Hello: {error}") from None


_unpack_Hello = Hello.LAYOUT.unpack_from
_pack_Hello = Hello.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class HelloReply(Message):
    """Acceptor's answer; status OK, or VERSION_UNSUPPORTED and close. Frozen for ever."""

    OPCODE: ClassVar[int] = 0x0001
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 3
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x0002, 'software', 'text', 64, False, 1, None),
        SectionSpec(0x0003, 'notice', 'text', 1024, False, 1, None),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>BBBBHHLQQQHHL')
    SIZE: ClassVar[int] = 44

    version: int = 0
    min_version: int = 0
    max_version: int = 0
    role: int = Role.CLIENT
    revision: int = 0
    keepalive_s: int = 0
    max_frame: int = 0
    features: int = 0
    server_time: int = 0
    connection_id: int = 0
    max_inflight: int = 0
    max_sessions: int = 0
    command_rate: int = 0
    software: str | None = None
    notice: str | None = None

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> HelloReply:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (version, min_version, max_version, role, revision, keepalive_s, max_frame, features, server_time, connection_id, max_inflight, max_sessions, command_rate,) = _unpack_HelloReply(octets, offset)
            return cls(version, min_version, max_version, _ROLE.get(role, role), revision, keepalive_s, max_frame, features, server_time, connection_id, max_inflight, max_sessions, command_rate)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_HelloReply(self.version, self.min_version, self.max_version, self.role, self.revision, self.keepalive_s, self.max_frame, self.features, self.server_time, self.connection_id, self.max_inflight, self.max_sessions, self.command_rate)
        except _BAD as error:
            raise LocalFault(f"HelloReply: {error}") from None


_unpack_HelloReply = HelloReply.LAYOUT.unpack_from
_pack_HelloReply = HelloReply.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class Ping(Message):
    """Either side; measures the way and the peer's clock."""

    OPCODE: ClassVar[int] = 0x0002
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 3
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QQ')
    SIZE: ClassVar[int] = 16

    token: int = attrs.field(default=0, repr=False)
    sent_at: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> Ping:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (token, sent_at,) = _unpack_Ping(octets, offset)
            return cls(token, sent_at)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_Ping(self.token, self.sent_at)
        except _BAD as error:
            raise LocalFault(f"Ping: {error}") from None


_unpack_Ping = Ping.LAYOUT.unpack_from
_pack_Ping = Ping.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class PingReply(Message):
    """Answered before any other queued frame."""

    OPCODE: ClassVar[int] = 0x0002
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 3
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QQQ')
    SIZE: ClassVar[int] = 24

    token: int = attrs.field(default=0, repr=False)
    sent_at: int = 0
    received_at: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> PingReply:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (token, sent_at, received_at,) = _unpack_PingReply(octets, offset)
            return cls(token, sent_at, received_at)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_PingReply(self.token, self.sent_at, self.received_at)
        except _BAD as error:
            raise LocalFault(f"PingReply: {error}") from None


_unpack_PingReply = PingReply.LAYOUT.unpack_from
_pack_PingReply = PingReply.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class Heartbeat(Message):
    """Either side, when nothing else was sent for a keep-alive interval; never answered."""

    OPCODE: ClassVar[int] = 0x0003
    SHAPE: ClassVar[str] = 'event'
    CATEGORY: ClassVar[int] = 3
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>Q')
    SIZE: ClassVar[int] = 8

    next_event_seq: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> Heartbeat:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (next_event_seq,) = _unpack_Heartbeat(octets, offset)
            return cls(next_event_seq)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_Heartbeat(self.next_event_seq)
        except _BAD as error:
            raise LocalFault(f"Heartbeat: {error}") from None


_unpack_Heartbeat = Heartbeat.LAYOUT.unpack_from
_pack_Heartbeat = Heartbeat.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class Goodbye(Message):
    """Either side; the last frame before closing, and why."""

    OPCODE: ClassVar[int] = 0x0004
    SHAPE: ClassVar[str] = 'event'
    CATEGORY: ClassVar[int] = 3
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x0001, 'text', 'text', 1024, False, 1, None),
        SectionSpec(0x4009, 'workers', 'group', 64, False, 0, WorkerRow),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>H2sLQQQ')
    SIZE: ClassVar[int] = 32

    code: int = attrs.field(default=0, repr=False)
    retry_after_ms: int = 0
    last_command_seq: int = 0
    last_event_seq: int = 0
    drain_until: int = 0
    text: str | None = None
    workers: tuple[WorkerRow, ...] = ()

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> Goodbye:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (code, _zero1, retry_after_ms, last_command_seq, last_event_seq, drain_until,) = _unpack_Goodbye(octets, offset)
            if _zero1 != b'\x00\x00':
                raise ValueError
            return cls(code, retry_after_ms, last_command_seq, last_event_seq, drain_until)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_Goodbye(self.code, b'\x00\x00', self.retry_after_ms, self.last_command_seq, self.last_event_seq, self.drain_until)
        except _BAD as error:
            raise LocalFault(f"Goodbye: {error}") from None


_unpack_Goodbye = Goodbye.LAYOUT.unpack_from
_pack_Goodbye = Goodbye.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class Cancel(Message):
    """Requester to answerer: send no more of the reply to a request; never answered itself."""

    OPCODE: ClassVar[int] = 0x0006
    SHAPE: ClassVar[str] = 'event'
    CATEGORY: ClassVar[int] = 3
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>L')
    SIZE: ClassVar[int] = 4

    target: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> Cancel:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (target,) = _unpack_Cancel(octets, offset)
            return cls(target)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_Cancel(self.target)
        except _BAD as error:
            raise LocalFault(f"Cancel: {error}") from None


_unpack_Cancel = Cancel.LAYOUT.unpack_from
_pack_Cancel = Cancel.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class Register(Message):
    """Opens an account. Session 0, seq 0: the user name is the idempotency key."""

    OPCODE: ClassVar[int] = 0x0101
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x0006, 'email', 'text', 321, False, 1, None),
        SectionSpec(0x0007, 'password', 'text', 256, True, 8, None),
        SectionSpec(0x0015, 'invitation', 'text', 64, False, 1, None),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>24s4sL')
    SIZE: ClassVar[int] = 32

    username: str = ""
    currency: str = ""
    privacy: int = 0
    email: str | None = None
    password: str | None = attrs.field(default=None, repr=False)
    invitation: str | None = attrs.field(default=None, repr=False)

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> Register:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (username, currency, privacy,) = _unpack_Register(octets, offset)
            if privacy & 0xfffffff8:
                raise ValueError
            return cls(_ascii_get(username) or _ascii(username), _ccy(currency), privacy)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_Register(_packed_get((self.username, 24)) or _packed(self.username, 24), _packed_get((self.currency, 4)) or _packed(self.currency, 4), _masked(self.privacy, 0x7))
        except _BAD as error:
            raise LocalFault(f"Register: {error}") from None


_unpack_Register = Register.LAYOUT.unpack_from
_pack_Register = Register.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class RegisterReply(Message):
    """OK, USERNAME_TAKEN, INVITATION_INVALID, INVALID_FIELD, PASSWORD_WEAK, REGISTRATION_CLOSED."""

    OPCODE: ClassVar[int] = 0x0101
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QQq')
    SIZE: ClassVar[int] = 24

    account: int = 0
    created_at: int = 0
    starting_cash: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> RegisterReply:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (account, created_at, starting_cash,) = _unpack_RegisterReply(octets, offset)
            return cls(account, created_at, starting_cash)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_RegisterReply(self.account, self.created_at, self.starting_cash)
        except _BAD as error:
            raise LocalFault(f"RegisterReply: {error}") from None


_unpack_RegisterReply = RegisterReply.LAYOUT.unpack_from
_pack_RegisterReply = RegisterReply.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class Login(Message):
    """Opens a session. Session 0, seq 0."""

    OPCODE: ClassVar[int] = 0x0102
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x0007, 'password', 'text', 256, True, 1, None),
        SectionSpec(0x000a, 'device', 'text', 24, False, 1, None),
        SectionSpec(0x0050, 'code', 'text', 64, False, 1, None),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>24sBBB1sL')
    SIZE: ClassVar[int] = 32

    username: str = ""
    mechanism: Mechanism = Mechanism.PASSWORD
    remember: bool = False
    scope: Scope = Scope.READ
    lifetime_s: int = 0
    password: str | None = attrs.field(default=None, repr=False)
    device: str | None = None
    code: str | None = attrs.field(default=None, repr=False)

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> Login:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (username, mechanism, remember, scope, _zero4, lifetime_s,) = _unpack_Login(octets, offset)
            if _zero4 != b'\x00':
                raise ValueError
            return cls(_ascii_get(username) or _ascii(username), _MECHANISM[mechanism], _BOOL[remember], _SCOPE[scope], lifetime_s)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_Login(_packed_get((self.username, 24)) or _packed(self.username, 24), _MECHANISM[self.mechanism], 1 if self.remember else 0, _SCOPE[self.scope], b'\x00', self.lifetime_s)
        except _BAD as error:
            raise LocalFault(f"Login: {error}") from None


_unpack_Login = Login.LAYOUT.unpack_from
_pack_Login = Login.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class LoginReply(Message):
    """OK; SECOND_FACTOR_REQUIRED; else AUTH_FAILED, whatever the cause. The header has the handle."""

    OPCODE: ClassVar[int] = 0x0102
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>32sLB3sQQQQL4s')
    SIZE: ClassVar[int] = 80

    token: bytes = attrs.field(default=bytes(32), repr=False)
    session: int = 0
    scope: int = Scope.READ
    account: int = 0
    session_id: int = 0
    expires_at: int = 0
    next_event_seq: int = 0
    failed_tries: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> LoginReply:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (token, session, scope, _zero3, account, session_id, expires_at, next_event_seq, failed_tries, _zero9,) = _unpack_LoginReply(octets, offset)
            if _zero3 != b'\x00\x00\x00' or _zero9 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls(token, session, _SCOPE.get(scope, scope), account, session_id, expires_at, next_event_seq, failed_tries)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_LoginReply(_sized(self.token, 32), self.session, self.scope, b'\x00\x00\x00', self.account, self.session_id, self.expires_at, self.next_event_seq, self.failed_tries, b'\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"LoginReply: {error}") from None


_unpack_LoginReply = LoginReply.LAYOUT.unpack_from
_pack_LoginReply = LoginReply.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class Resume(Message):
    """Goes on with a session after a lost link. Session 0, seq 0."""

    OPCODE: ClassVar[int] = 0x0104
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>32sQL4s')
    SIZE: ClassVar[int] = 48

    token: bytes = attrs.field(default=bytes(32), repr=False)
    last_event_seq: int = 0
    flags: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> Resume:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (token, last_event_seq, flags, _zero3,) = _unpack_Resume(octets, offset)
            if flags & 0xfffffffd or _zero3 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls(token, last_event_seq, flags)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_Resume(_sized(self.token, 32), self.last_event_seq, _masked(self.flags, 0x2), b'\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"Resume: {error}") from None


_unpack_Resume = Resume.LAYOUT.unpack_from
_pack_Resume = Resume.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class ResumeReply(Message):
    """OK, SESSION_EXPIRED, SESSION_REVOKED, SESSION_IN_USE; RESUME_GAP: live, but events are lost."""

    OPCODE: ClassVar[int] = 0x0104
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x0001, 'text', 'text', 1024, False, 1, None),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>32sLB3sQQQQQQ')
    SIZE: ClassVar[int] = 88

    token: bytes = attrs.field(default=bytes(32), repr=False)
    session: int = 0
    scope: int = Scope.READ
    account: int = 0
    session_id: int = 0
    expires_at: int = 0
    last_command_seq: int = 0
    oldest_event_seq: int = 0
    next_event_seq: int = 0
    text: str | None = None

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> ResumeReply:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (token, session, scope, _zero3, account, session_id, expires_at, last_command_seq, oldest_event_seq, next_event_seq,) = _unpack_ResumeReply(octets, offset)
            if _zero3 != b'\x00\x00\x00':
                raise ValueError
            return cls(token, session, _SCOPE.get(scope, scope), account, session_id, expires_at, last_command_seq, oldest_event_seq, next_event_seq)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_ResumeReply(_sized(self.token, 32), self.session, self.scope, b'\x00\x00\x00', self.account, self.session_id, self.expires_at, self.last_command_seq, self.oldest_event_seq, self.next_event_seq)
        except _BAD as error:
            raise LocalFault(f"ResumeReply: {error}") from None


_unpack_ResumeReply = ResumeReply.LAYOUT.unpack_from
_pack_ResumeReply = ResumeReply.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class Logout(Message):
    """Ends the session; the token is void."""

    OPCODE: ClassVar[int] = 0x0105
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>B1s')
    SIZE: ClassVar[int] = 2

    everywhere: bool = False

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> Logout:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (everywhere, _zero1,) = _unpack_Logout(octets, offset)
            if _zero1 != b'\x00':
                raise ValueError
            return cls(_BOOL[everywhere])
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_Logout(1 if self.everywhere else 0, b'\x00')
        except _BAD as error:
            raise LocalFault(f"Logout: {error}") from None


_unpack_Logout = Logout.LAYOUT.unpack_from
_pack_Logout = Logout.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class LogoutReply(Message):
    """OK."""

    OPCODE: ClassVar[int] = 0x0105
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>L')
    SIZE: ClassVar[int] = 4

    ended: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> LogoutReply:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (ended,) = _unpack_LogoutReply(octets, offset)
            return cls(ended)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_LogoutReply(self.ended)
        except _BAD as error:
            raise LocalFault(f"LogoutReply: {error}") from None


_unpack_LogoutReply = LogoutReply.LAYOUT.unpack_from
_pack_LogoutReply = LogoutReply.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class AccountGet(Message):
    """Who am I, what do I own."""

    OPCODE: ClassVar[int] = 0x0109
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>24s')
    SIZE: ClassVar[int] = 24

    username: str = ""

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> AccountGet:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (username,) = _unpack_AccountGet(octets, offset)
            return cls(_ascii_get(username) or _ascii(username))
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_AccountGet(_packed_get((self.username, 24)) or _packed(self.username, 24))
        except _BAD as error:
            raise LocalFault(f"AccountGet: {error}") from None


_unpack_AccountGet = AccountGet.LAYOUT.unpack_from
_pack_AccountGet = AccountGet.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class AccountReply(Message):
    """Own account: all fields. Another's: what its privacy allows, the rest NULL or 0."""

    OPCODE: ClassVar[int] = 0x0109
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x0006, 'email', 'text', 321, False, 1, None),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>Q24sQ4sLqqqqQLLBB2s')
    SIZE: ClassVar[int] = 100

    account: int = 0
    username: str = ""
    created_at: int = 0
    currency: str = ""
    privacy: int = 0
    cash: int = 0
    reserved_cash: int = 0
    equity: int = 0
    realized_pnl: int = 0
    as_of: int = 0
    open_orders: int = 0
    positions: int = 0
    status: int = AccountStatus.ACTIVE
    scope: int = Scope.READ
    email: str | None = None

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> AccountReply:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (account, username, created_at, currency, privacy, cash, reserved_cash, equity, realized_pnl, as_of, open_orders, positions, status, scope, _zero14,) = _unpack_AccountReply(octets, offset)
            if _zero14 != b'\x00\x00':
                raise ValueError
            return cls(account, _ascii_get(username) or _ascii(username), created_at, _ccy(currency), privacy, cash, reserved_cash, equity, realized_pnl, as_of, open_orders, positions, _ACCOUNTSTATUS.get(status, status), _SCOPE.get(scope, scope))
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_AccountReply(self.account, _packed_get((self.username, 24)) or _packed(self.username, 24), self.created_at, _packed_get((self.currency, 4)) or _packed(self.currency, 4), self.privacy, self.cash, self.reserved_cash, self.equity, self.realized_pnl, self.as_of, self.open_orders, self.positions, self.status, self.scope, b'\x00\x00')
        except _BAD as error:
            raise LocalFault(f"AccountReply: {error}") from None


_unpack_AccountReply = AccountReply.LAYOUT.unpack_from
_pack_AccountReply = AccountReply.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class SessionList(Message):
    """The living sessions of the account, oldest first."""

    OPCODE: ClassVar[int] = 0x0106
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>4s')
    SIZE: ClassVar[int] = 4


    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> SessionList:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (_zero0,) = _unpack_SessionList(octets, offset)
            if _zero0 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls()
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_SessionList(b'\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"SessionList: {error}") from None


_unpack_SessionList = SessionList.LAYOUT.unpack_from
_pack_SessionList = SessionList.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class SessionListPart(Message):
    """One part of the list."""

    OPCODE: ClassVar[int] = 0x0106
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 2
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x4007, 'sessions', 'group', 16, False, 0, SessionRow),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>LLLLQQQ')
    SIZE: ClassVar[int] = 40

    part: int = 0
    parts: int = 0
    rows: int = 0
    total_rows: int = 0
    as_of: int = 0
    event_seq: int = 0
    next_after: int = 0
    sessions: tuple[SessionRow, ...] = ()

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> SessionListPart:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (part, parts, rows, total_rows, as_of, event_seq, next_after,) = _unpack_SessionListPart(octets, offset)
            return cls(part, parts, rows, total_rows, as_of, event_seq, next_after)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_SessionListPart(self.part, self.parts, self.rows, self.total_rows, self.as_of, self.event_seq, self.next_after)
        except _BAD as error:
            raise LocalFault(f"SessionListPart: {error}") from None


_unpack_SessionListPart = SessionListPart.LAYOUT.unpack_from
_pack_SessionListPart = SessionListPart.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class SessionRevoke(Message):
    """Ends another session of the account and those beside it. Changes state."""

    OPCODE: ClassVar[int] = 0x0107
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>Q')
    SIZE: ClassVar[int] = 8

    session_id: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> SessionRevoke:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (session_id,) = _unpack_SessionRevoke(octets, offset)
            return cls(session_id)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_SessionRevoke(self.session_id)
        except _BAD as error:
            raise LocalFault(f"SessionRevoke: {error}") from None


_unpack_SessionRevoke = SessionRevoke.LAYOUT.unpack_from
_pack_SessionRevoke = SessionRevoke.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class SessionRevokeReply(Message):
    """OK, NO_SUCH_SESSION, PROOF_TOO_OLD; INVALID_FIELD for the login that asks (see LOGOUT)."""

    OPCODE: ClassVar[int] = 0x0107
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>L4s')
    SIZE: ClassVar[int] = 8

    ended: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> SessionRevokeReply:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (ended, _zero1,) = _unpack_SessionRevokeReply(octets, offset)
            if _zero1 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls(ended)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_SessionRevokeReply(self.ended, b'\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"SessionRevokeReply: {error}") from None


_unpack_SessionRevokeReply = SessionRevokeReply.LAYOUT.unpack_from
_pack_SessionRevokeReply = SessionRevokeReply.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class PasswordChange(Message):
    """Sets a new password and ends every other session of the account. Changes state."""

    OPCODE: ClassVar[int] = 0x0108
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x0007, 'password', 'text', 256, True, 1, None),
        SectionSpec(0x0008, 'new_password', 'text', 256, True, 8, None),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>4s')
    SIZE: ClassVar[int] = 4

    password: str | None = attrs.field(default=None, repr=False)
    new_password: str | None = attrs.field(default=None, repr=False)

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> PasswordChange:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (_zero0,) = _unpack_PasswordChange(octets, offset)
            if _zero0 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls()
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_PasswordChange(b'\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"PasswordChange: {error}") from None


_unpack_PasswordChange = PasswordChange.LAYOUT.unpack_from
_pack_PasswordChange = PasswordChange.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class PasswordChangeReply(Message):
    """OK, AUTH_FAILED, PASSWORD_WEAK, RATE_LIMITED or SERVER_BUSY."""

    OPCODE: ClassVar[int] = 0x0108
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>L4s')
    SIZE: ClassVar[int] = 8

    ended: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> PasswordChangeReply:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (ended, _zero1,) = _unpack_PasswordChangeReply(octets, offset)
            if _zero1 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls(ended)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_PasswordChangeReply(self.ended, b'\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"PasswordChangeReply: {error}") from None


_unpack_PasswordChangeReply = PasswordChangeReply.LAYOUT.unpack_from
_pack_PasswordChangeReply = PasswordChangeReply.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class AccountUpdate(Message):
    """Changes what others see, or the e-mail address. Changes state."""

    OPCODE: ClassVar[int] = 0x010a
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x0006, 'email', 'text', 321, False, 1, None),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>LL')
    SIZE: ClassVar[int] = 8

    mask: int = 0
    privacy: int = 0
    email: str | None = None

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> AccountUpdate:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (mask, privacy,) = _unpack_AccountUpdate(octets, offset)
            if mask & 0xfffffffc or privacy & 0xfffffff8:
                raise ValueError
            return cls(mask, privacy)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_AccountUpdate(_masked(self.mask, 0x3), _masked(self.privacy, 0x7))
        except _BAD as error:
            raise LocalFault(f"AccountUpdate: {error}") from None


_unpack_AccountUpdate = AccountUpdate.LAYOUT.unpack_from
_pack_AccountUpdate = AccountUpdate.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class AccountUpdateReply(Message):
    """OK or INVALID_FIELD; PROOF_TOO_OLD for the e-mail address."""

    OPCODE: ClassVar[int] = 0x010a
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>LB3s')
    SIZE: ClassVar[int] = 8

    privacy: int = 0
    has_email: bool = False

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> AccountUpdateReply:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (privacy, has_email, _zero2,) = _unpack_AccountUpdateReply(octets, offset)
            if _zero2 != b'\x00\x00\x00':
                raise ValueError
            return cls(privacy, _BOOL[has_email])
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_AccountUpdateReply(self.privacy, 1 if self.has_email else 0, b'\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"AccountUpdateReply: {error}") from None


_unpack_AccountUpdateReply = AccountUpdateReply.LAYOUT.unpack_from
_pack_AccountUpdateReply = AccountUpdateReply.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class ApiKeyCreate(Message):
    """Makes a key with which programs log in. Changes state."""

    OPCODE: ClassVar[int] = 0x010c
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x000b, 'label', 'text', 64, True, 1, None),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>B3sL')
    SIZE: ClassVar[int] = 8

    scope: Scope = Scope.READ
    lifetime_s: int = 0
    label: str | None = None

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> ApiKeyCreate:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (scope, _zero1, lifetime_s,) = _unpack_ApiKeyCreate(octets, offset)
            if _zero1 != b'\x00\x00\x00':
                raise ValueError
            return cls(_SCOPE[scope], lifetime_s)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_ApiKeyCreate(_SCOPE[self.scope], b'\x00\x00\x00', self.lifetime_s)
        except _BAD as error:
            raise LocalFault(f"ApiKeyCreate: {error}") from None


_unpack_ApiKeyCreate = ApiKeyCreate.LAYOUT.unpack_from
_pack_ApiKeyCreate = ApiKeyCreate.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class ApiKeyCreateReply(Message):
    """OK, TOO_MANY_KEYS, PROOF_TOO_OLD. The only frame that ever holds the secret."""

    OPCODE: ClassVar[int] = 0x010c
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>Q32sQQB7s')
    SIZE: ClassVar[int] = 64

    key: int = 0
    secret: bytes = attrs.field(default=bytes(32), repr=False)
    created_at: int = 0
    expires_at: int = 0
    scope: int = Scope.READ

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> ApiKeyCreateReply:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (key, secret, created_at, expires_at, scope, _zero5,) = _unpack_ApiKeyCreateReply(octets, offset)
            if _zero5 != b'\x00\x00\x00\x00\x00\x00\x00':
                raise ValueError
            return cls(key, secret, created_at, expires_at, _SCOPE.get(scope, scope))
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_ApiKeyCreateReply(self.key, _sized(self.secret, 32), self.created_at, self.expires_at, self.scope, b'\x00\x00\x00\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"ApiKeyCreateReply: {error}") from None


_unpack_ApiKeyCreateReply = ApiKeyCreateReply.LAYOUT.unpack_from
_pack_ApiKeyCreateReply = ApiKeyCreateReply.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class ApiKeyList(Message):
    """The keys of the account, oldest first."""

    OPCODE: ClassVar[int] = 0x010d
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>4s')
    SIZE: ClassVar[int] = 4


    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> ApiKeyList:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (_zero0,) = _unpack_ApiKeyList(octets, offset)
            if _zero0 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls()
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_ApiKeyList(b'\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"ApiKeyList: {error}") from None


_unpack_ApiKeyList = ApiKeyList.LAYOUT.unpack_from
_pack_ApiKeyList = ApiKeyList.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class ApiKeyListPart(Message):
    """One part of the list."""

    OPCODE: ClassVar[int] = 0x010d
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 2
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x4010, 'keys', 'group', 16, False, 0, ApiKeyRow),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>LLLLQQQ')
    SIZE: ClassVar[int] = 40

    part: int = 0
    parts: int = 0
    rows: int = 0
    total_rows: int = 0
    as_of: int = 0
    event_seq: int = 0
    next_after: int = 0
    keys: tuple[ApiKeyRow, ...] = ()

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> ApiKeyListPart:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (part, parts, rows, total_rows, as_of, event_seq, next_after,) = _unpack_ApiKeyListPart(octets, offset)
            return cls(part, parts, rows, total_rows, as_of, event_seq, next_after)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_ApiKeyListPart(self.part, self.parts, self.rows, self.total_rows, self.as_of, self.event_seq, self.next_after)
        except _BAD as error:
            raise LocalFault(f"ApiKeyListPart: {error}") from None


_unpack_ApiKeyListPart = ApiKeyListPart.LAYOUT.unpack_from
_pack_ApiKeyListPart = ApiKeyListPart.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class ApiKeyRevoke(Message):
    """Voids a key for ever and ends the sessions that it opened. Changes state."""

    OPCODE: ClassVar[int] = 0x010e
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>Q')
    SIZE: ClassVar[int] = 8

    key: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> ApiKeyRevoke:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (key,) = _unpack_ApiKeyRevoke(octets, offset)
            return cls(key)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_ApiKeyRevoke(self.key)
        except _BAD as error:
            raise LocalFault(f"ApiKeyRevoke: {error}") from None


_unpack_ApiKeyRevoke = ApiKeyRevoke.LAYOUT.unpack_from
_pack_ApiKeyRevoke = ApiKeyRevoke.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class ApiKeyRevokeReply(Message):
    """OK or NO_SUCH_KEY."""

    OPCODE: ClassVar[int] = 0x010e
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>L4s')
    SIZE: ClassVar[int] = 8

    ended: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> ApiKeyRevokeReply:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (ended, _zero1,) = _unpack_ApiKeyRevokeReply(octets, offset)
            if _zero1 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls(ended)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_ApiKeyRevokeReply(self.ended, b'\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"ApiKeyRevokeReply: {error}") from None


_unpack_ApiKeyRevokeReply = ApiKeyRevokeReply.LAYOUT.unpack_from
_pack_ApiKeyRevokeReply = ApiKeyRevokeReply.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class TotpSetup(Message):
    """Begins to set up a second factor: asks for a fresh seed. It counts from TOTP_ENABLE on."""

    OPCODE: ClassVar[int] = 0x0110
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x0007, 'password', 'text', 256, True, 1, None),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>4s')
    SIZE: ClassVar[int] = 4

    password: str | None = attrs.field(default=None, repr=False)

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> TotpSetup:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (_zero0,) = _unpack_TotpSetup(octets, offset)
            if _zero0 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls()
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_TotpSetup(b'\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"TotpSetup: {error}") from None


_unpack_TotpSetup = TotpSetup.LAYOUT.unpack_from
_pack_TotpSetup = TotpSetup.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class TotpSetupReply(Message):
    """OK, AUTH_FAILED, RATE_LIMITED, SERVER_BUSY; SECOND_FACTOR_STATE if it is on."""

    OPCODE: ClassVar[int] = 0x0110
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x0051, 'seed', 'text', 64, True, 1, None),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>HHQ')
    SIZE: ClassVar[int] = 12

    step_s: int = 0
    digits: int = 0
    expires_at: int = 0
    seed: str | None = attrs.field(default=None, repr=False)

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> TotpSetupReply:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (step_s, digits, expires_at,) = _unpack_TotpSetupReply(octets, offset)
            return cls(step_s, digits, expires_at)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_TotpSetupReply(self.step_s, self.digits, self.expires_at)
        except _BAD as error:
            raise LocalFault(f"TotpSetupReply: {error}") from None


_unpack_TotpSetupReply = TotpSetupReply.LAYOUT.unpack_from
_pack_TotpSetupReply = TotpSetupReply.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class TotpEnable(Message):
    """Shows that the seed has arrived, by a code of it: from now on logins need one. Changes state."""

    OPCODE: ClassVar[int] = 0x0111
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x0050, 'code', 'text', 64, True, 1, None),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>4s')
    SIZE: ClassVar[int] = 4

    code: str | None = attrs.field(default=None, repr=False)

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> TotpEnable:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (_zero0,) = _unpack_TotpEnable(octets, offset)
            if _zero0 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls()
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_TotpEnable(b'\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"TotpEnable: {error}") from None


_unpack_TotpEnable = TotpEnable.LAYOUT.unpack_from
_pack_TotpEnable = TotpEnable.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class TotpEnableReply(Message):
    """OK, AUTH_FAILED, SECOND_FACTOR_STATE. CODES is absent when a repetition cannot show it."""

    OPCODE: ClassVar[int] = 0x0111
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x0052, 'codes', 'text', 512, False, 1, None),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>H2s')
    SIZE: ClassVar[int] = 4

    count: int = 0
    codes: str | None = attrs.field(default=None, repr=False)

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> TotpEnableReply:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (count, _zero1,) = _unpack_TotpEnableReply(octets, offset)
            if _zero1 != b'\x00\x00':
                raise ValueError
            return cls(count)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_TotpEnableReply(self.count, b'\x00\x00')
        except _BAD as error:
            raise LocalFault(f"TotpEnableReply: {error}") from None


_unpack_TotpEnableReply = TotpEnableReply.LAYOUT.unpack_from
_pack_TotpEnableReply = TotpEnableReply.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class TotpDisable(Message):
    """Ends the second factor, shown for the last time. Changes state."""

    OPCODE: ClassVar[int] = 0x0112
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x0050, 'code', 'text', 64, True, 1, None),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>4s')
    SIZE: ClassVar[int] = 4

    code: str | None = attrs.field(default=None, repr=False)

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> TotpDisable:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (_zero0,) = _unpack_TotpDisable(octets, offset)
            if _zero0 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls()
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_TotpDisable(b'\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"TotpDisable: {error}") from None


_unpack_TotpDisable = TotpDisable.LAYOUT.unpack_from
_pack_TotpDisable = TotpDisable.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class TotpDisableReply(Message):
    """OK, AUTH_FAILED, RATE_LIMITED, SECOND_FACTOR_STATE."""

    OPCODE: ClassVar[int] = 0x0112
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>4s')
    SIZE: ClassVar[int] = 4


    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> TotpDisableReply:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (_zero0,) = _unpack_TotpDisableReply(octets, offset)
            if _zero0 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls()
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_TotpDisableReply(b'\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"TotpDisableReply: {error}") from None


_unpack_TotpDisableReply = TotpDisableReply.LAYOUT.unpack_from
_pack_TotpDisableReply = TotpDisableReply.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class RecoveryRenew(Message):
    """Makes new recovery codes; the old ones are void. Changes state."""

    OPCODE: ClassVar[int] = 0x0113
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x0050, 'code', 'text', 64, True, 1, None),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>4s')
    SIZE: ClassVar[int] = 4

    code: str | None = attrs.field(default=None, repr=False)

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> RecoveryRenew:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (_zero0,) = _unpack_RecoveryRenew(octets, offset)
            if _zero0 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls()
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_RecoveryRenew(b'\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"RecoveryRenew: {error}") from None


_unpack_RecoveryRenew = RecoveryRenew.LAYOUT.unpack_from
_pack_RecoveryRenew = RecoveryRenew.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class RecoveryRenewReply(Message):
    """As TotpEnableReply."""

    OPCODE: ClassVar[int] = 0x0113
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x0052, 'codes', 'text', 512, False, 1, None),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>H2s')
    SIZE: ClassVar[int] = 4

    count: int = 0
    codes: str | None = attrs.field(default=None, repr=False)

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> RecoveryRenewReply:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (count, _zero1,) = _unpack_RecoveryRenewReply(octets, offset)
            if _zero1 != b'\x00\x00':
                raise ValueError
            return cls(count)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_RecoveryRenewReply(self.count, b'\x00\x00')
        except _BAD as error:
            raise LocalFault(f"RecoveryRenewReply: {error}") from None


_unpack_RecoveryRenewReply = RecoveryRenewReply.LAYOUT.unpack_from
_pack_RecoveryRenewReply = RecoveryRenewReply.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class PasswordReset(Message):
    """Sets a new password with a token that an operator made. Session 0, seq 0."""

    OPCODE: ClassVar[int] = 0x0114
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x0008, 'new_password', 'text', 256, True, 8, None),
        SectionSpec(0x0053, 'reset_token', 'text', 64, True, 1, None),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>24s')
    SIZE: ClassVar[int] = 24

    username: str = ""
    new_password: str | None = attrs.field(default=None, repr=False)
    reset_token: str | None = attrs.field(default=None, repr=False)

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> PasswordReset:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (username,) = _unpack_PasswordReset(octets, offset)
            return cls(_ascii_get(username) or _ascii(username))
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_PasswordReset(_packed_get((self.username, 24)) or _packed(self.username, 24))
        except _BAD as error:
            raise LocalFault(f"PasswordReset: {error}") from None


_unpack_PasswordReset = PasswordReset.LAYOUT.unpack_from
_pack_PasswordReset = PasswordReset.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class PasswordResetReply(Message):
    """OK, PASSWORD_WEAK, RATE_LIMITED, SERVER_BUSY; else AUTH_FAILED, whatever the cause."""

    OPCODE: ClassVar[int] = 0x0114
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>L4s')
    SIZE: ClassVar[int] = 8

    ended: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> PasswordResetReply:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (ended, _zero1,) = _unpack_PasswordResetReply(octets, offset)
            if _zero1 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls(ended)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_PasswordResetReply(self.ended, b'\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"PasswordResetReply: {error}") from None


_unpack_PasswordResetReply = PasswordResetReply.LAYOUT.unpack_from
_pack_PasswordResetReply = PasswordResetReply.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class AccountClose(Message):
    """Closes the own account for ever: what is personal is forgotten, the ledger is kept."""

    OPCODE: ClassVar[int] = 0x0115
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x0007, 'password', 'text', 256, True, 1, None),
        SectionSpec(0x0050, 'code', 'text', 64, False, 1, None),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>4s')
    SIZE: ClassVar[int] = 4

    password: str | None = attrs.field(default=None, repr=False)
    code: str | None = attrs.field(default=None, repr=False)

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> AccountClose:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (_zero0,) = _unpack_AccountClose(octets, offset)
            if _zero0 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls()
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_AccountClose(b'\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"AccountClose: {error}") from None


_unpack_AccountClose = AccountClose.LAYOUT.unpack_from
_pack_AccountClose = AccountClose.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class AccountCloseReply(Message):
    """OK, AUTH_FAILED, SECOND_FACTOR_REQUIRED, ACCOUNT_IN_USE, RATE_LIMITED, SERVER_BUSY."""

    OPCODE: ClassVar[int] = 0x0115
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>L4s')
    SIZE: ClassVar[int] = 8

    ended: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> AccountCloseReply:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (ended, _zero1,) = _unpack_AccountCloseReply(octets, offset)
            if _zero1 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls(ended)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_AccountCloseReply(self.ended, b'\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"AccountCloseReply: {error}") from None


_unpack_AccountCloseReply = AccountCloseReply.LAYOUT.unpack_from
_pack_AccountCloseReply = AccountCloseReply.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class InviteCreate(Message):
    """Makes a code with which one account may be opened. Scope ADMIN. Changes state."""

    OPCODE: ClassVar[int] = 0x0118
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x000b, 'label', 'text', 64, False, 1, None),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>B3sL')
    SIZE: ClassVar[int] = 8

    role: AccountRole = AccountRole.TRADER
    lifetime_s: int = 0
    label: str | None = None

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> InviteCreate:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (role, _zero1, lifetime_s,) = _unpack_InviteCreate(octets, offset)
            if _zero1 != b'\x00\x00\x00':
                raise ValueError
            return cls(_ACCOUNTROLE[role], lifetime_s)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_InviteCreate(_ACCOUNTROLE[self.role], b'\x00\x00\x00', self.lifetime_s)
        except _BAD as error:
            raise LocalFault(f"InviteCreate: {error}") from None


_unpack_InviteCreate = InviteCreate.LAYOUT.unpack_from
_pack_InviteCreate = InviteCreate.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class InviteCreateReply(Message):
    """OK, TOO_MANY_INVITATIONS, REGISTRATION_CLOSED. INVITE is absent when a repetition cannot show it."""

    OPCODE: ClassVar[int] = 0x0118
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x0015, 'invitation', 'text', 64, False, 1, None),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QQ')
    SIZE: ClassVar[int] = 16

    invitation_id: int = 0
    expires_at: int = 0
    invitation: str | None = attrs.field(default=None, repr=False)

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> InviteCreateReply:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (invitation_id, expires_at,) = _unpack_InviteCreateReply(octets, offset)
            return cls(invitation_id, expires_at)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_InviteCreateReply(self.invitation_id, self.expires_at)
        except _BAD as error:
            raise LocalFault(f"InviteCreateReply: {error}") from None


_unpack_InviteCreateReply = InviteCreateReply.LAYOUT.unpack_from
_pack_InviteCreateReply = InviteCreateReply.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class InviteList(Message):
    """The invitations that are open, oldest first. Scope ADMIN."""

    OPCODE: ClassVar[int] = 0x0119
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>4s')
    SIZE: ClassVar[int] = 4


    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> InviteList:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (_zero0,) = _unpack_InviteList(octets, offset)
            if _zero0 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls()
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_InviteList(b'\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"InviteList: {error}") from None


_unpack_InviteList = InviteList.LAYOUT.unpack_from
_pack_InviteList = InviteList.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class InviteListPart(Message):
    """One part of the list."""

    OPCODE: ClassVar[int] = 0x0119
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 2
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x4070, 'invitations', 'group', 4096, False, 0, InvitationRow),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>LLLLQQQ')
    SIZE: ClassVar[int] = 40

    part: int = 0
    parts: int = 0
    rows: int = 0
    total_rows: int = 0
    as_of: int = 0
    event_seq: int = 0
    next_after: int = 0
    invitations: tuple[InvitationRow, ...] = ()

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> InviteListPart:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (part, parts, rows, total_rows, as_of, event_seq, next_after,) = _unpack_InviteListPart(octets, offset)
            return cls(part, parts, rows, total_rows, as_of, event_seq, next_after)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_InviteListPart(self.part, self.parts, self.rows, self.total_rows, self.as_of, self.event_seq, self.next_after)
        except _BAD as error:
            raise LocalFault(f"InviteListPart: {error}") from None


_unpack_InviteListPart = InviteListPart.LAYOUT.unpack_from
_pack_InviteListPart = InviteListPart.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class InviteRevoke(Message):
    """Voids an invitation. Scope ADMIN. Changes state."""

    OPCODE: ClassVar[int] = 0x011a
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>Q')
    SIZE: ClassVar[int] = 8

    invitation_id: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> InviteRevoke:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (invitation_id,) = _unpack_InviteRevoke(octets, offset)
            return cls(invitation_id)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_InviteRevoke(self.invitation_id)
        except _BAD as error:
            raise LocalFault(f"InviteRevoke: {error}") from None


_unpack_InviteRevoke = InviteRevoke.LAYOUT.unpack_from
_pack_InviteRevoke = InviteRevoke.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class InviteRevokeReply(Message):
    """OK or NO_SUCH_INVITATION."""

    OPCODE: ClassVar[int] = 0x011a
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>4s')
    SIZE: ClassVar[int] = 4


    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> InviteRevokeReply:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (_zero0,) = _unpack_InviteRevokeReply(octets, offset)
            if _zero0 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls()
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_InviteRevokeReply(b'\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"InviteRevokeReply: {error}") from None


_unpack_InviteRevokeReply = InviteRevokeReply.LAYOUT.unpack_from
_pack_InviteRevokeReply = InviteRevokeReply.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class ResetCreate(Message):
    """Makes a token for PASSWORD_RESET; an older one of the account is void. Scope ADMIN. Changes state."""

    OPCODE: ClassVar[int] = 0x011b
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>24s')
    SIZE: ClassVar[int] = 24

    username: str = ""

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> ResetCreate:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (username,) = _unpack_ResetCreate(octets, offset)
            return cls(_ascii_get(username) or _ascii(username))
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_ResetCreate(_packed_get((self.username, 24)) or _packed(self.username, 24))
        except _BAD as error:
            raise LocalFault(f"ResetCreate: {error}") from None


_unpack_ResetCreate = ResetCreate.LAYOUT.unpack_from
_pack_ResetCreate = ResetCreate.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class ResetCreateReply(Message):
    """OK or NO_SUCH_ACCOUNT. RESET_TOKEN is absent when a repetition cannot show it."""

    OPCODE: ClassVar[int] = 0x011b
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x0053, 'reset_token', 'text', 64, False, 1, None),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>Q')
    SIZE: ClassVar[int] = 8

    expires_at: int = 0
    reset_token: str | None = attrs.field(default=None, repr=False)

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> ResetCreateReply:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (expires_at,) = _unpack_ResetCreateReply(octets, offset)
            return cls(expires_at)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_ResetCreateReply(self.expires_at)
        except _BAD as error:
            raise LocalFault(f"ResetCreateReply: {error}") from None


_unpack_ResetCreateReply = ResetCreateReply.LAYOUT.unpack_from
_pack_ResetCreateReply = ResetCreateReply.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class AccountList(Message):
    """The accounts, by number; or one of them. Scope ADMIN."""

    OPCODE: ClassVar[int] = 0x011c
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>24sQL4s')
    SIZE: ClassVar[int] = 40

    username: str = ""
    after: int = 0
    limit: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> AccountList:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (username, after, limit, _zero3,) = _unpack_AccountList(octets, offset)
            if _zero3 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls(_ascii_get(username) or _ascii(username), after, limit)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_AccountList(_packed_get((self.username, 24)) or _packed(self.username, 24), self.after, self.limit, b'\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"AccountList: {error}") from None


_unpack_AccountList = AccountList.LAYOUT.unpack_from
_pack_AccountList = AccountList.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class AccountListPart(Message):
    """One part of the list; NO_SUCH_ACCOUNT for a user name that nobody has."""

    OPCODE: ClassVar[int] = 0x011c
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 2
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x4071, 'accounts', 'group', 4096, False, 0, AccountRow),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>LLLLQQQ')
    SIZE: ClassVar[int] = 40

    part: int = 0
    parts: int = 0
    rows: int = 0
    total_rows: int = 0
    as_of: int = 0
    event_seq: int = 0
    next_after: int = 0
    accounts: tuple[AccountRow, ...] = ()

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> AccountListPart:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (part, parts, rows, total_rows, as_of, event_seq, next_after,) = _unpack_AccountListPart(octets, offset)
            return cls(part, parts, rows, total_rows, as_of, event_seq, next_after)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_AccountListPart(self.part, self.parts, self.rows, self.total_rows, self.as_of, self.event_seq, self.next_after)
        except _BAD as error:
            raise LocalFault(f"AccountListPart: {error}") from None


_unpack_AccountListPart = AccountListPart.LAYOUT.unpack_from
_pack_AccountListPart = AccountListPart.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class AccountControl(Message):
    """Changes what an account may do. Scope ADMIN. Changes state."""

    OPCODE: ClassVar[int] = 0x011d
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>24sBB6sQ')
    SIZE: ClassVar[int] = 40

    username: str = ""
    action: AccountAction = AccountAction.DISABLE
    role: AccountRole = AccountRole.TRADER
    session_id: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> AccountControl:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (username, action, role, _zero3, session_id,) = _unpack_AccountControl(octets, offset)
            if _zero3 != b'\x00\x00\x00\x00\x00\x00':
                raise ValueError
            return cls(_ascii_get(username) or _ascii(username), _ACCOUNTACTION[action], _ACCOUNTROLE[role], session_id)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_AccountControl(_packed_get((self.username, 24)) or _packed(self.username, 24), _ACCOUNTACTION[self.action], _ACCOUNTROLE[self.role], b'\x00\x00\x00\x00\x00\x00', self.session_id)
        except _BAD as error:
            raise LocalFault(f"AccountControl: {error}") from None


_unpack_AccountControl = AccountControl.LAYOUT.unpack_from
_pack_AccountControl = AccountControl.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class AccountControlReply(Message):
    """OK, NO_SUCH_ACCOUNT, NO_SUCH_SESSION; INVALID_FIELD for one's own account."""

    OPCODE: ClassVar[int] = 0x011d
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>L4s')
    SIZE: ClassVar[int] = 8

    ended: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> AccountControlReply:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (ended, _zero1,) = _unpack_AccountControlReply(octets, offset)
            if _zero1 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls(ended)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_AccountControlReply(self.ended, b'\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"AccountControlReply: {error}") from None


_unpack_AccountControlReply = AccountControlReply.LAYOUT.unpack_from
_pack_AccountControlReply = AccountControlReply.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class AccountSessions(Message):
    """The living sessions of an account, oldest first. Scope ADMIN."""

    OPCODE: ClassVar[int] = 0x011e
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>24s')
    SIZE: ClassVar[int] = 24

    username: str = ""

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> AccountSessions:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (username,) = _unpack_AccountSessions(octets, offset)
            return cls(_ascii_get(username) or _ascii(username))
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_AccountSessions(_packed_get((self.username, 24)) or _packed(self.username, 24))
        except _BAD as error:
            raise LocalFault(f"AccountSessions: {error}") from None


_unpack_AccountSessions = AccountSessions.LAYOUT.unpack_from
_pack_AccountSessions = AccountSessions.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class AccountSessionsPart(Message):
    """One part of the list; NO_SUCH_ACCOUNT."""

    OPCODE: ClassVar[int] = 0x011e
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 2
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x4007, 'sessions', 'group', 16, False, 0, SessionRow),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>LLLLQQQ')
    SIZE: ClassVar[int] = 40

    part: int = 0
    parts: int = 0
    rows: int = 0
    total_rows: int = 0
    as_of: int = 0
    event_seq: int = 0
    next_after: int = 0
    sessions: tuple[SessionRow, ...] = ()

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> AccountSessionsPart:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (part, parts, rows, total_rows, as_of, event_seq, next_after,) = _unpack_AccountSessionsPart(octets, offset)
            return cls(part, parts, rows, total_rows, as_of, event_seq, next_after)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_AccountSessionsPart(self.part, self.parts, self.rows, self.total_rows, self.as_of, self.event_seq, self.next_after)
        except _BAD as error:
            raise LocalFault(f"AccountSessionsPart: {error}") from None


_unpack_AccountSessionsPart = AccountSessionsPart.LAYOUT.unpack_from
_pack_AccountSessionsPart = AccountSessionsPart.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class OrderNew(Message):
    """Sends an order. Changes state: seq >= 1; with VALIDATE_ONLY it does not, and seq is 0."""

    OPCODE: ClassVar[int] = 0x0201
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x0070, 'tag', 'text', 128, False, 1, None),
        SectionSpec(0xc00d, 'legs', 'group', 4, False, 0, LegRow),
        SectionSpec(0xc014, 'trigger', 'group', 1, False, 0, TriggerRow),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QQ16sBBBBqqqQ')
    SIZE: ClassVar[int] = 68

    client_order_id: int = 0
    portfolio: int = 0
    symbol: str = ""
    side: Side = Side.BUY
    order_type: OrderType = OrderType.MARKET
    time_in_force: TimeInForce = TimeInForce.DAY
    flags: int = 0
    quantity: int = 0
    limit_price: int = NULL
    stop_price: int = NULL
    expire_at: int = 0
    tag: str | None = None
    legs: tuple[LegRow, ...] = ()
    trigger: tuple[TriggerRow, ...] = ()

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> OrderNew:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (client_order_id, portfolio, symbol, side, order_type, time_in_force, flags, quantity, limit_price, stop_price, expire_at,) = _unpack_OrderNew(octets, offset)
            if flags & 0xe0:
                raise ValueError
            return cls(client_order_id, portfolio, _ascii_get(symbol) or _ascii(symbol), _SIDE[side], _ORDERTYPE[order_type], _TIMEINFORCE[time_in_force], flags, quantity, limit_price, stop_price, expire_at)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_OrderNew(self.client_order_id, self.portfolio, _packed_get((self.symbol, 16)) or _packed(self.symbol, 16), _SIDE[self.side], _ORDERTYPE[self.order_type], _TIMEINFORCE[self.time_in_force], _masked(self.flags, 0x1f), self.quantity, self.limit_price, self.stop_price, self.expire_at)
        except _BAD as error:
            raise LocalFault(f"OrderNew: {error}") from None


_unpack_OrderNew = OrderNew.LAYOUT.unpack_from
_pack_OrderNew = OrderNew.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class OrderReply(Message):
    """The order as it stands; ORDERS are those that hang together with it. DUPLICATE_ORDER, ORDER_DONE, STALE_VERSION, and INSUFFICIENT_MARGIN of an order that carries out a margin call, carry the order they speak of."""

    OPCODE: ClassVar[int] = 0x0201
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x0001, 'text', 'text', 1024, False, 1, None),
        SectionSpec(0x4003, 'orders', 'group', 8, False, 0, OrderRow),
        SectionSpec(0x400e, 'preview', 'group', 1, False, 0, PreviewRow),
        SectionSpec(0x400f, 'successor', 'group', 1, False, 0, SuccessorRow),
        SectionSpec(0x4040, 'order_terms', 'group', 9, False, 0, OrderTermsRow),
        SectionSpec(0x4041, 'order_tags', 'group', 9, False, 0, OrderTagRow),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QQQQ16sBBBBB1sHqqqqqqqqQQQQLLQ')
    SIZE: ClassVar[int] = 168

    order: int = 0
    client_order_id: int = 0
    account: int = 0
    portfolio: int = 0
    symbol: str = ""
    side: int = Side.BUY
    order_type: int = OrderType.MARKET
    time_in_force: int = TimeInForce.DAY
    flags: int = 0
    state: int = OrderState.PENDING
    reason: int = 0
    quantity: int = 0
    filled: int = 0
    limit_price: int = NULL
    stop_price: int = NULL
    average_price: int = NULL
    collar_price: int = NULL
    reserved_cash: int = 0
    fees: int = 0
    received_at: int = 0
    accepted_at: int = 0
    updated_at: int = 0
    expire_at: int = 0
    version: int = 0
    fills: int = 0
    replaces: int = 0
    text: str | None = None
    orders: tuple[OrderRow, ...] = ()
    preview: tuple[PreviewRow, ...] = ()
    successor: tuple[SuccessorRow, ...] = ()
    order_terms: tuple[OrderTermsRow, ...] = ()
    order_tags: tuple[OrderTagRow, ...] = ()

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> OrderReply:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (order, client_order_id, account, portfolio, symbol, side, order_type, time_in_force, flags, state, _zero10, reason, quantity, filled, limit_price, stop_price, average_price, collar_price, reserved_cash, fees, received_at, accepted_at, updated_at, expire_at, version, fills, replaces,) = _unpack_OrderReply(octets, offset)
            if _zero10 != b'\x00':
                raise ValueError
            return cls(order, client_order_id, account, portfolio, _ascii_get(symbol) or _ascii(symbol), _SIDE.get(side, side), _ORDERTYPE.get(order_type, order_type), _TIMEINFORCE.get(time_in_force, time_in_force), flags, _ORDERSTATE.get(state, state), reason, quantity, filled, limit_price, stop_price, average_price, collar_price, reserved_cash, fees, received_at, accepted_at, updated_at, expire_at, version, fills, replaces)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_OrderReply(self.order, self.client_order_id, self.account, self.portfolio, _packed_get((self.symbol, 16)) or _packed(self.symbol, 16), self.side, self.order_type, self.time_in_force, self.flags, self.state, b'\x00', self.reason, self.quantity, self.filled, self.limit_price, self.stop_price, self.average_price, self.collar_price, self.reserved_cash, self.fees, self.received_at, self.accepted_at, self.updated_at, self.expire_at, self.version, self.fills, self.replaces)
        except _BAD as error:
            raise LocalFault(f"OrderReply: {error}") from None


_unpack_OrderReply = OrderReply.LAYOUT.unpack_from
_pack_OrderReply = OrderReply.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class OrderReplace(Message):
    """Puts a new order in the place of an open one; the reply is the new one. Changes state: seq >= 1."""

    OPCODE: ClassVar[int] = 0x0202
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x0070, 'tag', 'text', 128, False, 1, None),
        SectionSpec(0xc014, 'trigger', 'group', 1, False, 0, TriggerRow),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QQQqqqQL4s')
    SIZE: ClassVar[int] = 64

    order: int = 0
    client_order_id: int = 0
    portfolio: int = 0
    quantity: int = 0
    limit_price: int = NULL
    stop_price: int = NULL
    expire_at: int = 0
    expect_version: int = 0
    tag: str | None = None
    trigger: tuple[TriggerRow, ...] = ()

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> OrderReplace:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (order, client_order_id, portfolio, quantity, limit_price, stop_price, expire_at, expect_version, _zero8,) = _unpack_OrderReplace(octets, offset)
            if _zero8 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls(order, client_order_id, portfolio, quantity, limit_price, stop_price, expire_at, expect_version)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_OrderReplace(self.order, self.client_order_id, self.portfolio, self.quantity, self.limit_price, self.stop_price, self.expire_at, self.expect_version, b'\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"OrderReplace: {error}") from None


_unpack_OrderReplace = OrderReplace.LAYOUT.unpack_from
_pack_OrderReplace = OrderReplace.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class OrderCancel(Message):
    """Cancels an order. Changes state: seq >= 1."""

    OPCODE: ClassVar[int] = 0x0203
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QQQ')
    SIZE: ClassVar[int] = 24

    order: int = 0
    client_order_id: int = 0
    portfolio: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> OrderCancel:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (order, client_order_id, portfolio,) = _unpack_OrderCancel(octets, offset)
            return cls(order, client_order_id, portfolio)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_OrderCancel(self.order, self.client_order_id, self.portfolio)
        except _BAD as error:
            raise LocalFault(f"OrderCancel: {error}") from None


_unpack_OrderCancel = OrderCancel.LAYOUT.unpack_from
_pack_OrderCancel = OrderCancel.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class OrderCancelAll(Message):
    """Cancels the open orders of a portfolio, one event each. Changes state: seq >= 1."""

    OPCODE: ClassVar[int] = 0x0204
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>Q16sB7s')
    SIZE: ClassVar[int] = 32

    portfolio: int = 0
    symbol: str = ""
    side: SideFilter = SideFilter.ANY

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> OrderCancelAll:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (portfolio, symbol, side, _zero3,) = _unpack_OrderCancelAll(octets, offset)
            if _zero3 != b'\x00\x00\x00\x00\x00\x00\x00':
                raise ValueError
            return cls(portfolio, _ascii_get(symbol) or _ascii(symbol), _SIDEFILTER[side])
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_OrderCancelAll(self.portfolio, _packed_get((self.symbol, 16)) or _packed(self.symbol, 16), _SIDEFILTER[self.side], b'\x00\x00\x00\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"OrderCancelAll: {error}") from None


_unpack_OrderCancelAll = OrderCancelAll.LAYOUT.unpack_from
_pack_OrderCancelAll = OrderCancelAll.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class OrderCancelAllReply(Message):
    """How many it were."""

    OPCODE: ClassVar[int] = 0x0204
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>LL')
    SIZE: ClassVar[int] = 8

    cancelled: int = 0
    still_open: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> OrderCancelAllReply:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (cancelled, still_open,) = _unpack_OrderCancelAllReply(octets, offset)
            return cls(cancelled, still_open)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_OrderCancelAllReply(self.cancelled, self.still_open)
        except _BAD as error:
            raise LocalFault(f"OrderCancelAllReply: {error}") from None


_unpack_OrderCancelAllReply = OrderCancelAllReply.LAYOUT.unpack_from
_pack_OrderCancelAllReply = OrderCancelAllReply.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class PositionClose(Message):
    """Closes a position, or all, by market orders; cancels their open orders first, all in one step. Changes state: seq >= 1."""

    OPCODE: ClassVar[int] = 0x0207
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>Q16sQ')
    SIZE: ClassVar[int] = 32

    portfolio: int = 0
    symbol: str = ""
    client_order_id: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> PositionClose:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (portfolio, symbol, client_order_id,) = _unpack_PositionClose(octets, offset)
            return cls(portfolio, _ascii_get(symbol) or _ascii(symbol), client_order_id)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_PositionClose(self.portfolio, _packed_get((self.symbol, 16)) or _packed(self.symbol, 16), self.client_order_id)
        except _BAD as error:
            raise LocalFault(f"PositionClose: {error}") from None


_unpack_PositionClose = PositionClose.LAYOUT.unpack_from
_pack_PositionClose = PositionClose.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class PositionCloseReply(Message):
    """The orders that close; TEXT says which positions could not be closed, and why."""

    OPCODE: ClassVar[int] = 0x0207
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x0001, 'text', 'text', 1024, False, 1, None),
        SectionSpec(0x4003, 'orders', 'group', 128, False, 0, OrderRow),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>LL')
    SIZE: ClassVar[int] = 8

    cancelled: int = 0
    closing: int = 0
    text: str | None = None
    orders: tuple[OrderRow, ...] = ()

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> PositionCloseReply:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (cancelled, closing,) = _unpack_PositionCloseReply(octets, offset)
            return cls(cancelled, closing)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_PositionCloseReply(self.cancelled, self.closing)
        except _BAD as error:
            raise LocalFault(f"PositionCloseReply: {error}") from None


_unpack_PositionCloseReply = PositionCloseReply.LAYOUT.unpack_from
_pack_PositionCloseReply = PositionCloseReply.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class OrderGet(Message):
    """One order: by number, by client_order_id, or the newest one of a portfolio with a tag."""

    OPCODE: ClassVar[int] = 0x0205
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x0070, 'tag', 'text', 128, False, 1, None),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QQQ')
    SIZE: ClassVar[int] = 24

    order: int = 0
    client_order_id: int = 0
    portfolio: int = 0
    tag: str | None = None

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> OrderGet:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (order, client_order_id, portfolio,) = _unpack_OrderGet(octets, offset)
            return cls(order, client_order_id, portfolio)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_OrderGet(self.order, self.client_order_id, self.portfolio)
        except _BAD as error:
            raise LocalFault(f"OrderGet: {error}") from None


_unpack_OrderGet = OrderGet.LAYOUT.unpack_from
_pack_OrderGet = OrderGet.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class OrderList(Message):
    """Orders by symbol and state, oldest first unless DIRECTION says otherwise."""

    OPCODE: ClassVar[int] = 0x0206
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0xc071, 'direction', 'group', 1, False, 0, DirectionRow),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>Q16sHHQ')
    SIZE: ClassVar[int] = 36

    portfolio: int = 0
    symbol: str = ""
    states: int = 0
    limit: int = 0
    after: int = 0
    direction: tuple[DirectionRow, ...] = ()

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> OrderList:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (portfolio, symbol, states, limit, after,) = _unpack_OrderList(octets, offset)
            return cls(portfolio, _ascii_get(symbol) or _ascii(symbol), states, limit, after)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_OrderList(self.portfolio, _packed_get((self.symbol, 16)) or _packed(self.symbol, 16), self.states, self.limit, self.after)
        except _BAD as error:
            raise LocalFault(f"OrderList: {error}") from None


_unpack_OrderList = OrderList.LAYOUT.unpack_from
_pack_OrderList = OrderList.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class OrderListPart(Message):
    """One part of the list."""

    OPCODE: ClassVar[int] = 0x0206
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 2
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x4003, 'orders', 'group', 4096, False, 0, OrderRow),
        SectionSpec(0x4040, 'order_terms', 'group', 4096, False, 0, OrderTermsRow),
        SectionSpec(0x4041, 'order_tags', 'group', 4096, False, 0, OrderTagRow),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>LLLLQQQ')
    SIZE: ClassVar[int] = 40

    part: int = 0
    parts: int = 0
    rows: int = 0
    total_rows: int = 0
    as_of: int = 0
    event_seq: int = 0
    next_after: int = 0
    orders: tuple[OrderRow, ...] = ()
    order_terms: tuple[OrderTermsRow, ...] = ()
    order_tags: tuple[OrderTagRow, ...] = ()

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> OrderListPart:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (part, parts, rows, total_rows, as_of, event_seq, next_after,) = _unpack_OrderListPart(octets, offset)
            return cls(part, parts, rows, total_rows, as_of, event_seq, next_after)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_OrderListPart(self.part, self.parts, self.rows, self.total_rows, self.as_of, self.event_seq, self.next_after)
        except _BAD as error:
            raise LocalFault(f"OrderListPart: {error}") from None


_unpack_OrderListPart = OrderListPart.LAYOUT.unpack_from
_pack_OrderListPart = OrderListPart.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class AssetGet(Message):
    """One asset."""

    OPCODE: ClassVar[int] = 0x0301
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>16s')
    SIZE: ClassVar[int] = 16

    symbol: str = ""

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> AssetGet:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (symbol,) = _unpack_AssetGet(octets, offset)
            return cls(_ascii_get(symbol) or _ascii(symbol))
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_AssetGet(_packed_get((self.symbol, 16)) or _packed(self.symbol, 16))
        except _BAD as error:
            raise LocalFault(f"AssetGet: {error}") from None


_unpack_AssetGet = AssetGet.LAYOUT.unpack_from
_pack_AssetGet = AssetGet.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class AssetReply(Message):
    """The asset, or NO_SUCH_SYMBOL."""

    OPCODE: ClassVar[int] = 0x0301
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x000c, 'name', 'text', 128, False, 1, None),
        SectionSpec(0x000d, 'exchange', 'text', 32, False, 1, None),
        SectionSpec(0x000e, 'source', 'text', 32, False, 1, None),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>16sBBH4sqqqqQQQ')
    SIZE: ClassVar[int] = 80

    symbol: str = ""
    kind: int = AssetKind.STOCK
    status: int = AssetStatus.TRADABLE
    flags: int = 0
    currency: str = ""
    tick: int = NULL
    lot: int = 0
    quantity_min: int = 0
    quantity_max: int = 0
    first_bar: int = 0
    last_bar: int = 0
    cache_until: int = 0
    name: str | None = None
    exchange: str | None = None
    source: str | None = None

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> AssetReply:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (symbol, kind, status, flags, currency, tick, lot, quantity_min, quantity_max, first_bar, last_bar, cache_until,) = _unpack_AssetReply(octets, offset)
            return cls(_ascii_get(symbol) or _ascii(symbol), _ASSETKIND.get(kind, kind), _ASSETSTATUS.get(status, status), flags, _ccy(currency), tick, lot, quantity_min, quantity_max, first_bar, last_bar, cache_until)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_AssetReply(_packed_get((self.symbol, 16)) or _packed(self.symbol, 16), self.kind, self.status, self.flags, _packed_get((self.currency, 4)) or _packed(self.currency, 4), self.tick, self.lot, self.quantity_min, self.quantity_max, self.first_bar, self.last_bar, self.cache_until)
        except _BAD as error:
            raise LocalFault(f"AssetReply: {error}") from None


_unpack_AssetReply = AssetReply.LAYOUT.unpack_from
_pack_AssetReply = AssetReply.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class AssetList(Message):
    """Assets in order of symbol; PREFIX: whose symbol or name begins so, whatever its case."""

    OPCODE: ClassVar[int] = 0x0302
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x0014, 'prefix', 'text', 16, False, 1, None),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>HH4s')
    SIZE: ClassVar[int] = 8

    kinds: int = 0
    limit: int = 0
    prefix: str | None = None

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> AssetList:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (kinds, limit, _zero2,) = _unpack_AssetList(octets, offset)
            if _zero2 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls(kinds, limit)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_AssetList(self.kinds, self.limit, b'\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"AssetList: {error}") from None


_unpack_AssetList = AssetList.LAYOUT.unpack_from
_pack_AssetList = AssetList.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class AssetListPart(Message):
    """One part of the list."""

    OPCODE: ClassVar[int] = 0x0302
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 2
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x4006, 'assets', 'group', 4096, False, 0, AssetRow),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>LLLLQQQQ')
    SIZE: ClassVar[int] = 48

    part: int = 0
    parts: int = 0
    rows: int = 0
    total_rows: int = 0
    as_of: int = 0
    event_seq: int = 0
    next_after: int = 0
    cache_until: int = 0
    assets: tuple[AssetRow, ...] = ()

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> AssetListPart:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (part, parts, rows, total_rows, as_of, event_seq, next_after, cache_until,) = _unpack_AssetListPart(octets, offset)
            return cls(part, parts, rows, total_rows, as_of, event_seq, next_after, cache_until)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_AssetListPart(self.part, self.parts, self.rows, self.total_rows, self.as_of, self.event_seq, self.next_after, self.cache_until)
        except _BAD as error:
            raise LocalFault(f"AssetListPart: {error}") from None


_unpack_AssetListPart = AssetListPart.LAYOUT.unpack_from
_pack_AssetListPart = AssetListPart.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class QuoteGet(Message):
    """Newest quotes of 1 to 64 symbols."""

    OPCODE: ClassVar[int] = 0x0303
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x4008, 'symbols', 'group', 64, True, 0, SymbolRow),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>L4s')
    SIZE: ClassVar[int] = 8

    max_age_ms: int = 0
    symbols: tuple[SymbolRow, ...] = ()

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> QuoteGet:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (max_age_ms, _zero1,) = _unpack_QuoteGet(octets, offset)
            if _zero1 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls(max_age_ms)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_QuoteGet(self.max_age_ms, b'\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"QuoteGet: {error}") from None


_unpack_QuoteGet = QuoteGet.LAYOUT.unpack_from
_pack_QuoteGet = QuoteGet.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class QuoteReply(Message):
    """One row for each symbol that has a quote, in the order asked; NO_SUCH_SYMBOL if one is unknown."""

    OPCODE: ClassVar[int] = 0x0303
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 2
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x0001, 'text', 'text', 1024, False, 1, None),
        SectionSpec(0x4005, 'quotes', 'group', 64, False, 0, QuoteRow),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QL4s')
    SIZE: ClassVar[int] = 16

    as_of: int = 0
    rows: int = 0
    text: str | None = None
    quotes: tuple[QuoteRow, ...] = ()

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> QuoteReply:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (as_of, rows, _zero2,) = _unpack_QuoteReply(octets, offset)
            if _zero2 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls(as_of, rows)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_QuoteReply(self.as_of, self.rows, b'\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"QuoteReply: {error}") from None


_unpack_QuoteReply = QuoteReply.LAYOUT.unpack_from
_pack_QuoteReply = QuoteReply.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class QuoteEvent(Message):
    """A new quote of a subscribed symbol; seq 0."""

    OPCODE: ClassVar[int] = 0x0510
    SHAPE: ClassVar[str] = 'event'
    CATEGORY: ClassVar[int] = 2
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>16sqqqqqqqqqqqQQQHB5s')
    SIZE: ClassVar[int] = 136

    symbol: str = ""
    bid: int = NULL
    ask: int = NULL
    last: int = NULL
    bid_size: int = 0
    ask_size: int = 0
    last_size: int = 0
    day_open: int = NULL
    day_high: int = NULL
    day_low: int = NULL
    prev_close: int = NULL
    day_volume: int = 0
    source_time: int = 0
    observed_at: int = 0
    quote_seq: int = 0
    flags: int = 0
    provider: int = QuoteProvider.UNKNOWN

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> QuoteEvent:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (symbol, bid, ask, last, bid_size, ask_size, last_size, day_open, day_high, day_low, prev_close, day_volume, source_time, observed_at, quote_seq, flags, provider, _zero17,) = _unpack_QuoteEvent(octets, offset)
            if _zero17 != b'\x00\x00\x00\x00\x00':
                raise ValueError
            return cls(_ascii_get(symbol) or _ascii(symbol), bid, ask, last, bid_size, ask_size, last_size, day_open, day_high, day_low, prev_close, day_volume, source_time, observed_at, quote_seq, flags, _QUOTEPROVIDER.get(provider, provider))
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_QuoteEvent(_packed_get((self.symbol, 16)) or _packed(self.symbol, 16), self.bid, self.ask, self.last, self.bid_size, self.ask_size, self.last_size, self.day_open, self.day_high, self.day_low, self.prev_close, self.day_volume, self.source_time, self.observed_at, self.quote_seq, self.flags, self.provider, b'\x00\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"QuoteEvent: {error}") from None


_unpack_QuoteEvent = QuoteEvent.LAYOUT.unpack_from
_pack_QuoteEvent = QuoteEvent.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class BarsGet(Message):
    """A series of bars, in parts."""

    OPCODE: ClassVar[int] = 0x0304
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>16sLBB2sQQL4s')
    SIZE: ClassVar[int] = 48

    symbol: str = ""
    interval_s: int = 0
    adjustment: Adjustment = Adjustment.RAW
    newest_first: bool = False
    from_time: int = 0
    to_time: int = 0
    limit: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> BarsGet:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (symbol, interval_s, adjustment, newest_first, _zero4, from_time, to_time, limit, _zero8,) = _unpack_BarsGet(octets, offset)
            if _zero4 != b'\x00\x00' or _zero8 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls(_ascii_get(symbol) or _ascii(symbol), interval_s, _ADJUSTMENT[adjustment], _BOOL[newest_first], from_time, to_time, limit)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_BarsGet(_packed_get((self.symbol, 16)) or _packed(self.symbol, 16), self.interval_s, _ADJUSTMENT[self.adjustment], 1 if self.newest_first else 0, b'\x00\x00', self.from_time, self.to_time, self.limit, b'\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"BarsGet: {error}") from None


_unpack_BarsGet = BarsGet.LAYOUT.unpack_from
_pack_BarsGet = BarsGet.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class BarsPart(Message):
    """One part of the series."""

    OPCODE: ClassVar[int] = 0x0304
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 2
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x4001, 'bars', 'group', 4096, False, 0, BarRow),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>LLLL16sLBB2sQL4sQ')
    SIZE: ClassVar[int] = 64

    part: int = 0
    parts: int = 0
    rows: int = 0
    total_rows: int = 0
    symbol: str = ""
    interval_s: int = 0
    adjustment: int = Adjustment.RAW
    complete: bool = False
    as_of: int = 0
    missing: int = 0
    cache_until: int = 0
    bars: tuple[BarRow, ...] = ()

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> BarsPart:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (part, parts, rows, total_rows, symbol, interval_s, adjustment, complete, _zero8, as_of, missing, _zero11, cache_until,) = _unpack_BarsPart(octets, offset)
            if _zero8 != b'\x00\x00' or _zero11 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls(part, parts, rows, total_rows, _ascii_get(symbol) or _ascii(symbol), interval_s, _ADJUSTMENT.get(adjustment, adjustment), _BOOL[complete], as_of, missing, cache_until)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_BarsPart(self.part, self.parts, self.rows, self.total_rows, _packed_get((self.symbol, 16)) or _packed(self.symbol, 16), self.interval_s, self.adjustment, 1 if self.complete else 0, b'\x00\x00', self.as_of, self.missing, b'\x00\x00\x00\x00', self.cache_until)
        except _BAD as error:
            raise LocalFault(f"BarsPart: {error}") from None


_unpack_BarsPart = BarsPart.LAYOUT.unpack_from
_pack_BarsPart = BarsPart.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class BarEvent(Message):
    """A bar of a subscribed symbol, in formation or closed; seq 0."""

    OPCODE: ClassVar[int] = 0x0511
    SHAPE: ClassVar[str] = 'event'
    CATEGORY: ClassVar[int] = 2
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>16sLB3sQqqqqqL4s')
    SIZE: ClassVar[int] = 80

    symbol: str = ""
    interval_s: int = 0
    final: bool = False
    time: int = 0
    open: int = NULL
    high: int = NULL
    low: int = NULL
    close: int = NULL
    volume: int = 0
    epoch: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> BarEvent:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (symbol, interval_s, final, _zero3, time, open, high, low, close, volume, epoch, _zero11,) = _unpack_BarEvent(octets, offset)
            if _zero3 != b'\x00\x00\x00' or _zero11 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls(_ascii_get(symbol) or _ascii(symbol), interval_s, _BOOL[final], time, open, high, low, close, volume, epoch)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_BarEvent(_packed_get((self.symbol, 16)) or _packed(self.symbol, 16), self.interval_s, 1 if self.final else 0, b'\x00\x00\x00', self.time, self.open, self.high, self.low, self.close, self.volume, self.epoch, b'\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"BarEvent: {error}") from None


_unpack_BarEvent = BarEvent.LAYOUT.unpack_from
_pack_BarEvent = BarEvent.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class AssetHalt(Message):
    """Halts trade in an asset, or lets it go on. Scope ADMIN."""

    OPCODE: ClassVar[int] = 0x0310
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x0001, 'reason', 'text', 1024, False, 1, None),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>16sB7s')
    SIZE: ClassVar[int] = 24

    symbol: str = ""
    halted: bool = False
    reason: str | None = None

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> AssetHalt:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (symbol, halted, _zero2,) = _unpack_AssetHalt(octets, offset)
            if _zero2 != b'\x00\x00\x00\x00\x00\x00\x00':
                raise ValueError
            return cls(_ascii_get(symbol) or _ascii(symbol), _BOOL[halted])
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_AssetHalt(_packed_get((self.symbol, 16)) or _packed(self.symbol, 16), 1 if self.halted else 0, b'\x00\x00\x00\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"AssetHalt: {error}") from None


_unpack_AssetHalt = AssetHalt.LAYOUT.unpack_from
_pack_AssetHalt = AssetHalt.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class AssetHaltReply(Message):
    """OK, also if it was so already; NO_SUCH_SYMBOL."""

    OPCODE: ClassVar[int] = 0x0310
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>16sB7s')
    SIZE: ClassVar[int] = 24

    symbol: str = ""
    status: int = AssetStatus.TRADABLE

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> AssetHaltReply:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (symbol, status, _zero2,) = _unpack_AssetHaltReply(octets, offset)
            if _zero2 != b'\x00\x00\x00\x00\x00\x00\x00':
                raise ValueError
            return cls(_ascii_get(symbol) or _ascii(symbol), _ASSETSTATUS.get(status, status))
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_AssetHaltReply(_packed_get((self.symbol, 16)) or _packed(self.symbol, 16), self.status, b'\x00\x00\x00\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"AssetHaltReply: {error}") from None


_unpack_AssetHaltReply = AssetHaltReply.LAYOUT.unpack_from
_pack_AssetHaltReply = AssetHaltReply.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class MarketStatus(Message):
    """Whether an exchange is open, and when it opens and closes next."""

    OPCODE: ClassVar[int] = 0x0305
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>4s')
    SIZE: ClassVar[int] = 4

    exchange: str = ""

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> MarketStatus:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (exchange,) = _unpack_MarketStatus(octets, offset)
            return cls(_ccy(exchange))
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_MarketStatus(_packed_get((self.exchange, 4)) or _packed(self.exchange, 4))
        except _BAD as error:
            raise LocalFault(f"MarketStatus: {error}") from None


_unpack_MarketStatus = MarketStatus.LAYOUT.unpack_from
_pack_MarketStatus = MarketStatus.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class MarketStatusReply(Message):
    """OK; NO_DATA when nothing of that exchange is listed here."""

    OPCODE: ClassVar[int] = 0x0305
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>4sB3sQQQL4sQ')
    SIZE: ClassVar[int] = 48

    exchange: str = ""
    state: int = MarketState.CLOSED
    now: int = 0
    next_open: int = 0
    next_close: int = 0
    update_interval_ms: int = 0
    cache_until: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> MarketStatusReply:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (exchange, state, _zero2, now, next_open, next_close, update_interval_ms, _zero7, cache_until,) = _unpack_MarketStatusReply(octets, offset)
            if _zero2 != b'\x00\x00\x00' or _zero7 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls(_ccy(exchange), _MARKETSTATE.get(state, state), now, next_open, next_close, update_interval_ms, cache_until)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_MarketStatusReply(_packed_get((self.exchange, 4)) or _packed(self.exchange, 4), self.state, b'\x00\x00\x00', self.now, self.next_open, self.next_close, self.update_interval_ms, b'\x00\x00\x00\x00', self.cache_until)
        except _BAD as error:
            raise LocalFault(f"MarketStatusReply: {error}") from None


_unpack_MarketStatusReply = MarketStatusReply.LAYOUT.unpack_from
_pack_MarketStatusReply = MarketStatusReply.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class MarketEvent(Message):
    """The exchange that drives the market's clock has opened or closed, or its clock was set; seq 0."""

    OPCODE: ClassVar[int] = 0x0514
    SHAPE: ClassVar[str] = 'event'
    CATEGORY: ClassVar[int] = 2
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>4sB3sQQQL4sLL')
    SIZE: ClassVar[int] = 48

    exchange: str = ""
    state: int = MarketState.CLOSED
    now: int = 0
    next_open: int = 0
    next_close: int = 0
    update_interval_ms: int = 0
    epoch: int = 0
    speed_milli: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> MarketEvent:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (exchange, state, _zero2, now, next_open, next_close, update_interval_ms, _zero7, epoch, speed_milli,) = _unpack_MarketEvent(octets, offset)
            if _zero2 != b'\x00\x00\x00' or _zero7 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls(_ccy(exchange), _MARKETSTATE.get(state, state), now, next_open, next_close, update_interval_ms, epoch, speed_milli)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_MarketEvent(_packed_get((self.exchange, 4)) or _packed(self.exchange, 4), self.state, b'\x00\x00\x00', self.now, self.next_open, self.next_close, self.update_interval_ms, b'\x00\x00\x00\x00', self.epoch, self.speed_milli)
        except _BAD as error:
            raise LocalFault(f"MarketEvent: {error}") from None


_unpack_MarketEvent = MarketEvent.LAYOUT.unpack_from
_pack_MarketEvent = MarketEvent.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class ClockGet(Message):
    """Where market time stands and how fast it runs."""

    OPCODE: ClassVar[int] = 0x0306
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>4s')
    SIZE: ClassVar[int] = 4


    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> ClockGet:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (_zero0,) = _unpack_ClockGet(octets, offset)
            if _zero0 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls()
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_ClockGet(b'\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"ClockGet: {error}") from None


_unpack_ClockGet = ClockGet.LAYOUT.unpack_from
_pack_ClockGet = ClockGet.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class ClockReply(Message):
    """OK."""

    OPCODE: ClassVar[int] = 0x0306
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>BBB1sLQQQQL4sQ')
    SIZE: ClassVar[int] = 56

    mode: int = ClockMode.LIVE
    paused: bool = False
    skips_closed: bool = False
    speed_milli: int = 0
    now: int = 0
    ends_at: int = 0
    as_of: int = 0
    begins_at: int = 0
    epoch: int = 0
    cache_until: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> ClockReply:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (mode, paused, skips_closed, _zero3, speed_milli, now, ends_at, as_of, begins_at, epoch, _zero10, cache_until,) = _unpack_ClockReply(octets, offset)
            if _zero3 != b'\x00' or _zero10 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls(_CLOCKMODE.get(mode, mode), _BOOL[paused], _BOOL[skips_closed], speed_milli, now, ends_at, as_of, begins_at, epoch, cache_until)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_ClockReply(self.mode, 1 if self.paused else 0, 1 if self.skips_closed else 0, b'\x00', self.speed_milli, self.now, self.ends_at, self.as_of, self.begins_at, self.epoch, b'\x00\x00\x00\x00', self.cache_until)
        except _BAD as error:
            raise LocalFault(f"ClockReply: {error}") from None


_unpack_ClockReply = ClockReply.LAYOUT.unpack_from
_pack_ClockReply = ClockReply.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class ClockSet(Message):
    """Set the market's clock. Scope ADMIN, or TRADE of the only account there is."""

    OPCODE: ClassVar[int] = 0x0307
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>BBB1sLQQ')
    SIZE: ClassVar[int] = 24

    fields: int = 0
    mode: int = 0
    paused: bool = False
    speed_milli: int = 0
    now: int = 0
    step: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> ClockSet:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (fields, mode, paused, _zero3, speed_milli, now, step,) = _unpack_ClockSet(octets, offset)
            if fields & 0xe0 or _zero3 != b'\x00':
                raise ValueError
            return cls(fields, mode, _BOOL[paused], speed_milli, now, step)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_ClockSet(_masked(self.fields, 0x1f), self.mode, 1 if self.paused else 0, b'\x00', self.speed_milli, self.now, self.step)
        except _BAD as error:
            raise LocalFault(f"ClockSet: {error}") from None


_unpack_ClockSet = ClockSet.LAYOUT.unpack_from
_pack_ClockSet = ClockSet.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class ClockSetReply(Message):
    """The clock as it is set; CLOCK_FIXED, INVALID_FIELD, SCOPE_DENIED."""

    OPCODE: ClassVar[int] = 0x0307
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>BBB1sLQQQQL4sQ')
    SIZE: ClassVar[int] = 56

    mode: int = ClockMode.LIVE
    paused: bool = False
    skips_closed: bool = False
    speed_milli: int = 0
    now: int = 0
    ends_at: int = 0
    as_of: int = 0
    begins_at: int = 0
    epoch: int = 0
    cache_until: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> ClockSetReply:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (mode, paused, skips_closed, _zero3, speed_milli, now, ends_at, as_of, begins_at, epoch, _zero10, cache_until,) = _unpack_ClockSetReply(octets, offset)
            if _zero3 != b'\x00' or _zero10 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls(_CLOCKMODE.get(mode, mode), _BOOL[paused], _BOOL[skips_closed], speed_milli, now, ends_at, as_of, begins_at, epoch, cache_until)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_ClockSetReply(self.mode, 1 if self.paused else 0, 1 if self.skips_closed else 0, b'\x00', self.speed_milli, self.now, self.ends_at, self.as_of, self.begins_at, self.epoch, b'\x00\x00\x00\x00', self.cache_until)
        except _BAD as error:
            raise LocalFault(f"ClockSetReply: {error}") from None


_unpack_ClockSetReply = ClockSetReply.LAYOUT.unpack_from
_pack_ClockSetReply = ClockSetReply.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class PortfolioGet(Message):
    """Cash, totals and positions; of another user's as far as their privacy allows."""

    OPCODE: ClassVar[int] = 0x0401
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x8016, 'username', 'text', 24, False, 1, None),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>Q')
    SIZE: ClassVar[int] = 8

    portfolio: int = 0
    username: str | None = None

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> PortfolioGet:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (portfolio,) = _unpack_PortfolioGet(octets, offset)
            return cls(portfolio)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_PortfolioGet(self.portfolio)
        except _BAD as error:
            raise LocalFault(f"PortfolioGet: {error}") from None


_unpack_PortfolioGet = PortfolioGet.LAYOUT.unpack_from
_pack_PortfolioGet = PortfolioGet.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class PortfolioPart(Message):
    """One part; the totals stand in each."""

    OPCODE: ClassVar[int] = 0x0401
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 2
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x4002, 'positions', 'group', 4096, False, 0, PositionRow),
        SectionSpec(0x4019, 'earnings', 'group', 1, False, 0, EarningsRow),
        SectionSpec(0x401a, 'margin', 'group', 1, False, 0, MarginRow),
        SectionSpec(0x401b, 'plan', 'group', 4096, False, 0, PlanRow),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>LLLLQQ4s4sqqqqqqQQQ')
    SIZE: ClassVar[int] = 112

    part: int = 0
    parts: int = 0
    rows: int = 0
    total_rows: int = 0
    account: int = 0
    portfolio: int = 0
    currency: str = ""
    cash: int = 0
    reserved_cash: int = 0
    equity: int = 0
    market_value: int = 0
    unrealized_pnl: int = 0
    realized_pnl: int = 0
    as_of: int = 0
    market_time: int = 0
    event_seq: int = 0
    positions: tuple[PositionRow, ...] = ()
    earnings: tuple[EarningsRow, ...] = ()
    margin: tuple[MarginRow, ...] = ()
    plan: tuple[PlanRow, ...] = ()

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> PortfolioPart:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (part, parts, rows, total_rows, account, portfolio, currency, _zero7, cash, reserved_cash, equity, market_value, unrealized_pnl, realized_pnl, as_of, market_time, event_seq,) = _unpack_PortfolioPart(octets, offset)
            if _zero7 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls(part, parts, rows, total_rows, account, portfolio, _ccy(currency), cash, reserved_cash, equity, market_value, unrealized_pnl, realized_pnl, as_of, market_time, event_seq)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_PortfolioPart(self.part, self.parts, self.rows, self.total_rows, self.account, self.portfolio, _packed_get((self.currency, 4)) or _packed(self.currency, 4), b'\x00\x00\x00\x00', self.cash, self.reserved_cash, self.equity, self.market_value, self.unrealized_pnl, self.realized_pnl, self.as_of, self.market_time, self.event_seq)
        except _BAD as error:
            raise LocalFault(f"PortfolioPart: {error}") from None


_unpack_PortfolioPart = PortfolioPart.LAYOUT.unpack_from
_pack_PortfolioPart = PortfolioPart.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class TransactionsGet(Message):
    """Ledger history, oldest first unless DIRECTION says otherwise; another user's likewise."""

    OPCODE: ClassVar[int] = 0x0402
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x8016, 'username', 'text', 24, False, 1, None),
        SectionSpec(0xc071, 'direction', 'group', 1, False, 0, DirectionRow),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QQQQHH4s')
    SIZE: ClassVar[int] = 40

    portfolio: int = 0
    from_time: int = 0
    to_time: int = 0
    after: int = 0
    kinds: int = 0
    limit: int = 0
    username: str | None = None
    direction: tuple[DirectionRow, ...] = ()

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> TransactionsGet:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (portfolio, from_time, to_time, after, kinds, limit, _zero6,) = _unpack_TransactionsGet(octets, offset)
            if _zero6 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls(portfolio, from_time, to_time, after, kinds, limit)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_TransactionsGet(self.portfolio, self.from_time, self.to_time, self.after, self.kinds, self.limit, b'\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"TransactionsGet: {error}") from None


_unpack_TransactionsGet = TransactionsGet.LAYOUT.unpack_from
_pack_TransactionsGet = TransactionsGet.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class TransactionsPart(Message):
    """One part of the history; NOTES are the reasons of corrections."""

    OPCODE: ClassVar[int] = 0x0402
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 2
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x4004, 'transactions', 'group', 4096, False, 0, TransactionRow),
        SectionSpec(0x4018, 'details', 'group', 4096, False, 0, TransactionDetailRow),
        SectionSpec(0x4025, 'notes', 'group', 4096, False, 0, NoteRow),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>LLLLQQQ')
    SIZE: ClassVar[int] = 40

    part: int = 0
    parts: int = 0
    rows: int = 0
    total_rows: int = 0
    as_of: int = 0
    event_seq: int = 0
    next_after: int = 0
    transactions: tuple[TransactionRow, ...] = ()
    details: tuple[TransactionDetailRow, ...] = ()
    notes: tuple[NoteRow, ...] = ()

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> TransactionsPart:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (part, parts, rows, total_rows, as_of, event_seq, next_after,) = _unpack_TransactionsPart(octets, offset)
            return cls(part, parts, rows, total_rows, as_of, event_seq, next_after)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_TransactionsPart(self.part, self.parts, self.rows, self.total_rows, self.as_of, self.event_seq, self.next_after)
        except _BAD as error:
            raise LocalFault(f"TransactionsPart: {error}") from None


_unpack_TransactionsPart = TransactionsPart.LAYOUT.unpack_from
_pack_TransactionsPart = TransactionsPart.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class EquityGet(Message):
    """What a portfolio was worth over market time, by its ledger; another user's likewise."""

    OPCODE: ClassVar[int] = 0x0403
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x8016, 'username', 'text', 24, False, 1, None),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QQQL4s')
    SIZE: ClassVar[int] = 32

    portfolio: int = 0
    from_time: int = 0
    to_time: int = 0
    interval_s: int = 0
    username: str | None = None

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> EquityGet:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (portfolio, from_time, to_time, interval_s, _zero4,) = _unpack_EquityGet(octets, offset)
            if _zero4 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls(portfolio, from_time, to_time, interval_s)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_EquityGet(self.portfolio, self.from_time, self.to_time, self.interval_s, b'\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"EquityGet: {error}") from None


_unpack_EquityGet = EquityGet.LAYOUT.unpack_from
_pack_EquityGet = EquityGet.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class EquityPart(Message):
    """One part of the curve, oldest first."""

    OPCODE: ClassVar[int] = 0x0403
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 2
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x400a, 'equity', 'group', 4096, False, 0, EquityRow),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>LLLLQ4sLQ')
    SIZE: ClassVar[int] = 40

    part: int = 0
    parts: int = 0
    rows: int = 0
    total_rows: int = 0
    portfolio: int = 0
    currency: str = ""
    interval_s: int = 0
    as_of: int = 0
    equity: tuple[EquityRow, ...] = ()

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> EquityPart:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (part, parts, rows, total_rows, portfolio, currency, interval_s, as_of,) = _unpack_EquityPart(octets, offset)
            return cls(part, parts, rows, total_rows, portfolio, _ccy(currency), interval_s, as_of)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_EquityPart(self.part, self.parts, self.rows, self.total_rows, self.portfolio, _packed_get((self.currency, 4)) or _packed(self.currency, 4), self.interval_s, self.as_of)
        except _BAD as error:
            raise LocalFault(f"EquityPart: {error}") from None


_unpack_EquityPart = EquityPart.LAYOUT.unpack_from
_pack_EquityPart = EquityPart.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class PortfolioCreate(Message):
    """Opens a further portfolio. Changes state: seq >= 1."""

    OPCODE: ClassVar[int] = 0x0404
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>24sq')
    SIZE: ClassVar[int] = 32

    name: str = ""
    cash: int = NULL

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> PortfolioCreate:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (name, cash,) = _unpack_PortfolioCreate(octets, offset)
            return cls(_ascii_get(name) or _ascii(name), cash)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_PortfolioCreate(_packed_get((self.name, 24)) or _packed(self.name, 24), self.cash)
        except _BAD as error:
            raise LocalFault(f"PortfolioCreate: {error}") from None


_unpack_PortfolioCreate = PortfolioCreate.LAYOUT.unpack_from
_pack_PortfolioCreate = PortfolioCreate.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class ListedReply(Message):
    """The portfolio as it stands after the command."""

    OPCODE: ClassVar[int] = 0x0404
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x0001, 'text', 'text', 1024, False, 1, None),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>Q24s4sLQqqqqqLL')
    SIZE: ClassVar[int] = 96

    portfolio: int = 0
    name: str = ""
    currency: str = ""
    season: int = 0
    season_at: int = 0
    cash: int = 0
    reserved_cash: int = 0
    equity: int = 0
    deposited: int = 0
    realized_pnl: int = 0
    open_orders: int = 0
    positions: int = 0
    text: str | None = None

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> ListedReply:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (portfolio, name, currency, season, season_at, cash, reserved_cash, equity, deposited, realized_pnl, open_orders, positions,) = _unpack_ListedReply(octets, offset)
            return cls(portfolio, _ascii_get(name) or _ascii(name), _ccy(currency), season, season_at, cash, reserved_cash, equity, deposited, realized_pnl, open_orders, positions)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_ListedReply(self.portfolio, _packed_get((self.name, 24)) or _packed(self.name, 24), _packed_get((self.currency, 4)) or _packed(self.currency, 4), self.season, self.season_at, self.cash, self.reserved_cash, self.equity, self.deposited, self.realized_pnl, self.open_orders, self.positions)
        except _BAD as error:
            raise LocalFault(f"ListedReply: {error}") from None


_unpack_ListedReply = ListedReply.LAYOUT.unpack_from
_pack_ListedReply = ListedReply.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class PortfolioList(Message):
    """The portfolios of the account, the default one first."""

    OPCODE: ClassVar[int] = 0x0405
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>8s')
    SIZE: ClassVar[int] = 8


    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> PortfolioList:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (_zero0,) = _unpack_PortfolioList(octets, offset)
            if _zero0 != b'\x00\x00\x00\x00\x00\x00\x00\x00':
                raise ValueError
            return cls()
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_PortfolioList(b'\x00\x00\x00\x00\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"PortfolioList: {error}") from None


_unpack_PortfolioList = PortfolioList.LAYOUT.unpack_from
_pack_PortfolioList = PortfolioList.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class PortfolioListPart(Message):
    """One part of the list."""

    OPCODE: ClassVar[int] = 0x0405
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 2
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x4013, 'portfolios', 'group', 4096, False, 0, ListedRow),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>LLLLQQQ')
    SIZE: ClassVar[int] = 40

    part: int = 0
    parts: int = 0
    rows: int = 0
    total_rows: int = 0
    as_of: int = 0
    event_seq: int = 0
    next_after: int = 0
    portfolios: tuple[ListedRow, ...] = ()

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> PortfolioListPart:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (part, parts, rows, total_rows, as_of, event_seq, next_after,) = _unpack_PortfolioListPart(octets, offset)
            return cls(part, parts, rows, total_rows, as_of, event_seq, next_after)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_PortfolioListPart(self.part, self.parts, self.rows, self.total_rows, self.as_of, self.event_seq, self.next_after)
        except _BAD as error:
            raise LocalFault(f"PortfolioListPart: {error}") from None


_unpack_PortfolioListPart = PortfolioListPart.LAYOUT.unpack_from
_pack_PortfolioListPart = PortfolioListPart.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class PortfolioUpdate(Message):
    """Gives a portfolio another name. Changes state: seq >= 1."""

    OPCODE: ClassVar[int] = 0x0406
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>Q24s')
    SIZE: ClassVar[int] = 32

    portfolio: int = 0
    name: str = ""

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> PortfolioUpdate:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (portfolio, name,) = _unpack_PortfolioUpdate(octets, offset)
            return cls(portfolio, _ascii_get(name) or _ascii(name))
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_PortfolioUpdate(self.portfolio, _packed_get((self.name, 24)) or _packed(self.name, 24))
        except _BAD as error:
            raise LocalFault(f"PortfolioUpdate: {error}") from None


_unpack_PortfolioUpdate = PortfolioUpdate.LAYOUT.unpack_from
_pack_PortfolioUpdate = PortfolioUpdate.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class PortfolioReset(Message):
    """Cancels the open orders, closes the positions at the last price and begins a new season. Changes state: seq >= 1."""

    OPCODE: ClassVar[int] = 0x0407
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>Qq')
    SIZE: ClassVar[int] = 16

    portfolio: int = 0
    cash: int = NULL

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> PortfolioReset:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (portfolio, cash,) = _unpack_PortfolioReset(octets, offset)
            return cls(portfolio, cash)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_PortfolioReset(self.portfolio, self.cash)
        except _BAD as error:
            raise LocalFault(f"PortfolioReset: {error}") from None


_unpack_PortfolioReset = PortfolioReset.LAYOUT.unpack_from
_pack_PortfolioReset = PortfolioReset.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class PortfolioCash(Message):
    """Pays money in or takes money out. Changes state: seq >= 1."""

    OPCODE: ClassVar[int] = 0x0409
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>Qq')
    SIZE: ClassVar[int] = 16

    portfolio: int = 0
    amount: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> PortfolioCash:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (portfolio, amount,) = _unpack_PortfolioCash(octets, offset)
            return cls(portfolio, amount)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_PortfolioCash(self.portfolio, self.amount)
        except _BAD as error:
            raise LocalFault(f"PortfolioCash: {error}") from None


_unpack_PortfolioCash = PortfolioCash.LAYOUT.unpack_from
_pack_PortfolioCash = PortfolioCash.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class PortfolioFork(Message):
    """Opens a portfolio as another one is, or was at a moment. Changes state: seq >= 1."""

    OPCODE: ClassVar[int] = 0x0408
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>Q24sQ')
    SIZE: ClassVar[int] = 40

    portfolio: int = 0
    name: str = ""
    at: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> PortfolioFork:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (portfolio, name, at,) = _unpack_PortfolioFork(octets, offset)
            return cls(portfolio, _ascii_get(name) or _ascii(name), at)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_PortfolioFork(self.portfolio, _packed_get((self.name, 24)) or _packed(self.name, 24), self.at)
        except _BAD as error:
            raise LocalFault(f"PortfolioFork: {error}") from None


_unpack_PortfolioFork = PortfolioFork.LAYOUT.unpack_from
_pack_PortfolioFork = PortfolioFork.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class PortfolioFreeze(Message):
    """Lets a portfolio trade no more, or again. Changes state: seq >= 1."""

    OPCODE: ClassVar[int] = 0x040c
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QB7s')
    SIZE: ClassVar[int] = 16

    portfolio: int = 0
    frozen: bool = False

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> PortfolioFreeze:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (portfolio, frozen, _zero2,) = _unpack_PortfolioFreeze(octets, offset)
            if _zero2 != b'\x00\x00\x00\x00\x00\x00\x00':
                raise ValueError
            return cls(portfolio, _BOOL[frozen])
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_PortfolioFreeze(self.portfolio, 1 if self.frozen else 0, b'\x00\x00\x00\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"PortfolioFreeze: {error}") from None


_unpack_PortfolioFreeze = PortfolioFreeze.LAYOUT.unpack_from
_pack_PortfolioFreeze = PortfolioFreeze.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class PortfolioCorrect(Message):
    """Posts a correction to any portfolio, with a reason; scope ADMIN. Changes state: seq >= 1."""

    OPCODE: ClassVar[int] = 0x040d
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x0001, 'reason', 'text', 1024, True, 1, None),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>Qq')
    SIZE: ClassVar[int] = 16

    portfolio: int = 0
    amount: int = 0
    reason: str | None = None

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> PortfolioCorrect:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (portfolio, amount,) = _unpack_PortfolioCorrect(octets, offset)
            return cls(portfolio, amount)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_PortfolioCorrect(self.portfolio, self.amount)
        except _BAD as error:
            raise LocalFault(f"PortfolioCorrect: {error}") from None


_unpack_PortfolioCorrect = PortfolioCorrect.LAYOUT.unpack_from
_pack_PortfolioCorrect = PortfolioCorrect.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class PortfolioTermsSet(Message):
    """Chooses the terms by which a portfolio without positions and open orders trades. Changes state: seq >= 1."""

    OPCODE: ClassVar[int] = 0x040a
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x4008, 'symbols', 'group', 256, False, 0, SymbolRow),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QBBBBLLLLLL4sQqqqL4sq')
    SIZE: ClassVar[int] = 88

    portfolio: int = 0
    account_kind: AccountKind = AccountKind.CASH
    fill_model: FillModelKind = FillModelKind.IDEAL
    fee_model: FeeModelKind = FeeModelKind.FREE
    flags: int = 0
    slippage: int = 0
    participation: int = 0
    impact: int = 0
    leverage: int = 0
    position_cap: int = 0
    hold_seconds: int = 0
    seed: int = attrs.field(default=0, repr=False)
    fee_rate: int = 0
    fee_maker: int = 0
    fee_minimum: int = 0
    fee_maximum: int = 0
    price_minimum: int = NULL
    symbols: tuple[SymbolRow, ...] = ()

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> PortfolioTermsSet:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (portfolio, account_kind, fill_model, fee_model, flags, slippage, participation, impact, leverage, position_cap, hold_seconds, _zero11, seed, fee_rate, fee_maker, fee_minimum, fee_maximum, _zero17, price_minimum,) = _unpack_PortfolioTermsSet(octets, offset)
            if flags & 0xf0 or _zero11 != b'\x00\x00\x00\x00' or _zero17 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls(portfolio, _ACCOUNTKIND[account_kind], _FILLMODELKIND[fill_model], _FEEMODELKIND[fee_model], flags, slippage, participation, impact, leverage, position_cap, hold_seconds, seed, fee_rate, fee_maker, fee_minimum, fee_maximum, price_minimum)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_PortfolioTermsSet(self.portfolio, _ACCOUNTKIND[self.account_kind], _FILLMODELKIND[self.fill_model], _FEEMODELKIND[self.fee_model], _masked(self.flags, 0xf), self.slippage, self.participation, self.impact, self.leverage, self.position_cap, self.hold_seconds, b'\x00\x00\x00\x00', self.seed, self.fee_rate, self.fee_maker, self.fee_minimum, self.fee_maximum, b'\x00\x00\x00\x00', self.price_minimum)
        except _BAD as error:
            raise LocalFault(f"PortfolioTermsSet: {error}") from None


_unpack_PortfolioTermsSet = PortfolioTermsSet.LAYOUT.unpack_from
_pack_PortfolioTermsSet = PortfolioTermsSet.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class PortfolioTermsReply(Message):
    """The terms by which the portfolio trades; SYMBOLS are the only assets it may open."""

    OPCODE: ClassVar[int] = 0x040a
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x0001, 'text', 'text', 1024, False, 1, None),
        SectionSpec(0x4008, 'symbols', 'group', 256, False, 0, SymbolRow),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QBBBBLLLLLL4sQqqqL4sq')
    SIZE: ClassVar[int] = 88

    portfolio: int = 0
    account_kind: AccountKind = AccountKind.CASH
    fill_model: FillModelKind = FillModelKind.IDEAL
    fee_model: FeeModelKind = FeeModelKind.FREE
    flags: int = 0
    slippage: int = 0
    participation: int = 0
    impact: int = 0
    leverage: int = 0
    position_cap: int = 0
    hold_seconds: int = 0
    seed: int = attrs.field(default=0, repr=False)
    fee_rate: int = 0
    fee_maker: int = 0
    fee_minimum: int = 0
    fee_maximum: int = 0
    price_minimum: int = NULL
    text: str | None = None
    symbols: tuple[SymbolRow, ...] = ()

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> PortfolioTermsReply:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (portfolio, account_kind, fill_model, fee_model, flags, slippage, participation, impact, leverage, position_cap, hold_seconds, _zero11, seed, fee_rate, fee_maker, fee_minimum, fee_maximum, _zero17, price_minimum,) = _unpack_PortfolioTermsReply(octets, offset)
            if flags & 0xf0 or _zero11 != b'\x00\x00\x00\x00' or _zero17 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls(portfolio, _ACCOUNTKIND[account_kind], _FILLMODELKIND[fill_model], _FEEMODELKIND[fee_model], flags, slippage, participation, impact, leverage, position_cap, hold_seconds, seed, fee_rate, fee_maker, fee_minimum, fee_maximum, price_minimum)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_PortfolioTermsReply(self.portfolio, _ACCOUNTKIND[self.account_kind], _FILLMODELKIND[self.fill_model], _FEEMODELKIND[self.fee_model], _masked(self.flags, 0xf), self.slippage, self.participation, self.impact, self.leverage, self.position_cap, self.hold_seconds, b'\x00\x00\x00\x00', self.seed, self.fee_rate, self.fee_maker, self.fee_minimum, self.fee_maximum, b'\x00\x00\x00\x00', self.price_minimum)
        except _BAD as error:
            raise LocalFault(f"PortfolioTermsReply: {error}") from None


_unpack_PortfolioTermsReply = PortfolioTermsReply.LAYOUT.unpack_from
_pack_PortfolioTermsReply = PortfolioTermsReply.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class PortfolioTermsGet(Message):
    """Asks for the terms of a portfolio."""

    OPCODE: ClassVar[int] = 0x040b
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>Q')
    SIZE: ClassVar[int] = 8

    portfolio: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> PortfolioTermsGet:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (portfolio,) = _unpack_PortfolioTermsGet(octets, offset)
            return cls(portfolio)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_PortfolioTermsGet(self.portfolio)
        except _BAD as error:
            raise LocalFault(f"PortfolioTermsGet: {error}") from None


_unpack_PortfolioTermsGet = PortfolioTermsGet.LAYOUT.unpack_from
_pack_PortfolioTermsGet = PortfolioTermsGet.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class Subscribe(Message):
    """Asks for events of one topic; the reply's correlation names the subscription in every event. ACCOUNT is served by the master, public topics by the worker."""

    OPCODE: ClassVar[int] = 0x0501
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x4008, 'symbols', 'group', 512, False, 0, SymbolRow),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>LLQB3sL')
    SIZE: ClassVar[int] = 24

    topics: int = 0
    min_interval_ms: int = 0
    from_event_seq: int = 0
    snapshot: bool = False
    bar_interval_s: int = 0
    symbols: tuple[SymbolRow, ...] = ()

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> Subscribe:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (topics, min_interval_ms, from_event_seq, snapshot, _zero4, bar_interval_s,) = _unpack_Subscribe(octets, offset)
            if topics & 0xfffffff0 or _zero4 != b'\x00\x00\x00':
                raise ValueError
            return cls(topics, min_interval_ms, from_event_seq, _BOOL[snapshot], bar_interval_s)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_Subscribe(_masked(self.topics, 0xf), self.min_interval_ms, self.from_event_seq, 1 if self.snapshot else 0, b'\x00\x00\x00', self.bar_interval_s)
        except _BAD as error:
            raise LocalFault(f"Subscribe: {error}") from None


_unpack_Subscribe = Subscribe.LAYOUT.unpack_from
_pack_Subscribe = Subscribe.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class SubscribeReply(Message):
    """OK, TOO_MANY_SYMBOLS, INTERVAL_UNSUPPORTED; RESUME_GAP: subscribed, but events are lost."""

    OPCODE: ClassVar[int] = 0x0501
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x0001, 'text', 'text', 1024, False, 1, None),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QQ')
    SIZE: ClassVar[int] = 16

    next_event_seq: int = 0
    oldest_event_seq: int = 0
    text: str | None = None

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> SubscribeReply:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (next_event_seq, oldest_event_seq,) = _unpack_SubscribeReply(octets, offset)
            return cls(next_event_seq, oldest_event_seq)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_SubscribeReply(self.next_event_seq, self.oldest_event_seq)
        except _BAD as error:
            raise LocalFault(f"SubscribeReply: {error}") from None


_unpack_SubscribeReply = SubscribeReply.LAYOUT.unpack_from
_pack_SubscribeReply = SubscribeReply.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class Unsubscribe(Message):
    """Ends a subscription, or some symbols of it."""

    OPCODE: ClassVar[int] = 0x0502
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x4008, 'symbols', 'group', 512, False, 0, SymbolRow),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>L4s')
    SIZE: ClassVar[int] = 8

    subscription: int = 0
    symbols: tuple[SymbolRow, ...] = ()

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> Unsubscribe:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (subscription, _zero1,) = _unpack_Unsubscribe(octets, offset)
            if _zero1 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls(subscription)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_Unsubscribe(self.subscription, b'\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"Unsubscribe: {error}") from None


_unpack_Unsubscribe = Unsubscribe.LAYOUT.unpack_from
_pack_Unsubscribe = Unsubscribe.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class UnsubscribeReply(Message):
    """OK."""

    OPCODE: ClassVar[int] = 0x0502
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>L')
    SIZE: ClassVar[int] = 4

    symbols_left: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> UnsubscribeReply:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (symbols_left,) = _unpack_UnsubscribeReply(octets, offset)
            return cls(symbols_left)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_UnsubscribeReply(self.symbols_left)
        except _BAD as error:
            raise LocalFault(f"UnsubscribeReply: {error}") from None


_unpack_UnsubscribeReply = UnsubscribeReply.LAYOUT.unpack_from
_pack_UnsubscribeReply = UnsubscribeReply.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class OrderEvent(Message):
    """An order changed; sequenced (account stream). The order after the change is the one row."""

    OPCODE: ClassVar[int] = 0x0512
    SHAPE: ClassVar[str] = 'event'
    CATEGORY: ClassVar[int] = 2
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x4003, 'orders', 'group', 1, True, 0, OrderRow),
        SectionSpec(0x400d, 'receipt', 'group', 1, False, 0, ReceiptRow),
        SectionSpec(0x4021, 'working', 'group', 1, False, 0, WorkingRow),
        SectionSpec(0x4040, 'order_terms', 'group', 1, False, 0, OrderTermsRow),
        SectionSpec(0x4041, 'order_tags', 'group', 1, False, 0, OrderTagRow),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>B3sLqqqQQ')
    SIZE: ClassVar[int] = 48

    kind: int = OrderEventKind.ACCEPTED
    fill: int = 0
    fill_quantity: int = 0
    fill_price: int = NULL
    fill_fees: int = 0
    transaction: int = 0
    order: int = 0
    orders: tuple[OrderRow, ...] = ()
    receipt: tuple[ReceiptRow, ...] = ()
    working: tuple[WorkingRow, ...] = ()
    order_terms: tuple[OrderTermsRow, ...] = ()
    order_tags: tuple[OrderTagRow, ...] = ()

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> OrderEvent:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (kind, _zero1, fill, fill_quantity, fill_price, fill_fees, transaction, order,) = _unpack_OrderEvent(octets, offset)
            if _zero1 != b'\x00\x00\x00':
                raise ValueError
            return cls(_ORDEREVENTKIND.get(kind, kind), fill, fill_quantity, fill_price, fill_fees, transaction, order)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_OrderEvent(self.kind, b'\x00\x00\x00', self.fill, self.fill_quantity, self.fill_price, self.fill_fees, self.transaction, self.order)
        except _BAD as error:
            raise LocalFault(f"OrderEvent: {error}") from None


_unpack_OrderEvent = OrderEvent.LAYOUT.unpack_from
_pack_OrderEvent = OrderEvent.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class TransactionEvent(Message):
    """A ledger transaction; sequenced (account stream). The position after it, if any, is the row."""

    OPCODE: ClassVar[int] = 0x0513
    SHAPE: ClassVar[str] = 'event'
    CATEGORY: ClassVar[int] = 2
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x0001, 'text', 'text', 1024, False, 1, None),
        SectionSpec(0x4002, 'positions', 'group', 1, False, 0, HoldingRow),
        SectionSpec(0x4018, 'details', 'group', 1, False, 0, TransactionDetailRow),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QQB3s4s16sqqqqqqQL4sQQQ')
    SIZE: ClassVar[int] = 128

    transaction: int = 0
    portfolio: int = 0
    kind: int = TxKind.BUY
    currency: str = ""
    symbol: str = ""
    quantity: int = 0
    price: int = NULL
    amount: int = 0
    fees: int = 0
    cash_after: int = 0
    realized: int = 0
    order: int = 0
    fill: int = 0
    received_at: int = 0
    executed_at: int = 0
    quote_seq: int = 0
    text: str | None = None
    positions: tuple[HoldingRow, ...] = ()
    details: tuple[TransactionDetailRow, ...] = ()

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> TransactionEvent:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (transaction, portfolio, kind, _zero3, currency, symbol, quantity, price, amount, fees, cash_after, realized, order, fill, _zero14, received_at, executed_at, quote_seq,) = _unpack_TransactionEvent(octets, offset)
            if _zero3 != b'\x00\x00\x00' or _zero14 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls(transaction, portfolio, _TXKIND.get(kind, kind), _ccy(currency), _ascii_get(symbol) or _ascii(symbol), quantity, price, amount, fees, cash_after, realized, order, fill, received_at, executed_at, quote_seq)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_TransactionEvent(self.transaction, self.portfolio, self.kind, b'\x00\x00\x00', _packed_get((self.currency, 4)) or _packed(self.currency, 4), _packed_get((self.symbol, 16)) or _packed(self.symbol, 16), self.quantity, self.price, self.amount, self.fees, self.cash_after, self.realized, self.order, self.fill, b'\x00\x00\x00\x00', self.received_at, self.executed_at, self.quote_seq)
        except _BAD as error:
            raise LocalFault(f"TransactionEvent: {error}") from None


_unpack_TransactionEvent = TransactionEvent.LAYOUT.unpack_from
_pack_TransactionEvent = TransactionEvent.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class SessionEvent(Message):
    """A notice about the session; seq 0. SESSION_DETACHED: send RESUME, then repeat what is open."""

    OPCODE: ClassVar[int] = 0x0515
    SHAPE: ClassVar[str] = 'event'
    CATEGORY: ClassVar[int] = 2
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QH2sLQ')
    SIZE: ClassVar[int] = 24

    session_id: int = 0
    code: int = attrs.field(default=0, repr=False)
    grace_ms: int = 0
    expires_at: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> SessionEvent:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (session_id, code, _zero2, grace_ms, expires_at,) = _unpack_SessionEvent(octets, offset)
            if _zero2 != b'\x00\x00':
                raise ValueError
            return cls(session_id, code, grace_ms, expires_at)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_SessionEvent(self.session_id, self.code, b'\x00\x00', self.grace_ms, self.expires_at)
        except _BAD as error:
            raise LocalFault(f"SessionEvent: {error}") from None


_unpack_SessionEvent = SessionEvent.LAYOUT.unpack_from
_pack_SessionEvent = SessionEvent.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class WorkerList(Message):
    """Workers a client may use."""

    OPCODE: ClassVar[int] = 0x0601
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>L')
    SIZE: ClassVar[int] = 4

    region: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> WorkerList:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (region,) = _unpack_WorkerList(octets, offset)
            return cls(region)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_WorkerList(self.region)
        except _BAD as error:
            raise LocalFault(f"WorkerList: {error}") from None


_unpack_WorkerList = WorkerList.LAYOUT.unpack_from
_pack_WorkerList = WorkerList.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class WorkerListReply(Message):
    """The workers that are up."""

    OPCODE: ClassVar[int] = 0x0601
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 2
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x4009, 'workers', 'group', 256, False, 0, WorkerRow),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QL4s')
    SIZE: ClassVar[int] = 16

    as_of: int = 0
    rows: int = 0
    workers: tuple[WorkerRow, ...] = ()

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> WorkerListReply:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (as_of, rows, _zero2,) = _unpack_WorkerListReply(octets, offset)
            if _zero2 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls(as_of, rows)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_WorkerListReply(self.as_of, self.rows, b'\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"WorkerListReply: {error}") from None


_unpack_WorkerListReply = WorkerListReply.LAYOUT.unpack_from
_pack_WorkerListReply = WorkerListReply.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class ReceiptGet(Message):
    """Asks for the receipts of an order: of each fill, and of what ended or stopped it."""

    OPCODE: ClassVar[int] = 0x0210
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QQQQH6s')
    SIZE: ClassVar[int] = 40

    order: int = 0
    client_order_id: int = 0
    portfolio: int = 0
    after: int = 0
    limit: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> ReceiptGet:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (order, client_order_id, portfolio, after, limit, _zero5,) = _unpack_ReceiptGet(octets, offset)
            if _zero5 != b'\x00\x00\x00\x00\x00\x00':
                raise ValueError
            return cls(order, client_order_id, portfolio, after, limit)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_ReceiptGet(self.order, self.client_order_id, self.portfolio, self.after, self.limit, b'\x00\x00\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"ReceiptGet: {error}") from None


_unpack_ReceiptGet = ReceiptGet.LAYOUT.unpack_from
_pack_ReceiptGet = ReceiptGet.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class ReceiptPart(Message):
    """One part of the list, oldest first."""

    OPCODE: ClassVar[int] = 0x0210
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 2
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x4020, 'receipts', 'group', 4096, False, 0, OrderReceiptRow),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>LLLLQQQ')
    SIZE: ClassVar[int] = 40

    part: int = 0
    parts: int = 0
    rows: int = 0
    total_rows: int = 0
    as_of: int = 0
    event_seq: int = 0
    next_after: int = 0
    receipts: tuple[OrderReceiptRow, ...] = ()

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> ReceiptPart:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (part, parts, rows, total_rows, as_of, event_seq, next_after,) = _unpack_ReceiptPart(octets, offset)
            return cls(part, parts, rows, total_rows, as_of, event_seq, next_after)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_ReceiptPart(self.part, self.parts, self.rows, self.total_rows, self.as_of, self.event_seq, self.next_after)
        except _BAD as error:
            raise LocalFault(f"ReceiptPart: {error}") from None


_unpack_ReceiptPart = ReceiptPart.LAYOUT.unpack_from
_pack_ReceiptPart = ReceiptPart.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class RefusalsGet(Message):
    """Asks for the orders of the account that were refused on arrival, each with its receipt."""

    OPCODE: ClassVar[int] = 0x0211
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0xc071, 'direction', 'group', 1, False, 0, DirectionRow),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QQQH6s')
    SIZE: ClassVar[int] = 32

    client_order_id: int = 0
    portfolio: int = 0
    after: int = 0
    limit: int = 0
    direction: tuple[DirectionRow, ...] = ()

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> RefusalsGet:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (client_order_id, portfolio, after, limit, _zero4,) = _unpack_RefusalsGet(octets, offset)
            if _zero4 != b'\x00\x00\x00\x00\x00\x00':
                raise ValueError
            return cls(client_order_id, portfolio, after, limit)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_RefusalsGet(self.client_order_id, self.portfolio, self.after, self.limit, b'\x00\x00\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"RefusalsGet: {error}") from None


_unpack_RefusalsGet = RefusalsGet.LAYOUT.unpack_from
_pack_RefusalsGet = RefusalsGet.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class RefusalsPart(Message):
    """One part of the list, in the direction asked for; NOTES are the sentences."""

    OPCODE: ClassVar[int] = 0x0211
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 2
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x4024, 'refusals', 'group', 4096, False, 0, RefusalRow),
        SectionSpec(0x4025, 'notes', 'group', 4096, False, 0, NoteRow),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>LLLLQQQQ')
    SIZE: ClassVar[int] = 48

    part: int = 0
    parts: int = 0
    rows: int = 0
    total_rows: int = 0
    as_of: int = 0
    event_seq: int = 0
    next_after: int = 0
    kept_from: int = 0
    refusals: tuple[RefusalRow, ...] = ()
    notes: tuple[NoteRow, ...] = ()

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> RefusalsPart:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (part, parts, rows, total_rows, as_of, event_seq, next_after, kept_from,) = _unpack_RefusalsPart(octets, offset)
            return cls(part, parts, rows, total_rows, as_of, event_seq, next_after, kept_from)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_RefusalsPart(self.part, self.parts, self.rows, self.total_rows, self.as_of, self.event_seq, self.next_after, self.kept_from)
        except _BAD as error:
            raise LocalFault(f"RefusalsPart: {error}") from None


_unpack_RefusalsPart = RefusalsPart.LAYOUT.unpack_from
_pack_RefusalsPart = RefusalsPart.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class ContestCreate(Message):
    """Opens a contest; needs a session of scope HOST or ADMIN. Changes state: seq >= 1."""

    OPCODE: ClassVar[int] = 0x0440
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x4008, 'symbols', 'group', 256, False, 0, SymbolRow),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>24sqQQQBBBBLLLLLL4sQqqqL4sq')
    SIZE: ClassVar[int] = 136

    name: str = ""
    cash: int = NULL
    opens_at: int = 0
    ends_at: int = 0
    joins_until: int = 0
    account_kind: AccountKind = AccountKind.CASH
    fill_model: FillModelKind = FillModelKind.IDEAL
    fee_model: FeeModelKind = FeeModelKind.FREE
    flags: int = 0
    slippage: int = 0
    participation: int = 0
    impact: int = 0
    leverage: int = 0
    position_cap: int = 0
    hold_seconds: int = 0
    seed: int = attrs.field(default=0, repr=False)
    fee_rate: int = 0
    fee_maker: int = 0
    fee_minimum: int = 0
    fee_maximum: int = 0
    price_minimum: int = NULL
    symbols: tuple[SymbolRow, ...] = ()

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> ContestCreate:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (name, cash, opens_at, ends_at, joins_until, account_kind, fill_model, fee_model, flags, slippage, participation, impact, leverage, position_cap, hold_seconds, _zero15, seed, fee_rate, fee_maker, fee_minimum, fee_maximum, _zero21, price_minimum,) = _unpack_ContestCreate(octets, offset)
            if flags & 0xf0 or _zero15 != b'\x00\x00\x00\x00' or _zero21 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls(_ascii_get(name) or _ascii(name), cash, opens_at, ends_at, joins_until, _ACCOUNTKIND[account_kind], _FILLMODELKIND[fill_model], _FEEMODELKIND[fee_model], flags, slippage, participation, impact, leverage, position_cap, hold_seconds, seed, fee_rate, fee_maker, fee_minimum, fee_maximum, price_minimum)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_ContestCreate(_packed_get((self.name, 24)) or _packed(self.name, 24), self.cash, self.opens_at, self.ends_at, self.joins_until, _ACCOUNTKIND[self.account_kind], _FILLMODELKIND[self.fill_model], _FEEMODELKIND[self.fee_model], _masked(self.flags, 0xf), self.slippage, self.participation, self.impact, self.leverage, self.position_cap, self.hold_seconds, b'\x00\x00\x00\x00', self.seed, self.fee_rate, self.fee_maker, self.fee_minimum, self.fee_maximum, b'\x00\x00\x00\x00', self.price_minimum)
        except _BAD as error:
            raise LocalFault(f"ContestCreate: {error}") from None


_unpack_ContestCreate = ContestCreate.LAYOUT.unpack_from
_pack_ContestCreate = ContestCreate.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class ContestReply(Message):
    """The contest as it stands."""

    OPCODE: ClassVar[int] = 0x0440
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x0001, 'text', 'text', 1024, False, 1, None),
        SectionSpec(0x4008, 'symbols', 'group', 256, False, 0, SymbolRow),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>Q24s24s4sB3sqQQQQL4sQBBBBLLLLLL4sQqqqL4sq')
    SIZE: ClassVar[int] = 200

    contest: int = 0
    name: str = ""
    host: str = ""
    currency: str = ""
    state: int = ContestState.ANNOUNCED
    cash: int = 0
    opens_at: int = 0
    ends_at: int = 0
    joins_until: int = 0
    ended_at: int = 0
    entries: int = 0
    portfolio: int = 0
    account_kind: AccountKind = AccountKind.CASH
    fill_model: FillModelKind = FillModelKind.IDEAL
    fee_model: FeeModelKind = FeeModelKind.FREE
    flags: int = 0
    slippage: int = 0
    participation: int = 0
    impact: int = 0
    leverage: int = 0
    position_cap: int = 0
    hold_seconds: int = 0
    seed: int = attrs.field(default=0, repr=False)
    fee_rate: int = 0
    fee_maker: int = 0
    fee_minimum: int = 0
    fee_maximum: int = 0
    price_minimum: int = NULL
    text: str | None = None
    symbols: tuple[SymbolRow, ...] = ()

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> ContestReply:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (contest, name, host, currency, state, _zero5, cash, opens_at, ends_at, joins_until, ended_at, entries, _zero12, portfolio, account_kind, fill_model, fee_model, flags, slippage, participation, impact, leverage, position_cap, hold_seconds, _zero24, seed, fee_rate, fee_maker, fee_minimum, fee_maximum, _zero30, price_minimum,) = _unpack_ContestReply(octets, offset)
            if _zero5 != b'\x00\x00\x00' or _zero12 != b'\x00\x00\x00\x00' or flags & 0xf0 or _zero24 != b'\x00\x00\x00\x00' or _zero30 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls(contest, _ascii_get(name) or _ascii(name), _ascii_get(host) or _ascii(host), _ccy(currency), _CONTESTSTATE.get(state, state), cash, opens_at, ends_at, joins_until, ended_at, entries, portfolio, _ACCOUNTKIND[account_kind], _FILLMODELKIND[fill_model], _FEEMODELKIND[fee_model], flags, slippage, participation, impact, leverage, position_cap, hold_seconds, seed, fee_rate, fee_maker, fee_minimum, fee_maximum, price_minimum)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_ContestReply(self.contest, _packed_get((self.name, 24)) or _packed(self.name, 24), _packed_get((self.host, 24)) or _packed(self.host, 24), _packed_get((self.currency, 4)) or _packed(self.currency, 4), self.state, b'\x00\x00\x00', self.cash, self.opens_at, self.ends_at, self.joins_until, self.ended_at, self.entries, b'\x00\x00\x00\x00', self.portfolio, _ACCOUNTKIND[self.account_kind], _FILLMODELKIND[self.fill_model], _FEEMODELKIND[self.fee_model], _masked(self.flags, 0xf), self.slippage, self.participation, self.impact, self.leverage, self.position_cap, self.hold_seconds, b'\x00\x00\x00\x00', self.seed, self.fee_rate, self.fee_maker, self.fee_minimum, self.fee_maximum, b'\x00\x00\x00\x00', self.price_minimum)
        except _BAD as error:
            raise LocalFault(f"ContestReply: {error}") from None


_unpack_ContestReply = ContestReply.LAYOUT.unpack_from
_pack_ContestReply = ContestReply.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class ContestGet(Message):
    """Asks for a contest and its terms."""

    OPCODE: ClassVar[int] = 0x0441
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>Q')
    SIZE: ClassVar[int] = 8

    contest: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> ContestGet:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (contest,) = _unpack_ContestGet(octets, offset)
            return cls(contest)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_ContestGet(self.contest)
        except _BAD as error:
            raise LocalFault(f"ContestGet: {error}") from None


_unpack_ContestGet = ContestGet.LAYOUT.unpack_from
_pack_ContestGet = ContestGet.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class ContestJoin(Message):
    """Enters a contest: a portfolio is opened for it. Changes state: seq >= 1."""

    OPCODE: ClassVar[int] = 0x0443
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>Q')
    SIZE: ClassVar[int] = 8

    contest: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> ContestJoin:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (contest,) = _unpack_ContestJoin(octets, offset)
            return cls(contest)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_ContestJoin(self.contest)
        except _BAD as error:
            raise LocalFault(f"ContestJoin: {error}") from None


_unpack_ContestJoin = ContestJoin.LAYOUT.unpack_from
_pack_ContestJoin = ContestJoin.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class ContestList(Message):
    """Contests, oldest first."""

    OPCODE: ClassVar[int] = 0x0442
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QH6s')
    SIZE: ClassVar[int] = 16

    after: int = 0
    limit: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> ContestList:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (after, limit, _zero2,) = _unpack_ContestList(octets, offset)
            if _zero2 != b'\x00\x00\x00\x00\x00\x00':
                raise ValueError
            return cls(after, limit)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_ContestList(self.after, self.limit, b'\x00\x00\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"ContestList: {error}") from None


_unpack_ContestList = ContestList.LAYOUT.unpack_from
_pack_ContestList = ContestList.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class ContestListPart(Message):
    """One part of the list."""

    OPCODE: ClassVar[int] = 0x0442
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 2
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x4030, 'contests', 'group', 4096, False, 0, ContestRow),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>LLLLQQQ')
    SIZE: ClassVar[int] = 40

    part: int = 0
    parts: int = 0
    rows: int = 0
    total_rows: int = 0
    as_of: int = 0
    event_seq: int = 0
    next_after: int = 0
    contests: tuple[ContestRow, ...] = ()

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> ContestListPart:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (part, parts, rows, total_rows, as_of, event_seq, next_after,) = _unpack_ContestListPart(octets, offset)
            return cls(part, parts, rows, total_rows, as_of, event_seq, next_after)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_ContestListPart(self.part, self.parts, self.rows, self.total_rows, self.as_of, self.event_seq, self.next_after)
        except _BAD as error:
            raise LocalFault(f"ContestListPart: {error}") from None


_unpack_ContestListPart = ContestListPart.LAYOUT.unpack_from
_pack_ContestListPart = ContestListPart.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class ContestStandings(Message):
    """Who leads; by the last prices, or once it has ended by the result."""

    OPCODE: ClassVar[int] = 0x0444
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QB7s')
    SIZE: ClassVar[int] = 16

    contest: int = 0
    order: StandingOrder = StandingOrder.EQUITY

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> ContestStandings:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (contest, order, _zero2,) = _unpack_ContestStandings(octets, offset)
            if _zero2 != b'\x00\x00\x00\x00\x00\x00\x00':
                raise ValueError
            return cls(contest, _STANDINGORDER[order])
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_ContestStandings(self.contest, _STANDINGORDER[self.order], b'\x00\x00\x00\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"ContestStandings: {error}") from None


_unpack_ContestStandings = ContestStandings.LAYOUT.unpack_from
_pack_ContestStandings = ContestStandings.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class ContestStandingsPart(Message):
    """One part of the standings, the first first."""

    OPCODE: ClassVar[int] = 0x0444
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 2
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x4031, 'standings', 'group', 4096, False, 0, StandingRow),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>LLLLQQQ')
    SIZE: ClassVar[int] = 40

    part: int = 0
    parts: int = 0
    rows: int = 0
    total_rows: int = 0
    contest: int = 0
    as_of: int = 0
    ended_at: int = 0
    standings: tuple[StandingRow, ...] = ()

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> ContestStandingsPart:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (part, parts, rows, total_rows, contest, as_of, ended_at,) = _unpack_ContestStandingsPart(octets, offset)
            return cls(part, parts, rows, total_rows, contest, as_of, ended_at)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_ContestStandingsPart(self.part, self.parts, self.rows, self.total_rows, self.contest, self.as_of, self.ended_at)
        except _BAD as error:
            raise LocalFault(f"ContestStandingsPart: {error}") from None


_unpack_ContestStandingsPart = ContestStandingsPart.LAYOUT.unpack_from
_pack_ContestStandingsPart = ContestStandingsPart.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class ContestFile(Message):
    """The file of a contest that has ended, which anyone can verify."""

    OPCODE: ClassVar[int] = 0x0445
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>Q')
    SIZE: ClassVar[int] = 8

    contest: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> ContestFile:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (contest,) = _unpack_ContestFile(octets, offset)
            return cls(contest)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_ContestFile(self.contest)
        except _BAD as error:
            raise LocalFault(f"ContestFile: {error}") from None


_unpack_ContestFile = ContestFile.LAYOUT.unpack_from
_pack_ContestFile = ContestFile.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class ContestFilePart(Message):
    """One part of the file: its octets are those of all parts in order."""

    OPCODE: ClassVar[int] = 0x0445
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 2
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x0018, 'octets', 'octets', 65536, True, 1, None),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>LLLLQQ')
    SIZE: ClassVar[int] = 32

    part: int = 0
    parts: int = 0
    rows: int = 0
    total_rows: int = 0
    contest: int = 0
    size: int = 0
    octets: bytes = b""

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> ContestFilePart:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (part, parts, rows, total_rows, contest, size,) = _unpack_ContestFilePart(octets, offset)
            return cls(part, parts, rows, total_rows, contest, size)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_ContestFilePart(self.part, self.parts, self.rows, self.total_rows, self.contest, self.size)
        except _BAD as error:
            raise LocalFault(f"ContestFilePart: {error}") from None


_unpack_ContestFilePart = ContestFilePart.LAYOUT.unpack_from
_pack_ContestFilePart = ContestFilePart.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class WatchlistSet(Message):
    """Makes a watchlist, or replaces the one of this name. Changes state: seq >= 1."""

    OPCODE: ClassVar[int] = 0x0308
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x4008, 'symbols', 'group', 512, True, 0, SymbolRow),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>24s')
    SIZE: ClassVar[int] = 24

    name: str = ""
    symbols: tuple[SymbolRow, ...] = ()

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> WatchlistSet:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (name,) = _unpack_WatchlistSet(octets, offset)
            return cls(_ascii_get(name) or _ascii(name))
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_WatchlistSet(_packed_get((self.name, 24)) or _packed(self.name, 24))
        except _BAD as error:
            raise LocalFault(f"WatchlistSet: {error}") from None


_unpack_WatchlistSet = WatchlistSet.LAYOUT.unpack_from
_pack_WatchlistSet = WatchlistSet.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class WatchlistReply(Message):
    """OK, TOO_MANY_WATCHLISTS, NO_SUCH_SYMBOL; of a deletion OK or NO_SUCH_WATCHLIST."""

    OPCODE: ClassVar[int] = 0x0308
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>24sHH4sQ')
    SIZE: ClassVar[int] = 40

    name: str = ""
    symbols: int = 0
    lists: int = 0
    at: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> WatchlistReply:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (name, symbols, lists, _zero3, at,) = _unpack_WatchlistReply(octets, offset)
            if _zero3 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls(_ascii_get(name) or _ascii(name), symbols, lists, at)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_WatchlistReply(_packed_get((self.name, 24)) or _packed(self.name, 24), self.symbols, self.lists, b'\x00\x00\x00\x00', self.at)
        except _BAD as error:
            raise LocalFault(f"WatchlistReply: {error}") from None


_unpack_WatchlistReply = WatchlistReply.LAYOUT.unpack_from
_pack_WatchlistReply = WatchlistReply.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class WatchlistList(Message):
    """Watchlists with their symbols, by name."""

    OPCODE: ClassVar[int] = 0x0309
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>24s')
    SIZE: ClassVar[int] = 24

    name: str = ""

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> WatchlistList:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (name,) = _unpack_WatchlistList(octets, offset)
            return cls(_ascii_get(name) or _ascii(name))
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_WatchlistList(_packed_get((self.name, 24)) or _packed(self.name, 24))
        except _BAD as error:
            raise LocalFault(f"WatchlistList: {error}") from None


_unpack_WatchlistList = WatchlistList.LAYOUT.unpack_from
_pack_WatchlistList = WatchlistList.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class WatchlistPart(Message):
    """One part of the lists; NO_SUCH_WATCHLIST."""

    OPCODE: ClassVar[int] = 0x0309
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 2
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x4050, 'watches', 'group', 4096, False, 0, WatchRow),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>LLLLQ')
    SIZE: ClassVar[int] = 24

    part: int = 0
    parts: int = 0
    rows: int = 0
    total_rows: int = 0
    as_of: int = 0
    watches: tuple[WatchRow, ...] = ()

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> WatchlistPart:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (part, parts, rows, total_rows, as_of,) = _unpack_WatchlistPart(octets, offset)
            return cls(part, parts, rows, total_rows, as_of)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_WatchlistPart(self.part, self.parts, self.rows, self.total_rows, self.as_of)
        except _BAD as error:
            raise LocalFault(f"WatchlistPart: {error}") from None


_unpack_WatchlistPart = WatchlistPart.LAYOUT.unpack_from
_pack_WatchlistPart = WatchlistPart.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class WatchlistDelete(Message):
    """Deletes a watchlist. Changes state: seq >= 1."""

    OPCODE: ClassVar[int] = 0x030a
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>24s')
    SIZE: ClassVar[int] = 24

    name: str = ""

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> WatchlistDelete:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (name,) = _unpack_WatchlistDelete(octets, offset)
            return cls(_ascii_get(name) or _ascii(name))
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_WatchlistDelete(_packed_get((self.name, 24)) or _packed(self.name, 24))
        except _BAD as error:
            raise LocalFault(f"WatchlistDelete: {error}") from None


_unpack_WatchlistDelete = WatchlistDelete.LAYOUT.unpack_from
_pack_WatchlistDelete = WatchlistDelete.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class AlertCreate(Message):
    """Makes a price alert that triggers once. Changes state: seq >= 1."""

    OPCODE: ClassVar[int] = 0x0520
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>16sB7sqQ')
    SIZE: ClassVar[int] = 40

    symbol: str = ""
    condition: AlertCondition = AlertCondition.LAST_AT_LEAST
    price: int = NULL
    expires_at: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> AlertCreate:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (symbol, condition, _zero2, price, expires_at,) = _unpack_AlertCreate(octets, offset)
            if _zero2 != b'\x00\x00\x00\x00\x00\x00\x00':
                raise ValueError
            return cls(_ascii_get(symbol) or _ascii(symbol), _ALERTCONDITION[condition], price, expires_at)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_AlertCreate(_packed_get((self.symbol, 16)) or _packed(self.symbol, 16), _ALERTCONDITION[self.condition], b'\x00\x00\x00\x00\x00\x00\x00', self.price, self.expires_at)
        except _BAD as error:
            raise LocalFault(f"AlertCreate: {error}") from None


_unpack_AlertCreate = AlertCreate.LAYOUT.unpack_from
_pack_AlertCreate = AlertCreate.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class AlertReply(Message):
    """OK, TOO_MANY_ALERTS, NO_SUCH_SYMBOL."""

    OPCODE: ClassVar[int] = 0x0520
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>Q16sBB6sqqQQQQqQ')
    SIZE: ClassVar[int] = 96

    alert: int = 0
    symbol: str = ""
    condition: int = AlertCondition.LAST_AT_LEAST
    state: int = AlertState.OPEN
    price: int = NULL
    asked: int = NULL
    expires_at: int = 0
    created_at: int = 0
    ended_at: int = 0
    market_at: int = 0
    seen: int = NULL
    quote_seq: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> AlertReply:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (alert, symbol, condition, state, _zero4, price, asked, expires_at, created_at, ended_at, market_at, seen, quote_seq,) = _unpack_AlertReply(octets, offset)
            if _zero4 != b'\x00\x00\x00\x00\x00\x00':
                raise ValueError
            return cls(alert, _ascii_get(symbol) or _ascii(symbol), _ALERTCONDITION.get(condition, condition), _ALERTSTATE.get(state, state), price, asked, expires_at, created_at, ended_at, market_at, seen, quote_seq)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_AlertReply(self.alert, _packed_get((self.symbol, 16)) or _packed(self.symbol, 16), self.condition, self.state, b'\x00\x00\x00\x00\x00\x00', self.price, self.asked, self.expires_at, self.created_at, self.ended_at, self.market_at, self.seen, self.quote_seq)
        except _BAD as error:
            raise LocalFault(f"AlertReply: {error}") from None


_unpack_AlertReply = AlertReply.LAYOUT.unpack_from
_pack_AlertReply = AlertReply.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class AlertList(Message):
    """The account's price alerts, oldest first."""

    OPCODE: ClassVar[int] = 0x0521
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>16s')
    SIZE: ClassVar[int] = 16

    symbol: str = ""

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> AlertList:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (symbol,) = _unpack_AlertList(octets, offset)
            return cls(_ascii_get(symbol) or _ascii(symbol))
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_AlertList(_packed_get((self.symbol, 16)) or _packed(self.symbol, 16))
        except _BAD as error:
            raise LocalFault(f"AlertList: {error}") from None


_unpack_AlertList = AlertList.LAYOUT.unpack_from
_pack_AlertList = AlertList.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class AlertListPart(Message):
    """One part of the list."""

    OPCODE: ClassVar[int] = 0x0521
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 2
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x4051, 'alerts', 'group', 128, False, 0, AlertRow),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>LLLLQ')
    SIZE: ClassVar[int] = 24

    part: int = 0
    parts: int = 0
    rows: int = 0
    total_rows: int = 0
    as_of: int = 0
    alerts: tuple[AlertRow, ...] = ()

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> AlertListPart:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (part, parts, rows, total_rows, as_of,) = _unpack_AlertListPart(octets, offset)
            return cls(part, parts, rows, total_rows, as_of)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_AlertListPart(self.part, self.parts, self.rows, self.total_rows, self.as_of)
        except _BAD as error:
            raise LocalFault(f"AlertListPart: {error}") from None


_unpack_AlertListPart = AlertListPart.LAYOUT.unpack_from
_pack_AlertListPart = AlertListPart.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class AlertDelete(Message):
    """Deletes a price alert, open or not. Changes state: seq >= 1."""

    OPCODE: ClassVar[int] = 0x0522
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>Q')
    SIZE: ClassVar[int] = 8

    alert: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> AlertDelete:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (alert,) = _unpack_AlertDelete(octets, offset)
            return cls(alert)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_AlertDelete(self.alert)
        except _BAD as error:
            raise LocalFault(f"AlertDelete: {error}") from None


_unpack_AlertDelete = AlertDelete.LAYOUT.unpack_from
_pack_AlertDelete = AlertDelete.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class AlertDeleteReply(Message):
    """OK or NO_SUCH_ALERT."""

    OPCODE: ClassVar[int] = 0x0522
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>LL')
    SIZE: ClassVar[int] = 8

    deleted: int = 0
    kept: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> AlertDeleteReply:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (deleted, kept,) = _unpack_AlertDeleteReply(octets, offset)
            return cls(deleted, kept)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_AlertDeleteReply(self.deleted, self.kept)
        except _BAD as error:
            raise LocalFault(f"AlertDeleteReply: {error}") from None


_unpack_AlertDeleteReply = AlertDeleteReply.LAYOUT.unpack_from
_pack_AlertDeleteReply = AlertDeleteReply.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class AlertEvent(Message):
    """A price alert has ended by itself. Of the subscription to ACCOUNT, but not numbered: seq 0."""

    OPCODE: ClassVar[int] = 0x0516
    SHAPE: ClassVar[str] = 'event'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>Q16sBB6sqqQQQQqQ')
    SIZE: ClassVar[int] = 96

    alert: int = 0
    symbol: str = ""
    condition: int = AlertCondition.LAST_AT_LEAST
    state: int = AlertState.OPEN
    price: int = NULL
    asked: int = NULL
    expires_at: int = 0
    created_at: int = 0
    ended_at: int = 0
    market_at: int = 0
    seen: int = NULL
    quote_seq: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> AlertEvent:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (alert, symbol, condition, state, _zero4, price, asked, expires_at, created_at, ended_at, market_at, seen, quote_seq,) = _unpack_AlertEvent(octets, offset)
            if _zero4 != b'\x00\x00\x00\x00\x00\x00':
                raise ValueError
            return cls(alert, _ascii_get(symbol) or _ascii(symbol), _ALERTCONDITION.get(condition, condition), _ALERTSTATE.get(state, state), price, asked, expires_at, created_at, ended_at, market_at, seen, quote_seq)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_AlertEvent(self.alert, _packed_get((self.symbol, 16)) or _packed(self.symbol, 16), self.condition, self.state, b'\x00\x00\x00\x00\x00\x00', self.price, self.asked, self.expires_at, self.created_at, self.ended_at, self.market_at, self.seen, self.quote_seq)
        except _BAD as error:
            raise LocalFault(f"AlertEvent: {error}") from None


_unpack_AlertEvent = AlertEvent.LAYOUT.unpack_from
_pack_AlertEvent = AlertEvent.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class LogDump(Message):
    """The newest entries of the master's event log, oldest first. Scope ADMIN."""

    OPCODE: ClassVar[int] = 0x0681
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QLBB2s')
    SIZE: ClassVar[int] = 16

    from_time: int = 0
    limit: int = 0
    least: Level = Level.DEBUG
    flush: bool = False

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> LogDump:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (from_time, limit, least, flush, _zero4,) = _unpack_LogDump(octets, offset)
            if _zero4 != b'\x00\x00':
                raise ValueError
            return cls(from_time, limit, _LEVEL[least], _BOOL[flush])
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_LogDump(self.from_time, self.limit, _LEVEL[self.least], 1 if self.flush else 0, b'\x00\x00')
        except _BAD as error:
            raise LocalFault(f"LogDump: {error}") from None


_unpack_LogDump = LogDump.LAYOUT.unpack_from
_pack_LogDump = LogDump.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class LogPart(Message):
    """One part of the entries; RANGE_TOO_LARGE, NO_DATA when no log is kept."""

    OPCODE: ClassVar[int] = 0x0681
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 2
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x0017, 'lines', 'text', 65536, False, 1, None),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>LLLLQQQ')
    SIZE: ClassVar[int] = 40

    part: int = 0
    parts: int = 0
    rows: int = 0
    total_rows: int = 0
    as_of: int = 0
    event_seq: int = 0
    next_after: int = 0
    lines: str | None = None

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> LogPart:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (part, parts, rows, total_rows, as_of, event_seq, next_after,) = _unpack_LogPart(octets, offset)
            return cls(part, parts, rows, total_rows, as_of, event_seq, next_after)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_LogPart(self.part, self.parts, self.rows, self.total_rows, self.as_of, self.event_seq, self.next_after)
        except _BAD as error:
            raise LocalFault(f"LogPart: {error}") from None


_unpack_LogPart = LogPart.LAYOUT.unpack_from
_pack_LogPart = LogPart.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class StatsGet(Message):
    """The master's counters and those of its workers. Scope ADMIN."""

    OPCODE: ClassVar[int] = 0x0682
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>4s')
    SIZE: ClassVar[int] = 4


    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> StatsGet:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (_zero0,) = _unpack_StatsGet(octets, offset)
            if _zero0 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls()
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_StatsGet(b'\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"StatsGet: {error}") from None


_unpack_StatsGet = StatsGet.LAYOUT.unpack_from
_pack_StatsGet = StatsGet.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class StatsPart(Message):
    """One part of the list; SCOPE_DENIED to anybody else."""

    OPCODE: ClassVar[int] = 0x0682
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 2
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x400c, 'stats', 'group', 4096, False, 0, StatRow),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>LLLLQQQ')
    SIZE: ClassVar[int] = 40

    part: int = 0
    parts: int = 0
    rows: int = 0
    total_rows: int = 0
    as_of: int = 0
    event_seq: int = 0
    next_after: int = 0
    stats: tuple[StatRow, ...] = ()

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> StatsPart:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (part, parts, rows, total_rows, as_of, event_seq, next_after,) = _unpack_StatsPart(octets, offset)
            return cls(part, parts, rows, total_rows, as_of, event_seq, next_after)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_StatsPart(self.part, self.parts, self.rows, self.total_rows, self.as_of, self.event_seq, self.next_after)
        except _BAD as error:
            raise LocalFault(f"StatsPart: {error}") from None


_unpack_StatsPart = StatsPart.LAYOUT.unpack_from
_pack_StatsPart = StatsPart.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class WorkerControl(Message):
    """Begin or end to drain a worker (see WORKER_DRAIN). Scope ADMIN."""

    OPCODE: ClassVar[int] = 0x0683
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QB3sL')
    SIZE: ClassVar[int] = 16

    worker_id: int = 0
    mode: DrainMode = DrainMode.OFF
    deadline_ms: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> WorkerControl:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (worker_id, mode, _zero2, deadline_ms,) = _unpack_WorkerControl(octets, offset)
            if _zero2 != b'\x00\x00\x00':
                raise ValueError
            return cls(worker_id, _DRAINMODE[mode], deadline_ms)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_WorkerControl(self.worker_id, _DRAINMODE[self.mode], b'\x00\x00\x00', self.deadline_ms)
        except _BAD as error:
            raise LocalFault(f"WorkerControl: {error}") from None


_unpack_WorkerControl = WorkerControl.LAYOUT.unpack_from
_pack_WorkerControl = WorkerControl.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class WorkerControlReply(Message):
    """OK, also when the worker is not up: it is told when it comes. NO_DATA: there is none."""

    OPCODE: ClassVar[int] = 0x0683
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>L4s')
    SIZE: ClassVar[int] = 8

    clients: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> WorkerControlReply:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (clients, _zero1,) = _unpack_WorkerControlReply(octets, offset)
            if _zero1 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls(clients)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_WorkerControlReply(self.clients, b'\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"WorkerControlReply: {error}") from None


_unpack_WorkerControlReply = WorkerControlReply.LAYOUT.unpack_from
_pack_WorkerControlReply = WorkerControlReply.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class WorkerAuth(Message):
    """Worker to master after HELLO; mutual TLS has already named the peer."""

    OPCODE: ClassVar[int] = 0x7001
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 3
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QQQ16sH2sLLLQ64sQ')
    SIZE: ClassVar[int] = 136

    worker_id: int = 0
    boot: int = 0
    next_worker_seq: int = 0
    listen_address: bytes = bytes(16)
    listen_port: int = 0
    max_clients: int = 0
    clients: int = 0
    region: int = 0
    clock: int = 0
    host: str = ""
    epoch: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> WorkerAuth:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (worker_id, boot, next_worker_seq, listen_address, listen_port, _zero5, max_clients, clients, region, clock, host, epoch,) = _unpack_WorkerAuth(octets, offset)
            if _zero5 != b'\x00\x00':
                raise ValueError
            return cls(worker_id, boot, next_worker_seq, listen_address, listen_port, max_clients, clients, region, clock, _ascii_get(host) or _ascii(host), epoch)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_WorkerAuth(self.worker_id, self.boot, self.next_worker_seq, _sized(self.listen_address, 16), self.listen_port, b'\x00\x00', self.max_clients, self.clients, self.region, self.clock, _packed_get((self.host, 64)) or _packed(self.host, 64), self.epoch)
        except _BAD as error:
            raise LocalFault(f"WorkerAuth: {error}") from None


_unpack_WorkerAuth = WorkerAuth.LAYOUT.unpack_from
_pack_WorkerAuth = WorkerAuth.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class WorkerAuthReply(Message):
    """OK, WORKER_UNKNOWN, WORKER_BOOTED, CLOCK_SKEW, MASTER_SUPERSEDED."""

    OPCODE: ClassVar[int] = 0x7001
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 3
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QQQLLLLQ')
    SIZE: ClassVar[int] = 48

    last_worker_seq: int = 0
    master_boot: int = 0
    clock: int = 0
    max_skew_ms: int = 0
    relay_window: int = 0
    stats_every_s: int = 0
    update_interval_ms: int = 0
    epoch: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> WorkerAuthReply:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (last_worker_seq, master_boot, clock, max_skew_ms, relay_window, stats_every_s, update_interval_ms, epoch,) = _unpack_WorkerAuthReply(octets, offset)
            return cls(last_worker_seq, master_boot, clock, max_skew_ms, relay_window, stats_every_s, update_interval_ms, epoch)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_WorkerAuthReply(self.last_worker_seq, self.master_boot, self.clock, self.max_skew_ms, self.relay_window, self.stats_every_s, self.update_interval_ms, self.epoch)
        except _BAD as error:
            raise LocalFault(f"WorkerAuthReply: {error}") from None


_unpack_WorkerAuthReply = WorkerAuthReply.LAYOUT.unpack_from
_pack_WorkerAuthReply = WorkerAuthReply.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class ClientOpen(Message):
    """Worker to master, once per client connection."""

    OPCODE: ClassVar[int] = 0x7002
    SHAPE: ClassVar[str] = 'event'
    CATEGORY: ClassVar[int] = 3
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x0002, 'software', 'text', 64, False, 1, None),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QQ16sHBB4s')
    SIZE: ClassVar[int] = 40

    connection: int = 0
    opened_at: int = 0
    address: bytes = bytes(16)
    port: int = 0
    family: Family = Family.LOCAL
    tls: TlsVersion = TlsVersion.NONE
    software: str | None = None

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> ClientOpen:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (connection, opened_at, address, port, family, tls, _zero6,) = _unpack_ClientOpen(octets, offset)
            if _zero6 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls(connection, opened_at, address, port, _FAMILY[family], _TLSVERSION[tls])
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_ClientOpen(self.connection, self.opened_at, _sized(self.address, 16), self.port, _FAMILY[self.family], _TLSVERSION[self.tls], b'\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"ClientOpen: {error}") from None


_unpack_ClientOpen = ClientOpen.LAYOUT.unpack_from
_pack_ClientOpen = ClientOpen.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class ClientClose(Message):
    """Worker reports a closed client; master orders one closed."""

    OPCODE: ClassVar[int] = 0x7003
    SHAPE: ClassVar[str] = 'event'
    CATEGORY: ClassVar[int] = 3
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x0001, 'text', 'text', 1024, False, 1, None),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QHB1sLQQ')
    SIZE: ClassVar[int] = 32

    connection: int = 0
    code: int = attrs.field(default=0, repr=False)
    by: ClosedBy = ClosedBy.CLIENT
    ban_s: int = 0
    frames_up: int = 0
    frames_down: int = 0
    text: str | None = None

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> ClientClose:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (connection, code, by, _zero3, ban_s, frames_up, frames_down,) = _unpack_ClientClose(octets, offset)
            if _zero3 != b'\x00':
                raise ValueError
            return cls(connection, code, _CLOSEDBY[by], ban_s, frames_up, frames_down)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_ClientClose(self.connection, self.code, _CLOSEDBY[self.by], b'\x00', self.ban_s, self.frames_up, self.frames_down)
        except _BAD as error:
            raise LocalFault(f"ClientClose: {error}") from None


_unpack_ClientClose = ClientClose.LAYOUT.unpack_from
_pack_ClientClose = ClientClose.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class RelayUp(Message):
    """Worker to master: one client frame, octet for octet, in section INNER."""

    OPCODE: ClassVar[int] = 0x7010
    SHAPE: ClassVar[str] = 'event'
    CATEGORY: ClassVar[int] = 3
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x0010, 'inner', 'octets', 65568, True, 32, None),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QQQ16sHBB4s')
    SIZE: ClassVar[int] = 48

    received_at: int = 0
    worker_seq: int = 0
    connection: int = 0
    address: bytes = bytes(16)
    port: int = 0
    family: Family = Family.LOCAL
    flags: int = 0
    inner: bytes = attrs.field(default=b"", repr=False)

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> RelayUp:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (received_at, worker_seq, connection, address, port, family, flags, _zero7,) = _unpack_RelayUp(octets, offset)
            if flags & 0xfe or _zero7 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls(received_at, worker_seq, connection, address, port, _FAMILY[family], flags)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_RelayUp(self.received_at, self.worker_seq, self.connection, _sized(self.address, 16), self.port, _FAMILY[self.family], _masked(self.flags, 0x1), b'\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"RelayUp: {error}") from None


_unpack_RelayUp = RelayUp.LAYOUT.unpack_from
_pack_RelayUp = RelayUp.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class RelayDown(Message):
    """Master to worker: one frame for one client, written as it is."""

    OPCODE: ClassVar[int] = 0x7011
    SHAPE: ClassVar[str] = 'event'
    CATEGORY: ClassVar[int] = 3
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x0010, 'inner', 'octets', 1048576, True, 32, None),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QQQB1sH4s')
    SIZE: ClassVar[int] = 32

    connection: int = 0
    ack_worker_seq: int = 0
    accepted_at: int = 0
    flags: int = 0
    cache_s: int = 0
    inner: bytes = attrs.field(default=b"", repr=False)

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> RelayDown:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (connection, ack_worker_seq, accepted_at, flags, _zero4, cache_s, _zero6,) = _unpack_RelayDown(octets, offset)
            if flags & 0xfc or _zero4 != b'\x00' or _zero6 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls(connection, ack_worker_seq, accepted_at, flags, cache_s)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_RelayDown(self.connection, self.ack_worker_seq, self.accepted_at, _masked(self.flags, 0x3), b'\x00', self.cache_s, b'\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"RelayDown: {error}") from None


_unpack_RelayDown = RelayDown.LAYOUT.unpack_from
_pack_RelayDown = RelayDown.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class RelayCredit(Message):
    """Worker to master: how much one client may have been sent in all."""

    OPCODE: ClassVar[int] = 0x7012
    SHAPE: ClassVar[str] = 'event'
    CATEGORY: ClassVar[int] = 3
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QQ')
    SIZE: ClassVar[int] = 16

    connection: int = 0
    total: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> RelayCredit:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (connection, total,) = _unpack_RelayCredit(octets, offset)
            return cls(connection, total)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_RelayCredit(self.connection, self.total)
        except _BAD as error:
            raise LocalFault(f"RelayCredit: {error}") from None


_unpack_RelayCredit = RelayCredit.LAYOUT.unpack_from
_pack_RelayCredit = RelayCredit.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class RelayAck(Message):
    """Master to worker when no RELAY_DOWN carried it."""

    OPCODE: ClassVar[int] = 0x7013
    SHAPE: ClassVar[str] = 'event'
    CATEGORY: ClassVar[int] = 3
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>Q')
    SIZE: ClassVar[int] = 8

    ack_worker_seq: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> RelayAck:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (ack_worker_seq,) = _unpack_RelayAck(octets, offset)
            return cls(ack_worker_seq)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_RelayAck(self.ack_worker_seq)
        except _BAD as error:
            raise LocalFault(f"RelayAck: {error}") from None


_unpack_RelayAck = RelayAck.LAYOUT.unpack_from
_pack_RelayAck = RelayAck.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class CacheInvalidate(Message):
    """Master to worker: forget every cached reply and every newest public event; what is followed is to be asked for again with TOPIC_INTEREST."""

    OPCODE: ClassVar[int] = 0x7021
    SHAPE: ClassVar[str] = 'event'
    CATEGORY: ClassVar[int] = 3
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>L4s')
    SIZE: ClassVar[int] = 8

    epoch: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> CacheInvalidate:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (epoch, _zero1,) = _unpack_CacheInvalidate(octets, offset)
            if _zero1 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls(epoch)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_CacheInvalidate(self.epoch, b'\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"CacheInvalidate: {error}") from None


_unpack_CacheInvalidate = CacheInvalidate.LAYOUT.unpack_from
_pack_CacheInvalidate = CacheInvalidate.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class TopicPublish(Message):
    """Master to worker: events for many clients, sent once per worker, one EV frame after another in INNER with session and correlation 0; the worker fills in octets 16 to 23."""

    OPCODE: ClassVar[int] = 0x7023
    SHAPE: ClassVar[str] = 'event'
    CATEGORY: ClassVar[int] = 3
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x0010, 'inner', 'octets', 1048576, True, 32, None),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>B3sL')
    SIZE: ClassVar[int] = 8

    kind: TopicKind = TopicKind.QUOTE
    frames: int = 0
    inner: bytes = attrs.field(default=b"", repr=False)

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> TopicPublish:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (kind, _zero1, frames,) = _unpack_TopicPublish(octets, offset)
            if _zero1 != b'\x00\x00\x00':
                raise ValueError
            return cls(_TOPICKIND[kind], frames)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_TopicPublish(_TOPICKIND[self.kind], b'\x00\x00\x00', self.frames)
        except _BAD as error:
            raise LocalFault(f"TopicPublish: {error}") from None


_unpack_TopicPublish = TopicPublish.LAYOUT.unpack_from
_pack_TopicPublish = TopicPublish.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class TopicInterest(Message):
    """Worker to master: first or last subscriber of a topic on this worker."""

    OPCODE: ClassVar[int] = 0x7024
    SHAPE: ClassVar[str] = 'event'
    CATEGORY: ClassVar[int] = 3
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>BB2sL16s')
    SIZE: ClassVar[int] = 24

    kind: TopicKind = TopicKind.QUOTE
    add: bool = False
    interval_s: int = 0
    symbol: str = ""

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> TopicInterest:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (kind, add, _zero2, interval_s, symbol,) = _unpack_TopicInterest(octets, offset)
            if _zero2 != b'\x00\x00':
                raise ValueError
            return cls(_TOPICKIND[kind], _BOOL[add], interval_s, _ascii_get(symbol) or _ascii(symbol))
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_TopicInterest(_TOPICKIND[self.kind], 1 if self.add else 0, b'\x00\x00', self.interval_s, _packed_get((self.symbol, 16)) or _packed(self.symbol, 16))
        except _BAD as error:
            raise LocalFault(f"TopicInterest: {error}") from None


_unpack_TopicInterest = TopicInterest.LAYOUT.unpack_from
_pack_TopicInterest = TopicInterest.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class WorkerStats(Message):
    """Worker to master every stats_every_s."""

    OPCODE: ClassVar[int] = 0x7030
    SHAPE: ClassVar[str] = 'event'
    CATEGORY: ClassVar[int] = 3
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x4073, 'link', 'group', 1, False, 0, LinkRow),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QLLQQQQQQQLL')
    SIZE: ClassVar[int] = 80

    clock: int = 0
    clients: int = 0
    sessions: int = 0
    frames_up: int = 0
    frames_down: int = 0
    bytes_up: int = 0
    bytes_down: int = 0
    cache_hits: int = 0
    cache_misses: int = 0
    rejected: int = 0
    queue_up: int = 0
    queue_down: int = 0
    link: tuple[LinkRow, ...] = ()

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> WorkerStats:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (clock, clients, sessions, frames_up, frames_down, bytes_up, bytes_down, cache_hits, cache_misses, rejected, queue_up, queue_down,) = _unpack_WorkerStats(octets, offset)
            return cls(clock, clients, sessions, frames_up, frames_down, bytes_up, bytes_down, cache_hits, cache_misses, rejected, queue_up, queue_down)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_WorkerStats(self.clock, self.clients, self.sessions, self.frames_up, self.frames_down, self.bytes_up, self.bytes_down, self.cache_hits, self.cache_misses, self.rejected, self.queue_up, self.queue_down)
        except _BAD as error:
            raise LocalFault(f"WorkerStats: {error}") from None


_unpack_WorkerStats = WorkerStats.LAYOUT.unpack_from
_pack_WorkerStats = WorkerStats.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class WorkersChanged(Message):
    """Master to worker when it changes: the other workers that take clients."""

    OPCODE: ClassVar[int] = 0x7031
    SHAPE: ClassVar[str] = 'event'
    CATEGORY: ClassVar[int] = 3
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x4009, 'workers', 'group', 64, False, 0, WorkerRow),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>4s')
    SIZE: ClassVar[int] = 4

    workers: tuple[WorkerRow, ...] = ()

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> WorkersChanged:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (_zero0,) = _unpack_WorkersChanged(octets, offset)
            if _zero0 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls()
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_WorkersChanged(b'\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"WorkersChanged: {error}") from None


_unpack_WorkersChanged = WorkersChanged.LAYOUT.unpack_from
_pack_WorkersChanged = WorkersChanged.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class WorkerDrain(Message):
    """Master to worker: take no more clients, move them to others, or boot them off."""

    OPCODE: ClassVar[int] = 0x7032
    SHAPE: ClassVar[str] = 'event'
    CATEGORY: ClassVar[int] = 3
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>B3sL')
    SIZE: ClassVar[int] = 8

    mode: DrainMode = DrainMode.OFF
    deadline_ms: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> WorkerDrain:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (mode, _zero1, deadline_ms,) = _unpack_WorkerDrain(octets, offset)
            if _zero1 != b'\x00\x00\x00':
                raise ValueError
            return cls(_DRAINMODE[mode], deadline_ms)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_WorkerDrain(_DRAINMODE[self.mode], b'\x00\x00\x00', self.deadline_ms)
        except _BAD as error:
            raise LocalFault(f"WorkerDrain: {error}") from None


_unpack_WorkerDrain = WorkerDrain.LAYOUT.unpack_from
_pack_WorkerDrain = WorkerDrain.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class LimitHits(Message):
    """Worker to master every stats_every_s, when some limit was hit since the last one."""

    OPCODE: ClassVar[int] = 0x7070
    SHAPE: ClassVar[str] = 'event'
    CATEGORY: ClassVar[int] = 3
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x4072, 'hits', 'group', 64, False, 0, LimitRow),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>4s')
    SIZE: ClassVar[int] = 4

    hits: tuple[LimitRow, ...] = ()

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> LimitHits:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (_zero0,) = _unpack_LimitHits(octets, offset)
            if _zero0 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls()
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_LimitHits(b'\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"LimitHits: {error}") from None


_unpack_LimitHits = LimitHits.LAYOUT.unpack_from
_pack_LimitHits = LimitHits.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class WorkerLog(Message):
    """Worker to master: entries of its event log, one line of JSON each, oldest first."""

    OPCODE: ClassVar[int] = 0x7040
    SHAPE: ClassVar[str] = 'event'
    CATEGORY: ClassVar[int] = 3
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x0017, 'lines', 'text', 49152, False, 1, None),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>L4sQ')
    SIZE: ClassVar[int] = 16

    rows: int = 0
    dropped: int = 0
    lines: str | None = None

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> WorkerLog:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (rows, _zero1, dropped,) = _unpack_WorkerLog(octets, offset)
            if _zero1 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls(rows, dropped)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_WorkerLog(self.rows, b'\x00\x00\x00\x00', self.dropped)
        except _BAD as error:
            raise LocalFault(f"WorkerLog: {error}") from None


_unpack_WorkerLog = WorkerLog.LAYOUT.unpack_from
_pack_WorkerLog = WorkerLog.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class WorkerAdd(Message):
    """Make a place in the registry, and a token with which one worker may take it. Scope ADMIN."""

    OPCODE: ClassVar[int] = 0x0610
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x000c, 'name', 'text', 24, True, 1, None),
        SectionSpec(0x0065, 'networks', 'text', 64, False, 1, None),
        SectionSpec(0x0066, 'hosts', 'text', 1024, False, 1, None),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>B3s')
    SIZE: ClassVar[int] = 4

    again: bool = False
    name: str | None = None
    networks: str | None = None
    hosts: str | None = None

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> WorkerAdd:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (again, _zero1,) = _unpack_WorkerAdd(octets, offset)
            if _zero1 != b'\x00\x00\x00':
                raise ValueError
            return cls(_BOOL[again])
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_WorkerAdd(1 if self.again else 0, b'\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"WorkerAdd: {error}") from None


_unpack_WorkerAdd = WorkerAdd.LAYOUT.unpack_from
_pack_WorkerAdd = WorkerAdd.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class WorkerAddReply(Message):
    """OK; NAME_TAKEN, NO_DATA (again, and there is none), INVALID_FIELD."""

    OPCODE: ClassVar[int] = 0x0610
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>Q16s32s32sQ')
    SIZE: ClassVar[int] = 96

    worker_id: int = 0
    uuid: bytes = bytes(16)
    token: bytes = attrs.field(default=bytes(32), repr=False)
    authority: bytes = bytes(32)
    expires_at: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> WorkerAddReply:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (worker_id, uuid, token, authority, expires_at,) = _unpack_WorkerAddReply(octets, offset)
            return cls(worker_id, uuid, token, authority, expires_at)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_WorkerAddReply(self.worker_id, _sized(self.uuid, 16), _sized(self.token, 32), _sized(self.authority, 32), self.expires_at)
        except _BAD as error:
            raise LocalFault(f"WorkerAddReply: {error}") from None


_unpack_WorkerAddReply = WorkerAddReply.LAYOUT.unpack_from
_pack_WorkerAddReply = WorkerAddReply.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class WorkerSign(Message):
    """Sign the requests of a worker that was added and cannot reach the master yet. Scope ADMIN."""

    OPCODE: ClassVar[int] = 0x0611
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x000c, 'name', 'text', 24, True, 1, None),
        SectionSpec(0x0060, 'csr', 'text', 16384, True, 1, None),
        SectionSpec(0x0061, 'public_csr', 'text', 16384, False, 1, None),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>4s')
    SIZE: ClassVar[int] = 4

    name: str | None = None
    csr: str | None = None
    public_csr: str | None = None

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> WorkerSign:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (_zero0,) = _unpack_WorkerSign(octets, offset)
            if _zero0 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls()
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_WorkerSign(b'\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"WorkerSign: {error}") from None


_unpack_WorkerSign = WorkerSign.LAYOUT.unpack_from
_pack_WorkerSign = WorkerSign.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class WorkerSignReply(Message):
    """OK; NO_DATA (it was not added, or too long ago), INVALID_FIELD."""

    OPCODE: ClassVar[int] = 0x0611
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x0062, 'certificate', 'text', 16384, True, 1, None),
        SectionSpec(0x0063, 'public_certificate', 'text', 16384, False, 1, None),
        SectionSpec(0x0064, 'trust', 'text', 16384, True, 1, None),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>Q16s')
    SIZE: ClassVar[int] = 24

    worker_id: int = 0
    uuid: bytes = bytes(16)
    certificate: str | None = None
    public_certificate: str | None = None
    trust: str | None = None

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> WorkerSignReply:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (worker_id, uuid,) = _unpack_WorkerSignReply(octets, offset)
            return cls(worker_id, uuid)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_WorkerSignReply(self.worker_id, _sized(self.uuid, 16))
        except _BAD as error:
            raise LocalFault(f"WorkerSignReply: {error}") from None


_unpack_WorkerSignReply = WorkerSignReply.LAYOUT.unpack_from
_pack_WorkerSignReply = WorkerSignReply.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class WorkerRegistry(Message):
    """Every worker of the registry, by its number. Scope ADMIN."""

    OPCODE: ClassVar[int] = 0x0612
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>4s')
    SIZE: ClassVar[int] = 4


    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> WorkerRegistry:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (_zero0,) = _unpack_WorkerRegistry(octets, offset)
            if _zero0 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls()
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_WorkerRegistry(b'\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"WorkerRegistry: {error}") from None


_unpack_WorkerRegistry = WorkerRegistry.LAYOUT.unpack_from
_pack_WorkerRegistry = WorkerRegistry.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class WorkerRegistryPart(Message):
    """One part of the list."""

    OPCODE: ClassVar[int] = 0x0612
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 2
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x4060, 'registered', 'group', 4096, False, 0, RegisteredRow),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>LLLLQQQ')
    SIZE: ClassVar[int] = 40

    part: int = 0
    parts: int = 0
    rows: int = 0
    total_rows: int = 0
    as_of: int = 0
    event_seq: int = 0
    next_after: int = 0
    registered: tuple[RegisteredRow, ...] = ()

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> WorkerRegistryPart:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (part, parts, rows, total_rows, as_of, event_seq, next_after,) = _unpack_WorkerRegistryPart(octets, offset)
            return cls(part, parts, rows, total_rows, as_of, event_seq, next_after)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_WorkerRegistryPart(self.part, self.parts, self.rows, self.total_rows, self.as_of, self.event_seq, self.next_after)
        except _BAD as error:
            raise LocalFault(f"WorkerRegistryPart: {error}") from None


_unpack_WorkerRegistryPart = WorkerRegistryPart.LAYOUT.unpack_from
_pack_WorkerRegistryPart = WorkerRegistryPart.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class WorkerBoot(Message):
    """Shut a worker out while it runs, or let it in again. Scope ADMIN."""

    OPCODE: ClassVar[int] = 0x0613
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QB3sL')
    SIZE: ClassVar[int] = 16

    worker_id: int = 0
    mode: BootMode = BootMode.ADMIT
    drain_ms: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> WorkerBoot:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (worker_id, mode, _zero2, drain_ms,) = _unpack_WorkerBoot(octets, offset)
            if _zero2 != b'\x00\x00\x00':
                raise ValueError
            return cls(worker_id, _BOOTMODE[mode], drain_ms)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_WorkerBoot(self.worker_id, _BOOTMODE[self.mode], b'\x00\x00\x00', self.drain_ms)
        except _BAD as error:
            raise LocalFault(f"WorkerBoot: {error}") from None


_unpack_WorkerBoot = WorkerBoot.LAYOUT.unpack_from
_pack_WorkerBoot = WorkerBoot.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class WorkerBootReply(Message):
    """OK, once it is durable; NO_DATA, INVALID_FIELD (ADMIT of a worker that is REVOKED)."""

    OPCODE: ClassVar[int] = 0x0613
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>LB3s')
    SIZE: ClassVar[int] = 8

    clients: int = 0
    state: int = WorkerState.PENDING

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> WorkerBootReply:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (clients, state, _zero2,) = _unpack_WorkerBootReply(octets, offset)
            if _zero2 != b'\x00\x00\x00':
                raise ValueError
            return cls(clients, _WORKERSTATE.get(state, state))
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_WorkerBootReply(self.clients, self.state, b'\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"WorkerBootReply: {error}") from None


_unpack_WorkerBootReply = WorkerBootReply.LAYOUT.unpack_from
_pack_WorkerBootReply = WorkerBootReply.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class WorkerRotate(Message):
    """Have workers make new keys now. Scope ADMIN."""

    OPCODE: ClassVar[int] = 0x0614
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>Q')
    SIZE: ClassVar[int] = 8

    worker_id: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> WorkerRotate:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (worker_id,) = _unpack_WorkerRotate(octets, offset)
            return cls(worker_id)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_WorkerRotate(self.worker_id)
        except _BAD as error:
            raise LocalFault(f"WorkerRotate: {error}") from None


_unpack_WorkerRotate = WorkerRotate.LAYOUT.unpack_from
_pack_WorkerRotate = WorkerRotate.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class WorkerRotateReply(Message):
    """OK; NO_DATA when it is not up."""

    OPCODE: ClassVar[int] = 0x0614
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>L4s')
    SIZE: ClassVar[int] = 8

    ordered: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> WorkerRotateReply:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (ordered, _zero1,) = _unpack_WorkerRotateReply(octets, offset)
            if _zero1 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls(ordered)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_WorkerRotateReply(self.ordered, b'\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"WorkerRotateReply: {error}") from None


_unpack_WorkerRotateReply = WorkerRotateReply.LAYOUT.unpack_from
_pack_WorkerRotateReply = WorkerRotateReply.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class AuthorityControl(Message):
    """How far the change to another authority is, and its next step. Scope ADMIN."""

    OPCODE: ClassVar[int] = 0x0615
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>BB2s')
    SIZE: ClassVar[int] = 4

    step: AuthorityStep = AuthorityStep.NONE
    force: bool = False

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> AuthorityControl:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (step, force, _zero2,) = _unpack_AuthorityControl(octets, offset)
            if _zero2 != b'\x00\x00':
                raise ValueError
            return cls(_AUTHORITYSTEP[step], _BOOL[force])
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_AuthorityControl(_AUTHORITYSTEP[self.step], 1 if self.force else 0, b'\x00\x00')
        except _BAD as error:
            raise LocalFault(f"AuthorityControl: {error}") from None


_unpack_AuthorityControl = AuthorityControl.LAYOUT.unpack_from
_pack_AuthorityControl = AuthorityControl.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class AuthorityControlReply(Message):
    """OK; INVALID_FIELD when the step does not follow, or would shut workers out."""

    OPCODE: ClassVar[int] = 0x0615
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>B3sLLL32s32sQQ')
    SIZE: ClassVar[int] = 96

    phase: int = AuthorityPhase.SINGLE
    workers: int = 0
    trusting: int = 0
    renewed: int = 0
    issuing: bytes = bytes(32)
    other: bytes = bytes(32)
    issuing_until: int = 0
    master_until: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> AuthorityControlReply:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (phase, _zero1, workers, trusting, renewed, issuing, other, issuing_until, master_until,) = _unpack_AuthorityControlReply(octets, offset)
            if _zero1 != b'\x00\x00\x00':
                raise ValueError
            return cls(_AUTHORITYPHASE.get(phase, phase), workers, trusting, renewed, issuing, other, issuing_until, master_until)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_AuthorityControlReply(self.phase, b'\x00\x00\x00', self.workers, self.trusting, self.renewed, _sized(self.issuing, 32), _sized(self.other, 32), self.issuing_until, self.master_until)
        except _BAD as error:
            raise LocalFault(f"AuthorityControlReply: {error}") from None


_unpack_AuthorityControlReply = AuthorityControlReply.LAYOUT.unpack_from
_pack_AuthorityControlReply = AuthorityControlReply.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class Enroll(Message):
    """A worker to be, in its only request: here is my token, sign my keys."""

    OPCODE: ClassVar[int] = 0x7050
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 3
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x0060, 'csr', 'text', 16384, True, 1, None),
        SectionSpec(0x0061, 'public_csr', 'text', 16384, False, 1, None),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>32s')
    SIZE: ClassVar[int] = 32

    token: bytes = attrs.field(default=bytes(32), repr=False)
    csr: str | None = None
    public_csr: str | None = None

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> Enroll:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (token,) = _unpack_Enroll(octets, offset)
            return cls(token)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_Enroll(_sized(self.token, 32))
        except _BAD as error:
            raise LocalFault(f"Enroll: {error}") from None


_unpack_Enroll = Enroll.LAYOUT.unpack_from
_pack_Enroll = Enroll.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class EnrollReply(Message):
    """OK, once it is durable; ENROLLMENT_REFUSED, RATE_LIMITED. The connection ends after it."""

    OPCODE: ClassVar[int] = 0x7050
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 3
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x0062, 'certificate', 'text', 16384, True, 1, None),
        SectionSpec(0x0063, 'public_certificate', 'text', 16384, False, 1, None),
        SectionSpec(0x0064, 'trust', 'text', 16384, True, 1, None),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>Q16s24s')
    SIZE: ClassVar[int] = 48

    worker_id: int = 0
    uuid: bytes = bytes(16)
    name: str = ""
    certificate: str | None = None
    public_certificate: str | None = None
    trust: str | None = None

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> EnrollReply:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (worker_id, uuid, name,) = _unpack_EnrollReply(octets, offset)
            return cls(worker_id, uuid, _ascii_get(name) or _ascii(name))
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_EnrollReply(self.worker_id, _sized(self.uuid, 16), _packed_get((self.name, 24)) or _packed(self.name, 24))
        except _BAD as error:
            raise LocalFault(f"EnrollReply: {error}") from None


_unpack_EnrollReply = EnrollReply.LAYOUT.unpack_from
_pack_EnrollReply = EnrollReply.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class CertificateRenew(Message):
    """Worker to master over its link: sign my next keys."""

    OPCODE: ClassVar[int] = 0x7051
    SHAPE: ClassVar[str] = 'request'
    CATEGORY: ClassVar[int] = 3
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x0060, 'csr', 'text', 16384, True, 1, None),
        SectionSpec(0x0061, 'public_csr', 'text', 16384, False, 1, None),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>4s')
    SIZE: ClassVar[int] = 4

    csr: str | None = None
    public_csr: str | None = None

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> CertificateRenew:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (_zero0,) = _unpack_CertificateRenew(octets, offset)
            if _zero0 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls()
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_CertificateRenew(b'\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"CertificateRenew: {error}") from None


_unpack_CertificateRenew = CertificateRenew.LAYOUT.unpack_from
_pack_CertificateRenew = CertificateRenew.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class CertificateRenewReply(Message):
    """OK, once it is durable; INVALID_FIELD, RATE_LIMITED."""

    OPCODE: ClassVar[int] = 0x7051
    SHAPE: ClassVar[str] = 'reply'
    CATEGORY: ClassVar[int] = 3
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x0062, 'certificate', 'text', 16384, True, 1, None),
        SectionSpec(0x0063, 'public_certificate', 'text', 16384, False, 1, None),
        SectionSpec(0x0064, 'trust', 'text', 16384, True, 1, None),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>Q')
    SIZE: ClassVar[int] = 8

    old_until: int = 0
    certificate: str | None = None
    public_certificate: str | None = None
    trust: str | None = None

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> CertificateRenewReply:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (old_until,) = _unpack_CertificateRenewReply(octets, offset)
            return cls(old_until)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_CertificateRenewReply(self.old_until)
        except _BAD as error:
            raise LocalFault(f"CertificateRenewReply: {error}") from None


_unpack_CertificateRenewReply = CertificateRenewReply.LAYOUT.unpack_from
_pack_CertificateRenewReply = CertificateRenewReply.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class RenewOrder(Message):
    """Master to worker: renew now."""

    OPCODE: ClassVar[int] = 0x7052
    SHAPE: ClassVar[str] = 'event'
    CATEGORY: ClassVar[int] = 3
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>4s')
    SIZE: ClassVar[int] = 4


    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> RenewOrder:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (_zero0,) = _unpack_RenewOrder(octets, offset)
            if _zero0 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls()
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_RenewOrder(b'\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"RenewOrder: {error}") from None


_unpack_RenewOrder = RenewOrder.LAYOUT.unpack_from
_pack_RenewOrder = RenewOrder.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class TrustSet(Message):
    """Master to worker: the authorities to trust from now on."""

    OPCODE: ClassVar[int] = 0x7053
    SHAPE: ClassVar[str] = 'event'
    CATEGORY: ClassVar[int] = 3
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x0064, 'trust', 'text', 16384, True, 1, None),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>4s')
    SIZE: ClassVar[int] = 4

    trust: str | None = None

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> TrustSet:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (_zero0,) = _unpack_TrustSet(octets, offset)
            if _zero0 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls()
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_TrustSet(b'\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"TrustSet: {error}") from None


_unpack_TrustSet = TrustSet.LAYOUT.unpack_from
_pack_TrustSet = TrustSet.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class TrustTaken(Message):
    """Worker to master, after WORKER_AUTH and whenever it changes: what it trusts."""

    OPCODE: ClassVar[int] = 0x7054
    SHAPE: ClassVar[str] = 'event'
    CATEGORY: ClassVar[int] = 3
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>32sQ')
    SIZE: ClassVar[int] = 40

    trust: bytes = bytes(32)
    witnessed: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> TrustTaken:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (trust, witnessed,) = _unpack_TrustTaken(octets, offset)
            return cls(trust, witnessed)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_TrustTaken(_sized(self.trust, 32), self.witnessed)
        except _BAD as error:
            raise LocalFault(f"TrustTaken: {error}") from None


_unpack_TrustTaken = TrustTaken.LAYOUT.unpack_from
_pack_TrustTaken = TrustTaken.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class AuditKey(Message):
    """Master to worker: the key that signs the heads of an epoch."""

    OPCODE: ClassVar[int] = 0x7055
    SHAPE: ClassVar[str] = 'event'
    CATEGORY: ClassVar[int] = 3
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>Q32s64s')
    SIZE: ClassVar[int] = 104

    epoch: int = 0
    public: bytes = bytes(32)
    signature: bytes = bytes(64)

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> AuditKey:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (epoch, public, signature,) = _unpack_AuditKey(octets, offset)
            return cls(epoch, public, signature)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_AuditKey(self.epoch, _sized(self.public, 32), _sized(self.signature, 64))
        except _BAD as error:
            raise LocalFault(f"AuditKey: {error}") from None


_unpack_AuditKey = AuditKey.LAYOUT.unpack_from
_pack_AuditKey = AuditKey.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class AuditHead(Message):
    """Master to worker: how far the journal and the audit log have come."""

    OPCODE: ClassVar[int] = 0x7056
    SHAPE: ClassVar[str] = 'event'
    CATEGORY: ClassVar[int] = 3
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QQQ32sQQ32s64s')
    SIZE: ClassVar[int] = 168

    epoch: int = 0
    at: int = 0
    audit_seq: int = 0
    audit: bytes = bytes(32)
    batch: int = 0
    seq: int = 0
    journal: bytes = bytes(32)
    signature: bytes = bytes(64)

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> AuditHead:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (epoch, at, audit_seq, audit, batch, seq, journal, signature,) = _unpack_AuditHead(octets, offset)
            return cls(epoch, at, audit_seq, audit, batch, seq, journal, signature)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_AuditHead(self.epoch, self.at, self.audit_seq, _sized(self.audit, 32), self.batch, self.seq, _sized(self.journal, 32), _sized(self.signature, 64))
        except _BAD as error:
            raise LocalFault(f"AuditHead: {error}") from None


_unpack_AuditHead = AuditHead.LAYOUT.unpack_from
_pack_AuditHead = AuditHead.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class StoreCommand(Message):
    """Input: a client's command with what the master added. INNER is its RELAY_UP envelope."""

    OPCODE: ClassVar[int] = 0x7e01
    SHAPE: ClassVar[str] = 'event'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x0010, 'inner', 'octets', 1048576, True, 32, None),
        SectionSpec(0x4005, 'quotes', 'group', 4096, False, 0, QuoteRow),
        SectionSpec(0x4023, 'given', 'group', 1, False, 0, GivenRow),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QQQQQQQ')
    SIZE: ClassVar[int] = 56

    seq: int = 0
    accepted_at: int = 0
    market_at: int = 0
    account: int = 0
    portfolio: int = 0
    session_id: int = 0
    expire_at: int = 0
    inner: bytes = attrs.field(default=b"", repr=False)
    quotes: tuple[QuoteRow, ...] = ()
    given: tuple[GivenRow, ...] = ()

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> StoreCommand:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (seq, accepted_at, market_at, account, portfolio, session_id, expire_at,) = _unpack_StoreCommand(octets, offset)
            return cls(seq, accepted_at, market_at, account, portfolio, session_id, expire_at)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_StoreCommand(self.seq, self.accepted_at, self.market_at, self.account, self.portfolio, self.session_id, self.expire_at)
        except _BAD as error:
            raise LocalFault(f"StoreCommand: {error}") from None


_unpack_StoreCommand = StoreCommand.LAYOUT.unpack_from
_pack_StoreCommand = StoreCommand.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class StoreQuote(Message):
    """Input: a quote that some order used; INTERVAL if its portfolio's fill model needs it."""

    OPCODE: ClassVar[int] = 0x7e02
    SHAPE: ClassVar[str] = 'event'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x4005, 'quotes', 'group', 4096, False, 0, QuoteRow),
        SectionSpec(0x4022, 'interval', 'group', 1, False, 0, IntervalRow),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>Q16sqqqqqqqqqqqQQQHB5s')
    SIZE: ClassVar[int] = 144

    seq: int = 0
    symbol: str = ""
    bid: int = NULL
    ask: int = NULL
    last: int = NULL
    bid_size: int = 0
    ask_size: int = 0
    last_size: int = 0
    day_open: int = NULL
    day_high: int = NULL
    day_low: int = NULL
    prev_close: int = NULL
    day_volume: int = 0
    source_time: int = 0
    observed_at: int = 0
    quote_seq: int = 0
    flags: int = 0
    provider: int = QuoteProvider.UNKNOWN
    quotes: tuple[QuoteRow, ...] = ()
    interval: tuple[IntervalRow, ...] = ()

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> StoreQuote:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (seq, symbol, bid, ask, last, bid_size, ask_size, last_size, day_open, day_high, day_low, prev_close, day_volume, source_time, observed_at, quote_seq, flags, provider, _zero18,) = _unpack_StoreQuote(octets, offset)
            if _zero18 != b'\x00\x00\x00\x00\x00':
                raise ValueError
            return cls(seq, _ascii_get(symbol) or _ascii(symbol), bid, ask, last, bid_size, ask_size, last_size, day_open, day_high, day_low, prev_close, day_volume, source_time, observed_at, quote_seq, flags, _QUOTEPROVIDER.get(provider, provider))
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_StoreQuote(self.seq, _packed_get((self.symbol, 16)) or _packed(self.symbol, 16), self.bid, self.ask, self.last, self.bid_size, self.ask_size, self.last_size, self.day_open, self.day_high, self.day_low, self.prev_close, self.day_volume, self.source_time, self.observed_at, self.quote_seq, self.flags, self.provider, b'\x00\x00\x00\x00\x00')
        except _BAD as error:
            raise LocalFault(f"StoreQuote: {error}") from None


_unpack_StoreQuote = StoreQuote.LAYOUT.unpack_from
_pack_StoreQuote = StoreQuote.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class StoreTime(Message):
    """Input: market time went on and something fell due; CLOSINGS if fill models need them."""

    OPCODE: ClassVar[int] = 0x7e03
    SHAPE: ClassVar[str] = 'event'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x4005, 'quotes', 'group', 4096, False, 0, QuoteRow),
        SectionSpec(0x4026, 'closings', 'group', 4096, False, 0, ClosingRow),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QQQ')
    SIZE: ClassVar[int] = 24

    seq: int = 0
    accepted_at: int = 0
    market_at: int = 0
    quotes: tuple[QuoteRow, ...] = ()
    closings: tuple[ClosingRow, ...] = ()

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> StoreTime:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (seq, accepted_at, market_at,) = _unpack_StoreTime(octets, offset)
            return cls(seq, accepted_at, market_at)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_StoreTime(self.seq, self.accepted_at, self.market_at)
        except _BAD as error:
            raise LocalFault(f"StoreTime: {error}") from None


_unpack_StoreTime = StoreTime.LAYOUT.unpack_from
_pack_StoreTime = StoreTime.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class StoreAsset(Message):
    """What the inputs from here to the end of the master's epoch are decided by: an asset."""

    OPCODE: ClassVar[int] = 0x7e28
    SHAPE: ClassVar[str] = 'event'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>Q16sBBH4sqqqqQ16s')
    SIZE: ClassVar[int] = 88

    seq: int = 0
    symbol: str = ""
    kind: AssetKind = AssetKind.STOCK
    status: AssetStatus = AssetStatus.TRADABLE
    flags: int = 0
    currency: str = ""
    tick: int = NULL
    lot: int = 0
    quantity_min: int = 0
    quantity_max: int = 0
    first_bar: int = 0
    calendar: str = ""

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> StoreAsset:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (seq, symbol, kind, status, flags, currency, tick, lot, quantity_min, quantity_max, first_bar, calendar,) = _unpack_StoreAsset(octets, offset)
            return cls(seq, _ascii_get(symbol) or _ascii(symbol), _ASSETKIND[kind], _ASSETSTATUS[status], flags, _ccy(currency), tick, lot, quantity_min, quantity_max, first_bar, _ascii_get(calendar) or _ascii(calendar))
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_StoreAsset(self.seq, _packed_get((self.symbol, 16)) or _packed(self.symbol, 16), _ASSETKIND[self.kind], _ASSETSTATUS[self.status], self.flags, _packed_get((self.currency, 4)) or _packed(self.currency, 4), self.tick, self.lot, self.quantity_min, self.quantity_max, self.first_bar, _packed_get((self.calendar, 16)) or _packed(self.calendar, 16))
        except _BAD as error:
            raise LocalFault(f"StoreAsset: {error}") from None


_unpack_StoreAsset = StoreAsset.LAYOUT.unpack_from
_pack_StoreAsset = StoreAsset.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class StoreAction(Message):
    """Input: a corporate action."""

    OPCODE: ClassVar[int] = 0x7e04
    SHAPE: ClassVar[str] = 'event'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x4005, 'quotes', 'group', 4096, False, 0, QuoteRow),
        SectionSpec(0x4008, 'symbols', 'group', 1, False, 0, SymbolRow),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QQ16sB3sLLB3sQq')
    SIZE: ClassVar[int] = 64

    seq: int = 0
    accepted_at: int = 0
    symbol: str = ""
    kind: ActionKind = ActionKind.SPLIT
    numerator: int = 0
    denominator: int = 0
    late: bool = False
    at: int = 0
    amount: int = 0
    quotes: tuple[QuoteRow, ...] = ()
    symbols: tuple[SymbolRow, ...] = ()

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> StoreAction:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (seq, accepted_at, symbol, kind, _zero4, numerator, denominator, late, _zero8, at, amount,) = _unpack_StoreAction(octets, offset)
            if _zero4 != b'\x00\x00\x00' or _zero8 != b'\x00\x00\x00':
                raise ValueError
            return cls(seq, accepted_at, _ascii_get(symbol) or _ascii(symbol), _ACTIONKIND[kind], numerator, denominator, _BOOL[late], at, amount)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_StoreAction(self.seq, self.accepted_at, _packed_get((self.symbol, 16)) or _packed(self.symbol, 16), _ACTIONKIND[self.kind], b'\x00\x00\x00', self.numerator, self.denominator, 1 if self.late else 0, b'\x00\x00\x00', self.at, self.amount)
        except _BAD as error:
            raise LocalFault(f"StoreAction: {error}") from None


_unpack_StoreAction = StoreAction.LAYOUT.unpack_from
_pack_StoreAction = StoreAction.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class StorePortfolio(Message):
    """Input and outcome: a portfolio was opened."""

    OPCODE: ClassVar[int] = 0x7e11
    SHAPE: ClassVar[str] = 'event'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x4023, 'given', 'group', 1, False, 0, GivenRow),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QQQQ4s4sq')
    SIZE: ClassVar[int] = 48

    seq: int = 0
    accepted_at: int = 0
    account: int = 0
    portfolio: int = 0
    currency: str = ""
    deposit: int = 0
    given: tuple[GivenRow, ...] = ()

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> StorePortfolio:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (seq, accepted_at, account, portfolio, currency, _zero5, deposit,) = _unpack_StorePortfolio(octets, offset)
            if _zero5 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls(seq, accepted_at, account, portfolio, _ccy(currency), deposit)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_StorePortfolio(self.seq, self.accepted_at, self.account, self.portfolio, _packed_get((self.currency, 4)) or _packed(self.currency, 4), b'\x00\x00\x00\x00', self.deposit)
        except _BAD as error:
            raise LocalFault(f"StorePortfolio: {error}") from None


_unpack_StorePortfolio = StorePortfolio.LAYOUT.unpack_from
_pack_StorePortfolio = StorePortfolio.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class StoreOrder(Message):
    """Outcome: an order changed. INNER is the EV_ORDER."""

    OPCODE: ClassVar[int] = 0x7e12
    SHAPE: ClassVar[str] = 'event'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x0010, 'inner', 'octets', 1048576, True, 32, None),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QQQQqQQQ')
    SIZE: ClassVar[int] = 64

    seq: int = 0
    account: int = 0
    portfolio: int = 0
    at: int = 0
    reserved_quantity: int = 0
    sequence: int = 0
    notional_high: int = 0
    notional_low: int = 0
    inner: bytes = attrs.field(default=b"", repr=False)

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> StoreOrder:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (seq, account, portfolio, at, reserved_quantity, sequence, notional_high, notional_low,) = _unpack_StoreOrder(octets, offset)
            return cls(seq, account, portfolio, at, reserved_quantity, sequence, notional_high, notional_low)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_StoreOrder(self.seq, self.account, self.portfolio, self.at, self.reserved_quantity, self.sequence, self.notional_high, self.notional_low)
        except _BAD as error:
            raise LocalFault(f"StoreOrder: {error}") from None


_unpack_StoreOrder = StoreOrder.LAYOUT.unpack_from
_pack_StoreOrder = StoreOrder.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class StoreTransaction(Message):
    """Outcome: a transaction. INNER is the EV_TX. LOTS are all lots of the position; with LOTS_KEPT the last so many of those before stay, after the first and before the others of LOTS."""

    OPCODE: ClassVar[int] = 0x7e13
    SHAPE: ClassVar[str] = 'event'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x0010, 'inner', 'octets', 1048576, True, 32, None),
        SectionSpec(0x4011, 'entries', 'group', 64, True, 0, EntryRow),
        SectionSpec(0x4012, 'lots', 'group', 65536, False, 0, LotRow),
        SectionSpec(0xc019, 'lots_kept', 'group', 1, False, 0, LotsKeptRow),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QQQQ')
    SIZE: ClassVar[int] = 32

    seq: int = 0
    account: int = 0
    portfolio: int = 0
    at: int = 0
    inner: bytes = attrs.field(default=b"", repr=False)
    entries: tuple[EntryRow, ...] = ()
    lots: tuple[LotRow, ...] = ()
    lots_kept: tuple[LotsKeptRow, ...] = ()

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> StoreTransaction:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (seq, account, portfolio, at,) = _unpack_StoreTransaction(octets, offset)
            return cls(seq, account, portfolio, at)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_StoreTransaction(self.seq, self.account, self.portfolio, self.at)
        except _BAD as error:
            raise LocalFault(f"StoreTransaction: {error}") from None


_unpack_StoreTransaction = StoreTransaction.LAYOUT.unpack_from
_pack_StoreTransaction = StoreTransaction.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class StoreReply(Message):
    """Outcome: the stored reply of a command. INNER is it."""

    OPCODE: ClassVar[int] = 0x7e14
    SHAPE: ClassVar[str] = 'event'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x0010, 'inner', 'octets', 1048576, True, 32, None),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QQQ32sQ')
    SIZE: ClassVar[int] = 64

    seq: int = 0
    session_id: int = 0
    command_seq: int = 0
    request_hash: bytes = bytes(32)
    at: int = 0
    inner: bytes = attrs.field(default=b"", repr=False)

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> StoreReply:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (seq, session_id, command_seq, request_hash, at,) = _unpack_StoreReply(octets, offset)
            return cls(seq, session_id, command_seq, request_hash, at)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_StoreReply(self.seq, self.session_id, self.command_seq, _sized(self.request_hash, 32), self.at)
        except _BAD as error:
            raise LocalFault(f"StoreReply: {error}") from None


_unpack_StoreReply = StoreReply.LAYOUT.unpack_from
_pack_StoreReply = StoreReply.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class StoreRefusal(Message):
    """Outcome: an order was refused on arrival; TEXT says why. It changes nothing."""

    OPCODE: ClassVar[int] = 0x7e19
    SHAPE: ClassVar[str] = 'event'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x0001, 'text', 'text', 1024, True, 1, None),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QQQQQ16sBBBBHB1sqqqqqqLH2sQQQQQQQqqqqqQQQ')
    SIZE: ClassVar[int] = 240

    seq: int = 0
    account: int = 0
    client_order_id: int = 0
    portfolio: int = 0
    replaces: int = 0
    symbol: str = ""
    side: int = Side.BUY
    order_type: int = OrderType.MARKET
    time_in_force: int = TimeInForce.DAY
    flags: int = 0
    reason: int = 0
    unit: int = FigureUnit.NONE
    quantity: int = 0
    limit_price: int = NULL
    stop_price: int = NULL
    asked: int = 0
    there: int = 0
    price: int = NULL
    points: int = 0
    quote_flags: int = 0
    rule_since: int = 0
    received_at: int = 0
    at: int = 0
    market_at: int = 0
    works_from: int = 0
    expire_at: int = 0
    quote_seq: int = 0
    bid: int = NULL
    ask: int = NULL
    last: int = NULL
    bid_size: int = 0
    ask_size: int = 0
    observed_at: int = 0
    source_time: int = 0
    age: int = 0
    text: str | None = None

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> StoreRefusal:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (seq, account, client_order_id, portfolio, replaces, symbol, side, order_type, time_in_force, flags, reason, unit, _zero12, quantity, limit_price, stop_price, asked, there, price, points, quote_flags, _zero21, rule_since, received_at, at, market_at, works_from, expire_at, quote_seq, bid, ask, last, bid_size, ask_size, observed_at, source_time, age,) = _unpack_StoreRefusal(octets, offset)
            if _zero12 != b'\x00' or _zero21 != b'\x00\x00':
                raise ValueError
            return cls(seq, account, client_order_id, portfolio, replaces, _ascii_get(symbol) or _ascii(symbol), _SIDE.get(side, side), _ORDERTYPE.get(order_type, order_type), _TIMEINFORCE.get(time_in_force, time_in_force), flags, reason, _FIGUREUNIT.get(unit, unit), quantity, limit_price, stop_price, asked, there, price, points, quote_flags, rule_since, received_at, at, market_at, works_from, expire_at, quote_seq, bid, ask, last, bid_size, ask_size, observed_at, source_time, age)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_StoreRefusal(self.seq, self.account, self.client_order_id, self.portfolio, self.replaces, _packed_get((self.symbol, 16)) or _packed(self.symbol, 16), self.side, self.order_type, self.time_in_force, self.flags, self.reason, self.unit, b'\x00', self.quantity, self.limit_price, self.stop_price, self.asked, self.there, self.price, self.points, self.quote_flags, b'\x00\x00', self.rule_since, self.received_at, self.at, self.market_at, self.works_from, self.expire_at, self.quote_seq, self.bid, self.ask, self.last, self.bid_size, self.ask_size, self.observed_at, self.source_time, self.age)
        except _BAD as error:
            raise LocalFault(f"StoreRefusal: {error}") from None


_unpack_StoreRefusal = StoreRefusal.LAYOUT.unpack_from
_pack_StoreRefusal = StoreRefusal.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class StoreMarks(Message):
    """Outcome: the trailing stops of a symbol followed these prices."""

    OPCODE: ClassVar[int] = 0x7e29
    SHAPE: ClassVar[str] = 'event'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>Q16sqqqQ')
    SIZE: ClassVar[int] = 56

    seq: int = 0
    symbol: str = ""
    bid: int = NULL
    ask: int = NULL
    last: int = NULL
    at: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> StoreMarks:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (seq, symbol, bid, ask, last, at,) = _unpack_StoreMarks(octets, offset)
            return cls(seq, _ascii_get(symbol) or _ascii(symbol), bid, ask, last, at)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_StoreMarks(self.seq, _packed_get((self.symbol, 16)) or _packed(self.symbol, 16), self.bid, self.ask, self.last, self.at)
        except _BAD as error:
            raise LocalFault(f"StoreMarks: {error}") from None


_unpack_StoreMarks = StoreMarks.LAYOUT.unpack_from
_pack_StoreMarks = StoreMarks.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class StoreApplied(Message):
    """Outcome: a corporate action was applied."""

    OPCODE: ClassVar[int] = 0x7e15
    SHAPE: ClassVar[str] = 'event'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>Q16sB7sQQ')
    SIZE: ClassVar[int] = 48

    seq: int = 0
    symbol: str = ""
    kind: ActionKind = ActionKind.SPLIT
    action_at: int = 0
    at: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> StoreApplied:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (seq, symbol, kind, _zero3, action_at, at,) = _unpack_StoreApplied(octets, offset)
            if _zero3 != b'\x00\x00\x00\x00\x00\x00\x00':
                raise ValueError
            return cls(seq, _ascii_get(symbol) or _ascii(symbol), _ACTIONKIND[kind], action_at, at)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_StoreApplied(self.seq, _packed_get((self.symbol, 16)) or _packed(self.symbol, 16), _ACTIONKIND[self.kind], b'\x00\x00\x00\x00\x00\x00\x00', self.action_at, self.at)
        except _BAD as error:
            raise LocalFault(f"StoreApplied: {error}") from None


_unpack_StoreApplied = StoreApplied.LAYOUT.unpack_from
_pack_StoreApplied = StoreApplied.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class StoreName(Message):
    """Outcome: a portfolio got a name."""

    OPCODE: ClassVar[int] = 0x7e16
    SHAPE: ClassVar[str] = 'event'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QQQ24sQ')
    SIZE: ClassVar[int] = 56

    seq: int = 0
    account: int = 0
    portfolio: int = 0
    name: str = ""
    at: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> StoreName:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (seq, account, portfolio, name, at,) = _unpack_StoreName(octets, offset)
            return cls(seq, account, portfolio, _ascii_get(name) or _ascii(name), at)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_StoreName(self.seq, self.account, self.portfolio, _packed_get((self.name, 24)) or _packed(self.name, 24), self.at)
        except _BAD as error:
            raise LocalFault(f"StoreName: {error}") from None


_unpack_StoreName = StoreName.LAYOUT.unpack_from
_pack_StoreName = StoreName.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class StoreClock(Message):
    """Outcome: the market's clock was set."""

    OPCODE: ClassVar[int] = 0x7e1f
    SHAPE: ClassVar[str] = 'event'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>Q24sLBBB1sLLQQQ')
    SIZE: ClassVar[int] = 72

    seq: int = 0
    market: str = ""
    epoch: int = 0
    mode: ClockMode = ClockMode.LIVE
    paused: bool = False
    back: bool = False
    speed_milli: int = 0
    speed_setting: int = 0
    market_at: int = 0
    start_setting: int = 0
    at: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> StoreClock:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (seq, market, epoch, mode, paused, back, _zero6, speed_milli, speed_setting, market_at, start_setting, at,) = _unpack_StoreClock(octets, offset)
            if _zero6 != b'\x00':
                raise ValueError
            return cls(seq, _ascii_get(market) or _ascii(market), epoch, _CLOCKMODE[mode], _BOOL[paused], _BOOL[back], speed_milli, speed_setting, market_at, start_setting, at)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_StoreClock(self.seq, _packed_get((self.market, 24)) or _packed(self.market, 24), self.epoch, _CLOCKMODE[self.mode], 1 if self.paused else 0, 1 if self.back else 0, b'\x00', self.speed_milli, self.speed_setting, self.market_at, self.start_setting, self.at)
        except _BAD as error:
            raise LocalFault(f"StoreClock: {error}") from None


_unpack_StoreClock = StoreClock.LAYOUT.unpack_from
_pack_StoreClock = StoreClock.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class StoreSeason(Message):
    """Outcome: a portfolio began a new season."""

    OPCODE: ClassVar[int] = 0x7e17
    SHAPE: ClassVar[str] = 'event'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QQQL4sQ')
    SIZE: ClassVar[int] = 40

    seq: int = 0
    account: int = 0
    portfolio: int = 0
    season: int = 0
    at: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> StoreSeason:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (seq, account, portfolio, season, _zero4, at,) = _unpack_StoreSeason(octets, offset)
            if _zero4 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls(seq, account, portfolio, season, at)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_StoreSeason(self.seq, self.account, self.portfolio, self.season, b'\x00\x00\x00\x00', self.at)
        except _BAD as error:
            raise LocalFault(f"StoreSeason: {error}") from None


_unpack_StoreSeason = StoreSeason.LAYOUT.unpack_from
_pack_StoreSeason = StoreSeason.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class StoreTerms(Message):
    """Outcome: a portfolio trades by other terms."""

    OPCODE: ClassVar[int] = 0x7e18
    SHAPE: ClassVar[str] = 'event'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x4008, 'symbols', 'group', 256, False, 0, SymbolRow),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QQQQBBBBLLLLLL4sQqqqL4sq')
    SIZE: ClassVar[int] = 112

    seq: int = 0
    account: int = 0
    portfolio: int = 0
    at: int = 0
    account_kind: AccountKind = AccountKind.CASH
    fill_model: FillModelKind = FillModelKind.IDEAL
    fee_model: FeeModelKind = FeeModelKind.FREE
    flags: int = 0
    slippage: int = 0
    participation: int = 0
    impact: int = 0
    leverage: int = 0
    position_cap: int = 0
    hold_seconds: int = 0
    seed: int = attrs.field(default=0, repr=False)
    fee_rate: int = 0
    fee_maker: int = 0
    fee_minimum: int = 0
    fee_maximum: int = 0
    price_minimum: int = NULL
    symbols: tuple[SymbolRow, ...] = ()

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> StoreTerms:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (seq, account, portfolio, at, account_kind, fill_model, fee_model, flags, slippage, participation, impact, leverage, position_cap, hold_seconds, _zero14, seed, fee_rate, fee_maker, fee_minimum, fee_maximum, _zero20, price_minimum,) = _unpack_StoreTerms(octets, offset)
            if flags & 0xf0 or _zero14 != b'\x00\x00\x00\x00' or _zero20 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls(seq, account, portfolio, at, _ACCOUNTKIND[account_kind], _FILLMODELKIND[fill_model], _FEEMODELKIND[fee_model], flags, slippage, participation, impact, leverage, position_cap, hold_seconds, seed, fee_rate, fee_maker, fee_minimum, fee_maximum, price_minimum)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_StoreTerms(self.seq, self.account, self.portfolio, self.at, _ACCOUNTKIND[self.account_kind], _FILLMODELKIND[self.fill_model], _FEEMODELKIND[self.fee_model], _masked(self.flags, 0xf), self.slippage, self.participation, self.impact, self.leverage, self.position_cap, self.hold_seconds, b'\x00\x00\x00\x00', self.seed, self.fee_rate, self.fee_maker, self.fee_minimum, self.fee_maximum, b'\x00\x00\x00\x00', self.price_minimum)
        except _BAD as error:
            raise LocalFault(f"StoreTerms: {error}") from None


_unpack_StoreTerms = StoreTerms.LAYOUT.unpack_from
_pack_StoreTerms = StoreTerms.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class StoreMargin(Message):
    """Outcome: a portfolio that may borrow was marked."""

    OPCODE: ClassVar[int] = 0x7e2a
    SHAPE: ClassVar[str] = 'event'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QQQQqqQQqQ')
    SIZE: ClassVar[int] = 80

    seq: int = 0
    account: int = 0
    portfolio: int = 0
    carried_to: int = 0
    equity: int = 0
    maintenance: int = 0
    called_at: int = 0
    due_at: int = 0
    shortfall: int = 0
    at: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> StoreMargin:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (seq, account, portfolio, carried_to, equity, maintenance, called_at, due_at, shortfall, at,) = _unpack_StoreMargin(octets, offset)
            return cls(seq, account, portfolio, carried_to, equity, maintenance, called_at, due_at, shortfall, at)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_StoreMargin(self.seq, self.account, self.portfolio, self.carried_to, self.equity, self.maintenance, self.called_at, self.due_at, self.shortfall, self.at)
        except _BAD as error:
            raise LocalFault(f"StoreMargin: {error}") from None


_unpack_StoreMargin = StoreMargin.LAYOUT.unpack_from
_pack_StoreMargin = StoreMargin.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class StoreContest(Message):
    """Outcome: a contest was opened."""

    OPCODE: ClassVar[int] = 0x7e30
    SHAPE: ClassVar[str] = 'event'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x4008, 'symbols', 'group', 256, False, 0, SymbolRow),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QQQQ24s4s4sqQQQBBBBLLLLLL4sQqqqL4sq')
    SIZE: ClassVar[int] = 176

    seq: int = 0
    contest: int = 0
    account: int = 0
    at: int = 0
    name: str = ""
    currency: str = ""
    cash: int = 0
    opens_at: int = 0
    ends_at: int = 0
    joins_until: int = 0
    account_kind: AccountKind = AccountKind.CASH
    fill_model: FillModelKind = FillModelKind.IDEAL
    fee_model: FeeModelKind = FeeModelKind.FREE
    flags: int = 0
    slippage: int = 0
    participation: int = 0
    impact: int = 0
    leverage: int = 0
    position_cap: int = 0
    hold_seconds: int = 0
    seed: int = attrs.field(default=0, repr=False)
    fee_rate: int = 0
    fee_maker: int = 0
    fee_minimum: int = 0
    fee_maximum: int = 0
    price_minimum: int = NULL
    symbols: tuple[SymbolRow, ...] = ()

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> StoreContest:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (seq, contest, account, at, name, currency, _zero6, cash, opens_at, ends_at, joins_until, account_kind, fill_model, fee_model, flags, slippage, participation, impact, leverage, position_cap, hold_seconds, _zero21, seed, fee_rate, fee_maker, fee_minimum, fee_maximum, _zero27, price_minimum,) = _unpack_StoreContest(octets, offset)
            if _zero6 != b'\x00\x00\x00\x00' or flags & 0xf0 or _zero21 != b'\x00\x00\x00\x00' or _zero27 != b'\x00\x00\x00\x00':
                raise ValueError
            return cls(seq, contest, account, at, _ascii_get(name) or _ascii(name), _ccy(currency), cash, opens_at, ends_at, joins_until, _ACCOUNTKIND[account_kind], _FILLMODELKIND[fill_model], _FEEMODELKIND[fee_model], flags, slippage, participation, impact, leverage, position_cap, hold_seconds, seed, fee_rate, fee_maker, fee_minimum, fee_maximum, price_minimum)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_StoreContest(self.seq, self.contest, self.account, self.at, _packed_get((self.name, 24)) or _packed(self.name, 24), _packed_get((self.currency, 4)) or _packed(self.currency, 4), b'\x00\x00\x00\x00', self.cash, self.opens_at, self.ends_at, self.joins_until, _ACCOUNTKIND[self.account_kind], _FILLMODELKIND[self.fill_model], _FEEMODELKIND[self.fee_model], _masked(self.flags, 0xf), self.slippage, self.participation, self.impact, self.leverage, self.position_cap, self.hold_seconds, b'\x00\x00\x00\x00', self.seed, self.fee_rate, self.fee_maker, self.fee_minimum, self.fee_maximum, b'\x00\x00\x00\x00', self.price_minimum)
        except _BAD as error:
            raise LocalFault(f"StoreContest: {error}") from None


_unpack_StoreContest = StoreContest.LAYOUT.unpack_from
_pack_StoreContest = StoreContest.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class StoreEntry(Message):
    """Outcome: a portfolio entered a contest."""

    OPCODE: ClassVar[int] = 0x7e31
    SHAPE: ClassVar[str] = 'event'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QQQQQQ')
    SIZE: ClassVar[int] = 48

    seq: int = 0
    contest: int = 0
    account: int = 0
    portfolio: int = 0
    market_at: int = 0
    at: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> StoreEntry:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (seq, contest, account, portfolio, market_at, at,) = _unpack_StoreEntry(octets, offset)
            return cls(seq, contest, account, portfolio, market_at, at)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_StoreEntry(self.seq, self.contest, self.account, self.portfolio, self.market_at, self.at)
        except _BAD as error:
            raise LocalFault(f"StoreEntry: {error}") from None


_unpack_StoreEntry = StoreEntry.LAYOUT.unpack_from
_pack_StoreEntry = StoreEntry.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class StoreResult(Message):
    """Outcome: a contest ended."""

    OPCODE: ClassVar[int] = 0x7e32
    SHAPE: ClassVar[str] = 'event'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = (
        SectionSpec(0x4031, 'results', 'group', 1000, False, 0, ResultRow),
        SectionSpec(0x4032, 'marks', 'group', 65536, False, 0, MarkRow),
    )
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QQQQ')
    SIZE: ClassVar[int] = 32

    seq: int = 0
    contest: int = 0
    market_at: int = 0
    at: int = 0
    results: tuple[ResultRow, ...] = ()
    marks: tuple[MarkRow, ...] = ()

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> StoreResult:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (seq, contest, market_at, at,) = _unpack_StoreResult(octets, offset)
            return cls(seq, contest, market_at, at)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_StoreResult(self.seq, self.contest, self.market_at, self.at)
        except _BAD as error:
            raise LocalFault(f"StoreResult: {error}") from None


_unpack_StoreResult = StoreResult.LAYOUT.unpack_from
_pack_StoreResult = StoreResult.LAYOUT.pack


@attrs.define(slots=True, eq=True)
class StoreFreeze(Message):
    """Outcome: a portfolio was frozen, or trades again."""

    OPCODE: ClassVar[int] = 0x7e2f
    SHAPE: ClassVar[str] = 'event'
    CATEGORY: ClassVar[int] = 1
    SECTIONS: ClassVar[tuple[SectionSpec, ...]] = ()
    LAYOUT: ClassVar[struct.Struct] = struct.Struct('>QQQB7sQ')
    SIZE: ClassVar[int] = 40

    seq: int = 0
    account: int = 0
    portfolio: int = 0
    frozen: bool = False
    at: int = 0

    @classmethod
    def unpack(cls, octets: bytes, offset: int = 0) -> StoreFreeze:
        """Read the block at ``offset``; raises `RemoteFault`."""
        try:
            (seq, account, portfolio, frozen, _zero4, at,) = _unpack_StoreFreeze(octets, offset)
            if _zero4 != b'\x00\x00\x00\x00\x00\x00\x00':
                raise ValueError
            return cls(seq, account, portfolio, _BOOL[frozen], at)
        except _BAD:
            raise blame(cls, octets, offset) from None

    def pack(self) -> bytes:
        """Return the block's octets; raises `LocalFault`."""
        try:
            return _pack_StoreFreeze(self.seq, self.account, self.portfolio, 1 if self.frozen else 0, b'\x00\x00\x00\x00\x00\x00\x00', self.at)
        except _BAD as error:
            raise LocalFault(f"StoreFreeze: {error}") from None


_unpack_StoreFreeze = StoreFreeze.LAYOUT.unpack_from
_pack_StoreFreeze = StoreFreeze.LAYOUT.pack



REQUESTS: Final[dict[int, type[Message]]] = {
    0x0001: Hello,
    0x0002: Ping,
    0x0101: Register,
    0x0102: Login,
    0x0104: Resume,
    0x0105: Logout,
    0x0109: AccountGet,
    0x0106: SessionList,
    0x0107: SessionRevoke,
    0x0108: PasswordChange,
    0x010a: AccountUpdate,
    0x010c: ApiKeyCreate,
    0x010d: ApiKeyList,
    0x010e: ApiKeyRevoke,
    0x0110: TotpSetup,
    0x0111: TotpEnable,
    0x0112: TotpDisable,
    0x0113: RecoveryRenew,
    0x0114: PasswordReset,
    0x0115: AccountClose,
    0x0118: InviteCreate,
    0x0119: InviteList,
    0x011a: InviteRevoke,
    0x011b: ResetCreate,
    0x011c: AccountList,
    0x011d: AccountControl,
    0x011e: AccountSessions,
    0x0201: OrderNew,
    0x0202: OrderReplace,
    0x0203: OrderCancel,
    0x0204: OrderCancelAll,
    0x0207: PositionClose,
    0x0205: OrderGet,
    0x0206: OrderList,
    0x0301: AssetGet,
    0x0302: AssetList,
    0x0303: QuoteGet,
    0x0304: BarsGet,
    0x0310: AssetHalt,
    0x0305: MarketStatus,
    0x0306: ClockGet,
    0x0307: ClockSet,
    0x0401: PortfolioGet,
    0x0402: TransactionsGet,
    0x0403: EquityGet,
    0x0404: PortfolioCreate,
    0x0405: PortfolioList,
    0x0406: PortfolioUpdate,
    0x0407: PortfolioReset,
    0x0409: PortfolioCash,
    0x0408: PortfolioFork,
    0x040c: PortfolioFreeze,
    0x040d: PortfolioCorrect,
    0x040a: PortfolioTermsSet,
    0x040b: PortfolioTermsGet,
    0x0501: Subscribe,
    0x0502: Unsubscribe,
    0x0601: WorkerList,
    0x0210: ReceiptGet,
    0x0211: RefusalsGet,
    0x0440: ContestCreate,
    0x0441: ContestGet,
    0x0443: ContestJoin,
    0x0442: ContestList,
    0x0444: ContestStandings,
    0x0445: ContestFile,
    0x0308: WatchlistSet,
    0x0309: WatchlistList,
    0x030a: WatchlistDelete,
    0x0520: AlertCreate,
    0x0521: AlertList,
    0x0522: AlertDelete,
    0x0681: LogDump,
    0x0682: StatsGet,
    0x0683: WorkerControl,
    0x7001: WorkerAuth,
    0x0610: WorkerAdd,
    0x0611: WorkerSign,
    0x0612: WorkerRegistry,
    0x0613: WorkerBoot,
    0x0614: WorkerRotate,
    0x0615: AuthorityControl,
    0x7050: Enroll,
    0x7051: CertificateRenew,
}

REPLIES: Final[dict[int, type[Message]]] = {
    0x0001: HelloReply,
    0x0002: PingReply,
    0x0101: RegisterReply,
    0x0102: LoginReply,
    0x0104: ResumeReply,
    0x0105: LogoutReply,
    0x0109: AccountReply,
    0x0106: SessionListPart,
    0x0107: SessionRevokeReply,
    0x0108: PasswordChangeReply,
    0x010a: AccountUpdateReply,
    0x010c: ApiKeyCreateReply,
    0x010d: ApiKeyListPart,
    0x010e: ApiKeyRevokeReply,
    0x0110: TotpSetupReply,
    0x0111: TotpEnableReply,
    0x0112: TotpDisableReply,
    0x0113: RecoveryRenewReply,
    0x0114: PasswordResetReply,
    0x0115: AccountCloseReply,
    0x0118: InviteCreateReply,
    0x0119: InviteListPart,
    0x011a: InviteRevokeReply,
    0x011b: ResetCreateReply,
    0x011c: AccountListPart,
    0x011d: AccountControlReply,
    0x011e: AccountSessionsPart,
    0x0201: OrderReply,
    0x0202: OrderReply,
    0x0203: OrderReply,
    0x0205: OrderReply,
    0x0204: OrderCancelAllReply,
    0x0207: PositionCloseReply,
    0x0206: OrderListPart,
    0x0301: AssetReply,
    0x0302: AssetListPart,
    0x0303: QuoteReply,
    0x0304: BarsPart,
    0x0310: AssetHaltReply,
    0x0305: MarketStatusReply,
    0x0306: ClockReply,
    0x0307: ClockSetReply,
    0x0401: PortfolioPart,
    0x0402: TransactionsPart,
    0x0403: EquityPart,
    0x0404: ListedReply,
    0x0406: ListedReply,
    0x0407: ListedReply,
    0x0409: ListedReply,
    0x0408: ListedReply,
    0x040c: ListedReply,
    0x040d: ListedReply,
    0x0405: PortfolioListPart,
    0x040a: PortfolioTermsReply,
    0x040b: PortfolioTermsReply,
    0x0501: SubscribeReply,
    0x0502: UnsubscribeReply,
    0x0601: WorkerListReply,
    0x0210: ReceiptPart,
    0x0211: RefusalsPart,
    0x0440: ContestReply,
    0x0441: ContestReply,
    0x0443: ContestReply,
    0x0442: ContestListPart,
    0x0444: ContestStandingsPart,
    0x0445: ContestFilePart,
    0x0308: WatchlistReply,
    0x030a: WatchlistReply,
    0x0309: WatchlistPart,
    0x0520: AlertReply,
    0x0521: AlertListPart,
    0x0522: AlertDeleteReply,
    0x0681: LogPart,
    0x0682: StatsPart,
    0x0683: WorkerControlReply,
    0x7001: WorkerAuthReply,
    0x0610: WorkerAddReply,
    0x0611: WorkerSignReply,
    0x0612: WorkerRegistryPart,
    0x0613: WorkerBootReply,
    0x0614: WorkerRotateReply,
    0x0615: AuthorityControlReply,
    0x7050: EnrollReply,
    0x7051: CertificateRenewReply,
}

EVENTS: Final[dict[int, type[Message]]] = {
    0x0003: Heartbeat,
    0x0004: Goodbye,
    0x0006: Cancel,
    0x0510: QuoteEvent,
    0x0511: BarEvent,
    0x0514: MarketEvent,
    0x0512: OrderEvent,
    0x0513: TransactionEvent,
    0x0515: SessionEvent,
    0x0516: AlertEvent,
    0x7002: ClientOpen,
    0x7003: ClientClose,
    0x7010: RelayUp,
    0x7011: RelayDown,
    0x7012: RelayCredit,
    0x7013: RelayAck,
    0x7021: CacheInvalidate,
    0x7023: TopicPublish,
    0x7024: TopicInterest,
    0x7030: WorkerStats,
    0x7031: WorkersChanged,
    0x7032: WorkerDrain,
    0x7070: LimitHits,
    0x7040: WorkerLog,
    0x7052: RenewOrder,
    0x7053: TrustSet,
    0x7054: TrustTaken,
    0x7055: AuditKey,
    0x7056: AuditHead,
    0x7e01: StoreCommand,
    0x7e02: StoreQuote,
    0x7e03: StoreTime,
    0x7e28: StoreAsset,
    0x7e04: StoreAction,
    0x7e11: StorePortfolio,
    0x7e12: StoreOrder,
    0x7e13: StoreTransaction,
    0x7e14: StoreReply,
    0x7e19: StoreRefusal,
    0x7e29: StoreMarks,
    0x7e15: StoreApplied,
    0x7e16: StoreName,
    0x7e1f: StoreClock,
    0x7e17: StoreSeason,
    0x7e18: StoreTerms,
    0x7e2a: StoreMargin,
    0x7e30: StoreContest,
    0x7e31: StoreEntry,
    0x7e32: StoreResult,
    0x7e2f: StoreFreeze,
}
