"""Using one provider from a program that is no server: a reactor, one call, the end."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred

from papertrader.master.providers.faults import ProviderFault
from papertrader.master.providers.http import Connections, Web
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
    seconds: float = 0.0,
) -> str:
    """Call ``use`` with a provider and whether its key is there; await what it returns.

    It is ended after ``seconds``, 0 for those that three answers may take. Returns why it failed,
    or an empty text. What answers False has failed without a reason.
    """
    # Twisted's TLS flushes by the global reactor, so no other one will do. It runs once.
    from twisted.internet import reactor as global_reactor  # noqa: PLC0415

    reactor: Any = global_reactor
    install_monotonic(reactor)
    clock = Clock(reactor)
    connections = Connections(reactor)
    timeout_s = settings.market.answer_timeout_s
    web = Web(connections.agent, Origin.parse(settings.provider(name).url), clock, timeout_s)
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
    clock.call_later(seconds or 3 * timeout_s, reactor.stop)
    reactor.run(installSignalHandlers=False)
    clock.cancel_all()
    return failure[0] if failure else ""
