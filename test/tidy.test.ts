// The house rules: the import table, sizes, bans, names. Each rule is first shown a planted break,
// which it must find, and a good neighbour, which it must not; then it checks this project.

import assert from 'node:assert/strict';
import { CODE_RULES, LONG_FILES } from './support/tidy-code.ts';
import { projectFiles } from './support/tidy-files.ts';
import { IMPORT_RULES, IMPORT_TABLE } from './support/tidy-imports.ts';
import { TREE_RULES } from './support/tidy-tree.ts';
import { describeBreak } from './support/tidy.ts';
import type { ProjectFile } from './support/tidy.ts';

const RULES = [...IMPORT_RULES, ...CODE_RULES, ...TREE_RULES];

/** A rule, a file that keeps it and a file that breaks it, each as path and text. */
type Case = readonly [
  rule: string,
  good: readonly [string, string],
  bad: readonly [string, string],
];

/** An import of `specifier` in a file at `path`. */
function imports(path: string, specifier: string): readonly [string, string] {
  return [path, `// A file.\nimport { x } from '${specifier}';\n`];
}

/** A function of `lines` lines. */
function longFunction(lines: number): string {
  return `function f() {\n${'  g();\n'.repeat(lines - 2)}}\n`;
}

const IMPORT_CASES: readonly Case[] = [
  ...(
    [
      ['src/util/a.ts', './b.ts', '../arch/x86-64.ts'],
      ['src/arch/a.ts', '../util/b.ts', '../format/elf/read.ts'],
      ['src/format/elf/a.ts', '../../util/b.ts', '../../arch/x86-64.ts'],
      ['src/format/kdump/a.ts', './constants.ts', '../elf/read.ts'],
      ['src/memory/a.ts', '../format/kdump/read.ts', '../types/ctype.ts'],
      ['src/types/a.ts', '../format/btf/read.ts', '../memory/physical.ts'],
      ['src/target/a.ts', '../memory/physical.ts', '../kernel/task.ts'],
      ['src/unwind/a.ts', '../target/vmcore.ts', '../memory/physical.ts'],
      ['src/kernel/a.ts', '../unwind/orc.ts', '../format/elf/read.ts'],
      ['src/kernel/b.ts', '../target/vmcore.ts', '../memory/physical.ts'],
      ['src/triage/a.ts', '../kernel/task.ts', '../target/vmcore.ts'],
      ['src/report/a.ts', '../triage/verdict.ts', '../types/ctype.ts'],
      ['src/pack/a.ts', '../triage/verdict.ts', '../report/text.ts'],
      ['src/sim/a.ts', '../format/elf/write.ts', '../target/vmcore.ts'],
      ['src/sim/b.ts', '../types/ctype.ts', '../memory/physical.ts'],
      ['src/sim/c.ts', './d.ts', '../report/text.ts'],
      ['src/cli/a.ts', '../sim/simulate.ts', '../sim/ledger.ts'],
      ['src/cli/b.ts', '../report/text.ts', '../scripts/build.ts'],
      ['src/index.ts', './report/text.ts', './cli/main.ts'],
      ['src/scripts/a.ts', '../sim/ledger.ts', '../../test/support/tidy.ts'],
      ['src/kernel/c.ts', './task.ts', '../index.ts'],
      ['bin/stallcore.js', './load-bundle.js', '../src/cli/main.ts'],
      ['src/scripts/c.js', '../../bin/load-bundle.js', '../../bin/stallcore.js'],
      ['src/target/b.ts', 'node:fs', 'node:http'],
      ['src/target/c.ts', 'node:fs/promises', 'node:zlib'],
      ['src/pack/b.ts', 'node:fs', 'lz4'],
      ['src/cli/c.ts', 'yargs', 'hysnappy'],
      ['src/cli/d.ts', 'cli-table3', 'binary-parser/dist/binary_parser.js'],
      ['src/format/compress/a.ts', 'lz4', 'node:fs'],
      ['src/format/compress/b.ts', 'hysnappy', 'fs'],
      ['src/format/compress/c.ts', 'zstddec/stream', 'left-pad'],
      ['src/format/compress/d.ts', 'node:zlib', 'yargs'],
      ['src/format/elf/b.ts', 'binary-parser/dist/binary_parser.js', 'zstddec'],
      ['src/types/b.ts', 'binary-parser', 'node:fs'],
      ['src/scripts/b.ts', 'esbuild', 'mocha'],
      ['src/report/b.ts', '../util/b.ts', 'picocolors'],
      ['src/triage/b.ts', '../util/b.ts', 'cli-table3'],
    ] as const
  ).map(([path, good, bad]): Case => ['import table', imports(path, good), imports(path, bad)]),
  ...[
    "export { x } from '../target/vmcore.ts';",
    "export * from '../target/vmcore.ts';",
    "const x = await import('../target/vmcore.ts');",
    "import type { X } from '../target/vmcore.ts';",
    "export type X = import('../target/vmcore.ts').X;",
    "import '../target/vmcore.ts';",
    "import x = require('../target/vmcore.ts');",
    "const x = createRequire(import.meta.url);\nx.resolve(''); require('lz4');",
  ].map((text): Case => [
    'import table',
    [
      'src/sim/a.ts',
      `// ${text.replaceAll('\n', ' ')}\nconst y = "${text.replaceAll(/["\n]/g, ' ')}";`,
    ],
    ['src/sim/a.ts', text],
  ]),
  ['folders of src', ['src/kernel/task.ts', ''], ['src/lib/task.ts', '']],
  ['folders of src', ['src/index.ts', ''], ['src/main.ts', '']],
  ['folders of src', ['src/format/elf/read.ts', ''], ['src/format/shared.ts', '']],
];

const CODE_CASES: readonly Case[] = [
  ['file length', ['src/a.ts', '\n'.repeat(600)], ['src/a.ts', '\n'.repeat(601)]],
  ['line width', ['src/a.ts', `//${'é'.repeat(98)}\n`], ['src/a.ts', `//${'é'.repeat(99)}\n`]],
  ['line width', ['README.md', 'x'.repeat(200)], ['.ci/run', 'x'.repeat(200)]],
  ['function length', ['src/a.ts', longFunction(70)], ['src/a.ts', longFunction(71)]],
  [
    'function length',
    ['test/a.test.ts', `describe('f', () => {\n${'\n'.repeat(80)}});`],
    ['test/a.test.ts', `it('works', () => {\n${'\n'.repeat(80)}});`],
  ],
  [
    'function length',
    ['src/a.ts', `class A {\n${'  x() {}\n'.repeat(80)}}`],
    ['src/a.ts', `class A {\n  x() {\n${'    y();\n'.repeat(80)}}\n}`],
  ],
  ['opening comment', ['src/a.ts', '// A.\n'], ['src/a.ts', "import './b.ts';\n"]],
  ['opening comment', ['bin/a.js', '#!/usr/bin/env node\n// A.\n'], ['bin/a.js', '\n// A.\n']],
  ['opening comment', ['test/a.test.ts', 'f();'], ['test/support/a.ts', 'f();']],
  ...['Date.now()', 'globalThis.Math.random()', 'new Date()', 'performance.now()'].flatMap(
    (text): Case[] => [
      ['no clock, no chance', ['src/cli/a.ts', text], ['src/kernel/a.ts', text]],
      [
        'no clock, no chance',
        ['src/kernel/a.ts', `// ${text}\nf('${text}');`],
        ['src/sim/a.ts', text],
      ],
    ],
  ),
  ['no clock, no chance', ['src/kernel/a.ts', 'new Date(0)'], ['src/kernel/a.ts', 'f(new Date)']],
  ['no terminal', ['src/cli/a.ts', 'process.exit(1)'], ['src/target/a.ts', 'process.exit(1)']],
  ['no terminal', ['src/scripts/a.ts', 'console.log()'], ['src/kernel/a.ts', 'console.log()']],
  ['no terminal', ['src/a/a.ts', 'exit()'], ['src/a/a.ts', "process.stdout.write('x')"]],
  ['no focused test', ['test/a.ts', "it('x.only')"], ['test/a.ts', "it.only('x')"]],
  ['no focused test', ['test/a.ts', 'list.only()'], ['test/a.ts', "describe.only('x')"]],
  ['no bare catch', ['src/a.ts', 'try {} catch (e) { f(e); }'], ['src/a.ts', 'try {} catch {}']],
  ['no bare catch', ['src/a.ts', 'p.catch(f);'], ['src/a.ts', 'try { f(); } catch { g(); }']],
  ...(
    [
      ['dump.release === layout.release', "dump.release === '6.1.0-56-cloud-amd64'"],
      ["release !== ''", 'kernelVersion >= 0x50e00'],
      ['header.version > 6', "'6.1' < uts.release"],
      ["name.startsWith('6.')", "release.startsWith('6.')"],
      ['pattern.test(banner)', '/^6\\./.test(info.osRelease)'],
      ['line.split(sep)', "osRelease.split('.')"],
      ['x > kernelVersionCount', 'a < LINUX_VERSION_CODE'],
      ['release.length > 3', 'release.localeCompare(other) > 0'],
    ] as const
  ).map(([good, bad]): Case => [
    'no kernel version',
    ['src/types/a.ts', good],
    ['src/types/a.ts', bad],
  ]),
  ['no leftover', ['src/a.ts', '// XXXL, TODOS'], ['src/a.ts', '// TODO: all']],
  ['no leftover', ['README.md', 'TODO'], ['.ci/run', '# FIXME']],
  ['no path of a machine', ['a.ts', "'../home/somebody'"], ['a.ts', "'/home/somebody'"]],
  ['no path of a machine', ['a.md', 'https://x.org/home/a'], ['a.md', 'in /home/me/dumps']],
  ['no registry', ['a.json', 'https://github.com'], ['a.json', 'https://registry.npmjs.org/a']],
  ['no registry', ['a.md', 'the registry.'], ['.ci/run', 'http://localhost:4873/x']],
];

const TREE_CASES: readonly Case[] = [
  ['file name', ['src/util/byte-reader.ts', ''], ['src/util/byteReader.ts', '']],
  ['file name', ['test/a/task-list.test.ts', ''], ['src/kernel/utils.ts', '']],
  ['no binary', ['samples/a.vmcore', ''], ['test/a.vmcore', '']],
  ['no binary', ['structs/a.json', '{}'], ['structs/a.json', '{\0}']],
  [
    'lock file',
    ['package-lock.json', '{\n"integrity": "x"\n}'],
    ['package-lock.json', '{\n"resolved": "https://x.org/a.tgz"\n}'],
  ],
];

/** Rules that look at several files at once: a project that keeps them, one that breaks them. */
const PROJECT_CASES: readonly (readonly [
  string,
  Record<string, string>,
  Record<string, string>,
])[] = [
  [
    'tests mirror src',
    { 'src/kernel/task.ts': '', 'test/kernel/task.test.ts': '', 'test/fuzz/elf.ts': '' },
    { 'src/kernel/task.ts': '', 'test/kernel/sched.test.ts': '' },
  ],
  [
    'tests mirror src',
    { 'src/kernel/task.ts': '', 'test/kernel/task-torn.test.ts': '' },
    { 'src/kernel/task.ts': '', 'test/target/task.test.ts': '' },
  ],
  [
    'tests mirror src',
    { 'src/format/elf/read.ts': '', 'test/format/elf/round-trip.test.ts': '' },
    { 'src/format/elf/read.ts': '', 'test/format/elf/read.ts': '' },
  ],
  [
    'tests mirror src',
    { 'src/format/elf/read.ts': '', 'test/format/elf.test.ts': '' },
    { 'src/format/elf/read.ts': '', 'test/format/kdump.test.ts': '' },
  ],
  [
    'no dead file',
    { 'src/index.ts': "export * from './util/a.ts';", 'src/util/a.ts': '' },
    { 'src/index.ts': '', 'src/util/a.ts': "import './b.ts';", 'src/util/b.ts': '' },
  ],
  [
    'no dead file',
    { 'src/cli/main.ts': "await import('./x.ts');", 'src/cli/x.ts': '', 'src/scripts/a.ts': '' },
    { 'src/cli/main.ts': "// import './x.ts'\n", 'src/cli/x.ts': "import './main.ts';" },
  ],
];

function filesOf(project: Record<string, string>): ProjectFile[] {
  return Object.entries(project).map(([path, text]) => ({ path, text }));
}

/** The breaks of one rule in a project, described. */
function breaksOf(name: string, files: readonly ProjectFile[]): string[] {
  const rule = RULES.find((each) => each.name === name);
  assert.ok(rule, `no rule is called ${name}`);
  return rule.check(files).map(describeBreak);
}

describe('tidy rules', () => {
  const cases = [...IMPORT_CASES, ...CODE_CASES, ...TREE_CASES].map(
    ([rule, good, bad]) =>
      [rule, { [good[0]]: good[1] }, { [bad[0]]: bad[1] }] as (typeof PROJECT_CASES)[number],
  );
  for (const [rule, good, bad] of [...cases, ...PROJECT_CASES]) {
    const shown = Object.entries(bad).at(-1)?.join(' ').replaceAll(/\s+/g, ' ').slice(0, 70) ?? '';
    it(`"${rule}" finds ${shown.replaceAll('\0', '\\0')}`, () => {
      assert.deepEqual(breaksOf(rule, filesOf(good)), []);
      assert.notEqual(breaksOf(rule, filesOf(bad)).length, 0);
    });
  }

  it('are each shown a planted break', () => {
    const shown = new Set([...cases, ...PROJECT_CASES].map(([rule]) => rule));
    assert.deepEqual([...shown].sort(), RULES.map(({ name }) => name).sort());
  });

  it('name the file, the line and what is wrong', () => {
    const [path, text] = imports('src/sim/ram.ts', '../target/vmcore.ts');
    assert.deepEqual(breaksOf('import table', [{ path, text }]), [
      'src/sim/ram.ts:2: sim/ may not import target/',
    ]);
  });

  it('hold an import table without cycles', () => {
    const placed: string[] = [];
    for (let round = 0; placed.length < Object.keys(IMPORT_TABLE).length; round++) {
      assert.ok(round < 20, `cycle among what is not in ${placed.join(' ')}`);
      for (const [layer, below] of Object.entries(IMPORT_TABLE)) {
        if (!placed.includes(layer) && below.every((each) => placed.includes(each))) {
          placed.push(layer);
        }
      }
    }
  });
});

describe('this project', () => {
  const files = projectFiles();

  it('is read', () => {
    assert.ok(files.some(({ path }) => path === 'src/util/errors.ts'));
  });

  it('has every file that is exempt from a rule', () => {
    const paths = files.map(({ path }) => path);
    const gone = LONG_FILES.filter((path) => !paths.includes(path));
    assert.deepEqual(gone, []);
  });

  for (const rule of RULES) {
    it(`keeps "${rule.name}"`, () => {
      const breaks = rule.check(files).map(describeBreak);
      assert.equal(breaks.length, 0, breaks.join('\n'));
    });
  }
});
