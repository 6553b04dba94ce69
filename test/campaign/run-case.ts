// One case: the run must come to what its ledger expects, and each container must read as the
// ledger says.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Ledger } from '../../src/sim/ledger.ts';
import type { Simulation } from '../../src/sim/simulate.ts';
import { patchVersion } from '../../src/sim/watchdog/patch-versions.ts';
import { checkPair } from '../support/compare-check.ts';
import { checkAll, checkLog, checkLogAgainstReader, dmesg } from '../support/ledger-checks.ts';
import { runScenario, withRun, writeRun, type RunFiles } from '../support/simulated.ts';
import { checkTriage, NO_STALL, type TriageCheck } from '../support/triage-check.ts';
import { optional } from '../../src/util/optional.ts';
import type { CampaignCase, ContainerName } from './cases.ts';

/** Seconds: also with the watchdog off, ten times which the machine runs on. */
const JUDGED_BY = 4;

/** What becomes of a machine after its second dump is of no interest. */
const PAIR_JUDGED_BY = 0.1;

/** What a case came to. */
export interface CaseResult extends Partial<TriageCheck> {
  /** A diagnosis; `not D1` where the kernel lacks what that needs, `any` where the seed decides. */
  readonly expected: string;
  readonly found: string;
  readonly ms: number;
  /** Requests in the dump's own log that were in flight at the dump, and so could be compared. */
  readonly compared: number;
  /** Of a pair: tasks of which what is said to be unsure is not so, and of how many. */
  readonly unsure?: string;
  /** What is not as it must be: of the diagnosis, or where vmcore and ledger differ. */
  readonly problem?: string;
}

/** Runs one. @throws what the simulation throws */
export function runCase(each: CampaignCase): Promise<CaseResult> {
  return each.again === undefined ? runOnce(each) : runPair(each);
}

/** Two dumps of one run, compared: of each task what became of it. */
async function runPair({
  flavour,
  kmallocwd,
  seed,
  scenario,
  again = 0,
}: CampaignCase): Promise<CaseResult> {
  const startedAt = performance.now();
  const named = flavour === 'own' ? {} : { flavour };
  const run = runScenario(scenario, { seed, kmallocwd, judgedBy: PAIR_JUDGED_BY, again, ...named });
  const base = { expected: `pair on ${flavour}`, compared: 0 };
  try {
    const { result, unsureAndWrong, tasks } = await checkPair(run);
    const unsure =
      unsureAndWrong.length === 0 ? {} : { unsure: `${unsureAndWrong.length} of ${tasks}` };
    return { ...base, found: result.verdict.class, ms: performance.now() - startedAt, ...unsure };
  } catch (error) {
    const problem = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { ...base, found: 'differs', ms: performance.now() - startedAt, problem };
  }
}

async function runOnce(each: CampaignCase): Promise<CaseResult> {
  const startedAt = performance.now();
  const { scenario, flavour, kmallocwd, seed } = each;
  const named = flavour === 'own' ? {} : { flavour };
  const run = runScenario(scenario, { seed, kmallocwd, judgedBy: JUDGED_BY, ...named });
  const folder = mkdtempSync(join(tmpdir(), 'stallcore-case-'));
  let compared = 0;
  let problem: string | undefined;
  let triage: TriageCheck | undefined;
  try {
    checkVerdict(run.ledger);
    checkLogged(run.ledger);
    for (const container of each.containers) {
      const files = writeContainer(run, folder, container);
      await withRun(files, (vmcore) => {
        checkAll(vmcore, run.ledger, imageOf(each));
        triage ??= checkTriage(vmcore, run.ledger);
      });
    }
    compared = await checkOwnLog(run, folder);
  } catch (error) {
    problem = error instanceof Error ? (error.stack ?? error.message) : String(error);
  } finally {
    rmSync(folder, { recursive: true });
  }
  const ms = performance.now() - startedAt;
  const results = { ...verdictOf(run.ledger), compared, ms };
  return { ...results, ...triage, ...optional('problem', problem) };
}

function imageOf({ flavour }: CampaignCase): '4.4' | '6.1' {
  return flavour === '4.4' ? '4.4' : '6.1';
}

function writeContainer(run: Simulation, folder: string, container: ContainerName): RunFiles {
  const path = join(folder, container);
  if (container === 'elf.lz4') return writeRun(run, path, { format: 'elf', lz4: true });
  return writeRun(run, path, { format: container });
}

/** The dump's own log, against what was printed and against what the reader prints. */
async function checkOwnLog(run: Simulation, folder: string): Promise<number> {
  const files = writeRun(run, join(folder, 'log'), { format: 'elf' });
  const text = dmesg(files.paths[0]!);
  if (text === undefined) return 0;
  checkLog(text, run.ledger);
  return withRun(files, (vmcore) => checkLogAgainstReader(text, vmcore, run.ledger));
}

function verdictOf({ expected, truth }: Ledger): Pick<CaseResult, 'expected' | 'found'> {
  const found = truth.diagnosis;
  if (expected === undefined) return { expected: 'any', found };
  const isLacking = expected.lacks.length > 0;
  return { expected: `${isLacking ? 'not ' : ''}${expected.diagnosis}`, found };
}

/**
 * The truth is what the scenario is for; and is not where the kernel cannot stall that way. Any
 * kernel can be overloaded, though it may come to worse where it lacks something.
 */
function checkVerdict({ expected, truth }: Ledger): void {
  const why = JSON.stringify({ expected, truth });
  assert.notEqual(truth.diagnosis, 'unknown', why);
  if (expected === undefined) return;
  if (expected.lacks.length === 0) assert.equal(truth.diagnosis, expected.diagnosis, why);
  else if (!NO_STALL.includes(expected.diagnosis))
    assert.notEqual(truth.diagnosis, expected.diagnosis, why);
}

/** Who stalled for three timeouts was there when the watchdog looked; without it, nobody was. */
function checkLogged({ patch, knobs, hz, tasks, logLines, timeoutSeconds }: Ledger): void {
  const isOff = knobs.kmallocwd === 0 || patchVersion(patch).reporter === undefined;
  if (isOff) {
    assert.deepEqual(logLines, []);
    return;
  }
  const old = tasks.some(({ record }) => {
    return Number(record?.delay ?? 0) >= 3 * timeoutSeconds * hz;
  });
  if (old) assert.notDeepEqual(logLines, []);
}
