"""Identifiers: what is valid and what is not."""

from __future__ import annotations

import pytest

from papertrader.core.identifiers import (
    ID_MAX,
    check_currency,
    check_host,
    check_id,
    check_symbol,
)


@pytest.mark.parametrize("symbol", ["A", "BRK.B", "BTC-USD", "^GSPC", "EURUSD=X", "9" * 16])
def test_symbols_of_the_trade_are_valid(symbol: str) -> None:
    """The usual ways to write a symbol are taken as they are."""
    assert check_symbol(symbol) == symbol


@pytest.mark.parametrize("symbol", ["", "aapl", "$USD", "A" * 17, "A B", "A\n", ".A", "Ä"])
def test_other_symbols_are_not(symbol: str) -> None:
    """Small letters, spaces, signs and more than 16 characters are refused by name."""
    with pytest.raises(ValueError, match="valid symbol"):
        check_symbol(symbol)


def test_numbers_run_from_1_to_64_bits() -> None:
    """0 means none, so it names nothing."""
    assert check_id(1, "account") == 1
    assert check_id(ID_MAX, "account") == ID_MAX
    for number in (0, -1, ID_MAX + 1):
        with pytest.raises(ValueError, match="valid account number"):
            check_id(number, "account")


@pytest.mark.parametrize("currency", ["", "usd", "USDT", "U1D", "USD\n"])
def test_currencies_have_three_capitals(currency: str) -> None:
    """Anything but three capital letters is refused."""
    assert check_currency("USD") == "USD"
    with pytest.raises(ValueError, match="currency code"):
        check_currency(currency)


@pytest.mark.parametrize("host", ["a", "a.example.", "A-1.Example.org", "192.0.2.1", "::1"])
def test_hosts(host: str) -> None:
    """Names in ASCII and addresses; they come back as they are."""
    assert check_host(host) == host


@pytest.mark.parametrize(
    "host", ["", "a b", "a/b", "a:1", "[::1]", "https://a", "-a", "a..b", "*.a", "é.org", "a" * 64]
)
def test_what_is_no_host(host: str) -> None:
    """The sentence repeats it, and says how one is written."""
    with pytest.raises(ValueError, match="is neither an IP address nor a DNS name"):
        check_host(host)
