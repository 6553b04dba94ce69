import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { btResult } from '../../src/kernel/bt.ts';
import { locksResult } from '../../src/kernel/locking.ts';
import { logResult } from '../../src/kernel/log.ts';
import { memResult } from '../../src/kernel/mem.ts';
import { tasksResult } from '../../src/kernel/tasks-result.ts';
import { openVmcore, type Vmcore } from '../../src/target/index.ts';
import { hasProgram, skipWithReason } from '../support/bpftool.ts';
import { withPacked } from '../support/packed.ts';
import { realDump } from '../support/real-dumps.ts';

/** What the verbs say, all of it. */
const VERBS: readonly ((vmcore: Vmcore) => unknown)[] = [
  tasksResult,
  (vmcore) => btResult(vmcore, { all: true }),
  locksResult,
  memResult,
  logResult,
];

async function answers(path: string): Promise<unknown[]> {
  const vmcore = await openVmcore([path]);
  try {
    const results = VERBS.map((verb) => verb(vmcore));
    return [...results, vmcore.problems.list].map((each) => plain(each));
  } finally {
    vmcore.close();
  }
}

/** As JSON, in which a symbol table's size and the like are no bigints. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value)) as unknown;
}

describe('readForTools', function () {
  this.timeout(60_000);

  it('lets the other verbs give the same answers', async function () {
    const path = realDump(this, 'k1-victim-wd10.kdump');
    const expected = await answers(path);
    await withPacked([path], { level: 'tasks' }, async (packed) => {
      assert.deepEqual(await answers(packed.path), expected);
    });
  });

  for (const format of ['zlib', 'elf'] as const) {
    it(`lets makedumpfile print the same log: ${format}`, async function () {
      if (!hasProgram('makedumpfile', '-v')) {
        return skipWithReason(this, 'makedumpfile is not installed');
      }
      const path = realDump(this, 'k61-press-d31.kdump');
      const folder = mkdtempSync(join(tmpdir(), 'stallcore-dmesg-'));
      const dmesg = (dump: string, name: string): string => {
        const to = join(folder, name);
        execFileSync('makedumpfile', ['--dump-dmesg', dump, to], { stdio: 'ignore' });
        return readFileSync(to, 'latin1');
      };
      try {
        const expected = dmesg(path, 'expected');
        await withPacked([path], { level: 'tasks', format }, (packed) => {
          assert.equal(dmesg(packed.path, 'have'), expected);
        });
      } finally {
        rmSync(folder, { recursive: true });
      }
    });
  }
});
