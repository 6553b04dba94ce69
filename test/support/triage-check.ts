// What triage says of a simulated dump, held against what became of that machine.

import assert from 'node:assert/strict';
import type { Ledger } from '../../src/sim/ledger.ts';
import type { Vmcore } from '../../src/target/vmcore.ts';
import { diagnose } from '../../src/triage/diagnose.ts';
import type { Finding } from '../../src/triage/finding.ts';
import { gatherFacts } from '../../src/triage/gather.ts';

/** The best finding, D14 where there is none. */
export function triagedAs(findings: readonly Finding[]): string {
  return findings[0]?.diagnosis ?? 'D14';
}

/** What triage says, and of how many requests that were overdue at the dump. */
export interface TriageCheck {
  /** {@link triagedAs} */
  readonly triaged: string;
  /** `-` where nothing was found. */
  readonly confidence: string;
  readonly overdue: number;
}

type Truth = Ledger['truth'];

/** What is no stall: a second look would have shown everybody moving. */
export const NO_STALL: readonly string[] = ['D13', 'D14'];

/**
 * Where those who must move first are named and it is more than possible, one of them is in the
 * circle that nothing moved in. A certain finding of a circle names them.
 */
function checkCulprits({ confidence, culprits, sentence }: Finding, { cycle }: Truth): void {
  if (confidence === 'possible' || cycle.length === 0) return;
  const inCycle = new Set(cycle.flatMap(({ pid, onPid }) => [pid, onPid]));
  const isOne =
    culprits.length === 0 ? confidence !== 'certain' : culprits.some((pid) => inCycle.has(pid));
  assert.ok(
    isOne,
    `${[...inCycle].join()} wait in a circle, triage: ${culprits.join()} ${sentence}`,
  );
}

/**
 * Of a scenario on a kernel that can stall so the diagnosis is the ledger's. Of any other run
 * nothing is certain of a machine that got on, no machine that hung with a request overdue is
 * said to be well, and what is certain names somebody of the circle, by whatever name.
 *
 * @returns what triage says
 */
export function checkTriage(vmcore: Vmcore, { truth, expected, counts }: Ledger): TriageCheck {
  const facts = gatherFacts(vmcore);
  const findings = diagnose(facts);
  const hasRecords = facts.memalloc.record !== undefined;
  const found = triagedAs(findings);
  const [best] = findings;
  const about = `the ledger has ${truth.diagnosis}, triage: ${best?.confidence} ${best?.sentence}`;
  if (expected?.lacks.length === 0 && (hasRecords || !NO_STALL.includes(truth.diagnosis))) {
    assert.equal(found, truth.diagnosis, about);
  } else if (NO_STALL.includes(truth.diagnosis))
    assert.notEqual(best?.confidence, 'certain', about);
  else if ((counts.stalling ?? 0) > 0) assert.notEqual(found, 'D14', about);
  const isSure = best?.confidence === 'certain' && truth.diagnosis !== 'unknown';
  if (best !== undefined && (isSure || found === truth.diagnosis)) checkCulprits(best, truth);
  return { triaged: found, confidence: best?.confidence ?? '-', overdue: counts.stalling ?? 0 };
}
