"""Which server a command talks to, and where the login for it is kept."""

from __future__ import annotations

import contextlib
import json
import os
import re
from pathlib import Path
from typing import Any, Final

import attrs
import platformdirs

from papertrader.cli.invocation import Invocation
from papertrader.cli.problems import EXIT_CONNECT, EXIT_LOGIN, Problem
from papertrader.client.endpoints import Endpoint, parse_endpoint

WORKERS_FILE: Final = Path("run", "workers.json")
TOKEN_OCTETS: Final = 32
FILE_OCTETS_MAX: Final = 64 * 1024


@attrs.frozen(kw_only=True)
class Place:
    """Workers of one installation, the file of their certificate authority, and the login file."""

    workers: tuple[Endpoint, ...]
    ca: Path
    login_file: Path


@attrs.frozen(kw_only=True)
class StoredLogin:
    """A remembered session; ``token`` opens sessions beside it."""

    user: str
    token: bytes = attrs.field(repr=False)
    expires_at: str


def default_state_dir() -> Path:
    """Return the user's state directory by the platform's convention."""
    return Path(platformdirs.user_state_dir("papertrader", False))


def find_place(invocation: Invocation) -> Place:
    """Find the server: the one named by --connect, or the one that runs on the state directory.

    Raises `Problem` when there is none, or when what describes it cannot be read.
    """
    state = (invocation.state_dir or default_state_dir()).absolute()
    if invocation.connect is not None and invocation.ca is not None:
        try:
            worker = parse_endpoint(invocation.connect)
        except ValueError as error:
            raise Problem.usage(f"--connect: {error}", "write it as worker.example:2049") from None
        if not invocation.ca.is_file():
            raise Problem.usage(
                f"--ca: there is no file {invocation.ca}",
                "ask who runs the server for it: tls/ca.pem of the server's state directory",
            )
        name = re.sub(r"[^A-Za-z0-9.-]+", "_", f"{worker.host}_{worker.port}")
        login_file = state / "client" / f"{name}.json"
        return Place(workers=(worker,), ca=invocation.ca, login_file=login_file)
    content = _read_object(state / WORKERS_FILE) or _services(state)
    if content is None:
        raise Problem(
            "NOT_RUNNING",
            f"no PaperTrader is running for {state}",
            "start one with: make run (or papertrader up), or name one with"
            " --connect HOST:PORT --ca FILE",
            EXIT_CONNECT,
        )
    try:
        workers = tuple(parse_endpoint(text) for text in content["workers"])
        ca = Path(content["ca"])
    except (KeyError, TypeError, ValueError):
        workers, ca = (), Path()
    if not workers:
        raise Problem(
            "NOT_RUNNING",
            f"{state / WORKERS_FILE} cannot be understood",
            "stop the server and start it again with: papertrader up",
            EXIT_CONNECT,
        )
    return Place(workers=workers, ca=ca, login_file=state / "client" / "session.json")


def _services(state: Path) -> dict[str, Any] | None:
    """Find workers that run as services of the system, of which nobody writes a list.

    A file that a worker left behind counts for nothing: its driver must live, or one of another
    user with that number.
    """
    from papertrader.ops.variables import WORKERS_MAX  # noqa: PLC0415 (not for every command)

    found = []
    for number in range(1, WORKERS_MAX + 1):
        said = _read_object(state / "run" / f"worker-{number}.json")
        if said is None:
            continue
        with contextlib.suppress(KeyError, TypeError, ValueError, ProcessLookupError):
            with contextlib.suppress(PermissionError):
                os.kill(int(said["driver"]), 0)
            found.append(address_of(said))
    return {"workers": found, "ca": str(state / "tls" / "ca.pem")} if found else None


def address_of(said: dict[str, Any]) -> str:
    """Return where one reaches a server of this machine that says its ``host`` and ``port``."""
    host = "127.0.0.1" if said["host"] in ("0.0.0.0", "::") else said["host"]
    return f"[{host}]:{said['port']}" if ":" in host else f"{host}:{said['port']}"


def load_login(place: Place) -> StoredLogin:
    """Read the stored login; raises `Problem` if there is none that can be read."""
    content = _read_object(place.login_file)
    if content is None:
        raise Problem.not_logged_in()
    try:
        token = bytes.fromhex(content["token"])
        login = StoredLogin(
            user=str(content["user"]), token=token, expires_at=str(content["expires_at"])
        )
    except (KeyError, TypeError, ValueError):
        raise Problem.not_logged_in(f"{place.login_file} cannot be understood") from None
    if len(token) != TOKEN_OCTETS:
        raise Problem.not_logged_in(f"{place.login_file} holds no session token")
    return login


def save_login(place: Place, login: StoredLogin) -> None:
    """Write the login, readable by its owner only, whole or not at all. Raises `Problem`."""
    directory = place.login_file.parent
    partial = directory / f".{place.login_file.name}.{os.getpid()}"
    content = {
        "schema": 1,
        "user": login.user,
        "token": login.token.hex(),
        "expires_at": login.expires_at,
    }
    try:
        if not directory.exists():
            directory.mkdir(parents=True, mode=0o700)
            _give(directory, directory.parent)
        directory.chmod(0o700)
        partial.unlink(missing_ok=True)
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(json.dumps(content) + "\n")
            file.flush()
            os.fsync(file.fileno())
            _give(file.fileno(), directory)
        partial.replace(place.login_file)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise Problem(
            "CANNOT_STORE_LOGIN",
            f"the login cannot be stored in {directory}: {error.strerror or error}",
            "make the directory writable, or give --user and --password-file with each command",
            EXIT_LOGIN,
        ) from None


def _give(made: Path | int, to_whom: Path) -> None:
    """Give what root has made to whom the directory around it belongs, who has to use it."""
    if os.geteuid() == 0 and (seen := to_whom.stat()).st_uid:
        if isinstance(made, int):
            os.fchown(made, seen.st_uid, seen.st_gid)
        else:
            # Never what a link leads to: whose directory this is could have put one there.
            os.chown(made, seen.st_uid, seen.st_gid, follow_symlinks=False)


def forget_login(place: Place) -> None:
    """Remove the stored login, if there is one."""
    place.login_file.unlink(missing_ok=True)


def _read_object(path: Path) -> dict[str, Any] | None:
    """Return the JSON object in a small file, None if there is nothing readable."""
    try:
        with open(path, encoding="utf-8") as file:
            content = json.loads(file.read(FILE_OCTETS_MAX))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None
