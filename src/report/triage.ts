// The verdict as text: the sentence first, then what it rests on.

import type { TriageResult } from '../triage/verdict.ts';
import { isPartial, memallocLines } from './memalloc.ts';
import { describeSystem } from './system.ts';

/** The whole answer, a screen for one culprit. */
export function triageText(result: TriageResult): string {
  const { verdict, memalloc, machine } = result;
  const lines = [
    verdict.sentence,
    `(${describeSystem(machine)})`,
    '',
    'What this rests on:',
    ...verdict.evidence.map(({ fact, verb }) => `  - ${fact}  [stallcore ${verb}]`),
  ];
  if (memalloc.record !== undefined && !memalloc.record.silent) {
    const asFar = isPartial(memalloc) ? ', as far as tasks could be read' : '';
    lines.push('', `What kmallocwd would have printed at this instant${asFar}:`);
    lines.push(
      ...memallocLines(memalloc)
        .trimEnd()
        .split('\n')
        .map((line) => `  ${line}`),
    );
  }
  if (verdict.missing.length > 0) {
    lines.push('', 'Not known:', ...verdict.missing.map((what) => `  - ${what}`));
  }
  return `${lines.join('\n')}\n`;
}
