// One task: its record, its trace, and cancelling it.
import { html } from "../../vendor/preact.js";
import { clock, duration } from "../../lib/format.js";
import { Icon } from "../../lib/icons.js";
import { attempt, useLoaded } from "../../lib/loading.js";
import { Sheet } from "../../lib/sheet.js";

const LOOK_MS = 1000;

/** @typedef {import("../../app.js").Ctx} Ctx */

/** @param {{id: string, ctx: Ctx, onClose: () => void}} props */
export function TaskPanel({ id, ctx, onClose }) {
  const { t } = ctx;
  const [found, problem, look] = useLoaded(() => ctx.api.get(`/v1/tasks/${encodeURIComponent(id)}`), null, LOOK_MS);
  const cancel = async () => {
    await attempt(ctx, async () => {
      const { cancelled } = await ctx.api.delete(`/v1/tasks/${encodeURIComponent(id)}`);
      ctx.toast(t(cancelled ? "watch.cancelled" : "watch.notCancelled"), cancelled ? "good" : "info");
    });
    look();
  };
  const active = found && ["pending", "running"].includes(found.task.status);
  return html`<${Sheet} title=${found ? found.task.name : t("watch.task")} onClose=${onClose}>
    ${problem ? html`<p role="alert" class="bad">${problem}</p>` : null}
    ${found ? html`<${Record} task=${found.task} t=${t} /><${Trace} moments=${found.trace} t=${t} />` : null}
    ${active ? html`<div class="sheet-foot"><button class="button danger" onClick=${cancel}><${Icon} name="stop" />${t("watch.cancel")}</button></div>` : null}
  <//>`;
}

/** @param {{task: any, t: any}} props */
function Record({ task, t }) {
  const waited = (task.started_at ?? task.ended_at ?? Date.now() / 1000) - task.created_at;
  const ran = task.started_at && (task.ended_at ?? Date.now() / 1000) - task.started_at;
  const facts = [
    ["status", t(`status.${task.status}`)],
    ["priority", t(`watch.${task.priority}`)],
    ["lane", [task.lane, task.worker, task.device].filter(Boolean).join(" · ")],
    ["waited", duration(Math.max(0, waited))],
    ["ran", ran ? duration(Math.max(0, ran)) : "–"],
    ["attempts", task.attempts],
    ["id", task.task_id],
    ["note", task.note],
    ["error", task.error],
  ];
  return html`<dl class="facts">${facts
    .filter(([, value]) => value !== "")
    .map(([name, value]) => html`<div key=${name}><dt>${t(`task.${name}`)}</dt><dd class=${name}>${value}</dd></div>`)}</dl>`;
}

/** @param {{moments: any[], t: any}} props */
function Trace({ moments, t }) {
  if (!moments.length) return html`<p class="muted">${t("watch.noTrace")}</p>`;
  const begun = moments[0].ts;
  return html`<h3>${t("watch.trace")}</h3><ol class="trace">${moments.map((one) => html`<li key=${one.ts + one.event}>
    <time title=${clock(one.ts)}>+${duration(one.ts - begun)}</time><b>${t(`moment.${one.event}`)}</b>
    <span class="muted">${one.worker}${one.duration_ms === null ? "" : ` · ${duration(one.duration_ms / 1000)}`}</span></li>`)}</ol>`;
}
