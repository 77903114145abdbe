// Models: what is loaded where, and what can be had.
import { html, useState } from "../vendor/preact.js";
import { bytes } from "../lib/format.js";
import { Icon } from "../lib/icons.js";
import { useLoaded } from "../lib/loading.js";
import { Loaded } from "./models/loaded.js";
import { Model } from "./models/model.js";

/** @typedef {import("../app.js").Ctx} Ctx */

const KINDS = ["llm", "vlm", "stt", "tts", "embedding", "emotion", "image", "server"];

/** @param {{ctx: Ctx}} props */
export default function Models({ ctx }) {
  const { t } = ctx;
  const [catalogue, problem, again] = useLoaded(() => ctx.api.get("/v1/catalogue"), null);
  const [words, setWords] = useState("");
  const [kind, setKind] = useState("");
  const [where, setWhere] = useState("");
  const shown = catalogue ? catalogue.data.filter(passes(words, kind, where, catalogue.profile)) : [];
  return html`<div class="page models">
    <header class="page-head"><h1>${t("models.title")}</h1>
      ${catalogue ? html`<p class="muted">${t("models.disk", { free: bytes(catalogue.disk_free) })}</p>` : null}</header>
    <${Loaded} ctx=${ctx} />
    <section class="models-catalogue" aria-labelledby="models-catalogue">
      <div class="card-head"><h2 id="models-catalogue">${t("models.catalogue")} ${catalogue ? html`<span class="tag">${shown.length}</span>` : null}</h2>
        <div class="models-filter" role="search">
          <label class="models-search"><span class="visually-hidden">${t("models.search")}</span><${Icon} name="search" />
            <input type="search" placeholder=${t("models.search")} value=${words} onInput=${(/** @type {any} */ e) => setWords(e.target.value)} /></label>
          <select aria-label=${t("models.kind")} value=${kind} onChange=${(/** @type {any} */ e) => setKind(e.target.value)}>
            <option value="">${t("models.anyKind")}</option>
            ${KINDS.map((one) => html`<option key=${one} value=${one}>${t(`kind.${one}`)}</option>`)}</select>
          <select aria-label=${t("models.which")} value=${where} onChange=${(/** @type {any} */ e) => setWhere(e.target.value)}>
            ${["", "installed", "profile"].map((one) => html`<option key=${one} value=${one}>${t(`models.which.${one || "all"}`)}</option>`)}</select>
        </div>
      </div>
      ${problem ? html`<p class="card bad" role="alert">${problem}</p>` : null}
      ${catalogue ? null : html`<p class="muted" role="status">${t("models.loading")}</p>`}
      <ul class="models-list">${shown.map((/** @type {any} */ model) => html`<${Model} key=${model.id} model=${model} ctx=${ctx} changed=${again} />`)}</ul>
      ${catalogue && !shown.length ? html`<p class="muted models-empty" role="status">${t("models.nothing")}</p>` : null}
    </section>
  </div>`;
}

/** @param {string} words
 * @param {string} kind
 * @param {string} where
 * @param {string} profile */
function passes(words, kind, where, profile) {
  const wanted = words.trim().toLowerCase();
  return (/** @type {any} */ model) =>
    (!kind || model.kind === kind) &&
    (where !== "installed" || model.installed) &&
    (where !== "profile" || model.profiles.includes(profile)) &&
    `${model.id} ${model.title} ${model.licence}`.toLowerCase().includes(wanted);
}
