// Hands over what the microphone hears in pieces of about 43 ms (1,024 samples at 24 kHz).
const PIECE = 1024;

class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.piece = new Float32Array(PIECE);
    this.filled = 0;
  }

  /** @param {Float32Array[][]} inputs */
  process(inputs) {
    const heard = inputs[0][0];
    if (!heard) return true;
    for (const sample of heard) {
      this.piece[this.filled] = sample;
      this.filled += 1;
      if (this.filled === PIECE) {
        this.port.postMessage(this.piece.slice());
        this.filled = 0;
      }
    }
    return true;
  }
}

registerProcessor("capture", Capture);
