// Memory cgroups (mm/memcontrol.c of 6.1): every page of user space is charged to the cgroup of
// whoever needed it first, and to those above it. Where a limit is reached the cgroup's own pages
// are reclaimed, and at last one of its own tasks is killed, however much memory the machine has.
// This happens outside of the page allocator: no record of a request tells of it.

import { call, type Code } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import {
  __GFP_DIRECT_RECLAIM,
  __GFP_HIGH,
  __GFP_NOFAIL,
  __GFP_NORETRY,
  __GFP_RETRY_MAYFAIL,
} from './gfp.ts';
import { mem_cgroup_handle_over_high } from './memcg-high.ts';
import { memcgLists, type MemcgLists } from './memcg-list.ts';
import { mem_cgroup_oom } from './memcg-oom.ts';
import type { Node, Page, PageList, PageOwner } from './mmzone.ts';
import { PageCounter } from './page-counter.ts';
import { PF_MEMALLOC } from '../kernel/task-bits.ts';
import { fatal_signal_pending, type Process, type Task } from '../kernel/task.ts';
import { try_to_free_mem_cgroup_pages } from './vmscan.ts';
import { wake_up, WaitQueue } from '../kernel/wait.ts';

/** MEMCG_CHARGE_BATCH: what a CPU charges at once and uses up page by page. */
export const MEMCG_CHARGE_BATCH = 64;
/** MAX_RECLAIM_RETRIES */
export const MEMCG_RETRIES_MAX = 16;

/** What a memory cgroup is made from. Limits are pages. */
export interface MemCgroupPlan {
  /** The last part of its path. */
  readonly name: string;
  /** Absent for a child of the root cgroup. */
  readonly parent?: MemCgroup;
  /** memory.max */
  readonly max?: number;
  /** memory.high */
  readonly high?: number;
  /** memory.oom_control of cgroup v1: nobody is killed, whoever faults waits. */
  readonly oomKillDisable?: boolean;
}

/** struct mem_cgroup. */
export class MemCgroup implements PageOwner {
  readonly name: string;
  readonly parent: MemCgroup | undefined;
  readonly children: MemCgroup[] = [];
  readonly memory: PageCounter;
  readonly lru: MemcgLists;
  readonly oomKillDisable: boolean;
  /** memory.events: those of the cgroups below it count too. */
  readonly events = { high: 0, max: 0, oom: 0, oomKill: 0 };
  /** Tasks that wait for an end of its OOM, or bring it about. */
  underOom = 0;
  /** Somebody is at it (mem_cgroup_oom_trylock()). */
  oomLocked = false;
  readonly #kernel: Kernel;
  readonly #byList: ReadonlyMap<PageList, MemcgLists[keyof Node['lru']]>;

  constructor(k: Kernel, { name, parent, max, high, oomKillDisable = false }: MemCgroupPlan) {
    this.#kernel = k;
    this.name = name;
    this.parent = parent;
    this.memory = new PageCounter((parent ?? k.memcgs.root).memory);
    this.memory.max = max ?? this.memory.max;
    this.memory.high = high ?? this.memory.high;
    this.oomKillDisable = oomKillDisable;
    this.lru = memcgLists(k.node);
    const names = Object.keys(this.lru) as (keyof Node['lru'])[];
    this.#byList = new Map(names.map((list) => [k.node.lru[list], this.lru[list]]));
    (parent ?? k.memcgs.root).children.push(this);
  }

  /** As cgroup_path() prints it. */
  get path(): string {
    return `${this.parent?.path ?? ''}/${this.name}`;
  }

  /** mem_cgroup_margin(): pages that could be charged before this cgroup's own limit. */
  get margin(): number {
    return Math.max(0, this.memory.max - this.memory.usage);
  }

  /** mem_cgroup_iter(): itself and all below it. */
  *subtree(): Generator<MemCgroup, void, undefined> {
    yield this;
    for (const child of this.children) yield* child.subtree();
  }

  /** Itself and all above it but the root cgroup. */
  *ancestry(): Generator<MemCgroup, void, undefined> {
    yield this;
    if (this.parent !== undefined) yield* this.parent.ancestry();
  }

  /** mem_cgroup_resize_max(): who waits for room looks again. */
  setMax(pages: number): void {
    this.memory.max = pages;
    wake_up(this.#kernel, this.#kernel.memcgs.oomWait);
  }

  /** memcg_memory_event() */
  count(event: keyof MemCgroup['events']): void {
    for (const each of this.ancestry()) each.events[event]++;
  }

  onList(page: Page, list: PageList, end: 'head' | 'tail'): void {
    this.#byList.get(list)?.link(page, end);
  }

  offList(page: Page, list: PageList): void {
    this.#byList.get(list)?.unlink(page);
  }

  uncharge(page: Page): void {
    this.memory.uncharge(2 ** page.order);
    page.memcg = undefined;
    // memcg_oom_recover(): cgroup v1 lets its waiters look again.
    if ([...this.ancestry()].some(({ underOom }) => underOom > 0)) {
      wake_up(this.#kernel, this.#kernel.memcgs.oomWait);
    }
  }
}

/** The root cgroup: it counts what is charged to the others, and has no limit. */
interface RootMemCgroup {
  readonly memory: PageCounter;
  readonly children: MemCgroup[];
}

/** struct memcg_stock_pcp: pages that a CPU has charged and not used yet. */
interface Stock {
  memcg: MemCgroup | undefined;
  pages: number;
}

/** All memory cgroups of a machine. */
export class MemoryCgroups {
  readonly root: RootMemCgroup = { memory: new PageCounter(), children: [] };
  /** memcg_oom_waitq */
  readonly oomWait = new WaitQueue('memcg_oom_waitq');
  readonly #stocks: Stock[] = [];

  /** Every cgroup but the root, parents first. */
  *all(): Generator<MemCgroup, void, undefined> {
    for (const child of this.root.children) yield* child.subtree();
  }

  stock(cpu: number): Stock {
    return (this.#stocks[cpu] ??= { memcg: undefined, pages: 0 });
  }

  /** drain_all_stock(): what CPUs keep for cgroups below that one is given back. */
  drain(memcg: MemCgroup): void {
    const below = new Set(memcg.subtree());
    for (const stock of this.#stocks) {
      if (stock?.memcg !== undefined && below.has(stock.memcg)) drain_stock(stock);
    }
  }
}

function drain_stock(stock: Stock): void {
  if (stock.pages > 0) stock.memcg?.memory.uncharge(stock.pages);
  stock.memcg = undefined;
  stock.pages = 0;
}

function consume_stock(k: Kernel, memcg: MemCgroup, pages: number): boolean {
  const stock = k.memcgs.stock(k.current.cpu);
  if (stock.memcg !== memcg || stock.pages < pages) return false;
  stock.pages -= pages;
  return true;
}

function refill_stock(k: Kernel, memcg: MemCgroup, pages: number): void {
  const stock = k.memcgs.stock(k.current.cpu);
  if (stock.memcg !== memcg) {
    drain_stock(stock);
    stock.memcg = memcg;
  }
  stock.pages += pages;
  if (stock.pages > MEMCG_CHARGE_BATCH) drain_stock(stock);
}

/** mem_cgroup_scan_tasks(): the processes of a cgroup and of those below it. */
export function memcgProcesses(k: Kernel, memcg: MemCgroup): Process[] {
  const below = new Set(memcg.subtree());
  return k.processes.filter((process) => {
    return process.memcg !== undefined && below.has(process.memcg);
  });
}

/** A charge that is wanted. */
export interface Charge {
  readonly gfp: number;
  readonly page: Page;
}

/** task_is_dying() */
export function task_is_dying(task: Task): boolean {
  return task.isOomVictim || fatal_signal_pending(task) || task.isExiting;
}

/**
 * mem_cgroup_charge() of a page that is on no list yet. The kernel asks the mm, which belongs to
 * the cgroup of its owner; here a process and its mm have one cgroup.
 *
 * @returns whether the page may be used; if not, the caller gives it back
 */
export function* mem_cgroup_charge(
  k: Kernel,
  { memcg }: Pick<Process, 'memcg'>,
  charge: Charge,
): Code<boolean> {
  if (memcg === undefined) return true;
  const pages = 2 ** charge.page.order;
  // What succeeds at once is never seen on a stack.
  const isCharged =
    consume_stock(k, memcg, pages) || (yield* call(k, __mem_cgroup_charge, memcg, charge));
  if (isCharged) charge.page.memcg = memcg;
  return isCharged;
}

function* __mem_cgroup_charge(k: Kernel, memcg: MemCgroup, charge: Charge): Code<boolean> {
  return yield* call(k, charge_memcg, memcg, charge);
}

function* charge_memcg(k: Kernel, memcg: MemCgroup, { gfp, page }: Charge): Code<boolean> {
  return yield* call(k, try_charge_memcg, memcg, { gfp, pages: 2 ** page.order });
}

interface Wanted {
  readonly gfp: number;
  readonly pages: number;
}

function* try_charge_memcg(k: Kernel, memcg: MemCgroup, wanted: Wanted): Code<boolean> {
  const state: Attempts = { retries: MEMCG_RETRIES_MAX, drained: false, passedOom: false };
  for (;;) {
    const charged = chargeBatch(k, memcg, wanted.pages);
    if (typeof charged === 'number') {
      yield* overHigh(k, memcg, { gfp: wanted.gfp, pages: charged });
      return true;
    }
    // Reclaim that needs memory itself is not to go round in circles.
    if ((k.current.flags & PF_MEMALLOC) !== 0) break;
    if (yield* mayChargeAgain(k, { ...wanted, over: charged, state })) continue;
    if ((wanted.gfp & (__GFP_NOFAIL | __GFP_HIGH)) === 0) return false;
    break;
  }
  memcg.memory.charge(wanted.pages);
  return true;
}

/** Charges a batch if it can, else what is wanted. @returns what was charged, or who is full */
function chargeBatch(k: Kernel, memcg: MemCgroup, pages: number): number | MemCgroup {
  if (consume_stock(k, memcg, pages)) return pages;
  for (const batch of new Set([Math.max(MEMCG_CHARGE_BATCH, pages), pages])) {
    if (memcg.memory.tryCharge(batch) !== undefined) continue;
    if (batch > pages) refill_stock(k, memcg, batch - pages);
    return batch;
  }
  // The root cgroup is never full: it is one of these.
  return [...memcg.ancestry()].find(({ margin }) => margin < pages) ?? memcg;
}

interface Attempts {
  retries: number;
  drained: boolean;
  passedOom: boolean;
}

interface Refused extends Wanted {
  /** Whose limit it was. */
  readonly over: MemCgroup;
  readonly state: Attempts;
}

/** Part of try_charge_memcg(): reclaims and kills. @returns whether to charge again */
function* mayChargeAgain(k: Kernel, { gfp, pages, over, state }: Refused): Code<boolean> {
  const task = k.current;
  if (task.memcgOom !== undefined || (gfp & __GFP_DIRECT_RECLAIM) === 0) return false;
  over.count('max');
  task.inMemstall = true;
  const reclaimed = yield* call(k, try_to_free_mem_cgroup_pages, over, { gfp, pages });
  task.inMemstall = false;
  if (over.margin >= pages) return true;
  if (!state.drained) {
    k.memcgs.drain(over);
    state.drained = true;
    return true;
  }
  if ((gfp & __GFP_NORETRY) !== 0) return false;
  if (reclaimed > 0 || state.retries-- > 0) return true;
  if ((gfp & __GFP_RETRY_MAYFAIL) !== 0) return false;
  if (state.passedOom && task_is_dying(task)) return false;
  if (!(yield* mem_cgroup_oom(k, over, { gfp, order: 0 }))) return false;
  state.passedOom = true;
  state.retries = MEMCG_RETRIES_MAX;
  return true;
}

/** Whoever is above memory.high pays for it on the way to user mode, or at once if it is much. */
function* overHigh(k: Kernel, memcg: MemCgroup, { gfp, pages }: Wanted): Code {
  const task = k.current;
  const isHigh = [...memcg.ancestry()].some(({ memory }) => memory.usage > memory.high);
  if (!isHigh) return;
  task.memcgOverHigh += pages;
  const mayWait = (gfp & __GFP_DIRECT_RECLAIM) !== 0 && (task.flags & PF_MEMALLOC) === 0;
  if (task.memcgOverHigh > MEMCG_CHARGE_BATCH && mayWait) {
    yield* call(k, mem_cgroup_handle_over_high, gfp);
  }
}
