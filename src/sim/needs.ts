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
