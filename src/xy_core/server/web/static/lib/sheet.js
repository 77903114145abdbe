// A sheet above the page, and the question before something that cannot be undone.
import { html, useEffect, useRef } from "../vendor/preact.js";
import { Icon } from "./icons.js";
import { t } from "./i18n.js";

let last = 0;

/** @param {{title: string, onClose: () => void, children?: any}} props */
export function Sheet({ title, onClose, children }) {
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const id = useRef(`sheet-${(last += 1)}`).current;
  useEffect(() => {
    const before = /** @type {HTMLElement | null} */ (document.activeElement);
    dialog.current?.showModal();
    return () => before?.focus?.();
  }, []);
  const close = () => dialog.current?.close();
  return html`<dialog ref=${dialog} class="card sheet" aria-labelledby=${id} onClose=${onClose}
      onClick=${(/** @type {any} */ event) => event.target === dialog.current && close()}>
    <div class="card-head"><h2 id=${id}>${title}</h2>
      <button type="button" class="icon-button" aria-label=${t("sheet.close")} onClick=${close}><${Icon} name="close" /></button></div>
    ${children}
  </dialog>`;
}

/** @param {{title: string, text?: string, yes: string, onYes: () => void, onClose: () => void, children?: any}} props */
export function Confirm({ title, text, yes, onYes, onClose, children }) {
  /** @param {any} event */
  const agree = (event) => {
    event.preventDefault();
    onYes();
  };
  return html`<${Sheet} title=${title} onClose=${onClose}>
    <form class="sheet-form" onSubmit=${agree}>
      ${text ? html`<p class="quoted">${text}</p>` : null}
      ${children}
      <div class="sheet-foot">
        <button type="button" class="button" onClick=${onClose}>${t("sheet.no")}</button>
        <button class="button danger">${yes}</button>
      </div>
    </form>
  <//>`;
}
