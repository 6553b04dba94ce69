import assert from 'node:assert/strict';
import { addProgram, boot } from '../../../src/sim/boot.ts';
import type { Kernel } from '../../../src/sim/core/kernel.ts';
import {
  FEATURES_DEFAULT,
  REMEDIES_NONE,
  type KernelOptions,
} from '../../../src/sim/core/options.ts';
import { Inode } from '../../../src/sim/fs/file-system.ts';
import { MemCgroup } from '../../../src/sim/mm/memcontrol.ts';
import { eater, writer } from '../../../src/sim/programs.ts';
import { Prng } from '../../../src/util/prng.ts';

const SECOND = 1_000_000;

function machine(options: Partial<KernelOptions> = {}): Kernel {
  return boot(
    {
      hz: 250,
      cpuCount: 2,
      ramBytes: 128 << 20,
      kmallocwd: 0,
      ...FEATURES_DEFAULT,
      ...REMEDIES_NONE,
      ...options,
    },
    new Prng(5),
  );
}

const leak = (k: Kernel, comm: string, memcg: MemCgroup): void => {
  addProgram(k, { comm, memcg }, eater({ pages: 100_000, batch: 64, sleepUs: 1_000 }));
};

/** Every page that a cgroup is charged for is on one of its lists, or a CPU keeps it. */
function checkUsage(k: Kernel): void {
  const all = [...k.memcgs.all()];
  let kept = 0;
  for (let cpu = 0; cpu < k.options.cpuCount; cpu++) kept += k.memcgs.stock(cpu).pages;
  const onLists = (memcg: MemCgroup): number =>
    Object.values(memcg.lru).reduce((sum, { length }) => sum + length, 0);
  const isolated = [...k.threads()].reduce((sum, task) => sum + task.isolated, 0);
  for (const memcg of all) {
    const pages = [...memcg.subtree()].reduce((sum, each) => sum + onLists(each), 0);
    const unlisted = memcg.memory.usage - pages;
    assert.ok(unlisted >= 0 && unlisted <= kept + isolated, `${memcg.path}: ${unlisted}`);
  }
  const total = all.filter(({ parent }) => parent === undefined);
  const usage = total.reduce((sum, { memory }) => sum + memory.usage, 0);
  assert.equal(k.memcgs.root.memory.usage, usage);
}

describe('MemCgroup', () => {
  it('has the path of its ancestors, and counts its pages to them', () => {
    const k = machine();
    const pod = new MemCgroup(k, { name: 'pod' });
    const app = new MemCgroup(k, { name: 'app', parent: pod });
    assert.equal(app.path, '/pod/app');
    leak(k, 'app', app);
    k.sched.run(SECOND / 10);
    assert.ok(app.memory.usage > 500);
    assert.equal(pod.memory.usage, app.memory.usage);
    checkUsage(k);
  });
});

describe('mem_cgroup_charge', () => {
  it('keeps a cgroup of page cache below its limit, and nobody is killed for that', () => {
    const k = machine();
    const memcg = new MemCgroup(k, { name: 'log', max: 500 });
    const inode = new Inode(k, 'log');
    addProgram(k, { comm: 'log', memcg }, writer({ inode, pages: 64, sleepUs: 1_000 }));
    for (let tenth = 1; tenth < 20; tenth++) {
      k.sched.run((tenth * SECOND) / 10);
      assert.ok(memcg.memory.usage <= 500);
      checkUsage(k);
    }
    assert.ok(memcg.events.max > 10);
    assert.equal(k.oomKills, 0);
  });

  it('leaves the pages of others alone', () => {
    const k = machine();
    const inode = new Inode(k, 'log');
    addProgram(k, { comm: 'free' }, writer({ inode, pages: 64, sleepUs: 50_000 }));
    const memcg = new MemCgroup(k, { name: 'log', max: 300 });
    const other = new Inode(k, 'other');
    addProgram(k, { comm: 'log', memcg }, writer({ inode: other, pages: 64, sleepUs: 1_000 }));
    k.sched.run(SECOND / 2);
    const before = k.node.lru.inactive_file.length - memcg.lru.inactive_file.length;
    k.sched.run(2 * SECOND);
    assert.ok(k.node.lru.inactive_file.length - memcg.lru.inactive_file.length >= before);
  });

  it('kills in the cgroup whose limit it is, though the fault was in one below it', () => {
    const k = machine();
    const pod = new MemCgroup(k, { name: 'pod', max: 2_000 });
    const app = new MemCgroup(k, { name: 'app', parent: pod });
    const side = new MemCgroup(k, { name: 'side', parent: pod });
    leak(k, 'app', app);
    addProgram(k, { comm: 'side', memcg: side }, eater({ pages: 50, batch: 50, sleepUs: 1_000 }));
    addProgram(k, { comm: 'large' }, eater({ pages: 5_000, batch: 500, sleepUs: 1_000 }));
    k.sched.run(2 * SECOND);
    assert.deepEqual([pod.events.oomKill, app.events.oomKill, side.events.oomKill], [1, 1, 0]);
    assert.equal(pod.events.oom, 1);
    const alive = k.processes.map(({ leader }) => leader.comm);
    assert.ok(!alive.includes('app') && alive.includes('side') && alive.includes('large'));
    checkUsage(k);
  });

  it('uses a record of the page allocator at no time', () => {
    const k = machine();
    const memcg = new MemCgroup(k, { name: 'app', max: 1_000 });
    leak(k, 'app', memcg);
    k.sched.run(2 * SECOND);
    assert.equal(memcg.events.oomKill, 1);
    for (const { memalloc } of k.threads()) assert.equal(memalloc.sequence, 0);
  });
});

describe('mem_cgroup_oom_synchronize', () => {
  it('kills at the end of the page fault in kernels that did so', () => {
    const k = machine({ memcgOomAtFault: true });
    const memcg = new MemCgroup(k, { name: 'app', max: 1_000 });
    leak(k, 'app', memcg);
    k.sched.run(2 * SECOND);
    assert.equal(memcg.events.oomKill, 1);
    assert.ok(k.functions.has('mem_cgroup_oom_synchronize'));
  });

  it('waits where the OOM killer of the cgroup is disabled, until there is room', () => {
    const k = machine();
    const memcg = new MemCgroup(k, { name: 'app', max: 1_000, oomKillDisable: true });
    leak(k, 'app', memcg);
    addProgram(k, { comm: 'late', memcg }, eater({ pages: 100, batch: 1, sleepUs: 10_000 }));
    k.sched.run(SECOND);
    const task = [...k.threads()].find(({ comm }) => comm === 'app')!;
    assert.equal(task.frames.at(-3)?.name, 'mem_cgroup_oom_synchronize');
    assert.equal(task.blockedOn?.name, 'memory of /app');
    assert.equal(memcg.events.oomKill, 0);
    memcg.setMax(1_200);
    k.sched.run(2 * SECOND);
    assert.ok(memcg.memory.usage > 1_100);
    checkUsage(k);
  });
});

describe('mem_cgroup_handle_over_high', () => {
  it('slows down who goes beyond memory.high and cannot reclaim', () => {
    const grow = (high?: number): number => {
      const k = machine();
      const memcg = new MemCgroup(k, { name: 'app', ...(high === undefined ? {} : { high }) });
      const program = eater({ pages: 10_000, batch: 64, sleepUs: 1_000 });
      addProgram(k, { comm: 'app', memcg }, program);
      k.sched.run(SECOND);
      checkUsage(k);
      return memcg.memory.usage;
    };
    const free = grow();
    const slowed = grow(1_000);
    assert.ok(slowed > 1_000 && slowed < free / 2, `${slowed} of ${free}`);
  });
});
