// Virtual memory: walks of the page tables that lie in physical memory.
//
// A walk keeps an address as two 32-bit halves, since bigint arithmetic costs forty times as much
// as that on numbers, and a physical address as a number, since it is below 2^52.

import {
  isCanonical,
  pageTableLevels,
  PAGE_PRESENT,
  PAGE_PSE,
  PHYSICAL_MASK_HI,
  PHYSICAL_MASK_LO,
  PTE_SIZE,
  PTRS_PER_TABLE,
  type PageTableDepth,
  type PageTableLevel,
} from '../arch/x86-64.ts';
import { hex, vaddr as toVaddr, type Paddr, type Vaddr } from '../util/address.ts';
import { AssertionError } from '../util/assert.ts';
import { FaultError, type FaultReason } from '../util/errors.ts';
import type { PhysicalMemory } from './physical.ts';

/** Which page tables an {@link AddressSpace} walks. */
export interface AddressSpaceOptions {
  /** Physical address of the root table: CR3, or where `swapper_pg_dir` lies. */
  readonly root: number;
  readonly depth: PageTableDepth;
  /** The bit that marks memory as encrypted (AMD SME): `NUMBER(sme_mask)`; 0 without. */
  readonly smeMask?: bigint;
}

/** A stretch of virtual memory that one entry maps. */
export interface Mapping {
  readonly vaddr: Vaddr;
  readonly paddr: number;
  /** 4 KiB, 2 MiB or 1 GiB, in bytes. */
  readonly size: number;
}

/** What {@link AddressSpace.mappings} yields: a mapping, or a table that cannot be read. */
export type MappingOrFault = { mapping: Mapping } | { fault: FaultError };

/** Slots of the translation cache; a power of two, 4096 × 17 bytes. */
const TLB_SLOTS = 4096;

/** A table may map itself, so that a scan of all mappings would never end. */
const SCANNED_TABLES_MAX = 1 << 18;

const TWO_32 = 2 ** 32;

/** One address space of x86-64: the kernel's own, or that of one process. */
export class AddressSpace {
  readonly memory: PhysicalMemory;
  /** Physical address of the root table. */
  readonly root: Paddr;
  readonly depth: PageTableDepth;
  readonly #tables: PhysicalMemory;
  readonly #levels: readonly PageTableLevel[];
  readonly #maskHi: number;
  readonly #maskLo: number;
  // The cache is direct-mapped: slot = low bits of the virtual page number.
  readonly #tlbPage = new Float64Array(TLB_SLOTS).fill(-1);
  readonly #tlbFrame = new Float64Array(TLB_SLOTS);
  readonly #tlbShift = new Uint8Array(TLB_SLOTS);
  readonly #address = new BigUint64Array(1);
  readonly #halves = new Uint32Array(this.#address.buffer);
  readonly #entry = new Uint8Array(PTE_SIZE);
  readonly #entryView = new DataView(this.#entry.buffer);
  #leafShift = 12;

  constructor(memory: PhysicalMemory, options: AddressSpaceOptions) {
    const smeMask = options.smeMask ?? 0n;
    this.memory = memory;
    this.#tables = memory.forTables ?? memory;
    this.depth = options.depth;
    this.#levels = pageTableLevels(options.depth);
    this.#maskHi = PHYSICAL_MASK_HI & ~Number((smeMask >> 32n) & 0xffffffffn);
    this.#maskLo = PHYSICAL_MASK_LO & ~Number(smeMask & 0xffffffffn);
    // CR3 carries the encryption bit, and PCID or cache bits below the address.
    this.root = this.#frame(Math.floor(options.root / TWO_32), options.root % TWO_32) as Paddr;
  }

  /** @throws FaultError saying at which level the walk ended, and why */
  translate(vaddr: Vaddr): Paddr {
    this.#address[0] = vaddr;
    return this.translateHalves(this.#halves[1] as number, this.#halves[0] as number);
  }

  /** As {@link translate}, for callers that have the address as two unsigned 32-bit halves. */
  translateHalves(hi: number, lo: number): Paddr {
    const page = hi * 2 ** 20 + (lo >>> 12);
    const slot = (lo >>> 12) & (TLB_SLOTS - 1);
    if (this.#tlbPage[slot] === page) {
      this.#leafShift = this.#tlbShift[slot] as number;
    } else {
      const paddr = this.#walk(hi, lo);
      this.#tlbPage[slot] = page;
      this.#tlbFrame[slot] = paddr - (lo & 0xfff);
      this.#tlbShift[slot] = this.#leafShift;
    }
    return ((this.#tlbFrame[slot] as number) + (lo & 0xfff)) as Paddr;
  }

  /** The physical address, or undefined where {@link translate} throws a FaultError. */
  findTranslation(vaddr: Vaddr): Paddr | undefined {
    try {
      return this.translate(vaddr);
    } catch (error) {
      if (error instanceof FaultError) return undefined;
      throw error;
    }
  }

  /**
   * Fills `into` with the bytes from `vaddr` on, across pages.
   *
   * @throws FaultError naming the first virtual address that cannot be read
   */
  readInto(into: Uint8Array, vaddr: Vaddr): void {
    this.#address[0] = vaddr;
    let hi = this.#halves[1] as number;
    let lo = this.#halves[0] as number;
    for (let done = 0; done < into.length;) {
      const paddr = this.translateHalves(hi, lo);
      const pageSize = 2 ** this.#leafShift;
      const length = Math.min(into.length - done, pageSize - (lo % pageSize));
      const whole = done === 0 && length === into.length;
      this.#readMapped(whole ? into : into.subarray(done, done + length), paddr, { hi, lo });
      done += length;
      lo += length;
      if (lo >= TWO_32) {
        lo -= TWO_32;
        hi = (hi + 1) % TWO_32;
      }
    }
  }

  /** `length` bytes at `vaddr`; the caller has checked that `length` is sane. */
  read(vaddr: Vaddr, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    this.readInto(bytes, vaddr);
    return bytes;
  }

  /**
   * What is mapped between `start` and `end` (exclusive), in ascending order of address. A table
   * that cannot be read yields its fault, and the scan goes on behind it.
   */
  *mappings(start: Vaddr, end: bigint): Generator<MappingOrFault> {
    const scan = { start, end, tablesLeft: SCANNED_TABLES_MAX };
    yield* this.#scanTable(scan, { level: 0, table: this.root, base: 0n });
  }

  /** Forgets all translations; needed where somebody wants to see each table read again. */
  forget(): void {
    this.#tlbPage.fill(-1);
  }

  *#scanTable(scan: Scan, at: ScannedTable): Generator<MappingOrFault> {
    const level = this.#levels[at.level];
    if (level === undefined || scan.tablesLeft-- <= 0) return;
    const table = new Uint8Array(PTRS_PER_TABLE * PTE_SIZE);
    try {
      this.#tables.readInto(table, at.table);
    } catch (error) {
      if (!(error instanceof FaultError)) throw error;
      const address = maxOf(signExtend(at.base, this.#topBit), scan.start);
      yield { fault: tableFault(address, `cannot read ${level.name} table`, error) };
      return;
    }
    const view = new DataView(table.buffer);
    for (let index = 0; index < PTRS_PER_TABLE; index++) {
      const base = at.base + (BigInt(index) << BigInt(level.shift));
      const vaddr = signExtend(base, this.#topBit);
      if (vaddr >= scan.end || vaddr + (1n << BigInt(level.shift)) <= scan.start) continue;
      const lo = view.getUint32(index * PTE_SIZE, true);
      if ((lo & PAGE_PRESENT) === 0) continue;
      const paddr = this.#frame(view.getUint32(index * PTE_SIZE + 4, true), lo);
      if (level.shift === 12 || (level.mayBeLarge && (lo & PAGE_PSE) !== 0)) {
        const size = 2 ** level.shift;
        yield { mapping: { vaddr, paddr: paddr - (paddr % size), size } };
      } else {
        yield* this.#scanTable(scan, { level: at.level + 1, table: paddr, base });
      }
    }
  }

  get #topBit(): number {
    return this.depth === 5 ? 56 : 47;
  }

  /** The address in an entry, encryption bit and flags removed. */
  #frame(entryHi: number, entryLo: number): number {
    return (entryHi & this.#maskHi) * TWO_32 + ((entryLo & this.#maskLo) >>> 0);
  }

  /** Walks down from the root and leaves the size of the page in `#leafShift`. */
  #walk(hi: number, lo: number): number {
    if (!isCanonical(hi, this.depth)) throw this.#fault({ hi, lo }, 'non-canonical');
    let table: number = this.root;
    for (const level of this.#levels) {
      const index = tableIndex(hi, lo, level.shift);
      this.#readEntry(table + index * PTE_SIZE, { hi, lo, level, index });
      const entryLo = this.#entryView.getUint32(0, true);
      const entryHi = this.#entryView.getUint32(4, true);
      if ((entryLo & PAGE_PRESENT) === 0) {
        const entry = `${level.name}[${index}] = ${hex(this.#entryView.getBigUint64(0, true))}`;
        throw this.#fault({ hi, lo }, 'not-mapped', `${entry} not present`);
      }
      const frame = this.#frame(entryHi, entryLo);
      if (level.shift === 12 || (level.mayBeLarge && (entryLo & PAGE_PSE) !== 0)) {
        this.#leafShift = level.shift;
        const size = 2 ** level.shift;
        // The low bits of a large frame hold PAT and reserved bits, not address.
        return frame - (frame % size) + (lo % size);
      }
      table = frame;
    }
    throw new AssertionError('a page walk ends at the pte level');
  }

  #readEntry(paddr: number, step: Halves & { level: PageTableLevel; index: number }): void {
    try {
      this.#tables.readInto(this.#entry, paddr);
    } catch (error) {
      if (!(error instanceof FaultError)) throw error;
      const what = `cannot read ${step.level.name}[${step.index}]`;
      throw tableFault(joinHalves(step), what, error);
    }
  }

  #readMapped(into: Uint8Array, paddr: number, at: Halves): void {
    try {
      this.memory.readInto(into, paddr);
    } catch (error) {
      if (!(error instanceof FaultError)) throw error;
      const address = joinHalves(at) + (error.address - BigInt(paddr));
      throw tableFault(address, 'cannot read the page', error);
    }
  }

  #fault(at: Halves, reason: FaultReason, detail?: string): FaultError {
    return new FaultError({ space: 'virtual', address: joinHalves(at), reason }, detail);
  }
}

/** An address as two unsigned 32-bit halves. */
interface Halves {
  readonly hi: number;
  readonly lo: number;
}

interface Scan {
  readonly start: bigint;
  readonly end: bigint;
  tablesLeft: number;
}

interface ScannedTable {
  /** Index into the levels. */
  readonly level: number;
  readonly table: number;
  /** The lowest address that the table maps, not sign-extended. */
  readonly base: bigint;
}

/** A fault of a virtual address that one of physical memory caused; it has that one's reason. */
function tableFault(address: bigint, what: string, cause: FaultError): FaultError {
  return new FaultError({ space: 'virtual', address, reason: cause.reason }, what, { cause });
}

/** The nine bits from `shift` on. */
function tableIndex(hi: number, lo: number, shift: number): number {
  if (shift >= 32) return (hi >>> (shift - 32)) & (PTRS_PER_TABLE - 1);
  const low = lo >>> shift;
  return (low | (hi << (32 - shift))) & (PTRS_PER_TABLE - 1);
}

function joinHalves(at: Halves): bigint {
  return (BigInt(at.hi) << 32n) | BigInt(at.lo);
}

function signExtend(address: bigint, topBit: number): Vaddr {
  return toVaddr(BigInt.asIntN(topBit + 1, address));
}

function maxOf(a: Vaddr, b: bigint): bigint {
  return a > b ? a : b;
}
