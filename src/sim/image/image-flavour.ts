// What of a kernel's memory differs between flavours and is not said by its types. The members of
// structs decide the rest: where thread_info lies, how pids are found, what the log is made of.

import type { WriteKallsymsOptions } from '../../format/kallsyms/write.ts';
import type { KernelImage } from './kernel-image.ts';
import type { MemSectionKind } from './sections.ts';
import type { VmcoreinfoPlan } from './vmcoreinfo.ts';

/** How one kernel's memory is written. */
export interface ImageFlavour {
  /** The root page table. */
  readonly rootTable: 'init_top_pgt' | 'init_level4_pgt';
  /** CONFIG_VMAP_STACK: stacks of pages that lie apart; else of an order-2 block. */
  readonly vmapStack: boolean;
  /** CONFIG_DEBUG_INFO_BTF */
  readonly hasBtf: boolean;
  /** What task->utime counts: nanoseconds since Linux 4.11 (5613fda9a503). */
  readonly cputime: 'nanoseconds' | 'jiffies';
  readonly memSection: MemSectionKind;
  readonly kallsyms: Pick<
    WriteKallsymsOptions,
    'lengthEncoding' | 'addressEncoding' | 'addressesFirst' | 'wordSize'
  >;
  /** Machine code of the functions that set TIF_* bits, by symbol. */
  readonly code: Readonly<Record<string, readonly number[]>>;
  /** task_state_array (fs/proc/array.c). */
  readonly taskStates: readonly string[];
  /** gfpflag_names (mm/debug.c); empty where the kernel has no such table. */
  readonly gfpNames: readonly (readonly [name: string, mask: number])[];
  /** Variables that other flavours do not have or have under other names. */
  readonly variables: FlavourVariables;
  /** Variables that are wait queues, of those that the simulation knows. */
  readonly waitQueues: readonly string[];
  readonly vmcoreinfo: VmcoreinfoPlan;
}

/** Variables of a flavour. */
export interface FlavourVariables {
  /** Gives them their symbols. `structSize` asks the types. */
  readonly define: (image: KernelImage, structSize: (name: string) => number) => void;
  /** The bitmap of CPUs that are possible, present, online or active. */
  readonly cpuMask: (kind: string) => string;
}
