// What a machine suffered until now, for whoever compares remedies: requests that failed, tasks
// that died of one, and how often somebody had to reclaim for itself.

/** A task that SIGBUS killed. */
export interface SigbusDeath {
  readonly pid: number;
  readonly comm: string;
  /** -1000 for who was to be spared: seed 003 calls the setting useless then. */
  readonly oomScoreAdj: number;
}

/** Counters of one machine. */
export class Harm {
  /** Requests that got no page although their callers had not asked to be told quietly. */
  failedAllocs = 0;
  readonly sigbus: SigbusDeath[] = [];
  /** vm_event ALLOCSTALL: how often direct reclaim was entered. */
  allocStalls = 0;
  /** The highest limit, in pages under writeback, at which throttle_vm_writeout() held somebody. */
  throttleLimitMax = 0;
  /** How often it held somebody who had PF_LESS_THROTTLE. */
  lessThrottleHolds = 0;
  /** How often a victim was chosen that had been chosen before, as SysRq-f may. */
  chosenAgain = 0;
  /** Victims that were given up for others: see {@link file://./oom-timeout.ts}. */
  overdueVictims = 0;
}
