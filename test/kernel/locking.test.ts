import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { locksResult } from '../../src/kernel/locking.ts';
import type { LocksResult } from '../../src/kernel/locking/lock.ts';
import { chainOf } from '../../src/kernel/locking/wait-graph.ts';
import type { FlavourName } from '../../src/sim/flavour/flavours.ts';
import { checkLocks } from '../support/ledger-locks.ts';
import { realDump, withVmcore } from '../support/real-dumps.ts';
import { runScenario, withRun, writeRun } from '../support/simulated.ts';

/** Runs in which tasks wait for locks, and when they are dumped. */
const SIMULATED: readonly [scenario: string, flavour: FlavourName, seconds: number][] = [
  ['reaper-defeated', '6.1', 20],
  ['reaper-defeated', '4.4', 20],
  ['seed-001', '4.4', 28],
  ['seed-000', '4.4', 40],
  ['bio-pool-empty', '6.1-kmallocwd', 20],
];

describe('locksResult', function () {
  this.timeout(20_000);
  const folder = mkdtempSync(join(tmpdir(), 'stallcore-locks-'));

  after(() => rmSync(folder, { recursive: true }));

  it('finds who has a mutex and who waits for it: k1-victim-wd10.kdump', async function () {
    await withVmcore(realDump(this, 'k1-victim-wd10.kdump'), (vmcore) => {
      const result = locksResult(vmcore);
      assert.deepEqual(result.unproved, []);
      assert.deepEqual(result.cycles, []);
      const words = new Words(result);
      assert.deepEqual(words.locks(), [
        'mutex memalloc_debug_mutex: nofs-holder <- ' +
          'lock waiter, victim, victim-thread2, exit-locker',
        'rw_semaphore mmap_lock of mmap-holder(59): mmap-holder <- mmap-waiter, mmap-waiter',
        'rw_semaphore mmap_lock of multi(64): 1 reads <- hog-thread, hog-thread',
      ]);
      const victim = words.pid('victim');
      const chain = chainOf(result, victim);
      assert.deepEqual(
        [chain?.last, chain?.end, chain?.certain],
        [words.pid('nofs-holder'), 'task', true],
      );
      const holder = result.tasks.find(({ comm }) => comm === 'nofs-holder');
      assert.deepEqual([holder?.state, holder?.allocator], ['R', 'slow path']);
    });
  });

  for (const [name, flavour, seconds] of SIMULATED) {
    it(`finds the locks of ${name} on the simulated ${flavour}`, async () => {
      const knobs = { dumpSeconds: seconds };
      const run = runScenario(name, { flavour, seed: 1, kmallocwd: 1, knobs });
      const files = writeRun(run, join(folder, `${name}-${flavour}`), { format: 'elf' });
      await withRun(files, (vmcore) => {
        assert.ok(checkLocks(locksResult(vmcore), run.ledger) > 0);
      });
    });
  }
});

/** A result in short, by the names of tasks. */
class Words {
  readonly #result: LocksResult;

  constructor(result: LocksResult) {
    this.#result = result;
  }

  pid(comm: string): number {
    const task = this.#result.tasks.find((each) => each.comm === comm);
    assert.ok(task !== undefined, comm);
    return task.pid;
  }

  locks(): string[] {
    return this.#result.locks.map((lock) => {
      const { kind, name, owner, readers, waiters } = lock;
      const comms = waiters.map((pid) => this.#comm(pid)).join(', ');
      const holder = owner?.comm ?? (readers === undefined ? '?' : `${readers.count} reads`);
      return `${kind} ${name ?? '?'}: ${holder} <- ${comms}`;
    });
  }

  #comm(pid: number): string | undefined {
    return this.#result.tasks.find((task) => task.pid === pid)?.comm;
  }
}
