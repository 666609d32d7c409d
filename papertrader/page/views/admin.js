// For administrators: workers, figures, the newest entries of the event log.

import { html, useEffect, useState } from "../vendor/htm/htm-preact.js";
import { link } from "../store.js";
import { has, words } from "../format.js";

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
    <div class="scroll"><table class="wide"><thead><tr><th>address</th><th class="number">port</th><th class="number">region</th><th class="number">sessions</th><th class="number">load</th><th class="number">round trip</th><th>state</th></tr></thead>
    <tbody>${(reply?.workers ?? []).map((row) => html`<tr><td>${row.host || address(row.address)}</td><td class="number">${row.port}</td><td class="number">${row.region}</td>
      <td class="number">${row.sessions}</td><td class="number">${Math.round(row.load / 2.55)} %</td><td class="number">${(row.rtt_us / 1000).toFixed(1)} ms</td>
      <td>${has("WorkerFlag", row.flags, "DRAINING") ? "draining" : "taking clients"}</td></tr>`)}</tbody></table></div></section>`;
}

function Figures() {
  const [reply, error] = usePolled(() => link.request("StatsGet"));
  const [wanted, setWanted] = useState("");
  const rows = (reply?.stats ?? []).filter((row) => row.key.includes(wanted));
  return html`<section class="card"><h2>Figures</h2>${error && html`<p class="error">${error}</p>`}
    <label class="inline">only with <input value=${wanted} onInput=${(event) => setWanted(event.target.value)} placeholder="budget, limit, orders ..." /></label>
    <div class="scroll tall"><table><thead><tr><th>of</th><th>figure</th><th class="number">value</th></tr></thead>
    <tbody>${rows.map((row) => html`<tr><td>${row.worker ? `worker ${row.worker}` : "master"}</td><td>${row.key}</td><td class="number">${row.value.toLocaleString("en-US")}</td></tr>`)}</tbody></table></div></section>`;
}

function Log() {
  const [least, setLeast] = useState("INFO");
  const [reply, error] = usePolled(() => link.request("LogDump", { limit: 200, least }), [least]);
  const entries = (reply?.lines ?? "").split("\n").filter(Boolean).map((line) => JSON.parse(line));
  return html`<section class="card grow"><h2>Log</h2>${error && html`<p class="error">${error}</p>`}
    <label class="inline">from level <select value=${least} onChange=${(event) => setLeast(event.target.value)}>${LEVELS.map((level) => html`<option value=${level}>${words(level)}</option>`)}</select></label>
    <div class="scroll tall log">${entries.map((entry) => html`<p><span class="hint">${entry.ts ?? entry.time} ${entry.level} ${entry.module}</span> ${entry.msg ?? entry.message}</p>`)}</div></section>`;
}

export function Admin() {
  return html`<${Workers} /><div class="columns"><${Figures} /><${Log} /></div>`;
}
