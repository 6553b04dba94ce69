import assert from 'node:assert/strict';
import type { TaskFacts } from '../../src/triage/facts.ts';
import { logWords, showsStandstill } from '../../src/triage/log-evidence.ts';
import type { Diagnosis } from '../../src/util/diagnosis.ts';
import { facts, FAULT, MUTEX, type TaskSketch } from '../support/facts-builder.ts';
import { historyOf } from '../support/history-builder.ts';

const VICTIM: TaskSketch = { pid: 47, comm: 'victim', victim: true, calls: MUTEX };
const KILL = '[   70.000000] Out of memory: Killed process 47 (victim) total-vm:1kB';
const GIVEN_UP = '[   72.000000] oom_reaper: unable to reap pid:47 (victim)';
const ASKS: TaskSketch = { pid: 9, comm: 'java', state: 'R', calls: FAULT };

/** What the log says of these tasks at 100 s. */
function words(
  tasks: readonly TaskSketch[],
  lines: readonly string[],
  diagnosis: Diagnosis = 'D3',
): { evidence: string[]; against: readonly string[] } {
  const history = historyOf(lines, 100);
  const { evidence, against } = logWords(facts(tasks, { history }), diagnosis);
  assert.ok(evidence.every(({ verb }) => verb === 'log --memalloc'));
  return { evidence: evidence.map(({ fact }) => fact), against };
}

describe('logWords', () => {
  it('says nothing without a log, or of a log without such lines', () => {
    assert.deepEqual(logWords(facts([VICTIM]), 'D3'), { evidence: [], against: [] });
    const quiet = ['[    1.000000] Linux version 6.1.0'];
    assert.deepEqual(words([VICTIM], quiet), { evidence: [], against: [] });
  });

  it('says since when a victim is chosen, and what the reaper made of it', () => {
    assert.deepEqual(words([VICTIM, ASKS], [KILL, GIVEN_UP]), {
      evidence: [
        'the OOM killer killed victim(47) 30.0 s before the dump',
        'the log has "oom_reaper: unable to reap pid:47 (victim)" 28.0 s before the dump',
      ],
      against: [],
    });
  });

  it('holds a kill against what does not come of kills', () => {
    const { evidence, against } = words([VICTIM, ASKS], [KILL, GIVEN_UP]);
    assert.deepEqual(words([VICTIM, ASKS], [KILL, GIVEN_UP], 'D9'), {
      evidence: [],
      against: [...against, ...evidence],
    });
  });

  it('takes a kill of late for progress, which overload is, unless it gained nothing', () => {
    const late = '[   95.000000] Out of memory: Killed process 47 (victim) total-vm:1kB';
    const vain = '[   99.000000] oom_reaper: unable to reap pid:47 (victim)';
    assert.deepEqual(words([VICTIM, ASKS], [late, vain], 'D13'), {
      evidence: ['the OOM killer killed victim(47) 5.0 s before the dump'],
      against: ['the log has "oom_reaper: unable to reap pid:47 (victim)" 1.0 s before the dump'],
    });
    assert.deepEqual(words([VICTIM, ASKS], [KILL], 'D13').evidence, []);
  });

  it('takes no line for a task that has got its pid since', () => {
    assert.deepEqual(words([{ ...VICTIM, comm: 'other' }], [KILL]).evidence, []);
  });

  it('holds it against a stall that those who were killed lately are gone', () => {
    const lately = '[   95.000000] Out of memory: Killed process 8 (hog) total-vm:1kB';
    const gone = 'the OOM killer gets on: hog(8), killed in the last 10 s, is gone';
    assert.deepEqual(words([ASKS], [KILL, lately]).against, [gone]);
    assert.deepEqual(words([ASKS, { pid: 8, comm: 'hog', victim: true }], [lately]).against, []);
  });

  it('takes the kill of a memory cgroup for no sign of the machine', () => {
    const cgroup =
      '[   95.000000] Memory cgroup out of memory: Killed process 8 (hog) total-vm:1kB';
    const again = '[   95.000001] Killed process 8 (hog) total-vm:1kB, anon-rss:1kB';
    assert.deepEqual(words([ASKS], [cgroup, again]).against, []);
  });

  it('names hung tasks that still sleep, and no others', () => {
    const hung = [5, 6].map(
      (pid) => `[   80.00000${pid}] INFO: task sync:${pid} blocked for more than 120 seconds.`,
    );
    const tasks: TaskSketch[] = [
      { pid: 5, comm: 'sync', calls: MUTEX },
      { pid: 6, comm: 'sync', state: 'S', calls: MUTEX },
    ];
    assert.deepEqual(words(tasks, hung).evidence, [
      'khungtaskd reported sync(5) blocked for more than 120 s, the last 20.0 s before the dump',
    ]);
  });

  it('has the longest allocation stall of those who still ask', () => {
    const stall = (at: number, comm: string, ms: number): string =>
      `[   ${at}.000000] ${comm}: page allocation stalls for ${ms}ms, order:0, mode:0x24280ca`;
    const lines = [stall(88, 'java', 10_004), stall(98, 'java', 20_008), stall(99, 'gone', 99_000)];
    assert.deepEqual(words([ASKS], lines).evidence, [
      '2 page allocation stalls reported, the longest 20.0 s (java), ' +
        'the last 2.0 s before the dump',
    ]);
  });

  it('has the lockups of workqueues', () => {
    const lines = [31, 61].map(
      (s) =>
        `[   ${s}.000000] BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 ` +
        `stuck for ${s}s!`,
    );
    assert.deepEqual(words([ASKS], lines).evidence, [
      '2 workqueue lockups reported, up to 61 s, the last 39.0 s before the dump',
    ]);
  });

  describe('on two reports of the watchdog', () => {
    const report = (at: number, seq: number): string[] => [
      `[   ${at}.000000] MemAlloc-Info: stalling=2 dying=0 exiting=0 victim=0 oom_count=7`,
      `[   ${at}.000001] MemAlloc: java(9) flags=0x400000 switches=5 seq=${seq} ` +
        `gfp=0x14280ca(GFP_HIGHUSER_MOVABLE) order=0 delay=${at * 100}`,
      `[   ${at}.000002] MemAlloc: gone(3) flags=0x400000 switches=5 seq=1 ` +
        `gfp=0x14280ca(GFP_HIGHUSER_MOVABLE) order=0 delay=${at * 100}`,
    ];
    const between = "between the watchdog's last two reports (80.0 s, 90.0 s)";

    it('says who waits now and did not get on', () => {
      assert.deepEqual(words([ASKS], [...report(80, 4), ...report(90, 4)]), {
        evidence: [`no progress of java(9) ${between}`],
        against: [],
      });
    });

    it('holds it against a stall that a request got on', () => {
      assert.deepEqual(words([ASKS], [...report(80, 4), ...report(90, 6)]), {
        evidence: [],
        against: [`java(9) got on ${between}`],
      });
    });

    it('shows that nothing moved, by whom the last report lists again', () => {
      const shows = (seq: number): boolean => {
        const history = historyOf([...report(80, 4), ...report(90, seq)], 100);
        return showsStandstill(facts([ASKS], { history }));
      };
      assert.deepEqual([shows(4), shows(6), showsStandstill(facts([ASKS]))], [true, false, false]);
    });

    it('has both lists the other way round where it is overload', () => {
      const stuck = [...report(80, 4), ...report(90, 4)];
      const against = [`no progress of java(9) ${between}`];
      assert.deepEqual(words([ASKS], stuck, 'D13'), { evidence: [], against });
      const moving = [...report(80, 4), ...report(90, 6)];
      const evidence = [`java(9) got on ${between}`];
      assert.deepEqual(words([ASKS], moving, 'D13'), { evidence, against: [] });
    });

    it('goes by seq where the record has it, and never by time stamps', () => {
      const made = facts([ASKS], { history: historyOf([...report(80, 4), ...report(90, 6)], 140) });
      const [fact] = made.tasks;
      assert.ok(fact !== undefined);
      const later = (seq: number): readonly string[] => {
        const record = { inFlight: true, seq } as TaskFacts['task']['record'];
        const task = { ...fact.task, record };
        return logWords({ ...made, tasks: [{ ...fact, task } as TaskFacts] }, 'D3').against;
      };
      assert.deepEqual(later(6), []);
      assert.deepEqual(later(7), ["java(9) got on after the watchdog's last report"]);
    });

    it('says how many joined in the last report', () => {
      const hog = '[   90.000003] MemAlloc: hog(4) gfp=0x24280ca order=0 delay=1000';
      const other: TaskSketch = { ...ASKS, pid: 4, comm: 'hog' };
      const lines = [...report(80, 4), ...report(90, 4), hog];
      assert.deepEqual(words([ASKS, other], lines).evidence, [
        `no progress of java(9) ${between}; 1 more joined in the last`,
      ]);
    });
  });

  it('lets no name of a task through to the terminal as it is', () => {
    const line = '[   80.000000] Out of memory: Killed process 47 (a\x1b[2J) total-vm:1kB';
    const victim = { ...VICTIM, comm: 'a\\x1b[2J' };
    assert.match(words([victim], [line]).evidence.join(), /killed a\\x1b\[2J\(47\) 20\.0 s/);
  });
});
