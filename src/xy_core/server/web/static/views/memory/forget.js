// Forgetting much at once: a span of time, or a person.
import { html, useState } from "../../vendor/preact.js";
import { attempt } from "../../lib/loading.js";
import { Confirm } from "../../lib/sheet.js";

/** @typedef {import("../../app.js").Ctx} Ctx */
/** @typedef {{person: string, ctx: Ctx, changed: () => void, onClose: () => void}} Props */

const SPANS = { hour: 3600, day: 86_400, week: 604_800 };

/** @param {Props} props */
export function ForgetSpan({ person, ctx, changed, onClose }) {
  const { t } = ctx;
  const [span, setSpan] = useState("hour");
  const [since, setSince] = useState("");
  const [until, setUntil] = useState("");
  const forget = () => {
    const query = new URLSearchParams();
    const seconds = /** @type {Record<string, number>} */ (SPANS)[span];
    if (seconds) query.set("since", `${Date.now() / 1000 - seconds}`);
    else {
      if (since) query.set("since", `${new Date(since).getTime() / 1000}`);
      if (until) query.set("until", `${new Date(until).getTime() / 1000}`);
    }
    return remove(`${root(person)}/entries?${query}`, ctx, changed, onClose);
  };
  const own = span === "own";
  return html`<${Confirm} title=${t("memory.forgetSpan")} yes=${t("memory.forget")} onYes=${forget} onClose=${onClose}>
    <label>${t("memory.span")}<select value=${span} onChange=${(/** @type {any} */ e) => setSpan(e.target.value)}>
      ${[...Object.keys(SPANS), "own"].map((one) => html`<option key=${one} value=${one}>${t(`memory.span.${one}`)}</option>`)}
    </select></label>
    ${own ? html`<label>${t("memory.since")}<input type="datetime-local" value=${since} required=${!until} onInput=${(/** @type {any} */ e) => setSince(e.target.value)} /></label>
      <label>${t("memory.until")}<input type="datetime-local" value=${until} required=${!since} onInput=${(/** @type {any} */ e) => setUntil(e.target.value)} /></label>` : null}
    <p class="muted">${t("memory.spanWhat")}</p>
  <//>`;
}

/** @param {Props} props */
export function ForgetPerson({ person, ctx, changed, onClose }) {
  const { t } = ctx;
  const [typed, setTyped] = useState("");
  const forget = () => {
    if (typed === person) remove(root(person), ctx, changed, onClose);
    else ctx.toast(t("memory.wrongName"), "bad");
  };
  return html`<${Confirm} title=${t("memory.forgetAllOf", { person })} yes=${t("memory.forgetAll")} onYes=${forget} onClose=${onClose}>
    <p>${t("memory.forgetAllWhat")}</p>
    <label>${t("memory.typeName", { person })}<input value=${typed} autocomplete="off" required onInput=${(/** @type {any} */ e) => setTyped(e.target.value)} /></label>
  <//>`;
}

/** @param {string} person */
const root = (person) => `/v1/memory/${encodeURIComponent(person)}`;

/** @param {string} path
 * @param {Ctx} ctx
 * @param {() => void} changed
 * @param {() => void} onClose */
async function remove(path, ctx, changed, onClose) {
  await attempt(ctx, async () => {
    const { deleted } = await ctx.api.delete(path);
    ctx.toast(ctx.t("memory.deleted", { n: deleted }), "good");
    changed();
  });
  onClose();
}
