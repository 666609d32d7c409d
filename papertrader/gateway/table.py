"""The table of what the gateway answers over REST."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

from papertrader.gateway.accounts import Accounts
from papertrader.gateway.announcements import Announcements
from papertrader.gateway.assets import AssetBook, Assets
from papertrader.gateway.bars import BarHistory
from papertrader.gateway.errors import not_found, unsupported
from papertrader.gateway.hours import Hours
from papertrader.gateway.orders import Orders
from papertrader.gateway.positions import Positions
from papertrader.gateway.quotes import LatestData, orderbook_body, quote_body, trade_body
from papertrader.gateway.routing import Call, Handler, Route
from papertrader.gateway.watchlists import Watchlists


def routes(book: AssetBook) -> list[Route]:
    """Return every route."""
    return [
        *_account_routes(book),
        *_order_routes(book),
        *_market_routes(book),
        *_stock_routes(book),
        *_crypto_routes(book),
    ]


def _account_routes(book: AssetBook) -> Iterator[Route]:
    accounts, lists = Accounts(), Watchlists(book)
    yield Route("GET", "/v2/account", accounts.account)
    yield Route("GET", "/v2/account/configurations", accounts.configuration)
    yield Route("PATCH", "/v2/account/configurations", accounts.configure)
    yield Route("GET", "/v2/account/portfolio/history", accounts.history)
    yield Route("GET", "/v2/account/activities", accounts.activities)
    yield Route("GET", "/v2/account/activities/{kind}", accounts.activities)
    yield Route("GET", "/v2/watchlists", lists.all)
    yield Route("POST", "/v2/watchlists", lists.create)
    yield Route("GET", "/v2/watchlists/{watchlist}", lists.one)
    yield Route("PUT", "/v2/watchlists/{watchlist}", lists.update)
    yield Route("POST", "/v2/watchlists/{watchlist}", lists.add)
    yield Route("DELETE", "/v2/watchlists/{watchlist}", lists.delete)
    yield Route("DELETE", "/v2/watchlists/{watchlist}/{symbol*}", lists.remove)


def _order_routes(book: AssetBook) -> Iterator[Route]:
    orders = Orders(book)
    positions = Positions(orders)
    yield Route("POST", "/v2/orders", orders.submit)
    yield Route("GET", "/v2/orders", orders.all)
    yield Route("DELETE", "/v2/orders", orders.cancel_all)
    yield Route("GET", "/v2/orders:by_client_order_id", orders.by_client_id)
    yield Route("GET", "/v2/orders/{order}", orders.one)
    yield Route("PATCH", "/v2/orders/{order}", orders.replace)
    yield Route("DELETE", "/v2/orders/{order}", orders.cancel)
    yield Route("GET", "/v2/positions", positions.all)
    yield Route("DELETE", "/v2/positions", positions.close_all)
    yield Route("POST", "/v2/positions/{symbol}/exercise", _not("options are"))
    yield Route("GET", "/v2/positions/{symbol*}", positions.one)
    yield Route("DELETE", "/v2/positions/{symbol*}", positions.close)


def _market_routes(book: AssetBook) -> Iterator[Route]:
    assets, hours, actions = Assets(book), Hours(), Announcements(book)
    yield Route("GET", "/v2/assets", assets.all)
    yield Route("GET", "/v2/assets/{symbol*}", assets.one)
    yield Route("GET", "/v2/clock", hours.clock)
    yield Route("GET", "/v2/calendar", hours.calendar)
    yield Route("GET", "/v2/corporate_actions/announcements", actions.all)
    yield Route("GET", "/v2/corporate_actions/announcements/{action}", actions.one)
    yield Route("GET", "/v1/corporate-actions", actions.data)
    yield Route("GET", "/v2/options/contracts", _no_contracts)
    yield Route("GET", "/v2/options/contracts/{contract}", _no_contract)


def _stock_routes(book: AssetBook) -> Iterator[Route]:
    bars, data = BarHistory(book), LatestData(book)
    yield Route("GET", "/v2/stocks/bars", bars.many)
    yield Route("GET", "/v2/stocks/{symbol}/bars", bars.one)
    yield Route("GET", "/v2/stocks/quotes", data.past("quotes", quote_body))
    yield Route("GET", "/v2/stocks/trades", data.past("trades", trade_body))
    yield Route("GET", "/v2/stocks/quotes/latest", data.latest("quotes", quote_body))
    yield Route("GET", "/v2/stocks/trades/latest", data.latest("trades", trade_body))
    yield Route("GET", "/v2/stocks/bars/latest", data.bars)
    yield Route("GET", "/v2/stocks/snapshots", data.snapshots)


def _crypto_routes(book: AssetBook) -> Iterator[Route]:
    bars, data, root = BarHistory(book), LatestData(book), "/v1beta3/crypto/{feed}"
    yield Route("GET", f"{root}/bars", bars.many)
    yield Route("GET", f"{root}/quotes", data.past("quotes", quote_body))
    yield Route("GET", f"{root}/trades", data.past("trades", trade_body))
    yield Route("GET", f"{root}/latest/quotes", data.latest("quotes", quote_body))
    yield Route("GET", f"{root}/latest/trades", data.latest("trades", trade_body))
    yield Route("GET", f"{root}/latest/orderbooks", data.latest("orderbooks", orderbook_body))
    yield Route("GET", f"{root}/latest/bars", data.bars)
    yield Route("GET", f"{root}/snapshots", data.crypto_snapshots)


async def _no_contracts(call: Call) -> dict[str, Any]:
    """Answer whoever looks for options: none of any underlying is listed here."""
    return {"option_contracts": [], "next_page_token": None}


async def _no_contract(call: Call) -> Any:
    raise not_found(f"option contract not found for {call.names['contract'][:64]}")


def _not(what: str) -> Handler:
    """Return what answers for something that PaperTrader does not have."""

    async def answer(call: Call) -> NoReturn:
        raise unsupported(what)

    refusing: Any = answer
    found: Handler = refusing
    return found
