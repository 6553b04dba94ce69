// The verdict as text: the sentence first, then who waits since when and for whom, then what that
// rests on.

import { memallocFormat } from '../kernel/memalloc-format.ts';
import type { Check } from '../triage/checks.ts';
import { checksOf } from '../triage/checks.ts';
import { memoryState } from '../triage/memory-state.ts';
import type { Finding } from '../triage/finding.ts';
import type { TriageAnswer } from '../triage/triage.ts';
import type { Evidence } from '../triage/verdict.ts';
import { count } from '../util/count.ts';
import { chainLines } from './chains.ts';
import { commandText, DUMP_WORD } from './command.ts';
import { certaintyText, otherFinding, stackLines, wholeStacks } from './finding.ts';
import { isPartial, memallocLines } from './memalloc.ts';
import { describeSystem } from './system.ts';
import { wrapWords } from './wrap.ts';

/** How the answer is laid out. */
export interface TriageLayout {
  /** Columns that prose is broken into; lines of the kernel and whole stacks stay as they are. */
  readonly width?: number;
  /** All stacks, findings and checks; else a screen for one culprit. */
  readonly full?: boolean;
}

type Layout = Required<TriageLayout>;

const CHAINS = `Who waits for whom (stallcore locks ${DUMP_WORD} --graph):`;
const STACKS = 'Stacks that matter (innermost call first; …2…: two calls left out):';
const CHECKED = `What was checked (in numbers: stallcore triage ${DUMP_WORD} --json):`;

/** The whole answer, the verdict first. */
export function triageText(result: TriageAnswer, layout: TriageLayout = {}): string {
  const { width = Infinity, full = false } = layout;
  const how = { width, full };
  const { verdict, machine, findings, chains } = result;
  const best = findings.find(({ diagnosis }) => diagnosis === verdict.diagnosis);
  const others = findings.filter((finding) => finding !== best);
  const isNoStall = best?.diagnosis === 'D14';
  // Where nothing is found, what was looked at is all there is to go by.
  const hasChecks = isNoStall || (best === undefined && verdict.next !== undefined);
  const next = best?.next ?? verdict.next;
  const since = [
    ...(best === undefined ? [] : wrapWords(verdict.since ?? '', width)),
    ...(hasChecks ? [] : wrapWords(memoryState(result.checked), width)),
  ].filter((line) => line !== '');
  return [
    ...wrapWords(verdict.sentence, width),
    ...(best === undefined ? [] : wrapWords(certainty(verdict, best), width)),
    ...wrapWords(`(${describeSystem(machine)})`, width),
    ...(since.length === 0 ? [] : ['', ...since]),
    ...part(
      CHAINS,
      items(chainLines(chains, { full, isNoStall, culprits: best?.culprits ?? [] }), width),
    ),
    ...part(full ? 'Stacks that matter:' : STACKS, stackPart(result, best?.culprits ?? [], how)),
    ...(isNoStall || (hasChecks && !full)
      ? []
      : part('What this rests on:', restsOn(result, best, how))),
    ...(hasChecks || full ? part(CHECKED, checksPart(result, width)) : []),
    ...part('What speaks against it:', items(best?.against ?? [], width)),
    ...(next === undefined ? [] : ['', ...wrapWords(`Next step: ${next}.`, width)]),
    ...part(othersHeading(best), othersPart(others, how)),
    ...(full ? watchdogPart(result) : []),
    ...part('Not known:', items([...new Set(missingOf(result, best))], width)),
  ]
    .map((line) => `${line}\n`)
    .join('');
}

/** What fits a machine that is not known to be stuck is all that can be wrong with it. */
function certainty({ class: found }: TriageAnswer['verdict'], best: Finding): string {
  const text = certaintyText(best);
  const isOpen = found === 'unknown' && best.confidence === 'possible';
  return isOpen ? text.replace('(', '(at most ') : text;
}

/** Lines below a heading, and nothing where there are none. */
function part(heading: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', heading, ...lines];
}

function items(texts: readonly string[], width: number): string[] {
  return texts.flatMap((text) => wrapItem(`- ${text}`, width));
}

/** Of two ways to say the same the more exact one. */
function missingOf({ verdict }: TriageAnswer, best: Finding | undefined): string[] {
  const own = best?.missing ?? [];
  const without = (
    texts: readonly string[],
    pattern: RegExp,
    others: readonly string[],
  ): string[] =>
    texts.filter((text) => !(pattern.test(text) && others.some((each) => pattern.test(each))));
  return [
    ...without(own, /^since when/, verdict.missing),
    ...without(verdict.missing, /second dump/, own),
  ];
}

function stackPart(
  { stacks }: TriageAnswer,
  culprits: readonly number[],
  { full, width }: Layout,
): string[] {
  return full ? wholeStacks(stacks) : items(stackLines(stacks, culprits), width);
}

/** Facts of a finding that have room on a screen. */
const EVIDENCE_SHOWN = 4;
/** Of these, what the log says. */
const LOGGED_SHOWN = 2;
/** Of the verdict's own: how many wait, and for what. */
const COUNTED_SHOWN = 2;

/** What stands for the finding, and of the rest on a screen no more than how many wait for what. */
function restsOn(result: TriageAnswer, best: Finding | undefined, layout: Layout): string[] {
  const { full, width } = layout;
  const { evidence } = result.verdict;
  const own = best?.evidence ?? [];
  const lines = (facts: readonly Evidence[]): string[] =>
    facts.flatMap((each) => evidenceLines(each, layout));
  if (full) return lines([...own, ...evidence]);
  // The chain stands above, with its locks and works.
  const telling = own.filter(({ verb }) => verb !== 'locks --graph');
  const shown = tellingMost(telling);
  const more = telling.length - shown.length;
  // How many wait for what stands above, so that it gives way first.
  const hasLog = shown.some(isOfLog);
  return [
    ...lines(shown),
    ...(more > 0
      ? items([`and ${count(more, 'more fact')}  ${commandText('triage --full')}`], width)
      : []),
    ...lines(best === undefined ? evidence : evidence.slice(0, hasLog ? 0 : COUNTED_SHOWN)),
    ...items(printedText(result), width),
  ];
}

function isOfLog({ verb }: Evidence): boolean {
  return verb.startsWith('log');
}

/** The first ones, and what the log says of the time before. */
function tellingMost(evidence: readonly Evidence[]): Evidence[] {
  const logged = evidence.filter(isOfLog).slice(0, LOGGED_SHOWN);
  const others = evidence.filter((each) => !isOfLog(each));
  return [...others.slice(0, EVIDENCE_SHOWN - logged.length), ...logged];
}

function printedText({ memalloc }: TriageAnswer): string[] {
  const lines = watchdogLines(memalloc);
  if (lines.length === 0) return [];
  const many = `${count(lines.length, 'line')}${isOnDemand(memalloc) ? ' of requests' : ''}`;
  const what = `${printerOf(memalloc)} would have printed ${many} at this instant`;
  return [`${what}  ${commandText('memalloc')}`];
}

function printerOf(memalloc: TriageAnswer['memalloc']): string {
  return isOnDemand(memalloc) ? 'SysRq-t' : 'kmallocwd';
}

/** The RFC has no watchdog: its lines come with the list of tasks, whatever their ages. */
function isOnDemand({ record }: TriageAnswer['memalloc']): boolean {
  return memallocFormat(record?.format ?? '')?.lists === 'in-flight';
}

/** What is certain leaves room for no other reason, and for another thing that is wrong. */
function othersHeading(best: Finding | undefined): string {
  if (best === undefined) return 'It could be:';
  return best.confidence === 'certain' ? 'Seen besides it:' : 'It could also be:';
}

function othersPart(others: readonly Finding[], { full, width }: Layout): string[] {
  return others.flatMap((finding) => [
    ...items([otherFinding(finding)], width),
    ...(full ? wholeFinding(finding, width) : []),
  ]);
}

function wholeFinding(finding: Finding, width: number): string[] {
  const lines = [
    finding.because,
    ...finding.evidence.map(({ fact, verb }) => `${fact}  ${commandText(verb)}`),
    ...finding.against.map((text) => `against it: ${text}`),
    ...finding.missing.map((text) => `not known: ${text}`),
    `next step: ${finding.next}`,
  ];
  return items(lines, width - 2).map((line) => `  ${line}`);
}

function checksPart({ checked }: TriageAnswer, width: number): string[] {
  const { made, unmade } = checksOf(checked);
  return items([...made.map(checkText), ...unmade.map((what) => `not checked: ${what}`)], width);
}

function checkText({ fact, verb, isWell }: Check): string {
  const where = verb.startsWith('triage') ? '' : `  ${commandText(verb)}`;
  return `${isWell ? '' : '(!) '}${fact}${where}`;
}

function watchdogPart({ memalloc }: TriageAnswer): string[] {
  const asFar = isPartial(memalloc) ? ', as far as tasks could be read' : '';
  return part(
    `What ${printerOf(memalloc)} would have printed at this instant${asFar}:`,
    watchdogLines(memalloc).map((line) => `  ${line}`),
  );
}

function watchdogLines(memalloc: TriageAnswer['memalloc']): string[] {
  if (memalloc.record === undefined || memalloc.record.silent) return [];
  return memallocLines(memalloc).trimEnd().split('\n');
}

/** Details of a fact that have room in a line. */
const DETAILS_SHOWN = 2;

function evidenceLines({ fact, verb, details }: Evidence, { full, width }: Layout): string[] {
  const command = commandText(verb);
  if (details === undefined) return items([`${fact}  ${command}`], width);
  if (full) return [...items([`${fact}:  ${command}`], width), ...details.map((d) => `      ${d}`)];
  const more = details.length - DETAILS_SHOWN;
  const shown = details.slice(0, DETAILS_SHOWN).join(', ');
  return items([`${fact}: ${shown}${more > 0 ? `, and ${more} more` : ''}  ${command}`], width);
}

/** The lines of one item of a list stand below its first word. */
function wrapItem(text: string, width: number): string[] {
  return wrapWords(text, width - 2, '  ').map((line) => `  ${line}`);
}
