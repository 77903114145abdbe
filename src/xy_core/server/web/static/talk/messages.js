// What was said, newest at the bottom, where it stays as long as the user does not scroll up.
import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { Icon } from "../lib/icons.js";
import { Markdown } from "./markdown.js";

/** @typedef {import("./store.js").Message} Message */

const NEAR = 80;

/** @param {{talking: any, t: any}} props */
export function Messages({ talking, t }) {
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const stuck = useRef(true);
  useEffect(() => {
    const at = box.current;
    if (at && stuck.current) at.scrollTop = at.scrollHeight;
  });
  const scrolled = () => {
    const at = /** @type {HTMLElement} */ (box.current);
    stuck.current = at.scrollHeight - at.scrollTop - at.clientHeight < NEAR;
  };
  const all = talking.current.messages;
  return html`<div class="messages" ref=${box} onScroll=${scrolled} tabindex="0" role="log" aria-label=${t("talk.messages")} aria-live="polite">
    ${all.length ? null : html`<${Welcome} talking=${talking} t=${t} />`}
    <div class="column">${all.map((/** @type {Message} */ one) => html`<${Said} key=${one.id} one=${one} talking=${talking} t=${t} />`)}</div>
  </div>`;
}

/** @param {{talking: any, t: any}} props */
function Welcome({ talking, t }) {
  return html`<div class="welcome"><h2>${t("talk.welcome")}</h2><p class="muted">${t("talk.welcomeHint")}</p>
    <div class="ideas">${[1, 2, 3].map(
      (n) => html`<button key=${n} class="idea" onClick=${() => talking.send({ text: t(`talk.idea${n}`) })}>${t(`talk.idea${n}`)}</button>`,
    )}</div></div>`;
}

/** @param {{one: Message, talking: any, t: any}} props */
function Said({ one, talking, t }) {
  const [editing, setEditing] = useState(false);
  const mine = one.role === "user";
  if (editing) return html`<${Edit} one=${one} t=${t} onEnd=${(/** @type {string} */ text) => (setEditing(false), text && talking.edit(one.id, text))} />`;
  return html`<article class=${`said ${one.role} ${one.state}`} aria-label=${t(mine ? "talk.you" : "talk.agent")}>
    <div class="bubble">
      ${one.image ? html`<figure class="shown"><img src=${one.image} alt=${one.imageName || t("talk.picture")} />
        ${one.imageName ? html`<figcaption>${one.imageName}</figcaption>` : null}</figure>` : null}
      ${one.picture ? html`<figure class="painted"><img src=${one.picture} alt=${one.text || t("talk.painting")} />
        ${one.progress ? html`<figcaption>${one.progress}</figcaption>` : null}</figure>` : null}
      ${mine ? (one.text || one.spoken ? html`<p class="plain">${one.text || t("talk.listening")}</p>` : null) : html`<${Markdown} text=${one.text} />`}
      ${one.state === "writing" && !one.text && !mine ? html`<p class="thinking" role="status"><i></i><i></i><i></i><span class="visually-hidden">${t("talk.thinking")}</span></p>` : null}
      ${one.error ? html`<p class="wrong" role="alert">${one.error}</p>` : null}
    </div>
    <${Foot} one=${one} mine=${mine} talking=${talking} t=${t} onEdit=${() => setEditing(true)} />
  </article>`;
}

/** What was felt, and what can be done.
 * @param {{one: Message, mine: boolean, talking: any, t: any, onEdit: () => void}} props */
function Foot({ one, mine, talking, t, onEdit }) {
  if (one.state === "writing") return null;
  const feeling = mine ? one.emotion : one.shows;
  const copy = () => navigator.clipboard?.writeText(one.text);
  return html`<footer>
    ${feeling && feeling !== "neutral" ? html`<span class="feeling"><i class=${`fill-${feeling}`}></i>${t(`emotion.${feeling}`)}</span>` : null}
    ${one.spoken ? html`<span>${t("talk.spoken")}</span>` : null}
    ${one.notes?.length ? html`<span class="note">${t("talk.read", { words: one.notes.join(" · ") })}</span>` : null}
    ${one.recalled?.length ? html`<details><summary>${t("talk.recalled", { n: one.recalled.length })}</summary><ul>${one.recalled.map((text) => html`<li>${text}</li>`)}</ul></details>` : null}
    ${one.state === "done" ? null : html`<span>${t(`talk.state.${one.state}`)}</span>`}
    <span class="acts">
      ${mine && one.text ? html`<button class="icon-button" aria-label=${t("talk.edit")} onClick=${onEdit}><${Icon} name="edit" /></button>` : null}
      ${mine ? null : html`<button class="icon-button" aria-label=${t("talk.again")} onClick=${() => talking.regenerate(one.id)}><${Icon} name="again" /></button>`}
      ${one.text ? html`<button class="icon-button" aria-label=${t("talk.copy")} onClick=${copy}><${Icon} name="copy" /></button>` : null}
    </span>
  </footer>`;
}

/** @param {{one: Message, t: any, onEnd: (text: string) => void}} props */
function Edit({ one, t, onEnd }) {
  const field = useRef(/** @type {HTMLTextAreaElement | null} */ (null));
  useEffect(() => field.current?.focus(), []);
  const send = (/** @type {Event} */ event) => {
    event.preventDefault();
    onEnd(field.current?.value.trim() ?? "");
  };
  return html`<form class="edit card" onSubmit=${send}>
    <textarea ref=${field} rows="3" aria-label=${t("talk.edit")} defaultValue=${one.text}></textarea>
    <div><button type="button" class="button" onClick=${() => onEnd("")}>${t("talk.cancel")}</button><button class="primary">${t("talk.sendAgain")}</button></div>
  </form>`;
}
