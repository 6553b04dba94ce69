// What the seeds say that becomes of a machine, each with the runs that show whether it does. The
// sentences are the seeds' own, shortened; a verdict looks at what the runs gave and at nothing
// else.

import type { RemedyRun } from '../../src/sim/remedies/compare.ts';
import type { Scenario } from '../../src/sim/scenario.ts';
import { NOFS_ONLY } from '../../src/sim/scenarios/nofs-only.ts';
import { OOM_VICTIM_MUTEX } from '../../src/sim/scenarios/oom-victim-mutex.ts';
import { OVERLOAD } from '../../src/sim/scenarios/overload.ts';
import { REAPER_DEFEATED } from '../../src/sim/scenarios/reaper-defeated.ts';
import { TOO_MANY_ISOLATED } from '../../src/sim/scenarios/too-many-isolated.ts';
import {
  SLOW_FSYNC,
  SLOW_TABS,
  VICTIM_AND_SYSRQ_F,
  VICTIM_AND_SYSRQ_F_NO_CDROM,
} from './remedy-scenarios.ts';

/** A scenario with a remedy, or with none. */
export interface PredictedRun {
  readonly scenario: Scenario;
  readonly remedy?: string;
  /** 1 unless told. */
  readonly seed?: number;
}

/** Whom SIGBUS meets depends on who faults when memory is gone. */
const SSHD_FAULTS = { scenario: SLOW_FSYNC, seed: 8 };
const INIT_FAULTS = { scenario: SLOW_FSYNC, seed: 9 };

/** The worker for the CD-ROM drive is in the allocator when the key is given. */
const WORKER_ASKS = { scenario: VICTIM_AND_SYSRQ_F, seed: 2 };

/** One sentence. */
export interface Prediction {
  readonly seed: '002' | '003' | '004';
  readonly sentence: string;
  readonly runs: readonly PredictedRun[];
  /** Whether the runs, in their order, bear the sentence out. */
  readonly holds: (...runs: readonly RemedyRun[]) => boolean;
  /** What was compared and cannot be seen in the runs, as another model would have it too. */
  readonly relation?: (...runs: readonly RemedyRun[]) => string;
  /** Why they do not, where they do not. */
  readonly why?: Reason;
}

/** Why a sentence is not borne out. */
export interface Reason {
  readonly says: string;
  /** Whether the runs bear the reason out: else it is none. */
  readonly isSo: (...runs: readonly RemedyRun[]) => boolean;
}

const hangs = ({ recoveredSeconds, panic }: RemedyRun): boolean =>
  recoveredSeconds === undefined && panic === undefined;
const recovers = ({ recoveredSeconds, hung }: RemedyRun): boolean =>
  recoveredSeconds !== undefined && hung === 0;
/** At least twice as fast. */
const isFaster = (before: RemedyRun, after: RemedyRun): boolean =>
  after.longestSeconds * 2 < before.longestSeconds;

/** A part of SLOW_TABS' 64 MiB, in pages of 4 KiB; vm.dirty_ratio=20 of all of it were 12.8 MiB. */
const LIMIT_PAGES = 384;

const LIMIT_OF_LITTLE: Reason = {
  says:
    'PF_LESS_THROTTLE lifts the limit of throttle_vm_writeout() by a quarter, and who has it is ' +
    'held all the same: the limit is a part of what can be dirtied, free memory and page ' +
    'cache, and anonymous memory has taken both. Of 64 MiB it was at no time as much as 1.5 ' +
    'MiB, the quarter included.',
  isSo: (_, run) => run.lessThrottleHolds > 0 && run.throttleLimitMax < LIMIT_PAGES,
};

/** In words, so that it holds for every model that comes to the same. */
const relate =
  (what: string, of: (run: RemedyRun) => number) =>
  (before: RemedyRun, after: RemedyRun): string => {
    const [first, second] = [of(before), of(after)];
    if (second > first) return `${what}: more than without`;
    if (second * 2 < first) return `${what}: less than half of it without`;
    return `${what}: ${second < first ? 'less than' : 'as much as'} without`;
  };
const longest = relate('the longest request', ({ longestSeconds }) => longestSeconds);

const SEED_003: readonly Omit<Prediction, 'seed'>[] = [
  {
    sentence: 'make it possible to let too_many_isolated() return true forever',
    runs: [{ scenario: TOO_MANY_ISOLATED }],
    holds: (run) => hangs(run) && run.diagnosis === 'D1',
  },
  {
    sentence: 'the memory allocator gives nobody a chance to invoke the OOM killer',
    runs: [{ scenario: NOFS_ONLY }],
    holds: (run) => hangs(run) && run.diagnosis === 'D2' && run.oomKills === 0,
  },
  {
    sentence: 'a thread which is blocking an OOM victim can fall into infinite loop',
    runs: [{ scenario: OOM_VICTIM_MUTEX }],
    holds: (run) => hangs(run) && run.diagnosis === 'D3' && run.oomKills === 1,
  },
  {
    sentence:
      '/usr/sbin/sshd will be stalling forever inside allocation requests (e.g. page faults)',
    runs: [{ scenario: OOM_VICTIM_MUTEX }],
    holds: ({ protectedHung }) => protectedHung.includes('sshd'),
  },
  {
    sentence:
      'impossible to trigger SysRq-f [...] due to "workqueue being fallen into infinite loop ' +
      'inside the memory allocator"',
    runs: [WORKER_ASKS],
    holds: (run) => hangs(run) && run.oomKills === 1 && run.chosenAgain === 0,
  },
  {
    sentence: 'SysRq-f choosing an OOM victim which already got TIF_MEMDIE flag and got stuck',
    runs: [{ scenario: VICTIM_AND_SYSRQ_F_NO_CDROM }],
    holds: (run) => hangs(run) && run.oomKills === 1 && run.chosenAgain === 1,
  },
  {
    sentence: 'allow small allocation requests to fail in order to avoid lockups',
    runs: [{ scenario: OOM_VICTIM_MUTEX, remedy: 'fail_small_allocs' }],
    holds: (run) => recovers(run) && run.failedAllocs > 0,
  },
  {
    sentence:
      'as long as there are GFP_NOFAIL allocations [it] cannot completely avoid OOM deadlock',
    runs: [{ scenario: REAPER_DEFEATED, remedy: 'fail_small_allocs' }],
    holds: hangs,
  },
  {
    sentence: 'that thread is killed by SIGBUS signal sent from the kernel',
    runs: [SSHD_FAULTS, { ...SSHD_FAULTS, remedy: 'fail_small_allocs' }],
    holds: (none, run) => none.sigbusKills === 0 && run.sigbusKills > 0,
  },
  {
    sentence: '/proc/$pid/oom_score_adj becomes useless',
    runs: [SSHD_FAULTS, { ...SSHD_FAULTS, remedy: 'fail_small_allocs' }],
    holds: (none, run) => none.protectedKilled.length === 0 && run.protectedKilled.includes('sshd'),
  },
  {
    sentence: 'kernel panic triggered by the global init process being killed by SIGBUS signal',
    runs: [INIT_FAULTS, { ...INIT_FAULTS, remedy: 'fail_small_allocs' }],
    holds: (none, run) =>
      none.panic === undefined && run.panic === 'Attempted to kill init! exitcode=0x00000007',
  },
  {
    sentence: 'started to trigger filesystem error actions (remount as read-only ...)',
    runs: [{ scenario: NOFS_ONLY, remedy: 'fail_small_allocs' }],
    holds: ({ readOnly }) => readOnly,
  },
  {
    sentence:
      '[the reserve] will not help if threads which are preventing the OOM victim are doing ' +
      'allocation requests which cannot invoke the OOM killer',
    runs: [{ scenario: OOM_VICTIM_MUTEX, remedy: 'oom_reserve' }],
    holds: hangs,
  },
  {
    sentence:
      'there could be performance impact because direct reclaim is more likely to be invoked',
    runs: [{ scenario: OVERLOAD }, { scenario: OVERLOAD, remedy: 'oom_reserve' }],
    holds: (none, reserve) => reserve.allocStalls > none.allocStalls,
    relation: relate('direct reclaims', ({ allocStalls }) => allocStalls),
  },
  {
    sentence: 'to invoke the OOM killer based on timeout approach',
    runs: [{ scenario: OOM_VICTIM_MUTEX, remedy: 'oom_timeout' }],
    holds: (run) => recovers(run) && run.overdueVictims > 0,
  },
  {
    sentence: 'the second case can happen regardless [...] because the OOM killer is not involved',
    runs: [{ scenario: NOFS_ONLY, remedy: 'oom_timeout' }],
    holds: (run) => hangs(run) && run.oomKills === 0,
  },
];

const SEED_004: readonly Omit<Prediction, 'seed'>[] = [
  {
    sentence:
      'the machine being stuck (it would proabably recover if we waited for ' +
      'extreme amount of time)',
    runs: [{ scenario: SLOW_TABS }],
    holds: (run) => run.diagnosis === 'D10' && run.stalling > 0 && run.hung === 0,
  },
  {
    sentence: 'the right thing to do is to use this flag for the dm_crypt worker',
    runs: [{ scenario: SLOW_TABS }, { scenario: SLOW_TABS, remedy: 'dm_crypt_less_throttle' }],
    holds: (none, run) => isFaster(none, run),
    relation: longest,
    why: LIMIT_OF_LITTLE,
  },
  {
    sentence: 'how about setting PF_LESS_THROTTLE unconditionally inside mempool_alloc',
    runs: [{ scenario: SLOW_TABS }, { scenario: SLOW_TABS, remedy: 'mempool_less_throttle' }],
    holds: (none, run) => isFaster(none, run),
    relation: longest,
    why: LIMIT_OF_LITTLE,
  },
  {
    sentence: 'fail as soon as possible, so that the allocation is tried from mempool reserve',
    runs: [{ scenario: SLOW_TABS }, { scenario: SLOW_TABS, remedy: 'noretry_no_throttle' }],
    holds: (none, run) => isFaster(none, run),
    relation: longest,
  },
  {
    sentence: 'so that mempool allocations never sleep in the allocator',
    runs: [{ scenario: SLOW_TABS }, { scenario: SLOW_TABS, remedy: 'mempool_no_direct_reclaim' }],
    holds: (none, run) => isFaster(none, run),
    relation: longest,
  },
];

const SEED_002: readonly Omit<Prediction, 'seed'>[] = [
  {
    sentence: 'This will significantly save CPU resource [...] wasted by [...] direct reclaim',
    runs: [
      { scenario: OOM_VICTIM_MUTEX },
      { scenario: OOM_VICTIM_MUTEX, remedy: 'no_direct_reclaim' },
    ],
    holds: (none, run) => run.cpuSeconds * 2 < none.cpuSeconds,
    relation: relate('CPU time after the dump', ({ cpuSeconds }) => cpuSeconds),
  },
];

/** In the order of the seeds. */
export const PREDICTIONS: readonly Prediction[] = [
  ...SEED_002.map((each) => ({ seed: '002', ...each }) as const),
  ...SEED_003.map((each) => ({ seed: '003', ...each }) as const),
  ...SEED_004.map((each) => ({ seed: '004', ...each }) as const),
];
