// The user's mood: a wheel of what it is now, a line of what it was.
import { html } from "../vendor/preact.js";
import { PLACES, ROUND, strongest } from "../talk/feelings.js";

const R = 74;
const SHOWN = 40;

/** Six petals, each as large as its feeling is strong.
 * @param {{mood: {probabilities: Record<string, number>}, t: any}} props */
export function MoodWheel({ mood, t }) {
  const top = strongest(mood.probabilities);
  const label = t("mood.now", { emotion: t(`emotion.${top}`), share: Math.round((mood.probabilities[top] ?? 0) * 100) });
  return html`<figure class="wheel">
    <svg viewBox="-122 -104 244 208" role="img" aria-label=${label}>
      <circle class="ring" r=${R} /><circle class="ring" r=${R / 2} />
      ${ROUND.map((name, i) => html`<${Petal} key=${name} name=${name} place=${i} share=${mood.probabilities[name] ?? 0} t=${t} />`)}
    </svg>
    <figcaption>${label}</figcaption>
  </figure>`;
}

/** @param {{name: string, place: number, share: number, t: any}} props */
function Petal({ name, place, share, t }) {
  const middle = (-60 + place * -60 + 30) * (Math.PI / 180);
  const half = Math.PI / 6 - 0.05;
  const r = 8 + (R - 8) * Math.sqrt(Math.min(1, share));
  const at = (/** @type {number} */ angle, /** @type {number} */ radius) =>
    `${(Math.cos(angle) * radius).toFixed(2)} ${(Math.sin(angle) * radius).toFixed(2)}`;
  const d = `M0 0L${at(middle - half, r)}A${r} ${r} 0 0 1 ${at(middle + half, r)}Z`;
  const x = Math.cos(middle) * (R + 12);
  const anchor = Math.abs(x) < 20 ? "middle" : x > 0 ? "start" : "end";
  return html`<g><path class=${`petal fill-${name}`} d=${d} />
    <text x=${Math.cos(middle) * (R + 8)} y=${Math.sin(middle) * (R + 12) + 4} text-anchor=${anchor}>${t(`emotion.${name}`)}</text></g>`;
}

/** Pleasure over the last turns; each point has the colour of its feeling.
 * @param {{points: {time: number, valence: number, emotion: string}[], t: any, lang: string}} props */
export function MoodLine({ points, t, lang }) {
  const shown = points.slice(-SHOWN);
  if (shown.length < 2) return html`<p class="muted small">${t("mood.few")}</p>`;
  const x = (/** @type {number} */ i) => 8 + (i / (shown.length - 1)) * 264;
  const y = (/** @type {number} */ valence) => 36 - valence * 36;
  const line = shown.map((one, i) => `${i ? "L" : "M"}${x(i).toFixed(1)} ${y(one.valence).toFixed(1)}`).join("");
  const time = (/** @type {number} */ s) => new Date(s * 1000).toLocaleTimeString(lang, { hour: "2-digit", minute: "2-digit" });
  return html`<figure class="mood-line">
    <svg viewBox="0 0 280 72" role="img" aria-label=${t("mood.line", { n: shown.length })}>
      <path class="zero" d="M4 36H276" /><path class="line" d=${line} />
      ${shown.map((one, i) => html`<circle key=${i} class=${`fill-${one.emotion in PLACES ? one.emotion : "neutral"}`} cx=${x(i)} cy=${y(one.valence)} r="4">
        <title>${time(one.time)} · ${t(`emotion.${one.emotion}`)}</title></circle>`)}
    </svg>
    <figcaption><span>${time(shown[0].time)}</span><span>${time(shown[shown.length - 1].time)}</span></figcaption>
  </figure>`;
}
