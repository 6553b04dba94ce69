// Values written over the memory of an opened vmcore, for states that no dump at hand is in.

import type { Ref } from '../../src/target/ref.ts';
import type { Vmcore } from '../../src/target/vmcore.ts';
import { sizeOf } from '../../src/types/ctype.ts';
import { vaddr, type Vaddr } from '../../src/util/address.ts';

/** Writes over members; what the vmcore reads from then on has them. */
export type WriteOver = (target: Ref, value: bigint | number) => void;

/** Begins to write over a vmcore; its file stays as it is. */
export function writeOver(vmcore: Vmcore): WriteOver {
  const written = new Map<bigint, number>();
  const { space } = vmcore;
  const original = space.readInto.bind(space);
  space.readInto = (into: Uint8Array, address: Vaddr): void => {
    original(into, address);
    for (let i = 0; i < into.length; i++) {
      into[i] = written.get(vaddr(address + BigInt(i))) ?? into[i] ?? 0;
    }
  };
  return (target, value) => {
    const size = sizeOf(target.type);
    const bits = BigInt.asUintN(size * 8, BigInt(value));
    for (let i = 0; i < size; i++) {
      written.set(vaddr(target.address + BigInt(i)), Number((bits >> BigInt(i * 8)) & 0xffn));
    }
  };
}
