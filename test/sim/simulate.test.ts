// Whole runs, as far as test/sim/cover.test.ts does not go: other tools, the same seed twice, and
// what scenarios do on kernels that no flavour is.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ledgerText } from '../../src/sim/simulate.ts';
import { hasProgram, skipWithReason } from '../support/bpftool.ts';
import { checkAll, checkLog } from '../support/ledger-checks.ts';
import { CONTAINERS, runScenario, withRun, writeRun } from '../support/simulated.ts';

describe('simulate', function () {
  this.timeout(60_000);
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'stallcore-sim-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  it('does not let an OOM victim stall the machine where the kernel has the OOM reaper', () => {
    const options = { seed: 1, kmallocwd: 4, features: { oomReaper: true } };
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

  it('reads the same from an unfiltered dump after makedumpfile -d 31', async function () {
    if (!hasProgram('makedumpfile', '-v')) {
      skipWithReason(this, 'makedumpfile is not installed');
      return;
    }
    const run = runScenario('oom-victim-mutex', { seed: 1, kmallocwd: 4, unfiltered: true });
    const whole = join(folder, 'whole.kdump');
    const filtered = join(folder, 'filtered.kdump');
    writeRun(run, whole, { format: 'kdump' });
    execFileSync('makedumpfile', ['-d', '31', '-c', whole, filtered], { stdio: 'pipe' });
    for (const path of [whole, filtered]) {
      await withRun({ paths: [path] }, (vmcore) => checkAll(vmcore, run.ledger));
    }
    const log = join(folder, 'log.txt');
    execFileSync('makedumpfile', ['--dump-dmesg', filtered, log], { stdio: 'pipe' });
    checkLog(readFileSync(log, 'latin1'), run.ledger);
  });

  it('is an ELF file to readelf', function () {
    if (!hasProgram('readelf')) return skipWithReason(this, 'readelf is not installed');
    const path = join(folder, 'vmcore.elf');
    writeRun(runScenario('quiet', { seed: 1, kmallocwd: 4 }), path, { format: 'elf' });
    const text = execFileSync('readelf', ['-lhW', path], { encoding: 'utf8' });
    assert.match(text, /CORE \(Core file\)/);
    assert.match(text, /\n {2}NOTE /);
    assert.doesNotMatch(text, /Warning|Error/i);
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

const RECOVERED = { diagnosis: 'D14', stuck: [], asleep: [], recovered: [], cycle: [] };
