// Wait queues in memory (include/linux/wait.h): the head, and the entries that lie on the stacks of
// those who sleep. Structs and members have other names since Linux 4.13.

import type { TypeSource } from '../../types/ctype.ts';
import type { Vaddr } from '../../util/address.ts';
import type { KernelMemory } from './kernel-memory.ts';
import { linkList, memberAddress } from './lists.ts';

/** A list_head and the struct that it is in. */
interface ListPlace {
  readonly struct: string;
  readonly path: string;
}

interface WaitNames {
  readonly head: ListPlace;
  readonly entry: ListPlace;
}

const NAMES: WaitNames = {
  head: { struct: 'wait_queue_head', path: 'head' },
  entry: { struct: 'wait_queue_entry', path: 'entry' },
};
const OLD_NAMES: WaitNames = {
  head: { struct: '__wait_queue_head', path: 'task_list' },
  entry: { struct: '__wait_queue', path: 'task_list' },
};

function namesIn(types: TypeSource): WaitNames {
  return types.find('struct', NAMES.entry.struct) === undefined ? OLD_NAMES : NAMES;
}

/** What this kernel calls a wait queue. */
export function waitHeadName(types: TypeSource): string {
  return namesIn(types).head.struct;
}

/** What it calls a sleeper there. */
export function waitEntryName(types: TypeSource): string {
  return namesIn(types).entry.struct;
}

/** DEFINE_WAIT(): an entry on no list, as it is too once its task was woken. */
export function writeWaitEntry(
  memory: KernelMemory,
  address: Vaddr,
  { task, func }: { task: Vaddr; func: Vaddr },
): void {
  const { entry } = namesIn(memory.types);
  memory.store(entry.struct, address, { private: task, func });
  linkList(memory, memberAddress(memory, address, entry));
}

/** prepare_to_wait() adds in front of those that wait already, an exclusive one behind. */
export function linkWaitQueue(memory: KernelMemory, head: Vaddr, entries: readonly Vaddr[]): void {
  const names = namesIn(memory.types);
  const nodes = entries.map((entry) => memberAddress(memory, entry, names.entry));
  linkList(memory, memberAddress(memory, head, names.head), nodes.toReversed());
}
