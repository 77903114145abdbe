// Pictures from a file, the clipboard or the camera, made small enough to send.

const LONGEST = 1600;
const KINDS = /^image\//;

/** @param {DataTransfer | null} data
 * @returns {File | undefined} */
export const pictureIn = (data) => [...(data?.files ?? [])].find((file) => KINDS.test(file.type));

/** Read a picture and shrink it; what is not a picture is refused.
 * @param {Blob} file
 * @returns {Promise<string>} a data URL */
export async function readPicture(file) {
  const bitmap = await createImageBitmap(file);
  const share = Math.min(1, LONGEST / Math.max(bitmap.width, bitmap.height));
  return drawn(bitmap, bitmap.width * share, bitmap.height * share);
}

/** @param {HTMLVideoElement} video */
export const snapshot = (video) => drawn(video, video.videoWidth, video.videoHeight);

/** @param {CanvasImageSource} source
 * @param {number} width
 * @param {number} height */
function drawn(source, width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width));
  canvas.height = Math.max(1, Math.round(height));
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(source, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL("image/jpeg", 0.9);
}
