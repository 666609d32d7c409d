"""What settings cannot mean together, though each of them is allowed alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any, Final

from papertrader.ops import market_variables as markets
from papertrader.ops import store_variables as stores
from papertrader.ops import variables as known
from papertrader.ops.market_variables import MarketSource
from papertrader.ops.settings import Settings
from papertrader.ops.variable import Variable
from papertrader.ops.variables import PORT_MAX, Listen

REPLAY_FIRST: Final = date(2000, 3, 1)
REPLAY_LAST: Final = date(2013, 3, 1)
"""The days of the recorded market."""

SIMULATED_FIRST: Final = date(1991, 1, 2)
SIMULATED_LAST: Final = date(2026, 12, 31)
"""Days on which the simulated market may begin: the exchange calendar reaches from a year before
the first to some months after the last."""

Contradiction = tuple[Variable[date] | Variable[Listen] | Variable[bool], tuple[str, ...], str]


def contradictions(settings: Settings) -> Iterator[Contradiction]:
    """Check what no variable can say alone: the variable to blame, the others, the problem."""
    market = settings.market
    first, last = {
        MarketSource.REPLAY: (REPLAY_FIRST, REPLAY_LAST),
        MarketSource.SIMULATED: (SIMULATED_FIRST, SIMULATED_LAST),
        MarketSource.LIVE: (date.min, date.max),
    }[market.source]
    if market.source is MarketSource.REPLAY and market.data:
        first, last = date.min, date.max
    if not first <= market.start <= last:
        yield (
            markets.MARKET_START,
            (markets.MARKET_SOURCE.name,),
            f'{market.start} is wrong; with market.source = "{market.source}" allowed is '
            f"{first} to {last}",
        )
    if settings.master.standby and not settings.store.url:
        yield (
            stores.MASTER_STANDBY,
            (stores.STORE_URL.name,),
            "a standby needs a store that both masters reach; set store.url to a PostgreSQL",
        )
    own_files = market.source is MarketSource.REPLAY and bool(market.data)
    if market.extended_hours and market.source is not MarketSource.SIMULATED and not own_files:
        what = {
            MarketSource.REPLAY: "the recorded market has one row for each day",
            MarketSource.LIVE: "live providers are not asked outside the session",
        }[market.source]
        yield (
            markets.MARKET_EXTENDED_HOURS,
            (markets.MARKET_SOURCE.name, markets.MARKET_DATA.name),
            f"{what}, so there are no prices in extended hours; use the simulated market, or"
            " market.data with your own quotes or minutes",
        )
    yield from _port_contradictions(settings)


def _port_contradictions(settings: Settings) -> Iterator[Contradiction]:
    master = settings.master.listen
    own: list[tuple[Variable[Any], Listen]] = []
    for number in range(1, settings.workers + 1):
        web = settings.web_listen(number)
        own.append((known.WORKER_LISTEN, settings.worker_listen(number)))
        if web is not None:
            beside = settings.web.listen == known.WEB_AUTO
            own.append((known.WORKER_LISTEN if beside else known.WEB_LISTEN, web))
        gateway = settings.gateway_listen(number)
        if gateway is not None:
            own.append((known.GATEWAY_LISTEN, gateway))
    seen: list[tuple[Variable[Any], Listen]] = [(known.MASTER_LISTEN, master)]
    if settings.metrics.listen is not None:
        seen.append((known.METRICS_LISTEN, settings.metrics.listen))
    for variable, listen in own:
        if listen.port > PORT_MAX:
            yield (
                variable,
                (known.WORKERS.name,),
                f"{settings.workers} workers need ports up to {own[-1][1].port}, but the last is "
                f"{PORT_MAX}; choose a lower first port",
            )
            return
        for other, taken in seen:
            if listen.port and listen.port == taken.port and _overlap(listen.host, taken.host):
                yield (
                    variable,
                    (known.WORKERS.name, other.name),
                    f"port {listen.port} would be listened on twice, for {variable.name} and for "
                    f"{other.name}; choose another for one of them",
                )
                return
        seen.append((variable, listen))


def _overlap(one: str, other: str) -> bool:
    """Tell whether two addresses to listen on have one in common."""
    return one == other or bool({one, other} & {"0.0.0.0", "::"})
