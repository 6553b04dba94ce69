import assert from 'node:assert/strict';
import { readBtf } from '../../src/format/btf/read.ts';
import { BtfWriter } from '../../src/format/btf/write.ts';
import { BtfTypes } from '../../src/types/btf-types.ts';
import { findMember, type StructType } from '../../src/types/ctype.ts';
import { readLayout, type LayoutIdentity } from '../../src/types/layout.ts';
import { writeLayout, type TypeName } from '../../src/types/layout-write.ts';
import { InvalidError } from '../../src/util/errors.ts';
import { btfKernelTable } from '../support/btf-kernel.ts';

const identity: LayoutIdentity = {
  release: '6.1.0',
  arch: 'x86_64',
  banner: null,
  buildId: null,
  producer: 'test',
  source: 'test',
};
const kernel = new BtfTypes(btfKernelTable());

function write(names: readonly TypeName[], types = kernel): string {
  return writeLayout(types, { identity, names });
}

/** The file of types that a few calls make. */
function written(names: readonly TypeName[], make: (w: BtfWriter) => void): string {
  const w = new BtfWriter();
  make(w);
  return write(names, new BtfTypes(readBtf(w.finish())));
}

describe('writeLayout', () => {
  it('writes one member a line, sorted by struct', () => {
    const lines = write(['struct task_struct']).split('\n');
    const at = lines.indexOf('    "list_head": {"kind": "struct", "size": 16, "members": {');
    assert.deepEqual(lines.slice(at, at + 4), [
      '    "list_head": {"kind": "struct", "size": 16, "members": {',
      '      "next": "0 struct list_head *",',
      '      "prev": "8 struct list_head *"',
      '    }},',
    ]);
    for (const line of [
      '      "nice": {"offset": 48, "type": "int", "bits": [3, 7]},',
      '      "comm": "28 char [16]",',
      '      "usage": "44 atomic_t",',
      '      "cgroups": "80 struct css_set *",',
      '      "handler": "88 void (*)()",',
      '      "#0": "16 union task_struct#0",',
      '    "atomic_t": "struct atomic_t#"',
    ]) {
      assert.ok(lines.includes(line), line);
    }
  });

  it('takes what lies in a struct by value and only names what it points to', () => {
    const { structs } = readLayout(write(['struct task_struct'])).file;
    const keys = ['atomic_t#', 'list_head', 'memalloc_info', 'task_struct', 'task_struct#0'];
    assert.deepEqual(Object.keys(structs), keys);
    assert.deepEqual(Object.keys(readLayout(write(['struct rq'])).file.structs), ['rq']);
  });

  it('reads back to the same types', () => {
    const layout = readLayout(write(['struct task_struct', 'enum wide', 'typedef gfp_t']));
    layout.checkAll();
    const ours = layout.find('struct', 'task_struct') as StructType;
    const theirs = kernel.find('struct', 'task_struct') as StructType;
    for (const path of ['tasks.prev', 'words[1]', 'comm', 'nice', 'policy', 'memalloc.gfp', 'mm']) {
      const [a, b] = [findMember(ours, path), findMember(theirs, path)];
      assert.deepEqual([a?.bitOffset, a?.bitSize], [b?.bitOffset, b?.bitSize], path);
      assert.equal(a?.type.kind, b?.type.kind, path);
    }
    assert.equal(layout.findEnumerator('WIDE_TOP'), 1n << 63n);
    assert.equal(layout.findEnumerator('SCHED_NONE'), -1n);
    assert.deepEqual(layout.find('typedef', 'gfp_t'), kernel.find('typedef', 'gfp_t'));
    assert.deepEqual(layout.identity, identity);
  });

  it('gives the same bytes again, from any order of names and from its own output', () => {
    const names: TypeName[] = [
      'struct task_struct',
      'enum sched_policy',
      'typedef gfp_t',
      'struct rq',
    ];
    const text = write(names);
    assert.equal(write([...names].reverse()), text);
    assert.equal(writeLayout(readLayout(text), { identity, names }), text);
  });

  it('leaves out types and enumerators that the kernel lacks', () => {
    const enumerators = ['SCHED_FIFO', 'NO_SUCH'];
    const text = writeLayout(kernel, { identity, names: ['struct absent'], enumerators });
    const { structs, enumerators: found } = readLayout(text).file;
    assert.deepEqual(structs, {});
    assert.deepEqual(found, { SCHED_FIFO: 1 });
  });

  it('keeps two types of one tag and two anonymous ones apart', () => {
    const text = written(['struct a'], (w) => {
      const int = w.int('int', 4);
      const member = (
        name: string,
        type: number,
        byte: number,
      ): { name: string; type: number; bitOffset: number } => ({ name, type, bitOffset: byte * 8 });
      const first = w.struct('log', 4, [member('x', int, 0)]);
      const second = w.struct('log', 8, [member('y', int, 0)]);
      const unnamed = w.struct('', 4, [member('z', int, 0)]);
      const other = w.union('', 4, [member('v', int, 0)]);
      w.struct('a', 20, [
        member('one', first, 0),
        member('two', second, 4),
        member('three', unnamed, 12),
        member('', other, 16),
      ]);
    });
    const layout = readLayout(text);
    layout.checkAll();
    assert.deepEqual(Object.keys(layout.file.structs), ['a', 'a#0', 'a#1', 'log', 'log##1']);
    const a = layout.find('struct', 'a') as StructType;
    assert.deepEqual(findMember(a, 'two.y')?.bitOffset, 32);
    assert.deepEqual(findMember(a, 'three.z')?.bitOffset, 96);
    assert.deepEqual(findMember(a, 'v')?.bitOffset, 128);
  });

  it('ends at a struct that contains itself', () => {
    const text = written(['struct self'], (w) => {
      w.struct('self', 8, [{ name: 'self', type: 1, bitOffset: 0 }]);
    });
    assert.deepEqual(Object.keys(readLayout(text).file.structs), ['self']);
  });

  const refused: readonly [what: string, make: (w: BtfWriter) => void, message: RegExp][] = [
    [
      'a member that is no C name',
      (w) => w.struct('s', 4, [{ name: 'a-b', type: w.int('int', 4), bitOffset: 0 }]),
      /struct s: member "a-b" is no new C name/,
    ],
    [
      'a member twice',
      (w) => {
        const int = w.int('int', 4);
        const member = { name: 'a', type: int, bitOffset: 0 };
        w.struct('s', 4, [member, member]);
      },
      /struct s: member "a" is no new C name/,
    ],
  ];
  for (const [what, make, message] of refused) {
    it(`refuses ${what}`, () => {
      assert.throws(
        () => written(['struct s'], make),
        (error) => error instanceof InvalidError && message.test(error.message),
      );
    });
  }
});
