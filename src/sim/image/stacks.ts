// Kernel stacks as a kernel leaves them, with frame pointers or as its ORC says (orc.ts), and the
// call instructions that their return addresses follow.
//
//   top     pt_regs of the entry from user mode (kernel threads: where user registers would be)
//           per function, outermost first:
//             rbp of the caller, or 0        <- the frame's own rbp points here
//             local variables
//             return address into the function
//   sp ->   inactive_task_frame: r15 r14 r13 r12 bx, bp of the innermost function, and above them
//           the address in it where the task goes on
//
// Before Linux 4.9 sp points to bp alone: the switch is code of __schedule(), and a task goes on
// where that function has it. A task that runs has neither; its registers are in its CPU.

import { vaddr, vaddrAdd, type Vaddr } from '../../util/address.ts';
import { findMember, type StructType } from '../../types/ctype.ts';
import { assert } from '../../util/assert.ts';
import { THREAD_SIZE, type Areas } from './areas.ts';
import type { OrcFrames } from './orc.ts';
import {
  KERNEL_SEGMENTS,
  RFLAGS,
  userRegisters,
  type CpuStatus,
  type Registers,
} from './prstatus.ts';
import type { KernelImage } from './kernel-image.ts';
import { memberAddress } from './lists.ts';
import type { FrameFacts, LocalFacts } from './machine-facts.ts';
import type { Fields } from './struct-writer.ts';
import { linkRequests, type ListedRequests } from './memalloc-list.ts';
import type { PlacedTasks, PlacedThread } from './tasks.ts';
import { waitEntryName, writeWaitEntry } from './wait-queues.ts';

/** DEFINE_WAIT(): what wakes whoever sleeps on a wait queue. */
export const WAKE_FUNCTION = 'autoremove_wake_function';
/** Who sleeps on memcg_oom_waitq is woken for its own cgroup alone. */
export const OOM_WAKE_FUNCTION = 'memcg_oom_wake_function';
const WORD_SIZE = 8;
/** `call rel32` */
const CALL_OPCODE = 0xe8;
const CALL_SIZE = 5;

/** enum rwsem_waiter_type: RWSEM_WAITING_FOR_WRITE, RWSEM_WAITING_FOR_READ */
const RWSEM_WAITER_TYPES = ['write', 'read'];

/** A mutex_waiter, rwsem_waiter or semaphore_waiter on a stack. */
export interface PlacedWaiter {
  readonly pid: number;
  /** Index into MachineFacts.locks. */
  readonly lock: number;
  /** `struct mutex_waiter *` and so on; each starts with its list_head. */
  readonly address: Vaddr;
}

/** What {@link writeStacks} leaves for others to write down. */
export interface WrittenStacks {
  readonly waiters: readonly PlacedWaiter[];
  /** `struct wait_queue_entry *` on the stack of a task, by its pid. */
  readonly waitEntries: ReadonlyMap<number, Vaddr>;
  /** What each CPU was doing. */
  readonly statuses: readonly CpuStatus[];
}

/**
 * Writes the stacks of all tasks whose facts have frames.
 *
 * @param frames those of each function, where the kernel keeps no frame pointers
 */
export function writeStacks(
  image: KernelImage,
  areas: Areas,
  { tasks, frames }: { tasks: PlacedTasks; frames: OrcFrames | undefined },
): WrittenStacks {
  const waiters: PlacedWaiter[] = [];
  const requests: ListedRequests = new Map();
  const waitEntries = new Map<number, Vaddr>();
  const statuses: CpuStatus[] = [];
  for (const { threads } of [...tasks.idle, ...tasks.processes]) {
    for (const thread of threads) {
      const { frames: called = [], onCpu, pid, cpu } = thread.facts;
      let registers = userRegisters(pid);
      if (called.length > 0) {
        const writer = new StackWriter(image, areas, { thread, requests, waitEntries, frames });
        registers = writer.write(called, waiters);
      }
      if (onCpu) statuses.push({ cpu, pid, registers });
    }
  }
  linkRequests(image, areas.memory, requests);
  return { waiters, waitEntries, statuses: statuses.sort((a, b) => a.cpu - b.cpu) };
}

/** Its list_head is written when all waiters of the lock have a place (locks.ts). */
function waiterFields(local: Extract<LocalFacts, { lock: number }>, task: Vaddr): Fields {
  if (local.type === 'mutex_waiter') return { task };
  if (local.type === 'semaphore_waiter') return { task, up: local.up };
  const { granted, waitsFor, timeout, handoffSet } = local;
  return {
    task: granted ? 0n : task,
    type: RWSEM_WAITER_TYPES.indexOf(waitsFor),
    timeout,
    handoff_set: handoffSet,
  };
}

/** The fields that this kernel's struct has: an rwsem_waiter has grown since 4.4. */
function known(type: StructType, fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([path]) => findMember(type, path)));
}

/** It was forked, and has not run since. */
function isNew([first, ...others]: readonly FrameFacts[]): boolean {
  return others.length === 0 && first?.name === 'ret_from_fork' && first.returnOffset === 0;
}

class StackWriter {
  readonly #image: KernelImage;
  readonly #areas: Areas;
  readonly #thread: PlacedThread;
  readonly #requests: ListedRequests;
  readonly #waitEntries: Map<number, Vaddr>;
  readonly #frames: OrcFrames | undefined;
  /** Undefined where the kernel's switch has none of its own. */
  readonly #switchFrame: StructType | undefined;
  #sp: Vaddr;

  constructor(
    image: KernelImage,
    areas: Areas,
    options: {
      thread: PlacedThread;
      requests: ListedRequests;
      waitEntries: Map<number, Vaddr>;
      frames: OrcFrames | undefined;
    },
  ) {
    const { thread, requests, waitEntries, frames } = options;
    this.#waitEntries = waitEntries;
    this.#frames = frames;
    this.#requests = requests;
    this.#image = image;
    this.#areas = areas;
    this.#thread = thread;
    const switchFrame = areas.memory.types.find('struct', 'inactive_task_frame');
    this.#switchFrame = switchFrame?.kind === 'struct' ? switchFrame : undefined;
    const regs = areas.memory.struct('pt_regs').size;
    this.#sp = vaddrAdd(thread.stack, THREAD_SIZE - regs);
  }

  /** @returns the registers of the CPU, if the task has one */
  write(frames: readonly FrameFacts[], waiters: PlacedWaiter[]): Registers {
    let bp = vaddr(0n);
    let rip = vaddr(0n);
    this.#writeUserRegisters();
    if (isNew(frames) && this.#switchFrame === undefined) {
      // Before Linux 4.9 its stack has the registers alone, and TIF_FORK says where it goes on.
      this.#areas.memory.store('task_struct', this.#thread.task, { 'thread.sp': this.#sp });
      return { ...KERNEL_SEGMENTS, rflags: RFLAGS, rip, rsp: this.#sp, rbp: bp };
    }
    for (const frame of frames) {
      bp = this.#enter(frame, bp, waiters);
      rip = vaddrAdd(this.#image.symbol(frame.name), frame.returnOffset);
      const isInnermost = frame.callee === undefined;
      // A function that runs has called nobody, and one that switches as a part of itself neither.
      if (isInnermost && (this.#thread.facts.onCpu || this.#switchFrame === undefined)) break;
      this.#push(this.#returnAddress(frame));
    }
    const rsp = this.#sp;
    this.#writeSwitchFrame(bp);
    return { ...KERNEL_SEGMENTS, rflags: RFLAGS, rip, rsp, rbp: bp };
  }

  /** The prologue of a function, and what it keeps on the stack. @returns rbp after it */
  #enter(frame: FrameFacts, bp: Vaddr, waiters: PlacedWaiter[]): Vaddr {
    const plan = this.#frames?.(frame.name);
    if (plan !== undefined && plan.kind !== 'call') {
      assert(frame.locals.length === 0, `${frame.name} has no room for local variables`);
      return bp;
    }
    const saved = plan === undefined || plan.savesBp ? this.#push(bp) : this.#sp;
    for (const local of frame.locals) this.#writeLocal(local, waiters);
    if (plan === undefined) return saved;
    const size = BigInt(plan.size);
    assert(saved - this.#sp <= size, `${frame.name}: the frame is too small`);
    this.#sp = vaddr(saved - size);
    if (plan.keepsBp) return saved;
    // Whoever saves rbp wants it for something of its own.
    return plan.savesBp ? this.#thread.task : bp;
  }

  /** What the program was at when it entered the kernel; a kernel thread has nothing there. */
  #writeUserRegisters(): void {
    const { facts, process, stack } = this.#thread;
    if (process.mm === undefined) return;
    const { rip = 0n, cs = 0n, rflags = 0n, rsp = 0n, ss = 0n } = userRegisters(facts.pid);
    const { memory } = this.#areas;
    const regs = vaddrAdd(stack, THREAD_SIZE - memory.struct('pt_regs').size);
    const fields = { ip: rip, cs, flags: rflags, sp: rsp, ss, orig_ax: -1 };
    memory.store('pt_regs', regs, fields);
  }

  #push(value: bigint): Vaddr {
    this.#sp = vaddrAdd(this.#sp, -WORD_SIZE);
    assert(this.#sp > this.#thread.stack, `pid ${this.#thread.facts.pid}: the stack is full`);
    this.#areas.memory.writeInteger(this.#sp, value, 8);
    return this.#sp;
  }

  #reserve(type: StructType): Vaddr {
    this.#sp = vaddr((this.#sp - BigInt(type.size)) & ~(BigInt(WORD_SIZE) - 1n));
    return this.#sp;
  }

  #writeLocal(local: LocalFacts, waiters: PlacedWaiter[]): void {
    const { memory } = this.#areas;
    const { facts, task } = this.#thread;
    if (local.type === 'wait_queue_entry' || local.type === 'oom_wait_info') {
      this.#writeWaitEntry(local.type);
      return;
    }
    const type = memory.struct(local.type);
    const address = this.#reserve(type);
    if ('lock' in local) {
      memory.store(local.type, address, known(type, waiterFields(local, task)));
      waiters.push({ pid: facts.pid, lock: local.lock, address });
      return;
    }
    if (local.type === 'memalloc') {
      memory.store('memalloc', address, { ...local.fields, task });
      this.#requests.set(local.place, address);
      return;
    }
    memory.store(local.type, address, local.fields);
    if (local.type === 'compact_control') {
      const capture = this.#reserve(memory.struct('capture_control'));
      memory.store('capture_control', capture, { cc: address });
      memory.store('task_struct', task, { capture_control: capture });
      return;
    }
    const state = findMember(type, 'reclaim_state');
    // In Linux 6.1 a part of it, in 4.4 a variable of the function that calls reclaim.
    const reclaimState =
      state === undefined
        ? this.#reserve(memory.struct('reclaim_state'))
        : vaddrAdd(address, state.bitOffset / 8);
    memory.store('task_struct', task, { reclaim_state: reclaimState });
  }

  /** The queue links those that still sleep. */
  #writeWaitEntry(type: 'wait_queue_entry' | 'oom_wait_info'): void {
    const { memory } = this.#areas;
    const { facts, task } = this.#thread;
    let entry: Vaddr;
    let func = WAKE_FUNCTION;
    if (type === 'oom_wait_info') {
      const info = this.#reserve(memory.struct(type));
      entry = memberAddress(memory, info, { struct: type, path: 'wait' });
      func = OOM_WAKE_FUNCTION;
    } else entry = this.#reserve(memory.struct(waitEntryName(memory.types)));
    writeWaitEntry(memory, entry, { task, func: this.#image.symbol(func) });
    this.#waitEntries.set(facts.pid, entry);
  }

  /** The last function sleeps in the switch to another task, the others in a call. */
  #returnAddress({ name, callee, returnOffset }: FrameFacts): Vaddr {
    const at = vaddrAdd(this.#image.symbol(name), returnOffset);
    if (callee !== undefined) {
      const call = new Uint8Array(CALL_SIZE);
      call[0] = CALL_OPCODE;
      const distance = Number(this.#image.symbol(callee) - at);
      new DataView(call.buffer).setInt32(1, distance, true);
      this.#areas.memory.write(vaddrAdd(at, -CALL_SIZE), call);
    }
    return at;
  }

  #writeSwitchFrame(bp: Vaddr): void {
    const { memory } = this.#areas;
    const { facts, task } = this.#thread;
    const type = this.#switchFrame;
    if (type === undefined) {
      const saved = facts.onCpu ? this.#sp : this.#push(bp);
      memory.store('task_struct', task, { 'thread.sp': saved });
      return;
    }
    const returned = findMember(type, 'ret_addr');
    assert(returned !== undefined, 'struct inactive_task_frame has no member ret_addr');
    const depth = facts.onCpu ? type.size : returned.bitOffset / 8;
    const sp = vaddrAdd(this.#sp, -depth);
    if (!facts.onCpu) {
      const word = new Uint8Array(WORD_SIZE);
      new DataView(word.buffer).setBigUint64(0, bp, true);
      const at = findMember(type, 'bp');
      assert(at !== undefined, 'struct inactive_task_frame has no member bp');
      memory.write(vaddrAdd(sp, at.bitOffset / 8), word);
    }
    memory.store('task_struct', task, { 'thread.sp': sp });
  }
}
