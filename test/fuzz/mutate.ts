// Random damage to bytes, all of it drawn from one seed. Values that have ever broken a parser are
// more likely than chance would have them, and each seed draws its damage from a few kinds only.

import type { Prng } from '../../src/util/prng.ts';

/** Where damage may fall; all of the bytes where it is left out. */
export interface Area {
  readonly start: number;
  readonly end: number;
}

const WORDS = [0n, 1n, 0x7fn, 0xffn, 0x7fffn, 0xffffn, 0x7fffffffn, 0x80000000n, 0xffffffffn];
const LONG_WORDS = [
  2n ** 32n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 63n - 1n,
  2n ** 63n,
  2n ** 64n - 1n,
];
const DAMAGES_MAX = 12;

type Damage = (bytes: Uint8Array, at: number, prng: Prng) => void;

const DAMAGES: readonly Damage[] = [
  (bytes, at, prng) => {
    bytes[at] = (bytes[at] as number) ^ (1 << prng.below(8));
  },
  (bytes, at, prng) => {
    bytes[at] = prng.u32();
  },
  (bytes, at, prng) => put(bytes, at, { value: prng.pick(WORDS), size: 4 }),
  (bytes, at, prng) => put(bytes, at, { value: prng.pick(LONG_WORDS), size: 8 }),
  (bytes, at, prng) => {
    bytes.fill(prng.pick([0, 0xff]), at, Math.min(bytes.length, at + 1 + prng.below(64)));
  },
  (bytes, at, prng) => {
    const from = prng.below(bytes.length);
    bytes.copyWithin(at, from, from + 1 + prng.below(256));
  },
];

/** A damaged copy; one in sixteen is cut short as well. */
export function mutate(bytes: Uint8Array, prng: Prng, areas?: readonly Area[]): Uint8Array {
  const copy = bytes.slice();
  const kinds = DAMAGES.filter(() => prng.chance(0.5));
  const count = 1 + prng.below(DAMAGES_MAX);
  for (let i = 0; i < count; i++) {
    const { start, end } = areas === undefined ? wholeOf(copy) : prng.pick(areas);
    const damage = prng.pick(kinds.length > 0 ? kinds : DAMAGES);
    damage(copy, start + prng.below(end - start), prng);
  }
  return areas === undefined && prng.chance(1 / 16)
    ? copy.subarray(0, prng.below(copy.length))
    : copy;
}

function wholeOf(bytes: Uint8Array): Area {
  return { start: 0, end: bytes.length };
}

function put(bytes: Uint8Array, at: number, word: { value: bigint; size: 4 | 8 }): void {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, word.value, true);
  const room = Math.min(word.size, bytes.length - at);
  bytes.set(new Uint8Array(view.buffer, 0, room), at);
}
