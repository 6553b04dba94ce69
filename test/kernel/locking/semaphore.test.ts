import assert from 'node:assert/strict';
import type { FakeStruct } from '../../support/fake-memory.ts';
import { LOCK, STRUCTS, WaitedFor } from '../../support/lock-machine.ts';

describe('SEMAPHORE', () => {
  it('has no owner', () => {
    const lock = new WaitedFor('__down', { list: 8 }).lock();
    assert.equal(lock.kind, 'semaphore');
    assert.equal(lock.owner, undefined);
    assert.deepEqual(lock.notes, ['a semaphore has no owner']);
  });

  it('remembers who took one last, who may have given it back', () => {
    const { members } = STRUCTS.semaphore!;
    const semaphore: FakeStruct = {
      size: 32,
      members: { ...members, last_holder: [24, 'unsigned long'] },
    };
    const machine = new WaitedFor('__down', { list: 8, structs: { semaphore } });
    machine.word(LOCK + 24, machine.ownerWord);
    const { owner } = machine.lock();
    assert.deepEqual([owner?.pid, owner?.how, owner?.certain], [10, 'last holder', false]);
  });
});
