// Open orders, all orders with the receipts of their fills, and the ledger's transactions.

import { html, useEffect, useState } from "../vendor/htm/htm-preact.js";
import { attempt, cancelAll, cancelOrder, link, openOrders, receipts, state } from "../store.js";
import { decimal, duration, instant, member, money, price, quantity, signed, tone, words } from "../format.js";
import { SCHEMA } from "../schema.js";

const OPEN = new Set([1, 2, 3, 9]);

const side = (order) => member("Side", order.side).replace("_", " ").toLowerCase();

export function describe(order) {
  const kind = words(member("OrderType", order.order_type));
  const at = [order.limit_price && `limit ${price(order.limit_price)}`, order.stop_price && `stop ${price(order.stop_price)}`];
  return `${kind}${at.some(Boolean) ? ` (${at.filter(Boolean).join(", ")})` : ""}, ${words(member("TimeInForce", order.time_in_force))}`;
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
    order.filled ? `; ${quantity(order.filled)} filled at ${price(order.average_price)} on average` : ""}.</p>
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
      <td class="extra">${describe(order)}</td>
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
    const reply = await attempt(() => link.request("TransactionsGet", { portfolio: state.portfolio, after: from, limit: 100 }));
    if (!reply) return;
    setRows((before) => [...(from ? before : []), ...(reply.transactions ?? [])]);
    setAfter(reply.next_after);
  };
  useEffect(() => { read(0n); }, [String(state.portfolio), String(state.holding?.event_seq)]);
  if (!rows) return html`<p class="hint">Reading ...</p>`;
  return html`<div class="scroll"><table class="wide"><thead><tr><th>executed (UTC)</th><th>kind</th><th>symbol</th><th class="number">quantity</th>
      <th class="number">price</th><th class="number">fees</th><th class="number">amount</th><th class="number">cash after</th><th class="number">realized</th></tr></thead>
    <tbody>${rows.map((row) => html`<tr key=${String(row.transaction)}><td>${instant(row.executed_at)}</td><td>${words(member("TxKind", row.kind))}</td><td>${row.symbol}</td>
      <td class="number">${row.quantity ? quantity(row.quantity) : ""}</td><td class="number">${row.price ? price(row.price) : ""}</td>
      <td class="number">${row.fees ? money(row.fees) : ""}</td><td class=${`number ${tone(row.amount)}`}>${signed(row.amount)}</td>
      <td class="number">${money(row.cash_after)}</td><td class=${`number ${tone(row.realized ?? 0n)}`}>${row.realized ? signed(row.realized) : ""}</td></tr>`)}</tbody></table></div>
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
      ${[["orders", "Orders"], ["history", "History"]].map(([name, label]) => html`
        <button type="button" role="tab" aria-selected=${shown === name} onClick=${() => setShown(name)}>${label}</button>`)}
      ${shown === "orders" && current.length > 1 ? html`<button type="button" class="plain"
        onClick=${() => attempt(cancelAll, "All open orders are cancelled.")}>cancel all ${current.length} open</button>` : ""}
    </div>
    ${shown === "history" ? html`<${Transactions} />` : orders.length === 0 ? html`<p class="hint">No orders yet. <a href="#/market">Place one.</a></p>` : html`
    <p class="hint">Press an order's number for its receipt: which price it got, and why.</p>
    <div class="scroll"><table class="wide folds"><thead><tr><th>number</th><th class="extra">accepted (UTC)</th><th>side</th><th>symbol</th><th class="number">filled</th><th class="extra">terms</th>
      <th class="number extra">average</th><th>state</th><th></th></tr></thead>
      <tbody>${orders.map((order) => html`<${Row} key=${String(order.order)} order=${order} open=${expanded === order.order}
        toggle=${() => setExpanded(expanded === order.order ? null : order.order)} />`)}</tbody></table></div>`}
  </section>`;
}
