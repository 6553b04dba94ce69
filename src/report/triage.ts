// The verdict as text: the sentence first, then what it rests on.

import type { TriageAnswer } from '../triage/triage.ts';
import type { Evidence } from '../triage/verdict.ts';
import { certaintyText, otherFindings, stackLines } from './finding.ts';
import { isPartial, memallocLines } from './memalloc.ts';
import { describeSystem } from './system.ts';
import { wrapWords } from './wrap.ts';

/** How the answer is laid out. */
export interface TriageLayout {
  /** Columns that prose is broken into; lines of the kernel and stacks stay whole. */
  readonly width?: number;
  /** All stacks and findings; else a screen for one culprit. */
  readonly full?: boolean;
}

/** The whole answer, the verdict first. */
export function triageText(result: TriageAnswer, layout: TriageLayout = {}): string {
  const { width = Infinity, full = false } = layout;
  const { verdict, machine, findings } = result;
  const [best, ...others] = findings;
  const isNamed = best !== undefined && verdict.since !== undefined;
  const evidence = isNamed ? [...best.evidence, ...verdict.evidence] : verdict.evidence;
  const missing = [...(isNamed ? best.missing : []), ...verdict.missing];
  const against = isNamed ? best.against : [];
  return [
    ...wrapWords(verdict.sentence, width),
    ...(isNamed ? wrapWords(certaintyText(best), width) : []),
    ...(verdict.since === undefined ? [] : ['', ...wrapWords(verdict.since, width)]),
    ...wrapWords(`(${describeSystem(machine)})`, width),
    '',
    'What this rests on:',
    ...evidence.flatMap((each) => evidenceLines(each, width)),
    ...part('What speaks against it:', items(against, width)),
    ...part('What could be done:', isNamed ? items([best.next], width) : []),
    ...part('Stacks that matter:', stackPart(result, { width, full })),
    ...part('It could also be:', otherFindings(isNamed ? others : findings)),
    ...watchdogLines(result, full),
    ...part('Not known:', items(missing, width)),
  ]
    .map((line) => `${line}\n`)
    .join('');
}

/** Lines below a heading, and nothing where there are none. */
function part(heading: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', heading, ...lines];
}

function items(texts: readonly string[], width: number): string[] {
  return texts.flatMap((text) => wrapItem(`  - ${text}`, width));
}

function stackPart(
  { stacks }: TriageAnswer,
  { width, full }: { width: number; full: boolean },
): string[] {
  const lines = stackLines(stacks, { full });
  return full ? lines : lines.flatMap((line) => wrapItem(line, width));
}

/** Lines of the watchdog that fit on a screen with the rest. */
const LINES_SHOWN = 8;

function watchdogLines({ memalloc }: TriageAnswer, full: boolean): string[] {
  if (memalloc.record === undefined || memalloc.record.silent) return [];
  const asFar = isPartial(memalloc) ? ', as far as tasks could be read' : '';
  const all = memallocLines(memalloc).trimEnd().split('\n');
  const shown = full ? all : all.slice(0, LINES_SHOWN);
  const more = all.length - shown.length;
  return [
    '',
    `What kmallocwd would have printed at this instant${asFar}:`,
    ...shown.map((line) => `  ${line}`),
    ...(more > 0 ? [`  and ${more} more lines  [stallcore memalloc]`] : []),
  ];
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
