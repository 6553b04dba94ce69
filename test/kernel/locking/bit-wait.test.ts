import assert from 'node:assert/strict';
import type { FakeStruct } from '../../support/fake-memory.ts';
import { LockMachine } from '../../support/lock-machine.ts';

const LIST = 'struct list_head';

describe('BitWaitFinder', () => {
  const PAGE = 0x200;
  const QUEUE = 0x300;
  const structs: Record<string, FakeStruct> = {
    page: { size: 64, members: { flags: [0, 'unsigned long'] } },
    wait_queue_entry: { size: 40, members: { private: [8, 'void *'], entry: [24, LIST] } },
    wait_page_queue: {
      size: 56,
      members: {
        page: [0, 'struct page *'],
        bit_nr: [8, 'int'],
        wait: [16, 'struct wait_queue_entry'],
      },
    },
  };

  function machine(flags: bigint): LockMachine {
    const made = new LockMachine(structs);
    const nodes = [11, 12].map((pid) => {
      const { task, local } = made.task(pid, 'folio_wait_bit_common');
      made.pointer(local, PAGE);
      made.memory.u32(local + 8, 1);
      made.pointer(local + 24, task);
      return local + 40;
    });
    // They came in the other order.
    made.ring(QUEUE, ...nodes.reverse());
    made.word(PAGE, flags);
    return made;
  }

  it('finds the page and the bit, and who waits in the order of the queue', () => {
    const { locks, waits } = machine(2n).read();
    const [lock] = locks;
    assert.deepEqual(
      [lock?.kind, lock?.address, lock?.bit, lock?.waiters],
      ['page', '0xffff888000000200', { number: 1 }, [12, 11]],
    );
    assert.equal(lock?.owner, undefined);
    assert.equal(waits.length, 2);
  });

  it('does not wait for a bit that is clear', () => {
    const { locks, unproved } = machine(1n).read();
    assert.deepEqual(locks, []);
    assert.match(unproved[0]?.why ?? '', /bit 1, which it waits for, is clear/);
  });

  it('knows a page by the word of its flags, as before 4.10', () => {
    const made = new LockMachine({
      page: { size: 64, members: { flags: [0, 'unsigned long'] } },
      wait_bit_key: { size: 24, members: { flags: [0, 'void *'], bit_nr: [8, 'int'] } },
      __wait_queue: { size: 40, members: { private: [8, 'void *'], task_list: [24, LIST] } },
      wait_bit_queue: {
        size: 64,
        members: { key: [0, 'struct wait_bit_key'], wait: [24, 'struct __wait_queue'] },
      },
    });
    const { task, local } = made.task(11, '__lock_page');
    made.pointer(local, PAGE);
    made.pointer(local + 24 + 8, task);
    made.ring(QUEUE, local + 24 + 24);
    made.word(PAGE, 1n);
    assert.deepEqual(
      made.read().locks.map(({ kind, address, bit, waiters }) => [kind, address, bit, waiters]),
      [['page', '0xffff888000000200', { number: 0 }, [11]]],
    );
  });

  it('finds a wait for a bit of another word', () => {
    const made = new LockMachine({
      wait_bit_key: { size: 24, members: { flags: [0, 'void *'], bit_nr: [8, 'int'] } },
      wait_queue_entry: { size: 40, members: { private: [8, 'void *'], entry: [24, LIST] } },
      wait_bit_queue_entry: {
        size: 64,
        members: { key: [0, 'struct wait_bit_key'], wq_entry: [24, 'struct wait_queue_entry'] },
      },
    });
    const { task, local } = made.task(11, 'out_of_line_wait_on_bit');
    made.pointer(local, 0x208);
    made.memory.u32(local + 8, 3);
    made.pointer(local + 24 + 8, task);
    made.ring(QUEUE, local + 24 + 24);
    made.word(0x208, 8n);
    const [lock] = made.read().locks;
    assert.deepEqual(
      [lock?.kind, lock?.address, lock?.bit],
      ['bit', '0xffff888000000208', { number: 3 }],
    );
    assert.deepEqual(lock?.notes, ['the kernel does not keep whose it is']);
  });
});
