// struct thread_info: the TIF_* bits of a task and, in kernels before 4.9, the CPU that it is on
// (arch/x86/include/asm/thread_info.h).

import type { MemberValue } from '../types/compile.ts';
import { byteOffsetOf, findMember, sizeOf, type MemberPlace } from '../types/ctype.ts';
import { TIF_MEMDIE, TIF_SIGPENDING, type FoundConstant } from '../types/kernel-constants.ts';
import type { Vmcore } from '../target/vmcore.ts';
import { hex, vaddr, vaddrAdd, type Vaddr } from '../util/address.ts';
import { optional } from '../util/optional.ts';
import { findFlagBit } from './flag-bits.ts';

/** What thread_info says of a task; absent where it has no such member or cannot be read. */
export interface ThreadInfo {
  /** TIF_* bits. */
  readonly flags?: bigint;
  /** Where it lies on the stack; else the task itself says. */
  readonly cpu?: number;
}

/** Reads thread_info of the task at an address whose `stack` member is known. */
export type ThreadInfoReader = (task: Vaddr, stack: MemberValue | undefined) => ThreadInfo;

/**
 * Where thread_info lies: in the task since commits c65eacbe290b and 15f4eae70d36 (v4.9), at the
 * low end of the kernel stack before.
 */
export function threadInfos(vmcore: Vmcore): ThreadInfoReader {
  const inTask = findMember(vmcore.struct('task_struct'), 'thread_info.flags');
  const flags = inTask ?? onStack(vmcore, 'flags');
  const cpu = inTask === undefined ? onStack(vmcore, 'cpu') : undefined;
  return (task, stack) => {
    const base = inTask !== undefined ? task : typeof stack === 'bigint' ? vaddr(stack) : undefined;
    if (base === undefined || base === 0n) return {};
    const read = (place: MemberPlace | undefined): bigint | undefined => {
      if (place === undefined) return undefined;
      const subject = `thread_info of task ${hex(task)}`;
      return vmcore.problems.attempt(subject, () => integerAt(vmcore, base, place));
    };
    const cpuRead = read(cpu);
    return {
      ...optional('flags', read(flags)),
      ...optional('cpu', cpuRead === undefined ? undefined : Number(cpuRead)),
    };
  };
}

function integerAt(vmcore: Vmcore, base: Vaddr, place: MemberPlace): bigint {
  const size = sizeOf(place.type);
  const bytes = new Uint8Array(8);
  bytes.set(vmcore.readBytes(vaddrAdd(base, byteOffsetOf(place)), size, 'thread_info'));
  return new DataView(bytes.buffer).getBigUint64(0, true);
}

function onStack(vmcore: Vmcore, member: string): MemberPlace | undefined {
  const type = vmcore.types.find('struct', 'thread_info');
  return type?.kind === 'struct' ? findMember(type, member) : undefined;
}

/** The TIF_* bits that this tool needs, as this kernel numbers them. */
export interface ThreadFlagBits {
  readonly memdie: FoundConstant | undefined;
  readonly sigpending: FoundConstant | undefined;
}

/** Finds the bits out; a bit that cannot be found leaves a problem and stays undefined. */
export function threadFlagBits(vmcore: Vmcore): ThreadFlagBits {
  const inTask = findMember(vmcore.struct('task_struct'), 'thread_info.flags');
  const place = inTask ?? onStack(vmcore, 'flags');
  const flagsOffset = place === undefined ? 0 : byteOffsetOf(place);
  const find = (wanted: typeof TIF_MEMDIE): FoundConstant | undefined => {
    const found = findFlagBit(vmcore, wanted, flagsOffset);
    if (found === undefined) {
      const what = 'no function that uses it could be read, and no layout file names it';
      vmcore.problems.addMessage(wanted.name, what, 'lookup');
    }
    return found;
  };
  return { memdie: find(TIF_MEMDIE), sigpending: find(TIF_SIGPENDING) };
}
