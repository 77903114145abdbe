// Settings: a form made from the configuration's schema.
import { html, useEffect, useMemo, useState } from "../vendor/preact.js";
import { fieldsOf, sectionsOf } from "../settings/schema.js";
import { Field } from "../settings/field.js";

/** @typedef {import("../settings/schema.js").FieldSpec} FieldSpec */
/** @typedef {{json_schema: any, values: any, secrets: string[], file: string}} Configuration */

/** @param {{ctx: import("../app.js").Ctx}} props */
export default function Settings({ ctx }) {
  const { t, api, toast } = ctx;
  const [config, setConfig] = useState(/** @type {Configuration | null} */ (null));
  const [error, setError] = useState("");
  const [section, setSection] = useState("");
  const [query, setQuery] = useState("");
  const [changes, setChanges] = useState(/** @type {Record<string, any>} */ ({}));
  const [saving, setSaving] = useState(false);
  const read = () => api.get("/v1/config").then((found) => (setConfig(found), setError("")), (e) => setError(e.message));
  useEffect(() => {
    read();
    window.addEventListener("xy:back", read);
    return () => window.removeEventListener("xy:back", read);
  }, []);
  const fields = useMemo(() => (config ? fieldsOf(config.json_schema, config.values) : []), [config]);
  if (error) return html`<div class="page"><h1>${t("settings.title")}</h1><p role="alert">${error}</p></div>`;
  if (!config) return html`<div class="page"><h1>${t("settings.title")}</h1><p role="status">${t("app.loading")}</p></div>`;
  const sections = sectionsOf(fields);
  const wanted = query.trim().toLowerCase();
  const now = section || sections[0];
  const shown = fields.filter((one) =>
    wanted ? `${one.key} ${one.description}`.toLowerCase().includes(wanted) : one.section === now,
  );
  const count = Object.keys(changes).length;
  /** @param {string} key
   * @param {any} value */
  const change = (key, value) => setChanges((before) => ({ ...before, [key]: value }));
  const save = async (/** @type {Event} */ event) => {
    event.preventDefault();
    setSaving(true);
    try {
      const saved = await api.patch("/v1/config", { changes });
      setConfig({ ...config, values: saved.values });
      setChanges({});
      toast(t("settings.saved", { file: saved.file }), "good");
    } catch (e) {
      toast(t("settings.refused", { error: /** @type {Error} */ (e).message }), "bad");
    }
    setSaving(false);
  };
  return html`<form class="page settings" onSubmit=${save} novalidate>
    <div class="page-head"><div><h1>${t("settings.title")}</h1><p class="muted">${t("settings.file")} <code>${config.file}</code></p></div>
      <input type="search" class="find" placeholder=${t("settings.find")} aria-label=${t("settings.find")} value=${query} onInput=${(/** @type {any} */ e) => setQuery(e.target.value)} /></div>
    <div class="settings-body">
      <nav class="sections" aria-label=${t("settings.sections")}>${sections.map(
        (one) => html`<button key=${one} type="button" aria-current=${!wanted && one === now ? "true" : undefined} onClick=${() => (setQuery(""), setSection(one))}>${one || t("settings.general")}</button>`,
      )}</nav>
      <div class="fields">${shown.map(
        (one) => html`<${Field} key=${one.key} field=${one} t=${t} secretSet=${config.secrets.includes(one.key)}
          value=${one.key in changes ? changes[one.key] : one.value} changed=${one.key in changes} onChange=${change} />`,
      )}${shown.length ? null : html`<p class="muted">${t("settings.none")}</p>`}</div>
    </div>
    ${count ? html`<div class="save-bar card"><span role="status">${t("settings.changed", { n: count })}</span>
      <button type="button" class="button" onClick=${() => setChanges({})}>${t("settings.discard")}</button>
      <button class="primary" disabled=${saving}>${t("settings.save")}</button></div>` : null}
  </form>`;
}
