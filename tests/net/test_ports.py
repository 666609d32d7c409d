"""What is said where a port cannot be listened on."""

from __future__ import annotations

import errno
import os

import pytest

from papertrader.net.ports import cannot_listen


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.EADDRINUSE, "stop the program that uses this port, or set web.listen to another"),
        (errno.EACCES, "set web.listen to a port from 1024 on, or let the service have lower ones"),
        (errno.EADDRNOTAVAIL, "set web.listen to an address that this machine has"),
        (errno.EAFNOSUPPORT, "set web.listen to another"),
    ],
)
def test_each_cause_has_its_remedy(number: int, remedy: str) -> None:
    """No program has to be stopped for a port that is only root's, or for an address elsewhere."""
    error = OSError(number, os.strerror(number))
    said = cannot_listen("192.0.2.1:443", "web.listen", error)
    assert said == f"cannot listen on 192.0.2.1:443: {os.strerror(number)}; {remedy}"


def test_a_cause_without_a_number_is_told_as_it_is() -> None:
    """Such as what an endpoint says of itself."""
    said = cannot_listen("here:1", "web.listen", RuntimeError("no endpoint"))
    assert said == "cannot listen on here:1: no endpoint; set web.listen to another"
