// xxHash, 32 bits: the checksum of lz4 frames. Not cryptographic.
// https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md

const PRIME_1 = 0x9e3779b1;
const PRIME_2 = 0x85ebca77;
const PRIME_3 = 0xc2b2ae3d;
const PRIME_4 = 0x27d4eb2f;
const PRIME_5 = 0x165667b1;

/** Input is taken in stripes of four 32-bit lanes. */
const STRIPE = 16;

/** A running xxh32 with seed 0. */
export class Xxh32 {
  #lane1 = (PRIME_1 + PRIME_2) | 0;
  #lane2 = PRIME_2 | 0;
  #lane3 = 0;
  #lane4 = -PRIME_1 | 0;
  /** What did not fill a stripe yet. */
  readonly #tail = new Uint8Array(STRIPE);
  #tailLength = 0;
  #length = 0;

  /** Takes the next bytes. */
  update(bytes: Uint8Array): this {
    this.#length += bytes.length;
    let from = 0;
    if (this.#tailLength > 0) {
      from = Math.min(bytes.length, STRIPE - this.#tailLength);
      this.#tail.set(bytes.subarray(0, from), this.#tailLength);
      this.#tailLength += from;
      if (this.#tailLength < STRIPE) return this;
      this.#stripes(this.#tail);
      this.#tailLength = 0;
    }
    const whole = bytes.length - ((bytes.length - from) % STRIPE);
    this.#stripes(bytes.subarray(from, whole));
    this.#tail.set(bytes.subarray(whole));
    this.#tailLength = bytes.length - whole;
    return this;
  }

  /** The checksum of all bytes so far, 0 <= n < 2^32. */
  digest(): number {
    let hash =
      this.#length < STRIPE
        ? PRIME_5
        : rotate(this.#lane1, 1) +
          rotate(this.#lane2, 7) +
          rotate(this.#lane3, 12) +
          rotate(this.#lane4, 18);
    hash = (hash + this.#length) | 0;
    const tail = new DataView(this.#tail.buffer);
    let at = 0;
    for (; at + 4 <= this.#tailLength; at += 4) {
      hash = (hash + Math.imul(tail.getInt32(at, true), PRIME_3)) | 0;
      hash = Math.imul(rotate(hash, 17), PRIME_4);
    }
    for (; at < this.#tailLength; at++) {
      hash = (hash + Math.imul(tail.getUint8(at), PRIME_5)) | 0;
      hash = Math.imul(rotate(hash, 11), PRIME_1);
    }
    hash = Math.imul(hash ^ (hash >>> 15), PRIME_2);
    hash = Math.imul(hash ^ (hash >>> 13), PRIME_3);
    return (hash ^ (hash >>> 16)) >>> 0;
  }

  /** `bytes` must be a multiple of the stripe long. */
  #stripes(bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    // Locals, since private fields are several times slower in this loop.
    let lane1 = this.#lane1;
    let lane2 = this.#lane2;
    let lane3 = this.#lane3;
    let lane4 = this.#lane4;
    for (let at = 0; at < bytes.length; at += STRIPE) {
      lane1 = round(lane1, view.getInt32(at, true));
      lane2 = round(lane2, view.getInt32(at + 4, true));
      lane3 = round(lane3, view.getInt32(at + 8, true));
      lane4 = round(lane4, view.getInt32(at + 12, true));
    }
    this.#lane1 = lane1;
    this.#lane2 = lane2;
    this.#lane3 = lane3;
    this.#lane4 = lane4;
  }
}

/** The xxh32 of `bytes` with seed 0, 0 <= n < 2^32. */
export function xxh32(bytes: Uint8Array): number {
  return new Xxh32().update(bytes).digest();
}

function round(lane: number, word: number): number {
  return Math.imul(rotate((lane + Math.imul(word, PRIME_2)) | 0, 13), PRIME_1);
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}
