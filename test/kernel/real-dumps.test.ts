// The reader against dumps that none of us wrote: drgn's and crash's word on every task.

import assert from 'node:assert/strict';
import { readMemalloc } from '../../src/kernel/memalloc-report.ts';
import { readTasks } from '../../src/kernel/task.ts';
import { memallocLines } from '../../src/report/memalloc.ts';
import { openVmcore, type Vmcore } from '../../src/target/index.ts';
import { realDump, truthFile } from '../support/real-dumps.ts';
import { differences, parseTasksTsv } from '../support/truth.ts';

/** A dump, and the folder with the truth about it. */
const DUMPS = [
  { file: 'k1-victim-wd10.kdump', truth: 'k1-victim-wd10' },
  { file: 'k2-pair-a.kdump', truth: 'k2-pair-a' },
  { file: 'k2-pair-b.kdump', truth: 'k2-pair-b' },
  { file: 'k61-press-d31.kdump', truth: 'k61-press' },
  { file: 'k61-quiet-d31-zstd.kdump', truth: 'k61-quiet' },
  { file: 'k61-press.elf.zst', truth: 'k61-press' },
];

/**
 * Where we differ from drgn 0.2 and are right: pid 197 sits in the freezer (`__state` 0x8000).
 * drgn's task_state_to_char() looks at the bits of TASK_REPORT alone; the kernel of these dumps
 * has `tsk_state & TASK_FROZEN` → TASK_UNINTERRUPTIBLE in __task_state_index()
 * (include/linux/sched.h), so that its own /proc shows D.
 */
const FROZEN = 'pid 197 state: D, the truth says R';

async function withDump<T>(path: string, use: (vmcore: Vmcore) => T): Promise<T> {
  const vmcore = await openVmcore([path]);
  try {
    return use(vmcore);
  } finally {
    vmcore.close();
  }
}

describe('readTasks', () => {
  for (const { file, truth } of DUMPS) {
    it(`agrees with drgn on every field of every task of ${file}`, async function () {
      this.timeout(60_000);
      const rows = parseTasksTsv(truthFile(this, `${truth}/tasks.tsv`));
      await withDump(realDump(this, file), (vmcore) => {
        const { tasks, crossCheck } = readTasks(vmcore);
        const expected = truth.startsWith('k61') ? [FROZEN] : [];
        assert.deepEqual(differences(tasks, rows), expected);
        assert.equal(crossCheck.pidCount, rows.length);
        assert.deepEqual(vmcore.problems.list, []);
      });
    });
  }
});

/** What crash 8.0.2 read with DWARF. */
interface MemallocTruth {
  readonly hz: number;
  readonly jiffies: number;
  readonly kmallocwd_would_print_at_dump: readonly string[];
  readonly tasks: readonly {
    readonly addr: string;
    readonly pid: number;
    readonly memdie: boolean;
    readonly sigkill_pending: boolean;
    readonly memalloc: Readonly<
      Record<'sequence' | 'valid' | 'dumped' | 'start' | 'order' | 'gfp', number>
    >;
  }[];
}

describe('readMemalloc', () => {
  for (const name of ['k1-victim-wd10', 'k2-pair-a', 'k2-pair-b']) {
    it(`prints for ${name} what kmallocwd would have printed`, async function () {
      const truth = JSON.parse(truthFile(this, `${name}/memalloc.json`)) as MemallocTruth;
      await withDump(realDump(this, `${name}.kdump`), (vmcore) => {
        const result = readMemalloc(vmcore);
        const expected = truth.kmallocwd_would_print_at_dump.map((line) => `${line}\n`).join('');
        assert.equal(memallocLines(result), expected);
        assert.equal(result.hz, truth.hz);
        assert.equal(result.jiffies, String(truth.jiffies));
        assert.equal(result.record?.formatSource.includes('read-only data'), true);
      });
    });

    it(`decodes the record of each task of ${name} as crash does`, async function () {
      const truth = JSON.parse(truthFile(this, `${name}/memalloc.json`)) as MemallocTruth;
      await withDump(realDump(this, `${name}.kdump`), (vmcore) => {
        const ours = new Map(readMemalloc(vmcore).tasks.map((task) => [task.address, task]));
        for (const { addr, pid, memalloc, memdie, sigkill_pending } of truth.tasks) {
          if (pid === 0) continue;
          const task = ours.get(addr);
          const { record, words } = task ?? {};
          const decoded = {
            sequence: record?.sequence,
            valid: record?.depth,
            dumped: record?.dumped,
            start: Number(record?.start),
            order: record?.order,
            gfp: Number(record?.gfpMask),
          };
          assert.deepEqual(decoded, memalloc, `memalloc of pid ${pid}`);
          assert.equal(words?.victim, memdie, `TIF_MEMDIE of pid ${pid}`);
          assert.equal(task?.sigkillPending, sigkill_pending, `SIGKILL of pid ${pid}`);
        }
      });
    });
  }

  it('tells an unpatched kernel from one without stalls', async function () {
    await withDump(realDump(this, 'k61-quiet-d31-zstd.kdump'), (vmcore) => {
      const result = readMemalloc(vmcore);
      assert.equal(result.record, undefined);
      assert.equal(result.hz, 250);
      assert.equal(memallocLines(result), '');
    });
  });
});
