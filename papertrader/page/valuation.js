// A portfolio at the prices of now. The rule is the service's own (PORTFOLIO_GET): a position is worth
// what closing it would bring, at the bid when it is long and at the ask when it is short, rounded
// down; without that side, the last price; without a price, what was told stays. So it does for what is
// priced in another currency: the rate is the service's, and is not told.

import { UNIT } from "./format.js";

const down = (value) => (value >= 0n ? value / UNIT : -((-value + UNIT - 1n) / UNIT));

export function markOf(quantity, quote) {
  if (!quote) return null;
  return (quantity > 0n ? quote.bid : quote.ask) ?? quote.last;
}

/** [holding, positions] with marks, values and profits of `quotes`; cash is what was told.
 *  `isForeign` tells of a symbol whether its prices are in another currency than the portfolio. */
export function valued(holding, positions, quotes, isForeign = () => false) {
  let more = 0n;
  const rows = positions.map((row) => {
    if (isForeign(row.symbol)) return row;
    const mark = markOf(row.quantity, quotes.get(row.symbol));
    if (mark === null || mark === undefined || row.market_value === null) return row;
    const value = down(mark * row.quantity);
    more += value - row.market_value;
    return { ...row, mark, last: quotes.get(row.symbol).last ?? row.last, market_value: value, unrealized_pnl: value - row.cost_basis };
  });
  if (!more) return [holding, rows];
  const sum = (name) => (holding[name] === null || holding[name] === undefined ? holding[name] : holding[name] + more);
  return [{ ...holding, market_value: sum("market_value"), equity: sum("equity"), unrealized_pnl: sum("unrealized_pnl") }, rows];
}

/** What the portfolio is worth at last prices, as the points of its curve are: never to be compared with what is at the mark. */
export function equityAtLast(holding, positions) {
  if (holding.equity === null || holding.equity === undefined) return null;
  return positions.reduce((equity, { quantity, last, market_value: value }) =>
    last === null || last === undefined || value === null ? equity : equity + down(last * quantity) - value, holding.equity);
}
