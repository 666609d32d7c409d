// How the portfolio has done: equity, drawdown, months, beside a benchmark.

import { html, useEffect, useMemo, useState } from "../vendor/htm/htm-preact.js";
import { link, state } from "../store.js";
import { money, number, percent, seconds, share, tone } from "../format.js";
import { Curves } from "../chart.js";

const DAY = 86400;
/** Of the newest session there is a point every so many seconds of market time, */
const SHORT = 300;
/** and it is read again after so many milliseconds. */
const AGAIN_MS = 15000;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** Time-weighted growth: 1 at the start; what was paid in or taken out is no gain. */
export function growth(rows) {
  const points = [];
  let level = 1;
  let before = null;
  for (const row of rows) {
    const equity = number(row.equity);
    if (before !== null && before > 0) level *= (equity - number(row.flow)) / before;
    before = equity;
    const time = seconds(row.time);
    if (points.length && points[points.length - 1].time >= time) points.pop();
    points.push({ time, value: level });
  }
  return points;
}

export function drawdown(points) {
  let top = -Infinity;
  return points.map(({ time, value }) => {
    top = Math.max(top, value);
    return { time, value: (value / top - 1) * 100 };
  });
}

/** [[year, [12 returns or null], return of the year], ...]. */
export function months(points) {
  const years = new Map();
  let last = points[0]?.value ?? 1;
  let current = null;
  let level = last;
  const close = () => {
    if (!current) return;
    const [year, month] = current;
    if (!years.has(year)) years.set(year, Array(12).fill(null));
    years.get(year)[month] = level / last - 1;
    last = level;
  };
  for (const { time, value } of points) {
    const at = new Date(time * 1000);
    const place = [at.getUTCFullYear(), at.getUTCMonth()];
    if (current && (current[0] !== place[0] || current[1] !== place[1])) close();
    current = place;
    level = value;
  }
  close();
  return [...years].map(([year, each]) => [year, each, each.reduce((sum, value) => sum * (1 + (value ?? 0)), 1) - 1]);
}

function statistics(points) {
  const returns = points.slice(1).map((point, place) => point.value / points[place].value - 1);
  const mean = returns.reduce((sum, value) => sum + value, 0) / (returns.length || 1);
  const variance = returns.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, returns.length - 1);
  const volatility = Math.sqrt(variance) * Math.sqrt(252);
  return {
    total: points.length ? points[points.length - 1].value - 1 : 0,
    worst: Math.min(0, ...drawdown(points).map((point) => point.value)) / 100,
    volatility,
    sharpe: volatility > 0 && returns.length > 1 ? (mean * 252) / volatility : null,
  };
}

/** The equity at the ends of sessions and now, from `from` on; or, in a shorter `interval`, since the close before the
 * newest session. Read again with what is booked and with each session. */
export function useCurve(from = 0n, interval = DAY) {
  const [told, setTold] = useState({ rows: null, error: "" });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    if (interval >= DAY) return undefined;
    const again = setInterval(() => setTurn((count) => count + 1), AGAIN_MS);
    return () => clearInterval(again);
  }, [interval]);
  useEffect(() => {
    let gone = false;
    link.request("EquityGet", { portfolio: state.portfolio, interval_s: interval, from_time: from })
      .then((reply) => gone || setTold({ rows: reply.equity ?? [], error: "" }))
      .catch((why) => gone || setTold({ rows: [], error: why.message }));
    return () => { gone = true; };
  }, [String(state.portfolio), String(state.holding?.event_seq), state.market?.state, interval, turn]);
  return told;
}

/** What another asset did: from the last price before the curve begins, in bars of its `interval`. */
function useBenchmark(symbol, rows, interval) {
  const [points, setPoints] = useState([]);
  const first = rows?.length ? rows[0].time : 0n;
  useEffect(() => {
    setPoints([]);
    if (!symbol || !first) return undefined;
    let gone = false;
    const within = interval < DAY;
    link.request("BarsGet", { symbol, interval_s: interval, adjustment: "TOTAL", from_time: first - 86400000000000n * 5n, limit: 5000 })
      .then((reply) => {
        const bars = reply.bars ?? [];
        if (gone || !bars.length) return;
        if (within) {
          const before = bars.findLast((bar) => bar.time < first) ?? bars[0];
          setPoints(bars.filter((bar) => bar.time >= before.time)
            .map((bar) => ({ time: seconds(bar.time) + interval, value: number(bar.close) / number(before.close) })));
          return;
        }
        const base = number(bars.find((bar) => bar.time >= first - 86400000000000n)?.close ?? bars[0].close);
        setPoints(bars.filter((bar) => bar.time >= first - 86400000000000n)
          .map((bar) => ({ time: seconds(bar.time), value: number(bar.close) / base })));
      })
      .catch(() => {});
    return () => { gone = true; };
  }, [symbol, String(first), interval]);
  return points;
}

function Months({ table }) {
  return html`<div class="scroll" tabindex="0" role="group" aria-label="Months"><table class="wide months"><thead><tr><th>year</th>${MONTHS.map((name) => html`<th class="number">${name}</th>`)}<th class="number">year</th></tr></thead>
    <tbody>${table.map(([year, each, whole]) => html`<tr key=${year}><th>${year}</th>
      ${each.map((value) => html`<td class=${`number ${tone(value ?? 0)}`}>${value === null ? "" : percent(value)}</td>`)}
      <td class=${`number ${tone(whole)}`}><b>${percent(whole)}</b></td></tr>`)}</tbody></table></div>`;
}

export function Performance() {
  const [benchmark, setBenchmark] = useState("");
  const [interval, choose] = useState(DAY);
  const { rows, error } = useCurve(0n, interval);
  const compared = useBenchmark(benchmark, rows, interval);
  const points = useMemo(() => growth(rows ?? []), [rows]);
  const series = useMemo(() => {
    const own = { title: "portfolio", points: points.map(({ time, value }) => ({ time, value: value * 100 })) };
    const other = { title: benchmark, kind: "line", tone: "--other", points: compared.map(({ time, value }) => ({ time, value: value * 100 })) };
    return compared.length ? [own, other] : [own];
  }, [points, compared]);
  const fall = useMemo(() => [{ title: "drawdown %", points: drawdown(points), tone: "--down" }], [points]);
  if (!rows) return html`<p class="hint">Reading ...</p>`;
  if (error) return html`<p class="error">${error}</p>`;
  const figures = statistics(points);
  const whole = interval === DAY;
  const shown = [["return", percent(figures.total), figures.total], ["largest drawdown", percent(figures.worst), figures.worst],
    ...(whole ? [["volatility a year", share(figures.volatility)],
      ["Sharpe ratio", figures.sharpe === null ? "–" : figures.sharpe.toFixed(2)]] : []),
    ["equity at last prices", rows.length ? money(rows[rows.length - 1].equity) : "–"]];
  return html`
    <section class="card">
      <div class="tabs" role="tablist" aria-label="Time">
        ${[["All time", DAY], ["One day", SHORT]].map(([label, value]) => html`
          <button type="button" role="tab" aria-selected=${interval === value} onClick=${() => choose(value)}>${label}</button>`)}
      </div>
      <dl class="figures">${shown.map(([name, text, value]) => html`<div><dt>${name}</dt><dd class=${value === undefined || Math.abs(value) < 0.00005 ? "" : tone(value)}>${text}</dd></div>`)}</dl>
      <label class="inline">compare with <select name="benchmark" value=${benchmark} onChange=${(event) => setBenchmark(event.target.value)}>
        <option value="">nothing</option>${[...state.assets.keys()].map((symbol) => html`<option value=${symbol}>${symbol}</option>`)}</select></label>
      ${points.length < 2 ? html`<p class="hint">The curve begins with the first trade, and has a point for the end of each session${
        whole ? "" : ", or every five minutes"}.</p>` : html`
        <h2>Growth of 100</h2><${Curves} series=${series} label="Growth of 100" />
        <h2>Drawdown</h2><${Curves} series=${fall} label="Drawdown in percent" small />`}
    </section>
    ${whole ? "" : html`<p class="hint">Since the close before the newest session, in market time (UTC).</p>`}
    ${whole && html`<section class="card"><h2>Months</h2><${Months} table=${months(points)} />
      <p class="hint">Time-weighted: what you paid in or took out is no gain and no loss. More figures, and a report to keep: <code>papertrader performance</code> and <code>papertrader report</code>.</p></section>`}`;
}
