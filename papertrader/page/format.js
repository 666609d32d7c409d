// Numbers, instants and words as people read them. Money is never a floating-point number here: it
// is a BigInt of 1e-8 units until it is text, or a point of a chart.

import { SCHEMA } from "./schema.js";

export const UNIT = 100000000n;
const WHOLE = new Intl.NumberFormat("en-US");

/** A price, quantity or amount as text, with at least `least` decimals and no needless ones. */
export function decimal(value, least = 2, most = 8) {
  if (value === null || value === undefined) return "–";
  const negative = value < 0n;
  let size = negative ? -value : value;
  if (most < 8) {
    const step = 10n ** BigInt(8 - most);
    size = ((size + step / 2n) / step) * step;
  }
  const digits = (size % UNIT).toString().padStart(8, "0");
  let end = 8;
  while (end > least && digits[end - 1] === "0") end -= 1;
  const fraction = end ? `.${digits.slice(0, end)}` : "";
  return `${negative && size ? "−" : ""}${WHOLE.format(size / UNIT)}${fraction}`;
}

export const price = (value) => decimal(value, 2);
export const money = (value) => decimal(value, 2, 2);
export const quantity = (value) => decimal(value, 0);

/** With a sign in front, so that up and down are never told by colour alone. */
export const signed = (value, show = money) =>
  value === null || value === undefined ? "–" : `${value > 0n ? "+" : ""}${show(value)}`;

export const percent = (ratio) =>
  ratio === null || !Number.isFinite(ratio) ? "–" : `${sign(ratio)}${Math.abs(ratio * 100).toFixed(2)} %`;

/** What rounds to nothing has no sign. */
const sign = (ratio) => (Math.abs(ratio) < 0.00005 ? "" : ratio < 0 ? "−" : "+");

/** A percentage that has no direction, such as a volatility. */
export const share = (ratio) =>
  ratio === null || !Number.isFinite(ratio) ? "–" : `${Math.abs(ratio * 100).toFixed(2)} %`;

/** -1, 0 or 1 of a number or BigInt. */
export const direction = (value) => (value > 0 ? 1 : value < 0 ? -1 : 0);
export const arrow = (value) => ["▼", "·", "▲"][direction(value) + 1];
export const tone = (value) => ["down", "flat", "up"][direction(value) + 1];

/** A number for charts and ratios only. */
export const number = (value) => (value === null || value === undefined ? NaN : Number(value) / 1e8);

export const change = (now, before) => (before ? (number(now) - number(before)) / number(before) : null);

/** A comma may group thousands, and nothing else: 1,5 is not 15. */
const GROUPED = /^\s*[−-]?\d{1,3}(,\d{3})+(\.\d*)?\s*$/;

/** Decimal text to 1e-8 units; null when it is none. At most 8 decimals are meant. */
export function parse(text) {
  const plain = GROUPED.test(text) ? String(text).replaceAll(",", "") : String(text);
  const match = /^\s*([−-]?)(\d{1,11})(?:\.(\d{0,8}))?\s*$/.exec(plain);
  if (!match) return null;
  const value = BigInt(match[2]) * UNIT + BigInt((match[3] ?? "").padEnd(8, "0"));
  return match[1] ? -value : value;
}

/** As `decimal`, but as `parse` reads it again: for input fields. */
export const plain = (value) => (value === null ? "" : decimal(value, 0).replaceAll(",", "").replace("−", "-"));

const two = (value) => String(value).padStart(2, "0");

export const seconds = (ns) => Number(ns / 1000000000n);

export function instant(ns, { date = true, time = true } = {}) {
  if (!ns) return "–";
  const at = new Date(Number(ns / 1000000n));
  const day = `${at.getUTCFullYear()}-${two(at.getUTCMonth() + 1)}-${two(at.getUTCDate())}`;
  const clock = `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())}`;
  return [date && day, time && clock].filter(Boolean).join(" ");
}

export function duration(s) {
  if (s < 0) s = 0;
  const units = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const place = units.findIndex(([size]) => s >= size);
  if (place < 0) return "0 s";
  const [size, unit] = units[place];
  const rest = units[place + 1];
  const whole = Math.floor(s / size);
  const more = rest ? Math.floor((s - whole * size) / rest[0]) : 0;
  return more ? `${whole} ${unit} ${more} ${rest[1]}` : `${whole} ${unit}`;
}

const READ = new TextDecoder();

/** Text that a row holds in octets (hexadecimal digits here), padded with NUL. */
export function text(hex) {
  const octets = new Uint8Array(hex.match(/../g)?.map((pair) => parseInt(pair, 16)) ?? []);
  return READ.decode(octets).replace(/\0+$/, "");
}

/** "PARTIALLY_FILLED" as "partially filled". */
export const words = (name) => name.toLowerCase().replaceAll("_", " ");

export function member(enumeration, value) {
  const found = Object.entries(SCHEMA.enumerations[enumeration]).find(([, each]) => each === value);
  return found ? found[0] : String(value);
}

export const has = (enumeration, bits, name) => Boolean(bits & SCHEMA.enumerations[enumeration][name]);

/** The warnings on a quote, as short words. */
export function warnings(quote) {
  return ["STALE", "DELAYED", "SUSPECT", "CLOSED", "EXTENDED", "SYNTHETIC", "REPLAYED", "HALTED"]
    .filter((name) => SCHEMA.enumerations.QuoteFlag[name] && has("QuoteFlag", quote.flags, name))
    .map((name) => ({ SYNTHETIC: "simulated", CLOSED: "market closed", EXTENDED: "extended hours" })[name] ?? words(name));
}
