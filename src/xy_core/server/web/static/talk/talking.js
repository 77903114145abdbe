// What goes on in Talk, apart from how it looks. There is one, so that it survives other views.
import { api, ApiError } from "../lib/api.js";
import { t } from "../lib/i18n.js";
import { toast } from "../lib/toasts.js";
import { paint } from "./painter.js";
import { Player } from "./player.js";
import { allConversations, drop, fresh, keep, newId } from "./store.js";
import { Voice } from "./voice.js";

/** @typedef {import("./store.js").Message} Message */
/** @typedef {import("./store.js").Conversation} Conversation */
/** @typedef {import("./feelings.js").Weights} Weights */
/** @typedef {{text: string, image?: string, imageName?: string, painting?: boolean}} Draft */
/** @typedef {{time: number, valence: number, arousal: number, emotion: string}} MoodPoint */

const NEUTRAL = { neutral: 1 };

class Talking extends EventTarget {
  constructor() {
    super();
    /** @type {Conversation} */
    this.current = fresh();
    /** @type {Conversation[]} */
    this.all = [];
    this.player = new Player();
    this.player.onQuiet = () => this.changed();
    this.speaks = localStorage.getItem("xy.speak") !== "no";
    /** @type {"" | "hold" | "hands"} */
    this.listening = "";
    this.hearsSpeech = false;
    /** @type {Weights} */
    this.expression = NEUTRAL;
    /** @type {{probabilities: Weights, valence: number, arousal: number}} */
    this.mood = { probabilities: NEUTRAL, valence: 0, arousal: 0 };
    /** @type {MoodPoint[]} */
    this.moods = [];
    /** @type {AbortController | null} */
    this.running = null;
    /** @type {Message | null} */
    this.reply = null;
    /** @type {Voice | null} */
    this.voice = null;
    this.scheduled = 0;
    window.addEventListener("xy:back", () => this.resend());
    this.load();
  }

  async load() {
    this.all = await allConversations().catch(() => []);
    const last = this.all[0];
    if (last && !this.current.messages.length) this.current = settled(last);
    this.changed();
    this.loadMoods();
  }

  async loadMoods() {
    const found = await api.get("/v1/memory/user/moods").catch(() => ({ data: [] }));
    this.moods = found.data;
    const last = this.moods.at(-1);
    if (last) this.mood = { ...last, probabilities: /** @type {any} */ (last).mood };
    this.changed();
  }

  /** Whether anything can be stopped. */
  get busy() {
    return this.running !== null || this.voice?.responding || this.player.playing || this.listening !== "";
  }

  // -- turns --------------------------------------------------------------------------------

  /** @param {Draft} draft */
  async send(draft) {
    this.hush();
    this.player.wake();
    const asked = this.add({ role: "user", state: "done", ...draft });
    await this.answer(asked);
  }

  /** @param {Message} asked */
  async answer(asked) {
    this.reply = this.add({ role: "agent", text: "", state: "writing" });
    const reply = this.reply;
    const running = new AbortController();
    this.running = running;
    this.player.reset();
    try {
      if (asked.painting) await this.paint(asked.text, reply, running.signal);
      else await this.turn(asked, reply, running.signal);
    } catch (error) {
      this.failed(reply, error, running.signal.aborted);
    } finally {
      if (this.running === running) this.running = null;
      this.save();
    }
  }

  /** @param {Message} asked
   * @param {Message} reply
   * @param {AbortSignal} signal */
  async turn(asked, reply, signal) {
    const body = { text: asked.text, image: asked.image, speak: this.speaks };
    for await (const { event, data } of api.sse("/v1/agent/turns", { method: "POST", body, signal })) {
      if (data.error && event !== "part_failed") throw new ApiError(500, data.error.message ?? data.error);
      this.take(event, data, reply);
    }
    if (reply.state === "writing") throw new ApiError(0, t("error.network"));
  }

  /** @param {string} prompt
   * @param {Message} reply
   * @param {AbortSignal} signal */
  async paint(prompt, reply, signal) {
    for await (const { picture, done, step } of paint(prompt, signal)) {
      reply.picture = picture;
      reply.progress = done ? undefined : t("talk.step", { step: step ?? 0 });
      this.changed();
    }
    reply.state = "done";
    reply.text ||= t("talk.painted", { prompt });
  }

  /** One event of a turn, whether it was typed or spoken.
   * @param {string} kind
   * @param {any} body
   * @param {Message} reply */
  take(kind, body, reply) {
    const asked = this.current.messages.findLast((one) => one.role === "user");
    switch (kind) {
      case "token":
        reply.text += body.text;
        break;
      case "audio":
        if (body.data) this.player.play(body.data, body.rate);
        break;
      case "emotion":
        if (asked) asked.emotion = body.unsure ? "neutral" : body.top;
        this.mood = body.mood;
        this.moods = [...this.moods.slice(-199), { time: Date.now() / 1000, emotion: body.top, ...body.mood }];
        break;
      case "expression":
        this.expression = body.avatar;
        reply.shows = body.emotion;
        break;
      case "vision":
        if (asked) asked.notes = body.lines.map((/** @type {any} */ line) => line.text);
        break;
      case "memory":
        reply.recalled = body.memories.map((/** @type {any} */ one) => one.text);
        break;
      case "part_failed":
        toast(t("talk.partFailed", { part: body.part, error: body.error }), "bad");
        break;
      case "done":
        Object.assign(reply, { text: body.reply, state: "done", seconds: body.seconds.first_token });
        break;
    }
    this.changed();
  }

  /** @param {Message} reply
   * @param {unknown} error
   * @param {boolean} stopped */
  failed(reply, error, stopped) {
    const offline = error instanceof ApiError && error.offline;
    reply.state = stopped ? "stopped" : offline ? "waiting" : "failed";
    if (!stopped && !offline) {
      const missing = error instanceof ApiError && error.status === 501;
      reply.error = missing ? t("talk.notHere", { error: error.message }) : String(/** @type {any} */ (error).message ?? error);
    }
    if (offline) window.dispatchEvent(new Event("xy:offline"));
  }

  /** The server is back: ask again what it could not answer. */
  resend() {
    const last = this.current.messages.at(-1);
    if (last?.state === "waiting" && !this.running) this.regenerate(last.id);
    this.loadMoods();
  }

  /** @param {string} id of a reply */
  async regenerate(id) {
    this.hush();
    const at = this.current.messages.findIndex((one) => one.id === id);
    const asked = this.current.messages.slice(0, at).findLast((one) => one.role === "user");
    if (!asked) return;
    this.current.messages = this.current.messages.slice(0, at);
    await this.answer(asked);
  }

  /** Say something else instead; what came after it goes.
   * @param {string} id
   * @param {string} text */
  async edit(id, text) {
    this.hush();
    const at = this.current.messages.findIndex((one) => one.id === id);
    const { image, imageName, painting } = this.current.messages[at];
    this.current.messages = this.current.messages.slice(0, at);
    await this.send({ text, image, imageName, painting });
  }

  /** Stop the writing and the speech, and hear no more. */
  stop() {
    this.hush();
    this.voice?.end();
    this.listening = "";
    this.hearsSpeech = false;
    this.changed();
  }

  /** End what the agent says and does. */
  hush() {
    this.running?.abort();
    this.running = null;
    const heard = this.player.stop();
    this.voice?.interrupt(heard);
    this.changed();
  }

  // -- voice --------------------------------------------------------------------------------

  /** @param {"hold" | "hands"} how */
  async listen(how) {
    this.hush();
    this.voice?.end();
    const voice = new Voice(this.listener());
    this.voice = voice;
    this.listening = how;
    this.changed();
    this.player.wake();
    try {
      await voice.start(how === "hands");
      if (this.voice !== voice || this.listening !== how) voice.end();
    } catch (error) {
      voice.end();
      this.listening = "";
      const denied = error instanceof DOMException && error.name === "NotAllowedError";
      toast(t(denied ? "talk.micDenied" : "talk.micFailed", { error: String(error) }), "bad");
      this.changed();
    }
  }

  /** The key is released. */
  release() {
    if (this.listening !== "hold") return;
    this.listening = "";
    if (!this.voice?.open || !this.voice.commit()) {
      this.voice?.end();
      toast(t("talk.holdLonger"));
    }
    this.changed();
  }

  /** @returns {import("./voice.js").Listener} */
  listener() {
    /** @type {Message | null} */
    let asked = null;
    /** @type {Message | null} */
    let reply = null;
    return {
      onListening: (speaking) => {
        this.hearsSpeech = speaking;
        this.changed();
      },
      onSpeech: () => this.player.stop(),
      onBegin: () => {
        this.player.reset();
        asked = this.add({ role: "user", text: "", state: "writing", spoken: true });
        reply = this.add({ role: "agent", text: "", state: "writing", spoken: true });
      },
      onHeard: (words) => {
        if (asked) Object.assign(asked, { text: words, state: "done" });
        this.changed();
      },
      onTurn: (kind, body) => {
        if (reply && !["token", "audio", "done"].includes(kind)) this.take(kind, body, reply);
      },
      onText: (piece) => {
        if (reply) reply.text += piece;
        this.changed();
      },
      onAudio: (base64, rate) => this.player.play(base64, rate),
      onDone: (status, words, error) => {
        if (asked) asked.state = "done";
        if (reply) {
          Object.assign(reply, { text: words || reply.text, error, state: status === "completed" ? "done" : status === "failed" ? "failed" : "stopped" });
        }
        this.save();
        this.changed();
      },
      onClosed: (error) => {
        this.listening = "";
        this.hearsSpeech = false;
        for (const one of [asked, reply]) if (one?.state === "writing") one.state = "stopped";
        if (error) toast(t("talk.voiceClosed"), "bad");
        this.save();
        this.changed();
      },
    };
  }

  // -- conversations ------------------------------------------------------------------------

  create() {
    this.stop();
    this.current = fresh();
    this.expression = NEUTRAL;
    this.changed();
  }

  /** @param {string} id */
  open(id) {
    this.stop();
    this.current = this.all.find((one) => one.id === id) ?? fresh();
    this.changed();
  }

  /** @param {string} id */
  async remove(id) {
    if (this.current.id === id) this.create();
    this.all = this.all.filter((one) => one.id !== id);
    this.changed();
    await drop(id);
  }

  /** @param {Omit<Message, "id">} message
   * @returns {Message} */
  add(message) {
    const made = { id: newId(), ...message };
    this.current.messages.push(made);
    this.current.title ||= message.text.slice(0, 80);
    this.current.updated = Date.now();
    if (!this.all.includes(this.current)) this.all = [this.current, ...this.all];
    this.save();
    this.changed();
    return made;
  }

  save() {
    const first = this.current.messages.find((one) => one.text);
    this.current.title ||= first?.text.slice(0, 80) ?? "";
    keep(this.current).catch((error) => toast(t("talk.notSaved", { error: String(error) }), "bad"));
  }

  /** @param {boolean} speaks */
  setSpeaks(speaks) {
    this.speaks = speaks;
    localStorage.setItem("xy.speak", speaks ? "yes" : "no");
    if (!speaks) this.player.stop();
    this.changed();
  }

  /** Tell the view, once a frame at most. */
  changed() {
    if (this.scheduled) return;
    this.scheduled = requestAnimationFrame(() => {
      this.scheduled = 0;
      this.dispatchEvent(new Event("change"));
    });
  }
}

/** What was under way when the page was closed is not any more.
 * @param {Conversation} conversation */
function settled(conversation) {
  for (const one of conversation.messages) if (one.state === "writing") one.state = "stopped";
  return conversation;
}

export const talking = new Talking();
