import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readKdump } from '../../../src/format/kdump/read.ts';
import { readMemalloc } from '../../../src/kernel/memalloc-report.ts';
import { readTasks } from '../../../src/kernel/task.ts';
import { KdumpMemory } from '../../../src/memory/kdump-memory.ts';
import { threeStallsTypes } from '../../support/three-stalls.ts';
import { threeStalls } from '../../support/three-stalls-facts.ts';
import { writeElf } from '../../../src/sim/image/elf.ts';
import { writeKdump } from '../../../src/sim/image/kdump.ts';
import { buildMachine, type MachineImage } from '../../../src/sim/image/machine.ts';
import type { LogFacts, MachineFacts } from '../../../src/sim/image/machine-facts.ts';
import { USER_CANARY } from '../../../src/sim/image/user-memory.ts';
import { FileSource } from '../../../src/target/file-source.ts';
import { openVmcore } from '../../../src/target/open.ts';
import { USED_ENUMERATORS, USED_TYPES } from '../../../src/types/used-structs.ts';
import { vaddr, vaddrAdd } from '../../../src/util/address.ts';
import { BytesSink } from '../../../src/util/io.ts';
import { hasProgram, skipWithReason } from '../../support/bpftool.ts';

const PAGE_SIZE = 4096;
const STRUCT_PAGE_SIZE = 64;
const ANON_PAGES = 9;
const CACHE_PAGES = 33;

const LOG: readonly LogFacts[] = [
  { timeNs: 0, level: 5, callerPid: 0, text: 'first' },
  { timeNs: 4_021_600_000_000, level: 4, callerPid: 60, text: 'MemAlloc-Info: x' },
];

/** The sample's machine, small, with a few pages for each process, before any filter. */
function unfiltered(): MachineImage {
  const facts = threeStalls();
  const processes = facts.processes.map((process): MachineFacts['processes'][number] =>
    process.mm === undefined
      ? process
      : { ...process, mm: { ...process.mm, anonPages: ANON_PAGES } },
  );
  return buildMachine(
    {
      ...facts,
      processes,
      log: LOG,
      cachePages: CACHE_PAGES,
      ramBytes: 64 << 20,
      kaslr: { ...facts.kaslr, physBase: -0x1c400000 },
    },
    {
      types: threeStallsTypes(),
      btfNames: USED_TYPES,
      btfEnumerators: USED_ENUMERATORS,
      unfiltered: true,
    },
  );
}

describe('writeMemMap', () => {
  let folder: string;
  let machine: MachineImage;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'stallcore-mem-map-'));
    machine = unfiltered();
  });
  after(() => rmSync(folder, { recursive: true }));

  const fileOf = (container: 'elf' | 'kdump'): string => {
    const sink = new BytesSink();
    if (container === 'elf') writeElf(machine, sink);
    else writeKdump(machine, sink, { codec: 'lzo' });
    const path = join(folder, `full.${container}`);
    writeFileSync(path, sink.bytes());
    return path;
  };

  const isCanary = (page: Uint8Array): boolean =>
    Buffer.from(page.buffer, page.byteOffset, page.length).includes(USER_CANARY);

  const pageOf = (pfn: number): DataView => {
    const base = vaddr(machine.facts.kaslr.vmemmapBase);
    const bytes = machine.areas.memory.read(
      vaddrAdd(base, pfn * STRUCT_PAGE_SIZE),
      STRUCT_PAGE_SIZE,
    );
    return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  };

  /** Page frames that the kernel has for itself. */
  const kernelPages = (): Set<number> => {
    const found = new Set<number>();
    const { pages, imageRange } = machine.areas;
    for (const { start, end } of [...pages.allocated(), imageRange]) {
      for (let paddr = start; paddr < end; paddr += PAGE_SIZE) {
        const page = machine.physical.read(paddr, PAGE_SIZE);
        if (!isCanary(page)) found.add(paddr / PAGE_SIZE);
      }
    }
    return found;
  };

  it('covers all RAM with free blocks that do not overlap what is in use', () => {
    const used = kernelPages();
    let freeCount = 0;
    for (const { start, end } of machine.physical.ram) {
      for (let pfn = start / PAGE_SIZE; pfn < end / PAGE_SIZE;) {
        const page = pageOf(pfn);
        if (page.getInt32(48, true) !== -129) {
          pfn++;
          continue;
        }
        const size = 2 ** Number(page.getBigUint64(40, true));
        assert.equal(pfn % size, 0, `pfn ${pfn}`);
        for (let i = pfn; i < pfn + size; i++) assert.ok(!used.has(i), `pfn ${i} of ${pfn}`);
        freeCount += size;
        pfn += size;
      }
    }
    const ram = machine.physical.ram.reduce((sum, { start, end }) => sum + end - start, 0);
    const image = machine.areas.imageRange;
    const taken = [...machine.areas.pages.allocated(), image];
    const takenBytes = taken.reduce((sum, { start, end }) => sum + end - start, 0);
    assert.equal(freeCount * PAGE_SIZE, ram - takenBytes);
  });

  it('fills as many user pages as address spaces and page cache count', () => {
    const spaces = machine.facts.processes.filter(({ mm }) => mm !== undefined).length;
    const canaries = [...machine.physical.pages()].filter(({ bytes }) => isCanary(bytes));
    assert.ok(spaces > 3);
    assert.equal(canaries.length, spaces * ANON_PAGES + CACHE_PAGES);
    // PAGE_MAPPING_ANON, and one mapping counted from -1.
    const anonymous = canaries.filter(
      ({ pfn }) =>
        (pageOf(pfn).getBigUint64(24, true) & 1n) === 1n && pageOf(pfn).getInt32(48, true) === 0,
    );
    assert.equal(anonymous.length, spaces * ANON_PAGES);
  });

  for (const container of ['elf', 'kdump'] as const) {
    describe(`the ${container} file after makedumpfile -d 31`, () => {
      let full: string;
      let filtered: string;
      before(function () {
        if (!hasProgram('makedumpfile', '-v'))
          skipWithReason(this, 'makedumpfile is not installed');
        full = fileOf(container);
        filtered = join(folder, `filtered-${container}.kdump`);
        execFileSync('makedumpfile', ['-l', '-d', '31', full, filtered], { stdio: 'pipe' });
      });

      it('the log is that of the facts, before and after', () => {
        for (const path of [full, filtered]) {
          const out = `${path}.dmesg`;
          execFileSync('makedumpfile', ['--dump-dmesg', path, out], { stdio: 'pipe' });
          const lines = readFileSync(out, 'latin1').trimEnd().split('\n');
          assert.deepEqual(lines, ['[    0.000000] first', '[ 4021.600000] MemAlloc-Info: x']);
        }
      });

      it('the dump has every page of the kernel and none of a user or of nobody', async () => {
        const source = FileSource.open(filtered);
        try {
          const memory = await KdumpMemory.open([readKdump(source)]);
          const kernel = kernelPages();
          const bytes = new Uint8Array(PAGE_SIZE);
          for (const { start, end } of machine.physical.ram) {
            for (let paddr = start; paddr < end; paddr += PAGE_SIZE) {
              const pfn = paddr / PAGE_SIZE;
              const state = memory.stateOf(paddr);
              assert.equal(state === 'present', kernel.has(pfn), `pfn ${pfn}: ${state}`);
              if (state === 'present') {
                memory.readInto(bytes, paddr);
                assert.deepEqual(bytes, machine.physical.read(paddr, PAGE_SIZE));
              }
            }
          }
        } finally {
          source.close();
        }
      });

      it('tasks and memalloc say what they said before', async () => {
        const answers = [];
        for (const path of [full, filtered]) {
          const vmcore = await openVmcore([path]);
          try {
            answers.push({ tasks: readTasks(vmcore), memalloc: readMemalloc(vmcore) });
          } finally {
            vmcore.close();
          }
        }
        const [before, after] = answers;
        assert.ok(before !== undefined && before.tasks.tasks.length > 10);
        assert.deepEqual(after, before);
      });
    });
  }
});
