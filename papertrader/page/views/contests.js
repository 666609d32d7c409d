// Contests: the same cash and rules for everybody, standings, a countdown.

import { html, useEffect, useState } from "../vendor/htm/htm-preact.js";
import { attempt, choosePortfolio, link, marketNow, state } from "../store.js";
import { decimal, duration, instant, member, money, number, parse, percent, price, seconds, tone, words } from "../format.js";

const STATES = { 1: "announced", 2: "running", 3: "ended" };

function Countdown({ contest }) {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick((count) => count + 1), 1000);
    return () => clearInterval(timer);
  }, []);
  if (contest.state === 3) return html`<span>ended ${instant(contest.ended_at)}</span>`;
  const next = contest.state === 1 ? contest.opens_at : contest.ends_at;
  const left = seconds(next) - seconds(marketNow());
  return html`<span>${contest.state === 1 ? "begins" : "ends"} in ${duration(left)} of market time</span>`;
}

function Rules({ contest }) {
  const rules = [
    ["cash", `${money(contest.cash)} ${contest.currency}`], ["kind", said(KINDS, member("AccountKind", contest.account_kind))],
    ["fills", said(FILLS, member("FillModelKind", contest.fill_model))], ["fees", said(FEES, member("FeeModelKind", contest.fee_model))],
    ["position cap", contest.position_cap ? `${contest.position_cap / 100} %` : "none"],
    ["least price", contest.price_minimum ? price(contest.price_minimum) : "none"],
    ["held for at least", contest.hold_seconds ? duration(contest.hold_seconds) : "no time"],
    ["assets", contest.symbols ? contest.symbols.map((row) => row.symbol).join(", ") : "all"],
    ["join until", instant(contest.joins_until || contest.opens_at)],
  ];
  return html`<dl class="rules">${rules.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`;
}

/** How the rules are said; what is not here is said by its name. */
const KINDS = { CASH: "cash only, no borrowing and no short sales", MARGIN: "on margin: borrowing and short sales" };
const FILLS = { IDEAL: "everything at the price shown", QUOTE: "at bid and ask, within the sizes offered",
  CONSERVATIVE: "at bid and ask, after others in the queue", VOLUME_SHARE: "a share of the traded volume, with impact", BAR: "within the bar" };
const FEES = { FREE: "none", PER_SHARE: "per share", PERCENT: "a percentage", TIERED: "by tiers", MAKER_TAKER: "maker and taker" };
const said = (table, name) => table[name] ?? words(name);

function Standings({ contest }) {
  const [order, setOrder] = useState("EQUITY");
  const [rows, setRows] = useState([]);
  useEffect(() => {
    let gone = false;
    const read = () => link.request("ContestStandings", { contest: contest.contest, order })
      .then((reply) => gone || setRows(reply.standings ?? [])).catch(() => {});
    read();
    const timer = setInterval(read, 5000);
    return () => { gone = true; clearInterval(timer); };
  }, [String(contest.contest), order, contest.entries]);
  return html`
    <label class="inline">ranked by <select value=${order} onChange=${(event) => setOrder(event.target.value)}>
      <option value="EQUITY">return</option><option value="RISK_ADJUSTED">risk-adjusted return</option></select></label>
    ${contest.state === 3 ? "" : html` <span class="hint">provisional until it ends</span>`}
    <div class="scroll" tabindex="0" role="group" aria-label="Standings"><table class="standings"><thead><tr><th>rank</th><th>who</th><th class="number">equity</th><th class="number">return</th>${order === "RISK_ADJUSTED" && html`<th class="number">Sharpe</th>`}</tr></thead>
      <tbody>${rows.map((row) => html`<tr key=${String(row.portfolio)} class=${row.username === state.user ? "chosen" : ""}>
        <td>${row.rank}</td><td>${row.username}</td><td class="number">${money(row.equity)}</td>
        <td class=${`number ${tone(row.gain)}`}>${percent(number(row.gain))}</td>
        ${order === "RISK_ADJUSTED" && html`<td class="number">${row.risk_adjusted === null ? "–" : decimal(row.risk_adjusted, 2, 4)}</td>`}</tr>`)}
      ${rows.length ? "" : html`<tr><td colspan="5" class="hint">Nobody has joined yet.</td></tr>`}</tbody></table></div>`;
}

function Contest({ number, onChange }) {
  const [contest, setContest] = useState(null);
  const read = () => attempt(() => link.request("ContestGet", { contest: number })).then((found) => found && setContest(found));
  useEffect(() => { read(); }, [String(number)]);
  if (!contest) return html`<p class="hint">Reading ...</p>`;
  const join = async () => {
    const joined = await attempt(() => link.request("ContestJoin", { contest: number }), `You are in ${contest.name}.`);
    if (!joined) return;
    setContest(joined);
    onChange();
    const reply = await attempt(() => link.request("PortfolioList"));
    if (reply) state.portfolios = reply.portfolios;
    await attempt(() => choosePortfolio(joined.portfolio));
  };
  const file = async () => {
    const reply = await attempt(() => link.request("ContestFile", { contest: number }));
    if (!reply) return;
    const octets = Uint8Array.from(reply.octets.match(/../g), (pair) => parseInt(pair, 16));
    const anchor = document.createElement("a");
    anchor.href = URL.createObjectURL(new Blob([octets], { type: "application/octet-stream" }));
    anchor.download = `${contest.name}.contest`;
    anchor.click();
    URL.revokeObjectURL(anchor.href);
  };
  return html`<section class="card grow">
    <h2>${contest.name} <span class="tag">${STATES[contest.state]}</span></h2>
    <p><${Countdown} contest=${contest} /> · by ${contest.host} · ${contest.entries} ${contest.entries === 1 ? "entry" : "entries"}</p>
    ${contest.portfolio ? html`<p><b>${contest.state === 3 ? "You were in." : "You are in."}</b> ${contest.portfolio === state.portfolio
        ? html`${contest.state === 3 ? "Its portfolio is shown now" : "What you buy and sell now counts for it"}; the list at the top of the page leads back to your own portfolio.`
        : html`<button type="button" class="plain" onClick=${() => attempt(() => choosePortfolio(contest.portfolio), contest.state === 3 ? "Its portfolio is shown now." : "Trading for the contest now.")}>${contest.state === 3 ? "show its portfolio" : "trade for it"}</button>`}</p>`
      : contest.state !== 3 ? html`<p><button type="button" class="main" onClick=${join}>Join</button></p>` : ""}
    ${contest.state === 3 && html`<p><button type="button" class="plain" onClick=${file}>Save the file</button>
      ${" "}<span class="hint">Anybody can count it again with <code>papertrader contest verify FILE</code>.</span></p>`}
    <${Rules} contest=${contest} /><${Standings} contest=${contest} />
  </section>`;
}

function Open({ done }) {
  const submit = async (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    const days = Number(form.get("days"));
    const now = marketNow();
    const made = await attempt(() => link.request("ContestCreate", {
      name: form.get("name"), cash: parse(form.get("cash")), opens_at: 0n,
      ends_at: now + BigInt(Math.round(days * 86400)) * 1000000000n,
      joins_until: now + BigInt(Math.round(days * 86400 / 2)) * 1000000000n,
      account_kind: "CASH", fill_model: "QUOTE", fee_model: "FREE", fee_rate: 0n, fee_maker: 0n, fee_minimum: 0n,
      price_minimum: 0n, participation: 1000, impact: 1000, position_cap: Math.round(Number(form.get("cap") || 0) * 100),
    }), "The contest is open.");
    if (made) done(made.contest);
  };
  return html`<details><summary>Open a contest</summary><form onSubmit=${submit}>
    <label>Name<input name="name" required maxlength="24" pattern="[A-Za-z0-9][A-Za-z0-9_.\\-]*" /></label>
    <label>Cash of each entry<input name="cash" value="100000" inputmode="decimal" required /></label>
    <label>Days of market time<input name="days" type="number" min="0.01" step="any" value="30" required /></label>
    <label>Most of the equity in one asset, in percent (empty: no cap)<input name="cap" type="number" min="0" max="100" step="any" /></label>
    <button class="main">Open it now</button></form></details>`;
}

export function Contests() {
  const [rows, setRows] = useState(null);
  const [chosen, setChosen] = useState(null);
  const read = () => attempt(() => link.request("ContestList", { limit: 100 })).then((reply) => {
    setRows(reply?.contests ?? []);
    setChosen((before) => before ?? reply?.contests?.[0]?.contest ?? null);
  });
  useEffect(() => { read(); }, []);
  const host = state.scope === "HOST" || state.scope === "ADMIN";
  return html`<div class="columns">
    <section class="card"><h2>Contests</h2>
      ${!rows ? html`<p class="hint">Reading ...</p>` : rows.length === 0 ? html`<p class="hint">There are none yet. ${host ? "Open one below." : "Somebody who logs in to host contests opens them."}</p>` : html`
      <ul class="plainlist">${rows.map((row) => html`<li key=${String(row.contest)}>
        <button type="button" class="link" aria-current=${chosen === row.contest} onClick=${() => setChosen(row.contest)}>${row.name}</button>
        <span class="tag">${STATES[row.state]}</span> ${row.portfolio ? html`<span class="tag">joined</span>` : ""}</li>`)}</ul>`}
      ${host && html`<${Open} done=${(contest) => { setChosen(contest); read(); }} />`}
    </section>
    ${chosen && html`<${Contest} key=${String(chosen)} number=${chosen} onChange=${read} />`}
  </div>`;
}
