// The locks of a result held against the ledger: every one with waiters is found and no other, with
// its owner, its waiters in order, and for each task what it waits for.

import assert from 'node:assert/strict';
import type { KernelLock, LocksResult } from '../../src/kernel/locking/lock.ts';
import type { Ledger, LedgerLock } from '../../src/sim/ledger.ts';

/** @returns how many locks there were, so that a test can ask for some */
export function checkLocks(result: LocksResult, ledger: Ledger): number {
  const waitedFor = ledger.locks.filter(({ waiterPids }) => waiterPids.length > 0);
  const byAddress = new Map(result.locks.map((lock) => [lock.address, lock]));
  assert.deepEqual([...byAddress.keys()].sort(), waitedFor.map(({ address }) => address).sort());
  for (const lock of waitedFor) checkLock(byAddress.get(lock.address)!, lock);
  const names = new Map(ledger.locks.map(({ address, name }) => [address, name]));
  const waits = new Map(result.waits.map(({ pid, lock }) => [pid, names.get(lock)]));
  for (const { pid, comm, waitsFor, holds } of ledger.tasks) {
    // A reader that was given the lock and has not run since is on no list.
    const isListed = waitedFor.some(({ waiterPids }) => waiterPids.includes(pid));
    assert.equal(waits.get(pid), isListed ? waitsFor : undefined, comm);
    checkHeld(result, { pid, comm, held: new Set(holds), names });
  }
  return waitedFor.length;
}

/** What a task is said to have it has. */
function checkHeld(
  { locks }: LocksResult,
  task: { pid: number; comm: string; held: Set<string>; names: ReadonlyMap<string, string> },
): void {
  for (const { address, owner, readers } of locks) {
    const owners = [...(owner === undefined ? [] : [owner]), ...(readers?.tasks ?? [])];
    const isOwner = owners.some(({ pid, certain }) => certain && pid === task.pid);
    const name = task.names.get(address) ?? '';
    if (isOwner) assert.ok(task.held.has(name), `${task.comm} has ${name}`);
  }
}

function checkLock(found: KernelLock, lock: LedgerLock): void {
  const { name, readerPids = [] } = lock;
  assert.equal(found.kind, lock.kind, name);
  assert.deepEqual(found.waiters, lock.waiterPids, name);
  const sure = found.owner?.certain === true ? found.owner.pid : undefined;
  assert.equal(sure, lock.ownerPid, name);
  assert.equal(found.readers?.count ?? 0, readerPids.length, name);
}
