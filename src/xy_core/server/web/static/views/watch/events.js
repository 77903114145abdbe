// The stream of events: filtered, and only the rows in sight are drawn.
import { html, useEffect, useMemo, useRef, useState } from "../../vendor/preact.js";
import { clock, number } from "../../lib/format.js";
import { Icon } from "../../lib/icons.js";

/** @typedef {import("./feed.js").Feed} Feed */
/** @typedef {import("./feed.js").Moment} Moment */

const ROW = 30;
const SPARE = 4;
const KINDS = ["all", "tasks", "failures", "bus"];

/** The numbers of the events that a filter lets pass, kept up as events come. */
class Filtered {
  /** @param {string} kind
   * @param {string} words */
  constructor(kind, words) {
    this.kind = kind;
    this.words = words.toLowerCase();
    this.seen = 0;
    this.first = 0;
    /** @type {number[]} */
    this.numbers = [];
  }

  /** @param {Feed} feed */
  update({ events }) {
    for (let next = Math.max(this.seen, events.start); next < events.end; next += 1) {
      if (this.lets(events.at(next))) this.numbers.push(next);
    }
    this.seen = events.end;
    while (this.first < this.numbers.length && this.numbers[this.first] < events.start) this.first += 1;
    if (this.first > 5_000) {
      this.numbers.splice(0, this.first);
      this.first = 0;
    }
    return this.numbers.length - this.first;
  }

  /** The newest has index 0.
   * @param {number} index */
  number(index) {
    return this.numbers[this.numbers.length - 1 - index];
  }

  /** @param {Moment} moment */
  lets(moment) {
    if (this.kind === "tasks" && moment.type === "bus") return false;
    if (this.kind === "bus" && moment.type !== "bus") return false;
    if (this.kind === "failures" && !bad(moment)) return false;
    if (!this.words) return true;
    const all = `${moment.event} ${moment.name} ${moment.lane} ${moment.id} ${moment.priority} ${moment.words}`;
    return all.toLowerCase().includes(this.words);
  }
}

/** @param {Moment} moment */
const bad = (moment) => /failed|timed_out|cancelled|retried|lost|error/.test(moment.event);

/** @param {{feed: Feed, t: (key: string, values?: any) => string, onPick: (id: string) => void}} props */
export function Events({ feed, t, onPick }) {
  const [kind, setKind] = useState("all");
  const [words, setWords] = useState("");
  const filtered = useMemo(() => new Filtered(kind, words), [kind, words, feed]);
  const count = filtered.update(feed);
  return html`<section class="card watch-events" aria-labelledby="watch-events">
    <div class="card-head">
      <h2 id="watch-events">${t("watch.events")} <span class="tag">${number(count)}</span></h2>
      <div class="watch-filter">
        <select aria-label=${t("watch.kind")} value=${kind} onChange=${(/** @type {any} */ e) => setKind(e.target.value)}>
          ${KINDS.map((one) => html`<option key=${one} value=${one}>${t(`watch.kind.${one}`)}</option>`)}
        </select>
        <input type="search" aria-label=${t("watch.filter")} placeholder=${t("watch.filter")} value=${words}
          onInput=${(/** @type {any} */ e) => setWords(e.target.value)} />
      </div>
    </div>
    ${feed.missed ? html`<p class="muted">${t("watch.missed", { n: number(feed.missed) })}</p>` : null}
    <${Rows} feed=${feed} filtered=${filtered} count=${count} t=${t} onPick=${onPick} />
  </section>`;
}

/** @param {{feed: Feed, filtered: Filtered, count: number, t: any, onPick: (id: string) => void}} props */
function Rows({ feed, filtered, count, t, onPick }) {
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const [top, setTop] = useState(0);
  const [tall, setTall] = useState(320);
  const [active, setActive] = useState(/** @type {number | null} */ (null));
  const before = useRef(count);
  useEffect(() => setTall(box.current?.clientHeight ?? 320), []);
  useEffect(() => {
    // New rows come on top: what somebody reads further down must not move.
    if (box.current && box.current.scrollTop > 0) box.current.scrollTop += (count - before.current) * ROW;
    before.current = count;
  }, [count]);
  const first = Math.max(0, Math.floor(top / ROW) - SPARE);
  const last = Math.min(count, Math.ceil((top + tall) / ROW) + SPARE);
  const rows = [];
  for (let index = first; index < last; index += 1) rows.push(index);
  /** @param {number} index */
  const go = (index) => {
    const next = Math.min(count - 1, Math.max(0, index));
    setActive(filtered.number(next));
    const place = next * ROW;
    if (box.current && place < box.current.scrollTop) box.current.scrollTop = place;
    if (box.current && place + ROW > box.current.scrollTop + tall) box.current.scrollTop = place + ROW - tall;
  };
  const here = active === null ? -1 : rows.find((index) => filtered.number(index) === active) ?? -1;
  /** @param {any} event */
  const keys = (event) => {
    const moves = { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: count - 1, PageDown: here + 10, PageUp: here - 10 };
    const to = /** @type {any} */ (moves)[event.key];
    if (to !== undefined) {
      event.preventDefault();
      go(to);
    } else if (event.key === "Enter" && active !== null) onPick(feed.events.at(active)?.id ?? "");
  };
  if (!count) return html`<p class="watch-empty muted">${t("watch.nothing")}</p>`;
  return html`<div ref=${box} class="watch-rows" role="listbox" tabindex="0" aria-labelledby="watch-events"
      aria-activedescendant=${here >= 0 ? `event-${active}` : undefined} onKeyDown=${keys}
      onScroll=${(/** @type {any} */ e) => setTop(e.target.scrollTop)}>
    <div role="presentation" class="watch-space" style=${{ height: `${count * ROW}px` }}>
      ${rows.map((index) => {
        const at = filtered.number(index);
        return html`<${Row} key=${at} at=${at} moment=${feed.events.at(at)} top=${index * ROW} index=${index} count=${count}
          active=${at === active} t=${t} onPick=${onPick} />`;
      })}
    </div>
  </div>
  ${top > ROW ? html`<button class="button watch-newest" onClick=${() => box.current?.scrollTo({ top: 0 })}><${Icon} name="send" />${t("watch.newest")}</button>` : null}`;
}

/** @param {{at: number, moment: Moment, top: number, index: number, count: number, active: boolean, t: any, onPick: (id: string) => void}} props */
function Row({ at, moment, top, index, count, active, t, onPick }) {
  const tone = bad(moment) ? "bad" : moment.event === "task_completed" ? "good" : "";
  return html`<div id=${`event-${at}`} role="option" aria-selected=${active} aria-posinset=${index + 1} aria-setsize=${count}
      class=${`watch-row ${moment.id ? "task" : ""} ${active ? "active" : ""}`} style=${{ transform: `translateY(${top}px)` }}
      onClick=${() => moment.id && onPick(moment.id)}>
    <time>${clock(moment.at)}</time>
    <span class=${`watch-what ${tone}`}>${moment.id ? t(`moment.${moment.event}`) : moment.event}</span>
    <span class="watch-name">${moment.name || moment.words}</span>
    <span class="watch-lane">${moment.lane}</span>
    <span class="watch-ms">${moment.ms === null ? "" : `${moment.ms.toFixed(moment.ms < 10 ? 2 : 0)} ms`}</span>
  </div>`;
}
