// A bounded list: the oldest items give way, and each keeps its number.

/** @template T */
export class Ring {
  /** @param {number} capacity */
  constructor(capacity) {
    this.capacity = capacity;
    /** How many items there ever were; the next one's number. */
    this.end = 0;
    /** @type {T[]} */
    this.items = [];
  }

  /** The number of the oldest item that is still here. */
  get start() {
    return Math.max(0, this.end - this.capacity);
  }

  /** @param {T} item */
  push(item) {
    this.items[this.end % this.capacity] = item;
    this.end += 1;
  }

  /** @param {number} number */
  at(number) {
    return this.items[number % this.capacity];
  }
}
