// How the versions of the patch word their lines, and by which rule they list a task. Taken from
// the patches as mailed to linux-mm; the strings are the kernel's own, byte for byte.

import type { MemallocLayoutId } from './memalloc.ts';

/** The formats that differ; a version that prints what an earlier one printed shares its name. */
export type MemallocFormatId =
  | 'v1'
  | 'v2'
  | 'v3'
  | 'v4'
  | '2016-02-09'
  | '2016-02-11'
  | '2016-02-25'
  | '2016-03-02'
  | 'v5'
  | 'v8'
  | 'rfc'
  | 'rfc2';

/** One format. */
export interface MemallocFormat {
  readonly id: MemallocFormatId;
  /** The layouts that kernels with this format have. */
  readonly layouts: readonly MemallocLayoutId[];
  /** printk format of the Info line, `%u` in the order of {@link InfoCounts}; none for the RFC. */
  readonly info: string | undefined;
  /** printk format of a task's line; of v1, which has two, the one of requests. */
  readonly task: string;
  /** The Info line comes again after the tasks. */
  readonly infoTwice: boolean;
  /** Lists tasks from half the timeout on, once one has reached all of it (v4). */
  readonly halfTimeout: boolean;
  /** What the optional part about the request says. */
  readonly request: RequestWords;
  /** Size of the buffer that this part is written to, its NUL included; what is longer is cut. */
  readonly requestSize: number;
  /**
   * The mask is the caller's, from before current_gfp_context() takes off what the task's scope
   * forbids: RFC v2, whose timer starts before the free lists are tried.
   */
  readonly maskAsAsked: boolean;
  /** `flags=0x%x` after the name, and `switches=%lu` after that. */
  readonly flags: boolean;
  readonly switches: boolean;
  /** Says ` exiting` of a task with PF_EXITING, since v3. */
  readonly exitingWord: boolean;
  readonly lists: ListingRule;
}

/**
 * - `plain`: `gfp=0x… order=… delay=…` (v1, v2)
 * - `seq`: the same after `seq=…` (v3)
 * - `names`: the same with `(GFP_…)` after the mask
 */
export type RequestWords = 'plain' | 'seq' | 'names';

/**
 * - `separate`: stalling requests first, then dying and victim tasks (v1)
 * - `dying`: victim, pending SIGKILL or stalling (v2 to v4)
 * - `exiting`: exiting tasks too
 * - `kswapd`: exiting tasks and kswapd too
 * - `in-flight`: every task with a request, no watchdog (RFC)
 */
export type ListingRule = 'separate' | 'dying' | 'exiting' | 'kswapd' | 'in-flight';

const INFO_OLD = 'MemAlloc-Info: %u stalling task, %u dying task, %u victim task.';
const INFO_NEW = 'MemAlloc-Info: stalling=%u dying=%u exiting=%u victim=%u oom_count=%u';
const FIVE_WORDS = 'MemAlloc: %s(%u)%s%s%s%s%s';
const SWITCHES = 'MemAlloc: %s(%u) flags=0x%x switches=%lu';
/** The request is part of the line's own printk format. */
const UNBOUNDED = Infinity;
const REQUEST = 'seq=%u gfp=0x%x(%pGg) order=%u delay=%lu';

const OLD = {
  info: INFO_OLD,
  task: FIVE_WORDS,
  infoTwice: false,
  halfTimeout: false,
  request: 'seq',
  requestSize: 128,
  maskAsAsked: false,
  flags: false,
  switches: false,
  exitingWord: true,
  lists: 'dying',
} as const;
const NEW = {
  task: `${SWITCHES}%s%s%s%s%s`,
  infoTwice: true,
  halfTimeout: true,
  request: 'names',
  // The names of 2016-02-09 did not fit, the delta of two days later made room for them.
  requestSize: 256,
  maskAsAsked: false,
  flags: true,
  switches: true,
  exitingWord: true,
  lists: 'kswapd',
} as const;
const RFC = {
  ...NEW,
  layouts: ['LR'],
  info: undefined,
  infoTwice: false,
  halfTimeout: false,
  lists: 'in-flight',
  requestSize: UNBOUNDED,
} as const;

/** All formats, oldest first. */
export const MEMALLOC_FORMATS: readonly MemallocFormat[] = [
  {
    ...OLD,
    id: 'v1',
    layouts: ['L1'],
    task: 'MemAlloc: %s(%u) gfp=0x%x order=%u delay=%lu',
    request: 'plain',
    requestSize: UNBOUNDED,
    exitingWord: false,
    lists: 'separate',
  },
  {
    ...OLD,
    id: 'v2',
    layouts: ['L2'],
    task: 'MemAlloc: %s(%u)%s%s%s%s',
    request: 'plain',
    exitingWord: false,
  },
  { ...OLD, id: 'v3', layouts: ['L3'] },
  { ...OLD, id: 'v4', layouts: ['L4'], halfTimeout: true },
  {
    ...OLD,
    id: '2016-02-09',
    layouts: ['L4'],
    info:
      'MemAlloc-Info: %u stalling task, %u dying task, %u exiting task, %u victim task.' +
      ' oom_count=%u',
    halfTimeout: true,
    request: 'names',
    lists: 'exiting',
  },
  {
    // A second delta of the same day lists kswapd as well; its strings are the same.
    ...NEW,
    id: '2016-02-11',
    layouts: ['L4'],
    info: 'MemAlloc-Info: stalling=%u dying=%u exiting=%u, victim=%u oom_count=%u',
    task: 'MemAlloc: %s(%u) flags=0x%x%s%s%s%s%s',
    infoTwice: false,
    switches: false,
    lists: 'exiting',
  },
  { ...NEW, id: '2016-02-25', layouts: ['L4'], info: `${INFO_NEW}/%u` },
  { ...NEW, id: '2016-03-02', layouts: ['L4k'], info: `${INFO_NEW}/%u` },
  { ...NEW, id: 'v5', layouts: ['L5'], info: INFO_NEW },
  { ...NEW, id: 'v8', layouts: ['L8'], info: INFO_NEW },
  { ...RFC, id: 'rfc', task: `${SWITCHES} ${REQUEST}` },
  { ...RFC, id: 'rfc2', task: `${SWITCHES} ${REQUEST}%s`, maskAsAsked: true },
];

/** Names that users know for a format that an earlier version had already. */
const ALIASES: Readonly<Record<string, MemallocFormatId>> = {
  draft: 'v4',
  'v4-draft': 'v4',
  v6: 'v5',
  v7: 'v5',
  v9: 'v8',
  'rfc-v2': 'rfc2',
};

/** Every name that {@link memallocFormat} takes, the oldest version first. */
export const MEMALLOC_FORMAT_NAMES: readonly string[] = MEMALLOC_FORMATS.flatMap(({ id }) => [
  id,
  ...Object.keys(ALIASES).filter((alias) => ALIASES[alias] === id),
]);

/** A format by its name or by the version that shares it. */
export function memallocFormat(name: string): MemallocFormat | undefined {
  const id = ALIASES[name] ?? name;
  return MEMALLOC_FORMATS.find((format) => format.id === id);
}

/** The newest format of a layout, for a dump that does not show its own. */
export function newestFormat(layout: MemallocLayoutId): MemallocFormat | undefined {
  return MEMALLOC_FORMATS.findLast((format) => format.layouts.includes(layout));
}

/** What the Info line says of each counter of the kernel, by the counter's symbol. */
const COUNTERS = { out_of_memory_count: 'oom_count=%u', no_out_of_memory_count: '/%u' } as const;

/** The formats of a layout that print the counters of a kernel and no others, oldest first. */
export function formatsOfCounters(
  layout: MemallocLayoutId,
  hasSymbol: (name: string) => boolean,
): readonly MemallocFormat[] {
  return MEMALLOC_FORMATS.filter(
    ({ layouts, info }) =>
      layouts.includes(layout) &&
      Object.entries(COUNTERS).every(
        ([name, words]) => hasSymbol(name) === (info?.includes(words) === true),
      ),
  );
}

/**
 * The format of a kernel by the strings in its read-only data: both lines have to fit, as far as
 * they are there. The layout tells those apart that print the same.
 *
 * @param strings what printk formats with `MemAlloc` were found, without level and newline
 * @returns undefined where no string tells, or more than one format fits
 */
export function formatOfStrings(
  layout: MemallocLayoutId,
  strings: ReadonlySet<string>,
): MemallocFormat | undefined {
  const known = (line: (format: MemallocFormat) => string | undefined): boolean =>
    MEMALLOC_FORMATS.some((format) => strings.has(line(format) ?? ''));
  const knowsInfo = known(({ info }) => info);
  const knowsTask = known(({ task }) => task);
  if (!knowsInfo && !knowsTask) return undefined;
  const fitting = MEMALLOC_FORMATS.filter(
    ({ layouts, info, task }) =>
      layouts.includes(layout) &&
      (!knowsInfo || (info !== undefined && strings.has(info))) &&
      (!knowsTask || strings.has(task)),
  );
  return fitting.length === 1 ? fitting[0] : undefined;
}
