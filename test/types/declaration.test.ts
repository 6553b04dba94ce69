import assert from 'node:assert/strict';
import { BtfTypes } from '../../src/types/btf-types.ts';
import { finderOf, parseCType } from '../../src/types/c-declaration.ts';
import { declareCType, memberTypeWords } from '../../src/types/declaration.ts';
import type { CType } from '../../src/types/ctype.ts';
import { btfKernelTable } from '../support/btf-kernel.ts';

const types = new BtfTypes(btfKernelTable());

function parse(text: string): CType {
  const type = parseCType(text, { pointerSize: 8, find: finderOf(types) });
  assert.ok(type !== undefined, text);
  return type;
}

describe('declareCType', () => {
  for (const [text, base, declarator] of [
    ['unsigned long', 'long unsigned int', 'x'],
    ['struct list_head *[4]', 'struct list_head *', 'x[4]'],
    ['unsigned int (*)[3]', 'unsigned int', '(*x)[3]'],
    ['void (*)()', 'void', '(*x)()'],
    ['atomic_t', 'atomic_t', 'x'],
  ] as const) {
    it(`declares ${text}`, () => {
      assert.deepEqual(declareCType(parse(text), 'x'), { base, declarator });
    });
  }
});

describe('memberTypeWords', () => {
  it('leaves the name out, and not what only looks like it', () => {
    const task = types.find('struct', 'task_struct');
    assert.ok(task?.kind === 'struct');
    const words = Object.fromEntries(task.members.map((m) => [m.name, memberTypeWords(m)]));
    assert.equal(words.comm, 'char [16]');
    assert.equal(words.handler, 'void (* restrict )(int, ...)');
    assert.equal(words.usage, 'atomic_t');
    assert.equal(words.pid, 'const volatile int');
  });
});
