// The verb symbols as a user meets it.

import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { CliRunner } from '../../support/cli-runner.ts';
import { realDump } from '../../support/real-dumps.ts';

const SAMPLE = fileURLToPath(new URL('../../../samples/oom-victim-mutex.vmcore', import.meta.url));

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
