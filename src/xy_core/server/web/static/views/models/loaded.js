// What is loaded on each device, with loading and unloading by hand.
import { html, useState } from "../../vendor/preact.js";
import { bytes } from "../../lib/format.js";
import { attempt, useLoaded } from "../../lib/loading.js";

/** @typedef {import("../../app.js").Ctx} Ctx */

const LOOK_MS = 2000;
const MOVING = ["loading", "draining", "unloading"];

/** @param {{ctx: Ctx}} props */
export function Loaded({ ctx }) {
  const { t } = ctx;
  const [devices, problem, look] = useLoaded(async () => (await ctx.api.get("/v1/runtime")).devices, /** @type {any[]} */ ([]), LOOK_MS);
  return html`<section class="card models-loaded" aria-labelledby="models-loaded">
    <h2 id="models-loaded">${t("models.loaded")}</h2>
    ${problem ? html`<p class="bad" role="alert">${problem}</p>` : null}
    ${devices.map((/** @type {any} */ device) => html`<div class="models-device" key=${device.name}>
      <h3>${device.name} <span class="muted">${device.title}</span>
        ${device.memory ? html`<span class="tag">${t("models.room", { free: bytes(Math.max(0, device.memory.free)), total: bytes(device.memory.total) })}</span>` : null}</h3>
      ${device.models.length ? html`<ul>${device.models.map((/** @type {any} */ model) => html`<${Held} key=${model.name} model=${model} device=${device.name} ctx=${ctx} look=${look} />`)}</ul>`
        : html`<p class="muted">${t("models.none")}</p>`}
    </div>`)}
  </section>`;
}

/** @param {{model: any, device: string, ctx: Ctx, look: () => Promise<void>}} props */
function Held({ model, device, ctx, look }) {
  const { t, api, toast } = ctx;
  const [busy, setBusy] = useState(false);
  const held = ["ready", "swapped"].includes(model.state);
  const move = async () => {
    setBusy(true);
    await attempt(ctx, async () => {
      const answer = await api.post(`/v1/runtime/models/${held ? "unload" : "load"}`, { model: model.name, device });
      if (answer.loaded === false) toast(t("models.noRoom"), "bad");
    });
    await look();
    setBusy(false);
  };
  const about = [t(`state.${model.state}`), held && model.variant !== "full" ? model.variant : "", bytes(model.size || model.full_size), t("models.uses", { n: model.uses })];
  return html`<li><span class="models-name"><i class=${`dot state-${model.state}`}></i><b>${model.name}</b></span>
    <span class="muted">${about.filter(Boolean).join(" · ")}</span>
    <button class="button" disabled=${busy || MOVING.includes(model.state)} onClick=${move}
      aria-label=${t(held ? "models.unloadThis" : "models.loadThis", { model: model.name })}>${t(held ? "models.unload" : "models.load")}</button></li>`;
}
