"""The table of what the gateway answers over REST."""

from __future__ import annotations

from papertrader.gateway.accounts import Accounts
from papertrader.gateway.assets import AssetBook, Assets
from papertrader.gateway.orders import Orders
from papertrader.gateway.routing import Route
from papertrader.net.clock import Clock


def routes(clock: Clock) -> list[Route]:
    """Return every route."""
    book = AssetBook(clock)
    accounts, assets, orders = Accounts(), Assets(book), Orders(book)
    return [
        Route("GET", "/v2/account", accounts.account),
        Route("GET", "/v2/assets", assets.all),
        Route("GET", "/v2/assets/{symbol*}", assets.one),
        Route("POST", "/v2/orders", orders.submit),
        Route("GET", "/v2/orders/{order}", orders.one),
        Route("DELETE", "/v2/orders/{order}", orders.cancel),
        Route("GET", "/v2/orders:by_client_order_id", orders.by_client_id),
    ]
