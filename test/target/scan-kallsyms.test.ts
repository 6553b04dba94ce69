// Real dumps with less and less of what kernels before 6.0 do not say: the answers must stay.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { btResult } from '../../src/kernel/bt.ts';
import { readInfo } from '../../src/kernel/info.ts';
import { logResult } from '../../src/kernel/log.ts';
import { readMemalloc } from '../../src/kernel/memalloc-report.ts';
import { tasksResult } from '../../src/kernel/tasks-result.ts';
import type { Vmcore } from '../../src/target/vmcore.ts';
import { writeMaskedDump, type Mask } from '../support/masked-dump.ts';
import { realDump, withVmcore } from '../support/real-dumps.ts';

const KALLSYMS_KEYS = /^SYMBOL\(kallsyms/;

/** What the verbs print with `--json`. */
function answers(vmcore: Vmcore): Record<string, unknown> {
  const results = {
    memalloc: readMemalloc(vmcore, { evidence: 'always' }),
    tasks: tasksResult(vmcore),
    bt: btResult(vmcore, { all: true }),
    log: logResult(vmcore),
  };
  return JSON.parse(JSON.stringify(results)) as Record<string, unknown>;
}

/** Masks a dump and asks it and its copy the same. */
async function checkMasked(dump: string, mask: Mask): Promise<ReturnType<typeof readInfo>> {
  const folder = mkdtempSync(join(tmpdir(), 'stallcore-masked-'));
  try {
    const path = join(folder, 'vmcore');
    await writeMaskedDump(dump, path, mask);
    const expected = await withVmcore(dump, answers);
    return await withVmcore(path, (vmcore) => {
      assert.deepEqual(vmcore.problems.list, []);
      const found = answers(vmcore);
      for (const [verb, result] of Object.entries(expected)) {
        assert.deepEqual(found[verb], result, verb);
      }
      return readInfo(vmcore);
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('findKernelKallsyms', () => {
  for (const name of ['k61-press-d31.kdump', 'k1-victim-wd10.kdump']) {
    it(`finds the tables of ${name} whose keys are masked`, async function () {
      const info = await checkMasked(realDump(this, name), { lines: KALLSYMS_KEYS });
      assert.match(info.symbols.source, /found by a search of its tables/);
    });
  }
});
