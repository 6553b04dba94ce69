// What could not be read of a dump, and what that may hide from the verdict.

import { count } from '../util/count.ts';
import type { FactPart, Facts, UnreadPart } from './facts.ts';

/** What is not seen where a part is missing or not whole. */
const HIDES: Readonly<Record<FactPart, string>> = {
  dump: 'anything that lies there',
  tasks: 'who waits for memory, and since when',
  locks: 'who holds what tasks wait for, so that a culprit may not be named',
  zones: 'that no memory is free, or more than counters say (D6, D7)',
  'OOM killer': 'a victim, or who keeps the OOM killer from running (D3, D8)',
  workqueues: 'works that wait behind a worker in the allocator (D6), and hung pools',
  log: 'since when a victim was chosen, and whether requests got on before',
};

/** The parts in words. */
const NAMES: Readonly<Record<FactPart, string>> = {
  dump: 'the dump',
  tasks: 'tasks',
  locks: 'locks',
  zones: 'zones',
  'OOM killer': "the OOM killer's state",
  workqueues: 'workqueues',
  log: "the kernel's log",
};

/** That the log is missing, which takes no certainty from a verdict; nothing where it was read. */
export function unreadLog(facts: Facts): string[] {
  return facts.history === undefined && facts.unread !== undefined
    ? [`${NAMES.log} could not be read: may hide ${HIDES.log}`]
    : [];
}

/** A sentence for each part but the log; nothing where all was read. */
export function unreadOf(facts: Facts): string[] {
  const { cut, tasks } = facts;
  // That the file ends too early says more than each piece that is missing.
  const unread = (facts.unread ?? []).filter(({ part }) =>
    part === 'dump' ? cut === undefined : part !== 'log' || facts.history !== undefined,
  );
  const stackless = tasks.filter(({ stack }) => stack === undefined).length;
  const whole = absentParts(facts).filter((part) => !unread.some((each) => each.part === part));
  return [
    ...(cut === undefined ? [] : [`what lies in the missing end of the dump: ${cut}`]),
    ...unread.map((each) => partText(each, isAbsent(facts, each.part))),
    ...whole.map(
      (part) =>
        `${NAMES[part]}: this dump has none of it that can be read; may hide ${HIDES[part]}`,
    ),
    ...(stackless === 0
      ? []
      : [
          `the stacks of ${count(stackless, 'task')}: they may be in the allocator, or hold a lock`,
        ]),
  ];
}

/** That what only a comparison reads was not whole; nothing where there were no problems. */
export function unreadBeside(problems: number, subjects: readonly string[]): string[] {
  if (problems === 0) return [];
  const where = whereText(problems, subjects);
  return [`${BESIDE} could not be read whole (${where}): may hide who got on, and what was freed`];
}

/** In words, as {@link NAMES}. */
const BESIDE = 'what CPUs and tasks have done, and counts of events,';

function partText({ part, problems, subjects }: UnreadPart, isAbsentPart: boolean): string {
  const what = isAbsentPart ? 'could not be read' : 'could not be read whole';
  return `${NAMES[part]} ${what} (${whereText(problems, subjects)}): may hide ${HIDES[part]}`;
}

/** `3 problems, the first: runqueue of CPU 0` */
function whereText(problems: number, [first]: readonly string[]): string {
  const where = first === undefined ? '' : problems === 1 ? `: ${first}` : `, the first: ${first}`;
  return `${count(problems, 'problem')}${where}`;
}

function isAbsent(facts: Facts, part: FactPart): boolean {
  return absentParts(facts).includes(part);
}

/** Parts of which nothing is known. */
function absentParts({ locks, nodes, oom, workqueues, unread }: Facts): FactPart[] {
  // Facts that were made, not read, lack what nobody asked for.
  if (unread === undefined) return [];
  return [
    ...(locks === undefined ? (['locks'] as const) : []),
    ...(nodes === undefined ? (['zones'] as const) : []),
    ...(oom === undefined ? (['OOM killer'] as const) : []),
    ...(workqueues === undefined || workqueues.pools.length === 0 ? (['workqueues'] as const) : []),
  ];
}
