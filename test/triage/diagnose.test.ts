import assert from 'node:assert/strict';
import type { NodeState } from '../../src/kernel/mmzone.ts';
import type { PageCounter } from '../../src/kernel/vmstat.ts';
import { diagnose } from '../../src/triage/diagnose.ts';
import type { Finding } from '../../src/triage/finding.ts';
import { facts, FAULT, MUTEX, RECLAIM, type TaskSketch } from '../support/facts-builder.ts';

type Others = Parameters<typeof facts>[1];

function found(tasks: readonly TaskSketch[], others?: Others): string[] {
  return diagnose(facts(tasks, others)).map(
    ({ diagnosis, confidence }) => `${diagnosis} ${confidence}`,
  );
}

function first(tasks: readonly TaskSketch[], others?: Others): Finding {
  const [finding] = diagnose(facts(tasks, others));
  assert.ok(finding !== undefined);
  return finding;
}

const KSWAPD: TaskSketch = {
  pid: 30,
  comm: 'kswapd0',
  kthread: true,
  calls: `${MUTEX} < jbd2_journal_start < shrink_slab < shrink_node < balance_pgdat < kswapd`,
};
const ASKS: TaskSketch = { pid: 1, state: 'R', calls: FAULT, gfp: 'GFP_HIGHUSER_MOVABLE' };
const OVERLOAD = 'D13 possible';

describe('diagnose', () => {
  it('finds nothing where nobody asks for memory', () => {
    assert.deepEqual(found([{ pid: 1, state: 'S', calls: '__schedule < do_nanosleep' }]), []);
  });

  it('finds an overload where requests are overdue and nothing holds them', () => {
    assert.deepEqual(found([ASKS]), [OVERLOAD]);
  });

  it('finds no overload beside what explains it, and counts what is known to be overdue', () => {
    const stuck = { pid: 2, victim: true, calls: `${MUTEX} < vfs_write` } as const;
    assert.deepEqual(found([ASKS, stuck]), ['D3 likely']);
    const { gfp, ...unknown } = ASKS;
    assert.notEqual(gfp, undefined);
    assert.match(first([ASKS, { ...unknown, pid: 2 }]).sentence, /^1 requests? /);
    assert.match(first([unknown, { ...unknown, pid: 2 }]).sentence, /^2 tasks are in /);
  });

  it('finds none where requests are recorded and young', () => {
    const young = { pid: 1, state: 'R', calls: FAULT, young: true } as const;
    const victim = { pid: 2, victim: true, calls: `${MUTEX} < vfs_write` } as const;
    assert.deepEqual(found([young]), []);
    assert.deepEqual(found([young, { ...victim, young: true }]), []);
  });

  it('takes an overload for likely where the disk is at work, but not against its own I/O', () => {
    assert.deepEqual(found([ASKS], { writeback: 40 }), ['D13 likely']);
    const pool: TaskSketch = { pid: 24, calls: 'io_schedule_timeout < mempool_alloc < submit_bio' };
    assert.deepEqual(found([ASKS, pool], { writeback: 40 }), ['D9 possible', OVERLOAD]);
  });

  describe('an OOM victim in a lock (D3)', () => {
    const victim: TaskSketch = {
      pid: 2,
      comm: 'java',
      victim: true,
      calls: `${MUTEX} < vfs_write`,
    };
    const holder: TaskSketch = { ...ASKS, pid: 3, comm: 'backup' };
    const lock = { lock: 'mutex 0xf00', holders: [3], isCertain: true };

    it('is certain where the holder of the lock waits for memory', () => {
      const finding = first([{ ...victim, waitsFor: lock }, holder]);
      assert.equal(finding.diagnosis, 'D3');
      assert.equal(finding.confidence, 'certain');
      assert.deepEqual(finding.culprits, [3]);
      assert.match(
        finding.sentence,
        /java\(2\) cannot exit: it waits for mutex 0xf00, .*backup\(3\)/,
      );
    });

    it('is found where the victim waits for a lock below the allocator', () => {
      const shrinks: TaskSketch = {
        ...victim,
        calls: `${MUTEX} < jbd2_journal_start < super_cache_scan < shrink_slab < ${RECLAIM}`,
        gfp: 'GFP_KERNEL',
      };
      assert.equal(found([{ ...shrinks, waitsFor: lock }, holder])[0], 'D3 certain');
      assert.deepEqual(found([shrinks, holder]), [OVERLOAD]);
    });

    it('goes on over holders that wait for locks themselves', () => {
      const finding = first([
        { ...victim, waitsFor: { lock: 'mutex 0xf00', holders: [4], isCertain: true } },
        {
          pid: 4,
          calls: `${MUTEX} < do_unlinkat`,
          waitsFor: { lock: 'rwsem 0xf10', holders: [3], isCertain: true },
        },
        holder,
      ]);
      assert.equal(finding.confidence, 'certain');
      const way =
        /mutex 0xf00, which task-4\(4\) has; task-4\(4\) waits for rwsem 0xf10, which back/;
      assert.match(finding.sentence, way);
      assert.deepEqual(finding.culprits, [3]);
    });

    it('says in a circle of locks who waits for each other, and blames no memory', () => {
      const wants = (pid: number, on: number): TaskSketch => ({
        pid,
        calls: `${MUTEX} < do_unlinkat`,
        waitsFor: { lock: `mutex 0x${pid}`, holders: [on], isCertain: true },
      });
      const stuck = { ...victim, ...wants(2, 4) };
      const finding = first([stuck, wants(4, 5), wants(5, 4), holder]);
      assert.equal(`${finding.diagnosis} ${finding.confidence}`, 'D3 likely');
      assert.match(finding.sentence, /behind a circle of locks \(task-4\(4\) -> task-5\(5\) -> ta/);
      assert.deepEqual(finding.culprits, [4, 5]);
      const inside = first([stuck, { ...wants(4, 2), calls: `${MUTEX} < ${RECLAIM}` }, holder]);
      assert.match(inside.sentence, /in a circle of locks \(java\(2\) -> task-4\(4\) -> java/);
      assert.equal(inside.confidence, 'likely');
    });

    it('gives as its reason what lowers its confidence', () => {
      const because = (others: Others, sketch: Partial<TaskSketch> = {}): string => {
        const tasks = [{ ...victim, waitsFor: lock, ...sketch }, holder];
        const found = diagnose(facts(tasks, others)).find(({ diagnosis }) => diagnosis === 'D3');
        return found?.because ?? '';
      };
      assert.doesNotMatch(because({}), /but/);
      assert.match(because({ writeback: undefined }), /, but whether pages are being written/);
      assert.match(because({ symbols: ['oom_reaper'] }), /, but whether its memory was taken/);
      const { gfp, ...unaged } = holder;
      assert.notEqual(gfp, undefined);
      const { because: unknown } = first([{ ...victim, waitsFor: lock }, unaged]);
      assert.match(unknown, /, but for how long backup\(3\) has waited is not known/);
      const young: TaskSketch = { ...unaged, young: true };
      const { because: late } = first([{ ...victim, waitsFor: lock }, young, { ...ASKS, pid: 9 }]);
      assert.match(late, /, but backup\(3\) has not waited for long/);
    });

    it('says that the end of its chain waits for a lock whose holder is not known', () => {
      const waits: TaskSketch = { pid: 3, comm: 'backup', calls: `${MUTEX} < do_unlinkat` };
      const finding = first([{ ...victim, waitsFor: lock }, waits, ASKS]);
      assert.match(finding.sentence, /backup\(3\), which waits for a lock itself/);
      assert.match(finding.because, /what backup\(3\) waits for could not be proved/);
    });

    it('is not certain while pages are being written: an overload is likelier then', () => {
      const tasks = [{ ...victim, waitsFor: lock }, holder];
      assert.deepEqual(found(tasks, { writeback: 128 }), ['D13 likely', 'D3 possible']);
      const { against } = diagnose(facts(tasks, { writeback: 128 }))[1] ?? {};
      assert.match(String(against), /128 pages being written/);
      assert.deepEqual(found(tasks, { writeback: undefined }), ['D3 likely']);
    });

    it('is likely where the stack alone shows a lock', () => {
      assert.deepEqual(found([victim, holder]), ['D3 likely']);
    });

    it('is none where the victim runs, is a zombie, or where nobody waits for memory', () => {
      assert.deepEqual(found([{ ...victim, state: 'R' }, holder]), [OVERLOAD]);
      assert.deepEqual(found([{ ...victim, state: 'Z' }, holder]), [OVERLOAD]);
      assert.deepEqual(found([victim]), []);
    });
  });

  describe('the reaper kept out (D4)', () => {
    const writer: TaskSketch = {
      pid: 5,
      victim: true,
      mm: '0x5000',
      calls: `${MUTEX} < ${RECLAIM} < pte_alloc_one < move_page_tables`,
      gfp: 'GFP_KERNEL',
    };
    const exiting: TaskSketch = {
      pid: 6,
      victim: true,
      reaped: false,
      mm: '0x5000',
      calls: '__schedule < schedule < rwsem_down_read_slowpath < down_read < exit_mm < do_exit',
    };

    const REAPER = { symbols: ['oom_reaper'] };
    const ofWriter = { lock: 'mmap_lock of task-5(5)', holders: [5], isCertain: true };

    it('is found where a victim changes its map, and others of it want that lock', () => {
      const finding = first([writer, exiting], { symbols: ['oom_reaper'] });
      assert.equal(finding.diagnosis, 'D4');
      assert.match(finding.sentence, /task-6\(6\) cannot exit/);
      assert.deepEqual(finding.culprits, [5]);
    });

    it('is certain where they wait for its lock, and the wait of the victim is no other', () => {
      const waits = {
        ...exiting,
        waitsFor: ofWriter,
      };
      assert.deepEqual(found([writer, waits], REAPER), ['D4 certain']);
    });

    it('names the lock that the thread waits for and who has that', () => {
      const lock = { lock: 'mutex 0xf00', holders: [9], isCertain: true };
      const waits = { ...exiting, waitsFor: ofWriter };
      const holder: TaskSketch = { ...ASKS, pid: 9, comm: 'postgres' };
      const findings = diagnose(facts([{ ...writer, waitsFor: lock }, waits, holder], REAPER));
      assert.deepEqual(
        findings.map(({ diagnosis, confidence }) => `${diagnosis} ${confidence}`),
        ['D4 certain'],
      );
      assert.match(
        findings[0]?.sentence ?? '',
        /task-5\(5\) has .* waits for mutex 0xf00, which postgres\(9\) has, and that waits/,
      );
      assert.deepEqual(findings[0]?.culprits, [5, 9]);
      const { gfp, ...late } = holder;
      assert.notEqual(gfp, undefined);
      const young = first([{ ...writer, waitsFor: lock }, waits, { ...late, young: true }], REAPER);
      assert.equal(young.confidence, 'likely');
      assert.match(young.because, /, but postgres\(9\) has not waited for long/);
      assert.match(young.against.join(), /postgres\(9\) has not waited for long/);
      const unaged = first([{ ...writer, waitsFor: lock }, waits, late], REAPER);
      assert.equal(unaged.confidence, 'likely');
      assert.match(unaged.because, /, but for how long postgres\(9\) has waited is not known/);
    });

    it('is found where the thread asks for nothing itself, and who keeps it does', () => {
      const links: TaskSketch = {
        ...writer,
        calls: '__schedule < schedule < rwsem_down_write_slowpath < down_write < vma_link',
        waitsFor: { lock: 'rwsem 0xf20', holders: [9], isCertain: true },
      };
      const holder: TaskSketch = { ...ASKS, pid: 9 };
      const waits = { ...exiting, waitsFor: ofWriter };
      assert.deepEqual(found([links, waits, holder], REAPER), ['D4 certain']);
      const { waitsFor, ...unproved } = links;
      assert.ok(waitsFor !== undefined);
      const names = found([unproved, exiting, holder], REAPER);
      assert.ok(!names.some((name) => name.startsWith('D4')), names.join());
    });

    it('blames nobody who waits for that lock, or faults pages in after a mmap()', () => {
      const none = (thread: TaskSketch, ...others: TaskSketch[]): void => {
        const names = found([thread, exiting, ASKS, ...others], REAPER);
        assert.ok(!names.some((name) => name.startsWith('D4')), names.join());
      };
      const sleeps = '__schedule < schedule < rwsem_down_write_slowpath < down_write_killable';
      const wants = { lock: 'mmap_lock of task-5(5)', holders: [8], isCertain: true };
      none({ ...writer, calls: `${sleeps} < vm_mmap_pgoff < do_syscall_64` });
      const reads: TaskSketch = { ...ASKS, pid: 8, mm: '0x5000' };
      none({ ...writer, calls: `${sleeps} < dup_mmap < copy_process`, waitsFor: wants }, reads);
      none({ ...writer, calls: `${FAULT} < populate_vma_page_range < vm_mmap_pgoff` });
      none(writer, { ...exiting, pid: 7, waitsFor: wants }, reads);
    });

    it('is not offered on a kernel without a reaper', () => {
      assert.ok(!found([writer, exiting]).some((name) => name.startsWith('D4')));
    });
  });

  describe('an exiting task (D5)', () => {
    const exits: TaskSketch = {
      ...ASKS,
      pid: 7,
      exiting: true,
      calls: `${RECLAIM} < taskstats_exit < do_exit`,
    };

    it('is found where it asks in do_exit() with memory of its own', () => {
      assert.deepEqual(found([exits, ASKS]), ['D5 likely']);
      assert.deepEqual(found([exits]), ['D5 possible', OVERLOAD]);
    });

    it('is none where its memory is gone, and only possible where there is a victim', () => {
      assert.deepEqual(found([{ ...exits, mm: '0x0' }]), [OVERLOAD]);
      assert.deepEqual(found([exits, { pid: 8, state: 'R', victim: true }]), [
        'D5 possible',
        OVERLOAD,
      ]);
    });
  });

  describe('isolated pages (D1)', () => {
    const waits = (pid: number): TaskSketch => ({
      ...ASKS,
      pid,
      state: 'D',
      calls:
        '__schedule < schedule < schedule_timeout < io_schedule_timeout < congestion_wait < ' +
        `shrink_inactive_list < ${RECLAIM}`,
    });

    it('is likely where kswapd waits for one of those that wait, and no counter was read', () => {
      const kswapd = {
        ...KSWAPD,
        waitsFor: { lock: 'mutex 0xf00', holders: [2], isCertain: true },
      };
      assert.equal(found([waits(1), waits(2), kswapd])[0], 'D1 likely');
      assert.match(first([waits(1), waits(2), kswapd]).missing.join(), /more pages are isolated/);
    });

    it('is likely where kswapd sleeps in some lock', () => {
      assert.equal(found([waits(1), waits(2), KSWAPD])[0], 'D1 likely');
    });

    it('is possible of one alone that is overdue', () => {
      assert.deepEqual(found([waits(1)]), ['D1 possible', OVERLOAD]);
      const { gfp, ...young } = waits(1);
      assert.notEqual(gfp, undefined);
      assert.deepEqual(found([{ ...young, young: true }]), []);
    });

    it('is possible where kswapd runs and requests in that loop are overdue', () => {
      const kswapd = { ...KSWAPD, state: 'R' };
      assert.deepEqual(found([waits(1), waits(2), kswapd]), ['D1 possible', OVERLOAD]);
      const unknown = (pid: number): TaskSketch => {
        const { gfp, ...others } = waits(pid);
        assert.notEqual(gfp, undefined);
        return others;
      };
      assert.deepEqual(found([unknown(1), unknown(2), kswapd]), [OVERLOAD]);
    });

    const WRITES = `${MUTEX} < pageout < shrink_page_list < shrink_inactive_list < balance_pgdat`;

    it('is not closed where fewer pages are isolated than its request is held to', () => {
      const kswapd = {
        ...KSWAPD,
        calls: WRITES,
        waitsFor: { lock: 'mutex 0xf00', holders: [2], isCertain: true },
      };
      const counter = (value: number): PageCounter => ({ value, stored: value, cpuDiff: 0 });
      const nodes = (isolated: number): NodeState[] => [
        {
          ...{ address: '0x1', node: 0, zones: [], unreadCpus: [] },
          counters: {
            NR_ISOLATED_FILE: counter(isolated),
            NR_INACTIVE_FILE: counter(800),
            NR_ISOLATED_ANON: counter(0),
            NR_INACTIVE_ANON: counter(0),
          },
        },
      ];
      const both = (gfp: string): TaskSketch[] => [
        { ...waits(1), gfp },
        { ...waits(2), gfp },
        kswapd,
      ];
      assert.equal(found(both('GFP_KERNEL'), { nodes: nodes(101) })[0], 'D1 certain');
      const { evidence } = first(both('GFP_KERNEL'), { nodes: nodes(101) });
      const counted =
        'node 0: NR_ISOLATED_FILE 101, NR_INACTIVE_FILE 800, an eighth of which is the limit ' +
        'with __GFP_FS';
      assert.ok(evidence.some(({ fact }) => fact === counted));
      assert.equal(found(both('GFP_KERNEL'), { nodes: nodes(100) })[0], 'D1 possible');
      assert.equal(found(both('GFP_NOFS'), { nodes: nodes(801) })[0], 'D1 certain');
      assert.equal(found(both('GFP_NOFS'), { nodes: nodes(101) })[0], 'D1 possible');
      const slab = both('GFP_KERNEL').map((each) =>
        each.pid === 30 ? { ...each, calls: KSWAPD.calls ?? '' } : each,
      );
      const finding = first(slab, { nodes: nodes(101) });
      assert.equal(finding.confidence, 'likely');
      assert.match(finding.sentence, /kswapd0\(30\), which need not wait there, waits for/);
      assert.match(finding.because, /, but kswapd0\(30\) was not seen to have isolated pages/);
      const mixed = [...both('GFP_KERNEL'), { ...waits(3), gfp: 'GFP_KERNEL' }].map((each) =>
        each.pid === 2 ? { ...each, gfp: 'GFP_NOFS' } : each,
      );
      const higher = first(mixed, { nodes: nodes(101) });
      assert.equal(`${higher.diagnosis} ${higher.confidence}`, 'D1 likely');
      assert.match(
        higher.sentence,
        /^2 tasks .*isolated some, waits for mutex 0xf00, which task-2/,
      );
      assert.match(higher.because, /asks for memory, but no more pages .* of task-2\(2\) pass/);
      assert.deepEqual([higher.culprits, higher.missing], [[2], []]);
    });

    it('names who has what kswapd waits for, in that loop or not', () => {
      const lock = { lock: 'mutex 0xf00', holders: [3], isCertain: true };
      const kswapd = { ...KSWAPD, calls: WRITES, waitsFor: lock };
      const asks = first([waits(1), waits(2), kswapd, { ...ASKS, pid: 3, comm: 'rm' }]);
      assert.equal(`${asks.diagnosis} ${asks.confidence}`, 'D1 likely');
      assert.match(asks.sentence, /mutex 0xf00, which rm\(3\) has, and that waits for memory/);
      assert.match(asks.because, /, but rm\(3\) is not in that loop at this instant/);
      assert.deepEqual(asks.culprits, [3]);
      assert.doesNotMatch(asks.missing.join(), /who holds/);
      const idle: TaskSketch = { pid: 3, comm: 'rm', state: 'S', calls: 'do_nanosleep' };
      const other = first([waits(1), waits(2), kswapd, idle]);
      assert.equal(`${other.diagnosis} ${other.confidence}`, 'D1 possible');
      assert.match(other.sentence, /what rm\(3\) has, which does not wait for memory/);
    });

    it('is none where the wait is not in that loop', () => {
      const once = (pid: number): TaskSketch => ({
        ...waits(pid),
        calls: `__schedule < schedule_timeout < msleep < shrink_inactive_list < ${RECLAIM}`,
      });
      assert.ok(!found([once(1), once(2), KSWAPD]).some((name) => name.startsWith('D1 ')));
    });
  });

  describe('requests without __GFP_FS (D2)', () => {
    const stopped: TaskSketch = {
      ...ASKS,
      pid: 10,
      state: 'D',
      calls: `${MUTEX} < jbd2_journal_start < super_cache_scan < shrink_slab < ${RECLAIM}`,
    };
    const nofs: TaskSketch = { ...ASKS, pid: 11, gfp: 'GFP_NOFS', calls: RECLAIM };

    it('is certain where the holder is one of them', () => {
      const lock = { lock: 'mutex 0xf00', holders: [11], isCertain: true };
      const kswapd = { ...KSWAPD, waitsFor: lock };
      const finding = first([{ ...stopped, waitsFor: lock }, nofs, kswapd]);
      assert.deepEqual([finding.diagnosis, finding.confidence], ['D2', 'certain']);
      assert.deepEqual(finding.culprits, [11]);
      const { calls, ...unread } = nofs;
      assert.ok(calls !== undefined);
      assert.equal(found([{ ...stopped, waitsFor: lock }, unread, kswapd])[0], 'D2 certain');
      assert.equal(found([{ ...stopped, waitsFor: lock }, nofs, KSWAPD])[0], 'D2 likely');
    });

    it('is likely by masks and stacks alone', () => {
      assert.equal(found([stopped, nofs, KSWAPD])[0], 'D2 likely');
    });

    it('is possible where the others have slept for long, and the holder gets on', () => {
      const lock = { lock: 'mutex 0xf00', holders: [11], isCertain: true };
      const young: TaskSketch = { pid: 11, calls: RECLAIM, young: true, youngGfp: 'GFP_NOFS' };
      const asleep = (offCpu: number): TaskSketch => ({ ...stopped, waitsFor: lock, offCpu });
      assert.deepEqual(found([asleep(12), young, KSWAPD]), ['D2 possible', OVERLOAD]);
      assert.deepEqual(found([asleep(2), young, KSWAPD]), [OVERLOAD]);
      assert.deepEqual(found([asleep(12), { ...young, youngGfp: 'GFP_KERNEL' }, KSWAPD]), [
        OVERLOAD,
      ]);
    });

    it('is none with a victim, with a request that may kill, or with a kswapd that runs', () => {
      const none = (tasks: readonly TaskSketch[]): void =>
        assert.ok(!found(tasks).some((name) => name.startsWith('D2')));
      none([stopped, nofs, KSWAPD, { pid: 12, state: 'R', victim: true }]);
      none([stopped, { ...nofs, gfp: 'GFP_KERNEL' }, KSWAPD]);
      none([stopped, nofs, { ...KSWAPD, state: 'R' }]);
    });
  });

  it('finds a holder of oom_lock that gets no CPU (D8)', () => {
    const killer: TaskSketch = {
      ...ASKS,
      pid: 20,
      policy: 5,
      calls: `dump_header < oom_kill_process < out_of_memory < ${FAULT}`,
    };
    const spins = { ...ASKS, pid: 21, onCpu: true };
    assert.equal(found([killer, spins], { oomLockHolder: 20 })[0], 'D8 likely');
    assert.equal(found([killer, spins])[0], 'D8 possible');
    const kills = { ...killer, onCpu: true, calls: `oom_kill_process < out_of_memory < ${FAULT}` };
    assert.deepEqual(found([kills, spins]), [OVERLOAD]);
  });

  it('goes by how long a holder of oom_lock has had no CPU (D8)', () => {
    const killer: TaskSketch = {
      ...ASKS,
      pid: 20,
      calls: `preempt_schedule < dump_header < out_of_memory < ${FAULT}`,
    };
    const spins = { ...ASKS, pid: 21, staticPrio: 120 };
    const seen = (sketch: Partial<TaskSketch>, other: Partial<TaskSketch> = {}): string[] =>
      found(
        [
          { ...killer, staticPrio: 120, ...sketch },
          { ...spins, ...other },
        ],
        {
          oomLockHolder: 20,
        },
      );
    assert.deepEqual(seen({ offCpu: 30, staticPrio: 139 }), ['D8 possible', OVERLOAD]);
    assert.deepEqual(seen({ offCpu: 30 }, { policy: 1 }), ['D8 possible', OVERLOAD]);
    // Among equals its turn comes.
    assert.deepEqual(seen({ offCpu: 30 }), [OVERLOAD]);
    assert.deepEqual(seen({ offCpu: 0.3, staticPrio: 139 }), [OVERLOAD]);
    assert.deepEqual(seen({ offCpu: 0.3, policy: 5 }), ['D8 likely']);
    // dump_header() does nothing but print.
    assert.deepEqual(seen({ onCpu: true }), ['D8 possible', OVERLOAD]);
  });

  it('finds the balloon that is filled while it is to be emptied (D11)', () => {
    const killer: TaskSketch = {
      pid: 22,
      calls: `${MUTEX} < leak_balloon < virtballoon_oom_notify < out_of_memory < ${FAULT}`,
      gfp: 'GFP_NOFS',
    };
    const filler: TaskSketch = { pid: 23, calls: `${RECLAIM} < fill_balloon`, gfp: 'GFP_KERNEL' };
    assert.equal(found([killer, filler])[0], 'D11 likely');
    const proved = { ...killer, waitsFor: { lock: 'mutex 0xf00', holders: [23], isCertain: true } };
    assert.equal(found([proved, filler])[0], 'D11 certain');
    const naps: TaskSketch = { pid: 23, calls: 'schedule_timeout < msleep < fill_balloon' };
    assert.deepEqual(found([proved, naps]), ['D11 possible', OVERLOAD]);
    assert.equal(found([proved, naps], { writeback: 9 })[0], 'D13 likely');
    assert.ok(!found([killer]).some((name) => name.startsWith('D11')));
  });

  it('finds tasks in an empty mempool (D9), and not those that ask the allocator first', () => {
    const writer: TaskSketch = {
      pid: 24,
      calls:
        '__schedule < schedule < io_schedule_timeout < mempool_alloc < bio_alloc_bioset < ' +
        'ext4_writepages',
    };
    assert.equal(found([writer, ASKS])[0], 'D9 likely');
    assert.match(
      first([writer, ASKS]).sentence,
      /was empty when they asked, and the I\/O behind them waits\.$/,
    );
    const waitsFor = { lock: 'mutex 0xf00', holders: [writer.pid], isCertain: true };
    assert.match(
      first([writer, ASKS, { ...KSWAPD, waitsFor }]).sentence,
      /memory can only be freed by the I\/O behind them\.$/,
    );
    const queued: TaskSketch = { pid: 9, calls: 'io_schedule < blk_mq_get_tag < submit_bio' };
    assert.deepEqual(found([writer, ASKS, queued]), ['D9 possible', OVERLOAD]);
    const asks = { ...writer, calls: `${RECLAIM} < mempool_alloc < bio_alloc_bioset` };
    assert.ok(!found([asks, ASKS]).some((name) => name.startsWith('D9')));
  });

  it('finds reserves that are gone (D7)', () => {
    const zone = { name: 'Normal', free: 3, min: 100, freeNotAdded: 0 };
    const throttled = { ...ASKS, calls: `throttle_direct_reclaim < try_to_free_pages < ${FAULT}` };
    assert.equal(found([throttled], { zones: [zone] })[0], 'D7 likely');
    assert.equal(found([ASKS], { zones: [zone] })[0], 'D7 possible');
    assert.deepEqual(found([throttled], { zones: [{ ...zone, free: 50 }] }), [OVERLOAD]);
    assert.deepEqual(found([throttled], { zones: [] }), [OVERLOAD]);
  });

  it('finds a dm-crypt worker in a throttle (D10)', () => {
    const worker: TaskSketch = {
      pid: 26,
      kthread: true,
      calls: `schedule < congestion_wait < throttle_vm_writeout < ${RECLAIM} < kcryptd_crypt`,
    };
    const young: TaskSketch = { ...worker, young: true };
    const asks: TaskSketch = { pid: 2, calls: FAULT, young: true };
    assert.equal(found([young, ASKS, asks, { ...asks, pid: 3 }])[0], 'D10 likely');
    assert.deepEqual(found([young, ASKS, asks]), ['D10 possible', OVERLOAD]);
    assert.deepEqual(found([{ ...worker, calls: `${RECLAIM} < kcryptd_crypt` }, ASKS]), [OVERLOAD]);
  });

  it('finds a cgroup that waits for writeback (D12), also where no request is overdue', () => {
    const waits =
      '__schedule < io_schedule < folio_wait_writeback < shrink_folio_list < shrink_lruvec < ' +
      'try_to_free_mem_cgroup_pages < try_charge_memcg';
    assert.deepEqual(found([{ pid: 27, calls: waits }]), ['D12 possible']);
    const writes = { pid: 27, calls: `${waits} < ext4_writepages` };
    assert.deepEqual(found([writes]), ['D12 possible']);
    assert.deepEqual(found([{ ...writes, offCpu: 90 }], { writeback: 1 }), ['D12 likely']);
    const globally = waits.replace('try_to_free_mem_cgroup_pages', 'try_to_free_pages');
    assert.ok(!found([{ pid: 27, calls: globally }]).some((name) => name.startsWith('D12')));
    const young: TaskSketch = { pid: 27, calls: waits, offCpu: 0.9 };
    assert.deepEqual(found([young]), []);
    assert.deepEqual(found([young, { pid: 28, calls: waits, offCpu: 90 }]), ['D12 possible']);
  });

  it('puts reserves that are gone before the mempools that they leave empty', () => {
    const calls = 'schedule < throttle_direct_reclaim < try_to_free_pages < __alloc_pages_slowpath';
    const throttled: TaskSketch = { ...ASKS, state: 'D', calls };
    const writes = 'io_schedule_timeout < mempool_alloc < bio_alloc_bioset < ext4_writepages';
    const writer: TaskSketch = { pid: 13, kthread: true, calls: writes };
    const zones = [{ name: 'DMA32', free: 0, min: 301, freeNotAdded: 0 }];
    assert.deepEqual(found([throttled, writer], { zones }), ['D7 likely', 'D9 likely']);
  });

  it('puts what is surer first', () => {
    const victim: TaskSketch = {
      pid: 2,
      victim: true,
      calls: `${MUTEX} < vfs_write`,
      waitsFor: { lock: 'mutex 0xf00', holders: [1], isCertain: true },
    };
    const worker: TaskSketch = {
      pid: 26,
      calls: `congestion_wait < throttle_vm_writeout < ${RECLAIM} < kcryptd_crypt`,
    };
    assert.deepEqual(found([worker, victim, ASKS]), ['D3 certain', 'D10 possible']);
  });
});
