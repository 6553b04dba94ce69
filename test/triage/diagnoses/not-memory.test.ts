import assert from 'node:assert/strict';
import type { OomState } from '../../../src/kernel/oom.ts';
import type { Checked } from '../../../src/triage/checked.ts';
import { notMemory } from '../../../src/triage/diagnoses/not-memory.ts';
import type { Finding } from '../../../src/triage/finding.ts';
import type { Verdict } from '../../../src/triage/verdict.ts';

const VERDICT: Verdict = {
  class: 'not-stalled',
  sentence: 'No task is stuck.',
  evidence: [],
  missing: [],
};
const OOM: OomState = {
  type: 'oom',
  victims: [],
  killCount: 0,
  memcgs: [],
  memcgTasks: [],
  bits: [],
};
const CHECKED: Checked = {
  requests: { tasks: 3, slowPath: 0, memoryCgroup: 0, perhapsOverdue: 0, unreadStacks: 0 },
  zones: [{ node: 0, name: 'DMA32', free: 200, min: 100, low: 125, high: 150 }],
  writeback: 0,
  kswapd: [{ node: 0, pid: 30, comm: 'kswapd0', state: 'S', at: 'kswapd', isIdle: true }],
  oom: OOM,
  pools: { count: 4, waiting: [] },
  throttled: [],
  blocked: [{ waitsFor: 'for mutex 0xf00', pids: [7, 8] }],
  symbols: {},
};

function found(checked: Checked, hasRecords = true): Finding {
  return notMemory(VERDICT, checked, { hasRecords }) ?? assert.fail();
}

describe('notMemory', () => {
  it('closes the case where all was checked, and says what', () => {
    const { diagnosis, confidence, evidence, against, missing } = found(CHECKED);
    assert.equal(diagnosis, 'D14');
    assert.equal(confidence, 'certain');
    assert.deepEqual([against, missing], [[], []]);
    const facts = evidence.map(({ fact }) => fact).join('\n');
    for (const what of [/slow path/, /zone DMA32/, /kswapd0/, /victim/, /pools/, /reclaim/]) {
      assert.match(facts, what);
    }
  });

  it('is no more than likely where the log tells of trouble of late', () => {
    const events = [{ kind: 'oom-kill', count: 1, lastUs: 99e6 }] as const;
    const log = { records: 5, lost: false, nowUs: 100e6, reports: 0, events };
    const { confidence, against, because } = found({ ...CHECKED, log });
    assert.equal(confidence, 'likely');
    assert.match(because, /, and every record was read, but something speaks against it$/);
    assert.match(against.join(), /1 kill, the last of these lines 1\.0 s before the dump/);
  });

  it('misses nothing of a log that has no record, and says that it has none', () => {
    const log = { records: 0, lost: false, reports: 0, events: [] };
    const { confidence, missing } = found({ ...CHECKED, log });
    assert.deepEqual([confidence, missing], ['certain', ['what the log tells: it has no record']]);
  });

  it('says what tasks do wait for', () => {
    assert.match(found(CHECKED).next, /what tasks do wait for: 2 for mutex 0xf00 /);
  });

  it('is not certain without records, or where a check could not be made', () => {
    const bare = found(CHECKED, false);
    assert.equal(bare.confidence, 'likely');
    assert.match(bare.missing.join(), /before this instant/);
    const { pools, ...rest } = CHECKED;
    assert.ok(pools);
    const partial = found(rest);
    assert.equal(partial.confidence, 'likely');
    assert.match(partial.missing.join(), /pools of workers/);
  });

  it('says what speaks against it', () => {
    const killed = found({ ...CHECKED, oom: { ...OOM, killCount: 3 } });
    assert.equal(killed.confidence, 'likely');
    assert.match(killed.against.join(), /has killed 3 since boot/);
    const zones = [{ node: 0, name: 'DMA32', free: 50, min: 100, low: 125, high: 150 }];
    assert.match(found({ ...CHECKED, zones }).against.join(), /below min/);
  });

  it('is no finding where somebody stalls, or nothing is known', () => {
    for (const other of ['stalled', 'unknown'] as const) {
      assert.equal(
        notMemory({ ...VERDICT, class: other }, CHECKED, { hasRecords: true }),
        undefined,
      );
    }
  });
});
