"""A key under a pass phrase, opened by other programs than the one that made it."""

from __future__ import annotations

import shutil
import subprocess
from base64 import b64decode, encodebytes
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from papertrader.ops.authorities import key_text, new_key
from papertrader.ops.passphrase import ROUNDS

PHRASE = "twelve words, or \u00e4 dozen"
SIX_HUNDRED_THOUSAND = b"\x02\x03\x09\x27\xc0"
"""As DER writes it."""


def contents(text: bytes) -> bytes:
    """Return what a PEM file holds."""
    first, *lines, last = text.splitlines()
    assert (first[:11], last[:9]) == (b"-----BEGIN ", b"-----END ")
    assert all(len(line) == 64 for line in lines[:-1]) and 0 < len(lines[-1]) <= 64
    return b64decode(b"".join(lines), validate=True)


def test_a_phrase_is_stretched_six_hundred_thousand_times() -> None:
    """It says so, and opens with no other number, and with no other phrase."""
    key = new_key()
    text = key_text(key, PHRASE)
    found = load_pem_private_key(text, PHRASE.encode())
    assert found.private_numbers() == key.private_numbers()  # type: ignore[union-attr]
    with pytest.raises(ValueError, match=r"."):
        load_pem_private_key(text, PHRASE.encode() + b"x")
    assert ROUNDS == 600_000
    octets = contents(text)
    assert octets.count(SIX_HUNDRED_THOUSAND) == 1
    fewer = octets.replace(SIX_HUNDRED_THOUSAND, b"\x02\x03\x00\x08\x00")
    name = b"ENCRYPTED PRIVATE KEY-----\n"
    with pytest.raises(ValueError, match=r"."):
        load_pem_private_key(
            b"-----BEGIN " + name + encodebytes(fewer) + b"-----END " + name, PHRASE.encode()
        )


def test_salt_and_start_are_new_each_time() -> None:
    """The same key under the same phrase is never the same file."""
    key = new_key()
    assert key_text(key, PHRASE) != key_text(key, PHRASE)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")
def test_openssl_opens_it(tmp_path: Path) -> None:
    """As the operator's tool does, who needs it without this program."""
    key = new_key()
    (tmp_path / "root.key").write_bytes(key_text(key, PHRASE))
    (tmp_path / "phrase").write_text(PHRASE, encoding="utf-8")
    done = subprocess.run(
        ["openssl", "pkey", "-in", tmp_path / "root.key", "-passin", f"file:{tmp_path / 'phrase'}"],
        capture_output=True, check=True,
    )  # fmt: skip
    found = load_pem_private_key(done.stdout, None)
    assert found.private_numbers() == key.private_numbers()  # type: ignore[union-attr]
