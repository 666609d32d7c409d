"""The operator's list of assets: a file that says what is listed, and how.

A CSV file with a heading line, or a TOML file with ``[[asset]]`` sections; the columns (keys) are
`COLUMNS`. Only ``symbol`` is needed; what is not given is as usual for the kind of asset, or as the
market has it. A recorded or simulated market lists of its symbols those in the file, and takes from
it the name, the status, the flags and the limits of quantity; a live market lists what the file
says. Shape and example: ``specs/planning.rst``.
"""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import attrs

from papertrader.core.calendar import ALWAYS_OPEN, Calendar
from papertrader.core.identifiers import check_symbol
from papertrader.core.instants import Instant
from papertrader.core.money import format_amount, parse_amount
from papertrader.core.quotes import (
    Asset,
    AssetFlag,
    AssetKind,
    AssetStatus,
    Bar,
    CorporateAction,
    Quote,
)
from papertrader.master.providers.base import TapeSource, UnknownSymbol
from papertrader.master.providers.live import choose_assets
from papertrader.master.providers.recorded import DataFileError

COLUMNS: Final = (
    "symbol",
    "name",
    "kind",
    "currency",
    "exchange",
    "calendar",
    "tick",
    "lot",
    "quantity_min",
    "quantity_max",
    "status",
    "fractional",
    "shortable",
)
FILE_BYTES_MAX: Final = 16 * 1024 * 1024
ASSETS_MAX: Final = 50_000
"""Assets in one file; a longer list is refused."""
NAME_MAX: Final = 48
"""Characters of a name that are kept."""

_AMOUNTS: Final = ("tick", "lot", "quantity_min", "quantity_max")
_LENT: Final = frozenset({AssetKind.STOCK, AssetKind.ETF})
"""Kinds that may be sold short unless a row says otherwise; others only where it says so."""
_FLAGS: Final = {"fractional": AssetFlag.FRACTIONAL, "shortable": AssetFlag.SHORTABLE}
_YES_NO: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_OF_MARKET: Final = ("kind", "currency", "exchange", "calendar", "tick")
"""What a market with prices of its own decides, not the list."""

Row = Mapping[str, str]


def read_asset_file(path: Path) -> tuple[Row, ...]:
    """Read a file of assets; each row has its columns as text, symbols are right and unique.

    Raises `DataFileError` with the file, the place in it, and what is wrong.
    """
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise DataFileError(f"{path}: cannot be read: {error.strerror}") from None
    if len(content) > FILE_BYTES_MAX:
        raise DataFileError(f"{path}: longer than {FILE_BYTES_MAX} octets")
    try:
        text = content.decode("utf-8-sig")
        return read_assets(text, toml=path.suffix.lower() == ".toml")
    except UnicodeDecodeError:
        raise DataFileError(f"{path}: not UTF-8 text; save it as UTF-8") from None
    except ValueError as error:
        raise DataFileError(f"{path}: {error}") from None


def read_assets(text: str, *, toml: bool) -> tuple[Row, ...]:
    """Read a list of assets from its text. Raises `ValueError` with the place of the mistake."""
    rows: list[Row] = []
    seen: set[str] = set()
    for place, raw in _toml_rows(text) if toml else _csv_rows(text):
        if len(rows) >= ASSETS_MAX:
            raise ValueError(f"{place}: more than {ASSETS_MAX:,} assets")
        row = {key: value.strip() for key, value in raw.items() if value.strip()}
        try:
            symbol = check_symbol(row.get("symbol", "").upper())
            if symbol in seen:
                raise ValueError(f"{symbol} stands there twice")
            row["symbol"] = symbol
            _changed(_usual(row), row)
        except ValueError as error:
            raise ValueError(f"{place}: {error}") from None
        seen.add(symbol)
        rows.append(row)
    if not rows:
        raise ValueError("there is no asset in it")
    return tuple(rows)


def write_assets(assets: Iterable[Asset]) -> str:
    """Write assets as a CSV file that `read_assets` reads."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for asset in assets:
        writer.writerow(
            (
                asset.symbol,
                asset.name,
                asset.kind.name.lower(),
                asset.currency,
                asset.exchange,
                asset.calendar,
                *(format_amount(getattr(asset, name)) for name in _AMOUNTS),
                asset.status.name.lower(),
                *(str(bool(asset.flags & flag)).lower() for flag in _FLAGS.values()),
            )
        )
    return out.getvalue()


def assets_of(
    rows: Sequence[Row], known: Mapping[str, Asset], calendars: Mapping[str, Calendar]
) -> list[Asset]:
    """Return the assets of a live market: as the rows say, or else as ``known``, or as usual.

    Raises `ValueError` for a calendar that there is not.
    """
    assets = []
    for row in rows:
        asset = _changed(known.get(row["symbol"]) or _usual(row), row)
        if asset.calendar not in calendars:
            names = ", ".join(sorted(calendars))
            raise ValueError(f"{asset.symbol}: there is no calendar {asset.calendar}, but {names}")
        assets.append(asset)
    return assets


def _usual(row: Row) -> Asset:
    """Return what a symbol is if nothing else is said: by its shape and kind."""
    symbol = row["symbol"]
    kind = _kind(row) if "kind" in row else None
    (asset,) = choose_assets([symbol], {})
    if kind is None or kind is asset.kind:
        return asset
    if kind is AssetKind.CRYPTO:
        return attrs.evolve(
            asset,
            kind=kind,
            calendar=ALWAYS_OPEN,
            lot=1,
            quantity_min=1,
            flags=(asset.flags | AssetFlag.ALWAYS_OPEN) & ~AssetFlag.SHORTABLE,
        )
    if kind not in _LENT:
        return attrs.evolve(asset, kind=kind, flags=asset.flags & ~AssetFlag.SHORTABLE)
    return attrs.evolve(asset, kind=kind)


def _changed(asset: Asset, row: Row) -> Asset:
    """Return the asset with everything that a row says of it."""
    amounts: dict[str, Any] = {name: _amount(name, row[name]) for name in _AMOUNTS if name in row}
    texts = {name: row[name] for name in ("currency", "calendar", "exchange") if name in row}
    flags = asset.flags
    for name, flag in _FLAGS.items():
        if name in row:
            flags = flags | flag if _yes_no(name, row[name]) else flags & ~flag
    always = row.get("calendar", asset.calendar) == ALWAYS_OPEN
    flags = flags | AssetFlag.ALWAYS_OPEN if always else flags & ~AssetFlag.ALWAYS_OPEN
    currency = texts.get("currency", asset.currency)
    if not (len(currency) == 3 and currency.isascii() and currency.isalpha()):
        raise ValueError(f"currency: {currency!r} is not three letters as in USD")
    changed = attrs.evolve(
        asset,
        name=row.get("name", asset.name)[:NAME_MAX],
        kind=_kind(row) if "kind" in row else asset.kind,
        status=_status(row) if "status" in row else asset.status,
        currency=currency.upper(),
        calendar=texts.get("calendar", asset.calendar),
        exchange=texts.get("exchange", asset.exchange)[:4],
        flags=flags,
        **amounts,
    )
    if changed.quantity_min > changed.quantity_max:
        raise ValueError("quantity_min is above quantity_max")
    if changed.quantity_min % changed.lot:
        raise ValueError("quantity_min is no multiple of lot")
    return changed


def _amount(name: str, text: str) -> int:
    try:
        value = parse_amount(text)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    if value <= 0:
        raise ValueError(f"{name}: it must be above 0")
    return value


def _kind(row: Row) -> AssetKind:
    return AssetKind[_one_of("kind", row["kind"], AssetKind.__members__)]


def _status(row: Row) -> AssetStatus:
    return AssetStatus[_one_of("status", row["status"], AssetStatus.__members__)]


def _yes_no(name: str, text: str) -> bool:
    return _YES_NO[_one_of(name, text, _YES_NO).lower()]


def _one_of(name: str, text: str, allowed: Iterable[str]) -> str:
    found = next((each for each in allowed if each.lower() == text.lower()), None)
    if found is None:
        names = ", ".join(each.lower() for each in allowed)
        raise ValueError(f"{name}: {text!r} is not one of {names}")
    return found


def _csv_rows(text: str) -> Iterable[tuple[str, Row]]:
    reader = csv.DictReader(text.splitlines(), strict=True, restval="")
    try:
        names = [name.strip().lower() for name in reader.fieldnames or ()]
        _check_columns(names)
        reader.fieldnames = names
        for row in reader:
            place = f"line {reader.line_num}"
            if None in row:
                raise ValueError(f"{place}: more fields than the heading has")
            yield place, row
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num}: not CSV: {error}") from None


def _toml_rows(text: str) -> Iterable[tuple[str, Row]]:
    try:
        tables = tomllib.loads(text, parse_float=Decimal)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ValueError(f"not TOML: {error}") from None
    listed = tables.pop("asset", [])
    if tables or not isinstance(listed, list):
        raise ValueError("write each asset as a section [[asset]], and nothing else")
    for number, table in enumerate(listed, 1):
        place = f"asset {number}"
        if not isinstance(table, dict):
            raise ValueError(f"{place}: write it as a section [[asset]]")
        _check_columns([*table], place)
        yield place, {key: _text(value) for key, value in table.items()}


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _check_columns(names: Sequence[str], place: str = "line 1") -> None:
    unknown = [name for name in names if name not in COLUMNS]
    if unknown or "symbol" not in names or len(set(names)) != len(names):
        what = f"unknown is {unknown[0]!r}" if unknown else "symbol is needed, each name once"
        raise ValueError(f"{place}: {what}; known are {', '.join(COLUMNS)}")


class ListedTape:
    """A `papertrader.master.providers.base.TapeSource` cut down to what a list of assets names."""

    def __init__(self, tape: TapeSource, rows: Sequence[Row]) -> None:
        """Raises `ValueError` for a symbol the market has not, or a column that is its own."""
        assets: dict[str, Asset] = {}
        for row in rows:
            symbol = row["symbol"]
            asset = tape.assets.get(symbol)
            if asset is None:
                raise ValueError(f"{symbol} is not in the market {tape.name}: take it off the list")
            assets[symbol] = _changed(asset, row)
            for name in _OF_MARKET:
                if getattr(assets[symbol], name) != getattr(asset, name):
                    raise ValueError(
                        f"{symbol}: {name} is decided by the market {tape.name}: leave it out"
                    )
        self.name = tape.name
        self.calendar_main = tape.calendar_main
        self.assets: Mapping[str, Asset] = assets
        self._tape = tape

    def first_time(self) -> Instant:
        """Return the earliest market time that has data."""
        return self._tape.first_time()

    def last_time(self) -> Instant:
        """Return the market time at which the tape ends."""
        return self._tape.last_time()

    def calendar(self, symbol: str) -> Calendar:
        """Return the calendar of the symbol's exchange. Raises `UnknownSymbol`."""
        return self._tape.calendar(self._known(symbol))

    def quotes(self, market_now: int) -> list[Quote]:
        """Return the newest quote of each listed symbol that has a new one since the last call."""
        return [each for each in self._tape.quotes(market_now) if each.symbol in self.assets]

    def quote(self, symbol: str, market_now: int) -> Quote | None:
        """Return the symbol's newest quote at that time. Raises `UnknownSymbol`."""
        return self._tape.quote(self._known(symbol), market_now)

    def bars(
        self,
        symbol: str,
        interval_s: int,
        start: int,
        end: int,
        now: int,
        limit: int = 0,
        *,
        newest: bool = False,
    ) -> list[Bar]:
        """Return bars, see `TapeSource`. Raises `UnknownSymbol`, `IntervalUnsupported`."""
        known = self._known(symbol)
        return self._tape.bars(known, interval_s, start, end, now, limit, newest=newest)

    def actions(self, after: int, upto: int) -> list[CorporateAction]:
        """Return the corporate actions of listed symbols with ``after < at <= upto``."""
        return [each for each in self._tape.actions(after, upto) if each.symbol in self.assets]

    def _known(self, symbol: str) -> str:
        if symbol not in self.assets:
            raise UnknownSymbol(symbol)
        return symbol
