import assert from 'node:assert/strict';
import type { Finding } from '../../src/triage/finding.ts';
import { headline } from '../../src/triage/headline.ts';
import type { Verdict } from '../../src/triage/verdict.ts';

const WAITED = '11 tasks have waited for over 10 s, longest oom01(276) for 23.2 s';
const ASK = '5 tasks are in the slow path, none known to be there for 0.1 s yet';

function said(finding: Partial<Finding>, verdict: Partial<Verdict>): string {
  const given = { diagnosis: 'D6', sentence: 'a(1) loops.', ...finding } as Finding;
  return headline(verdict as Verdict, given);
}

describe('headline', () => {
  it('answers first whether the machine is stuck', () => {
    const stalled = { class: 'no-oom-kill', lead: WAITED } as const;
    assert.equal(said({ confidence: 'certain' }, stalled), 'Stuck: a(1) loops.');
    assert.equal(said({ confidence: 'likely' }, stalled), 'Probably stuck: a(1) loops.');
    const slow: Partial<Finding> = { diagnosis: 'D13', sentence: 'The disk is slow.' };
    assert.equal(
      said({ ...slow, confidence: 'likely' }, stalled),
      'Probably slow and not stuck: The disk is slow.',
    );
    assert.match(
      said({ diagnosis: 'D10', confidence: 'likely' }, stalled),
      /^Probably slow and not stuck: /,
    );
    assert.equal(said({ diagnosis: 'D14', confidence: 'certain' }, stalled), 'a(1) loops.');
  });

  it('has what is certain before a cause that is only possible', () => {
    assert.equal(
      said({ confidence: 'possible' }, { class: 'no-oom-kill', lead: WAITED }),
      `Stuck, or very slow: ${WAITED}. Possible cause: a(1) loops.`,
    );
    assert.equal(
      said({ confidence: 'possible', diagnosis: 'D13' }, { class: 'stalled', lead: WAITED }),
      'Stuck, or very slow: a(1) loops.',
    );
  });

  it('does not call a machine stuck, or overloaded, whose requests may be young', () => {
    assert.equal(
      said({ confidence: 'possible' }, { class: 'unknown', lead: ASK }),
      `Not known to be stuck: ${ASK}. Possible cause if it is: a(1) loops.`,
    );
    assert.equal(
      said({ confidence: 'possible' }, { class: 'unknown' }),
      'Not known to be stuck. Possible cause if it is: a(1) loops.',
    );
    assert.equal(
      said({ confidence: 'possible', diagnosis: 'D13' }, { class: 'unknown', lead: ASK }),
      'Not known to be stuck: a(1) loops.',
    );
  });
});
