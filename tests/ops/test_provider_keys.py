"""Keys of providers: from the environment or a private file, and from nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from papertrader.ops.provider_keys import (
    KEY_BYTES_MAX,
    KeyMissing,
    key_file,
    key_variable,
    read_key,
    without_keys,
)


def write(state: Path, name: str, text: str, mode: int = 0o600) -> Path:
    """Write a key file."""
    path = key_file(state, name)
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def revealed(state: Path, name: str, environ: dict[str, str] | None = None) -> list[bytes]:
    """Read a key and look into it."""
    return [secret.reveal() for secret in read_key(state, name, environ or {})]


def test_a_key_comes_from_its_file(tmp_path: Path) -> None:
    """One line, or two where the provider has two; line ends and blanks do not count."""
    write(tmp_path, "finnhub", "abc123\n")
    write(tmp_path, "alpaca", "identifier\r\n secret \n")
    assert revealed(tmp_path, "finnhub") == [b"abc123"]
    assert revealed(tmp_path, "alpaca") == [b"identifier", b"secret"]
    assert revealed(tmp_path, "kraken") == []


def test_the_environment_counts_first(tmp_path: Path) -> None:
    """PAPERTRADER_KEY_<PROVIDER>; a colon parts identifier and secret."""
    write(tmp_path, "alpaca", "identifier\nsecret\n")
    environ = {key_variable("alpaca"): "one:two:three"}
    assert revealed(tmp_path, "alpaca", environ) == [b"one", b"two:three"]
    assert key_variable("finnhub") == "PAPERTRADER_KEY_FINNHUB"


@pytest.mark.parametrize(
    ("text", "mode", "message"),
    [
        ("a\nb\n", 0o600, "does not hold the 1 line"),
        ("", 0o600, "does not hold the 1 line"),
        ("schl\u00fcssel\n", 0o600, "does not hold"),
        ("abc\n", 0o644, "run: chmod 600"),
        ("abc\n", 0o660, "run: chmod 600"),
        ("a" * (KEY_BYTES_MAX + 1), 0o600, "longer than any key"),
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, text: str, mode: int, message: str) -> None:
    """Each is refused in a sentence that says what to do and does not repeat the key."""
    write(tmp_path, "finnhub", text, mode)
    with pytest.raises(KeyMissing, match=message) as caught:
        read_key(tmp_path, "finnhub", {})
    assert not text.strip() or text.strip() not in str(caught.value)


def test_a_missing_key_says_where_it_goes(tmp_path: Path) -> None:
    """The file's name and the command that makes it private."""
    with pytest.raises(KeyMissing, match=r"keys/finnhub and run: chmod 600"):
        read_key(tmp_path, "finnhub", {})


def test_other_processes_get_no_keys() -> None:
    """The environment of a worker has everything but the keys."""
    environ = {"PATH": "/bin", "PAPERTRADER_KEY_ALPACA": "x:y", "PAPERTRADER_MARKET_SEED": "1"}
    assert without_keys(environ) == {"PATH": "/bin", "PAPERTRADER_MARKET_SEED": "1"}
