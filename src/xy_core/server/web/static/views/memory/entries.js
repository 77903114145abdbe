// The memories of one person: searched, or page by page.
import { html, useEffect, useRef, useState } from "../../vendor/preact.js";
import { Icon } from "../../lib/icons.js";
import { reason } from "../../lib/loading.js";
import { Entry } from "./entry.js";

/** @typedef {import("../../app.js").Ctx} Ctx */
/** @typedef {{words: string, role: string, emotion: string}} Filter */

const PAGE = 50;
const FOUND = 50;
const PAUSE_MS = 250;
const ROLES = { all: [], facts: ["fact"], said: ["user", "assistant"], former: ["former"] };
export const FEELINGS = ["joy", "sadness", "anger", "fear", "surprise", "disgust", "neutral"];

/** @param {{person: string, ctx: Ctx, changes: number, changed: () => void}} props */
export function Entries({ person, ctx, changes, changed }) {
  const { t } = ctx;
  const [filter, setFilter] = useState(/** @type {Filter} */ ({ words: "", role: "all", emotion: "" }));
  const { entries, more, busy, problem, next } = useEntries(person, ctx, filter, changes);
  const change = (/** @type {Partial<Filter>} */ part) => setFilter((before) => ({ ...before, ...part }));
  return html`<section class="memory-list" aria-labelledby="memory-list">
    <h2 id="memory-list" class="visually-hidden">${t("memory.list")}</h2>
    <div class="memory-filter" role="search">
      <label class="memory-search"><span class="visually-hidden">${t("memory.search")}</span><${Icon} name="search" />
        <input type="search" placeholder=${t("memory.search")} value=${filter.words} onInput=${(/** @type {any} */ e) => change({ words: e.target.value })} /></label>
      <select aria-label=${t("memory.kind")} value=${filter.role} disabled=${!!filter.words.trim()} onChange=${(/** @type {any} */ e) => change({ role: e.target.value })}>
        ${Object.keys(ROLES).map((role) => html`<option key=${role} value=${role}>${t(`memory.kind.${role}`)}</option>`)}
      </select>
      <select aria-label=${t("memory.emotion")} value=${filter.emotion} onChange=${(/** @type {any} */ e) => change({ emotion: e.target.value })}>
        <option value="">${t("memory.anyEmotion")}</option>
        ${FEELINGS.map((one) => html`<option key=${one} value=${one}>${t(`feeling.${one}`)}</option>`)}
      </select>
    </div>
    ${problem ? html`<p class="bad" role="alert">${problem}</p>` : null}
    <ol class="memory-entries" aria-busy=${busy}>
      ${entries.map((entry) => html`<${Entry} key=${entry.id} entry=${entry} person=${person} ctx=${ctx} changed=${changed} />`)}
    </ol>
    ${!entries.length && !busy && !problem ? html`<p class="memory-empty muted" role="status">${t("memory.nothing")}</p>` : null}
    ${more ? html`<button class="button memory-more" disabled=${busy} onClick=${next}>${t("memory.more")}</button>` : null}
  </section>`;
}

/** @param {string} person
 * @param {Ctx} ctx
 * @param {Filter} filter
 * @param {number} changes */
function useEntries(person, ctx, filter, changes) {
  const [found, setFound] = useState(/** @type {{entries: any[], more: boolean}} */ ({ entries: [], more: false }));
  const [busy, setBusy] = useState(true);
  const [problem, setProblem] = useState("");
  const asking = useRef(0);
  /** @param {any[]} kept those that the new ones come after */
  const load = async (kept) => {
    const number = (asking.current += 1);
    setBusy(true);
    try {
      const page = await ask(person, ctx, filter, kept.at(-1)?.id);
      if (number !== asking.current) return;
      setFound({ entries: [...kept, ...page.data.filter(felt(filter.emotion))], more: page.more });
      setProblem("");
    } catch (error) {
      if (number === asking.current) setProblem(reason(error));
    }
    if (number === asking.current) setBusy(false);
  };
  useEffect(() => {
    const timer = setTimeout(() => load([]), filter.words ? PAUSE_MS : 0);
    return () => clearTimeout(timer);
  }, [filter, changes, ctx.lang]);
  return { ...found, busy, problem, next: () => load(found.entries) };
}

/** @param {string} person
 * @param {Ctx} ctx
 * @param {Filter} filter
 * @param {number} [before]
 * @returns {Promise<{data: any[], more: boolean}>} */
async function ask(person, { api, lang }, { words, role, emotion }, before) {
  const root = `/v1/memory/${encodeURIComponent(person)}`;
  if (words.trim()) {
    const query = new URLSearchParams({ query: words, limit: `${FOUND}`, language: lang });
    if (emotion) query.set("emotion", emotion);
    return { ...(await api.get(`${root}/search?${query}`)), more: false };
  }
  const query = new URLSearchParams({ limit: `${PAGE}` });
  for (const one of /** @type {Record<string, string[]>} */ (ROLES)[role]) query.append("role", one);
  if (before) query.set("before", `${before}`);
  const { data } = await api.get(`${root}/entries?${query}`);
  return { data, more: data.length === PAGE };
}

/** @param {string} emotion */
const felt = (emotion) => (/** @type {any} */ entry) => !emotion || entry.emotion === emotion;
