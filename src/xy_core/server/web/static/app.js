// The shell: which view is shown, in which language and theme, and whether the server is there.
import { html, render, useEffect, useState } from "./vendor/preact.js";
import { api, key } from "./lib/api.js";
import { linkStyles } from "./lib/dom.js";
import { addTexts, language, setLanguage, t } from "./lib/i18n.js";
import { Icon } from "./lib/icons.js";
import { useOnline } from "./lib/link.js";
import { toast, Toasts } from "./lib/toasts.js";

/** @typedef {import("./lib/i18n.js").Lang} Lang */
/** @typedef {{api: import("./lib/api.js").Api, t: typeof t, lang: Lang,
 *   navigate: (view: string) => void, toast: typeof toast}} Ctx */
/** @typedef {(props: {ctx: Ctx}) => any} View */

const VIEWS = ["talk", "watch", "memory", "models", "settings"];
const THEMES = ["auto", "light", "dark"];

/** @type {Map<string, View>} */
const loaded = new Map();

function App() {
  const view = useRoute();
  const online = useOnline();
  const [lang, setLang] = useState(language());
  useEffect(() => setLanguage(lang), [lang]);
  useReturnNotice(online);
  const ctx = { api, t, lang, navigate, toast };
  return html`<div class="shell">
    <a class="skip" href="#main">${t("app.skip")}</a>
    <header class="rail">
      <span class="brand"><img src="/web/icon.svg" alt="" width="28" height="28" /><b>${t("app.name")}</b></span>
      <nav aria-label=${t("app.views")}>
        ${VIEWS.map(
          (name) => html`<a key=${name} href=${`#/${name}`} aria-current=${name === view ? "page" : undefined}>
            <${Icon} name=${name} /><span>${t(`nav.${name}`)}</span></a>`,
        )}
      </nav>
      <div class="rail-foot">
        <span class=${`link-state ${online ? "up" : "down"}`} role="status">
          <i aria-hidden="true"></i><span>${t(online ? "link.online" : "link.offline")}</span>
        </span>
        <${Choices} lang=${lang} onLang=${(/** @type {Lang} */ next) => (setLanguage(next), setLang(next))} />
      </div>
    </header>
    <main id="main" tabindex="-1"><${Loader} key=${view} name=${view} ctx=${ctx} /></main>
    <${Toasts} />
    <${KeyDialog} />
  </div>`;
}

/** @param {{lang: Lang, onLang: (next: Lang) => void}} props */
function Choices({ lang, onLang }) {
  const [theme, setTheme] = useState(localStorage.getItem("xy.theme") ?? "auto");
  /** @param {string} next */
  const choose = (next) => {
    localStorage.setItem("xy.theme", next);
    if (next === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = next;
    setTheme(next);
  };
  return html`<div class="choices">
    <select aria-label=${t("lang.label")} value=${lang} onChange=${(/** @type {any} */ e) => onLang(e.target.value)}>
      <option value="en">English</option><option value="zh">中文</option>
    </select>
    <select aria-label=${t("theme.label")} value=${theme} onChange=${(/** @type {any} */ e) => choose(e.target.value)}>
      ${THEMES.map((one) => html`<option key=${one} value=${one}>${t(`theme.${one}`)}</option>`)}
    </select>
  </div>`;
}

/** Shows a view once its module, texts and styles are there.
 * @param {{name: string, ctx: Ctx}} props */
function Loader({ name, ctx }) {
  const [state, setState] = useState({ error: "" });
  useEffect(() => {
    if (!loaded.has(name)) load(name).then(() => setState({ error: "" }), (e) => setState({ error: String(e) }));
  }, []);
  const Shown = loaded.get(name);
  if (state.error) return html`<p class="boot" role="alert">${t("app.viewFailed", { error: state.error })}</p>`;
  if (!Shown) return html`<p class="boot" role="status">${t("app.loading")}</p>`;
  return html`<${Shown} ctx=${ctx} />`;
}

/** @param {string} name */
async function load(name) {
  const [module, texts] = await Promise.all([
    import(`./views/${name}.js`),
    import(`./views/${name}.i18n.js`),
    linkStyles(`/web/styles/${name}.css`),
  ]);
  addTexts(texts.default ?? texts);
  loaded.set(name, module.default);
}

/** @param {string} view */
function navigate(view) {
  location.hash = `#/${view}`;
}

function useRoute() {
  const read = () => location.hash.replace(/^#\//, "").split(/[/?]/)[0];
  const [route, setRoute] = useState(read());
  useEffect(() => {
    const follow = () => {
      if (location.hash !== "#main") setRoute(read());
    };
    window.addEventListener("hashchange", follow);
    return () => window.removeEventListener("hashchange", follow);
  }, []);
  return VIEWS.includes(route) ? route : VIEWS[0];
}

/** @param {boolean} online */
function useReturnNotice(online) {
  const [before, setBefore] = useState(online);
  useEffect(() => {
    if (before === online) return;
    setBefore(online);
    toast(t(online ? "link.back" : "link.lost"), online ? "good" : "bad");
    if (online) window.dispatchEvent(new Event("xy:back"));
  }, [online]);
}

function KeyDialog() {
  const [asked, setAsked] = useState(false);
  useEffect(() => {
    const ask = () => setAsked(true);
    window.addEventListener("xy:key", ask);
    return () => window.removeEventListener("xy:key", ask);
  }, []);
  if (!asked) return null;
  /** @param {any} event */
  const enter = (event) => {
    event.preventDefault();
    key.set(new FormData(event.target).get("key")?.toString().trim() ?? "");
    location.reload();
  };
  return html`<div class="veil"><form class="card key-form" role="dialog" aria-modal="true" aria-labelledby="key-title" onSubmit=${enter}>
    <h2 id="key-title">${t("key.title")}</h2>
    <p>${t("key.hint")}</p>
    <label>${t("key.label")}<input name="key" type="password" autocomplete="off" required autofocus /></label>
    <button class="primary">${t("key.enter")}</button>
  </form></div>`;
}

setLanguage(language());
const root = /** @type {Element} */ (document.getElementById("app"));
root.replaceChildren();
render(html`<${App} />`, root);
