import assert from 'node:assert/strict';
import { Kernel } from '../../../src/sim/core/kernel.ts';
import { FEATURES_DEFAULT, REMEDIES_NONE } from '../../../src/sim/core/options.ts';
import { kthreadd } from '../../../src/sim/kernel/kthread.ts';
import { cond_resched } from '../../../src/sim/kernel/sched.ts';
import { INIT_WORK, queue_work_on, workqueue_init } from '../../../src/sim/kernel/workqueue.ts';
import { init_mm_internals, zone_reclaimable } from '../../../src/sim/mm/vmstat.ts';
import { Prng } from '../../../src/util/prng.ts';

const SECOND = 1_000_000;

function machine(): Kernel {
  const options = { hz: 1000 as const, cpuCount: 1, ramBytes: 256 << 20, kmallocwd: 0 };
  const k = new Kernel({ ...options, ...FEATURES_DEFAULT, ...REMEDIES_NONE }, new Prng(1));
  k.kthread({ comm: 'kthreadd' }, kthreadd);
  workqueue_init(k);
  init_mm_internals(k);
  k.sched.run(SECOND);
  return k;
}

describe('init_mm_internals', () => {
  it('has what a CPU kept added within two seconds', () => {
    const k = machine();
    const [zone] = k.node.zones;
    zone!.countLru(2, 3);
    assert.equal(zone!.lru[2]!.value, 0);
    k.sched.run(3 * SECOND);
    assert.equal(zone!.lru[2]!.value, 3);
  });

  it('leaves it where it is while a work that never sleeps holds up the pool', () => {
    const k = machine();
    const [zone] = k.node.zones;
    const wq = k.wq.byName('events')!;
    const work = INIT_WORK(function* hogging(kernel) {
      for (;;) {
        kernel.spend(1_000);
        yield* cond_resched(kernel);
      }
    });
    queue_work_on(k, 0, { wq, work });
    k.sched.run(1.1 * SECOND);
    zone!.countLru(2, 3);
    k.sched.run(60 * SECOND);
    assert.deepEqual([zone!.lru[2]!.value, zone!.lru[2]!.snapshot], [0, 3]);
  });
});

describe('zone_reclaimable', () => {
  it('goes by counters that may be out of date', () => {
    const k = machine();
    const [zone] = k.node.zones;
    zone!.countLru(2, 4);
    k.sched.run(4 * SECOND);
    zone!.countLru(2, -4);
    assert.equal(zone_reclaimable(zone!), true);
    assert.equal(
      zone_reclaimable(zone!, ({ snapshot }) => snapshot),
      false,
    );
  });

  it('gives up a zone that was scanned six times over in vain', () => {
    const [zone] = machine().node.zones;
    zone!.countLru(2, 1_000);
    zone!.countScanned(5_999);
    assert.equal(zone_reclaimable(zone!), true);
    zone!.countScanned(100);
    assert.equal(zone_reclaimable(zone!), false);
  });
});
