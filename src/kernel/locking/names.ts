// What a lock is called: by its symbol, or as a member of something that belongs to a known task.

import type { Vmcore } from '../../target/vmcore.ts';
import { byteOffsetOf } from '../../types/ctype.ts';
import type { StructType } from '../../types/ctype.ts';
import { hex, type Vaddr } from '../../util/address.ts';
import type { KnownTask, TaskIndex } from './task-index.ts';

/** How a lock is called. */
export interface LockName {
  readonly words: string;
  /** `struct mm_struct *` whose mmap_lock it is. */
  readonly mm?: string;
}

/** mm_struct.mmap_sem was renamed in 5.8 (da1c55f1b272). */
const MMAP_LOCK = new Set(['mmap_lock', 'mmap_sem']);

/** Names locks. */
export class LockNames {
  readonly #vmcore: Vmcore;
  readonly #tasks: TaskIndex;
  #objects: readonly TaskObject[] | undefined;

  constructor(vmcore: Vmcore, tasks: TaskIndex) {
    this.#vmcore = vmcore;
    this.#tasks = tasks;
  }

  /** undefined for a lock in memory that nothing we know leads to. */
  nameOf(address: Vaddr): LockName | undefined {
    const symbol = this.#vmcore.symbols.symbolAt(address);
    if (symbol !== undefined) {
      const offset = symbol.offset === 0 ? '' : `+0x${symbol.offset.toString(16)}`;
      const module = symbol.module === undefined ? '' : ` [${symbol.module}]`;
      return { words: `${symbol.name}${offset}${module}` };
    }
    const object = this.#objectAt(address);
    const member = object && memberAt(object.type, Number(address - object.start));
    if (object === undefined || member === undefined) return undefined;
    const { task, start } = object;
    const words = `${member} of ${task.comm ?? '?'}(${task.tgid ?? task.pid})`;
    return MMAP_LOCK.has(member) ? { words, mm: hex(start) } : { words };
  }

  /** What an address is in, of the objects that lie one behind the other. */
  #objectAt(address: Vaddr): TaskObject | undefined {
    this.#objects ??= taskObjects(this.#vmcore, this.#tasks);
    let low = 0;
    let high = this.#objects.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#objects[middle]?.start ?? 0n) <= address) low = middle + 1;
      else high = middle;
    }
    const object = this.#objects[low - 1];
    return object !== undefined && address < object.start + BigInt(object.type.size)
      ? object
      : undefined;
  }
}

interface TaskObject {
  readonly start: bigint;
  readonly type: StructType;
  readonly task: KnownTask;
}

/** The mm and the signal struct of each process, and the tasks themselves, by address. */
function taskObjects(vmcore: Vmcore, tasks: TaskIndex): TaskObject[] {
  const objects = new Map<bigint, TaskObject>();
  const add = (address: string | undefined, struct: string, task: KnownTask): void => {
    const start = address === undefined ? 0n : BigInt(address);
    const type = vmcore.types.find('struct', struct);
    if (start === 0n || type?.kind !== 'struct' || objects.has(start)) return;
    objects.set(start, { start, type, task });
  };
  for (const task of tasks.all()) {
    add(task.mm, 'mm_struct', task);
    add(task.signal, 'signal_struct', task);
    add(task.address, 'task_struct', task);
  }
  return [...objects.values()].sort((a, b) => (a.start < b.start ? -1 : 1));
}

/** The member that begins at an offset, as a path; of anonymous structs the inner one's name. */
function memberAt(type: StructType, offset: number): string | undefined {
  for (const member of type.members) {
    const { type: inner } = member;
    if (inner.kind !== 'struct' && inner.kind !== 'union') continue;
    if (member.bitOffset % 8 !== 0) continue;
    const start = byteOffsetOf(member);
    if (offset < start || offset >= start + inner.size) continue;
    if (member.name !== '') return offset === start ? member.name : undefined;
    return memberAt(inner, offset - start);
  }
  return undefined;
}
