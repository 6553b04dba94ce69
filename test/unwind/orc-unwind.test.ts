import assert from 'node:assert/strict';
import type { OrcEntry } from '../../src/format/orc/read.ts';
import type { RawStack, StackRange, StackStart } from '../../src/unwind/frame.ts';
import { unwindOrc } from '../../src/unwind/orc-unwind.ts';
import type { ReturnHooks } from '../../src/unwind/return-hooks.ts';
import { vaddr, type Vaddr } from '../../src/util/address.ts';
import { at, orcEntry, ptRegs, STACK, stackOf, text } from '../support/stack-builder.ts';

const START: StackStart = {
  pc: text(0x101),
  sp: at(0x1000),
  bp: at(0x1800),
  interrupted: false,
  stacks: [STACK],
};
const KERNEL_CS = 0x10n;
const USER_CS = 0x33n;

/** An entry for each 256 bytes of text. */
function walk(
  entries: Readonly<Record<number, Partial<OrcEntry>>>,
  words: readonly (readonly [Vaddr, bigint])[],
  start: Partial<StackStart> = {},
  hooks?: ReturnHooks,
): RawStack {
  const find = (pc: Vaddr): OrcEntry | undefined => {
    const entry = entries[Number(pc - text(0)) >> 8];
    return entry === undefined ? undefined : orcEntry(entry);
  };
  const whole = { ...START, ...start };
  return unwindOrc(stackOf(new Map(words), whole.stacks), { find }, whole, hooks);
}

function pcs({ frames }: RawStack): bigint[] {
  return frames.map(({ pc }) => pc - text(0));
}

describe('unwindOrc', () => {
  const END: Partial<OrcEntry> = { type: 'end_of_stack', spRegister: 'undefined' };

  it('finds the caller above rsp', () => {
    const stack = walk({ 1: { spOffset: 24 }, 2: END }, [[at(0x1010), text(0x210)]]);
    assert.deepEqual(pcs(stack), [0x101n, 0x210n]);
    assert.equal(stack.end, 'end');
    assert.equal(stack.frames[0]?.cfa, at(0x1018));
    assert.equal(stack.frames[1]?.sp, at(0x1018));
    assert.equal(stack.frames[1]?.cfa, undefined);
  });

  it('asks for the byte before a return address, which may be behind its function', () => {
    const stack = walk({ 1: {}, 2: END }, [[at(0x1000), text(0x300)]]);
    assert.deepEqual(pcs(stack), [0x101n, 0x300n]);
    assert.equal(stack.end, 'end');
  });

  it('asks for the instruction itself where the CPU was stopped', () => {
    const stack = walk({ 1: END, 2: END }, [], { pc: text(0x200), interrupted: true });
    assert.equal(stack.end, 'end');
    assert.equal(stack.frames[0]?.interrupted, true);
  });

  it('finds the caller above rbp, and the rbp that was saved', () => {
    const words: [Vaddr, bigint][] = [
      [at(0x1808), text(0x210)],
      [at(0x1800), at(0x1900)],
      [at(0x1908), text(0x310)],
    ];
    const byBp: Partial<OrcEntry> = {
      spRegister: 'bp',
      spOffset: 16,
      bpRegister: 'prev_sp',
      bpOffset: -16,
    };
    const stack = walk({ 1: byBp, 2: { ...byBp, bpRegister: 'undefined' }, 3: END }, words);
    assert.deepEqual(pcs(stack), [0x101n, 0x210n, 0x310n]);
    assert.deepEqual(
      stack.frames.map(({ bp }) => bp),
      [at(0x1800), at(0x1900), at(0x1900)],
    );
  });

  it('reads rbp where rbp points', () => {
    const saved: Partial<OrcEntry> = { spOffset: 8, bpRegister: 'bp', bpOffset: -8 };
    const stack = walk({ 1: saved, 2: END }, [
      [at(0x1000), text(0x210)],
      [at(0x17f8), 0x1234n],
    ]);
    assert.equal(stack.frames[1]?.bp, 0x1234n);
  });

  it('goes from one stack to another where an entry is indirect', () => {
    const irq: StackRange = {
      name: 'IRQ',
      start: vaddr(0xffff_c900_0010_0000n),
      end: vaddr(0xffff_c900_0010_4000n),
    };
    const words: [Vaddr, bigint][] = [
      [at(0x3ff0, irq), at(0x100)],
      [at(0x100), text(0x210)],
    ];
    const entries = { 1: { spRegister: 'sp_indirect', spOffset: 8 }, 2: END } as const;
    const start = { sp: at(0x3ff0, irq), stacks: [STACK, irq] };
    assert.deepEqual(pcs(walk(entries, words, start)), [0x101n, 0x210n]);
    const byBp = { 1: { spRegister: 'bp_indirect', spOffset: -8 }, 2: END } as const;
    const bp = at(0x3ff8, irq);
    const more: [Vaddr, bigint][] = [
      [at(0x3ff0, irq), at(0x108)],
      [at(0x100), text(0x210)],
    ];
    assert.deepEqual(pcs(walk(byBp, more, { ...start, bp })), [0x101n, 0x210n]);
  });

  it('goes through a pt_regs to what was interrupted, with the registers of then', () => {
    const words: [Vaddr, bigint][] = [
      ...ptRegs(at(0x1000), {
        ip: text(0x200),
        cs: KERNEL_CS,
        sp: at(0x1200),
        bp: 0x77n,
        r10: at(0x1300),
      }),
      [at(0x12f8), text(0x310)],
    ];
    const entries = {
      1: { type: 'regs', spOffset: 0, signal: true },
      2: { spRegister: 'r10' },
      3: END,
    } as const;
    const stack = walk(entries, words);
    assert.deepEqual(pcs(stack), [0x101n, 0x200n, 0x310n]);
    assert.deepEqual(
      stack.frames.map(({ interrupted }) => interrupted),
      [false, true, false],
    );
    assert.equal(stack.frames[1]?.bp, 0x77n);
  });

  it('takes other registers from the pt_regs outside of an iret frame', () => {
    const iret = vaddr(at(0x1000) - 128n);
    const words: [Vaddr, bigint][] = [
      ...ptRegs(iret, { ip: text(0x200), cs: KERNEL_CS, sp: at(0x1200) }),
      [at(0x13f8), text(0x310)],
    ];
    const entries = {
      1: { type: 'regs_partial', spOffset: 0, signal: true },
      2: { spRegister: 'r13' },
      3: END,
    } as const;
    const others = new Map([['r13' as const, at(0x1400)]]);
    assert.deepEqual(pcs(walk(entries, words, { others })), [0x101n, 0x200n, 0x310n]);
  });

  it('ends where user mode entered the kernel', () => {
    const words = ptRegs(at(0x1000), { ip: 0x401000n, cs: USER_CS });
    const stack = walk({ 1: { type: 'regs', spOffset: 0, signal: true } }, words);
    assert.equal(stack.end, 'user');
    assert.deepEqual(pcs(stack), [0x101n]);
  });

  const broken: readonly [
    about: string,
    entries: Readonly<Record<number, Partial<OrcEntry>>>,
    start: Partial<StackStart>,
    problem: RegExp,
  ][] = [
    ['there is no entry', {}, {}, /no ORC entry for 0xffffffff81000101/],
    [
      'the entry says that there is no frame',
      { 1: { type: 'undefined', spRegister: 'undefined' } },
      {},
      /has no frame/,
    ],
    ['a register is not known', { 1: { spRegister: 'r10' } }, {}, /r10 is not known/],
    [
      'rbp lies outside of the stacks',
      { 1: { spRegister: 'bp', spOffset: 16 } },
      { bp: vaddr(0x1000n) },
      /on none of the task's stacks/,
    ],
    ['a word cannot be read', { 1: { spOffset: 0x100 } }, {}, /was not written/],
    [
      'the caller is not further out',
      { 1: { spRegister: 'bp', spOffset: 16 } },
      { bp: at(0x800) },
      /not further out/,
    ],
  ];
  for (const [about, entries, start, problem] of broken) {
    it(`breaks off where ${about}`, () => {
      const stack = walk(entries, [[at(0x808), text(0x210)]], start);
      assert.equal(stack.end, 'broken');
      assert.match(stack.problem ?? '', problem);
      assert.deepEqual(pcs(stack), [0x101n]);
    });
  }

  it('ends at its bound', () => {
    const words: [Vaddr, bigint][] = [];
    for (let offset = 0; offset < 0x4000; offset += 8) words.push([at(offset), text(0x101)]);
    const stack = walk({ 1: {} }, words, { sp: at(0) });
    assert.equal(stack.end, 'limit');
    assert.equal(stack.frames.length, 512);
  });

  describe('where a tracer has replaced the return address', () => {
    const words: [Vaddr, bigint][] = [
      [at(0x1010), text(0x900)],
      [at(0x1018), text(0x410)],
    ];
    const entries = { 1: { spOffset: 24 }, 2: END, 9: END };
    const hooked = (known: ReadonlyMap<bigint, Vaddr>): RawStack =>
      walk(
        entries,
        words,
        {},
        {
          isTrampoline: (address) => address === text(0x900),
          trueAddress: (word) => known.get(word),
        },
      );

    it('goes on at the true one, which was in that very word', () => {
      const stack = hooked(new Map([[at(0x1010), text(0x210)]]));
      assert.deepEqual(pcs(stack), [0x101n, 0x210n]);
      assert.equal(stack.end, 'end');
      assert.equal(stack.frames[1]?.trampoline, undefined);
    });

    it('shows the trampoline and breaks off where the true one is not known', () => {
      const stack = hooked(new Map([[at(0x1018), text(0x210)]]));
      assert.deepEqual(pcs(stack), [0x101n, 0x900n]);
      assert.equal(stack.frames[1]?.trampoline, true);
      assert.equal(stack.end, 'broken');
      assert.match(stack.problem ?? '', /where the tracer at 0xffffffff81000900 goes on/);
    });
  });
});
