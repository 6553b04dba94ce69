// One campaign: case after case, each from a seed of its own, so that one that fails can be run
// alone.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Prng } from '../../src/util/prng.ts';
import { Specimen } from '../support/specimen.ts';
import { mutate } from './mutate.ts';
import { askEverything, fuzzTargets } from './targets.ts';

/** A case that ended in something else than a value or a VmcoreError, or took too long. */
export interface FuzzFailure {
  readonly seed: number;
  readonly target: string;
  readonly what: string;
}

/** A case takes some 20 ms; this is a walk that somebody forgot to bound. */
const CASE_MS_MAX = 5000;

/** Runs the cases of seeds `seed` to `seed + count - 1`. */
export async function fuzz(
  seed: number,
  count: number,
  onCase?: (seed: number, target: string) => void,
): Promise<FuzzFailure[]> {
  const specimen = await Specimen.load();
  const folder = mkdtempSync(join(tmpdir(), 'stallcore-fuzz-'));
  const failures: FuzzFailure[] = [];
  try {
    const targets = fuzzTargets(specimen);
    for (let each = seed; each < seed + count; each++) {
      const prng = new Prng(each);
      const { name, bytes, areas, ask = askEverything } = prng.pick(targets);
      onCase?.(each, name);
      const startedAt = performance.now();
      const fail = (what: string): void => void failures.push({ seed: each, target: name, what });
      try {
        await ask(join(folder, 'fuzzed'), mutate(bytes, prng, areas));
      } catch (error) {
        fail(error instanceof Error ? (error.stack ?? error.message) : String(error));
      }
      const tookMs = performance.now() - startedAt;
      if (tookMs > CASE_MS_MAX) fail(`took ${tookMs.toFixed(0)} ms`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
    specimen.close();
  }
  return failures;
}
