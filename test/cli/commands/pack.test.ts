import assert from 'node:assert/strict';
import { existsSync, readdirSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { CliRunner } from '../../support/cli-runner.ts';
import { runScenario, writeRun } from '../../support/simulated.ts';

describe('stallcore pack', function () {
  this.timeout(60_000);
  const cli = new CliRunner();
  const path = join(cli.folder, 'vmcore');
  const small = join(cli.folder, 'small');

  before(() => {
    const run = runScenario('oom-victim-mutex', {
      ...{ seed: 3, kmallocwd: 10, judgedBy: 0.1 },
      knobs: { ramMiB: 64 },
    });
    writeRun(run, path, { format: 'elf' });
  });
  after(() => cli.stop());

  it('writes a dump, verifies it, and says what is in it', async () => {
    const { exitCode, stdout, stderr } = await cli.run(['pack', path, '-o', small, '--verify']);
    assert.equal(exitCode, 0, stderr);
    assert.match(stdout, /small: [\d.]+ KiB of memory in \d+ pages, \d+ symbols\nverified: /);
    assert.match(stdout, /^ *\d+ {2}task_struct +which tasks there are/m);
    assert.ok(statSync(small).size < statSync(path).size / 10);
  });

  it('is told by info, as text and as JSON', async () => {
    const { stdout } = await cli.run(['info', small]);
    assert.match(stdout, /^PACKED +by stallcore .*, level bytes: /m);
    assert.match(stdout, /^PACKED FROM +vmcore \(\d+ bytes\), ELF64 vmcore$/m);
    assert.match(stdout, /^SYMBOLS +\d+ \(kallsyms in the dump, as far as the note .* has it\)$/m);
    assert.match(stdout, /^ *\d+ {2}page tables +where virtual addresses lie$/m);
    const json = JSON.parse((await cli.run(['info', small, '--json'])).stdout) as {
      container: { packed: { level: string } };
    };
    assert.equal(json.container.packed.level, 'bytes');
  });

  it('prints the manifest and the verdict as JSON', async () => {
    const { stdout } = await cli.run(['pack', path, '-o', small, '--no-log', '--json']);
    const result = JSON.parse(stdout) as {
      type: string;
      manifest: { masked: string[] };
      verdict: { class: string };
    };
    assert.deepEqual(
      [result.type, result.manifest.masked, result.verdict.class],
      ['pack', ['the log is left out'], 'after-oom-kill'],
    );
    const { exitCode, stderr } = await cli.run(['log', small]);
    assert.equal(exitCode, 3);
    assert.match(stderr, /the log was left out when this dump was packed/);
  });

  it('never writes over a dump that it reads, by whichever name', async () => {
    const link = join(cli.folder, 'link');
    symlinkSync(path, link);
    const { size } = statSync(path);
    for (const output of [path, link, join(cli.folder, '.', 'vmcore')]) {
      const { exitCode, stderr } = await cli.run(['pack', path, '-o', output]);
      assert.equal(exitCode, 2);
      assert.match(stderr, /is the dump itself/);
    }
    assert.equal(statSync(path).size, size);
  });

  it('leaves nothing behind where a dump cannot be packed', async () => {
    const { exitCode } = await cli.run(['pack', cli.folder, '-o', join(cli.folder, 'none')]);
    assert.equal(exitCode, 3);
    assert.equal(existsSync(join(cli.folder, 'none')), false);
    assert.deepEqual(
      readdirSync(cli.folder).filter((name) => name.endsWith('.unfinished')),
      [],
    );
  });

  it('says what it lacks, and what does not go together', async () => {
    for (const [args, says] of [
      [[path], /expected -o FILE/],
      [[path, '-o', small, '--level', 'pages', '--no-log'], /goes with neither --no-log nor/],
      [['-o', small], /expected the name of a vmcore/],
      [[path, '-o', small, '--elf', '--compression', 'lzo'], /an ELF file has no packed pages/],
      [[path, '-o', small, '--level', 'all'], /Choices: "bytes", "pages", "tasks"/],
    ] as const) {
      const { exitCode, stderr } = await cli.run(['pack', ...args]);
      assert.equal(exitCode, 2, stderr);
      assert.match(stderr, says);
    }
  });
});
