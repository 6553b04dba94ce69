import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readMemcgOoms } from '../../src/kernel/memcg-oom.ts';
import { readTasks } from '../../src/kernel/task.ts';
import { verifyPacked } from '../../src/pack/verify.ts';
import { openVmcore } from '../../src/target/index.ts';
import { countOf, pagesOf, withPacked, type PackedFile } from '../support/packed.ts';
import { realDump } from '../support/real-dumps.ts';
import { runScenario, writeRun } from '../support/simulated.ts';

const MASKED = { maskComm: true, level: 'tasks' } as const;

/** What a customer calls a file, so that it leads back to him. */
const FILE = 'customer-x.vmcore';

describe('maskNames', function () {
  this.timeout(60_000);
  const folder = mkdtempSync(join(tmpdir(), 'stallcore-names-'));
  const path = join(folder, FILE);
  after(() => rmSync(folder, { recursive: true }));
  beforeEach(() => rmSync(path, { force: true }));

  it('leaves neither the name of the host nor that of the file', async () => {
    const knobs = { ramMiB: 64 };
    const run = runScenario('nofs-only', { seed: 1, kmallocwd: 10, judgedBy: 0.1, knobs });
    writeRun(run, path, { format: 'elf' });
    const host = 'nofs-only';
    assert.equal((await namesOf(path)).host, host);
    const plain = await withPacked([path], { level: 'tasks' }, pagesOf);
    assert.ok(countOf(plain, host) > 0, 'a test whose name is not there shows nothing');
    await withPacked([path], MASKED, async (packed) => {
      await checkNowhere(packed, [host, FILE]);
      assert.deepEqual((await namesOf(packed.path)).host, 'host');
      assert.equal(await verifyPacked(packed.path, packed.result, MASKED), undefined);
    });
  });

  it('leaves none of a memory cgroup of a real dump', async function () {
    symlinkSync(realDump(this, 'k61-press-d31.kdump'), path);
    const before = await namesOf(path);
    assert.ok(before.cgroups.length > 0);
    await withPacked([path], { maskComm: true }, async (packed) => {
      await checkNowhere(packed, [FILE]);
      const after = await namesOf(packed.path);
      assert.deepEqual([after.host, ...after.cgroups], ['host', '/c1']);
      assert.notDeepEqual(after.cgroups, before.cgroups);
      assert.equal(await verifyPacked(packed.path, packed.result, MASKED), undefined);
    });
  });
});

/** Neither in pages, nor in the header of the file, nor in what its note says. */
async function checkNowhere(packed: PackedFile, names: readonly string[]): Promise<void> {
  const pages = await pagesOf(packed);
  const vmcore = await openVmcore([packed.path]);
  const said = JSON.stringify([vmcore.container.packed, vmcore.identity, packed.result.manifest]);
  vmcore.close();
  for (const name of names) {
    assert.equal(countOf(pages, name), 0, name);
    assert.equal(Buffer.from(packed.bytes).includes(name), false, name);
    assert.equal(said.includes(name), false, name);
  }
}

async function namesOf(
  path: string,
): Promise<{ host: string | undefined; cgroups: (string | undefined)[] }> {
  const vmcore = await openVmcore([path]);
  try {
    const { memcgs = [] } = readMemcgOoms(vmcore, readTasks(vmcore).tasks);
    const cgroups = memcgs.map((memcg) => memcg.path);
    return { host: vmcore.identity.nodename?.value, cgroups };
  } finally {
    vmcore.close();
  }
}
