// The verb compare as a user meets it, on pairs that simulate --again writes.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CliRunner } from '../../support/cli-runner.ts';
import type { SecondLedger } from '../../../src/sim/simulate.ts';
import { realDump } from '../../support/real-dumps.ts';
import { runScenario, writeRun } from '../../support/simulated.ts';

const SAMPLE = fileURLToPath(new URL('../../../samples/nofs-only.vmcore', import.meta.url));

/** What the two dumps do not tell. */
interface Told {
  readonly verdict: { readonly missing: readonly string[] };
  readonly problems: Readonly<Record<'before' | 'now', readonly object[]>>;
}

type Second = Pick<SecondLedger, 'since'>;

describe('stallcore compare', function () {
  this.timeout(30_000);
  const cli = new CliRunner();
  const pair = join(cli.folder, 'pair');

  before(() => {
    const knobs = { ramMiB: 64, dumpSeconds: 5 };
    const options = { seed: 1, kmallocwd: 1, judgedBy: 0.1, knobs, again: 1 };
    const run = runScenario('oom-victim-mutex', options);
    writeRun(run, pair, { format: 'elf' });
    writeRun(run.again!, `${pair}.again`, { format: 'elf' });
  });
  after(() => {
    cli.stop();
  });

  it('has its dumps from simulate --again, which says how to compare them', async () => {
    const path = join(cli.folder, 'quiet');
    const knobs = ['--dump-at', '1', '--ram', '64', '--kmallocwd', '1', '--again', '1'];
    const { stdout } = await cli.run(['simulate', 'quiet', '-o', path, ...knobs]);
    assert.match(stdout, /^dumped again 1 s later; since then: \d+ /m);
    assert.ok(stdout.endsWith(`compare them: stallcore compare ${path} ${path}.again\n`));
    const { since } = JSON.parse(readFileSync(`${path}.again.ledger.json`, 'utf8')) as Second;
    assert.equal(since.seconds, 1);
    const compared = await cli.run(['compare', path, `${path}.again`]);
    assert.match(compared.stdout, /^No stall of requests: /);
  });

  it('says who got on, with a table, counters and locks, on one screen', async () => {
    const { exitCode, stdout } = await cli.run(['compare', pair, `${pair}.again`]);
    assert.equal(exitCode, 0);
    assert.match(stdout, /^Stalled: none of 12 requests .* 1\.0 s between the dumps: 12 loop/);
    assert.match(stdout, /^java\(187\) +blocked +- .* i_mutex|mutex/m);
    assert.match(stdout, /^backup\(179\) +livelocked +seq \d+ = +\d\.\d s +\+\d+ /m);
    assert.match(stdout, /: held by backup\(179\) in both; waits: all the time java\(187\)/);
    assert.ok(stdout.split('\n').length <= 50, `${stdout.split('\n').length} lines`);
  });

  it('says the same of the later dump first, and that they are swapped', async () => {
    const [asIs, swapped] = [
      await cli.run(['compare', pair, `${pair}.again`, '--json']),
      await cli.run(['compare', `${pair}.again`, pair, '--json']),
    ].map(({ stdout }) => JSON.parse(stdout) as Record<string, unknown>);
    assert.equal(swapped?.swapped, true);
    assert.deepEqual({ ...swapped, swapped: undefined }, { ...asIs, swapped: undefined });
  });

  it('says in the result what a dump that was cut off does not tell', async () => {
    const cut = join(cli.folder, 'cut');
    const bytes = readFileSync(`${pair}.again`);
    writeFileSync(cut, bytes.subarray(0, Math.floor(bytes.length * 0.97)));
    const { exitCode, stdout } = await cli.run(['compare', pair, cut]);
    assert.equal(exitCode, 1);
    const notKnown = /^Not known:\n((?: {2}.*\n)+)/m.exec(stdout)?.[1] ?? '';
    assert.match(notKnown, /in the second dump: what lies in the missing end of the dump: cut is/);
    assert.doesNotMatch(notKnown, /in the first dump/);
    const json = await cli.run(['compare', cut, pair, '--json']);
    const result = JSON.parse(json.stdout) as Told;
    assert.ok(result.verdict.missing.some((text) => text.startsWith('in the second dump: ')));
    assert.deepEqual(result.problems.before, []);
    assert.ok(result.problems.now.length > 0);
  });

  it('says of one dump given twice that nothing tells who moves', async () => {
    const { exitCode, stdout } = await cli.run(['compare', pair, pair]);
    assert.equal(exitCode, 0);
    assert.match(stdout, /^Both dumps are of the same instant/);
    assert.doesNotMatch(stdout, /^TASK/m);
  });

  it('refuses dumps of two machines, with the reason', async () => {
    const { exitCode, stdout, stderr } = await cli.run(['compare', pair, SAMPLE]);
    assert.deepEqual([exitCode, stdout], [2, '']);
    assert.match(stderr, /^stallcore: compare: the dumps are of different kernels: build ID /m);
    const json = await cli.run(['compare', pair, SAMPLE, '--json']);
    assert.equal(json.exitCode, 2);
    assert.equal((JSON.parse(json.stdout) as { type: string }).type, 'compare-refused');
  });

  it('refuses two boots of one real kernel', async function () {
    const dumps = ['k61-press-d31.kdump', 'k61-quiet-d31-zstd.kdump'];
    const { exitCode, stderr } = await cli.run([
      'compare',
      ...dumps.map((name) => realDump(this, name)),
    ]);
    assert.equal(exitCode, 2);
    assert.match(stderr, /different boots of this kernel: KASLR offset 0x16400000 and 0x25e00000/);
  });

  it('compares two reports of a console log, the last two unless told', async () => {
    const path = join(cli.folder, 'console.txt');
    const lines = [20, 31, 42].flatMap((seconds) => [
      `[   ${seconds}.000000] MemAlloc-Info: 1 stalling task, 0 dying task, 0 victim task.`,
      `[   ${seconds}.000001] MemAlloc: a(1) seq=3 gfp=0x1 order=0 delay=${seconds * 1000}`,
    ]);
    writeFileSync(path, `${lines.join('\n')}\n`);
    const { exitCode, stdout } = await cli.run(['compare', '--log', path]);
    assert.equal(exitCode, 0);
    assert.match(stdout, /^Stalled: none of 1 request that report 2 lists .*, 11000 jiffies later/);
    const first = await cli.run(['compare', '--log', path, '--reports', '1,3', '--json']);
    const { type, elapsedJiffies } = JSON.parse(first.stdout) as Record<string, unknown>;
    assert.deepEqual([type, elapsedJiffies], ['compare-log', 22_000]);
    for (const argv of [['--reports', '1,9'], ['--reports', 'a'], [pair]]) {
      const refused = await cli.run(['compare', '--log', path, ...argv]);
      assert.equal(refused.exitCode, 2, argv.join(' '));
    }
  });

  it('compares two reports in the log of a dump', async () => {
    const { exitCode, stdout } = await cli.run(['compare', '--log', pair]);
    assert.equal(exitCode, 0);
    assert.match(stdout, /^\(reports \d+ and \d+ of \d+\)$/m);
  });

  it('wants two dumps, of parts where they are split', async () => {
    const one = await cli.run(['compare', pair]);
    assert.equal(one.exitCode, 2);
    assert.match(one.stderr, /expected two vmcores, have 1/);
    const three = await cli.run(['compare', pair, pair, pair]);
    assert.match(three.stderr, /expected two vmcores, have 3 \(of split ones: --with\)/);
    const parts = await cli.run(['compare', pair, '--with', `${pair}.again`]);
    assert.match(parts.stdout, /^Stalled: /);
  });
});
