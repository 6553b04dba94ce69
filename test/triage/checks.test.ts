import assert from 'node:assert/strict';
import type { NodeState } from '../../src/kernel/mmzone.ts';
import type { OomState } from '../../src/kernel/oom.ts';
import { checkedOf } from '../../src/triage/checked.ts';
import { blockedText, checksOf } from '../../src/triage/checks.ts';
import { historyOf } from '../support/history-builder.ts';
import { facts, FAULT, MUTEX, type TaskSketch } from '../support/facts-builder.ts';

const KSWAPD: TaskSketch = {
  pid: 30,
  comm: 'kswapd0',
  kthread: true,
  state: 'S',
  calls: '__schedule < schedule < kswapd_try_to_sleep < kswapd < kthread',
};

function node(free: number, kswapdFailures = 0): NodeState {
  const counters = { NR_FREE_PAGES: { value: free, stored: free, cpuDiff: 0 } };
  const watermarks = { min: 100, low: 125, high: 150 };
  const zone = { address: '0x1', name: 'DMA32', index: 1, watermarks, counters };
  return {
    address: '0x2',
    node: 0,
    zones: [{ ...zone, freeDiffs: [], unreadCpus: [] }],
    counters: {},
    unreadCpus: [],
    kswapd: '0x1e',
    kswapdFailures,
  };
}

const OOM: OomState = {
  type: 'oom',
  victims: [],
  killCount: 0,
  memcgs: [],
  memcgTasks: [],
  bits: [],
};
const WORKQUEUES = {
  type: 'workqueues',
  pools: [{ address: '0x1', busy: [], idle: [], others: [], pending: [] }],
  workqueues: [],
} as const;

type Others = Parameters<typeof facts>[1];

function made(tasks: readonly TaskSketch[], others: Others): { ill: string[]; unmade: string[] } {
  const checks = checksOf(checkedOf(facts(tasks, others)));
  return {
    ill: checks.made.flatMap(({ fact, isWell }) => (isWell ? [] : [fact])),
    unmade: [...checks.unmade],
  };
}

const HISTORY = historyOf(['[    0.000000] Linux version 6.1.0'], 100);
const WELL: Others = {
  nodes: [node(200)],
  oom: OOM,
  workqueues: WORKQUEUES,
  history: HISTORY,
};

describe('checksOf', () => {
  it('finds nothing on a machine that is well', () => {
    assert.deepEqual(made([KSWAPD], WELL), { ill: [], unmade: [] });
  });

  it('says what could not be checked', () => {
    const { unmade } = made([KSWAPD], { writeback: undefined });
    assert.deepEqual(unmade, [
      'free pages of zones against their watermarks',
      'how many pages are being written',
      'what kswapd does',
      'the state of the OOM killer',
      'whether pools of workers are hung',
    ]);
  });

  it('says of a zone that what a CPU counted is not in its number', () => {
    const [whole] = node(200).zones;
    assert.ok(whole !== undefined);
    const nodes = [{ ...node(200), zones: [{ ...whole, unreadCpus: [1] }] }];
    const { ill, unmade } = made([KSWAPD], { ...WELL, nodes });
    assert.deepEqual(ill, []);
    assert.match(unmade.join(), /^free pages that CPUs have counted and not yet added$/);
  });

  it('marks a zone below min, and a kswapd that has given up', () => {
    const { ill } = made([KSWAPD], { ...WELL, nodes: [node(99, 16)] });
    assert.deepEqual(ill, [
      'zone DMA32 of node 0: 99 pages free, below min (min 100, low 125, high 150)',
      'kswapd0(30) of node 0: has given up, 16 runs in a row reclaimed nothing',
    ]);
  });

  it('does not say of a kswapd asleep that it has nothing to reclaim where a zone is short', () => {
    const { ill } = made([KSWAPD], { ...WELL, nodes: [node(99, 2)] });
    assert.equal(
      ill[1],
      'kswapd0(30) of node 0: asleep until it is woken, though DMA32 is short, and 2 runs in a ' +
        'row reclaimed nothing',
    );
  });

  it('marks requests, victims and a kswapd at work', () => {
    const busy = {
      ...KSWAPD,
      state: 'D',
      calls: `${MUTEX} < shrink_node < balance_pgdat < kswapd`,
    };
    const victims = [{ source: 'TIF_MEMDIE', threads: [], sharers: [] }] as const;
    const { ill } = made([busy, { pid: 1, calls: FAULT }], { ...WELL, oom: { ...OOM, victims } });
    assert.match(ill[0] ?? '', /^of 2 tasks 1 in the allocator's slow path, 0 charging/);
    assert.match(ill[1] ?? '', /^kswapd0\(30\) of node 0: D in shrink_node\(\)$/);
    assert.match(ill[2] ?? '', /^1 victim of the OOM killer alive, 1 of them not reaped, 0 killed/);
  });

  it('does not mark a request that is known to be young', () => {
    const young = { pid: 1, state: 'R', calls: FAULT, young: true };
    assert.deepEqual(made([KSWAPD, young], WELL).ill, []);
  });
});

describe('checksOf without a task', () => {
  it('says of nobody that nobody does something', () => {
    const { made, unmade } = checksOf(checkedOf(facts([], WELL)));
    assert.doesNotMatch(made.map(({ fact }) => fact).join('\n'), /of 0 tasks|^nobody|no victim/m);
    assert.match(unmade[0] ?? '', /^who is in the allocator, .*: no task could be read$/);
  });
});

describe('checksOf on who sleeps', () => {
  it('counts frozen tasks apart, which the verb that shows them lists as well', () => {
    const asleep = (...pids: number[]): string | undefined => {
      const sketches = pids.map((pid) => ({ pid, calls: `${MUTEX} < vfs_read` }));
      const all = facts([...sketches, { pid: 9, calls: '__refrigerator' }], WELL);
      const tasks = all.tasks.map((fact) =>
        fact.task.pid === 9 ? { ...fact, task: { ...fact.task, stateBits: 0x8002 } } : fact,
      );
      const { made: checks } = checksOf(checkedOf({ ...all, tasks }));
      return checks.find(({ fact }) => fact.includes('uninterruptible'))?.fact;
    };
    assert.equal(asleep(1), '1 task in uninterruptible sleep and 1 frozen: 1 in vfs_read()');
    assert.equal(asleep(), 'nobody but 1 frozen is in uninterruptible sleep');
  });
});

describe('checksOf on the log', () => {
  const kill = '[   70.000000] Out of memory: Killed process 47 (victim) total-vm:1kB';

  it('says that it is silent', () => {
    const { made: checks } = checksOf(checkedOf(facts([KSWAPD], WELL)));
    const { fact, isWell, verb } = checks.find((check) => check.verb.startsWith('log')) ?? {};
    const silent = 'no line of the OOM killer, of stalled or failed allocations, or of hung tasks';
    assert.equal(fact, `the log (1 record from 0.0 s on) has ${silent}`);
    assert.deepEqual([isWell, verb], [true, 'log']);
  });

  it('has not checked a log without a record', () => {
    const checks = checksOf(checkedOf(facts([KSWAPD], { ...WELL, history: historyOf([], 90) })));
    assert.deepEqual(checks.unmade, ['what the log tells: it has no record']);
    assert.ok(!checks.made.some(({ verb }) => verb.startsWith('log')));
  });

  it('marks what was printed shortly before the dump, and only that', () => {
    const at = (now: number): string[] =>
      made([KSWAPD], { ...WELL, history: historyOf([kill], now) }).ill;
    const text =
      'the log (1 record from 70.0 s on) has 1 kill, the last of these lines 10.0 s before the ' +
      'dump';
    assert.deepEqual(at(80), [text]);
    assert.deepEqual(at(80.1), []);
  });

  it('marks a report of the watchdog', () => {
    const line = '[   90.000000] MemAlloc-Info: stalling=1 dying=0 exiting=0 victim=0 oom_count=7';
    const { ill } = made([KSWAPD], { ...WELL, history: historyOf([line], 95) });
    assert.match(
      ill.join(),
      /has 1 report of the watchdog, the last of these lines 5\.0 s before the dump$/,
    );
  });
});

describe('blockedText', () => {
  it('has the most frequent waits, and counts the rest', () => {
    const groups = [5, 4, 3, 2, 1].map((many) => ({
      waitsFor: `in f${many}()`,
      pids: Array.from({ length: many }, (_, pid) => pid),
    }));
    assert.equal(blockedText(groups), '5 in f5(), 4 in f4(), 3 in f3(), 2 in f2(), 1 elsewhere');
  });
});
