// What a scenario needs of its kernel, held against what a kernel has.

import type { Features, Scenario } from './scenario.ts';

/**
 * Features that the scenario's stall cannot do without, and that a kernel has otherwise. What `has`
 * does not name is as the scenario needs it.
 */
export function lackedFeatures(scenario: Scenario, has: Features): (keyof Features)[] {
  const { features = {} } = scenario;
  const needed = scenario.requires ?? (Object.keys(features) as (keyof Features)[]);
  return needed.filter((name) => name in has && has[name] !== features[name]);
}

/** What is there, or is not: the features that scenarios need, in words. */
const WORDS: Partial<Record<keyof Features, string>> = {
  activatesDirty: 'what becomes of dirty pages that reclaim meets',
  balloonAllocatesUnderLock: 'whether the balloon takes pages under its lock',
  blockingShrinker: "whether the file system's shrinker waits for the journal",
  cdrom: 'whether there is a CD-ROM drive',
  consoleUs: 'the speed of the console',
  dirtyRatio: 'vm.dirty_ratio',
  endlessIsolation: 'for how long too_many_isolated() may wait',
  exitingBlocksOomKiller: 'whether the OOM killer waits for exiting tasks',
  exitingUsesReserves: 'whether exiting tasks may use the reserves',
  kswapdGivesUp: 'whether kswapd gives up',
  memcgOomAtFault: "when a cgroup's OOM killer runs",
  memcgWaitsOnWriteback: "whether reclaim for a cgroup's limit waits for writeback",
  nofailInvokesOom: 'whether __GFP_NOFAIL has somebody killed',
  oomNeedsFs: 'whether requests without __GFP_FS reach out_of_memory()',
  oomReaper: 'whether there is an OOM reaper',
  oomReaperDelay: 'when the OOM reaper comes',
  cascadingTimers: 'how exact timers are',
  consoleHandover: 'whether who prints can hand the console over',
  drainsByWork: 'who empties the per-CPU lists',
  faultsAvoidFs: 'whether page faults may enter the file system',
  killableMmapLock: 'whether a wait for mmap_lock can be killed',
  lessThrottleMargin: 'how much more PF_LESS_THROTTLE allows',
  oomPrefersChildren: 'whether a child is killed in the place of its parent',
  reservesByThread: 'which threads of a victim may use the reserves',
  retriesWhileReclaimable: 'what counts as progress of reclaim',
  sharedBioSet: 'whether a stacked driver shares fs_bio_set',
  skipsUnreapable: 'whether another victim is chosen when the reaper fails',
  throttleVmWriteout: 'whether throttle_vm_writeout() throttles reclaim',
  vmapStack: 'what kernel stacks are made of',
  workerSleeps: 'whether a kworker sleeps between attempts',
};

/** A feature for people; its own name where no scenario needs it. */
export function featureWords(name: string): string {
  return (WORDS as Readonly<Record<string, string>>)[name] ?? name;
}
