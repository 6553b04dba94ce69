import assert from 'node:assert/strict';
import type { RawStack, StackStart } from '../../src/unwind/frame.ts';
import { unwindFramePointers } from '../../src/unwind/frame-pointer.ts';
import type { ReturnHooks } from '../../src/unwind/return-hooks.ts';
import { vaddr, type Vaddr } from '../../src/util/address.ts';
import { at, ptRegs, STACK, stackOf, text } from '../support/stack-builder.ts';

const START: StackStart = {
  pc: text(0x100),
  sp: at(0x1000),
  bp: at(0x1100),
  interrupted: false,
  stacks: [STACK],
};

function walk(
  words: readonly (readonly [Vaddr, bigint])[],
  start: Partial<StackStart> = {},
  hooks?: ReturnHooks,
): RawStack {
  const isText = (address: Vaddr): boolean => address >= text(0) && address < text(0x10_0000);
  return unwindFramePointers(stackOf(new Map(words)), { ...START, ...start }, isText, hooks);
}

function pcs({ frames }: RawStack): bigint[] {
  return frames.map(({ pc }) => pc - text(0));
}

/** Two frames, the outer with rbp as given. */
function frames(bp: bigint): [Vaddr, bigint][] {
  return [
    [at(0x1100), at(0x1200)],
    [at(0x1108), text(0x200)],
    [at(0x1200), bp],
    [at(0x1208), text(0x300)],
  ];
}

describe('unwindFramePointers', () => {
  it('follows rbp to the end, where it is 0', () => {
    const stack = walk(frames(0n));
    assert.deepEqual(pcs(stack), [0x100n, 0x200n, 0x300n]);
    assert.equal(stack.end, 'end');
    assert.deepEqual(
      stack.frames.map(({ cfa }) => cfa),
      [at(0x1110), at(0x1210), undefined],
    );
  });

  it("ends where rbp is the user's", () => {
    assert.equal(walk(frames(0x7fff_0000_1000n)).end, 'end');
  });

  const strays: readonly [whose: string, bp: bigint][] = [
    ['of the thread that ran before', 0xffff_8880_0000_0000n],
    ["the user's, a number below 0", -1n & 0xffff_ffff_ffff_ffffn],
  ];
  for (const [whose, bp] of strays) {
    it(`ends below the pt_regs on top of the stack, if rbp there is ${whose}`, () => {
      const outermost = at(0x4000 - 168);
      const words: [Vaddr, bigint][] = [
        [at(0x1100), bp],
        [at(0x1108), text(0x200)],
      ];
      const near = walk([
        [at(0x1100), vaddr(outermost - 16n)],
        [at(0x1108), text(0x200)],
        [vaddr(outermost - 16n), bp],
        [vaddr(outermost - 8n), text(0x300)],
      ]);
      assert.deepEqual(pcs(near), [0x100n, 0x200n, 0x300n]);
      assert.equal(near.end, 'end');
      assert.equal(walk(words).end, 'broken');
    });
  }

  it('ends at the first frame below a pt_regs, though nothing called it', () => {
    const first = (top: number): [Vaddr, bigint][] => [
      [at(0x1100), at(top - 16)],
      [at(0x1108), text(0x200)],
      [at(top - 16), at(0x3ff0)],
      [at(top - 8), text(0x20_0000)],
    ];
    const stack = walk(first(0x4000 - 168));
    assert.deepEqual(pcs(stack), [0x100n, 0x200n]);
    assert.equal(stack.end, 'end');
    assert.equal(walk(first(0x4000 - 176)).end, 'broken');
  });

  it('goes through a pt_regs whose address rbp has with bit 0 set', () => {
    const regs = at(0x1300);
    const stack = walk([
      ...frames(regs | 1n),
      ...ptRegs(regs, { ip: text(0x400), cs: 0x10n, sp: at(0x1500), bp: 0n }),
    ]);
    assert.deepEqual(pcs(stack), [0x100n, 0x200n, 0x300n, 0x400n]);
    assert.equal(stack.frames[3]?.interrupted, true);
    assert.equal(stack.frames[2]?.cfa, undefined);
  });

  it('ends where that pt_regs is of user mode', () => {
    const regs = at(0x1300);
    const stack = walk([...frames(regs | 1n), ...ptRegs(regs, { ip: 0x401000n, cs: 0x33n })]);
    assert.equal(stack.end, 'user');
    assert.equal(stack.frames.length, 3);
  });

  const broken: readonly [about: string, bp: Vaddr, problem: RegExp][] = [
    ['back', at(0x800), /not further out/],
    ['outside of the stack', vaddr(0xffff_8880_0000_0000n), /none of the task's stacks/],
    ['where nothing can be read', at(0x2000), /was not written/],
  ];
  for (const [about, bp, problem] of broken) {
    it(`breaks off where rbp points ${about}`, () => {
      const stack = walk(frames(bp));
      assert.equal(stack.end, 'broken');
      assert.match(stack.problem ?? '', problem);
      assert.deepEqual(pcs(stack), [0x100n, 0x200n, 0x300n]);
    });
  }

  for (const word of [0x1234n, 0xffff_8880_1234_5678n, 0n]) {
    it(`breaks off where the word above is no return address: ${word.toString(16)}`, () => {
      const stack = walk([
        [at(0x1100), at(0x1200)],
        [at(0x1108), word],
        [at(0x1200), 0n],
        [at(0x1208), text(0x300)],
      ]);
      assert.equal(stack.end, 'broken');
      assert.match(stack.problem ?? '', new RegExp(`0x${word.toString(16)} is no return address`));
      assert.deepEqual(pcs(stack), [0x100n]);
    });
  }

  it('ends where the first frame of a thread has nothing above it', () => {
    const stack = walk([
      [at(0x1100), 0n],
      [at(0x1108), 0n],
    ]);
    assert.equal(stack.end, 'end');
  });

  it('ends at its bound', () => {
    const words: [Vaddr, bigint][] = [];
    for (let offset = 0; offset < 0x4000; offset += 16) {
      words.push([at(offset), at(offset + 16)], [at(offset + 8), text(0x200)]);
    }
    const stack = walk(words, { sp: at(0), bp: at(0) });
    assert.equal(stack.end, 'limit');
  });

  it('goes on at what a tracer has replaced, else shows the trampoline and goes on', () => {
    const words = frames(0n);
    words[1] = [at(0x1108), text(0x900)];
    for (const known of [text(0x200), undefined]) {
      const stack = walk(
        words,
        {},
        {
          isTrampoline: (address) => address === text(0x900),
          trueAddress: (word) => (word === at(0x1108) ? known : undefined),
        },
      );
      assert.deepEqual(pcs(stack), [0x100n, known === undefined ? 0x900n : 0x200n, 0x300n]);
      assert.equal(stack.frames[1]?.trampoline, known === undefined ? true : undefined);
      assert.equal(stack.end, 'end');
    }
  });
});
