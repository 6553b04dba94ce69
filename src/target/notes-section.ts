// The .notes section of the kernel image in memory, between __start_notes and __stop_notes. It
// holds the linker's GNU build ID:
//
//   +0  u32 n_namesz = 4    +4  u32 n_descsz = 20    +8  u32 n_type = 3 (NT_GNU_BUILD_ID)
//   +12 "GNU\0"             +16 the build ID
//
// Each part is padded to 4 bytes.

import type { AddressSpace } from '../memory/address-space.ts';
import type { SymbolTable } from './symbols.ts';

const NT_GNU_BUILD_ID = 3;
const NOTE_HEADER_SIZE = 12;

/** Real ones have a few hundred bytes: Xen, PVH and property notes. */
const NOTES_SIZE_MAX = 64 << 10;

/**
 * The build ID in hex digits; undefined where the section or the note is missing.
 *
 * @throws FaultError if the section is not in the dump
 */
export function readGnuBuildId(space: AddressSpace, symbols: SymbolTable): string | undefined {
  const start = symbols.lookup('__start_notes');
  const stop = symbols.lookup('__stop_notes');
  if (start === undefined || stop === undefined || stop <= start) return undefined;
  if (stop - start > BigInt(NOTES_SIZE_MAX)) return undefined;
  return findGnuBuildId(space.read(start, Number(stop - start)));
}

/** The build ID in the bytes of a note section. */
export function findGnuBuildId(notes: Uint8Array): string | undefined {
  const view = new DataView(notes.buffer, notes.byteOffset, notes.byteLength);
  for (let at = 0; at + NOTE_HEADER_SIZE <= notes.length;) {
    const nameSize = view.getUint32(at, true);
    const descSize = view.getUint32(at + 4, true);
    const type = view.getUint32(at + 8, true);
    const desc = at + NOTE_HEADER_SIZE + align4(nameSize);
    const end = desc + align4(descSize);
    if (end > notes.length) return undefined;
    const name = Buffer.from(notes.subarray(at + NOTE_HEADER_SIZE, desc)).toString('latin1');
    if (type === NT_GNU_BUILD_ID && name === 'GNU\0' && descSize > 0) {
      return Buffer.from(notes.subarray(desc, desc + descSize)).toString('hex');
    }
    at = end;
  }
  return undefined;
}

function align4(size: number): number {
  return Math.ceil(size / 4) * 4;
}
