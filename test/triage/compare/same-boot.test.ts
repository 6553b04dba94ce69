import assert from 'node:assert/strict';
import type { BootIdentity } from '../../../src/kernel/boot.ts';
import { sameBoot } from '../../../src/triage/compare/same-boot.ts';

const BOOT: BootIdentity = {
  release: '6.1.0',
  banner: 'Linux version 6.1.0',
  buildId: '01',
  kaslrOffset: '0x1000000',
  physBase: 0,
  pageOffsetBase: '0xffff888000000000',
  bootId: '00112233445566778899aabbccddeeff',
  bootTimeNs: '1700000000000000001',
  init: { address: '0xffff888000001000', startTimeNs: 7 },
};

const REFUTED: readonly (readonly [what: string, change: Partial<BootIdentity>, reason: RegExp])[] =
  [
    ['the release', { release: '6.2.0' }, /different kernels: release 6.1.0 and 6.2.0/],
    ['the build ID', { buildId: '02' }, /different kernels: build ID 01 and 02/],
    ['the boot ID', { bootId: 'ff' }, /different boots of this kernel: boot ID/],
    ['what KASLR drew', { kaslrOffset: '0x0' }, /different boots .*: KASLR offset/],
    [
      'the start of pid 1',
      { init: { address: '0xffff888000001000', startTimeNs: 8 } },
      /different boots .*: address and start of pid 1/,
    ],
  ];

describe('sameBoot', () => {
  it('is proved by the boot ID, by the first process, or by the time of the boot', () => {
    assert.equal(sameBoot(BOOT, BOOT).isSame, true);
    const { bootId: _id, init: _init, bootTimeNs: _time, ...plain } = BOOT;
    for (const part of [{ bootId: 'aa' }, { init: BOOT.init! }, { bootTimeNs: '1' }]) {
      assert.equal(sameBoot({ ...plain, ...part }, { ...plain, ...part }).isSame, true);
    }
  });

  it('is neither proved nor refuted where nothing but the kernel is known to be the same', () => {
    const kernel = { release: '6.1.0', physBase: 0 };
    const { isSame, reason } = sameBoot(kernel, { ...BOOT, physBase: 0 });
    assert.deepEqual([isSame, reason], [undefined, undefined]);
  });

  for (const [what, change, reason] of REFUTED) {
    it(`is refuted by ${what}`, () => {
      const found = sameBoot(BOOT, { ...BOOT, ...change });
      assert.equal(found.isSame, false);
      assert.match(found.reason ?? '', reason);
    });
  }

  it('is not refuted by a clock that was set between the dumps', () => {
    const found = sameBoot(BOOT, { ...BOOT, bootTimeNs: '1700000000000000002' });
    assert.equal(found.isSame, true);
    assert.equal(found.checks.find(({ what }) => what === 'time of the boot')?.isSame, false);
  });
});
