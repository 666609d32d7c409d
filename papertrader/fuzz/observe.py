"""What is observed: breaches with their oracle, coverage triples, and the watch for leaks."""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from zlib import crc32

import attrs

MARK: Final = b"ptfz-"
"""What every mark begins with (see `mark_of`). Marks stand in e-mails, tags, passwords."""
SECRET_OWNER: Final = "pw"
"""The owner of passwords: nobody may ever be sent them."""
TOKENS_MAX: Final = 128
"""Session tokens watched; the oldest is forgotten first."""
_MARKED: Final = re.compile(rb"ptfz-([A-Za-z0-9]{1,8})-([a-z0-9]{0,8})")
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz0123456789"


def mark_of(owner: str, word: str) -> str:
    """Return a mark: the owner, six letters of chance, and two that fit only both of them.

    An implementation may repeat what it was sent; if that was changed on the way, the mark of one
    owner must not become that of another.
    """
    return f"{MARK.decode()}{owner}-{word[:6]}{_check(owner, word[:6])}"


def _check(owner: str, word: str) -> str:
    number = crc32(f"{owner} {word}".encode())
    return _LETTERS[number % 36] + _LETTERS[number // 36 % 36]


@attrs.frozen
class Breach:
    """Something that must not be: which oracle says so, and what happened."""

    oracle: str
    text: str


class Seen(NamedTuple):
    """A triple of coverage: in which state what was answered how; ``close`` is GOODBYE's code."""

    state: str
    opcode: int
    status: int
    close: int


class LeakWatch:
    """Looks for one account's marks, for passwords and for tokens where they must not be."""

    def __init__(self) -> None:
        self._tokens: dict[bytes, None] = {}

    def watch_token(self, token: bytes) -> None:
        """Remember a token: from now on it must not come again in any frame."""
        if any(token):
            self._tokens[token] = None
        while len(self._tokens) > TOKENS_MAX:
            del self._tokens[next(iter(self._tokens))]

    def judge(self, owner: str, data: bytes) -> list[Breach]:
        """Return the leaks in octets that were sent to ``owner`` (empty: nobody)."""
        found = []
        if MARK in data:
            for match in _MARKED.finditer(data):
                whose, word = match[1].decode("ascii"), match[2].decode("ascii")
                genuine = whose == SECRET_OWNER or word[6:] == _check(whose, word[:6])
                if whose != owner and genuine:
                    what = "a password" if whose == SECRET_OWNER else f"a mark of {whose}"
                    found.append(Breach("leak", f"{what} was sent to {owner or 'a stranger'}"))
        found += [
            Breach("leak", f"a session token was sent again, to {owner or 'a stranger'}")
            for token in self._tokens
            if token in data
        ]
        return found


class Coverage:
    """Which triples, and which pairs of triples in a row, were seen."""

    def __init__(self) -> None:
        self.triples: dict[Seen, int] = {}
        self.pairs: set[tuple[Seen, Seen]] = set()

    def add(self, seen: list[Seen]) -> int:
        """Take what one connection saw, in order; return how much of it was new."""
        new = 0
        previous: Seen | None = None
        for each in seen:
            if each not in self.triples:
                new += 1
            self.triples[each] = self.triples.get(each, 0) + 1
            if previous is not None and (previous, each) not in self.pairs:
                self.pairs.add((previous, each))
                new += 1
            previous = each
        return new

    def as_rows(self) -> list[list[str | int]]:
        """Return the triples with how often, for a report."""
        return [[*map(str, seen), count] for seen, count in sorted(self.triples.items())]
