// Conversations, kept in this browser (IndexedDB): they outlive the page and the server.

/** @typedef {{id: string, role: "user" | "agent", text: string, state: "done" | "writing" | "waiting" | "stopped" | "failed",
 *   image?: string, imageName?: string, spoken?: boolean, picture?: string, progress?: string, painting?: boolean,
 *   emotion?: string, shows?: string, recalled?: string[], notes?: string[], error?: string, seconds?: number}} Message */
/** @typedef {{id: string, title: string, created: number, updated: number, messages: Message[]}} Conversation */

const TABLE = "conversations";

/** @type {Promise<IDBDatabase> | null} */
let opening = null;

/** @returns {Promise<Conversation[]>} the newest first */
export async function allConversations() {
  const all = await run("readonly", (table) => table.getAll());
  return all.sort((/** @type {Conversation} */ a, /** @type {Conversation} */ b) => b.updated - a.updated);
}

/** @param {Conversation} conversation */
export function keep(conversation) {
  return run("readwrite", (table) => table.put(conversation));
}

/** @param {string} id */
export function drop(id) {
  return run("readwrite", (table) => table.delete(id));
}

/** @returns {Conversation} */
export function fresh() {
  const now = Date.now();
  return { id: newId(), title: "", created: now, updated: now, messages: [] };
}

export const newId = () => crypto.getRandomValues(new Uint32Array(3)).join("-");

/** A conversation as a Markdown document.
 * @param {Conversation} conversation
 * @param {(role: string) => string} name */
export function asMarkdown(conversation, name) {
  const parts = conversation.messages.map((one) => `**${name(one.role)}**\n\n${one.text || "…"}\n`);
  return `# ${conversation.title}\n\n${parts.join("\n")}`;
}

/** @param {IDBTransactionMode} mode
 * @param {(table: IDBObjectStore) => IDBRequest} ask
 * @returns {Promise<any>} */
async function run(mode, ask) {
  opening ??= open();
  const database = await opening;
  return new Promise((resolve, reject) => {
    const request = ask(database.transaction(TABLE, mode).objectStore(TABLE));
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** @returns {Promise<IDBDatabase>} */
function open() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open("xy-core", 1);
    request.onupgradeneeded = () => request.result.createObjectStore(TABLE, { keyPath: "id" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
