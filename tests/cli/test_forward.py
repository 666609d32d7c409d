"""``papertrader log forward`` as somebody types it wrongly."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from papertrader.cli.main import main


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--to tls://a:6514", "tls:// needs --ca FILE"),
        ("--to tcp://127.0.0.1:601 --ca ca.pem", "--ca is for tls:// alone"),
        ("--to tcp://127.0.0.1:601 --cert a --key b", "--cert and --key are for tls:// alone"),
        ("--to tls://a:6514 --ca ca.pem --cert a", "--cert and --key go together"),
        ("--to tcp://10.0.0.1:601", "on this machine alone; use tls://"),
        ("--to a:6514 --ca ca.pem", "is no receiver; write tls://HOST:PORT"),
        ("--to tls://a:6514 --ca ca.pem", "no server has logged in"),
        ("--ca ca.pem", "Missing option '--to'"),
    ],
)
def test_mistakes(tmp_path: Path, options: str, said: str) -> None:
    """One sentence each, and the exit code of a wrong call."""
    arguments = ["--state-dir", str(tmp_path), "log", "forward", *shlex.split(options)]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 2
    assert said in done.stderr
