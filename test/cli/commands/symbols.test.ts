// The verb symbols as a user meets it.

import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { CliRunner } from '../../support/cli-runner.ts';
import { withPacked } from '../../support/packed.ts';
import { realDump } from '../../support/real-dumps.ts';

const SAMPLE = fileURLToPath(new URL('../../../samples/oom-victim-mutex.vmcore', import.meta.url));

const ALL = [true, true, true];

describe('stallcore symbols', function () {
  this.timeout(30_000);
  const cli = new CliRunner();
  after(() => {
    cli.stop();
  });

  it('finds symbols by name, address and pattern', async () => {
    const { exitCode, stdout } = await cli.run(['symbols', SAMPLE, 'oom_lock', '*_timeout']);
    assert.equal(exitCode, 0);
    assert.match(stdout, /^ADDRESS +T +SIZE +SYMBOL\n0x[0-9a-f]{16} +D +32 +oom_lock\n/);
    assert.match(stdout, / schedule_timeout$/m);
    const [address = ''] = /0x[0-9a-f]{16}/.exec(stdout) ?? [];
    const at = await cli.run(['symbols', SAMPLE, `0x${(BigInt(address) + 8n).toString(16)}`]);
    assert.match(at.stdout, / oom_lock\+0x8\/0x20$/m);
  });

  it('remarks on what is not there', async () => {
    const some = await cli.run(['symbols', SAMPLE, 'oom_lock', 'nix']);
    assert.deepEqual([some.exitCode, some.stderr], [0, 'stallcore: no symbol nix\n']);
    const none = await cli.run(['symbols', SAMPLE, '0x10']);
    assert.deepEqual([none.exitCode, none.stdout], [2, '']);
    assert.equal((await cli.run(['symbols', SAMPLE, '/(/'])).exitCode, 2);
  });

  it('says of a packed dump that what it does not find may have been removed', async () => {
    await withPacked([SAMPLE], {}, async ({ path }) => {
      const known = await cli.run(['symbols', path, 'init_task', 'oom_lock']);
      assert.deepEqual([known.exitCode, known.stderr], [0, '']);
      const words = ['no_such_symbol', '0xffffffff00000010', '*_lock'];
      for (const word of words) {
        const { exitCode, stderr } = await cli.run(['symbols', path, word]);
        assert.equal(exitCode, 1);
        assert.match(stderr, /removed by pack, which keeps only symbols and types that were used/);
        assert.doesNotMatch(stderr, /no symbol/);
      }
      const { stdout, exitCode } = await cli.run(['symbols', path, '--json', ...words]);
      const { answers } = JSON.parse(stdout) as { answers: { isPartial?: true }[] };
      assert.deepEqual([exitCode, ...answers.map(({ isPartial }) => isPartial)], [1, ...ALL]);
    });
  });

  it('finds those of modules, as JSON too', async function () {
    const dump = realDump(this, 'k61-press-d31.kdump');
    const { stdout } = await cli.run([
      'symbols',
      dump,
      '--module',
      'fuse',
      '--json',
      '/^fuse_dev/',
    ]);
    const { answers } = JSON.parse(stdout) as { answers: { symbols: { module: string }[] }[] };
    const modules = new Set(answers[0]?.symbols.map(({ module }) => module));
    assert.deepEqual([...modules], ['fuse']);
  });
});
