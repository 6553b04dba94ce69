// Runs of the 4.4 flavour: no BTF and no named kallsyms, so that symbols come from System.map and
// types from the layout file that the banner finds.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readMemalloc } from '../../../src/kernel/memalloc-report.ts';
import { tasksResult } from '../../../src/kernel/tasks-result.ts';
import { threadFlagBits } from '../../../src/kernel/thread-info.ts';
import { LINUX_4_4 } from '../../../src/sim/flavour/linux-4-4.ts';
import { writeElf } from '../../../src/sim/image/elf.ts';
import type { Ledger, LedgerTask } from '../../../src/sim/ledger.ts';
import { SCENARIOS } from '../../../src/sim/scenarios/list.ts';
import { simulate, systemMap, type Simulation } from '../../../src/sim/simulate.ts';
import { openVmcore } from '../../../src/target/open.ts';
import type { Vmcore } from '../../../src/target/vmcore.ts';
import { readLayout } from '../../../src/types/layout.ts';
import { vaddr } from '../../../src/util/address.ts';
import { BytesSink } from '../../../src/util/io.ts';
import { skipWithReason } from '../../support/bpftool.ts';
import { ledgerFields, recordFields, taskFields } from '../../support/simulated.ts';

const LAYOUT = new URL('../../../structs/4.4.1-stallcore-sim-x86_64.json', import.meta.url);
const TIF_MEMDIE = 1n << 20n;
/** More calls than any stack of 16 KiB has. */
const FRAMES_MAX = 256;

describe('LINUX_4_4', function () {
  this.timeout(180_000);
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'stallcore-4.4-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  for (const scenario of SCENARIOS) {
    describe(scenario.name, () => {
      let run: Simulation;
      let vmcore: Vmcore;
      let path: string;
      before(async () => {
        const types = readLayout(readFileSync(LAYOUT, 'utf8'), 'the layout of the 4.4 flavour');
        run = simulate({ scenario, seed: 1, kmallocwd: 10, flavour: LINUX_4_4, types });
        path = join(folder, `${scenario.name}.elf`);
        const sink = new BytesSink();
        writeElf(run.image, sink);
        writeFileSync(path, sink.bytes());
        const map = systemMap(run);
        assert.ok(map !== undefined);
        writeFileSync(`${path}.System.map`, map);
        vmcore = await openVmcore([path], { systemMap: `${path}.System.map` });
      });
      after(() => vmcore.close());

      it('is read by the layout file that its banner finds', () => {
        assert.equal(vmcore.types.origin, 'structs/4.4.1-stallcore-sim-x86_64.json');
        assert.equal(vmcore.identity.physBase.value, 0);
      });

      it('has the tasks of the ledger, which the pid hash leads to as well', () => {
        checkTasks(vmcore, run.ledger);
      });

      it('has the records of the ledger, and the lines that kmallocwd would print', () => {
        checkRecords(vmcore, run.ledger);
        assert.deepEqual(vmcore.problems.list, []);
      });

      it('has the stacks of the ledger, by their frame pointers', () => {
        for (const task of run.ledger.tasks) {
          // Who switches goes on in __schedule(), which has no return address on the stack.
          const [first, ...callers] = task.functions;
          if (task.onCpu || first === undefined) continue;
          assert.equal(first, '__schedule');
          assert.deepEqual(callersOf(vmcore, task), callers, task.comm);
        }
      });

      it('has a log that vmcore-dmesg reads', function () {
        const program = '/usr/sbin/vmcore-dmesg';
        if (!existsSync(program)) return skipWithReason(this, 'kexec-tools is not installed');
        const text = execFileSync(program, [path], { encoding: 'latin1', maxBuffer: 1 << 24 });
        const found = [...text.matchAll(/^\[.{12}\] (MemAlloc.*)$/gm)].map(([, line]) => line);
        const { logLines } = run.ledger;
        // Older ones may have been pushed out of the ring.
        assert.deepEqual(found, logLines.slice(logLines.length - found.length));
        assert.equal(found.length > 0, logLines.length > 0);
      });
    });
  }
});

function checkTasks(vmcore: Vmcore, ledger: Ledger): void {
  const { tasks, crossCheck } = tasksResult(vmcore);
  // There is no signal->oom_mm: what the ledger knows of the process shows in the thread alone.
  const own = (fields: Record<string, unknown>): Record<string, unknown> => {
    const { oomVictim, ...others } = fields;
    assert.notEqual(oomVictim, undefined);
    return others;
  };
  assert.deepEqual(
    tasks.map((task, i) => own(taskFields(task, ledger.tasks[i]!))),
    ledger.tasks.map((task) => own(ledgerFields(task))),
  );
  const victims = tasks.map(({ threadFlags = '0' }) => (BigInt(threadFlags) & TIF_MEMDIE) !== 0n);
  assert.deepEqual(
    victims,
    ledger.tasks.map(({ words }) => words.victim),
  );
  assert.deepEqual(crossCheck, {
    pidTable: 'pid hash',
    pidCount: ledger.tasks.length,
    pidWalkComplete: true,
    onlyInList: [],
    onlyInPids: [],
  });
}

function checkRecords(vmcore: Vmcore, ledger: Ledger): void {
  const { memdie, sigpending } = threadFlagBits(vmcore);
  assert.equal(memdie?.source, 'locked bit instruction in mark_oom_victim()');
  assert.equal(sigpending?.source, 'locked bit instruction in signal_wake_up_state()');
  const { jiffies, hz, record, tasks } = readMemalloc(vmcore);
  assert.equal(jiffies, ledger.jiffies);
  assert.equal(hz, ledger.hz);
  assert.deepEqual(record?.lines, ledger.lines);
  tasks.forEach((task, i) => {
    const truth = ledger.tasks[i]!;
    assert.deepEqual(task.words, truth.words, truth.comm);
    assert.deepEqual(recordFields(task, truth), truth.record, truth.comm);
  });
}

/** The functions below __schedule() on the stack of a task that sleeps. */
function callersOf(vmcore: Vmcore, { address, pid }: LedgerTask): string[] {
  const word = (at: bigint): bigint => {
    const bytes = vmcore.readBytes(vaddr(at), 8);
    return new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  };
  const sp = vmcore
    .object('task_struct', vaddr(BigInt(address)))
    .member('thread.sp')
    .integer();
  const names: string[] = [];
  // What switch_to() pushed: the frame pointer of __schedule().
  for (let bp = word(sp); word(bp) !== 0n; bp = word(bp)) {
    assert.ok(names.length < FRAMES_MAX, `pid ${pid}: the stack does not end`);
    const ip = word(bp + 8n);
    const place = vmcore.symbols.symbolAt(vaddr(ip));
    assert.ok(place !== undefined, `pid ${pid}: no symbol at 0x${ip.toString(16)}`);
    names.push(place.name);
  }
  return names;
}
