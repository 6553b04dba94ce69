import assert from 'node:assert/strict';
import { addProgram, boot } from '../../../src/sim/boot.ts';
import type { Kernel } from '../../../src/sim/core/kernel.ts';
import { FEATURES_DEFAULT, REMEDIES_NONE } from '../../../src/sim/core/options.ts';
import { Mm, Process, type Task } from '../../../src/sim/kernel/task.ts';
import { oom_badness, OOM_SCORE_ADJ_MIN } from '../../../src/sim/mm/oom-kill.ts';
import { eater } from '../../../src/sim/programs.ts';
import { Prng } from '../../../src/util/prng.ts';

const SECOND = 1_000_000;

function machine(): Kernel {
  const options = { hz: 250, cpuCount: 2, ramBytes: 128 << 20, kmallocwd: 0 } as const;
  return boot({ ...options, ...FEATURES_DEFAULT, ...REMEDIES_NONE }, new Prng(4));
}

/** The lines about who was killed: their names in order. */
function killed(k: Kernel): string[] {
  return k.log.records.flatMap(({ text }) => /Killed process \d+ \((\S+)\)/.exec(text)?.[1] ?? []);
}

describe('out_of_memory', function () {
  this.timeout(60_000);

  it('kills one after the other, each only when the one before it is gone', () => {
    const k = machine();
    const limits = { pages: 100_000, batch: 64, sleepUs: 1_000 };
    for (const comm of ['leak1', 'leak2', 'leak3']) addProgram(k, { comm }, eater(limits));
    let most = 0;
    for (let step = 1; step <= 160 && k.oomKills < 3; step++) {
      k.sched.run(step * (SECOND / 10));
      const dying = k.processes.filter(({ oomMm }) => oomMm !== undefined);
      most = Math.max(most, dying.length);
    }
    k.sched.run(k.sched.now + SECOND);
    assert.deepEqual(killed(k).toSorted(), ['leak1', 'leak2', 'leak3']);
    assert.equal(k.oomKills, 3);
    assert.ok(most <= 1, `${most} victims at a time`);
    assert.ok(!k.processes.some(({ leader }) => leader.comm.startsWith('leak')));
  });

  it('spares who may not be killed, and panics when nobody else is left', () => {
    const k = machine();
    const limits = { pages: 100_000, batch: 64, sleepUs: 1_000 };
    addProgram(k, { comm: 'holy', oomScoreAdj: OOM_SCORE_ADJ_MIN }, eater(limits));
    k.sched.run(60 * SECOND);
    assert.ok(!killed(k).includes('holy'));
    assert.ok(!killed(k).includes('systemd'));
    assert.equal(k.panicText, 'System is deadlocked on memory');
  });
});

describe('oom_badness', () => {
  const process = (oomScoreAdj: number, swapped = 0): Process => {
    const made = new Process({ ppid: 1, oomScoreAdj });
    const mm = new Mm(10_000);
    for (let slot = 0; slot < swapped; slot++) mm.swapSlots.set(slot, undefined);
    made.threads.push({ mm } as Task);
    return made;
  };

  it('counts what is swapped out, and moves it by a thousandth of memory a point', () => {
    assert.equal(oom_badness(process(0, 500), 32_000), 500);
    assert.equal(oom_badness(process(100, 500), 32_000), 500 + 3_200);
    assert.equal(oom_badness(process(-100, 500), 32_000), 500 - 3_200);
  });

  it('has no number for who may not be killed, and for who has no memory', () => {
    assert.equal(oom_badness(process(OOM_SCORE_ADJ_MIN, 500), 32_000), undefined);
    const bare = new Process({ ppid: 1 });
    assert.equal(oom_badness(bare, 32_000), undefined);
  });
});
