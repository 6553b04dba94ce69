import assert from 'node:assert/strict';
import { describeTruth } from '../../../src/sim/simulate.ts';

type Told = Parameters<typeof describeTruth>[0];

const TASKS = ['init', 'backup', 'java', 'cron', 'sshd', 'rngd', 'agetty', 'rm'].map((comm, i) => ({
  pid: i + 1,
  comm,
}));

function told(truth: Partial<Told['truth']>, panic?: string): string[] {
  const none = { stuck: [], asleep: [], recovered: [], cycle: [] };
  const whole = { diagnosis: 'D14', ...none, ...truth } as const;
  const more = panic === undefined ? {} : { panic };
  return describeTruth({ truth: whole, tasks: TASKS as unknown as Told['tasks'], ...more });
}

describe('describeTruth', () => {
  it('is one line where nothing was stuck', () => {
    assert.deepEqual(told({}), ['D14: no stall: nobody was kept waiting for memory']);
  });

  it('says who must move first: who has a lock and needs what is none', () => {
    const cycle = [
      { pid: 2, what: 'memory', kind: 'memory', onPid: 3 },
      { pid: 3, what: 'i_mutex of log', kind: 'mutex', onPid: 2 },
    ];
    assert.deepEqual(told({ diagnosis: 'D3', stuck: [1, 2], asleep: [3, 4], cycle }), [
      'D3: the OOM victim waits for a lock, and the holder of the lock for memory',
      '  hung in a request: init(1), backup(2)',
      '  hung without one: java(3), cron(4)',
      "  backup(2) waits for memory, which is java(3)'s to give",
      "  java(3) waits for i_mutex of log, which is backup(2)'s to give",
      '  to move first: backup(2), which has i_mutex of log and needs memory',
    ]);
  });

  it('names a task that waits for itself once', () => {
    const cycle = [{ pid: 2, what: 'fs_bio_set', kind: 'mempool', onPid: 2 }];
    const [, own, first] = told({ diagnosis: 'D9', cycle });
    assert.equal(own, '  backup(2) waits for fs_bio_set, which is its own to give');
    assert.equal(first, '  to move first: backup(2), which needs fs_bio_set');
  });

  it('says of D8 that printing which never ends is as bad as no CPU', () => {
    const cycle = [
      { pid: 2, what: 'oom_lock', kind: 'mutex', onPid: 3 },
      { pid: 3, what: 'the console', kind: 'console', onPid: 3 },
    ];
    const lines = told({ diagnosis: 'D8', stuck: [2, 3], cycle });
    assert.match(
      lines[0]!,
      /^D8: the holder of oom_lock .* no CPU or comes to no end of printing$/,
    );
    assert.equal(lines[3], '  java(3) waits for the console, which is its own to give');
    assert.equal(
      lines.at(-1),
      '  to move first: java(3), which has oom_lock and needs the console',
    );
  });

  it('names nobody first where all wait for locks', () => {
    const cycle = [
      { pid: 2, what: 'journal', kind: 'mutex', onPid: 9 },
      { pid: 9, what: 'balloon_lock', kind: 'mutex', onPid: 2 },
    ];
    const lines = told({ diagnosis: 'D11', cycle });
    assert.equal(
      lines.at(-1),
      '  to move first: any of them, for each waits for a lock of another',
    );
    assert.match(lines[2]!, /^ {2}\(9\) waits for balloon_lock/);
  });

  it('counts those that it does not name', () => {
    const stuckLine = (count: number): string | undefined =>
      told({ diagnosis: 'D2', stuck: TASKS.slice(0, count).map(({ pid }) => pid) })[1];
    assert.match(stuckLine(6)!, /rngd\(6\)$/);
    assert.match(stuckLine(8)!, /sshd\(5\) and 3 more$/);
  });

  it('has the words of a panic', () => {
    assert.deepEqual(told({ diagnosis: 'panic' }, 'Attempted to kill init!'), [
      'panic: the kernel stopped the machine before the dump (Attempted to kill init!)',
    ]);
  });
});
