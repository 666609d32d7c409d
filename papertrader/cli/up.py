"""``papertrader up``: a whole PaperTrader on this machine, from nothing, in one command.

It makes what is missing, starts the same ``twistd`` services an operator uses, and stops them in
order. It holds no data and no secrets itself.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import attrs
import click

from papertrader.cli.invocation import state_dir_option
from papertrader.cli.place import address_of
from papertrader.cli.problems import EXIT_USAGE
from papertrader.core.instants import format_instant, from_datetime, to_datetime
from papertrader.master.engines import StoreError, place_at
from papertrader.net.credentials import CredentialsError
from papertrader.ops.certificates import CertificateError, authority_file
from papertrader.ops.firstoperator import beginning_of
from papertrader.ops.installation import prepare, prepare_settings
from papertrader.ops.market_variables import MarketSource
from papertrader.ops.options import default_state_dir
from papertrader.ops.provider_keys import without_keys
from papertrader.ops.running import (
    EXIT_INTERNAL,
    StartError,
    StateLock,
    read_run_file,
    run_directory,
    write_run_file,
)
from papertrader.ops.settings import Settings
from papertrader.ops.settings_file import SETTINGS_FILE, SettingsError, load_settings
from papertrader.ops.starting import StartProgress

START_S: Final = 30.0
"""A server that is not ready by then, and has not said for so long how far it is, has failed."""
STOP_S: Final = 4.5
"""A server that has not stopped by then is killed."""
POLL_S: Final = 0.05
SAID_MAX: Final = 64 * 1024
"""Octets of a server's words that are kept: more than it says before it is ready."""
_PR_SET_PDEATHSIG: Final = 1


def _die_with_parent() -> None:
    """Ask Linux to stop this child if ``up`` itself is killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


@attrs.define
class Server:
    """A driver that runs, and what it said: through a pipe, for its disk may be what failed."""

    name: str
    process: subprocess.Popen[bytes]
    pipe: int
    words: Path
    """Where it is kept as well, as far as there is room."""
    said: bytes = b""
    """The newest of it, `SAID_MAX` octets at most."""
    _rest: bytes = b""

    def new_lines(self) -> list[str]:
        """Return the whole lines that it has said since the last time."""
        octets = b""
        with contextlib.suppress(BlockingIOError):
            while more := os.read(self.pipe, SAID_MAX):
                octets += more
        if not octets:
            return []
        with contextlib.suppress(OSError), self.words.open("ab") as file:
            file.write(octets)
        self.said = (self.said + octets)[-SAID_MAX:]
        whole, newline, self._rest = (self._rest + octets).rpartition(b"\n")
        return (whole + newline).decode(errors="replace").splitlines()


class Supervisor:
    """Starts the drivers of master and workers, and stops all.

    What crashes is started again by its driver. One thread, a loop with a short sleep.
    """

    def __init__(self, state: Path, settings: Settings, overrides: dict[str, str]) -> None:
        self._state = state
        self._settings = settings
        self._overrides = overrides
        self._servers: list[Server] = []
        self.pages: list[str] = []
        """Where browsers find the workers."""
        self.gateways: list[str] = []
        """Where programs written for Alpaca find them."""
        self.stopping = False

    # --- starting ------------------------------------------------------------------------------

    def _spawn(self, name: str, arguments: list[str]) -> Server:
        words = run_directory(self._state) / f"{name}.err"
        program = Path(sys.executable).with_name("twistd")
        command = [
            str(program), "-n", "--pidfile=", "--logger=papertrader.ops.running.no_observer",
            *arguments, "--state-dir", str(self._state),
        ]  # fmt: skip
        with contextlib.suppress(OSError):
            words.unlink(missing_ok=True)
        pipe, errors = os.pipe()
        try:
            for end in (pipe, errors):
                os.set_blocking(end, False)
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                # If nobody reads it, words are lost: no server waits for that.
                stderr=errors,
                # Ctrl-C is for `up` alone, which stops the others in order.
                start_new_session=True,
                # Only the master calls providers; no worker needs their keys.
                env=None if name == "master" else without_keys(os.environ),
                preexec_fn=_die_with_parent,  # noqa: PLW1509 (this process has one thread)
            )
        finally:
            os.close(errors)
        server = Server(name, process, pipe, words)
        self._servers.append(server)
        return server

    def _sets(self, **more: str) -> list[str]:
        pairs = {**self._overrides, **{k.replace("__", "."): v for k, v in more.items()}}
        return [part for name, value in pairs.items() for part in ("--set", f"{name}={value}")]

    def start(self) -> list[str]:
        """Start master and workers; return the workers' addresses when all are ready."""
        master = self._spawn("master", ["papertrader-master", *self._sets()])
        # Its driver has the port at once; the workers need not wait until the workings serve.
        port = self._wait(master, "master-driver.json")["port"]
        host = self._settings.master.listen.host
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        sets = self._sets(master__listen=address)
        workers = [
            self._spawn(f"worker-{number}", ["papertrader-worker", *sets, "--number", str(number)])
            for number in range(1, self._settings.workers + 1)
        ]
        self._wait(master, "master.json")
        told = [self._wait(each, f"{each.name}.json") for each in workers]
        self.pages = [f"https://{address_of(each['web'])}/" for each in told if "web" in each]
        gateways = [each["gateway"] for each in told if "gateway" in each]
        self.gateways = [f"https://{address_of(each)}" for each in gateways]
        return [address_of(each) for each in told]

    def start_worker(self, name: str, arguments: list[str]) -> str:
        """Start one worker of an installation of its own; return its address when it is ready."""
        server = self._spawn(name, ["papertrader-worker", *self._sets(), *arguments])
        return address_of(self._wait(server, f"{name}.json"))

    def _wait(self, server: Server, run_file: str) -> dict[str, Any]:
        """Wait until a server has said something of its own into a run file.

        As long as any of them has something to say, it is passed on and waited for.
        """
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and not self.stopping:
            said = read_run_file(self._state, run_file)
            if server.process.poll() is not None:
                raise StartError(self._last_words(server))
            if said is not None and said.get("driver") == server.process.pid:
                return said
            for line in [line for each in self._servers for line in each.new_lines()]:
                deadline = time.monotonic() + START_S
                if "error: " not in line:  # that comes when it has ended, with the exit code
                    _progress(line)
            time.sleep(POLL_S)
        if self.stopping:
            raise KeyboardInterrupt
        raise StartError(
            f"{server.name} was not ready within {START_S:.0f} seconds; see {self._state / 'log'}"
        )

    @staticmethod
    def _last_words(server: Server) -> str:
        server.new_lines()
        text = server.said.decode(errors="replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        marked = [line.partition("error: ")[2] for line in lines if "error: " in line]
        return (marked or lines or [f"{server.name} ended without a word"])[-1]

    # --- watching ------------------------------------------------------------------------------

    def watch(self, tell: Callable[[str], None]) -> int:
        """Pass on what the drivers say until told to stop; return the exit code.

        A driver ends by itself when its server crashed too often, and cannot be done without.
        """
        while not self.stopping:
            for server in self._servers:
                code = server.process.poll()
                for line in server.new_lines():
                    tell(line)
                if code is not None:
                    tell(f"{server.name} ended ({_ending(code)})")
                    return EXIT_INTERNAL
            time.sleep(POLL_S)
        return 0

    def stop(self) -> None:
        """Stop the workers, then the master; kill what does not stop in time."""
        deadline = time.monotonic() + STOP_S
        workers = [each.process for each in self._servers if each.name != "master"]
        masters = [each.process for each in self._servers if each.name == "master"]
        for group, until in ((workers, deadline - STOP_S / 2), (masters, deadline)):
            for process in group:
                process.terminate()
            for process in group:
                try:
                    process.wait(max(0.01, until - time.monotonic()))
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def _ending(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _overrides(options: dict[str, Any], listens: tuple[str, str]) -> dict[str, str]:
    chosen = {
        "workers": options["workers"],
        "market.source": options["market"],
        "market.speed": options["speed"],
        "market.start": options["market_clock"],
        "market.data": options["data"] and options["data"].absolute(),
        "market.providers": options["provider"],
        "market.symbols": options["symbols"],
        "market.keep_closed_hours": "true" if options["keep_closed_hours"] else None,
        "market.extended_hours": "true" if options["extended_hours"] else None,
    }
    for name, key, listen in zip(
        ("master.listen", "worker.listen"), ("master_port", "worker_port"), listens, strict=True
    ):
        if options[key] is not None:
            host = listen.rpartition(":")[0]
            chosen[name] = f"{host}:{options[key]}"
    if options["web_port"] is not None:
        chosen["web.listen"] = f"{listens[1].rpartition(':')[0]}:{options['web_port']}"
    if options["gateway_port"] is not None:
        chosen["gateway.listen"] = f"{listens[1].rpartition(':')[0]}:{options['gateway_port']}"
    return {name: str(value) for name, value in chosen.items() if value is not None}


@click.command("up")
@state_dir_option
@click.option("--workers", type=int, help="Number of workers, at least 1.")
@click.option("--master-port", type=int, help="Port for the workers; 0 = any free one.")
@click.option("--worker-port", type=int, help="Port for clients; 0 = any free one.")
@click.option("--web-port", type=int, help="Port for browsers; 0 = any free one.")
@click.option(
    "--gateway-port", type=int, help="Port for programs written for Alpaca; 0 = any free one."
)
@click.option("--market", type=click.Choice(["replay", "simulated", "live"]), help="Which market.")
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True),
    help="Your own prices for the replay market: a CSV or Parquet file, or a directory of such.",
)
@click.option("--provider", help="Who is asked for live prices: names, the first one first.")
@click.option("--symbols", help="Symbols of the live market, such as 'AAPL BTC/USD'.")
@click.option("--speed", help="Market seconds in a real second (default 60).")
@click.option("--market-clock", metavar="DATE", help="First day of the market, as 2010-01-04.")
@click.option("--keep-closed-hours", is_flag=True, help="Do not skip nights and weekends.")
@click.option("--extended-hours", is_flag=True, help="Prices before and after the session, too.")
def up(state_dir: Path | None, **options: Any) -> None:
    """Run a whole PaperTrader on this machine: master, workers and a market."""
    sys.exit(run((state_dir or default_state_dir()).absolute(), options))


def run(state: Path, options: dict[str, Any]) -> int:
    """Prepare, start, tell, watch, stop. Returns the exit code."""
    lock = StateLock(state, "up")
    supervisor: Supervisor | None = None
    try:
        prepare_settings(state, _progress)
        path = state / SETTINGS_FILE
        settings = load_settings(path, os.environ, {})
        listens = (str(settings.master.listen), str(settings.worker.listen))
        overrides = _overrides(options, listens)
        settings = load_settings(path, os.environ, overrides)
        lock.acquire()
        place, standby = place_at(state, settings.store.url), settings.master.standby
        now = datetime.now(UTC)
        prepare(
            state,
            settings.workers,
            now=now,
            new_uuid=uuid.uuid4,
            place=place,
            standby=standby,
            telling=StartProgress(time.monotonic_ns, _progress).store,
        )
        beginning = beginning_of(place, from_datetime(now), standby=standby)
        supervisor = Supervisor(state, settings, overrides)
        _catch_signals(supervisor)
        _progress("starting the master and its workers ...")
        addresses = supervisor.start()
        write_run_file(
            state, "workers.json", {"workers": addresses, "ca": str(authority_file(state))}
        )
        _ready(state, addresses, supervisor, settings, beginning.has_accounts)
        if beginning.operator_code:
            _progress(
                "There is no operator yet. To be one, type within a day:"
                f" {_command(state)} register NAME --invite\n"
                f"and give it this code: {beginning.operator_code}"
            )
        return supervisor.watch(_progress)
    except KeyboardInterrupt:
        return 0
    except SettingsError as error:
        for problem in error.problems:
            click.echo(f"error: {problem}", err=True)
        click.echo(f"hint: see: {_command(state)} up --help, and {state / SETTINGS_FILE}", err=True)
        return EXIT_USAGE
    except (StartError, StoreError, CertificateError, CredentialsError) as error:
        click.echo(f"error: {error}", err=True)
        return 1
    finally:
        if supervisor is not None:
            _progress("stopping ...")
            supervisor.stop()
            (run_directory(state) / "workers.json").unlink(missing_ok=True)
        lock.release()


def _catch_signals(supervisor: Supervisor) -> None:
    def stop(number: int, frame: object) -> None:
        supervisor.stopping = True

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)


def _progress(line: str) -> None:
    click.echo(line, err=True)


def _ready(
    state: Path, addresses: list[str], found: Supervisor, settings: Settings, has_accounts: bool
) -> None:
    click.echo(f"READY worker={addresses[0]} ca={authority_file(state)} state={state}")
    if found.pages:
        click.echo(
            f"\nOpen in a browser: {found.pages[0]}\n"
            "It will ask once whether to trust the certificate: this program made it, on this"
            " machine."
        )
    if found.gateways:
        click.echo(
            f"\nFor programs written for Alpaca: url_override={found.gateways[0]}, trusting"
            f" {authority_file(state)} (REQUESTS_CA_BUNDLE and SSL_CERT_FILE)."
        )
    source = settings.market.source
    market = (read_run_file(state, "master.json") or {}).get("market", {})
    now = int(market.get("time", 0))
    data = settings.market.data if source is MarketSource.REPLAY else ""
    what = {
        MarketSource.REPLAY: f"the prices in {data}"
        if data
        else "recorded prices of real US shares",
        MarketSource.SIMULATED: "a simulated market",
        MarketSource.LIVE: f"live prices of {', '.join(settings.market.providers)}",
    }[source]
    is_live = source is MarketSource.LIVE
    speed = Decimal(1) if is_live else Decimal(settings.market.speed_milli) / 1000
    click.echo(f"\nThe market: {what}, now at {format_instant(now)[:16]}Z, {speed} x real time.")
    late = now and to_datetime(now).date() > settings.market.start
    if late and not is_live and _is_given(settings):
        click.echo(
            "It had come so far before and goes on from there. To turn it to another day:"
            f" {_command(state)} clock jump DATE"
        )
    trade = "buy AAPL 10" if source is MarketSource.REPLAY and not data else "assets"
    click.echo(_next_steps(_command(state), trade, has_accounts))
    sys.stdout.flush()


def _next_steps(command: str, trade: str, has_accounts: bool) -> str:
    """Return what to type next; where there are accounts, nobody needs to open one."""
    if has_accounts:
        first = [f"{command} login NAME  (or a new account: {command} register NAME)"]
    else:
        first = [f"{command} register ann", f"{command} login ann"]
    lines = [*first, f"{command} {trade}", f"{command} portfolio"]
    steps = "".join(f"  {line}\n" for line in lines)
    return f"In another terminal, type next:\n{steps}Ctrl-C stops it; everything is kept."


def _is_given(settings: Settings) -> bool:
    """Tell whether somebody asked for the market's first day."""
    return any(v.name == "market.start" and v.origin != "default" for v in settings.values)


def _command(state: Path) -> str:
    """Return how to call this program from where the user is."""
    program = Path(sys.executable).with_name("papertrader")
    found = shutil.which("papertrader")
    if found is not None and Path(found).resolve() == program.resolve():
        name = "papertrader"
    elif program.is_relative_to(Path.cwd()):
        name = str(program.relative_to(Path.cwd()))
    else:
        name = str(program)
    default = state == default_state_dir().absolute()
    return name if default else f"{name} --state-dir {shlex.quote(str(state))}"
