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
  this.timeout(60_000);
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

  for (const dump of ['k2-pair-a.kdump', 'k2-pair-b.kdump']) {
    it(`leads from the victim to who holds the mutex: ${dump}`, async function () {
      await withVmcore(realDump(this, dump), (vmcore) => {
        const result = locksResult(vmcore);
        const words = new Words(result);
        assert.deepEqual(words.locks(), [
          'mutex memalloc_debug_mutex: nofs-holder <- ' +
            'lock waiter, victim, victim-thread2, exit-locker',
          'rw_semaphore mmap_lock of mmap-holder(59): mmap-holder <- mmap-waiter, mmap-waiter',
          'rw_semaphore mmap_lock of multi(64): 1 reads <- hog-thread, hog-thread',
        ]);
        const { last, certain } = chainOf(result, words.pid('victim')) ?? {};
        assert.deepEqual([last, certain], [words.pid('nofs-holder'), true]);
        assert.deepEqual([result.unproved, result.cycles], [[], []]);
      });
    });
  }

  it('finds who writes a directory and who has a pipe: k61-quiet', async function () {
    await withVmcore(realDump(this, 'k61-quiet-d31-zstd.kdump'), (vmcore) => {
      const result = locksResult(vmcore);
      const words = new Words(result);
      assert.deepEqual(words.locks(), [
        'rw_semaphore ?: irwsem-own-0 <- fuse-stat-02, fuse-stat-00, fuse-stat-01, ' +
          'irwsem-wait-3, irwsem-wait-2, irwsem-wait-1, vfork-child',
        'mutex ?: pipemtx-wr <- pipemtx-rd, pipemtx-rd, pipemtx-rd',
      ]);
      const wants = ['irwsem-wait-1', 'fuse-stat-00'].map((comm) => {
        return result.waits.find(({ pid }) => pid === words.pid(comm))?.wants;
      });
      assert.deepEqual(wants, ['write', 'read']);
      // The daemon that would answer holds no lock: it is its answer that is waited for.
      const owner = result.tasks.find(({ comm }) => comm === 'irwsem-own-0');
      assert.match(owner?.at ?? '', /^request_wait_answer\+0x\w+ \[fuse\]$/);
    });
  });

  it('finds readers as far as the kernel keeps them: k61-press', async function () {
    await withVmcore(realDump(this, 'k61-press-d31.kdump'), (vmcore) => {
      const result = locksResult(vmcore);
      const words = new Words(result);
      // Here two stat() read the directory; irwsem-own-0 is the first of those that wait for them.
      assert.equal(
        words.locks()[0],
        'rw_semaphore ?: 2 reads <- irwsem-own-0, fuse-stat-02, irwsem-wait-1, irwsem-wait-2, ' +
          'irwsem-wait-3, vfork-child, oom-victim',
      );
      const pipe = 'mutex ?: pipemtx-wr <- pipemtx-rd, pipemtx-rd, pipemtx-rd';
      assert.ok(words.locks().includes(pipe));
      const chain = chainOf(result, words.pid('oom-victim'));
      assert.deepEqual(
        chain?.links.map(({ pid }) => words.comm(pid)),
        ['oom-victim', 'fuse-stat-01'],
      );
      assert.deepEqual(
        [words.comm(chain?.last ?? 0), chain?.certain, chain?.end],
        ['fuse-stat-00', false, 'task'],
      );
      const mmapLocks = result.locks.filter(({ name }) => name?.startsWith('mmap_lock'));
      assert.equal(mmapLocks.length, 9);
      for (const { readers } of mmapLocks) {
        assert.equal(readers?.tasks.length, readers?.count, 'tasks in page faults of that mm');
      }
      assert.deepEqual(result.unproved, []);
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
      const comms = waiters.map((pid) => this.comm(pid)).join(', ');
      const holder = owner?.comm ?? (readers === undefined ? '?' : `${readers.count} reads`);
      return `${kind} ${name ?? '?'}: ${holder} <- ${comms}`;
    });
  }

  comm(pid: number): string | undefined {
    return this.#result.tasks.find((task) => task.pid === pid)?.comm;
  }
}
