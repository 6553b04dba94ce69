// Tasks that wait for locks in a few bytes: their stacks with the structures that lie on them, for
// tests of what is proved by these and what is not, whole and damaged.

import assert from 'node:assert/strict';
import { readLocks } from '../../src/kernel/locking.ts';
import type { KernelLock, LocksResult } from '../../src/kernel/locking/lock.ts';
import type { StackFrame } from '../../src/kernel/stack.ts';
import type { Task } from '../../src/kernel/task.ts';
import type { Vmcore } from '../../src/target/index.ts';
import { hex } from '../../src/util/address.ts';
import { LookupError } from '../../src/util/errors.ts';
import { Problems } from '../../src/util/problems.ts';
import { FakeMemory, type FakeStruct } from './fake-memory.ts';

/** The size of a stack, which is at a multiple of it. */
const STACK_SIZE = 0x4000;
/** The first bytes are for tasks and locks. */
const TASK_SIZE = 0x100;
/** Where the frame of the lock's function is in a stack. */
const FRAME = 0x3000;
const FRAME_SIZE = 0x200;

const LIST = 'struct list_head';
const ATOMIC = 'struct atomic_long';
const TASK = 'struct task_struct *';

/** As 6.1 has them, without what is not read. */
export const STRUCTS: Readonly<Record<string, FakeStruct>> = {
  list_head: {
    size: 16,
    members: { next: [0, 'struct list_head *'], prev: [8, 'struct list_head *'] },
  },
  atomic_long: { size: 8, members: { counter: [0, 'unsigned long'] } },
  task_struct: { size: TASK_SIZE, members: { flags: [0x40, 'unsigned int'] } },
  mutex: { size: 32, members: { owner: [0, ATOMIC], wait_list: [16, LIST] } },
  mutex_waiter: { size: 32, members: { list: [0, LIST], task: [16, TASK] } },
  rw_semaphore: {
    size: 40,
    members: { count: [0, ATOMIC], owner: [8, ATOMIC], wait_list: [24, LIST] },
  },
  rwsem_waiter: { size: 48, members: { list: [0, LIST], task: [16, TASK] } },
  semaphore: { size: 24, members: { count: [4, 'unsigned int'], wait_list: [8, LIST] } },
  semaphore_waiter: { size: 32, members: { list: [0, LIST], task: [16, TASK] } },
};

/** Tasks and locks. */
export class LockMachine {
  readonly memory: FakeMemory;
  readonly problems = new Problems();
  readonly #tasks: Task[] = [];
  readonly #frames = new Map<string, readonly StackFrame[]>();

  /** @param structs instead of or besides {@link STRUCTS} */
  constructor(structs: Readonly<Record<string, FakeStruct>> = {}) {
    this.memory = new FakeMemory({ ...STRUCTS, ...structs });
  }

  /**
   * A task of a stack of its own (three have one), in a function that sleeps.
   *
   * @returns offsets of its task_struct and of the local variables of the function
   */
  task(pid: number, called?: string): { task: number; local: number } {
    const index = this.#tasks.length;
    const task = 0x1000 + index * TASK_SIZE;
    const stack = (index + 1) * STACK_SIZE;
    const has = called !== undefined;
    this.#tasks.push({
      address: hex(this.memory.at(task)),
      pid,
      comm: `task${pid}`,
      state: has ? 'D' : 'R',
      ...(has ? { stack: hex(this.memory.at(stack)) } : {}),
    });
    const local = stack + FRAME;
    if (has) this.#frames.set(hex(this.memory.at(task)), this.#stack(called, local));
    return { task, local: local + 0x40 };
  }

  #stack(called: string, at: number): StackFrame[] {
    const frame = (name: string, start: number, end: number): StackFrame => ({
      pc: '0xffffffff81000010',
      sp: hex(this.memory.at(start)),
      cfa: hex(this.memory.at(end)),
      name,
      offset: 16,
      size: 64,
    });
    return [
      frame('__schedule', at - 0x40, at - 0x20),
      frame('schedule', at - 0x20, at),
      frame(called, at, at + FRAME_SIZE),
      frame('do_something', at + FRAME_SIZE, at + FRAME_SIZE + 0x40),
    ];
  }

  /** Writes a word. */
  word(offset: number, value: bigint): void {
    this.memory.u64(offset, value);
  }

  wordAt(offset: number): bigint {
    const bytes = new Uint8Array(8);
    this.memory.readInto(bytes, this.memory.at(offset));
    return new DataView(bytes.buffer).getBigUint64(0, true);
  }

  /** Writes a pointer to what lies at another offset. */
  pointer(offset: number, to: number): void {
    this.memory.u64(offset, this.memory.at(to));
  }

  /** Links list heads in a circle. */
  ring(...nodes: readonly number[]): void {
    nodes.forEach((node, i) => {
      this.pointer(node, nodes[(i + 1) % nodes.length]!);
      this.pointer(node + 8, nodes[(i + nodes.length - 1) % nodes.length]!);
    });
  }

  /** What is found. */
  read(): LocksResult {
    const { memory, problems } = this;
    const symbols = { lookup: () => undefined, symbolAt: () => undefined };
    const vmcore = {
      types: memory.types,
      readInto: (into: Uint8Array, address: never) => memory.readInto(into, address),
      struct: (name: string) => {
        throw new LookupError('type', `struct ${name}`);
      },
      problems,
      symbols,
    } as unknown as Vmcore;
    return readLocks(vmcore, this.#tasks, {
      read: ({ address }) => {
        const frames = this.#frames.get(address);
        if (frames === undefined) return undefined;
        return { type: 'stack', source: 'switched out', frames, end: 'end' };
      },
    });
  }
}

/** Where locks of tests lie. */
export const LOCK = 0x100;

/** A lock that task 11 waits for, and task 10, which may have it. */
export class WaitedFor extends LockMachine {
  readonly waiter: { task: number; local: number };
  readonly owner: { task: number };

  constructor(
    called: string,
    { list, structs = {} }: { list: number; structs?: Readonly<Record<string, FakeStruct>> },
  ) {
    super(structs);
    this.waiter = this.task(11, called);
    this.owner = this.task(10);
    this.ring(LOCK + list, this.waiter.local);
    this.pointer(this.waiter.local + 16, this.waiter.task);
  }

  /** The address of the owner's task_struct. */
  get ownerWord(): bigint {
    return this.memory.at(this.owner.task);
  }

  lock(): KernelLock {
    const { locks, unproved } = this.read();
    assert.equal(locks.length, 1, unproved[0]?.why);
    return locks[0]!;
  }
}

/** A task_struct with more members. */
export function taskWith(members: FakeStruct['members']): FakeStruct {
  return { size: TASK_SIZE, members: { ...STRUCTS.task_struct!.members, ...members } };
}
