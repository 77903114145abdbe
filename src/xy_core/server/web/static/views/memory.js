// Memory: what is remembered of a person; correcting, forgetting, taking it along.
import { html, useState } from "../vendor/preact.js";
import { download } from "../lib/dom.js";
import { Icon } from "../lib/icons.js";
import { attempt, useLoaded } from "../lib/loading.js";
import { Entries } from "./memory/entries.js";
import { Moods } from "./memory/moods.js";
import { ForgetPerson, ForgetSpan } from "./memory/forget.js";

/** @typedef {import("../app.js").Ctx} Ctx */

/** @param {{ctx: Ctx}} props */
export default function Memory({ ctx }) {
  const { t } = ctx;
  const [people, problem, again] = useLoaded(async () => (await ctx.api.get("/v1/memory")).data, /** @type {any[]} */ ([]));
  const [chosen, choose] = useState("");
  const [asked, ask] = useState("");
  const [changes, setChanges] = useState(0);
  const person = people.find((/** @type {any} */ one) => one.person === chosen) ?? newest(people);
  const changed = () => {
    setChanges((n) => n + 1);
    again();
  };
  const save = () => attempt(ctx, async () => {
    const answer = await ctx.api.request("GET", `/v1/memory/${encodeURIComponent(person.person)}/export`);
    download(`xy-core-memory-${person.person}.json`, await answer.blob());
  });
  return html`<div class="page memory">
    <header class="page-head"><h1>${t("memory.title")}</h1>
      ${person ? html`<div class="memory-actions">
        <label class="memory-person"><span class="visually-hidden">${t("memory.person")}</span>
          <select value=${person.person} onChange=${(/** @type {any} */ e) => choose(e.target.value)}>
            ${people.map((/** @type {any} */ one) => html`<option key=${one.person} value=${one.person}>${one.person}</option>`)}
          </select></label>
        <button class="button" onClick=${save}><${Icon} name="save" />${t("memory.export")}</button>
        <button class="button" onClick=${() => ask("span")}><${Icon} name="trash" />${t("memory.forgetSpan")}</button>
        <button class="button danger" onClick=${() => ask("person")}>${t("memory.forgetAll")}</button>
      </div>` : null}
    </header>
    ${problem ? html`<p class="card bad" role="alert">${problem}</p>` : null}
    ${person ? html`<${Shown} key=${person.person} person=${person} ctx=${ctx} changes=${changes} changed=${changed} />`
      : html`<p class="card memory-empty muted">${t("memory.nobody")}</p>`}
    ${asked === "span" ? html`<${ForgetSpan} person=${person.person} ctx=${ctx} changed=${changed} onClose=${() => ask("")} />` : null}
    ${asked === "person" ? html`<${ForgetPerson} person=${person.person} ctx=${ctx} changed=${changed} onClose=${() => ask("")} />` : null}
  </div>`;
}

/** @param {{person: any, ctx: Ctx, changes: number, changed: () => void}} props */
function Shown({ person, ctx, changes, changed }) {
  const { t } = ctx;
  return html`<p class="memory-counts muted">${t("memory.counts", { facts: person.facts, turns: person.turns, moods: person.moods })}</p>
    <${Moods} person=${person.person} ctx=${ctx} changes=${changes} />
    <${Entries} person=${person.person} ctx=${ctx} changes=${changes} changed=${changed} />`;
}

/** @param {any[]} people */
const newest = (people) => people.toSorted((a, b) => b.last - a.last)[0];
