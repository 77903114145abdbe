// Short notices at the edge of the page.
import { html, useEffect, useState } from "../vendor/preact.js";
import { t } from "./i18n.js";

/** @typedef {"info" | "good" | "bad"} Tone */
/** @typedef {{id: number, text: string, tone: Tone}} Toast */

const SHOWN_MS = 6000;
let last = 0;

/** Show a notice.
 * @param {string} text
 * @param {Tone} [tone] */
export function toast(text, tone = "info") {
  last += 1;
  window.dispatchEvent(new CustomEvent("xy:toast", { detail: { id: last, text, tone } }));
}

export function Toasts() {
  const [shown, setShown] = useState(/** @type {Toast[]} */ ([]));
  /** @param {number} id */
  const close = (id) => setShown((all) => all.filter((one) => one.id !== id));
  useEffect(() => {
    /** @param {Event} event */
    const add = (event) => {
      const next = /** @type {CustomEvent<Toast>} */ (event).detail;
      setShown((all) => [...all.filter((one) => one.text !== next.text).slice(-2), next]);
      setTimeout(() => close(next.id), SHOWN_MS);
    };
    window.addEventListener("xy:toast", add);
    return () => window.removeEventListener("xy:toast", add);
  }, []);
  return html`<div class="toasts" role="status" aria-live="polite">
    ${shown.map(
      (one) => html`<div key=${one.id} class=${`toast ${one.tone}`}>
        <span>${one.text}</span>
        <button class="icon-button" aria-label=${t("toast.close")} onClick=${() => close(one.id)}>
          <svg viewBox="0 0 24 24" aria-hidden="true"><path d="M6 6l12 12M18 6L6 18" /></svg>
        </button>
      </div>`,
    )}
  </div>`;
}
