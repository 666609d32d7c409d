// One connection with the service: requests and their replies, a session that is resumed by itself,
// commands that happen once however often the connection is lost (specs/protocol.rst, 8 to 14).

import { Framing, decodeKnown, encode, nameOf, statusOf } from "./codec.js";
import { SCHEMA } from "./schema.js";

const REQUEST_MS = 20000;
const BACKOFF_MS = [250, 500, 1000, 2000, 5000, 10000];
const FLAGS = SCHEMA.flags;
const HEARTBEAT = encode("Heartbeat", {}, {});
const IS_COMMAND = new Set(SCHEMA.state_changing);
const DETACHED = codeOf("SESSION_DETACHED");
const RESUME_GAP = codeOf("RESUME_GAP");
const ENDED = new Set(["SESSION_EXPIRED", "SESSION_REVOKED", "SESSION_TAKEN_OVER"].map(codeOf));
/** Said instead of an outcome that is not known: the same command is sent again. */
const AGAIN = new Set(["SESSION_DETACHED", "MASTER_UNAVAILABLE", "OUTCOME_UNKNOWN"].map(codeOf));
const AGAIN_MS = 1000;
const AGAIN_MAX = 30;
const TAKE_OVER = SCHEMA.enumerations.ResumeFlag.TAKE_OVER;

function codeOf(name) {
  return Number(Object.keys(SCHEMA.statuses).find((code) => SCHEMA.statuses[code][0] === name));
}

/** A request was refused: `code` is the status by name, `message` a sentence for people. */
export class Failure extends Error {
  constructor(status, text, values = null) {
    const [name, , , meaning] = statusOf(status);
    super(text || meaning);
    this.code = name;
    this.meaning = meaning;
    this.values = values;
  }
}

/** Joins the parts of a transfer: lists and text are put one behind the other. Notes name a row by its
 * place in their part, which becomes its place in the whole. */
export function join(parts) {
  const [first, ...rest] = parts;
  let before = first.rows ?? 0;
  for (const part of rest) {
    const moved = part.notes?.map((note) => ({ ...note, row: note.row + before }));
    before += part.rows ?? 0;
    for (const [name, value] of Object.entries(moved ? { ...part, notes: moved } : part)) {
      if (Array.isArray(value)) first[name] = [...(first[name] ?? []), ...value];
      else if (name === "lines" || name === "octets") first[name] = (first[name] ?? "") + value;
      else if (name === "next_after") first[name] = value;
    }
  }
  return first;
}

export class Link {
  /** `onState(state, text)`: connecting, open, live or closed. `onEvent(name, values, header)`. */
  constructor(url, { onState, onEvent, onSession }) {
    this.url = url;
    this.onState = onState;
    this.onEvent = onEvent;
    this.onSession = onSession;
    this.session = 0;
    this.token = null;
    this.nextSeq = 1n;
    this.nextEvent = 0n;
    this.socket = null;
    this.open = new Map();
    this.subscriptions = new Map();
    this.correlation = 0;
    this.tries = 0;
    this.waiting = [];
    this.stopped = false;
  }

  // --- the connection -----------------------------------------------------------------------------

  connect() {
    this.stopped = false;
    this.onState("connecting");
    const socket = new WebSocket(this.url);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    this.framing = new Framing();
    socket.onopen = () => {
      const hello = { min_version: 1, max_version: 1, role: "CLIENT", revision: SCHEMA.revision,
        keepalive_s: 120, max_frame: SCHEMA.limits.FRAME_MAX, software: "papertrader-page/1" };
      socket.send(encode("Hello", hello, { correlation: this.#next() }));
    };
    socket.onmessage = (message) => this.#received(new Uint8Array(message.data));
    socket.onclose = () => this.#lost(socket);
  }

  stop() {
    this.stopped = true;
    this.socket?.close();
  }

  #next() {
    this.correlation = (this.correlation % 0xfffffff0) + 1;
    return this.correlation;
  }

  #lost(socket) {
    if (socket !== this.socket) return;
    clearInterval(this.beat);
    this.socket = null;
    this.session = 0;
    this.ready = false;
    this.onState("closed");
    if (this.stopped) return;
    const wait = BACKOFF_MS[Math.min(this.tries, BACKOFF_MS.length - 1)];
    this.tries += 1;
    setTimeout(() => this.stopped || this.connect(), wait * (0.5 + Math.random()));
  }

  #received(octets) {
    let frames;
    try {
      frames = decodeKnown(this.framing.take(octets));
    } catch (why) {
      console.error("the service sent what cannot be read:", why.status ?? why);
      this.socket?.close();
      return;
    }
    for (const frame of frames) this.#frame(frame);
  }

  #frame({ header, name, values }) {
    if (name === "HelloReply") this.#hello(values);
    else if (header.flags & FLAGS.RESPONSE) this.#reply(header, name, values);
    else if (name === "Heartbeat") this.#behind(values.next_event_seq);
    else if (name === "SessionEvent") this.#sessionEvent(values);
    else if (header.flags & FLAGS.EVENT) this.#event(header, name, values);
  }

  async #hello(values) {
    this.hello = values;
    this.tries = 0;
    clearInterval(this.beat);
    this.beat = setInterval(() => this.#send(HEARTBEAT), (values.keepalive_s * 1000) / 2);
    this.onState("open");
    if (this.token) await this.#resume();
    else this.#live();
  }

  #live() {
    this.ready = true;
    const waiting = this.waiting;
    this.waiting = [];
    for (const each of waiting) this.#write(each);
    this.onState("live");
  }

  // --- the session --------------------------------------------------------------------------------

  async login(values) {
    const reply = await this.request("Login", values);
    this.#begun(reply);
    this.nextEvent = reply.next_event_seq;
    this.nextSeq = 1n;
    return reply;
  }

  /** Go on with a session of before: `token` is what `onSession` told last. */
  restore(token) {
    this.token = token;
  }

  #begun(reply) {
    this.session = reply.session;
    this.token = reply.token;
    this.account = reply.account;
    this.scope = nameOf("Scope", reply.scope);
    this.onSession({ token: reply.token, expires: reply.expires_at, scope: this.scope });
  }

  /** Take the session over on this connection, then repeat what is open. Once at a time. */
  async #resume() {
    if (this.resuming) return;
    this.resuming = true;
    try {
      await this.#takeOver();
    } finally {
      this.resuming = false;
    }
  }

  async #takeOver() {
    const values = { token: this.token, last_event_seq: this.nextEvent ? this.nextEvent - 1n : 0n,
      flags: TAKE_OVER };
    let reply;
    try {
      reply = await this.#ask("Resume", values, 0);
    } catch (why) {
      if (!(why instanceof Failure)) return;
      if (["SESSION_EXPIRED", "SESSION_REVOKED", "AUTH_FAILED"].includes(why.code)) this.#ended(why.code);
      else this.socket?.close();
      return;
    }
    this.#begun(reply);
    const last = reply.last_command_seq + 1n;
    if (last > this.nextSeq) this.nextSeq = last;
    if (!this.nextEvent) this.nextEvent = reply.next_event_seq;
    this.#repeat();
    this.#live();
    for (const [correlation, subscription] of [...this.subscriptions]) {
      this.subscriptions.delete(correlation);
      this.#subscribe(subscription).catch(() => {});
    }
    this.onEvent("Resumed", reply, {});
  }

  /** Send what is open again: a command with the same number happens once all the same. */
  #repeat() {
    const again = [...this.open.values()].sort((one, other) => (one.seq < other.seq ? -1 : 1));
    this.open.clear();
    for (const each of again) {
      if (each.name === "Resume") continue;
      each.parts = [];
      this.#write(each);
    }
  }

  #ended(code) {
    this.session = 0;
    this.token = null;
    this.subscriptions.clear();
    for (const each of this.open.values()) each.reject(new Failure(codeOf(code), ""));
    this.open.clear();
    this.onSession(null, code);
    this.#live();
  }

  #sessionEvent(values) {
    if (values.code === DETACHED) this.#resume();
    else if (ENDED.has(values.code) && !values.grace_ms) this.#ended(statusOf(values.code)[0]);
  }

  async logout() {
    try {
      await this.request("Logout", {});
    } finally {
      this.#ended("OK");
    }
  }

  // --- requests -----------------------------------------------------------------------------------

  #send(octets) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(octets);
  }

  /** Ask; resolves with the values of the reply (all its parts), rejects with a Failure. */
  request(name, values = {}, more = {}) {
    const asked = { name, values, seq: 0n, parts: [], again: 0, ...more };
    const opcode = SCHEMA.messages[name].opcodes[0];
    const question = name === "OrderNew" && asked.question;
    if (IS_COMMAND.has(opcode) && !question) {
      asked.seq = this.nextSeq;
      this.nextSeq += 1n;
    }
    const promise = new Promise((resolve, reject) => Object.assign(asked, { resolve, reject }));
    if (this.ready) this.#write(asked);
    else this.waiting.push(asked);
    return promise;
  }

  #ask(name, values, session) {
    return new Promise((resolve, reject) =>
      this.#write({ name, values, seq: 0n, parts: [], again: 0, session, resolve, reject }));
  }

  #write(asked) {
    asked.correlation = this.#next();
    this.open.set(asked.correlation, asked);
    const session = asked.session ?? this.session;
    let octets;
    try {
      octets = encode(asked.name, asked.values, { session, correlation: asked.correlation, seq: asked.seq });
    } catch (why) {
      this.open.delete(asked.correlation);
      asked.reject(why);
      return;
    }
    this.#send(octets);
    if (!asked.seq) {
      clearTimeout(asked.timer);
      asked.timer = setTimeout(() => {
        if (this.open.delete(asked.correlation)) asked.reject(new Error("no answer came in time"));
      }, REQUEST_MS);
    }
  }

  #reply(header, name, values) {
    const asked = this.open.get(header.correlation);
    if (!asked) return;
    if (AGAIN.has(header.status) && name === "Failure" && asked.again < AGAIN_MAX) {
      asked.again += 1;
      if (header.status === DETACHED) {
        this.#resume();
      } else {
        this.open.delete(header.correlation);
        asked.parts = [];
        setTimeout(() => (this.ready ? this.#write(asked) : this.waiting.push(asked)), AGAIN_MS);
      }
      return;
    }
    asked.parts.push(values);
    if (header.flags & FLAGS.MORE) return;
    this.open.delete(header.correlation);
    clearTimeout(asked.timer);
    if (header.status && header.status !== RESUME_GAP) {
      asked.reject(new Failure(header.status, values.text, name === "Failure" ? null : values));
    } else {
      const whole = join(asked.parts);
      whole.correlation = header.correlation;
      asked.resolve(whole);
    }
  }

  // --- events -------------------------------------------------------------------------------------

  async subscribe(values) {
    return this.#subscribe(values);
  }

  async #subscribe(values) {
    if (values.topics === "ACCOUNT") values = { ...values, from_event_seq: this.nextEvent };
    const reply = await this.request("Subscribe", values);
    this.subscriptions.set(reply.correlation, values);
    return reply.correlation;
  }

  async unsubscribe(correlation) {
    if (this.subscriptions.delete(correlation)) {
      await this.request("Unsubscribe", { subscription: correlation }).catch(() => {});
    }
  }

  #behind(next) {
    if (next && this.session && next > this.nextEvent && this.#account()) this.#catchUp();
  }

  #account() {
    return [...this.subscriptions].find(([, values]) => values.topics === "ACCOUNT");
  }

  #catchUp() {
    if (this.catching) return;
    this.catching = true;
    const [correlation, values] = this.#account();
    this.subscriptions.delete(correlation);
    this.#subscribe(values).catch(() => {}).finally(() => { this.catching = false; });
  }

  #event(header, name, values) {
    if (name === "OrderEvent" || name === "TransactionEvent") {
      if (header.seq < this.nextEvent) return;
      if (header.seq > this.nextEvent && this.nextEvent) {
        if (this.#account()) this.#catchUp();
        return;
      }
      this.nextEvent = header.seq + 1n;
    }
    this.onEvent(name, values, header);
  }
}
