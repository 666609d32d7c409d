"""The key of the second factors is moved away from a real server: nobody in, nothing lost."""

from __future__ import annotations

import base64
import subprocess
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from papertrader.client.errors import SecondFactorRequired
from tests.server_kit import PASSWORD, START_S, UP, running

pytestmark = pytest.mark.slow

MISSING = "keys/second-factor is missing, which opens the second factor of 1 account"


def test_a_key_that_is_misplaced_is_asked_for_and_never_replaced(tmp_path: Path) -> None:
    """`up` and `doctor` say it in a line; put back, the factor is asked for as before."""
    state = tmp_path / "state"
    key, away = state / "keys" / "second-factor", tmp_path / "away"
    with running(state) as server:
        with server.client() as ann:
            ann.register("ann", PASSWORD)
            ann.login("ann", PASSWORD)
            seed = ann.totp_setup(PASSWORD).seed
            totp = TOTP(base64.b32decode(seed + "=" * (-len(seed) % 8)), 6, SHA1(), 30)
            recovery = ann.totp_enable(totp.generate(int(time.time())).decode())
        server.stop()
        key.rename(away)
        tried = subprocess.run(
            [*UP, "--state-dir", str(state), "--worker-port", "0", "--master-port", "0"],
            capture_output=True, text=True, timeout=START_S, check=False,
        )  # fmt: skip
        assert tried.returncode != 0
        assert "READY" not in tried.stdout
        said = [line for line in (tried.stdout + tried.stderr).splitlines() if MISSING in line]
        assert len(said) == 1, tried
        assert "Traceback" not in tried.stdout + tried.stderr
        assert not key.exists()
        doctor = server.cli("doctor")
        assert doctor.returncode == 1
        assert MISSING in doctor.stdout
        away.rename(key)
        assert MISSING not in server.cli("doctor").stdout
        server.start()
        with server.client() as again:
            with pytest.raises(SecondFactorRequired):
                again.login("ann", PASSWORD)
            assert again.login("ann", PASSWORD, code=recovery[0])
