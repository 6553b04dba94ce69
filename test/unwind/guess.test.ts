import assert from 'node:assert/strict';
import type { Vmcore } from '../../src/target/vmcore.ts';
import { canReturnTo, isReturnAddress } from '../../src/unwind/guess.ts';
import { vaddr, type Vaddr } from '../../src/util/address.ts';
import { text } from '../support/stack-builder.ts';

const CALL = [0xe8, 1, 2, 3, 4];
const INT3 = 0xcc;
const FUNCTION = text(0x100);
const SIZE = 0x100;

/** A kernel with one function, and a variable behind it. */
function kernel(
  code: readonly number[] | undefined,
  marks: Readonly<Record<string, Vaddr>> = {},
): Vmcore {
  const bytes = new Uint8Array(SIZE).fill(INT3);
  bytes.set(code ?? [], 0x20);
  const symbols = {
    lookup: (name: string) => marks[name],
    symbolAt: (address: Vaddr) => {
      const offset = Number(address - FUNCTION);
      if (offset < 0 || offset >= 2 * SIZE) return undefined;
      const isText = offset < SIZE;
      const [name, type] = isText ? ['do_it', 't'] : ['it', 'd'];
      return { name, type, address: FUNCTION, offset: offset % SIZE, size: SIZE };
    },
  };
  const readAvailable = (address: Vaddr, length: number): Uint8Array => {
    const offset = Number(address - FUNCTION);
    const isThere = code !== undefined && offset >= 0 && offset < SIZE;
    return isThere ? bytes.subarray(offset, offset + length) : new Uint8Array(0);
  };
  return { symbols, readAvailable } as unknown as Vmcore;
}

const BEHIND_CALL = text(0x125);

describe('canReturnTo', () => {
  it('takes what is behind a call', () => {
    assert.ok(canReturnTo(kernel(CALL), BEHIND_CALL));
    assert.ok(!canReturnTo(kernel(CALL), text(0x130)));
  });

  it('takes what is behind a far return, where the stacks of idle tasks begin', () => {
    const farReturn = [0x90, 0x90, 0x90, 0x48, 0xcb];
    assert.ok(canReturnTo(kernel(farReturn), BEHIND_CALL));
    assert.ok(!isReturnAddress(kernel(farReturn), BEHIND_CALL));
    assert.ok(!canReturnTo(kernel([0x90, 0x90, 0x90, 0x90, 0xcb]), BEHIND_CALL));
  });

  it('takes any text where the code is not in the dump', () => {
    assert.ok(canReturnTo(kernel(undefined), BEHIND_CALL));
    assert.ok(!isReturnAddress(kernel(undefined), BEHIND_CALL));
  });

  it('takes the start of a function, to which tracers have calls return', () => {
    assert.ok(canReturnTo(kernel(CALL), FUNCTION));
  });

  it('takes no data, and nothing below text, whatever has symbols', () => {
    assert.ok(!canReturnTo(kernel(undefined), text(0x220)));
    assert.ok(!canReturnTo(kernel(undefined), vaddr(0xffff_8880_1234_5678n)));
    assert.ok(!canReturnTo(kernel(undefined), vaddr(0n)));
  });

  it('takes text of boot, which was overwritten when its memory was freed', () => {
    const freed = { __init_begin: text(0), __init_end: text(0x1000) };
    assert.ok(canReturnTo(kernel([], freed), text(0x130)));
    assert.ok(!canReturnTo(kernel([], freed), text(0x220)));
    assert.ok(!canReturnTo(kernel([], { ...freed, __init_end: text(0x80) }), text(0x130)));
  });

  it('takes text that has no symbols', () => {
    assert.ok(canReturnTo(kernel(undefined), text(0x10_0000)));
  });
});
