"""``twistd papertrader-master``: options, and the driver of a master."""

from __future__ import annotations

from papertrader.ops.driver import Driver, Role
from papertrader.ops.options import ServerOptions


class Options(ServerOptions):
    """Options of the master; what is not given comes from the settings file."""

    kind = "master"

    def postOptions(self) -> None:
        """Look for what a standby needs besides the settings."""
        super().postOptions()
        if self.settings.master.standby:
            from papertrader.ops import sealkey  # noqa: PLC0415 (few drivers need it)

            if not sealkey.seal_key_file(self.state).exists():
                self.end(
                    f"there is no {sealkey.seal_key_file(self.state)}; {sealkey.NO_SHARED_KEY}"
                )


def makeService(options: Options) -> Driver:
    """Return the service for ``twistd``; nothing is opened before it starts."""
    from twisted.internet import reactor  # noqa: PLC0415 (twistd chose it by now)

    listen = options.settings.master.listen
    role = Role(
        name="master",
        kind="master",
        arguments=options.given(),
        host=listen.host,
        port=listen.port,
        setting="master.listen",
        spare=True,
    )
    return Driver(role, options.state, reactor)
