// The market's clock: pause, speed, step, and turn it to another day, where that is allowed.

import { html, useEffect, useState } from "../vendor/htm/htm-preact.js";
import { attempt, link, marketNow, readClock, refreshSoon, state } from "../store.js";
import { duration, instant, seconds } from "../format.js";
import { SCHEMA } from "../schema.js";

const FIELD = SCHEMA.enumerations.ClockField;
const SPEEDS = [1, 60, 600, 3600];
const STEPS = [["1 minute", 60], ["1 hour", 3600], ["1 day", 86400], ["1 week", 604800]];
const MODES = { 1: "live prices", 2: "recorded prices", 3: "a simulated market" };

/** Whether this session was told that it may not: then nothing is offered that would be refused. */
let denied = null;

async function set(values, done) {
  await attempt(() => link.request("ClockSet", values).catch((why) => {
    if (why.code === "SCOPE_DENIED") denied = state.user;
    throw why;
  }), done);
  await readClock();
  refreshSoon();
}

function Controls({ clock }) {
  const [day, setDay] = useState(instant(clock.now, { time: false }));
  const jump = (event) => {
    event.preventDefault();
    const at = Date.parse(`${day}T00:00:00Z`);
    if (!Number.isFinite(at)) return;
    const back = BigInt(at) * 1000000n < marketNow();
    if (back && !confirm("Turning the clock back cancels all open orders of everybody. Cash and positions stay. Go on?")) return;
    set({ fields: FIELD.NOW, now: BigInt(at) * 1000000n }, `The market is at ${day} now.`);
  };
  return html`
    <div class="row">
      <button type="button" class="main" onClick=${() => set({ fields: FIELD.PAUSED, paused: !clock.paused })}>${clock.paused ? "Go on" : "Pause"}</button>
      <span class="hint">or go forward and stand still:</span> ${STEPS.map(([label, step]) => html`<button type="button" onClick=${() => set({ fields: FIELD.STEP, step: BigInt(step) * 1000000000n })}>+ ${label}</button>`)}
    </div>
    <div class="row" role="group" aria-label="Speed">speed
      ${SPEEDS.map((speed) => html`<button type="button" aria-pressed=${clock.speed_milli === speed * 1000}
        onClick=${() => set({ fields: FIELD.SPEED, speed_milli: speed * 1000 })}>${speed}×</button>`)}
    </div>
    <form class="row" onSubmit=${jump}><label class="inline">turn to
      <input type="date" value=${day} required min=${instant(clock.begins_at, { time: false })} max=${clock.ends_at ? instant(clock.ends_at, { time: false }) : ""}
        onInput=${(event) => setDay(event.target.value)} /></label><button>Jump</button></form>`;
}

export function Clock() {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick((count) => count + 1), 250);
    return () => clearInterval(timer);
  }, []);
  const { clock, market } = state;
  if (!clock) return html`<p class="hint">Reading ...</p>`;
  // Whoever has the only account of an installation may turn its clock, too: that is asked by trying.
  const may = state.scope === "ADMIN" || (state.scope === "TRADE" && denied !== state.user);
  return html`<section class="card">
    <h2>The market's clock</h2>
    <p class="big">${instant(marketNow())} UTC</p>
    <p>${MODES[clock.mode] ?? "prices"}; ${clock.paused ? "paused" : `${clock.speed_milli / 1000} market seconds in a second`}${clock.skips_closed ? ", closed hours are skipped" : ""}.
      ${market ? ` ${market.state === 3 ? `Open, closes in ${duration(seconds(market.next_close) - seconds(marketNow()))}` : `Closed, opens in ${duration(seconds(market.next_open) - seconds(marketNow()))}`} of market time.` : ""}
      ${clock.epoch > 1 ? ` It was turned back ${clock.epoch - 1} time${clock.epoch > 2 ? "s" : ""}.` : ""}</p>
    ${clock.mode === 1 ? html`<p class="hint">Live time goes by itself.</p>`
      : may ? html`<${Controls} clock=${clock} />`
      : html`<p class="hint">Operators may pause it, change its speed and turn it: log in to “administer”. The first operator
        opens an account with the invitation that <code>make run</code> printed, or is named on the server's machine by <code>papertrader admin NAME</code>.</p>`}
  </section>`;
}
