// Pages as a kernel's memory has them, from a seed: what codecs are tried on.

import type { Prng } from '../../src/util/prng.ts';

/** One way of filling memory. */
export type PageKind = 'zero' | 'one byte' | 'text' | 'pointers' | 'sparse' | 'random';

export const PAGE_KINDS: readonly PageKind[] = [
  'zero',
  'one byte',
  'text',
  'pointers',
  'sparse',
  'random',
];

const WORDS = [
  'page',
  ' allocation',
  ' stall',
  'ed',
  ': order',
  ':0',
  ' kswapd',
  '\n',
  ' GFP_KERNEL',
];

/** `size` bytes of the given kind. */
export function makePage(kind: PageKind, size: number, prng: Prng): Uint8Array {
  const page = Buffer.alloc(size);
  switch (kind) {
    case 'zero':
      break;
    case 'one byte':
      page.fill(prng.below(256));
      break;
    case 'text':
      for (let at = 0; at < size;) at += page.write(prng.pick(WORDS), at, 'latin1') || 1;
      break;
    case 'pointers':
      for (let at = 0; at + 8 <= size; at += 8) {
        page.writeBigUInt64LE(0xffff888000000000n + BigInt(prng.below(4096) * 64), at);
      }
      break;
    case 'sparse':
      for (let n = 0; n < size / 256; n++) page[prng.below(size)] = prng.u32();
      break;
    case 'random':
      page.set(prng.bytes(size));
      break;
  }
  return new Uint8Array(page);
}

/** The bytes with up to four changes: a flipped bit, another byte, a cut, a doubled stretch. */
export function mutate(bytes: Uint8Array, prng: Prng): Uint8Array {
  let mutant = bytes.slice();
  for (let count = 1 + prng.below(4); count > 0 && mutant.length > 0; count--) {
    const at = prng.below(mutant.length);
    switch (prng.below(4)) {
      case 0:
        mutant[at] = mutant[at]! ^ (1 << prng.below(8));
        break;
      case 1:
        mutant[at] = prng.pick([0, 1, 0x7f, 0x80, 0xff, prng.below(256)]);
        break;
      case 2:
        mutant = mutant.slice(0, at);
        break;
      default:
        mutant = Buffer.concat([mutant.subarray(0, at), mutant.subarray(at >> 1)]);
        mutant = new Uint8Array(mutant);
    }
  }
  return mutant;
}
