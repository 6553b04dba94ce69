// The zones of a machine of one node, as the kernel finds them at boot (free_area_init() in
// mm/page_alloc.c, zone_sizes_init() of x86-64), without what the kernel itself lies in.

import { assert } from '../../util/assert.ts';
import { Node, Zone } from './mmzone.ts';

const PAGE_SHIFT = 12;
/** The end of ZONE_DMA, 16 MiB, and of ZONE_DMA32, 4 GiB. */
const DMA_END_PFN = 4096;
const DMA32_END_PFN = 1 << 20;
/**
 * The first MiB is the firmware's: since Linux 5.13 (f1d4d47c5851) the kernel leaves it all alone.
 */
const FIRMWARE_PAGES = 256;
/** The image, slabs, stacks, page tables of the direct map: 36 MiB that are never given back. */
const KERNEL_RESERVED_PAGES = 9_216;
/** struct page takes 64 bytes of every 4096. */
const STRUCT_PAGE_SHARE = 64;

/** Threads that {@link KERNEL_RESERVED_PAGES} has room for, besides those of a scenario. */
const TASKS_RESERVED = 512;
/** As many threads as a CPU takes the memory of: kernel threads of its own, its per-CPU area. */
const TASKS_PER_CPU = 8;
/**
 * What each thread beyond takes: a stack of 16 KiB, task_struct, its parts of the process and of
 * page tables. Measured in images of 1 GiB with 3,000 threads: 8.4 pages of 6.1, 6.5 of 4.4.
 */
const PAGES_PER_TASK = 9;

/** A zone before it is made: where it lies, and how much of it the kernel keeps for itself. */
interface ZonePlan {
  readonly name: string;
  readonly startPfn: number;
  readonly endPfn: number;
  readonly reservedPages: number;
}

/** What of a machine decides about its zones. */
export interface MemorySize {
  readonly ramBytes: number;
  readonly zoneDma: boolean;
  readonly cpuCount: number;
  /** Threads that wait for nothing in particular; none unless told. */
  readonly idleTasks?: number;
}

/** Makes the node. Its zones are in the order in which requests try them: the highest first. */
export function free_area_init({ idleTasks = 0, ...memory }: MemorySize): Node {
  const most = idleTasksMax(memory);
  const beside = `beside ${memory.cpuCount} CPUs`;
  assert(idleTasks <= most, `no memory for ${idleTasks} idle tasks ${beside}, only for ${most}`);
  const plans = planZones(memory);
  const home = roomiest(plans);
  const tasks = idleTasks + TASKS_PER_CPU * memory.cpuCount;
  const taken = Math.max(0, tasks - TASKS_RESERVED) * PAGES_PER_TASK;
  return new Node(
    plans.map((plan) => {
      const reservedPages = plan.reservedPages + (plan === home ? taken : 0);
      return new Zone({ ...plan, reservedPages });
    }),
  );
}

/**
 * How many idle threads a machine has memory for, if half of a zone is to be left for others.
 * Negative where there is not even enough for its CPUs, see {@link cpusMax}.
 */
export function idleTasksMax(memory: Omit<MemorySize, 'idleTasks'>): number {
  return tasksMax(memory) - TASKS_PER_CPU * memory.cpuCount;
}

/** How many CPUs a machine has memory for, under the same condition. */
export function cpusMax(memory: Pick<MemorySize, 'ramBytes' | 'zoneDma'>): number {
  return Math.floor(tasksMax(memory) / TASKS_PER_CPU);
}

function tasksMax(memory: Pick<MemorySize, 'ramBytes' | 'zoneDma'>): number {
  const room = pagesFor(roomiest(planZones(memory)));
  return TASKS_RESERVED + Math.max(0, Math.floor(room / 2 / PAGES_PER_TASK));
}

/** The zone that threads beyond {@link TASKS_RESERVED} are kept in. */
function roomiest(plans: readonly ZonePlan[]): ZonePlan {
  return plans.reduce((most, plan) => (pagesFor(plan) > pagesFor(most) ? plan : most));
}

/** Pages that the zone would manage. */
function pagesFor({ startPfn, endPfn, reservedPages }: ZonePlan): number {
  return endPfn - startPfn - reservedPages;
}

function planZones({ ramBytes, zoneDma }: Pick<MemorySize, 'ramBytes' | 'zoneDma'>): ZonePlan[] {
  const endPfn = ramBytes / 2 ** PAGE_SHIFT;
  assert(endPfn > 2 * DMA_END_PFN, 'too little RAM for a kernel');
  const zones = [
    {
      name: 'DMA32',
      startPfn: zoneDma ? DMA_END_PFN : 0,
      endPfn: Math.min(endPfn, DMA32_END_PFN),
      reserved: KERNEL_RESERVED_PAGES + (zoneDma ? 0 : FIRMWARE_PAGES),
    },
  ];
  if (zoneDma) {
    zones.push({ name: 'DMA', startPfn: 0, endPfn: DMA_END_PFN, reserved: FIRMWARE_PAGES });
  }
  if (endPfn > DMA32_END_PFN) {
    zones.unshift({ name: 'Normal', startPfn: DMA32_END_PFN, endPfn, reserved: 0 });
  }
  // memmap_init(): the struct pages of a zone lie in the zone itself; those of ZONE_DMA do not.
  return zones.map(({ reserved, ...range }) => {
    const { startPfn, name } = range;
    const spanned = range.endPfn - (name === 'DMA32' ? 0 : startPfn);
    const structPages = name === 'DMA' ? 0 : Math.ceil(spanned / STRUCT_PAGE_SHARE);
    return { ...range, reservedPages: reserved + structPages };
  });
}
