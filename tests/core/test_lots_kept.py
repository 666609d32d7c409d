"""The lots of a position encoded by what has changed: always what they are encoded to at once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from papertrader.core import encoding
from papertrader.core.encoding import KEPT_MAX, LOTS_FEW, LotsKept, encoded
from papertrader.core.portfolio import LOTS_MAX, Lot, Position, _with_newest, _without_oldest

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("buy"), st.integers(1, 200)),
        st.tuples(st.just("sell"), st.integers(1, 900)),
        st.tuples(st.just("again"), st.just(0)),
    ),
    max_size=12,
)


@given(STEPS)
def test_whatever_was_traded_meanwhile(steps: list[tuple[str, int]]) -> None:
    """Bought until the oldest are merged, sold in part and whole lots, or made anew but equal."""
    kept, number = LotsKept(), LOTS_FEW
    lots = tuple(Lot(10, each, 10 * each, each, each) for each in range(1, number + 1))
    for what, many in steps:
        if what == "sell":
            lots = _without_oldest(lots, many)
        elif what == "again":
            lots = tuple(Lot(x.quantity, x.price, x.cost, x.opened_at, x.transaction) for x in lots)
        else:
            for _ in range(many):
                number += 1
                lots = _with_newest(lots, Lot(10, number, 10 * number, number, number))
        assert len(lots) <= LOTS_MAX
        if not lots:
            return
        assert kept.encoded(1, lots) == encoded(lots)
    assert len(kept) <= 1 + sum(what == "sell" for what, _ in steps)


def test_only_the_first_and_the_new_are_encoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many lots there are; each portfolio's for itself, though numbers are the same."""
    kept, met = LotsKept(), []
    rows = encoding._rows

    def counted(lots: tuple[Lot, ...]) -> bytes:
        met.append(len(lots))
        return rows(lots)

    monkeypatch.setattr(encoding, "_rows", counted)
    mine = tuple(Lot(1, 2, 3, 4, each) for each in range(LOTS_MAX))
    theirs = tuple(Lot(2, 2, 3, 4, each) for each in range(LOTS_MAX))
    assert kept.encoded(1, mine) != kept.encoded(2, theirs)
    assert sum(met) == 2 * LOTS_MAX
    met.clear()
    mine, theirs = _with_newest(mine, Lot(1, 2, 3, 4, 999)), _without_oldest(theirs, 1)
    kept.encoded(1, mine)
    kept.encoded(2, theirs)
    assert sum(met) == 2 + 1
    assert len(kept) == 2


def test_so_many_positions_are_kept() -> None:
    """The one that was met longest ago is forgotten, and encoded whole when it comes again."""
    kept = LotsKept()
    lots = tuple(Lot(1, 2, 3, 4, each) for each in range(LOTS_FEW + 1))
    for portfolio in range(KEPT_MAX + 2):
        assert kept.encoded(portfolio, lots) == encoded(lots)
    assert len(kept) == KEPT_MAX
    assert kept.encoded(0, lots) == encoded(lots)
    kept.encoded(1, lots[:LOTS_FEW])
    assert len(kept) == KEPT_MAX


def test_a_number_greater_than_any_ledger_allows() -> None:
    """Goes the way of everything else, and is not kept."""
    kept = LotsKept()
    lots = tuple(Lot(1, 2, 3, 4, each) for each in range(LOTS_FEW + 1))
    great = (*lots, Lot(2**70, 2, 3, 4, 99))
    assert kept.encoded(1, lots) == encoded(lots)
    assert kept.encoded(1, great) == encoded(great)
    assert len(kept) == 0
    assert encoded(Position("ACME", lots=great)) != encoded(Position("ACME", lots=lots))
