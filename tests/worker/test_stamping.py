"""The envelope: equal to what the codec builds, strictly increasing stamps, cheap."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.testing import MemoryReactorClock

from papertrader.net.clock import Clock
from papertrader.wire import codec
from papertrader.wire import messages as m
from papertrader.wire.kinds import Family, RelayUpFlag
from papertrader.worker.stamping import ENVELOPE_SIZE, ClientData, Envelope, client_data
from tests.link_kit import WALL_NS

U64 = st.integers(0, 2**64 - 1)


@pytest.mark.clause("15.4")
@given(
    received_at=U64,
    worker_seq=U64,
    connection=U64,
    address=st.binary(min_size=16, max_size=16),
    port=st.integers(0, 65535),
    family=st.sampled_from(Family),
    resent=st.booleans(),
    body=st.binary(max_size=300),
)
def test_the_envelope_is_the_frame_that_the_codec_builds(
    received_at: int,
    worker_seq: int,
    connection: int,
    address: bytes,
    port: int,
    family: Family,
    resent: bool,
    body: bytes,
) -> None:
    """Octet for octet, so that the fast way and the declared way cannot drift apart."""
    inner = codec.frame(1, 0x0201, body, correlation=4, session=9)
    envelope = Envelope(connection, ClientData(address=address, port=port, family=family))
    octets = envelope.wrap(received_at, worker_seq, inner, resent)
    assert octets == codec.encode(
        m.RelayUp(
            received_at=received_at,
            worker_seq=worker_seq,
            connection=connection,
            address=address,
            port=port,
            family=family,
            flags=RelayUpFlag.RESENT if resent else RelayUpFlag(0),
            inner=inner,
        )
    )
    assert len(octets) == len(inner) + ENVELOPE_SIZE


def test_addresses_of_clients() -> None:
    """IPv4 is mapped into IPv6; a peer without an IP address is LOCAL."""
    four = client_data(IPv4Address("TCP", "192.0.2.1", 4000))
    assert four.address == bytes(10) + b"\xff\xff\xc0\x00\x02\x01"
    assert (four.port, four.family) == (4000, Family.IPV4)
    mapped = client_data(IPv6Address("TCP", "::ffff:192.0.2.1", 4000))
    assert mapped == four
    six = client_data(IPv6Address("TCP", "fe80::1%eth0", 1))
    assert six.address == b"\xfe\x80" + bytes(13) + b"\x01"
    assert six.family == Family.IPV6
    local = client_data(UNIXAddress("/run/x"))
    assert local == ClientData(address=bytes(16), port=0, family=Family.LOCAL)


@pytest.mark.clause("15.4")
def test_stamps_grow_even_when_the_clock_stands_still() -> None:
    """Two commands never have the same received_at."""
    clock = Clock(MemoryReactorClock(), lambda: WALL_NS)
    stamps = [clock.stamp_ns() for _ in range(1000)]
    assert stamps == sorted(set(stamps))
    assert stamps[0] == WALL_NS
