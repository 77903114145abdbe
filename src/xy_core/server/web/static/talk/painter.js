// Pictures from `/v1/images/generations`, with a look at them while they are made.
import { sse } from "../lib/api.js";

/** @typedef {{picture?: string, done: boolean, step?: number}} Progress */

/** @param {string} prompt
 * @param {AbortSignal} signal
 * @returns {AsyncGenerator<Progress>} */
export async function* paint(prompt, signal) {
  const body = { prompt, stream: true, partial_images: 3, response_format: "b64_json" };
  let step = 0;
  for await (const { data } of sse("/v1/images/generations", { method: "POST", body, signal })) {
    if (data?.error) throw new Error(data.error.message);
    const base64 = data?.b64_json ?? data?.data?.[0]?.b64_json;
    if (!base64) continue;
    step += 1;
    const done = data.type !== "image_generation.partial_image";
    yield { picture: `data:image/${data.output_format ?? "png"};base64,${base64}`, done, step };
  }
}
