// All scenarios, in the order of `simulate --list`.

import type { Scenario } from '../scenario.ts';
import { OOM_VICTIM_MUTEX } from './oom-victim-mutex.ts';

/** By the order of their diagnoses. */
export const SCENARIOS: readonly Scenario[] = [OOM_VICTIM_MUTEX];

/** @returns undefined if there is none of that name */
export function findScenario(name: string): Scenario | undefined {
  return SCENARIOS.find((scenario) => scenario.name === name);
}
