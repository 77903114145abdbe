// A spoken conversation over `/v1/realtime`.
import { socket } from "../lib/api.js";
import { Microphone, RATE } from "./microphone.js";
import { toBase64 } from "./sound.js";

/** @typedef {{onTurn: (kind: string, body: any) => void, onHeard: (words: string) => void,
 *   onBegin: () => void, onText: (piece: string) => void, onAudio: (base64: string, rate: number) => void,
 *   onSpeech: () => number, onListening: (speaking: boolean) => void,
 *   onDone: (status: string, words: string, error: string) => void, onClosed: (error: string) => void}} Listener */

const HANDS_FREE = { type: "server_vad", silence_duration_ms: 600, create_response: true, interrupt_response: true };

export class Voice {
  /** @param {Listener} listener */
  constructor(listener) {
    this.listener = listener;
    /** @type {WebSocket | null} */
    this.socket = null;
    this.microphone = new Microphone((piece) => this.append(piece));
    this.open = false;
    this.sent = 0;
    this.item = "";
    this.response = "";
    this.cut = "";
    this.responding = false;
  }

  /** Connect and listen.
   * @param {boolean} handsFree whether the server finds where utterances begin and end */
  async start(handsFree) {
    await this.microphone.open();
    await this.connect(handsFree);
    this.open = true;
  }

  /** @param {boolean} handsFree */
  connect(handsFree) {
    const wire = socket("/v1/realtime");
    this.socket = wire;
    return new Promise((resolve, reject) => {
      wire.onopen = () => {
        this.tell("session.update", {
          session: {
            output_modalities: ["audio"],
            turn_events: true,
            audio: { input: { turn_detection: handsFree ? HANDS_FREE : null } },
          },
        });
        resolve(undefined);
      };
      wire.onmessage = (message) => this.take(JSON.parse(message.data));
      wire.onclose = (event) => {
        reject(new Error(event.reason || "closed"));
        if (this.socket === wire) this.end(event.reason || "closed");
      };
    });
  }

  /** The key is released: what was said is a turn. */
  commit() {
    this.microphone.close();
    if (this.sent < RATE / 4) {
      this.tell("input_audio_buffer.clear", {});
      return false;
    }
    this.tell("input_audio_buffer.commit", {});
    this.tell("response.create", {});
    return true;
  }

  /** End the reply, and say how much of it was heard.
   * @param {number} heard seconds */
  interrupt(heard) {
    if (this.responding) this.tell("response.cancel", {});
    this.truncate(heard);
  }

  /** @param {number} heard seconds */
  truncate(heard) {
    this.cut = this.response;
    if (!this.item) return;
    this.tell("conversation.item.truncate", {
      item_id: this.item,
      content_index: 0,
      audio_end_ms: Math.round(heard * 1000),
    });
    this.item = "";
  }

  /** @param {string} [error] */
  end(error = "") {
    const wire = this.socket;
    this.open = this.responding = false;
    this.socket = null;
    this.microphone.close();
    wire?.close();
    if (wire) this.listener.onClosed(error);
  }

  /** @param {Float32Array} piece */
  append(piece) {
    if (!this.open) return;
    this.sent += piece.length;
    this.tell("input_audio_buffer.append", { audio: toBase64(piece) });
  }

  /** @param {string} type
   * @param {object} body */
  tell(type, body) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ type, ...body }));
  }

  /** @param {any} event */
  take(event) {
    switch (event.type) {
      case "input_audio_buffer.speech_started":
        this.listener.onListening(true);
        this.truncate(this.listener.onSpeech());
        break;
      case "input_audio_buffer.speech_stopped":
        this.listener.onListening(false);
        break;
      case "conversation.item.input_audio_transcription.completed":
        this.listener.onHeard(event.transcript);
        break;
      case "xy.turn":
        this.listener.onTurn(event.event, event.body);
        break;
      case "response.created":
        this.responding = true;
        this.response = event.response.id;
        this.listener.onBegin();
        break;
      case "response.output_audio_transcript.delta":
        this.listener.onText(event.delta);
        break;
      case "response.output_audio.delta":
        // What was on its way when the user began to speak is not played any more.
        if (event.response_id === this.cut) break;
        this.item = event.item_id;
        this.listener.onAudio(event.delta, RATE);
        break;
      case "response.done":
        this.finish(event.response);
        break;
    }
  }

  /** @param {any} response */
  finish(response) {
    this.responding = false;
    const words = response.output[0]?.content?.[0]?.transcript ?? "";
    this.listener.onDone(response.status, words, response.status_details?.error?.message ?? "");
  }
}
