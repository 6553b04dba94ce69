// The state of memory as plain data: zones with their free lists, LRU lists of the node, who has
// which page. The part of MachineFacts that zones.ts, node.ts and mem-map.ts write.

/** Zones of x86-64 by the name that `zone->name` has; the lowest memory first. */
export const ZONE_NAMES = ['DMA', 'DMA32', 'Normal', 'Movable', 'Device'] as const;
/** One of them. */
export type ZoneName = (typeof ZONE_NAMES)[number];

/** struct per_cpu_pages of one CPU and one zone. */
export interface PerCpuPagesFacts {
  readonly count: number;
  readonly high: number;
  readonly batch: number;
  /** Starts of blocks by order, the next to be taken first. */
  readonly lists: readonly (readonly number[])[];
}

/** One counter of a zone or node (mm/vmstat.c). */
export interface CounterFacts {
  /** `vm_stat`: what everybody sees. */
  readonly folded: number;
  /** `vm_stat_diff` by CPU: what each has not folded in yet; absent where all of it is. */
  readonly diffs?: readonly number[];
}

/** struct zone of a zone that has memory. Numbers are pages. */
export interface ZoneFacts {
  readonly name: ZoneName;
  readonly startPfn: number;
  readonly spannedPages: number;
  readonly managedPages: number;
  readonly watermark: { readonly min: number; readonly low: number; readonly high: number };
  readonly watermarkBoost: number;
  /** lowmem_reserve[], of the zones above it that have memory. */
  readonly lowmemReserve: Readonly<Partial<Record<ZoneName, number>>>;
  /** By enum zone_stat_item. */
  readonly counters: Readonly<Record<string, CounterFacts>>;
  /** What zones counted up to Linux 4.7, and nodes do since; none unless told. */
  readonly formerCounters?: Readonly<Record<string, CounterFacts>>;
  /** Starts of free blocks by order, the next to be taken first. */
  readonly free: readonly (readonly number[])[];
  /** By CPU. */
  readonly pcp: readonly PerCpuPagesFacts[];
  /** ZONE_RECLAIM_ACTIVE */
  readonly isReclaimActive: boolean;
  /** compact_considered, compact_defer_shift, compact_order_failed */
  readonly compactDefer: {
    readonly considered: number;
    readonly shift: number;
    readonly orderFailed: number;
  };
}

/** A page that somebody uses, beside those of the kernel image and its structures. */
export interface PageFacts {
  readonly pfn: number;
  readonly order: number;
  /** Users' pages and pages of files lie on LRU lists; the kernel keeps the others for itself. */
  readonly kind: 'anonymous' | 'file' | 'kernel';
  /** Index into enum lru_list; undefined while it is isolated, and for the kernel's. */
  readonly lru?: number;
  /** PG_* that are set besides those that its kind and list give. */
  readonly flags: readonly ('dirty' | 'writeback' | 'referenced' | 'reclaim' | 'locked')[];
  /** tgid of the process that maps it. */
  readonly tgid?: number;
  /** It is in the swap cache (PG_swapcache), for this page of the only device. */
  readonly swapSlot?: number;
}

/** Who sleeps on a wait queue of the node, in its order. */
export interface NodeWaiters {
  readonly kswapd: readonly number[];
  readonly pfmemalloc: readonly number[];
  /** By enum vmscan_throttle_state. */
  readonly reclaim: readonly (readonly number[])[];
}

/** struct pglist_data of the only node. */
export interface NodeFacts {
  /** By enum node_stat_item. */
  readonly counters: Readonly<Record<string, CounterFacts>>;
  readonly kswapdPid: number | undefined;
  readonly kswapdFailures: number;
  readonly kswapdOrder: number;
  /** LRU lists by enum lru_list: pfns, the most recent first. */
  readonly lru: readonly (readonly number[])[];
  readonly waiters: NodeWaiters;
}

/** struct swap_info_struct of the only swap device. Numbers are pages. */
export interface SwapFacts {
  readonly pages: number;
  readonly freePages: number;
}

/** All of it. */
export interface MemoryFacts {
  /** The lowest first. */
  readonly zones: readonly ZoneFacts[];
  readonly node: NodeFacts;
  /** Ascending. */
  readonly pages: readonly PageFacts[];
  /** Page frames that the kernel took at boot: image, struct pages, slabs and stacks lie there. */
  readonly kernel: readonly { readonly startPfn: number; readonly endPfn: number }[];
  readonly minFreeKbytes: number;
  /** None unless told. */
  readonly swap?: SwapFacts;
  /** vm_event_states, all CPUs added up: enum vm_event_item → how often. */
  readonly events: Readonly<Record<string, number>>;
}
