// Reading from the server into a view, and doing something there.
import { useEffect, useState } from "../vendor/preact.js";

/** @typedef {import("../app.js").Ctx} Ctx */

/** Read something when a view opens and when the server is back; also again and again, if asked.
 * @template T
 * @param {() => Promise<T>} read
 * @param {T} first what is shown until it is there
 * @param {number} [everyMs] how often it is read anew
 * @returns {[T, string, () => Promise<void>]} the value, what went wrong, and reading it anew */
export function useLoaded(read, first, everyMs = 0) {
  const [value, setValue] = useState(first);
  const [problem, setProblem] = useState("");
  const load = async () => {
    try {
      const found = await read();
      setValue(() => found);
      setProblem("");
    } catch (error) {
      setProblem(reason(error));
    }
  };
  useEffect(() => {
    load();
    window.addEventListener("xy:back", load);
    const timer = everyMs ? setInterval(() => document.hidden || load(), everyMs) : 0;
    return () => {
      window.removeEventListener("xy:back", load);
      clearInterval(timer);
    };
  }, []);
  return [value, problem, load];
}

/** Do something; a notice says what went wrong.
 * @param {Ctx} ctx
 * @param {() => Promise<unknown>} work */
export async function attempt({ toast }, work) {
  try {
    await work();
  } catch (error) {
    toast(reason(error), "bad");
  }
}

/** @param {unknown} error */
export const reason = (error) => (error instanceof Error ? error.message : String(error));
