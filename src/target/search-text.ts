// Looks for a text in a stretch of kernel memory, a piece at a time.

import { vaddrAdd, type Vaddr } from '../util/address.ts';
import type { MemorySearch } from './watch.ts';

/** Read at once. */
const CHUNK = 1 << 20;

/** A text that stands at more places than this tells nothing. */
const FOUND_MAX = 64;

/** Has the bytes from an address on that can be read. */
interface Readable {
  readAvailable(address: Vaddr, lengthMax: number): Uint8Array;
}

/** The addresses of a text, ascending. */
export function searchText(memory: Readable, { start, length, text }: MemorySearch): Vaddr[] {
  const found: Vaddr[] = [];
  for (let at = 0; at < length; at += CHUNK) {
    const from = vaddrAdd(start, at);
    // Pieces overlap, so that a text across a border is found, once.
    const size = Math.min(CHUNK + text.length - 1, length - at);
    const { buffer, byteOffset, length: got } = memory.readAvailable(from, size);
    const bytes = Buffer.from(buffer, byteOffset, got);
    let index = bytes.indexOf(text, 0, 'latin1');
    while (index >= 0 && index < CHUNK && found.length < FOUND_MAX) {
      found.push(vaddrAdd(from, index));
      index = bytes.indexOf(text, index + 1, 'latin1');
    }
  }
  return found;
}
