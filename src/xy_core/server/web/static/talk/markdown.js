// Markdown as elements: the text is never read as HTML, so that nothing in it can run.
import { html } from "../vendor/preact.js";
import { lexer } from "../vendor/marked.js";
import { t } from "../lib/i18n.js";

/** @typedef {import("../vendor/marked.js").Token} Token */

const SAFE = /^(https?:|mailto:)/i;
const PICTURES = /^(data:image\/(png|jpeg|webp|gif);base64,|blob:)/i;
const ENTITIES = { "&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#39;": "'" };

/** @param {{text: string}} props */
export function Markdown({ text }) {
  return html`<div class="prose">${blocks(lexer(text, { gfm: true, breaks: true }))}</div>`;
}

/** @param {Token[]} tokens
 * @returns {any[]} */
function blocks(tokens) {
  return tokens.map(block);
}

/** @param {Token} token
 * @returns {any} */
function block(token) {
  switch (token.type) {
    case "space":
    case "def":
      return null;
    case "heading":
      return html`<p class=${`heading h${token.depth}`}>${inline(token)}</p>`;
    case "paragraph":
      return html`<p>${inline(token)}</p>`;
    case "code":
      return html`<${Code} text=${token.text} lang=${token.lang} />`;
    case "blockquote":
      return html`<blockquote>${blocks(token.tokens ?? [])}</blockquote>`;
    case "list":
      return list(token);
    case "table":
      return table(token);
    case "hr":
      return html`<hr />`;
    case "text":
      return token.tokens ? inline(token) : plain(token.text);
    default:
      return token.raw;
  }
}

/** @param {Token} token */
function list(token) {
  const items = token.items.map(
    (/** @type {Token} */ item) =>
      html`<li>${item.task ? (item.checked ? "☑ " : "☐ ") : null}${blocks(item.tokens ?? [])}</li>`,
  );
  return token.ordered ? html`<ol start=${token.start}>${items}</ol>` : html`<ul>${items}</ul>`;
}

/** @param {Token} token */
function table(token) {
  const cells = (/** @type {any[]} */ row, /** @type {string} */ tag) =>
    row.map((cell) => (tag === "th" ? html`<th>${inline(cell)}</th>` : html`<td>${inline(cell)}</td>`));
  return html`<div class="table" tabindex="0"><table>
    <thead><tr>${cells(token.header, "th")}</tr></thead>
    <tbody>${token.rows.map((/** @type {any[]} */ row) => html`<tr>${cells(row, "td")}</tr>`)}</tbody>
  </table></div>`;
}

/** @param {{tokens?: Token[]}} token
 * @returns {any} */
function inline(token) {
  return (token.tokens ?? []).map((one) => {
    switch (one.type) {
      case "strong":
        return html`<strong>${inline(one)}</strong>`;
      case "em":
        return html`<em>${inline(one)}</em>`;
      case "del":
        return html`<del>${inline(one)}</del>`;
      case "codespan":
        return html`<code>${one.text}</code>`;
      case "br":
        return html`<br />`;
      case "link":
        return SAFE.test(one.href)
          ? html`<a href=${one.href} target="_blank" rel="noopener noreferrer">${inline(one)}</a>`
          : inline(one);
      case "image":
        return PICTURES.test(one.href) ? html`<img src=${one.href} alt=${one.text} />` : one.raw;
      case "text":
        return one.tokens ? inline(one) : plain(one.text);
      case "escape":
        return one.text;
      default:
        return one.raw;
    }
  });
}

/** @param {{text: string, lang?: string}} props */
function Code({ text, lang }) {
  const copy = () => navigator.clipboard?.writeText(text);
  return html`<figure class="code">
    <figcaption><span>${lang || "text"}</span><button type="button" onClick=${copy}>${t("talk.copy")}</button></figcaption>
    <pre tabindex="0"><code>${text}</code></pre>
  </figure>`;
}

/** Read the entities that Markdown allows in plain text.
 * @param {string} text */
function plain(text) {
  return text.replace(/&(amp|lt|gt|quot|#39);/g, (found) => ENTITIES[/** @type {"&amp;"} */ (found)]);
}
