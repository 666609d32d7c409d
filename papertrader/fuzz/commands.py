"""The command line: ``python -m papertrader.fuzz``."""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NoReturn

import click

from papertrader.fuzz import clients, corpus, explain, findings, minimize, report, sequences, serve
from papertrader.fuzz import conform as conformance
from papertrader.fuzz.campaign import Campaign, Plan
from papertrader.fuzz.channel import UnreachableError
from papertrader.fuzz.commands_inner import Inner, inner_options
from papertrader.fuzz.commands_local import parser_command
from papertrader.fuzz.conform import Conformance, Result
from papertrader.fuzz.observe import Breach, LeakWatch
from papertrader.fuzz.player import play
from papertrader.fuzz.target import Address, TlsTarget
from papertrader.fuzz.world import SetupError, World
from papertrader.progress import Progress, quiet_option
from papertrader.wire import kinds, vectors

CLEAN: Final = 0
FINDINGS: Final = 1
USAGE: Final = 2
UNREACHABLE: Final = 3
HARNESS: Final = 4

_FILE: Final = click.Path(path_type=Path, dir_okay=False)
_DIRECTORY: Final = click.Path(path_type=Path, file_okay=False)
_EXISTING: Final = click.Path(path_type=Path, exists=True)


class FuzzGroup(click.Group):
    """The commands; every way to fail becomes one sentence and an exit code."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Add the exit codes to the help."""
        with formatter.section("Exit codes"):
            formatter.write_dl(
                [
                    (str(CLEAN), "clean"),
                    (str(FINDINGS), "findings, or failed cases"),
                    (str(USAGE), "the command line is wrong"),
                    (str(UNREACHABLE), "the target cannot be reached"),
                    (str(HARNESS), "the harness itself failed"),
                ]
            )

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except UnreachableError as error:
            fail(str(error), UNREACHABLE)
        except (SetupError, corpus.CorpusError, ValueError, OSError) as error:
            code = UNREACHABLE if isinstance(error, SetupError) else USAGE
            fail(str(error), code)
        except Exception as error:
            fail(f"the harness failed ({type(error).__name__}: {error}); please report it", HARNESS)


def fail(text: str, code: int) -> NoReturn:
    """End with a sentence."""
    click.echo(f"error: {text}", err=True)  # One sentence: what is wrong, and what to do.
    sys.exit(code)


@click.group(
    cls=FuzzGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
def main() -> None:
    """Test any implementation of the PaperTrader wire protocol from outside.

    Begin with: python -m papertrader.fuzz conform --target HOST:PORT --tls-ca ca.pem
    """


main.add_command(parser_command)

Function = Callable[..., Any]


def _target_options(function: Function) -> Function:
    options = (
        click.option("--target", default="", metavar="HOST:PORT", help="A worker."),
        click.option("--tls-ca", type=_FILE, help="Authority of its certificate (PEM)."),
        click.option("--insecure", is_flag=True, help="Take any certificate."),
        click.option("--user", help="An account to use; else accounts are registered."),
        click.option("--password-file", type=_FILE, help="First line: its password."),
        click.option("--seed", type=int, default=1, show_default=True, help="Source of chance."),
        click.option(
            "--connect-rate", type=click.FloatRange(0.1), default=9.0, show_default=True,
            help="New connections a second.",
        ),
    )  # fmt: skip
    for option in reversed(options):
        function = option(function)
    return function


def _world(
    target: str,
    tls_ca: Path | None,
    insecure: bool,
    user: str | None,
    password_file: Path | None,
    seed: int,
    connect_rate: float,
) -> World:
    if not target:
        raise click.UsageError("--target HOST:PORT is missing: the worker to test")
    if (user is None) != (password_file is None):
        raise click.UsageError("--user and --password-file go together")
    given = None
    if user is not None and password_file is not None:
        lines = password_file.read_text(encoding="utf-8").splitlines()
        given = (user, lines[0] if lines else "")
    address = Address.parse(target, tls_ca, not insecure)
    made = TlsTarget(address, time.monotonic, time.sleep, LeakWatch(), connect_rate=connect_rate)
    # Names must be new in every run, so chance of another kind is in them.
    world = World(made, random.Random(f"{seed} {time.monotonic_ns()}"), given)
    world.goodbye(world.open_plain())
    return world


@main.command()
@_target_options
@click.argument("sections", nargs=-1, metavar="[SECTION]...")
@click.option("--only", default="", help="Only cases whose number or name has this text.")
@click.option("--strict", is_flag=True, help="Count skipped cases as failed.")
@click.option("--junit", type=_FILE, help="Write a JUnit file.")
@click.option("--report", "report_file", type=_FILE, help="Write a JSON report.")
@click.option("--dry-run", is_flag=True, help="Only list the cases.")
@quiet_option
def conform(
    sections: tuple[str, ...],
    only: str,
    strict: bool,
    junit: Path | None,
    report_file: Path | None,
    dry_run: bool,
    quiet: bool,
    **target: Any,
) -> None:
    """Play numbered cases, each of one clause of the specification.

    SECTION is one of: messages, refused, once, sessions, money, orders, events, grease, shapes,
    opening, limits, statuses, direction, states.
    """
    unknown = set(sections) - set(conformance.SECTIONS)
    if unknown:
        raise click.UsageError(f"no section {', '.join(sorted(unknown))}")
    cases = conformance.numbered(sections)
    if dry_run:
        for each in cases:
            if not only or only in f"{each.number} {each.case.name}":
                case = each.case
                click.echo(f"{each.number:4d}  {case.section:<10} {case.clause:<6} {case.name}")
        return
    world = _world(**target)
    world.account(0)
    world.account(1)
    bar = Progress("conform", "cases", quiet=quiet, again="the target has accounts of this run")

    def told(result: Result, count: int) -> None:
        bar.tell(result.number, count, f"{result.section}: {result.name}")
        if result.verdict != "passed":
            click.echo(
                f"{result.verdict.upper()} {result.number} {result.section}: {result.name}"
                f" (clause {result.clause}): {result.text}"
            )

    run = Conformance(world, random.Random(target["seed"]), told, strict)
    with bar:
        results = run.run(cases, only)
    report.write(junit, report.junit(results))
    report.write(report_file, report.conform_json(results, run.coverage))
    counts = {v: sum(r.verdict == v for r in results) for v in ("passed", "failed", "skipped")}
    click.echo(
        f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped;"
        f" {len(run.coverage.triples)} (state, opcode, status, close) seen"
    )
    sys.exit(FINDINGS if counts["failed"] else CLEAN)


@main.command()
@_target_options
@click.option(
    "--seconds", type=click.FloatRange(0.1), default=60.0, show_default=True, help="How long."
)
@click.option("--corpus", "corpus_dir", type=_DIRECTORY, help="Sequences to begin with and keep.")
@click.option(
    "--findings", "findings_dir", type=_DIRECTORY, default=Path("findings"), show_default=True,
    help="Where findings are written.",
)  # fmt: skip
@click.option(
    "--connections", type=click.IntRange(1, 64), default=8, show_default=True,
    help="Connections that play sequences at once.",
)  # fmt: skip
@click.option(
    "--profile", default="all",
    type=click.Choice([*sequences.PROFILES, "relay", "all"]),
    show_default=True,
    help="relay: only as a worker that lies (see --inner); all: that as well, if it is given.",
)  # fmt: skip
@inner_options
@click.option(
    "--rate", type=click.FloatRange(0), default=0.0,
    help="Sequences a second at most, streams apart; 0: as many as there can be.",
)  # fmt: skip
@click.option("--stop-on-first", is_flag=True, help="End with the first finding.")
@click.option("--pid", "pids", type=int, multiple=True, help="A process of the target to watch.")
@click.option(
    "--streams", type=click.IntRange(0, 64), default=8, show_default=True,
    help="Connections that send many requests in one write.",
)  # fmt: skip
@click.option(
    "--canary-ms", type=click.IntRange(1), default=1000, show_default=True,
    help="Longest that an honest client beside it may wait (99th percentile).",
)  # fmt: skip
@click.option("--report", "report_file", type=_FILE, help="Write a JSON report.")
@click.option("--html", "html_file", type=_FILE, help="Write an HTML report.")
@quiet_option
def fuzz(
    seconds: float,
    corpus_dir: Path | None,
    findings_dir: Path,
    connections: int,
    profile: str,
    rate: float,
    stop_on_first: bool,
    pids: tuple[int, ...],
    streams: int,
    canary_ms: int,
    report_file: Path | None,
    html_file: Path | None,
    quiet: bool,
    inner: Inner,
    **target: Any,
) -> None:
    """Play sequences made by chance, and judge all that comes back."""
    world = _world(**target)
    plan = Plan(
        seconds=seconds, seed=target["seed"], profile=profile, connections=connections, rate=rate,
        stop_on_first=stop_on_first, corpus=corpus_dir, findings=findings_dir, pids=pids,
        canary_s=canary_ms / 1000, streams=streams,
    )  # fmt: skip

    again = "corpus and findings are kept; with the same --corpus it goes on from there"
    bar = Progress("fuzz", "s", quiet=quiet, again=again)

    def told(campaign: Campaign, elapsed: float) -> None:
        tally = campaign.tally
        bar.tell(
            round(elapsed),
            round(seconds),
            f"{tally.frames / elapsed:.0f} cases/s, {tally.sequences} sequences,"
            f" coverage {len(campaign.coverage.triples)}+{len(campaign.coverage.pairs)},"
            f" findings {len(tally.found)}",
        )

    if profile == "relay" and not inner.master:
        raise click.UsageError("--profile relay needs --inner, --certificate and --key")
    campaign = Campaign(world, plan, told, inner.relay(world, target["seed"], target["tls_ca"]))
    with bar:
        tally = campaign.run()
        told(campaign, seconds)
    report.write(report_file, json.dumps(report.campaign_facts(campaign), indent=1) + "\n")
    report.write(html_file, report.campaign_html(campaign))
    for breach in tally.texts:
        click.echo(f"FINDING {breach.oracle}: {breach.text}")
    for place in tally.places:
        click.echo(f"saved: {place}")
    for watch in campaign.watches:
        click.echo(watch.told())
    if tally.seconds:
        click.echo(
            f"{tally.timed / tally.seconds:.0f} cases/s in {tally.seconds:.0f} s,"
            f" {tally.timed / max(tally.cpu_s, 0.001):.0f} for each second of processor time of"
            f" the harness; {tally.streamed} of {tally.frames} in streams"
        )
    if tally.rounds:
        click.echo(f"{tally.rounds} rounds on the worker link, {tally.lies} lies told")
    click.echo(report.campaign_line(campaign))
    sys.exit(FINDINGS if tally.found else CLEAN)


@main.command()
@_target_options
@click.argument("files", nargs=-1, required=True, type=_EXISTING)
def replay(files: tuple[Path, ...], **target: Any) -> None:
    """Play sequences or findings again; 0: nothing is found any more."""
    world = _world(**target)
    bad = 0
    for path in files:
        played = play(world, findings.load(path))
        for breach in played.breaches:
            click.echo(f"FINDING {path}: {breach.oracle}: {breach.text}")
        bad += bool(played.breaches)
    click.echo(f"{len(files)} played, {bad} with findings")
    sys.exit(FINDINGS if bad else CLEAN)


@main.command("minimize")
@_target_options
@click.argument("file", type=_EXISTING)
@click.option("-o", "--output", required=True, type=_FILE, help="Where the small one is written.")
@click.option(
    "--tries", type=click.IntRange(1), default=300, show_default=True,
    help="Smaller ones that are tried at most.",
)  # fmt: skip
def minimize_command(file: Path, output: Path, tries: int, **target: Any) -> None:
    """Make a finding smaller while the same oracle still finds it."""
    world = _world(**target)
    oracle = findings.wanted_oracle(file)

    def breaks(sequence: corpus.Sequence) -> bool:
        found = play(world, sequence).breaches
        return any(not oracle or breach.oracle == oracle for breach in found)

    whole = findings.load(file)
    small = minimize.minimized(whole, breaks, tries)
    output.write_bytes(corpus.dumps(small))
    click.echo(
        f"{len(whole.steps)} steps and {whole.sent_octets} octets became"
        f" {len(small.steps)} steps and {small.sent_octets} octets: {output}"
    )


@main.command("serve")
@click.option(
    "--listen", default="127.0.0.1:2049", show_default=True, metavar="HOST:PORT",
    help="Where it waits for them.",
)  # fmt: skip
@click.option("--certificate", required=True, type=_FILE, help="Shown to whoever connects (PEM).")
@click.option("--key", required=True, type=_FILE, help="Its private key (PEM).")
@click.option(
    "--as", "role", type=click.Choice(["worker", "master"]), default="worker", show_default=True,
    help="What it plays: a worker against clients, a master against workers.",
)  # fmt: skip
@click.option("--client-ca", type=_FILE, help="Authority of the workers (--as master).")
@click.option(
    "--lies", type=click.FloatRange(0, 1), default=0.2, show_default=True,
    help="The share of replies that are changed.",
)  # fmt: skip
@click.option("--seed", type=int, default=1, show_default=True, help="Source of chance.")
@click.option("--seconds", type=click.FloatRange(0), default=0.0, help="0: until interrupted.")
@click.option(
    "--run", "program", default="", metavar="COMMAND",
    help="Profile client: run this again and again; it may name {host}, {port}, {address}.",
)  # fmt: skip
@click.option(
    "--run-seconds", type=click.FloatRange(1), default=clients.RUN_S, show_default=True,
    help="How long it may take.",
)  # fmt: skip
@click.option(
    "--crash", default=clients.CRASH, show_default=False,
    help="What it prints when it has crashed (a pattern).",
)  # fmt: skip
def serve_command(
    listen: str,
    certificate: Path,
    key: Path,
    role: str,
    client_ca: Path | None,
    lies: float,
    seed: int,
    seconds: float,
    program: str,
    run_seconds: float,
    crash: str,
) -> None:
    """Play a worker against clients, or a master against workers, that sometimes lies."""
    address = Address.parse(listen)
    acceptor = serve.Acceptor(
        serve.Setting(
            host=address.host, port=address.port, certificate=certificate, key=key,
            as_master=role == "master", client_ca=client_ca, lies=lies,
        ),
        random.Random(seed),
        time.monotonic,
    )  # fmt: skip
    click.echo(f"listening on {acceptor.host}:{acceptor.port}")
    found: list[Breach] = []
    if program:
        plan = clients.Runs(
            command=program, seconds=seconds or 60.0, run_s=run_seconds, crash=crash
        )
        runs = clients.Clients(acceptor, plan, time.monotonic)
        runs.run()
        found = runs.breaches
        click.echo(f"{runs.done} runs, {runs.failed} said that they failed")
    acceptor.run(seconds if not program else 0.1)
    found += acceptor.breaches
    for breach in found:
        click.echo(f"FINDING {breach.oracle}: {breach.text}")
    click.echo(
        f"{acceptor.accepted} connections, {acceptor.frames_in} frames in,"
        f" {acceptor.frames_out} out, {acceptor.lies_told} lies, {len(found)} findings"
    )
    sys.exit(FINDINGS if found else CLEAN)


@main.command("vectors")
@click.option("--out", "output", required=True, type=_FILE, help="Where they are written.")
def vectors_command(output: Path) -> None:
    """Write the frames that must be taken and those that must be refused, as JSON."""
    taken = [vectors.as_json(vector) for vector in vectors.accepted()]
    refused = [vectors.as_json(vector) for vector in vectors.refused()]
    content = {
        "schema": 1, "version": kinds.VERSION, "revision": kinds.REVISION,
        "frames": taken, "refused": refused,
    }  # fmt: skip
    output.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    click.echo(f"{len(taken)} frames and {len(refused)} refused: {output}")


@main.command("explain")
@click.argument("file", type=_EXISTING)
def explain_command(file: Path) -> None:
    """Show a sequence, a finding, vectors or frames as annotated hexadecimal."""
    for line in explain.explain_file(file):
        click.echo(line)
