// Reads and writes the frames of the wire protocol (specs/protocol.rst) from the schema alone.
//
// Numbers of 8 octets are BigInt (instants in nanoseconds; prices, quantities and amounts in 1e-8
// units, null where there is none), smaller ones Number; fixed octets and tokens are hexadecimal text.

import { SCHEMA } from "./schema.js";

const NULL = -(2n ** 63n);
const HEADER_SIZE = SCHEMA.limits.HEADER_SIZE;
const MAGIC = SCHEMA.magic.charCodeAt(0) * 256 + SCHEMA.magic.charCodeAt(1);
const READ = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const WRITE = new TextEncoder();
const SECTION_HEAD = 6;
const GROUP_HEAD = 6;
const CHECKSUM_SIZE = 4;

/** Octets that are no frame of ours; `status` is the name of the reason. */
export class Refused extends Error {
  constructor(status, text = "") {
    super(text || status);
    this.status = status;
  }
}

const BY_SHAPE = new Map();
for (const [name, message] of Object.entries(SCHEMA.messages)) {
  message.name = name;
  for (const opcode of message.opcodes) BY_SHAPE.set(`${opcode}/${message.shape}`, message);
}
const sizeOf = (fields) => fields.reduce((sum, field) => sum + field[1], 0);
const ROW_SIZES = Object.fromEntries(
  Object.entries(SCHEMA.rows).map(([name, fields]) => [name, sizeOf(fields)]),
);
const MASKS = new Map();
for (const [name, members] of Object.entries(SCHEMA.enumerations)) {
  MASKS.set(name, Object.values(members).reduce((sum, bit) => sum | bit, 0));
}

/** The name of a member of an enumeration, or its number as text if this page does not know it. */
export function nameOf(enumeration, number) {
  for (const [name, value] of Object.entries(SCHEMA.enumerations[enumeration])) {
    if (value === number) return name;
  }
  return String(number);
}

/** [name, fatal, retry, meaning] of a status. */
export const statusOf = (code) =>
  SCHEMA.statuses[code] ?? [`0x${code.toString(16)}`, false, false, "The server says no."];

// --- fields -------------------------------------------------------------------------------------

const hex = (octets) => Array.from(octets, (each) => each.toString(16).padStart(2, "0")).join("");
const unhex = (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));

function readText(octets) {
  let end = octets.length;
  while (end && octets[end - 1] === 0) end -= 1;
  let text = "";
  for (let at = 0; at < end; at += 1) {
    if (octets[at] < 0x21 || octets[at] > 0x7e) throw new Refused("INVALID_FIELD");
    text += String.fromCharCode(octets[at]);
  }
  return text;
}

function readNumber(view, at, octets, how) {
  if (octets === 1) return view.getUint8(at);
  if (octets === 2) return view.getUint16(at);
  if (octets === 4) return view.getUint32(at);
  if (how === "u") return view.getBigUint64(at);
  const value = view.getBigInt64(at);
  return how === "n" && value === NULL ? null : value;
}

function checkMember(of, value) {
  if (of.startsWith("|")) {
    if (value & ~MASKS.get(of.slice(1))) throw new Refused("INVALID_FIELD");
  } else if (!Object.values(SCHEMA.enumerations[of]).includes(value)) {
    throw new Refused("INVALID_FIELD");
  }
}

function readFields(fields, view, at) {
  const values = {};
  for (const [name, octets, how, of, strict] of fields) {
    const piece = () => new Uint8Array(view.buffer, view.byteOffset + at, octets);
    if (how === "z") {
      if (piece().some((octet) => octet)) throw new Refused("INVALID_FIELD");
    } else if (how === "t") {
      values[name] = readText(piece());
    } else if (how === "o") {
      values[name] = hex(piece());
    } else if (how === "b") {
      const octet = view.getUint8(at);
      if (octet > 1) throw new Refused("INVALID_FIELD");
      values[name] = octet === 1;
    } else {
      const value = readNumber(view, at, octets, how);
      if (of && strict) checkMember(of, value);
      values[name] = value;
    }
    at += octets;
  }
  return values;
}

/** What a field holds when nothing is given: 0, NULL, empty, or the first member. */
function atRest(how, of) {
  if (how === "n") return null;
  return of && !of.startsWith("|") ? Math.min(...Object.values(SCHEMA.enumerations[of])) : 0;
}

function numberOf(of, value) {
  if (typeof value !== "string") return value;
  const members = SCHEMA.enumerations[of.replace("|", "")];
  return value.split("|").reduce((sum, name) => {
    if (!(name in members)) throw new Error(`${of} has no ${name}`);
    return sum | members[name];
  }, 0);
}

function writeFields(fields, values, view, at) {
  for (const [name, octets, how, of] of fields) {
    let value = values[name];
    if (how === "t" || how === "o") {
      const piece = how === "t" ? WRITE.encode(value ?? "") : unhex(value ?? "");
      if (piece.length > octets) throw new Refused("INVALID_FIELD", `${name} is too long`);
      new Uint8Array(view.buffer, view.byteOffset + at, octets).set(piece);
    } else if (how !== "z") {
      value = numberOf(of, value === undefined ? atRest(how, of) : value);
      if (octets === 1) view.setUint8(at, Number(value));
      else if (octets === 2) view.setUint16(at, value);
      else if (octets === 4) view.setUint32(at, value);
      else if (how === "u") view.setBigUint64(at, BigInt(value));
      else view.setBigInt64(at, value === null ? NULL : BigInt(value));
    }
    at += octets;
  }
}

// --- writing ------------------------------------------------------------------------------------

function payloadOf([, name, kind, row, , max], value) {
  if (kind === "text") return WRITE.encode(value);
  if (kind === "octets") return unhex(value);
  if (kind === "group") {
    const size = ROW_SIZES[row];
    const view = new DataView(new ArrayBuffer(GROUP_HEAD + size * value.length));
    view.setUint16(0, size);
    view.setUint32(2, value.length);
    value.forEach((each, place) =>
      writeFields(SCHEMA.rows[row], each, view, GROUP_HEAD + place * size));
    return new Uint8Array(view.buffer);
  }
  const view = new DataView(new ArrayBuffer(max));
  if (max === 2) view.setUint16(0, value);
  else view.setUint32(0, value);
  return new Uint8Array(view.buffer);
}

/** Return the octets of a frame. `header` may have session, correlation, seq, status, flags, opcode. */
export function encode(name, values = {}, header = {}) {
  const message = SCHEMA.messages[name];
  const parts = [];
  for (const section of message.sections) {
    const value = values[section[1]];
    const absent = value === undefined || value === null || value === "" || value.length === 0;
    if (!absent) parts.push([section[0], payloadOf(section, value)]);
  }
  parts.sort((one, other) => one[0] - other[0]);
  const block = sizeOf(message.fields);
  const length = parts.reduce((sum, [, part]) => sum + SECTION_HEAD + part.length, block);
  const octets = new Uint8Array(HEADER_SIZE + length);
  const view = new DataView(octets.buffer);
  const shape = { request: 0, reply: SCHEMA.flags.RESPONSE, event: SCHEMA.flags.EVENT };
  view.setUint16(0, MAGIC);
  view.setUint8(2, SCHEMA.version);
  view.setUint8(3, message.category);
  view.setUint32(4, length);
  view.setUint16(8, header.opcode ?? message.opcodes[0]);
  view.setUint16(10, header.flags ?? shape[message.shape]);
  view.setUint16(12, block);
  view.setUint16(14, header.status ?? 0);
  view.setUint32(16, header.session ?? 0);
  view.setUint32(20, header.correlation ?? 0);
  view.setBigUint64(24, BigInt(header.seq ?? 0));
  writeFields(message.fields, values, view, HEADER_SIZE);
  let at = HEADER_SIZE + block;
  for (const [tag, part] of parts) {
    view.setUint16(at, tag);
    view.setUint32(at + 2, part.length);
    octets.set(part, at + SECTION_HEAD);
    at += SECTION_HEAD + part.length;
  }
  return octets;
}

// --- reading ------------------------------------------------------------------------------------

/** Return the fields of a header of HEADER_SIZE octets; throws Refused when no frame can follow. */
export function readHeader(octets) {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
  const header = {
    magic: view.getUint16(0),
    version: view.getUint8(2),
    category: view.getUint8(3),
    length: view.getUint32(4),
    opcode: view.getUint16(8),
    flags: view.getUint16(10),
    block_len: view.getUint16(12),
    status: view.getUint16(14),
    session: view.getUint32(16),
    correlation: view.getUint32(20),
    seq: view.getBigUint64(24),
  };
  if (header.magic !== MAGIC) throw new Refused("BAD_MAGIC");
  if (header.version !== SCHEMA.version) throw new Refused("VERSION_UNSUPPORTED");
  if (header.length + HEADER_SIZE > SCHEMA.limits.FRAME_MAX) throw new Refused("FRAME_TOO_LARGE");
  if (!Object.values(SCHEMA.enumerations.Category).includes(header.category)) {
    throw new Refused("BAD_CATEGORY");
  }
  if (header.flags & SCHEMA.critical_flags) throw new Refused("CRITICAL_FLAG");
  if (header.block_len > header.length) throw new Refused("BAD_LENGTH");
  return header;
}

function messageOf(header) {
  const reply = header.flags & SCHEMA.flags.RESPONSE;
  const event = header.flags & SCHEMA.flags.EVENT;
  if ((reply && event) || (header.status && !reply)) throw new Refused("INVALID_FIELD");
  if (reply && header.status && !header.block_len) {
    const asked = BY_SHAPE.get(`${header.opcode}/request`);
    const category = asked ? asked.category : SCHEMA.enumerations.Category.COMMAND;
    return { name: "Failure", category, fields: [], sections: SCHEMA.failure };
  }
  const shape = reply ? "reply" : event ? "event" : "request";
  const found = BY_SHAPE.get(`${header.opcode}/${shape}`);
  if (!found) throw new Refused("UNKNOWN_OPCODE");
  return found;
}

let crcTable = null;

function crc32(octets) {
  crcTable ??= Uint32Array.from({ length: 256 }, (_, start) => {
    let value = start;
    for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
    return value;
  });
  let sum = 0xffffffff;
  for (const octet of octets) sum = crcTable[(sum ^ octet) & 0xff] ^ (sum >>> 8);
  return (sum ^ 0xffffffff) >>> 0;
}

function readRows([, , , row, , max], payload) {
  if (payload.length < GROUP_HEAD) throw new Refused("BAD_LENGTH");
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  const size = view.getUint16(0);
  const count = view.getUint32(2);
  if (size * count !== payload.length - GROUP_HEAD) throw new Refused("BAD_LENGTH");
  if (size < ROW_SIZES[row]) throw new Refused("BLOCK_TOO_SHORT");
  if (count > max) throw new Refused("SECTION_TOO_LARGE");
  if (!count) throw new Refused("INVALID_FIELD");
  const rows = [];
  for (let number = 0; number < count; number += 1) {
    rows.push(readFields(SCHEMA.rows[row], view, GROUP_HEAD + number * size));
  }
  return rows;
}

function readValue(section, payload) {
  const [, , kind, , min, max] = section;
  if (kind === "group") return readRows(section, payload);
  if (payload.length > max) throw new Refused("SECTION_TOO_LARGE");
  if (payload.length < min) throw new Refused("INVALID_FIELD");
  if (kind === "octets") return hex(payload);
  if (kind !== "text") return Number(`0x${hex(payload) || "0"}`);
  try {
    return READ.decode(payload);
  } catch {
    throw new Refused("INVALID_FIELD");
  }
}

function readSections(sections, octets, view, at, end, values) {
  const known = new Map(sections.map((section) => [section[0], section]));
  let previous = -1;
  for (let count = 1; at < end; count += 1) {
    if (at + SECTION_HEAD > end || count > SCHEMA.limits.SECTIONS_MAX) throw new Refused("BAD_LENGTH");
    const tag = view.getUint16(at);
    const size = view.getUint32(at + 2);
    at += SECTION_HEAD;
    if (at + size > end) throw new Refused("BAD_LENGTH");
    if (tag <= previous) throw new Refused("DUPLICATE_SECTION");
    previous = tag;
    const section = known.get(tag);
    if (section) values[section[1]] = readValue(section, octets.subarray(at, at + size));
    else if (tag & SCHEMA.critical_tag) throw new Refused("CRITICAL_SECTION");
    at += size;
  }
  for (const section of sections) {
    if (section[6] && !(section[1] in values)) throw new Refused("MISSING_SECTION");
  }
}

/** Read one whole frame: {header, name, values}. Throws Refused. */
export function decode(octets) {
  if (octets.length < HEADER_SIZE) throw new Refused("BAD_LENGTH");
  const header = readHeader(octets);
  if (octets.length !== HEADER_SIZE + header.length) throw new Refused("BAD_LENGTH");
  const message = messageOf(header);
  if (header.category !== message.category) throw new Refused("BAD_CATEGORY");
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
  let end = octets.length;
  if (header.flags & SCHEMA.flags.CHECKSUM) {
    end -= CHECKSUM_SIZE;
    const whole = header.length >= CHECKSUM_SIZE;
    if (!whole || crc32(octets.subarray(0, end)) !== view.getUint32(end)) {
      throw new Refused("BAD_CHECKSUM");
    }
  }
  const at = HEADER_SIZE + header.block_len;
  if (at > end) throw new Refused("BAD_LENGTH");
  if (header.block_len < sizeOf(message.fields)) throw new Refused("BLOCK_TOO_SHORT");
  const values = readFields(message.fields, view, HEADER_SIZE);
  readSections(message.sections, octets, view, at, end, values);
  return { header, name: message.name, values };
}

/** Read whole frames; events of a later revision, which nobody here knows, are left out. Throws Refused. */
export function decodeKnown(frames) {
  return frames.flatMap((octets) => {
    try {
      return [decode(octets)];
    } catch (why) {
      if (why.status === "UNKNOWN_OPCODE" && readHeader(octets).flags & SCHEMA.flags.EVENT) return [];
      throw why;
    }
  });
}

/** Cuts a stream of octets into frames. */
export class Framing {
  #rest = new Uint8Array(0);

  /** Take octets; return the whole frames. Throws Refused. */
  take(octets) {
    let buffer = octets;
    if (this.#rest.length) {
      buffer = new Uint8Array(this.#rest.length + octets.length);
      buffer.set(this.#rest);
      buffer.set(octets, this.#rest.length);
    }
    const frames = [];
    let at = 0;
    while (buffer.length - at >= HEADER_SIZE) {
      const { length } = readHeader(buffer.subarray(at, at + HEADER_SIZE));
      const end = at + HEADER_SIZE + length;
      if (end > buffer.length) break;
      frames.push(buffer.subarray(at, end));
      at = end;
    }
    this.#rest = buffer.slice(at);
    return frames;
  }
}
