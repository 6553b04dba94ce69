// ORC tables as a kernel has them in memory, for the kernel itself and for each module:
//
//   __start_orc_unwind_ip   s32[n]               where entry i begins: its own address + s32[i]
//   __start_orc_unwind      struct orc_entry[n]  see constants.ts; ascending since 5.6
//   orc_lookup              u32[blocks + 1]      the entry that holds where a block of 256 bytes of
//                                                text starts; the kernel fills it when it boots
//
// The tables of a distribution's kernel have 370,000 entries, of which an unwinder needs some
// hundreds: they are searched where they lie, never loaded.

import { hex, type Vaddr } from '../../util/address.ts';
import { FormatError } from '../../util/errors.ts';
import { readExactly, type ByteSource } from '../../util/io.ts';
import {
  LOOKUP_BLOCK_SIZE,
  ORC_ENTRY_SIZE,
  ORC_HEADERS,
  ORC_IP_SIZE,
  ORC_LOOKUP_SIZE,
  type OrcVersion,
} from './constants.ts';
import { decodeOrcEntry, guessOrcVersion, type OrcEntry } from './entry.ts';

export type { OrcRegister, OrcType, OrcVersion } from './constants.ts';
export { guessOrcVersion, type OrcEntry } from './entry.ts';

/** More entries are not believed; kernels of 2026 have half a million. */
const ENTRY_COUNT_MAX = 1 << 24;
/** How many entries {@link sampleOrcVersion} looks at. */
const SAMPLE_COUNT = 4096;
const SAMPLE_RUN = 64;

/** Where the tables are. */
export interface OrcTables {
  /** `.orc_unwind_ip` and the address at which it lies. */
  readonly ips: ByteSource;
  readonly ipsAddress: Vaddr;
  /** `.orc_unwind` */
  readonly entries: ByteSource;
  readonly version: OrcVersion;
  /** `orc_lookup` with `_stext`, which its blocks count from; modules have none. */
  readonly lookup?: { readonly table: ByteSource; readonly textStart: Vaddr };
}

/** The version that a header names; undefined for a hash that we do not know. */
export function orcVersionOfHeader(header: Uint8Array): OrcVersion | undefined {
  const hash = Buffer.from(header).toString('hex');
  return ORC_HEADERS.find(([known]) => known === hash)?.[1];
}

/**
 * {@link guessOrcVersion} of entries from all over a table; of the whole table where they do not
 * tell: versions 1 and 2 differ in the few entries that end a stack.
 */
export function sampleOrcVersion(entries: ByteSource): OrcVersion | undefined {
  const count = Math.floor(entries.size / ORC_ENTRY_SIZE);
  const place = { section: 'ORC entries', offset: 0, length: count * ORC_ENTRY_SIZE };
  const all = (): OrcVersion | undefined => guessOrcVersion(readExactly(entries, place));
  if (count <= SAMPLE_COUNT) return all();
  return guessOrcVersion(sampleOf(entries, count)) ?? (count > ENTRY_COUNT_MAX ? undefined : all());
}

function sampleOf(entries: ByteSource, count: number): Uint8Array {
  const runs = Math.ceil(Math.min(count, SAMPLE_COUNT) / SAMPLE_RUN);
  const bytes = new Uint8Array(Math.min(count, runs * SAMPLE_RUN) * ORC_ENTRY_SIZE);
  for (let run = 0; run < runs; run++) {
    const at = run * SAMPLE_RUN * ORC_ENTRY_SIZE;
    const into = bytes.subarray(at, at + SAMPLE_RUN * ORC_ENTRY_SIZE);
    const first = Math.floor(
      (run * (count - into.length / ORC_ENTRY_SIZE)) / Math.max(1, runs - 1),
    );
    entries.readInto(into, (runs === 1 ? 0 : first) * ORC_ENTRY_SIZE);
  }
  return bytes;
}

/** One table, of the kernel or of a module. */
export class Orc {
  readonly count: number;
  readonly version: OrcVersion;
  readonly #tables: OrcTables;
  readonly #word = new DataView(new ArrayBuffer(8));

  /** @throws FormatError if the sizes of the tables do not fit together */
  constructor(tables: OrcTables) {
    const { ips, entries } = tables;
    const count = ips.size / ORC_IP_SIZE;
    if (!Number.isInteger(count) || count * ORC_ENTRY_SIZE !== entries.size) {
      const sizes = `${ips.size} and ${entries.size} bytes`;
      throw new FormatError({ section: 'ORC' }, `expected 4 and 6 bytes an entry, have ${sizes}`);
    }
    if (count > ENTRY_COUNT_MAX) {
      throw new FormatError({ section: 'ORC' }, `${count} entries are not believed`);
    }
    this.#tables = tables;
    this.count = count;
    this.version = tables.version;
  }

  /**
   * The entry that holds at an instruction. For a return address ask for the byte before it: the
   * call may be the last instruction of its function.
   *
   * @returns undefined below the first entry
   * @throws FormatError if the entry is none of this version
   */
  find(pc: Vaddr): OrcEntry | undefined {
    const index = this.indexOf(pc);
    return index === undefined ? undefined : this.entry(index);
  }

  /** Which entry holds at an instruction: the last that begins there or before. */
  indexOf(pc: Vaddr): number | undefined {
    const distance = pc - this.#tables.ipsAddress;
    // Both are in the same 2 GiB, or the tables are not about this address.
    if (distance !== BigInt.asIntN(33, distance)) return undefined;
    const target = Number(distance);
    let [low, high] = this.#blockOf(pc) ?? [0, this.count];
    // An entry at `low` or before holds; those from `high` on begin behind the target.
    if (low > 0 && this.#begin(low) > target) low = 0;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#begin(middle) <= target) low = middle + 1;
      else high = middle;
    }
    return low === 0 ? undefined : low - 1;
  }

  /** @throws FormatError if there is no such entry, or if it is none of this version */
  entry(index: number): OrcEntry {
    const place = { section: 'ORC entry', offset: index * ORC_ENTRY_SIZE, length: ORC_ENTRY_SIZE };
    const bytes = readExactly(this.#tables.entries, place);
    const view = new DataView(bytes.buffer);
    const entry = decodeOrcEntry(view, 0, this.version);
    if (entry === undefined) {
      const what = `flags ${hex(view.getUint16(4, true))} are none of version ${this.version}`;
      throw new FormatError({ section: 'ORC entry', offset: place.offset }, what);
    }
    return entry;
  }

  /** Where an entry begins to hold. */
  addressOf(index: number): Vaddr {
    return (this.#tables.ipsAddress + BigInt(this.#begin(index))) as Vaddr;
  }

  /**
   * Checks the whole table, which reads all of it: that it ascends, and that each entry is one.
   *
   * @throws FormatError at the first that is not
   */
  checkAll(): void {
    let last = -Infinity;
    for (let index = 0; index < this.count; index++) {
      const begin = this.#begin(index);
      if (begin < last) {
        const place = { section: 'ORC addresses', offset: index * ORC_IP_SIZE };
        throw new FormatError(place, `entry ${index} begins before the one in front of it`);
      }
      last = begin;
      this.entry(index);
    }
  }

  /** Bytes from the start of the table of addresses to where the entry begins. */
  #begin(index: number): number {
    return index * ORC_IP_SIZE + this.#read4(this.#tables.ips, index).getInt32(0, true);
  }

  /** The entries among which orc_lookup says that the answer is, where it covers the address. */
  #blockOf(pc: Vaddr): [low: number, high: number] | undefined {
    const { lookup } = this.#tables;
    if (lookup === undefined || pc < lookup.textStart) return undefined;
    const offset = Number(pc - lookup.textStart);
    const block = Math.floor(offset / LOOKUP_BLOCK_SIZE);
    if ((block + 2) * ORC_LOOKUP_SIZE > lookup.table.size) return undefined;
    const low = this.#read4(lookup.table, block).getUint32(0, true);
    const high = this.#read4(lookup.table, block + 1).getUint32(0, true) + 1;
    return low < high && high <= this.count ? [low, high] : undefined;
  }

  #read4(source: ByteSource, index: number): DataView {
    const into = new Uint8Array(this.#word.buffer, 0, 4);
    if (source.readInto(into, index * 4) < 4) {
      const what = `expected 4 bytes of ${source.name}`;
      throw new FormatError({ section: 'ORC', offset: index * 4 }, what);
    }
    return this.#word;
  }
}
