// The first sentence of an answer: whether the machine is stuck, what is certain of it, and then
// what may be the reason.

import type { Diagnosis } from '../util/diagnosis.ts';
import type { Finding } from './finding.ts';
import type { Verdict } from './verdict.ts';

/** Kinds that are likely of a machine that gets on alone. */
const SLOW: readonly Diagnosis[] = ['D10', 'D13'];

/**
 * The sentence of a verdict with what was found. Of a finding that is no more than possible the
 * requests come first, of which it is known that they wait, and for how long.
 */
export function headline({ class: found, lead }: Verdict, finding: Finding): string {
  const { confidence, diagnosis, sentence } = finding;
  if (diagnosis === 'D14') return sentence;
  if (SLOW.includes(diagnosis) && confidence !== 'possible') {
    return `Probably slow and not stuck: ${sentence}`;
  }
  if (confidence === 'certain') return `Stuck: ${sentence}`;
  if (confidence === 'likely') return `Probably stuck: ${sentence}`;
  const isKnown = found !== 'unknown';
  const begin = isKnown ? 'Stuck, or very slow' : 'Not known to be stuck';
  // That requests wait is all that an overload says: no cause, and certain.
  if (diagnosis === 'D13') return `${begin}: ${sentence}`;
  const cause = isKnown ? 'Possible cause' : 'Possible cause if it is';
  return `${begin}${lead === undefined ? '' : `: ${lead}`}. ${cause}: ${sentence}`;
}
