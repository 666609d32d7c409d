"""Forwarding the log over TLS in memory: at least once, whatever happens to whom."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from OpenSSL.crypto import X509
from twisted.internet.ssl import Certificate as TrustedCertificate
from twisted.internet.ssl import CertificateOptions, trustRootFromCertificates

from papertrader.core.logrecord import Level
from papertrader.net.credentials import (
    BUNDLE_BYTES_MAX,
    CredentialsError,
    load_certificates,
    load_private_key,
)
from papertrader.net.tls import log_client_factory
from papertrader.ops import forwarded as forwarded_module
from papertrader.ops import forwarding
from papertrader.ops.certificates import authority_file, certificate_files, make_authority
from papertrader.ops.forwarded import (
    FILE,
    Forwarded,
    ForwardedError,
    log_names,
    octets_behind,
    read_forwarded,
)
from papertrader.ops.forwarding import HELD_OCTETS, RETRY_MAX_S, SETTLE_S, STALLED_S
from papertrader.ops.forwardservice import Receiver, begin
from tests.forward_kit import NAME, LogWriter, Make, Scene
from tests.tls_kit import installation


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority and certificates, made once."""
    return installation(tmp_path_factory.mktemp("certified"))


@pytest.fixture
def make(tmp_path: Path, certified: Path) -> Iterator[Make]:
    """Return what makes scenes; nothing of them is left in the clock afterwards."""
    shutil.copytree(certified / "tls", tmp_path / "tls")
    (tmp_path / "log").mkdir()
    made: list[Scene] = []

    def scene(**options: object) -> Scene:
        made.append(Scene(tmp_path, **options))  # type: ignore[arg-type]
        return made[-1]

    yield scene
    for each in made:
        each.stalled = False
        stopped = each.forwarder.stop()
        each.run(5)
        assert stopped.called


def test_entries_of_all_processes_arrive_as_they_come(make: Make, tmp_path: Path) -> None:
    """What is there, what follows, a server that starts later; not what is below the level."""
    master = LogWriter(tmp_path / "log")
    master.write("one", "two")
    master.write("quiet", level=Level.DEBUG)
    scene = make().begin()
    scene.run()
    assert scene.texts == ["one", "two"]
    master.write("three", new=True)
    LogWriter(tmp_path / "log", "worker-1").write("four", corr=(0, 0, 0))
    LogWriter(tmp_path / "log", "shipped-worker-1").write("four")
    LogWriter(tmp_path / "log", "shipped-far").write("five", level=Level.ERROR)
    scene.run(1)
    assert sorted(scene.texts[2:]) == ["five", "four", "three"]
    found = {each.text: each for each in scene.messages}
    assert found["three"].values["corr"] == "1:2:3"
    assert found["three"].values["id"].startswith("master-000002.log:")
    assert "corr" not in found["four"].values
    assert (found["five"].app_name, found["five"].severity) == ("papertrader-shipped-far", 3)
    scene.settle()
    assert (scene.at(), scene.forwarder.forwarded.entries) == (4, 5)
    assert octets_behind(scene.log, scene.forwarder.forwarded) == 0
    assert scene.said == ["connected to tls://there:6514"]


def test_without_tls_on_this_machine(make: Make, tmp_path: Path) -> None:
    """There is no handshake to wait for; all else is the same."""
    LogWriter(tmp_path / "log").write("one")
    scene = make(secure=False).begin()
    scene.settle()
    assert scene.texts == ["one"]
    assert scene.at() == 1


def test_what_is_taken_is_not_recorded_before_it_settled(make: Make, tmp_path: Path) -> None:
    """A kill at any moment: nothing is left out, what comes twice has the same identity."""
    writer = LogWriter(tmp_path / "log")
    writer.write("one", "two")
    scene = make().begin()
    scene.run(SETTLE_S + 1)
    writer.write("three")
    scene.run()
    assert scene.texts == ["one", "two", "three"]
    assert scene.at() == 2
    writer.write("four")
    scene.killed()
    scene.run()
    assert scene.texts == ["one", "two", "three", "three", "four"]
    first, second = scene.messages[2:4]
    assert first == second
    scene.settle()
    assert scene.at() == 4
    scene.killed()
    scene.run()
    assert scene.texts[5:] == []


def test_a_receiver_that_closes_gets_what_had_not_settled_again(make: Make, tmp_path: Path) -> None:
    """In order or not, at once or a second later; and what came meanwhile."""
    writer = LogWriter(tmp_path / "log")
    writer.write("one")
    scene = make().begin()
    scene.settle()
    writer.write("two")
    scene.run()
    transport = scene.receivers[-1].transport
    assert transport is not None
    transport.loseConnection()
    scene.run(0)
    writer.write("three")
    scene.run(2)
    assert scene.texts == ["one", "two", "two", "three"]
    assert scene.forwarder.connections == 2
    assert [each.split(":")[0] for each in scene.said] == [
        "connected to tls", "lost the connection to tls", "connected to tls",
    ]  # fmt: skip


def test_a_receiver_that_stalls_holds_a_bounded_amount(make: Make, tmp_path: Path) -> None:
    """Then it is left, and what it may never have read comes again: nothing is missing."""
    writer = LogWriter(tmp_path / "log")
    scene = make().begin()
    scene.stalled = True
    writer.write(*(f"{number:04}" + "x" * 900 for number in range(3_000)))
    scene.run(STALLED_S / 2)
    assert HELD_OCTETS / 2 < scene.unsent() < HELD_OCTETS * 1.1
    held = scene.outbox.counts.entries
    assert held < 3_000
    scene.run(STALLED_S / 4)
    assert scene.outbox.counts.entries == held
    scene.run(STALLED_S / 2)
    assert any("took nothing for 60 s" in each for each in scene.said)
    scene.stalled = False
    scene.run(8)
    assert {text[:4] for text in scene.texts} == {f"{number:04}" for number in range(3_000)}
    scene.settle()
    assert scene.at() == 3_000


def test_what_a_stalled_machine_took_comes_again(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """REPEATED_OCTETS of it, though it had settled: maybe no program ever read it."""
    monkeypatch.setattr(forwarding, "REPEATED_OCTETS", 40_000)
    monkeypatch.setattr(forwarding, "_STEP_OCTETS", 5_000)
    writer = LogWriter(tmp_path / "log")
    scene = make().begin()
    for number in range(10):
        writer.write(*(f"{number}{each}" + "x" * 900 for each in range(10)))
        scene.run(1)
    scene.settle()
    assert scene.at() == 100
    assert len(scene.forwarder._earlier) <= 40_000 // 5_000 + 2
    scene.stalled = True
    writer.write("last")
    scene.run(STALLED_S + 2)
    assert 50 < scene.at() < 70
    scene.stalled = False
    scene.run(3)
    again = scene.receivers[-1].messages
    assert 35 < len(again) < 55
    assert [each.text[:2] for each in again][-3:] == ["98", "99", "la"]
    known = {each.values["id"] for each in scene.receivers[0].messages}
    assert [each.text for each in again if each.values["id"] not in known] == ["last"]


@pytest.mark.parametrize("wrong", ["name", "authority", "expired"])
def test_a_receiver_that_is_not_who_it_should_be_gets_nothing(
    make: Make, tmp_path: Path, wrong: str
) -> None:
    """Not an octet; said once, however often it is tried, and ever more seldom."""
    LogWriter(tmp_path / "log").write("secret enough")
    options: dict[str, object] = {"name": "elsewhere.example.org"}
    if wrong == "authority":
        from datetime import UTC, datetime

        make_authority(tmp_path / "other", now=datetime.now(UTC))
        options = {"trusting": tmp_path / "other"}
    elif wrong == "expired":
        from tests.tls_kit import foreign_side

        files = certificate_files(tmp_path, "expired-public")
        options = {"server": foreign_side(alpn=(), files=files)}
    scene = make(**options).begin()
    scene.run(200)
    assert len(scene.receivers) > 4
    assert all(each.frames.rest == b"" and not each.messages for each in scene.receivers)
    assert scene.at() == 0
    waits = [b - a for a, b in zip(scene.attempts, scene.attempts[1:], strict=False)]
    assert waits[0] < 2 and RETRY_MAX_S <= max(waits) < RETRY_MAX_S + 2
    assert len(scene.said) == 1
    if wrong == "name":
        assert "does not name elsewhere.example.org" in scene.said[0]


def test_a_refused_certificate_of_ours_loses_nothing(make: Make, tmp_path: Path) -> None:
    """In TLS 1.3 our handshake ends before the receiver has judged it: what went out by then was
    taken by its machine, and read by nobody."""
    LogWriter(tmp_path / "log").write("one")
    credentials = certificate_files(tmp_path, "worker-1-public")
    server = CertificateOptions(
        certificate=load_certificates(credentials[0])[0],
        privateKey=load_private_key(credentials[1]),
        trustRoot=trustRootFromCertificates(
            [
                TrustedCertificate(
                    X509.from_cryptography(load_certificates(authority_file(tmp_path))[0])
                )
            ]
        ),
    )
    scene = make(server=server).begin()
    scene.run(2)
    assert scene.texts == []
    assert scene.at() == 0
    scene.own = certificate_files(tmp_path, "worker-1")
    scene.run(10)
    assert scene.texts == ["one"]
    assert scene.at() == 1


def test_the_authorities_of_a_whole_system(make: Make, tmp_path: Path) -> None:
    """A file of them is longer than any other of certificates; it is bounded all the same."""
    LogWriter(tmp_path / "log").write("one")
    ours = authority_file(tmp_path).read_bytes()
    authority_file(tmp_path).write_bytes(ours * (200_000 // len(ours)))
    scene = make().begin()
    scene.run(1)
    assert scene.texts == ["one"]
    authority_file(tmp_path).write_bytes(ours * (BUNDLE_BYTES_MAX // len(ours) + 1))
    with pytest.raises(CredentialsError, match="longer than 1048576 bytes"):
        log_client_factory(authority_file(tmp_path), NAME, None)


def test_files_that_were_removed_before_they_were_sent(make: Make, tmp_path: Path) -> None:
    """The operator and the receiver are told how many entries are missing, once."""
    writer = LogWriter(tmp_path / "log", kept=2)
    writer.write("one", "two")
    scene = make().begin()
    scene.settle()
    scene.refusing = True
    transport = scene.receivers[-1].transport
    assert transport is not None
    transport.loseConnection()
    scene.run(1)
    for number in range(3, 8):
        writer.write(f"entry {number}", new=True)
    scene.refusing = False
    scene.run(RETRY_MAX_S)
    scene.settle()
    assert scene.texts[2:] == [
        "log files of master were removed before they were sent: 4 files, at least 3 entries are"
        " missing here",
        "entry 6",
        "entry 7",
    ]
    lost = scene.messages[2]
    assert (lost.msgid, lost.severity, lost.values["entries"]) == ("lost", 4, "3")
    assert len([each for each in scene.said if "at least 3 entries" in each]) == 1
    found = read_forwarded(scene.log)
    assert found is not None and found.lost == 3
    # Whoever comes after a kill knows of it, and does not count it again.
    scene.killed().settle()
    assert scene.forwarder.forwarded.lost == 3


def test_a_handshake_that_does_not_end(make: Make, tmp_path: Path) -> None:
    """Is given up, and tried again."""
    LogWriter(tmp_path / "log").write("one")
    scene = make(stalled=True).begin()
    scene.run(forwarding.HANDSHAKE_S + 3)
    assert len(scene.attempts) == 2
    scene.stalled = False
    scene.run(3)
    assert scene.texts == ["one"]


def test_marks_are_bounded(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond MARKS_MAX the last two settle as one: later, never sooner."""
    monkeypatch.setattr(forwarding, "MARKS_MAX", 2)
    writer = LogWriter(tmp_path / "log")
    scene = make().begin()
    scene.run(0)
    for number in range(5):
        writer.write(str(number))
        scene.run(1)
        assert len(scene.forwarder._marks) <= 2
    assert len(scene.texts) == 5
    scene.run(1)
    assert scene.at() <= 2
    scene.settle()
    assert scene.at() == 5


def test_no_more_processes_than_so_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first by name."""
    monkeypatch.setattr(forwarded_module, "PROCESSES_MAX", 2)
    for name in ("c", "a", "b"):
        LogWriter(tmp_path, name).write("one")
    assert log_names(tmp_path) == ["a", "b"]


def test_a_log_that_cannot_be_read_is_told_once(make: Make, tmp_path: Path) -> None:
    """And read when it can be."""
    (tmp_path / "log" / "master-000001.log").mkdir()
    scene = make().begin()
    scene.run(3)
    assert len([each for each in scene.said if "cannot be read" in each]) == 1
    (tmp_path / "log" / "master-000001.log").rmdir()
    LogWriter(tmp_path / "log").write("one")
    scene.run(1)
    assert scene.texts == ["one"]


def test_a_place_that_cannot_be_recorded_is_told_once(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk stops nothing."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(forwarded_module, "replace_file", full)
    writer = LogWriter(tmp_path / "log")
    scene = make().begin()
    for number in range(3):
        writer.write(str(number))
        scene.settle()
    assert scene.texts == ["0", "1", "2"]
    assert len([each for each in scene.said if "No space left" in each]) == 1


def test_the_file_is_whole_or_said_to_be_damaged(tmp_path: Path) -> None:
    """What cannot be read begins with the oldest entry: twice is better than never."""
    said: list[str] = []
    receiver = Receiver.parse("tls://there:6514")
    assert begin(tmp_path, receiver, said.append) == Forwarded(receiver="tls://there:6514")
    assert said == []
    for damaged in ("", "[]", "{}", '{"format":2}', '{"format":1,"places":{"a":{}}}'):
        (tmp_path / FILE).write_text(damaged)
        with pytest.raises(ForwardedError):
            read_forwarded(tmp_path)
        assert begin(tmp_path, receiver, said.append).places == {}
    assert len(said) == 5 and all("comes twice" in each for each in said)
    Forwarded(receiver="tls://elsewhere:1", entries=3).write(tmp_path)
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    assert json.loads((tmp_path / FILE).read_text())["entries"] == 3
    assert begin(tmp_path, receiver, said.append).entries == 3
    assert said[-1] == "went to tls://elsewhere:1 before; goes on where that ended"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("tls://logs.example.org:6514", "tls://logs.example.org:6514"),
        ("tls://[2001:db8::1]:6514", "tls://[2001:db8::1]:6514"),
        ("tcp://127.0.0.1:601", "tcp://127.0.0.1:601"),
        ("tcp://[::1]:601", "tcp://[::1]:601"),
    ],
)
def test_receivers(text: str, shown: str) -> None:
    """By name or address; without TLS on this machine alone."""
    assert str(Receiver.parse(text)) == shown


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("tcp://logs.example.org:601", "on this machine alone"),
        ("tcp://10.0.0.1:601", "on this machine alone"),
        ("tcp://localhost:601", "on this machine alone"),
        ("udp://127.0.0.1:514", "no receiver"),
        ("tls://logs.example.org", "no receiver"),
        ("tls://logs.example.org:0", "no receiver"),
        ("tls://logs.example.org:65536", "no receiver"),
        ("tls://user@logs.example.org:6514", "no receiver"),
        ("", "no receiver"),
    ],
)
def test_what_is_no_receiver(text: str, why: str) -> None:
    """Nothing leaves the machine in the clear; a name may lead anywhere."""
    with pytest.raises(ValueError, match=why):
        Receiver.parse(text)
