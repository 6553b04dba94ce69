// struct thread_info: the TIF_* bits of a task (arch/x86/include/asm/thread_info.h).

import type { MemberValue } from '../types/compile.ts';
import { byteOffsetOf, findMember, type StructType } from '../types/ctype.ts';
import {
  probeThreadFlag,
  TIF_MEMDIE,
  TIF_SIGPENDING,
  type FoundConstant,
} from '../types/kernel-constants.ts';
import type { Vmcore } from '../target/vmcore.ts';
import { hex, vaddr, vaddrAdd, type Vaddr } from '../util/address.ts';

/** Reads thread_info.flags of the task at an address whose `stack` member is known. */
export type ThreadFlagReader = (task: Vaddr, stack: MemberValue | undefined) => bigint | undefined;

/**
 * Where thread_info lies: in the task since commits c65eacbe290b and 15f4eae70d36 (v4.9), at the
 * low end of the kernel stack before.
 */
export function threadFlags(vmcore: Vmcore): ThreadFlagReader {
  const inTask = findMember(vmcore.struct('task_struct'), 'thread_info.flags');
  const onStack = threadInfoType(vmcore);
  return (task, stack) => {
    const place = inTask ?? onStack;
    if (place === undefined) return undefined;
    const base = inTask !== undefined ? task : typeof stack === 'bigint' ? vaddr(stack) : undefined;
    if (base === undefined || base === 0n) return undefined;
    return vmcore.problems.attempt(`thread_info of task ${hex(task)}`, () => {
      const bytes = vmcore.readBytes(vaddrAdd(base, byteOffsetOf(place)), 8);
      const value = new DataView(bytes.buffer).getBigUint64(0, true);
      return BigInt.asUintN(flagsSize(place.type) * 8, value);
    });
  };
}

function flagsSize(type: { kind: string; size?: number }): number {
  return type.kind === 'int' ? (type.size ?? 8) : 8;
}

function threadInfoType(vmcore: Vmcore): ReturnType<typeof findMember> {
  const type = vmcore.types.find('struct', 'thread_info');
  return type?.kind === 'struct' ? findMember(type satisfies StructType, 'flags') : undefined;
}

/** The TIF_* bits that this tool needs, as this kernel numbers them. */
export interface ThreadFlagBits {
  readonly memdie: FoundConstant | undefined;
  readonly sigpending: FoundConstant | undefined;
}

/** The longest of the probed functions is below 4 KiB. */
const CODE_MAX = 4096;

/** Finds the bits out; a bit that cannot be found leaves a problem and stays undefined. */
export function threadFlagBits(vmcore: Vmcore): ThreadFlagBits {
  const inTask = findMember(vmcore.struct('task_struct'), 'thread_info.flags');
  const place = inTask ?? threadInfoType(vmcore);
  const probe = {
    threadFlagsOffset: place === undefined ? 0 : byteOffsetOf(place),
    code: (symbol: string) => functionCode(vmcore, symbol),
  };
  const find = (wanted: typeof TIF_MEMDIE): FoundConstant | undefined => {
    const found = probeThreadFlag(wanted, probe) ?? flagOfLayout(vmcore, wanted.name);
    if (found === undefined) {
      const what = 'no function that uses it could be read, and no layout file names it';
      vmcore.problems.addMessage(wanted.name, what, 'lookup');
    }
    return found;
  };
  return { memdie: find(TIF_MEMDIE), sigpending: find(TIF_SIGPENDING) };
}

function functionCode(vmcore: Vmcore, symbol: string): Uint8Array | undefined {
  const address = vmcore.symbols.lookup(symbol);
  if (address === undefined) return undefined;
  const size = vmcore.symbols.symbolAt(address)?.size ?? CODE_MAX;
  const code = vmcore.readAvailable(address, Math.min(size, CODE_MAX));
  return code.length === 0 ? undefined : code;
}

function flagOfLayout(vmcore: Vmcore, name: string): FoundConstant | undefined {
  const bit = vmcore.types.findEnumerator(name);
  if (bit === undefined) return undefined;
  return { name, bit: Number(bit), source: vmcore.types.origin };
}
