// Mempools (mm/mempool.c of 6.1): a reserve of elements, so that I/O which frees memory can begin
// when there is none. An allocation tries the allocator first, without sleeping; then the reserve;
// then the allocator in earnest; and at last it waits for an element to come back, for ever.

import { assert } from '../../util/assert.ts';
import { call, type Code, type KernelFunction } from '../core/code.ts';
import { io_schedule_timeout } from '../block/congestion.ts';
import {
  __GFP_DIRECT_RECLAIM,
  __GFP_IO,
  __GFP_NOMEMALLOC,
  __GFP_NORETRY,
  __GFP_NOWARN,
} from './gfp.ts';
import type { Kernel } from '../core/kernel.ts';
import type { Page } from './mmzone.ts';
import { __alloc_pages, __free_pages } from './page-alloc.ts';
import { kmem_cache_alloc, kmem_cache_free, type KmemCache } from './slab.ts';
import { PF_LESS_THROTTLE, TASK_UNINTERRUPTIBLE } from '../kernel/task-bits.ts';
import type { Task } from '../kernel/task.ts';
import { finish_wait, prepare_to_wait, wake_up, WaitQueue } from '../kernel/wait.ts';
import type { WaitTarget } from '../locking/wait-target.ts';
import {
  ORDER_MEMPOOL,
  start_memalloc_timer,
  stop_memalloc_timer,
} from '../watchdog/memalloc-timer.ts';

/** How long a sleeper waits before it looks again by itself, in seconds. */
const WAIT_SECONDS = 5;

/** One element of a pool. */
export class MempoolElement {
  /** Of a pool of pages; an object of a slab has none of its own. */
  readonly page: Page | undefined;
  /** Who has to run before it comes back; nobody where only a device has to be done. */
  holders: () => readonly Task[] = () => [];

  constructor(page?: Page) {
    this.page = page;
  }
}

/** pool->alloc and pool->free, with their data. */
export interface MempoolSource {
  readonly alloc: KernelFunction<[gfp: number], MempoolElement | undefined>;
  readonly free: (element: MempoolElement) => void;
  /** An element for the reserve of a new pool, made while memory is plenty. */
  readonly create: (newPage: () => Page) => MempoolElement;
}

/** mempool_create_slab_pool() */
export function slabSource(cache: KmemCache): MempoolSource {
  return {
    alloc: function* mempool_alloc_slab(k, gfp) {
      const isThere = yield* call(k, kmem_cache_alloc, { cache, gfp });
      return isThere ? new MempoolElement() : undefined;
    },
    free: () => kmem_cache_free(cache),
    create: (newPage) => {
      if (!cache.take()) {
        cache.addSlab(newPage());
        cache.take();
      }
      return new MempoolElement();
    },
  };
}

/** mempool_create_page_pool() of single pages. */
export const PAGE_SOURCE: MempoolSource = {
  alloc: function* mempool_alloc_pages(k, gfp) {
    const page = yield* call(k, __alloc_pages, { gfp, order: 0 });
    return page === undefined ? undefined : new MempoolElement(page);
  },
  free: ({ page }) => {
    if (page !== undefined) __free_pages(page);
  },
  create: (newPage) => new MempoolElement(newPage()),
};

/** mempool_t. */
export class Mempool implements WaitTarget {
  readonly kind = 'mempool';
  readonly name: string;
  readonly minNr: number;
  readonly source: MempoolSource;
  readonly wait: WaitQueue;
  readonly #reserve: MempoolElement[] = [];
  /** Elements that were given out, of the reserve and others alike: each could refill it. */
  readonly #taken = new Set<MempoolElement>();

  constructor(options: { name: string; minNr: number; source: MempoolSource }) {
    this.name = options.name;
    this.minNr = options.minNr;
    this.source = options.source;
    this.wait = new WaitQueue(options.name);
  }

  /** Elements in the reserve. */
  get currNr(): number {
    return this.#reserve.length;
  }

  /** Elements given out. */
  get takenNr(): number {
    return this.#taken.size;
  }

  holders(): readonly Task[] {
    return [...new Set([...this.#taken].flatMap((element) => element.holders()))];
  }

  /** add_element() @returns whether the reserve had room */
  put(element: MempoolElement): boolean {
    this.#taken.delete(element);
    if (this.#reserve.length >= this.minNr) return false;
    this.#reserve.push(element);
    return true;
  }

  /** remove_element() */
  takeReserve(): MempoolElement | undefined {
    return this.#reserve.pop();
  }

  /** Hands one out. */
  give<E extends MempoolElement>(element: E): E {
    this.#taken.add(element);
    return element;
  }
}

/** mempool_create(): a pool whose reserve is full. */
export function mempool_create(
  k: Kernel,
  options: { name: string; minNr: number; source: MempoolSource },
): Mempool {
  const pool = new Mempool(options);
  const newPage = (): Page => {
    const page = k.node.zones[0]?.take(0);
    assert(page !== undefined, `no memory for the reserve of ${pool.name}`);
    return page;
  };
  while (pool.currNr < pool.minNr) pool.put(pool.source.create(newPage));
  k.mempools.push(pool);
  return pool;
}

/** Takes an element. Undefined only where the caller may not sleep. */
export function* mempool_alloc(
  k: Kernel,
  pool: Mempool,
  gfp: number,
): Code<MempoolElement | undefined> {
  const maySleep = (gfp & __GFP_DIRECT_RECLAIM) !== 0;
  let wanted = gfp | __GFP_NOMEMALLOC | __GFP_NORETRY | __GFP_NOWARN;
  const firstGfp = wanted & ~(__GFP_DIRECT_RECLAIM | __GFP_IO);
  // Two ideas of seed 004: the pool's user is not throttled, or never enters reclaim at all.
  if (k.options.mempoolNoDirectReclaim) wanted &= ~__GFP_DIRECT_RECLAIM;
  const flags = k.current.flags & PF_LESS_THROTTLE;
  if (k.options.mempoolLessThrottle && maySleep) k.current.flags |= PF_LESS_THROTTLE;
  const element = yield* allocate(k, pool, { wanted, firstGfp, maySleep });
  if (k.options.mempoolLessThrottle && maySleep) {
    k.current.flags = (k.current.flags & ~PF_LESS_THROTTLE) | flags;
  }
  return element === undefined ? undefined : pool.give(element);
}

interface Tries {
  readonly wanted: number;
  readonly firstGfp: number;
  readonly maySleep: boolean;
}

/** Inlined: the first try, then the others; each is a request of its own to who records them. */
function* allocate(k: Kernel, pool: Mempool, tries: Tries): Code<MempoolElement | undefined> {
  const { wanted, firstGfp } = tries;
  start_memalloc_timer(k, { gfp: firstGfp, order: ORDER_MEMPOOL }, 'mempool');
  const first = (yield* call(k, pool.source.alloc, firstGfp)) ?? pool.takeReserve();
  stop_memalloc_timer(k, firstGfp, 'mempool');
  if (first !== undefined) return first;
  start_memalloc_timer(k, { gfp: wanted, order: ORDER_MEMPOOL }, 'mempool');
  const element = yield* allocateAgain(k, pool, tries);
  stop_memalloc_timer(k, wanted, 'mempool');
  return element;
}

/** Inlined: the loop of mempool_alloc(). */
function* allocateAgain(
  k: Kernel,
  pool: Mempool,
  { wanted, maySleep }: Tries,
): Code<MempoolElement | undefined> {
  for (;;) {
    const element = yield* call(k, pool.source.alloc, wanted);
    if (element !== undefined) return element;
    const reserved = pool.takeReserve();
    if (reserved !== undefined) return reserved;
    if (!maySleep) return undefined;
    prepare_to_wait(k, pool.wait, TASK_UNINTERRUPTIBLE);
    k.current.blockedOn = pool;
    yield* call(k, io_schedule_timeout, WAIT_SECONDS * k.options.hz);
    k.current.blockedOn = undefined;
    finish_wait(k, pool.wait);
  }
}

/** Gives an element back: to the reserve while that is not full. */
export function mempool_free(k: Kernel, pool: Mempool, element: MempoolElement): void {
  if (pool.put(element)) wake_up(k, pool.wait);
  else pool.source.free(element);
}
