// The market: watch list, chart, order ticket.

import { html, useEffect, useMemo, useRef, useState } from "../vendor/htm/htm-preact.js";
import { attempt, barListeners, choose, link, marketNow, search, setWatched, state } from "../store.js";
import { arrow, change, duration, has, instant, member, number, percent, price, quantity, seconds, tone, warnings, words } from "../format.js";
import { Candles } from "../chart.js";
import { Ticket } from "./ticket.js";

const INTERVALS = [
  ["1 min", 60], ["5 min", 300], ["1 hour", 3600], ["1 day", 86400], ["1 week", 604800], ["1 month", 2592000],
];
const BARS_MAX = 600;
const LATEST_MAX = 5;
/** Where a price came from, as people say it. */
const SOURCES = { REPLAY: "recorded", SIMULATED: "simulated", FILES: "recorded, own files", KRAKEN: "Kraken",
  COINBASE: "Coinbase", ALPACA: "Alpaca", FINNHUB: "Finnhub", TWELVEDATA: "Twelve Data", ECB: "ECB" };
const TOLD_BY_SOURCE = new Set(["simulated", "replayed"]);

export function Age({ quote }) {
  if (!quote) return html`<span class="hint">no price yet</span>`;
  const told = warnings(quote).filter((word) => !TOLD_BY_SOURCE.has(word));
  const provider = member("QuoteProvider", quote.provider);
  const age = Math.max(0, seconds(marketNow()) - seconds(quote.source_time));
  return html`<span class="hint" title="When the price was true, by the market's clock (UTC), and whence it came">
    ${instant(quote.source_time)} UTC, ${duration(age)} ago, <b class="tag">${SOURCES[provider] ?? words(provider)}</b>
    ${told.map((word) => html` <b class="tag warn">${word}</b>`)}
  </span>`;
}

function Row({ symbol }) {
  const quote = state.quotes.get(symbol);
  const day = quote ? change(quote.last, quote.prev_close) : null;
  const moved = state.moved.get(symbol) ?? 0;
  return html`
    <tr class=${symbol === state.symbol ? "chosen" : ""}>
      <td><button type="button" class="link" onClick=${() => choose(symbol)}>${symbol}</button></td>
      <td class=${`number flash-${tone(moved)}`} key=${quote?.quote_seq}>${price(quote?.last)}</td>
      <td class=${`number ${tone(day)}`}>${arrow(day)} ${percent(day)}</td>
      <td><button type="button" class="icon" title=${`Do not watch ${symbol}`} aria-label=${`Do not watch ${symbol}`}
        onClick=${() => attempt(() => setWatched(symbol, false))}>×</button></td>
    </tr>`;
}

function Search() {
  const field = useRef(null);
  const [found, setFound] = useState(null);
  useEffect(() => {
    const listener = (event) => event.detail === "/" && field.current?.focus();
    addEventListener("papertrader", listener);
    return () => removeEventListener("papertrader", listener);
  }, []);
  const look = async (event) => {
    const text = event.target.value.trim();
    setFound(text ? await attempt(() => search(text)) : null);
  };
  const take = (symbol) => {
    choose(symbol);
    setFound(null);
    field.current.value = "";
    field.current.blur();
  };
  const leave = () => { setFound(null); field.current.value = ""; };
  const keys = (event) => {
    if (event.key === "Enter" && found?.length) take(found[0].symbol);
  };
  return html`<div class="search" onKeyDown=${(event) => event.key === "Escape" && leave()}>
    <input ref=${field} type="search" placeholder="Search a symbol or name   /" aria-label="Search a symbol or name"
      onInput=${look} onKeyDown=${keys} />
    ${found && html`<ul class="found">
      ${found.length ? found.map((asset) => html`<li key=${asset.symbol}>
        <button type="button" class="link" onClick=${() => take(asset.symbol)}>${asset.symbol}</button>
        <button type="button" class="plain" onClick=${() => attempt(() => setWatched(asset.symbol, true), `${asset.symbol} is watched.`)}>watch</button>
      </li>`) : html`<li class="hint">No symbol and no name begins like that.</li>`}
    </ul>`}
  </div>`;
}

const bar = (row) => ({
  time: seconds(row.time), open: number(row.open), high: number(row.high), low: number(row.low),
  close: number(row.close), volume: number(row.volume),
});

/** How many bars of a series are missing, where exchanges were open. */
const gaps = (missing) => `${missing.toLocaleString("en-US")} ${missing === 1
  ? "bar within trading hours is" : "bars within trading hours are"} missing.`;

function Chart({ symbol }) {
  const [interval, setInterval] = useState(86400);
  const [bars, setBars] = useState([]);
  const [note, setNote] = useState("Reading ...");
  const [missing, setMissing] = useState(0);
  const epoch = state.clock?.epoch ?? 0;
  useEffect(() => {
    let gone = false;
    let subscription = null;
    setBars([]);
    setNote("Reading ...");
    const read = async () => {
      const asked = { symbol, interval_s: interval, adjustment: "SPLIT", newest_first: true, limit: BARS_MAX };
      const reply = await link.request("BarsGet", asked);
      if (gone) return;
      const rows = (reply.bars ?? []).map(bar).reverse();
      setBars(rows);
      setMissing(reply.missing ?? 0);
      setNote(rows.length ? "" : "There are no bars of this interval yet.");
      subscription = await link.subscribe({ topics: "BARS", bar_interval_s: interval, symbols: [{ symbol }] });
      if (gone) link.unsubscribe(subscription);
    };
    read().catch((why) => gone || setNote(why.message));
    return () => {
      gone = true;
      if (subscription) link.unsubscribe(subscription);
    };
  }, [symbol, interval, epoch]);
  const live = useMemo(() => (take) => {
    const listener = (event) => {
      if (event.symbol === symbol && event.interval_s === interval) take(bar(event));
    };
    barListeners.add(listener);
    return () => barListeners.delete(listener);
  }, [symbol, interval]);
  return html`
    <div class="tabs" role="tablist" aria-label="Interval">
      ${INTERVALS.map(([label, value]) => html`
        <button type="button" role="tab" aria-selected=${interval === value} onClick=${() => setInterval(value)}>${label}</button>`)}
    </div>
    ${bars.length
      ? html`<${Candles} bars=${bars} intraday=${interval < 86400} live=${live} label=${`Price of ${symbol}`} />${missing ? html`<p class="hint gaps">${gaps(missing)}</p>` : ""}`
      : html`<p class="chart empty">${note}</p>`}`;
}

function Quote({ symbol }) {
  const quote = state.quotes.get(symbol);
  const asset = state.assets.get(symbol);
  const watched = state.watch.includes(symbol);
  const day = quote ? change(quote.last, quote.prev_close) : null;
  return html`
    <div class="quote">
      <h2>${symbol}</h2>
      <span class="big">${price(quote?.last)}</span>
      <span class=${tone(day)}>${arrow(day)} ${percent(day)}</span>
      <span>bid <b>${price(quote?.bid)}</b>${quote?.bid_size ? ` × ${quantity(quote.bid_size)}` : ""}</span>
      <span>ask <b>${price(quote?.ask)}</b>${quote?.ask_size ? ` × ${quantity(quote.ask_size)}` : ""}</span>
      <${Age} quote=${quote} />
      ${asset?.status === 2 && html`<b class="tag warn">halted</b>`}
      ${asset && has("AssetFlag", asset.flags, "FRACTIONAL") && html`<span class="tag">fractions</span>`}
      <button type="button" class="plain" aria-pressed=${watched}
        onClick=${() => attempt(() => setWatched(symbol, !watched))}>${watched ? "★ watched" : "☆ watch"}</button>
    </div>`;
}

/** The newest orders: what a fill looks like when it arrives, one click from its receipt. */
function Latest({ go }) {
  const orders = [...state.orders.values()].sort((one, other) => (one.order < other.order ? 1 : -1)).slice(0, LATEST_MAX);
  const show = (order) => { state.expanded = order.order; go("orders"); };
  return html`<section class="card" aria-label="Latest orders"><h2>Latest orders</h2>
    ${orders.length ? html`<ul class="plainlist latest">${orders.map((order) => html`<li key=${String(order.order)}>
      <button type="button" class="link" title="Show its receipt" onClick=${() => show(order)}>${words(member("Side", order.side))} ${quantity(order.quantity)} ${order.symbol}</button>
      <span class=${`state ${member("OrderState", order.state).toLowerCase()}`}>${words(member("OrderState", order.state))}${
        order.filled ? html` <b>${price(order.average_price)}</b>` : ""}</span></li>`)}</ul>`
      : html`<p class="hint">None yet: type how many and press Buy.</p>`}
  </section>`;
}

export function Market({ go }) {
  const symbol = state.symbol;
  return html`
    <div class="market">
      <div class="left"><section class="card list" aria-label="Watch list">
        <${Search} />
        <table><thead><tr><th>symbol</th><th class="number">last</th><th class="number">day</th><th></th></tr></thead>
          <tbody>${state.watch.map((each) => html`<${Row} key=${each} symbol=${each} />`)}</tbody></table>
        ${state.watch.length ? "" : html`<p class="hint">Search a symbol above, and press “watch”.</p>`}
      </section><${Latest} go=${go} /></div>
      <section class="card center" aria-label="Chart">
        ${symbol ? html`<${Quote} symbol=${symbol} /><${Chart} symbol=${symbol} />`
          : html`<p class="hint">Choose a symbol.</p>`}
      </section>
      ${symbol && html`<section class="card side" aria-label="Order ticket"><${Ticket} symbol=${symbol} /></section>`}
    </div>`;
}
