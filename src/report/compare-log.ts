// Two reports of the watchdog beside each other as text.

import type { CompareLogResult } from '../triage/compare.ts';
import { escapeLine } from '../util/escape.ts';
import { cellText } from './memalloc-timeline.ts';
import type { Table } from './table.ts';
import { wrapWords } from './wrap.ts';

/** The verdict and what it rests on. */
export function compareLogText(result: CompareLogResult, width = Infinity): string {
  const { verdict, before, now, reportCount } = result;
  const lines = [
    ...wrapWords(escapeLine(verdict.sentence), width),
    ...wrapWords(`(reports ${before.number} and ${now.number} of ${reportCount})`, width),
    ...part('What this rests on:', verdict.because, width),
    ...part('Not known:', verdict.missing, width),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

function part(heading: string, texts: readonly string[], width: number): string[] {
  if (texts.length === 0) return [];
  return [
    '',
    heading,
    ...texts.flatMap((text) =>
      wrapWords(`- ${escapeLine(text)}`, width - 2, '  ').map((line) => `  ${line}`),
    ),
  ];
}

/** A row a task. */
export function compareLogTable({ tasks, before, now }: CompareLogResult): Table {
  return {
    columns: [
      { title: 'TASK', align: 'left', widthMin: 12 },
      { title: 'WHAT', align: 'left' },
      { title: `REPORT ${before.number}`, align: 'left', widthMin: 12 },
      { title: `REPORT ${now.number}`, align: 'left', widthMin: 12 },
    ],
    rows: tasks.map((task) => [
      `${escapeLine(task.comm)}(${task.pid})`,
      task.progress,
      cellText(task.before ?? null, undefined),
      cellText(task.now ?? null, task.before),
    ]),
  };
}
