// The microphone at 24 kHz, in small pieces.

export const RATE = 24_000;

export class Microphone {
  /** @param {(piece: Float32Array) => void} onPiece */
  constructor(onPiece) {
    this.onPiece = onPiece;
    /** @type {MediaStream | null} */
    this.stream = null;
    /** @type {AudioContext | null} */
    this.context = null;
  }

  /** @throws {DOMException} the user said no, or there is no microphone */
  async open() {
    if (!navigator.mediaDevices) throw new DOMException("insecure", "NotAllowedError");
    this.stream = await navigator.mediaDevices.getUserMedia({
      audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true },
    });
    this.context = new AudioContext({ sampleRate: RATE });
    await this.context.audioWorklet.addModule("/web/talk/capture.worklet.js");
    const node = new AudioWorkletNode(this.context, "capture", { numberOfOutputs: 0 });
    node.port.onmessage = (event) => this.onPiece(event.data);
    this.context.createMediaStreamSource(this.stream).connect(node);
    await this.context.resume();
  }

  close() {
    this.stream?.getTracks().forEach((track) => track.stop());
    this.context?.close();
    this.stream = this.context = null;
  }
}
