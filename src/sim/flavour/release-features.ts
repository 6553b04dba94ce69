// Which stalls a kernel can have is a matter of its release: what the code of a flavour does and
// does not do, by the releases that core/options.ts names at each feature.

import type { KernelFeatures } from '../core/options.ts';

/** What a build or a machine decides, and no release: disks, drivers, boot parameters. */
type MachineFeature =
  'blockingShrinker' | 'dirtyRatio' | 'sharedBioSet' | 'consoleUs' | 'zoneDma' | 'cdrom';

/** Features that come with a release, or go with one. */
export type ReleaseFeatures = Omit<KernelFeatures, MachineFeature>;

/** Linux 4.4. */
export const FEATURES_4_4: ReleaseFeatures = {
  oomReaper: false,
  oomReaperDelay: 0,
  skipsUnreapable: false,
  exitingBlocksOomKiller: true,
  exitingUsesReserves: true,
  balloonAllocatesUnderLock: true,
  nofailInvokesOom: true,
  oomNeedsFs: true,
  kswapdGivesUp: false,
  activatesDirty: false,
  endlessIsolation: true,
  memcgOomAtFault: true,
  memcgWaitsOnWriteback: false,
  throttleVmWriteout: true,
  vmapStack: false,
  retriesWhileReclaimable: true,
  workerSleeps: false,
  reservesByThread: true,
  oomPrefersChildren: true,
  killableMmapLock: false,
  faultsAvoidFs: true,
  cascadingTimers: true,
  consoleHandover: false,
  lessThrottleMargin: false,
  drainsByWork: false,
};

/** Linux 6.1. */
export const FEATURES_6_1: ReleaseFeatures = {
  oomReaper: true,
  oomReaperDelay: 2,
  skipsUnreapable: true,
  exitingBlocksOomKiller: false,
  exitingUsesReserves: false,
  balloonAllocatesUnderLock: false,
  nofailInvokesOom: false,
  oomNeedsFs: false,
  kswapdGivesUp: true,
  activatesDirty: true,
  endlessIsolation: false,
  memcgOomAtFault: false,
  memcgWaitsOnWriteback: false,
  throttleVmWriteout: false,
  vmapStack: true,
  retriesWhileReclaimable: false,
  workerSleeps: true,
  reservesByThread: false,
  oomPrefersChildren: false,
  killableMmapLock: true,
  faultsAvoidFs: false,
  cascadingTimers: false,
  consoleHandover: true,
  lessThrottleMargin: true,
  drainsByWork: false,
};
