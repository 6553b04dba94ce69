// Memory as the kernel sees it while we fill it: by virtual address and by struct.

import { PAGE_SIZE } from '../../arch/x86-64.ts';
import { hex, vaddr, vaddrAdd, type Vaddr } from '../../util/address.ts';
import { assert } from '../../util/assert.ts';
import { placeOf, type MemberPlace, type StructType, type TypeSource } from '../../types/ctype.ts';
import type { PageTables } from './page-tables.ts';
import type { PhysicalImage } from './physical-image.ts';
import {
  integerBytes,
  memberBytes,
  memberPlace,
  setBits,
  type FieldValue,
  type Fields,
} from './struct-writer.ts';

const PAGE_MASK = BigInt(PAGE_SIZE - 1);

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
  readonly #structs = new Map<string, StructType>();
  /** The last walk of the page tables: nothing that is mapped is ever mapped elsewhere. */
  #walked: { page: bigint; paddr: number } = { page: -1n, paddr: 0 };

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
    this.write(address, integerBytes(size, value, hex(address)));
  }

  /** @throws AssertionError if the kernel's types have no such struct */
  struct(name: string): StructType {
    let type = this.#structs.get(name);
    if (type === undefined) {
      const found = this.types.find('struct', name);
      assert(found?.kind === 'struct', `${this.types.origin} has no struct ${name}`);
      type = found;
      this.#structs.set(name, type);
    }
    return type;
  }

  /** Sets members of the struct at `address`; the others keep what they are. */
  store(structName: string, address: Vaddr, fields: Fields): void {
    const type = this.#touch(structName, address);
    for (const [path, value] of Object.entries(fields)) {
      this.#storeMember(address, memberPlace(type, path), { value, what: `${structName}.${path}` });
    }
  }

  /** {@link store} for the members that this kernel's struct has. */
  storeKnown(structName: string, address: Vaddr, fields: Fields): void {
    const type = this.#touch(structName, address);
    for (const [path, value] of Object.entries(fields)) {
      const place = placeOf(type, path);
      if (place === undefined) continue;
      this.#storeMember(address, place, { value, what: `${structName}.${path}` });
    }
  }

  /** Makes the struct's pages be there. */
  #touch(structName: string, address: Vaddr): StructType {
    const type = this.struct(structName);
    this.#eachPage(address, type.size, (paddr, start, end) => {
      this.physical.touch(paddr, end - start);
    });
    return type;
  }

  #storeMember(
    address: Vaddr,
    place: MemberPlace,
    field: { value: FieldValue; what: string },
  ): void {
    if (place.bitSize === undefined) {
      const at = vaddrAdd(address, place.bitOffset / 8);
      this.write(at, memberBytes(place, field.value, field.what));
    } else this.#storeBits(address, place, field);
  }

  #storeBits(address: Vaddr, place: MemberPlace, field: { value: FieldValue; what: string }): void {
    const bitOffset = place.bitOffset % 8;
    const at = vaddrAdd(address, (place.bitOffset - bitOffset) / 8);
    const bytes = this.read(at, Math.ceil((bitOffset + (place.bitSize ?? 0)) / 8));
    setBits(bytes, { ...place, bitOffset }, field);
    this.write(at, bytes);
  }

  #eachPage(
    address: Vaddr,
    length: number,
    visit: (paddr: number, start: number, end: number) => void,
  ): void {
    for (let done = 0; done < length;) {
      const at = vaddr(address + BigInt(done));
      const end = Math.min(length, done + PAGE_SIZE - Number(at & PAGE_MASK));
      visit(this.#paddrOf(at), done, end);
      done = end;
    }
  }

  #paddrOf(address: Vaddr): number {
    // Nearly all objects lie in the direct map, which needs no walk.
    const offset = address - this.pageOffsetBase;
    if (offset >= 0n && offset < BigInt(this.physical.end)) return Number(offset);
    const inPage = Number(address & PAGE_MASK);
    const page = address - BigInt(inPage);
    if (page !== this.#walked.page) {
      const paddr = this.tables.paddrOf(page);
      assert(paddr !== undefined, `virtual address ${hex(address)} is not mapped`);
      this.#walked = { page, paddr };
    }
    return this.#walked.paddr + inPage;
  }
}
