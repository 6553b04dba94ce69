import assert from 'node:assert/strict';
import type { MemallocResult, MemallocTask } from '../../src/kernel/memalloc-report.ts';
import { judge, type Verdict, type VerdictClass } from '../../src/triage/verdict.ts';

const MACHINE = { release: '6.1.0-test' };

interface TaskSpec {
  readonly comm: string;
  /** Seconds that its request has been waiting; none where absent. */
  readonly waits?: number;
  readonly gfpNames?: string | undefined;
  readonly stalling?: boolean;
  readonly words?: MemallocTask['words'];
  readonly oomMm?: string;
  readonly unread?: boolean;
  readonly inMemstall?: boolean;
  readonly flags?: number;
}

let nextPid = 100;

function task(spec: TaskSpec): MemallocTask {
  const { comm, waits, words, oomMm, unread, inMemstall } = spec;
  const gfpNames = 'gfpNames' in spec ? spec.gfpNames : 'GFP_KERNEL';
  const pid = nextPid++;
  return {
    address: `0x${pid}`,
    pid,
    tgid: pid,
    comm,
    threadFlags: '0x0',
    oomScoreAdj: 0,
    ...(spec.flags === undefined ? {} : { flags: spec.flags }),
    stateBits: words?.uninterruptible === true ? 2 : 0,
    ...(oomMm === undefined ? {} : { oomMm, signal: `0x1${pid}` }),
    ...(inMemstall === undefined ? {} : { inMemstall }),
    words: words ?? { uninterruptible: false, exiting: false, dying: false, victim: false },
    ...(unread === true
      ? {}
      : {
          record: {
            task: `0x${pid}`,
            depth: waits === undefined ? 0 : 1,
            torn: false,
            start: '1',
            order: 0,
            mempool: false,
            gfpMask: '0xcc0',
            inherited: false,
            corruptDepth: false,
            inFlight: waits !== undefined,
            stalling: spec.stalling ?? (waits ?? 0) >= 10,
            overdue: (waits ?? 0) >= 10,
            ...(waits === undefined ? {} : { delay: String(waits * 100), delaySeconds: waits }),
            ...(gfpNames === undefined ? {} : { gfpNames }),
          },
        }),
  };
}

function result(specs: readonly TaskSpec[], changes: Partial<MemallocResult> = {}): MemallocResult {
  const tasks = specs.map(task);
  const stalling = tasks.filter(({ record }) => record?.stalling === true).length;
  const unread = tasks.filter(({ record }) => record === undefined).length;
  return {
    type: 'memalloc',
    record: {
      layout: 'L3',
      source: 'test',
      format: 'v3',
      formatSource: 'test',
      timeoutSeconds: { value: 10, source: 'test' },
      timeoutJiffies: '1000',
      silent: stalling === 0,
      counts: unread === tasks.length ? {} : { stalling, dying: 0, exiting: 0, victim: 0 },
      lines: [],
      gfpNamesFrom: 'test',
    },
    jiffies: '5000',
    hz: 100,
    hzSource: 'test',
    constants: [],
    coverage: {
      taskListComplete: tasks.length > 0,
      tasksWithoutRecord: unread,
      tasksWithoutFlags: 0,
      tasksWithoutSignal: 0,
      countsMemstalls: true,
      tasksWithoutMemstall: 0,
      tornRecords: 0,
      requestListComplete: true,
      unknownBits: [],
    },
    tasks,
    ...changes,
  };
}

function check(memalloc: MemallocResult, expected: { class: VerdictClass; says: RegExp }): Verdict {
  const { verdict } = judge(memalloc, MACHINE);
  assert.equal(verdict.class, expected.class, verdict.sentence);
  assert.match(verdict.sentence, expected.says);
  return verdict;
}

const STUCK: TaskSpec = { comm: 'stuck', waits: 30 };
const VICTIM = { uninterruptible: true, dying: true, victim: true, exiting: false };

describe('judge', () => {
  it('goes by the whole timeout, not by the half from which on v4 lists requests', () => {
    const young = { comm: 'young', waits: 6.7, stalling: true };
    check(result([young]), { class: 'not-stalled', says: /no request is older than 10 s/ });
    const { since } = check(result([STUCK, young]), { class: 'no-oom-kill', says: /^1 task has / });
    assert.match(String(since), /^1 task has waited .*: stuck\(\d+\) 30\.0 s\./);
  });

  it('names the longest waiter and the victim that cannot exit', () => {
    check(result([STUCK, { comm: 'older', waits: 40.5 }, { comm: 'java', words: VICTIM }]), {
      class: 'after-oom-kill',
      says: /^2 tasks are .* longest older\(\d+\) for 40\.5 s, .* java\(\d+\), which sleeps/,
    });
  });

  it('sees a victim by signal->oom_mm where the marked thread has gone', () => {
    const verdict = check(result([STUCK, { comm: 'java', oomMm: '0xffff888000001000' }]), {
      class: 'after-oom-kill',
      says: /chosen java/,
    });
    assert.match(verdict.evidence.map(({ fact }) => fact).join(), /signal->oom_mm/);
  });

  it('does not say that nobody was chosen where that could not be seen', () => {
    const words = { uninterruptible: false, exiting: false };
    const memalloc = result([{ ...STUCK, words }]);
    const coverage = { ...memalloc.coverage, unknownBits: ['TIF_MEMDIE'] };
    const verdict = check(
      { ...memalloc, coverage },
      {
        class: 'stalled',
        says: /^At least 1 task has .*; whether the OOM killer has chosen .* could not be read/,
      },
    );
    assert.match(verdict.missing.join(), /TIF_MEMDIE not found in the code/);
  });

  it('tells requests that may not invoke the OOM killer from those that may', () => {
    const nofs = { ...STUCK, gfpNames: 'GFP_NOFS|__GFP_NOWARN' };
    check(result([nofs, { ...nofs, gfpNames: 'GFP_NOIO' }]), {
      class: 'only-nofs',
      says: /none of these requests may invoke it/,
    });
    check(result([nofs, STUCK]), { class: 'no-oom-kill', says: /at least one .* may invoke it/ });
    check(result([{ ...nofs, gfpNames: 'GFP_KERNEL|__GFP_RETRY_MAYFAIL' }]), {
      class: 'only-nofs',
      says: /none of these requests may invoke it/,
    });
  });

  it('does not guess what a mask without names may do', () => {
    check(result([{ ...STUCK, gfpNames: undefined }]), {
      class: 'stalled',
      says: /whether one of these requests may invoke it is not known/,
    });
    // Kernels before v4.12 let such a request invoke it.
    check(result([{ ...STUCK, gfpNames: 'GFP_NOFS|__GFP_NOFAIL' }]), {
      class: 'stalled',
      says: /is not known/,
    });
  });

  it('takes the scope of a task off the mask that RFC v2 stored before, and off no other', () => {
    const PF_MEMALLOC = 0x800;
    const PF_MEMALLOC_NOFS = 0x40000;
    const CASES: [format: string, flags: number, expected: VerdictClass][] = [
      ['rfc2', 0, 'no-oom-kill'],
      ['rfc2', PF_MEMALLOC_NOFS, 'only-nofs'],
      // The file system that reclaim has come to may have opened the scope.
      ['rfc2', PF_MEMALLOC_NOFS | PF_MEMALLOC, 'stalled'],
      ['rfc', PF_MEMALLOC_NOFS, 'no-oom-kill'],
      ['v8', PF_MEMALLOC_NOFS | PF_MEMALLOC, 'no-oom-kill'],
    ];
    for (const [format, flags, expected] of CASES) {
      const memalloc = result([{ ...STUCK, flags }]);
      const record = { ...memalloc.record!, format };
      check({ ...memalloc, record }, { class: expected, says: /./ });
    }
    const memalloc = result([{ ...STUCK, flags: PF_MEMALLOC_NOFS, gfpNames: 'GFP_NOFS' }]);
    const record = { ...memalloc.record!, format: 'rfc2' };
    check({ ...memalloc, record }, { class: 'only-nofs', says: /none of these requests/ });
  });

  it('says of a victim that it waits for memory itself', () => {
    const PF_EXITING = 0x4;
    const words = { ...VICTIM, uninterruptible: false, exiting: true };
    const other = { comm: 'write', words: VICTIM };
    const waiter = { comm: 'exits', waits: 31.7, flags: PF_EXITING, words };
    check(result([STUCK, other, waiter]), {
      class: 'after-oom-kill',
      says: /; write\(\d+\) sleeps .*; exits\(\d+\) is exiting and has waited .* 31\.7 s\.$/,
    });
    check(result([STUCK, waiter]), { class: 'after-oom-kill', says: /chosen exits\(\d+\); exits/ });
  });

  it('says that tasks wait for memory at their exit', () => {
    const PF_EXITING = 0x4;
    const verdict = check(result([STUCK, { comm: 'httpd', waits: 12, flags: PF_EXITING }]), {
      class: 'no-oom-kill',
      says: /^2 tasks have waited .* over 10 s, .* One of them is exiting, .* for 12\.0 s\.$/,
    });
    assert.match(
      verdict.evidence.map(({ fact }) => fact).join('\n'),
      /exiting: 1 \(httpd\(\d+\)\)/,
    );
  });

  it('counts the kinds of requests, a detail each, the most frequent first', () => {
    const nofs = { ...STUCK, gfpNames: 'GFP_NOFS' };
    const { evidence } = judge(result([STUCK, nofs, nofs]), MACHINE).verdict;
    const details = evidence.flatMap((each) => each.details ?? []);
    assert.deepEqual(details, ['2 × GFP_NOFS', '1 × GFP_KERNEL']);
    const kinds = Array.from({ length: 12 }, (_, i) => ({ ...STUCK, gfpNames: `GFP_KERNEL${i}` }));
    const many = judge(result(kinds), MACHINE).verdict.evidence.flatMap(({ details }) => details);
    assert.ok(many.includes('2 more kinds'));
  });

  it('does not close the case while a task reclaims without a request of its own', () => {
    const PF_MEMALLOC = 0x800;
    const words = { ...VICTIM, dying: false, victim: false };
    const reclaiming = { comm: 'mysqld', flags: PF_MEMALLOC, words };
    for (const spec of [reclaiming, { comm: 'mysqld', inMemstall: true }]) {
      const verdict = check(result([{ comm: 'a' }, spec]), {
        class: 'unknown',
        says: /^No request .* 10 s, and none is in flight; but 1 task \(mysqld\(\d+\)\) is in/,
      });
      assert.match(verdict.missing.join(), /since when mysqld\(\d+\) waits$/);
      assert.match(verdict.evidence.map(({ fact }) => fact).join(), /: 1 \(mysqld\(\d+\)\)/);
    }
    const waits = result([{ comm: 'a' }, reclaiming]);
    const offCpu = { value: 17.7, source: 'test' };
    const evidence = { offCpu } as NonNullable<MemallocTask['evidence']>;
    const tasks = waits.tasks.map((each) => ({ ...each, ...(each.flags ? { evidence } : {}) }));
    assert.match(
      judge({ ...waits, tasks }, MACHINE).verdict.missing.join(),
      /^since when exactly mysqld\(\d+\) waits: without a CPU for 17\.7 s at least$/,
    );
    // Its request says since when it reclaims.
    const young = { ...reclaiming, waits: 2 };
    check(result([young]), {
      class: 'not-stalled',
      says: /the oldest: mysqld\(\d+\) for 2\.0 s\.$/,
    });
  });

  it('closes the case where every record was read and none is old', () => {
    const verdict = check(result([{ comm: 'a' }, { comm: 'b', waits: 2 }]), {
      class: 'not-stalled',
      says: /^No task is stuck .* no request is older than 10 s, the oldest: b\(\d+\) for 2\.0 s/,
    });
    assert.deepEqual(verdict.missing, []);
  });

  it('does not close it where a record could not be read', () => {
    const verdict = check(result([{ comm: 'a' }, { comm: 'b', unread: true }]), {
      class: 'unknown',
      says: /cannot be said for all of them; of the 1 that could be read/,
    });
    assert.match(verdict.missing.join(), /the request, or its age, of 1 of 2 tasks/);
  });

  it('says at least where the task list is not whole', () => {
    const memalloc = result([STUCK]);
    const coverage = { ...memalloc.coverage, taskListComplete: false };
    const verdict = check(
      { ...memalloc, coverage },
      {
        class: 'stalled',
        says: /^At least 1 task has waited .* chosen a victim could not be read/,
      },
    );
    assert.match(verdict.missing.join(), /the task list could not be read whole/);
  });

  it('says nothing of a machine of which no task or record was read', () => {
    check(result([]), { class: 'unknown', says: /cannot be said/ });
    check(result([{ comm: 'a', unread: true }]), { class: 'unknown', says: /cannot be said/ });
  });

  it('gives ages in jiffies where HZ is not known', () => {
    const memalloc = result([STUCK]);
    const tasks = memalloc.tasks.map((each) => {
      const { delaySeconds, ...record } = each.record ?? assert.fail();
      assert.ok(delaySeconds);
      return { ...each, record };
    });
    check({ ...memalloc, tasks }, { class: 'no-oom-kill', says: /for 3000 jiffies/ });
  });

  it('says of an unpatched kernel what it does know', () => {
    const { record, ...rest } = result([
      { comm: 'hog', inMemstall: true, unread: true },
      { comm: 'java', oomMm: '0xffff888000001000', unread: true },
      { comm: 'idle', unread: true },
    ]);
    assert.ok(record);
    const coverage = { ...rest.coverage, tasksWithoutRecord: 0 };
    check(
      { ...rest, coverage },
      {
        class: 'unknown',
        says: /^Not known to be stuck: 1 task is .* has chosen 1 process\. .*lacks the kmallocwd/,
      },
    );
  });

  it('does not take unread tasks of an unpatched kernel for healthy ones', () => {
    const { record, ...rest } = result([{ comm: 'a' }]);
    assert.ok(record);
    check({ ...rest, tasks: [] }, { class: 'unknown', says: /^Nothing can be said: no task/ });
    const coverage = { ...rest.coverage, tasksWithoutMemstall: 1 };
    check(
      { ...rest, coverage },
      { class: 'unknown', says: /^Not known to be stuck: none of the tasks that could be read/ },
    );
    const psiOff = { ...rest.coverage, countsMemstalls: false };
    check({ ...rest, coverage: psiOff }, { class: 'unknown', says: /PSI is off in this kernel/ });
  });

  it('does not say that a victim in a killable wait ignores SIGKILL', () => {
    const memalloc = result([STUCK, { comm: 'java', words: VICTIM }]);
    const tasks = memalloc.tasks.map((each) =>
      each.comm === 'java' ? { ...each, stateBits: 0x102 } : each,
    );
    check({ ...memalloc, tasks }, { class: 'after-oom-kill', says: /has chosen java\(\d+\)\.$/ });
  });

  it('does not close the case over a torn record or an unread list of requests', () => {
    const memalloc = result([{ comm: 'a' }]);
    for (const gap of [{ tornRecords: 1 }, { requestListComplete: false }]) {
      const coverage = { ...memalloc.coverage, ...gap };
      check({ ...memalloc, coverage }, { class: 'unknown', says: /cannot be said/ });
    }
  });
});
