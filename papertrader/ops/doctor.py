"""What an installation needs, looked at from outside: what is wrong, and what to do about it.

Reads only: files and their modes, certificates, the store's version, the run files, the clock that
the kernel knows. Works while everything runs, and when nothing does.
"""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import socket
import sqlite3
import ssl
import stat
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

import attrs
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from papertrader.core.callplan import plan_calls
from papertrader.master.database import SCHEMA_VERSION
from papertrader.master.secondfactor import KEY_FILE, lost_key, opens
from papertrader.master.storeurl import why_open
from papertrader.net.credentials import CredentialsError, load_certificates, load_credentials
from papertrader.ops.authorities import load_set
from papertrader.ops.certificates import ANEW, certificate_files, tls_directory
from papertrader.ops.enrolled import read_enrolled
from papertrader.ops.forwarded import ForwardedError, octets_behind, read_forwarded
from papertrader.ops.market_variables import MarketSource
from papertrader.ops.ownership import foreign, locked, owner_of
from papertrader.ops.planning import DAY_S, SESSION_S, advice, known_limits, shared_out
from papertrader.ops.running import StartError, read_live_run_file
from papertrader.ops.sealkey import NO_SHARED_KEY, read_seal_key
from papertrader.ops.settings import Settings
from papertrader.ops.settings_file import SETTINGS_FILE, SettingsError, load_settings
from papertrader.ops.signing import CertificateError

EXPIRY_AHEAD: Final = timedelta(days=14)
"""A certificate that ends sooner is told."""
RSA_BITS_MIN: Final = 3_072
"""An RSA key of 128 bits of security (NIST SP 800-57, part 1)."""
DISK_FREE_MIN: Final = 256 * 1024 * 1024
"""Octets that should be free where the state is: a day's journal and log."""
LOW_WATER: Final = 64 * 1024 * 1024
"""``store.low_water`` where the settings cannot be read."""
SKEW_MAX: Final = timedelta(seconds=1)
"""How far the clock may be off: beyond some milliseconds workers' stamps are looked at twice."""
BEHIND_MAX: Final = 16 * 1024 * 1024
"""Octets of the log that a forwarder may be behind: a file's worth, of ten that are kept."""
_TIME_ERROR: Final = 5
"""What ``adjtimex`` answers when nothing keeps the clock."""
PYTHON_MIN: Final = (3, 11)
OPENSSL_MIN: Final = (3, 0)
LIBRARIES: Final = (
    "twisted", "construct", "pyOpenSSL", "service-identity", "cryptography", "attrs", "peewee",
    "argon2-cffi", "click", "platformdirs", "tzdata", "treq",
)  # fmt: skip

_SEALED: Final = "SELECT count(*), min(id), totp_seed FROM account WHERE length(totp_seed) > 0"
"""How many seeds are sealed, and one of them: SQLite takes the row that has the least id."""


class Verdict(StrEnum):
    """How a check ended. SKIPPED: there is nothing of the kind here."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"
    SKIPPED = "skipped"


@attrs.frozen
class Finding:
    """What one check found; ``advice`` says what to do, and is empty when all is good."""

    check: str
    verdict: Verdict
    what: str
    advice: str = ""


def is_read_only(path: Path) -> bool:
    """Tell whether nothing can be written in a directory, whoever asks.

    A file system that Linux shuts after an error of its disk may still be called writable: only who
    tries is told. A file without a name leaves nothing behind.
    """
    if os.statvfs(path).f_flag & os.ST_RDONLY:
        return True
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CLOEXEC | getattr(os, "O_TMPFILE", 0), 0o600))
    except OSError as error:
        return error.errno == errno.EROFS
    return False


@attrs.frozen(kw_only=True)
class Surroundings:
    """What the doctor is told of the machine; tests tell something else."""

    now: datetime
    environment: dict[str, str]
    clock_offset: Callable[[], float | None] = lambda: None
    """Seconds that the clock is off by what keeps it, None if nothing does."""
    free_octets: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free
    read_only: Callable[[Path], bool] = is_read_only
    python: tuple[int, int] = sys.version_info[:2]
    openssl: tuple[int, ...] = ssl.OPENSSL_VERSION_INFO[:2]


def examine(state: Path, around: Surroundings) -> list[Finding]:
    """Make every check of a state directory."""
    if not state.is_dir():
        what = f"there is no {state}"
        return [Finding("state", Verdict.BAD, what, "make one with: papertrader up")]
    settings, findings = _settings(state, around)
    findings += _permissions(state)
    findings += _certificates(state, settings, around.now)
    findings.append(_clock(around))
    low_water = LOW_WATER if settings is None else settings.store.low_water
    if settings is not None and settings.store.url:
        low_water = 0  # The store is elsewhere; here are logs.
    findings.append(_disk(state, around, low_water))
    findings.append(_forwarding(state))
    findings += _store(state, settings)
    findings.append(_second_factors(state, settings))
    findings.append(_versions(around))
    findings.append(_libraries())
    if settings is not None:
        findings.append(_server(settings, around))
        findings.append(_figures(settings))
        findings.append(_ports(state, settings))
        findings.append(_budget(settings))
    return findings


def _settings(state: Path, around: Surroundings) -> tuple[Settings | None, list[Finding]]:
    try:
        settings = load_settings(state / SETTINGS_FILE, around.environment, {})
    except SettingsError as error:
        advice = f"correct it in {state / SETTINGS_FILE}"
        if not (state / SETTINGS_FILE).exists():
            advice = "put it back, or make one with: papertrader init --missing"
        return None, [Finding("settings", Verdict.BAD, each, advice) for each in error.problems]
    return settings, [Finding("settings", Verdict.GOOD, f"{SETTINGS_FILE} is understood")]


# --- permissions ---------------------------------------------------------------------------------


def _private(state: Path) -> Iterator[tuple[Path, int]]:
    """Give what must be its owner's alone, with the mode that it should have."""
    yield state, 0o700
    for name in ("tls", "keys", "run", "log", "witness", "client"):
        if (state / name).is_dir():
            yield state / name, 0o700
    for pattern in (
        "tls/*.key", "tls/*.next-key", "keys/*", "truth.db*", "views.db*", "witness/*", "*.key",
    ):  # fmt: skip
        for path in sorted(state.glob(pattern)):
            yield path, 0o600


def _permissions(state: Path) -> list[Finding]:
    found = []
    for path, wanted in _private(state):
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            found.append(
                Finding(
                    "permissions", Verdict.BAD, f"{path} is open to other users (mode {mode:04o})",
                    f"run: chmod {wanted:o} {path}",
                )
            )  # fmt: skip
    found += _owners(state)
    return found or [
        Finding("permissions", Verdict.GOOD, "keys and stores are their owner's alone")
    ]


def _owners(state: Path) -> list[Finding]:
    """Whether all belongs to one user, who can use it."""
    strange = foreign(state)
    if strange:
        owner = owner_of(state)
        more = f" (and {len(strange) - 1:,} more)" if strange[1:] else ""
        what = f"{strange[0]}{more} belongs to {owner_of(strange[0])}, the directory to {owner}"
        advice = f"as root: chown -R {owner} {state}; from now on run commands as {owner}"
        return [Finding("permissions", Verdict.BAD, what, advice)]
    return [
        Finding(
            "permissions", Verdict.BAD, f"{path} cannot be used by its owner",
            f"run: chmod {wanted} {path}",
        )
        for path, wanted in locked(state)
    ]  # fmt: skip


# --- certificates --------------------------------------------------------------------------------


def _certificates(state: Path, settings: Settings | None, now: datetime) -> list[Finding]:
    directory = tls_directory(state)
    if not (directory / "ca.pem").exists():
        if (state / "truth.db").exists():
            what = f"{directory} has no ca.pem, though there is a store"
            advice = (
                "put tls/ back as it was; if it is lost: papertrader init --missing makes another"
                " authority, whose ca.pem clients need; workers elsewhere enrol again"
            )
            return [Finding("certificates", Verdict.BAD, what, advice)]
        what = "there are no certificates yet"
        return [Finding("certificates", Verdict.WARNING, what, "make them with: papertrader up")]
    found = []
    try:
        phase = load_set(directory).phase
    except CertificateError as error:
        return [Finding("certificates", Verdict.BAD, str(error), "restore it from a backup")]
    if phase.name != "SINGLE":
        found.append(
            Finding(
                "certificates", Verdict.WARNING, "a change of authorities is under way",
                "end it with: papertrader ca rotate",
            )
        )  # fmt: skip
    here = sorted(directory.glob("*.pem"))
    for file in here:
        found += _certificate(state, file, now)
    found += [
        Finding(
            "certificates", Verdict.BAD,
            f"{file.name} is missing, without which {who} does not start",
            _anew(file, read_enrolled(state) is None),
        )
        for file, who in _needed(state, settings)
        if file not in here
    ]  # fmt: skip
    if all(each.verdict is Verdict.GOOD for each in found):
        ends = min((each.what for each in found), default="")
        return [Finding("certificates", Verdict.GOOD, f"{len(found)} files; {ends}")]
    return [each for each in found if each.verdict is not Verdict.GOOD]


def _needed(state: Path, settings: Settings | None) -> list[tuple[Path, str]]:
    """Return the certificates that the servers of this machine need, and which server each."""
    enrolled = read_enrolled(state)
    if enrolled is not None:
        workers = [enrolled.name]
    else:
        count = 1 if settings is None else settings.workers
        workers = [f"worker-{number}" for number in range(1, count + 1)]
    names = [] if enrolled is not None else [("master", "the master")]
    for worker in workers:
        names += [(worker, worker), (f"{worker}-public", worker)]
    return [(certificate_files(state, name)[0], who) for name, who in names]


def _certificate(state: Path, file: Path, now: datetime) -> list[Finding]:
    here = read_enrolled(state) is None
    advice = _renewal(file.stem, here)
    anew = _anew(file, here)
    try:
        certificates = load_certificates(file)
        key = certificate_files(state, file.stem)[1]
        if key.exists():
            load_credentials(file, key)
        elif file.stem == "master" or file.stem.startswith("worker-"):
            what = f"{key.name} is missing, the key of {file.name}"
            return [Finding("certificates", Verdict.BAD, what, anew)]
    except CredentialsError as error:
        return [Finding("certificates", Verdict.BAD, str(error), anew)]
    soonest = min(certificates, key=lambda each: each.not_valid_after_utc)
    return [_expiry(file, soonest, now, advice), *_strength(file, certificates[0])]


def _strength(file: Path, leaf: x509.Certificate) -> list[Finding]:
    """Whether the key has 128 bits of security, as everything that is made here."""
    key = leaf.public_key()
    if not isinstance(key, RSAPublicKey) or key.key_size >= RSA_BITS_MIN:
        return []
    what = f"{file.name} has an RSA key of {key.key_size} bits, which is weaker than all else here"
    advice = f"get it for an ECDSA key (P-256), or for an RSA key of {RSA_BITS_MIN} bits"
    return [Finding("certificates", Verdict.WARNING, what, advice)]


def _anew(file: Path, here: bool) -> str:
    """Return how a pair comes back that cannot be used; ``here``: the authority is beside it."""
    name = file.stem
    if name == "ca" or name.startswith("authority-"):
        return "put the files of tls/ back from where they are kept, at their mode"
    if here:
        return f"put {file.name} and {name}.key back; if they are lost, remove both, and with the" \
            " master stopped: papertrader init --missing makes new ones"  # fmt: skip
    return f"put {file.name} and {name}.key back; if they are lost: papertrader worker add NAME" \
        " --again beside the master"  # fmt: skip


def _renewal(name: str, here: bool) -> str:
    if name == "ca" or name.startswith("authority-"):
        return "change it with: papertrader ca rotate"
    if name == "master":
        return "the master renews it while it runs; if it has ended: papertrader init --missing"
    if name.endswith("-public"):
        return "a certificate of your own: renew it, then papertrader worker reload-cert;" \
            " one of ours: start the worker, or papertrader worker rotate"  # fmt: skip
    if here:
        return "the worker renews it while it runs; if it has ended: papertrader init --missing"
    return "start the worker, it renews it; if it has ended: papertrader worker add NAME --again"


def _expiry(file: Path, leaf: x509.Certificate, now: datetime, advice: str) -> Finding:
    end = leaf.not_valid_after_utc
    until = f"{file.name} until {end:%Y-%m-%d}"
    if now >= end:
        return Finding("certificates", Verdict.BAD, f"{file.name} ended {end:%Y-%m-%d}", advice)
    if leaf.not_valid_before_utc > now:
        begin = f"{leaf.not_valid_before_utc:%Y-%m-%d}"
        what = f"{file.name} is not good before {begin}"
        early = f"set this machine's clock right; if it is, it was ahead when this was made: {ANEW}"
        return Finding("certificates", Verdict.BAD, what, early)
    if end - now < EXPIRY_AHEAD and end - leaf.not_valid_before_utc > 2 * EXPIRY_AHEAD:
        what = f"{until}, in {(end - now).days} days"
        return Finding("certificates", Verdict.WARNING, what, advice)
    return Finding("certificates", Verdict.GOOD, until)


# --- the machine ---------------------------------------------------------------------------------


def _clock(around: Surroundings) -> Finding:
    offset = around.clock_offset()
    if offset is None:
        return Finding(
            "clock", Verdict.WARNING, "nothing keeps this machine's clock right, as far as it says",
            "let it be kept by NTP, such as systemd-timesyncd or chrony",
        )  # fmt: skip
    if abs(offset) > SKEW_MAX.total_seconds():
        return Finding(
            "clock", Verdict.BAD, f"the clock is off by {offset:+.3f} s",
            "set it right: a worker whose clock is off by 30 s is not let in",
        )  # fmt: skip
    return Finding("clock", Verdict.GOOD, f"off by {offset:+.6f} s at most")


def _disk(state: Path, around: Surroundings, low_water: int) -> Finding:
    if around.read_only(state):
        what = f"{state} is on a file system that can only be read: no server can run there"
        return Finding("disk", Verdict.BAD, what, "find out why (dmesg), and mount it for writing")
    free = around.free_octets(state)
    shown, advice = f"{_mib(free)} MiB free at {state}", "make room, or move the state directory"
    if free < low_water:
        what = (
            f"{shown}, less than store.low_water ({_mib(low_water)} MiB): a master that runs"
            " answers questions and changes nothing"
        )
        return Finding("disk", Verdict.BAD, what, f"{advice}; it goes on by itself then")
    if free < DISK_FREE_MIN:
        least = f"; below {_mib(low_water)} MiB (store.low_water) nothing is changed any more"
        return Finding("disk", Verdict.WARNING, shown + (least if low_water else ""), advice)
    return Finding("disk", Verdict.GOOD, shown)


def _forwarding(state: Path) -> Finding:
    """Whether the log's way to another machine keeps up, if it goes to one."""
    check, log = "forwarding", state / "log"
    try:
        found = read_forwarded(log)
        behind = octets_behind(log, found) if found is not None else 0
    except (ForwardedError, OSError) as error:
        advice = "start papertrader log forward: it begins with the oldest entry"
        return Finding(check, Verdict.WARNING, str(error), advice)
    if found is None:
        return Finding(check, Verdict.SKIPPED, "the log is not forwarded")
    shown = f"{_mib(behind)} MiB behind on the way to {found.receiver}, {found.lost:,} entries lost"
    if behind > BEHIND_MAX:
        advice = "see that papertrader log forward runs and its receiver takes it, or files go away"
        return Finding(check, Verdict.WARNING, shown, advice)
    return Finding(check, Verdict.GOOD, shown)


def _server(settings: Settings, around: Surroundings) -> Finding:
    """Whether the way to a store on a server is protected."""
    if not settings.store.url:
        return Finding("server", Verdict.SKIPPED, "the store is files of this machine")
    why = why_open(settings.store.url, around.environment)
    if why:
        advice = "add ?sslmode=verify-full&sslrootcert=/path/to/its/ca.pem to store.url"
        return Finding("server", Verdict.WARNING, why, advice)
    return Finding("server", Verdict.GOOD, "the way to the store's server is protected")


def _figures(settings: Settings) -> Finding:
    """Whether the figures for Prometheus, which have neither login nor TLS, leave this machine."""
    listen = settings.metrics.listen
    if listen is None:
        return Finding("figures", Verdict.SKIPPED, "metrics.listen is off")
    if _is_own(listen.host):
        return Finding("figures", Verdict.GOOD, f"{listen} is reached from this machine alone")
    what = f"metrics.listen = {listen} tells the figures without TLS to whoever reaches it"
    advice = "use 127.0.0.1, with what speaks TLS before it if Prometheus is on another machine"
    return Finding("figures", Verdict.WARNING, what, advice)


def _is_own(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _mib(octets: int) -> str:
    """Return MiB as people read them: with a digit behind the point if there are few."""
    return f"{octets / 1_048_576:,.1f}" if octets < 10 * 1_048_576 else f"{octets // 1_048_576:,}"


def _asked(path: Path, statement: str) -> Any:
    """Return the first row of an answer of a store. Raises `sqlite3.Error`."""
    # Without a log beside it nobody writes, and looking must not make one.
    alone = "" if path.with_name(f"{path.name}-wal").exists() else "&immutable=1"
    db = sqlite3.connect(f"file:{path}?mode=ro{alone}", uri=True)
    try:
        return db.execute(statement).fetchone()
    finally:
        db.close()


def _store(state: Path, settings: Settings | None) -> list[Finding]:
    if settings is not None and settings.store.url:
        return [Finding("schema", Verdict.SKIPPED, "the store is on a server")]
    found, views = [_schema(state)], state / "views.db"
    if views.exists() and os.access(views, os.R_OK):
        try:
            _asked(views, "SELECT count(*) FROM sqlite_master")
        except sqlite3.OperationalError:
            pass  # Somebody writes to it at this moment.
        except sqlite3.Error as error:
            what = f"{views} cannot be read ({error})"
            advice = "make it again, with the master stopped: papertrader rebuild"
            found.append(Finding("schema", Verdict.BAD, what, advice))
    return found


def _schema(state: Path) -> Finding:
    path = state / "truth.db"
    if not path.exists():
        if (state / "views.db").exists() or (tls_directory(state) / "audit.key").exists():
            what = f"{path} is gone, though a master has run here"
            advice = "put it back from a backup: papertrader restore FILE"
            return Finding("schema", Verdict.BAD, what, advice)
        return Finding("schema", Verdict.SKIPPED, "no master has run here")
    if not os.access(path, os.R_OK):
        what = f"{path} may not be read by who asks; it is {owner_of(path)}'s"
        return Finding("schema", Verdict.BAD, what, "ask as the user of the services")
    try:
        row = _asked(path, "SELECT value FROM meta WHERE key = 'schema'")
        number = int(row[0])
    except (sqlite3.Error, TypeError, ValueError) as error:
        what = f"{path} cannot be read ({error})"
        return Finding("schema", Verdict.BAD, what, "restore it from a backup; keep this copy")
    if number > SCHEMA_VERSION:
        what = f"the store has version {number}, this program knows {SCHEMA_VERSION}"
        return Finding("schema", Verdict.BAD, what, "upgrade the program")
    if number < SCHEMA_VERSION:
        what = f"the store has version {number}; the next start brings it to {SCHEMA_VERSION}"
        return Finding("schema", Verdict.WARNING, what, "keep a backup, then start the master")
    return Finding("schema", Verdict.GOOD, f"the store has version {number}")


def _second_factors(state: Path, settings: Settings | None) -> Finding:
    """Whether the key is there that opens the second factors, and fits them.

    Of a store on a server only the file is looked at.
    """
    check, advice = "keys", f"put back {state / KEY_FILE} from where keys/ is kept"
    try:
        key = read_seal_key(state)
    except StartError as error:
        return Finding(check, Verdict.BAD, str(error), advice)
    try:
        many, account, sealed = _asked(state / "truth.db", _SEALED)
    except sqlite3.Error:
        # No store, none with second factors yet, or one that `_schema` tells of.
        many, account, sealed = 0, 0, b""
    if key is None:
        if many:
            return Finding(check, Verdict.BAD, lost_key(many), advice)
        if (tls_directory(state) / "audit.key").exists():
            what = f"{KEY_FILE} is missing, which the last start made"
            return Finding(check, Verdict.WARNING, what, f"{advice}, or start: it is made anew")
        if settings is not None and settings.master.standby:
            what = f"{KEY_FILE} is missing, which both masters need"
            return Finding(check, Verdict.BAD, what, NO_SHARED_KEY)
        return Finding(check, Verdict.SKIPPED, "no master has run here")
    if many and not opens(key, account, bytes(sealed)):
        what = f"{KEY_FILE} does not open the second factors in the store"
        right = f"{advice}, the one that belongs to this store; lost for ever: papertrader lost-key"
        return Finding(check, Verdict.BAD, what, right)
    return Finding(check, Verdict.GOOD, f"{KEY_FILE} is there; accounts that need it: {many}")


def _versions(around: Surroundings) -> Finding:
    shown = (
        f"Python {'.'.join(map(str, around.python))}, OpenSSL {'.'.join(map(str, around.openssl))}"
    )
    if around.python < PYTHON_MIN or around.openssl[:2] < OPENSSL_MIN:
        return Finding("versions", Verdict.BAD, shown, "Python 3.11 and OpenSSL 3.0 are needed")
    return Finding("versions", Verdict.GOOD, shown)


def _libraries(names: tuple[str, ...] = LIBRARIES) -> Finding:
    found, missing = [], []
    for name in names:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        what = f"missing: {', '.join(missing)}"
        return Finding("libraries", Verdict.BAD, what, "install again: pip install papertrader")
    return Finding("libraries", Verdict.GOOD, ", ".join(found))


def _ports(state: Path, settings: Settings) -> Finding:
    """Whether the ports can be had, or are ours already."""
    wanted = []
    if read_enrolled(state) is None:
        wanted.append(("master", "master.listen", settings.master.listen))
    workers = 1 if read_enrolled(state) else settings.workers
    wanted += [
        (f"worker-{number}", "worker.listen", settings.worker_listen(number))
        for number in range(1, workers + 1)
    ]
    for name, setting, listen in wanted:
        if listen.port == 0 or _runs(state, name):
            continue
        family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((listen.host, listen.port))
            except OSError as error:
                what = f"{name} cannot listen on {listen}: {error.strerror}"
                return Finding("ports", Verdict.BAD, what, f"change {setting} in the settings")
    return Finding("ports", Verdict.GOOD, "free, or ours")


def _runs(state: Path, name: str) -> bool:
    """Tell whether a server of ours runs, be it that it does not serve yet, as a standby."""
    files = (f"{name}.json", f"{name}-driver.json")
    return any(read_live_run_file(state, each) is not None for each in files)


def _budget(settings: Settings) -> Finding:
    if settings.market.source is not MarketSource.LIVE:
        return Finding("budget", Verdict.SKIPPED, "the market asks no provider")
    count = max(1, len(settings.market.symbols))
    interval_ms = settings.market.update_interval_ms
    known = known_limits({each.name: each.limits for each in settings.providers})
    said = []
    for name in settings.market.providers:
        open_s = DAY_S if known[name].always else SESSION_S
        limits = settings.provider(name).limits
        plan = plan_calls(limits, shared_out(count), open_s=open_s, interval_ms=interval_ms)
        if not plan.holds:
            said += [f"{name}: {each}" for each in advice(plan, interval_ms)]
    shown = f"{count} symbols of {', '.join(settings.market.providers)}"
    if said:
        what = f"{shown}: the limits do not hold what is wanted"
        return Finding("budget", Verdict.WARNING, what, "; ".join(said))
    return Finding("budget", Verdict.GOOD, f"{shown}: within the limits")


def kernel_clock() -> float | None:
    """Return by how many seconds the clock is off at most, as the kernel knows; None: unkept.

    Linux only: ``adjtimex`` by the C library, as NTP daemons set it.
    """
    if sys.platform != "linux":
        return None
    timex = (ctypes.c_long * 32)()
    state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex))
    if state in (-1, _TIME_ERROR):
        return None
    # struct timex: modes, offset, freq, maxerror (microseconds), ...
    return float(timex[3]) / 1_000_000
