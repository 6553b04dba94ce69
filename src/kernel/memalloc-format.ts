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
  /** The Info line comes again after the tasks. */
  readonly infoTwice: boolean;
  /** Lists tasks from half the timeout on, once one has reached all of it (v4). */
  readonly halfTimeout: boolean;
  /** What the optional part about the request says. */
  readonly request: RequestWords;
  /** `flags=0x%x` after the name, and `switches=%lu` after that. */
  readonly flags: boolean;
  readonly switches: boolean;
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
const OLD = { info: INFO_OLD, infoTwice: false, halfTimeout: false, flags: false, switches: false };
const NEW = {
  infoTwice: true,
  halfTimeout: true,
  flags: true,
  switches: true,
  request: 'names',
  lists: 'kswapd',
} as const;

/** All formats, oldest first. */
export const MEMALLOC_FORMATS: readonly MemallocFormat[] = [
  { ...OLD, id: 'v1', layouts: ['L1'], request: 'plain', lists: 'separate' },
  { ...OLD, id: 'v2', layouts: ['L2'], request: 'plain', lists: 'dying' },
  { ...OLD, id: 'v3', layouts: ['L3'], request: 'seq', lists: 'dying' },
  { ...OLD, id: 'v4', layouts: ['L4'], request: 'seq', lists: 'dying', halfTimeout: true },
  {
    ...NEW,
    id: '2016-02-09',
    layouts: ['L4'],
    info:
      'MemAlloc-Info: %u stalling task, %u dying task, %u exiting task, %u victim task.' +
      ' oom_count=%u',
    infoTwice: false,
    flags: false,
    switches: false,
    lists: 'exiting',
  },
  {
    ...NEW,
    id: '2016-02-11',
    layouts: ['L4'],
    info: 'MemAlloc-Info: stalling=%u dying=%u exiting=%u, victim=%u oom_count=%u',
    infoTwice: false,
    switches: false,
    lists: 'exiting',
  },
  { ...NEW, id: '2016-02-25', layouts: ['L4'], info: `${INFO_NEW}/%u` },
  { ...NEW, id: '2016-03-02', layouts: ['L4k'], info: `${INFO_NEW}/%u` },
  { ...NEW, id: 'v5', layouts: ['L5'], info: INFO_NEW },
  { ...NEW, id: 'v8', layouts: ['L8'], info: INFO_NEW },
  ...(['rfc', 'rfc2'] as const).map((id): MemallocFormat => ({
    ...NEW,
    id,
    layouts: ['LR'],
    info: undefined,
    infoTwice: false,
    halfTimeout: false,
    lists: 'in-flight',
  })),
];

/** Names that users know for a format that an earlier version had already. */
const ALIASES: Readonly<Record<string, MemallocFormatId>> = {
  v6: 'v5',
  v7: 'v5',
  v9: 'v8',
  draft: 'v4',
};

/** Every name that {@link memallocFormat} takes. */
export const MEMALLOC_FORMAT_NAMES: readonly string[] = [
  ...MEMALLOC_FORMATS.map(({ id }) => id),
  ...Object.keys(ALIASES),
];

/** A format by its name or by the version that shares it. */
export function memallocFormat(name: string): MemallocFormat | undefined {
  const id = ALIASES[name] ?? name;
  return MEMALLOC_FORMATS.find((format) => format.id === id);
}

/** The newest format of a layout, for a dump that does not show its own. */
export function newestFormat(layout: MemallocLayoutId): MemallocFormat | undefined {
  return MEMALLOC_FORMATS.findLast((format) => format.layouts.includes(layout));
}
