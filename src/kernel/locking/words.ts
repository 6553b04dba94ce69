// Words of the dump that may lead nowhere: pointers of damaged structures are asked for, not
// believed, so that one that cannot be read is an answer and no error.

import type { TypedMemory } from '../../target/ref.ts';
import { VmcoreError } from '../../util/errors.ts';
import type { Vaddr } from '../../util/address.ts';

/** The highest address of user space and the hole above it: no structure of the kernel is there. */
const USER_END = 1n << 63n;

/** Reads words of 8 bytes. */
export class WordReader {
  readonly #memory: Pick<TypedMemory, 'readInto'>;
  readonly #bytes = new Uint8Array(8);
  readonly #view = new DataView(this.#bytes.buffer);

  constructor(memory: Pick<TypedMemory, 'readInto'>) {
    this.#memory = memory;
  }

  /** undefined where there is nothing, or nothing of the kernel's. */
  at(address: Vaddr): bigint | undefined {
    if (address < USER_END || (address & 7n) !== 0n) return undefined;
    return this.#readable(this.#bytes, address) ? this.#view.getBigUint64(0, true) : undefined;
  }

  /** The words of a range, and none where a part of it cannot be read. */
  range(start: Vaddr, byteCount: number): BigUint64Array {
    const bytes = new Uint8Array(byteCount & -8);
    if (start < USER_END || !this.#readable(bytes, start)) return new BigUint64Array(0);
    // The dump's byte order is the machine's: both are little-endian, as x86 is.
    return new BigUint64Array(bytes.buffer);
  }

  #readable(bytes: Uint8Array, address: Vaddr): boolean {
    try {
      this.#memory.readInto(bytes, address, 'stack');
      return true;
    } catch (error) {
      if (error instanceof VmcoreError) return false;
      throw error;
    }
  }
}
