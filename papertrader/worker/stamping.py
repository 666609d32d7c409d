"""Stamping: puts a client's frame into the envelope that says when and from whom it came.

The envelope is a RELAY_UP frame. All that stays the same for a connection is packed once; per frame
there is one `struct` call and one concatenation. ``received_at`` comes from `Clock.stamp_ns`, which
never gives the same instant twice.
"""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

import attrs

from papertrader.wire.kinds import MAGIC, VERSION, Category, Family, FrameFlag, Opcode, Tag
from papertrader.wire.kinds import RelayUpFlag as Flag
from papertrader.wire.limits import HEADER_SIZE
from papertrader.wire.messages import RelayUp

_SECTION_SIZE: Final = 6
_HEAD: Final = struct.pack(">2sBB", MAGIC, VERSION, Category.CONTROL)
_FIELDS: Final = struct.pack(">HHHHIIQ", Opcode.RELAY_UP, FrameFlag.EVENT, RelayUp.SIZE, 0, 0, 0, 0)
_CLIENT: Final = struct.Struct(">Q16sHBB4x")
_ENVELOPE: Final = struct.Struct(">4sI24sQQ32sHI")
"""head · length · rest of the header · received_at · worker_seq · client · tag · size."""
_OVERHEAD: Final = RelayUp.SIZE + _SECTION_SIZE
ENVELOPE_SIZE: Final = HEADER_SIZE + _OVERHEAD
"""Octets that the envelope adds to a frame."""

if _ENVELOPE.size != ENVELOPE_SIZE:
    raise RuntimeError("the envelope is not packed as RELAY_UP is declared")


@attrs.frozen(kw_only=True)
class ClientData:
    """Where a client is: ``address`` is IPv6 or IPv4-mapped, zeros if it has no IP address."""

    address: bytes
    port: int
    family: Family


def client_data(peer: object) -> ClientData:
    """Read a transport's peer address."""
    host, port = getattr(peer, "host", None), getattr(peer, "port", None)
    if isinstance(host, str) and isinstance(port, int):
        octets = packed_address(host)
        if octets is not None:
            mapped = octets[:12] == _MAPPED
            family = Family.IPV4 if mapped else Family.IPV6
            return ClientData(address=octets, port=port, family=family)
    return ClientData(address=bytes(16), port=0, family=Family.LOCAL)


_MAPPED: Final = bytes(10) + b"\xff\xff"


def packed_address(host: str) -> bytes | None:
    """Return an IP address as 16 octets, IPv4 mapped into IPv6; None if it is not one."""
    try:
        ip: IPv4Address | IPv6Address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return _MAPPED + ip.packed if isinstance(ip, IPv4Address) else ip.packed


class Envelope:
    """Wraps the frames of one client connection."""

    __slots__ = ("_first", "_resent")

    def __init__(self, connection: int, client: ClientData) -> None:
        def packed(flags: int) -> bytes:
            return _CLIENT.pack(connection, client.address, client.port, client.family, flags)

        self._first = packed(0)
        self._resent = packed(Flag.RESENT)

    def wrap(self, received_at: int, worker_seq: int, frame: bytes, resent: bool = False) -> bytes:
        """Return the RELAY_UP frame around ``frame``, whose octets it does not look at."""
        size = len(frame)
        return (
            _ENVELOPE.pack(
                _HEAD,
                _OVERHEAD + size,
                _FIELDS,
                received_at,
                worker_seq,
                self._resent if resent else self._first,
                Tag.INNER,
                size,
            )
            + frame
        )
