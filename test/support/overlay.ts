// Other values in the memory of an opened vmcore: states that no dump is in, and damaged structs.

import type { Ref } from '../../src/target/ref.ts';
import type { Vmcore } from '../../src/target/vmcore.ts';
import { sizeOf } from '../../src/types/ctype.ts';
import type { Vaddr } from '../../src/util/address.ts';

/** Makes an integer or a pointer of up to 8 bytes read as another one. */
export type Overlay = (place: Ref, value: bigint | number) => void;

/** What is written lasts for as long as the vmcore is open; the file stays as it is. */
export function overlayOf(vmcore: Vmcore): Overlay {
  const bytes = new Map<Vaddr, Uint8Array>();
  const { space } = vmcore;
  const read = space.readInto.bind(space);
  space.readInto = (into, address) => {
    read(into, address);
    for (const [at, written] of bytes) {
      const offset = Number(at - address);
      for (const [i, byte] of written.entries()) {
        const place = offset + i;
        if (place >= 0 && place < into.length) into[place] = byte;
      }
    }
  };
  return ({ address, type }, value) => {
    const all = new Uint8Array(8);
    new DataView(all.buffer).setBigUint64(0, BigInt.asUintN(64, BigInt(value)), true);
    bytes.set(address, all.subarray(0, sizeOf(type)));
  };
}
