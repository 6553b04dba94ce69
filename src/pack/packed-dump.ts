// A packed dump before it is a file: what every container of it holds.

import type { WrittenNote } from '../format/pack/write.ts';
import type { KernelIdentity } from '../target/identity.ts';
import type { KeptMemory } from './kept-memory.ts';

/** What is written. */
export interface PackedDump {
  readonly memory: KeptMemory;
  /** One past the highest physical address of the machine that was dumped. */
  readonly end: number;
  readonly identity: KernelIdentity;
  /** How many CPUs have notes; at least 1. */
  readonly cpuCount: number;
  /** The text, as VMCOREINFO of the kernel has it. */
  readonly vmcoreinfo: Uint8Array;
  /** Those of the CPUs, VMCOREINFO's and pack's own. */
  readonly notes: readonly WrittenNote[];
  /** Where the kernel has a byte of physical memory mapped. */
  readonly vaddrOf: (paddr: number) => bigint;
  /** Told how many pages have been written. */
  readonly onProgress?: (done: number, total: number) => void;
}
