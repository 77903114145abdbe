// What waits and what runs in each lane, over the last half minute.

/** @typedef {import("./feed.js").Moment} Moment */
/** @typedef {{id: string, name: string, type: string, priority: string, worker: number,
 *   from: number, to: number}} Bar `to` is Infinity while it runs */
/** @typedef {{name: string, waiting: number, running: number, workers: number, paused: boolean,
 *   bars: Bar[], running_bars: Map<string, Bar>, counts: {at: number, waiting: number}[]}} Lane */

/** Seconds that the timeline shows. */
export const WINDOW = 30;
const MOST_BARS = 4_000;

export class Lanes {
  constructor() {
    /** @type {Map<string, Lane>} */
    this.all = new Map();
    /** The server's clock less ours, in seconds. */
    this.offset = 0;
  }

  /** The server's time now, in seconds since the epoch. */
  get now() {
    return Date.now() / 1000 + this.offset;
  }

  /** @param {{time: number, lanes: any[], tasks: any[]}} snapshot */
  begin(snapshot) {
    this.all.clear();
    this.state(snapshot);
    for (const task of snapshot.tasks) {
      if (task.status !== "running") continue;
      this.run(this.lane(task.lane), task.task_id, { ...task, type: task.task_type }, task.started_at ?? task.created_at);
    }
  }

  /** @param {{time: number, lanes: any[]}} state */
  state({ time, lanes }) {
    this.offset = time - Date.now() / 1000;
    for (const told of lanes) {
      const lane = this.lane(told.name);
      Object.assign(lane, { waiting: told.waiting, running: told.running, workers: told.workers, paused: told.paused });
      lane.counts.push({ at: time, waiting: told.waiting });
      prune(lane, time - WINDOW - 1);
    }
  }

  /** @param {Moment} moment
   * @param {boolean} final */
  note(moment, final) {
    const lane = this.lane(moment.lane);
    if (moment.event === "worker_start") this.run(lane, moment.id, moment, moment.at);
    else if (final || moment.ms !== null) end(lane, moment);
  }

  /** @param {Lane} lane
   * @param {string} id
   * @param {{name: string, type: string, priority: string, worker: string}} task
   * @param {number} from */
  run(lane, id, task, from) {
    const worker = Number(task.worker.slice(task.worker.lastIndexOf("-") + 1)) || 0;
    const bar = { id, name: task.name, type: task.type, priority: task.priority, worker, from, to: Infinity };
    lane.running_bars.set(id, bar);
  }

  /** @param {string} name
   * @returns {Lane} */
  lane(name) {
    const found = this.all.get(name);
    if (found) return found;
    const made = {
      name, waiting: 0, running: 0, workers: 0, paused: false, bars: [], running_bars: new Map(), counts: [],
    };
    this.all.set(name, made);
    return made;
  }
}

/** @param {Lane} lane
 * @param {Moment} moment */
function end(lane, moment) {
  const bar = lane.running_bars.get(moment.id);
  if (!bar) return;
  lane.running_bars.delete(moment.id);
  bar.to = moment.at;
  lane.bars.push(bar);
}

/** @param {Lane} lane
 * @param {number} since */
function prune(lane, since) {
  const first = lane.bars.findIndex((bar) => bar.to >= since);
  if (first < 0) lane.bars.length = 0;
  else if (first > 0) lane.bars.splice(0, first);
  if (lane.bars.length > MOST_BARS) lane.bars.splice(0, lane.bars.length - MOST_BARS);
  const kept = lane.counts.findIndex((count) => count.at >= since);
  if (kept > 0) lane.counts.splice(0, kept);
}
