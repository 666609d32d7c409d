"""``papertrader worker``: registering workers, setting them up elsewhere, shutting them out."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from papertrader.cli.grouping import Group
from papertrader.cli.invocation import Invocation, json_option, pass_invocation
from papertrader.cli.output import counted, moment, name, pairs, plain, table, write_json
from papertrader.cli.problems import EXIT_CONNECT, EXIT_REFUSED, Problem
from papertrader.cli.visit import logged_in
from papertrader.core.identifiers import check_host, check_worker_name
from papertrader.core.limithits import DRAINED
from papertrader.wire.kinds import PORT_WORKER, Scope, WorkerState

if TYPE_CHECKING:
    from papertrader.client.blocking import Client
    from papertrader.client.workerresults import WorkerEntry


_PLACE: Final = "a place for a worker"
_NO_WORKERS: Final = ("master", "standby", "workers")
"""Files of ``run`` that are not of workers."""


@click.group(cls=Group)
def worker() -> None:
    """Register workers, set them up on other machines, shut them out (operators)."""


def _state(invocation: Invocation) -> Path:
    from papertrader.ops.options import default_state_dir  # noqa: PLC0415 (slow to import)

    return (invocation.state_dir or default_state_dir()).absolute()


def find(client: Client, wanted: str) -> WorkerEntry:
    """Return the worker with a name or number; raises `Problem`."""
    found = client.worker_registry()
    for each in found:
        if wanted in (each.name, str(each.worker)):
            return each
    names = ", ".join(each.name for each in found)
    raise Problem.usage(f"there is no worker {wanted}; there are: {names}")


@worker.command()
@click.argument("name_", metavar="NAME")
@click.option("--again", is_flag=True, help="It is registered: replace its key.")
@click.option("--cidr", multiple=True, help="From where it may come, such as 192.0.2.0/24.")
@click.option("--host", multiple=True, help="Name or address by which clients reach it.")
@click.option("--address", help="HOST:PORT by which it reaches this master.")
@json_option
@pass_invocation
def add(
    invocation: Invocation,
    name_: str,
    again: bool,
    cidr: tuple[str, ...],
    host: tuple[str, ...],
    address: str | None,
) -> None:
    """Make a place for the worker NAME; print the line that sets it up, good once.

    Hand the line over in a way that nobody else reads, within 15 minutes, for
    `papertrader worker enrol` on its machine.
    """
    from papertrader.client.errors import RefusedError  # noqa: PLC0415
    from papertrader.ops.enrolling import EnrollmentLine  # noqa: PLC0415

    try:
        check_worker_name(name_)
        for each in host:
            check_host(each)
    except ValueError as error:
        raise Problem.usage(str(error)) from None
    if not all(each.strip() for each in cidr):
        raise Problem.usage("--cidr is empty", "without it the worker may come from anywhere")
    where, port = _master_address(invocation, address)
    with logged_in(invocation, scope=Scope.ADMIN) as client:
        try:
            made = client.worker_add(name_, again=again, networks=cidr, hosts=host)
        except RefusedError as error:
            if error.code != "NAME_TAKEN":
                raise
            hint = f"for new keys on its machine: {{program}} worker add {name_} --again"
            raise Problem(error.code, error.text, hint, EXIT_REFUSED) from None
    line = EnrollmentLine(
        host=where, port=port, name=name_, uuid=made.uuid, token=made.token,
        authority=bytes.fromhex(made.authority),
    )  # fmt: skip
    if invocation.as_json:
        write_json(worker=made, line=str(line))
        return
    click.echo(str(line))
    local = where in ("127.0.0.1", "::1", "localhost")
    click.echo(
        f"worker {name_} is number {made.worker}; until {moment(made.expires_at)} UTC, on its"
        " machine: papertrader worker enrol  (and paste the line)"
        + ("\nThe master listens on this machine only: see master.listen" if local else ""),
        err=True,
    )


def _master_address(invocation: Invocation, address: str | None) -> tuple[str, int]:
    """Where a worker reaches the master: as said, or as the master that runs here listens."""
    from papertrader.client.endpoints import parse_endpoint  # noqa: PLC0415
    from papertrader.ops.running import read_live_run_file  # noqa: PLC0415
    from papertrader.ops.settings_file import SETTINGS_FILE, load_settings  # noqa: PLC0415

    if address is not None:
        try:
            endpoint = parse_endpoint(address, PORT_WORKER)
        except ValueError as error:
            raise Problem.usage(f"--address: {error}") from None
        return endpoint.host, endpoint.port
    state = _state(invocation)
    said = read_live_run_file(state, "master.json")
    if said is None:
        raise Problem.usage("no master runs here", "say --address HOST:PORT, the master's")
    listen = load_settings(state / SETTINGS_FILE, os.environ, {}).master.listen
    host = "127.0.0.1" if listen.host in ("0.0.0.0", "::") else listen.host
    if listen.host in ("0.0.0.0", "::"):
        raise Problem.usage(
            "the master listens on every address of this machine",
            f"say which one the worker reaches: --address HOST:{said['port']}",
        )
    return host, int(said["port"])


def _line_from(line_file: Path | None) -> str:
    if line_file is not None:
        return line_file.read_text(encoding="utf-8")
    if sys.stdin.isatty():
        return str(click.prompt("Line", hide_input=True, err=True))
    return sys.stdin.read(4_096)


@worker.command()
@click.option(
    "--line-file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="File with the line; otherwise it is read from the terminal or from stdin.",
)
@json_option
@pass_invocation
def enrol(invocation: Invocation, line_file: Path | None) -> None:
    """Set this machine up as a worker, with the line of `papertrader worker add`.

    Its keys are made here and never leave.
    """
    from papertrader.ops.enrolled import EnrolledWorker  # noqa: PLC0415
    from papertrader.ops.enrolling import EnrollError, enroll, read_line  # noqa: PLC0415
    from papertrader.ops.installation import prepare_settings  # noqa: PLC0415
    from papertrader.ops.running import StartError  # noqa: PLC0415

    state = _state(invocation)
    try:
        line = read_line(_line_from(line_file))
        _require_own(state, line.name)
        prepare_settings(state, lambda text: click.echo(text, err=True), _PLACE)
        done: EnrolledWorker = _run(lambda reactor, clock: enroll(line, state, reactor, clock))
    except (EnrollError, StartError, OSError) as error:
        raise Problem("ENROLLMENT", str(error), "", EXIT_CONNECT) from None
    if invocation.as_json:
        write_json(enrolled={"worker": done.worker_id, "name": done.name, "uuid": done.uuid})
        return
    click.echo(f"{done.name} is enrolled as worker {done.worker_id}, in {state}")
    click.echo(f"next: {invocation.command_line()} worker run")


def _require_own(state: Path, name_: str) -> None:
    """A worker has a state directory of its own: neither a master's nor another worker's.

    A master's has another authority's files; of a store on a server they are all that tells.
    """
    from papertrader.ops.certificates import certificate_files  # noqa: PLC0415
    from papertrader.ops.enrolled import read_enrolled  # noqa: PLC0415
    from papertrader.ops.enrolling import EnrollError  # noqa: PLC0415

    whose = ""
    if (state / "truth.db").exists() or certificate_files(state, "master")[0].exists():
        whose = "a master"
    else:
        # One that cannot be read is mended by enrolling.
        with contextlib.suppress(ValueError):
            own = read_enrolled(state)
            whose = own.name if own is not None and own.name != name_ else ""
    if whose:
        raise EnrollError(
            f"{state} is {whose}'s; choose another place for the worker with --state-dir"
        )


def _run(work: Any) -> Any:
    """Run one coroutine on a reactor of this process; return its result or raise its error."""
    from twisted.internet import reactor as chosen  # noqa: PLC0415
    from twisted.internet.defer import Deferred  # noqa: PLC0415
    from twisted.python.failure import Failure  # noqa: PLC0415

    from papertrader.net.clock import Clock, install_monotonic  # noqa: PLC0415

    reactor: Any = chosen
    install_monotonic(reactor)
    results: list[Any] = []

    def finish(result: Any) -> None:
        results.append(result)
        reactor.stop()

    def begin() -> None:
        Deferred.fromCoroutine(work(reactor, Clock(reactor))).addBoth(finish)

    reactor.callWhenRunning(begin)
    reactor.run()
    if results and isinstance(results[0], Failure):
        results[0].raiseException()
    if not results:
        raise KeyboardInterrupt
    return results[0]


@worker.command()
@click.option("--listen", help="HOST:PORT for clients (default: the setting worker.listen).")
@click.option("--public-host", default="", help="Name by which clients reach it.")
@click.option("--region", type=click.IntRange(0, 2**32 - 1), default=0, help="Its region.")
@pass_invocation
def run(invocation: Invocation, listen: str | None, public_host: str, region: int) -> None:
    """Run the worker that was enrolled here, and start it again when it dies."""
    from papertrader.cli.up import Supervisor  # noqa: PLC0415
    from papertrader.ops.certificates import authority_file  # noqa: PLC0415
    from papertrader.ops.enrolled import read_enrolled  # noqa: PLC0415
    from papertrader.ops.running import (  # noqa: PLC0415
        StartError,
        StateLock,
        run_directory,
        write_run_file,
    )
    from papertrader.ops.settings_file import SETTINGS_FILE, SettingsError, load_settings  # noqa: PLC0415
    from papertrader.ops.worker_tap import check_public_host  # noqa: PLC0415

    try:
        check_public_host(public_host)
    except ValueError as error:
        raise Problem.usage(f"--public-host: {error}") from None
    state = _state(invocation)
    overrides = {"worker.listen": listen} if listen else {}
    try:
        enrolled = read_enrolled(state)
        if enrolled is None:
            raise Problem.usage(
                f"no worker is enrolled in {state}", "enrol it first: {program} worker enrol"
            )
        settings = load_settings(state / SETTINGS_FILE, os.environ, overrides)
    except (ValueError, SettingsError) as error:
        raise Problem.usage(str(error)) from None
    supervisor = Supervisor(state, settings, overrides)
    lock = StateLock(state, "up")

    def stop(number: int, frame: object) -> None:
        supervisor.stopping = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    try:
        lock.acquire()
        arguments = ["--public-host", public_host, "--region", str(region)]
        address = supervisor.start_worker(enrolled.name, arguments)
        ca = authority_file(state)
        write_run_file(state, "workers.json", {"workers": [address], "ca": str(ca)})
        click.echo(f"READY worker={address} ca={ca} state={state}")
        sys.stdout.flush()
        sys.exit(supervisor.watch(lambda line: click.echo(line, err=True)))
    except StartError as error:
        raise Problem("START", str(error), "", EXIT_CONNECT) from None
    except KeyboardInterrupt:
        return
    finally:
        supervisor.stop()
        (run_directory(state) / "workers.json").unlink(missing_ok=True)
        lock.release()


# --- looking -----------------------------------------------------------------------------------


def _when(value: datetime | None) -> str:
    return moment(value, seconds=False)


def drained_of(client: Client) -> set[int]:
    """Return the numbers of the workers that `drain` took out of service."""
    return {each.worker for each in client.stats() if each.name == DRAINED and each.worker}


def _with_drain(each: WorkerEntry, drained: set[int]) -> dict[str, Any]:
    return {**plain(each), "drained": each.worker in drained}


@worker.command("ls")
@json_option
@pass_invocation
def list_(invocation: Invocation) -> None:
    """List the registry: who may come in, who is there."""
    with logged_in(invocation, scope=Scope.ADMIN) as client:
        found = client.worker_registry()
        drained = drained_of(client)
    if invocation.as_json:
        write_json(workers=[_with_drain(each, drained) for each in found])
        return
    headings = (
        ">id", "name", "state", "up", "drained", ">region", "address", ">clients", ">rtt ms",
        ">duplicates", "certificate until",
    )  # fmt: skip
    rows = [
        (
            str(each.worker),
            each.name,
            name(each.state),
            "yes" if each.connected else "no",
            "yes" if each.worker in drained else "no",
            str(each.region),
            each.address or "-",
            str(each.clients),
            f"{each.rtt_us / 1_000:.1f}" if each.rtt_us else "-",
            str(each.duplicates),
            _when(each.expires_at),
        )
        for each in found
    ]
    click.echo(table(headings, rows))


@worker.command()
@click.argument("wanted", metavar="WORKER")
@json_option
@pass_invocation
def show(invocation: Invocation, wanted: str) -> None:
    """Show all that is known of WORKER (its name or number)."""
    with logged_in(invocation, scope=Scope.ADMIN) as client:
        each = find(client, wanted)
        drained = drained_of(client)
    if invocation.as_json:
        write_json(worker=_with_drain(each, drained))
        return
    click.echo(
        pairs(
            (
                ("number", str(each.worker)),
                ("name", each.name),
                ("uuid", each.uuid),
                ("state", name(each.state)),
                ("up", "yes" if each.connected else "no"),
                ("drained", "yes" if each.worker in drained else "no"),
                ("address", each.address or "-"),
                ("may come from", " ".join(each.networks) or "anywhere"),
                ("region", str(each.region)),
                ("clients", str(each.clients)),
                ("round trip", f"{each.rtt_us / 1_000:.3f} ms" if each.rtt_us else "-"),
                ("duplicates", str(each.duplicates)),
                ("added", moment(each.added_at)),
                ("last came", moment(each.seen_at)),
                ("certificate until", moment(each.expires_at)),
                ("key (SHA-256)", each.spki or "-"),
                ("authority (SHA-256)", each.authority or "-"),
                ("trusts as told", "yes" if each.trusting else "no"),
            )
        )
    )


# --- changing ----------------------------------------------------------------------------------


def _find_set_up(client: Client, wanted: str) -> WorkerEntry:
    """Return a worker that has shown its key; raises `Problem`."""
    each = find(client, wanted)
    if each.state is WorkerState.PENDING:
        raise Problem.usage(
            f"{each.name} was added and has not been set up: there is nothing to shut out",
            f"its line is good until {_when(each.expires_at)} UTC, and once",
        )
    return each


@worker.command()
@click.argument("wanted", metavar="WORKER")
@click.option("--revoke", is_flag=True, help="For ever: its keys are worth nothing any more.")
@click.option(
    "--drain",
    type=click.IntRange(0, 3_600),
    default=0,
    metavar="SECONDS",
    help="Let its clients move to others for so long before.",
)
@json_option
@pass_invocation
def boot(invocation: Invocation, wanted: str, revoke: bool, drain: int) -> None:
    """Shut WORKER out while it runs: its link is cut, and it does not get in again."""
    with logged_in(invocation, learn_workers=True, scope=Scope.ADMIN) as client:
        each = _find_set_up(client, wanted)
        done = client.worker_boot(each.worker, "revoke" if revoke else "boot", drain_s=drain)
    if invocation.as_json:
        write_json(booted={"worker": each.worker, "clients": done.clients, "state": done.state})
        return
    click.echo(f"{each.name} is {name(done.state)}; it had {done.clients} clients")
    if not revoke:
        click.echo(f"let it in again with: {invocation.command_line()} worker admit {each.name}")


@worker.command()
@click.argument("wanted", metavar="WORKER")
@json_option
@pass_invocation
def admit(invocation: Invocation, wanted: str) -> None:
    """Let WORKER in again after `worker boot`."""
    with logged_in(invocation, scope=Scope.ADMIN) as client:
        each = _find_set_up(client, wanted)
        done = client.worker_boot(each.worker, "admit")
    if invocation.as_json:
        write_json(admitted={"worker": each.worker, "state": done.state})
        return
    click.echo(f"{each.name} is {name(done.state)} again")


@worker.command()
@click.argument("wanted", metavar="WORKER", required=False)
@json_option
@pass_invocation
def rotate(invocation: Invocation, wanted: str | None) -> None:
    """Have WORKER, or all that are up, make new keys now; no connection is dropped."""
    with logged_in(invocation, scope=Scope.ADMIN) as client:
        number = find(client, wanted).worker if wanted else 0
        told = client.worker_rotate(number)
    if invocation.as_json:
        write_json(rotated={"told": told})
        return
    click.echo(f"Told to make new keys: {counted(told, 'worker')}; see: worker ls")


@worker.command()
@click.option("--name", "name_", required=True, help="Its name, as in `worker add`.")
@click.option("--uuid", "uuid_", required=True, help="Its UUID, as `worker add` printed it.")
@click.option(
    "--master", required=True, metavar="HOST:PORT", help="Where the worker will reach the master."
)
@pass_invocation
def csr(invocation: Invocation, name_: str, uuid_: str, master: str) -> None:
    """Make keys here, and print the requests to carry to the master's machine, for `ca sign`."""
    from papertrader.client.endpoints import parse_endpoint  # noqa: PLC0415
    from papertrader.ops.handcarried import write_requests  # noqa: PLC0415
    from papertrader.ops.installation import prepare_settings  # noqa: PLC0415

    state = _state(invocation)
    try:
        endpoint = parse_endpoint(master)
        _require_own(state, name_)
        prepare_settings(state, lambda text: click.echo(text, err=True), _PLACE)
        click.echo(write_requests(state, name_, uuid_, endpoint.host, endpoint.port), nl=False)
    except Exception as error:
        raise Problem.usage(str(error)) from None


@worker.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@pass_invocation
def install(invocation: Invocation, file: Path) -> None:
    """Take FILE, what `ca sign` printed for the requests of this machine's `worker csr`."""
    from papertrader.ops.handcarried import take_signed  # noqa: PLC0415

    try:
        done = take_signed(_state(invocation), file.read_text(encoding="ascii"))
    except (OSError, ValueError) as error:
        raise Problem.usage(str(error)) from None
    click.echo(f"{done.name} is enrolled as worker {done.worker_id}")


def _is_server(pid: int) -> bool:
    """Tell whether a process is one of ours: the number of one that was killed may be another's."""
    try:
        return b"papertrader" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return not Path("/proc/self").exists()


@worker.command("reload-cert")
@click.argument("wanted", metavar="[NAME]", required=False)
@pass_invocation
def reload_cert(invocation: Invocation, wanted: str | None) -> None:
    """Have the workers of this state directory read their certificates again.

    For a public certificate that another program renews. No connection is dropped.
    """
    from papertrader.ops.running import read_run_file, run_directory  # noqa: PLC0415

    state = _state(invocation)
    told, running = [], []
    for path in sorted(run_directory(state).glob("*.json")):
        if path.stem in _NO_WORKERS:
            continue
        pid = (read_run_file(state, path.name) or {}).get("pid")
        if not isinstance(pid, int) or not _is_server(pid):
            continue
        running.append(path.stem)
        if wanted not in (None, path.stem, path.stem.removeprefix("worker-")):
            continue
        try:
            os.kill(pid, signal.SIGHUP)
        except ProcessLookupError:
            continue
        except PermissionError:
            raise Problem.usage(
                f"{path.stem} is another user's process", "do this as the user of the services"
            ) from None
        told.append(path.stem)
    if not told:
        if not running:
            raise Problem.usage(f"no worker runs in {state}")
        raise Problem.usage(f"no worker {wanted} runs here; there run: {', '.join(running)}")
    click.echo(f"told: {', '.join(told)}; what came of it is in the event log")
