// The search that the lzo, snappy, lz4 and zlib encoders share. It looks at the last place of the
// same four bytes, and at the distances of the two matches before: a page of a dump is often an
// array of structs, each like the one before it but for a pointer. It favours small code and speed
// over the last percent.

/** `length` bytes at `start` that also stand `distance` bytes before. */
export interface Match {
  readonly start: number;
  readonly length: number;
  readonly distance: number;
}

/** What the format that the matches are for can express. */
export interface MatchLimits {
  readonly distanceMax: number;
  /** Matches start and end this many bytes before the end of the input. */
  readonly startMargin?: number;
  readonly endMargin?: number;
}

/** Shorter matches gain little or nothing in all of the formats. */
const LENGTH_MIN = 4;
const HASH_BITS = 13;

/** Matches in ascending order that do not overlap; what lies between them is literals. */
export function findMatches(bytes: Uint8Array, limits: MatchLimits): Match[] {
  const matches: Match[] = [];
  const startEnd = bytes.length - Math.max(LENGTH_MIN, limits.startMargin ?? 0);
  const search = new Search(bytes, limits);
  let misses = 0;
  for (let at = 0; at <= startEnd;) {
    let match = search.at(at);
    if (match.length < LENGTH_MIN) {
      // Incompressible stretches are crossed in growing steps.
      at += 1 + (misses++ >> 6);
      continue;
    }
    if (at < startEnd) {
      // One literal more is well spent on a match that is two bytes longer.
      const next = search.at(at + 1);
      if (next.length > match.length + 1) match = next;
    }
    matches.push(match);
    search.remember(match.distance);
    at = match.start + match.length;
    misses = 0;
  }
  return matches;
}

/** Where matches may be, and the longest of them. */
class Search {
  readonly #bytes: Uint8Array;
  readonly #distanceMax: number;
  readonly #end: number;
  readonly #lastAt = new Int32Array(1 << HASH_BITS).fill(-1);
  /** Of the last two matches, the latest first; 0 where there was none yet. */
  #distances: readonly [number, number] = [0, 0];

  constructor(bytes: Uint8Array, { distanceMax, endMargin = 0 }: MatchLimits) {
    this.#bytes = bytes;
    this.#distanceMax = distanceMax;
    this.#end = bytes.length - endMargin;
  }

  /** The longest match at a position, which later positions may match; its length may be 0. */
  at(start: number): Match {
    const slot = hash(this.#bytes, start);
    const candidate = this.#lastAt[slot] as number;
    this.#lastAt[slot] = start;
    const [last, before] = this.#distances;
    const hashed = candidate < 0 ? 0 : start - candidate;
    let best = this.#match(start, hashed <= this.#distanceMax ? hashed : 0);
    for (const distance of [last, before]) {
      if (distance === best.distance || distance > start) continue;
      const match = this.#match(start, distance);
      if (match.length > best.length) best = match;
    }
    return best;
  }

  /** What is at this distance is likely to match again. */
  remember(distance: number): void {
    const [last] = this.#distances;
    if (distance !== last) this.#distances = [distance, last];
  }

  #match(start: number, distance: number): Match {
    if (distance === 0) return { start, length: 0, distance };
    const bytes = this.#bytes;
    let at = start;
    while (at < this.#end && bytes[at - distance] === bytes[at]) at++;
    return { start, length: at - start, distance };
  }
}

/** Knuth's multiplicative hash of the four bytes at `at`. */
function hash(bytes: Uint8Array, at: number): number {
  const word =
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24);
  return Math.imul(word, 0x9e3779b1) >>> (32 - HASH_BITS);
}
