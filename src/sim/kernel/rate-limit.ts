// struct ratelimit_state (lib/ratelimit.c): so many messages in so much time, no more.

/** A limit, in jiffies. */
export class RateLimit {
  readonly #interval: number;
  readonly #burst: number;
  #begin = -Infinity;
  #printed = 0;

  constructor({ interval, burst }: { interval: number; burst: number }) {
    this.#interval = interval;
    this.#burst = burst;
  }

  /** __ratelimit(): whether one more may be printed now. */
  allows(jiffies: number): boolean {
    if (jiffies > this.#begin + this.#interval) {
      this.#begin = jiffies;
      this.#printed = 0;
    }
    this.#printed++;
    return this.#printed <= this.#burst;
  }
}
