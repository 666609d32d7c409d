// Open orders, all orders with the receipts of their fills, and the ledger's transactions.

import { html, useEffect, useState } from "../vendor/htm/htm-preact.js";
import { NEWEST_FIRST, attempt, cancelAll, cancelOrder, link, openOrders, receipts, refusals, state } from "../store.js";
import { decimal, duration, instant, member, money, price, quantity, signed, tone, words } from "../format.js";
import { SCHEMA } from "../schema.js";

const OPEN = new Set([1, 2, 3, 9]);

const side = (order) => member("Side", order.side).replace("_", " ").toLowerCase();

export function describe(order) {
  const kind = words(member("OrderType", order.order_type));
  const at = [order.limit_price && `limit ${price(order.limit_price)}`, order.stop_price && `stop ${price(order.stop_price)}`];
  return `${kind}${at.some(Boolean) ? ` (${at.filter(Boolean).join(", ")})` : ""}, ${words(member("TimeInForce", order.time_in_force))}`;
}

/** What the owner wrote on an order, if anything. */
function Written({ order }) {
  return state.tags.has(order) ? html`<span class="tag written">${state.tags.get(order)}</span>` : null;
}

function why(order) {
  if (!order.reason) return "";
  const [name, , , meaning] = SCHEMA.statuses[order.reason] ?? [String(order.reason), 0, 0, ""];
  return `${words(name)}: ${meaning}`;
}

const LIMITING = {
  SIZE: "no more was offered", COLLAR: "the price had run too far", LIMIT: "the limit was not reached",
  NO_PRICE: "there was no price", THROUGH: "the price did not go through the limit", QUEUE: "others were before it",
  VOLUME: "too little was traded", BAR: "the bar did not reach it", UNUSABLE: "the price was not to be trusted",
  HALTED: "the asset was halted", WAITING: "its time had not come", TRIGGER: "it was not triggered", HELD: "it waited for another order",
  EXTENDED: "the market was in extended hours", FUNDS: "the portfolio could not pay for more", OVERFLOW: "the result is more than can be counted",
  SESSION: "it waited for the opening or the close",
};

function Receipt({ row }) {
  const kind = member("OrderEventKind", row.kind);
  const limiting = member("LimitingRule", row.limiting);
  return html`<li class="receipt">
    <p><b>${instant(row.at)} UTC</b> ${kind === "FILL"
      ? html`filled <b>${quantity(row.fill_quantity)}</b> at <b>${price(row.fill_price)}</b>` : words(kind)}
      ${row.reason ? ` (${words(SCHEMA.statuses[row.reason]?.[0] ?? String(row.reason))})` : ""}</p>
    ${row.quote_seq ? html`<p class="hint">Quote ${String(row.quote_seq)}: bid ${price(row.bid)} × ${quantity(row.bid_size)}, ask ${price(row.ask)} × ${quantity(row.ask_size)},
      last ${price(row.last)}; observed ${instant(row.observed_at)}, market time ${instant(row.source_time)}, ${(Number(row.age) / 1e9).toFixed(3)} s old when it came.</p>` : ""}
    ${kind === "FILL" ? html`<p class="hint">Spread cost ${money(row.spread_cost)}, slippage ${money(row.slippage)}, fees ${money(row.fill_fees)}; fill model ${words(member("FillModelKind", row.model))}.</p>` : ""}
    ${limiting !== "NONE" ? html`<p class="hint">What stopped the rest: ${LIMITING[limiting] ?? words(limiting)}.</p>` : ""}
  </li>`;
}

function Receipts({ order }) {
  const [rows, setRows] = useState(null);
  useEffect(() => {
    let gone = false;
    attempt(() => receipts(order)).then((found) => gone || setRows(found ?? []));
    return () => { gone = true; };
  }, [String(order.order), order.version]);
  if (!rows) return html`<p class="hint">Reading the receipts ...</p>`;
  return html`<p class="hint">${side(order)} ${quantity(order.quantity)} ${order.symbol}: ${describe(order)}; accepted ${instant(order.accepted_at)} UTC${
    order.filled ? `; ${quantity(order.filled)} filled at ${price(order.average_price)} on average` : ""}. <${Written} order=${order.order} /></p>
  <ul class="receipts" aria-label=${`Receipts of order ${order.order}`}>
    ${rows.length ? rows.map((row) => html`<${Receipt} key=${String(row.event_seq)} row=${row} />`) : html`<li class="hint">Nothing has happened to it yet.</li>`}
    ${order.reason ? html`<li class="hint">${why(order)}</li>` : ""}
  </ul>`;
}

function Row({ order, open, toggle }) {
  const current = OPEN.has(order.state);
  return html`
    <tr class=${open ? "chosen" : ""}>
      <td><button type="button" class="link" aria-expanded=${open} onClick=${toggle}>${String(order.order)}</button></td>
      <td class="extra">${instant(order.accepted_at)}</td>
      <td><b>${side(order)}</b></td><td>${order.symbol}</td>
      <td class="number">${quantity(order.filled)} / ${quantity(order.quantity)}</td>
      <td class="extra">${describe(order)} <${Written} order=${order.order} /></td>
      <td class="number extra">${order.filled ? price(order.average_price) : "–"}</td>
      <td><span class=${`state ${member("OrderState", order.state).toLowerCase()}`} title=${why(order)}>${words(member("OrderState", order.state))}</span></td>
      <td>${current && html`<button type="button" class="plain" onClick=${() => attempt(() => cancelOrder(order), `Order ${order.order} is cancelled.`)}>cancel</button>`}</td>
    </tr>
    ${open && html`<tr><td colspan="9"><${Receipts} order=${order} /></td></tr>`}`;
}

function Transactions() {
  const [rows, setRows] = useState(null);
  const [after, setAfter] = useState(0n);
  const read = async (from) => {
    const reply = await attempt(() => link.request("TransactionsGet",
      { portfolio: state.portfolio, after: from, limit: 100, direction: NEWEST_FIRST }));
    if (!reply) return;
    const priced = new Map((reply.details ?? []).map((row) => [row.transaction, row.asset_currency]));
    const more = (reply.transactions ?? []).map((row) => ({ ...row, priced: priced.get(row.transaction) }));
    setRows((before) => [...(from ? before : []), ...more]);
    setAfter(reply.next_after);
  };
  useEffect(() => { read(0n); }, [String(state.portfolio), String(state.holding?.event_seq)]);
  if (!rows) return html`<p class="hint">Reading ...</p>`;
  return html`<div class="scroll" tabindex="0" role="group" aria-label="History"><table class="wide folds"><thead><tr><th>executed (UTC)</th><th>kind</th><th>symbol</th><th class="number extra">quantity</th>
      <th class="number extra">price</th><th class="number extra">fees</th><th class="number">amount</th><th class="number extra">cash after</th><th class="number extra">realized</th></tr></thead>
    <tbody>${rows.map((row) => html`<tr key=${String(row.transaction)}><td>${instant(row.executed_at)}</td><td>${words(member("TxKind", row.kind))} <${Written} order=${row.order} /></td><td>${row.symbol}</td>
      <td class="number extra">${row.quantity ? quantity(row.quantity) : ""}</td><td class="number extra">${row.price ? price(row.price) : ""}${row.priced ? ` ${row.priced}` : ""}</td>
      <td class="number extra">${row.fees ? money(row.fees) : ""}</td><td class=${`number ${tone(row.amount)}`}>${signed(row.amount)}</td>
      <td class="number extra">${money(row.cash_after)}</td><td class=${`number extra ${tone(row.realized ?? 0n)}`}>${row.realized ? signed(row.realized) : ""}</td></tr>`)}</tbody></table></div>
    ${after ? html`<button type="button" class="plain" onClick=${() => read(after)}>More</button>` : ""}`;
}

const UNITS = { MONEY: money, PRICE: price, QUANTITY: quantity, NUMBER: String, INSTANT: (value) => `${instant(value)} UTC` };

/** One of the two numbers that a rule compared; nothing where it compared none. */
const figure = (row, value) => UNITS[member("FigureUnit", row.unit)]?.(value) ?? "";

/** Why an order was refused: its sentence, the figures, the rule and the quote that it was judged by. */
function Refusal({ row }) {
  const asked = figure(row, row.asked);
  return html`<div class="receipt" role="group" aria-label=${`Receipt of refusal ${row.refusal}`}>
    <p>${row.text}</p>
    ${asked && html`<p class="hint">Asked ${asked}, there ${figure(row, row.there)}${row.price ? `, reckoned at ${price(row.price)}` : ""}.</p>`}
    ${row.points || row.rule_since ? html`<p class="hint">The rule: ${row.points / 100} %${row.rule_since ? ` since ${instant(row.rule_since)} UTC` : ""}.</p>` : ""}
    <p class="hint">Received ${instant(row.received_at)} UTC, market time ${instant(row.market_at)} UTC${
      row.replaces ? `; it was to replace order ${row.replaces}` : ""}; client order id ${String(row.client_order_id)}, which stays free.</p>
    <p class="hint">${row.quote_seq ? `Quote ${row.quote_seq}: bid ${price(row.bid)} × ${quantity(row.bid_size)}, ask ${price(row.ask)} × ${quantity(row.ask_size)}, last ${
      price(row.last)}; market time ${instant(row.source_time)}, ${(Number(row.age) / 1e9).toFixed(3)} s old when the order came.` : "No quote of the symbol was known."}</p>
  </div>`;
}

function RefusedRow({ row, open, toggle }) {
  return html`
    <tr class=${open ? "chosen" : ""}>
      <td><button type="button" class="link" aria-expanded=${open} onClick=${toggle}>${String(row.refusal)}</button></td>
      <td class="extra">${instant(row.at)}</td>
      <td><b>${row.side ? side(row) : "–"}</b></td><td>${row.symbol}</td><td class="number">${quantity(row.quantity)}</td>
      <td class="extra">${row.order_type ? describe(row) : "–"}</td>
      <td>${words(SCHEMA.statuses[row.reason]?.[0] ?? String(row.reason))}</td>
    </tr>
    ${open && html`<tr><td colspan="7"><${Refusal} row=${row} /></td></tr>`}`;
}

/** The orders that were refused on arrival, the newest first. */
function Refused() {
  const [rows, setRows] = useState(null);
  const [after, setAfter] = useState(0n);
  const [expanded, setExpanded] = useState(null);
  const read = async (from) => {
    const found = await attempt(() => refusals(from));
    if (!found) return;
    setRows((before) => [...(from ? before : []), ...found[0]]);
    setAfter(found[1]);
  };
  useEffect(() => { read(0n); }, [String(state.portfolio)]);
  if (!rows) return html`<p class="hint">Reading ...</p>`;
  if (!rows.length) return html`<p class="hint">No order was refused.</p>`;
  return html`<p class="hint">Press a number for the receipt: what was asked for, what there was, and by which rule.</p>
    <div class="scroll"><table class="wide folds"><thead><tr><th>number</th><th class="extra">refused (UTC)</th><th>side</th><th>symbol</th>
      <th class="number">quantity</th><th class="extra">terms</th><th>why</th></tr></thead>
    <tbody>${rows.map((row) => {
      const key = `${row.refusal} ${row.client_order_id}`;
      return html`<${RefusedRow} key=${key} row=${row} open=${expanded === key} toggle=${() => setExpanded(expanded === key ? null : key)} />`;
    })}</tbody></table></div>
    ${after ? html`<button type="button" class="plain" onClick=${() => read(after)}>More</button>` : ""}`;
}

export function Orders() {
  const [shown, setShown] = useState("orders");
  const [expanded, setExpanded] = useState(state.expanded);
  useEffect(() => { state.expanded = null; }, []);
  const orders = [...state.orders.values()].sort((one, other) => (one.order < other.order ? 1 : -1));
  const current = openOrders();
  return html`<section class="card">
    <div class="tabs" role="tablist">
      ${[["orders", "Orders"], ["refused", "Refused"], ["history", "History"]].map(([name, label]) => html`
        <button type="button" role="tab" aria-selected=${shown === name} onClick=${() => setShown(name)}>${label}</button>`)}
      ${shown === "orders" && current.length > 1 ? html`<button type="button" class="plain"
        onClick=${() => attempt(cancelAll, "All open orders are cancelled.")}>cancel all ${current.length} open</button>` : ""}
    </div>
    ${shown === "history" ? html`<${Transactions} />` : shown === "refused" ? html`<${Refused} />` : orders.length === 0 ? html`<p class="hint">No orders yet. <a href="#/market">Place one.</a></p>` : html`
    <p class="hint">Press an order's number for its receipt: which price it got, and why.</p>
    <div class="scroll"><table class="wide folds"><thead><tr><th>number</th><th class="extra">accepted (UTC)</th><th>side</th><th>symbol</th><th class="number">filled</th><th class="extra">terms</th>
      <th class="number extra">average</th><th>state</th><th></th></tr></thead>
      <tbody>${orders.map((order) => html`<${Row} key=${String(order.order)} order=${order} open=${expanded === order.order}
        toggle=${() => setExpanded(expanded === order.order ? null : order.order)} />`)}</tbody></table></div>`}
  </section>`;
}
