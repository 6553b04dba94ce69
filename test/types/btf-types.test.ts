import assert from 'node:assert/strict';
import { BTF_INT_SIGNED } from '../../src/format/btf/constants.ts';
import { readBtf } from '../../src/format/btf/read.ts';
import { BtfWriter } from '../../src/format/btf/write.ts';
import { BtfTypes } from '../../src/types/btf-types.ts';
import { findMember, sizeOf, type StructType } from '../../src/types/ctype.ts';
import { FormatError } from '../../src/util/errors.ts';
import { btfKernelTable } from '../support/btf-kernel.ts';

function struct(types: BtfTypes, name: string): StructType {
  const type = types.find('struct', name);
  assert.ok(type?.kind === 'struct', `struct ${name}`);
  return type;
}

/** Types of a BTF that a few calls write. */
function typesOf(write: (w: BtfWriter) => void): BtfTypes {
  const w = new BtfWriter();
  write(w);
  return new BtfTypes(readBtf(w.finish()));
}

describe('BtfTypes', () => {
  const types = new BtfTypes(btfKernelTable());
  const task = struct(types, 'task_struct');

  const places: readonly [path: string, bitOffset: number, kind: string, bitSize?: number][] = [
    ['tasks', 0, 'struct'],
    ['tasks.prev', 64, 'pointer'],
    ['mm', 128, 'pointer'],
    ['words[1]', 160, 'int'],
    ['pid', 192, 'int'],
    ['comm', 224, 'array'],
    ['usage.counter', 352, 'int'],
    ['in_memstall', 386, 'int', 1],
    ['nice', 387, 'int', 7],
    ['policy', 416, 'enum'],
    ['memalloc.gfp', 608, 'int'],
    ['handler', 704, 'pointer'],
  ];
  for (const [path, bitOffset, kind, bitSize] of places) {
    it(`finds task_struct.${path}`, () => {
      const place = findMember(task, path);
      assert.deepEqual(
        { bitOffset: place?.bitOffset, kind: place?.type.kind, bitSize: place?.bitSize },
        { bitOffset, kind, bitSize },
      );
    });
  }

  it('removes typedefs and qualifiers', () => {
    assert.deepEqual(findMember(task, 'pid')?.type, {
      kind: 'int',
      name: 'int',
      size: 4,
      signed: true,
    });
    const gfp = types.find('typedef', 'gfp_t');
    assert.equal(gfp?.kind === 'int' && gfp.name, 'unsigned int');
  });

  it('gives one object for one type, so that a graph with cycles stays finite', () => {
    const list = struct(types, 'list_head');
    const next = findMember(list, 'next')?.type;
    assert.ok(next?.kind === 'pointer');
    assert.equal(next.target, list);
    assert.equal(findMember(task, 'tasks')?.type, list);
  });

  it('names an anonymous struct by its typedef', () => {
    const usage = findMember(task, 'usage')?.type;
    assert.ok(usage?.kind === 'struct');
    assert.equal(usage.name, '');
    assert.equal(usage.typedefName, 'atomic_t');
    assert.equal(task.typedefName, undefined);
  });

  it('keeps a forward declaration that nothing completes as a struct of size 0', () => {
    const target = findMember(task, 'cgroups')?.type;
    assert.ok(target?.kind === 'pointer');
    assert.deepEqual(target.target, { kind: 'struct', name: 'css_set', size: 0, members: [] });
    assert.equal(types.find('struct', 'css_set'), undefined);
  });

  it('resolves a forward declaration to the struct of that name', () => {
    const both = typesOf((w) => {
      w.struct('holder', 8, [
        { name: 'set', type: w.ptr(w.fwd('css_set', 'struct')), bitOffset: 0 },
      ]);
      w.struct('css_set', 592, [{ name: 'n', type: w.int('int', 4), bitOffset: 0 }]);
    });
    const pointer = findMember(struct(both, 'holder'), 'set')?.type;
    assert.ok(pointer?.kind === 'pointer');
    assert.equal(sizeOf(pointer.target), 592);
  });

  it('puts the complete and the largest of several structs of one name first', () => {
    const several = typesOf((w) => {
      const int = w.int('int', 4);
      w.struct('log', 0, []);
      w.struct('log', 64, []);
      w.struct('log', 4, [{ name: 'a', type: int, bitOffset: 0 }]);
      w.struct('log', 16, [{ name: 'b', type: int, bitOffset: 0 }]);
    });
    assert.deepEqual(several.findAll('struct', 'log').map(sizeOf), [16, 4, 64, 0]);
    assert.equal(sizeOf(struct(several, 'log')), 16);
  });

  it('finds enumerators with their sign', () => {
    assert.equal(types.findEnumerator('SCHED_FIFO'), 1n);
    assert.equal(types.findEnumerator('SCHED_NONE'), -1n);
    assert.equal(types.findEnumerator('WIDE_TOP'), 1n << 63n);
    assert.equal(types.findEnumerator('NO_SUCH'), undefined);
  });

  it('knows the types of per-CPU variables', () => {
    assert.equal(types.variableType('runqueues'), types.find('struct', 'rq'));
    assert.equal(types.variableType('jiffies'), undefined);
  });

  it('takes signed char for signed where the encoder did not mark it, and no other', () => {
    const old = typesOf((w) => {
      const names = ['signed char', 'unsigned char', 'char'];
      for (const name of names) w.typedef(`alias of ${name}`, w.int(name, 1, 0));
    });
    const signOf = (name: string): boolean | undefined => {
      const type = old.find('typedef', `alias of ${name}`);
      return type?.kind === 'int' ? type.signed : undefined;
    };
    assert.equal(signOf('signed char'), true);
    assert.equal(signOf('unsigned char'), false);
    assert.equal(signOf('char'), false);
  });

  it('takes the pointer size from unsigned long', () => {
    const narrow = typesOf((w) => w.int('long unsigned int', 4));
    assert.equal(narrow.pointerSize, 4);
    assert.equal(types.pointerSize, 8);
    assert.equal(typesOf(() => undefined).pointerSize, 8);
  });

  it('reads the bit fields of encoders without kind_flag', () => {
    const old = typesOf((w) => {
      const three = w.bitInt('unsigned int', { size: 4, encoding: 0, offset: 2, bits: 3 });
      const whole = w.int('int', 4, BTF_INT_SIGNED);
      w.struct('old', 8, [
        { name: 'a', type: three, bitOffset: 8 },
        { name: 'b', type: w.typedef('t', three), bitOffset: 16 },
        { name: 'c', type: whole, bitOffset: 32 },
      ]);
    });
    const members = struct(old, 'old').members;
    assert.deepEqual(
      members.map((member) => [member.name, member.bitOffset, member.bitSize]),
      [
        ['a', 10, 3],
        ['b', 18, 3],
        ['c', 32, undefined],
      ],
    );
  });

  it('completes the memberless structs of a distilled base', () => {
    const w = new BtfWriter();
    w.struct('list_head', 16, []);
    w.struct('task_struct', 64, []);
    const base = readBtf(w.finish());
    const module = new BtfWriter({ base });
    module.struct('xfs_buf', 16, [{ name: 'b_list', type: 1, bitOffset: 0 }]);
    const bytes = module.finish();
    const split = new BtfTypes(readBtf(bytes, { base }), { completeFrom: types });
    assert.ok(findMember(struct(split, 'xfs_buf'), 'b_list.next'));
    // Another size is another struct, whatever its name.
    assert.equal(struct(split, 'task_struct').members.length, 0);
  });
});

describe('BtfTypes on a damaged graph', () => {
  const int = (w: BtfWriter): number => w.int('int', 4);
  const cases: readonly [
    what: string,
    write: (w: BtfWriter) => void,
    use: (t: BtfTypes) => unknown,
    message: RegExp,
  ][] = [
    [
      'a typedef of itself',
      (w) => w.typedef('t', 1),
      (t) => t.find('typedef', 't'),
      /^BTF\+0x18: type 1, expected at most 32 typedefs and qualifiers/,
    ],
    [
      'two qualifiers of each other',
      (w) => [w.const(2), w.volatile(1)],
      (t) => t.typeOf(1),
      /type 1, expected at most 32 typedefs/,
    ],
    [
      'an array of itself',
      (w) => w.array(1, 2, 1),
      (t) => t.typeOf(1),
      /^BTF\+0x18: type 1, array, expected at most 32 dimensions/,
    ],
    [
      'an array beyond 4 GiB',
      (w) => w.array(int(w), 0x4000_0000, 1),
      (t) => t.typeOf(2),
      /type 2, array, expected at most 4294967295 bytes, have 1073741824 elements of 4/,
    ],
    [
      'dimensions beyond 4 GiB',
      (w) => w.array(w.array(int(w), 65536, 1), 65536, 1),
      (t) => t.typeOf(3),
      /type 3, array, expected at most/,
    ],
    [
      'a typedef of nothing',
      (w) => w.typedef('t', 99),
      (t) => t.find('typedef', 't'),
      /^BTF: type 99, expected an id below 2$/,
    ],
    [
      'a member that is a section',
      (w) => [w.datasec('.data', 0, []), w.struct('s', 4, [{ name: 'm', type: 1, bitOffset: 0 }])],
      (t) => struct(t, 's').members[0]?.type,
      /type 1, expected a type of values, have datasec$/,
    ],
    [
      'a variable of a variable',
      (w) => [w.var('v', 1)],
      (t) => t.variableType('v'),
      /type 1, expected a type of values, have var$/,
    ],
  ];
  for (const [what, write, use, message] of cases) {
    it(`refuses ${what}`, () => {
      const types = typesOf((w) => void write(w));
      assert.throws(
        () => use(types),
        (error) => error instanceof FormatError && message.test(error.message),
      );
    });
  }

  it('looks into a struct that contains itself without going round forever', () => {
    const types = typesOf((w) => {
      w.struct('self', 8, [{ name: '', type: 1, bitOffset: 0 }]);
    });
    assert.equal(findMember(struct(types, 'self'), 'absent'), undefined);
  });
});
