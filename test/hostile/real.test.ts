// Dumps of real kernels, cut and overwritten: larger than the sample, with thousands of pages and
// records, so that what is slow or takes memory by the size of a file shows.

import assert from 'node:assert/strict';
import {
  chmodSync,
  closeSync,
  copyFileSync,
  openSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { CliRunner, type CliOutcome } from '../support/cli-runner.ts';
import { realDump } from '../support/real-dumps.ts';

const MEMORY_MAX_KIB = 512 << 10;

type Damage = (path: string, size: number) => void;

const cutAt =
  (share: number): Damage =>
  (path, size) =>
    truncateSync(path, Math.floor(size * share));

const overwrite =
  (share: number, length: number): Damage =>
  (path, size) => {
    const fd = openSync(path, 'r+');
    writeSync(fd, new Uint8Array(length).fill(0xa5), 0, length, Math.floor(size * share));
    closeSync(fd);
  };

const CASES: readonly {
  readonly dump: string;
  readonly name: string;
  readonly damage: Damage;
  readonly exitCode: 1 | 3;
  readonly says: RegExp;
}[] = [
  {
    dump: 'k1-victim-wd10.kdump',
    name: 'cut in half',
    damage: cutAt(0.5),
    exitCode: 3,
    says: /flattened: no end mark, the file ends in record \d+/,
  },
  {
    dump: 'k1-victim-wd10.kdump',
    name: 'cut at nine tenths',
    damage: cutAt(0.9),
    exitCode: 1,
    says: /flattened: no end mark, the file ends in record \d+/,
  },
  {
    dump: 'k1-victim-wd10.kdump',
    name: '1 MB overwritten',
    damage: overwrite(0.5, 1e6),
    exitCode: 3,
    says: /flattened record \d+\+0x\w+: offset is -\d+/,
  },
  {
    dump: 'k61-press-d31.kdump',
    name: 'cut in half',
    damage: cutAt(0.5),
    exitCode: 3,
    says: /root page table at physical address 0x\w+: truncated/,
  },
  {
    dump: 'k61-press-d31.kdump',
    name: 'cut at nine tenths',
    damage: cutAt(0.9),
    exitCode: 1,
    says: /CPU masks: .*cut off, the file is truncated/,
  },
  {
    dump: 'k61-press-d31.kdump',
    name: '1 MB overwritten',
    damage: overwrite(0.7, 1e6),
    exitCode: 1,
    says: /kallsyms: page data: page of pfn \d+ .* cannot be read/,
  },
  {
    dump: 'k2-pair-a.kdump',
    name: 'cut at nine tenths',
    damage: cutAt(0.9),
    exitCode: 3,
    says: /root page table at physical address 0x\w+: truncated/,
  },
  {
    dump: 'k61-press.elf.zst',
    name: 'cut at nine tenths',
    damage: cutAt(0.9),
    exitCode: 1,
    says: /PT_LOAD 1: expected \d+ bytes at byte \d+/,
  },
];

describe('damaged dumps of real kernels', () => {
  let runner: CliRunner;

  before(() => {
    runner = new CliRunner();
  });
  after(() => runner.stop());

  async function run(dump: string, damage: Damage): Promise<CliOutcome> {
    const path = join(runner.folder, 'damaged');
    copyFileSync(dump, path);
    chmodSync(path, 0o600);
    damage(path, statSync(path).size);
    return runner.run(['memalloc', '--tmp', runner.folder, path]);
  }

  for (const { dump, name, damage, exitCode, says } of CASES) {
    it(`end as they should: ${dump}, ${name}`, async function () {
      const outcome = await run(realDump(this, dump), damage);
      assert.equal(outcome.died, undefined, outcome.stderr);
      assert.equal(outcome.exitCode, exitCode, outcome.stderr);
      assert.match(outcome.stderr, says);
      assert.ok(outcome.maxRssKib < MEMORY_MAX_KIB, `${outcome.maxRssKib} KiB of memory`);
    });
  }
});
