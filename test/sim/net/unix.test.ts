import assert from 'node:assert/strict';
import type { Kernel } from '../../../src/sim/core/kernel.ts';
import { UnixSocket, unix_stream_recvmsg, unix_stream_sendmsg } from '../../../src/sim/net/unix.ts';
import { addThread, bareKernel, runBody } from '../../support/bare-kernel.ts';
import { SECOND_US, takeAllMemory } from '../../support/simulated-machine.ts';

/** Orders of the blocks of each message that lies in the socket. */
function orders({ messages }: UnixSocket): number[][] {
  return messages.map((blocks) => blocks.map(({ order }) => order));
}

function inUse(k: Kernel): number {
  const pages = k.node.zones.flatMap((zone) => [...zone.inUse.pages()]);
  return pages.reduce((sum, { order }) => sum + 2 ** order, 0);
}

describe('unix_stream_sendmsg', () => {
  it('takes one block for the head of a message, and a larger one for the rest', () => {
    const k = bareKernel();
    const socket = new UnixSocket();
    runBody(k, function* () {
      for (const pages of [1, 3, 4, 9, 12, 15]) {
        assert.equal(yield* unix_stream_sendmsg(k, socket, pages), pages);
      }
    });
    assert.deepEqual(orders(socket), [[0], [2], [2], [2, 2, 0], [2, 3], [2, 3], [2]]);
  });

  it('makes do with pages where there is no larger block, and tries only once for one', () => {
    const k = bareKernel({ zoneDma: false });
    const taken = takeAllMemory(k);
    // What is free lies alone but for one block for the head.
    const head = taken.find(({ pfn }) => pfn % 4 === 0);
    assert.ok(head !== undefined);
    const isFree = (pfn: number): boolean => pfn % 2 === 0 || Math.floor(pfn / 4) === head.pfn / 4;
    for (const page of taken) if (isFree(page.pfn)) page.zone.give(page);
    for (const { pcp } of k.node.zones) for (const lists of pcp) lists.drain();
    const socket = new UnixSocket();
    runBody(k, function* () {
      yield* unix_stream_sendmsg(k, socket, 12);
    });
    assert.deepEqual(orders(socket), [[2, 0, 0, 0, 0, 0, 0, 0, 0]]);
  });

  it('waits while too much lies in the socket, until somebody has received it', () => {
    const k = bareKernel();
    const before = inUse(k);
    const socket = new UnixSocket();
    let sent = 0;
    const sender = addThread(k, 'sender', 0, function* () {
      sent = yield* unix_stream_sendmsg(k, socket, 240);
    });
    k.sched.run(SECOND_US);
    assert.deepEqual([sent, socket.queuedPages], [0, 60]);
    assert.ok(socket.room.tasks.includes(sender));
    let received = 0;
    addThread(k, 'receiver', 0, function* () {
      while (received < 240) received += yield* unix_stream_recvmsg(k, socket);
    });
    k.sched.run(2 * SECOND_US);
    assert.deepEqual([sent, received, socket.queuedPages], [240, 240, 0]);
    assert.equal(inUse(k), before);
  });
});

describe('unix_stream_recvmsg', () => {
  it('sleeps until there is a message', () => {
    const k = bareKernel();
    const socket = new UnixSocket();
    let received = 0;
    const receiver = addThread(k, 'receiver', 0, function* () {
      received = yield* unix_stream_recvmsg(k, socket);
    });
    k.sched.run(SECOND_US);
    assert.ok(socket.data.tasks.includes(receiver));
    addThread(k, 'sender', 0, function* () {
      yield* unix_stream_sendmsg(k, socket, 2);
    });
    k.sched.run(2 * SECOND_US);
    assert.equal(received, 2);
  });
});
