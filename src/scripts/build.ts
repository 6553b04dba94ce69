// Makes dist/: what an installed stallcore runs.
//
//   dist/cli.js      the command line, started by bin/stallcore.js
//   dist/index.js    the library
//   dist/chunk-*.js  what the two share, and what is imported only when a verb asks for it
//   dist/types/      the declarations that index.ts reaches
//
// The bundle is for a fast start: node resolves and reads a handful of files, not two hundred.
// Types are not checked here; `npm run typecheck` does that. What is to load late must be a file of
// ours that is imported with `import()`: esbuild gives a CommonJS package that is imported so no
// named exports.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as esbuild from 'esbuild';
import ts from 'typescript';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const DIST = join(ROOT, 'dist');

// Bundled CommonJS packages call `require` for node's own modules; an ES module has none.
const REQUIRE_BANNER =
  "import { createRequire as bundledCreateRequire } from 'node:module';\n" +
  'const require = bundledCreateRequire(import.meta.url);';

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

/** The two bundles and their chunks. `lz4` is native and optional: it stays a run-time require. */
async function bundles(): Promise<Output[]> {
  const { outputFiles } = await esbuild.build({
    absWorkingDir: ROOT,
    entryPoints: { cli: 'src/cli/main.ts', index: 'src/index.ts' },
    outdir: DIST,
    write: false,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    external: ['lz4'],
    plugins: [QUICK_YARGS],
    banner: { js: REQUIRE_BANNER },
    logLevel: 'warning',
  });
  return outputFiles.map((file) => [file.path, file.contents]);
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
const outputs = [...(await bundles()), ...declarations()];
rmSync(DIST, { recursive: true, force: true });
for (const [path, content] of outputs) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}
