import assert from 'node:assert/strict';
import { BTF_INT_CHAR, BTF_INT_SIGNED } from '../../src/format/btf/constants.ts';
import { readBtf } from '../../src/format/btf/read.ts';
import { BtfWriter } from '../../src/format/btf/write.ts';
import { declareBtf } from '../../src/types/btf-declaration.ts';
import { FormatError } from '../../src/util/errors.ts';

type Make = (w: BtfWriter, base: { int: number; char: number; device: number }) => number;

const CASES: readonly [base: string, declarator: string, make: Make][] = [
  ['int', 'x', (_w, { int }) => int],
  ['pid_t', 'x', (w, { int }) => w.typedef('pid_t', int)],
  ['struct device *', 'x', (w, { device }) => w.ptr(device)],
  ['struct device * *', 'x', (w, { device }) => w.ptr(w.ptr(device))],
  ['void *', 'x', (w) => w.ptr(0)],
  ['const char *', 'x', (w, { char }) => w.ptr(w.const(char))],
  ['const char * const *', 'x', (w, { char }) => w.ptr(w.const(w.ptr(w.const(char))))],
  ['volatile int', 'x', (w, { int }) => w.volatile(int)],
  ['char', 'x[16]', (w, { char, int }) => w.array(char, 16, int)],
  ['const char', 'x[16]', (w, b) => w.const(w.array(w.const(b.char), 16, b.int))],
  ['int', 'x[2][3]', (w, { int }) => w.array(w.array(int, 3, int), 2, int)],
  ['int *', 'x[4]', (w, { int }) => w.array(w.ptr(int), 4, int)],
  ['int', '(*x)[4]', (w, { int }) => w.ptr(w.array(int, 4, int))],
  ['void', '(*x)(void)', (w) => w.ptr(w.funcProto(0, []))],
  [
    'int',
    '(*x[2])(struct device *, ...)',
    (w, { int, device }) => {
      const params = [w.ptr(device), 0].map((type) => ({ name: '', type }));
      return w.array(w.ptr(w.funcProto(int, params)), 2, int);
    },
  ],
  ['int', '(* const x)(void)', (w, { int }) => w.const(w.ptr(w.funcProto(int, [])))],
  ['struct device *', 'x', (w, { device }) => w.ptr(w.typeTag('rcu', device))],
  ['struct', 'x', (w) => w.struct('', 0, [])],
  ['struct opaque *', 'x', (w) => w.ptr(w.fwd('opaque', 'struct'))],
];

describe('declareBtf', () => {
  for (const [base, declarator, make] of CASES) {
    it(`writes ${base} ${declarator}`, () => {
      const w = new BtfWriter();
      const int = w.int('int', 4, BTF_INT_SIGNED);
      const char = w.int('char', 1, BTF_INT_SIGNED | BTF_INT_CHAR);
      const device = w.struct('device', 8, []);
      const id = make(w, { int, char, device });
      assert.deepEqual(declareBtf(readBtf(w.finish()), id, 'x'), { base, declarator });
    });
  }

  it('ends where types go in circles', () => {
    const w = new BtfWriter();
    const loop = w.ptr(w.nextId);
    assert.throws(() => declareBtf(readBtf(w.finish()), loop, 'x'), FormatError);
  });

  it('leaves out what functions of functions of functions take', () => {
    const w = new BtfWriter();
    let proto = w.funcProto(0, []);
    for (let i = 0; i < 10; i++) proto = w.funcProto(0, [{ name: '', type: w.ptr(proto) }]);
    const { declarator } = declareBtf(readBtf(w.finish()), w.nextId - 1, 'x');
    assert.match(declarator, /^x\(void \(\*\)\(.*\(\.\.\.\)\)+$/);
  });
});
