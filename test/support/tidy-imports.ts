// Who may import whom: the table of src/README.md as a check.

import { builtinModules } from 'node:module';
import { posix } from 'node:path';
import ts from 'typescript';
import { isCode, layerOf, lineAt, perFile } from './tidy.ts';
import type { ProjectFile, Rule } from './tidy.ts';

/** An `import`, `export … from`, `import()` or `require()`. */
export interface Import {
  readonly specifier: string;
  readonly line: number;
}

/** All imports of a file, type imports among them. */
export function importsOf(file: ProjectFile): Import[] {
  const { importedFiles } = ts.preProcessFile(file.text, true, true);
  return importedFiles.map(({ fileName, pos }) => ({
    specifier: fileName,
    line: lineAt(file.text, pos),
  }));
}

/** The project path that a relative specifier means; undefined for a package. */
export function resolveImport(from: string, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined;
  return posix.join(posix.dirname(from), specifier);
}

/** Each folder of src/ and the folders that it may import, besides itself. */
export const IMPORT_TABLE: Readonly<Record<string, readonly string[]>> = {
  util: [],
  arch: ['util'],
  format: ['util'],
  memory: ['util', 'arch', 'format'],
  types: ['util', 'format'],
  target: ['util', 'arch', 'format', 'memory', 'types'],
  unwind: ['util', 'arch', 'format', 'types', 'target'],
  kernel: ['util', 'arch', 'types', 'target', 'unwind'],
  triage: ['util', 'kernel'],
  report: ['util', 'kernel', 'triage'],
  pack: ['util', 'format', 'memory', 'target', 'kernel', 'triage'],
  sim: ['util', 'arch', 'format', 'types'],
  cli: [
    ...['util', 'arch', 'format', 'memory', 'types', 'target', 'unwind', 'kernel', 'triage'],
    ...['report', 'pack', 'sim', 'index'],
  ],
  index: ['util', 'types', 'target', 'kernel', 'triage', 'report', 'pack'],
  scripts: [
    ...['util', 'arch', 'format', 'memory', 'types', 'target', 'unwind', 'kernel', 'triage'],
    ...['report', 'pack', 'sim', 'cli', 'index'],
  ],
};

// The one file of sim/ that cli/ may see; all else there is sim's inside.
const SIM_DOOR = 'src/sim/simulate.ts';

/** Why `from` may not import the project file `to`; undefined where it may. */
function whyNotFolder(from: string, to: string): string | undefined {
  if (from.startsWith('test/')) return undefined;
  if (from.startsWith('bin/')) {
    return to.startsWith('bin/') ? undefined : 'bin/ loads dist/stallcore.cjs and nothing else';
  }
  const [layer, target] = [layerOf(from), layerOf(to)];
  if (layer === undefined) return undefined;
  // The code that is kept compiled is loaded as the command line loads it.
  if (layer === 'scripts' && to === 'bin/load-bundle.js') return undefined;
  if (target === undefined) return `src/ may not import ${to}`;
  if (layer === 'format' && target === 'format') return whyNotSibling(from, to);
  if (layer === 'cli' && target === 'sim' && to !== SIM_DOOR) {
    return `cli/ sees sim/ through ${SIM_DOOR} only`;
  }
  if (layer === target || IMPORT_TABLE[layer]?.includes(target) === true) return undefined;
  return `${layer}/ may not import ${target}/`;
}

/** What two formats share lives in util/, or is put together above them, in memory/ or target/. */
function whyNotSibling(from: string, to: string): string | undefined {
  const formatOf = (path: string): string => path.split('/')[2] ?? '';
  if (formatOf(from) === formatOf(to)) return undefined;
  return `format/${formatOf(from)}/ may not import its sibling format/${formatOf(to)}/`;
}

/** The folders of src/ that may import a package. Packages that are not named here may not. */
const PACKAGE_USERS: Readonly<Record<string, readonly string[]>> = {
  'node:fs': ['src/target/', 'src/pack/', 'src/cli/', 'src/scripts/'],
  'node:path': ['src/target/', 'src/pack/', 'src/cli/', 'src/scripts/'],
  'node:url': ['src/target/', 'src/pack/', 'src/cli/', 'src/scripts/'],
  'node:os': ['src/target/', 'src/pack/', 'src/cli/', 'src/scripts/'],
  'node:crypto': ['src/pack/'],
  'node:v8': ['src/cli/', 'src/scripts/'],
  'node:tty': ['src/cli/'],
  // `node --check`, for where a user's script does not parse.
  'node:child_process': ['src/scripts/', 'src/cli/script.ts'],
  // createRequire, for the optional native lz4; register, for a user's `import 'stallcore'`.
  'node:module': ['src/format/compress/', 'src/scripts/', 'src/cli/own-package.ts'],
  'node:zlib': ['src/format/compress/'],
  lz4: ['src/format/compress/'],
  hysnappy: ['src/format/compress/'],
  zstddec: ['src/format/compress/'],
  'binary-parser': ['src/format/', 'src/types/'],
  yargs: ['src/cli/'],
  'cli-table3': ['src/cli/'],
  picocolors: ['src/cli/'],
  esbuild: ['src/scripts/'],
  typescript: ['src/scripts/'],
};

/** Of `binary-parser/dist/x.js` it is binary-parser, of `fs/promises` node:fs. */
function packageOf(specifier: string): string {
  const parts = specifier.replace(/^node:/, '').split('/');
  const name = specifier.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] ?? '');
  return builtinModules.includes(name) ? `node:${name}` : name;
}

/** Why `from` may not import the package; undefined where it may. */
function whyNotPackage(from: string, specifier: string): string | undefined {
  if (!from.startsWith('src/')) return undefined;
  const name = packageOf(specifier);
  const users = PACKAGE_USERS[name];
  if (users === undefined) return `src/ may not import the package ${name}`;
  if (users.some((folder) => from.startsWith(folder))) return undefined;
  return `only ${users.join(', ')} may import ${name}`;
}

function whyNot(from: string, specifier: string): string | undefined {
  const to = resolveImport(from, specifier);
  return to === undefined ? whyNotPackage(from, specifier) : whyNotFolder(from, to);
}

/** The rules of this file. */
export const IMPORT_RULES: readonly Rule[] = [
  perFile('import table', isCode, (file) =>
    importsOf(file).flatMap(({ specifier, line }) => {
      const what = whyNot(file.path, specifier);
      return what === undefined ? [] : [{ line, what }];
    }),
  ),
  perFile(
    'folders of src',
    (path) => path.startsWith('src/') && isCode(path),
    ({ path }) => {
      const layer = layerOf(path);
      if (layer === undefined || IMPORT_TABLE[layer] === undefined) {
        return [{ line: 0, what: 'is in no folder of the import table' }];
      }
      if (layer === 'format' && path.split('/').length < 4) {
        return [{ line: 0, what: 'format/ has one folder for each format and no file beside' }];
      }
      return [];
    },
  ),
];
