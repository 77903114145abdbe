// Talk: the conversation.
import { html } from "../vendor/preact.js";

/** @param {{ctx: import("../app.js").Ctx}} props */
export default function Talk({ ctx }) {
  return html`<div class="page"><h1>${ctx.t("talk.title")}</h1></div>`;
}
