import assert from 'node:assert/strict';
import type { KernelLock, LocksResult } from '../../../src/kernel/locking/lock.ts';
import { lockChanges } from '../../../src/triage/compare/lock-changes.ts';

const ADDRESS = '0xffff888000001000';

/** A mutex of that owner, with these waiters. */
function mutex(owner: number | undefined, waiters: number[], address = ADDRESS): KernelLock {
  const by = { address: '0x1', how: 'owner', certain: true } as const;
  return {
    kind: 'mutex',
    address,
    ...(owner === undefined ? {} : { owner: { pid: owner, ...by } }),
    waiters,
    notes: [],
    sources: [],
  };
}

function locks(...all: KernelLock[]): LocksResult {
  return { type: 'locks', locks: all, waits: [], unproved: [], cycles: [], chains: [], tasks: [] };
}

/** `held on 1>1 all 2 since 3 no longer 4` */
function check(before: LocksResult, now: LocksResult, expected: string[], same = [1, 2, 3]): void {
  const found = lockChanges(before, now, (pid) => same.includes(pid)).map((change) => {
    const { fate, ownerBefore, ownerNow, stillWaiting, joined, left } = change;
    const lists = `all ${stillWaiting.join()} since ${joined.join()} no longer ${left.join()}`;
    return `${fate} ${ownerBefore}>${ownerNow} ${lists}`;
  });
  assert.deepEqual(found, expected);
}

describe('lockChanges', () => {
  it('tells who has held on to a lock, who waits still, who came and who left', () => {
    check(locks(mutex(1, [2, 4])), locks(mutex(1, [2, 3])), [
      'held on 1>1 all 2 since 3 no longer 4',
    ]);
  });

  it('tells that a lock was handed on', () => {
    check(locks(mutex(1, [2])), locks(mutex(2, [3])), ['handed on 1>2 all  since 3 no longer 2']);
  });

  it('takes an owner with a reused pid for another one', () => {
    check(locks(mutex(9, [2])), locks(mutex(9, [2])), ['handed on 9>9 all 2 since  no longer ']);
  });

  it('does not say of a lock that nobody waits for who has it', () => {
    check(locks(mutex(1, [2])), locks(), ['not waited for 1>undefined all  since  no longer 2']);
    check(locks(), locks(mutex(1, [2])), ['waited for now undefined>1 all  since 2 no longer ']);
    check(locks(mutex(undefined, [2])), locks(mutex(1, [2])), [
      'owner not known undefined>1 all 2 since  no longer ',
    ]);
  });

  it('tells locks apart by their place and by their bit', () => {
    const page = (number: number): KernelLock => ({
      ...mutex(undefined, [2]),
      kind: 'page',
      bit: { number },
    });
    const changes = lockChanges(locks(page(0)), locks(page(1)), () => true);
    assert.deepEqual(
      changes.map(({ fate }) => fate),
      ['waited for now', 'not waited for'],
    );
  });

  it('puts those first that most have waited for all the time', () => {
    const other = '0xffff888000002000';
    const both = locks(mutex(1, [2], other), mutex(1, [2, 3]));
    const [first] = lockChanges(both, both, () => true);
    assert.equal(first?.address, ADDRESS);
  });
});
