// Turns a pose into the outlines of the face (a drawing of 200 by 200).

/** @typedef {import("./poses.js").Pose} Pose */

const EYE = { y: 96, left: 72, right: 128 };

/** An eyebrow; `side` is −1 for the left one.
 * @param {Pose} pose
 * @param {number} side */
export function brow(pose, side) {
  const x = side < 0 ? EYE.left : EYE.right;
  const y = 72 - pose.brow * 9;
  const inner = x - side * 13;
  const outer = x + side * 14;
  return `M${outer} ${y + 3 + pose.tilt * 5}Q${x} ${y - 5}${" "}${inner} ${y + 1 - pose.tilt * 7}`;
}

/** The opening between the lids.
 * @param {Pose} pose
 * @param {number} side
 * @param {number} lid 1 open to 0 closed */
export function eye(pose, side, lid) {
  const x = side < 0 ? EYE.left : EYE.right;
  const upper = Math.max(0.6, 15 * pose.open * lid);
  const lower = Math.max(0.6, 15 * Math.min(1, pose.open) * lid * (1 - pose.squint * 0.85));
  const w = 11.5;
  return (
    `M${x - w} ${EYE.y}C${x - w} ${EYE.y - upper * 1.3} ${x + w} ${EYE.y - upper * 1.3} ${x + w} ${EYE.y}` +
    `C${x + w} ${EYE.y + lower * 1.3} ${x - w} ${EYE.y + lower * 1.3} ${x - w} ${EYE.y}Z`
  );
}

/** Where a pupil is.
 * @param {number} side
 * @param {{x: number, y: number}} gaze −1 to 1 */
export function pupil(side, gaze) {
  return { x: (side < 0 ? EYE.left : EYE.right) + gaze.x * 4.5, y: EYE.y + gaze.y * 4.5 };
}

/** The mouth; `voice` (0 to 1) opens it further.
 * @param {Pose} pose
 * @param {number} voice */
export function mouth(pose, voice) {
  const w = 23 * pose.wide * (1 - voice * 0.12);
  const y = 135 - pose.curve * 3;
  const open = (pose.mouth * 0.75 + voice * 0.8) * 21;
  const corner = y - pose.curve * 6;
  const upper = y + pose.curve * 7 - open * 0.35;
  const lower = y + pose.curve * 9 + open + 0.5;
  const bulge = lower + open * 0.15;
  return (
    `M${100 - w} ${corner}Q100 ${upper} ${100 + w} ${corner}` +
    `C${100 + w * 0.8} ${bulge} ${100 - w * 0.8} ${bulge} ${100 - w} ${corner}Z`
  );
}
