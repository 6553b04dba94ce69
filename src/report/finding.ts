// A finding as text, and the stacks that show it.

import { functionName } from '../kernel/function-name.ts';
import { count } from '../util/count.ts';
import type { SharedStack } from '../kernel/bt.ts';
import type { Finding } from '../triage/finding.ts';
import { headText, stackText } from './bt.ts';

/** `OOM victim …: likely, for …` below the sentence. */
export function certaintyText({ confidence, because }: Finding): string {
  return `(${confidence}: ${because})`;
}

/** Other findings, a line each. */
export function otherFindings(findings: readonly Finding[]): string[] {
  return findings.map(
    ({ name, confidence, diagnosis }) => `  - ${name} (${diagnosis}, ${confidence})`,
  );
}

/** Stacks that are shown unless all are asked for. */
const STACKS_SHOWN = 4;

/**
 * Stacks below each other. On a screen with the rest a stack is its calls in a line, the innermost
 * first, without those of the scheduler and of the entry into the kernel.
 */
export function stackLines(stacks: readonly SharedStack[], layout: { full: boolean }): string[] {
  if (layout.full) return stacks.flatMap((shared) => indented(stackText(shared)));
  const shown = stacks.slice(0, STACKS_SHOWN);
  const more = stacks.length - shown.length;
  return [
    ...shown.map((shared) => `  - ${headText(shared)}: ${callsText(shared)}`),
    ...(more > 0 ? [`  - and ${count(more, 'more stack')}  [stallcore bt --stalled]`] : []),
  ];
}

function indented(text: string): string[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => `  ${line}`);
}

/** What every sleep and every system call has in common. */
const COMMON = new RegExp(
  '^((__)?schedule|preempt_schedule\\w*|(__)?cond_resched|schedule_preempt_disabled|' +
    'do_syscall_64|entry_\\w+|asm_\\w+|ret_from_fork\\w*|kthread)$',
);

function callsText({ stack }: SharedStack): string {
  const names = stack.frames.flatMap(({ name, guessed }) =>
    name === undefined ? [] : [`${guessed === true ? '? ' : ''}${functionName(name)}`],
  );
  const telling = names.filter((name) => !COMMON.test(name));
  return telling.length === 0 ? (names[0] ?? 'in user mode') : telling.join(' < ');
}
