// A network card (drivers/net/ethernet/intel/e1000), as far as memory goes: it receives into pages
// of a ring, each of which is handed up with the packet in it, so that another page has to take its
// place. That page is asked for where nobody may sleep, and from no more than a part of the
// reserves. Without one the ring gets shorter; when it is empty the card drops what arrives.
//
// The card is polled by a thread (NAPI with /sys/class/net/eth0/threaded), and not from a softirq,
// and has `ethtool -K eth0 sg off`: see iscsi-tcp.ts.

import { call, type Code } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import { cond_resched, schedule } from '../kernel/sched.ts';
import { PF_KSWAPD, TASK_INTERRUPTIBLE } from '../kernel/task-bits.ts';
import type { Task } from '../kernel/task.ts';
import { finish_wait, prepare_to_wait, wake_up, WaitQueue } from '../kernel/wait.ts';
import type { WaitTarget } from '../locking/wait-target.ts';
import { __GFP_NOWARN, GFP_ATOMIC } from '../mm/gfp.ts';
import type { Page } from '../mm/mmzone.ts';
import { __alloc_pages, __free_pages } from '../mm/page-alloc.ts';

/** E1000_DEFAULT_RXD */
const RING_PAGES = 256;
/** NAPI_POLL_WEIGHT: packets of one poll. */
const POLL_PACKETS = 64;
/** Microseconds that the stack takes for a packet. */
const PACKET_US = 3;
/** How often e1000_watchdog() causes an interrupt "to ensure that the ring is cleaned". */
const WATCHDOG_US = 2_000_000;

/** What is waited for where a card has no page left to receive into. */
export const RECEIVE_RING = 'receive ring';

/** A packet that was received, and what the protocol does with it. */
interface Received {
  readonly page: Page;
  readonly handle: () => void;
}

/** The card, and its ring as something that waits for memory. */
export class NetworkCard implements WaitTarget {
  readonly name = 'receive ring of eth0';
  readonly kind = RECEIVE_RING;
  /** Pages that the card may receive into. */
  readonly ring: Page[] = [];
  /** Packets that the thread has not seen. */
  readonly received: Received[] = [];
  readonly wait = new WaitQueue('napi/eth0');
  /** rx_missed_errors: packets that came while the ring was empty. */
  missed = 0;
  readonly task: Task;
  readonly #kernel: Kernel;

  constructor(k: Kernel) {
    this.#kernel = k;
    this.task = k.kthread({ comm: 'napi/eth0-8193' }, napi_threaded_poll, this);
    k.sched.at(WATCHDOG_US, () => watchdog(k, this));
  }

  /** It may not wait itself: others have to get it above the watermark. */
  holders(): readonly Task[] {
    return [...this.#kernel.threads()].filter(({ flags }) => (flags & PF_KSWAPD) !== 0);
  }

  /** A packet arrives. @returns false where there is no room for it */
  receive(k: Kernel, handle: () => void): boolean {
    const page = this.ring.pop();
    if (page === undefined) {
      this.missed++;
      return false;
    }
    this.received.push({ page, handle });
    wake_up(k, this.wait);
    return true;
  }
}

/** Also without packets: the ring may be refilled by then. */
function watchdog(k: Kernel, card: NetworkCard): void {
  wake_up(k, card.wait);
  k.sched.at(k.sched.now + WATCHDOG_US, () => watchdog(k, card));
}

function* napi_threaded_poll(k: Kernel, card: NetworkCard): Code {
  for (;;) {
    do yield* call(k, __napi_poll, card);
    while (card.received.length > 0);
    // Nobody waits for a ring that has pages left.
    if (card.ring.length === 0) k.current.blockedOn = card;
    prepare_to_wait(k, card.wait, TASK_INTERRUPTIBLE);
    yield* call(k, schedule);
    finish_wait(k, card.wait);
    k.current.blockedOn = undefined;
  }
}

function* __napi_poll(k: Kernel, card: NetworkCard): Code {
  yield* call(k, e1000_clean, card);
  yield* cond_resched(k);
}

function* e1000_clean(k: Kernel, card: NetworkCard): Code {
  for (const { page, handle } of card.received.splice(0, POLL_PACKETS)) {
    k.spend(PACKET_US);
    handle();
    __free_pages(page);
  }
  yield* call(k, e1000_alloc_rx_buffers, card);
}

/** netdev_alloc_frag() asks for pages with GFP_ATOMIC, and without __GFP_MEMALLOC. */
function* e1000_alloc_rx_buffers(k: Kernel, { ring }: NetworkCard): Code {
  while (ring.length < RING_PAGES) {
    const page = yield* call(k, __alloc_pages, { gfp: GFP_ATOMIC | __GFP_NOWARN, order: 0 });
    if (page === undefined) return;
    ring.push(page);
  }
}
