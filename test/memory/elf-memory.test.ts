import assert from 'node:assert/strict';
import { readElf } from '../../src/format/elf/read.ts';
import type { ElfVmcoreSpec } from '../../src/format/elf/write.ts';
import { ElfMemory } from '../../src/memory/elf-memory.ts';
import { FaultError } from '../../src/util/errors.ts';
import { BytesSource, type ByteSource } from '../../src/util/io.ts';
import type { PageState } from '../../src/util/page-state.ts';
import { Prng } from '../../src/util/prng.ts';
import { buildElf, filled, patchPhdr } from '../support/elf-builder.ts';

function open(bytes: Uint8Array): ElfMemory {
  return new ElfMemory(readElf(new BytesSource(bytes, 'test.elf')));
}

function memoryOf(spec: ElfVmcoreSpec): ElfMemory {
  return open(buildElf(spec));
}

function read(memory: ElfMemory, paddr: number, length: number): Uint8Array {
  const into = new Uint8Array(length);
  memory.readInto(into, paddr);
  return into;
}

/** `paddr` of the fault and its reason, `none` if there is none. */
function faultOf(memory: ElfMemory, paddr: number, length: number): string {
  try {
    read(memory, paddr, length);
    return 'none';
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    return `0x${error.address.toString(16)} ${error.reason}`;
  }
}

describe('ElfMemory', () => {
  it('tells apart present, excluded, truncated and not in the dump', () => {
    const bytes = buildElf({
      segments: [
        filled(0x1000, { value: 1, length: 0x1000 }, { memsz: 0x3000 }),
        filled(0x10000, { value: 2, length: 0x2000 }),
      ],
    });
    const memory = open(bytes.subarray(0, bytes.length - 0x800));
    const states: [number, PageState][] = [
      [0x0fff, 'not-in-dump'],
      [0x1000, 'present'],
      [0x1fff, 'present'],
      [0x2000, 'excluded'],
      [0x3fff, 'excluded'],
      [0x4000, 'not-in-dump'],
      [0x10000, 'present'],
      [0x117ff, 'present'],
      [0x11800, 'truncated'],
      [0x11fff, 'truncated'],
      [0x12000, 'not-in-dump'],
    ];
    for (const [paddr, state] of states) {
      assert.equal(memory.stateOf(paddr), state, paddr.toString(16));
    }
    assert.equal(faultOf(memory, 0x1ffc, 8), '0x2000 excluded');
    assert.equal(faultOf(memory, 0x11000, 0x1000), '0x11800 truncated');
    assert.equal(faultOf(memory, 0x4000, 1), '0x4000 not-in-dump');
    assert.equal(faultOf(memory, 0x11000, 0x800), 'none');
    assert.equal(memory.end, 0x12000);
  });

  it('prefers a segment with data to one without, then the first', () => {
    const memory = memoryOf({
      segments: [
        { paddr: 0, memsz: 0x4000 },
        filled(0x1000, { value: 1, length: 0x2000 }),
        filled(0x2000, { value: 2, length: 0x2000 }),
      ],
    });
    assert.equal(memory.stateOf(0), 'excluded');
    assert.deepEqual([...read(memory, 0x2fff, 2)], [1, 2]);
    assert.deepEqual([...memory.presentRanges()], [{ start: 0x1000, end: 0x4000 }]);
  });

  it('reads a long range with one read of the file for each segment', () => {
    const bytes = buildElf({
      segments: [
        filled(0, { value: 1, length: 0x40000 }),
        filled(0x40000, { value: 2, length: 0x40000 }),
      ],
    });
    const counting = new CountingSource(bytes);
    const memory = new ElfMemory(readElf(counting));
    counting.reads = 0;
    const all = read(memory, 0x100, 0x7ff00);
    assert.deepEqual([all[0x3feff], all[0x3ff00], all.at(-1)], [1, 2, 2]);
    assert.equal(counting.reads, 2);
  });

  it('reads small places of one page from the file once', () => {
    const counting = new CountingSource(
      buildElf({ segments: [filled(0, { value: 9, length: 0x2000 })] }),
    );
    const memory = new ElfMemory(readElf(counting));
    counting.reads = 0;
    for (let paddr = 0; paddr < 0x1000; paddr += 8) read(memory, paddr, 8);
    assert.equal(counting.reads, 1);
  });

  it('calls an address without a segment cut off where program headers are missing', () => {
    const bytes = buildElf({
      flags: 1, // DUMP_ELF_INCOMPLETE
      segments: [filled(0, { value: 1, length: 0x1000 }), filled(0x5000, { value: 1, length: 1 })],
    });
    assert.equal(open(bytes).stateOf(0x9000), 'not-in-dump');
    const unwritten = patchPhdr(bytes, { index: 1, name: 'p_type' }, 0);
    assert.equal(open(unwritten).stateOf(0x5000), 'truncated');
  });

  it('passes over segments that leave the address space', () => {
    const bytes = buildElf({
      segments: [filled(0, { value: 1, length: 0x1000 }), filled(0x1000, { value: 2, length: 8 })],
    });
    const file = readElf(
      new BytesSource(patchPhdr(bytes, { index: 0, name: 'p_paddr' }, 2 ** 53 - 1)),
    );
    const memory = new ElfMemory(file);
    assert.equal(memory.stateOf(2 ** 53 - 1), 'not-in-dump');
    assert.equal(memory.stateOf(0x1000), 'present');
    assert.match(file.problems.list[0]?.message ?? '', /below 2\^53/);
  });

  it('reads p_filesz bytes where p_memsz is smaller, and says so', () => {
    const file = readElf(
      new BytesSource(
        buildElf({ segments: [filled(0, { value: 1, length: 0x1000 }, { memsz: 1 })] }),
      ),
    );
    const memory = new ElfMemory(file);
    assert.equal(memory.stateOf(0xfff), 'present');
    assert.match(file.problems.list[0]?.message ?? '', /p_filesz 4096 is more than p_memsz 1/);
  });

  it('has no memory in a file without PT_LOADs', () => {
    const memory = memoryOf({ segments: [] });
    assert.equal(memory.end, 0);
    assert.deepEqual([...memory.presentRanges()], []);
    assert.equal(memory.stateOf(0), 'not-in-dump');
  });

  it('agrees with a byte array, for random overlapping segments in cut files', () => {
    for (let seed = 1; seed <= 150; seed++) checkAgainstModel(seed);
  });
});

describe('ElfMemory.virtualRanges', () => {
  const DIRECT = 0xffff_8880_0000_0000n;

  it('finds physical addresses by p_vaddr', () => {
    const { virtualRanges } = memoryOf({
      segments: [
        filled(0x1000, { value: 1, length: 0x1000 }, { vaddr: DIRECT + 0x1000n, memsz: 0x3000 }),
        filled(0x8000, { value: 2, length: 0x1000 }, { vaddr: 0xffff_ffff_8100_0000n }),
      ],
    });
    assert.equal(virtualRanges.isEmpty, false);
    const text = virtualRanges.find(0xffff_ffff_8100_0010n);
    assert.deepEqual([text?.paddr, text?.length, text?.fileLength], [0x8010, 0xff0, 0xff0]);
    const excluded = virtualRanges.find(DIRECT + 0x3000n);
    assert.deepEqual([excluded?.paddr, excluded?.fileLength], [0x3000, 0]);
    assert.equal(virtualRanges.find(DIRECT), undefined);
    assert.equal(virtualRanges.find(0n), undefined);
  });

  it('is empty where p_vaddr repeats p_paddr or is 0', () => {
    const segments = [
      filled(0, { value: 1, length: 0x1000 }),
      filled(0x1000, { value: 1, length: 0x1000 }, { vaddr: 0x1000n }),
      filled(0x2000, { value: 1, length: 0x1000 }),
    ];
    const { virtualRanges } = memoryOf({ segments });
    assert.equal(virtualRanges.isEmpty, true);
    assert.equal(virtualRanges.find(0x1000n), undefined);
  });

  for (const [what, paddr] of [
    ['all p_paddr are 0', 0],
    ['all p_paddr are -1', undefined],
  ] as const) {
    it(`reads by virtual address alone where ${what}`, () => {
      const memory = memoryOf({
        segments: [
          filled(0, { value: 1, length: 0x1000 }, { paddr, vaddr: DIRECT }),
          filled(0, { value: 2, length: 0x1000 }, { paddr, vaddr: DIRECT + 0x1000n }),
        ],
      });
      assert.equal(memory.stateOf(0), 'not-in-dump');
      assert.deepEqual([...memory.presentRanges()], []);
      const into = new Uint8Array(4);
      assert.equal(memory.virtualRanges.readInto(into, DIRECT + 0xffen), 4);
      assert.deepEqual([...into], [1, 1, 2, 2]);
      assert.equal(memory.virtualRanges.find(DIRECT)?.paddr, undefined);
      assert.equal(memory.virtualRanges.readInto(into, DIRECT + 0x1ffen), 2);
    });
  }

  it('finds the last byte of the address space', () => {
    const top = 2n ** 64n;
    const { virtualRanges } = memoryOf({
      segments: [filled(0x1000, { value: 7, length: 0x1000 }, { vaddr: top - 0x1000n })],
    });
    const into = new Uint8Array(2);
    assert.equal(virtualRanges.readInto(into, top - 1n), 1);
    assert.equal(into[0], 7);
    assert.equal(virtualRanges.find(top - 1n)?.paddr, 0x1fff);
  });

  it('takes the first of two segments at one virtual address', () => {
    const { virtualRanges } = memoryOf({
      segments: [
        filled(0x1000, { value: 1, length: 0x1000 }, { vaddr: 0x40_0000n }),
        filled(0x9000, { value: 2, length: 0x2000 }, { vaddr: 0x40_0000n }),
      ],
    });
    assert.equal(virtualRanges.find(0x40_0000n)?.paddr, 0x1000);
    assert.equal(virtualRanges.find(0x40_1000n)?.paddr, 0xa000);
  });
});

/** Counts the reads of a file. */
class CountingSource implements ByteSource {
  readonly name = 'counting.elf';
  readonly size: number;
  reads = 0;
  readonly #inner: BytesSource;

  constructor(bytes: Uint8Array) {
    this.#inner = new BytesSource(bytes);
    this.size = bytes.length;
  }

  readInto(into: Uint8Array, offset: number): number {
    this.reads++;
    return this.#inner.readInto(into, offset);
  }
}

const MODEL_SIZE = 0x6000;

/** One random file and what an array of bytes and one of states make of the same segments. */
function checkAgainstModel(seed: number): void {
  const prng = new Prng(seed);
  const segments = Array.from({ length: 1 + prng.below(8) }, (_, index) => ({
    paddr: prng.below(0x4000),
    data: new BytesSource(prng.chance(0.2) ? new Uint8Array(0) : prng.bytes(prng.below(0x1800))),
    extra: prng.chance(0.5) ? prng.below(0x800) : 0,
    // Different in each, so that p_paddr counts even if all are the same by chance.
    vaddr: prng.chance(0.5) ? 0n : BigInt(index * 0x10000),
  }));
  const bytes = buildElf({
    alignment: prng.pick([1, 4, 4096]),
    segments: segments.map(({ extra, ...rest }) => ({ ...rest, memsz: rest.data.size + extra })),
  });
  // The headers, at most 64 + 8 * 56 bytes, always stay.
  const kept = Math.max(512, bytes.length - prng.below(0x1000));
  const cut = prng.chance(0.3) ? bytes.subarray(0, kept) : bytes;
  const source = new BytesSource(cut);
  const file = readElf(source);
  if (file.missingHeaderCount > 0 || new Set(segments.map(({ paddr }) => paddr)).size === 1) return;
  const states = new Array<PageState>(MODEL_SIZE).fill('not-in-dump');
  const values = new Uint8Array(MODEL_SIZE);
  const rank = { 'not-in-dump': 0, excluded: 1, truncated: 2, present: 3 };
  const paint = (at: number, state: keyof typeof rank, value: number): void => {
    if (rank[state] <= rank[states[at] as keyof typeof rank]) return;
    states[at] = state;
    values[at] = value;
  };
  for (const header of file.programHeaders) {
    for (let i = 0; i < header.memsz; i++) {
      const at = (header.paddr ?? 0) + i;
      const value = cut[header.offset + i];
      if (i >= header.filesz) paint(at, 'excluded', 0);
      else if (value === undefined) paint(at, 'truncated', 0);
      else paint(at, 'present', value);
    }
  }
  compare(new ElfMemory(file), { states, values, prng, seed });
}

function compare(
  memory: ElfMemory,
  model: { states: PageState[]; values: Uint8Array; prng: Prng; seed: number },
): void {
  const { states, values, prng, seed } = model;
  for (let i = 0; i < 60; i++) {
    const paddr = prng.below(MODEL_SIZE - 1);
    const length = 1 + prng.below(Math.min(prng.pick([8, 0x3000]), MODEL_SIZE - paddr));
    const where = `seed ${seed}, 0x${paddr.toString(16)}+0x${length.toString(16)}`;
    assert.equal(memory.stateOf(paddr), states[paddr], where);
    const bad = states.findIndex(
      (state, at) => at >= paddr && at < paddr + length && state !== 'present',
    );
    const expected = bad < 0 ? 'none' : `0x${bad.toString(16)} ${states[bad]}`;
    assert.equal(faultOf(memory, paddr, length), expected, where);
    if (bad >= 0) continue;
    assert.deepEqual(read(memory, paddr, length), values.slice(paddr, paddr + length), where);
  }
  const present = new Uint8Array(MODEL_SIZE);
  let last = -1;
  for (const { start, end } of memory.presentRanges()) {
    assert.ok(start > last && end > start, `seed ${seed}: ranges ascend and do not touch`);
    present.fill(1, start, end);
    last = end;
  }
  const expected = Uint8Array.from(states, (state) => (state === 'present' ? 1 : 0));
  assert.deepEqual(present, expected, `seed ${seed}`);
}
