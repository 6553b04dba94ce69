// What the OOM killer keeps in variables (mm/oom_kill.c), and the instructions by which readers
// find out which bits of mm->flags are its own. A kernel without a reaper has nothing of the
// latter.

import { byteOffsetOf, findMember, type TypeSource } from '../../types/ctype.ts';
import { vaddr, type Vaddr } from '../../util/address.ts';
import { assert } from '../../util/assert.ts';
import { MMF_OOM_REAP_QUEUED, MMF_OOM_SKIP } from '../kernel/task-bits.ts';
import type { Areas } from './areas.ts';
import type { KernelImage } from './kernel-image.ts';
import type { OomFacts } from './machine-facts.ts';
import type { PlacedTasks } from './tasks.ts';
import { ENDBR64, RET } from './thread-flag-code.ts';

/** Gives the variables their symbols. */
export function defineOom(image: KernelImage, facts: OomFacts | undefined): void {
  if (facts === undefined) return;
  image.define('oom_victims', { section: 'bss', size: 4 });
  image.define('oom_killer_disabled', { section: 'data', size: 1 });
  if (facts.reaperPids !== undefined) image.define('oom_reaper_list', { section: 'bss', size: 8 });
}

/**
 * `set_bit(MMF_OOM_SKIP, &mm->flags)` of exit_mmap() and the test_and_set_bit() of
 * queue_oom_reaper(), as gcc compiles them.
 */
export function oomCode(
  types: TypeSource,
  facts: OomFacts | undefined,
): Record<string, readonly number[]> {
  if (facts?.reaperPids === undefined) return {};
  const type = types.find('struct', 'mm_struct');
  const flags = type?.kind === 'struct' ? findMember(type, 'flags') : undefined;
  assert(flags !== undefined, `${types.origin} has no mm_struct.flags`);
  const at = byteOffsetOf(flags);
  const skip = Math.log2(MMF_OOM_SKIP);
  // lock orb $mask, disp32(%rdi): the byte of the bit
  const orb = [0xf0, 0x80, 0x8f, ...int32(at + (skip >> 3)), 1 << (skip & 7)];
  // lock btsq $bit, disp32(%rax)
  const btsq = [0xf0, 0x48, 0x0f, 0xba, 0xa8, ...int32(at), Math.log2(MMF_OOM_REAP_QUEUED)];
  return {
    exit_mmap: [...ENDBR64, ...orb, ...RET],
    queue_oom_reaper: [...ENDBR64, ...btsq, ...RET],
  };
}

function int32(value: number): number[] {
  return [0, 8, 16, 24].map((shift) => (value >> shift) & 0xff);
}

/** Writes them, and links those who are to be reaped through `task->oom_reaper_list`. */
export function writeOom(
  image: KernelImage,
  { memory }: Areas,
  { facts, tasks }: { facts: OomFacts | undefined; tasks: PlacedTasks },
): void {
  if (facts === undefined) return;
  memory.writeInteger(image.symbol('oom_victims'), facts.victimCount, 4);
  if (facts.reaperPids === undefined) return;
  const placed = tasks.processes.flatMap(({ threads }) => threads);
  const list = facts.reaperPids.map((pid) => {
    const thread = placed.find(({ facts: each }) => each.pid === pid);
    assert(thread !== undefined, `pid ${pid} is to be reaped and no task`);
    return thread.task;
  });
  const next = (index: number): Vaddr => list[index] ?? vaddr(0n);
  memory.writeInteger(image.symbol('oom_reaper_list'), next(0), 8);
  list.forEach((task, index) => {
    memory.store('task_struct', task, { oom_reaper_list: next(index + 1) });
  });
}
