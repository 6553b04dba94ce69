// Delay accounting (struct task_delay_info, include/linux/delayacct.h): how often and for how long
// a task has waited for memory since it was made, and since when it is in this pass of reclaim.
// Built with CONFIG_TASK_DELAY_ACCT; off unless booted with `delayacct` since 5.14, and then
// task->delays is NULL.

import { numberOf, RecordReader } from '../target/record.ts';
import type { Vmcore } from '../target/vmcore.ts';
import { vaddr, vaddrAdd } from '../util/address.ts';
import { schedClocks } from './clocks.ts';
import { bound, type Fact } from './fact.ts';
import type { Task } from './task.ts';

/** Waits of one kind that are over. */
export interface DelayTotal {
  readonly count: number;
  readonly seconds: number;
}

/** What the kernel has counted of a task; a kind that it does not count is absent. */
export interface TaskDelays {
  /** Passes of direct reclaim: do_try_to_free_pages(). */
  readonly freepages?: DelayTotal;
  /** Direct compaction (5.17). */
  readonly compact?: DelayTotal;
  /** Pages of the working set that had been reclaimed, and were read again (4.20). */
  readonly thrashing?: DelayTotal;
}

const PATHS = {
  freepagesStart: 'freepages_start',
  freepagesDelay: 'freepages_delay',
  freepagesCount: 'freepages_count',
  compactDelay: 'compact_delay',
  compactCount: 'compact_count',
  thrashingDelay: 'thrashing_delay',
  thrashingCount: 'thrashing_count',
} as const;

const NS_PER_S = 1e9;

/** Reads what delay accounting has of tasks. */
export class DelayReader {
  readonly #vmcore: Vmcore;
  readonly #task: RecordReader<'delays'>;
  /** Undefined where the kernel was built without. */
  readonly #delays: RecordReader<keyof typeof PATHS> | undefined;
  /** What local_clock() stood at, at least; undefined where the starts are of another clock. */
  readonly #now: number | undefined;

  /** @throws LookupError if the kernel's types have no task_struct */
  constructor(vmcore: Vmcore) {
    this.#vmcore = vmcore;
    this.#task = new RecordReader(vmcore, vmcore.struct('task_struct'), { delays: 'delays' });
    const struct = vmcore.types.find('struct', 'task_delay_info');
    if (struct?.kind !== 'struct') return;
    this.#delays = new RecordReader(vmcore, struct, PATHS);
    if (startsByLocalClock(vmcore)) this.#now = schedClocks(vmcore)?.clock;
  }

  /** What is counted, and for how long at least a pass of reclaim that goes on has taken. */
  read(task: Task): { totals: TaskDelays; passAge: Fact<number> | undefined } | undefined {
    const { problems } = this.#vmcore;
    const subject = (): string => `delays of task ${task.pid ?? task.address}`;
    const { delays } = this.#task.read(vaddr(BigInt(task.address)), { problems, subject });
    if (typeof delays !== 'bigint' || delays === 0n || this.#delays === undefined) return undefined;
    const values = this.#delays.read(vaddr(delays), { problems, subject });
    const total = (kind: 'freepages' | 'compact' | 'thrashing'): Partial<TaskDelays> => {
      const count = numberOf(values[`${kind}Count`]);
      const ns = numberOf(values[`${kind}Delay`]);
      return count === undefined || ns === undefined
        ? {}
        : { [kind]: { count, seconds: ns / NS_PER_S } };
    };
    const totals = { ...total('freepages'), ...total('compact'), ...total('thrashing') };
    const start = numberOf(values.freepagesStart) ?? 0;
    const age = this.#now === undefined || start === 0 ? 0 : (this.#now - start) / NS_PER_S;
    // The start stays when the pass is over: whoever asks knows whether it goes on.
    return { totals, passAge: age > 0 ? bound(age, 'delays->freepages_start') : undefined };
  }
}

/** Enough for __delayacct_freepages_start(), which stores one number. */
const CODE_MAX = 128;
const CALL = 0xe8;
const CALL_SIZE = 5;

/** What local_clock() is, or is compiled to a call of. */
const LOCAL_CLOCK = ['local_clock', 'local_clock_noinstr', 'sched_clock_cpu', 'sched_clock'];

/**
 * The starts are of local_clock() since 5.14 and were of ktime_get_ns(), which runs off from it,
 * before. The function that takes them tells: it calls the one or the other.
 */
function startsByLocalClock(vmcore: Vmcore): boolean {
  const { symbols } = vmcore;
  const start = symbols.lookup('__delayacct_freepages_start');
  if (start === undefined) return false;
  const clocks = new Set(LOCAL_CLOCK.map((name) => symbols.lookup(name)));
  const size = Math.min(symbols.symbolAt(start)?.size ?? CODE_MAX, CODE_MAX);
  const code = vmcore.readAvailable(start, size, 'code');
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  for (let at = 0; at + CALL_SIZE <= code.length; at++) {
    if (code[at] !== CALL) continue;
    const target = vaddrAdd(start, at + CALL_SIZE + view.getInt32(at + 1, true));
    if (clocks.has(target)) return true;
  }
  return false;
}
