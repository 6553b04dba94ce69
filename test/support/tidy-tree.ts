// What lies where: rules that look at the list of files.

import { posix } from 'node:path';
import { importsOf, resolveImport } from './tidy-imports.ts';
import { isCode, perFile } from './tidy.ts';
import type { Break, ProjectFile, Rule } from './tidy.ts';

/** Folders of test/ that mirror nothing. */
const OWN_TEST_FOLDERS = /^test\/(support|golden|fuzz|hostile|real|bench|campaign)\//;

/** Tests of a whole folder instead of one file. */
const FOLDER_TESTS = /^(round-trip|hostile|real|differential|property|cover)$/;

/**
 * test/kernel/task.test.ts and test/kernel/task-torn.test.ts belong to src/kernel/task.ts. A folder
 * may also be tested as a whole: test/format/elf/round-trip.test.ts, test/format/elf.test.ts.
 */
function testsMirrorSrc(files: readonly ProjectFile[]): Break[] {
  const subjects = new Map<string, string[]>();
  for (const { path } of files) {
    if (!path.startsWith('src/') || !isCode(path)) continue;
    const folder = posix.dirname(path).replace(/^src/, 'test');
    subjects.set(folder, [...(subjects.get(folder) ?? []), posix.basename(path, '.ts')]);
  }
  return files.flatMap(({ path }) => {
    if (!path.startsWith('test/') || !isCode(path)) return [];
    if (OWN_TEST_FOLDERS.test(path) || path === 'test/tidy.test.ts') return [];
    const name = posix.basename(path).replace(/\.test\.ts$/, '');
    const named = (subjects.get(posix.dirname(path)) ?? []).some(
      (subject) => name === subject || name.startsWith(`${subject}-`),
    );
    const whole = FOLDER_TESTS.test(name) && subjects.has(posix.dirname(path));
    const below = subjects.has(posix.join(posix.dirname(path), name));
    if (path.endsWith('.test.ts') && (named || whole || below)) return [];
    return [{ path, line: 0, what: 'tests no file of src/ by its name' }];
  });
}

/** Where reachability starts: what is run, what is published, and all tests. */
const ROOTS = /^(src\/cli\/main\.ts|src\/index\.ts|src\/scripts\/.+|test\/.+)$/;

function deadFiles(files: readonly ProjectFile[]): Break[] {
  const code = new Map(files.filter((file) => isCode(file.path)).map((file) => [file.path, file]));
  const reached = new Set<string>();
  const pending = [...code.keys()].filter((path) => ROOTS.test(path));
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    const file = code.get(path);
    if (file === undefined || reached.has(path)) continue;
    reached.add(path);
    for (const { specifier } of importsOf(file)) {
      const to = resolveImport(path, specifier);
      if (to !== undefined) pending.push(to);
    }
  }
  return [...code.keys()]
    .filter((path) => path.startsWith('src/') && !reached.has(path))
    .map((path) => ({ path, line: 0, what: 'nothing imports it' }));
}

function lockFile({ text }: ProjectFile): Omit<Break, 'path'>[] {
  const line = text.split('\n').findIndex((each) => each.includes('"resolved"'));
  if (line < 0) return [];
  return [{ line: line + 1, what: 'names the registry of one machine; take `resolved` out' }];
}

const BINARY_ENDING = /\.(vmcore|kdump|elf|core|raw|img|bin|node|wasm|zst|gz|lz4|xz|png|jpg|pdf)$/;

/** The rules of this file. */
export const TREE_RULES: readonly Rule[] = [
  { name: 'tests mirror src', check: testsMirrorSrc },
  { name: 'no dead file', check: deadFiles },
  perFile(
    'file name',
    (path) => /^(src|test)\//.test(path) && isCode(path),
    ({ path }) => {
      const name = posix.basename(path).replace(/(\.test|\.real)?\.(ts|js)$/, '');
      if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name)) return [{ line: 0, what: 'is not kebab-case' }];
      if (!/^(utils?|helpers?|common|misc|types)$/.test(name)) return [];
      return [{ line: 0, what: `"${name}" does not say what is in it` }];
    },
  ),
  perFile(
    'no binary',
    (path) => !path.startsWith('samples/'),
    ({ path, text }) =>
      BINARY_ENDING.test(path) || text.includes('\0')
        ? [{ line: 0, what: 'is binary; binaries live in samples/ only' }]
        : [],
  ),
  perFile('lock file', (path) => path === 'package-lock.json', lockFile),
];
