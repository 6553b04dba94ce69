// The verb log as a user meets it.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CliRunner } from '../../support/cli-runner.ts';

const SAMPLE = fileURLToPath(new URL('../../../samples/oom-victim-mutex.vmcore', import.meta.url));

describe('stallcore log', function () {
  this.timeout(60_000);
  const cli = new CliRunner();
  after(() => {
    cli.stop();
  });

  it('prints the log of a dump', async () => {
    const { exitCode, stdout } = await cli.run(['log', SAMPLE]);
    assert.equal(exitCode, 0);
    assert.match(stdout, /^\[ +\d+\.\d{6}\] .* invoked oom-killer: /m);
    const raw = await cli.run(['log', '--raw', SAMPLE]);
    assert.equal(raw.stdout.replace(/\n +/g, '\n'), stdout.replace(/\n +/g, '\n'));
  });

  it('takes levels and a time', async () => {
    const { stdout } = await cli.run([
      'log',
      '--level',
      'warn+',
      '--since=0.2147',
      '--json',
      SAMPLE,
    ]);
    const { records, leftOut } = JSON.parse(stdout) as {
      records: { level: number; timeUs: number }[];
      leftOut: number;
    };
    assert.ok(records.length > 0 && leftOut > 0);
    assert.ok(records.every(({ level, timeUs }) => level <= 4 && timeUs >= 214_700));
    const typo = await cli.run(['log', '--level', 'wanr', SAMPLE]);
    assert.equal(typo.exitCode, 2);
    assert.match(typo.stderr, /no level wanr; did you mean warn\?/);
    assert.equal((await cli.run(['log', '--since', 'noon', SAMPLE])).exitCode, 2);
  });

  it('reads the reports in text files, the dump not being at hand', async () => {
    const line = (seconds: number): string =>
      `<4>[   ${seconds}.000000] MemAlloc: a(1) seq=3 gfp=0x1 order=0 delay=${seconds * 1000}\r\n`;
    const [first, second] = ['a.txt', 'b.txt'].map((name) => join(cli.folder, name));
    writeFileSync(first!, line(20));
    writeFileSync(second!, line(31));
    const { exitCode, stdout } = await cli.run(['log', '--memalloc', first!, second!]);
    assert.equal(exitCode, 0);
    assert.match(stdout, /^a\(1\) +seq 3 delay 20000 +seq = delay 31000 +stuck$/m);
    assert.match(stdout, /^No task progressed between the 2 reports\.$/m);
    const json = await cli.run(['log', '--memalloc', '--json', first!]);
    assert.equal((JSON.parse(json.stdout) as { type: string }).type, 'log-memalloc');
  });

  it('reads the reports in the log of a dump', async () => {
    const { exitCode, stdout } = await cli.run(['log', '--memalloc', SAMPLE]);
    assert.equal(exitCode, 0);
    assert.match(stdout, /invoked oom-killer/);
  });

  it('says that a text is no vmcore where it is not asked for reports', async () => {
    const path = join(cli.folder, 'c.txt');
    writeFileSync(path, 'MemAlloc: a(1) dying\n');
    assert.equal((await cli.run(['log', path])).exitCode, 3);
    assert.equal((await cli.run(['log', '--memalloc', join(cli.folder, 'none')])).exitCode, 3);
  });
});
