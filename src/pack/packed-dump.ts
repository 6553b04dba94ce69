// A packed dump before it is a file: what every container of it holds.

import type { WrittenNote } from '../format/pack/write.ts';
import type { KernelIdentity } from '../target/identity.ts';
import type { Ranges } from '../util/ranges.ts';
import type { KeptPage } from './kept-pages.ts';

/** What is written. */
export interface PackedDump {
  readonly pageSize: number;
  /** Pages that are stored, in bytes, [start, end). */
  readonly stored: Ranges;
  readonly pageCount: number;
  /** One past the highest physical address of the machine that was dumped. */
  readonly end: number;
  readonly identity: KernelIdentity;
  /** How many CPUs have notes; at least 1. */
  readonly cpuCount: number;
  /** The text, as VMCOREINFO of the kernel has it. */
  readonly vmcoreinfo: Uint8Array;
  /** Those of the CPUs, VMCOREINFO's and pack's own. */
  readonly notes: readonly WrittenNote[];
  /** The stored pages, in their order; may be asked for once. */
  readonly pages: () => Iterable<KeptPage>;
}
