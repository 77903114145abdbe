// Whether the server can be reached: asked when something failed, and now and then.
import { useEffect, useState } from "../vendor/preact.js";

const CALM = 10_000;
const TRYING = 1_000;

/** @returns {boolean} */
export function useOnline() {
  const [online, setOnline] = useState(true);
  useEffect(() => {
    let timer = 0;
    let ended = false;
    const ask = async () => {
      clearTimeout(timer);
      const ok = await fetch("/healthz", { cache: "no-store" }).then((r) => r.ok, () => false);
      if (ended) return;
      setOnline(ok);
      timer = window.setTimeout(ask, ok ? CALM : TRYING);
    };
    timer = window.setTimeout(ask, CALM);
    window.addEventListener("xy:offline", ask);
    window.addEventListener("online", ask);
    return () => {
      ended = true;
      clearTimeout(timer);
      window.removeEventListener("xy:offline", ask);
      window.removeEventListener("online", ask);
    };
  }, []);
  return online;
}
