// The seven feelings, in one order and in one place of the circle everywhere.

/** @typedef {Record<string, number>} Weights */

/** Valence and arousal, as the server has them (Russell & Mehrabian, 1977).
 * @type {Record<string, [number, number]>} */
export const PLACES = {
  joy: [0.76, 0.48],
  surprise: [0.4, 0.67],
  fear: [-0.64, 0.6],
  anger: [-0.51, 0.59],
  disgust: [-0.6, 0.35],
  sadness: [-0.63, -0.27],
  neutral: [0, 0],
};
/** Round the wheel, each opposite to what it is least like. */
export const ROUND = ["joy", "surprise", "fear", "anger", "disgust", "sadness"];

/** @param {Weights} weights */
export function strongest(weights) {
  return Object.keys(PLACES).reduce((best, one) => ((weights[one] ?? 0) > (weights[best] ?? 0) ? one : best), "neutral");
}
