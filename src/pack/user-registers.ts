// Where the kernel keeps what a program had in its vector registers when it was switched out:
// strings that were copied, keys. Nobody needs it to list tasks or to unwind them.

import type { Task } from '../kernel/task.ts';
import type { Vmcore } from '../target/index.ts';
import { vaddr } from '../util/address.ts';
import type { LogArea } from './log-areas.ts';

/**
 * `thread.fpu` of every task (struct fpu, arch/x86/include/asm/fpu/types.h): the registers
 * themselves, or a pointer to them. None on a kernel whose types are not known to have it.
 */
export function registerAreas(vmcore: Vmcore, tasks: readonly Task[]): LogArea[] {
  if (vmcore.types.find('struct', 'fpu') === undefined) return [];
  const addresses = tasks.map(({ address }) => vaddr(BigInt(address)));
  const fpuSize = vmcore.struct('fpu').size;
  const taskSize = allocatedSize(vmcore, addresses);
  return addresses.flatMap((address) => {
    const task = vmcore.object('task_struct', address);
    if (!task.has('thread.fpu')) return [];
    const fpu = task.member('thread.fpu').address;
    const size = Math.min(fpuSize, taskSize - Number(fpu - task.address));
    return size > 0 ? [{ address: fpu, size }] : [];
  });
}

/**
 * Bytes of a task_struct as it is allocated: its last member has room for the registers of any CPU,
 * of which only those that this one has are there (arch_task_struct_size of
 * arch/x86/kernel/fpu/init.c). The next task's begins behind it at the earliest.
 */
function allocatedSize(vmcore: Vmcore, addresses: readonly bigint[]): number {
  const { size } = vmcore.struct('task_struct');
  const sorted = [...addresses].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const gaps = sorted.slice(1).map((address, at) => Number(address - (sorted[at] ?? address)));
  return Math.min(size, ...gaps.filter((gap) => gap > 0));
}
