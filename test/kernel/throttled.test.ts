// Who is throttled, against the functions that the simulated kernel was in.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readTasks } from '../../src/kernel/task.ts';
import { readThrottled, type ThrottleReason } from '../../src/kernel/throttled.ts';
import type { FlavourName } from '../../src/sim/flavour/flavours.ts';
import { realDump, withVmcore } from '../support/real-dumps.ts';
import { runScenario, withRun, writeRun } from '../support/simulated.ts';

/** A run in which tasks wait so at the dump, and the function that makes them. */
const WAITS: readonly [FlavourName, string, seed: number, caller: string, ThrottleReason][] = [
  ['4.4', 'too-many-isolated', 1, 'congestion_wait', 'congestion'],
  ['6.1', 'overload', 3, 'reclaim_throttle', 'isolated'],
  ['6.1', 'overload', 3, 'reclaim_throttle', 'noprogress'],
  ['4.4', 'reaper-defeated', 1, 'throttle_direct_reclaim', 'reserves'],
];

describe('readThrottled', function () {
  this.timeout(60_000);
  const folder = mkdtempSync(join(tmpdir(), 'stallcore-throttled-'));

  after(() => rmSync(folder, { recursive: true }));

  for (const [flavour, scenario, seed, caller, reason] of WAITS) {
    it(`finds in ${scenario} on ${flavour} who waits for ${reason}`, async () => {
      const knobs = { ramMiB: 64, dumpSeconds: 12 };
      const run = runScenario(scenario, { flavour, seed, kmallocwd: 1, knobs });
      const files = writeRun(run, join(folder, flavour), { format: 'elf' });
      await withRun(files, (vmcore) => {
        const throttled = readThrottled(vmcore, readTasks(vmcore).tasks);
        const waiting = run.ledger.tasks.filter(
          ({ address }) => throttled.get(address)?.reason === reason,
        );
        assert.ok(waiting.length > 0);
        for (const { comm, pid, functions } of waiting) {
          assert.ok(functions.includes(caller), `${comm}(${pid}): ${functions.join(' ')}`);
        }
        assert.equal(vmcore.problems.count, 0);
      });
    });
  }

  it('finds nobody on the queues of a real machine that has none throttled', async function () {
    await withVmcore(realDump(this, 'k61-quiet-d31-zstd.kdump'), (vmcore) => {
      assert.equal(readThrottled(vmcore, readTasks(vmcore).tasks).size, 0);
      assert.equal(vmcore.problems.count, 0);
    });
  });
});
