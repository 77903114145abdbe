// Loop lag and throughput over the last minute.
import { html, useEffect, useRef } from "../../vendor/preact.js";
import { colour } from "../../lib/palette.js";
import uPlot from "../../vendor/uplot.js";

/** @typedef {import("./feed.js").Feed} Feed */
/** @typedef {import("./feed.js").Sample} Sample */
/** @typedef {{label: string, token: string, of: (sample: Sample) => number | null}} Line */

const HEIGHT = 132;
const SECONDS = 60;

/** @param {{feed: Feed, title: string, id: string, unit: string, lines: Line[], still: boolean}} props */
export function Chart({ feed, title, id, unit, lines, still }) {
  const place = useRef(/** @type {HTMLElement | null} */ (null));
  const plot = useRef(/** @type {any} */ (null));
  useEffect(() => {
    const element = /** @type {HTMLElement} */ (place.current);
    plot.current = new uPlot(/** @type {any} */ (options(element.clientWidth, unit, lines)), [[], ...lines.map(() => [])], element);
    const fit = new ResizeObserver(() => plot.current.setSize({ width: element.clientWidth, height: HEIGHT }));
    fit.observe(element);
    return () => {
      fit.disconnect();
      plot.current.destroy();
    };
  }, [lines]);
  const last = feed.samples.end;
  useEffect(() => {
    if (!still) plot.current.setData(series(feed, lines));
  }, [last, lines]);
  const newest = last ? feed.samples.at(last - 1) : null;
  return html`<section class="card watch-chart" aria-labelledby=${id}>
    <div class="card-head"><h2 id=${id}>${title}</h2>
      <p class="watch-figures">${lines.map((line) => html`<span key=${line.label}><i class=${`dot ${line.token}`}></i>${line.label} <b>${shown(newest && line.of(newest))}</b> ${unit}</span>`)}</p>
    </div>
    <div ref=${place} class="watch-plot" aria-hidden="true"></div>
  </section>`;
}

/** @param {Feed} feed
 * @param {Line[]} lines */
function series(feed, lines) {
  const { samples } = feed;
  /** @type {any[][]} */
  const columns = [[], ...lines.map(() => /** @type {any[]} */ ([]))];
  for (let number = samples.start; number < samples.end; number += 1) {
    const sample = samples.at(number);
    columns[0].push(sample.time);
    lines.forEach((line, index) => columns[index + 1].push(line.of(sample)));
  }
  return columns;
}

/** @param {number} width
 * @param {string} unit
 * @param {Line[]} lines */
function options(width, unit, lines) {
  const axis = {
    stroke: () => colour("muted"),
    grid: { stroke: () => colour("sunken"), width: 1 },
    ticks: { show: false },
    font: "11px system-ui",
  };
  return {
    width: Math.max(width, 100),
    height: HEIGHT,
    padding: [10, 16, 0, 0],
    legend: { show: false },
    cursor: { show: false },
    scales: { x: { range: lastMinute }, y: { range: (/** @type {any} */ _, /** @type {number} */ __, /** @type {number} */ most) => [0, Math.max(1, (most || 0) * 1.15)] } },
    axes: [
      { ...axis, size: 24, space: 70, values: (/** @type {any} */ _, /** @type {number[]} */ at) => at.map((one) => new Date(one * 1000).toTimeString().slice(0, 8)) },
      { ...axis, size: 44, values: (/** @type {any} */ _, /** @type {number[]} */ at) => at.map((one) => `${shown(one)}`) },
    ],
    series: [{}, ...lines.map((line) => ({ stroke: () => colour(line.token), width: 1.75, points: { show: false } }))],
  };
}

/** @param {any} _plot
 * @param {number} _first
 * @param {number | null} last
 * @returns {[number, number]} */
function lastMinute(_plot, _first, last) {
  const now = last ?? Date.now() / 1000;
  return [now - SECONDS, now];
}

/** @param {number | null | undefined} value */
function shown(value) {
  if (value === null || value === undefined) return "–";
  return value >= 100 ? Math.round(value) : Number(value.toFixed(1));
}
