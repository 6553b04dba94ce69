import assert from 'node:assert/strict';
import { overload } from '../../../src/triage/diagnoses/overload.ts';
import type { Finding } from '../../../src/triage/finding.ts';
import { triage } from '../../../src/triage/triage.ts';
import { facts, FAULT, MUTEX, type TaskSketch } from '../../support/facts-builder.ts';
import { realDump, withVmcore } from '../../support/real-dumps.ts';

const UNKNOWN: TaskSketch = { pid: 1, state: 'R', calls: FAULT };
const LATE: TaskSketch = { ...UNKNOWN, pid: 2, gfp: 'GFP_KERNEL' };
const LOCKED: TaskSketch = { pid: 3, calls: `${MUTEX} < ${FAULT}`, gfp: 'GFP_KERNEL' };

function found(
  tasks: readonly TaskSketch[],
  others: readonly Finding[] = [],
  writeback = 0,
): Finding {
  return overload(facts(tasks, { writeback }), others) ?? assert.fail();
}

describe('overload', () => {
  it('counts requests that are late, and those of which it is not known', () => {
    assert.match(
      found([UNKNOWN, LATE]).sentence,
      /^1 request has waited .*, and for how long 1 more has waited is not known; .* keeps them /,
    );
    assert.match(found([LATE]).sentence, /^1 request has .*; nothing is found that keeps it from/);
    assert.match(
      found([UNKNOWN]).sentence,
      /^1 task is in the allocator's slow path; for how long is not known; nothing /,
    );
  });

  it('says that the machine is overloaded only while pages are being written', () => {
    assert.match(found([LATE], [], 40).sentence, /the machine is overloaded, or its disk is slow/);
    assert.doesNotMatch(found([LATE]).sentence, /overload|memory is short/);
  });

  it('gives as the reason what was found, and not that nothing was', () => {
    assert.match(found([LATE, LOCKED]).because, /^1 of 2 sleeps in locks$/);
    const other: Finding = {
      ...found([LATE]),
      diagnosis: 'D6',
      name: 'a work item loops',
    };
    assert.match(found([LATE], [other]).because, /^D6 may explain it as well$/);
    assert.match(found([LATE]).because, /^nothing that they wait for was found/);
  });

  it('says of k61-press what is in the way, and not that memory is short', async function () {
    const path = realDump(this, 'k61-press-d31.kdump');
    const { sentence } = await withVmcore(path, (vmcore) => triage(vmcore).verdict);
    for (const what of [
      /^Not known to be stuck: 68 tasks .* for over 10 s; kswapd0\(42\) has given up/,
      /45 that reclaim have freed nothing so far/,
      /cg-hog-2\(227\), which has no CPU, holds oom_lock for a memory cgroup\.$/,
    ]) {
      assert.match(sentence, what);
    }
    // Its memory is taken, so that nobody waits for it.
    assert.doesNotMatch(sentence, /memory is short|oom-victim\(220\)/);
  });
});
