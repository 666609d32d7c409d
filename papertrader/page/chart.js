// Charts: candles with volume, and curves. A chart belongs to the element that shows it, and ends
// with it. Ticks are drawn at most once in a frame of the screen.

import { html, useEffect, useRef } from "./vendor/htm/htm-preact.js";
import {
  AreaSeries, CandlestickSeries, CrosshairMode, HistogramSeries, LineSeries, createChart,
} from "./vendor/lightweight-charts/lightweight-charts.js";
import { instant } from "./format.js";

const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const fade = (value, part) => `color-mix(in srgb, ${value} ${part}%, transparent)`;

function solid(value) {
  const probe = document.createElement("canvas").getContext("2d");
  probe.fillStyle = value;
  probe.fillRect(0, 0, 1, 1);
  const [red, green, blue, alpha] = probe.getImageData(0, 0, 1, 1).data;
  return `rgba(${red}, ${green}, ${blue}, ${alpha / 255})`;
}

function options(intraday) {
  return {
    autoSize: true,
    localization: { locale: "en-US" },
    layout: { background: { color: "transparent" }, textColor: color("--dim"), attributionLogo: false,
      fontFamily: "system-ui, sans-serif" },
    grid: { vertLines: { color: color("--line") }, horzLines: { color: color("--line") } },
    crosshair: { mode: CrosshairMode.Magnet },
    timeScale: { timeVisible: intraday, secondsVisible: false, borderColor: color("--line") },
    rightPriceScale: { borderColor: color("--line") },
  };
}

/** Build a chart in an element, and again whenever light and dark change or `inputs` do. */
function useChart(build, inputs) {
  const place = useRef(null);
  useEffect(() => {
    let chart = null;
    let end = null;
    const draw = () => {
      end?.();
      chart?.remove();
      [chart, end] = build(place.current);
    };
    const theme = matchMedia("(prefers-color-scheme: dark)");
    draw();
    theme.addEventListener("change", draw);
    return () => {
      theme.removeEventListener("change", draw);
      end?.();
      chart?.remove();
    };
  }, inputs);
  return place;
}

/** Candles over volume. `bars`: [{time (s), open, high, low, close, volume}]; `live(take)` passes newer
 * bars to `take` until the function it returns is called. */
export function Candles({ bars, intraday, live, label }) {
  const legend = useRef(null);
  const place = useChart((element) => {
    const chart = createChart(element, options(intraday));
    const [up, down] = [solid(color("--up")), solid(color("--down"))];
    // Falling candles are filled and rising ones hollow as well: not by colour alone.
    const candles = chart.addSeries(CandlestickSeries, { upColor: "rgba(0,0,0,0)", downColor: down,
      borderUpColor: up, borderDownColor: down, wickUpColor: up, wickDownColor: down });
    const volume = chart.addSeries(HistogramSeries, { priceFormat: { type: "volume" } }, 1);
    chart.panes()[1]?.setHeight(Math.max(40, element.clientHeight * 0.18));
    const shade = (bar) => solid(fade(color(bar.close >= bar.open ? "--up" : "--down"), 45));
    candles.setData(bars);
    volume.setData(bars.map((bar) => ({ time: bar.time, value: bar.volume, color: shade(bar) })));
    if (bars.length > 150) {
      chart.timeScale().setVisibleLogicalRange({ from: bars.length - 150, to: bars.length + 3 });
    } else chart.timeScale().fitContent();
    let next = null;
    let newest = bars[bars.length - 1];
    let pointed = null;
    const tell = () => { if (legend.current) legend.current.textContent = figures(pointed ?? newest, intraday); };
    tell();
    chart.subscribeCrosshairMove((at) => {
      const bar = at.seriesData.get(candles);
      pointed = bar ? { ...bar, volume: at.seriesData.get(volume)?.value ?? 0 } : null;
      tell();
    });
    const paint = () => {
      const bar = next;
      next = null;
      newest = bar;
      tell();
      try {
        candles.update(bar);
        volume.update({ time: bar.time, value: bar.volume, color: shade(bar) });
      } catch { /* a bar older than the newest: the series is read again when the clock was turned */ }
    };
    const stop = live?.((bar) => {
      if (!next) requestAnimationFrame(() => next && paint());
      next = bar;
    });
    return [chart, () => { next = null; stop?.(); }];
  }, [bars, intraday]);
  return html`<p class="legend" ref=${legend}></p><div class="chart" ref=${place} role="img" aria-label=${label}></div>`;
}

/** What a candle says, as text: of the newest, or of that which is pointed at. */
function figures(bar, intraday) {
  if (!bar) return "";
  const at = instant(BigInt(bar.time) * 1000000000n, { time: intraday }).replace(/:00$/, "");
  const [open, high, low, close] = [bar.open, bar.high, bar.low, bar.close].map((value) => value.toFixed(value < 1 ? 6 : 2));
  return `${at}  open ${open}  high ${high}  low ${low}  close ${close}  volume ${Math.round(bar.volume).toLocaleString("en-US")}`;
}

/** A flat curve would be stretched until its rounding shows: at least `least` stays in sight. */
const spread = (least) => (original) => {
  const found = original();
  if (!found?.priceRange) return found;
  const { minValue, maxValue } = found.priceRange;
  const more = Math.max(0, least - (maxValue - minValue)) / 2;
  return { ...found, priceRange: { minValue: minValue - more, maxValue: maxValue + more } };
};

/** Curves. `series`: [{title, points: [{time, value}], kind: "area" | "line", tone}]. */
export function Curves({ series, label, small }) {
  const place = useChart((element) => {
    const times = series.flatMap(({ points }) => points.map((point) => point.time));
    const chart = createChart(element, options(Math.max(...times) - Math.min(...times) < 3 * 86400));
    for (const { title, points, kind, tone } of series) {
      const shade = solid(color(tone ?? "--accent"));
      const kindOf = kind === "line" ? LineSeries : AreaSeries;
      const drawn = chart.addSeries(kindOf, { title, color: shade, lineColor: shade, lineWidth: 2,
        topColor: solid(fade(shade, 35)), bottomColor: solid(fade(shade, 4)), priceLineVisible: false,
        autoscaleInfoProvider: spread(1) });
      drawn.setData(points);
    }
    chart.timeScale().fitContent();
    return [chart, null];
  }, [series]);
  return html`<div class=${`chart ${small ? "small" : ""}`} ref=${place} role="img" aria-label=${label}></div>`;
}
