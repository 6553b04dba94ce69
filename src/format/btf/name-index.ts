// A hash table from C names to numbers over a BTF string section. Names are hashed and compared as
// bytes where they lie: turning 30,000 of them into strings would cost more than all look-ups.

/** FNV-1a, cheap and good enough for C identifiers. */
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** Strings from offset `start` on; the bytes end with NUL. */
export interface StringRange {
  readonly start: number;
  readonly bytes: Uint8Array;
}

/**
 * Finds values by name, comparing by content: two equal strings at two offsets are one name, as
 * they are where nobody ran the deduplication. A name outside all strings is never found.
 */
export class NameIndex {
  readonly #ranges: readonly StringRange[];
  readonly #heads: Int32Array;
  readonly #next: Int32Array;
  readonly #nameOffsets: Uint32Array;
  readonly #values: Uint32Array;
  readonly #mask: number;
  #count = 0;

  /** @param capacity at least the number of names that will be added */
  constructor(ranges: readonly StringRange[], capacity: number) {
    this.#ranges = ranges;
    let buckets = 16;
    while (buckets < capacity) buckets *= 2;
    this.#mask = buckets - 1;
    this.#heads = new Int32Array(buckets).fill(-1);
    this.#next = new Int32Array(capacity);
    this.#nameOffsets = new Uint32Array(capacity);
    this.#values = new Uint32Array(capacity);
  }

  add(nameOffset: number, value: number): void {
    const range = this.#rangeOf(nameOffset);
    if (range === undefined) return;
    const { bytes, start } = range;
    let hash = FNV_OFFSET;
    for (let at = nameOffset - start; bytes[at] !== 0; at++) {
      hash = Math.imul(hash ^ (bytes[at] as number), FNV_PRIME);
    }
    const bucket = mix(hash) & this.#mask;
    const entry = this.#count++;
    this.#nameOffsets[entry] = nameOffset;
    this.#values[entry] = value;
    this.#next[entry] = this.#heads[bucket] as number;
    this.#heads[bucket] = entry;
  }

  /** The values of a name in the order in which they were added. */
  find(name: string): number[] {
    const bytes = Buffer.from(name, 'latin1');
    let hash = FNV_OFFSET;
    for (const byte of bytes) hash = Math.imul(hash ^ byte, FNV_PRIME);
    const found: number[] = [];
    let entry = this.#heads[mix(hash) & this.#mask] as number;
    while (entry >= 0) {
      if (this.#equals(this.#nameOffsets[entry] as number, bytes)) {
        found.push(this.#values[entry] as number);
      }
      entry = this.#next[entry] as number;
    }
    return found.reverse();
  }

  #equals(nameOffset: number, name: Uint8Array): boolean {
    const { bytes, start } = this.#rangeOf(nameOffset) as StringRange;
    const at = nameOffset - start;
    for (let i = 0; i < name.length; i++) if (bytes[at + i] !== name[i]) return false;
    return bytes[at + name.length] === 0;
  }

  #rangeOf(offset: number): StringRange | undefined {
    for (const range of this.#ranges) {
      if (offset >= range.start && offset - range.start < range.bytes.length) return range;
    }
    return undefined;
  }
}

/** FNV's low bits are its weakest, and the table uses only those. */
function mix(hash: number): number {
  return hash ^ (hash >>> 15);
}
