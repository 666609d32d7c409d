"""The settings of an installation: read from one TOML file, checked, every error told at once.

The order of precedence is: command line, environment (``PAPERTRADER_<SECTION>_<KEY>``), the file
``papertrader.toml`` in the state directory, the defaults of `papertrader.ops.variables`. The file
is the same for the master and all workers of a machine. It holds no secrets.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, TypeVar

import attrs

from papertrader.core.redaction import visible
from papertrader.ops import limit_variables as bounds
from papertrader.ops import market_variables as markets
from papertrader.ops import store_variables as stores
from papertrader.ops import variables as known
from papertrader.ops.contradictions import contradictions
from papertrader.ops.files import PUBLIC_FILE, write_new_file
from papertrader.ops.provider_variables import PROVIDER_VARIABLES, ProviderSettings, settled
from papertrader.ops.settings import (
    AccountsSettings,
    AuthSettings,
    EffectiveValue,
    GatewaySettings,
    LimitsSettings,
    LogSettings,
    MarketSettings,
    MasterSettings,
    MetricsSettings,
    Settings,
    StoreSettings,
    WebSettings,
    WorkerSettings,
)
from papertrader.ops.toml_lines import lines_of
from papertrader.ops.variable import Variable
from papertrader.ops.web_variables import WEB_STRICT_TRANSPORT

SETTINGS_FILE: Final = "papertrader.toml"
STATE_VARIABLE: Final = "PAPERTRADER_STATE_DIR"
PREFIX: Final = "PAPERTRADER_"
SETTINGS_BYTES_MAX: Final = 256 * 1024
"""Longest settings file that is read; the commented default has about 3 KiB."""

T = TypeVar("T")

_SYNTAX_PLACE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)\Z")


class SettingsError(Exception):
    """Settings cannot be used; ``problems`` has one sentence for each error, all of them."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def load_settings(
    path: Path | None, environ: Mapping[str, str], overrides: Mapping[str, str]
) -> Settings:
    """Read the settings of an installation; ``path`` None: it has no file of them.

    ``overrides`` holds what the command line gave, by name (``"market.speed"``), as text. Raises
    `SettingsError` with every error found in all three sources.
    """
    sources = _Sources(SETTINGS_FILE if path is None else path.name, environ, overrides)
    if path is not None:
        sources.read_file(path)
    return sources.settle()


def default_settings_text(values: Mapping[str, str] | None = None) -> str:
    """Write a settings file that explains every variable.

    ``values`` (name to text) are set in it; all others stand there commented out, so that they
    follow the defaults of later versions. Raises `SettingsError` for a wrong value.
    """
    settings = _Sources(SETTINGS_FILE, {}, values or {}).settle()
    lines = [
        "# Settings of this PaperTrader installation. A line that begins with # counts for",
        "# nothing; what stands there is the default. Each value can also be given by the",
        "# environment: PAPERTRADER_MARKET_SPEED=10 counts before market.speed in this file.",
    ]
    section = ""
    for variable, value in zip(known.VARIABLES, settings.values, strict=True):
        if variable.section != section:
            section = variable.section
            lines += ["", f"[{section}]"]
        lines += ["", *(f"# {line}" for line in variable.comment.splitlines())]
        given = values is not None and variable.name in values
        lines.append(
            f"{variable.key} = {value.literal}"
            if given
            else f"#{variable.key} = {variable.default}"
        )
    return "\n".join(lines) + "\n"


def write_settings_file(path: Path, text: str) -> None:
    """Write a new settings file; raises `FileExistsError` if there is one."""
    write_new_file(path, text.encode(), PUBLIC_FILE)


_TWICE: Final = re.compile(r"Cannot (?:declare|overwrite|redefine|mutate)|Duplicate")
_IN_OTHER_WORDS: Final = (
    ("Unescaped '\\'", "a \\ in a text in double quotes; use single quotes, or write \\\\ for it"),
    ("Unterminated string", "a text's closing quotes are missing"),
    ("Illegal character", "a text's closing quotes are missing on its line"),
    ("Expected ']'", "a section's closing ] is missing; write [section]"),
    ("Invalid value", "a value is none; write text in quotes, and numbers, true and false without"),
    ("Expected newline", "something follows the value; write one key = value on a line"),
    ("Invalid statement", "neither a [section] nor key = value"),
    ("Unclosed array", "a list's closing ] is missing"),
)
"""What the parser says of a text, and what that means to who wrote it."""


def _syntax_words(said: str) -> str:
    """Return what is wrong, and what to write, in place of the parser's own words."""
    if _TWICE.match(said):
        return "this key or section stands above already; keep one of the two"
    for beginning, words in _IN_OTHER_WORDS:
        if said.startswith(beginning):
            return words
    return f"{said}; write key = value, with text in quotes"


@attrs.frozen
class _Raw:
    """A value as it was found: ``place`` for error messages, ``origin`` for people."""

    value: object
    origin: str
    place: str
    line: int = 0


class _Sources:
    """Collects raw values from all sources, then reads each variable from the first that has it."""

    def __init__(
        self, file_name: str, environ: Mapping[str, str], overrides: Mapping[str, str]
    ) -> None:
        self._file_name = file_name
        self._file: dict[str, _Raw] = {}
        self._environ = environ
        self._overrides = overrides
        self._problems: list[tuple[int, str]] = []
        self._wrong: set[str] = set()
        self._values: dict[str, EffectiveValue] = {}

    def read_file(self, path: Path) -> None:
        """Take the values of the TOML file; what is no TOML, or unknown, becomes a problem."""
        try:
            with path.open("rb") as file:
                data = file.read(SETTINGS_BYTES_MAX + 1)
        except OSError as error:
            self._problem(0, f"{path}: cannot be read: {error.strerror}; check the path")
            return
        if len(data) > SETTINGS_BYTES_MAX:
            self._problem(0, f"{path}: longer than {SETTINGS_BYTES_MAX} bytes; name the right file")
            return
        try:
            text = data.decode("utf-8-sig").replace("\r\n", "\n")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            self._problem(line, f"{self._at(line)}: not UTF-8 text; save the file as UTF-8")
            return
        try:
            tables = tomllib.loads(text, parse_float=Decimal)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            self._syntax_problem(text, str(error))
            return
        self._take_tables(tables, lines_of(text))

    def settle(self) -> Settings:
        """Read every variable; raises `SettingsError` if anything was wrong anywhere."""
        self._refuse_unknown_text()
        take = self._take
        settings = Settings(
            workers=take(known.WORKERS),
            log=LogSettings(
                memory_bytes=take(known.LOG_MEMORY_BYTES), commands=take(known.LOG_COMMANDS)
            ),
            store=StoreSettings(url=take(stores.STORE_URL), low_water=take(stores.STORE_LOW_WATER)),
            master=MasterSettings(
                listen=take(known.MASTER_LISTEN), standby=take(stores.MASTER_STANDBY)
            ),
            worker=WorkerSettings(
                listen=take(known.WORKER_LISTEN), masters=take(stores.WORKER_MASTERS)
            ),
            web=WebSettings(
                listen=take(known.WEB_LISTEN), strict_transport=take(WEB_STRICT_TRANSPORT)
            ),
            gateway=GatewaySettings(listen=take(known.GATEWAY_LISTEN)),
            metrics=MetricsSettings(listen=take(known.METRICS_LISTEN)),
            market=MarketSettings(
                source=take(markets.MARKET_SOURCE),
                update_interval_ms=take(markets.MARKET_UPDATE_INTERVAL_MS),
                speed_milli=take(markets.MARKET_SPEED),
                start=take(markets.MARKET_START),
                keep_closed_hours=take(markets.MARKET_KEEP_CLOSED_HOURS),
                extended_hours=take(markets.MARKET_EXTENDED_HOURS),
                seed=take(markets.MARKET_SEED),
                data=take(markets.MARKET_DATA),
                assets=take(markets.MARKET_ASSETS),
                providers=take(markets.MARKET_PROVIDERS),
                symbols=take(markets.MARKET_SYMBOLS),
                answer_timeout_s=take(markets.MARKET_ANSWER_TIMEOUT_S),
            ),
            accounts=AccountsSettings(
                starting_cash=take(known.ACCOUNTS_STARTING_CASH),
                currency=take(known.ACCOUNTS_CURRENCY),
                registration=take(known.ACCOUNTS_REGISTRATION),
            ),
            auth=AuthSettings(
                argon2_memory_kib=take(known.AUTH_ARGON2_MEMORY_KIB),
                argon2_time=take(known.AUTH_ARGON2_TIME),
                second_factor=take(known.AUTH_SECOND_FACTOR),
                idle_days=take(known.AUTH_IDLE_DAYS),
            ),
            limits=LimitsSettings(
                requests_per_second=take(bounds.LIMITS_REQUESTS_PER_SECOND),
                requests_at_once=take(bounds.LIMITS_REQUESTS_AT_ONCE),
                connects_per_second=take(bounds.LIMITS_CONNECTS_PER_SECOND),
                connects_at_once=take(bounds.LIMITS_CONNECTS_AT_ONCE),
                connections_per_address=take(bounds.LIMITS_CONNECTIONS_PER_ADDRESS),
                logins_per_second=take(bounds.LIMITS_LOGINS_PER_SECOND),
                failed_logins_per_address=take(bounds.LIMITS_FAILED_LOGINS_PER_ADDRESS),
                registrations_per_second=take(bounds.LIMITS_REGISTRATIONS_PER_SECOND),
                registrations_per_hour=take(bounds.LIMITS_REGISTRATIONS_PER_HOUR),
                registrations_per_day=take(bounds.LIMITS_REGISTRATIONS_PER_DAY),
            ),
            providers=tuple(self._provider(name) for name in PROVIDER_VARIABLES),
            values=tuple(self._values[variable.name] for variable in known.VARIABLES),
        )
        for variable, others, problem in contradictions(settings):
            # A value that was wrong is a default here, and contradicts nothing.
            if self._wrong.isdisjoint({variable.name, *others}):
                raw = self._find(variable)
                self._problem(raw.line, f"{raw.place}: {variable.name}: {problem}")
        if self._problems:
            raise SettingsError(tuple(text for _, text in sorted(self._problems)))
        return settings

    def _provider(self, name: str) -> ProviderSettings:
        variables = PROVIDER_VARIABLES[name]
        values = tuple(self._take(variable) for variable in variables)
        try:
            return settled(name, values)
        except ValueError as error:
            raw = self._find(variables[1])
            self._problem(raw.line, f"{raw.place}: {name}: {error}")
            return settled(name, tuple(each.read(_default(each).value) for each in variables))

    def _take(self, variable: Variable[T]) -> T:
        raw = self._find(variable)
        try:
            value = variable.read(raw.value)
        except ValueError as error:
            self._problem(raw.line, f"{raw.place}: {variable.name}: {error}")
            self._wrong.add(variable.name)
            raw = _default(variable)
            value = variable.read(raw.value)
        self._values[variable.name] = EffectiveValue(
            name=variable.name, literal=variable.show(value), origin=raw.origin
        )
        return value

    def _find(self, variable: Variable[Any]) -> _Raw:
        name = variable.name
        if name in self._overrides:
            return _Raw(self._overrides[name], "command line", "command line")
        if variable.environment_name in self._environ:
            place = f"environment {variable.environment_name}"
            return _Raw(self._environ[variable.environment_name], place, place)
        return self._file.get(name) or _default(variable)

    def _take_tables(self, tables: Mapping[str, object], lines: Mapping[str, int]) -> None:
        sections = {variable.section for variable in known.VARIABLES} - {""}
        for top, content in tables.items():
            line = lines.get(top, 1)
            if isinstance(content, dict) and top in sections:
                for key, value in content.items():
                    self._take_value(f"{top}.{key}", value, lines.get(f"{top}.{key}", line))
            elif top in sections:
                near = get_close_matches(top, _of_no_section(), n=1)
                hint = f"; did you mean {near[0]}?" if near else ""
                self._problem(
                    line, f"{self._at(line)}: {top}: is a section; write [{top}] above{hint}"
                )
            elif isinstance(content, dict | list) and top not in _names():
                near = get_close_matches(top, sorted(sections), n=1)
                hint = (
                    f"; did you mean [{near[0]}]?" if near else f"; there are {_listed(sections)}"
                )
                self._problem(line, f"{self._at(line)}: [{top}]: unknown section{hint}")
            else:
                self._take_value(top, content, line)

    def _take_value(self, name: str, value: object, line: int) -> None:
        if name in _names():
            origin = f"{self._file_name}:{line}"
            self._file[name] = _Raw(value, origin, origin, line)
        else:
            self._problem(line, f"{self._at(line)}: {name}: unknown setting{_suggestion(name)}")

    def _refuse_unknown_text(self) -> None:
        for name in self._overrides:
            if name not in _names():
                self._problem(0, f"command line: {name}: unknown setting{_suggestion(name)}")
        right = _environment_names()
        sections = {variable.section for variable in known.VARIABLES} - {""}
        prefixes = tuple(f"{PREFIX}{section.upper()}_" for section in sections)
        for name in self._environ:
            if not name.startswith(PREFIX) or name in right:
                continue
            near = _near_in_environment(name, right)
            # Other names may begin alike too; ours are those of our sections, and what is nearly
            # one: whoever forgot or misspelled the section must not run with the default.
            if near or name.startswith(prefixes):
                hint = f"; did you mean {near}?" if near else ""
                self._problem(0, f"environment {name}: unknown setting{hint}")

    def _syntax_problem(self, text: str, message: str) -> None:
        place = _SYNTAX_PLACE.search(message)
        line = int(place[1]) if place and place[1] else text.rstrip("\n").count("\n") + 1
        what = _syntax_words(_SYNTAX_PLACE.sub("", message))
        self._problem(line, f"{self._at(line)}: not valid TOML: {what}")

    def _at(self, line: int) -> str:
        return f"{self._file_name}:{line}"

    def _problem(self, line: int, text: str) -> None:
        # Names and values are repeated as they stand in the file; what moves a cursor, or begins
        # another line, is not for a terminal.
        self._problems.append((line, visible(text)))


def _default(variable: Variable[Any]) -> _Raw:
    value = tomllib.loads(f"value = {variable.default}", parse_float=Decimal)["value"]
    return _Raw(value, "default", "default")


def _names() -> list[str]:
    return [variable.name for variable in known.VARIABLES]


def _environment_names() -> set[str]:
    """Return all names that count in the environment, those of keys and of the state as well."""
    keys = {f"{PREFIX}KEY_{provider.upper()}" for provider in PROVIDER_VARIABLES}
    settings = {variable.environment_name for variable in known.VARIABLES}
    return {*settings, *keys, STATE_VARIABLE}


def _near_in_environment(name: str, right: Iterable[str]) -> str:
    """Return the name that was probably meant: misspelled, or without its section; "" for none."""
    given = name.removeprefix(PREFIX)
    for variable in known.VARIABLES:
        if variable.name.rpartition(".")[2].upper() == given:
            return variable.environment_name
    # What all of them begin with would make any two look alike.
    near = get_close_matches(given, sorted(each.removeprefix(PREFIX) for each in right), 1, 0.8)
    return PREFIX + near[0] if near else ""


def _of_no_section() -> list[str]:
    return [variable.name for variable in known.VARIABLES if not variable.section]


def _suggestion(name: str) -> str:
    section, _, key = name.rpartition(".")
    same_key = [each for each in _names() if each.rpartition(".")[2] == key]
    near = same_key or get_close_matches(name, _names(), n=1)
    if near:
        return f"; did you mean {near[0]}?"
    beside = [each for each in _names() if each.rpartition(".")[0] == section]
    if section and beside:
        return f"; in [{section}] there are {_listed(beside)}"
    sections = {variable.section for variable in known.VARIABLES} - {""}
    return f"; there are {_listed(_of_no_section())} and the sections {_listed(sections)}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
