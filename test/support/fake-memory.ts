// A few structs in a few bytes, for tests of references and walks without a dump.

import type { TypedMemory } from '../../src/target/ref.ts';
import { readLayout } from '../../src/types/layout.ts';
import type { StructType, TypeSource } from '../../src/types/ctype.ts';
import { vaddr, type Vaddr } from '../../src/util/address.ts';
import { FaultError } from '../../src/util/errors.ts';

/** Where the bytes of a {@link FakeMemory} start. */
export const FAKE_BASE = 0xffff888000000000n;

/** 64 KiB of memory at {@link FAKE_BASE}; every other address faults. */
export class FakeMemory implements TypedMemory {
  readonly types: TypeSource;
  readonly #bytes = new Uint8Array(1 << 16);
  readonly #view = new DataView(this.#bytes.buffer);

  /** @param structs as in a layout file: member → [offset, C type] */
  constructor(structs: Readonly<Record<string, FakeStruct>>) {
    this.types = readLayout(layoutText(structs), 'test');
  }

  struct(name: string): StructType {
    const type = this.types.find('struct', name);
    if (type?.kind !== 'struct') throw new Error(`no struct ${name} in this test`);
    return type;
  }

  /** The address of byte `offset`. */
  at(offset: number): Vaddr {
    return vaddr(FAKE_BASE + BigInt(offset));
  }

  u64(offset: number, value: bigint): void {
    this.#view.setBigUint64(offset, BigInt.asUintN(64, value), true);
  }

  u32(offset: number, value: number): void {
    this.#view.setUint32(offset, value, true);
  }

  u8(offset: number, value: number): void {
    this.#view.setUint8(offset, value);
  }

  readInto(into: Uint8Array, address: Vaddr): void {
    const offset = Number(address - FAKE_BASE);
    if (!(offset >= 0 && offset + into.length <= this.#bytes.length)) {
      throw new FaultError({ space: 'virtual', address, reason: 'not-mapped' });
    }
    into.set(this.#bytes.subarray(offset, offset + into.length));
  }
}

/** Size in bytes and members. */
export interface FakeStruct {
  readonly size: number;
  readonly members: Readonly<Record<string, readonly [offset: number, type: string]>>;
}

function layoutText(structs: Readonly<Record<string, FakeStruct>>): string {
  return JSON.stringify({
    format: 1,
    release: null,
    arch: 'x86_64',
    banner: null,
    buildId: null,
    producer: 'test',
    source: 'test',
    pointerSize: 8,
    baseTypes: {
      'unsigned long': { size: 8 },
      'unsigned int': { size: 4 },
      'unsigned char': { size: 1 },
      int: { size: 4, signed: true },
      char: { size: 1, signed: true },
    },
    typedefs: {},
    structs: Object.fromEntries(
      Object.entries(structs).map(([name, { size, members }]) => [
        name,
        {
          kind: 'struct',
          size,
          members: Object.fromEntries(
            Object.entries(members).map(([member, [offset, type]]) => [member, { offset, type }]),
          ),
        },
      ]),
    ),
    enums: {},
    enumerators: {},
    flags: {},
  });
}
