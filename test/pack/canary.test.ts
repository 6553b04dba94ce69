import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readKdump } from '../../src/format/kdump/read.ts';
import { readTasks } from '../../src/kernel/task.ts';
import { KdumpMemory } from '../../src/memory/kdump-memory.ts';
import { writeElf } from '../../src/sim/image/elf.ts';
import { USER_CANARY } from '../../src/sim/image/user-memory.ts';
import type { Simulation } from '../../src/sim/simulate.ts';
import { openVmcore, type Vmcore } from '../../src/target/index.ts';
import { BytesSink, BytesSource } from '../../src/util/io.ts';
import { triageJson, withPacked, type PackedFile } from '../support/packed.ts';
import { runScenario } from '../support/simulated.ts';

const PAGE_SIZE = 4096;

/** Whatever of it is in a packed dump has no business there. */
const CANARY = Buffer.from('nobody reads me, nobody reads me\n', 'latin1');

/** All bytes of the pages of a packed dump, with what lies between them left out. */
async function pagesOf({ bytes }: PackedFile): Promise<Map<number, Uint8Array>> {
  const memory = await KdumpMemory.open([readKdump(new BytesSource(bytes))]);
  const pages = new Map<number, Uint8Array>();
  for (const { start, end } of memory.presentRanges()) {
    for (let at = start; at < end; at += PAGE_SIZE) {
      const page = new Uint8Array(PAGE_SIZE);
      memory.readInto(page, at);
      pages.set(at, page);
    }
  }
  return pages;
}

function countOf(pages: ReadonlyMap<number, Uint8Array>, text: string | Buffer): number {
  return [...pages.values()].filter((page) => Buffer.from(page).includes(text)).length;
}

/** The physical bytes that symbols and types are read from, which the note stands for. */
function tablesOf(vmcore: Vmcore): (paddr: number) => boolean {
  const bound = (name: string): number => vmcore.space.translate(vmcore.symbol(name));
  const [start, end] = [bound('__start_rodata'), bound('__end_rodata')];
  return (paddr) => paddr >= start && paddr < end;
}

describe('packVmcore, what is in the packed dump', function () {
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

  it('is nothing of users, nor of the log where it was to be left out', async () => {
    const log = 'Mem-Info:';
    const withLog = await withPacked([path], {}, pagesOf);
    assert.equal(countOf(withLog, USER_CANARY), 0);
    const without = await withPacked([path], { noLog: true, level: 'tasks' }, pagesOf);
    assert.equal(countOf(without, log), 0);
    const whole = await withPacked([path], { level: 'tasks' }, pagesOf);
    assert.ok(countOf(whole, log) > 0, 'a test whose text is not in the log shows nothing');
  });

  it('is nothing that the triage did not read: all else may be what it wants', async () => {
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

describe('packVmcore with maskComm', function () {
  this.timeout(60_000);

  it('leaves no name of a user in task_structs and on stacks, and the names of the kernel', async () => {
    const run = runScenario('nofs-only', {
      ...{ seed: 1, kmallocwd: 10, judgedBy: 0.1 },
      knobs: { ramMiB: 64 },
    });
    const folder = mkdtempSync(join(tmpdir(), 'stallcore-mask-'));
    try {
      const path = join(folder, 'vmcore');
      const sink = new BytesSink();
      writeElf(run.image, sink);
      writeFileSync(path, sink.bytes());
      await withPacked([path], { maskComm: true, level: 'tasks' }, async (packed) => {
        const pages = await pagesOf(packed);
        const [before, after] = [await namesOf(path), await namesOf(packed.path)];
        assert.ok(before.user.length > 0 && before.kernel.includes('kswapd0'));
        assert.deepEqual(after.kernel, before.kernel);
        for (const name of before.user.filter(({ length }) => length >= 4)) {
          assert.equal(countOf(pages, `${name}\0`), 0, name);
        }
        const pairs = new Map(before.user.map((name, i) => [name, after.user[i]]));
        assert.deepEqual(
          after.user,
          before.user.map((name) => pairs.get(name)),
        );
        assert.equal(new Set(pairs.values()).size, pairs.size);
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

/** The names of tasks in the order of their pids. */
async function namesOf(path: string): Promise<{ user: string[]; kernel: string[] }> {
  const vmcore = await openVmcore([path]);
  try {
    const tasks = [...readTasks(vmcore).tasks].sort((a, b) => (a.pid ?? 0) - (b.pid ?? 0));
    const names = (isKernel: boolean): string[] =>
      tasks.filter(({ kthread }) => kthread === isKernel).map(({ comm = '' }) => comm);
    return { user: names(false), kernel: names(true) };
  } finally {
    vmcore.close();
  }
}
