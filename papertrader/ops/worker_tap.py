"""``twistd papertrader-worker``: options, and the driver of a worker."""

from __future__ import annotations

from typing import Final

from twisted.python import usage

from papertrader.core.identifiers import check_host
from papertrader.ops.driver import Driver, Role
from papertrader.ops.enrolled import EnrolledWorker, read_enrolled
from papertrader.ops.options import ServerOptions
from papertrader.ops.variables import WORKERS_MAX

PUBLIC_HOST_MAX: Final = 64
"""Octets of the name that clients are told, as `papertrader.wire.primitives.Host64` has it."""


def check_public_host(host: str) -> None:
    """Raise `ValueError` for what clients could not be told to connect to; "" is nothing."""
    if not host:
        return
    if len(check_host(host)) > PUBLIC_HOST_MAX:
        raise ValueError(f"a name of {len(host)} characters; clients can be told {PUBLIC_HOST_MAX}")


class Options(ServerOptions):
    """Options of a worker; what is not given comes from the settings file."""

    kind = "worker"

    optParameters = [
        ["number", "n", "1", "Which worker of the installation this is, from 1."],
        ["region", None, "0", "Region that clients may ask for."],
        [
            "public-host",
            None,
            "",
            "Name by which clients reach this worker.",
        ],
    ]

    enrolled: EnrolledWorker | None = None
    """Who this worker is, if it was enrolled on a machine of its own."""

    def postOptions(self) -> None:
        """Check the numbers besides the settings."""
        super().postOptions()
        for name, least, most in (("number", 1, WORKERS_MAX), ("region", 0, 2**32 - 1)):
            try:
                self[name] = int(self[name])
            except ValueError:
                raise usage.UsageError(f"--{name} takes a number, not {self[name]!r}") from None
            if not least <= self[name] <= most:
                raise usage.UsageError(f"--{name} must be {least} to {most}")
        try:
            check_public_host(self["public-host"])
        except ValueError as error:
            self.end(f"--public-host: {error}")
        try:
            self.enrolled = read_enrolled(self.state)
        except ValueError as error:
            self.end(str(error))
        if self.enrolled is None and self["number"] > self.settings.workers:
            self.end(
                f"there is no worker {self['number']}: the settings say workers ="
                f" {self.settings.workers}"
            )

    @property
    def name(self) -> str:
        """The worker's name in its installation."""
        return f"worker-{self['number']}" if self.enrolled is None else self.enrolled.name

    def given(self) -> list[str]:
        """Return the options as they were given."""
        own = [f"--{name}={self[name]}" for name in ("number", "region", "public-host")]
        return [*super().given(), *own]


def makeService(options: Options) -> Driver:
    """Return the service for ``twistd``; nothing is opened before it starts."""
    from twisted.internet import reactor  # noqa: PLC0415 (twistd chose it by now)

    listen = options.settings.worker_listen(options["number"])
    web = options.settings.web_listen(options["number"])
    gateway = options.settings.gateway_listen(options["number"])
    role = Role(
        name=options.name,
        kind="worker",
        arguments=options.given(),
        host=listen.host,
        port=listen.port,
        setting="worker.listen",
        web=(web.host, web.port) if web is not None else None,
        gateway=(gateway.host, gateway.port) if gateway is not None else None,
    )
    return Driver(role, options.state, reactor)
