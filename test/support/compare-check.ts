// What `compare` says of two dumps of one simulated run, held against the simulation's own books of
// the time between them.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LedgerFate, SecondLedger, Simulation } from '../../src/sim/simulate.ts';
import { compareDumps, readDumpState, type CompareResult } from '../../src/triage/compare.ts';
import type { TaskComparison } from '../../src/triage/compare.ts';
import { withRun, writeRun } from './simulated.ts';

/** What {@link checkPair} found. */
export interface PairCheck {
  readonly result: CompareResult;
  /** Tasks of which what is only likely or possible is not so. */
  readonly unsureAndWrong: readonly string[];
  readonly tasks: number;
}

/** Writes both dumps of a run and compares them. */
export async function comparePair({ image, ledger, again }: Simulation): Promise<CompareResult> {
  assert.ok(again !== undefined, 'the run was dumped once');
  const folder = mkdtempSync(join(tmpdir(), 'stallcore-pair-'));
  try {
    const states = [];
    for (const [name, run] of Object.entries({ first: { image, ledger }, second: again })) {
      const files = writeRun(run, join(folder, name), { format: 'elf' });
      states.push(await withRun(files, (vmcore) => readDumpState(vmcore)));
    }
    return compareDumps(states[0]!, states[1]!);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * Every task is there, and of each what is certain is so. With records everything is certain, but
 * of the requests that a version does not record.
 */
export async function checkPair(run: Simulation): Promise<PairCheck> {
  const result = await comparePair(run);
  const { ledger } = run.again!;
  const { since } = ledger;
  assert.equal(result.boot.isSame, true);
  assert.equal(result.swapped, undefined);
  if (since.seconds > 0) assert.ok(Math.abs((result.elapsed?.seconds ?? 0) - since.seconds) < 0.02);
  const truth = new Map(since.tasks.map((fate) => [keyOf(fate), fate]));
  assert.equal(result.tasks.length, since.tasks.length);
  const wrong = result.tasks.filter((task) => !agrees(task, truth.get(keyOf(task)), ledger));
  const sure = wrong.filter(({ confidence }) => confidence === 'certain');
  assert.deepEqual(
    sure.map((task) => words(task, truth.get(keyOf(task)))),
    [],
  );
  const isBooked = ledger.patch !== 'none' && !result.tasks.some(isCharge);
  if (isBooked && since.seconds > 0) checkVerdict(run, result);
  const unsureAndWrong = wrong.map((task) => words(task, truth.get(keyOf(task))));
  return { result, unsureAndWrong, tasks: result.tasks.length };
}

/** The class by whose requests were overdue in each dump, and which of them have ended. */
function checkVerdict({ ledger, again }: Simulation, { verdict }: CompareResult): void {
  const { tasks, since } = again!.ledger;
  const hasEnded = new Set(
    since.tasks.flatMap(({ pid, fate }) => (ENDED.includes(fate) ? [pid] : [])),
  );
  const overdue = (all: typeof tasks): number[] =>
    all.flatMap(({ pid, record }) => (record?.stalling === true && record.depth > 0 ? [pid] : []));
  const [before, now] = [overdue(ledger.tasks), overdue(tasks)];
  const ended = before.filter((pid) => hasEnded.has(pid)).length;
  const expected =
    now.length === 0
      ? before.length > 0
        ? ['recovered']
        : ['not-stalled', 'waiting']
      : before.length === 0
        ? ['stall-begun']
        : ended === before.length
          ? ['overload']
          : ended === 0
            ? ['stalled']
            : ['partly-stalled', 'overload'];
  assert.ok(expected.includes(verdict.class), `${expected.join(' or ')}: ${verdict.sentence}`);
}

/** Fates of whom had a request that is over. */
const ENDED: readonly string[] = ['progressing', 'gone'];

function keyOf({ pid, startTimeNs }: Pick<TaskComparison, 'pid' | 'startTimeNs'>): string {
  return `${pid} ${startTimeNs}`;
}

/** The book is of the page allocator's requests, and no charge to a cgroup is one. */
function isCharge({ before, now }: TaskComparison): boolean {
  return [before, now].some((side) => side?.request.isCharge === true);
}

function agrees(
  task: TaskComparison,
  truth: LedgerFate | undefined,
  { patch, since }: SecondLedger,
): boolean {
  const { progress, request } = task;
  // Of one instant nothing is to be said.
  if (since.seconds === 0) return progress === 'unknown';
  if (progress === truth?.fate) return true;
  if (isCharge(task) && truth?.fate === 'ran') return /progressing|livelocked/.test(progress);
  // Without records a request that began and ended between the dumps has left no trace.
  const isUnseen = patch === 'none' && request === 'none' && truth?.fate === 'progressing';
  return isUnseen && progress === 'ran';
}

function words({ pid, comm, progress, because }: TaskComparison, truth?: LedgerFate): string {
  return `${comm}(${pid}) is ${truth?.fate}, compare says ${progress}: ${because}`;
}
