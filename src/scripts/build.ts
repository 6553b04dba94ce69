// Makes dist/: what an installed stallcore runs.
//
//   dist/stallcore.cjs  the command line and the library, each run when it is asked for
//   dist/*.cache        the same as compiled by the node that builds: what bin/stallcore.js spares
//   dist/index.js       the library's names, for `import 'stallcore'`
//   dist/types/         the declarations that index.ts reaches
//
// One file is for a fast start: node finds and reads it at once, not two hundred. It is CommonJS
// since only such code can be given to node with what it was compiled to. Types are not checked
// here; `npm run typecheck` does that.

import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as esbuild from 'esbuild';
import ts from 'typescript';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const DIST = join(ROOT, 'dist');

const BUNDLE = join(DIST, 'stallcore.cjs');

/** What the bundle exports: either half is run at its first use. */
const ENTRY = `
  exports.commandLine = () => require('./src/cli/main.ts');
  exports.library = () => require('./src/index.ts');`;

// A CommonJS file has no import.meta.
const URL_BANNER = "const bundleUrl = require('node:url').pathToFileURL(__filename).href;";

/**
 * What yargs and its packages import is replaced by files of ours where it is slow to load;
 * cli-table3, which requires string-width, gets its own.
 */
const QUICK_YARGS: esbuild.Plugin = {
  name: 'quick yargs',
  setup(build) {
    build.onResolve({ filter: /^(string-width|assert)$/ }, ({ path, kind }) =>
      kind === 'import-statement' ? { path: join(ROOT, `src/scripts/${path}.ts`) } : undefined,
    );
  },
};

/** A file of dist/: absolute path and content. */
type Output = readonly [path: string, content: Uint8Array | string];

/** The bundle. `lz4` is native and optional: it stays a run-time require. */
async function bundle(): Promise<Output> {
  const { outputFiles } = await esbuild.build({
    stdin: { contents: ENTRY, resolveDir: ROOT, sourcefile: 'entry.cjs' },
    absWorkingDir: ROOT,
    outfile: BUNDLE,
    write: false,
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node20.19',
    external: ['lz4'],
    define: { 'import.meta.url': 'bundleUrl' },
    plugins: [QUICK_YARGS],
    banner: { js: URL_BANNER },
    logLevel: 'warning',
  });
  return [BUNDLE, outputFiles[0]!.contents];
}

/** An ES module that gives the library's names: the bundle's own are seen at run time only. */
async function libraryModule(): Promise<Output> {
  const names = Object.keys(await import('../index.ts')).sort();
  const lines = [
    "import bundle from './stallcore.cjs';",
    'export const {',
    ...names.map((name) => `  ${name},`),
    '} = bundle.library();',
  ];
  return [join(DIST, 'index.js'), `${lines.join('\n')}\n`];
}

/** The compiler options of tsconfig.json, turned into "declarations only". */
function declarationOptions(): ts.CompilerOptions {
  const configPath = join(ROOT, 'tsconfig.json');
  const { config } = ts.readConfigFile(configPath, (path) => ts.sys.readFile(path)) as {
    config: { compilerOptions: Record<string, unknown> };
  };
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, ROOT);
  return {
    ...options,
    noEmit: false,
    declaration: true,
    emitDeclarationOnly: true,
    rewriteRelativeImportExtensions: true,
    rootDir: join(ROOT, 'src'),
    outDir: join(DIST, 'types'),
  };
}

/** The declarations of all that `src/index.ts` reaches. */
function declarations(): Output[] {
  const program = ts.createProgram([join(ROOT, 'src/index.ts')], declarationOptions());
  const outputs: Output[] = [];
  const { diagnostics } = program.emit(undefined, (path, text) => outputs.push([path, text]));
  if (diagnostics.length > 0) {
    throw new Error(
      ts.formatDiagnostics(diagnostics, {
        getCanonicalFileName: (name) => name,
        getCurrentDirectory: () => ROOT,
        getNewLine: () => '\n',
      }),
    );
  }
  return outputs;
}

// All is made in memory first: a build that fails leaves the old dist/ as it was.
const outputs = [await bundle(), await libraryModule(), ...declarations()];
rmSync(DIST, { recursive: true, force: true });
for (const [path, content] of outputs) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

const { status } = spawnSync(process.execPath, ['src/scripts/keep-compiled.js'], {
  cwd: ROOT,
  stdio: ['ignore', 'ignore', 'inherit'],
});
process.exitCode = status ?? 1;
