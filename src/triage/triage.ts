// Reads what the verdict needs and judges it.

import type { Jiffies } from '../kernel/jiffies.ts';
import { readMemalloc, type MemallocResult } from '../kernel/memalloc-report.ts';
import { readSystem } from '../kernel/system.ts';
import { judge, type TriageResult } from './verdict.ts';

/** A vmcore as kernel/ takes it; triage reads through kernel/ alone. */
type Vmcore = Parameters<typeof readMemalloc>[0];

/** How to judge. */
export type TriageOptions = Pick<NonNullable<Parameters<typeof readMemalloc>[1]>, 'timeoutSeconds'>;

/** The verdict on one dump. */
export function triage(vmcore: Vmcore, options: TriageOptions = {}): TriageResult {
  const memalloc = readMemalloc(vmcore, options);
  return judge(memalloc, readSystem(vmcore, { clock: clockOf(memalloc) }));
}

/** The time that the records were held against. */
function clockOf({ jiffies, hz, hzSource }: MemallocResult): Jiffies | undefined {
  return jiffies === undefined ? undefined : { jiffies: BigInt(jiffies), hz, hzSource };
}
