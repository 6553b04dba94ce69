// The search that the lzo, snappy and lz4 encoders share: a greedy one, over a table of the last
// position of each 4-byte hash. It favours small code and speed over the last percent.

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

/** Shorter matches gain nothing in any of the three formats. */
const LENGTH_MIN = 4;
const HASH_BITS = 13;

/** Matches in ascending order that do not overlap; what lies between them is literals. */
export function findMatches(bytes: Uint8Array, limits: MatchLimits): Match[] {
  const matches: Match[] = [];
  const lastAt = new Int32Array(1 << HASH_BITS).fill(-1);
  const startEnd = bytes.length - Math.max(LENGTH_MIN, limits.startMargin ?? 0);
  const end = bytes.length - (limits.endMargin ?? 0);
  let misses = 0;
  for (let at = 0; at <= startEnd;) {
    const slot = hash(bytes, at);
    const candidate = lastAt[slot] as number;
    lastAt[slot] = at;
    const distance = at - candidate;
    const length =
      candidate >= 0 && distance <= limits.distanceMax
        ? commonLength(bytes, candidate, at, end)
        : 0;
    if (length >= LENGTH_MIN) {
      matches.push({ start: at, length, distance });
      at += length;
      misses = 0;
    } else {
      // Incompressible stretches are crossed in growing steps.
      at += 1 + (misses++ >> 6);
    }
  }
  return matches;
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

function commonLength(bytes: Uint8Array, a: number, b: number, end: number): number {
  let length = 0;
  while (b + length < end && bytes[a + length] === bytes[b + length]) length++;
  return length;
}
