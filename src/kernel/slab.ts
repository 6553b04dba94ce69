// Slab caches (mm/slab_common.c, mm/slub.c, mm/slab.c): which kinds of objects hold how many pages.
//
// SLUB counts the slabs and objects of each node where it was built with CONFIG_SLUB_DEBUG (every
// distribution does), the older SLAB always. SLUB merges caches of like size: a merged cache is
// one, under the name of the first.

import type { Ref } from '../target/ref.ts';
import type { Vmcore } from '../target/vmcore.ts';
import { findMember } from '../types/ctype.ts';
import { InvalidError } from '../util/errors.ts';
import { hex } from '../util/address.ts';
import { escapeText } from '../util/escape.ts';
import { optional } from '../util/optional.ts';
import { listEntries } from './list.ts';
import { countOf } from './vmstat.ts';

/** One kmem_cache. */
export interface SlabCache {
  /** `struct kmem_cache *` */
  readonly address: string;
  readonly name: string;
  /** Bytes of an object with what belongs to it: red zones, alignment. */
  readonly objectSize: number;
  readonly slabs?: number;
  /** Objects that its slabs have room for. */
  readonly objects?: number;
  /** Those of them that are not free on a partial slab; a CPU's own slab counts as used. */
  readonly activeObjects?: number;
  readonly pages?: number;
  /** Some slabs may be smaller than {@link pages} takes them to be. */
  readonly isPagesBound?: boolean;
  /** SLAB_RECLAIM_ACCOUNT: shrinkers can free its objects. */
  readonly isReclaimable: boolean;
}

/** What the caches are read through: of a vmcore, or of a test. */
export type SlabSource = Pick<Vmcore, 'problems' | 'types' | 'global' | 'readText'> & {
  readonly symbols: Pick<Vmcore['symbols'], 'lookup'>;
};

/** More caches than any machine has; each memory cgroup had its own up to Linux 5.8. */
const CACHES_MAX = 1 << 20;
const NAME_MAX = 128;
/** Partial slabs of a cache that are looked at; the kernel scans no more (MAX_PARTIAL_TO_SCAN). */
const PARTIAL_MAX = 10_000;
/** SLAB_RECLAIM_ACCOUNT, until the bits got names of their own in an enum (v6.9). */
const RECLAIM_ACCOUNT = 0x20000n;
/** MAX_ORDER is 10 by default; nobody can build slabs of more pages than 2 to the power of 20. */
const ORDER_MAX = 20;
/** struct kmem_cache_order_objects: the order above, the objects of a slab below. */
const OO_SHIFT = 16;

/**
 * The caches, the largest first; undefined where there is no list of them.
 *
 * @param nodes numbers of the online nodes
 */
export function readSlabCaches(
  vmcore: SlabSource,
  nodes: readonly number[],
): SlabCache[] | undefined {
  const { problems, symbols, types } = vmcore;
  const type = types.find('struct', 'kmem_cache');
  if (symbols.lookup('slab_caches') === undefined || type?.kind !== 'struct') return undefined;
  return problems.attempt('slab_caches', () => {
    const list = vmcore.global('slab_caches');
    const walk = { problems, subject: 'slab_caches', entriesMax: CACHES_MAX };
    const caches: SlabCache[] = [];
    for (const ref of listEntries(list, { type, member: 'list' }, walk)) {
      const subject = `kmem_cache ${hex(ref.address)}`;
      const cache = problems.attempt(subject, () => slabCache(vmcore, ref, nodes));
      if (cache !== undefined) caches.push(cache);
    }
    return caches.sort((a, b) => (b.pages ?? 0) - (a.pages ?? 0) || compare(a.name, b.name));
  });
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function slabCache(vmcore: SlabSource, cache: Ref, nodes: readonly number[]): SlabCache {
  const bytes = vmcore.readText(cache.member('name').pointer(), NAME_MAX);
  const bit = vmcore.types.findEnumerator('_SLAB_RECLAIM_ACCOUNT');
  const mask = bit === undefined ? RECLAIM_ACCOUNT : 1n << bit;
  const name = escapeText(bytes);
  const subject = `nodes of kmem_cache ${name}`;
  return {
    address: hex(cache.address),
    name,
    objectSize: cache.member('size').number(),
    ...vmcore.problems.attempt(subject, () => slabCounts(vmcore, cache, nodes)),
    isReclaimable: (cache.member('flags').integer() & mask) !== 0n,
  };
}

type SlabCounts = Pick<SlabCache, 'slabs' | 'objects' | 'activeObjects' | 'pages' | 'isPagesBound'>;

/** Nothing where this kernel does not count them. */
function slabCounts(vmcore: SlabSource, cache: Ref, nodes: readonly number[]): SlabCounts {
  if (!cache.has('node')) return {};
  const table = cache.member('node');
  const count = table.type.kind === 'array' ? table.type.count : nodes.length;
  const perNode = nodes
    .filter((node) => node < count)
    .map((node) => table.at(node).deref())
    .filter(({ address }) => address !== 0n);
  const sum = (member: string): number =>
    perNode.reduce((total, node) => total + countOf(node.member(member)), 0);
  const [first] = perNode;
  if (first === undefined) return {};
  if (first.has('total_slabs')) {
    const slabs = sum('total_slabs');
    const objects = slabs * cache.member('num').number();
    const pages = slabs * 2 ** orderOf(cache.member('gfporder').number());
    return { slabs, objects, activeObjects: objects - sum('free_objects'), pages };
  }
  if (!first.has('nr_slabs')) return {};
  const slabs = sum('nr_slabs');
  const objects = sum('total_objects');
  const free = freeObjects(vmcore, perNode);
  return {
    slabs,
    objects,
    ...optional('activeObjects', free === undefined ? undefined : objects - free),
    ...pagesOf(cache, slabs, objects),
  };
}

/**
 * Slabs are of the order in `oo`; of that in `min` where memory was short. How many of each there
 * are follows from how many objects they have together.
 */
function pagesOf(cache: Ref, slabs: number, objects: number): SlabCounts {
  const [large, small] = ['oo.x', 'min.x'].map((path) => {
    const value = cache.member(path).number();
    return { order: orderOf(value >>> OO_SHIFT), objects: value & ((1 << OO_SHIFT) - 1) };
  }) as [SlabSize, SlabSize];
  const missing = slabs * large.objects - objects;
  if (missing === 0) return { pages: slabs * 2 ** large.order };
  const smallSlabs = missing / (large.objects - small.objects);
  if (!Number.isInteger(smallSlabs) || smallSlabs < 0 || smallSlabs > slabs) {
    return { pages: slabs * 2 ** large.order, isPagesBound: true };
  }
  return { pages: (slabs - smallSlabs) * 2 ** large.order + smallSlabs * 2 ** small.order };
}

function orderOf(order: number): number {
  if (order <= ORDER_MAX) return order;
  throw new InvalidError(`order of slabs: expected at most ${ORDER_MAX}, have ${order}`);
}

interface SlabSize {
  readonly order: number;
  readonly objects: number;
}

/** Free objects on the partial slabs of nodes, as /proc/slabinfo has them. */
function freeObjects(vmcore: SlabSource, nodes: readonly Ref[]): number | undefined {
  const { problems, types } = vmcore;
  // Linux 5.17 took struct slab out of struct page; its list was page->lru before 5.2.
  const type = types.find('struct', 'slab') ?? types.find('struct', 'page');
  if (type?.kind !== 'struct') return undefined;
  const member = ['slab_list', 'lru'].find((each) => findMember(type, each) !== undefined);
  if (member === undefined) return undefined;
  let free = 0;
  for (const node of nodes) {
    const subject = `partial slabs at ${hex(node.address)}`;
    let left = node.member('nr_partial').number();
    if (left > PARTIAL_MAX) return undefined;
    const walk = { problems, subject, entriesMax: PARTIAL_MAX };
    for (const slab of listEntries(node.member('partial'), { type, member }, walk)) {
      const counts = problems.attempt(subject, () => {
        return slab.member('objects').number() - slab.member('inuse').number();
      });
      if (counts === undefined) return undefined;
      free += counts;
      left--;
    }
    // A list that was torn, or changed in that instant.
    if (left !== 0) return undefined;
  }
  return free;
}
