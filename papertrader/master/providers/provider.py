"""What every provider of live prices is to the rest of the house: facts, quotes, bars, assets.

One call of `Provider.quotes` or `Provider.bars` is one HTTP request, so that whoever counts calls
can. A provider takes from an answer only what it asked for, and nothing that is not exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import ClassVar, Final

import attrs

from papertrader.core.calendar import ALWAYS_OPEN
from papertrader.core.callbudget import ProviderLimits
from papertrader.core.money import CENT, NULL, SCALE
from papertrader.core.quotes import NO_FLAGS, ActionKind, Asset, AssetFlag, AssetKind, Bar
from papertrader.core.secrets import SHOWN, Secret
from papertrader.master.providers.exact import strict_json
from papertrader.master.providers.faults import BadValue, FaultKind, ProviderFault, malformed
from papertrader.master.providers.request import SAID_MAX, Asker, Origin, Reply, Request
from papertrader.net.clock import Clock

SHARES_MAX: Final = 1_000_000
COINS_MAX: Final = 1_000_000
FX_MAX: Final = 10_000_000
"""Largest orders, in shares, coins and units of a currency."""

SHARES: Final = frozenset({AssetKind.STOCK, AssetKind.ETF})
COINS: Final = frozenset({AssetKind.CRYPTO})
CURRENCIES: Final = frozenset({AssetKind.FX})


@attrs.frozen(kw_only=True)
class Observation:
    """What a provider said of one symbol. Prices in 1e-8 units, `NULL` if unknown; sizes 0.

    ``source_time`` is the provider's own stamp, 0 if it sends none. ``closed``: the provider says
    that the market is closed. ``halted``: that it takes no trades in the symbol for now.
    """

    symbol: str
    provider: str
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
    closed: bool = False
    halted: bool = False


@attrs.frozen
class Problem:
    """Why an answer had nothing to use of a symbol. ``unknown``: the provider does not have it."""

    symbol: str
    text: str
    unknown: bool = False


@attrs.frozen
class Answer:
    """What a call for quotes brought; each symbol asked for is in one of both, once."""

    observations: tuple[Observation, ...]
    problems: tuple[Problem, ...] = ()


@attrs.frozen
class BarsAnswer:
    """What a call for bars brought, oldest first; raw prices. Not ``complete``: ask again after
    the last one's time."""

    bars: tuple[Bar, ...]
    complete: bool


@attrs.frozen(kw_only=True)
class Announcement:
    """A split (``denominator`` shares become ``numerator``) or a dividend of ``amount`` a share."""

    symbol: str
    kind: ActionKind
    ex_date: date
    numerator: int = 1
    denominator: int = 1
    amount: int = 0


@attrs.frozen
class ActionsAnswer:
    """What a call for corporate actions brought; ``page``: what the next call is told, if any."""

    announcements: tuple[Announcement, ...]
    problems: tuple[Problem, ...] = ()
    page: str = ""


@attrs.frozen(kw_only=True)
class ProviderFacts:
    """What is known of a provider before it is asked. ``url`` and ``limits`` are defaults of
    settings; ``key_lines`` is how many lines its key has, 0 for none."""

    name: str
    title: str
    url: str
    limits: ProviderLimits
    key_lines: int
    has_bid_ask: bool
    terms: str
    terms_url: str
    kinds: frozenset[AssetKind]
    starters: tuple[Asset, ...]
    """The assets of a market of this provider when the operator names none."""
    delay_s: int = 0
    """By how much all its prices are late: the default of a setting, as it depends on the plan."""
    intervals_s: tuple[int, ...] = ()
    """The lengths of bar that it has."""
    has_assets: bool = False
    """Whether it can list what it has."""
    has_actions: bool = False
    """Whether it announces splits and dividends."""


class Provider:
    """One provider (see the module); subclasses know its endpoints, fields and forms of error."""

    facts: ClassVar[ProviderFacts]
    content_types: ClassVar[tuple[str, ...]] = ("application/json", "text/json")

    def __init__(
        self, web: Asker, clock: Clock, key: Sequence[Secret], limits: ProviderLimits
    ) -> None:
        """``key``: as many secrets as the facts' ``key_lines``. Raises `ValueError` for others."""
        if len(key) != self.facts.key_lines:
            raise ValueError(f"{self.name} takes a key of {self.facts.key_lines} lines")
        self.limits = limits
        self.delay_s = self.facts.delay_s
        """Seconds by which its prices are late, as the operator says: they are flagged DELAYED."""
        self._web = web
        self._clock = clock
        self._key = tuple(key)

    @property
    def name(self) -> str:
        """The provider's name in settings and quotes."""
        return self.facts.name

    @property
    def clock(self) -> Clock:
        """The clock that its deadlines go by."""
        return self._clock

    @property
    def origin(self) -> Origin:
        """Where its requests go."""
        return self._web.origin

    def may_have(self, symbol: str, kind: AssetKind) -> bool:
        """Tell whether it is worth asking this provider for a symbol."""
        return kind in self.facts.kinds

    @property
    def prepared(self) -> bool:
        """Whether quotes can be asked for; if not, `prepare` must be called once before."""
        return True

    async def prepare(self) -> None:
        """Learn what is needed before the first quote; one call. Raises `ProviderFault`."""

    def quote_request(self, symbols: Sequence[str]) -> Request:
        """Return the request that asks for the newest prices of the symbols."""
        raise NotImplementedError

    async def quotes(self, symbols: Sequence[str]) -> Answer:
        """Ask for the newest prices of 1 to ``limits.batch_max()`` symbols; one call.

        Raises `ProviderFault` when nothing of the answer can be used.
        """
        raise NotImplementedError

    async def bars(self, symbol: str, interval_s: int, start: int, end: int) -> BarsAnswer:
        """Ask for raw bars with ``start <= time < end``, oldest first; one call.

        Raises `ProviderFault`; REFUSED for an interval or a symbol that the provider has not.
        """
        raise ProviderFault(FaultKind.REFUSED, f"{self.name} has no bars for us")

    async def assets(self) -> list[Asset]:
        """Ask for all that the provider has; one call. Raises `ProviderFault`."""
        raise ProviderFault(FaultKind.REFUSED, f"{self.name} does not list what it has")

    async def actions(
        self, symbols: Sequence[str], first: date, last: date, page: str = ""
    ) -> ActionsAnswer:
        """Ask for the splits and dividends with an ex-date from ``first`` to ``last``; one call.

        Raises `ProviderFault`; REFUSED where a provider announces none.
        """
        raise ProviderFault(FaultKind.REFUSED, f"{self.name} announces no corporate actions")

    # --- for subclasses ------------------------------------------------------------------------

    async def ask(self, request: Request) -> object:
        """Send a request and return the JSON of its answer. Raises `ProviderFault`."""
        reply = await self.fetch(request)
        return strict_json(reply.body)

    async def fetch(self, request: Request) -> Reply:
        """Send a request and return the answer if its status and type are good."""
        reply = await self._web.get(request)
        if reply.status == 200:
            if reply.content_type in self.content_types or reply.content_type.endswith("+json"):
                return reply
            what = reply.content_type[:40] or "of no type"
            raise malformed(f"the answer is {what}, as of a login page, not what was asked for")
        raise self._fault(reply)

    def _fault(self, reply: Reply) -> ProviderFault:
        """Return the fault that a status other than 200 means."""
        status = reply.status
        if status in (429, 418):
            kind = FaultKind.LIMITED
        elif status in (401, 402, 403):
            kind = FaultKind.DENIED
        elif status >= 500:
            kind = FaultKind.FAILED
        else:
            kind = FaultKind.REFUSED
        said = self.said(reply.body)
        return ProviderFault(kind, f"status {status}" + said, reply.retry_after_s)

    def said(self, body: bytes) -> str:
        """Return the provider's own words in an answer with an error, shortened, without keys."""
        try:
            found = strict_json(body)
        except ProviderFault:
            return ""
        if isinstance(found, dict):
            text = found.get("message") or found.get("error")
            if isinstance(text, str):
                return f": {self.clean(text)}"
        return ""

    def clean(self, text: str) -> str:
        """Return a provider's words as they may be shown: short, printable, without our key."""
        for secret in self._key:
            text = text.replace(secret.reveal().decode("ascii", "replace"), SHOWN)
        return "".join(c if c.isprintable() else " " for c in text[:SAID_MAX])

    def gathered(self, symbols: Iterable[str], rows: Mapping[str, object], missing: str) -> Answer:
        """Read the row of each symbol asked for, by `row`; what is not asked for is not looked at.

        A row that cannot be used is that symbol's problem alone.
        """
        observations, problems = [], []
        for symbol in symbols:
            row = rows.get(symbol)
            if row is None:
                problems.append(Problem(symbol, missing))
                continue
            try:
                if not isinstance(row, Mapping):
                    raise BadValue("the row is no object")
                found = self.row(symbol, row)
            except BadValue as error:
                problems.append(Problem(symbol, str(error)))
                continue
            if isinstance(found, Problem):
                problems.append(found)
            elif found.bid == found.ask == found.last == NULL:
                problems.append(Problem(symbol, "no price"))
            else:
                observations.append(found)
        return Answer(tuple(observations), tuple(problems))

    def row(self, symbol: str, row: Mapping[str, object]) -> Observation | Problem:
        """Read what an answer says of one symbol. Raises `BadValue`."""
        raise NotImplementedError

    def interval_name(self, names: Mapping[int, str], interval_s: int) -> str:
        """Return the provider's name of a length of bar. Raises `ProviderFault` (REFUSED)."""
        found = names.get(interval_s)
        if found is None:
            raise ProviderFault(
                FaultKind.REFUSED, f"{self.name} has no bars of {interval_s} seconds"
            )
        return found


def in_range(bars: Iterable[Bar], start: int, end: int) -> tuple[Bar, ...]:
    """Return the bars with ``start <= time < end``, oldest first, one for each time.

    Raises `ProviderFault` for a bar whose prices contradict each other.
    """
    found: dict[int, Bar] = {}
    for bar in bars:
        if not 0 < bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high:
            raise malformed("a bar's prices contradict each other")
        if start <= bar.time < end:
            found[bar.time] = bar
    return tuple(found[time] for time in sorted(found))


def stock(symbol: str, name: str, exchange: str, provider: str) -> Asset:
    """Return a US share or fund as an asset: whole cents, fractions of shares."""
    return Asset(
        symbol=symbol,
        name=name,
        kind=AssetKind.STOCK,
        currency="USD",
        tick=CENT,
        lot=SCALE // 10_000,
        quantity_min=SCALE // 10_000,
        quantity_max=SHARES_MAX * SCALE,
        calendar="XNYS",
        exchange=exchange,
        source=provider,
        flags=AssetFlag.FRACTIONAL | AssetFlag.SHORTABLE,
    )


def coin(symbol: str, name: str, provider: str, *, tick: int = CENT) -> Asset:
    """Return a coin priced in the currency after the slash, traded day and night."""
    return Asset(
        symbol=symbol,
        name=name,
        kind=AssetKind.CRYPTO,
        currency=symbol.partition("/")[2],
        tick=tick,
        lot=1,
        quantity_min=1,
        quantity_max=COINS_MAX * SCALE,
        calendar=ALWAYS_OPEN,
        source=provider,
        flags=AssetFlag.FRACTIONAL | AssetFlag.ALWAYS_OPEN,
    )


def currency_pair(symbol: str, name: str, provider: str) -> Asset:
    """Return a pair of currencies, priced in the second."""
    return Asset(
        symbol=symbol,
        name=name,
        kind=AssetKind.FX,
        currency=symbol.partition("/")[2],
        tick=SCALE // 100_000,
        lot=CENT,
        quantity_min=CENT,
        quantity_max=FX_MAX * SCALE,
        calendar=ALWAYS_OPEN,
        source=provider,
        flags=NO_FLAGS | AssetFlag.FRACTIONAL,
    )
