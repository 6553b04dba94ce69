// The verb that writes vmcores, as a user meets it.

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CliRunner } from '../support/cli-runner.ts';

describe('simulateToFile', function () {
  this.timeout(30_000);
  const cli = new CliRunner();
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'stallcore-simulate-'));
  });
  after(() => {
    cli.stop();
    rmSync(folder, { recursive: true });
  });

  it('lists the scenarios, one a line', async () => {
    const { exitCode, stdout } = await cli.run(['simulate', '--list']);
    assert.equal(exitCode, 0);
    assert.match(stdout, /^oom-victim-mutex {2,}an OOM victim waits .*\(D3\)$/m);
  });

  it('writes a vmcore that memalloc reads, and the ledger beside it', async () => {
    const path = join(folder, 'quiet.vmcore');
    const argv = ['simulate', 'quiet', '-o', path, '--seed', '7', '--kmallocwd', '0'];
    const { exitCode, stdout } = await cli.run(argv);
    assert.equal(exitCode, 0);
    assert.match(stdout, /^quiet, seed 7, kmallocwd=0: \d+ tasks, 256 MiB, 2 CPUs/);
    assert.match(stdout, /0 stuck, 0 recovered: D14\n/);
    const ledger = JSON.parse(readFileSync(`${path}.ledger.json`, 'utf8')) as { seed: number };
    assert.equal(ledger.seed, 7);
    const read = await cli.run(['memalloc', path]);
    assert.match(read.stdout, /^MemAlloc-Info: 0 stalling task, 0 dying task, 0 victim task\.$/m);
    assert.ok(!existsSync(`${path}.unfinished`));
  });

  const wrong: readonly [about: string, argv: readonly string[], message: RegExp][] = [
    ['no scenario', [], /expected a scenario/],
    ['one that is not there', ['noisy', '-o', 'x'], /no scenario noisy/],
    ['no file to write', ['quiet'], /expected -o FILE/],
    ['half a seed', ['quiet', '-o', 'x', '--seed', '0.5'], /--seed: expected a whole number/],
  ];
  for (const [about, argv, message] of wrong) {
    it(`exits with 2 for ${about}`, async () => {
      const { exitCode, stderr } = await cli.run(['simulate', ...argv]);
      assert.equal(exitCode, 2);
      assert.match(stderr, message);
    });
  }
});
