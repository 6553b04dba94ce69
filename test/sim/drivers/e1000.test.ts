import assert from 'node:assert/strict';
import type { Kernel } from '../../../src/sim/core/kernel.ts';
import { NetworkCard, RECEIVE_RING } from '../../../src/sim/drivers/e1000.ts';
import { kswapd_run } from '../../../src/sim/mm/kswapd.ts';
import { bareKernel } from '../../support/bare-kernel.ts';
import { SECOND_US, takeAllMemory } from '../../support/simulated-machine.ts';

const RING_PAGES = 256;
const POLL_PACKETS = 64;

/** A card that has come up: its thread has filled the ring. */
function machine(): { k: Kernel; card: NetworkCard } {
  const k = bareKernel();
  kswapd_run(k);
  const card = new NetworkCard(k);
  k.sched.run(SECOND_US / 10);
  return { k, card };
}

/** So many packets arrive at once. @returns how many of them there was room for */
function receive(k: Kernel, card: NetworkCard, count: number, handle = (): void => undefined) {
  return Array.from({ length: count }, () => card.receive(k, handle)).filter(Boolean).length;
}

function inUse(k: Kernel): number {
  return k.node.zones.reduce((sum, zone) => sum + [...zone.inUse.pages()].length, 0);
}

describe('NetworkCard', () => {
  it('fills its ring before the first packet, and again after each', () => {
    const { k, card } = machine();
    assert.equal(card.ring.length, RING_PAGES);
    const before = inUse(k);
    let handled = 0;
    assert.equal(
      receive(k, card, 100, () => handled++),
      100,
    );
    assert.equal(card.ring.length, RING_PAGES - 100);
    k.sched.run(k.sched.now + SECOND_US / 10);
    assert.deepEqual([handled, card.ring.length, inUse(k)], [100, RING_PAGES, before]);
  });

  it('hands packets up in the order in which they came, no more than a budget in one poll', () => {
    const { k, card } = machine();
    const handled: number[] = [];
    const longest = { count: 0 };
    for (let i = 0; i < 3 * POLL_PACKETS; i++) {
      card.receive(k, () => {
        handled.push(i);
        // What was taken off the list before the first of it was handled is one poll.
        longest.count = Math.max(longest.count, 3 * POLL_PACKETS - i - card.received.length);
      });
    }
    k.sched.run(k.sched.now + SECOND_US / 10);
    assert.deepEqual(
      handled,
      Array.from({ length: 3 * POLL_PACKETS }, (_, i) => i),
    );
    assert.equal(longest.count, POLL_PACKETS);
  });

  it('drops what arrives while its ring is empty, and says what it waits for', () => {
    const { k, card } = machine();
    takeAllMemory(k);
    assert.equal(receive(k, card, RING_PAGES + 7), RING_PAGES);
    assert.equal(card.missed, 7);
    // The pages of those packets are freed, and are the last that there are: it takes them back.
    k.sched.run(k.sched.now + SECOND_US / 10);
    const mine = card.ring.splice(0);
    assert.ok(mine.length > 0);
    receive(k, card, 1);
    k.sched.run(k.sched.now + 3 * SECOND_US);
    assert.equal(card.ring.length, 0);
    assert.equal(card.task.blockedOn, card);
    assert.equal(card.kind, RECEIVE_RING);
    assert.deepEqual(
      card.holders().map(({ comm }) => comm),
      ['kswapd0'],
    );
  });

  it('looks again every two seconds, without a packet, once there is memory', () => {
    const { k, card } = machine();
    const taken = takeAllMemory(k);
    card.ring.splice(0);
    k.sched.run(k.sched.now + 2 * SECOND_US);
    assert.equal(card.ring.length, 0);
    for (const page of taken) page.zone.give(page);
    k.sched.run(k.sched.now + SECOND_US);
    assert.equal(card.ring.length, 0, 'nothing has woken it');
    k.sched.run(k.sched.now + SECOND_US + SECOND_US / 2);
    assert.equal(card.ring.length, RING_PAGES);
    assert.equal(card.task.blockedOn, undefined);
  });
});
