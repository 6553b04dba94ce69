// Whole runs: what the reader finds in the vmcore is what the simulation wrote into its ledger.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readMemalloc } from '../../src/kernel/memalloc-report.ts';
import { tasksResult } from '../../src/kernel/tasks-result.ts';
import type { Ledger } from '../../src/sim/ledger.ts';
import { SCENARIOS } from '../../src/sim/scenarios/list.ts';
import { ledgerText, type Simulation } from '../../src/sim/simulate.ts';
import { openVmcore } from '../../src/target/open.ts';
import type { Vmcore } from '../../src/target/vmcore.ts';
import { hasProgram, skipWithReason } from '../support/bpftool.ts';
import {
  CONTAINERS,
  functionsOf,
  ledgerFields,
  recordFields,
  runScenario,
  taskFields,
} from '../support/simulated.ts';

const RUNS: readonly { seed: number; kmallocwd: number }[] = [
  { seed: 1, kmallocwd: 10 },
  { seed: 2, kmallocwd: 0 },
  { seed: 3, kmallocwd: 4 },
];

describe('simulate', function () {
  this.timeout(60_000);
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'stallcore-sim-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  for (const scenario of SCENARIOS) {
    for (const options of RUNS) {
      const { seed, kmallocwd } = options;
      describe(`${scenario.name}, seed ${seed}, kmallocwd=${kmallocwd}`, () => {
        let run: Simulation;
        let ledger: Ledger;
        before(() => {
          run = runScenario(scenario.name, options);
          ({ ledger } = run);
        });

        it(`comes to ${scenario.diagnosis ?? 'something that is known'}`, () => {
          const { diagnosis } = ledger.truth;
          const expected = scenario.diagnosis ?? diagnosis;
          assert.equal(diagnosis, expected, JSON.stringify(ledger.truth));
          assert.notEqual(diagnosis, 'unknown', JSON.stringify(ledger.truth));
        });

        it('logs what stalls, and nothing with kmallocwd=0', () => {
          if (kmallocwd === 0) assert.deepEqual(ledger.logLines, []);
          // A request that stalls for longer than from one look to the next is in the log.
          else if (ledger.truth.stuck.length > 0) assert.notDeepEqual(ledger.logLines, []);
        });

        for (const { name: container, bytes } of CONTAINERS) {
          it(`is read from ${container} as the ledger has it`, async () => {
            const path = join(folder, `${scenario.name}-${seed}.${container}`);
            writeFileSync(path, bytes(run));
            await withVmcore(path, (vmcore) => checkAll(vmcore, ledger));
            if (container === 'elf') {
              checkReadelf(path);
              checkDmesg(path, ledger);
            }
          });
        }
      });
    }
  }

  it('does not let an OOM victim stall the machine where the kernel has the OOM reaper', () => {
    const options = { seed: 1, kmallocwd: 4, features: { oomReaper: true } };
    const { truth, memory, tasks } = runScenario('oom-victim-mutex', options).ledger;
    assert.deepEqual({ ...truth, recovered: [] }, RECOVERED);
    assert.ok(memory.oomKills! > 0);
    assert.ok(tasks.some(({ comm }) => comm === 'oom_reaper'));
  });

  it('shows nothing of a leak but the kill, once the memory is back', () => {
    const { memory, counts } = runScenario('leak-then-recover', { seed: 1, kmallocwd: 4 }).ledger;
    assert.deepEqual(counts, { stalling: 0, dying: 0, victim: 0 });
    assert.equal(memory.oomKills, 1);
  });

  it('reads the same from an unfiltered dump after makedumpfile -d 31', async function () {
    if (!hasProgram('makedumpfile', '-v')) {
      skipWithReason(this, 'makedumpfile is not installed');
      return;
    }
    const run = runScenario('oom-victim-mutex', { seed: 1, kmallocwd: 4, unfiltered: true });
    const [whole, filtered] = ['whole', 'filtered'].map((name) => join(folder, `${name}.kdump`));
    const kdump = CONTAINERS.find(({ name }) => name === 'kdump');
    writeFileSync(whole!, kdump!.bytes(run));
    execFileSync('makedumpfile', ['-d', '31', '-c', whole!, filtered!], { stdio: 'pipe' });
    for (const path of [whole!, filtered!]) {
      await withVmcore(path, (vmcore) => checkAll(vmcore, run.ledger));
    }
    const log = join(folder, 'log.txt');
    execFileSync('makedumpfile', ['--dump-dmesg', filtered!, log], { stdio: 'pipe' });
    checkLog(readFileSync(log, 'latin1'), run.ledger);
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

const RECOVERED = { diagnosis: 'D14', stuck: [], recovered: [], cycle: [] };

async function withVmcore(path: string, check: (vmcore: Vmcore) => void): Promise<void> {
  const vmcore = await openVmcore([path]);
  try {
    check(vmcore);
  } finally {
    vmcore.close();
  }
}

function checkAll(vmcore: Vmcore, ledger: Ledger): void {
  checkTasks(vmcore, ledger);
  checkRecords(vmcore, ledger);
  checkStacks(vmcore, ledger);
  checkLocks(vmcore, ledger);
  assert.deepEqual(vmcore.problems.list, []);
}

function checkTasks(vmcore: Vmcore, ledger: Ledger): void {
  const { tasks, crossCheck } = tasksResult(vmcore);
  assert.equal(tasks.length, ledger.tasks.length);
  assert.deepEqual(
    tasks.map((task, i) => taskFields(task, ledger.tasks[i]!)),
    ledger.tasks.map(ledgerFields),
  );
  assert.deepEqual(crossCheck, {
    pidCount: ledger.tasks.length,
    pidWalkComplete: true,
    onlyInList: [],
    onlyInPids: [],
  });
}

function checkRecords(vmcore: Vmcore, ledger: Ledger): void {
  const result = readMemalloc(vmcore);
  const { record, tasks } = result;
  assert.equal(result.jiffies, ledger.jiffies);
  assert.equal(result.hz, ledger.hz);
  assert.deepEqual(record?.lines, ledger.lines);
  assert.equal(record?.silent, ledger.counts.stalling === 0);
  for (const [kind, count] of Object.entries(ledger.counts)) {
    assert.equal(record?.counts[kind as keyof Ledger['counts']], count, kind);
  }
  assert.equal(record?.timeoutSeconds?.value, ledger.timeoutSeconds);
  tasks.forEach((task, i) => {
    const truth = ledger.tasks[i]!;
    assert.deepEqual(task.words, truth.words, truth.comm);
    assert.deepEqual(recordFields(task, truth), truth.record, truth.comm);
  });
}

function checkStacks(vmcore: Vmcore, ledger: Ledger): void {
  for (const task of ledger.tasks) {
    if (task.onCpu || task.functions.length === 0) continue;
    assert.deepEqual(functionsOf(vmcore, task), task.functions, task.comm);
  }
}

/** Each owner and each wait list, as pointers say. */
function checkLocks(vmcore: Vmcore, ledger: Ledger): void {
  const addressOf = new Map(ledger.tasks.map(({ pid, address }) => [pid, BigInt(address)]));
  for (const { name, kind, address, ownerPid, readerPids, count, waiterPids } of ledger.locks) {
    const lock = vmcore.object(kind, BigInt(address) as Parameters<Vmcore['object']>[1]);
    if (count !== undefined) {
      const found = lock.member(kind === 'semaphore' ? 'count' : 'count.counter').integer();
      assert.equal(found, BigInt(count), name);
    }
    if (kind !== 'semaphore') {
      const owner = BigInt.asUintN(64, lock.member('owner.counter').integer());
      const expected = ownerPid === undefined ? 0n : addressOf.get(ownerPid);
      // Of readers, the word has the one that came last, and keeps it when it has gone.
      const wasRead = kind === 'rw_semaphore' && (owner & 1n) !== 0n;
      if (readerPids !== undefined && readerPids.length > 0) assert.ok(wasRead, name);
      assert.equal(wasRead ? 0n : owner & ~7n, expected, name);
    }
    const waiters: bigint[] = [];
    const head = lock.member('wait_list').address;
    for (let at = lock.member('wait_list.next').integer(); at !== head && waiters.length < 99;) {
      const waiter = vmcore.object(WAITERS[kind], at as Parameters<Vmcore['object']>[1]);
      waiters.push(waiter.member('task').integer());
      at = waiter.member('list.next').integer();
    }
    assert.deepEqual(
      waiters,
      waiterPids.map((pid) => addressOf.get(pid)),
      name,
    );
  }
}

const WAITERS = {
  mutex: 'mutex_waiter',
  rw_semaphore: 'rwsem_waiter',
  semaphore: 'semaphore_waiter',
} as const;

function checkReadelf(path: string): void {
  if (!hasProgram('readelf')) return;
  const text = execFileSync('readelf', ['-lhW', path], { encoding: 'utf8' });
  assert.match(text, /CORE \(Core file\)/);
  assert.match(text, /\n {2}NOTE /);
  assert.doesNotMatch(text, /Warning|Error/i);
}

/** The dump's own log, as kexec-tools reads it. */
function checkDmesg(path: string, ledger: Ledger): void {
  const program = '/usr/sbin/vmcore-dmesg';
  if (!existsSync(program)) return;
  checkLog(execFileSync(program, [path], { encoding: 'latin1', maxBuffer: 1 << 24 }), ledger);
}

/** The watchdog's lines in it. */
function checkLog(text: string, { logLines }: Ledger): void {
  const found = [...text.matchAll(/^\[.{12}\] (MemAlloc.*)$/gm)].map(([, line]) => line);
  // Older ones may have been pushed out of the ring.
  assert.deepEqual(found, logLines.slice(logLines.length - found.length));
  assert.equal(found.length > 0, logLines.length > 0);
}
