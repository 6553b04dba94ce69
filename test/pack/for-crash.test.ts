import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { nodeRefs } from '../../src/kernel/mmzone.ts';
import { threadSize } from '../../src/kernel/stack-areas.ts';
import { readTasks } from '../../src/kernel/task.ts';
import { physicalRanges } from '../../src/pack/log-areas.ts';
import type { Vmcore } from '../../src/target/index.ts';
import { vaddr, vaddrAdd, type Vaddr } from '../../src/util/address.ts';
import { hasProgram, skipWithReason } from '../support/bpftool.ts';
import { pagesOf, withPacked } from '../support/packed.ts';
import { realDump, withVmcore } from '../support/real-dumps.ts';

const K61 = 'k61-press-d31.kdump';

const PAGE_SIZE = 4096;

/** The pages of the stacks of all tasks that have one. */
function stackPages(vmcore: Vmcore): number[] {
  const size = threadSize(vmcore);
  const { tasks, idle } = readTasks(vmcore);
  const areas = [...idle, ...tasks].flatMap(({ stack = '0x0' }) =>
    BigInt(stack) === 0n ? [] : [{ address: vaddr(BigInt(stack)), size }],
  );
  const { starts, ends } = physicalRanges(vmcore, areas);
  return [...starts].flatMap((start, i) =>
    Array.from(
      { length: ((ends[i] as number) - start) / PAGE_SIZE },
      (_, page) => start + page * PAGE_SIZE,
    ),
  );
}

/** Names as a module's own table has them. */
function namesOf(vmcore: Vmcore, module: Vaddr): string[] {
  const tables = vmcore.object('module', module).member('kallsyms').deref();
  const symtab = tables.member('symtab').pointer();
  const strtab = tables.member('strtab').pointer();
  return Array.from({ length: tables.member('num_symtab').number() }, (_, i) => {
    const symbol = new DataView(vmcore.readBytes(vaddrAdd(symtab, i * 24), 24).buffer);
    const name = vmcore.readText(vaddrAdd(strtab, symbol.getUint32(0, true)), 512);
    return `${Buffer.from(name).toString('latin1')} ${symbol.getBigUint64(8, true)}`;
  });
}

/** What crash wants when it starts, as far as it is the same wherever it was read from. */
function startOf(vmcore: Vmcore): unknown {
  const text = (address: Vaddr): string =>
    Buffer.from(vmcore.readText(address, 64)).toString('latin1');
  const word = (address: Vaddr): bigint =>
    new DataView(vmcore.readBytes(address, 8).buffer).getBigUint64(0, true);
  const states = vmcore.symbol('task_state_array');
  const code = vmcore.symbols.symbolAt(vmcore.symbol('common_interrupt'));
  assert.ok(code !== undefined);
  return {
    modules: vmcore.modules.modules.map(({ address }) => namesOf(vmcore, address)),
    states: [0, 1, 2].map((i) => text(vaddr(word(vaddrAdd(states, i * 8))))),
    flag: text(vaddr(word(vaddrAdd(vmcore.symbol('pageflag_names'), 8)))),
    zones: nodeRefs(vmcore).map((node) => [
      node.member('node_spanned_pages').integer(),
      text(node.member('node_zones[0].name').pointer()),
    ]),
    code: vmcore.readBytes(code.address, code.size),
  };
}

describe('readForCrash', function () {
  this.timeout(60_000);

  it('keeps what crash reads when it starts', async function () {
    const path = realDump(this, K61);
    const expected = await withVmcore(path, startOf);
    await withPacked([path], { level: 'tasks' }, async (packed) => {
      assert.deepEqual(await withVmcore(packed.path, startOf), expected);
    });
  });

  it('has all pages of a stack, those below what is used without a word', async function () {
    const path = realDump(this, K61);
    const expected = await withVmcore(path, stackPages);
    assert.ok(expected.length > 1000, String(expected.length));
    await withPacked([path], { level: 'tasks' }, async (packed) => {
      const pages = await pagesOf(packed);
      assert.deepEqual(
        expected.filter((page) => !pages.has(page)),
        [],
      );
      const blank = expected.filter((page) => pages.get(page)?.every((byte) => byte === 0));
      assert.ok(blank.length > 500, String(blank.length));
    });
  });

  it('has an empty log for crash where it was left out, and none for us', async function () {
    const path = realDump(this, K61);
    const options = { level: 'tasks', noLog: true } as const;
    await withPacked([path], options, async (packed) => {
      const pages = await pagesOf(packed);
      await withVmcore(packed.path, (vmcore) => {
        const prb = vmcore.space.translate(vmcore.symbol('prb'));
        const offset = prb % PAGE_SIZE;
        const pointer = pages.get(prb - offset)?.subarray(offset, offset + 8);
        assert.ok(pointer?.some((byte) => byte !== 0));
        assert.equal(vmcore.memory.stateOf(prb), 'removed-by-pack');
      });
      const again = { ...options, noLog: false };
      await withPacked([packed.path], again, async ({ path: twice }) => {
        await withVmcore(twice, (vmcore) => {
          const prb = vmcore.space.translate(vmcore.symbol('prb'));
          assert.equal(vmcore.memory.stateOf(prb), 'removed-by-pack');
        });
      });
    });
  });

  it('has no page of which nothing is kept at another level', async function () {
    const path = realDump(this, K61);
    for (const level of ['bytes', 'pages'] as const) {
      await withPacked([path], { level }, async (packed) => {
        const kept = await withVmcore(packed.path, ({ memory }) =>
          [...memory.presentRanges()].flatMap(({ start, end }) => {
            const first = start - (start % PAGE_SIZE);
            const count = Math.ceil((end - first) / PAGE_SIZE);
            return Array.from({ length: count }, (_, page) => first + page * PAGE_SIZE);
          }),
        );
        assert.deepEqual([...(await pagesOf(packed)).keys()], [...new Set(kept)]);
      });
    }
  });
});

/** What crash says, without the name of the dump and what kind of file it is. */
function crashSays(vmlinux: string, dump: string): string {
  const input = ['sys', 'ps', 'foreach bt', 'log', 'quit'].join('\n');
  const options = { input, encoding: 'latin1', maxBuffer: 1 << 28 } as const;
  return execFileSync('crash', ['-s', vmlinux, dump], options).replace(/^ *DUMPFILE: .*$/m, '');
}

describe('crash, of a packed dump', function () {
  this.timeout(300_000);

  for (const format of ['zlib', 'elf'] as const) {
    it(`says what it says of the dump that was packed: ${format}`, async function () {
      const vmlinux = process.env.STALLCORE_VMLINUX_K61 ?? '';
      if (!existsSync(vmlinux)) {
        return skipWithReason(this, 'STALLCORE_VMLINUX_K61 names no vmlinux with DWARF');
      }
      if (!hasProgram('crash')) return skipWithReason(this, 'crash is not installed');
      const path = realDump(this, K61);
      const expected = crashSays(vmlinux, path);
      assert.match(expected, /swapper\/1"\n *#0 .* __schedule /);
      await withPacked([path], { level: 'tasks', format }, (packed) => {
        assert.equal(crashSays(vmlinux, packed.path), expected);
      });
    });
  }
});
