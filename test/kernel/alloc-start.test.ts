import assert from 'node:assert/strict';

import { AllocStartReader, findStartSlot } from '../../src/kernel/alloc-start.ts';
import { initialJiffies } from '../../src/kernel/jiffies.ts';
import type { StackFrame } from '../../src/kernel/stack.ts';
import type { Vmcore } from '../../src/target/vmcore.ts';
import { hex, vaddr, type Vaddr } from '../../src/util/address.ts';
import { FaultError } from '../../src/util/errors.ts';

const CODE = vaddr(0xffffffff811c7820n);
const JIFFIES = vaddr(0xffffffff82205000n);
const STACK = 0xffffc90000003000n;
const HZ = 250;
const NOW = initialJiffies(HZ) + 100_000n;

type Reg = 'rax' | 'rdi' | 'r9';
const REGS: Readonly<Record<Reg, number>> = { rax: 0, rdi: 7, r9: 9 };
type Slot = readonly [base: 'rbp' | 'rsp', displacement: number];

/** Puts together the code of a function. */
class Code {
  readonly bytes: number[] = [];

  raw(...bytes: number[]): this {
    this.bytes.push(...bytes);
    return this;
  }

  /** mov symbol(%rip), %reg */
  load(reg: Reg, symbol: Vaddr = JIFFIES): this {
    const next = CODE + BigInt(this.bytes.length + 7);
    return this.raw(rex(reg), 0x8b, 0x05 | low(reg), ...int32(Number(symbol - next)));
  }

  /** mov %reg, slot */
  store(reg: Reg, slot: Slot): this {
    return this.raw(rex(reg), 0x89, ...operand(reg, slot));
  }

  /** sub slot, %reg */
  sub(reg: Reg, slot: Slot): this {
    return this.raw(rex(reg), 0x2b, ...operand(reg, slot));
  }

  get slot(): ReturnType<typeof findStartSlot> {
    return findStartSlot(Uint8Array.from(this.bytes), { address: CODE, jiffies: JIFFIES });
  }
}

const rex = (reg: Reg): number => (REGS[reg] > 7 ? 0x4c : 0x48);
const low = (reg: Reg): number => (REGS[reg] & 7) << 3;

function int32(value: number): number[] {
  return [...new Uint8Array(Int32Array.of(value).buffer)];
}

function operand(reg: Reg, [base, displacement]: Slot): number[] {
  const isShort = displacement >= -128 && displacement < 128;
  const mod = isShort ? 0x40 : 0x80;
  const place = isShort ? [displacement & 0xff] : int32(displacement);
  return base === 'rbp' ? [mod | low(reg) | 5, ...place] : [mod | low(reg) | 4, 0x24, ...place];
}

/** As compilers have it: something stands between the load and the store. */
function compiled(slot: Slot, reg: Reg = 'rax'): Code {
  const code = new Code().raw(0x55, 0x48, 0x89, 0xe5, 0x41, 0x57).load(reg);
  return code.raw(0x83, 0xfe, 0x0a).store(reg, slot).raw(0x0f, 0x1f).load('rdi').sub('rdi', slot);
}

describe('findStartSlot', () => {
  for (const [base, displacement] of [
    ['rbp', -184],
    ['rbp', -64],
    ['rsp', 0x88],
    ['rsp', 0x20],
  ] as const) {
    it(`finds the word at ${displacement} of ${base}`, () => {
      assert.deepEqual(compiled([base, displacement]).slot, { base, displacement });
      assert.deepEqual(compiled([base, displacement], 'r9').slot, { base, displacement });
    });
  }

  const nothing: readonly (readonly [what: string, code: Code])[] = [
    ['only reads jiffies, as for a deadline', new Code().load('rax').store('rax', ['rbp', -64])],
    [
      'takes a word from jiffies that they were never in',
      new Code().load('rdi').sub('rdi', ['rbp', -64]),
    ],
    [
      'keeps another variable',
      new Code()
        .load('rax', vaddr(JIFFIES + 64n))
        .store('rax', ['rbp', -64])
        .load('rdi')
        .sub('rdi', ['rbp', -64]),
    ],
    [
      'stores another register',
      new Code().load('rax').store('r9', ['rbp', -64]).load('rdi').sub('rdi', ['rbp', -64]),
    ],
    [
      'has two such words',
      new Code()
        .raw(...compiled(['rbp', -64]).bytes)
        .load('rax')
        .store('rax', ['rbp', -72])
        .load('rdi')
        .sub('rdi', ['rbp', -72]),
    ],
    ['ends within an instruction', new Code().raw(...compiled(['rbp', -184]).bytes.slice(0, -2))],
    ['is empty', new Code()],
  ];
  for (const [what, code] of nothing) {
    it(`finds none in code that ${what}`, () => {
      assert.equal(code.slot, undefined);
    });
  }
});

describe('AllocStartReader', () => {
  /** A dump of nothing but the function and one word of a stack. */
  function machine(code: Code, word: { at: bigint; value: bigint }): Vmcore {
    const addresses: Record<string, Vaddr> = { __alloc_pages_slowpath: CODE, jiffies: JIFFIES };
    return {
      symbols: {
        lookup: (name: string) => addresses[name],
        symbolAt: () => ({ size: code.bytes.length }),
      },
      readAvailable: () => Uint8Array.from(code.bytes),
      readBytes: (address: Vaddr) => {
        if (address !== vaddr(word.at)) {
          throw new FaultError({ space: 'virtual', address, reason: 'excluded' });
        }
        return new Uint8Array(new BigUint64Array([word.value]).buffer);
      },
    } as unknown as Vmcore;
  }

  const FRAME: StackFrame = {
    ...{ pc: hex(CODE), sp: hex(STACK), cfa: hex(STACK + 0x120n) },
    name: '__alloc_pages_slowpath.constprop.0',
  };
  const INNER: StackFrame = { ...FRAME, sp: hex(STACK - 0x400n), cfa: hex(STACK - 0x300n) };

  function age(slot: Slot, word: { at: bigint; value: bigint }, frames = [INNER, FRAME]): unknown {
    const time = { jiffies: NOW, hz: HZ };
    return new AllocStartReader(machine(compiled(slot), word), time).age(frames);
  }

  it('says for how long the outermost request is in the slow path', () => {
    const source = 'alloc_start of __alloc_pages_slowpath()';
    const expected = { value: 30, source, kind: 'recorded' };
    const value = NOW - BigInt(30 * HZ);
    assert.deepEqual(age(['rbp', -184], { at: STACK + 0x120n - 16n - 184n, value }), expected);
    assert.deepEqual(age(['rsp', 0x20], { at: STACK + 0x20n, value }), expected);
  });

  it('says nothing where the word is no time since boot, or not in the dump', () => {
    const at = STACK + 0x20n;
    assert.equal(age(['rsp', 0x20], { at, value: NOW + 1n }), undefined);
    assert.equal(age(['rsp', 0x20], { at, value: 0xffff888000000000n }), undefined);
    assert.equal(age(['rsp', 0x20], { at, value: 5n }), undefined);
    assert.equal(age(['rsp', 0x20], { at: at + 8n, value: NOW }), undefined);
  });

  it('reads no word outside of the frame, and none of a frame that is guessed', () => {
    const value = NOW - 1n;
    assert.equal(age(['rsp', 0x11c], { at: STACK + 0x11cn, value }), undefined);
    const word = { at: STACK + 0x20n, value };
    assert.equal(age(['rsp', 0x20], word, [{ ...FRAME, guessed: true }]), undefined);
    assert.equal(age(['rsp', 0x20], word, []), undefined);
  });
});
