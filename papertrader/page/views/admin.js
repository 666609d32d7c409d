// For administrators: workers, figures, the newest entries of the event log.

import { html, useEffect, useState } from "../vendor/htm/htm-preact.js";
import { link, state } from "../store.js";
import { duration, has, words } from "../format.js";

const EVERY_MS = 3000;
const LEVELS = ["DEBUG", "INFO", "WARNING", "ERROR"];

function usePolled(read, inputs = []) {
  const [told, setTold] = useState(null);
  const [error, setError] = useState("");
  useEffect(() => {
    let gone = false;
    const ask = () => read().then((reply) => { if (!gone) { setTold(reply); setError(""); } })
      .catch((why) => gone || setError(why.message));
    ask();
    const timer = setInterval(ask, EVERY_MS);
    return () => { gone = true; clearInterval(timer); };
  }, inputs);
  return [told, error];
}

const address = (text) => {
  const octets = text.match(/../g).map((pair) => parseInt(pair, 16));
  if (text.startsWith("00000000000000000000ffff")) return octets.slice(12).join(".");
  return text.match(/..../g).map((group) => group.replace(/^0{1,3}/, "")).join(":");
};

function Workers() {
  const [reply, error] = usePolled(() => link.request("WorkerList", {}));
  return html`<section class="card"><h2>Workers</h2>${error && html`<p class="error">${error}</p>`}
    <div class="scroll" tabindex="0" role="group" aria-label="Workers"><table class="wide"><thead><tr><th>address</th><th class="number">port</th><th class="number">region</th><th class="number">sessions</th><th class="number">load</th><th class="number">round trip</th><th>state</th></tr></thead>
    <tbody>${(reply?.workers ?? []).map((row) => html`<tr><td>${row.host || address(row.address)}</td><td class="number">${row.port}</td><td class="number">${row.region}</td>
      <td class="number">${row.sessions}</td><td class="number">${Math.round(row.load / 2.55)} %</td><td class="number">${(row.rtt_us / 1000).toFixed(1)} ms</td>
      <td>${has("WorkerFlag", row.flags, "DRAINING") ? "draining" : "taking clients"}</td></tr>`)}</tbody></table></div></section>`;
}

const CLASSES = { orders: "with open orders", positions: "held", watched: "watched", rest: "the rest" };
const LIMITS = ["minute", "hour", "day"];
const span = (ms) => (ms === undefined ? "–" : ms < 1000 ? `${ms} ms` : duration(Math.round(ms / 1000)));
const count = (value) => (value ?? 0).toLocaleString("en-US");

/** The providers of live prices: what they may be asked, what was spent, and what that gives each class. */
function Budget({ reply }) {
  const figures = new Map((reply?.stats ?? []).filter((row) => !row.worker).map((row) => [row.key, Number(row.value)]));
  const of = (...parts) => figures.get(parts.join("_"));
  const providers = [...figures.keys()].filter((key) => key.endsWith("_symbols") && figures.has(key.replace(/_symbols$/, "_calls")))
    .map((key) => key.slice(0, -"_symbols".length));
  const spent = (name) => LIMITS.filter((limit) => of(name, limit, "limit"))
    .map((limit) => `${count(of(name, limit, "spent"))} of ${count(of(name, limit, "limit"))} credits of this ${limit}`).join(", ");
  return html`<section class="card"><h2>Budget plan</h2>
    ${providers.length === 0 ? html`<p class="hint">${state.clock?.mode === 1 ? "No provider is asked." : "Nobody is asked: the prices are recorded or simulated."}${" "}
      <code>papertrader plan</code> plans for live ones.</p>` : providers.map((name) => html`
      <h3>${name}: ${count(of(name, "calls"))} calls, ${count(of(name, "failures"))} failed</h3>
      <p>${spent(name) || "No limit is known."}</p>
      <div class="scroll"><table><thead><tr><th>symbols</th><th class="number">how many</th><th class="number">asked each</th><th class="number">oldest price</th></tr></thead>
        <tbody>${Object.entries(CLASSES).filter(([each]) => of(name, each)).map(([each, label]) => html`<tr><td>${label}</td>
          <td class="number">${count(of(name, each))}</td><td class="number">${span(of(name, each, "ms"))}</td>
          <td class="number">${span(of(name, each, "age"))}</td></tr>`)}</tbody></table></div>`)}
  </section>`;
}

function Figures({ reply, error }) {
  const [wanted, setWanted] = useState("");
  const rows = (reply?.stats ?? []).filter((row) => row.key.includes(wanted));
  return html`<section class="card"><h2>Figures</h2>${error && html`<p class="error">${error}</p>`}
    <label class="inline">only with <input value=${wanted} onInput=${(event) => setWanted(event.target.value)} placeholder="orders, sessions, stall ..." /></label>
    <div class="scroll tall" tabindex="0" role="group" aria-label="Figures"><table><thead><tr><th>of</th><th>figure</th><th class="number">value</th></tr></thead>
    <tbody>${rows.map((row) => html`<tr><td>${row.worker ? `worker ${row.worker}` : "master"}</td><td>${row.key}</td><td class="number">${row.value.toLocaleString("en-US")}</td></tr>`)}</tbody></table></div></section>`;
}

function Log() {
  const [least, setLeast] = useState("INFO");
  const [reply, error] = usePolled(() => link.request("LogDump", { limit: 200, least }), [least]);
  const entries = (reply?.lines ?? "").split("\n").filter(Boolean).map((line) => JSON.parse(line)).reverse();
  const when = (entry) => (entry.ts ?? entry.time ?? "").replace("T", " ").replace(/(\.\d{3})\d*Z?$/, "$1");
  return html`<section class="card grow"><h2>Log <span class="hint">the newest first</span></h2>${error && html`<p class="error">${error}</p>`}
    <label class="inline">from level <select value=${least} onChange=${(event) => setLeast(event.target.value)}>${LEVELS.map((level) => html`<option value=${level}>${words(level)}</option>`)}</select></label>
    <div class="scroll tall log" tabindex="0" role="group" aria-label="Log">${entries.map((entry) => html`<p class=${entry.level}><span class="hint">${when(entry)} <b>${entry.level}</b> ${String(entry.module).replace(/^papertrader\./, "")}</span> ${entry.msg ?? entry.message}</p>`)}</div></section>`;
}

export function Admin() {
  const [reply, error] = usePolled(() => link.request("StatsGet"));
  return html`<div class="columns"><div class="grow"><${Workers} /></div><${Budget} reply=${reply} /></div>
    <div class="columns"><${Figures} reply=${reply} error=${error} /><${Log} /></div>`;
}
