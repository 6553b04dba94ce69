import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeElf } from '../../src/sim/image/elf.ts';
import { USER_CANARY } from '../../src/sim/image/user-memory.ts';
import type { Simulation } from '../../src/sim/simulate.ts';
import { openVmcore, type Vmcore } from '../../src/target/index.ts';
import { BytesSink } from '../../src/util/io.ts';
import { countOf, pagesOf, triageJson, withPacked } from '../support/packed.ts';
import { runScenario } from '../support/simulated.ts';

const PAGE_SIZE = 4096;

/** Whatever of it is in a packed dump has no business there. */
const CANARY = Buffer.from('nobody reads me, nobody reads me\n', 'latin1');

/** The physical bytes that symbols and types are read from, which the note stands for. */
function tablesOf(vmcore: Vmcore): (paddr: number) => boolean {
  const bound = (name: string): number => vmcore.space.translate(vmcore.symbol(name));
  const [start, end] = [bound('__start_rodata'), bound('__end_rodata')];
  return (paddr) => paddr >= start && paddr < end;
}

describe('KeptMemory', function () {
  this.timeout(60_000);
  const folder = mkdtempSync(join(tmpdir(), 'stallcore-canary-'));
  const path = join(folder, 'vmcore');
  let run: Simulation;
  let isTable: (paddr: number) => boolean;

  function write(): void {
    const sink = new BytesSink();
    writeElf(run.image, sink);
    writeFileSync(path, sink.bytes());
  }

  before(async () => {
    run = runScenario('oom-victim-mutex', {
      ...{ seed: 1, kmallocwd: 10, judgedBy: 0.1, unfiltered: true },
      knobs: { ramMiB: 64 },
    });
    write();
    const vmcore = await openVmcore([path]);
    isTable = tablesOf(vmcore);
    vmcore.close();
  });
  after(() => rmSync(folder, { recursive: true }));

  it('has nothing of users, nor of the log where that was to be left out', async () => {
    const log = 'Mem-Info:';
    const withLog = await withPacked([path], {}, pagesOf);
    assert.equal(countOf(withLog, USER_CANARY), 0);
    const without = await withPacked([path], { noLog: true, level: 'tasks' }, pagesOf);
    assert.equal(countOf(without, log), 0);
    const whole = await withPacked([path], { level: 'tasks' }, pagesOf);
    assert.ok(countOf(whole, log) > 0, 'a test whose text is not in the log shows nothing');
  });

  it('has nothing that the triage did not read: all else may be what it wants', async () => {
    const expected = await triageJson([path]);
    const before = await withPacked([path], {}, async (packed) => {
      const vmcore = await openVmcore([packed.path]);
      const ranges = [...vmcore.memory.presentRanges()];
      vmcore.close();
      return { pages: await pagesOf(packed), ranges };
    });
    overwriteAllBut(before.ranges);
    write();
    await withPacked([path], {}, async (packed) => {
      const pages = await pagesOf(packed);
      assert.equal(countOf(pages, 'nobody r'), 0);
      assert.deepEqual(pages, before.pages);
      assert.deepEqual(await triageJson([packed.path]), expected);
    });
  });

  /** Slab neighbours, unused stack, free pages, users' pages, page cache: every byte of RAM. */
  function overwriteAllBut(ranges: readonly { start: number; end: number }[]): void {
    const { physical } = run.image;
    let next = 0;
    for (const pfn of physical.pfns()) {
      const start = pfn * PAGE_SIZE;
      const end = start + PAGE_SIZE;
      if (isTable(start)) continue;
      const page = Buffer.alloc(PAGE_SIZE, CANARY);
      const old = physical.read(start, PAGE_SIZE);
      while ((ranges[next]?.end ?? Infinity) <= start) next++;
      for (let i = next; (ranges[i]?.start ?? Infinity) < end; i++) {
        const from = Math.max(ranges[i]!.start, start) - start;
        const to = Math.min(ranges[i]!.end, end) - start;
        page.set(old.subarray(from, to), from);
      }
      physical.write(start, page);
    }
  }
});
