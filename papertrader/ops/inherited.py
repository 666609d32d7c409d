"""Listening on the socket that the driver holds."""

from __future__ import annotations

import os
import socket
from typing import Any

from twisted.internet.endpoints import AdoptedStreamServerEndpoint
from twisted.internet.interfaces import IStreamServerEndpoint


def inherited_endpoint(reactor: Any, descriptor: int) -> IStreamServerEndpoint:
    """Return what listens on an inherited socket; closing it leaves it open at the driver's."""
    with socket.socket(fileno=os.dup(descriptor)) as opened:
        family = opened.family
    return AdoptedStreamServerEndpoint(reactor, descriptor, family)
