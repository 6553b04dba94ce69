// Wait queues and mempools as plain data for image/: who sleeps on which.

import type { Flavour } from './flavour/flavour.ts';
import type { MempoolFacts, QueueFacts, WaitQueueFacts } from './image/queue-facts.ts';
import type { Kernel } from './core/kernel.ts';
import type { WaitQueue } from './kernel/wait.ts';
import type { Mempool } from './mm/mempool.ts';

/** Each variable that a kernel may have, with the queues of the simulation that it stands for. */
const VARIABLES: Readonly<Record<string, (k: Kernel) => readonly (readonly WaitQueue[])[]>> = {
  // BLK_RW_ASYNC, BLK_RW_SYNC. Reclaim, which has queues of its own since, slept there too.
  congestion_wqh: ({ congestion, reclaimWait }) => [
    [congestion.wait, ...Object.values(reclaimWait)],
    [],
  ],
  memcg_oom_waitq: ({ memcgs }) => [[memcgs.oomWait]],
  oom_reaper_wait: ({ oomReaperWait }) => [[oomReaperWait]],
};

/** What the image of this kernel has of them, beside the queues of the node. */
export function queueFacts(k: Kernel, { image }: Flavour): QueueFacts {
  return {
    waitQueues: image.waitQueues.map((symbol): WaitQueueFacts => {
      const elements = VARIABLES[symbol]?.(k) ?? [];
      return { symbol, waiterPids: elements.map((queues) => queues.flatMap(pidsOn)) };
    }),
    mempools: k.mempools.map((pool) => mempoolFacts(k, pool)),
  };
}

/** The queues that the image has: those who sleep on others have no entry on their stacks. */
export function queuesInImage(k: Kernel, { image }: Flavour): ReadonlySet<WaitQueue> {
  const { kswapdWait, pfmemallocWait, reclaimWait } = k;
  const queues = new Set([pfmemallocWait, ...Object.values(reclaimWait)]);
  if (kswapdWait !== undefined) queues.add(kswapdWait);
  for (const { wait } of k.mempools) queues.add(wait);
  for (const symbol of image.waitQueues) {
    for (const queue of VARIABLES[symbol]?.(k).flat() ?? []) queues.add(queue);
  }
  return queues;
}

function mempoolFacts(k: Kernel, pool: Mempool): MempoolFacts {
  const { name, minNr, currNr, wait } = pool;
  const alloc = k.words.functionName(pool.source.alloc.name);
  return {
    name,
    minNr,
    currNr,
    ...(pool === k.fsBioSet.pool ? { bioSet: 'fs_bio_set' } : {}),
    ...(alloc !== undefined && k.functions.has(alloc) ? { alloc } : {}),
    waiterPids: pidsOn(wait),
  };
}

function pidsOn({ tasks }: WaitQueue): number[] {
  return tasks.map(({ pid }) => pid);
}
