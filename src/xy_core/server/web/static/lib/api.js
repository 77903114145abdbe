// The server, as the page speaks with it.
import { readEvents } from "./sse.js";

/** @typedef {{body?: unknown, signal?: AbortSignal, headers?: Record<string, string>}} Options */
/** @typedef {{event: string, data: any, id: string}} ServerEvent */

const STORED = "xy.key";
const WAITS = [500, 1000, 2000, 4000, 8000];

/** The server refused, or could not be reached (`status` 0). */
export class ApiError extends Error {
  /** @param {number} status
   * @param {string} message
   * @param {{code?: string | null, param?: string | null, retryAfter?: number}} [more] */
  constructor(status, message, more = {}) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.code = more.code ?? "";
    this.param = more.param ?? "";
    this.retryAfter = more.retryAfter ?? 0;
  }

  /** Whether the server could not be reached, or is going away. */
  get offline() {
    return this.status === 0 || this.code === "shutting_down";
  }
}

export const key = {
  get: () => sessionStorage.getItem(STORED) ?? "",
  /** @param {string} value */
  set: (value) => sessionStorage.setItem(STORED, value),
};

/** Send a request; the answer's body is not read yet.
 * @param {string} method
 * @param {string} path
 * @param {Options} [options]
 * @returns {Promise<Response>} */
export async function request(method, path, { body, signal, headers = {} } = {}) {
  /** @type {Record<string, string>} */
  const all = { ...headers };
  if (key.get()) all.authorization = `Bearer ${key.get()}`;
  const form = body instanceof FormData;
  if (body !== undefined && !form) all["content-type"] = "application/json";
  let response;
  try {
    response = await fetch(path, {
      method,
      headers: all,
      signal,
      body: body === undefined ? undefined : form ? body : JSON.stringify(body),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    window.dispatchEvent(new Event("xy:offline"));
    throw new ApiError(0, String(error));
  }
  if (!response.ok) throw await refusal(response);
  return response;
}

/** @param {Response} response */
async function refusal(response) {
  const body = await response.json().catch(() => ({}));
  const told = body.error ?? {};
  if (response.status === 401) window.dispatchEvent(new Event("xy:key"));
  return new ApiError(response.status, told.message ?? response.statusText, {
    code: told.code,
    param: told.param,
    retryAfter: Number(response.headers.get("retry-after") ?? 0),
  });
}

/** @param {string} method */
const json = (method) =>
  /** @param {string} path
   * @param {unknown} [body]
   * @param {Options} [options]
   * @returns {Promise<any>} */
  async (path, body, options = {}) => (await request(method, path, { ...options, body })).json();

/** Yield a stream's events, `data` read as JSON where it is JSON.
 *
 * With `reconnect` a stream that ends is opened again until `signal` aborts, and the wait between
 * two tries grows; `onState` is told whether it is open.
 * @param {string} path
 * @param {Options & {method?: string, reconnect?: boolean, onState?: (open: boolean) => void}} [options]
 * @returns {AsyncGenerator<ServerEvent>} */
export async function* sse(path, options = {}) {
  const { method = "GET", reconnect = false, onState = () => {}, ...rest } = options;
  const signal = rest.signal;
  for (let tries = 0; ; tries += 1) {
    try {
      const response = await request(method, path, rest);
      onState(true);
      tries = 0;
      if (response.body) {
        for await (const event of readEvents(response.body)) {
          yield { ...event, data: parsed(event.data) };
        }
      }
      if (!reconnect || signal?.aborted) return;
    } catch (error) {
      const refused = error instanceof ApiError && error.status >= 400 && error.status < 500;
      if (!reconnect || signal?.aborted || refused) throw error;
    } finally {
      onState(false);
    }
    await wait(WAITS[Math.min(tries, WAITS.length - 1)], signal);
    if (signal?.aborted) return;
  }
}

/** Open a WebSocket; the key goes along as OpenAI's clients in browsers hand it over.
 * @param {string} path */
export function socket(path) {
  const address = new URL(path, location.href);
  address.protocol = address.protocol.replace("http", "ws");
  const protocols = ["realtime"];
  if (key.get()) protocols.push(`openai-insecure-api-key.${key.get()}`);
  return new WebSocket(address, protocols);
}

/** Resolve after some time, or when the signal aborts.
 * @param {number} ms
 * @param {AbortSignal} [signal]
 * @returns {Promise<void>} */
export function wait(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}

/** @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

export const api = {
  request,
  /** @param {string} path
   * @param {Options} [options]
   * @returns {Promise<any>} */
  get: async (path, options) => (await request("GET", path, options)).json(),
  post: json("POST"),
  put: json("PUT"),
  patch: json("PATCH"),
  /** @param {string} path
   * @param {Options} [options]
   * @returns {Promise<any>} */
  delete: async (path, options) => (await request("DELETE", path, options)).json(),
  sse,
  socket,
};
/** @typedef {typeof api} Api */
