// The allocation state of the last minute: every task's record, and what the watchdog would have
// printed about it. The result object of `stallcore memalloc`.

import type { Vmcore } from '../target/vmcore.ts';
import { gfpNamer } from './gfp.ts';
import { readJiffies, type Jiffies } from './jiffies.ts';
import { kswapdTest } from './kswapd.ts';
import { chooseFormat } from './memalloc-choice.ts';
import type { MemallocFormat } from './memalloc-format.ts';
import {
  watchdogReport,
  type InfoCounts,
  type TaskWords,
  type WatchedTask,
} from './memalloc-lines.ts';
import {
  findMemallocLayout,
  readMemallocRecords,
  type MemallocLayout,
  type MemallocRecord,
} from './memalloc.ts';
import { readTasks, type Task, type TaskTable } from './task.ts';
import { threadFlagBits, type ThreadFlagBits } from './thread-info.ts';
import { InvalidError } from '../util/errors.ts';

/** What the caller may choose. */
export interface MemallocOptions {
  /** Instead of the dump's own timeout, in seconds. */
  readonly timeoutSeconds?: number;
  /** Instead of the dump's own format; a name of MEMALLOC_FORMAT_NAMES. */
  readonly format?: string;
}

/** A number and where it comes from. */
export interface Sourced<T> {
  readonly value: T;
  readonly source: string;
}

/** One task in the result. */
export interface MemallocTask extends Task {
  readonly words: TaskWords;
  readonly record?: MemallocRecord & {
    readonly inFlight: boolean;
    readonly stalling: boolean;
    readonly delaySeconds?: number;
    readonly gfpNames?: string;
  };
}

/** The allocation state of a dump. */
export interface MemallocResult {
  readonly type: 'memalloc';
  /** Absent where this kernel does not keep the record. */
  readonly record?: {
    readonly layout: string;
    readonly source: string;
    readonly format: string;
    readonly formatSource: string;
    readonly timeoutSeconds: Sourced<number>;
    readonly timeoutJiffies: string;
    /** The real watchdog would have printed nothing at this instant. */
    readonly silent: boolean;
    readonly counts: InfoCounts;
    readonly lines: readonly string[];
    readonly gfpNamesFrom: string;
  };
  readonly jiffies: string;
  readonly hz?: number;
  readonly hzSource: string;
  /** Bits that were found out: TIF_MEMDIE, TIF_SIGPENDING. */
  readonly constants: readonly { name: string; bit: number; source: string }[];
  readonly tasks: readonly MemallocTask[];
}

/** What both the lines and the task table are made from. */
interface Facts {
  readonly table: TaskTable;
  readonly bits: ThreadFlagBits;
  readonly time: Jiffies;
  readonly watched: readonly WatchedTask[];
  /** Tasks in the order of memalloc_list; of layout L1 only. */
  readonly listOrder?: readonly string[];
}

/** The state of a dead task: 64 before v4.14, 128 since; neither bit stands alone otherwise. */
const TASK_DEAD: ReadonlySet<number> = new Set([64, 128]);
const TASK_UNINTERRUPTIBLE = 2;
const PF_EXITING = 0x4;

/**
 * Reads the allocation state of every task.
 *
 * @throws LookupError or FaultError where jiffies or the task list cannot be found at all
 * @throws InvalidError for a format that this kernel's record cannot be printed in
 */
export function readMemalloc(vmcore: Vmcore, options: MemallocOptions = {}): MemallocResult {
  const layout = findMemallocLayout(vmcore);
  const { format, formatSource } = chooseFormat(vmcore, layout, options.format);
  const facts = readFacts(vmcore, layout, format);
  const masks = facts.watched.flatMap(({ record }) =>
    record === undefined || record.inherited ? [] : [Number(record.gfpMask)],
  );
  const gfp = gfpNamer(vmcore, masks);
  const base = {
    type: 'memalloc',
    jiffies: facts.time.jiffies.toString(),
    ...(facts.time.hz === undefined ? {} : { hz: facts.time.hz }),
    hzSource: facts.time.hzSource,
    constants: [facts.bits.memdie, facts.bits.sigpending].filter((bit) => bit !== undefined),
  } as const;
  if (layout === undefined || format === undefined) {
    return {
      ...base,
      tasks: facts.watched.map((each) => taskResult(each, new Set(), facts, () => undefined)),
    };
  }
  const timeout = chooseTimeout(vmcore, {
    hz: facts.time.hz,
    chosen: options.timeoutSeconds,
    otherwise: format.timeoutSeconds,
  });
  const report = watchdogReport(facts.watched, {
    format,
    ...(facts.listOrder === undefined ? {} : { listOrder: facts.listOrder }),
    timeoutJiffies: timeout.jiffies,
    describeGfp: gfp.describe,
    ...counters(vmcore, format),
  });
  const stalling = new Set(report.stalling);
  return {
    ...base,
    record: {
      layout: layout.id,
      source: layout.source,
      format: format.id,
      formatSource,
      timeoutSeconds: { value: timeout.seconds, source: timeout.source },
      timeoutJiffies: timeout.jiffies.toString(),
      silent: report.silent,
      counts: report.counts,
      lines: report.lines,
      gfpNamesFrom: gfp.source,
    },
    tasks: facts.watched.map((each) => taskResult(each, stalling, facts, gfp.describe)),
  };
}

function readFacts(
  vmcore: Vmcore,
  layout: MemallocLayout | undefined,
  format: MemallocFormat | undefined,
): Facts {
  const time = readJiffies(vmcore);
  const table = readTasks(vmcore);
  const bits = threadFlagBits(vmcore);
  const { jiffies } = time;
  const records =
    layout === undefined
      ? []
      : readMemallocRecords(vmcore, layout, { tasks: table.tasks, jiffies });
  const byTask = new Map(records.map((record) => [record.task, record]));
  const isKswapd = kswapdTest(table.tasks);
  const deadIsNotExiting = format?.lists === 'exiting' || format?.lists === 'kswapd';
  const watched = table.tasks.map((task) => ({
    task,
    words: wordsOf(task, bits, deadIsNotExiting),
    kswapd: isKswapd(task),
    record: byTask.get(task.address),
  }));
  reportStrangers(vmcore, table.tasks, byTask);
  const listOrder = layout?.id === 'L1' ? { listOrder: [...byTask.keys()] } : {};
  return { table, bits, time, watched, ...listOrder };
}

/** The entries of memalloc_list name their tasks, and one may name what is no task. */
function reportStrangers(
  { problems }: Vmcore,
  tasks: readonly Task[],
  byTask: ReadonlyMap<string, MemallocRecord>,
): void {
  const known = new Set(tasks.map(({ address }) => address));
  for (const address of byTask.keys()) {
    if (known.has(address)) continue;
    problems.addMessage('memalloc_list', `an entry of task ${address}, which no list leads to`);
  }
}

function wordsOf(task: Task, bits: ThreadFlagBits, deadIsNotExiting: boolean): TaskWords {
  const threadFlags = task.threadFlags === undefined ? undefined : BigInt(task.threadFlags);
  const isSet = (bit: { bit: number } | undefined): boolean | undefined => {
    if (bit === undefined) return false;
    return threadFlags === undefined ? undefined : ((threadFlags >> BigInt(bit.bit)) & 1n) === 1n;
  };
  const { stateBits: state, flags, sigkillPending } = task;
  const dead = deadIsNotExiting && state !== undefined && TASK_DEAD.has(state);
  const killed = [isSet(bits.sigpending), sigkillPending];
  const dying = killed.includes(false) ? false : killed.includes(undefined) ? undefined : true;
  return {
    ...word(
      'uninterruptible',
      state === undefined ? undefined : (state & TASK_UNINTERRUPTIBLE) !== 0,
    ),
    ...word('exiting', flags === undefined ? undefined : (flags & PF_EXITING) !== 0 && !dead),
    ...word('dying', dying),
    ...word('victim', isSet(bits.memdie)),
  };
}

function word<Key extends string>(key: Key, value: boolean | undefined): { [K in Key]?: boolean } {
  return value === undefined ? {} : ({ [key]: value } as { [K in Key]?: boolean });
}

function taskResult(
  each: WatchedTask,
  stalling: ReadonlySet<WatchedTask>,
  { time }: Facts,
  describe: (mask: number) => string | undefined,
): MemallocTask {
  const { record } = each;
  const names = record === undefined ? undefined : describe(Number(record.gfpMask));
  return {
    ...each.task,
    words: each.words,
    ...(record === undefined
      ? {}
      : {
          record: {
            ...record,
            inFlight: record.depth > 0,
            stalling: stalling.has(each),
            ...(time.hz === undefined ? {} : { delaySeconds: Number(record.delay) / time.hz }),
            ...(names === undefined ? {} : { gfpNames: names }),
          },
        }),
  };
}

interface Timeout {
  readonly seconds: number;
  readonly jiffies: bigint;
  readonly source: string;
}

/** The caller's, else the dump's own where it is not 0, else the default of the patch. */
function chooseTimeout(
  vmcore: Vmcore,
  seconds: { hz: number | undefined; chosen: number | undefined; otherwise: number },
): Timeout {
  const { hz, chosen, otherwise } = seconds;
  if (hz === undefined && chosen !== undefined) {
    throw new InvalidError('timeout in seconds: HZ of this kernel could not be found');
  }
  if (chosen !== undefined && hz !== undefined) {
    const jiffies = BigInt(Math.round(chosen * hz));
    return { seconds: chosen, jiffies, source: 'chosen by the user' };
  }
  const own = ownTimeout(vmcore, hz);
  if (own !== undefined) return own;
  if (hz === undefined) {
    const what = 'HZ of this kernel could not be found: every request in flight counts as stalling';
    vmcore.problems.addMessage('timeout', what, 'lookup');
  }
  const jiffies = BigInt(otherwise * (hz ?? 0));
  return { seconds: otherwise, jiffies, source: 'default of the patch' };
}

function ownTimeout(vmcore: Vmcore, hz: number | undefined): Timeout | undefined {
  const read = (name: string): bigint | undefined =>
    vmcore.symbols.lookup(name) === undefined
      ? undefined
      : vmcore.problems.attempt(name, () => vmcore.global(name).integer());
  const jiffies = read('kmallocwd_timeout');
  if (jiffies !== undefined && jiffies !== 0n) {
    return { seconds: Number(jiffies) / (hz ?? NaN), jiffies, source: 'kmallocwd_timeout' };
  }
  for (const name of ['sysctl_memalloc_task_warning_secs', 'sysctl_memalloc_task_timeout_secs']) {
    const seconds = read(name);
    if (seconds !== undefined && seconds !== 0n && hz !== undefined) {
      return { seconds: Number(seconds), jiffies: seconds * BigInt(hz), source: name };
    }
  }
  return undefined;
}

function counters(
  vmcore: Vmcore,
  format: MemallocFormat,
): { oomCount?: number; noOomCount?: number } {
  const read = (name: string): number | undefined =>
    vmcore.problems.attempt(name, () => vmcore.global(name).number());
  if (format.info?.includes('oom_count') !== true) return {};
  const oomCount = read('out_of_memory_count');
  const noOomCount = format.info.endsWith('/%u') ? read('no_out_of_memory_count') : undefined;
  return {
    ...(oomCount === undefined ? {} : { oomCount }),
    ...(noOomCount === undefined ? {} : { noOomCount }),
  };
}
