// Line icons of our own, 24 by 24.
import { html } from "../vendor/preact.js";

/** @type {Record<string, string>} */
const PATHS = {
  talk: "M4 6.5A2.5 2.5 0 0 1 6.5 4h11A2.5 2.5 0 0 1 20 6.5v7a2.5 2.5 0 0 1-2.5 2.5H11l-5 4v-4.1A2.5 2.5 0 0 1 4 13.5z",
  watch: "M3 12h4l3-8 4 16 3-8h4",
  memory: "M12 4c-5 0-8 1.3-8 3v10c0 1.700 3 3 8 3s8-1.300 8-3V7c0-1.700-3-3-8-3zM4 7c0 1.700 3 3 8 3s8-1.300 8-3M4 12c0 1.700 3 3 8 3s8-1.300 8-3",
  models: "M12 3l8 4.500v9L12 21l-8-4.500v-9zM12 12l8-4.500M12 12v9M12 12L4 7.500",
  settings: "M4 7h9M17 7h3M4 17h3M11 17h9M15 4.800v4.400M9 14.800v4.400",
  send: "M12 19V5M6 11l6-6 6 6",
  stop: "M7 7h10v10H7z",
  mic: "M12 4a3 3 0 0 0-3 3v4a3 3 0 0 0 6 0V7a3 3 0 0 0-3-3zM6 11a6 6 0 0 0 12 0M12 17v3",
  hands: "M4 10v4M8 7v10M12 4v16M16 7v10M20 10v4",
  picture: "M4 6h16v12H4zM4 15l4.500-4.500L13 15l2.500-2.500L20 17M15.500 9.500h.01",
  camera: "M4 8h3.500L9 5.500h6L16.500 8H20v11H4zM12 16.500a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7z",
  brush: "M19 4c-5 2-9 6-10.500 9.500L11 16c3.500-1.500 6.500-6.500 8-12zM8 14c-2.500 0-3.500 2-4 5 3 .5 6-.5 6.500-2.500",
  sound: "M4 10v4h3l5 4V6l-5 4zM16 9a4 4 0 0 1 0 6M18.500 6.500a8 8 0 0 1 0 11",
  mute: "M4 10v4h3l5 4V6l-5 4zM16 9.500l5 5M21 9.500l-5 5",
  edit: "M5 19l1-4L16 5l3 3L9 18zM14 7l3 3",
  again: "M19 12a7 7 0 1 1-2-5l2 2M19 4v5h-5",
  copy: "M9 9h10v10H9zM15 9V5H5v10h4",
  plus: "M12 5v14M5 12h14",
  list: "M5 7h14M5 12h14M5 17h9",
  trash: "M5 7h14M10 7V4.500h4V7M7 7l1 13h8l1-13",
  save: "M12 4v11M7 11l5 5 5-5M5 20h14",
  search: "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM16 16l4.500 4.500",
  close: "M6 6l12 12M18 6L6 18",
  back: "M15 5l-7 7 7 7",
  more: "M6 12h.01M12 12h.01M18 12h.01",
};

/** @param {{name: string}} props */
export function Icon({ name }) {
  return html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d=${PATHS[name]} /></svg>`;
}
