"""Files of a user's own prices, as rows of text: CSV (also packed with gzip) and Parquet.

Parquet needs the optional package ``pyarrow``; its numbers come through their shortest decimal
text, so that a price read from a file is the decimal that was meant, never a binary fraction of it.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import attrs

from papertrader.extras import install_command
from papertrader.master.providers.recorded import DataFileError

FILES_MAX: Final = 4_096
"""Files in one directory; more are refused."""

FILE_OCTETS_MAX: Final = 1 << 30
"""Octets of one file, unpacked; a larger one is refused."""

LINE_MAX: Final = 4_096
"""Longest line of a CSV file, in characters; a longer one is refused."""

ENDINGS: Final = (".csv", ".csv.gz", ".parquet")
_BATCH_ROWS: Final = 65_536


@attrs.frozen
class Row:
    """One row: by column name in small letters, as text. ``place`` is "file, line n"."""

    place: str
    fields: Mapping[str, str]


@attrs.frozen
class DataFile:
    """A file of prices. ``columns`` are its column names in small letters, in order."""

    path: Path
    columns: tuple[str, ...]

    @property
    def stem(self) -> str:
        """The name without its ending, which may be a symbol's."""
        name = self.path.name.lower()
        ending = next(each for each in ENDINGS if name.endswith(each))
        return self.path.name[: -len(ending)]

    def rows(self) -> Iterator[Row]:
        """Give the rows in order; empty ones are left out. Raises `DataFileError`."""
        if self.path.name.lower().endswith(".parquet"):
            return _parquet_rows(self.path)
        return _csv_rows(self.path, self.columns)


def find_files(place: Path) -> list[DataFile]:
    """Return the files of prices at ``place``, a file or a directory, in order of name.

    Other files of a directory are left alone. Raises `DataFileError` if there are none, too many,
    or one without a line of column names.
    """
    if place.is_dir():
        names = sorted(each for each in place.iterdir() if each.name.lower().endswith(ENDINGS))
    elif place.name.lower().endswith(ENDINGS):
        names = [place]
    else:
        raise DataFileError(f"{place} is no {', '.join(ENDINGS)} file and no directory of such")
    if not names:
        raise DataFileError(f"{place} has no {', '.join(ENDINGS)} file; put prices there")
    if len(names) > FILES_MAX:
        raise DataFileError(f"{place} has {len(names)} files, more than {FILES_MAX}: join some")
    return [DataFile(path, _columns(path)) for path in names]


def _columns(path: Path) -> tuple[str, ...]:
    if path.name.lower().endswith(".parquet"):
        names = list(_parquet(path).schema_arrow.names)
    else:
        with _opened(path) as file:
            names = next(csv.reader(_lines(file, path)), [])
    columns = tuple(str(name).strip().lower() for name in names)
    if not any(columns):
        raise DataFileError(f"{path}, line 1: the names of the columns are missing")
    doubled = next((name for name in columns if name and columns.count(name) > 1), None)
    if doubled is not None:
        raise DataFileError(f"{path}, line 1: the column {doubled} is named twice")
    return columns


# --- CSV -----------------------------------------------------------------------------------------


def _opened(path: Path) -> io.TextIOWrapper:
    try:
        raw: Any = path.open("rb")
    except OSError as error:
        raise DataFileError(f"{path} cannot be read: {error.strerror}") from None
    if path.name.lower().endswith(".gz"):
        raw = gzip.GzipFile(fileobj=raw)
    return io.TextIOWrapper(raw, encoding="utf-8-sig", newline="")


def _lines(file: io.TextIOWrapper, path: Path) -> Iterator[str]:
    """Give the lines of an open file; raises `DataFileError` for what is no text or too much."""
    octets, number = 0, 0
    while True:
        number += 1
        try:
            line = file.readline(LINE_MAX + 1)
        except (UnicodeDecodeError, gzip.BadGzipFile, EOFError, OSError) as error:
            raise DataFileError(f"{path}, line {number}: cannot be read as text: {error}") from None
        if not line:
            return
        octets += len(line)
        if len(line) > LINE_MAX:
            raise DataFileError(f"{path}, line {number}: longer than {LINE_MAX} characters")
        if octets > FILE_OCTETS_MAX:
            raise DataFileError(f"{path}: longer than {FILE_OCTETS_MAX} octets; divide it")
        yield line


def _csv_rows(path: Path, columns: tuple[str, ...]) -> Iterator[Row]:
    with _opened(path) as file:
        reader = csv.reader(_lines(file, path), strict=True)
        next(reader, None)
        while True:
            try:
                cells = next(reader, None)
            except csv.Error as error:
                raise DataFileError(f"{path}, line {reader.line_num}: {error}") from None
            if cells is None:
                return
            if not any(cells):
                continue
            place = f"{path}, line {reader.line_num}"
            if len(cells) != len(columns):
                raise DataFileError(
                    f"{place}: {len(cells)} values under {len(columns)} column names"
                )
            texts = (cell.strip() for cell in cells)
            yield Row(place, dict(zip(columns, texts, strict=True)))


# --- Parquet -------------------------------------------------------------------------------------


def _parquet(path: Path) -> Any:
    try:
        parquet = import_module("pyarrow.parquet")
    except ImportError:
        raise DataFileError(
            f"{path} is a Parquet file, which needs another package:"
            f" {install_command('parquet')}; or save it as CSV"
        ) from None
    try:
        return parquet.ParquetFile(path)
    except (OSError, ValueError) as error:
        raise DataFileError(f"{path} cannot be read as Parquet: {error}") from None


def _parquet_rows(path: Path) -> Iterator[Row]:
    number = 0
    try:
        for batch in _parquet(path).iter_batches(batch_size=_BATCH_ROWS):
            for values in batch.to_pylist():
                number += 1
                fields = {str(name).strip().lower(): _text(it) for name, it in values.items()}
                if any(fields.values()):
                    yield Row(f"{path}, row {number}", fields)
    except (OSError, ValueError) as error:
        if isinstance(error, DataFileError):
            raise
        raise DataFileError(f"{path}, row {number + 1}: cannot be read: {error}") from None


def _text(value: Any) -> str:
    """Write a value as a CSV file would have it; "" for none."""
    if value is None or value != value:  # noqa: PLR0124 (NaN stands for nothing too)
        return ""
    if isinstance(value, float):
        return format(Decimal(repr(value)), "f").removesuffix(".0")
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value).strip()
