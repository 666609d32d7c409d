// Logging in, and opening an account.

import { html, useState } from "../vendor/htm/htm-preact.js";
import { login, register, state, toast, useStore } from "../store.js";
import { words } from "../format.js";
import { SCHEMA } from "../schema.js";

const LIMITS = SCHEMA.limits;

export function Door() {
  useStore();
  const [mode, setMode] = useState("login");
  const [scope, setScope] = useState("TRADE");
  const [error, setError] = useState("");
  const [second, setSecond] = useState(false);
  const [busy, setBusy] = useState(false);
  const [invited, setInvited] = useState(false);
  const submit = async (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    const [name, password] = [form.get("username").trim(), form.get("password")];
    setError("");
    if (mode === "register" && password !== form.get("again")) {
      setError("The two passwords differ.");
      return;
    }
    if (mode === "register" && new TextEncoder().encode(password).length < LIMITS.PASSWORD_MIN) {
      setError(`The password is too short: it needs ${LIMITS.PASSWORD_MIN} characters.`);
      return;
    }
    setBusy(true);
    try {
      if (mode === "register") {
        await register(name, password, form.get("invitation").trim());
        toast(`Account ${name} is open.`, "good");
      }
      await login(name, password, scope, (form.get("code") ?? "").replaceAll(" ", ""));
    } catch (why) {
      if (why.code === "SECOND_FACTOR_REQUIRED") setSecond(true);
      setError(why.message);
    }
    setBusy(false);
  };
  const opening = mode === "register";
  return html`
    <main class="door">
      <form class="card" onSubmit=${submit}>
        <h1><img src="icon.svg" alt="" width="32" height="32" /> PaperTrader</h1>
        <p>Practise investing with fake money.</p>
        ${state.ended && html`<p class="notice">${state.ended === "SESSION_TAKEN_OVER"
          ? "This session goes on in another tab: a copy of this one took it along." : `You were logged out: ${words(state.ended)}.`}</p>`}
        <div class="tabs" role="tablist">
          ${[["login", "Log in"], ["register", "Open an account"]].map(([name, label]) => html`
            <button type="button" role="tab" aria-selected=${mode === name} onClick=${() => { setMode(name); setError(""); }}>${label}</button>`)}
        </div>
        <label>User name
          <input name="username" autocomplete="username" required maxlength="24" autofocus
            autocapitalize="none" spellcheck="false" pattern="[A-Za-z0-9][A-Za-z0-9_.\\-]*" title="letters, digits, and _ . -" /></label>
        <label>Password${opening ? `, at least ${LIMITS.PASSWORD_MIN} characters` : ""}
          <input name="password" type="password" required autocomplete=${opening ? "new-password" : "current-password"} /></label>
        ${opening && html`<label>The same again
          <input name="again" type="password" required autocomplete="new-password" /></label>
          <label>Invitation, if you were given one
            <input name="invitation" autocomplete="off" spellcheck="false" onInput=${(event) => setInvited(event.target.value.trim() !== "")} /></label>`}
        ${second && !opening && html`<label>Code of your authenticator, or a recovery code
          <input name="code" autocomplete="one-time-code" required autofocus spellcheck="false" /></label>`}
        ${(!opening || invited) && html`<label class="inline">I want to
          <select value=${scope} onChange=${(event) => setScope(event.target.value)}>
            <option value="TRADE">trade</option>
            <option value="READ">only look</option>
            <option value="HOST">trade, and host contests</option>
            <option value="ADMIN">administer</option>
          </select></label>`}
        ${error && html`<p class="error" role="alert">${error}</p>`}
        <button class="main" disabled=${busy || state.link !== "live"}>
          ${busy ? "One moment ..." : opening ? "Open the account" : "Log in"}</button>
        ${state.link !== "live" && html`<p class="hint">${state.link === "closed"
          ? "The service cannot be reached; trying again." : "Connecting ..."}</p>`}
      </form>
    </main>`;
}
