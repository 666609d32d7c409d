"""What stands in ``deploy`` names options, modules and variables that exist, and does what it says.

No service manager and no container engine is needed: the units' commands are run as they are, with
a socket in the place of systemd's; what the containers run is run without them.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import metadata
from pathlib import Path
from typing import Any

import pytest
from twisted.python.usage import Options

from papertrader.ops.master_tap import Options as MasterOptions
from papertrader.ops.settings_file import (
    SETTINGS_FILE,
    default_settings_text,
    load_settings,
    write_settings_file,
)
from papertrader.ops.variables import VARIABLES
from papertrader.ops.worker_tap import Options as WorkerOptions
from tests.ports import free_port
from tests.tidy.test_docs import problem

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
TEXTS = {path.name: path.read_text(encoding="utf-8") for path in DEPLOY.iterdir()}
COMPOSE, CONTAINERFILE = TEXTS["compose.yaml"], TEXTS["Containerfile"]
PLUGINS: dict[str, type[Options]] = {
    "papertrader-master": MasterOptions, "papertrader-worker": WorkerOptions
}  # fmt: skip
UNITS = {
    "papertrader-master.service": "papertrader-master",
    "papertrader-worker@.service": "papertrader-worker",
}
FORWARD = "papertrader-forward.service"
BIN = Path(sys.executable).parent
STATE = "/var/lib/papertrader"
SAID_S = 60.0
"""Longest wait for a word to systemd; what is waited for is the word."""


def unit(name: str, key: str) -> list[str]:
    """Return what a unit says under a key, lines that go on put together."""
    text = TEXTS[name].replace("\\\n", " ")
    return re.findall(rf"^{key}=(.*)$", text, re.MULTILINE)


def lists(text: str, key: str) -> list[list[str]]:
    """Return the lists that stand on one line of the compose file under a key."""
    return [json.loads(found) for found in re.findall(rf"^ *{key}: (\[.*\])$", text, re.MULTILINE)]


def environment() -> dict[str, str]:
    """Return what the containers of the compose file have in their environment."""
    made = re.findall(r"(?:^ENV|^ ) .*$", CONTAINERFILE, re.MULTILINE)
    pairs = [pair for line in made for pair in re.findall(r"(PAPERTRADER_\w+)=(\S+)", line)]
    pairs += re.findall(r'^ +(PAPERTRADER_\w+): "(.*)"$', COMPOSE, re.MULTILINE)
    return dict(pairs)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state directory with settings."""
    write_settings_file(tmp_path / SETTINGS_FILE, default_settings_text())
    return tmp_path


def parsed(plugin: str, arguments: list[str], state: Path) -> Options:
    """Return the options of a command as twistd reads them, which has its state elsewhere."""
    assert arguments[:2] == ["--state-dir", STATE]
    options = PLUGINS[plugin]()
    options.parseOptions(["--state-dir", str(state), *arguments[2:]])
    return options


def test_every_file_is_looked_at() -> None:
    """Three units, two files for containers."""
    assert set(TEXTS) == {*UNITS, FORWARD, "Containerfile", "compose.yaml"}


def test_the_services_are_started_as_they_are(state: Path) -> None:
    """The plugin, its options and the logger exist."""
    for name, text in TEXTS.items():
        for logger in re.findall(r"--logger=([\w.]+)", text):
            module, _, attribute = logger.rpartition(".")
            assert hasattr(import_module(module), attribute), name
    for name, plugin in UNITS.items():
        (command,) = unit(name, "ExecStart")
        words = shlex.split(command.replace("%i", "1"))
        parsed(plugin, words[words.index(plugin) + 1 :], state)
        assert unit(name, "Type") == ["notify"]
        assert unit(name, "StateDirectory") == [Path(STATE).name]
        assert unit(name, "StateDirectoryMode") == ["0700"]
        assert int(unit(name, "WatchdogSec")[0]) >= 10
    assert "--number %i" in TEXTS["papertrader-worker@.service"]


def test_the_log_is_forwarded_as_the_guide_says() -> None:
    """The command and its options exist; what the unit wants of its file stands in the guide."""
    (command,) = unit(FORWARD, "ExecStart")
    assert problem(command.removeprefix("/opt/papertrader/bin/")) is None
    assert shlex.split(command)[1:3] == ["--state-dir", STATE]
    assert unit(FORWARD, "Type") == ["notify"]
    (file,) = unit(FORWARD, "EnvironmentFile")
    guide = (ROOT / "docs/howto/run-for-others.rst").read_text(encoding="utf-8")
    assert f"``{file}``" in guide
    wanted = re.findall(r"\$\{(\w+)\}", command)
    assert wanted == ["RECEIVER", "AUTHORITY"]
    assert all(f"    {name}=" in guide for name in wanted)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_understands_the_units(tmp_path: Path) -> None:
    """Not a word about them: what systemd does not know it only warns of. Else the test would not
    see a key that is misspelt, which it is shown to."""
    for name in (*UNITS, FORWARD):
        text = TEXTS[name].replace("/opt/papertrader/bin", str(BIN))
        text = re.sub(r"^User=.*$", "User=root", text, flags=re.MULTILINE)
        (tmp_path / name.replace("@", "@1")).write_text(text)
    verify = ["systemd-analyze", "verify", *map(str, sorted(tmp_path.iterdir()))]
    done = subprocess.run(verify, capture_output=True, text=True, check=False)
    ours = [line for line in done.stderr.splitlines() if "papertrader" in line]
    assert (done.returncode, ours) == (0, [])
    wrong = tmp_path / "papertrader-master.service"
    wrong.write_text(wrong.read_text().replace("NoNewPrivileges", "NoNewPrivilege"))
    done = subprocess.run(verify, capture_output=True, text=True, check=False)
    assert "NoNewPrivilege" in done.stderr


class Ear:
    """systemd's end of the socket. It is read at all times: a word for which there is no room is
    lost."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._path = path
        self._heard: list[str] = []
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._listen)

    def _listen(self) -> None:
        while (word := self._socket.recv(256).decode()) != "END":
            with self._news:
                self._heard.append(word)
                self._news.notify_all()

    def __enter__(self) -> Ear:
        self._thread.start()
        return self

    def __exit__(self, *why: object) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as mouth:
            mouth.sendto(b"END", str(self._path))
        self._thread.join()
        self._socket.close()

    def wait_for(self, word: str, times: int) -> None:
        """Wait until a word was said so often."""

        def is_said() -> bool:
            return sum(each.startswith(word) for each in self._heard) >= times

        with self._news:
            assert self._news.wait_for(is_said, SAID_S), self._heard


@contextmanager
def service(name: str, state: Path, ear: Path, more: dict[str, str]) -> Iterator[Any]:
    """Run what a unit runs, as systemd would: its command, its watchdog, its socket."""
    (command,) = unit(name, "ExecStart")
    (watchdog,) = unit(name, "WatchdogSec")
    command = command.replace("/opt/papertrader/bin", str(BIN)).replace(STATE, str(state))
    environ = {
        **os.environ, **more, "NOTIFY_SOCKET": str(ear),
        # As often as the unit says would be once in a quarter of a minute.
        "WATCHDOG_USEC": str(int(watchdog) * 10_000),
    }  # fmt: skip
    process = subprocess.Popen(
        shlex.split(command.replace("%i", "1")), env=environ, start_new_session=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_the_units_commands_tell_systemd_when_they_serve(tmp_path: Path) -> None:
    """After `init`, by the same user: both say READY=1 and WATCHDOG=1, the command line finds the
    worker though nobody lists it, and SIGTERM is heard as STOPPING=1."""
    state = tmp_path / "state"
    made = [str(BIN / "papertrader"), "init", "--yes", "--state-dir", str(state)]
    subprocess.run([*made, "--market", "simulated"], check=True, capture_output=True)
    more = {
        "PAPERTRADER_MASTER_LISTEN": f"127.0.0.1:{free_port()}",
        "PAPERTRADER_WORKER_LISTEN": "127.0.0.1:0",
    }
    path = tmp_path / "notify"
    with (
        Ear(path) as ear,
        service("papertrader-master.service", state, path, more) as master,
        service("papertrader-worker@.service", state, path, more) as worker,
    ):
        ear.wait_for("READY=1", 2)
        ear.wait_for("WATCHDOG=1", 2)
        told = [str(BIN / "papertrader"), "--state-dir", str(state), "register", "ann"]
        done = subprocess.run(
            told, input="a long enough one\n", capture_output=True, text=True, check=False
        )
        assert "Account ann is open" in done.stdout, done.stderr
        for process in (worker, master):
            process.send_signal(signal.SIGTERM)
            assert process.wait(SAID_S) == -signal.SIGTERM
        ear.wait_for("STOPPING=1", 2)


def test_variables_of_the_environment_exist() -> None:
    """A name that is misspelt would be refused at the start."""
    known = {variable.environment_name for variable in VARIABLES} | {"PAPERTRADER_STATE_DIR"}
    for text in TEXTS.values():
        assert set(re.findall(r"PAPERTRADER_[A-Z_]+", text)) <= known


def test_the_containers_run_what_there_is(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their commands and options exist; where the state is, all agree."""
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    commands = lists(COMMENTLESS, "command")
    assert len(commands) == 3
    numbers = []
    for plugin, *arguments in commands:
        options = parsed(plugin, arguments, state)
        numbers.append(options.get("number"))
    settings = load_settings(state / SETTINGS_FILE, os.environ, {})
    assert sorted(filter(None, numbers)) == list(range(1, settings.workers + 1))
    server, init = lists(COMMENTLESS, "entrypoint")
    assert server[0] == "twistd"
    assert problem(shlex.join(init)) is None
    assert lists(COMMENTLESS, "volumes") == [[f"state:{STATE}"]]
    assert environment()["PAPERTRADER_STATE_DIR"] == STATE
    assert f"VOLUME {STATE}" in CONTAINERFILE


def test_the_containers_ports_are_those_of_the_settings(state: Path) -> None:
    """Each worker's for programs and for browsers, and no other; nothing listens to the container
    alone. The image names those that one server has by default."""
    settings = load_settings(state / SETTINGS_FILE, environment(), {})
    wanted = set()
    for number in range(1, settings.workers + 1):
        for listen in (settings.worker_listen(number), settings.web_listen(number)):
            assert listen is not None
            assert listen.host == "0.0.0.0"
            wanted.add(listen.port)
    ((published,),) = lists(COMMENTLESS, "ports")
    outside, inside = ([int(each) for each in half.split("-")] for half in published.split(":"))
    assert outside == inside
    assert set(range(inside[0], inside[1] + 1)) == wanted
    plain = load_settings(state / SETTINGS_FILE, {}, {})
    (exposed,) = re.findall(r"^EXPOSE (.*)$", CONTAINERFILE, re.MULTILINE)
    web = plain.web_listen(1)
    assert web is not None
    assert [int(each) for each in exposed.split()] == [plain.worker.listen.port, web.port]


def test_the_first_service_may_run_again(tmp_path: Path) -> None:
    """It makes the installation, and at each later start says that nothing is missing."""
    (init,) = [each for each in lists(COMMENTLESS, "entrypoint") if each[0] == "papertrader"]
    environ = {**os.environ, **environment(), "PAPERTRADER_STATE_DIR": str(tmp_path / "state")}
    command = [str(BIN / init[0]), *init[1:]]
    for said in ("is ready", "Nothing is missing"):
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
        assert said in done.stdout
    assert (tmp_path / "state" / "tls" / "worker-2.pem").exists()


def test_the_image_is_made_as_the_how_to_installs() -> None:
    """With the same extras, which exist, on a Python that the package allows, without what lies
    about in a checkout."""
    (installed,) = re.findall(r"pip install .*'/src(\[\w+\])'", CONTAINERFILE)
    how_to = (ROOT / "docs" / "howto" / "run-for-others.rst").read_text("utf-8")
    assert f"pip install '.{installed}'" in how_to
    about = metadata("papertrader")
    assert installed[1:-1] in about.get_all("Provides-Extra", [])
    (python,) = re.findall(r"^FROM python:([\d.]+)", CONTAINERFILE, re.MULTILINE)
    assert f"Programming Language :: Python :: {python}" in about.get_all("Classifier", [])
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert {".git", ".venv"} <= set(ignored)
    kept = re.findall(r"^(?:graft|include) (.*)$", (ROOT / "MANIFEST.in").read_text(), re.MULTILINE)
    assert not {word for line in kept for word in line.split()} & set(ignored)


COMMENTLESS = re.sub(r"^ *#.*$", "", COMPOSE, flags=re.MULTILINE)
