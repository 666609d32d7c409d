// Holds the page's codec against the vectors: node vectors.mjs PAGE_DIR VECTORS_DIR
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
const [page, vectors] = process.argv.slice(2);
const { decode, encode, Refused } = await import(pathToFileURL(`${page}/codec.js`));
const { SCHEMA } = await import(pathToFileURL(`${page}/schema.js`));
const NULL = String(-(2n ** 63n));
const unhex = (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
const hex = (octets) => Buffer.from(octets).toString("hex");
const plain = (value) => {
  if (value === null) return NULL;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === "boolean") return value;
  if (typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, plain(each)]).sort());
  }
  return String(value);
};
const same = (one, other) => JSON.stringify(plain(one)) === JSON.stringify(plain(other));
const inner = (octets) => (octets[8] << 8 | octets[9]) >= 0x7001;
const told = [];
let accepted = 0;
for (const vector of JSON.parse(readFileSync(`${vectors}/frames.json`)).frames) {
  const octets = unhex(vector.hex);
  if (inner(octets)) continue;
  accepted += 1;
  try {
    const frame = decode(octets);
    const header = { ...frame.header, magic: "PT" };
    if (!same(header, vector.header)) told.push(`${vector.id}: header`);
    const values = Object.fromEntries(Object.entries(vector.values).filter(([, each]) => each !== null));
    if (frame.name !== vector.message || !same(frame.values, values)) told.push(`${vector.id}: values`);
    const checked = frame.header.flags & SCHEMA.flags.CHECKSUM;
    if (vector.canonical && !checked && frame.name !== "Failure") {
      const built = encode(frame.name, frame.values, frame.header);
      if (hex(built) !== vector.hex) told.push(`${vector.id}: written as ${hex(built)}`);
    }
  } catch (why) {
    told.push(`${vector.id}: ${why.status ?? why.stack}`);
  }
}
let refused = 0;
for (const vector of JSON.parse(readFileSync(`${vectors}/refused.json`)).refused) {
  const octets = unhex(vector.hex);
  if (inner(octets)) continue;
  refused += 1;
  try {
    decode(octets);
    told.push(`${vector.id}: accepted`);
  } catch (why) {
    if (!(why instanceof Refused) || why.status !== vector.status) {
      told.push(`${vector.id}: ${why.status ?? why.stack}, not ${vector.status}`);
    }
  }
}
console.log(told.join("\n") || `${accepted} accepted and ${refused} refused vectors hold`);
process.exit(told.length ? 1 : 0);
