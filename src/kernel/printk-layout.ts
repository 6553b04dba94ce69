// Where the members of the log's structs lie: from the kernel's types, else from the lines of
// VMCOREINFO that it writes for just this (log_buf_vmcoreinfo_setup(), kernel/printk/printk.c).

import { byteAndBitsOf, placeOf, sizeOf } from '../types/ctype.ts';
import type { Vmcore } from '../target/vmcore.ts';
import { vaddr, vaddrAdd, type Vaddr } from '../util/address.ts';
import { LookupError } from '../util/errors.ts';

/** The structs of the log of one kernel. */
export class PrintkLayout {
  readonly #vmcore: Vmcore;

  constructor(vmcore: Vmcore) {
    this.#vmcore = vmcore;
  }

  /** Bytes of a struct; undefined where neither types nor VMCOREINFO tell. */
  findSize(struct: string): number | undefined {
    const type = this.#vmcore.types.find('struct', struct);
    const size = type === undefined ? 0 : sizeOf(type);
    return size > 0 ? size : this.#vmcore.vmcoreinfo.size(struct);
  }

  /** Byte offset of a member: `prb_desc.state_var`. */
  findOffset(struct: string, member: string): number | undefined {
    const type = this.#vmcore.types.find('struct', struct);
    const place = type?.kind === 'struct' ? placeOf(type, member) : undefined;
    if (place !== undefined) return byteAndBitsOf(place).byte;
    return this.#vmcore.vmcoreinfo.offset(`${struct}.${member}`);
  }

  /** @throws LookupError where neither types nor VMCOREINFO tell */
  size(struct: string): number {
    const size = this.findSize(struct);
    if (size !== undefined) return size;
    throw new LookupError('type', `struct ${struct}`, NOT_TOLD);
  }

  /** @throws LookupError where neither types nor VMCOREINFO tell */
  offset(struct: string, member: string): number {
    const offset = this.findOffset(struct, member);
    if (offset !== undefined) return offset;
    throw new LookupError('member', `struct ${struct}.${member}`, NOT_TOLD);
  }

  /** The address of a variable; undefined where this kernel has none or does not tell. */
  symbol(name: string): Vaddr | undefined {
    return this.#vmcore.symbols.lookup(name) ?? this.#vmcore.vmcoreinfo.symbol(name);
  }

  /** A variable of up to 8 bytes; undefined where this kernel has none or does not tell. */
  variable(name: string, size: 4 | 8): bigint | undefined {
    const address = this.symbol(name);
    if (address === undefined) return undefined;
    const view = viewOf(this.#vmcore.readBytes(address, size, 'log'));
    return size === 8 ? view.getBigUint64(0, true) : BigInt(view.getUint32(0, true));
  }
}

const NOT_TOLD = 'neither types nor VMCOREINFO have it';

/** A view of bytes that were read. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** `unsigned long` at an address. */
export function wordAt(vmcore: Vmcore, address: Vaddr): bigint {
  return viewOf(vmcore.readBytes(address, 8, 'log')).getBigUint64(0, true);
}

/** `array[index]` */
export function elementAt(array: Vaddr, index: number, size: number): Vaddr {
  return vaddr(vaddrAdd(array, BigInt(index) * BigInt(size)));
}
