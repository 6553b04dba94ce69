// The kernel image as a linker and KASLR leave it: sections of code, constants and variables, every
// variable a symbol. Per-CPU variables have offsets from 0 for addresses, as the linker script of
// x86-64 gave them until 6.15 (01157ddc58dc).
//
//   _text  .text         rx   2 MiB
//          .rodata       r    4 MiB   BTF, strings; kallsyms at its end
//          .data         rw   2 MiB   the root page table among it
//          .bss          rw   2 MiB
//
// A section starts at a multiple of 2 MiB, since the kernel protects large pages one by one.

import { PHYSICAL_ALIGN, START_KERNEL_MAP } from '../../arch/x86-64.ts';
import { vaddr, vaddrAdd, type Vaddr } from '../../util/address.ts';
import { assert } from '../../util/assert.ts';
import type { Protection } from './page-tables.ts';

/** The parts of the image, in the order in which they lie; `percpu` is apart. */
export type SectionName = 'text' | 'rodata' | 'data' | 'bss' | 'percpu';

/** A symbol of the image. */
export interface ImageSymbol {
  readonly name: string;
  readonly address: Vaddr;
  /** The letter of nm(1). */
  readonly type: string;
}

/** How {@link KernelImage.define} places a symbol. */
export interface Placement {
  readonly section: SectionName;
  /** In bytes. */
  readonly size: number;
  /** In bytes; 8 unless told. */
  readonly align?: number;
  /** `static` in C; global unless told. */
  readonly local?: boolean;
}

/** One section with where it lies. */
export interface Section {
  readonly name: SectionName;
  readonly address: Vaddr;
  /** In bytes, rounded up to large pages. */
  readonly size: number;
  readonly protection: Protection;
}

interface SectionPlan {
  readonly size: number;
  readonly protection: Protection;
  /** The letter of nm(1) for a global symbol. */
  readonly letter: string;
}

const MIB = 1 << 20;
const PLAN: Record<SectionName, SectionPlan> = {
  text: { size: 2 * MIB, protection: 'rx', letter: 'T' },
  rodata: { size: 4 * MIB, protection: 'r', letter: 'R' },
  data: { size: 2 * MIB, protection: 'rw', letter: 'D' },
  bss: { size: 2 * MIB, protection: 'rw', letter: 'B' },
  percpu: { size: MIB, protection: 'rw', letter: 'A' },
};

/** CONFIG_PHYSICAL_START: where the image is linked to lie, from START_KERNEL_map on. */
const PHYSICAL_START = 16 * MIB;

/** Where KASLR put the image. */
export interface KaslrOffsets {
  /** Added to every address of the image: KERNELOFFSET. A multiple of 2 MiB. */
  readonly kernelOffset: bigint;
  /** What to add to an offset from START_KERNEL_map to get a physical address. */
  readonly physBase: number;
}

/** Gives out the addresses of symbols. Nothing is written: the memory may not be mapped yet. */
export class KernelImage {
  /** Address of `_text`. */
  readonly start: Vaddr;
  /** Physical address of `_text`. */
  readonly startPaddr: number;
  readonly kaslr: KaslrOffsets;
  readonly sections: readonly Section[];
  readonly #used = new Map<SectionName, number>();
  readonly #symbols = new Map<string, ImageSymbol>();

  constructor(kaslr: KaslrOffsets) {
    const { kernelOffset, physBase } = kaslr;
    assert(kernelOffset % BigInt(PHYSICAL_ALIGN) === 0n, 'KASLR moves by 2 MiB');
    assert(physBase % PHYSICAL_ALIGN === 0, 'phys_base is a multiple of 2 MiB');
    this.kaslr = kaslr;
    this.start = vaddr(START_KERNEL_MAP + BigInt(PHYSICAL_START) + kernelOffset);
    this.startPaddr = Number(this.start - START_KERNEL_MAP) + physBase;
    assert(this.startPaddr >= 0, `the image would lie at ${this.startPaddr}`);
    const sections: Section[] = [];
    let address = this.start;
    for (const name of ['text', 'rodata', 'data', 'bss'] as const) {
      const { size, protection } = PLAN[name];
      sections.push({ name, address, size, protection });
      address = vaddrAdd(address, size);
    }
    this.sections = sections;
  }

  /** In bytes, from `_text` to `_end`. */
  get size(): number {
    return this.sections.reduce((sum, { size }) => sum + size, 0);
  }

  /** Bytes of all per-CPU variables. */
  get perCpuSize(): number {
    return this.#used.get('percpu') ?? 0;
  }

  /** Where a section starts. */
  section(name: Exclude<SectionName, 'percpu'>): Section {
    const found = this.sections.find((section) => section.name === name);
    assert(found !== undefined, `no section ${name}`);
    return found;
  }

  /** Where the next symbol of a section would lie at the earliest. */
  used(name: SectionName): Vaddr {
    return vaddrAdd(this.#start(name), this.#used.get(name) ?? 0);
  }

  /** Makes room for a symbol. @throws AssertionError if its section is full */
  define(name: string, placement: Placement): Vaddr {
    const { letter } = PLAN[placement.section];
    const type = placement.local === true ? letter.toLowerCase() : letter;
    return this.mark(name, this.reserve(placement), type);
  }

  /** Makes room for something that has no symbol: string literals. */
  reserve({ section, size, align = 8 }: Placement): Vaddr {
    const used = Math.ceil((this.#used.get(section) ?? 0) / align) * align;
    assert(used + size <= PLAN[section].size, `section ${section}: no room for ${size} bytes`);
    const address = vaddrAdd(this.#start(section), used);
    this.#used.set(section, used + size);
    return address;
  }

  /** Adds a symbol at an address that is known: `_etext`, an alias. */
  mark(name: string, address: Vaddr, type: string): Vaddr {
    assert(!this.#symbols.has(name), `symbol ${name} is defined twice`);
    this.#symbols.set(name, { name, address, type });
    return address;
  }

  /** @throws AssertionError if there is none of this name */
  symbol(name: string): Vaddr {
    const found = this.#symbols.get(name);
    assert(found !== undefined, `no symbol ${name}`);
    return found.address;
  }

  has(name: string): boolean {
    return this.#symbols.has(name);
  }

  /** Physical address of an address in the image. */
  paddrOf(address: Vaddr): number {
    return Number(address - START_KERNEL_MAP) + this.kaslr.physBase;
  }

  /** Every symbol as kallsyms has them: by address, in the order of definition where equal. */
  symbols(): ImageSymbol[] {
    return [...this.#symbols.values()].sort((a, b) =>
      a.address < b.address ? -1 : a.address > b.address ? 1 : 0,
    );
  }

  #start(name: SectionName): Vaddr {
    return name === 'percpu' ? vaddr(0n) : this.section(name).address;
  }
}
