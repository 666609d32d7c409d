// What the page knows, and how it comes to know it. Components read `state` and are drawn again, at
// most once in a frame of the screen, when something called `changed`.

import { useEffect, useState } from "./vendor/htm/htm-preact.js";
import { Link, Failure } from "./link.js";
import { member, text } from "./format.js";
import { valued } from "./valuation.js";
import { SCHEMA } from "./schema.js";

const KEPT = "papertrader.session";
const ORDERS_MAX = 500;
const EVERY_STATE = Object.values(SCHEMA.enumerations.OrderState).reduce((bits, value) => bits | (1 << value), 0);
const TOASTS_MAX = 4;
const TOAST_MS = 8000;
const WATCH_MAX = 100;

export const state = {
  link: "connecting",
  user: null,
  scope: "READ",
  portfolio: 0n,
  portfolios: [],
  holding: null,
  positions: [],
  orders: new Map(),
  tags: new Map(),
  quotes: new Map(),
  moved: new Map(),
  assets: new Map(),
  watch: [],
  symbol: null,
  clock: null,
  clockAt: 0,
  market: null,
  toasts: [],
  expanded: null,
  ended: null,
};

const listeners = new Set();
let due = false;

export function changed() {
  if (due) return;
  due = true;
  requestAnimationFrame(() => {
    due = false;
    for (const listener of [...listeners]) listener();
  });
}

/** Draw the calling component again with every change. */
export function useStore() {
  const [, draw] = useState(0);
  useEffect(() => {
    const listener = () => draw((count) => count + 1);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, []);
  return state;
}

let toastNumber = 0;

/** Say something in a corner, and to screen readers. `kind`: good, bad or plain. */
export function toast(text, kind = "plain") {
  toastNumber += 1;
  const number = toastNumber;
  state.toasts = [...state.toasts.slice(1 - TOASTS_MAX), { number, text, kind }];
  setTimeout(() => {
    state.toasts = state.toasts.filter((each) => each.number !== number);
    changed();
  }, TOAST_MS);
  changed();
}

// --- the link -------------------------------------------------------------------------------------

export const barListeners = new Set();
const fillListeners = new Set();

/** Call with every fill of an own order, as [order row, event]. */
export function onFill(listener) {
  fillListeners.add(listener);
  return () => fillListeners.delete(listener);
}

export const link = new Link(`wss://${location.host}/ptwp`, {
  onState(what) {
    state.link = what;
    changed();
  },
  onSession(session, why) {
    if (session) {
      state.user = entering ?? state.user;
      state.scope = session.scope;
      sessionStorage.setItem(KEPT, JSON.stringify({ ...read(), token: session.token, user: state.user }));
    } else {
      sessionStorage.removeItem(KEPT);
      if (state.user && why !== "OK") state.ended = why;
      Object.assign(state, { user: null, portfolio: 0n, portfolios: [], holding: null, positions: [] });
      told = null;
      state.orders = new Map();
      state.tags = new Map();
      state.watch = [];
    }
    changed();
  },
  onEvent(name, values, header) {
    const take = EVENTS[name];
    if (take) take(values, header);
    changed();
  },
});

const EVENTS = {
  QuoteEvent: takeQuote,
  OrderEvent: takeOrderEvent,
  TransactionEvent() { refreshSoon(); },
  MarketEvent(values) {
    state.market = values;
    readClock();
  },
  BarEvent(values) {
    for (const listener of barListeners) listener(values);
  },
  AlertEvent(values) {
    toast(`Alert: ${values.symbol} ${member("AlertState", values.state).toLowerCase().replaceAll("_", " ")}`);
  },
  Resumed() { refreshSoon(); },
};

function read() {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT)) ?? {};
  } catch {
    return {};
  }
}

export async function begin() {
  const kept = read();
  if (kept.token) {
    link.restore(kept.token);
    state.user = kept.user;
  }
  link.connect();
  if (kept.token) {
    try {
      await enter();
    } catch (why) {
      if (state.user && why.code !== "SECOND_FACTOR_DEMANDED") toast(why.message, "bad");
    }
  }
}

/** Who is logging in just now: the session is theirs when it has begun. */
let entering = null;

const device = () => navigator.userAgent.includes("Mobile") ? "phone browser" : "browser";

export async function login(username, password, scope = "TRADE", code = "") {
  entering = username;
  state.ended = null;
  try {
    const asked = { username, password, mechanism: "PASSWORD", scope, remember: false, device: device() };
    const reply = await link.login(code ? { ...asked, code } : asked);
    if (reply.failed_tries) {
      const tries = reply.failed_tries === 1 ? "one failed try" : `${reply.failed_tries} failed tries`;
      toast(`There was ${tries} to log in to this account since the last time.`, "bad");
    }
    if (state.scope !== "SETUP") await enter();
  } finally {
    entering = null;
    changed();
  }
}

export const beginFactor = (password) => link.request("TotpSetup", { password });

/** Show a code of the seed; resolves with the recovery codes, a line each. */
export const enableFactor = async (code) => (await link.request("TotpEnable", { code })).codes ?? "";

/** End the other sessions of the account, now that one of this kind needs a code. */
export async function endOthers() {
  const { sessions } = await link.request("SessionList");
  const gone = (why) => { if (why.code !== "NO_SUCH_SESSION") throw why; };
  for (const each of sessions.filter((row) => !row.current)) {
    // One that was opened beside another has ended with that.
    await link.request("SessionRevoke", { session_id: each.session_id }).catch(gone);
  }
}

/** Go on with a session that lacks nothing any more: the service says what it may do now. */
export async function leaveSetup() {
  state.scope = member("Scope", (await link.request("AccountGet")).scope);
  changed();
  await enter();
}

export const register = (username, password, invitation) =>
  link.request("Register", { username, password, ...(invitation && { invitation }) });

async function enter() {
  await Promise.all([readAssets(), readPortfolios(), readClock(), readWatch()]);
  await Promise.all([
    refresh(),
    readOrders(),
    link.subscribe({ topics: "ACCOUNT", snapshot: true }),
    link.subscribe({ topics: "MARKET", snapshot: true }),
  ]);
  state.symbol ??= state.watch[0] ?? null;
  await watchQuotes();
  changed();
}

// --- the market -----------------------------------------------------------------------------------

function takeQuote(quote) {
  const before = state.quotes.get(quote.symbol);
  if (before && before.quote_seq > quote.quote_seq) return;
  state.quotes.set(quote.symbol, quote);
  if (told?.positions.some((row) => row.symbol === quote.symbol)) {
    if (isForeign(quote.symbol)) refreshLater();
    else revalue();
  }
  if (before && quote.last !== before.last) {
    state.moved.set(quote.symbol, quote.last > before.last ? 1 : -1);
  }
}

async function readAssets() {
  const reply = await link.request("AssetList");
  for (const asset of reply.assets ?? []) state.assets.set(asset.symbol, asset);
}

export async function search(prefix) {
  const reply = await link.request("AssetList", { limit: 30, prefix: prefix.toUpperCase().slice(0, 16) });
  for (const asset of reply.assets ?? []) state.assets.set(asset.symbol, asset);
  return reply.assets ?? [];
}

export async function readClock() {
  try {
    state.clock = await link.request("ClockGet");
    state.clockAt = performance.now();
    changed();
  } catch { /* the next event asks again */ }
}

/** Market time now, in nanoseconds: what was told, and what has passed since. */
export function marketNow() {
  const clock = state.clock;
  if (!clock) return 0n;
  if (clock.paused) return clock.now;
  const passed = (performance.now() - state.clockAt) * clock.speed_milli * 1000;
  return clock.now + BigInt(Math.round(passed));
}

const LIST = "page";

async function readWatch() {
  const reply = await link.request("WatchlistList").catch(() => ({}));
  const own = (reply.watches ?? []).filter((row) => row.name === LIST).map((row) => row.symbol);
  state.watch = own.length ? own : [...state.assets.keys()].slice(0, 12);
}

let quotesSubscription = null;

async function watchQuotes() {
  const symbols = new Set([...state.watch, ...state.positions.map((row) => row.symbol)]);
  if (state.symbol) symbols.add(state.symbol);
  for (const order of openOrders()) symbols.add(order.symbol);
  const before = quotesSubscription;
  if (!symbols.size) return;
  const rows = [...symbols].slice(0, WATCH_MAX).map((symbol) => ({ symbol }));
  quotesSubscription = await link.subscribe({ topics: "QUOTES", snapshot: true, symbols: rows });
  if (before) await link.unsubscribe(before);
}

export async function choose(symbol) {
  state.symbol = symbol;
  changed();
  if (!state.quotes.has(symbol) || !state.watch.includes(symbol)) await watchQuotes();
}

export async function setWatched(symbol, watched) {
  state.watch = watched
    ? [...state.watch.filter((each) => each !== symbol), symbol]
    : state.watch.filter((each) => each !== symbol);
  changed();
  if (state.watch.length) {
    await link.request("WatchlistSet", { name: LIST, symbols: state.watch.map((each) => ({ symbol: each })) });
  } else {
    await link.request("WatchlistDelete", { name: LIST });
  }
  await watchQuotes();
}

// --- the account ----------------------------------------------------------------------------------

async function readPortfolios() {
  const reply = await link.request("PortfolioList");
  state.portfolios = reply.portfolios ?? [];
  if (!state.portfolios.some((row) => row.portfolio === state.portfolio)) {
    state.portfolio = state.portfolios[0]?.portfolio ?? 0n;
  }
}

export async function choosePortfolio(portfolio) {
  state.portfolio = portfolio;
  state.orders = new Map();
  state.tags = new Map();
  await Promise.all([refresh(), readOrders()]);
  await watchQuotes();
}

const isOpen = (order) => [1, 2, 3, 9].includes(order.state);

export const openOrders = () => [...state.orders.values()].filter(isOpen);

/** What a request asks for that wants its rows from the newest on. */
export const NEWEST_FIRST = [{ direction: "NEWEST_FIRST" }];

/** Read the newest `ORDERS_MAX` orders; those that come by events are added to them. */
async function readOrders() {
  const portfolio = state.portfolio;
  const asked = { portfolio, states: EVERY_STATE, limit: ORDERS_MAX, direction: NEWEST_FIRST };
  keepOrders(await link.request("OrderList", asked));
  changed();
}

/** Keep the orders of a reply or an event, and what is written on them. */
function keepOrders(told) {
  for (const order of told.orders ?? []) keepOrder(order);
  for (const row of told.order_tags ?? []) if (state.orders.has(row.order)) state.tags.set(row.order, text(row.tag));
}

export async function refresh() {
  const portfolio = state.portfolio;
  const [holding, orders] = await Promise.all([
    link.request("PortfolioGet", { portfolio }),
    link.request("OrderList", { portfolio, limit: 200 }),
  ]);
  if (portfolio !== state.portfolio) return;
  const unknown = (holding.positions ?? []).map((row) => row.symbol).filter((symbol) => !state.assets.has(symbol));
  await Promise.allSettled(unknown.map(readAsset));
  if (portfolio !== state.portfolio) return;
  told = { holding, positions: (holding.positions ?? []).filter((row) => row.quantity !== 0n) };
  revalue();
  keepOrders(orders);
  changed();
}

/** What the service said last: what is shown is that at the prices of now. */
let told = null;

function revalue() {
  [state.holding, state.positions] = valued(told.holding, told.positions, state.quotes, isForeign);
}

/** Whether prices of a symbol are in another currency than the portfolio, or it is not known in which. */
function isForeign(symbol) {
  return state.assets.get(symbol)?.currency !== told.holding.currency;
}

async function readAsset(symbol) {
  state.assets.set(symbol, await link.request("AssetGet", { symbol }));
}

const FOREIGN_MS = 5000;
let later = null;

/** What the service alone can value is asked for again, not for each price. */
function refreshLater() {
  later ??= setTimeout(() => {
    later = null;
    refreshSoon();
  }, FOREIGN_MS);
}

let refreshing = null;

/** Read the account again soon: many events in one moment cause one reading. */
export function refreshSoon() {
  refreshing ??= setTimeout(async () => {
    refreshing = null;
    try {
      const known = new Set(state.positions.map((row) => row.symbol));
      await refresh();
      if (state.positions.some((row) => !known.has(row.symbol))) await watchQuotes();
    } catch (why) {
      if (!(why instanceof Failure)) console.error(why);
    }
  }, 250);
}

/** The number of the oldest order that has ended: by number, for they come in any turn. */
function oldestDone() {
  let found = null;
  for (const each of state.orders.values()) {
    if (!isOpen(each) && (found === null || each.order < found)) found = each.order;
  }
  return found;
}

function keepOrder(order) {
  if (order.portfolio !== state.portfolio) return;
  const before = state.orders.get(order.order);
  if (before && before.version > order.version) return;
  state.orders.set(order.order, order);
  if (state.orders.size <= ORDERS_MAX) return;
  const gone = oldestDone() ?? state.orders.keys().next().value;
  state.orders.delete(gone);
  state.tags.delete(gone);
}

function takeOrderEvent(event) {
  keepOrders(event);
  for (const order of event.orders) {
    if (event.fill) for (const listener of fillListeners) listener(order, event);
  }
  refreshSoon();
}

// --- trading --------------------------------------------------------------------------------------

/** A number for a new order that nobody has used: 62 random bits, noted before it is sent. */
export function newOrderId() {
  const random = crypto.getRandomValues(new BigUint64Array(1))[0] >> 2n;
  const id = random || 1n;
  sessionStorage.setItem(`${KEPT}.order`, id.toString());
  return id;
}

export const submitOrder = (values) =>
  link.request("OrderNew", { ...values, portfolio: state.portfolio, client_order_id: newOrderId() });

/** What an order would cost: the reply with its preview, or a Failure that says why not. */
export function previewOrder(values) {
  const flags = (values.flags ?? 0) | SCHEMA.enumerations.OrderFlag.VALIDATE_ONLY;
  const asked = { ...values, flags, portfolio: state.portfolio, client_order_id: previewId() };
  return link.request("OrderNew", asked, { question: true });
}

const previewId = () => (crypto.getRandomValues(new BigUint64Array(1))[0] >> 2n) || 1n;

export const cancelOrder = (order) =>
  link.request("OrderCancel", { order: order.order, portfolio: order.portfolio });

export const cancelAll = () => link.request("OrderCancelAll", { portfolio: state.portfolio });

export const closePosition = (symbol) =>
  link.request("PositionClose", { portfolio: state.portfolio, symbol, client_order_id: newOrderId() });

export async function receipts(order) {
  const reply = await link.request("ReceiptGet", { order: order.order, portfolio: order.portfolio, limit: 0 });
  return reply.receipts ?? [];
}

/** Orders that were refused on arrival, from the newest on, before number `after`: [rows, where it goes on]. */
export async function refusals(after = 0n) {
  const reply = await link.request("RefusalsGet", { portfolio: state.portfolio, limit: 100, after, direction: NEWEST_FIRST });
  const notes = new Map();
  for (const { row, piece } of reply.notes ?? []) notes.set(row, (notes.get(row) ?? "") + piece);
  const rows = (reply.refusals ?? []).map((row, place) => ({ ...row, text: text(notes.get(place) ?? "") }));
  return [rows, reply.next_after];
}

/** Run something the user asked for; say a refusal in words instead of throwing it. */
export async function attempt(work, done = "") {
  try {
    const result = await work();
    if (done) toast(done, "good");
    return result;
  } catch (why) {
    toast(why instanceof Failure ? why.message : `That did not work: ${why.message}`, "bad");
    return null;
  }
}
