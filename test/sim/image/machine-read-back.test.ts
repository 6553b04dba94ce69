// A machine in each container, read: every field of every task, against the facts.

import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FlattenedSink } from '../../../src/format/flattened/write.ts';
import { readInfo } from '../../../src/kernel/info.ts';
import { readMemalloc, type MemallocTask } from '../../../src/kernel/memalloc-report.ts';
import { tasksResult } from '../../../src/kernel/tasks-result.ts';
import type { Task } from '../../../src/kernel/task.ts';
import { writeElf } from '../../../src/sim/image/elf.ts';
import { writeKdump } from '../../../src/sim/image/kdump.ts';
import type { MachineImage } from '../../../src/sim/image/machine.ts';
import { openVmcore } from '../../../src/target/open.ts';
import type { Vmcore } from '../../../src/target/vmcore.ts';
import { BytesSink, type ByteSink } from '../../../src/util/io.ts';
import type { LedgerTask, StatedLedger } from '../../support/stated-ledger.ts';
import { makeThreeStalls, type ThreeStalls } from '../../support/three-stalls.ts';

describe('makeThreeStalls', () => {
  it('has every state that a reader is to tell apart', () => {
    const { tasks, lines } = makeThreeStalls().ledger;
    const records = tasks.map(({ record }) => record);
    assert.equal(records.filter(({ stalling }) => stalling).length, 3);
    assert.equal(records.filter(({ inherited }) => inherited).length, 1);
    assert.equal(records.filter(({ depth }) => depth === 2).length, 1);
    assert.ok(records.some(({ depth, seq }) => depth === 0 && seq > 0));
    assert.equal(tasks.filter(({ words }) => words.victim && words.dying).length, 1);
    assert.ok(lines.some((line) => line.includes('\\x09')));
    assert.ok(tasks.length >= 25);
  });

  it('gives the same bytes each time', () => {
    const [one, two] = [makeThreeStalls(), makeThreeStalls()];
    assert.ok(Buffer.from(one.vmcore).equals(two.vmcore));
  });
});

describe('a machine, read', () => {
  const containers: [name: string, write: (machine: ThreeStalls, path: string) => void][] = [
    ['a kdump of lzo pages', ({ vmcore }, path) => writeFileSync(path, vmcore)],
    ['an ELF of the same machine', ({ image }, path) => writeFileSync(path, elfOf(image))],
    [
      'a flattened kdump of it',
      ({ image }, path) =>
        writeFileSync(
          path,
          flattened((sink) => writeKdump(image, sink, { codec: 'zlib' })),
        ),
    ],
    [
      'a flattened ELF of it',
      ({ image }, path) =>
        writeFileSync(
          path,
          flattened((sink) => writeElf(image, sink)),
        ),
    ],
    ['a raw image, VMCOREINFO found in memory', ({ image }, path) => writeRaw(image, path)],
  ];
  for (const [name, write] of containers) {
    describe(name, () => {
      let folder: string;
      let vmcore: Vmcore;
      let ledger: StatedLedger;
      before(async () => {
        const machine = makeThreeStalls();
        ledger = machine.ledger;
        folder = mkdtempSync(join(tmpdir(), 'stallcore-read-back-'));
        const path = join(folder, 'three-stalls.vmcore');
        write(machine, path);
        vmcore = await openVmcore([path]);
      });
      after(() => {
        vmcore.close();
        rmSync(folder, { recursive: true });
      });

      it('names the kernel', () => {
        const { system, problems } = readInfo(vmcore);
        assert.deepEqual(problems, []);
        const { release, banner, nodename, buildId, kaslrOffset, physBase, pageOffsetBase } =
          vmcore.identity;
        const values = {
          release,
          banner,
          nodename,
          buildId,
          kaslrOffset,
          physBase,
          pageOffsetBase,
        };
        for (const [fact, found] of Object.entries(values)) {
          assert.equal(found?.value, ledger.kernel[fact], fact);
        }
        assert.equal(system.cpusOnline, ledger.kernel.cpus);
        assert.equal(system.hz, ledger.hz);
      });

      it('has the tasks of the ledger, field by field', () => {
        const { tasks, idle, crossCheck } = tasksResult(vmcore);
        assert.deepEqual(tasks.map(taskFields), ledger.tasks.map(ledgerFields));
        assert.deepEqual(idle.map(taskFields), ledger.idle.map(ledgerFields));
        assert.deepEqual(crossCheck, {
          pidCount: ledger.tasks.length,
          pidWalkComplete: true,
          onlyInList: [],
          onlyInPids: [],
        });
      });

      it('has the records and the lines of the ledger', () => {
        const { record, tasks, jiffies } = readMemalloc(vmcore);
        assert.equal(jiffies, ledger.jiffies);
        assert.deepEqual(record?.lines, ledger.lines);
        assert.equal(record?.timeoutSeconds?.value, ledger.timeoutSeconds);
        assert.equal(record?.format, 'v3');
        assert.deepEqual(tasks.map(recordFields), ledger.tasks.map(ledgerRecordFields));
        assert.deepEqual(vmcore.problems.list, []);
      });
    });
  }
});

/** What both sides say of a task, under the ledger's names. */
function ledgerFields(task: LedgerTask): Record<string, unknown> {
  const elsewhere = new Set(['record', 'words']);
  return Object.fromEntries(Object.entries(task).filter(([key]) => !elsewhere.has(key)));
}

function taskFields(task: Task): Record<string, unknown> {
  const { oomMm, ppid, ...rest } = task;
  const keys = [
    'address pid tgid comm commHex state stateBits exitState flags cpu onCpu prio',
    'nvcsw nivcsw stack mm oomScoreAdj sigkillPending',
  ];
  const fields = Object.fromEntries(
    keys.flatMap((line) => line.split(' ')).map((key) => [key, rest[key as keyof typeof rest]]),
  );
  return { ...fields, ppid, oomVictim: oomMm !== '0x0' };
}

function ledgerRecordFields({ pid, words, record }: LedgerTask): Record<string, unknown> {
  const { delay, ...rest } = record;
  // A request that is over waits no more; the ledger gives every record's age.
  return { pid, words, ...rest, ...(record.depth > 0 ? { delay } : {}) };
}

function recordFields({ pid, words, record }: MemallocTask): Record<string, unknown> {
  assert.ok(record !== undefined);
  const { sequence, seq, depth, start, order, gfpMask, inherited, stalling } = record;
  const fields = { sequence, seq, depth, start, order, gfpMask, inherited, stalling };
  return { pid, words, ...fields, ...(record.delay === undefined ? {} : { delay: record.delay }) };
}

function elfOf(image: MachineImage): Uint8Array {
  const sink = new BytesSink();
  writeElf(image, sink);
  return sink.bytes();
}

/** All memory up to the last page that was written, as `pmemsave` has it; holes stay holes. */
function writeRaw({ physical }: MachineImage, path: string): void {
  const file = openSync(path, 'w');
  for (const { pfn, bytes } of physical.pages()) {
    writeSync(file, bytes, 0, bytes.length, pfn * bytes.length);
  }
  closeSync(file);
}

/** Written as makedumpfile -F does: the writer's own records, its headers last. */
function flattened(write: (sink: ByteSink) => void): Uint8Array {
  const bytes = new BytesSink();
  const sink = new FlattenedSink(bytes);
  write(sink);
  sink.finish();
  return bytes.bytes();
}
