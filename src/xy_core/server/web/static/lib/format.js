// Numbers and times as people read them, in the page's language.
import { language } from "./i18n.js";

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

/** @param {number} size */
export function bytes(size) {
  let step = 0;
  let value = size;
  while (value >= 1000 && step < UNITS.length - 1) {
    value /= 1024;
    step += 1;
  }
  return `${value.toFixed(step && value < 100 ? 1 : 0)} ${UNITS[step]}`;
}

/** @param {number} seconds */
export function duration(seconds) {
  if (seconds < 1) return `${(seconds * 1000).toFixed(seconds < 0.01 ? 2 : 0)} ms`;
  return seconds < 90 ? `${seconds.toFixed(1)} s` : `${Math.round(seconds / 60)} min`;
}

/** @param {number} seconds since the epoch */
export function clock(seconds) {
  const at = new Date(seconds * 1000);
  return `${at.toTimeString().slice(0, 8)}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}

/** @param {number} seconds since the epoch */
export function day(seconds) {
  const format = { dateStyle: "medium", timeStyle: "short" };
  return new Intl.DateTimeFormat(locale(), /** @type {any} */ (format)).format(seconds * 1000);
}

/** @param {number} value */
export const number = (value) => new Intl.NumberFormat(locale()).format(value);

const locale = () => (language() === "zh" ? "zh-CN" : "en-GB");
