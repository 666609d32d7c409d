// Setting up the second factor that this server demands: nothing else is possible before.

import { html, useState } from "../vendor/htm/htm-preact.js";
import { attempt, beginFactor, enableFactor, endOthers, leaveSetup, link, state } from "../store.js";
import { instant } from "../format.js";

const ISSUER = "PaperTrader";

function uri(made) {
  const label = encodeURIComponent(`${ISSUER}:${state.user}`);
  return `otpauth://totp/${label}?secret=${made.seed}&issuer=${ISSUER}&algorithm=SHA1&digits=${made.digits}&period=${made.step_s}`;
}

function Asked() {
  return html`
    <p class="notice">This server demands a second factor: besides the password, a code of an authenticator
      program on your phone or computer. Set it up now; everything else is possible afterwards.</p>
    <label>Password, once more
      <input name="password" type="password" required autofocus autocomplete="current-password" /></label>`;
}

function Seed({ made }) {
  return html`
    <p>Give this to your authenticator, by ${instant(made.expires_at)} UTC:</p>
    <p class="seed"><code>${made.seed}</code></p>
    <p><a href=${uri(made)}>Open it in an authenticator on this device</a></p>
    <label>The code that it shows
      <input name="code" required autofocus autocomplete="one-time-code" inputmode="numeric" spellcheck="false" /></label>`;
}

function Codes({ codes }) {
  return html`
    <p>The second factor is on. Each of these recovery codes is good once in the place of a code. Keep them on
      paper: they are not shown again.</p>
    <pre class="codes">${codes}</pre>
    <label class="inline"><input name="others" type="checkbox" /> End my other sessions, which needed no code</label>`;
}

export function Factor() {
  const [made, setMade] = useState(null);
  const [codes, setCodes] = useState(null);
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const submit = async (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    setError("");
    setBusy(true);
    try {
      if (codes !== null) {
        if (form.get("others")) await endOthers();
        await leaveSetup();
      }
      else if (made) setCodes(await enableFactor(form.get("code").replaceAll(" ", "")));
      else setMade(await beginFactor(form.get("password")));
    } catch (why) {
      // A seed that waited too long is no good any more: begin anew.
      if (why.code === "SECOND_FACTOR_STATE") setMade(null);
      setError(why.message);
    }
    setBusy(false);
  };
  const label = codes !== null ? "I have kept them; go on" : made ? "Turn it on" : "Begin";
  return html`
    <main class="door">
      <form class="card" onSubmit=${submit}>
        <h1>Second factor</h1>
        ${codes !== null ? html`<${Codes} codes=${codes} />` : made ? html`<${Seed} made=${made} />` : html`<${Asked} />`}
        ${error && html`<p class="error" role="alert">${error}</p>`}
        <button class="main" disabled=${busy || state.link !== "live"}>${busy ? "One moment ..." : label}</button>
        <button type="button" class="plain" onClick=${() => attempt(() => link.logout())}>Log out</button>
      </form>
    </main>`;
}
