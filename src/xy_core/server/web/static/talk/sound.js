// Samples: 16-bit little-endian in base64, as the server speaks them, and floats, as the browser does.

/** @param {string} base64
 * @returns {Float32Array<ArrayBuffer>} */
export function toFloats(base64) {
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const whole = new Int16Array(bytes.buffer, 0, bytes.length >> 1);
  return Float32Array.from(whole, (one) => one / 32768);
}

/** @param {Float32Array} samples
 * @returns {string} */
export function toBase64(samples) {
  const whole = Int16Array.from(samples, (one) => Math.max(-1, Math.min(1, one)) * 32767);
  const bytes = new Uint8Array(whole.buffer);
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(text);
}
