// One machine in every container: the answer must not depend on how the dump is packed.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PT_LOAD } from '../../src/format/elf/constants.ts';
import { readElf } from '../../src/format/elf/read.ts';
import { readTasks } from '../../src/kernel/task.ts';
import { FileSource } from '../../src/target/file-source.ts';
import { openVmcore } from '../../src/target/index.ts';
import { openWrapped } from '../../src/target/unwrap.ts';
import { realDump, truthFile } from '../support/real-dumps.ts';
import { differences, parseTasksTsv } from '../support/truth.ts';

/** See test/kernel/task.test.ts: the freezer, where the kernel says D and drgn R. */
const FROZEN = 'pid 197 state: D, the truth says R';

const MAKEDUMPFILE_RUNS: readonly (readonly [what: string, args: readonly string[]])[] = [
  ['lzo', ['-l', '-d', '31']],
  ['zlib', ['-c', '-d', '31']],
  ['no compression', ['-d', '31']],
  ['zlib, only zero pages left out', ['-c', '-d', '1']],
];

describe('openVmcore', function () {
  this.timeout(180_000);
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'stallcore-containers-'));
  });
  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  async function checkTasks(context: Mocha.Context, paths: readonly string[]): Promise<string> {
    const rows = parseTasksTsv(truthFile(context, 'k61-press/tasks.tsv'));
    const vmcore = await openVmcore(paths);
    try {
      assert.deepEqual(differences(readTasks(vmcore).tasks, rows), [FROZEN]);
      assert.deepEqual(vmcore.problems.list, []);
      return `${vmcore.container.description}; VMCOREINFO ${vmcore.identity.vmcoreinfo}`;
    } finally {
      vmcore.close();
    }
  }

  it('reads the first PT_LOAD alone, a raw image without a note', async function () {
    const path = join(folder, 'raw');
    await writeFirstLoad(realDump(this, 'k61-press.elf.zst'), path);
    const how = await checkTasks(this, [path]);
    assert.match(how, /^raw image.*found in memory at physical address 0x/);
  });

  for (const [what, args] of MAKEDUMPFILE_RUNS) {
    it(`reads what makedumpfile ${args.join(' ')} makes: ${what}`, async function () {
      const path = join(folder, args.join(''));
      makedumpfile(this, [...args, realDump(this, 'k61-press-d31.kdump'), path]);
      await checkTasks(this, [path]);
    });
  }

  it('reads what makedumpfile -F makes', async function () {
    const path = join(folder, 'flattened');
    const fd = openSync(path, 'w');
    makedumpfile(this, ['-F', '-c', '-d', '31', realDump(this, 'k61-press-d31.kdump')], fd);
    closeSync(fd);
    assert.match(await checkTasks(this, [path]), /flattened/);
  });

  it('reads what makedumpfile --split makes, its parts in any order', async function () {
    const parts = ['1', '2', '3'].map((part) => join(folder, `part${part}`));
    // Without smaller blocks the first part of a 256 MiB machine gets everything.
    const args = ['--split', '--splitblock-size', '16', '-c', '-d', '31'];
    makedumpfile(this, [...args, realDump(this, 'k61-press-d31.kdump'), ...parts]);
    assert.match(await checkTasks(this, parts.toReversed()), /3 parts of a split set/);
    // The other two parts have what leads to the tasks: page tables, symbols, types.
    await checkMissingPart(parts.filter((_, index) => index !== 1));
  });
});

/** What a missing part held is not in the dump, is told, and the rest is read. */
async function checkMissingPart(parts: readonly string[]): Promise<void> {
  const vmcore = await openVmcore(parts);
  try {
    assert.match(vmcore.problems.list.map(({ message }) => message).join(), /missing|pfn/);
    const { tasks } = readTasks(vmcore);
    const whole = tasks.filter(({ pid, comm }) => pid !== undefined && comm !== undefined);
    assert.ok(whole.length > 0, 'no task at all could be read');
  } finally {
    vmcore.close();
  }
}

function makedumpfile(context: Mocha.Context, args: readonly string[], stdout?: number): void {
  const run = spawnSync('makedumpfile', args, { stdio: ['ignore', stdout ?? 'ignore', 'pipe'] });
  if (run.error !== undefined) {
    if (context.test !== undefined)
      context.test.title += ' (skipped: makedumpfile is not installed)';
    context.skip();
  }
  assert.equal(run.status, 0, run.stderr.toString());
}

/** Unpacks the ELF and copies the bytes of its first PT_LOAD. */
async function writeFirstLoad(packed: string, path: string): Promise<void> {
  const file = FileSource.open(packed);
  const inner = await openWrapped(file);
  const fd = openSync(path, 'w');
  try {
    const load = readElf(inner.source).programHeaders.find(({ type }) => type === PT_LOAD);
    assert.ok(load);
    const chunk = new Uint8Array(8 << 20);
    for (let done = 0; done < load.filesz; done += chunk.length) {
      const part = chunk.subarray(0, Math.min(chunk.length, load.filesz - done));
      inner.source.readInto(part, load.offset + done);
      writeSync(fd, part, 0, part.length, done);
    }
  } finally {
    closeSync(fd);
    inner.close();
    file.close();
  }
}
