import assert from 'node:assert/strict';
import { Kernel } from '../../../src/sim/core/kernel.ts';
import { FEATURES_DEFAULT, REMEDIES_NONE } from '../../../src/sim/core/options.ts';
import { zone_watermark_ok } from '../../../src/sim/mm/alloc-flags.ts';
import { GFP_KERNEL, GFP_NOFS } from '../../../src/sim/mm/gfp.ts';
import { oomReserveFlags } from '../../../src/sim/remedies/oom-reserve.ts';
import { Prng } from '../../../src/util/prng.ts';

const MACHINE = { hz: 250, cpuCount: 1, ramBytes: 128 << 20, kmallocwd: 0 } as const;

function machine(oomReserve: boolean): Kernel {
  const options = { ...MACHINE, ...FEATURES_DEFAULT, ...REMEDIES_NONE, oomReserve };
  return new Kernel(options, new Prng(1));
}

describe('setUpOomReserve', () => {
  it('raises every watermark by the reserve, and by nothing where there is none', () => {
    const [without, withIt] = [machine(false).node.zones[0]!, machine(true).node.zones[0]!];
    assert.equal(without.oomReserve, 0);
    assert.equal(withIt.oomReserve, without.watermark.min >> 1);
    for (const mark of ['min', 'low', 'high'] as const) {
      assert.equal(withIt.watermark[mark], without.watermark[mark] + withIt.oomReserve);
    }
  });
});

describe('oomReserveFlags', () => {
  it('lets only who may invoke the OOM killer go into the reserve', () => {
    const k = machine(true);
    const zone = k.node.zones[0]!;
    const free = zone.watermark.min + zone.lowmemReserve - (zone.oomReserve >> 1);
    const mayTake = (gfp: number): boolean =>
      zone_watermark_ok(zone, { order: 0 }, { flags: oomReserveFlags(k, gfp), free });
    assert.deepEqual([mayTake(GFP_KERNEL), mayTake(GFP_NOFS)], [true, false]);
  });
});
