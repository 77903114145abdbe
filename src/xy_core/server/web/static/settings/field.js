// One setting.
import { html } from "../vendor/preact.js";

/** @typedef {import("./schema.js").FieldSpec} FieldSpec */
/** @typedef {{field: FieldSpec, value: any, changed: boolean, secretSet: boolean, t: any,
 *   onChange: (key: string, value: any) => void}} Props */

/** @param {Props} props */
export function Field({ field, value, changed, secretSet, t, onChange }) {
  const id = `set-${field.key}`;
  const set = (/** @type {any} */ next) => onChange(field.key, next);
  const mayReset = field.kind !== "fixed" && field.kind !== "secret" && shown(value ?? field.standard) !== shown(field.standard);
  const standard = field.standard === null ? "" : shown(field.standard);
  return html`<div class=${`field ${changed ? "changed" : ""} ${field.kind}`}>
    <label for=${id}><b>${field.name}</b><small id=${`${id}-hint`}>${field.description}
      ${standard && field.kind !== "secret" ? html` <span class="standard">${t("settings.standard", { value: standard })}</span>` : null}</small></label>
    <div class="control"><${Control} id=${id} field=${field} value=${value} secretSet=${secretSet} t=${t} set=${set} />
      ${mayReset ? html`<button type="button" class="reset" onClick=${() => set(null)}>${t("settings.reset")}</button>` : null}</div>
  </div>`;
}

/** @param {{id: string, field: FieldSpec, value: any, secretSet: boolean, t: any, set: (value: any) => void}} props */
function Control({ id, field, value, secretSet, t, set }) {
  const hint = `${id}-hint`;
  const held = value ?? field.standard;
  switch (field.kind) {
    case "switch":
      return html`<input id=${id} type="checkbox" aria-describedby=${hint} checked=${held === true} onChange=${(/** @type {any} */ e) => set(e.target.checked)} />`;
    case "choice":
      return html`<select id=${id} aria-describedby=${hint} value=${held ?? ""} onChange=${(/** @type {any} */ e) => set(e.target.value || null)}>
        ${field.nullable ? html`<option value="">–</option>` : null}${field.options.map((one) => html`<option key=${one} value=${one}>${one}</option>`)}</select>`;
    case "number":
      return html`<input id=${id} type="number" aria-describedby=${hint} step=${field.whole ? 1 : "any"} min=${field.min} max=${field.max} value=${held ?? ""}
        onChange=${(/** @type {any} */ e) => set(e.target.value === "" ? null : Number(e.target.value))} />`;
    case "list":
      return html`<input id=${id} aria-describedby=${hint} value=${(held ?? []).join(", ")}
        onChange=${(/** @type {any} */ e) => set(e.target.value.split(",").map((/** @type {string} */ one) => one.trim()).filter(Boolean))} />`;
    case "secret":
      return html`<input id=${id} type="password" autocomplete="new-password" aria-describedby=${hint} placeholder=${t(secretSet ? "settings.secretSet" : "settings.secretNone")}
        onChange=${(/** @type {any} */ e) => e.target.value && set(e.target.value)} />`;
    case "text":
      return html`<input id=${id} aria-describedby=${hint} value=${held ?? ""} onChange=${(/** @type {any} */ e) => set(e.target.value === "" ? null : typed(e.target.value, held))} />`;
    default:
      return html`<textarea id=${id} aria-describedby=${hint} rows="2" readonly value=${value === null ? "–" : shown(value)} title=${t("settings.fixed")}></textarea>`;
  }
}

/** A size is a number of bytes, or text such as 32MiB.
 * @param {string} text
 * @param {any} before */
const typed = (text, before) => (typeof before === "number" && /^\d+$/.test(text) ? Number(text) : text);

/** @param {any} value */
const shown = (value) => {
  if (Array.isArray(value) && value.every((one) => typeof one === "string")) return value.join(", ");
  return typeof value === "string" ? value : value === undefined ? "" : JSON.stringify(value);
};
