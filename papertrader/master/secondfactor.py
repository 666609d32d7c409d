"""The second factor: codes of RFC 6238, each good once, and recovery codes in their place.

The seeds are sealed with a key that stands in a file of its own, so that a copy of the database
alone opens nothing. Of recovery codes only SHA-256 hashes are kept: 140 random bits need no slow
hash.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import peewee
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from papertrader.core.instants import SECOND
from papertrader.master.accounts import Account, AccountBook
from papertrader.master.commands import Refused
from papertrader.master.engines import StoreError
from papertrader.master.journal import Journal
from papertrader.wire import limits
from papertrader.wire.kinds import Status

STEP_S: Final = 30
DIGITS: Final = 6
SEED_OCTETS: Final = 20
KEY_OCTETS: Final = 32
KEY_FILE: Final = "keys/second-factor"
"""Where the state directory has the key."""
SETUP_LIFETIME: Final = 600 * SECOND
"""So long after TOTP_SETUP a code of its seed may come."""
SETUPS_MAX: Final = 1_000
"""Seeds that wait for their first code; one more pushes out the oldest."""
_NONCE_OCTETS: Final = 12
_CODE_OCTETS: Final = 18
_LETTERS: Final = 28
_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz234567"
_GROUP: Final = 7


def _recovery_hash(code: str) -> bytes:
    return hashlib.sha256(code.encode()).digest()


def _plain(code: str) -> str:
    """Return what people typed without case, hyphens and spaces."""
    return "".join(code.split()).replace("-", "").casefold()


def recovery_code(octets: bytes) -> str:
    """Write the first 140 bits of 18 octets as four groups of seven letters and digits."""
    number = int.from_bytes(octets, "big") >> 8 * len(octets) - 5 * _LETTERS
    letters = [_ALPHABET[number >> 5 * place & 31] for place in reversed(range(_LETTERS))]
    groups = ["".join(letters[at : at + _GROUP]) for at in range(0, len(letters), _GROUP)]
    return "-".join(groups)


def lost_key(accounts: int) -> str:
    """Say that so many accounts cannot be logged in to as long as the key is away."""
    who = "the second factor of 1 account" if accounts == 1 else \
        f"the second factors of {accounts} accounts"  # fmt: skip
    return (
        f"{KEY_FILE} is missing, which opens {who}; put it back, from where keys/ is kept"
        " (lost for ever: papertrader lost-key)"
    )


def seed_text(seed: bytes) -> str:
    """Return a seed as authenticator programs take it."""
    return base64.b32encode(seed).decode("ascii").rstrip("=")


class SecondFactors:
    """Who has one, and whether a code is good.

    ``key`` seals the seeds (32 octets); ``key_is_new``: there was none before this start.
    """

    def __init__(
        self, book: AccountBook, journal: Journal, key: bytes, entropy: Callable[[int], bytes], *,
        key_is_new: bool = False,
    ) -> None:  # fmt: skip
        self._key_is_new = key_is_new
        self._book = book
        self._journal = journal
        self._box = AESGCM(key)
        self._entropy = entropy
        self._setups: OrderedDict[int, tuple[bytes, int]] = OrderedDict()
        self._recovery: dict[int, set[bytes]] = {}

    def load(self, db: peewee.Database) -> None:
        """Read the recovery codes.

        Raises `StoreError` if the key does not open the seeds, or is lost: nobody gets in without
        the factor, and the seeds wait for the key that they were sealed with.
        """
        for account, hash_ in db.execute_sql(
            "SELECT account, code_hash FROM recovery_code"
        ).fetchall():
            self._recovery.setdefault(account, set()).add(bytes(hash_))
        sealed = [each for each in self._book if each.totp_seed]
        if sealed and self._key_is_new:
            raise StoreError(lost_key(len(sealed)))
        if sealed:
            self._open(sealed[0])

    # --- setting up ----------------------------------------------------------------------------

    def begin(self, account: Account, now: int) -> tuple[bytes, int]:
        """Return a fresh seed and until when a code of it must come. Raises `Refused` if on."""
        self._require(account, on=False)
        seed, until = self._entropy(SEED_OCTETS), now + SETUP_LIFETIME
        self._setups.pop(account.account, None)
        while len(self._setups) >= SETUPS_MAX:
            self._setups.popitem(last=False)
        self._setups[account.account] = seed, until
        return seed, until

    def enable(self, account: Account, code: str, now: int) -> list[str]:
        """Turn it on if ``code`` is of the seed that was given out; return the recovery codes.

        Raises `Refused`.
        """
        self._require(account, on=False)
        seed, until = self._setups.get(account.account, (b"", 0))
        if not seed or now >= until:
            raise Refused(
                Status.SECOND_FACTOR_STATE, "There is no seed that waits for its code; begin anew."
            )
        step = _step_of(seed, _plain(code), now, 0)
        if not step:
            raise Refused(Status.AUTH_FAILED, "That is no code of this seed at this time.")
        del self._setups[account.account]
        self._set(account, _sealed(self._box, account.account, seed, self._entropy), step)
        return self.renew(account)

    def renew(self, account: Account) -> list[str]:
        """Void the recovery codes and return new ones."""
        codes = [recovery_code(self._entropy(_CODE_OCTETS)) for _ in range(limits.RECOVERY_CODES)]
        hashes = {_recovery_hash(_plain(code)) for code in codes}
        self._recovery[account.account] = hashes
        number, rows = account.account, sorted(hashes)

        def replace(db: peewee.Database) -> None:
            db.execute_sql("DELETE FROM recovery_code WHERE account = ?", (number,))
            for hash_ in rows:
                db.execute_sql(
                    "INSERT INTO recovery_code (code_hash, account) VALUES (?, ?)", (hash_, number)
                )

        self._journal.change(replace)
        return codes

    def disable(self, account: Account) -> None:
        """Turn it off; raises `Refused` if it is."""
        self._require(account, on=True)
        self.forget(account)

    def forget(self, account: Account) -> None:
        """Turn it off, whether it is on or not."""
        self._setups.pop(account.account, None)
        self._recovery.pop(account.account, None)
        number = account.account
        self._set(account, b"", 0)
        self._journal.change(
            lambda db: db.execute_sql("DELETE FROM recovery_code WHERE account = ?", (number,))
        )

    # --- codes ---------------------------------------------------------------------------------

    def is_good(self, account: Account, code: str, now: int) -> bool:
        """Tell whether a code is good now; if so it never is again."""
        plain = _plain(code)
        step = _step_of(self._open(account), plain, now, account.totp_step)
        if step:
            self._set(account, account.totp_seed, step)
            return True
        mine = self._recovery.get(account.account, set())
        hash_ = _recovery_hash(plain)
        if hash_ not in mine:
            return False
        mine.remove(hash_)
        self._journal.change(
            lambda db: db.execute_sql("DELETE FROM recovery_code WHERE code_hash = ?", (hash_,))
        )
        return True

    @staticmethod
    def _require(account: Account, on: bool) -> None:
        if bool(account.totp_seed) != on:
            text = "The second factor is off." if on else "The second factor is on already."
            raise Refused(Status.SECOND_FACTOR_STATE, text)

    def _open(self, account: Account) -> bytes:
        try:
            return _opened(self._box, account.account, account.totp_seed)
        except InvalidTag:
            raise StoreError(
                f"{KEY_FILE} does not open the second factors in the store; put back the file that"
                " belongs to it (lost for ever: papertrader lost-key)"
            ) from None

    def _set(self, account: Account, sealed: bytes, step: int) -> None:
        account.totp_seed, account.totp_step = sealed, step
        row = (sealed, step, account.account)
        self._journal.change(
            lambda db: db.execute_sql(
                "UPDATE account SET totp_seed = ?, totp_step = ? WHERE id = ?", row
            )
        )


def _label(account: int) -> bytes:
    """Bind a sealed seed to its account: in another's row it does not open."""
    return b"totp" + account.to_bytes(8, "big")


def _opened(box: AESGCM, account: int, sealed: bytes) -> bytes:
    return box.decrypt(sealed[:_NONCE_OCTETS], sealed[_NONCE_OCTETS:], _label(account))


def _sealed(box: AESGCM, account: int, seed: bytes, entropy: Callable[[int], bytes]) -> bytes:
    nonce = entropy(_NONCE_OCTETS)
    return nonce + box.encrypt(nonce, seed, _label(account))


def sealed_anew(key: bytes, account: int, entropy: Callable[[int], bytes]) -> bytes:
    """Return a seed that nobody has seen, sealed for an account."""
    return _sealed(AESGCM(key), account, entropy(SEED_OCTETS), entropy)


def resealed(
    key: bytes, fresh: bytes, account: int, sealed: bytes, entropy: Callable[[int], bytes]
) -> bytes:
    """Return a seed sealed with another key; raises `InvalidTag` if ``key`` does not open it."""
    return _sealed(AESGCM(fresh), account, _opened(AESGCM(key), account, sealed), entropy)


def opens(key: bytes, account: int, sealed: bytes) -> bool:
    """Tell whether ``key`` opens the sealed seed of an account's number."""
    try:
        _opened(AESGCM(key), account, sealed)
    except InvalidTag:
        return False
    return True


def _step_of(seed: bytes, code: str, now: int, used: int) -> int:
    """Return the step that a code is of: this one or the last, and after ``used``; else 0."""
    totp = TOTP(seed, DIGITS, SHA1(), STEP_S)
    present = now // (STEP_S * SECOND)
    for step in (present, present - 1):
        good = hmac.compare_digest(totp.generate(step * STEP_S), code.encode())
        if good and step > used:
            return step
    return 0
