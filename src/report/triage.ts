// The verdict as text: the sentence first, then what it rests on.

import type { Evidence, TriageResult } from '../triage/verdict.ts';
import { isPartial, memallocLines } from './memalloc.ts';
import { describeSystem } from './system.ts';
import { wrapWords } from './wrap.ts';

/**
 * The whole answer, a screen for one culprit.
 *
 * @param width columns that prose is broken into; lines of the kernel stay whole
 */
export function triageText(result: TriageResult, width = Infinity): string {
  const { verdict, memalloc, machine } = result;
  const item = (text: string): string[] => wrapItem(`  - ${text}`, width);
  const lines = [
    ...wrapWords(verdict.sentence, width),
    ...wrapWords(`(${describeSystem(machine)})`, width),
    '',
    'What this rests on:',
    ...verdict.evidence.flatMap((each) => evidenceLines(each, width)),
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
    lines.push('', 'Not known:', ...verdict.missing.flatMap(item));
  }
  return `${lines.join('\n')}\n`;
}

function evidenceLines({ fact, verb, details }: Evidence, width: number): string[] {
  const colon = details === undefined ? '' : ':';
  return [
    ...wrapItem(`  - ${fact}${colon}  [stallcore ${verb}]`, width),
    ...(details ?? []).map((detail) => `      ${detail}`),
  ];
}

/** The lines of one item of a list stand below its first word. */
function wrapItem(text: string, width: number): string[] {
  return wrapWords(text.trimStart(), width - 2, '  ').map((line) => `  ${line}`);
}
