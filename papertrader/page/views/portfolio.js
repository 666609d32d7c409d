// What the portfolio holds, what it is worth, and how it is divided.

import { html, useState } from "../vendor/htm/htm-preact.js";
import { attempt, choose, closePosition, marketNow, state } from "../store.js";
import { useCurve } from "./performance.js";
import { arrow, change, decimal, instant, money, number, percent, price, quantity, signed, tone } from "../format.js";
import { equityAtLast } from "../valuation.js";

const TURN = 2 * Math.PI;

/** An average has decimals without end; those of a coin that costs less than 1 say something. */
export const average = (value) => (value >= 100000000n ? decimal(value, 2, 4) : price(value));

/** The ring of what the money is in; each part is named beside it, and has its own pattern of dashes. */
function Ring({ parts }) {
  const total = parts.reduce((sum, [, value]) => sum + value, 0);
  if (total <= 0) return null;
  let at = 0;
  return html`<div class="ring">
    <svg viewBox="-1.1 -1.1 2.2 2.2" width="150" height="150" role="img" aria-label="How the money is divided">
      ${parts.map(([name, value], place) => {
        const part = value / total;
        const [from, to] = [at * TURN - TURN / 4, (at + part) * TURN - TURN / 4];
        at += part;
        const gap = part < 1 ? 0.008 : 0;
        const point = (angle) => `${Math.cos(angle) * 0.85} ${Math.sin(angle) * 0.85}`;
        const path = part >= 0.9999
          ? "M 0 -0.85 A 0.85 0.85 0 1 1 -0.001 -0.85"
          : `M ${point(from + gap)} A 0.85 0.85 0 ${part > 0.5 ? 1 : 0} 1 ${point(to - gap)}`;
        return html`<path d=${path} class=${`part part-${place % 8}`} fill="none" stroke-width="0.3"><title>${name}</title></path>`;
      })}
    </svg>
    <ul>${parts.map(([name, value], place) => html`
      <li><i class=${`swatch part-${place % 8}`}></i>${name}<b>${((value / total) * 100).toFixed(1)} %</b></li>`)}</ul>
  </div>`;
}

function Figures({ holding }) {
  const figures = [
    ["equity", money(holding.equity)], ["cash", money(holding.cash)],
    ["reserved for orders", money(holding.reserved_cash)], ["positions", money(holding.market_value)],
    ["unrealized", signed(holding.unrealized_pnl), holding.unrealized_pnl],
    ["realized", signed(holding.realized_pnl), holding.realized_pnl],
  ];
  return html`<dl class="figures">${figures.map(([name, shown, value]) => html`
    <div><dt>${name}</dt><dd class=${value === undefined ? "" : tone(value)}>${shown}</dd></div>`)}</dl>`;
}

function Margin({ row, plan }) {
  return html`<div class="notice">
    <p>Margin: equity ${money(row.equity)}, maintenance ${money(row.maintenance)}, buying power ${money(row.buying_power)}.
      ${row.called_at ? html` <b>Margin call:</b> ${money(row.shortfall)} missing, due ${instant(row.due_at)} UTC.` : ""}</p>
    ${plan?.length ? html`<p>If nothing changes, this is closed then: ${plan.map((each) => `${quantity(each.quantity)} ${each.symbol}`).join(", ")}.</p>` : ""}
  </div>`;
}

/** How far the price of a position has moved since the close before. */
function moveOf(row) {
  const quote = state.quotes.get(row.symbol);
  return quote?.prev_close && quote.last ? change(quote.last, quote.prev_close) : null;
}

const DAYS = 14n * 86400n * 1000000000n;

/** What was won or lost since the session before, or since the beginning: what was paid in is no gain.
 *  `equity` is at last prices, as `rows` are. */
export function gained(equity, rows) {
  if (!rows?.length || equity === null || equity === undefined) return null;
  if (rows.length === 1) return equity - rows[0].equity;
  return equity - rows[rows.length - 2].equity - rows[rows.length - 1].flow;
}

export function Portfolio({ go }) {
  const [closing, setClosing] = useState(null);
  const holding = state.holding;
  const [from] = useState(() => (marketNow() > DAYS ? marketNow() - DAYS : 0n));
  const curve = useCurve(from);
  if (!holding) return html`<p class="hint">Reading the portfolio ...</p>`;
  const parts = [["cash", Math.max(0, number(holding.cash))], ...state.positions.map((row) =>
    [row.symbol, Math.abs(number(row.market_value ?? 0n))])];
  const day = gained(equityAtLast(holding, state.positions), curve.rows);
  const close = async (symbol) => {
    setClosing(null);
    await attempt(() => closePosition(symbol), `Closing ${symbol || "everything"}.`);
  };
  return html`
    <section class="card"><${Figures} holding=${holding} />
      ${holding.margin && html`<${Margin} row=${holding.margin[0]} plan=${holding.plan} />`}
      ${holding.earnings && html`<p class="hint">Realized: prices ${signed(holding.earnings[0].price)}, fees ${money(holding.earnings[0].fees)},
        dividends ${signed(holding.earnings[0].dividends)}, borrowing ${signed(holding.earnings[0].borrow)}, interest ${signed(holding.earnings[0].interest)}.
        ${holding.earnings[0].unsettled_cash ? ` ${money(holding.earnings[0].unsettled_cash)} of the cash settles ${instant(holding.earnings[0].settles_at)}.` : ""}</p>`}
    </section>
    <div class="columns">
      <section class="card grow">
        <h2>Positions ${day === null ? "" : html`<span class=${`small ${tone(day)}`}>${arrow(day)} ${signed(day)} since the last close</span>`}</h2>
        ${state.positions.length === 0 ? html`<p class="hint">None yet. <a href="#/market">Buy something.</a></p>` : html`
        <div class="scroll"><table class="wide folds"><thead><tr><th>symbol</th><th class="number">quantity</th><th class="number extra">average cost</th>
          <th class="number extra">mark</th><th class="number">value</th><th class="number extra">price today</th><th class="number">unrealized</th><th class="number extra">realized</th><th></th></tr></thead>
          <tbody>${state.positions.map((row) => html`<tr key=${row.symbol}>
            <td><button type="button" class="link" onClick=${() => { choose(row.symbol); go("market"); }}>${row.symbol}</button></td>
            <td class="number">${quantity(row.quantity)}</td><td class="number extra" title=${price(row.average_cost)}>${average(row.average_cost)}</td>
            <td class="number extra">${price(row.mark)}</td><td class="number">${money(row.market_value)}</td>
            <td class=${`number extra ${tone(moveOf(row) ?? 0)}`}>${arrow(moveOf(row) ?? 0)} ${percent(moveOf(row))}</td>
            <td class=${`number ${tone(row.unrealized_pnl ?? 0n)}`}>${arrow(row.unrealized_pnl ?? 0n)} ${signed(row.unrealized_pnl)}
              ${" "}<span class="small extra">${percent(row.cost_basis ? number(row.unrealized_pnl ?? 0n) / Math.abs(number(row.cost_basis)) : null)}</span></td>
            <td class=${`number extra ${tone(row.realized_pnl ?? 0n)}`}>${signed(row.realized_pnl)}</td>
            <td>${closing === row.symbol
              ? html`<button type="button" class="danger" onClick=${() => close(row.symbol)}>sure?</button>`
              : html`<button type="button" class="plain" onClick=${() => setClosing(row.symbol)}>close</button>`}</td>
          </tr>`)}</tbody></table></div>
          <p><button type="button" class=${closing === "" ? "danger" : "plain"} onClick=${() => (closing === "" ? close("") : setClosing(""))}>
            ${closing === "" ? "Yes, close everything" : "Close everything"}</button></p>`}
      </section>
      <section class="card"><h2>Allocation</h2><${Ring} parts=${parts} /></section>
    </div>`;
}
