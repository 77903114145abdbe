// One memory, with what can be done about it.
import { html, useEffect, useState } from "../../vendor/preact.js";
import { day } from "../../lib/format.js";
import { Icon } from "../../lib/icons.js";
import { attempt, reason } from "../../lib/loading.js";
import { Confirm, Sheet } from "../../lib/sheet.js";

/** @typedef {import("../../app.js").Ctx} Ctx */

/** @param {{entry: any, person: string, ctx: Ctx, changed: () => void}} props */
export function Entry({ entry, person, ctx, changed }) {
  const { t, toast, api } = ctx;
  const [asked, ask] = useState("");
  const path = `/v1/memory/${encodeURIComponent(person)}/entries/${entry.id}`;
  const close = () => ask("");
  const act = async (/** @type {() => Promise<any>} */ work, /** @type {string} */ done) => {
    await attempt(ctx, async () => {
      await work();
      toast(t(done), "good");
      changed();
    });
    close();
  };
  const forget = () => act(() => api.delete(path), "memory.forgotten");
  const correct = (/** @type {string} */ text) => act(() => api.put(path, { text }), "memory.corrected");
  return html`<li class=${`card memory-entry ${entry.role}`}>
    <div class="memory-text">
      <p>${entry.text}</p>
      <p class="memory-about"><span class="tag">${t(`role.${entry.role}`)}</span>
        ${entry.emotion ? html`<span class="feeling"><i class=${`dot ${entry.emotion}`}></i>${t(`feeling.${entry.emotion}`)}</span>` : null}
        ${entry.details?.topic ? html`<span>${t("memory.topic", { topic: entry.details.topic })}</span>` : null}
        <time datetime=${new Date(entry.time * 1000).toISOString()}>${day(entry.time)}</time></p>
    </div>
    <div class="memory-buttons">
      ${entry.details ? html`<button class="icon-button" aria-label=${t("memory.origin")} title=${t("memory.origin")} onClick=${() => ask("origin")}><${Icon} name="list" /></button>` : null}
      ${entry.role === "fact" ? html`<button class="icon-button" aria-label=${t("memory.correct")} title=${t("memory.correct")} onClick=${() => ask("correct")}><${Icon} name="edit" /></button>` : null}
      <button class="icon-button" aria-label=${t("memory.forget")} title=${t("memory.forget")} onClick=${() => ask("forget")}><${Icon} name="trash" /></button>
    </div>
    ${asked === "forget" ? html`<${Confirm} title=${t("memory.forgetThis")} text=${entry.text} yes=${t("memory.forget")} onYes=${forget} onClose=${close}>
      <p class="muted">${t("memory.forgetWhat")}</p><//>` : null}
    ${asked === "correct" ? html`<${Correct} entry=${entry} t=${t} onText=${correct} onClose=${close} />` : null}
    ${asked === "origin" ? html`<${Origin} path=${path} ctx=${ctx} onClose=${close} />` : null}
  </li>`;
}

/** @param {{entry: any, t: any, onText: (text: string) => void, onClose: () => void}} props */
function Correct({ entry, t, onText, onClose }) {
  /** @param {any} event */
  const save = (event) => {
    event.preventDefault();
    onText(new FormData(event.target).get("text")?.toString().trim() ?? "");
  };
  return html`<${Sheet} title=${t("memory.correct")} onClose=${onClose}>
    <form class="sheet-form" onSubmit=${save}>
      <label>${t("memory.rightWords")}<textarea name="text" rows="3" required maxlength="10000">${entry.text}</textarea></label>
      <p class="muted">${t("memory.correctWhat")}</p>
      <div class="sheet-foot"><button class="primary">${t("memory.save")}</button></div>
    </form>
  <//>`;
}

/** @param {{path: string, ctx: Ctx, onClose: () => void}} props */
function Origin({ path, ctx, onClose }) {
  const { t, api, toast } = ctx;
  const [found, setFound] = useState(/** @type {any} */ (null));
  useEffect(() => {
    api.get(path).then(setFound, (error) => toast(reason(error), "bad"));
  }, [path]);
  const details = found?.memory.details;
  return html`<${Sheet} title=${t("memory.origin")} onClose=${onClose}>
    ${found ? html`<p class="quoted">${found.memory.text}</p>
    <dl class="facts">
      <div><dt>${t("memory.saidBy")}</dt><dd>${details?.speaker ?? found.memory.role}</dd></div>
      <div><dt>${t("memory.learned")}</dt><dd>${day(found.memory.time)}</dd></div>
      ${details ? html`<div><dt>${t("memory.confirmed")}</dt><dd>${day(details.confirmed || found.memory.time)}</dd></div>
        <div><dt>${t("memory.sure")}</dt><dd>${Math.round(details.confidence * 100)} %</dd></div>` : null}
      <div><dt>${t("memory.from")}</dt><dd>${found.source ? found.source.text : t("memory.noSource")}</dd></div>
    </dl>
    ${found.history.length ? html`<h3>${t("memory.before")}</h3><ul class="trace">${found.history.map((/** @type {any} */ one) => html`<li key=${one.id}><span>${one.text}</span> <time>${day(one.time)}</time></li>`)}</ul>` : null}` : html`<p role="status">…</p>`}
  <//>`;
}
