// Counters of the machine in two dumps: what grew, how fast, and how high the levels stand.

import type { CpuTimes } from '../../kernel/cpustat.ts';
import { boostedMarks, type NodeState } from '../../kernel/mmzone.ts';
import { optional } from '../../util/optional.ts';
import type { DumpState } from './dump-state.ts';

/** A counter that only grows. */
export interface CounterChange {
  /** In words: `pages freed`. */
  readonly what: string;
  /** The names that the kernel has for it, added up where they are several. */
  readonly names: readonly string[];
  readonly before: number;
  readonly now: number;
  /** Absent where no time lies between the dumps, or the counter went down. */
  readonly perSecond?: number;
}

/** Something that goes up and down; pages. */
export interface LevelChange {
  readonly what: string;
  readonly before: number;
  readonly now: number;
  /** Of the free pages of a zone: its mark, with the boost, in the second dump. */
  readonly min?: number;
}

/** How busy a CPU was between the dumps: parts of the time, 1 for all of it. */
export interface CpuShare {
  readonly cpu: number;
  readonly user?: number;
  readonly system?: number;
  readonly irq?: number;
  readonly steal?: number;
}

/** What the counters say of the time between the dumps. What a kernel lacks is absent. */
export interface CounterChanges {
  readonly counts: readonly CounterChange[];
  readonly levels: readonly LevelChange[];
  readonly cpus: readonly CpuShare[];
}

interface CountPlan {
  readonly what: string;
  /** Of enum vm_event_item; each zone had its own of some of them before v4.8. */
  readonly pattern: RegExp;
}

const EVENTS: readonly CountPlan[] = [
  { what: 'pages allocated', pattern: /^PGALLOC(_\w+)?$/ },
  { what: 'pages freed', pattern: /^PGFREE$/ },
  { what: 'pages scanned by kswapd', pattern: /^PGSCAN_KSWAPD(_\w+)?$/ },
  { what: 'pages scanned by others', pattern: /^PGSCAN_DIRECT(?!_THROTTLE)(_\w+)?$/ },
  { what: 'pages reclaimed by kswapd', pattern: /^PGSTEAL_KSWAPD(_\w+)?$/ },
  { what: 'pages reclaimed by others', pattern: /^PGSTEAL_DIRECT(_\w+)?$/ },
  { what: 'pages swapped out', pattern: /^PSWPOUT$/ },
  { what: 'pages swapped in', pattern: /^PSWPIN$/ },
  { what: 'requests that had to reclaim', pattern: /^ALLOCSTALL(_\w+)?$/ },
  { what: 'waits for kswapd', pattern: /^PGSCAN_DIRECT_THROTTLE$/ },
  { what: 'requests that had to compact', pattern: /^COMPACTSTALL$/ },
  { what: 'major page faults', pattern: /^PGMAJFAULT$/ },
  { what: 'processes killed by the OOM killer', pattern: /^OOM_KILL$/ },
];

/** Of enum node_stat_item, and of zone_stat_item before v4.8. */
const WRITES: readonly (readonly [what: string, name: string])[] = [
  ['pages made dirty', 'NR_DIRTIED'],
  ['pages written back', 'NR_WRITTEN'],
];

const LEVELS: readonly (readonly [what: string, name: string])[] = [
  ['dirty pages', 'NR_FILE_DIRTY'],
  ['pages under writeback', 'NR_WRITEBACK'],
  ['isolated anonymous pages', 'NR_ISOLATED_ANON'],
  ['isolated file pages', 'NR_ISOLATED_FILE'],
];

/** @param seconds between the dumps */
export function counterChanges(before: DumpState, now: DumpState, seconds: number): CounterChanges {
  return {
    counts: [
      ...EVENTS.flatMap((plan) => eventChange(plan, { before, now, seconds })),
      ...WRITES.flatMap(([what, name]) => {
        const [a, b] = [nodeSum(before.nodes, name), nodeSum(now.nodes, name)];
        return a === undefined || b === undefined ? [] : [change(what, [name], { a, b, seconds })];
      }),
    ],
    levels: [
      ...freePages(before, now),
      ...LEVELS.flatMap((plan) => levelChange(plan, before, now)),
    ],
    cpus: cpuShares(before.cpuTimes ?? [], now.cpuTimes ?? [], seconds),
  };
}

function eventChange(
  { what, pattern }: CountPlan,
  { before, now, seconds }: { before: DumpState; now: DumpState; seconds: number },
): CounterChange[] {
  const names = Object.keys(now.events ?? {}).filter((name) => pattern.test(name));
  if (names.length === 0 || before.events === undefined) return [];
  const sum = (events: DumpState['events']): number =>
    names.reduce((all, name) => all + (events?.[name] ?? 0), 0);
  return [change(what, names, { a: sum(before.events), b: sum(now.events), seconds })];
}

function change(
  what: string,
  names: readonly string[],
  { a, b, seconds }: { a: number; b: number; seconds: number },
): CounterChange {
  const isRate = seconds > 0 && b >= a;
  return { what, names, before: a, now: b, ...(isRate ? { perSecond: (b - a) / seconds } : {}) };
}

/** Of all nodes, or of their zones where those count; undefined where none does, or not all. */
function nodeSum(nodes: readonly NodeState[], name: string): number | undefined {
  const places = nodes.flatMap((node) => [node, ...node.zones]);
  const counting = places.filter(({ counters }) => counters[name] !== undefined);
  if (counting.length === 0 || counting.some(({ unreadCpus }) => unreadCpus.length > 0)) {
    return undefined;
  }
  return counting.reduce((sum, { counters }) => sum + (counters[name]?.value ?? 0), 0);
}

function levelChange(
  [what, name]: readonly [string, string],
  before: DumpState,
  now: DumpState,
): LevelChange[] {
  const [a, b] = [nodeSum(before.nodes, name), nodeSum(now.nodes, name)];
  return a === undefined || b === undefined ? [] : [{ what, before: a, now: b }];
}

/** `free pages of DMA32`; with the node where there are several. */
function freePages(before: DumpState, now: DumpState): LevelChange[] {
  const hasNodes = now.nodes.length > 1;
  return now.nodes.flatMap(({ node, zones }) =>
    zones.flatMap((zone): LevelChange[] => {
      const old = before.nodes
        .find((each) => each.node === node)
        ?.zones.find(({ name }) => name === zone.name);
      const [a, b] = [old?.counters.NR_FREE_PAGES?.value, zone.counters.NR_FREE_PAGES?.value];
      if (a === undefined || b === undefined) return [];
      const what = `free pages of ${zone.name}${hasNodes ? ` of node ${node}` : ''}`;
      const { watermarks } = zone;
      const min = watermarks === undefined ? undefined : boostedMarks(watermarks).min;
      return [{ what, before: a, now: b, ...optional('min', min) }];
    }),
  );
}

function cpuShares(
  before: readonly CpuTimes[],
  now: readonly CpuTimes[],
  seconds: number,
): CpuShare[] {
  if (seconds <= 0) return [];
  return now.flatMap((times) => {
    const old = before.find(({ cpu }) => cpu === times.cpu);
    if (old === undefined) return [];
    const share = (...names: Exclude<keyof CpuTimes, 'cpu'>[]): number | undefined => {
      const parts = names.map((name) => [old[name], times[name]] as const);
      if (parts.every(([, b]) => b === undefined)) return undefined;
      return parts.reduce((sum, [a = 0, b = 0]) => sum + (b - a), 0) / seconds;
    };
    return {
      cpu: times.cpu,
      ...optional('user', share('user', 'nice')),
      ...optional('system', share('system')),
      ...optional('irq', share('irq', 'softirq')),
      ...optional('steal', share('steal')),
    };
  });
}
