// The reports of kmallocwd that stand in the seeds, and those that a run has printed, in a form in
// which they can be compared: pids, ages and sequence numbers differ from run to run, and gfp flags
// have moved since; who is listed, and in which words, is the shape of a stall.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { GFP_BITS_4_4 } from '../../src/sim/flavour/gfp-4-4.ts';
import * as gfp61 from '../../src/sim/mm/gfp.ts';

/** Where the seeds lie, outside of the project. */
const SEEDS = '../shared/seeds';

/**
 * Flags that kernels of 2015 and of 2022 both have; 0x100000 was __GFP_ACCOUNT in what the seeds
 * ran.
 */
const FLAGS: Readonly<Record<string, { readonly then: number; readonly now: number }>> = {
  HIGHMEM: { then: GFP_BITS_4_4.HIGHMEM, now: gfp61.__GFP_HIGHMEM },
  MOVABLE: { then: GFP_BITS_4_4.MOVABLE, now: gfp61.__GFP_MOVABLE },
  IO: { then: GFP_BITS_4_4.IO, now: gfp61.__GFP_IO },
  FS: { then: GFP_BITS_4_4.FS, now: gfp61.__GFP_FS },
  NOWARN: { then: GFP_BITS_4_4.NOWARN, now: gfp61.__GFP_NOWARN },
  ZERO: { then: GFP_BITS_4_4.ZERO, now: gfp61.__GFP_ZERO },
  HARDWALL: { then: GFP_BITS_4_4.HARDWALL, now: gfp61.__GFP_HARDWALL },
  ACCOUNT: { then: 0x100000, now: gfp61.__GFP_ACCOUNT },
  DIRECT: { then: GFP_BITS_4_4.DIRECT_RECLAIM, now: gfp61.__GFP_DIRECT_RECLAIM },
  KSWAPD: { then: GFP_BITS_4_4.KSWAPD_RECLAIM, now: gfp61.__GFP_KSWAPD_RECLAIM },
};
/** __GFP_COLD and __GFP_NOTRACK, which 4.15 dropped. */
const DROPPED_SINCE = GFP_BITS_4_4.COLD | GFP_BITS_4_4.NOTRACK;

const LINE =
  /MemAlloc: (.*)\((\d+)\)(?: seq=\d+ gfp=(0x[0-9a-f]+) order=(\d+) delay=\d+)?((?: [a-z]+)*)$/;

/** Whose bits a mask has: the seeds' kernels, or the simulated one's. */
export type Era = 'then' | 'now';

/** @returns the reports of a text, each as lines `comm flags order=… words` */
export function reportShapes(lines: readonly string[], era: Era): string[][] {
  const reports: string[][] = [];
  for (const line of lines) {
    const info = /MemAlloc-Info: (.*)$/.exec(line);
    if (info !== null) reports.push([info[1]!]);
    const task = LINE.exec(line.trimEnd());
    if (task !== null) reports.at(-1)?.push(taskShape(task, era));
  }
  return reports;
}

function taskShape([, comm = '', , mask, order, words = '']: readonly string[], era: Era): string {
  // Which CPU's worker it is depends on where the drive was looked at last.
  const name = comm.replace(/^kworker\/.*/, 'kworker');
  if (mask === undefined) return `${name}${words}`;
  // Whoever allocates sleeps between two attempts: a seed shows the same task in both states.
  const rest = words.replace(' uninterruptible', '');
  return `${name} ${flagNames(Number(mask), era)} order=${order}${rest}`;
}

function flagNames(mask: number, era: Era): string {
  let rest = era === 'then' ? mask & ~DROPPED_SINCE : mask;
  const names = Object.entries(FLAGS).flatMap(([name, bits]) => {
    if ((rest & bits[era]) === 0) return [];
    rest &= ~bits[era];
    return [name];
  });
  if (rest !== 0) names.push(`0x${rest.toString(16)}`);
  return names.join('|');
}

/** The lines of a seed; undefined where the seeds are not here. */
export function seedLines(prefix: string): string[] | undefined {
  const name = existsSync(SEEDS)
    ? readdirSync(SEEDS).find((file) => file.startsWith(prefix))
    : undefined;
  if (name === undefined) return undefined;
  // seed 001 is a patch, which adds each line.
  return readFileSync(join(SEEDS, name), 'latin1')
    .split('\n')
    .map((line) => line.replace(/^\+/, ''))
    .filter((line) => /^ +\[ *\d+\.\d+\] MemAlloc/.test(line));
}
