import assert from 'node:assert/strict';
import type { NodeState } from '../../src/kernel/mmzone.ts';
import type { ReclaimState } from '../../src/kernel/reclaim-state.ts';
import type { Facts } from '../../src/triage/facts.ts';
import { hindrances } from '../../src/triage/hindrances.ts';
import { facts, FAULT, MUTEX, RECLAIM, type TaskSketch } from '../support/facts-builder.ts';

const ASKS: TaskSketch = { pid: 1, comm: 'hog', state: 'R', calls: FAULT };
const KSWAPD: TaskSketch = { pid: 30, comm: 'kswapd0', kthread: true, state: 'S' };
const NODE: NodeState = {
  address: '0x2',
  node: 0,
  zones: [],
  counters: {},
  unreadCpus: [],
  kswapd: '0x1e',
  kswapdFailures: 16,
};

function clauses(all: Facts): string[] {
  return hindrances(all).map(({ clause }) => clause);
}

describe('hindrances', () => {
  it('are none where nothing is found', () => {
    const nodes = [{ ...NODE, kswapdFailures: 15 }];
    assert.deepEqual(clauses(facts([ASKS, KSWAPD], { nodes })), []);
  });

  it('has a kswapd that has given up', () => {
    assert.deepEqual(clauses(facts([ASKS, KSWAPD], { nodes: [NODE] })), [
      'kswapd0(30) has given up',
    ]);
  });

  it('tells kswapd from those who wait in the slow path', () => {
    const vain = { nrReclaimed: 0 } as ReclaimState;
    const { tasks, ...all } = facts([ASKS, KSWAPD, { pid: 3 }]);
    const reclaiming = (count: number): Facts => ({
      ...all,
      tasks: tasks.slice(0, count).map((fact) => ({
        ...fact,
        task: { ...fact.task, evidence: { ...fact.task.evidence, reclaim: vain } },
      })),
    });
    assert.deepEqual(clauses(reclaiming(1)), ['1 that reclaims has freed nothing so far']);
    assert.deepEqual(clauses(reclaiming(2)), [
      '2 that reclaim (kswapd0(30) among them) have freed nothing so far',
    ]);
  });

  it('has who holds oom_lock, and that it has no CPU', () => {
    const named = (holder: TaskSketch): string =>
      clauses(facts([holder], { oomLockHolder: 1 })).join();
    assert.equal(named(ASKS), 'hog(1), which has no CPU, holds oom_lock');
    assert.equal(named({ ...ASKS, onCpu: true }), 'hog(1) holds oom_lock');
    const [found] = hindrances(facts([{ ...ASKS, offCpu: 0.2 }], { oomLockHolder: 1 }));
    const [late] = found?.evidence ?? [];
    assert.match(String(late?.fact), /^hog\(1\) has had no CPU for 0\.2 s/);
    assert.equal(late?.verb, 'memalloc --all --json');
  });

  it('says of a holder of oom_lock for whom it kills, as its stack shows', () => {
    const calls = 'dump_header < out_of_memory < mem_cgroup_out_of_memory < try_charge_memcg';
    const [found] = hindrances(facts([{ ...ASKS, calls }], { oomLockHolder: 1 }));
    const [inCgroup, ...rest] = found?.evidence ?? [];
    const clause = 'hog(1), which has no CPU, holds oom_lock for a memory cgroup';
    assert.equal(found?.clause, clause);
    assert.match(String(inCgroup?.fact), /^hog\(1\) in mem_cgroup_out_of_memory\(\): nobody/);
    assert.deepEqual([inCgroup?.verb, rest], ['bt 1', []]);
  });

  it('has who holds a lock that requests wait for, and asks for no memory', () => {
    const waitsFor = { lock: 'mutex 0xf00', holders: [9], isCertain: true };
    const waits: TaskSketch = { pid: 8, calls: `${MUTEX} < ${RECLAIM}`, waitsFor };
    const rm: TaskSketch = { pid: 9, comm: 'rm', state: 'R', calls: 'simfs_evict_inode < evict' };
    assert.deepEqual(clauses(facts([waits, { ...waits, pid: 7 }, rm])), [
      '2 of them wait for what rm(9) has, and that asks for no memory',
    ]);
    assert.deepEqual(clauses(facts([waits, { ...rm, calls: FAULT }])), []);
    const unproved = { ...waits, waitsFor: { ...waitsFor, isCertain: false } };
    assert.deepEqual(clauses(facts([unproved, rm])), []);
  });

  it('follows a victim to the end of its locks', () => {
    const lock = { lock: 'rwsem 0xf00', holders: [9], isCertain: false };
    const victim: TaskSketch = {
      pid: 8,
      comm: 'java',
      victim: true,
      calls: `${MUTEX} < walk_component`,
      waitsFor: lock,
    };
    const calls = '__schedule < schedule < request_wait_answer < fuse_simple_request';
    const stat: TaskSketch = { pid: 9, comm: 'stat', calls };
    assert.deepEqual(clauses(facts([victim, stat])), [
      'the OOM victim java(8) waits for a lock probably behind stat(9), which ' +
        'waits for the answer of a FUSE file system',
    ]);
    assert.deepEqual(clauses(facts([{ ...victim, state: 'R' }, stat])), []);
    assert.deepEqual(clauses(facts([{ ...victim, reaped: true }, stat])), []);
  });
});
