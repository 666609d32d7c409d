"""P-18, T-54: secrets that are marked go through a whole installation, and are nowhere afterwards.

Every octet that the processes wrote or said is looked through: databases, log, ring, crash and run
files, standard output and error, command lines and environments; as it is, in hexadecimal, base64
and URL encoding. What is meant to hold a secret is named and left out: the client's login file, the
keys of TLS, and the key files.
"""

from __future__ import annotations

import base64
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from papertrader.client.blocking import Client
from papertrader.client.errors import PaperTraderError
from papertrader.wire.kinds import AccountAction, Scope
from tests.server_kit import EVENTS_S, running

PASSWORD = "CANARY-passphrase-7f3a91"
NEXT = "CANARY-second-passphrase-c2"
WRONG = "CANARY-wrong-passphrase-55"
PROVIDER_KEY = "CANARY-provider-key-4411"
_MEANT = ("client/", "tls/", "keys/")


def shapes(secret: bytes) -> Iterator[bytes]:
    """The ways in which a secret may stand somewhere."""
    yield secret
    yield secret.hex().encode()
    yield secret.hex().upper().encode()
    yield quote(secret).encode()
    # Of base64 the part that is the same at each of the three offsets.
    for offset in range(3):
        coded = base64.b64encode(bytes(offset) + secret)
        yield coded[4 if offset else 0 : -4]


def processes(state: Path) -> Iterator[tuple[str, bytes]]:
    """Command line and environment of each process that runs for an installation."""
    for directory in Path("/proc").iterdir():
        try:
            line = (directory / "cmdline").read_bytes()
            if str(state).encode() in line and directory.name != str(os.getpid()):
                yield f"{directory.name} cmdline", line
                yield f"{directory.name} environ", (directory / "environ").read_bytes()
        except OSError:
            continue


def files(state: Path) -> Iterator[tuple[str, bytes]]:
    """Everything that an installation wrote, but for what is meant to hold secrets."""
    for path in sorted(state.rglob("*")):
        name = str(path.relative_to(state))
        if path.is_file() and not name.startswith(_MEANT):
            yield name, path.read_bytes()


def found(secrets: dict[str, bytes], places: list[tuple[str, bytes]]) -> list[str]:
    """Where which secret stands."""
    return [
        f"{what} in {name}"
        for what, secret in secrets.items()
        for shape in shapes(secret)
        for name, octets in places
        if shape in octets
    ]


def test_marked_secrets_are_nowhere(tmp_path: Path) -> None:
    """Password, token, API key, seed, codes, reset token, invitation, provider's key: 0 hits."""
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    (state / "keys").mkdir(mode=0o700)
    key_file = state / "keys" / "alpaca"
    key_file.write_text(f"{PROVIDER_KEY}\n{PROVIDER_KEY}\n")
    key_file.chmod(0o600)
    with running(state) as server:
        until = time.monotonic() + EVENTS_S
        said = None
        while said is None and time.monotonic() < until:
            said = re.search(r"this code: ([0-9a-f]{32})", server.output.read_text())
        assert said is not None
        secrets = visit(server.workers, server.ca, said[1])
        secrets["provider's key"] = PROVIDER_KEY.encode()
        living = list(processes(state))
        assert len(living) >= 4
        hits = found(secrets, living)
    # The first operator's code is shown once, by whoever starts the server, and to nobody else.
    output = server.output.read_text().replace(said[1], "")
    places = [*files(state), ("output", output.encode())]
    assert {"truth.db", "views.db"} <= {name for name, _ in places}
    assert any(name.startswith("log/") for name, _ in places)
    assert hits + found(secrets, places) == []
    # The scan would have found them: the control.
    assert found({"x": b"canary secret"}, [("y", base64.b64encode(b"--canary secret--"))])
    assert found(secrets, [("z", b"..." + secrets["token"].hex().encode())])


def almost(secret: str) -> str:
    """Return a secret with another last digit."""
    return secret[:-1] + ("1" if secret.endswith("0") else "0")


def visit(worker: list[str], ca: Path, invitation: str) -> dict[str, bytes]:
    """Use every kind of secret, rightly and wrongly; return them."""
    with Client(worker, ca) as boss:
        boss.register("boss", PASSWORD, invitation=invitation)
        login = boss.login("boss", PASSWORD, remember=True, scope=Scope.ADMIN)
        key = boss.api_key_create("canary", scope=Scope.READ)
        invited = boss.invite_create()
        with Client(worker, ca) as ann:
            ann.register("ann", PASSWORD, invitation=invited.code)
            ann.login("ann", PASSWORD)
            setup = ann.totp_setup(PASSWORD)
            seed = base64.b32decode(setup.seed + "=" * (-len(setup.seed) % 8))
            at = int(time.time())
            code = TOTP(seed, setup.digits, SHA1(), setup.step_s).generate(at).decode()
            codes = ann.totp_enable(code)
        reset = boss.reset_create("ann")
        with Client(worker, ca) as other:
            for attempt in (
                lambda: other.login("ann", WRONG),
                lambda: other.login("ann", PASSWORD, code=codes[0] + "x"),
                lambda: other.login(api_key=almost(key.credential)),
                lambda: other.password_reset("ann", almost(reset.token), NEXT),
            ):
                with pytest.raises(PaperTraderError):
                    attempt()
            other.password_reset("ann", reset.token, NEXT)
            other.login("ann", NEXT, code=codes[1])
        with Client(worker, ca) as bot:
            bot.login(api_key=key.credential)
        boss.account_control("ann", AccountAction.END_SESSIONS)
    return {
        "password": PASSWORD.encode(),
        "next password": NEXT.encode(),
        "wrong password": WRONG.encode(),
        "token": login.token,
        "API key": bytes.fromhex(key.credential)[8:],
        "seed": seed,
        "seed as text": setup.seed.encode(),
        "recovery code": codes[0].encode(),
        "reset token": reset.token.encode(),
        "invitation": invited.code.encode(),
    }
