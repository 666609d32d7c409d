// The frame of the page: who is logged in, which view is shown, what is said in the corner.

import { html, render, useEffect, useRef, useState } from "./vendor/htm/htm-preact.js";
import { attempt, begin, choosePortfolio, link, marketNow, openOrders, state, toast, useStore, onFill } from "./store.js";
import { decimal, duration, has, instant, money, price, quantity, seconds, words } from "./format.js";
import { Door } from "./views/door.js";
import { Factor } from "./views/factor.js";
import { Market } from "./views/market.js";
import { Portfolio } from "./views/portfolio.js";
import { Orders } from "./views/orders.js";
import { Performance } from "./views/performance.js";
import { Contests } from "./views/contests.js";
import { Clock } from "./views/clock.js";
import { Admin } from "./views/admin.js";

const VIEWS = {
  market: ["Market", Market],
  portfolio: ["Portfolio", Portfolio],
  orders: ["Orders", Orders],
  performance: ["Performance", Performance],
  contests: ["Contests", Contests],
  clock: ["Clock", Clock],
};
const KEYS = [
  ["/", "search a symbol"], ["b", "buy"], ["s", "sell"], ["1 to 7", "the views, from left to right"], ["?", "this help"],
  ["Esc", "leave a field, close this"],
];
/** Where the browser remembers that keys without Ctrl or Alt do nothing: who dictates would press them by speaking. */
const SINGLE = "papertrader.keys";

function singleKeys() {
  try {
    return localStorage.getItem(SINGLE) !== "off";
  } catch {
    return true;
  }
}

function rememberKeys(on) {
  try {
    localStorage.setItem(SINGLE, on ? "on" : "off");
  } catch {
    // A browser that remembers nothing: it holds until the page is left.
  }
}

function useRoute() {
  const read = () => location.hash.slice(2).split("/")[0] || "market";
  const [route, setRoute] = useState(read());
  useEffect(() => {
    const listener = () => setRoute(read());
    addEventListener("hashchange", listener);
    return () => removeEventListener("hashchange", listener);
  }, []);
  return route;
}

export const go = (view) => { location.hash = `/${view}`; };

/** What the line at the top says of the connection and of the market's clock. */
function Status() {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick((count) => count + 1), 1000);
    return () => clearInterval(timer);
  }, []);
  const { clock, market } = state;
  const live = state.link === "live";
  const said = live ? "connected" : state.link === "closed" ? "connection lost, trying again" : "connecting";
  return html`
    <div class="status" role="status">
      <span class=${`dot ${live ? "good" : "bad"}`} aria-hidden="true"></span>
      <span class=${live ? "said" : ""}>${said}</span>
      ${clock && html`<span class="clock" title="Market time (UTC)">
        ${instant(marketNow())} UTC
        ${clock.paused ? " · paused" : clock.speed_milli !== 1000 ? ` · ${clock.speed_milli / 1000}×` : ""}
        ${clock.mode === 2 ? " · recorded prices" : clock.mode === 3 ? " · simulated prices" : ""}
      </span>`}
      ${market && html`<span>${market.state === 3 ? "market open" : `market closed, opens ${instant(market.next_open)}`}</span>`}
    </div>`;
}

function Head({ route, views }) {
  const holding = state.holding;
  useEffect(() => {
    // Where the views do not fit beside each other, the row is scrolled: the current one stays in sight.
    document.querySelector("nav a[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [route]);
  return html`
    <header>
      <h1><a class="brand" href="#/market"><img src="icon.svg" alt="" width="24" height="24" />PaperTrader</a></h1>
      <nav aria-label="Views">
        ${Object.entries(views).map(([name, [label]]) => html`
          <a href=${`#/${name}`} aria-current=${route === name ? "page" : null}>${label}${
            name === "orders" && openOrders().length ? html` <b class="count">${openOrders().length}</b>` : ""}</a>`)}
      </nav>
      <div class="who">
        ${state.portfolios.length > 1 && html`
          <select aria-label="Portfolio" value=${String(state.portfolio)}
            onChange=${(event) => attempt(() => choosePortfolio(BigInt(event.target.value)))}>
            ${state.portfolios.map((row) => html`
              <option value=${String(row.portfolio)} selected=${row.portfolio === state.portfolio}>${row.name || "main"}</option>`)}
          </select>`}
        ${holding && html`<span class="equity" title="Equity">${money(holding.equity)} ${holding.currency}</span>`}
        <span class="user">${state.user}</span>
        <button type="button" class="plain" onClick=${() => attempt(() => link.logout())}>Log out</button>
      </div>
    </header>`;
}

function Toasts() {
  return html`<div class="toasts" role="log" aria-live="polite">
    ${state.toasts.map((each) => html`<p key=${each.number} class=${each.kind}>${each.text}</p>`)}
  </div>`;
}

function Help({ close, single, setSingle }) {
  const button = useRef(null);
  useEffect(() => button.current?.focus(), []);
  return html`<div class="overlay" onClick=${close}>
    <div class="card help" role="dialog" aria-modal="true" aria-label="Keys" onClick=${(event) => event.stopPropagation()}>
      <h2>Keys</h2>
      <dl>${KEYS.map(([key, what]) => html`<dt><kbd>${key}</kbd></dt><dd>${what}</dd>`)}</dl>
      <p><label class="inline"><input type="checkbox" name="single" checked=${single} onChange=${(event) => setSingle(event.target.checked)} />
        Keys of one character do this (all of them but Esc)</label></p>
      <button type="button" ref=${button} onClick=${close}>Close</button>
    </div>
  </div>`;
}

function useKeys(names, single, setHelp) {
  useEffect(() => {
    const listener = (event) => {
      const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
      if (event.key === "Escape") {
        if (typing) event.target.blur();
        setHelp(false);
      }
      if (!single || typing || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "?") setHelp(true);
      else if (event.key === "/" || event.key === "b" || event.key === "s") {
        event.preventDefault();
        go("market");
        setTimeout(() => dispatchEvent(new CustomEvent("papertrader", { detail: event.key })));
      } else if (event.key >= "1" && event.key <= String(names.length)) go(names[Number(event.key) - 1]);
    };
    addEventListener("keydown", listener);
    return () => removeEventListener("keydown", listener);
  }, [names.join(), single]);
}

function Foot({ help }) {
  return html`<footer>
    <span>Fake money only. ${state.scope === "READ" ? "This session may only look." : ""}</span>
    <span>Charts by <a href="https://www.tradingview.com/" rel="noreferrer noopener" target="_blank">TradingView Lightweight Charts™</a>
      © 2026 TradingView, Inc. · <a href="NOTICE.txt" target="_blank">notices</a> · <button type="button" class="link" onClick=${help}>Keys</button></span>
  </footer>`;
}

function App() {
  useStore();
  const route = useRoute();
  const [help, setHelp] = useState(false);
  const [single, setSingle] = useState(singleKeys());
  const choose = (on) => { rememberKeys(on); setSingle(on); };
  const views = state.scope === "ADMIN" ? { ...VIEWS, admin: ["Admin", Admin] } : VIEWS;
  useKeys(Object.keys(views), single, setHelp);
  if (!state.user) return html`<${Door} /><${Toasts} />`;
  if (state.scope === "SETUP") return html`<${Factor} /><${Toasts} />`;
  const [, View] = views[route] ?? VIEWS.market;
  return html`
    <${Head} route=${route} views=${views} />
    <${Status} />
    <main><${View} go=${go} /></main>
    <${Foot} help=${() => setHelp(true)} />
    <${Toasts} />
    ${help && html`<${Help} close=${() => setHelp(false)} single=${single} setSingle=${choose} />`}`;
}

onFill((order, event) => {
  const side = order.side === 1 ? "Bought" : "Sold";
  const rest = order.quantity - order.filled;
  toast(`${side} ${quantity(event.fill_quantity)} ${order.symbol} at ${price(event.fill_price)}${
    rest ? `, ${quantity(rest)} to go` : ""}`, "good");
});

const place = document.getElementById("app");
place.replaceChildren();
render(html`<${App} />`, place);
begin();
