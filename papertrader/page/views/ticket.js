// The order ticket, with what the order would cost, and why it would be refused, before it is sent.

import { html, useEffect, useState } from "../vendor/htm/htm-preact.js";
import { attempt, previewOrder, state, submitOrder } from "../store.js";
import { decimal, has, money, parse, plain, price, quantity, words } from "../format.js";
import { SCHEMA } from "../schema.js";

const FLAG = SCHEMA.enumerations.OrderFlag;
const TYPES = ["MARKET", "LIMIT", "STOP", "STOP_LIMIT", "TRAILING_STOP", "MARKET_IF_TOUCHED", "LIMIT_IF_TOUCHED"];
const TIFS = [
  ["DAY", "today"], ["GTC", "until cancelled"], ["IOC", "at once or not at all (IOC)"],
  ["FOK", "all at once or nothing (FOK)"], ["OPG", "at the open"], ["CLS", "at the close"],
];
const NEEDS_LIMIT = new Set(["LIMIT", "STOP_LIMIT", "LIMIT_IF_TOUCHED"]);
const NEEDS_STOP = new Set(["STOP", "STOP_LIMIT", "MARKET_IF_TOUCHED", "LIMIT_IF_TOUCHED"]);
const PREVIEW_MS = 350;
const EMPTY = { side: "BUY", by: "quantity", size: "", type: "MARKET", limit: "", stop: "", trail: "1",
  trailKind: "PERCENT", tif: "DAY", extended: false, profit: "", loss: "", tag: "" };

/** The values of ORDER_NEW, or a sentence that says what is missing. */
function orderOf(form, symbol) {
  const size = parse(form.size);
  if (size === null && form.size.includes(",")) return "Write a decimal point: 1.5. A comma groups thousands.";
  if (!size || size <= 0n) return form.by === "quantity" ? "How many?" : "How much?";
  const order = { symbol, side: form.side, order_type: form.type, time_in_force: form.tif, quantity: size, flags: 0 };
  if (form.by === "amount") order.flags |= FLAG.NOTIONAL;
  if (form.extended) order.flags |= FLAG.EXTENDED_HOURS;
  if (NEEDS_LIMIT.has(form.type) && !(order.limit_price = parse(form.limit))) return "At which limit?";
  if (NEEDS_STOP.has(form.type) && !(order.stop_price = parse(form.stop))) return "At which price is it triggered?";
  if (form.type === "TRAILING_STOP") {
    const trail = parse(form.trail);
    if (!trail || trail <= 0n) return "How far behind?";
    const percent = form.trailKind === "PERCENT";
    order.trigger = [{ trail_kind: form.trailKind, source: "DEFAULT", trail: percent ? trail / 100n : trail }];
  }
  const legs = [];
  const leg = { side: "ANY", time_in_force: "GTC", trail_kind: "NONE", source: "DEFAULT" };
  if (form.profit) {
    const limit = parse(form.profit);
    if (!limit) return "Take profit at which price?";
    legs.push({ ...leg, role: "TAKE_PROFIT", order_type: "LIMIT", limit_price: limit });
  }
  if (form.loss) {
    const stop = parse(form.loss);
    if (!stop) return "Stop the loss at which price?";
    legs.push({ ...leg, role: "STOP_LOSS", order_type: "STOP", stop_price: stop });
  }
  if (legs.length) order.legs = legs;
  const tag = form.tag.trim();
  if (new TextEncoder().encode(tag).length > SCHEMA.limits.ORDER_TAG_MAX) return "The tag is too long.";
  if (tag) order.tag = tag;
  return order;
}

let legNumber = 0n;

/** Each leg has an order id of its own. */
const withIds = (order) => !order.legs ? order : { ...order, legs: order.legs.map((leg) => {
  legNumber += 1n;
  return { ...leg, client_order_id: (crypto.getRandomValues(new BigUint64Array(1))[0] >> 3n) + legNumber };
}) };

function useEstimate(form, symbol) {
  const [told, setTold] = useState(null);
  const order = orderOf(form, symbol);
  const asked = JSON.stringify([form, symbol, String(state.portfolio)]);
  useEffect(() => {
    setTold(null);
    if (typeof order === "string") return undefined;
    let gone = false;
    const timer = setTimeout(async () => {
      try {
        const reply = await previewOrder(withIds(order));
        if (!gone) setTold({ preview: reply.preview?.[0], note: reply.text });
      } catch (why) {
        if (!gone) setTold({ refused: why.message, code: why.code });
      }
    }, PREVIEW_MS);
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [asked]);
  return [order, told];
}

function Estimate({ order, told }) {
  if (typeof order === "string") return html`<p class="estimate hint">${order}</p>`;
  if (!told) return html`<p class="estimate hint">Working it out ...</p>`;
  if (told.refused) {
    return html`<p class="estimate error" role="alert"><b>This would be refused:</b> ${told.refused}
      ${told.code && html` <span class="hint">(${words(told.code)})</span>`}</p>`;
  }
  const preview = told.preview;
  if (!preview) return html`<p class="estimate hint">The order can be sent.</p>`;
  const abroad = preview.asset_currency;
  return html`<dl class="estimate">
    <dt>at about</dt><dd>${price(preview.price)}${abroad ? ` ${abroad}` : ""}</dd>
    <dt>${order.side === "BUY" ? "cost" : "proceeds"}</dt><dd>${money(preview.cost)}${abroad ? ` ${preview.currency}` : ""}</dd>
    <dt>fees</dt><dd>${money(preview.fees)}</dd>
    ${preview.margin ? html`<dt>margin</dt><dd>${money(preview.margin)}</dd>` : null}
    <dt>buying power after</dt><dd>${money(preview.buying_power_after)}</dd>
  </dl>
  ${told.note ? html`<p class="estimate hint" role="note">${told.note}</p>` : null}`;
}

function Field({ label, value, set, ...more }) {
  return html`<label>${label}
    <input value=${value} onInput=${(event) => set(event.target.value)} inputmode="decimal" autocomplete="off" ...${more} /></label>`;
}

function Size({ form, set, held }) {
  return html`<div class="pair">
    <${Field} label=${form.by === "quantity" ? "Quantity" : "Amount of money"} value=${form.size} set=${set("size")} name="size" />
    <label>as
      <select value=${form.by} onChange=${(event) => set("by")(event.target.value)}>
        <option value="quantity">shares</option><option value="amount">money</option>
      </select></label>
  </div>
  ${Boolean(held) && form.side === "SELL" && html`<button type="button" class="plain" onClick=${() => { set("by")("quantity"); set("size")(plain(held)); }}>all ${quantity(held)}</button>`}`;
}

function Prices({ form, set }) {
  return html`
    ${NEEDS_STOP.has(form.type) && html`<${Field} label="Trigger price" value=${form.stop} set=${set("stop")} name="stop" />`}
    ${NEEDS_LIMIT.has(form.type) && html`<${Field} label="Limit price" value=${form.limit} set=${set("limit")} name="limit" />`}
    ${form.type === "TRAILING_STOP" && html`<div class="pair">
      <${Field} label="Trail behind by" value=${form.trail} set=${set("trail")} name="trail" />
      <label>in<select value=${form.trailKind} onChange=${(event) => set("trailKind")(event.target.value)}>
        <option value="PERCENT">percent</option><option value="AMOUNT">money</option></select></label></div>`}`;
}

function More({ form, set }) {
  return html`<details>
    <summary>Exits, hours and tag</summary>
    <${Field} label="Take profit at (optional)" value=${form.profit} set=${set("profit")} name="profit" />
    <${Field} label="Stop the loss at (optional)" value=${form.loss} set=${set("loss")} name="loss" />
    <label class="inline"><input type="checkbox" checked=${form.extended}
      onChange=${(event) => set("extended")(event.target.checked)} /> also before and after regular hours (limit orders)</label>
    <${Field} label="Tag (optional): a word to know the order by" value=${form.tag} set=${set("tag")} name="tag" inputmode="text" />
  </details>`;
}

export function Ticket({ symbol }) {
  const [form, setForm] = useState(EMPTY);
  const [busy, setBusy] = useState(false);
  const set = (name) => (value) => setForm((before) => ({ ...before, [name]: value }));
  const [order, told] = useEstimate(form, symbol);
  const held = state.positions.find((row) => row.symbol === symbol)?.quantity ?? 0n;
  useEffect(() => {
    const listener = (event) => {
      const side = { b: "BUY", s: "SELL" }[event.detail];
      if (!side) return;
      set("side")(side);
      document.querySelector("input[name=size]")?.focus();
    };
    addEventListener("papertrader", listener);
    return () => removeEventListener("papertrader", listener);
  }, []);
  const submit = async (event) => {
    event.preventDefault();
    if (typeof order === "string" || busy) return;
    setBusy(true);
    const what = `${form.side === "BUY" ? "Buy" : "Sell"} ${form.size} ${symbol}`;
    const asset = state.assets.get(symbol);
    const waits = state.market && state.market.state !== 3 && !(asset && has("AssetFlag", asset.flags, "ALWAYS_OPEN"));
    const reply = await attempt(() => submitOrder(withIds(order)),
      `${what}: the order is taken${waits ? " and waits for the market to open" : ""}.`);
    if (reply) setForm((before) => ({ ...before, size: "", tag: "" }));
    setBusy(false);
  };
  if (state.scope === "READ") return html`<p class="hint">This session may only look. Log out and in again to trade.</p>`;
  return html`
    <form class="ticket" onSubmit=${submit}>
      <div class="sides" role="radiogroup" aria-label="Side">
        ${[["BUY", "Buy"], ["SELL", "Sell"]].map(([side, label]) => html`
          <button type="button" role="radio" aria-checked=${form.side === side} class=${side.toLowerCase()}
            onClick=${() => set("side")(side)}>${label}</button>`)}
      </div>
      <${Size} form=${form} set=${set} held=${held} />
      <label>Order<select name="type" value=${form.type} onChange=${(event) => set("type")(event.target.value)}>
        ${TYPES.map((type) => html`<option value=${type}>${words(type)}</option>`)}</select></label>
      <${Prices} form=${form} set=${set} />
      <label>Lasts<select name="tif" value=${form.tif} onChange=${(event) => set("tif")(event.target.value)}>
        ${TIFS.map(([tif, label]) => html`<option value=${tif}>${label}</option>`)}</select></label>
      <${More} form=${form} set=${set} />
      <${Estimate} order=${order} told=${told} />
      <button class=${`main ${form.side.toLowerCase()}`} disabled=${busy || typeof order === "string"}>
        ${form.side === "BUY" ? "Buy" : "Sell"} ${symbol}</button>
      ${held ? html`<p class="hint">You have ${quantity(held)} ${symbol}.</p>` : ""}
    </form>`;
}
