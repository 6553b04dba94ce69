// The inverse of read.ts: ORC tables as objtool and the boot of a kernel leave them, for vmcores
// that we write.

import type { Vaddr } from '../../util/address.ts';
import { assert } from '../../util/assert.ts';
import {
  LOOKUP_BLOCK_SIZE,
  ORC_ENTRY_SIZE,
  ORC_IP_SIZE,
  ORC_LOOKUP_SIZE,
  type OrcVersion,
} from './constants.ts';
import { encodeOrcEntry, type OrcEntry } from './entry.ts';

/** An entry with where it begins. */
export interface OrcRow {
  readonly address: Vaddr;
  readonly entry: OrcEntry;
}

/** The bytes of both tables. */
export interface WrittenOrc {
  readonly ips: Uint8Array;
  readonly entries: Uint8Array;
}

/** The size in bytes of `orc_lookup` for so much text (include/asm-generic/vmlinux.lds.h). */
export function orcLookupSize(textSize: number): number {
  return (Math.ceil(textSize / LOOKUP_BLOCK_SIZE) + 1) * ORC_LOOKUP_SIZE;
}

/**
 * Encodes rows, which must ascend.
 *
 * @param ipsAddress where the table of addresses will lie
 * @throws AssertionError if the rows do not ascend, or if the version cannot say one of them
 */
export function writeOrc(
  rows: readonly OrcRow[],
  { ipsAddress, version }: { ipsAddress: Vaddr; version: OrcVersion },
): WrittenOrc {
  const ips = new Uint8Array(rows.length * ORC_IP_SIZE);
  const entries = new Uint8Array(rows.length * ORC_ENTRY_SIZE);
  const view = new DataView(ips.buffer);
  rows.forEach(({ address, entry }, i) => {
    const previous = rows[i - 1];
    assert(previous === undefined || previous.address <= address, `ORC row ${i} is out of order`);
    const distance = Number(address - ipsAddress) - i * ORC_IP_SIZE;
    assert(distance === (distance | 0), `ORC row ${i} is too far away`);
    view.setInt32(i * ORC_IP_SIZE, distance, true);
    const bytes = encodeOrcEntry(entry, version);
    assert(bytes !== undefined, `ORC row ${i} cannot be said in version ${version}`);
    entries.set(bytes, i * ORC_ENTRY_SIZE);
  });
  return { ips, entries };
}

/** `orc_lookup` as unwind_init() fills it; the first row must begin where the text does. */
export function writeOrcLookup(
  rows: readonly OrcRow[],
  text: { start: Vaddr; end: Vaddr },
): Uint8Array {
  const bytes = new Uint8Array(orcLookupSize(Number(text.end - text.start)));
  const view = new DataView(bytes.buffer);
  const count = bytes.length / ORC_LOOKUP_SIZE;
  let row = -1;
  const lastAt = (address: bigint): number => {
    while (row + 1 < rows.length && rows[row + 1]!.address <= address) row++;
    assert(row >= 0, 'no ORC row holds at the start of the text');
    return row;
  };
  for (let i = 0; i < count - 1; i++) {
    const block = text.start + BigInt(i * LOOKUP_BLOCK_SIZE);
    view.setUint32(i * ORC_LOOKUP_SIZE, lastAt(block), true);
  }
  view.setUint32((count - 1) * ORC_LOOKUP_SIZE, lastAt(text.end), true);
  return bytes;
}
