// Reads what the verdict needs and judges it.

import { readMemalloc } from '../kernel/memalloc-report.ts';
import { readSystem } from '../kernel/system.ts';
import { judge, type TriageResult } from './verdict.ts';

/** A vmcore as kernel/ takes it; triage reads through kernel/ alone. */
type Vmcore = Parameters<typeof readMemalloc>[0];

/** The verdict on one dump. */
export function triage(vmcore: Vmcore): TriageResult {
  return judge(readMemalloc(vmcore), readSystem(vmcore));
}
