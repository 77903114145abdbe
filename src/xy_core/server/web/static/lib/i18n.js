// Texts in English and Chinese.
import en from "../i18n/en.js";
import zh from "../i18n/zh.js";

/** @typedef {"en" | "zh"} Lang */
/** @typedef {Record<string, string>} Dictionary */

/** @type {Record<Lang, Dictionary>} */
const texts = { en: { ...en }, zh: { ...zh } };
const STORED = "xy.lang";

/** @type {Lang} */
let lang = firstLang();

/** The language in use.
 * @returns {Lang} */
export const language = () => lang;

/** Change the language and remember it.
 * @param {Lang} next */
export function setLanguage(next) {
  lang = next;
  localStorage.setItem(STORED, next);
  document.documentElement.lang = next === "zh" ? "zh-CN" : "en";
}

/** Add a view's own texts.
 * @param {{en: Dictionary, zh: Dictionary}} more */
export function addTexts(more) {
  Object.assign(texts.en, more.en);
  Object.assign(texts.zh, more.zh);
}

/** Return the text of a key; `{name}` is filled in. An unknown key shows itself.
 * @param {string} key
 * @param {Record<string, string | number>} [values]
 * @returns {string} */
export function t(key, values = {}) {
  const text = texts[lang][key] ?? texts.en[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** @returns {Lang} */
function firstLang() {
  const stored = localStorage.getItem(STORED);
  if (stored === "en" || stored === "zh") return stored;
  return navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
}
