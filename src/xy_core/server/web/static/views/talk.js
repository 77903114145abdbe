// Talk: the conversation, and beside it the agent's face and the user's mood.
import { html, useEffect, useReducer, useState } from "../vendor/preact.js";
import { Face } from "../face/face.js";
import { MoodLine, MoodWheel } from "../face/mood.js";
import { Icon } from "../lib/icons.js";
import { Composer } from "../talk/composer.js";
import { strongest } from "../talk/feelings.js";
import { History } from "../talk/history.js";
import { Messages } from "../talk/messages.js";
import { talking } from "../talk/talking.js";

/** @param {{ctx: import("../app.js").Ctx}} props */
export default function Talk({ ctx }) {
  const { t, lang } = ctx;
  const [, again] = useReducer((/** @type {number} */ n) => n + 1, 0);
  const [list, setList] = useState(false);
  const [panel, setPanel] = useState(false);
  useEffect(() => {
    const follow = () => again(undefined);
    talking.addEventListener("change", follow);
    return () => talking.removeEventListener("change", follow);
  }, []);
  useEffect(() => {
    const escape = (/** @type {KeyboardEvent} */ event) => {
      if (event.key === "Escape") list ? setList(false) : talking.stop();
    };
    window.addEventListener("keydown", escape);
    return () => window.removeEventListener("keydown", escape);
  }, [list]);
  const shows = strongest(talking.expression);
  const face = html`<${Face} weights=${talking.expression} level=${() => talking.player.level()}
    attentive=${talking.busy} label=${t("face.label", { emotion: t(`emotion.${shows}`) })} />`;
  return html`<div class="talk">
    <section class="conversation" aria-label=${t("talk.title")}>
      <div class="talk-head">
        <button class="icon-button" aria-label=${t("talk.list")} aria-expanded=${list} onClick=${() => setList(!list)}><${Icon} name="list" /></button>
        <h1>${talking.current.title || t("talk.new")}</h1>
        <button class="face-button" aria-label=${t("face.show")} aria-expanded=${panel} onClick=${() => setPanel(!panel)}>
          ${panel ? html`<${Icon} name="close" />` : face}</button>
        <button class="icon-button" aria-label=${t("talk.create")} onClick=${() => talking.create()}><${Icon} name="plus" /></button>
      </div>
      <${Messages} talking=${talking} t=${t} />
      <${Composer} talking=${talking} t=${t} toast=${ctx.toast} />
    </section>
    <aside class=${`feelings ${panel ? "open" : ""}`} aria-label=${t("face.title")}>
      <div class="face-card">${face}
        <p class="shows">${t("face.label", { emotion: t(`emotion.${shows}`) })}</p></div>
      <div class="mood-card"><h2>${t("mood.title")}</h2>
        <${MoodWheel} mood=${talking.mood} t=${t} />
        <${MoodLine} points=${talking.moods} t=${t} lang=${lang} /></div>
    </aside>
    ${list ? html`<${History} talking=${talking} t=${t} lang=${lang} onClose=${() => setList(false)} />` : null}
  </div>`;
}
