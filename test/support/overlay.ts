// Other values at some addresses of an opened vmcore: a struct that was damaged in memory.

import type { Vmcore } from '../../src/target/vmcore.ts';
import type { Vaddr } from '../../src/util/address.ts';

/** Makes a pointer in the memory of a vmcore read as another one; for as long as it is open. */
export function overlayPointer(vmcore: Vmcore, at: Vaddr, value: bigint): void {
  const { space } = vmcore;
  const read = space.readInto.bind(space);
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value, true);
  space.readInto = (into, address) => {
    read(into, address);
    const offset = Number(at - address);
    for (let i = 0; i < bytes.length; i++) {
      const place = offset + i;
      if (place >= 0 && place < into.length) into[place] = bytes[i] as number;
    }
  };
}
