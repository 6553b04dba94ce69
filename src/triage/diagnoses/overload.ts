// D13: requests wait long, and nothing that a dump shows keeps them from being served.

import { count } from '../../util/count.ts';
import type { Diagnosis } from '../../util/diagnosis.ts';
import { btVerb, isOverdue, mayBeOverdue, namesOf, type Facts, type TaskFacts } from '../facts.ts';
import type { Finding } from '../finding.ts';
import { hindrances } from '../hindrances.ts';
import { sleepsInLock } from '../lock-waits.ts';
import { reliefOf } from '../relief.ts';
import { shortly } from '../unrecorded.ts';

/** Diagnoses of what writes pages back: that they are being written is what these would show. */
const OF_WRITEBACK: readonly Diagnosis[] = ['D7', 'D9', 'D10', 'D12'];

/** Requests that make an overload. */
interface Waiting {
  /** Those that are known to be overdue. */
  readonly late: readonly TaskFacts[];
  /** Those of which that is not known. */
  readonly unknown: readonly TaskFacts[];
  /** Pages are being written that can be freed then. */
  readonly isServed: boolean;
}

/**
 * Requests are overdue, or in flight on a kernel that does not record since when.
 *
 * @param others what else fits
 */
export function overload(facts: Facts, others: readonly Finding[]): Finding | undefined {
  const waiting = facts.tasks.filter(mayBeOverdue);
  if (waiting.length === 0) return undefined;
  const late = waiting.filter((fact) => isOverdue(fact) === true);
  const unknown = waiting.filter((fact) => !late.includes(fact));
  const { writeback = 0 } = facts;
  const isServed = late.length > 0 && reliefOf(facts) === 'enough' && others.every(leavesRoom);
  const found = { late, unknown, isServed };
  const hindered = hindrances(facts);
  return {
    diagnosis: 'D13',
    name: 'overload: memory comes late',
    sentence: sentenceOf(
      found,
      hindered.map(({ clause }) => clause),
      facts,
    ),
    confidence: isServed ? 'likely' : 'possible',
    because: isServed
      ? `${writtenText(writeback)} being written, and can be freed when the disk is done`
      : becauseOf(waiting, others, hindered.length > 0),
    evidence: [
      ...(late.length > 0 ? [slowPath(late, 'overdue, ')] : []),
      ...(unknown.length > 0 ? [slowPath(unknown, '')] : []),
      ...(writeback > 0
        ? [{ fact: `${count(writeback, 'page')} under writeback`, verb: 'mem' }]
        : []),
      ...hindered.flatMap(({ evidence }) => evidence),
    ],
    against: others.map(({ name }) => `possible, too: ${name}`),
    missing: [
      'whether the requests get on: a second dump shows it',
      ...(late.length > 0 ? [] : ['since when they wait: this kernel does not record it']),
    ],
    next: 'take a second dump a few seconds later, and compare switches and counters',
    culprits: [],
  };
}

function slowPath(facts: readonly TaskFacts[], how: string): Finding['evidence'][number] {
  return { fact: `${how}slow path: ${namesOf(facts)}`, verb: btVerb(facts) };
}

function writtenText(writeback: number): string {
  return `${count(writeback, 'page')} ${writeback === 1 ? 'is' : 'are'}`;
}

/** It does not say that pages under writeback come to nothing. */
function leavesRoom({ diagnosis, confidence }: Finding): boolean {
  return confidence === 'possible' && !OF_WRITEBACK.includes(diagnosis);
}

/** What keeps it from being more than possible. */
function becauseOf(
  waiting: readonly TaskFacts[],
  others: readonly Finding[],
  isHindered: boolean,
): string {
  const locked = waiting.filter(sleepsInLock).length;
  const sleep = locked === 1 ? 'sleeps' : 'sleep';
  const doubts = [
    ...(others.length > 0
      ? [`${others.map(({ diagnosis }) => diagnosis).join(' and ')} may explain it as well`]
      : []),
    ...(locked > 0 ? [`${locked} of ${waiting.length} ${sleep} in locks`] : []),
  ];
  if (doubts.length > 0) return doubts.join('; ');
  return isHindered
    ? 'they may get on all the same'
    : 'nothing that they wait for was found; they may get on';
}

function sentenceOf(
  { late, unknown, isServed }: Waiting,
  clauses: readonly string[],
  { memalloc }: Facts,
): string {
  const who = [...lateText(late.length), ...unknownText(unknown.length, late.length > 0)];
  const tasks = unknown.map(({ task }) => task);
  const they = who.join(', and ') + (late.length > 0 ? '' : shortly(memalloc, tasks));
  if (isServed) {
    return (
      `${they}, and the disk is still at work on pages that can be freed then: the machine is ` +
      'overloaded, or its disk is slow.'
    );
  }
  if (clauses.length > 0) return `${they}; ${listed(clauses)}.`;
  const them = late.length + unknown.length === 1 ? 'it' : 'them';
  return `${they}; nothing is found that keeps ${them} from being served.`;
}

function listed(clauses: readonly string[]): string {
  const last = clauses.at(-1) ?? '';
  return clauses.length < 2 ? last : `${clauses.slice(0, -1).join(', ')}, and ${last}`;
}

function lateText(late: number): string[] {
  if (late === 0) return [];
  return [`${count(late, 'request')} ${late === 1 ? 'has' : 'have'} waited for over the timeout`];
}

function unknownText(unknown: number, isRest: boolean): string[] {
  if (unknown === 0) return [];
  const are = unknown === 1 ? 'is' : 'are';
  return isRest
    ? [`for how long ${unknown} more ${unknown === 1 ? 'has' : 'have'} waited is not known`]
    : [`${count(unknown, 'task')} ${are} in the allocator's slow path`];
}
