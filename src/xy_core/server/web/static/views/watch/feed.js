// Follows the runtime and keeps what the view shows, all of it bounded.
import { reason } from "../../lib/loading.js";
import { Lanes } from "./lanes.js";
import { Ring } from "./ring.js";

/** @typedef {import("../../lib/api.js").Api} Api */
/** @typedef {{at: number, event: string, id: string, name: string, lane: string, priority: string,
 *   type: string, worker: string, ms: number | null, words: string}} Moment */
/** @typedef {{time: number, done: number, lag: {mean: number, worst: number} | null}} Sample */

const EVENTS = 20_000;
const SAMPLES = 240;
const EVERY = 0.25;
const FINAL = /^task_(completed|failed|cancelled|timed_out)$/;

export class Feed {
  /** @param {Api} api
   * @param {() => void} changed told at most once a frame */
  constructor(api, changed) {
    this.api = api;
    this.lanes = new Lanes();
    /** @type {Ring<Moment>} */
    this.events = new Ring(EVENTS);
    /** @type {Ring<Sample>} */
    this.samples = new Ring(SAMPLES);
    /** @type {any[]} */
    this.devices = [];
    this.status = "";
    this.open = false;
    this.missed = 0;
    this.problem = "";
    this.ended = 0;
    this.endedAt = 0;
    this.newest = 0;
    this.known = 0;
    this.changed = changed;
    this.frame = 0;
    this.stopping = new AbortController();
  }

  start() {
    const { signal } = this.stopping;
    const live = { reconnect: true, signal, onState: (/** @type {boolean} */ open) => this.told({ open }) };
    this.follow(`/v1/runtime/live?every=${EVERY}`, live, (event) => this.hear(event));
    this.follow("/v1/events", { reconnect: true, signal }, (event) => this.hearBus(event));
  }

  stop() {
    this.stopping.abort();
    cancelAnimationFrame(this.frame);
  }

  /** @param {string} path
   * @param {any} options
   * @param {(event: any) => void} hear */
  async follow(path, options, hear) {
    try {
      for await (const event of this.api.sse(path, options)) {
        if (options.signal.aborted) return;
        hear(event);
        this.told();
      }
    } catch (error) {
      if (!options.signal.aborted) this.told({ problem: reason(error) });
    }
  }

  /** Note a change; the view is told once in the next frame.
   * @param {{open?: boolean, problem?: string}} [change] */
  told(change) {
    Object.assign(this, change);
    if (this.frame || this.stopping.signal.aborted) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.changed();
    });
  }

  /** @param {{event: string, data: any}} message */
  hear({ event, data }) {
    if (event === "snapshot") this.begin(data);
    else if (event === "state") this.state(data);
    else if (event === "trace") this.trace(data);
  }

  /** @param {any} snapshot */
  begin(snapshot) {
    this.known = this.newest; // a stream that begins anew tells the last minute once more
    this.status = snapshot.status;
    this.endedAt = 0;
    this.problem = "";
    this.lanes.begin(snapshot);
    this.devices = snapshot.devices;
  }

  /** @param {any} state */
  state(state) {
    const ended = state.lanes.reduce(
      (/** @type {number} */ sum, /** @type {any} */ lane) => sum + total(lane.ended), 0);
    const passed = state.time - this.endedAt;
    const done = this.endedAt ? Math.max(0, ended - this.ended) / passed : 0;
    this.samples.push({ time: state.time, done, lag: state.loop_lag });
    this.ended = ended;
    this.endedAt = state.time;
    this.devices = state.devices;
    this.lanes.state(state);
  }

  /** @param {{rows: any[][], missed: number}} batch */
  trace({ rows, missed }) {
    this.missed += missed;
    for (const row of rows) {
      const [at, event, id, name, lane, type, priority, worker, ms] = row;
      if (at <= this.known) continue;
      this.newest = Math.max(this.newest, at);
      const moment = { at, event, id, name, lane, type, priority, worker, ms, words: "" };
      this.lanes.note(moment, FINAL.test(event));
      this.events.push(moment);
    }
  }

  /** @param {{event: string, data: any}} message */
  hearBus({ event, data }) {
    if (!data?.topic) return;
    this.events.push({
      at: Date.now() / 1000 + this.lanes.offset, event, id: "", name: "", lane: "", type: "bus",
      priority: data.priority, worker: "", ms: null, words: brief(data.data),
    });
  }
}

/** @param {Record<string, number>} counts */
const total = (counts) => Object.values(counts).reduce((sum, count) => sum + count, 0);

/** What an event carries, in one line.
 * @param {unknown} fields */
function brief(fields) {
  const text = JSON.stringify(fields) ?? "";
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}
