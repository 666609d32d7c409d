"""Using one provider from a program that is no server: a reactor, one call, the end."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred

from papertrader.master.providers.faults import ProviderFault
from papertrader.master.providers.http import DEADLINE_S, Connections, Web
from papertrader.master.providers.provider import Provider
from papertrader.master.providers.request import Origin
from papertrader.net.clock import Clock, install_monotonic
from papertrader.ops.live_parts import shown_provider
from papertrader.ops.settings import Settings


def visit_provider(
    settings: Settings,
    state: Path,
    environ: Mapping[str, str],
    name: str,
    use: Callable[[Provider, bool], Any],
    seconds: float = 3 * DEADLINE_S,
) -> str:
    """Call ``use`` with a provider and whether its key is there; await what it returns.

    It is ended after ``seconds``. Returns why it failed, or an empty text. What answers False has
    failed without a reason.
    """
    # Twisted's TLS flushes by the global reactor, so no other one will do. It runs once.
    from twisted.internet import reactor as global_reactor  # noqa: PLC0415

    reactor: Any = global_reactor
    install_monotonic(reactor)
    clock = Clock(reactor)
    connections = Connections(reactor)
    web = Web(connections.agent, Origin.parse(settings.provider(name).url), clock)
    made, has_key = shown_provider(settings, state, environ, name, web, clock)
    failure: list[str] = []

    async def visit() -> None:
        try:
            found = use(made, has_key)
            if inspect.isawaitable(found) and not await found:
                failure.append(f"{name} said nothing of these symbols")
        except ProviderFault as fault:
            failure.append(f"{name}: {fault.kind}: {fault}")
        finally:
            await connections.close()
            reactor.stop()

    def begin() -> None:
        Deferred.fromCoroutine(visit()).addErrback(
            lambda reason: failure.append(f"{name}: {reason.getErrorMessage()}")
        )

    clock.call_later(0, begin)
    clock.call_later(seconds, reactor.stop)
    reactor.run(installSignalHandlers=False)
    clock.cancel_all()
    return failure[0] if failure else ""
