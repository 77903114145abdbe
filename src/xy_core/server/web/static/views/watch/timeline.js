// The lanes as a timeline on one canvas.
import { html, useEffect, useRef, useState } from "../../vendor/preact.js";
import { at, drawing, height } from "./drawing.js";

/** @typedef {import("./feed.js").Feed} Feed */
/** @typedef {import("./drawing.js").Place} Place */

const BY = {
  priority: { LOW: "muted", MEDIUM: "accent", HIGH: "joy", CRITICAL: "bad" },
  type: { default: "accent", cpu_bound: "sadness", process: "disgust", gpu_bound: "joy" },
};

/** @typedef {keyof typeof BY} Scheme */

/** @param {{feed: Feed, t: (key: string, values?: any) => string, onPick: (id: string) => void, still: boolean}} props */
export function Timeline({ feed, t, onPick, still }) {
  const canvas = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  const [scheme, setScheme] = useState(/** @type {Scheme} */ ("priority"));
  const places = useRef(/** @type {Place[]} */ ([]));
  const lanes = [...feed.lanes.all.values()];
  useEffect(() => {
    if (still || !canvas.current) return undefined;
    return drawing(canvas.current, feed, BY[scheme], places);
  }, [scheme, still]);
  /** @param {any} event */
  const pick = (event) => {
    const found = at(places.current, event.offsetX, event.offsetY);
    if (found) onPick(found.id);
  };
  const told = lanes.map((lane) => `${lane.name}: ${t("watch.waiting", { n: lane.waiting })}, ${t("watch.running", { n: lane.running })}`);
  return html`<section class="card watch-lanes" aria-labelledby="watch-lanes">
    <div class="card-head">
      <h2 id="watch-lanes">${t("watch.lanes")}</h2>
      <label class="watch-inline">${t("watch.colourBy")}
        <select value=${scheme} onChange=${(/** @type {any} */ e) => setScheme(e.target.value)}>
          <option value="priority">${t("watch.byPriority")}</option><option value="type">${t("watch.byType")}</option>
        </select></label>
    </div>
    <div class="watch-timeline">
      <ul>${lanes.map((lane) => html`<li key=${lane.name} style=${{ height: `${height(lane)}px` }}>
        <b>${lane.name}</b>
        <span class=${lane.waiting ? "busy" : ""}>${t("watch.waiting", { n: lane.waiting })}</span>
        <span>${t("watch.running", { n: `${lane.running}/${lane.workers}` })}${lane.paused ? ` · ${t("watch.paused")}` : ""}</span>
      </li>`)}</ul>
      <canvas ref=${canvas} role="img" aria-label=${told.join("; ")} onClick=${pick}></canvas>
    </div>
    <ul class="legend" aria-label=${t("watch.legend")}>
      ${Object.entries(BY[scheme]).map(([name, token]) => html`<li key=${name}><i class=${`dot ${token}`}></i>${t(`watch.${name}`)}</li>`)}
      <li><i class="dot queue"></i>${t("watch.queue")}</li>
    </ul>
  </section>`;
}
