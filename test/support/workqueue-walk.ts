// Walks the worker pools of a vmcore as the kernel links them, and asserts on the way all that must
// hold of every kernel: lists are closed, and what points to each other points back.

import assert from 'node:assert/strict';
import { cpuSets } from '../../src/kernel/percpu.ts';
import type { Ref } from '../../src/target/ref.ts';
import type { Vmcore } from '../../src/target/vmcore.ts';
import { findMember } from '../../src/types/ctype.ts';
import { vaddr, type Vaddr } from '../../src/util/address.ts';
import { listNodes } from './struct-list.ts';

const POOLS_PER_CPU = 2;
const WORKER_IDLE = 4n;
const BUSY_BUCKETS = 64;
const PWQ_MASK = ~0xffn;
const PENDING_PWQ = 5n;

/** A pool as its memory has it. */
export interface WalkedPool {
  readonly cpu: number;
  readonly id: number;
  readonly nrRunning: number;
  /** pids of all workers, in the order of their list. */
  readonly workerPids: number[];
  readonly idlePids: number[];
  readonly busy: { readonly pid: number; readonly func: bigint }[];
  readonly pending: { readonly func: bigint; readonly wq: string }[];
}

/** The pools of all CPUs, by CPU and priority. */
export function walkCpuPools(vmcore: Vmcore): WalkedPool[] {
  const names = workqueueNames(vmcore);
  const { size } = vmcore.struct('worker_pool');
  return [...cpuSets(vmcore).possible].flatMap((cpu) =>
    Array.from({ length: POOLS_PER_CPU }, (_, i) => {
      const first = vmcore.symbol('cpu_worker_pools') + vmcore.perCpuOffset(cpu);
      const pool = vmcore.object('worker_pool', vaddr(first + BigInt(i * size)));
      assert.equal(pool.member('cpu').number(), cpu);
      return walkPool(vmcore, pool, names);
    }),
  );
}

/** Names of all workqueues by their address; each part of one points back to it. */
export function workqueueNames(vmcore: Vmcore): Map<bigint, string> {
  const head = vmcore.symbol('workqueues');
  const all = entries(vmcore, head, 'workqueue_struct', 'list');
  return new Map(
    all.map((wq) => {
      const pwqs = entries(vmcore, wq.member('pwqs').address, 'pool_workqueue', 'pwqs_node');
      for (const pwq of pwqs) assert.equal(pwq.member('wq').pointer(), wq.address);
      return [wq.address, text(wq.member('name'))];
    }),
  );
}

/** Names of workqueues with a rescuer, with its pid; its task leads back to it. */
export function walkRescuers(vmcore: Vmcore): Map<string, number> {
  const found = new Map<string, number>();
  for (const [address, name] of workqueueNames(vmcore)) {
    const rescuer = vmcore.object('workqueue_struct', vaddr(address)).member('rescuer');
    if (rescuer.pointer() === 0n) continue;
    const worker = rescuer.deref();
    assert.equal(worker.member('rescue_wq').pointer(), address);
    found.set(name, pidOf(vmcore, worker));
  }
  return found;
}

function walkPool(vmcore: Vmcore, pool: Ref, names: ReadonlyMap<bigint, string>): WalkedPool {
  const list = (member: string, struct: string, node: string): Ref[] =>
    entries(vmcore, pool.member(member).address, struct, node);
  const workers = list('workers', 'worker', 'node');
  for (const worker of workers) assert.equal(worker.member('pool').pointer(), pool.address);
  assert.equal(pool.member('nr_workers').number(), workers.length);
  const idle = list('idle_list', 'worker', 'entry');
  for (const worker of idle) assert.ok((worker.member('flags').integer() & WORKER_IDLE) !== 0n);
  assert.equal(pool.member('nr_idle').number(), idle.length);
  const pending = list('worklist', 'work_struct', 'entry').map((work) => {
    const data = BigInt.asUintN(64, work.member('data.counter').integer());
    assert.equal(data & PENDING_PWQ, PENDING_PWQ);
    const pwq = vmcore.object('pool_workqueue', vaddr(data & PWQ_MASK));
    assert.equal(pwq.member('pool').pointer(), pool.address);
    return {
      func: work.member('func').pointer(),
      wq: names.get(pwq.member('wq').pointer()) ?? 'none of the list',
    };
  });
  return {
    cpu: pool.member('cpu').number(),
    id: pool.member('id').number(),
    nrRunning: pool.member('nr_running').number(),
    workerPids: workers.map((worker) => pidOf(vmcore, worker)),
    idlePids: idle.map((worker) => pidOf(vmcore, worker)),
    busy: busyWorkers(vmcore, pool).map((worker) => {
      assert.notEqual(worker.member('current_work').pointer(), 0n);
      return { pid: pidOf(vmcore, worker), func: worker.member('current_func').pointer() };
    }),
    pending,
  };
}

function busyWorkers(vmcore: Vmcore, pool: Ref): Ref[] {
  const found: Ref[] = [];
  for (let bucket = 0; bucket < BUSY_BUCKETS; bucket++) {
    let node = pool.member(`busy_hash[${bucket}].first`);
    for (; node.pointer() !== 0n; node = node.deref().member('next')) {
      const hlist = node.deref();
      found.push(hlist.containerOf(vmcore.struct('worker'), 'hentry'));
    }
  }
  return found;
}

/** The pid of a worker's task, which must lead back to the worker. */
function pidOf(vmcore: Vmcore, worker: Ref): number {
  const task = worker.member('task').deref();
  assert.equal(kthreadOf(vmcore, task).member('data').pointer(), worker.address);
  return task.member('pid').number();
}

/** to_kthread(): a member of its own, or in 4.4 around what `vfork_done` points to. */
function kthreadOf(vmcore: Vmcore, task: Ref): Ref {
  if (findMember(vmcore.struct('task_struct'), 'worker_private') !== undefined) {
    return vmcore.object('kthread', task.member('worker_private').pointer());
  }
  const exited = vmcore.object('completion', task.member('vfork_done').pointer());
  return exited.containerOf(vmcore.struct('kthread'), 'exited');
}

function entries(vmcore: Vmcore, head: Vaddr, struct: string, member: string): Ref[] {
  const type = vmcore.struct(struct);
  return listNodes(vmcore, head).map((node) =>
    vmcore.object('list_head', node).containerOf(type, member),
  );
}

function text(name: Ref): string {
  return Buffer.from(name.cString()).toString('latin1');
}
