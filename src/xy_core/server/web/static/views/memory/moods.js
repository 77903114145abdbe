// The timeline of a person's moods: pleasant above, unpleasant below, strong feelings large.
import { html, useEffect, useState } from "../../vendor/preact.js";
import { day } from "../../lib/format.js";
import { FEELINGS } from "./entries.js";

/** @typedef {import("../../app.js").Ctx} Ctx */

const MOST = 150;
const WIDE = 1000;
const HIGH = 150;
const EDGE = 12;

/** @param {{person: string, ctx: Ctx, changes: number}} props */
export function Moods({ person, ctx, changes }) {
  const { t, api } = ctx;
  const [points, setPoints] = useState(/** @type {any[]} */ ([]));
  const [chosen, choose] = useState(/** @type {any} */ (null));
  useEffect(() => {
    const path = `/v1/memory/${encodeURIComponent(person)}/moods?limit=${MOST}`;
    api.get(path).then((found) => setPoints(found.data), () => setPoints([]));
  }, [person, changes]);
  if (!points.length) return null;
  const shown = chosen ?? points.at(-1);
  const felt = FEELINGS.filter((one) => points.some((point) => point.emotion === one));
  return html`<section class="card memory-moods" aria-labelledby="memory-moods">
    <div class="card-head"><h2 id="memory-moods">${t("memory.moods")}</h2>
      <ul class="legend">${felt.map((one) => html`<li key=${one}><i class=${`dot ${one}`}></i>${t(`feeling.${one}`)}</li>`)}</ul></div>
    <${Curve} points=${points} t=${t} choose=${choose} />
    <p class="memory-mood" role="status"><i class=${`dot ${shown.emotion}`}></i><b>${t(`feeling.${shown.emotion}`)}</b>
      <span class="muted">${day(shown.time)} · ${t("memory.pleasant", { n: shown.valence.toFixed(2) })} · ${t("memory.aroused", { n: shown.arousal.toFixed(2) })}${shown.sources.length ? ` · ${shown.sources.join(", ")}` : ""}</span>
      ${shown.topic ? html`<q>${shown.topic}</q>` : null}</p>
  </section>`;
}

/** The points at equal distances: moods come in clusters, and a scale of time would hide them.
 * @param {{points: any[], t: any, choose: (point: any) => void}} props */
function Curve({ points, t, choose }) {
  const [index, setIndex] = useState(points.length - 1);
  const x = (/** @type {number} */ number) => EDGE + ((WIDE - 2 * EDGE) * (number + 0.5)) / points.length;
  const y = (/** @type {any} */ point) => HIGH / 2 - (point.valence * (HIGH - 2 * EDGE)) / 2;
  const line = points.map((point, number) => `${number ? "L" : "M"}${x(number)} ${y(point)}`).join("");
  const pick = (/** @type {number} */ number) => {
    const next = Math.min(points.length - 1, Math.max(0, number));
    setIndex(next);
    choose(points[next]);
  };
  /** @param {any} event */
  const keys = (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[/** @type {string} */ (event.key)];
    if (!step) return;
    event.preventDefault();
    pick(index + step);
  };
  /** @param {any} event */
  const point = (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    pick(Math.floor(((event.clientX - box.left) / box.width) * points.length));
  };
  return html`<div class="memory-curve" role="slider" tabindex="0" aria-label=${t("memory.moods")} aria-valuemin="1"
      aria-valuemax=${points.length} aria-valuenow=${index + 1} aria-valuetext=${`${t(`feeling.${points[index]?.emotion}`)}, ${day(points[index]?.time ?? 0)}`}
      onKeyDown=${keys} onPointerMove=${point} onPointerDown=${point}>
    <svg viewBox=${`0 0 ${WIDE} ${HIGH}`} preserveAspectRatio="none" aria-hidden="true">
      <line class="zero" x1="0" x2=${WIDE} y1=${HIGH / 2} y2=${HIGH / 2} />
      <path class="curve" d=${line} />
    </svg>
    ${points.map((one, number) => html`<i key=${number} class=${`mood ${one.emotion} ${number === index ? "here" : ""} ${one.crisis ? "crisis" : ""}`}
      style=${{ left: `${(100 * x(number)) / WIDE}%`, top: `${(100 * y(one)) / HIGH}%`, width: `${6 + 8 * one.intensity}px`, height: `${6 + 8 * one.intensity}px` }}></i>`)}
  </div>`;
}
