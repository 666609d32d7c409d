"""Figures of the login: stuffing (T-10), and what outsiders learn from time (T-11, P-20).

``python -m tests.torture.logins`` runs both against a master in memory with its real store; the
numbers of tries and samples can be given. It fails when a ceiling does not hold.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from argon2 import PasswordHasher

from papertrader.master.tries import TRIES_PER_HOUR
from papertrader.wire import messages as m
from papertrader.wire.kinds import Status
from tests.master_kit import PASSWORD, MasterKit

RATE = 28
"""Tries in a second: all that one hashing thread could check."""
EFFECT_MAX = 0.1


def address(number: int) -> bytes:
    """An IPv4 address, as it stands in the envelope."""
    return bytes(10) + b"\xff\xff\x0a\x00" + number.to_bytes(2, "big")


def login(kit: MasterKit, connection: int, name: str, password: str, come_from: bytes) -> int:
    """Try once; return the status."""
    client = kit.client(connection=connection)
    client.address = come_from
    sent = m.Login(username=name, password=password, scope=2)
    client.correlation = 0
    answer = client.ask(sent, session=0)
    kit.main.client_closed(client.link, connection, True)
    return int(answer.status)


def stuffing(tries: int, accounts: int, addresses: int) -> None:
    """Many tries on many accounts from many addresses; then the owners come."""
    with tempfile.TemporaryDirectory() as directory:
        kit = MasterKit(Path(directory))
        for number in range(accounts):
            kit.client(connection=1).register(f"user{number}")
        for number in range(0, accounts, max(1, accounts // 20)):
            assert login(kit, 2, f"user{number}", PASSWORD, address(60_000)) == 0
        seen: Counter[str] = Counter()
        checked: Counter[int] = Counter()
        begun = kit.reactor.seconds()
        for number in range(tries):
            who = number % accounts
            status = login(kit, 3, f"user{who}", f"guess {number}", address(number % addresses))
            seen[Status(status).name] += 1
            checked[who] += status == Status.AUTH_FAILED
            kit.reactor.advance(1 / RATE)
        hours = (kit.reactor.seconds() - begun) / 3_600
        owners = [
            login(kit, 4, f"user{number}", PASSWORD, address(60_000))
            for number in range(0, accounts, max(1, accounts // 20))
        ]
        most = max(checked.values())
        print(
            f"stuffing: {tries:,} tries in {hours:.1f} h on {accounts:,} accounts from"
            f" {addresses:,} addresses: {dict(seen)}; most checked of one account: {most};"
            f" owners from their own address: {owners.count(0)} of {len(owners)} logged in"
        )
        assert most <= TRIES_PER_HOUR * max(1, -(-hours // 1))
        assert owners.count(0) == len(owners)


def timing(samples: int) -> None:
    """Whether the time of a refused login tells if the name exists: Cohen's d, interleaved."""
    with tempfile.TemporaryDirectory() as directory:
        kit = MasterKit(Path(directory))
        # The hash as it is in production: with a cheap one other work would show that is not
        # seen beside it.
        vault = kit.main.people.vault
        vault._hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
        vault._decoy = vault._hasher.hash("nobody's password")
        kit.client(connection=1).register("ann")
        taken: dict[str, list[float]] = {"ann": [], "eve": []}
        hashes: Counter[str] = Counter()
        sizes: dict[str, set[int]] = {"ann": set(), "eve": set()}
        order = random.Random(1)
        for number in range(samples):
            for name in order.sample(sorted(taken), 2):
                kit.reactor.advance(1_000)
                client = kit.client(connection=2)
                client.address = address(number % 50_000)
                before = kit.main.people.vault.hashes
                begun = time.process_time()
                answer = client.ask(
                    m.Login(username=name, password="a wrong one", scope=2), session=0
                )
                taken[name].append(time.process_time() - begun)
                hashes[name] += kit.main.people.vault.hashes - before
                sizes[name].add(len(answer.octets))
        cut = {name: sorted(each)[: int(len(each) * 0.95)] for name, each in taken.items()}
        spread = statistics.pstdev([*cut["ann"], *cut["eve"]])
        effect = (statistics.fmean(cut["ann"]) - statistics.fmean(cut["eve"])) / spread
        print(
            f"enumeration: {samples:,} samples each: hashes {dict(hashes)}, octets of the answers"
            f" {sizes}, effect size {effect:+.3f}"
        )
        assert hashes["ann"] == hashes["eve"]
        assert sizes["ann"] == sizes["eve"]
        if abs(effect) >= EFFECT_MAX:
            sys.exit(f"the effect size is {EFFECT_MAX} or more")


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tries", type=int, default=100_000)
    parser.add_argument("--accounts", type=int, default=1_000)
    parser.add_argument("--addresses", type=int, default=1_000)
    parser.add_argument("--samples", type=int, default=2_000)
    chosen = parser.parse_args()
    if chosen.samples:
        timing(chosen.samples)
    if chosen.tries:
        stuffing(chosen.tries, chosen.accounts, chosen.addresses)


if __name__ == "__main__":
    main()
