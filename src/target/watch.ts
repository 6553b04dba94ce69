// What `pack` is told while a vmcore is opened and read: which bytes, symbols and types an answer
// rests on. target/ knows no more of it than this.

import type { PhysicalMemory } from '../memory/physical.ts';
import type { AddressSpace } from '../memory/address-space.ts';
import type { Vaddr } from '../util/address.ts';
import type { Problem, Problems } from '../util/problems.ts';
import type { CpuRegisters } from './container.ts';
import type { VerifiedVmcoreinfo } from './find-vmcoreinfo.ts';
import type { AskedTypes } from './asked-types.ts';
import type { LoadedModule } from './modules.ts';
import type { Container } from './open-container.ts';
import type { SymbolTable } from './symbols.ts';

/** The steps of opening that have problems of their own. */
export const OPENING_STEPS = ['container', 'kernel', 'symbols', 'types'] as const;
export type OpeningStep = (typeof OPENING_STEPS)[number];

/** A search through memory that a whole table would have to be kept for. */
export interface MemorySearch {
  readonly start: Vaddr;
  /** Bytes that are searched. */
  readonly length: number;
  /** The text that is looked for. */
  readonly text: string;
}

/** Follows the opening and reading of one vmcore. */
export interface Watch {
  /** The container, before anything is read of its memory. */
  opened(container: Container): void;
  /** The memory that is to be read in place of the container's. */
  memory(memory: PhysicalMemory): PhysicalMemory;
  /** The kernel, and how it was found. */
  located(kernel: VerifiedVmcoreinfo): void;
  /** What is read next, and what it is a part of; undefined where nobody says. */
  reading(of: string | undefined): void;
  /** Runs what reads far more than is needed of it. */
  unrecorded<T>(run: () => T): T;
  /** The symbols to ask in place of these, of the kernel or of one module. */
  symbols(table: SymbolTable, module?: LoadedModule): SymbolTable;
  /** The table of a module could not be read. */
  noSymbols(module: LoadedModule, problem: Pick<Problem, 'message' | 'code'>): void;
  /** The types that will be asked. */
  types(types: AskedTypes): void;
  /** The registers to look at in place of these. */
  registers(registers: readonly CpuRegisters[]): readonly CpuRegisters[];
  /** Where a search found its text. */
  found(search: MemorySearch, addresses: readonly Vaddr[]): void;
  /** What could not be read in a step of opening. */
  problems(step: OpeningStep, problems: readonly Problem[]): void;
}

/**
 * Runs what reads far more than is needed of it, such as a whole table of symbols. Translations
 * that it has seen are forgotten, since who reads without it has to look them up.
 */
export function unrecorded<T>(
  watch: Watch | undefined,
  space: AddressSpace | undefined,
  run: () => T,
): T {
  if (watch === undefined) return run();
  try {
    return watch.unrecorded(run);
  } finally {
    space?.forget();
  }
}

/** Runs a step of opening and tells the watch of its problems. */
export function watchStep<T>(
  step: OpeningStep,
  { watch, problems }: { watch: Watch | undefined; problems: Problems },
  run: () => T,
): T {
  if (watch === undefined) return run();
  const before = problems.list.length;
  const result = run();
  watch.problems(step, problems.list.slice(before));
  return result;
}
