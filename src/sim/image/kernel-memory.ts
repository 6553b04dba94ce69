// Memory as the kernel sees it while we fill it: by virtual address and by struct.

import { PAGE_SIZE } from '../../arch/x86-64.ts';
import { vaddr, vaddrAdd, type Vaddr } from '../../util/address.ts';
import { assert } from '../../util/assert.ts';
import type { StructType, TypeSource } from '../../types/ctype.ts';
import type { PageTables } from './page-tables.ts';
import type { PhysicalImage } from './physical-image.ts';
import { StructWriter, type Fields } from './struct-writer.ts';

/** What a {@link KernelMemory} writes through. */
export interface KernelMemoryParts {
  readonly physical: PhysicalImage;
  readonly tables: PageTables;
  readonly types: TypeSource;
  /** Where the direct map of all physical memory starts. */
  readonly pageOffsetBase: Vaddr;
}

/** Reads and writes through the page tables that are being made. */
export class KernelMemory {
  readonly physical: PhysicalImage;
  readonly tables: PageTables;
  readonly types: TypeSource;
  readonly pageOffsetBase: Vaddr;

  constructor({ physical, tables, types, pageOffsetBase }: KernelMemoryParts) {
    this.physical = physical;
    this.tables = tables;
    this.types = types;
    this.pageOffsetBase = pageOffsetBase;
  }

  /** The direct map's address of physical memory (the kernel's __va()). */
  directMap(paddr: number): Vaddr {
    return vaddrAdd(this.pageOffsetBase, paddr);
  }

  /** @throws AssertionError where nothing is mapped */
  write(address: Vaddr, bytes: Uint8Array): void {
    this.#eachPage(address, bytes.length, (paddr, start, end) => {
      this.physical.write(paddr, bytes.subarray(start, end));
    });
  }

  /** A copy. @throws AssertionError where nothing is mapped */
  read(address: Vaddr, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    this.#eachPage(address, length, (paddr, start, end) => {
      bytes.set(this.physical.read(paddr, end - start), start);
    });
    return bytes;
  }

  /** An integer of 4 or 8 bytes. */
  writeInteger(address: Vaddr, value: bigint | number, size: 4 | 8): void {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, BigInt.asUintN(64, BigInt(value)), true);
    this.write(address, bytes.subarray(0, size));
  }

  /** @throws AssertionError if the kernel's types have no such struct */
  struct(name: string): StructType {
    const type = this.types.find('struct', name);
    assert(type?.kind === 'struct', `${this.types.origin} has no struct ${name}`);
    return type;
  }

  /** Sets members of the struct at `address`; the others keep what they are. */
  store(structName: string, address: Vaddr, fields: Fields): void {
    const type = this.struct(structName);
    const writer = new StructWriter(type, this.read(address, type.size));
    this.write(address, writer.setAll(fields).bytes);
  }

  #eachPage(
    address: Vaddr,
    length: number,
    visit: (paddr: number, start: number, end: number) => void,
  ): void {
    for (let done = 0; done < length;) {
      const at = vaddr(address + BigInt(done));
      const end = Math.min(length, done + PAGE_SIZE - Number(at & BigInt(PAGE_SIZE - 1)));
      visit(this.#paddrOf(at), done, end);
      done = end;
    }
  }

  #paddrOf(address: Vaddr): number {
    // Nearly all objects lie in the direct map, which needs no walk.
    const offset = address - this.pageOffsetBase;
    if (offset >= 0n && offset < BigInt(this.physical.end)) return Number(offset);
    const paddr = this.tables.paddrOf(address);
    assert(paddr !== undefined, `virtual address 0x${address.toString(16)} is not mapped`);
    return paddr;
  }
}
