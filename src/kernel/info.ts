// What a dump is: the result object of `stallcore info`.

import type { Vmcore } from '../target/vmcore.ts';
import type { ContainerInfo } from '../target/container.ts';
import type { Problem } from '../util/problems.ts';
import { cpuSets } from './percpu.ts';
import { readJiffies } from './jiffies.ts';
import { findMemallocLayout } from './memalloc.ts';

/** What the dump is, what its kernel is, and how each fact was found. */
export interface InfoResult {
  readonly type: 'info';
  readonly container: ContainerInfo;
  readonly memory: MemorySummary;
  /** How many CPUs' registers the notes have, by kind of note. */
  readonly registers: { readonly prStatus: number; readonly qemu: number };
  readonly kernel: KernelSummary;
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

/** The dumped machine. */
export interface KernelSummary {
  readonly [fact: string]: unknown;
  readonly cpusPossible: number;
  readonly cpusOnline: number;
  readonly uptimeSeconds?: number;
  readonly hz?: number;
  readonly hzSource?: string;
  /** Layout of task_struct.memalloc; absent where the kernel has none. */
  readonly memallocLayout?: string;
}

/** Collects what can be said without walking tasks. */
export function readInfo(vmcore: Vmcore): InfoResult {
  const { problems } = vmcore;
  const cpus = cpuSets(vmcore);
  const time = problems.attempt('jiffies', () => readJiffies(vmcore));
  const layout = findMemallocLayout(vmcore);
  const uptime = time?.hz === undefined ? undefined : uptimeSeconds(time.jiffies, time.hz);
  const kernel: KernelSummary = {
    ...vmcore.identity,
    cpusPossible: cpus.possible.length,
    cpusOnline: cpus.online.length,
    ...(uptime === undefined ? {} : { uptimeSeconds: uptime }),
    ...(time?.hz === undefined ? {} : { hz: time.hz, hzSource: time.hzSource }),
    ...(layout === undefined ? {} : { memallocLayout: layout.id }),
  };
  return {
    type: 'info',
    container: vmcore.container,
    memory: summarizeMemory(vmcore),
    registers: {
      prStatus: vmcore.cpuRegisters.filter(({ source }) => source === 'PRSTATUS').length,
      qemu: vmcore.cpuRegisters.filter(({ source }) => source === 'QEMU').length,
    },
    kernel,
    symbols: { source: vmcore.symbols.origin, count: vmcore.symbols.count },
    types: { source: vmcore.types.origin },
    problems: problems.list,
  };
}

/** jiffies_64 starts at (unsigned int)(-300 * HZ) (INITIAL_JIFFIES, include/linux/jiffies.h). */
function uptimeSeconds(jiffies: bigint, hz: number): number {
  const initial = BigInt.asUintN(32, BigInt(-300 * hz));
  return Number(jiffies - initial) / hz;
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
