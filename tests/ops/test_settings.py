"""The settings file: every variable, its limits, its sources in order, and all errors at once."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date
from itertools import groupby
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from papertrader.core.money import parse_amount
from papertrader.master.demand import Demand
from papertrader.master.providers.base import load_rates
from papertrader.master.providers.catalog import PROVIDERS, facts_of
from papertrader.master.registration import Registration
from papertrader.ops.market_variables import MARKET_DATA, MARKET_SPEED, MarketSource
from papertrader.ops.settings import LimitsSettings, Settings
from papertrader.ops.settings_file import (
    SETTINGS_BYTES_MAX,
    SettingsError,
    load_settings,
)
from papertrader.ops.toml_lines import lines_of
from papertrader.ops.variable import Variable
from papertrader.ops.variables import CURRENCIES, VARIABLES, Listen


def load(
    file: Path,
    text: str,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, str] | None = None,
) -> Settings:
    """Write a settings file and load it."""
    file.write_text(text, encoding="utf-8")
    return load_settings(file, environ or {}, overrides or {})


def problems(
    file: Path,
    text: str,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, str] | None = None,
) -> list[str]:
    """Load a wrong settings file and return what is said of it."""
    with pytest.raises(SettingsError) as caught:
        load(file, text, environ, overrides)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return list(caught.value.problems)


def test_defaults(file: Path) -> None:
    """An empty file gives the documented defaults."""
    settings = load(file, "")
    assert settings.workers == 1
    assert settings.log.memory_bytes == 16 * 2**20
    assert settings.log.commands is True
    assert settings.master.listen == Listen("127.0.0.1", 2048)
    assert settings.worker.listen == Listen("127.0.0.1", 2049)
    assert settings.worker.masters == ()
    assert settings.master.standby is False
    assert (settings.store.url, settings.store.low_water) == ("", 64 * 2**20)
    assert settings.market.source is MarketSource.REPLAY
    assert settings.market.update_interval_ms == 0
    assert settings.market.look_ms == 250
    assert settings.market.speed_milli == 60_000
    assert settings.market.start == date(2010, 1, 4)
    assert settings.market.keep_closed_hours is False
    assert settings.market.seed == 1
    assert settings.market.providers == ("kraken", "coinbase")
    assert settings.market.symbols == ()
    assert settings.market.answer_timeout_s == 10
    for name in PROVIDERS:
        assert settings.provider(name).url == facts_of(name).url
        assert settings.provider(name).delay_s == 0
        assert settings.provider(name).limits == facts_of(name).limits
    assert settings.accounts.starting_cash == parse_amount("100000")
    assert settings.accounts.currency == "USD"
    assert settings.accounts.registration is Registration.OPEN
    assert settings.auth.argon2_memory_kib == 19_456
    assert settings.auth.argon2_time == 2
    assert settings.auth.second_factor is Demand.OFFERED
    assert settings.auth.idle_days == 14
    assert settings.limits == LimitsSettings(
        requests_per_second=50, requests_at_once=100, connects_per_second=10, connects_at_once=30,
        connections_per_address=32, logins_per_second=10, failed_logins_per_address=20,
        registrations_per_second=1, registrations_per_hour=5, registrations_per_day=1_000,
    )  # fmt: skip


FULL = """\
workers = 3
log.memory_bytes = "64 KiB"
log.commands = false
[store]
url = "postgresql://ann@[::1]:5433/trades"
low_water = "1 GiB"
[master]
listen = "[::1]:0"
standby = true
[worker]
listen = "0.0.0.0:7000"
masters = "10.0.0.1:2048 [::1]:2050 second.example:2048"
[web]
listen = "0.0.0.0:8000"
strict_transport = "subdomains"
[gateway]
listen = "0.0.0.0:8100"
[metrics]
listen = "127.0.0.1:9464"
[market]
source = "simulated"
data = "my prices"
update_interval_ms = 500
speed = 2.125
start = 2026-01-02
keep_closed_hours = true
extended_hours = true
seed = 9223372036854775807
providers = "alpaca, kraken"
symbols = "AAPL BTC/USD"
answer_timeout_s = 60
assets = "my list.csv"
[accounts]
starting_cash = "25000.50"
currency = "JPY"
registration = "closed"
[auth]
argon2_memory_kib = 65536
argon2_time = 3
second_factor = "operators"
idle_days = 30
[limits]
requests_per_second = 100000
requests_at_once = 200000
connects_per_second = 300
connects_at_once = 400
connections_per_address = 500
logins_per_second = 600
failed_logins_per_address = 650
registrations_per_second = 700
registrations_per_hour = 800
registrations_per_day = 900
""" + "".join(
    f"""[{name}]
url = "https://{name}.example/base"
delay_s = 86400
calls_per_minute = 50
calls_per_hour = 900
calls_per_day = 5000
symbols_per_call = 3
"""
    for name in PROVIDERS
)


def test_every_variable_from_the_file(file: Path) -> None:
    """Each variable can be set in the file."""
    settings = load(file, FULL)
    assert settings.workers == 3
    assert settings.log.memory_bytes == 65_536
    assert settings.log.commands is False
    assert settings.master.listen == Listen("::1", 0)
    assert settings.worker.listen == Listen("0.0.0.0", 7000)
    assert settings.web.listen == Listen("0.0.0.0", 8000)
    assert settings.web.strict_transport == "subdomains"
    assert settings.gateway.listen == Listen("0.0.0.0", 8100)
    assert settings.metrics.listen == Listen("127.0.0.1", 9464)
    assert settings.worker.masters == (
        ("10.0.0.1", 2048), ("::1", 2050), ("second.example", 2048),
    )  # fmt: skip
    assert settings.master.standby is True
    assert settings.store.url == "postgresql://ann@[::1]:5433/trades"
    assert settings.store.low_water == 2**30
    assert settings.market.source is MarketSource.SIMULATED
    assert settings.market.update_interval_ms == 500
    assert settings.market.data == "my prices"
    assert settings.market.speed_milli == 2_125
    assert settings.market.start == date(2026, 1, 2)
    assert settings.market.keep_closed_hours is True
    assert settings.market.extended_hours is True
    assert settings.market.seed == 2**63 - 1
    assert settings.market.providers == ("alpaca", "kraken")
    assert settings.market.symbols == ("AAPL", "BTC/USD")
    assert settings.market.answer_timeout_s == 60
    assert settings.market.assets == "my list.csv"
    for name in PROVIDERS:
        chosen = settings.provider(name)
        assert chosen.url == f"https://{name}.example/base"
        assert chosen.delay_s == 86_400
        assert (chosen.limits.calls_per_minute, chosen.limits.calls_per_hour) == (50, 900)
        assert (chosen.limits.calls_per_day, chosen.limits.symbols_per_call) == (5_000, 3)
    assert settings.accounts.starting_cash == parse_amount("25000.5")
    assert settings.accounts.currency == "JPY"
    assert settings.accounts.registration is Registration.CLOSED
    assert settings.auth.argon2_memory_kib == 65_536
    assert settings.auth.argon2_time == 3
    assert settings.auth.second_factor is Demand.OPERATORS
    assert settings.auth.idle_days == 30
    assert settings.limits == LimitsSettings(
        requests_per_second=100_000, requests_at_once=200_000, connects_per_second=300,
        connects_at_once=400, connections_per_address=500, logins_per_second=600,
        failed_logins_per_address=650, registrations_per_second=700,
        registrations_per_hour=800, registrations_per_day=900,
    )  # fmt: skip
    assert all(value.origin.startswith("papertrader.toml:") for value in settings.values)


def test_every_variable_from_text(file: Path) -> None:
    """The environment and the command line, which have text alone, can say the same as the file."""
    expected = load(file, FULL)
    flat = {variable.name: "" for variable in VARIABLES}
    for section, content in tomllib.loads(FULL, parse_float=str).items():
        for key, value in content.items() if isinstance(content, dict) else [("", content)]:
            text = str(value).lower() if isinstance(value, bool) else str(value)
            flat[f"{section}.{key}".rstrip(".")] = text
    environ = {variable.environment_name: flat[variable.name] for variable in VARIABLES}
    for settings in (load(file, "", environ), load(file, "", None, flat)):
        assert [v.literal for v in settings.values] == [v.literal for v in expected.values]


def test_a_standby_needs_a_store_that_two_can_reach(file: Path) -> None:
    """Files have one master; and no password stands in the settings."""
    (problem,) = problems(file, "[master]\nstandby = true\n")
    assert "set store.url to a PostgreSQL" in problem
    (problem,) = problems(file, '[store]\nurl = "postgresql://ann:secret@db/x"\n')
    assert "settings hold no secrets" in problem
    assert "ann" not in problem


def test_precedence(file: Path) -> None:
    """Command line before environment before file before default, and each origin is told."""
    settings = load(
        file,
        "workers = 2\n\n[market]\nseed = 2\nspeed = 2\n",
        {"PAPERTRADER_MARKET_SEED": "3", "PAPERTRADER_MARKET_SPEED": "3"},
        {"market.speed": "4"},
    )
    assert (settings.workers, settings.market.seed, settings.market.speed_milli) == (2, 3, 4000)
    origins = {value.name: value.origin for value in settings.values}
    assert origins["workers"] == "papertrader.toml:1"
    assert origins["market.seed"] == "environment PAPERTRADER_MARKET_SEED"
    assert origins["market.speed"] == "command line"
    assert origins["log.memory_bytes"] == "default"


def test_a_wrong_value_that_is_overridden_does_not_count(file: Path) -> None:
    """Only the value that counts is judged: an override can repair a broken file."""
    settings = load(file, "workers = 0\n", None, {"workers": "2"})
    assert settings.workers == 2


def test_all_errors_at_once(file: Path) -> None:
    """Every error of every source is listed, in the order of the lines, with what is allowed."""
    text = """\
workers = 0
speed = 3
[markt]
x = 1
[market]
speed = "fast"
sped = 1
start = 2020-01-01
[accounts]
starting_cash = 100.0
"""
    environ = {"PAPERTRADER_MARKET_SEDE": "3", "PAPERTRADER_AUTH_ARGON2_TIME": "x"}
    assert problems(file, text, environ, {"workrs": "1"}) == [
        "command line: workrs: unknown setting; did you mean workers?",
        'environment PAPERTRADER_AUTH_ARGON2_TIME: auth.argon2_time: "x" is wrong; '
        "allowed is a whole number from 1 to 10",
        "environment PAPERTRADER_MARKET_SEDE: unknown setting; did you mean "
        "PAPERTRADER_MARKET_SEED?",
        "papertrader.toml:1: workers: 0 is wrong; allowed is a whole number from 1 to 64",
        "papertrader.toml:2: speed: unknown setting; did you mean market.speed?",
        "papertrader.toml:3: [markt]: unknown section; did you mean [market]?",
        'papertrader.toml:6: market.speed: "fast" is wrong; allowed is from 0.001 to 10000, '
        "with at most 3 decimals",
        "papertrader.toml:7: market.sped: unknown setting; did you mean market.speed?",
        "papertrader.toml:8: market.start: 2020-01-01 is wrong; with market.source = "
        '"replay" allowed is 2000-03-01 to 2013-03-01',
        "papertrader.toml:10: accounts.starting_cash: 100.0 is wrong; allowed is a decimal number "
        'in quotes from "1.00" to "1000000000.00", without commas, such as "100000.00"',
    ]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("workers = ", 1, "a value is none"),
        ("workers = two", 1, "a value is none; write text in quotes"),
        ("workers = 1\nworkers = 2\n", 2, "stands above already"),
        ("[store]\n[store]\n", 2, "stands above already"),
        ("\n\n[market\n", 3, "closing ] is missing"),
        ('[market]\nsource = "replay\n', 2, "closing quotes are missing on its line"),
        ('[market]\nsource = """replay\n\n', 2, "closing quotes are missing"),
        ('[market]\ndata = "C:\\prices"', 2, "use single quotes"),
        ("workers = 1\n= 3", 2, "neither a [section] nor key = value"),
        ("workers 3", 1, "write key = value"),
        ("workers = 1 2", 1, "something follows the value"),
    ],
)
def test_syntax_errors_have_their_line(file: Path, text: str, line: int, words: str) -> None:
    """What is no TOML is told with its line, in words of who writes one; the rest is checked."""
    found = problems(file, text, None, {"workers": "0"})
    assert len(found) == 2
    assert found[0].startswith("command line: workers: ")
    assert found[1].startswith(f"papertrader.toml:{line}: not valid TOML: ")
    assert words in found[1]


@pytest.mark.parametrize(
    ("name", "literals"),
    [
        ("workers", ["0", "65", "-1", "1.0", "true", '"two"', "[1]", "{}", '""', "9" * 30]),
        ("log.memory_bytes", ["65535", '"63 KiB"', '"2 GiB"', '"16 MB"', "1.5", '""', "true"]),
        ("log.memory_bytes", ['"-64 KiB"', '"9999999999999 GiB"']),
        ("log.commands", ["0", '"yes"']),
        ("master.listen", ["2048", '"2048"', '":2048"', '"localhost:1"', '"127.0.0.1"']),
        ("worker.listen", ['"127.0.0.1:65536"', '"::1:2049"', '"[127.0.0.1]:1"', '"1.2.3:4"']),
        ("market.update_interval_ms", ["99", "3600001", "1000.0", '"1 s"']),
        ("market.source", ['"Replay"', '"lives"', "1", "true", "[]"]),
        ("market.speed", ["0", "-1", "0.0001", "10000.001", "inf", "nan", "1e3", "true", '"1x"']),
        ("market.start", ["2010", '"2010-02-30"', '"20100104"', "2010-01-04T00:00:00", "true"]),
        ("market.keep_closed_hours", ["0", "1", '"yes"', '"True"']),
        ("master.standby", ["0", "1", "1.0", '"yes"']),
        ("market.extended_hours", ["0", '"yes"']),
        ("market.seed", ["-1", "9223372036854775808", '"x"']),
        ("accounts.starting_cash", ["100000", "100000.00", '"0.99"', '"1000000000.01"', '"1,000"']),
        ("accounts.starting_cash", ['"1e5"', '"-5"', '"1.123456789"', '"NaN"']),
        ("accounts.currency", ['"usd"', '"XXX"', '""', "1", "true"]),
        ("accounts.registration", ['"invited"', "true"]),
        ("auth.argon2_memory_kib", ["7167", "1048577"]),
        ("auth.argon2_time", ["0", "11"]),
        ("auth.idle_days", ["0", "31"]),
        ("auth.second_factor", ['"nobody"', "true", "1"]),
        ("limits.requests_per_second", ["0", "1000001"]),
        ("limits.connections_per_address", ["0", "5001"]),
        ("market.providers", ['""', '"yahoo"', '"kraken kraken"', "1"]),
        ("market.answer_timeout_s", ["0", "61", "2.5"]),
        ("market.symbols", ['"aapl"', '"AAPL AAPL"', "1", '"AAPL;MSFT"']),
        (
            "kraken.url",
            ['"http://api.kraken.com"', '"ftp://x"', '"https://u:p@x"', "1", '"https://x?y"'],
        ),
        ("kraken.symbols_per_call", ["0", "1000001", "1.5", "true"]),
        ("twelvedata.calls_per_minute", ["-1", '"many"']),
        ("web.strict_transport", ["true", '"on"', '""', "1"]),
    ],
)
def test_values_that_are_refused(file: Path, name: str, literals: list[str]) -> None:
    """Each wrong value is one error that names the setting, its line and what is allowed."""
    for literal in literals:
        (found,) = problems(file, f"\n{name} = {literal}\n")
        assert found.startswith(f"papertrader.toml:2: {name}: "), found
        assert "allowed is" in found


@pytest.mark.parametrize(
    ("name", "literals"),
    [
        ("workers", ["1", "64", '"8"']),
        ("log.memory_bytes", ["65536", '"64KiB"', '"1 GiB"', '"65536"', '"100000 b"']),
        ("worker.listen", ['"[::]:2049"', '"0.0.0.0:0"', '"10.0.0.1:65534"']),
        ("metrics.listen", ['"off"', '"[::1]:9464"', '"127.0.0.1:0"']),
        ("web.listen", ['"auto"', '"off"', '"[::]:443"', '"0.0.0.0:0"']),
        ("web.strict_transport", ['"host"', '"subdomains"', '"off"', '"forget"']),
        ("market.speed", ["0.001", "10000", "1.500", '"0.25"']),
        ("market.start", ["2000-03-01", "2013-03-01", '"2012-02-29"']),
        ("accounts.starting_cash", ['"1"', '"1000000000.00"', '"0001.00000001"']),
        ("accounts.currency", ['"EUR"', '"JPY"', '"USD"', '"AUD"', '"ZAR"']),
        ("auth.argon2_memory_kib", ["7168", "1048576"]),
    ],
)
def test_values_that_are_taken(file: Path, name: str, literals: list[str]) -> None:
    """The ends of each range belong to it."""
    for literal in literals:
        settings = load(file, f"{name} = {literal}\n")
        assert next(v.origin for v in settings.values if v.name == name) == "papertrader.toml:1"


def test_start_depends_on_the_source(file: Path) -> None:
    """The simulated market begins on other days than the recorded one."""
    text = '[market]\nsource = "simulated"\nstart = {}\n'
    assert load(file, text.format("2024-05-06")).market.start == date(2024, 5, 6)
    (found,) = problems(file, text.format("1990-05-06"))
    assert found.startswith("papertrader.toml:3: market.start: ")


def test_a_wrong_value_does_not_cause_a_second_error(file: Path) -> None:
    """A start that suits the source that was meant is not blamed for the source's typo."""
    (found,) = problems(file, '[market]\nsource = "simulatd"\nstart = 2024-05-06\n')
    assert "market.source" in found


def test_ports_of_the_workers(file: Path) -> None:
    """Each worker has two ports; port 0 is free choice for all."""
    settings = load(file, "workers = 3\n")
    assert [settings.worker_listen(number).port for number in (1, 2, 3)] == [2049, 2051, 2053]
    assert [settings.web_listen(number) for number in (1, 3)] == [
        Listen("127.0.0.1", 2050), Listen("127.0.0.1", 2054),
    ]  # fmt: skip
    own = load(file, 'workers = 2\nweb.listen = "0.0.0.0:443"\n')
    assert own.web_listen(2) == Listen("0.0.0.0", 445)
    assert load(file, 'web.listen = "off"\n').web_listen(1) is None
    assert settings.gateway_listen(1) is None
    gateways = load(file, 'workers = 2\ngateway.listen = "0.0.0.0:8100"\n')
    assert [gateways.gateway_listen(number) for number in (1, 2)] == [
        Listen("0.0.0.0", 8100), Listen("0.0.0.0", 8102),
    ]  # fmt: skip
    free = load(file, 'workers = 3\nworker.listen = "127.0.0.1:0"\n')
    assert [free.worker_listen(number).port for number in (1, 2, 3)] == [0, 0, 0]
    for number in (0, 4):
        with pytest.raises(ValueError, match="no worker"):
            settings.worker_listen(number)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('workers = 3\nworker.listen = "127.0.0.1:65534"\n', "up to 65539"),
        ('worker.listen = "127.0.0.1:2048"\n', "port 2048 would be listened on twice"),
        ('gateway.listen = "127.0.0.1:2049"\n', "for gateway.listen and for worker.listen"),
        ('metrics.listen = "127.0.0.1:2049"\n', "for worker.listen and for metrics.listen"),
        ('worker.listen = "127.0.0.1:2047"\n', "port 2048 would be listened on twice"),
        ('workers = 4\nworker.listen = "0.0.0.0:2045"\n', "port 2048 would be listened on twice"),
    ],
)
def test_ports_that_collide(file: Path, text: str, message: str) -> None:
    """Ports beyond the last, and the master's among the workers', are told before any start."""
    (found,) = problems(file, text)
    assert "worker.listen" in found
    assert message in found


def test_ports_on_other_addresses_do_not_collide(file: Path) -> None:
    """The same port on another address is fine."""
    assert load(file, 'worker.listen = "127.0.0.2:2048"\n').worker.listen.port == 2048


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[market]]\nspeed = 1\n", "papertrader.toml:1: market: is a section; write [market]"),
        ("market = 3\n", "papertrader.toml:1: market: is a section"),
        ("[zzz]\n", "papertrader.toml:1: [zzz]: unknown section; there are accounts, alpaca"),
        (
            "worker = 2\n",
            "papertrader.toml:1: worker: is a section; write [worker] above; did you mean workers?",
        ),
        (
            "zzz = 1\n",
            "papertrader.toml:1: zzz: unknown setting; there are workers and the sections"
            " accounts, alpaca",
        ),
        (
            "[ecb]\nqqqqqqqqqqqqqq = 1\n",
            "papertrader.toml:2: ecb.qqqqqqqqqqqqqq: unknown setting; in [ecb] there are",
        ),
        ('"a\\u001bb" = 1\n[web]\n', "papertrader.toml:1: a\\x1bb: unknown setting"),
        (
            '[web]\nlisten = "\\u001b[31m\\nx"\n',
            'papertrader.toml:2: web.listen: "\\x1b[31m\\nx" is',
        ),
        ('["a\\u0007"]\n', "papertrader.toml:1: [a\\x07]: unknown section"),
        ("[workers]\nn = 1\n", "papertrader.toml:1: workers: {'n': 1} is wrong"),
        (
            "[ecb]\ndelay_s = 86401\n",
            "papertrader.toml:2: ecb.delay_s: 86401 is wrong; allowed is a",
        ),
        ("market = { sped = 1 }\n", "papertrader.toml:1: market.sped: unknown setting; did you"),
        ("[market]\n[market.speed]\nx = 1\n", "papertrader.toml:2: market.speed: {'x': 1} is"),
    ],
)
def test_wrong_shapes(file: Path, text: str, message: str) -> None:
    """Sections in the place of values and values in the place of sections are told as such.

    Each in one line: nothing of the file moves the cursor of whoever reads it.
    """
    (found,) = problems(file, text)
    assert found.startswith(message)
    assert found.isprintable()


def test_unusable_files(file: Path) -> None:
    """A missing file, a huge one and one that is no text each get a sentence."""
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        load_settings(file, {}, {})
    file.write_bytes(b"# \n# \xff\n")
    with pytest.raises(SettingsError, match=r"papertrader\.toml:2: not UTF-8"):
        load_settings(file, {}, {})
    file.write_bytes(b"#" * (SETTINGS_BYTES_MAX + 1))
    with pytest.raises(SettingsError, match="longer than"):
        load_settings(file, {}, {})
    file.write_bytes(b"workers = " + b"[" * 100_000)
    with pytest.raises(SettingsError, match="not valid TOML"):
        load_settings(file, {}, {})


def test_files_of_other_systems(file: Path) -> None:
    """A byte order mark and line ends of two characters are accepted."""
    file.write_bytes(b"\xef\xbb\xbfworkers = 2\r\n[market]\r\nseed = 5\r\n")
    settings = load_settings(file, {}, {})
    assert (settings.workers, settings.market.seed) == (2, 5)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("MARKT_SPEED", "MARKET_SPEED"),
        ("WORKRES", "WORKERS"),
        ("SPEED", "MARKET_SPEED"),
        ("STATEDIR", "STATE_DIR"),
        ("KEY_ALPAKA", "KEY_ALPACA"),
        ("MARKET_SPED", "MARKET_SPEED"),
    ],
)
def test_a_misspelled_variable_is_not_ignored(file: Path, name: str, meant: str) -> None:
    """Nobody runs with the default who meant something else, whatever part is misspelled."""
    assert problems(file, "", {f"PAPERTRADER_{name}": "1"}) == [
        f"environment PAPERTRADER_{name}: unknown setting; did you mean PAPERTRADER_{meant}?"
    ]
    right = {"PAPERTRADER_STATE_DIR": "/x", "PAPERTRADER_KEY_ALPACA": "a:b"}
    assert load(file, "", right).workers == 1


def test_foreign_environment_variables_are_left_alone(file: Path) -> None:
    """Only names in or near our sections are settings; others that begin alike belong to other
    tools."""
    settings = load(
        file, "", {"PAPERTRADER_HOME": "/x", "PAPERTRADER_PASSWORD_FILE": "y", "A": "b"}
    )
    assert settings.workers == 1


def test_currencies_are_those_of_the_table_of_rates() -> None:
    """In each of them all that is traded can be valued; the table is read at the start alone."""
    assert tuple(sorted({"EUR", *load_rates().currencies})) == CURRENCIES


def test_names_are_distinct() -> None:
    """No two variables share a name or an environment variable; sections are in one piece."""
    assert len({variable.name for variable in VARIABLES}) == len(VARIABLES)
    assert len({variable.environment_name for variable in VARIABLES}) == len(VARIABLES)
    sections = [variable.section for variable in VARIABLES]
    assert [each for each, _ in groupby(sections)] == list(dict.fromkeys(sections))
    assert all(isinstance(variable, Variable) and variable.comment for variable in VARIABLES)


@given(st.integers(min_value=1, max_value=10_000_000))
def test_speed_keeps_every_thousandth(speed_milli: int) -> None:
    """What is shown is read back as the same number of thousandths."""
    assert MARKET_SPEED.read(MARKET_SPEED.show(speed_milli)) == speed_milli


@given(st.text(max_size=60), st.sampled_from(VARIABLES))
@example("\U0001d54a/prices", MARKET_DATA)
@example('"\\', MARKET_DATA)
def test_any_text_is_taken_or_refused_in_words(text: str, variable: Variable[object]) -> None:
    """No text makes a reader fail otherwise than with a sentence."""
    try:
        value = variable.read(text)
    except ValueError as error:
        assert "allowed is" in str(error)
    else:
        literal = variable.show(value)
        assert variable.read(tomllib.loads(f"value = {literal}")["value"]) == value


def test_lines_of_keys() -> None:
    """Each key is found on its line: in tables, dotted, quoted, after texts of many lines."""
    text = 'a = """\nb = 1\n"""\nb = 2\n[c]\n"d" = 1\n e . f = 2\n[c.g]\nh = 1\n# i = 1\n'
    assert lines_of(text) == {
        "a": 1, "b": 4, "c": 5, "c.d": 6, "c.e.f": 7, "c.g": 8, "c.g.h": 9,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("market", "what"),
    [
        ("", "the recorded market has one row for each day"),
        ('source = "live"\n', "live providers are not asked outside the session"),
    ],
)
def test_extended_hours_need_a_market_that_has_them(file: Path, market: str, what: str) -> None:
    """A market that has no prices before and after the session says so, and what to use."""
    (found,) = problems(file, f"[market]\n{market}extended_hours = true\n")
    assert f"market.extended_hours: {what}, so there are no prices" in found
    assert "use the simulated market, or market.data" in found
    assert load(file, '[market]\ndata = "mine.csv"\nextended_hours = true\n').market.extended_hours
