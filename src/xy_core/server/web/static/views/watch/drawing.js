// Draws the lanes: what waits as an area, what runs as bars, a row a worker.
import { colour } from "../../lib/palette.js";
import { WINDOW } from "./lanes.js";

/** @typedef {import("./lanes.js").Lane} Lane */
/** @typedef {import("./lanes.js").Bar} Bar */
/** @typedef {import("./feed.js").Feed} Feed */
/** @typedef {{x: number, y: number, width: number, id: string}} Place */

const ROW = 9;
const ROWS = 6;
const LEAST_ROWS = 3;
const QUEUE = 18;
const GAP = 10;
const FRAME_MS = 50;

/** Draw again and again, at most twenty times a second, until the returned function is called.
 * @param {HTMLCanvasElement} canvas
 * @param {Feed} feed
 * @param {Record<string, string>} tokens
 * @param {{current: Place[]}} places */
export function drawing(canvas, feed, tokens, places) {
  let frame = 0;
  let last = -FRAME_MS;
  /** @param {number} now */
  const next = (now) => {
    frame = requestAnimationFrame(next);
    if (now - last < FRAME_MS) return;
    last = now;
    places.current = draw(canvas, feed, tokens);
  };
  frame = requestAnimationFrame(next);
  return () => cancelAnimationFrame(frame);
}

/** How high a lane is drawn, in pixels.
 * @param {Lane} lane */
export function height(lane) {
  return GAP + QUEUE + Math.min(ROWS, Math.max(LEAST_ROWS, rows(lane))) * ROW;
}

/** How many workers a lane uses; a lane that once grew stays as high.
 * @param {any} lane */
function rows(lane) {
  for (const bar of lane.running_bars.values()) lane.rows = Math.max(lane.rows ?? 0, bar.worker + 1);
  return lane.rows ?? 0;
}

/** @param {HTMLCanvasElement} canvas
 * @param {Feed} feed
 * @param {Record<string, string>} tokens
 * @returns {Place[]} */
function draw(canvas, feed, tokens) {
  const lanes = [...feed.lanes.all.values()];
  const wide = canvas.clientWidth;
  const high = lanes.reduce((sum, lane) => sum + height(lane), 0);
  const scale = devicePixelRatio || 1;
  if (canvas.width !== Math.round(wide * scale) || canvas.height !== Math.round(high * scale)) {
    canvas.width = Math.round(wide * scale);
    canvas.height = Math.round(high * scale);
    canvas.style.height = `${high}px`;
  }
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, wide, high);
  const now = feed.lanes.now;
  const x = (/** @type {number} */ time) => wide - ((now - time) / WINDOW) * wide;
  grid(pen, wide, high);
  /** @type {Place[]} */
  const places = [];
  let top = 0;
  for (const lane of lanes) {
    queue(pen, lane, x, top + QUEUE, wide);
    bars(pen, lane, { x, now, wide, top: top + QUEUE + 2, tokens, places });
    top += height(lane);
    pen.fillStyle = colour("line");
    pen.fillRect(0, top - GAP / 2, wide, 1);
  }
  return places;
}

/** A line every five seconds.
 * @param {CanvasRenderingContext2D} pen
 * @param {number} wide
 * @param {number} high */
function grid(pen, wide, high) {
  pen.fillStyle = colour("sunken");
  for (let part = 1; part < 6; part += 1) pen.fillRect(Math.round((wide * part) / 6), 0, 1, high);
}

/** How many tasks waited, as an area.
 * @param {CanvasRenderingContext2D} pen
 * @param {Lane} lane
 * @param {(time: number) => number} x
 * @param {number} base
 * @param {number} wide */
function queue(pen, lane, x, base, wide) {
  const most = Math.max(4, ...lane.counts.map((count) => count.waiting));
  pen.fillStyle = colour("fear");
  lane.counts.forEach((count, index) => {
    if (!count.waiting) return;
    const left = x(count.at);
    const right = index + 1 < lane.counts.length ? x(lane.counts[index + 1].at) : wide;
    const tall = Math.max(2, (count.waiting / most) * (QUEUE - 3));
    pen.fillRect(left, base - tall, Math.max(1, right - left), tall);
  });
}

/** What ran: a row a worker; of bars within one pixel only the first is drawn.
 * @param {CanvasRenderingContext2D} pen
 * @param {Lane} lane
 * @param {{x: (time: number) => number, now: number, wide: number, top: number,
 *   tokens: Record<string, string>, places: Place[]}} at */
function bars(pen, lane, { x, now, wide, top, tokens, places }) {
  const filled = new Int32Array(ROWS).fill(-1);
  const put = (/** @type {Bar} */ bar) => {
    const row = bar.worker % ROWS;
    const left = Math.max(0, x(bar.from));
    const right = bar.to === Infinity ? wide : x(bar.to);
    if (right < 0 || (right <= filled[row] && right - left < 1)) return;
    const width = Math.max(1.5, right - left - 0.5);
    filled[row] = Math.max(filled[row], left + width);
    pen.fillStyle = colour(tokens[bar.priority] ?? tokens[bar.type] ?? "muted");
    pen.fillRect(left, top + row * ROW, width, ROW - 2);
    places.push({ x: left, y: top + row * ROW, width, id: bar.id });
  };
  lane.bars.forEach(put);
  lane.running_bars.forEach(put);
}

/** The bar at a point.
 * @param {Place[]} places
 * @param {number} x
 * @param {number} y */
export function at(places, x, y) {
  return places.findLast((one) => y >= one.y - 1 && y <= one.y + ROW && x >= one.x - 3 && x <= one.x + one.width + 3);
}
