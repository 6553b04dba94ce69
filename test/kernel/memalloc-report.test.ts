// The records and the watchdog's lines against dumps that none of us wrote: crash's word on them.

import assert from 'node:assert/strict';
import { readMemalloc } from '../../src/kernel/memalloc-report.ts';
import { memallocLines } from '../../src/report/memalloc.ts';
import { realDump, truthFile, withVmcore } from '../support/real-dumps.ts';

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
      await withVmcore(realDump(this, `${name}.kdump`), (vmcore) => {
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
      await withVmcore(realDump(this, `${name}.kdump`), (vmcore) => {
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
    await withVmcore(realDump(this, 'k61-quiet-d31-zstd.kdump'), (vmcore) => {
      const result = readMemalloc(vmcore);
      assert.equal(result.record, undefined);
      assert.equal(result.hz, 250);
      assert.equal(memallocLines(result), '');
    });
  });
});
