// Puts the kallsyms tables at the end of the image's read-only data. They name themselves, so they
// are laid out twice: with guessed addresses, which give the sizes, and then with the true ones.

import { writeKallsyms, type WrittenKallsyms } from '../../format/kallsyms/write.ts';
import { vaddr, vaddrAdd, type Vaddr } from '../../util/address.ts';
import { assert } from '../../util/assert.ts';
import type { ImageFlavour } from './image-flavour.ts';
import type { ImageSymbol, KernelImage } from './kernel-image.ts';
import type { KernelMemory } from './kernel-memory.ts';

/** In the order in which the writer lays them out. */
const NAME_TABLES = ['num_syms', 'names', 'token_table', 'token_index'];
/** Since Linux 4.6 (2213e9a66bb8), and before. */
const OFFSETS = ['offsets', 'relative_base'];
const ADDRESSES = ['addresses'];

const ALIGN = 64n;

/** Writes the tables and marks their symbols. No symbol may be defined after that. */
export function placeKallsyms(
  image: KernelImage,
  memory: KernelMemory,
  encoding: ImageFlavour['kallsyms'],
): void {
  const address = vaddr((image.used('rodata') + ALIGN - 1n) & ~(ALIGN - 1n));
  const places = encoding.addressEncoding === 'absolute' ? ADDRESSES : OFFSETS;
  const tables = [...NAME_TABLES, ...places].map((name) => `kallsyms_${name}`);
  const guessed = tables.map((name, i) => tableSymbol(name, vaddrAdd(address, i)));
  const draft = encode(image, { address, encoding, tables: guessed });
  const end = vaddrAdd(address, draft.bytes.length);
  const { address: start, size } = image.section('rodata');
  assert(end <= start + BigInt(size), 'section rodata has no room for kallsyms');
  for (const name of tables) {
    const place = draft.symbols[name];
    assert(place !== undefined, `the writer has no table ${name}`);
    image.mark(name, place, 'R');
  }
  memory.write(address, encode(image, { address, encoding, tables: [] }).bytes);
}

function encode(
  image: KernelImage,
  place: {
    address: Vaddr;
    encoding: ImageFlavour['kallsyms'];
    tables: readonly ImageSymbol[];
  },
): WrittenKallsyms {
  const symbols = [...image.symbols(), ...place.tables].sort((a, b) =>
    a.address < b.address ? -1 : a.address > b.address ? 1 : 0,
  );
  return writeKallsyms(symbols, {
    address: place.address,
    ...place.encoding,
    relativeBase: image.start,
  });
}

function tableSymbol(name: string, address: Vaddr): ImageSymbol {
  return { name, address, type: 'R' };
}
