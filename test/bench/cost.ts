// What one run of a program costs, as GNU time counts it.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { median } from './median.ts';

/** What one run of a program took. */
export interface Cost {
  readonly wallSeconds: number;
  /** In user and kernel mode together: what is left of a busy machine's noise. */
  readonly cpuSeconds: number;
  readonly memoryMib: number;
}

/** What a program may take: it is shown beside what it took, and nothing fails for it. */
export interface Limit {
  readonly seconds: number;
  readonly memoryMib?: number;
}

/** ` (limit 5 s)`, and nothing where there is none. */
export function limitText(limit: number | undefined, unit: string): string {
  return limit === undefined ? '' : ` (limit ${limit} ${unit})`;
}

/** How a program is run. */
export interface Program {
  readonly name: string;
  readonly command: readonly string[];
  readonly input?: string;
  readonly limit?: Limit;
  /** Says whether the output is an answer; a tool that fails fast is not fast. */
  readonly answered: (output: string) => boolean;
}

const STALLCORE = fileURLToPath(new URL('../../bin/stallcore.js', import.meta.url));
const BUNDLE = fileURLToPath(new URL('../../dist/stallcore.cjs', import.meta.url));
/** Without it there is nothing to count with. */
export const GNU_TIME = '/usr/bin/time';
const GNU_TIME_FORMAT = 'cost %e %U %S %M';

/** stallcore's own command line: the bundle, or its sources where it is not built. */
export function stallcore(name: string, argv: readonly string[]): Omit<Program, 'answered'> {
  const source = fileURLToPath(new URL('../support/cli-once.ts', import.meta.url));
  const isBuilt = existsSync(BUNDLE);
  const program = isBuilt ? [STALLCORE] : ['--import=tsx', source];
  return {
    name: `${name}${isBuilt ? '' : ' (from source: npm run build makes it faster)'}`,
    command: [process.execPath, ...program, ...argv],
  };
}

/** undefined where the program gave no answer. */
export function run({ command, input, answered }: Program): Cost | undefined {
  const started = process.hrtime.bigint();
  const { stdout, stderr } = spawnSync(GNU_TIME, ['-f', GNU_TIME_FORMAT, ...command], {
    encoding: 'latin1',
    input: input ?? '',
    maxBuffer: 64 << 20,
  });
  const wallSeconds = Number(process.hrtime.bigint() - started) / 1e9;
  const figures = /^cost \S+ (\S+) (\S+) (\d+)$/m.exec(stderr);
  if (figures === null || !answered(stdout)) return undefined;
  const [user, system, kib] = figures.slice(1).map(Number) as [number, number, number];
  return { wallSeconds, cpuSeconds: user + system, memoryMib: kib / 1024 };
}

/** Of each figure. */
export function medianCost(costs: readonly Cost[]): Cost {
  const of = (key: keyof Cost): number => median(costs.map((cost) => cost[key]));
  return {
    wallSeconds: of('wallSeconds'),
    cpuSeconds: of('cpuSeconds'),
    memoryMib: of('memoryMib'),
  };
}
