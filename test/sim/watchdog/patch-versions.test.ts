// Every version of the patch, from the simulated machine to the reader: each record, each line, and
// the lines that the watchdog itself has logged.

import assert from 'node:assert/strict';
import { readMemalloc, type MemallocResult } from '../../../src/kernel/memalloc-report.ts';
import { tasksResult } from '../../../src/kernel/tasks-result.ts';
import { call } from '../../../src/sim/core/code.ts';
import type { Kernel } from '../../../src/sim/core/kernel.ts';
import { PF_MEMALLOC_NOIO } from '../../../src/sim/kernel/task-bits.ts';
import type { LedgerTask } from '../../../src/sim/ledger.ts';
import {
  __GFP_ACCOUNT,
  __GFP_COMP,
  __GFP_NOWARN,
  __GFP_RECLAIMABLE,
  __GFP_WRITE,
  __GFP_ZERO,
  __GFP_ZEROTAGS,
  GFP_HIGHUSER_MOVABLE,
} from '../../../src/sim/mm/gfp.ts';
import { __alloc_pages } from '../../../src/sim/mm/page-alloc.ts';
import { listRequest, start_memalloc_timer } from '../../../src/sim/watchdog/memalloc-timer.ts';
import type { PatchName } from '../../../src/sim/watchdog/patch-version.ts';
import { PATCH_NAMES, patchVersion } from '../../../src/sim/watchdog/patch-versions.ts';
import { addThread } from '../../support/bare-kernel.ts';
import { DumpedMachine, withInstant, type Instant } from '../../support/dump-instants.ts';
import { ledgerFields, recordFields, taskFields } from '../../support/simulated.ts';

const RAM_MIB = 96;
const KMALLOCWD = 1;
const DUMP_SECONDS = 4;
/** By then overload has long begun. */
const OVERLOAD_SECONDS = 2.9;

describe('PATCH_VERSIONS', function () {
  this.timeout(60_000);
  for (const patch of PATCH_NAMES) {
    const { reporter, layout } = patchVersion(patch);
    describe(patch, () => {
      it('stall: memalloc and tasks say what the ledger says', async () => {
        await checkDump(new DumpedMachine({ ...OPTIONS, patch }).run(DUMP_SECONDS).dump());
      });

      it('overload: memalloc and tasks say what the ledger says', async () => {
        const options = { ...OPTIONS, scenario: 'overload', patch };
        await checkDump(new DumpedMachine(options).run(OVERLOAD_SECONDS).dump());
      });

      it('a task that nests, in a scope, by a mask of many names: they say so too', async () => {
        const machine = new DumpedMachine({ ...OPTIONS, patch });
        addNesting(machine.kernel);
        const instant = machine.run(DUMP_SECONDS).dump();
        checkNesting(instant);
        await checkDump(instant);
      });

      it('logs nothing when switched off, and keeps the records all the same', async () => {
        const machine = new DumpedMachine({ ...OPTIONS, patch, kmallocwd: 0 }).run(
          OVERLOAD_SECONDS,
        );
        const instant = machine.dump();
        const { tasks, logLines } = instant.ledger;
        assert.deepEqual(logLines, []);
        const hasRecords = layout !== undefined && layout !== 'L1';
        assert.ok(tasks.every(({ record }) => (record !== undefined) === hasRecords));
        // kmallocwd is gone then; khungtaskd has other things to do.
        const threads = tasks.filter(({ comm }) => comm === reporter?.thread);
        assert.equal(threads.length, reporter?.thread === 'khungtaskd' ? 1 : 0);
        await withInstant(instant, (vmcore) => checkMemalloc(readMemalloc(vmcore), instant));
      });

      if (reporter === undefined) return;
      it('logs the lines that the reader prints of that instant', async () => {
        const { instant, report } = reportOf(patch);
        const { record } = await withInstant(instant, (vmcore) => {
          const result = readMemalloc(vmcore);
          checkMemalloc(result, instant);
          return result;
        });
        // Between two lines of a version that rests there, counters and states move on.
        const comparable = reporter.traceEach
          ? withoutCounters
          : (lines: readonly string[]) => lines;
        assert.deepEqual(comparable(report), comparable(record?.lines ?? []));
      });
    });
  }
});

const OPTIONS = { scenario: 'oom-victim-mutex', kmallocwd: KMALLOCWD, ramMiB: RAM_MIB };

/** By then the machine stalls, and the request becomes older than the timeout. */
const NESTING_SECONDS = 1.5;
const MASK =
  GFP_HIGHUSER_MOVABLE |
  (__GFP_NOWARN | __GFP_COMP | __GFP_ZERO | __GFP_ZEROTAGS | __GFP_RECLAIMABLE) |
  (__GFP_ACCOUNT | __GFP_WRITE);

/** No scenario has a task like it, but kernels can. */
function addNesting(k: Kernel): void {
  const request = { gfp: MASK, order: 0 };
  const after = Math.round(NESTING_SECONDS * k.options.hz);
  addThread(k, 'nesting', after, function* () {
    k.current.flags |= PF_MEMALLOC_NOIO;
    // The RFC is to see the scope.
    if (k.memalloc.version.layout !== 'LR') {
      start_memalloc_timer(k, request);
      listRequest(k, request);
    }
    yield* call(k, __alloc_pages, request);
  });
}

function checkNesting({ ledger: { lines, tasks, patch } }: Instant): void {
  const { layout } = patchVersion(patch);
  if (layout === undefined) return;
  const own = lines.filter((line) => line.startsWith('MemAlloc: nesting('));
  const record = tasks.find(({ comm }) => comm === 'nesting')?.record;
  assert.equal(own.length, layout === 'L1' ? 2 : 1);
  if (layout !== 'LR') assert.equal(record?.depth, 2);
  if (patch === '2016-02-09') assert.doesNotMatch(own[0] ?? '', / order=/);
  // Stored before the scope is looked at, which forbids __GFP_FS and __GFP_IO.
  if (patch === 'rfc-v2') assert.match(own[0] ?? '', /\(GFP_HIGHUSER_MOVABLE\|/);
  if (patch === 'rfc') assert.match(own[0] ?? '', /\(GFP_NOIO\|/);
}

async function checkDump(instant: Instant): Promise<void> {
  const { lines, logLines, counts, patch } = instant.ledger;
  const { reporter, layout } = patchVersion(patch);
  if (layout !== undefined) assert.ok(lines.length > 1);
  // Nobody tells the RFC a timeout, so it is measured by one of 10 s.
  assert.equal(counts.stalling > 0, reporter !== undefined);
  assert.equal(logLines.length > 0, reporter !== undefined);
  await withInstant(instant, (vmcore) => {
    checkMemalloc(readMemalloc(vmcore), instant);
    const { tasks } = tasksResult(vmcore);
    const expected = instant.ledger.tasks.map(ledgerFields);
    assert.deepEqual(tasks.map(fieldsAs(instant.ledger.tasks)), expected);
    assert.deepEqual(vmcore.problems.list, []);
  });
}

function checkMemalloc({ record, tasks, patchSymbol }: MemallocResult, { ledger }: Instant): void {
  assert.equal(patchSymbol, undefined);
  assert.deepEqual(record?.lines ?? [], ledger.lines);
  assert.equal(record?.layout, patchVersion(ledger.patch).layout);
  if (record !== undefined) {
    assert.equal(record.silent, ledger.silent);
    assert.equal(record.timeoutSeconds?.value, ledger.timeoutSeconds);
    for (const [name, count] of Object.entries(ledger.counts)) {
      assert.equal(record.counts[name as keyof typeof ledger.counts], count, name);
    }
  }
  tasks.forEach((task, i) => {
    const truth = ledger.tasks[i]!;
    assert.equal(task.record === undefined, truth.record === undefined, truth.comm);
    assert.deepEqual(recordFields(task, truth), truth.record ?? {}, truth.comm);
    assert.deepEqual(task.words, truth.words, truth.comm);
  });
}

function fieldsAs(like: readonly LedgerTask[]) {
  return (task: Parameters<typeof taskFields>[0], i: number) => taskFields(task, like[i]!);
}

/** The second report of a machine that stalls: the dump when it begins, and what it says. */
function reportOf(patch: PatchName): { instant: Instant; report: readonly string[] } {
  const machine = new DumpedMachine({ ...OPTIONS, patch });
  const { infoTwice = false } = patchVersion(patch).reporter ?? {};
  const infosBefore = infoTwice ? 2 : 1;
  let infos = 0;
  let instant: Instant | undefined;
  const report: string[] = [];
  machine.onLine((text) => {
    if (text.startsWith('MemAlloc-Info')) infos++;
    if (infos === infosBefore + 1) instant ??= machine.dump();
    const isOver = infos > infosBefore + (infoTwice ? 2 : 1);
    if (instant !== undefined && !isOver && IN_REPORT.test(text)) {
      if (infoTwice || infos === infosBefore + 1) report.push(text);
    }
  });
  machine.run(DUMP_SECONDS);
  assert.ok(instant !== undefined, 'no second report');
  return { instant, report };
}

const IN_REPORT = /^MemAlloc|^Call Trace: (looping|waiting)/;

function withoutCounters(lines: readonly string[]): string[] {
  return lines
    .filter((line) => line.startsWith('MemAlloc'))
    .map((line) => line.replace(/ switches=\d+| uninterruptible| oom_count=[\d/]+/g, ''));
}
