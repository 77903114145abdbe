// Where the user writes, shows and speaks.
import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { Icon } from "../lib/icons.js";
import { Camera } from "./camera.js";
import { pictureIn, readPicture } from "./pictures.js";

const DRAFT = "xy.draft";

/** @param {{talking: any, t: any, toast: any}} props */
export function Composer({ talking, t, toast }) {
  const [text, setText] = useState(sessionStorage.getItem(DRAFT) ?? "");
  const [picture, setPicture] = useState({ image: "", imageName: "" });
  const [painting, setPainting] = useState(false);
  const [camera, setCamera] = useState(false);
  const [over, setOver] = useState(false);
  const file = useRef(/** @type {HTMLInputElement | null} */ (null));
  useEffect(() => sessionStorage.setItem(DRAFT, text), [text]);

  /** @param {File | undefined} given */
  const show = async (given) => {
    if (!given) return;
    try {
      setPicture({ image: await readPicture(given), imageName: given.name });
    } catch {
      toast(t("talk.notPicture", { name: given.name }), "bad");
    }
  };
  const send = () => {
    const said = text.trim();
    if (!said && !picture.image) return;
    talking.send({ text: said, ...(picture.image ? picture : {}), ...(painting ? { painting } : {}) });
    setText("");
    setPicture({ image: "", imageName: "" });
    setPainting(false);
  };
  const on = {
    submit: (/** @type {Event} */ e) => (e.preventDefault(), send()),
    keys: (/** @type {KeyboardEvent} */ e) => {
      if (e.key !== "Enter" || e.shiftKey || e.isComposing) return;
      e.preventDefault();
      send();
    },
    paste: (/** @type {ClipboardEvent} */ e) => {
      const pasted = pictureIn(e.clipboardData);
      if (pasted) (e.preventDefault(), show(pasted));
    },
    drop: (/** @type {DragEvent} */ e) => (e.preventDefault(), setOver(false), show(pictureIn(e.dataTransfer) ?? e.dataTransfer?.files[0])),
    over: (/** @type {DragEvent} */ e) => (e.preventDefault(), setOver(true)),
  };
  return html`<form class=${`composer ${over ? "over" : ""}`} onSubmit=${on.submit} onDrop=${on.drop} onDragOver=${on.over} onDragLeave=${() => setOver(false)}>
    ${camera ? html`<${Camera} t=${t} onEnd=${(/** @type {string} */ image) => (setCamera(false), image && setPicture({ image, imageName: "" }))} />` : null}
    ${picture.image ? html`<div class="attached"><img src=${picture.image} alt="" /><span>${picture.imageName || t("talk.picture")}</span>
      <button type="button" class="icon-button" aria-label=${t("talk.removePicture")} onClick=${() => setPicture({ image: "", imageName: "" })}><${Icon} name="close" /></button></div>` : null}
    <${Listening} talking=${talking} t=${t} />
    <textarea rows="1" value=${text} placeholder=${t(painting ? "talk.placeholderPaint" : "talk.placeholder")} aria-label=${t("talk.placeholder")}
      onInput=${(/** @type {any} */ e) => setText(e.target.value)} onKeyDown=${on.keys} onPaste=${on.paste}></textarea>
    <div class="tools">
      <input ref=${file} type="file" accept="image/*" hidden onChange=${(/** @type {any} */ e) => (show(e.target.files[0]), (e.target.value = ""))} />
      <${Tool} icon="picture" label=${t("talk.addPicture")} onClick=${() => file.current?.click()} />
      <${Tool} icon="camera" label=${t("talk.camera")} onClick=${() => setCamera(true)} />
      <${Tool} icon="brush" label=${t("talk.paint")} pressed=${painting} onClick=${() => setPainting(!painting)} />
      <${Tool} icon=${talking.speaks ? "sound" : "mute"} label=${t("talk.speak")} pressed=${talking.speaks} onClick=${() => talking.setSpeaks(!talking.speaks)} />
      <span class="gap"></span>
      <${Tool} icon="hands" label=${t("talk.hands")} pressed=${talking.listening === "hands"} onClick=${() => (talking.listening === "hands" ? talking.stop() : talking.listen("hands"))} />
      <${HoldToTalk} talking=${talking} t=${t} />
      ${talking.busy
        ? html`<button type="button" class="round stop" aria-label=${t("talk.stop")} onClick=${() => talking.stop()}><${Icon} name="stop" /></button>`
        : html`<button class="round send" aria-label=${t("talk.send")} disabled=${!text.trim() && !picture.image}><${Icon} name="send" /></button>`}
    </div>
  </form>`;
}

/** @param {{icon: string, label: string, pressed?: boolean, onClick: () => void}} props */
function Tool({ icon, label, pressed, onClick }) {
  return html`<button type="button" class="icon-button" title=${label} aria-label=${label} aria-pressed=${pressed} onClick=${onClick}><${Icon} name=${icon} /></button>`;
}

/** Held by the pointer, or by the space bar or Enter.
 * @param {{talking: any, t: any}} props */
function HoldToTalk({ talking, t }) {
  const keys = [" ", "Enter"];
  const begin = () => talking.listen("hold");
  const on = {
    down: (/** @type {PointerEvent} */ e) => {
      /** @type {Element} */ (e.currentTarget).setPointerCapture(e.pointerId);
      begin();
    },
    keyDown: (/** @type {KeyboardEvent} */ e) => {
      if (keys.includes(e.key) && !e.repeat) (e.preventDefault(), begin());
    },
    keyUp: (/** @type {KeyboardEvent} */ e) => keys.includes(e.key) && talking.release(),
    up: () => talking.release(),
  };
  return html`<button type="button" class="icon-button hold" title=${t("talk.hold")} aria-label=${t("talk.hold")} aria-pressed=${talking.listening === "hold"}
    onPointerDown=${on.down} onPointerUp=${on.up} onPointerCancel=${on.up} onKeyDown=${on.keyDown} onKeyUp=${on.keyUp} onBlur=${on.up}><${Icon} name="mic" /></button>`;
}

/** @param {{talking: any, t: any}} props */
function Listening({ talking, t }) {
  if (!talking.listening) return null;
  const key = talking.listening === "hold" ? "talk.holding" : talking.hearsSpeech ? "talk.hears" : "talk.handsOn";
  return html`<p class=${`listening ${talking.hearsSpeech || talking.listening === "hold" ? "speech" : ""}`} role="status"><i aria-hidden="true"></i>${t(key)}</p>`;
}
