// The market: watch list, chart, order ticket.

import { html, useEffect, useMemo, useRef, useState } from "../vendor/htm/htm-preact.js";
import { attempt, barListeners, choose, link, marketNow, search, setWatched, state } from "../store.js";
import { arrow, change, has, instant, number, percent, price, quantity, seconds, tone, warnings } from "../format.js";
import { SCHEMA } from "../schema.js";
import { Candles } from "../chart.js";
import { Ticket } from "./ticket.js";

const INTERVALS = [
  ["1 min", 60], ["5 min", 300], ["1 hour", 3600], ["1 day", 86400], ["1 week", 604800], ["1 month", 2592000],
];
const BARS_MAX = 600;

export function Age({ quote }) {
  if (!quote) return html`<span class="hint">no price yet</span>`;
  const told = warnings(quote);
  const provider = Object.entries(SCHEMA.enumerations.QuoteProvider).find(([, value]) => value === quote.provider);
  return html`<span class="hint" title="When the price was true, by the market's clock (UTC), and whence it came">
    ${instant(quote.source_time)} · ${provider ? provider[0].toLowerCase() : "unknown source"}
    ${told.map((word) => html` <b class=${word === "simulated" || word === "replayed" ? "tag" : "tag warn"}>${word}</b>`)}
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
  const keys = (event) => {
    if (event.key === "Enter" && found?.length) take(found[0].symbol);
    if (event.key === "Escape") setFound(null);
  };
  return html`<div class="search">
    <input ref=${field} type="search" placeholder="Search a symbol or name  ( / )" aria-label="Search a symbol or name"
      onInput=${look} onKeyDown=${keys} />
    ${found && html`<ul class="found">
      ${found.length ? found.map((asset) => html`<li key=${asset.symbol}>
        <button type="button" class="link" onClick=${() => take(asset.symbol)}>${asset.symbol}</button>
        <button type="button" class="plain" onClick=${() => attempt(() => setWatched(asset.symbol, true), `${asset.symbol} is watched.`)}>watch</button>
      </li>`) : html`<li class="hint">Nothing begins like that.</li>`}
    </ul>`}
  </div>`;
}

const bar = (row) => ({
  time: seconds(row.time), open: number(row.open), high: number(row.high), low: number(row.low),
  close: number(row.close), volume: number(row.volume),
});

function Chart({ symbol }) {
  const [interval, setInterval] = useState(86400);
  const [bars, setBars] = useState([]);
  const [note, setNote] = useState("Reading ...");
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
      ? html`<${Candles} bars=${bars} intraday=${interval < 86400} live=${live} label=${`Price of ${symbol}`} />`
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

export function Market() {
  const symbol = state.symbol;
  return html`
    <div class="market">
      <section class="card list" aria-label="Watch list">
        <${Search} />
        <table><thead><tr><th>symbol</th><th class="number">last</th><th class="number">day</th><th></th></tr></thead>
          <tbody>${state.watch.map((each) => html`<${Row} key=${each} symbol=${each} />`)}</tbody></table>
      </section>
      <section class="card center" aria-label="Chart">
        ${symbol ? html`<${Quote} symbol=${symbol} /><${Chart} symbol=${symbol} />`
          : html`<p class="hint">Choose a symbol.</p>`}
      </section>
      ${symbol && html`<section class="card side" aria-label="Order ticket"><${Ticket} symbol=${symbol} /></section>`}
    </div>`;
}
