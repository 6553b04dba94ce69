// What holds the memory of the machine, by the kernel's own counters, so that the parts add up.
//
// Pages of the swap cache may be mapped as well, and are then in two counters; what the kernel
// takes page by page for itself (vmalloc(), drivers, balloons) is in none, and makes the rest.

import { PAGE_SIZE } from '../arch/x86-64.ts';
import type { HugePages } from './hugetlb.ts';
import type { NodeState } from './mmzone.ts';
import { optional } from '../util/optional.ts';

/** Kilobytes of a page, in which the kernel prints what it counts in pages. */
export const PAGE_KB = PAGE_SIZE / 1024;

/** One kind of use. */
export interface MemoryUse {
  /** `anonymous`, `page cache` … */
  readonly name: string;
  readonly pages: number;
}

/** Who has the managed pages. */
export interface MemoryUses {
  /** Pages that the allocator has or gave away. */
  readonly managedPages: number;
  /** The largest first, without those of no page. */
  readonly uses: readonly MemoryUse[];
  /** Managed pages in none of {@link uses}; absent where a main counter is. */
  readonly restPages?: number;
}

/** Kinds without which the rest says nothing. */
const MAIN = ['free', 'anonymous', 'page cache', 'huge pages'];

/**
 * Adds up.
 *
 * @param huge none where the kernel has none; undefined where they could not be read
 * @param threadSize THREAD_SIZE in bytes
 */
export function memoryUses(
  nodes: readonly NodeState[],
  {
    huge,
    threadSize,
  }: { readonly huge: readonly HugePages[] | undefined; readonly threadSize: number },
): MemoryUses {
  const sum = (...names: string[]): number | undefined => sumOfCounters(nodes, ...names);
  const zones = nodes.flatMap((node) => node.zones);
  const stacksKb = sum('NR_KERNEL_STACK_KB');
  const stacks = stacksKb === undefined ? scaled(sum('NR_KERNEL_STACK'), threadSize) : undefined;
  const parts: readonly (readonly [name: string, pages: number | undefined])[] = [
    ['free', sum('NR_FREE_PAGES')],
    ['free, on per-CPU lists', total(zones.map(({ perCpuPages }) => perCpuPages))],
    // NR_ANON_PAGES while zones counted it.
    ['anonymous', sum('NR_ANON_MAPPED', 'NR_ANON_PAGES')],
    ['shared memory', sum('NR_SHMEM')],
    ['page cache', less(sum('NR_FILE_PAGES'), sum('NR_SHMEM'))],
    ['slab, reclaimable', sum('NR_SLAB_RECLAIMABLE_B', 'NR_SLAB_RECLAIMABLE')],
    ['slab, unreclaimable', sum('NR_SLAB_UNRECLAIMABLE_B', 'NR_SLAB_UNRECLAIMABLE')],
    ['other reclaimable', sum('NR_KERNEL_MISC_RECLAIMABLE')],
    ['kernel stacks', scaled(stacksKb, 1024) ?? stacks],
    ['page tables', sum('NR_PAGETABLE')],
    ['page tables of guests', sum('NR_SECONDARY_PAGETABLE')],
    ['zsmalloc (zram, zswap)', sum('NR_ZSPAGES')],
    ['huge pages', huge?.reduce((pages, each) => pages + each.total * 2 ** each.order, 0)],
  ];
  const known = parts.filter((part): part is [string, number] => part[1] !== undefined);
  const managedPages = total(zones.map(({ managed }) => managed)) ?? 0;
  const names = new Set(known.map(([name]) => name));
  const isWhole = managedPages > 0 && MAIN.every((name) => names.has(name));
  const rest = managedPages - known.reduce((pages, [, each]) => pages + each, 0);
  return {
    managedPages,
    uses: known
      .filter(([, pages]) => pages > 0)
      .map(([name, pages]) => ({ name, pages }))
      .sort((a, b) => b.pages - a.pages),
    ...optional('restPages', isWhole ? rest : undefined),
  };
}

/** Free memory, what takes a twentieth or more, and what no counter has: the largest first. */
export function largestUses({ uses, managedPages, restPages }: MemoryUses): MemoryUse[] {
  const rest = { name: 'in no counter', pages: restPages ?? 0 };
  return [...uses, rest]
    .filter(({ name, pages }) => name === 'free' || pages >= managedPages / 20)
    .sort((a, b) => b.pages - a.pages);
}

/** The value of a counter over all nodes and zones, by the first name that this kernel has. */
export function sumOfCounters(
  nodes: readonly NodeState[],
  ...names: readonly string[]
): number | undefined {
  const sets = nodes.flatMap(({ counters, zones }) => [counters, ...zones.map((z) => z.counters)]);
  for (const name of names) {
    const values = sets.flatMap((counters) => counters[name]?.value ?? []);
    if (values.length > 0) return values.reduce((sum, value) => sum + value, 0);
  }
  return undefined;
}

/** undefined where one is. */
function total(numbers: readonly (number | undefined)[]): number | undefined {
  return numbers.reduce(
    (sum, each) => (sum === undefined || each === undefined ? undefined : sum + each),
    0,
  );
}

function less(number: number | undefined, part: number | undefined): number | undefined {
  return number === undefined ? undefined : number - (part ?? 0);
}

/** Pages of so many things of so many bytes. */
function scaled(number: number | undefined, bytes: number): number | undefined {
  return number === undefined ? undefined : Math.ceil((number * bytes) / PAGE_SIZE);
}
