import assert from 'node:assert/strict';
import { addProgram, boot } from '../../../src/sim/boot.ts';
import type { Kernel } from '../../../src/sim/core/kernel.ts';
import { FEATURES_DEFAULT, REMEDIES_NONE } from '../../../src/sim/core/options.ts';
import { sysrqShell, type SysrqKey } from '../../../src/sim/kernel/sysrq.ts';
import { eater } from '../../../src/sim/programs.ts';
import { OOM_VICTIM_MUTEX } from '../../../src/sim/scenarios/oom-victim-mutex.ts';
import { runKernel } from '../../support/run-kernel.ts';
import { Prng } from '../../../src/util/prng.ts';

const SECOND = 1_000_000;

/** A machine with memory enough, on which a key is given after a second. */
function press(key: SysrqKey): { k: Kernel; log: string[] } {
  const machine = { hz: 250, cpuCount: 2, ramBytes: 128 << 20, kmallocwd: 0 } as const;
  const k = boot({ ...machine, ...FEATURES_DEFAULT, ...REMEDIES_NONE }, new Prng(1));
  addProgram(k, { comm: 'large' }, eater({ pages: 3_000, batch: 500, sleepUs: 1_000 }));
  addProgram(k, { comm: 'bash' }, sysrqShell([{ us: SECOND, key }]));
  k.sched.run(2 * SECOND);
  return { k, log: k.log.records.map(({ text }) => text) };
}

describe('sysrqShell', () => {
  it('kills the largest process by f, in a worker, though there is memory', () => {
    const { k, log } = press('f');
    assert.equal(k.oomKills, 1);
    assert.ok(k.node.freePages > k.node.managedPages / 4);
    assert.equal(log[0], 'sysrq: Manual OOM execution');
    assert.match(log[1] ?? '', /^kworker.* invoked oom-killer: .*order=-1,/);
    assert.match(log.at(-1) ?? '', /^Out of memory: Killed process \d+ \(large\)/);
  });

  it('shows memory by m', () => {
    assert.deepEqual(press('m').log.slice(0, 2), ['sysrq: Show Memory', 'Mem-Info:']);
  });

  it('shows all tasks by t, and those in D by w', () => {
    const all = press('t').log.filter((text) => text.startsWith('task:'));
    assert.ok(all.length > 10);
    assert.ok(all.some((text) => text.startsWith('task:bash') && text.includes(' state:R ')));
    const blocked = press('w').log.filter((text) => text.startsWith('task:'));
    assert.deepEqual(blocked, []);
  });

  it('chooses by f the victim that is stuck already, and kills nobody else (seed 003)', () => {
    const start = (k: Kernel): void => {
      OOM_VICTIM_MUTEX.start(k);
      addProgram(
        k,
        { comm: 'bash', oomScoreAdj: -1000 },
        sysrqShell([{ us: 40 * SECOND, key: 'f' }]),
      );
    };
    const { kernel, truth } = runKernel({ ...OOM_VICTIM_MUTEX, start }, { seed: 1 });
    const log = kernel.log.records.map(({ text }) => text);
    assert.ok(log.includes('sysrq: Manual OOM execution'));
    assert.equal(kernel.oomKills, 1);
    assert.equal(truth.diagnosis, 'D3');
  });
});
