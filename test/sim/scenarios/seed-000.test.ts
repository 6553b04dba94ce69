import assert from 'node:assert/strict';
import { SEED_000 } from '../../../src/sim/scenarios/seed-000.ts';
import { skipWithReason } from '../../support/bpftool.ts';
import { runKernel } from '../../support/run-kernel.ts';
import { reportShapes, seedLines } from '../../support/seed-report.ts';

const NOFS = 'IO|NOWARN|DIRECT|KSWAPD order=0';
const FILE = 'HIGHMEM|MOVABLE|IO|FS|HARDWALL|DIRECT|KSWAPD order=0';
const ANON = 'HIGHMEM|MOVABLE|IO|FS|ZERO|HARDWALL|DIRECT|KSWAPD order=0';
const FORK = 'IO|FS|ACCOUNT|DIRECT|KSWAPD order=2';

const HEAD = [
  `kthreadd ${FORK}`,
  `systemd-journal ${FILE}`,
  `irqbalance ${FILE}`,
  `crond ${FILE}`,
  `vmtoolsd ${FILE}`,
];
const TAIL = [`oom-write ${ANON}`, `write ${NOFS} exiting`, 'write uninterruptible dying victim'];

/** What seed 000 says three times, ten seconds apart. */
const REPORTS = [
  ['7 stalling task, 1 dying task, 1 victim task.', ...HEAD, ...TAIL],
  ['8 stalling task, 1 dying task, 1 victim task.', ...HEAD, `nmbd ${FILE}`, ...TAIL],
  [
    '11 stalling task, 1 dying task, 1 victim task.',
    ...HEAD,
    ...['master', 'nmbd', 'smbd', 'smbd'].map((comm) => `${comm} ${FILE}`),
    ...TAIL,
  ],
];

describe('SEED_000', function () {
  this.timeout(240_000);

  it('has the reports of seed 000 to come to', function () {
    const lines = seedLines('000_');
    if (lines === undefined) return skipWithReason(this, 'the seeds are not part of the project');
    assert.deepEqual(reportShapes(lines, 'then'), REPORTS);
  });

  for (const seed of [1, 2, 3]) {
    it(`prints them, line by line, seed ${seed}`, () => {
      const { kernel, truth } = runKernel(SEED_000, { seed, patch: 'v4' });
      const log = kernel.log.records.map(({ text }) => text);
      assert.deepEqual(reportShapes(log, 'now').slice(0, REPORTS.length), REPORTS);
      assert.equal(truth.diagnosis, 'D3');
      assert.deepEqual(truth.cycle.map(({ what }) => what).sort(), ['i_mutex of file', 'memory']);
    });
  }

  it('has both children killed, and the first of them close its file', () => {
    const run = { seed: 1, knobs: { dumpSeconds: 12 }, timeoutSeconds: 1 };
    const { kernel } = runKernel(SEED_000, run);
    const holder = [...kernel.threads()].find(
      ({ comm, isExiting }) => comm === 'write' && isExiting,
    );
    const names = holder?.frames.map(({ name }) => name) ?? [];
    assert.ok(names.indexOf('simfs_release_file') > names.indexOf('do_exit'), names.join(' '));
    assert.deepEqual([holder?.isMemdie, holder?.isOomVictim, holder?.mm], [false, true, undefined]);
    assert.equal(kernel.oomKills, 2);
  });

  for (const feature of [{ reservesByThread: false }, { oomPrefersChildren: false }]) {
    it(`does not come to that with ${JSON.stringify(feature)}`, () => {
      const run = { seed: 1, features: feature, knobs: { dumpSeconds: 12 }, timeoutSeconds: 1 };
      const { truth } = runKernel(SEED_000, run);
      assert.notEqual(truth.diagnosis, 'D3');
      assert.deepEqual(truth.stuck, []);
    });
  }
});
