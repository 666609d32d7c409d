"""A private key under a pass phrase, stretched as often as it should be.

The library does not let one choose: its PKCS #8 runs PBKDF2 2,048 times, and its PKCS #12 has a
code over everything that is derived from the same phrase in 2,048 rounds whatever the key gets.
So the container, RFC 8018's PBES2 as RFC 5958 has it, is put together here, of the library's
primitives; OpenSSL and the library read it.
"""

from __future__ import annotations

import hashlib
import secrets
from base64 import b64encode
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

ROUNDS: Final = 600_000
"""Of PBKDF2 with HMAC-SHA-256: the least that OWASP names for passwords."""
_SALT_BYTES: Final = 16
_KEY_BYTES: Final = 32
_BLOCK_BYTES: Final = 16

_INTEGER, _OCTETS, _NULL, _OID, _SEQUENCE = 0x02, 0x04, 0x05, 0x06, 0x30
_PBES2: Final = bytes.fromhex("2a864886f70d01050d")
_PBKDF2: Final = bytes.fromhex("2a864886f70d01050c")
_HMAC_SHA256: Final = bytes.fromhex("2a864886f70d0209")
_AES256_CBC: Final = bytes.fromhex("60864801650304012a")


def under_pass_phrase(key: EllipticCurvePrivateKey, pass_phrase: str) -> bytes:
    """Return a private key as PEM (``ENCRYPTED PRIVATE KEY``) that the pass phrase opens."""
    salt, start = secrets.token_bytes(_SALT_BYTES), secrets.token_bytes(_BLOCK_BYTES)
    stretched = hashlib.pbkdf2_hmac("sha256", pass_phrase.encode("utf-8"), salt, ROUNDS, _KEY_BYTES)
    plain = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    padding = PKCS7(8 * _BLOCK_BYTES).padder()
    encryptor = Cipher(AES(stretched), CBC(start)).encryptor()
    padded = padding.update(plain) + padding.finalize()
    sealed = encryptor.update(padded) + encryptor.finalize()
    rounds = ROUNDS.to_bytes((ROUNDS.bit_length() + 8) // 8, "big")
    random_function = _der(_SEQUENCE, _der(_OID, _HMAC_SHA256), _der(_NULL))
    stretching = _der(_SEQUENCE, _der(_OCTETS, salt), _der(_INTEGER, rounds), random_function)
    how = _der(
        _SEQUENCE,
        _der(_SEQUENCE, _der(_OID, _PBKDF2), stretching),
        _der(_SEQUENCE, _der(_OID, _AES256_CBC), _der(_OCTETS, start)),
    )
    whole = _der(_SEQUENCE, _der(_SEQUENCE, _der(_OID, _PBES2), how), _der(_OCTETS, sealed))
    name = b"ENCRYPTED PRIVATE KEY-----\n"
    text = b64encode(whole)
    lines = b"".join(text[at : at + 64] + b"\n" for at in range(0, len(text), 64))
    return b"-----BEGIN " + name + lines + b"-----END " + name


def _der(tag: int, *parts: bytes) -> bytes:
    """Return a value in DER: tag, length, contents."""
    contents = b"".join(parts)
    size = len(contents)
    if size < 0x80:
        return bytes((tag, size)) + contents
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + contents
