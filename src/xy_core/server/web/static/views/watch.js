// Watch: what the runtime is doing, live.
import { html, useEffect, useReducer, useRef, useState } from "../vendor/preact.js";
import { download, linkStyles } from "../lib/dom.js";
import { Icon } from "../lib/icons.js";
import { attempt } from "../lib/loading.js";
import { Chart } from "./watch/charts.js";
import { Devices } from "./watch/devices.js";
import { Events } from "./watch/events.js";
import { Feed } from "./watch/feed.js";
import { TaskPanel } from "./watch/task.js";
import { Timeline } from "./watch/timeline.js";

/** @typedef {import("../app.js").Ctx} Ctx */
/** @typedef {import("./watch/feed.js").Sample} Sample */

/** @param {{ctx: Ctx}} props */
export default function Watch({ ctx }) {
  const { t } = ctx;
  const [still, setStill] = useState(false);
  const [task, setTask] = useState("");
  const feed = useFeed(ctx, still);
  const charts = useLines(t, ctx.lang);
  const saveTrace = () => attempt(ctx, async () => {
    const answer = await ctx.api.request("GET", "/v1/runtime/trace");
    const name = /filename="([^"]+)"/.exec(answer.headers.get("content-disposition") ?? "")?.[1];
    download(name ?? "trace.json", await answer.blob());
  });
  return html`<div class="page watch">
    <header class="page-head">
      <h1>${t("watch.title")} ${feed.status ? html`<span class=${`tag ${feed.status}`}>${t(`health.${feed.status}`)}</span>` : null}
        ${feed.open || still ? null : html`<span class="tag" role="status">${t("watch.connecting")}</span>`}</h1>
      <div class="watch-actions">
        <button class="button" aria-pressed=${still} onClick=${() => setStill(!still)}><${Icon} name=${still ? "again" : "stop"} />${t(still ? "watch.resume" : "watch.pause")}</button>
        <button class="button" onClick=${saveTrace}><${Icon} name="save" />${t("watch.perfetto")}</button>
      </div>
    </header>
    ${feed.problem ? html`<p class="card bad" role="alert">${feed.problem}</p>` : null}
    <${Timeline} feed=${feed} t=${t} onPick=${setTask} still=${still} />
    <div class="watch-two">
      <${Chart} feed=${feed} id="watch-lag" title=${t("watch.lag")} unit="ms" lines=${charts.lag} still=${still} />
      <${Chart} feed=${feed} id="watch-done" title=${t("watch.throughput")} unit=${t("watch.perSecond")} lines=${charts.done} still=${still} />
    </div>
    <${Devices} devices=${feed.devices} t=${t} />
    <${Events} feed=${feed} t=${t} onPick=${setTask} />
    ${task ? html`<${TaskPanel} key=${task} id=${task} ctx=${ctx} onClose=${() => setTask("")} />` : null}
  </div>`;
}

/** Follow the runtime while the view is there; a view that stands still is not drawn anew.
 * @param {Ctx} ctx
 * @param {boolean} still */
function useFeed(ctx, still) {
  const [, draw] = useReducer((/** @type {number} */ n) => n + 1, 0);
  const holding = useRef(still);
  holding.current = still;
  const [feed] = useState(() => new Feed(ctx.api, () => holding.current || draw(undefined)));
  useEffect(() => {
    linkStyles("/web/vendor/uplot.css");
    feed.start();
    return () => feed.stop();
  }, []);
  return feed;
}

/** @param {Ctx["t"]} t
 * @param {string} lang */
function useLines(t, lang) {
  const [lines, setLines] = useState(() => linesOf(t));
  useEffect(() => setLines(linesOf(t)), [lang]);
  return lines;
}

/** @param {Ctx["t"]} t */
const linesOf = (t) => ({
  lag: [
    { label: t("watch.worst"), token: "bad", of: (/** @type {Sample} */ s) => (s.lag ? s.lag.worst * 1000 : null) },
    { label: t("watch.mean"), token: "accent", of: (/** @type {Sample} */ s) => (s.lag ? s.lag.mean * 1000 : null) },
  ],
  done: [{ label: t("watch.ended"), token: "accent", of: (/** @type {Sample} */ s) => s.done }],
});
