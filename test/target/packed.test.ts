import assert from 'node:assert/strict';
import { packNotes, type NoteContents } from '../../src/pack/pack-note.ts';
import { Packed } from '../../src/target/packed.ts';
import type { PackFacts } from '../../src/target/pack-manifest.ts';
import type { NotedTable } from '../../src/target/packed-symbols.ts';
import { FormatError, VmcoreError } from '../../src/util/errors.ts';
import { Problems } from '../../src/util/problems.ts';
import { rangesOf } from '../../src/util/ranges.ts';

const TABLE: NotedTable = {
  origin: 'kallsyms in the dump',
  count: 2,
  named: { modules: '0xffffffff82000000' },
  all: {},
  covering: [['schedule', '0xffffffff81000000', 'T', 64]],
  uncovered: [],
  missing: ['pid_hash'],
};

const FACTS: PackFacts = {
  manifest: {
    tool: 'test',
    level: 'bytes',
    source: {
      container: { ...{ format: 'elf', description: 'ELF64 vmcore' }, ...container() },
      checksum: '00',
      checksumOf: 'nothing',
    },
    kept: [{ what: 'task_struct', bytes: 8 }],
    keptBytes: 8,
    keptPages: 1,
    symbols: 1,
    origins: { symbols: 'kallsyms in the dump', types: 'BTF in the dump' },
    masked: [],
  },
  kernel: { vmcoreinfoSource: 'PT_NOTE', physBase: -4096, physBaseSource: 'VMCOREINFO' },
  problems: { container: [], kernel: [], symbols: [], types: [] },
  searches: [],
  absent: [{ state: 'excluded', ranges: [[4096, 4097]] }],
  damaged: [],
  types: { origin: 'BTF in the dump', variables: {}, missing: [] },
};

function container(): { files: []; machine: undefined; dumpLevel: undefined; incomplete: false } {
  return { files: [], machine: undefined, dumpLevel: undefined, incomplete: false };
}

const LAYOUT = JSON.stringify({
  ...{ format: 1, release: null, arch: 'x86_64', banner: null, buildId: null },
  ...{ producer: 'test', source: 'test', pointerSize: 8 },
  ...{ baseTypes: {}, typedefs: {}, structs: {}, enums: {}, enumerators: {}, flags: {} },
});

function contents(): NoteContents {
  const kept = rangesOf([{ start: 16, end: 24 }]);
  const problem = { message: 'not in the dump', code: 'fault' } as const;
  const modules = [{ address: '0xffffffffc0000000', problem }];
  return { facts: FACTS, symbols: { kernel: TABLE, modules }, layout: LAYOUT, kept };
}

function read(note: NoteContents): Packed | undefined {
  const notes = packNotes(note);
  return Packed.read(notes.map((each) => ({ ...each, descSize: each.desc.length })));
}

/** A copy of JSON with one value of it changed. */
function changed(value: object, path: string, to: unknown): never {
  const copy = JSON.parse(JSON.stringify(value)) as Record<string, unknown>;
  const steps = path.split('.');
  const last = steps.pop() ?? '';
  const parent = steps.reduce((at, step) => at[step] as Record<string, unknown>, copy);
  parent[last] = to;
  return copy as never;
}

describe('Packed', () => {
  it('reads what packNotes wrote', () => {
    const packed = read(contents());
    assert.deepEqual([...(packed?.ranges.kept.starts ?? [])], [16]);
    assert.deepEqual([...(packed?.ranges.absent.get('excluded')?.starts ?? [])], [4096]);
    assert.equal(packed?.facts.kernel.physBase, -4096);
    const problems = new Problems();
    assert.equal(packed?.kernelSymbols(problems).lookup('modules'), 0xffffffff82000000n);
    assert.equal(packed?.types(problems).find('struct', 'page'), undefined);
    assert.deepEqual(
      problems.list.map(({ subject }) => subject),
      ['type struct page'],
    );
  });

  it('has the problem that there was with the symbols of a module', () => {
    const module = { name: 'm', address: 0xffffffffc0000000n as never, ranges: [] };
    const ask = (): unknown => read(contents())?.moduleSymbols(module, new Problems());
    assert.throws(ask, (error) => error instanceof VmcoreError && error.code === 'fault');
  });

  const WRONG: readonly (readonly [path: string, value: unknown])[] = [
    ['manifest', 7],
    ['manifest.level', 'all'],
    ['manifest.keptBytes', -1],
    ['manifest.kept', [{ what: 'x', bytes: 1.5 }]],
    ['manifest.source.container', null],
    ['kernel.physBase', '0'],
    ['problems.types', [{ type: 'problem', subject: 's', message: 'm', code: 'none' }]],
    ['absent', [{ state: 'present', ranges: [] }]],
    ['absent', [{ state: 'excluded', ranges: [[1, 2, 3]] }]],
    ['searches', [{ start: '16', length: 1, text: '', found: [] }]],
    ['types.variables', { x: 5 }],
    ['nobody', 'knows this'],
  ];
  for (const [path, value] of WRONG) {
    it(`refuses facts with ${path} = ${JSON.stringify(value)}`, () => {
      const facts = changed(FACTS, path, value);
      assert.throws(() => read({ ...contents(), facts }), FormatError);
    });
  }

  it('refuses symbols that are none, and text that is no JSON', () => {
    for (const symbol of [['a', '0x1', 'T', -1], ['a', 'b', 'T', 1], ['a', '0x1', 'TT', 1], [1]]) {
      const kernel = changed(TABLE, 'covering', [symbol]);
      const run = (): unknown => read({ ...contents(), symbols: { kernel, modules: [] } });
      assert.throws(run, FormatError, JSON.stringify(symbol));
    }
    const packed = read({ ...contents(), layout: '{' });
    assert.throws(() => packed?.types(new Problems()), FormatError);
  });
});
