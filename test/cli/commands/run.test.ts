// The verb run as a user meets it, and the scripts in samples/scripts.

import assert from 'node:assert/strict';
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CliRunner, type CliOutcome } from '../../support/cli-runner.ts';
import { realDump } from '../../support/real-dumps.ts';

const SAMPLES = fileURLToPath(new URL('../../../samples/', import.meta.url));
const SAMPLE = `${SAMPLES}oom-victim-mutex.vmcore`;

/** What a script is called, so that it is loaded once for each test: node keeps modules. */
let written = 0;

describe('stallcore run', function () {
  this.timeout(30_000);
  const cli = new CliRunner();
  after(() => {
    cli.stop();
  });

  /** Runs a script of this text, outside of the package. */
  function run(text: string, words: readonly string[] = [], ending = 'mjs'): Promise<CliOutcome> {
    const path = join(cli.folder, `script-${written++}.${ending}`);
    writeFileSync(path, text);
    return cli.run(['run', path, SAMPLE, ...words]);
  }

  it('hands the opened vmcore and the library to the script', async () => {
    const { exitCode, stdout } = await run(
      `
      import { openVmcore, readTasks, Vmcore } from 'stallcore';
      export default async function ({ vmcore, args, print, stallcore }) {
        print(readTasks(vmcore).tasks.length + ' ' + args.join(' '));
        print(vmcore instanceof Vmcore && openVmcore === stallcore.openVmcore);
      }`,
      ['--', '--json', 'two'],
    );
    assert.deepEqual([exitCode, stdout], [0, '28 --json two\ntrue\n']);
  });

  it('takes a CommonJS script', async () => {
    const text = 'module.exports = ({ vmcore, print }) => print(vmcore.identity.release.value);';
    const { stdout, stderr } = await run(text, [], 'cjs');
    assert.equal(stdout, '6.1.192-stallcore-sim\n', stderr);
  });

  it('prints what the script returns as JSON, and nothing else', async () => {
    const { stdout } = await run(
      `
      export default async function ({ print, printTable }) {
        print('words');
        await printTable({ columns: [], rows: [] });
        return { type: 'mine', n: 3 };
      }`,
      ['--json'],
    );
    assert.deepEqual(JSON.parse(stdout), { type: 'mine', n: 3, problems: [] });
  });

  it('lets the script choose the exit code', async () => {
    const text = 'export default () => { process.exitCode = 9; };';
    assert.equal((await run(text)).exitCode, 9);
    assert.equal((await run('export default () => {};')).exitCode, 0);
  });

  for (const [what, text, message] of [
    [
      'throws',
      'function f(x) {\n  x.y.z;\n}\nexport default ({ vmcore }) => f(vmcore);',
      /script-\d+\.mjs:2:7: TypeError: Cannot read .* 'z'\)\n {2}at .*script-\d+\.mjs:4:32/,
    ],
    [
      'asks for what is not there',
      '\nexport default async ({ vmcore }) => vmcore.symbol("nix");',
      /script-\d+\.mjs:2:45: LookupError: symbol nix: not in this kernel\n$/,
    ],
    ['throws no error', 'export default () => { throw "oops"; };', /script-\d+\.mjs: threw oops/],
    ['does not parse', '\nlet a = ;', /script-\d+\.mjs:2: SyntaxError: .*\nlet a = ;\n +\^/],
    ['throws when it is loaded', '\n\nnull.x;', /script-\d+\.mjs:3:6: TypeError: /],
    ['exports nothing', 'const a = 1;', /script-\d+\.mjs: expected a function: export default/],
    ['imports what is not there', 'import "nix-nix";', /script-\d+\.mjs: .*'nix-nix'/],
  ] as const) {
    it(`ends with 1 and shows the place where a script ${what}`, async () => {
      const { exitCode, stderr } = await run(text);
      assert.equal(exitCode, 1);
      assert.match(stderr, message);
      assert.doesNotMatch(stderr, /bug in stallcore|src\/cli|open-options/);
    });
  }

  it('ends with 1 where what is returned is no JSON', async () => {
    const { exitCode, stderr } = await run('export default () => ({ n: 1n });', ['--json']);
    assert.equal(exitCode, 1);
    assert.match(stderr, /BigInt/);
  });

  it('refuses a file that is not there, and TypeScript that node does not take', async () => {
    assert.equal((await cli.run(['run', 'nix.mjs', SAMPLE])).exitCode, 2);
    assert.equal((await cli.run(['run'])).exitCode, 2);
    const { exitCode, stdout, stderr } = await run(
      `import type { ScriptContext } from 'stallcore';
       export default ({ print }: ScriptContext): void => print('typed');`,
      [],
      'mts',
    );
    const { typescript } = process.features as { typescript?: unknown };
    if (typescript === undefined || typescript === false) {
      assert.equal(exitCode, 2);
      assert.match(stderr, /is TypeScript, and this node \(v[\d.]+\) does not strip types/);
    } else assert.equal(stdout, 'typed\n', stderr);
  });
});

describe('samples/scripts', function () {
  this.timeout(30_000);
  const cli = new CliRunner();
  after(() => {
    cli.stop();
  });

  /** Runs a sample from another folder: nothing of it may depend on where it lies. */
  async function runSample(name: string, dump: string, ...words: string[]): Promise<CliOutcome> {
    const path = join(cli.folder, name);
    copyFileSync(`${SAMPLES}scripts/${name}`, path);
    const outcome = await cli.run(['run', path, dump, ...words]);
    assert.equal(outcome.stderr, '');
    return outcome;
  }

  it('task-allocs.mjs lists who waits for memory, by the record', async () => {
    const { stdout, exitCode } = await runSample('task-allocs.mjs', SAMPLE);
    assert.equal(exitCode, 0);
    assert.match(stdout, /^207 +worker-1 +R +29\.8 s +0 +GFP_HIGHUSER_MOVABLE\|__GFP_ZERO$/m);
    assert.match(stdout, /^12 of 28 tasks wait for memory \(record L3\)\n$/m);
    const all = await runSample('task-allocs.mjs', SAMPLE, '--', '--all');
    assert.equal(all.stdout.split('\n').length, 28 + 3);
  });

  it('task-allocs.mjs finds on a real kernel whom the kernel reports', async function () {
    const dump = realDump(this, 'k1-victim-wd10.kdump');
    const { stdout } = await runSample('task-allocs.mjs', dump, '--json');
    const { tasks } = JSON.parse(stdout) as { tasks: { waits: boolean; seconds: number }[] };
    assert.equal(tasks.length, 15);
    assert.ok(tasks.every(({ waits, seconds }) => waits && seconds > 10));
  });

  it('holders.mjs shows the holder that wants memory, and says so by its exit code', async () => {
    const { stdout, exitCode } = await runSample('holders.mjs', SAMPLE);
    assert.equal(exitCode, 4);
    assert.match(stdout, /^ {2}backup\(178\) has it, in state R in .* and wants memory/m);
    assert.match(stdout, /^ {2}waited for by java\(186\)$/m);
  });

  it('holders.mjs names the holder on a real kernel', async function () {
    const { stdout } = await runSample('holders.mjs', realDump(this, 'k1-victim-wd10.kdump'));
    assert.match(stdout, /memalloc_debug_mutex\n {2}nofs-holder\(45\) has it, /);
  });

  it('low-zones.mjs shows the zone below min and what kswapd does', async () => {
    const { stdout } = await runSample('low-zones.mjs', SAMPLE);
    assert.match(stdout, /^node 0 zone DMA32: below min, 161 pages free \(min 163, low 203\)$/m);
    assert.match(stdout, /^node 0 kswapd\(18\), .*: __schedule < schedule < kswapd_try_to_sleep/m);
  });

  it('low-zones.mjs lists the largest slab caches of a real kernel', async function () {
    const dump = realDump(this, 'k61-press-d31.kdump');
    const { stdout } = await runSample('low-zones.mjs', dump, '--', '2');
    assert.match(stdout, /^slab inode_cache: 6848 KiB, .*\nslab task_struct: 3216 KiB, .*\n$/m);
  });
});
