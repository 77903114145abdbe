// Each device with its memory: models as blocks, leases of tasks, what others take.
import { html } from "../../vendor/preact.js";
import { bytes } from "../../lib/format.js";

const TINTS = ["accent", "sadness", "joy", "fear", "surprise", "disgust"];

/** @param {{devices: any[], t: (key: string, values?: any) => string}} props */
export function Devices({ devices, t }) {
  return html`<section class="card watch-devices" aria-labelledby="watch-devices">
    <div class="card-head"><h2 id="watch-devices">${t("watch.devices")}</h2></div>
    ${devices.map((device) => html`<${Device} key=${device.name} device=${device} t=${t} />`)}
  </section>`;
}

/** @param {{device: any, t: any}} props */
function Device({ device, t }) {
  const { memory } = device;
  const head = html`<div class="watch-device-head"><h3>${device.name} <span class="muted">${device.title}</span></h3>
    <span class="tag">${t("watch.slots", { n: device.running, of: device.slots })}</span></div>`;
  if (!memory) return html`<article>${head}<p class="bad" role="alert">${t("watch.lost")}</p></article>`;
  const all = blocks(device, t);
  const total = Math.max(memory.total, all.reduce((sum, block) => sum + block.size, 0));
  const said = all.map((block) => `${block.label} ${bytes(block.size)}`).join(", ");
  return html`<article>${head}
    <div class="watch-memory" role="img" aria-label=${t("watch.memory", { said, total: bytes(memory.total) })}>
      ${all.map((block) => html`<span key=${block.key} class=${`block ${block.tint}`} title=${`${block.label} · ${bytes(block.size)}`}
        style=${{ width: `${(100 * block.size) / total}%` }}><span>${block.label}</span></span>`)}
    </div>
    <ul class="legend">
      ${all.map((block) => html`<li key=${block.key}><i class=${`dot ${block.tint}`}></i><span>${block.label}</span> <b>${bytes(block.size)}</b>${block.note ? html` <span class="muted">${block.note}</span>` : null}</li>`)}
      <li><i class="dot free"></i>${t("watch.free")} <b>${bytes(Math.max(0, memory.free))}</b></li>
    </ul>
  </article>`;
}

/** @typedef {{key: string, label: string, size: number, tint: string, note: string}} Block */

/** @param {any} device
 * @param {any} t
 * @returns {Block[]} */
function blocks({ memory, models, leases }, t) {
  /** @type {Block[]} */
  const found = models
    .filter((/** @type {any} */ model) => model.size > 0)
    .map((/** @type {any} */ model, /** @type {number} */ index) => ({
      key: `model ${model.name}`,
      label: model.name,
      size: model.size,
      tint: TINTS[index % TINTS.length],
      note: `${t(`state.${model.state}`)}${model.variant === "full" ? "" : ` · ${model.variant}`}`,
    }));
  const names = new Set(models.map((/** @type {any} */ model) => model.name));
  const working = leases
    .filter((/** @type {any} */ lease) => !names.has(lease.holder))
    .reduce((/** @type {number} */ sum, /** @type {any} */ lease) => sum + lease.size, 0);
  if (working) found.push({ key: "working", label: t("watch.working"), size: working, tint: "warn", note: "" });
  if (memory.foreign) found.push({ key: "foreign", label: t("watch.foreign"), size: memory.foreign, tint: "foreign", note: "" });
  return found;
}
