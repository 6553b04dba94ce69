// Puts the kallsyms tables at the end of the image's read-only data. They name themselves, so they
// are laid out twice: with guessed addresses, which give the sizes, and then with the true ones.

import { writeKallsyms, type WrittenKallsyms } from '../../format/kallsyms/write.ts';
import { vaddr, vaddrAdd, type Vaddr } from '../../util/address.ts';
import { assert } from '../../util/assert.ts';
import type { ImageSymbol, KernelImage } from './kernel-image.ts';
import type { KernelMemory } from './kernel-memory.ts';

/** In the order in which the writer lays them out. */
const TABLES = ['num_syms', 'names', 'token_table', 'token_index', 'offsets', 'relative_base'].map(
  (name) => `kallsyms_${name}`,
);

const ALIGN = 64n;

/** Writes the tables and marks their symbols. No symbol may be defined after that. */
export function placeKallsyms(image: KernelImage, memory: KernelMemory): void {
  const address = vaddr((image.used('rodata') + ALIGN - 1n) & ~(ALIGN - 1n));
  const guessed = TABLES.map((name, i) => tableSymbol(name, vaddrAdd(address, i)));
  const draft = encode(image, { address, tables: guessed });
  const end = vaddrAdd(address, draft.bytes.length);
  const { address: start, size } = image.section('rodata');
  assert(end <= start + BigInt(size), 'section rodata has no room for kallsyms');
  for (const name of TABLES) {
    const place = draft.symbols[name];
    assert(place !== undefined, `the writer has no table ${name}`);
    image.mark(name, place, 'R');
  }
  memory.write(address, encode(image, { address, tables: [] }).bytes);
}

function encode(
  image: KernelImage,
  place: { address: Vaddr; tables: readonly ImageSymbol[] },
): WrittenKallsyms {
  const symbols = [...image.symbols(), ...place.tables].sort((a, b) =>
    a.address < b.address ? -1 : a.address > b.address ? 1 : 0,
  );
  return writeKallsyms(symbols, {
    address: place.address,
    lengthEncoding: 'two-byte',
    addressEncoding: 'absolute-percpu',
    relativeBase: image.start,
  });
}

function tableSymbol(name: string, address: Vaddr): ImageSymbol {
  return { name, address, type: 'R' };
}
