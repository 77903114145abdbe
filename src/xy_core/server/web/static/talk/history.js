// All conversations: find, open, take along, delete.
import { html, useState } from "../vendor/preact.js";
import { download } from "../lib/dom.js";
import { Icon } from "../lib/icons.js";
import { asMarkdown } from "./store.js";

/** @typedef {import("./store.js").Conversation} Conversation */

/** @param {{talking: any, t: any, lang: string, onClose: () => void}} props */
export function History({ talking, t, lang, onClose }) {
  const [query, setQuery] = useState("");
  const wanted = query.trim().toLowerCase();
  const found = talking.all.filter(
    (/** @type {Conversation} */ one) => !wanted || one.messages.some((said) => said.text.toLowerCase().includes(wanted)),
  );
  const exportAll = () => download("xy-core-conversations.json", JSON.stringify(talking.all, null, 2));
  return html`<div class="drawer-veil" onClick=${onClose}></div>
    <aside class="drawer" role="dialog" aria-label=${t("talk.list")}>
    <div class="drawer-head"><h2>${t("talk.list")}</h2>
      <button class="icon-button" aria-label=${t("talk.exportAll")} title=${t("talk.exportAll")} onClick=${exportAll}><${Icon} name="save" /></button>
      <button class="icon-button" aria-label=${t("talk.close")} onClick=${onClose}><${Icon} name="close" /></button></div>
    <input type="search" autofocus placeholder=${t("talk.search")} aria-label=${t("talk.search")} value=${query} onInput=${(/** @type {any} */ e) => setQuery(e.target.value)} />
    ${found.length
      ? html`<ul>${found.map((/** @type {Conversation} */ one) => html`<${Entry} key=${one.id} one=${one} talking=${talking} t=${t} lang=${lang} onClose=${onClose} />`)}</ul>`
      : html`<p class="muted">${t(wanted ? "talk.noneFound" : "talk.none")}</p>`}
  </aside>`;
}

/** @param {{one: Conversation, talking: any, t: any, lang: string, onClose: () => void}} props */
function Entry({ one, talking, t, lang, onClose }) {
  const title = one.title || t("talk.new");
  const names = (/** @type {string} */ role) => t(role === "user" ? "talk.you" : "talk.agent");
  const save = () => download(`${one.id}.md`, asMarkdown(one, names), "text/markdown");
  const remove = () => confirm(t("talk.sure", { title })) && talking.remove(one.id);
  return html`<li class=${one.id === talking.current.id ? "now" : ""}>
    <button class="entry" onClick=${() => (talking.open(one.id), onClose())}><b>${title}</b>
      <small>${new Date(one.updated).toLocaleString(lang, { dateStyle: "medium", timeStyle: "short" })}</small></button>
    <button class="icon-button" aria-label=${t("talk.export", { title })} onClick=${save}><${Icon} name="save" /></button>
    <button class="icon-button" aria-label=${t("talk.delete", { title })} onClick=${remove}><${Icon} name="trash" /></button>
  </li>`;
}
