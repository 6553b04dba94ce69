import assert from 'node:assert/strict';
import { parseLogEvent } from '../../src/kernel/log-events.ts';

describe('parseLogEvent', () => {
  const CASES: readonly (readonly [text: string, expected: object])[] = [
    [
      'a b invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=-1000',
      { kind: 'oom-killer', comm: 'a b' },
    ],
    [
      'Out of memory: Killed process 47 (victim) total-vm:16532kB, anon-rss:6068kB',
      { kind: 'oom-kill', pid: 47, comm: 'victim' },
    ],
    [
      'Out of memory: Kill process 3788 (write) score 0 or sacrifice child',
      { kind: 'oom-kill', pid: 3788, comm: 'write' },
    ],
    [
      'oom_reaper: unable to reap pid:1562 (a.out)',
      { kind: 'oom-reaper', pid: 1562, comm: 'a.out' },
    ],
    [
      'oom_reaper: reaped process 9 (x), now anon-rss:0kB',
      { kind: 'oom-reaper', pid: 9, comm: 'x' },
    ],
    [
      'cc1: page allocation stalls for 10012ms, order:1, mode:0x14000c0(GFP_KERNEL)',
      { kind: 'allocation stall', comm: 'cc1', seconds: 10.012 },
    ],
    [
      'w: page allocation failure: order:0, mode:0x800(GFP_NOWAIT), nodemask=(null)',
      { kind: 'allocation failure', comm: 'w' },
    ],
    [
      'INFO: task kworker/1:1:407 blocked for more than 120 seconds.',
      { kind: 'hung task', comm: 'kworker/1:1', pid: 407, seconds: 120 },
    ],
    [
      'INFO: task a:4 blocked in I/O wait for more than 241 seconds.',
      { kind: 'hung task', comm: 'a', pid: 4, seconds: 241 },
    ],
    [
      'BUG: workqueue lockup - pool cpus=1 node=0 flags=0x0 nice=0 stuck for 38s!',
      { kind: 'workqueue lockup', seconds: 38 },
    ],
    ['** 73 printk messages dropped ** ', { kind: 'dropped', count: 73 }],
  ];
  for (const [text, expected] of CASES) {
    it(`knows "${text.slice(0, 40)}…"`, () => {
      assert.deepEqual(parseLogEvent({ timeUs: 7, text }), { ...expected, timeUs: 7, text });
    });
  }

  it('is done at once with a line that is made to keep it busy', () => {
    const started = process.cpuUsage();
    parseLogEvent({ text: `INFO: task ${':1 blocked '.repeat(20_000)}` });
    assert.ok(process.cpuUsage(started).user < 500_000);
  });

  it('leaves every other line alone', () => {
    for (const text of ['', 'Mem-Info:', 'oom_reaper: x', 'INFO: task']) {
      assert.equal(parseLogEvent({ text }), undefined);
    }
  });
});
