// Wait queues that are no part of the node, and the mempools that some of them belong to, as plain
// data. The part of MachineFacts that queues.ts writes.

/** A variable of the kernel: an array of wait_queue_head, or one alone. */
export interface WaitQueueFacts {
  readonly symbol: string;
  /** By element: who sleeps there, the first that came first. */
  readonly waiterPids: readonly (readonly number[])[];
}

/** struct mempool_s. */
export interface MempoolFacts {
  /** What it is for. */
  readonly name: string;
  /** The variable that is the bio_set which the pool is a part of. */
  readonly bioSet?: string;
  /** Elements of a full reserve, and those that are in it. */
  readonly minNr: number;
  readonly currNr: number;
  /** pool->alloc, if the function was ever called. */
  readonly alloc?: string;
  /** Who sleeps until an element comes back. */
  readonly waiterPids: readonly number[];
}

/** All of them. */
export interface QueueFacts {
  readonly waitQueues: readonly WaitQueueFacts[];
  readonly mempools: readonly MempoolFacts[];
}
