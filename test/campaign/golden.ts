// What triage says of the scenario `random`, seed by seed, beside what became of each machine:
// test/golden/triage-random.txt.

import type { TriageCheck } from '../support/triage-check.ts';

/** The golden file. */
export const GOLDEN = new URL('../golden/triage-random.txt', import.meta.url);

/** What one seed came to. */
export interface GoldenRow extends TriageCheck {
  readonly seed: number;
  /** A diagnosis of the ledger; `unknown` and `panic` are some, too. */
  readonly truth: string;
}

const HEAD = [
  'What triage says first of the scenario "random", D14 where it finds nothing, how sure it is,',
  'beside what became of the machine, and how many of its requests were overdue at the dump.',
  'Written by npm run campaign -- --random 1-300 --golden; test/sim/cover.test.ts runs some anew.',
].join('\n');

const MATRIX = 'truth    what triage says, and how often';
const ROWS = 'seed truth triage confidence overdue';

/** The file: the matrix, and a line for each seed. */
export function goldenText(rows: readonly GoldenRow[]): string {
  const sorted = [...rows].sort((a, b) => a.seed - b.seed);
  const lines = sorted.map(({ seed, truth, triaged, confidence, overdue }) =>
    [seed, truth, triaged, confidence, overdue].join(' '),
  );
  return `${[HEAD, '', MATRIX, ...matrixLines(sorted), '', ROWS, ...lines].join('\n')}\n`;
}

/** The lines of a golden file. @throws Error where its matrix is not that of its lines */
export function readGolden(text: string): Map<number, GoldenRow> {
  const lines = text.trimEnd().split('\n');
  const rows = lines.slice(lines.indexOf(ROWS) + 1).map((line): GoldenRow => {
    const [seed, truth = '', triaged = '', confidence = '', overdue] = line.split(' ');
    return { seed: Number(seed), truth, triaged, confidence, overdue: Number(overdue) };
  });
  if (goldenText(rows) !== text)
    throw new Error(`${GOLDEN.pathname} is not what its lines make it`);
  return new Map(rows.map((row) => [row.seed, row]));
}

/** A line for each truth: `D13      D13 11, D9 1`. */
function matrixLines(rows: readonly GoldenRow[]): string[] {
  const matrix = new Map<string, Map<string, number>>();
  for (const { truth, triaged } of rows) {
    const counts = matrix.get(truth) ?? new Map<string, number>();
    matrix.set(truth, counts.set(triaged, (counts.get(triaged) ?? 0) + 1));
  }
  const byName = new Intl.Collator('en', { numeric: true });
  return [...matrix]
    .sort(([a], [b]) => byName.compare(a, b))
    .map(([truth, counts]) => {
      const found = [...counts].sort(([a], [b]) => byName.compare(a, b));
      return `${truth.padEnd(8)} ${found.map((each) => each.join(' ')).join(', ')}`;
    });
}
