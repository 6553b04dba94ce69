// Workqueues, pools and workers at the instant of the dump, as plain data for workqueues.ts. Works,
// pools and workqueues are numbers in the lists of {@link WorkqueueFacts}.

/** One work that is queued or executed. */
export interface WorkFacts {
  /** Symbol of its function. */
  readonly func: string;
  /** Where it is queued: a workqueue and a pool; undefined for one that is only executed. */
  readonly queued: { readonly wq: number; readonly pool: number } | undefined;
  /** The pool that executed it last, if it is not queued. */
  readonly lastPool: number | undefined;
  readonly isLinked: boolean;
  readonly isInactive: boolean;
}

/** One worker, or a rescuer. */
export interface WorkerFacts {
  readonly pid: number;
  readonly id: number;
  /** WORKER_* */
  readonly flags: number;
  readonly isSleeping: boolean;
  readonly desc: string;
  /** jiffies */
  readonly lastActive: number;
  readonly pool: number | undefined;
  readonly current: { readonly work: number; readonly wq: number } | undefined;
  readonly scheduled: readonly number[];
}

/** One pool. Workers are given by their pid. */
export interface PoolFacts {
  readonly id: number;
  /** Undefined for an unbound pool. */
  readonly cpu: number | undefined;
  readonly nice: number;
  readonly nrRunning: number;
  /** jiffies */
  readonly watchdogTs: number;
  readonly worklist: readonly number[];
  readonly workers: readonly WorkerFacts[];
  readonly idlePids: readonly number[];
  /** Who has a work in hand; a rescuer may be among them. */
  readonly busyPids: readonly number[];
  readonly managerPid: number | undefined;
}

/** A workqueue's share of a pool. */
export interface PoolWorkqueueFacts {
  readonly pool: number;
  readonly refcnt: number;
  readonly nrActive: number;
  readonly nrInFlight: number;
  readonly inactive: readonly number[];
  readonly hasMayday: boolean;
}

/** One workqueue. */
export interface WorkqueueEntry {
  readonly name: string;
  /** WQ_* */
  readonly flags: number;
  readonly maxActive: number;
  /** By CPU, or one for all. */
  readonly pwqs: readonly PoolWorkqueueFacts[];
  readonly rescuer: WorkerFacts | undefined;
}

/** All of them. */
export interface WorkqueueFacts {
  readonly works: readonly WorkFacts[];
  /** By id. */
  readonly pools: readonly PoolFacts[];
  /** In the order of the list `workqueues`. */
  readonly workqueues: readonly WorkqueueEntry[];
}
