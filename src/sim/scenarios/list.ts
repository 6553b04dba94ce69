// All scenarios, in the order of `simulate --list`.

import type { Scenario } from '../scenario.ts';
import { BIO_POOL_EMPTY } from './bio-pool-empty.ts';
import { EXITING_TASK } from './exiting-task.ts';
import { DM_CRYPT_THROTTLED } from './dm-crypt-throttled.ts';
import { KWORKER_HOLDS_VMSTAT } from './kworker-holds-vmstat.ts';
import { LEAK_THEN_RECOVER } from './leak-then-recover.ts';
import { MEMCG_OOM } from './memcg-oom.ts';
import { MEMCG_WRITEBACK } from './memcg-writeback.ts';
import { NOFS_ONLY } from './nofs-only.ts';
import { BALLOON_DEADLOCK } from './balloon-deadlock.ts';
import { OOM_LOCK_STARVED } from './oom-lock-starved.ts';
import { REAPER_DEFEATED } from './reaper-defeated.ts';
import { RESERVES_DEPLETED } from './reserves-depleted.ts';
import { OOM_VICTIM_MUTEX } from './oom-victim-mutex.ts';
import { OVERLOAD } from './overload.ts';
import { QUIET } from './quiet.ts';
import { RANDOM } from './random.ts';
import { SEED_000 } from './seed-000.ts';
import { SEED_001 } from './seed-001.ts';
import { TOO_MANY_ISOLATED } from './too-many-isolated.ts';

/** By the order of their diagnoses. */
export const SCENARIOS: readonly Scenario[] = [
  TOO_MANY_ISOLATED,
  NOFS_ONLY,
  OOM_VICTIM_MUTEX,
  SEED_000,
  SEED_001,
  REAPER_DEFEATED,
  EXITING_TASK,
  KWORKER_HOLDS_VMSTAT,
  RESERVES_DEPLETED,
  OOM_LOCK_STARVED,
  BALLOON_DEADLOCK,
  BIO_POOL_EMPTY,
  DM_CRYPT_THROTTLED,
  OVERLOAD,
  QUIET,
  LEAK_THEN_RECOVER,
  MEMCG_OOM,
  MEMCG_WRITEBACK,
  RANDOM,
];

/** @returns undefined if there is none of that name */
export function findScenario(name: string): Scenario | undefined {
  return SCENARIOS.find((scenario) => scenario.name === name);
}
