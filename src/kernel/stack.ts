// The kernel stack of each task: from where it was switched away, or from the registers of the CPU
// that runs it, out to where it entered the kernel.

import { KERNEL_HALF } from '../arch/x86-64.ts';
import type { Vmcore } from '../target/vmcore.ts';
import { findMember } from '../types/ctype.ts';
import type { RawFrame, RegisterName, StackEnd, StackRange, StackStart } from '../unwind/frame.ts';
import { Unwinder, type UnwindMethod } from '../unwind/unwinder.ts';
import { hex, vaddr, vaddrAdd, type Vaddr } from '../util/address.ts';
import { FaultError, UnsupportedError } from '../util/errors.ts';
import { optional } from '../util/optional.ts';
import { matchRegisters, type MatchedRegisters } from './cpu-registers.ts';
import { runQueues } from './sched.ts';
import { cpuStacks, threadSize } from './stack-areas.ts';
import type { Task } from './task.ts';

export type { StackEnd, UnwindMethod };

/** One call on a stack; addresses are `0x…`. */
export interface StackFrame {
  /** Where the frame goes on when what it called returns. */
  readonly pc: string;
  /** rsp in the frame. */
  readonly sp: string;
  /** rsp of its caller: the frame's variables lie below. The last and guessed ones have none. */
  readonly cfa?: string;
  /** The symbol that covers the call; absent where none does. */
  readonly name?: string;
  /** Bytes from the start of the symbol to pc, and of the whole symbol. */
  readonly offset?: number;
  readonly size?: number;
  readonly module?: string;
  /** Found by scanning the stack, so that it may be left from an older call. */
  readonly guessed?: true;
  /** The CPU was stopped or interrupted here. */
  readonly interrupted?: true;
}

/** Where the registers come from that a stack is walked from. */
export type StackSource = 'switched out' | 'PRSTATUS' | 'QEMU';

/** The stack of one task, the innermost frame first. */
export interface TaskStack {
  readonly type: 'stack';
  readonly source: StackSource;
  readonly frames: readonly StackFrame[];
  /** How it ended; `user` where the next frame is in user mode. */
  readonly end: StackEnd;
  /** Why it broke off. */
  readonly problem?: string;
  /** The task is dead and gave its stack back: these are the remains of it. */
  readonly freed?: true;
}

/** Where a frame goes on: what all frames of that pc share. */
interface Place {
  /** `0x…` */
  readonly pc: string;
  readonly symbol: Pick<StackFrame, 'name' | 'offset' | 'size' | 'module'>;
}

/** Has the stack of a task; {@link StackReader} reads it. */
export interface Stacks {
  read(task: Task): TaskStack | undefined;
}

/** Reads the stacks of a vmcore. */
export class StackReader implements Stacks {
  readonly #vmcore: Vmcore;
  readonly #unwinder: Unwinder;
  readonly #threadSize: number;
  /** By the address, below 0 where nothing was called in front of it. */
  readonly #places = new Map<bigint, Place>();
  #running: ReadonlyMap<Vaddr, RunningTask> | undefined;

  constructor(vmcore: Vmcore) {
    this.#vmcore = vmcore;
    this.#unwinder = new Unwinder(vmcore);
    this.#threadSize = threadSize(vmcore);
  }

  /** How the frames are found. */
  get method(): UnwindMethod {
    return this.#unwinder.method;
  }

  /**
   * The stack of a task; undefined, and a problem, where it has none that can be found.
   */
  read(task: Task): TaskStack | undefined {
    const subject = `stack of task ${task.pid ?? task.address}`;
    return this.#vmcore.problems.attempt(subject, () => this.#read(task));
  }

  #read(task: Task): TaskStack {
    const isFreed = task.stack !== undefined && BigInt(task.stack) === 0n;
    const start = isFreed ? this.#freedStack(task) : vaddr(BigInt(task.stack ?? 0));
    const range = { name: 'task', start, end: vaddrAdd(start, this.#threadSize) };
    if (isFreed) return this.#remains(task, range);
    const running = this.#runningTasks().get(vaddr(BigInt(task.address)));
    if (running === undefined) {
      return this.#unwind(task, this.#switchedOut(task, range), 'switched out');
    }
    const { matched, stacks } = running;
    if (matched === undefined) {
      const what = `it runs on CPU ${running.cpu}, whose registers are not in the dump`;
      throw new UnsupportedError(what);
    }
    const registers = startOf(matched, [range, ...stacks]);
    // In user mode the kernel's stack is empty.
    if (registers === undefined) {
      return { type: 'stack', source: matched.source, frames: [], end: 'user' };
    }
    return this.#unwind(task, registers, matched.source);
  }

  /** task_struct.stack is NULL since the task is dead; thread.sp still points into the stack. */
  #freedStack(task: Task): Vaddr {
    const object = this.#vmcore.object('task_struct', vaddr(BigInt(task.address)));
    const sp = object.member('thread.sp').pointer();
    return vaddr(sp & -BigInt(this.#threadSize));
  }

  /** Where nobody has written to the stack since, all of it is there; else there is no frame. */
  #remains(task: Task, range: StackRange): TaskStack {
    const gone = { type: 'stack', source: 'switched out', frames: [], end: 'broken' } as const;
    try {
      const stack = this.#unwind(task, this.#switchedOut(task, range), 'switched out');
      if (stack.frames[0]?.name !== undefined) return { ...stack, freed: true };
    } catch (error) {
      if (!(error instanceof FaultError)) throw error;
      return { ...gone, problem: 'it was given back, and is not mapped any more', freed: true };
    }
    return {
      ...gone,
      problem: 'it was given back, and others have written to it since',
      freed: true,
    };
  }

  #unwind(task: Task, start: StackStart, source: StackSource): TaskStack {
    const address = vaddr(BigInt(task.address));
    const { frames, end, problem } = this.#unwinder.unwind(start, address);
    return {
      type: 'stack',
      source,
      frames: frames.map((frame) => this.#frame(frame)),
      end,
      ...optional('problem', problem),
    };
  }

  #frame({ pc, sp, cfa, reliable, interrupted, trampoline }: RawFrame): StackFrame {
    const place = this.#place(pc, interrupted || trampoline === true);
    return {
      pc: place.pc,
      sp: hex(sp),
      ...optional('cfa', cfa === undefined ? undefined : hex(cfa)),
      ...place.symbol,
      ...(reliable ? {} : { guessed: true as const }),
      ...(interrupted ? { interrupted } : {}),
    };
  }

  /**
   * A call may be the last instruction of its function: the symbol is that of the byte before.
   * Thousands of tasks sleep in the same places: each is looked up once, and has one text.
   *
   * @param isExact nothing was called in front of `pc`
   */
  #place(pc: Vaddr, isExact: boolean): Place {
    const key = isExact ? -BigInt(pc) : pc;
    let place = this.#places.get(key);
    if (place === undefined) {
      place = { pc: hex(pc), symbol: this.#symbol(pc, isExact ? pc : vaddrAdd(pc, -1)) };
      this.#places.set(key, place);
    }
    return place;
  }

  #symbol(pc: Vaddr, covered: Vaddr): Place['symbol'] {
    const found = this.#vmcore.symbols.symbolAt(covered);
    if (found === undefined) return {};
    return {
      name: found.name,
      offset: found.offset + Number(pc - covered),
      size: found.size,
      ...optional('module', found.module),
    };
  }

  /**
   * struct inactive_task_frame lies at thread.sp since 4.9 (commit 0100301bfdf5). Before, rbp alone
   * does: the switch was part of __schedule(), which is where such a task goes on.
   */
  #switchedOut(task: Task, range: StackRange): StackStart {
    const vmcore = this.#vmcore;
    const object = vmcore.object('task_struct', vaddr(BigInt(task.address)));
    const threadSp = object.member('thread.sp').pointer();
    const stacks = [range];
    const frame = vmcore.types.find('struct', 'inactive_task_frame');
    if (frame?.kind !== 'struct') {
      if (this.#isNew(threadSp, range)) {
        const pc = vmcore.symbol('ret_from_fork');
        return { pc, sp: threadSp, bp: vaddr(0n), interrupted: true, stacks };
      }
      const bp = vmcore.object('list_head', threadSp).member('next').pointer();
      // Some kernels pushed the flags too.
      const sp = vaddrAdd(threadSp, 8);
      return { pc: vmcore.symbol('__schedule'), sp, bp, interrupted: true, stacks };
    }
    const saved = vmcore.object('inactive_task_frame', threadSp);
    const others = new Map<RegisterName, Vaddr>();
    for (const name of ['r15', 'r14', 'r13', 'r12', 'bx'] as const) {
      if (findMember(frame, name) !== undefined) others.set(name, saved.member(name).pointer());
    }
    const pc = saved.member('ret_addr').pointer();
    return {
      pc,
      sp: vaddrAdd(threadSp, frame.size),
      bp: saved.member('bp').pointer(),
      others,
      // A new task goes on at the first instruction of it, to which nobody has made a call.
      interrupted: vmcore.symbols.lookup('ret_from_fork') === pc,
      stacks,
    };
  }

  /**
   * copy_thread() of kernels before 4.9 leaves a new task the registers that it returns to user
   * mode with, and no frame: whoever has been switched out has at least one.
   */
  #isNew(threadSp: Vaddr, { end }: StackRange): boolean {
    const regs = this.#vmcore.types.find('struct', 'pt_regs');
    return regs?.kind === 'struct' && threadSp === vaddrAdd(end, -regs.size);
  }

  #runningTasks(): ReadonlyMap<Vaddr, RunningTask> {
    this.#running ??= runningTasks(this.#vmcore, this.#threadSize);
    return this.#running;
  }
}

/** A task that has a CPU. */
interface RunningTask {
  readonly cpu: number;
  readonly stacks: readonly StackRange[];
  readonly matched: MatchedRegisters | undefined;
}

/** By task, those that the run queues have as their current one. */
function runningTasks(vmcore: Vmcore, size: number): Map<Vaddr, RunningTask> {
  const queues = runQueues(vmcore).flatMap(({ cpu, curr }) =>
    curr === undefined || curr === 0n ? [] : [{ cpu, curr, own: cpuStacks(vmcore, cpu) }],
  );
  const places = queues.map(({ cpu, curr, own }) => {
    const subject = `stack of the task on CPU ${cpu}`;
    const start = vmcore.problems.attempt(subject, () =>
      vmcore.object('task_struct', curr).member('stack').pointer(),
    );
    const task = start === undefined ? [] : [{ name: 'task', start, end: vaddrAdd(start, size) }];
    return { cpu, stacks: [...task, ...own] };
  });
  const matched = matchRegisters(vmcore, places);
  return new Map(
    queues.map(({ cpu, curr, own }) => [curr, { cpu, stacks: own, matched: matched.get(cpu) }]),
  );
}

/** undefined where the CPU was in user mode. */
function startOf(
  { registers }: MatchedRegisters,
  stacks: readonly StackRange[],
): StackStart | undefined {
  const get = (name: string): Vaddr | undefined => {
    const value = registers.get(name);
    return value === undefined ? undefined : vaddr(value);
  };
  const pc = get('rip');
  const sp = get('rsp');
  if (pc === undefined || sp === undefined) {
    throw new UnsupportedError('the registers in the dump lack rip or rsp');
  }
  if (pc < KERNEL_HALF) return undefined;
  const others = new Map<RegisterName, Vaddr>();
  const names: readonly RegisterName[] = ['ax', 'bx', 'cx', 'dx', 'si', 'di'];
  for (const name of names) {
    const value = get(`r${name}`);
    if (value !== undefined) others.set(name, value);
  }
  for (const name of ['r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15'] as const) {
    const value = get(name);
    if (value !== undefined) others.set(name, value);
  }
  return { pc, sp, ...optional('bp', get('rbp')), others, interrupted: true, stacks };
}
