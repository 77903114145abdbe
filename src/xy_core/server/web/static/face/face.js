// The agent's face: our own drawing, moved by its expression, its voice, and what it looks at.
import { html, useEffect, useRef } from "../vendor/preact.js";
import { blend, toward } from "./poses.js";
import { brow, eye, mouth, pupil } from "./shapes.js";

/** @typedef {{weights: Record<string, number>, level: () => number, label: string, attentive: boolean}} Props */

const EASE_MS = 180;
const BLINK_MS = 150;
const calm = matchMedia("(prefers-reduced-motion: reduce)");

/** @param {Props} props */
export function Face(props) {
  const svg = useRef(/** @type {SVGSVGElement | null} */ (null));
  const latest = useRef(props);
  latest.current = props;
  useEffect(() => animate(/** @type {SVGSVGElement} */ (svg.current), () => latest.current), []);
  const id = useRef(`eye-${Math.random().toString(36).slice(2)}`).current;
  return html`<svg ref=${svg} class="face" viewBox="0 0 200 200" role="img" aria-label=${props.label}>
    <defs>${["l", "r"].map((one) => html`<clipPath key=${one} id=${`${id}${one}`}><path class=${`lid-${one}`} /></clipPath>`)}</defs>
    <g class="head">
      <path class="skin" d="M100 22C152 22 180 56 180 104C180 152 148 180 100 180C52 180 20 152 20 104C20 56 48 22 100 22Z" />
      <path class="shade" d="M100 180C52 180 20 152 20 104C20 98 20.500 92 21.500 86C28 136 58 162 100 162C142 162 172 136 178.500 86C179.500 92 180 98 180 104C180 152 148 180 100 180Z" />
      <path class="leaf" d="M100 24C98 12 104 5 116 4C117 15 111 22 100 24Z" />
      <ellipse class="cheek cheek-l" cx="52" cy="121" rx="13" ry="8" /><ellipse class="cheek cheek-r" cx="148" cy="121" rx="13" ry="8" />
      ${["l", "r"].map(
        (one) => html`<g key=${one}><path class=${`white lid-${one}`} />
          <g clip-path=${`url(#${id}${one})`}><circle class=${`pupil pupil-${one}`} r="8.200" /><circle class=${`spark spark-${one}`} r="2.600" /></g>
          <path class=${`brow brow-${one}`} /></g>`,
      )}
      <path class="mouth" />
    </g>
  </svg>`;
}

/** Draw frame after frame until the face goes.
 * @param {SVGSVGElement} svg
 * @param {() => Props} props
 * @returns {() => void} */
function animate(svg, props) {
  let pose = blend(props().weights);
  let gaze = { x: 0, y: 0 };
  let before = performance.now();
  let blinkAt = before + 2000;
  let frame = 0;
  const look = pointerLook(svg);
  const step = (/** @type {number} */ now) => {
    const { weights, level, attentive } = props();
    const still = calm.matches;
    const share = still ? 1 : 1 - Math.exp(-(now - before) / EASE_MS);
    before = now;
    pose = toward(pose, blend(weights), share);
    if (now > blinkAt + BLINK_MS) blinkAt = now + 1800 + Math.random() * 3600;
    const closing = still || now < blinkAt ? 1 : Math.abs(1 - (2 * (now - blinkAt)) / BLINK_MS);
    const goal = still ? { x: 0, y: 0 } : look.goal(now, attentive);
    gaze = { x: gaze.x + (goal.x - gaze.x) * share, y: gaze.y + (goal.y - gaze.y) * share };
    const sway = still ? 0 : Math.sin(now / 1700) * 1.2;
    draw(svg, pose, gaze, closing, still ? 0 : level(), sway);
    frame = requestAnimationFrame(step);
  };
  frame = requestAnimationFrame(step);
  return () => {
    cancelAnimationFrame(frame);
    look.end();
  };
}

/** @param {SVGSVGElement} svg
 * @param {import("./poses.js").Pose} pose
 * @param {{x: number, y: number}} gaze
 * @param {number} lid
 * @param {number} voice
 * @param {number} sway */
function draw(svg, pose, gaze, lid, voice, sway) {
  const set = (/** @type {string} */ name, /** @type {Record<string, string | number>} */ values) => {
    for (const part of svg.querySelectorAll(name)) {
      for (const [key, value] of Object.entries(values)) part.setAttribute(key, String(value));
    }
  };
  for (const [name, side] of /** @type {[string, number][]} */ ([["l", -1], ["r", 1]])) {
    set(`.lid-${name}`, { d: eye(pose, side, lid) });
    set(`.brow-${name}`, { d: brow(pose, side) });
    const { x, y } = pupil(side, gaze);
    set(`.pupil-${name}`, { cx: x, cy: y });
    set(`.spark-${name}`, { cx: x + 2.6, cy: y - 3 });
  }
  set(".mouth", { d: mouth(pose, voice) });
  set(".cheek", { opacity: (pose.cheek * 0.75).toFixed(3) });
  set(".head", { transform: `rotate(${(pose.lean + sway).toFixed(2)} 100 150)` });
}

/** Eyes follow the pointer while it moves, then wander; an attentive face looks at the user.
 * @param {SVGSVGElement} svg */
function pointerLook(svg) {
  let seen = { x: 0, y: 0, at: -Infinity };
  let idle = { x: 0, y: 0, until: 0 };
  const follow = (/** @type {PointerEvent} */ event) => {
    const box = svg.getBoundingClientRect();
    const x = (event.clientX - box.x - box.width / 2) / 500;
    const y = (event.clientY - box.y - box.height / 2) / 400;
    seen = { x: Math.max(-1, Math.min(1, x)), y: Math.max(-1, Math.min(1, y)), at: performance.now() };
  };
  window.addEventListener("pointermove", follow, { passive: true });
  return {
    /** @param {number} now
     * @param {boolean} attentive */
    goal(now, attentive) {
      if (now - seen.at < 2500) return seen;
      if (attentive) return { x: 0, y: 0 };
      if (now > idle.until) {
        idle = { x: (Math.random() - 0.5) * 0.9, y: (Math.random() - 0.5) * 0.5, until: now + 1200 + Math.random() * 2500 };
      }
      return idle;
    },
    end: () => window.removeEventListener("pointermove", follow),
  };
}
