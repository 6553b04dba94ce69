// A finding as text, and the stacks that show it.

import type { BtTask, SharedStack } from '../kernel/bt.ts';
import { foldAlike, tellingCalls, type AlikeTasks } from '../triage/alike.ts';
import type { Finding } from '../triage/finding.ts';
import { count } from '../util/count.ts';
import { stackText } from './bt.ts';
import { commandText } from './command.ts';
import { shortenedCalls } from './shortened.ts';
import { ABSENT } from './tasks.ts';

/** `(D3, the OOM victim waits for a lock; likely: its stack shows one)` below the sentence. */
export function certaintyText({ diagnosis, name, confidence, because }: Finding): string {
  return `(${diagnosis}, ${name}; ${confidence}: ${because})`;
}

/** Another finding in a line. */
export function otherFinding({ name, confidence, diagnosis, sentence }: Finding): string {
  return `${name} (${diagnosis}, ${confidence}): ${sentence}`;
}

/** Groups of tasks that are shown unless all are asked for. */
const GROUPS_SHOWN = 5;

/**
 * Stacks in a line each, those together that do the same: the calls that tell, the innermost first,
 * `…2…` where two are left out.
 *
 * @param culprits pids of those who have a line of their own
 */
export function stackLines(
  stacks: readonly SharedStack[],
  culprits: readonly number[] = [],
): string[] {
  const groups = foldAlike(stacks, culprits);
  const shown = groups.slice(0, GROUPS_SHOWN);
  const rest = groups.slice(GROUPS_SHOWN);
  const tasks = rest.reduce((sum, group) => sum + group.tasks.length, 0);
  return [
    ...shown.map(groupText),
    ...(rest.length > 0
      ? [`and ${count(tasks, 'more task')}  ${commandText('triage --full')}`]
      : []),
  ];
}

/** Every stack with all of its frames. */
export function wholeStacks(stacks: readonly SharedStack[]): string[] {
  return stacks.flatMap((shared) => indented(stackText(shared)));
}

function indented(text: string): string[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => `  ${line}`);
}

function groupText(group: AlikeTasks): string {
  const { stack, stacks } = group;
  const calls = shortenedCalls(tellingCalls(stack));
  const how = calls.length === 0 ? 'in user mode' : calls.join(' < ');
  const others = stacks > 1 ? ` (and ${count(stacks - 1, 'stack')} like it)` : '';
  return `${headOf(group)}: ${how}${others}`;
}

/** How many tasks are named. */
const TASKS_NAMED = 3;

function headOf({ tasks, stack }: AlikeTasks): string {
  const place = stack.allocator === undefined ? '' : `, ${stack.allocator}`;
  const [first] = tasks;
  if (tasks.length === 1 && first !== undefined) {
    const cpu = first.onCpu === true ? ` on CPU ${first.cpu ?? ABSENT}` : '';
    return `${nameOf(first)} ${first.state ?? ABSENT}${cpu}${place}`;
  }
  const states = [...new Set(tasks.map(({ state }) => state ?? ABSENT))].join('/');
  const named = tasks.slice(0, TASKS_NAMED).map(nameOf).join(', ');
  const more = tasks.length - TASKS_NAMED;
  const who = `${named}${more > 0 ? ` and ${more} more` : ''}`;
  return `${tasks.length} tasks in ${states}${place}: ${who}`;
}

function nameOf({ pid, comm }: BtTask): string {
  return `${comm ?? ABSENT}(${pid ?? ABSENT})`;
}
