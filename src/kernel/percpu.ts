// Which CPUs the machine has, from the kernel's own masks (kernel/cpu.c).

import type { Vmcore } from '../target/vmcore.ts';

/** The CPUs of the dumped machine. */
export interface CpuSets {
  readonly possible: readonly number[];
  readonly online: readonly number[];
}

/** Larger than any NR_CPUS that a kernel is built with (8192). */
const CPUS_MAX = 1 << 16;

/**
 * The possible and online CPUs. Linux kernel commits 4b804c85dc37 and 5aec01b834fd (both v4.5)
 * made the masks plain variables; before, cpu_possible_mask pointed to static bitmaps.
 */
export function cpuSets(vmcore: Vmcore): CpuSets {
  const possible = cpuMask(vmcore, 'possible');
  if (possible?.length === 0) {
    vmcore.problems.addMessage('CPU masks', '__cpu_possible_mask: no CPU is possible');
  }
  return { possible: possible ?? [], online: cpuMask(vmcore, 'online') ?? [] };
}

/** undefined, and a problem, where the mask cannot be read. */
function cpuMask(vmcore: Vmcore, name: 'possible' | 'online'): number[] | undefined {
  const { symbols, problems } = vmcore;
  const bytes = problems.attempt('CPU masks', () => {
    const address = symbols.lookup(`__cpu_${name}_mask`) ?? symbols.lookup(`cpu_${name}_bits`);
    const { size } = vmcore.struct('cpumask');
    return vmcore.readBytes(address ?? vmcore.symbol(`__cpu_${name}_mask`), size);
  });
  if (bytes === undefined) return undefined;
  const cpus: number[] = [];
  for (let cpu = 0; cpu < Math.min(bytes.length * 8, CPUS_MAX); cpu++) {
    if ((((bytes[cpu >> 3] as number) >> (cpu & 7)) & 1) === 1) cpus.push(cpu);
  }
  return cpus;
}
