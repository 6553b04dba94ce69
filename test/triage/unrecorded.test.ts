import assert from 'node:assert/strict';
import type { MemallocResult, MemallocTask } from '../../src/kernel/memalloc-report.ts';
import type { OomState } from '../../src/kernel/oom.ts';
import { withoutRecord } from '../../src/triage/unrecorded.ts';
import type { Verdict } from '../../src/triage/verdict.ts';

interface Sketch {
  readonly pid: number;
  /** Seconds that it has been in the slow path at least; 0: not known for how long. */
  readonly asks?: number;
  readonly oomMm?: string;
  readonly gfpNames?: string;
  readonly unread?: boolean;
  readonly noMask?: boolean;
  /** kswapd at work, or with nothing to do. */
  readonly kswapd?: 'reclaims' | 'idle';
}

function task(sketch: Sketch): MemallocTask {
  const { pid, asks, oomMm = '0x0', gfpNames = 'GFP_KERNEL', unread, kswapd, noMask } = sketch;
  const fact = (value: unknown): object => ({ value, source: 'test', kind: 'bound' });
  const evidence = {
    ...(unread === true ? { stackUnread: true } : {}),
    ...(asks === undefined
      ? {}
      : { place: fact('slow path'), ...(noMask === true ? {} : { gfpNames }) }),
    ...((asks ?? 0) > 0 ? { age: fact(asks) } : {}),
    ...(kswapd === 'reclaims' ? { reclaim: {} } : {}),
  };
  const comm = kswapd === undefined ? 'task' : `kswapd${pid}`;
  const words = { uninterruptible: false, exiting: false, dying: false, victim: false };
  const known = { address: `0x${pid}`, pid, tgid: pid, comm, oomMm, signal: `0x1${pid}` };
  const kthread = kswapd !== undefined;
  return { ...known, kthread, oomScoreAdj: 0, words, evidence } as unknown as MemallocTask;
}

function judged(
  tasks: readonly Sketch[],
  about: { killed?: number; timeout?: number } = {},
): Verdict {
  const memalloc = {
    type: 'memalloc',
    rebuilt: { timeoutSeconds: { value: about.timeout ?? 10, source: 'default' } },
    coverage: {
      taskListComplete: true,
      tasksWithoutSignal: 0,
      tasksWithoutMemstall: 0,
      countsMemstalls: true,
    },
    tasks: tasks.map(task),
  } as unknown as MemallocResult;
  const oom = about.killed === undefined ? undefined : ({ killCount: about.killed } as OomState);
  return withoutRecord(memalloc, { gaps: [], oom });
}

describe('withoutRecord', () => {
  it('says how long requests have waited at least, the longest first', () => {
    const { class: verdictClass, since } = judged([
      { pid: 1, asks: 12.3 },
      { pid: 2, asks: 37.3 },
    ]);
    assert.equal(verdictClass, 'no-oom-kill');
    assert.match(
      since ?? '',
      /^2 tasks are known to have .* over 10 s, at least: task\(2\) 37\.3 s, task\(1\) 12\.3 s\./,
    );
  });

  it('goes by the timeout that was asked for', () => {
    const asks = [{ pid: 1, asks: 12.3 }];
    assert.equal(judged(asks, { timeout: 20 }).class, 'unknown');
    assert.match(
      judged(asks, { timeout: 20 }).since ?? '',
      /none known to be there for over 20 s; for at least: task\(1\) 12\.3 s\.$/,
    );
  });

  it('knows by their masks whether requests may invoke the OOM killer', () => {
    const nofs = { pid: 1, asks: 12.3, gfpNames: 'GFP_NOFS' };
    assert.equal(judged([nofs]).class, 'only-nofs');
    assert.equal(judged([nofs, { pid: 2, oomMm: '0x1000' }]).class, 'after-oom-kill');
  });

  it('does not count masks of which none is known', () => {
    const said = (gfpNames?: string): unknown[] => {
      const { evidence, missing } = judged([{ pid: 1, asks: 12, noMask: gfpNames === undefined }]);
      return [evidence.some(({ fact }) => fact === 'their requests'), missing[0]];
    };
    assert.deepEqual(said(), [false, 'what 1 request asks for']);
    assert.equal(said('GFP_KERNEL')[0], true);
  });

  it('tells victims that are gone from none', () => {
    const said = (killed: number): string => judged([{ pid: 1, asks: 12 }], { killed }).sentence;
    assert.match(said(3), /no OOM victim is alive \(the OOM killer has killed 3 since boot\)/);
    assert.match(said(0), /the OOM killer has killed nobody since boot/);
  });

  it('closes the case where every stack was read and none is in the allocator', () => {
    const verdict = judged([{ pid: 1 }, { pid: 2 }]);
    assert.equal(verdict.class, 'not-stalled');
    assert.match(verdict.sentence, /^No task is stuck .* none of 2 is in its slow path/);
  });

  it('does not pass over a kswapd that reclaims, which is no reason not to close it', () => {
    const said = (...at: ('reclaims' | 'idle')[]): string =>
      judged([{ pid: 1 }, ...at.map((kswapd, pid) => ({ pid, kswapd }))]).sentence;
    assert.match(
      said('reclaims'),
      /memory cgroup, nobody but kswapd0\(0\) is in reclaim, and no o/,
    );
    assert.match(said('reclaims', 'reclaims'), /nobody but kswapd0\(0\) and kswapd1\(1\) is in/);
    assert.match(said('idle'), /none of 2 is in its slow path, .* or is in reclaim, and none is/);
  });

  it('says of requests that are younger than it shows that they are', () => {
    const said = (asks: number): string => judged([{ pid: 1, asks }]).since ?? '';
    assert.match(
      said(0.04),
      /1 task is in the .* slow path, none known to be there for 0\.1 s yet\.$/,
    );
    assert.match(said(0), /slow path; for how long is not known\.$/);
  });

  it('does not close it where somebody asks, was chosen, or has a stack that was not read', () => {
    for (const open of [{ asks: 0 }, { oomMm: '0x1000' }, { unread: true }]) {
      assert.equal(judged([{ pid: 1, ...open }]).class, 'unknown');
    }
  });
});
