"""What the settings of an installation are, once read and checked: one value for each section."""

from __future__ import annotations

from datetime import date

import attrs

from papertrader.master.demand import Demand
from papertrader.master.registration import Registration
from papertrader.ops import market_variables as markets
from papertrader.ops import variables as known
from papertrader.ops.market_variables import MarketSource
from papertrader.ops.provider_variables import ProviderSettings
from papertrader.ops.variables import Listen


@attrs.frozen(kw_only=True)
class LogSettings:
    """The event log. ``memory_bytes``: kept in memory by each process; ``commands``: whether each
    command leaves a trail in it."""

    memory_bytes: int
    commands: bool


@attrs.frozen(kw_only=True)
class StoreSettings:
    """The store. ``url``: a PostgreSQL, empty for files; ``low_water`` in octets."""

    url: str
    low_water: int


@attrs.frozen(kw_only=True)
class MasterSettings:
    """The master. ``listen``: where it waits for workers; ``standby``: it waits for a master."""

    listen: Listen
    standby: bool


@attrs.frozen(kw_only=True)
class WorkerSettings:
    """The workers. ``listen``: where the first one waits for clients; ``masters``: (host, port)
    of all masters there may be, none for that of ``master.listen``."""

    listen: Listen
    masters: tuple[tuple[str, int], ...]


@attrs.frozen(kw_only=True)
class WebSettings:
    """The workers' web face. ``listen``: where the first one waits for browsers; None: nowhere."""

    listen: Listen | None
    strict_transport: str


@attrs.frozen(kw_only=True)
class GatewaySettings:
    """The workers' gateway. ``listen``: where the first one speaks Alpaca's API; None: nowhere."""

    listen: Listen | None


@attrs.frozen(kw_only=True)
class MetricsSettings:
    """Monitoring. ``listen``: where the master tells its figures; None: nowhere."""

    listen: Listen | None


@attrs.frozen(kw_only=True)
class MarketSettings:
    """The market. ``update_interval_ms`` is real time (0: auto), ``speed_milli`` in thousandths.

    ``providers`` and ``symbols`` are those of the live market; no symbols: what they suggest.
    ``answer_timeout_s`` is how long a provider's whole answer may take.
    """

    source: MarketSource
    update_interval_ms: int
    speed_milli: int
    start: date
    keep_closed_hours: bool
    extended_hours: bool
    seed: int
    providers: tuple[str, ...]
    symbols: tuple[str, ...]
    answer_timeout_s: int
    data: str
    assets: str

    @property
    def look_ms(self) -> int:
        """How often the market is looked at: a live one more often than its providers are asked."""
        if self.source is MarketSource.LIVE:
            return markets.UPDATE_INTERVAL_MS_AUTO
        return self.update_interval_ms or markets.UPDATE_INTERVAL_MS_AUTO


@attrs.frozen(kw_only=True)
class AccountsSettings:
    """New accounts. ``starting_cash`` is in 1e-8 units of ``currency``."""

    starting_cash: int
    currency: str
    registration: Registration


@attrs.frozen(kw_only=True)
class AuthSettings:
    """What a password costs, who must have a second factor, when remembered logins end."""

    argon2_memory_kib: int
    argon2_time: int
    second_factor: Demand
    idle_days: int


@attrs.frozen(kw_only=True)
class LimitsSettings:
    """What a worker takes from a connection and an address, and the master from a worker."""

    requests_per_second: int
    requests_at_once: int
    connects_per_second: int
    connects_at_once: int
    connections_per_address: int
    logins_per_second: int
    failed_logins_per_address: int
    registrations_per_second: int
    registrations_per_hour: int
    registrations_per_day: int


@attrs.frozen(kw_only=True)
class EffectiveValue:
    """One setting as it counts: a TOML literal and where it comes from."""

    name: str
    literal: str
    origin: str


@attrs.frozen(kw_only=True)
class Settings:
    """Every deployment variable, checked. ``values`` says of each where it comes from."""

    workers: int
    log: LogSettings
    store: StoreSettings
    master: MasterSettings
    worker: WorkerSettings
    web: WebSettings
    gateway: GatewaySettings
    metrics: MetricsSettings
    market: MarketSettings
    accounts: AccountsSettings
    auth: AuthSettings
    limits: LimitsSettings
    providers: tuple[ProviderSettings, ...]
    values: tuple[EffectiveValue, ...]

    def provider(self, name: str) -> ProviderSettings:
        """Return the settings of a provider. Raises `KeyError` if there is none of that name."""
        for each in self.providers:
            if each.name == name:
                return each
        raise KeyError(name)

    def is_default(self, name: str) -> bool:
        """Tell whether nobody has said anything about a setting."""
        return any(each.name == name and each.origin == "default" for each in self.values)

    def worker_listen(self, number: int) -> Listen:
        """Return where worker ``number`` (from 1) waits for clients: two ports further for each."""
        return self._of_worker(self.worker.listen, number)

    def web_listen(self, number: int) -> Listen | None:
        """Return where worker ``number`` (from 1) waits for browsers; None: nowhere."""
        if self.web.listen is None:
            return None
        if self.web.listen != known.WEB_AUTO:
            return self._of_worker(self.web.listen, number)
        beside = self.worker_listen(number)
        return beside if beside.port == 0 else Listen(beside.host, beside.port + 1)

    def gateway_listen(self, number: int) -> Listen | None:
        """Return where worker ``number`` (from 1) speaks Alpaca's API; None: nowhere."""
        first = self.gateway.listen
        return None if first is None else self._of_worker(first, number)

    def _of_worker(self, first: Listen, number: int) -> Listen:
        if not 1 <= number <= self.workers:
            raise ValueError(f"there is no worker {number} of {self.workers}")
        if first.port == 0:
            return first
        return Listen(first.host, first.port + known.PORTS_PER_WORKER * (number - 1))
