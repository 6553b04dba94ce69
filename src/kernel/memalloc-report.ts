// The allocation state of the last minute: every task's record, and what the watchdog would have
// printed about it. The result object of `stallcore memalloc`.

import type { Vmcore } from '../target/vmcore.ts';
import { optional } from '../util/optional.ts';
import {
  readAllocEvidence,
  type AllocationEvidence,
  type EvidenceByTask,
} from './alloc-evidence.ts';
import type { Stacks } from './stack.ts';
import { gfpNamer } from './gfp.ts';
import { chooseFormat } from './memalloc-choice.ts';
import {
  coverageOf,
  readMemallocFacts,
  type MemallocCoverage,
  type MemallocFacts,
} from './memalloc-facts.ts';
import { memallocFormat, type MemallocFormat } from './memalloc-format.ts';
import {
  watchdogReport,
  type InfoCounts,
  type TaskWords,
  type WatchedTask,
} from './memalloc-lines.ts';
import { rebuiltLines } from './memalloc-rebuilt.ts';
import { chooseTimeout } from './memalloc-timeout.ts';
import { findMemallocLayout, type MemallocRecord } from './memalloc.ts';
import type { Task } from './task.ts';

/** What the caller may choose. */
export interface MemallocOptions {
  /** Instead of the dump's own timeout, in seconds. */
  readonly timeoutSeconds?: number;
  /** Instead of the dump's own format; a name of MEMALLOC_FORMAT_NAMES. */
  readonly format?: string;
  /**
   * Rebuilds what tasks ask for from the rest of their kernel's memory: where it keeps no record,
   * or always. It takes the stack of every task.
   */
  readonly evidence?: 'without record' | 'always';
  /** Where stacks are read, if others have them already. */
  readonly stacks?: Stacks;
}

/** A number and where it comes from. */
export interface Sourced<T> {
  readonly value: T;
  readonly source: string;
}

/** One task in the result. */
export interface MemallocTask extends Task {
  readonly words: TaskWords;
  readonly record?: MemallocTaskRecord;
  /** What is known without a record, where that was asked for. */
  readonly evidence?: TaskEvidence;
}

/** Evidence, with the mask in names. */
export interface TaskEvidence extends AllocationEvidence {
  readonly gfpNames?: string;
}

/** A record with what follows from it. A request that is over has no delay, only a start. */
export interface MemallocTaskRecord extends Omit<MemallocRecord, 'delay'> {
  readonly inFlight: boolean;
  /** The watchdog lists it: older than its timeout, or half of it from v4 on. */
  readonly stalling: boolean;
  /** Older than the timeout. */
  readonly overdue: boolean;
  /** jiffies since the start, in decimal, and the same in seconds; of a request in flight. */
  readonly delay?: string;
  readonly delaySeconds?: number;
  /** Of a request that is over. */
  readonly startedSecondsAgo?: number;
  readonly gfpNames?: string;
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
    /** Absent where HZ could not be found. */
    readonly timeoutSeconds?: Sourced<number>;
    readonly timeoutJiffies: string;
    /** The real watchdog would have printed nothing at this instant. */
    readonly silent: boolean;
    readonly counts: InfoCounts;
    readonly lines: readonly string[];
    readonly gfpNamesFrom: string;
  };
  /** What the records would say, of a kernel that keeps none; where that was asked for. */
  readonly rebuilt?: {
    /** Whose words the lines are in. */
    readonly format: string;
    /** With `~` before what is at least so much, and `?` for what is not known. */
    readonly lines: readonly string[];
    readonly timeoutSeconds?: Sourced<number>;
    readonly gfpNamesFrom: string;
  };
  /** The tick counter; absent, and with it every delay, where it could not be read. */
  readonly jiffies?: string;
  readonly hz?: number;
  readonly hzSource: string;
  /** Bits that were found out: TIF_MEMDIE, TIF_SIGPENDING. */
  readonly constants: readonly { name: string; bit: number; source: string }[];
  readonly coverage: MemallocCoverage;
  /** A symbol of the patch, where the types have no record all the same. */
  readonly patchSymbol?: string;
  readonly tasks: readonly MemallocTask[];
}

/**
 * Reads the allocation state of every task.
 *
 * @throws LookupError where the dump has no types to read tasks by
 * @throws InvalidError for a format that this kernel's record cannot be printed in
 */
export function readMemalloc(vmcore: Vmcore, options: MemallocOptions = {}): MemallocResult {
  const layout = findMemallocLayout(vmcore);
  const { format, formatSource } = chooseFormat(vmcore, layout, options.format);
  const facts = readMemallocFacts(vmcore, layout, format);
  const base = {
    type: 'memalloc',
    ...(facts.time.jiffies === undefined ? {} : { jiffies: facts.time.jiffies.toString() }),
    ...(facts.time.hz === undefined ? {} : { hz: facts.time.hz }),
    hzSource: facts.time.hzSource,
    constants: [facts.bits.memdie, facts.bits.sigpending].filter((bit) => bit !== undefined),
    coverage: coverageOf(facts, layout),
  } as const;
  const isWanted =
    options.evidence === 'always' || (options.evidence !== undefined && layout === undefined);
  const { stacks } = options;
  const evidence = isWanted
    ? readAllocEvidence(vmcore, facts.table.tasks, { ...facts.time, stacks })
    : undefined;
  if (layout === undefined || format === undefined) {
    const patchSymbol = symbolOfPatch(vmcore);
    const parts = withoutRecord(vmcore, { facts, format, evidence, options });
    return { ...base, ...(patchSymbol === undefined ? {} : { patchSymbol }), ...parts };
  }
  const masks = facts.watched.flatMap(({ record }) =>
    record === undefined || record.inherited ? [] : [Number(record.gfpMask)],
  );
  const gfp = gfpNamer(vmcore, masks);
  const timeout = chooseTimeout(vmcore, {
    hz: facts.time.hz,
    chosen: options.timeoutSeconds,
    jiffiesKnown: facts.time.jiffies !== undefined,
  });
  const report = watchdogReport(facts.watched, {
    format,
    ...(facts.listed === undefined ? {} : { listed: facts.listed }),
    timeoutJiffies: timeout.jiffies,
    describeGfp: gfp.describe,
    ...counters(vmcore, format),
  });
  const lists = { stalling: new Set(report.stalling), overdue: new Set(report.overdue) };
  return {
    ...base,
    record: {
      layout: layout.id,
      source: layout.source,
      format: format.id,
      formatSource,
      ...(timeout.seconds === undefined
        ? {}
        : { timeoutSeconds: { value: timeout.seconds, source: timeout.source } }),
      timeoutJiffies: timeout.jiffies.toString(),
      silent: report.silent,
      counts: report.counts,
      lines: report.lines,
      gfpNamesFrom: gfp.source,
    },
    tasks: facts.watched.map((each) =>
      taskResult(each, { ...lists, facts, describe: gfp.describe, evidence }),
    ),
  };
}

const NO_LISTS = { stalling: new Set<WatchedTask>(), overdue: new Set<WatchedTask>() };

/** What is left to say of a kernel that keeps no record. */
function withoutRecord(
  vmcore: Vmcore,
  about: {
    facts: MemallocFacts;
    format: MemallocFormat | undefined;
    evidence: EvidenceByTask | undefined;
    options: MemallocOptions;
  },
): Pick<MemallocResult, 'rebuilt' | 'tasks'> {
  const { facts, evidence, options } = about;
  const format = about.format ?? memallocFormat(FORMAT_REBUILT);
  if (evidence === undefined || format === undefined) {
    const how = { ...NO_LISTS, facts, describe: () => undefined, evidence };
    return { tasks: facts.watched.map((each) => taskResult(each, how)) };
  }
  const masks = [...evidence.values()].flatMap(({ gfpMask }) =>
    gfpMask === undefined ? [] : [Number(gfpMask.value)],
  );
  const gfp = gfpNamer(vmcore, masks);
  const { hz, jiffies } = facts.time;
  const chosen = options.timeoutSeconds;
  const timeout = chooseTimeout(vmcore, { hz, chosen, jiffiesKnown: jiffies !== undefined });
  const lines = rebuiltLines(
    facts.watched.map((each) => ({ ...each, evidence: evidence.get(each.task.address) })),
    { format, timeoutJiffies: timeout.jiffies, hz, describeGfp: gfp.describe },
  );
  const { seconds, source } = timeout;
  const how = { ...NO_LISTS, facts, describe: gfp.describe, evidence };
  return {
    rebuilt: {
      format: format.id,
      lines,
      ...(seconds === undefined ? {} : { timeoutSeconds: { value: seconds, source } }),
      gfpNamesFrom: gfp.source,
    },
    tasks: facts.watched.map((each) => taskResult(each, how)),
  };
}

/** Whose words are taken where the kernel has none and nobody asks for others: seeds/001. */
const FORMAT_REBUILT = 'v3';

/** Variables that only kernels with the patch have. */
const PATCH_SYMBOLS = [
  'kmallocwd_timeout',
  'sysctl_memalloc_task_timeout_secs',
  'sysctl_memalloc_task_warning_secs',
  'memalloc_list',
];

function symbolOfPatch({ symbols, problems }: Vmcore): string | undefined {
  const found = PATCH_SYMBOLS.find((name) => symbols.lookup(name) !== undefined);
  if (found !== undefined) {
    const what = `not in the types, though the kernel has ${found}: the types are wrong or damaged`;
    problems.addMessage('task_struct.memalloc', what);
  }
  return found;
}

/** What a task's result is made with. */
interface TaskResultParts {
  readonly stalling: ReadonlySet<WatchedTask>;
  readonly overdue: ReadonlySet<WatchedTask>;
  readonly facts: MemallocFacts;
  readonly describe: (mask: number) => string | undefined;
  readonly evidence: EvidenceByTask | undefined;
}

function taskResult(each: WatchedTask, parts: TaskResultParts): MemallocTask {
  const { record } = each;
  const evidence = taskEvidence(each.task, parts);
  const base = { ...each.task, words: each.words, ...optional('evidence', evidence) };
  if (record === undefined) return base;
  const { time } = parts.facts;
  const { delay, ...kept } = record;
  const names = parts.describe(Number(record.gfpMask));
  const seconds =
    time.hz === undefined || delay === undefined ? undefined : Number(delay) / time.hz;
  const inFlight = record.depth > 0;
  return {
    ...base,
    record: {
      ...kept,
      inFlight,
      stalling: parts.stalling.has(each),
      overdue: parts.overdue.has(each),
      ...(inFlight ? ageInFlight(delay, seconds) : {}),
      // A record that no request ever filled started at no time.
      ...(inFlight || record.start === '0' || seconds === undefined
        ? {}
        : { startedSecondsAgo: seconds }),
      ...(names === undefined ? {} : { gfpNames: names }),
    },
  };
}

function taskEvidence(
  { address }: Task,
  { evidence, describe }: TaskResultParts,
): TaskEvidence | undefined {
  const found = evidence?.get(address);
  const mask = found?.gfpMask;
  if (found === undefined || mask === undefined) return found;
  return { ...found, ...optional('gfpNames', describe(Number(mask.value))) };
}

function ageInFlight(
  delay: string | undefined,
  seconds: number | undefined,
): Pick<MemallocTaskRecord, 'delay' | 'delaySeconds'> {
  if (delay === undefined) return {};
  return seconds === undefined ? { delay } : { delay, delaySeconds: seconds };
}

function counters(
  vmcore: Vmcore,
  format: MemallocFormat,
): { oomCount?: number; noOomCount?: number } {
  // A format that the user chose may want a counter that this kernel never had: `?` says so.
  const read = (name: string): number | undefined =>
    vmcore.symbols.lookup(name) === undefined
      ? undefined
      : vmcore.problems.attempt(name, () => vmcore.global(name).number());
  if (format.info?.includes('oom_count') !== true) return {};
  const oomCount = read('out_of_memory_count');
  const noOomCount = format.info.endsWith('/%u') ? read('no_out_of_memory_count') : undefined;
  return {
    ...(oomCount === undefined ? {} : { oomCount }),
    ...(noOomCount === undefined ? {} : { noOomCount }),
  };
}
