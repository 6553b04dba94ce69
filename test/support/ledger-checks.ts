// What a reader finds in a vmcore held against the ledger of its run, field by field.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readMemalloc, type MemallocResult } from '../../src/kernel/memalloc-report.ts';
import { tasksResult } from '../../src/kernel/tasks-result.ts';
import type { Ledger } from '../../src/sim/ledger.ts';
import { patchVersion } from '../../src/sim/watchdog/patch-versions.ts';
import type { Vmcore } from '../../src/target/vmcore.ts';
import { vaddr } from '../../src/util/address.ts';
import { functionsOf, ledgerFields, recordFields, taskFields } from './simulated.ts';
import { walkCpuPools, walkRescuers } from './workqueue-walk.ts';

/** The flavours, as far as a reader finds different things in them. */
export type LedgerFlavour = '4.4' | '6.1';

/** TIF_MEMDIE of 4.4. */
const TIF_MEMDIE = 1n << 20n;
/** More waiters than any list has. */
const WAITERS_MAX = 100_000;

/** Everything that the ledger says and the vmcore shows. */
export function checkAll(vmcore: Vmcore, ledger: Ledger, flavour: LedgerFlavour = '6.1'): void {
  checkTasks(vmcore, ledger, flavour);
  checkMemalloc(readMemalloc(vmcore), ledger);
  checkStacks(vmcore, ledger);
  checkLocks(vmcore, ledger, flavour);
  checkWorkqueues(vmcore, ledger);
  assert.deepEqual(vmcore.problems.list, []);
}

/** Each task in the order of the task list, by all that `tasks` shows. */
function checkTasks(vmcore: Vmcore, ledger: Ledger, flavour: LedgerFlavour): void {
  const { tasks, crossCheck } = tasksResult(vmcore);
  assert.equal(tasks.length, ledger.tasks.length);
  // signal->oom_mm came after 4.4, where a flag of the thread says the same.
  const visible = (fields: Record<string, unknown>): Record<string, unknown> =>
    flavour === '4.4' ? { ...fields, oomVictim: undefined } : fields;
  assert.deepEqual(
    tasks.map((task, i) => visible(taskFields(task, ledger.tasks[i]!))),
    ledger.tasks.map((task) => visible(ledgerFields(task))),
  );
  assert.deepEqual(crossCheck, {
    ...(flavour === '4.4' ? { pidTable: 'pid hash' } : {}),
    pidCount: ledger.tasks.length,
    pidWalkComplete: true,
    onlyInList: [],
    onlyInPids: [],
  });
  if (flavour !== '4.4') return;
  const victims = tasks.filter(
    ({ threadFlags = '0' }) => (BigInt(threadFlags) & TIF_MEMDIE) !== 0n,
  );
  assert.deepEqual(
    victims.map(({ pid }) => pid),
    ledger.tasks.filter(({ words }) => words.victim).map(({ pid }) => pid),
  );
}

/** The clock, each record, each line and each counter; or that this kernel keeps no record. */
export function checkMemalloc(result: MemallocResult, ledger: Ledger): void {
  const { record, tasks } = result;
  assert.equal(result.jiffies, ledger.jiffies);
  assert.equal(result.hz, ledger.hz);
  assert.equal(result.patchSymbol, undefined);
  assert.equal(record?.layout, patchVersion(ledger.patch).layout);
  assert.deepEqual(record?.lines ?? [], ledger.lines);
  if (record !== undefined) {
    assert.equal(record.silent, ledger.silent);
    assert.equal(record.timeoutSeconds?.value, ledger.timeoutSeconds);
    for (const [kind, count] of Object.entries(ledger.counts)) {
      assert.equal(record.counts[kind as keyof Ledger['counts']], count, kind);
    }
  }
  assert.equal(tasks.length, ledger.tasks.length);
  tasks.forEach((task, i) => {
    const truth = ledger.tasks[i]!;
    assert.deepEqual(task.words, truth.words, truth.comm);
    assert.equal(task.record === undefined, truth.record === undefined, truth.comm);
    assert.deepEqual(recordFields(task, truth), truth.record ?? {}, truth.comm);
  });
}

/** The functions that have not returned, of every task that does not run. */
function checkStacks(vmcore: Vmcore, ledger: Ledger): void {
  for (const task of ledger.tasks) {
    if (task.onCpu) continue;
    assert.deepEqual(functionsOf(vmcore, task), task.functions, task.comm);
  }
}

/** Each owner and each wait list, as pointers say. */
function checkLocks(vmcore: Vmcore, ledger: Ledger, flavour: LedgerFlavour): void {
  const addressOf = new Map(ledger.tasks.map(({ pid, address }) => [pid, BigInt(address)]));
  const taskOf = (pid: number | undefined): bigint | undefined =>
    pid === undefined ? 0n : addressOf.get(pid);
  for (const lock of ledger.locks) {
    const { name, kind, ownerPid, readerPids, count, waiterPids } = lock;
    const words = lockWords(vmcore, lock, flavour);
    if (count !== undefined) {
      // 4.4 has a signed long there.
      assert.equal(BigInt.asUintN(64, words.count ?? 0n), BigInt(count), name);
    }
    if (kind !== 'semaphore') {
      // Of readers, the word has the one that came last, and keeps it when it has gone.
      const wasRead = kind === 'rw_semaphore' && (words.owner & 1n) !== 0n;
      const isRead = readerPids !== undefined && readerPids.length > 0;
      if (isRead && flavour !== '4.4') assert.ok(wasRead, name);
      assert.equal(wasRead ? 0n : words.owner & ~7n, taskOf(ownerPid), name);
    }
    assert.deepEqual(waitersOf(vmcore, lock), waiterPids.map(taskOf), name);
  }
}

type LedgerLock = Ledger['locks'][number];

/** `owner` and `count`, which were a pointer and a plain long before they became atomic. */
function lockWords(
  vmcore: Vmcore,
  { kind, address }: LedgerLock,
  flavour: LedgerFlavour,
): { owner: bigint; count: bigint | undefined } {
  const lock = vmcore.object(kind, vaddr(BigInt(address)));
  if (kind === 'semaphore') return { owner: 0n, count: lock.member('count').integer() };
  const atomic = flavour === '4.4' ? '' : '.counter';
  const owner =
    flavour === '4.4' ? lock.member('owner').pointer() : lock.member('owner.counter').integer();
  const count = kind === 'mutex' ? undefined : lock.member(`count${atomic}`).integer();
  return { owner: BigInt.asUintN(64, owner), count };
}

/** Addresses of the tasks on a wait list. */
function waitersOf(vmcore: Vmcore, { kind, address }: LedgerLock): bigint[] {
  const lock = vmcore.object(kind, vaddr(BigInt(address)));
  const waiters: bigint[] = [];
  const head = lock.member('wait_list').address;
  for (let at = lock.member('wait_list.next').pointer(); at !== head;) {
    const waiter = vmcore.object(WAITERS[kind], at);
    waiters.push(waiter.member('task').integer());
    assert.ok(waiters.length < WAITERS_MAX, 'the list does not end');
    at = waiter.member('list.next').pointer();
  }
  return waiters;
}

const WAITERS = {
  mutex: 'mutex_waiter',
  rw_semaphore: 'rwsem_waiter',
  semaphore: 'semaphore_waiter',
} as const;

/** The busy workers of a pool are in a hash by what they do: their order there means nothing. */
function byPid<T extends { readonly pid: number }>(workers: readonly T[]): T[] {
  return [...workers].sort((a, b) => a.pid - b.pid);
}

/** What kworkers execute, what waits for one, and who helps where none can be made. */
function checkWorkqueues(vmcore: Vmcore, ledger: Ledger): void {
  const address = (func: string): bigint | undefined => vmcore.symbols.lookup(func);
  assert.deepEqual(
    walkCpuPools(vmcore).map(({ workerPids, ...pool }) => {
      assert.ok(workerPids.length >= pool.idlePids.length);
      return { ...pool, busy: byPid(pool.busy) };
    }),
    ledger.pools.flatMap(({ cpu, id, nrRunning, idlePids, busy, pending }) => {
      if (cpu === undefined) return [];
      return {
        ...{ cpu, id, nrRunning, idlePids: [...idlePids] },
        busy: byPid(busy).map(({ pid, func }) => ({ pid, func: address(func) })),
        pending: pending.map(({ func, wq }) => ({ func: address(func), wq })),
      };
    }),
  );
  assert.deepEqual(
    [...walkRescuers(vmcore)],
    ledger.rescuers.map(({ wq, pid }) => [wq, pid]),
  );
}

/** Of kexec-tools: reads the log of an ELF file with its own code. */
const VMCORE_DMESG = '/usr/sbin/vmcore-dmesg';

/** The dump's own log as kexec-tools reads it; undefined where they are not installed. */
export function dmesg(path: string): string | undefined {
  if (!existsSync(VMCORE_DMESG)) return undefined;
  return execFileSync(VMCORE_DMESG, [path], { encoding: 'latin1', maxBuffer: 1 << 24 });
}

/** The watchdog's lines in a log are those that it has printed. */
export function checkLog(text: string, { logLines }: Ledger): void {
  const found = [...text.matchAll(/^\[.{12}\] (MemAlloc.*)$/gm)].map(([, line]) => line);
  // Older ones may have been pushed out of the ring.
  assert.deepEqual(found, logLines.slice(logLines.length - found.length));
  assert.equal(found.length > 0, logLines.length > 0);
}

/** A line of a request. */
const REQUEST = /MemAlloc: .*\((\d+)\)(?=.* seq=(\d+) gfp=(\S+) order=(\d+) delay=(\d+))/;
/** Time stamps are rounded, and so are jiffies, twice. */
const ROUNDING_JIFFIES = 2;

/**
 * What the watchdog has logged of a request is what the reader prints of it, if that has not ended
 * since: the same sequence, mask and order, and older by the time that has passed.
 *
 * @returns how many requests could be compared
 */
export function checkLogAgainstReader(text: string, vmcore: Vmcore, ledger: Ledger): number {
  const { record } = readMemalloc(vmcore);
  const printed = requestsIn(record?.lines ?? []);
  let compared = 0;
  for (const { seconds, lines } of reportsIn(text)) {
    const elapsed = (secondsOf(ledger) - seconds) * ledger.hz;
    for (const [request, delay] of requestsIn(lines)) {
      const known = printed.get(request);
      if (known === undefined) continue;
      const error = Math.abs(known - delay - elapsed);
      assert.ok(error <= ROUNDING_JIFFIES, `${request}: ${error} jiffies off`);
      compared++;
    }
  }
  return compared;
}

/** The reports of a log; all delays of one are of the instant of its first line. */
function reportsIn(text: string): { seconds: number; lines: string[] }[] {
  const reports: { seconds: number; lines: string[] }[] = [];
  for (const line of text.split('\n')) {
    const info = /^\[ *([\d.]+)\] MemAlloc-Info: /.exec(line);
    if (info !== null) reports.push({ seconds: Number(info[1]), lines: [] });
    else reports.at(-1)?.lines.push(line);
  }
  return reports;
}

/** Seconds since boot at the dump: INITIAL_JIFFIES is five minutes before 32 bits wrap. */
function secondsOf({ jiffies, hz }: Ledger): number {
  return (Number(jiffies) - 2 ** 32) / hz + 300;
}

/** Delays by task, sequence, mask and order. */
function requestsIn(lines: readonly string[]): Map<string, number> {
  return new Map(
    lines.flatMap((line) => {
      const match = REQUEST.exec(line);
      if (match === null) return [];
      const [, pid, seq, gfp, order, delay] = match;
      return [[`pid ${pid} seq=${seq} gfp=${gfp} order=${order}`, Number(delay)]];
    }),
  );
}
