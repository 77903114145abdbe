// One model of the catalogue: what it is, how it fits, and fetching it.
import { html, useEffect, useState } from "../../vendor/preact.js";
import { bytes } from "../../lib/format.js";
import { Icon } from "../../lib/icons.js";
import { attempt, reason } from "../../lib/loading.js";
import { Confirm } from "../../lib/sheet.js";

/** @typedef {import("../../app.js").Ctx} Ctx */

/** @param {{model: any, ctx: Ctx, changed: () => Promise<void>}} props */
export function Model({ model, ctx, changed }) {
  const { t } = ctx;
  return html`<li class="card model" data-model=${model.id}>
    <div class="model-head"><h3>${model.title}</h3>
      <p class="model-tags"><span class="tag">${t(`kind.${model.kind}`)}</span>
        ${model.installed ? html`<span class="tag ready">${t("models.installed")}</span>` : null}
        ${model.languages.length ? html`<span class="tag">${model.languages.join(", ")}</span>` : null}</p></div>
    <p class="muted model-about"><code>${model.id}</code>${model.size ? html` · ${bytes(model.size)}` : null} · ${model.licence}${model.licence_note ? html`<br />${model.licence_note}` : null}</p>
    ${model.fits.map((/** @type {any} */ fit) => html`<${Fit} key=${fit.device} fit=${fit} t=${t} />`)}
    ${model.server ? html`<p class="muted">${t("models.server")}</p>` : html`<${Actions} model=${model} ctx=${ctx} changed=${changed} />`}
  </li>`;
}

/** @param {{fit: any, t: any}} props */
function Fit({ fit, t }) {
  if (!fit.chosen) return html`<p class="model-fit bad">${fit.device}: ${fit.problem}</p>`;
  const { chosen } = fit;
  const how = !fit.fits ? "none" : chosen.name === "full" ? "whole" : chosen.device_bytes ? "part" : "host";
  const share = Math.min(1, chosen.device_bytes / Math.max(1, fit.room));
  return html`<details class="model-fit ${how}">
    <summary><b>${fit.device}</b> ${t(`fit.${how}`, { variant: chosen.name, size: bytes(chosen.device_bytes || chosen.host_bytes), room: bytes(fit.room) })}
      <span class="model-room" aria-hidden="true"><span style=${{ width: `${100 * share}%` }}></span></span></summary>
    <table><caption class="visually-hidden">${t("fit.ladder")}</caption>
      <thead><tr><th>${t("fit.form")}</th><th>${t("fit.device")}</th><th>${t("fit.hostMemory")}</th><th>${t("fit.speed")}</th></tr></thead>
      <tbody>${fit.ladder.map((/** @type {any} */ step) => html`<tr key=${step.name} class=${step.name === chosen.name ? "chosen" : ""}>
        <td>${step.name}</td><td>${bytes(step.device_bytes)}</td><td>${step.host_bytes ? bytes(step.host_bytes) : "–"}</td><td>${Math.round(step.speed * 100)} %</td></tr>`)}</tbody></table>
    <p class="muted">${t(fit.measured ? "fit.measured" : "fit.guessed")}</p>
  </details>`;
}

/** @param {{model: any, ctx: Ctx, changed: () => Promise<void>}} props */
function Actions({ model, ctx, changed }) {
  const { t, api, toast } = ctx;
  const [asked, ask] = useState(false);
  const [pull, start] = usePull(model, ctx, changed);
  const path = `/v1/catalogue/${encodeURIComponent(model.id)}`;
  const act = (/** @type {() => Promise<any>} */ work) => attempt(ctx, work);
  const cancel = () => act(() => api.delete(`${path}/pull`));
  const remove = () => act(async () => {
    await api.delete(path);
    toast(t("models.removed"), "good");
    ask(false);
    await changed();
  });
  if (pull && ["waiting", "pulling"].includes(pull.state)) return html`<${Progress} pull=${pull} model=${model} t=${t} onCancel=${cancel} />`;
  return html`<div class="model-actions">
    ${pull?.state === "failed" ? html`<p class="bad" role="alert">${pull.error}</p>` : null}
    ${pull?.state === "cancelled" ? html`<p class="muted" role="status">${t("models.cancelled")}</p>` : null}
    ${model.installed
      ? html`<button class="button danger" onClick=${() => ask(true)} aria-label=${t("models.removeThis", { model: model.title })}><${Icon} name="trash" />${t("models.remove")}</button>`
      : html`<button class="button" onClick=${() => act(start)} aria-label=${t("models.pullThis", { model: model.title })}><${Icon} name="save" />${t("models.pull", { size: bytes(model.size) })}</button>`}
    ${asked ? html`<${Confirm} title=${t("models.removeThis", { model: model.title })} yes=${t("models.remove")} onYes=${remove} onClose=${() => ask(false)}>
      <p>${t("models.removeWhat", { size: bytes(model.size) })}</p><//>` : null}
  </div>`;
}

/** @param {{pull: any, model: any, t: any, onCancel: () => void}} props */
function Progress({ pull, model, t, onCancel }) {
  const share = pull.total ? Math.floor((100 * pull.done) / pull.total) : 0;
  return html`<div class="model-pull">
    <progress max="100" value=${share} aria-label=${t("models.pulling", { model: model.title })}></progress>
    <span class="model-share">${share} % · ${bytes(pull.done)} / ${bytes(pull.total)}</span>
    <button class="button" onClick=${onCancel} aria-label=${t("models.cancelThis", { model: model.title })}>${t("models.cancel")}</button>
  </div>`;
}

/** Follow a pull, also one that somebody else began.
 * @param {any} model
 * @param {Ctx} ctx
 * @param {() => Promise<void>} changed
 * @returns {[any, () => Promise<void>]} */
function usePull(model, { api, toast, t }, changed) {
  const [pull, setPull] = useState(model.pull);
  const path = `/v1/catalogue/${encodeURIComponent(model.id)}/pull`;
  const under = Boolean(pull && ["waiting", "pulling"].includes(pull.state));
  useEffect(() => {
    if (!under) return undefined;
    const stopping = new AbortController();
    follow(stopping.signal).catch((error) => stopping.signal.aborted || toast(reason(error), "bad"));
    return () => stopping.abort();
  }, [under]);
  /** @param {AbortSignal} signal */
  const follow = async (signal) => {
    for await (const { data } of api.sse(path, { signal, reconnect: true })) {
      if (!data?.state) continue;
      setPull(data);
      if (["waiting", "pulling"].includes(data.state)) continue;
      if (data.state === "installed") toast(t("models.done", { model: model.title }), "good");
      await changed();
      return;
    }
  };
  return [pull, async () => setPull(await api.post(path))];
}
