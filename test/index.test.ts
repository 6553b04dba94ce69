// The library as it is published: a tarball of npm, unpacked where another project has it.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { hasProgram, skipWithReason } from './support/bpftool.ts';
import { whyNotBuilt } from './support/built.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SAMPLE = join(ROOT, 'samples/oom-victim-mutex.vmcore');

describe('the published package', function () {
  this.timeout(60_000);
  let folder: string | undefined;

  /** A project that has the package, and nothing else. */
  function project(context: Mocha.Context): string {
    const why = whyNotBuilt();
    if (why !== undefined) skipWithReason(context, why);
    if (!hasProgram('tar')) skipWithReason(context, 'tar is not installed');
    if (folder !== undefined) return folder;
    folder = mkdtempSync(join(tmpdir(), 'stallcore-published-'));
    const pack = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder];
    const stdio: ('ignore' | 'pipe')[] = ['ignore', 'pipe', 'ignore'];
    const told = execFileSync('npm', pack, { cwd: ROOT, encoding: 'utf8', stdio });
    const [packed] = JSON.parse(told) as [{ filename: string }];
    const modules = join(folder, 'node_modules');
    mkdirSync(modules);
    execFileSync('tar', ['-xzf', join(folder, packed.filename), '-C', modules]);
    execFileSync('mv', [join(modules, 'package'), join(modules, 'stallcore')]);
    return folder;
  }

  after(() => {
    if (folder !== undefined) rmSync(folder, { recursive: true });
  });

  /** The program that the README shows, with a name of a file. */
  const PROGRAM = `
    import { errorChain, openVmcore, readMemalloc, triage, VmcoreError } from 'stallcore';
    const vmcore = await openVmcore([${JSON.stringify(SAMPLE)}]);
    const stalling = readMemalloc(vmcore).tasks.filter(({ record }) => record?.stalling === true);
    console.log(stalling.length, triage(vmcore).verdict.sentence);
    try {
      vmcore.symbol('nix');
    } catch (error) {
      console.log(error instanceof VmcoreError && error.code, errorChain(error));
    }
    vmcore.close();`;

  it('answers where it is imported by its name', function () {
    const at = project(this);
    writeFileSync(join(at, 'program.mjs'), PROGRAM);
    const { stdout, stderr } = spawnSync(process.execPath, ['program.mjs'], {
      cwd: at,
      encoding: 'utf8',
    });
    const [first = '', second] = stdout.split('\n');
    assert.match(first, /^12 Stuck: The OOM victim java\(186\) cannot exit: /, stderr);
    assert.equal(second, 'lookup symbol nix: not in this kernel');
  });

  it('has a command that runs scripts with that very library', function () {
    const at = project(this);
    const bin = join(at, 'node_modules/stallcore/bin/stallcore.js');
    const run = (...words: string[]): string => {
      return execFileSync(process.execPath, [bin, ...words], { cwd: at, encoding: 'utf8' });
    };
    const script = `
      import { tasksResult, Vmcore } from 'stallcore';
      export default ({ vmcore }) => ({ ...tasksResult(vmcore), own: vmcore instanceof Vmcore });`;
    writeFileSync(join(at, 'script.mjs'), script);
    const { own, ...tasks } = JSON.parse(run('run', 'script.mjs', SAMPLE, '--json')) as {
      own: boolean;
    };
    assert.equal(own, true);
    assert.deepEqual(tasks, JSON.parse(run('tasks', SAMPLE, '--json')));
    writeFileSync(join(at, 'never.mjs'), 'export default () => new Promise(() => {});');
    const never = spawnSync(process.execPath, [bin, 'run', 'never.mjs', SAMPLE], {
      cwd: at,
      encoding: 'utf8',
    });
    assert.equal(
      never.stderr,
      'stallcore: never.mjs: its function waits for something that never comes\n',
    );
    assert.equal(never.status, 1);
  });

  it('has types that a strict compiler takes, each export with a comment', function () {
    const at = project(this);
    const path = join(at, 'consumer.mts');
    writeFileSync(
      path,
      `import * as stallcore from 'stallcore';
       import type { MemallocTask, Script, ScriptContext, Task } from 'stallcore';
       export const pidOf = ({ pid }: Task): number | undefined => pid;
       export const delayOf = ({ record }: MemallocTask) => record?.delaySeconds ?? 0;
       const script: Script = async ({ vmcore, print, printTable }: ScriptContext) => {
         const result = stallcore.tasksResult(vmcore);
         await printTable(stallcore.tasksTable(result));
         print(stallcore.hex(vmcore.symbol('init_task')));
         return result;
       };
       export default script;`,
    );
    const program = ts.createProgram([path], {
      ...{ strict: true, noEmit: true, skipLibCheck: false, types: [] },
      ...{ target: ts.ScriptTarget.ES2023, lib: ['lib.es2023.d.ts'] },
      ...{ module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext },
    });
    const wrong = ts.getPreEmitDiagnostics(program).map(({ messageText }) => {
      return ts.flattenDiagnosticMessageText(messageText, '\n');
    });
    assert.deepEqual(wrong, []);
    assert.deepEqual(
      undocumented(program, join(at, 'node_modules/stallcore/dist/types/index.d.ts')),
      [],
    );
  });
});

/** The exports of a module that have no comment where they are declared. */
function undocumented(program: ts.Program, path: string): string[] {
  const checker = program.getTypeChecker();
  const file = program.getSourceFile(path);
  const module = file === undefined ? undefined : checker.getSymbolAtLocation(file);
  assert.ok(module !== undefined);
  const exported = checker.getExportsOfModule(module);
  assert.ok(exported.length > 200);
  return exported.flatMap((symbol) => {
    const isAlias = (symbol.flags & ts.SymbolFlags.Alias) !== 0;
    const declared = isAlias ? checker.getAliasedSymbol(symbol) : symbol;
    return declared.getDocumentationComment(checker).length === 0 ? [symbol.name] : [];
  });
}
