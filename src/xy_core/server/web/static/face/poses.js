// How each feeling looks: one set of figures a feeling, blended by weights.

/** @typedef {{brow: number, tilt: number, open: number, squint: number, curve: number, mouth: number,
 *   wide: number, cheek: number, lean: number}} Pose
 * brow: how high; tilt: inner ends up (+) or down (−); open: the eyes; squint: the lower lids;
 * curve: corners up (+) or down (−); mouth: how open; wide: its width; cheek: blush; lean: of the head. */

/** @type {Record<string, Pose>} */
export const POSES = {
  neutral: { brow: 0, tilt: 0, open: 1, squint: 0.05, curve: 0.55, mouth: 0, wide: 0.9, cheek: 0.25, lean: 0 },
  joy: { brow: 0.3, tilt: 0.1, open: 0.88, squint: 0.6, curve: 1, mouth: 0.4, wide: 1.2, cheek: 1, lean: 2 },
  sadness: { brow: 0.05, tilt: 0.9, open: 0.72, squint: 0.05, curve: -0.65, mouth: 0, wide: 0.75, cheek: 0.1, lean: -5 },
  anger: { brow: -0.7, tilt: -1, open: 0.8, squint: 0.4, curve: -0.55, mouth: 0.08, wide: 0.95, cheek: 0.5, lean: 0 },
  fear: { brow: 0.75, tilt: 0.85, open: 1.25, squint: 0, curve: -0.35, mouth: 0.28, wide: 0.7, cheek: 0, lean: -2 },
  surprise: { brow: 1, tilt: 0.15, open: 1.32, squint: 0, curve: 0.1, mouth: 0.75, wide: 0.55, cheek: 0.35, lean: 0 },
  disgust: { brow: -0.35, tilt: -0.45, open: 0.62, squint: 0.6, curve: -0.5, mouth: 0.1, wide: 0.8, cheek: 0.05, lean: 4 },
};

/** @param {Record<string, number>} weights
 * @returns {Pose} */
export function blend(weights) {
  const sum = Object.keys(POSES).reduce((all, name) => all + (weights[name] ?? 0), 0);
  const shares = sum > 0 ? weights : { neutral: 1 };
  const total = sum > 0 ? sum : 1;
  const mixed = /** @type {Record<string, number>} */ ({});
  for (const part of Object.keys(POSES.neutral)) {
    mixed[part] = Object.entries(POSES).reduce(
      (all, [name, pose]) => all + ((shares[name] ?? 0) / total) * pose[/** @type {keyof Pose} */ (part)],
      0,
    );
  }
  return /** @type {Pose} */ (mixed);
}

/** Move a part of the way from one pose to another.
 * @param {Pose} from
 * @param {Pose} to
 * @param {number} share 0 to 1
 * @returns {Pose} */
export function toward(from, to, share) {
  const next = /** @type {Record<string, number>} */ ({});
  for (const [part, value] of Object.entries(from)) {
    next[part] = value + (to[/** @type {keyof Pose} */ (part)] - value) * share;
  }
  return /** @type {Pose} */ (next);
}
