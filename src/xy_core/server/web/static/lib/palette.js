// The tokens' colours for canvases, which know no custom properties.

/** @type {Map<string, string>} */
const known = new Map();
let probe = /** @type {HTMLElement | null} */ (null);

/** Return a token's colour as it is in the present theme.
 * @param {string} token such as `accent` */
export function colour(token) {
  const found = known.get(token);
  if (found) return found;
  if (!probe) probe = watched();
  probe.style.color = `var(--${token})`;
  const value = getComputedStyle(probe).color;
  known.set(token, value);
  return value;
}

function watched() {
  const made = document.createElement("i");
  made.hidden = true;
  document.body.append(made);
  const forget = () => known.clear();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", forget);
  new MutationObserver(forget).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  return made;
}
