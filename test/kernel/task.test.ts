// The reader against dumps that none of us wrote: drgn's and crash's word on every task.

import assert from 'node:assert/strict';
import { readTasks } from '../../src/kernel/task.ts';
import { realDump, truthFile, withVmcore } from '../support/real-dumps.ts';
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

describe('readTasks', () => {
  for (const { file, truth } of DUMPS) {
    it(`agrees with drgn on every field of every task of ${file}`, async function () {
      this.timeout(180_000);
      const rows = parseTasksTsv(truthFile(this, `${truth}/tasks.tsv`));
      await withVmcore(realDump(this, file), (vmcore) => {
        const { tasks, crossCheck } = readTasks(vmcore);
        const expected = truth.startsWith('k61') ? [FROZEN] : [];
        assert.deepEqual(differences(tasks, rows), expected);
        assert.equal(crossCheck.pidCount, rows.length);
        assert.deepEqual(vmcore.problems.list, []);
      });
    });
  }
});
