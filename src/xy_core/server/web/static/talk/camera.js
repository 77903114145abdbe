// Takes one picture with the camera.
import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { snapshot } from "./pictures.js";

/** @param {{t: any, onEnd: (picture: string) => void}} props */
export function Camera({ t, onEnd }) {
  const video = useRef(/** @type {HTMLVideoElement | null} */ (null));
  const [error, setError] = useState("");
  useEffect(() => {
    /** @type {MediaStream | undefined} */
    let stream;
    let ended = false;
    const open = async () => {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user" } });
      if (ended) stream.getTracks().forEach((one) => one.stop());
      else if (video.current) video.current.srcObject = stream;
    };
    open().catch((e) => setError(t("talk.cameraFailed", { error: String(e) })));
    return () => {
      ended = true;
      stream?.getTracks().forEach((one) => one.stop());
    };
  }, []);
  return html`<div class="camera card" role="dialog" aria-label=${t("talk.camera")}>
    ${error ? html`<p role="alert">${error}</p>` : html`<video ref=${video} autoplay playsinline muted></video>`}
    <div><button type="button" class="button" onClick=${() => onEnd("")}>${t("talk.cancel")}</button>
      ${error ? null : html`<button type="button" class="primary" onClick=${() => onEnd(snapshot(/** @type {any} */ (video.current)))}>${t("talk.take")}</button>`}</div>
  </div>`;
}
