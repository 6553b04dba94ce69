// Whole runs, as far as test/sim/cover.test.ts does not go: other tools, the same seed twice, and
// what scenarios do on kernels that no flavour is.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PAGE_SIZE } from '../../src/arch/x86-64.ts';
import { USER_CANARY } from '../../src/sim/image/user-memory.ts';
import { ledgerText, type Simulation } from '../../src/sim/simulate.ts';
import type { Vmcore } from '../../src/target/vmcore.ts';
import { hasProgram, skipWithReason } from '../support/bpftool.ts';
import { checkAll, checkLog } from '../support/ledger-checks.ts';
import { CONTAINERS, runScenario, withRun, writeRun } from '../support/simulated.ts';

describe('simulate', function () {
  this.timeout(180_000);
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'stallcore-sim-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  it('does not let an OOM victim stall the machine where the kernel has the OOM reaper', () => {
    const knobs = { dumpSeconds: 10 };
    const options = { seed: 1, kmallocwd: 1, knobs, features: { oomReaper: true } };
    const { truth, memory, tasks } = runScenario('oom-victim-mutex', options).ledger;
    assert.deepEqual({ ...truth, recovered: [] }, RECOVERED);
    assert.ok(memory.oomKills! > 0);
    assert.ok(tasks.some(({ comm }) => comm === 'oom_reaper'));
  });

  it('shows nothing of a leak but the kill, once the memory is back', () => {
    const { memory, counts } = runScenario('leak-then-recover', { seed: 1, kmallocwd: 4 }).ledger;
    assert.deepEqual(counts, { stalling: 0, dying: 0, exiting: 0, victim: 0 });
    assert.equal(memory.oomKills, 1);
  });

  for (const flavour of ['6.1-kmallocwd', '4.4'] as const) {
    it(`reads the same of all RAM of ${flavour} after makedumpfile -d 31`, async function () {
      if (!hasProgram('makedumpfile', '-v')) {
        skipWithReason(this, 'makedumpfile is not installed');
        return;
      }
      const options = { seed: 1, kmallocwd: 1, flavour, knobs: { ramMiB: 64, dumpSeconds: 4 } };
      const run = runScenario('oom-victim-mutex', { ...options, unfiltered: true });
      const whole = writeRun(run, join(folder, `${flavour}.whole`), { format: 'kdump' });
      const filtered = { ...whole, paths: [join(folder, `${flavour}.filtered`)] };
      const [from, to] = [whole, filtered].map(({ paths }) => paths[0]!);
      execFileSync('makedumpfile', ['-d', '31', '-c', from!, to!], { stdio: 'pipe' });
      for (const files of [whole, filtered]) {
        await withRun(files, (vmcore) => {
          checkAll(vmcore, run.ledger, flavour === '4.4' ? '4.4' : '6.1');
          checkUserPages(vmcore, run, files === whole);
        });
      }
      const log = join(folder, `${flavour}.log.txt`);
      execFileSync('makedumpfile', ['--dump-dmesg', to!, log], { stdio: 'pipe' });
      checkLog(readFileSync(log, 'latin1'), run.ledger);
    });
  }

  it('is an ELF file to readelf', function () {
    if (!hasProgram('readelf')) return skipWithReason(this, 'readelf is not installed');
    const path = join(folder, 'vmcore.elf');
    writeRun(runScenario('quiet', { seed: 1, kmallocwd: 4 }), path, { format: 'elf' });
    const text = execFileSync('readelf', ['-lhW', path], { encoding: 'utf8' });
    assert.match(text, /CORE \(Core file\)/);
    assert.match(text, /\n {2}NOTE /);
    assert.doesNotMatch(text, /Warning|Error/i);
  });

  it('leaves in its place what lives on until the second dump', () => {
    const knobs = { dumpSeconds: 10 };
    const options = { seed: 2, kmallocwd: 1, judgedBy: 0.1, knobs, again: 3 };
    const { image, ledger, again } = runScenario('overload', options);
    assert.ok(again !== undefined);
    const { tasks, locks, since } = again.ledger;
    assert.equal(since.seconds, 3);
    assert.ok(since.tasks.some(({ fate }) => fate === 'gone'));
    const place = ({ pid, address, stack }: (typeof tasks)[0]): string =>
      `${pid} ${address} ${stack}`;
    const [before, now] = [new Set(ledger.tasks.map(place)), tasks.map(place)];
    const pids = new Set(ledger.tasks.map(({ pid }) => pid));
    const moved = tasks.filter((task) => pids.has(task.pid) && !before.has(place(task)));
    assert.deepEqual(moved, []);
    assert.equal(new Set(now).size, tasks.length);
    const lockPlace = ({ name, address }: (typeof locks)[0]): string => `${name} ${address}`;
    const known = new Set(ledger.locks.map(({ name }) => name));
    assert.deepEqual(
      locks.filter(({ name }) => known.has(name)).map(lockPlace),
      ledger.locks.filter(({ name }) => locks.some((lock) => lock.name === name)).map(lockPlace),
    );
    assert.deepEqual(again.image.symbols, image.symbols);
  });

  it('gives the same bytes and the same ledger for the same seed', () => {
    const [first, second] = [0, 1].map(() => {
      const run = runScenario('oom-victim-mutex', { seed: 4, kmallocwd: 2 });
      return [ledgerText(run.ledger), ...CONTAINERS.map(({ bytes }) => bytes(run))] as const;
    });
    assert.deepEqual(first, second);
  });

  it('gives another machine for another seed', () => {
    const [first, second] = [5, 6].map((seed) => {
      return ledgerText(runScenario('oom-victim-mutex', { seed, kmallocwd: 2 }).ledger);
    });
    assert.notEqual(first, second);
  });
});

/**
 * What users have in their pages is in the dump, or gone. makedumpfile knows a file's page by
 * PG_lru, which one that reclaim has taken off its list lacks, and keeps that.
 */
function checkUserPages(vmcore: Vmcore, { image }: Simulation, isWhole: boolean): void {
  const { memory } = image.areas;
  const users = (image.facts.memory?.pages ?? []).filter(({ kind }) => kind !== 'kernel');
  assert.ok(users.length > 5000);
  for (const { pfn, kind, lru } of users) {
    const bytes = vmcore.readAvailable(memory.directMap(pfn * PAGE_SIZE), PAGE_SIZE);
    const isKept = isWhole || (kind === 'file' && lru === undefined);
    assert.equal(Buffer.from(bytes).includes(USER_CANARY), isKept, `pfn ${pfn}`);
  }
}

const RECOVERED = { diagnosis: 'D14', stuck: [], asleep: [], recovered: [], cycle: [] };
