import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findMember, sizeOf, type StructType } from '../../src/types/ctype.ts';
import { readLayout, type LayoutTypes } from '../../src/types/layout.ts';
import { FormatError } from '../../src/util/errors.ts';
import { hasProgram, skipWithReason } from '../support/bpftool.ts';

const STRUCTS = new URL('../../structs/', import.meta.url);

function shipped(name: string): LayoutTypes {
  return readLayout(readFileSync(new URL(name, STRUCTS), 'utf8'));
}

/** A layout file of one struct `s` of 8 bytes and what the test changes in it. */
function layoutText(changes: object = {}): string {
  return JSON.stringify({
    format: 1,
    arch: 'x86_64',
    producer: 'test',
    source: 'test',
    pointerSize: 8,
    baseTypes: { int: { size: 4, signed: true }, double: { size: 8, float: true } },
    structs: { s: { kind: 'struct', size: 8, members: { a: { offset: 0, type: 'int' } } } },
    ...changes,
  });
}

/** Struct `s` with one member. */
function withMember(member: object | string): string {
  return layoutText({ structs: { s: { kind: 'struct', size: 8, members: { a: member } } } });
}

describe('readLayout', () => {
  it('reads members, bit fields and anonymous structs', () => {
    const layout = readLayout(
      layoutText({
        structs: {
          s: {
            kind: 'struct',
            size: 16,
            members: {
              a: { offset: 0, type: 'int', size: 4 },
              '#0': { offset: 8, type: 'union s#0' },
              flag: { offset: 5, type: 'int', bits: [3, 2] },
            },
          },
          's#0': { kind: 'union', size: 8, members: { inner: { offset: 0, type: 'struct s *' } } },
        },
      }),
    );
    layout.checkAll();
    const s = layout.find('struct', 's') as StructType;
    const inner = findMember(s, 'inner');
    assert.equal(inner?.bitOffset, 64);
    assert.ok(inner.type.kind === 'pointer' && inner.type.target === s);
    const flag = findMember(s, 'flag');
    assert.deepEqual([flag?.bitOffset, flag?.bitSize], [43, 2]);
    assert.equal(s.members[1]?.name, '');
    assert.equal(layout.find('union', 's'), undefined);
  });

  it('tells tags, typedefs and anonymous types apart by their keys', () => {
    const members = {};
    const layout = readLayout(
      layoutText({
        structs: {
          foo: { kind: 'struct', size: 4, members },
          'foo##1': { kind: 'struct', size: 8, members },
          'atomic_t#': { kind: 'struct', size: 4, members },
          'zone#0': { kind: 'union', size: 4, members },
        },
        typedefs: { atomic_t: 'struct atomic_t#', gfp_t: 'int' },
      }),
    );
    const names = (kind: 'struct' | 'union', key: string): unknown => {
      const type = layout.find(kind, key) as StructType;
      return [type.name, type.typedefName, type.size];
    };
    assert.deepEqual(names('struct', 'foo'), ['foo', undefined, 4]);
    assert.deepEqual(names('struct', 'foo##1'), ['foo', undefined, 8]);
    assert.deepEqual(names('struct', 'atomic_t#'), ['', 'atomic_t', 4]);
    assert.deepEqual(names('union', 'zone#0'), ['', undefined, 4]);
    assert.equal(layout.find('typedef', 'atomic_t'), layout.find('struct', 'atomic_t#'));
    assert.equal(layout.find('typedef', 'gfp_t')?.kind, 'int');
  });

  it('finds enumerators in enums, in those without a name, and flag bits', () => {
    const layout = readLayout(
      layoutText({
        enums: { e: { size: 8, signed: false, values: { BIG: '18446744073709551615', ONE: 1 } } },
        enumerators: { ___GFP_DMA_BIT: 0 },
        flags: { TIF: { TIF_MEMDIE: 20 } },
      }),
    );
    assert.equal(layout.findEnumerator('BIG'), (1n << 64n) - 1n);
    assert.equal(layout.findEnumerator('___GFP_DMA_BIT'), 0n);
    assert.equal(layout.findEnumerator('TIF_MEMDIE'), 20n);
    assert.equal(layout.findEnumerator('toString'), undefined);
    const e = layout.find('enum', 'e');
    assert.equal(e?.kind === 'enum' && e.values.get('ONE'), 1n);
  });

  it('finds nothing under the names of Object.prototype', () => {
    const layout = readLayout(layoutText());
    for (const kind of ['struct', 'enum', 'typedef', 'int'] as const) {
      assert.equal(layout.find(kind, 'constructor'), undefined);
    }
  });

  const broken: readonly [what: string, text: string, message: RegExp][] = [
    ['is no JSON', '{', /^layout: no JSON: /],
    ['is no object', '[]', /^layout: \$: expected object, have \[\]$/],
    [
      'has no structs',
      layoutText({ structs: undefined }),
      /^layout: \$: expected structs, have none$/,
    ],
    ['is of format 2', layoutText({ format: 2 }), /^layout: \$\.format: expected 1, have 2$/],
    [
      'has pointers of 5 bytes',
      layoutText({ pointerSize: 5 }),
      /\$\.pointerSize: expected 4 or 8, have 5$/,
    ],
    [
      'has a key that nobody knows',
      layoutText({ extra: 1 }),
      /^layout: \$\.extra: not in the schema$/,
    ],
    [
      'has a build ID in capitals',
      layoutText({ buildId: 'ABCDEF0123456789' }),
      /\$\.buildId: expected a match/,
    ],
    [
      'has a tag that is no C name',
      layoutText({ structs: { 'a b': {} } }),
      /\$\.structs\.a b: expected a match/,
    ],
    [
      'has a struct without size',
      layoutText({ structs: { s: { kind: 'struct', members: {} } } }),
      /\$\.structs\.s: expected size, have none$/,
    ],
    [
      'has a class',
      layoutText({ structs: { s: { kind: 'class', size: 1, members: {} } } }),
      /\$\.structs\.s\.kind: expected "struct" or "union"/,
    ],
    [
      'has a member without type',
      withMember({ offset: 0 }),
      /\$\.structs\.s\.members\.a: expected type, have none$/,
    ],
    [
      'has a member in short without an offset',
      withMember('struct list_head'),
      /\$\.structs\.s\.members\.a: expected a match of .*, have "struct list_head"$/,
    ],
    [
      'has a negative offset',
      withMember({ offset: -1, type: 'int' }),
      /members\.a\.offset: expected at least 0, have -1$/,
    ],
    [
      'has an offset of text',
      withMember({ offset: '0', type: 'int' }),
      /members\.a\.offset: expected integer, have "0"$/,
    ],
    [
      'has three numbers for bits',
      withMember({ offset: 0, type: 'int', bits: [1, 2, 3] }),
      /bits: expected 2 to 2 items/,
    ],
    [
      'has an enum of 3 bytes',
      layoutText({ enums: { e: { size: 3, signed: true, values: {} } } }),
      /\$\.enums\.e\.size: expected 1 or 2 or 4 or 8, have 3$/,
    ],
    [
      'has an enumerator that is no number',
      layoutText({ enumerators: { A: 'x' } }),
      /\$\.enumerators\.A: expected a match/,
    ],
  ];
  for (const [what, text, message] of broken) {
    it(`says where a file ${what}`, () => {
      assert.throws(
        () => readLayout(text),
        (error) => error instanceof FormatError && message.test(error.message),
      );
    });
  }
});

describe('LayoutTypes.checkAll', () => {
  const broken: readonly [what: string, text: string, message: RegExp][] = [
    [
      'a type that is not in the file',
      withMember({ offset: 0, type: 'struct absent' }),
      /^layout: \$\.structs\.s\.members\.a\.type: 'struct absent' is not in this file$/,
    ],
    [
      'a type that is no C type',
      withMember({ offset: 0, type: 'int [' }),
      /members\.a\.type: C type 'int \[': expected '\]', have ''$/,
    ],
    [
      'a member past the end',
      withMember({ offset: 6, type: 'int' }),
      /members\.a: expected end within 8 bytes, have 10$/,
    ],
    [
      'bits past the end',
      withMember({ offset: 7, type: 'int', bits: [4, 5] }),
      /members\.a: expected end within 8 bytes, have 8\.125$/,
    ],
    [
      'a size that the type has not',
      withMember({ offset: 0, type: 'int', size: 8 }),
      /members\.a\.size: expected 4 as 'int' has, have 8$/,
    ],
    [
      'a typedef of nothing',
      layoutText({ typedefs: { t: 'struct absent' } }),
      /\$\.typedefs\.t: 'struct absent' is not in this file$/,
    ],
  ];
  for (const [what, text, message] of broken) {
    it(`says where there is ${what}`, () => {
      const layout = readLayout(text);
      assert.throws(
        () => layout.checkAll(),
        (error) => error instanceof FormatError && message.test(error.message),
      );
    });
  }

  for (const name of [
    '6.1.0-56-cloud-amd64-x86_64.json',
    '6.1.192-kmallocwd-x86_64.json',
    '6.1.192-kmallocwd2-x86_64.json',
  ]) {
    it(`resolves all of structs/${name}, which is smaller than 300 KB`, () => {
      shipped(name).checkAll();
      assert.ok(statSync(new URL(name, STRUCTS)).size < 300_000);
    });
  }
});

/** start, order and gfp come last in every record but L1 and L2. */
const TAIL = 'unsigned long start; unsigned int order; gfp_t gfp;';

/** The records of the patch as C, from the postings; the widths of the types are the kernel's. */
const MEMALLOC_C: Readonly<Record<string, string>> = {
  L1: `struct list_head list; struct task_struct *task; ${TAIL} u8 index; u8 dumped;`,
  L2: `${TAIL} u8 valid; u8 dumped;`,
  L3: `unsigned int sequence; u8 valid; u8 dumped; ${TAIL}`,
  L4: `unsigned int sequence; u8 valid; u8 type; ${TAIL}`,
  L4k: `unsigned int sequence; u8 valid; u8 type; u8 known_locations; ${TAIL}`,
  L5: `u8 valid; u8 type; u8 idx; unsigned int sequence; ${TAIL}`,
  L8: `u8 in_flight; bool report; u8 idx; unsigned int sequence; ${TAIL}`,
  LR: `u8 in_flight; unsigned int sequence; ${TAIL}`,
};

describe('the memalloc layouts', () => {
  for (const [label, body] of Object.entries(MEMALLOC_C)) {
    it(`has ${label} as gcc lays it out`, function () {
      if (process.arch !== 'x64') skipWithReason(this, 'the layouts are those of x86-64');
      if (!hasProgram('gcc')) skipWithReason(this, 'gcc is not installed');
      const layout = shipped(`memalloc-${label}.json`);
      const name = label === 'L1' ? 'memalloc' : 'memalloc_info';
      const struct = layout.find('struct', name) as StructType;
      const ours = struct.members.map(
        (member) => `${member.name} ${member.bitOffset / 8} ${sizeOf(member.type)}`,
      );
      assert.deepEqual([...ours, `sizeof ${struct.size}`], compile(body));
    });
  }
});

/** Offset and size of each member and of the struct, by a program that gcc builds. */
function compile(body: string): string[] {
  const names = [...body.matchAll(/(\w+);/g)].map(([, name]) => name ?? '');
  const lines = names.map((name) => {
    const values = `offsetof(struct m, ${name}), sizeof(((struct m *)0)->${name})`;
    return `printf("${name} %zu %zu\\n", ${values});`;
  });
  const folder = mkdtempSync(join(tmpdir(), 'stallcore-gcc-'));
  try {
    writeFileSync(
      join(folder, 'm.c'),
      `#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
typedef unsigned char u8; typedef unsigned int gfp_t;
struct list_head { struct list_head *next, *prev; }; struct task_struct;
struct m { ${body} };
int main(void) { ${lines.join('\n')} printf("sizeof %zu\\n", sizeof(struct m)); return 0; }
`,
    );
    execFileSync('gcc', ['-o', join(folder, 'm'), join(folder, 'm.c')]);
    return execFileSync(join(folder, 'm'), { encoding: 'utf8' }).trim().split('\n');
  } finally {
    rmSync(folder, { recursive: true });
  }
}
