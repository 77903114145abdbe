// Plays speech piece by piece as it arrives, and knows how much of it was heard.
import { toFloats } from "./sound.js";

const LEAD = 0.06;
const DECAY = 0.8;

export class Player {
  constructor() {
    /** @type {AudioContext | null} */
    this.context = null;
    /** @type {AnalyserNode | null} */
    this.analyser = null;
    /** @type {{source: AudioBufferSourceNode, from: number, seconds: number}[]} */
    this.pieces = [];
    this.end = 0;
    this.samples = new Float32Array(512);
    this.loudness = 0;
    this.onQuiet = () => {};
  }

  /** Browsers let a page be heard only after the user has done something; call it then. */
  async wake() {
    if (!this.context) {
      this.context = new AudioContext();
      this.analyser = new AnalyserNode(this.context, { fftSize: 512 });
      this.analyser.connect(this.context.destination);
    }
    if (this.context.state === "suspended") await this.context.resume().catch(() => {});
  }

  /** @param {string} base64
   * @param {number} rate */
  async play(base64, rate) {
    const samples = toFloats(base64);
    if (!samples.length) return;
    if (!this.context) await this.wake();
    const context = /** @type {AudioContext} */ (this.context);
    const buffer = context.createBuffer(1, samples.length, rate);
    buffer.copyToChannel(samples, 0);
    const source = new AudioBufferSourceNode(context, { buffer });
    source.connect(/** @type {AnalyserNode} */ (this.analyser));
    const from = Math.max(context.currentTime + LEAD, this.end);
    this.end = from + buffer.duration;
    this.pieces.push({ source, from, seconds: buffer.duration });
    source.onended = () => {
      if (!this.playing) this.onQuiet();
    };
    source.start(from);
  }

  /** Whether anything is being played, or about to be. */
  get playing() {
    return this.context !== null && this.context.currentTime < this.end - 0.01;
  }

  /** Seconds of the pieces since `reset` that were heard. */
  heard() {
    const now = this.context?.currentTime ?? 0;
    return this.pieces.reduce((sum, one) => sum + Math.max(0, Math.min(one.seconds, now - one.from)), 0);
  }

  /** A new reply begins: count what is heard from here. */
  reset() {
    if (!this.playing) this.pieces = [];
  }

  /** Be silent at once.
   * @returns {number} seconds that were heard */
  stop() {
    const heard = this.heard();
    for (const { source } of this.pieces) {
      source.onended = null;
      source.stop();
      source.disconnect();
    }
    this.pieces = [];
    this.end = 0;
    return heard;
  }

  /** How loud it is now, 0 to 1, calmed for lips. */
  level() {
    let now = 0;
    if (this.analyser && this.playing) {
      this.analyser.getFloatTimeDomainData(this.samples);
      const sum = this.samples.reduce((all, one) => all + one * one, 0);
      now = Math.min(1, Math.sqrt(sum / this.samples.length) * 6);
    }
    this.loudness = Math.max(now, this.loudness * DECAY);
    return this.loudness < 0.01 ? 0 : this.loudness;
  }
}
