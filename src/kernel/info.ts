// What a dump is: the result object of `stallcore info`.

import type { Vmcore } from '../target/vmcore.ts';
import type { KernelIdentity } from '../target/identity.ts';
import type { ContainerInfo } from '../target/container.ts';
import type { Problem } from '../util/problems.ts';
import { readSystem, type SystemState } from './system.ts';
import { findMemallocLayout } from './memalloc.ts';

/** What the dump is, what its kernel is, and how each fact was found. */
export interface InfoResult {
  readonly type: 'info';
  readonly container: ContainerInfo;
  readonly memory: MemorySummary;
  /** How many CPUs' registers the notes have, by kind of note. */
  readonly registers: { readonly prStatus: number; readonly qemu: number };
  /** Which kernel, where it lies, and how that was found. */
  readonly kernel: KernelIdentity;
  /** The machine at the instant of the dump. */
  readonly system: SystemState;
  /** Layout of task_struct.memalloc; absent where the kernel has none. */
  readonly memallocLayout?: string;
  /** Where symbols and types come from. */
  readonly symbols: { readonly source: string; readonly count: number };
  readonly types: { readonly source: string };
  readonly problems: readonly Problem[];
}

/** How much of the physical memory the dump has. */
export interface MemorySummary {
  /** One past the highest physical address that the dump speaks of. */
  readonly endBytes: number;
  readonly presentBytes: number;
  readonly presentRangeCount: number;
}

/** Collects what can be said without walking tasks. */
export function readInfo(vmcore: Vmcore): InfoResult {
  const { problems } = vmcore;
  const layout = findMemallocLayout(vmcore);
  return {
    type: 'info',
    container: vmcore.container,
    memory: summarizeMemory(vmcore),
    registers: {
      prStatus: vmcore.cpuRegisters.filter(({ source }) => source === 'PRSTATUS').length,
      qemu: vmcore.cpuRegisters.filter(({ source }) => source === 'QEMU').length,
    },
    kernel: vmcore.identity,
    system: readSystem(vmcore),
    ...(layout === undefined ? {} : { memallocLayout: layout.id }),
    symbols: { source: vmcore.symbols.origin, count: vmcore.symbols.count },
    types: { source: vmcore.types.origin },
    problems: problems.list,
  };
}

function summarizeMemory(vmcore: Vmcore): MemorySummary {
  let presentBytes = 0;
  let presentRangeCount = 0;
  for (const { start, end } of vmcore.memory.presentRanges()) {
    presentBytes += end - start;
    presentRangeCount++;
  }
  return { endBytes: vmcore.memory.end, presentBytes, presentRangeCount };
}
