import assert from 'node:assert/strict';
import { SEED_001 } from '../../../src/sim/scenarios/seed-001.ts';
import { skipWithReason } from '../../support/bpftool.ts';
import { runKernel } from '../../support/run-kernel.ts';
import { reportShapes, seedLines } from '../../support/seed-report.ts';

const FILE = 'HIGHMEM|MOVABLE|IO|HARDWALL|DIRECT|KSWAPD order=0';
const ANON = 'HIGHMEM|MOVABLE|IO|FS|ZERO|HARDWALL|DIRECT|KSWAPD order=0';
const NOIO = 'DIRECT|KSWAPD order=0';

const VICTIM = 'oom-tester uninterruptible exiting victim';
const BLOCKED = 'oom-tester uninterruptible dying';
const YOUNG = 'oom-tester dying';
const STALLING = `oom-tester ${FILE} dying`;

/** Who comes to stall within the next ten seconds. */
const DAEMONS = [
  'systemd-journal',
  'tuned',
  'irqbalance',
  'rngd',
  'abrt-watch-log',
  'vmtoolsd',
  'nmbd',
  'smbd',
  'smbd',
];

/** The threads of the victim in the order of their pids; those that read began one by one. */
function threads(reading: string): string[] {
  const order = [reading, reading, BLOCKED, reading, BLOCKED, BLOCKED, BLOCKED, reading, reading];
  return [VICTIM, ...order];
}

/** The second report of seed 001. */
const SECOND = [
  '16 stalling task, 9 dying task, 1 victim task.',
  `kworker ${NOIO}`,
  ...DAEMONS.map((comm) => `${comm} ${FILE}`),
  `oom-tester ${ANON}`,
  ...threads(STALLING),
];
const FIRST_COUNTS = '1 stalling task, 9 dying task, 1 victim task.';

/**
 * The first report is made when the oldest request is as old as the timeout: of the five readers
 * one stalls, and the others are dying. Which one began first is chance.
 */
function checkFirst(report: readonly string[] | undefined): void {
  const [counts, ...tasks] = report ?? [];
  assert.equal(counts, FIRST_COUNTS);
  const readers = tasks.filter((_, i) => SECOND.slice(-tasks.length)[i] === STALLING);
  assert.equal(readers.filter((line) => line === STALLING).length, 1);
  const reading = [STALLING, YOUNG];
  assert.deepEqual(
    tasks.map((line) => (reading.includes(line) ? STALLING : line)),
    threads(STALLING),
  );
}

describe('SEED_001', function () {
  this.timeout(240_000);

  it('has the reports of seed 001 to come to', function () {
    const lines = seedLines('001_');
    if (lines === undefined) return skipWithReason(this, 'the seeds are not part of the project');
    const [first, ...others] = reportShapes(lines, 'then');
    checkFirst(first);
    assert.deepEqual(others, [SECOND]);
  });

  for (const seed of [1, 2, 3]) {
    it(`prints them, line by line, seed ${seed}`, () => {
      const { kernel, truth } = runKernel(SEED_001, { seed });
      const log = kernel.log.records.map(({ text }) => text);
      const [first, second] = reportShapes(log, 'now');
      checkFirst(first);
      assert.deepEqual(second, SECOND);
      assert.equal(truth.diagnosis, 'D3');
      assert.deepEqual(truth.cycle.map(({ what }) => what).sort(), [
        'memory',
        'mmap_lock of oom-tester',
      ]);
    });
  }

  for (const feature of [
    { reservesByThread: false },
    { killableMmapLock: true },
    { oomPrefersChildren: false },
  ]) {
    it(`does not come to that with ${JSON.stringify(feature)}`, () => {
      const run = { seed: 1, features: feature, knobs: { dumpSeconds: 12 }, timeoutSeconds: 1 };
      const { truth } = runKernel(SEED_001, run);
      assert.notEqual(truth.diagnosis, 'D3');
    });
  }
});
