// Stream sockets between processes (net/unix/af_unix.c), as far as memory goes: of all that user
// space does every day, a large message is what asks the kernel for pages that lie together.
//
//   head    up to four pages, in one block of order 2, which the sender waits for
//   frags   the rest: blocks of order 3 while there are some, for which nobody waits, then pages
//
// The receiver frees them all. A sender sleeps while too much lies in the socket.

import { call, type Code } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import { __x64_sys_nanosleep } from '../core/time.ts';
import { syscall } from '../kernel/entry.ts';
import { schedule } from '../kernel/sched.ts';
import { TASK_INTERRUPTIBLE, TASK_RUNNING } from '../kernel/task-bits.ts';
import { fatal_signal_pending } from '../kernel/task.ts';
import { finish_wait, prepare_to_wait, wake_up, WaitQueue } from '../kernel/wait.ts';
import {
  __GFP_COMP,
  __GFP_DIRECT_RECLAIM,
  __GFP_NOMEMALLOC,
  __GFP_NOWARN,
  GFP_KERNEL,
} from '../mm/gfp.ts';
import type { Page } from '../mm/mmzone.ts';
import { __alloc_pages, __free_pages } from '../mm/page-alloc.ts';
import type { Program } from '../programs.ts';

/** SKB_MAX_ALLOC: what lies in the head of a message, and the order of that block. */
const HEAD_ORDER_MAX = 2;
/** UNIX_SKB_FRAGS_SZ, 32 KiB: the order of its other blocks, and the most that they are. */
const FRAG_ORDER = 3;
/** Of one message. */
export const MESSAGE_PAGES_MAX = 2 ** HEAD_ORDER_MAX + 2 ** FRAG_ORDER;
/** net.core.wmem_default, 212992 bytes. */
const SEND_PAGES_MAX = 52;
/** Microseconds to copy a page, into the message and out of it. */
const COPY_US = 1;

/** Of a head: kmalloc_reserve() leaves the reserves alone, and does not complain. */
const GFP_HEAD = GFP_KERNEL | __GFP_COMP | __GFP_NOMEMALLOC | __GFP_NOWARN;
/** Of larger blocks: kswapd may be woken for them, and no more (Linux 4.4 adds __GFP_NORETRY). */
const GFP_FRAG = (GFP_KERNEL & ~__GFP_DIRECT_RECLAIM) | __GFP_COMP | __GFP_NOWARN;

/** A pair of connected sockets, in one direction. */
export class UnixSocket {
  /** sk_receive_queue: the blocks of each message. */
  readonly messages: (readonly Page[])[] = [];
  /** sk_wmem_alloc, in pages. */
  queuedPages = 0;
  readonly room = new WaitQueue('sock_wait_for_wmem');
  readonly data = new WaitQueue('unix_stream_data_wait');
}

/** A program that sends a message of so many pages again and again. */
export function sender(socket: UnixSocket, plan: { pages: number; sleepUs: number }): Program {
  return function* (k) {
    for (;;) {
      yield* syscall(k, __x64_sys_sendto, socket, plan.pages);
      yield* syscall(k, __x64_sys_nanosleep, plan.sleepUs);
    }
  };
}

/** A program that receives whatever is sent. */
export function receiver(socket: UnixSocket): Program {
  return function* (k) {
    for (;;) yield* syscall(k, __x64_sys_recvfrom, socket);
  };
}

function* __x64_sys_sendto(k: Kernel, socket: UnixSocket, pages: number): Code {
  yield* call(k, sock_sendmsg, socket, pages);
}

function* sock_sendmsg(k: Kernel, socket: UnixSocket, pages: number): Code {
  yield* call(k, unix_stream_sendmsg, socket, pages);
}

function* __x64_sys_recvfrom(k: Kernel, socket: UnixSocket): Code {
  yield* call(k, sock_recvmsg, socket);
}

function* sock_recvmsg(k: Kernel, socket: UnixSocket): Code {
  yield* call(k, unix_stream_recvmsg, socket);
}

/** sendmsg(2) of so many pages, as several messages. @returns the pages that were sent */
export function* unix_stream_sendmsg(k: Kernel, socket: UnixSocket, pages: number): Code<number> {
  let sent = 0;
  while (sent < pages) {
    const count = Math.min(pages - sent, MESSAGE_PAGES_MAX);
    const blocks = yield* call(k, sock_alloc_send_pskb, socket, count);
    if (blocks === undefined) break;
    k.spend(COPY_US * count);
    socket.messages.push(blocks);
    wake_up(k, socket.data);
    sent += count;
  }
  return sent;
}

function* sock_alloc_send_pskb(
  k: Kernel,
  socket: UnixSocket,
  pages: number,
): Code<readonly Page[] | undefined> {
  while (socket.queuedPages >= SEND_PAGES_MAX) {
    if (fatal_signal_pending(k.current)) return undefined;
    prepare_to_wait(k, socket.room, TASK_INTERRUPTIBLE);
    yield* call(k, schedule);
    finish_wait(k, socket.room);
  }
  const blocks = yield* call(k, alloc_skb_with_frags, pages);
  socket.queuedPages += sizeOf(blocks ?? []);
  return blocks;
}

/** @returns undefined where there was no memory: then nothing is kept */
function* alloc_skb_with_frags(k: Kernel, pages: number): Code<readonly Page[] | undefined> {
  const order = Math.min(HEAD_ORDER_MAX, Math.ceil(Math.log2(pages)));
  const head = yield* call(k, kmalloc_reserve, order);
  if (head === undefined) return undefined;
  const blocks = [head];
  let largest = FRAG_ORDER;
  for (let left = pages - 2 ** order; left > 0; left = pages - sizeOf(blocks)) {
    const wanted = Math.min(largest, Math.floor(Math.log2(left)));
    const large =
      wanted === 0 ? undefined : yield* call(k, __alloc_pages, { gfp: GFP_FRAG, order: wanted });
    // No other large block is tried after the first that was not there.
    if (large === undefined) largest = 0;
    const block = large ?? (yield* call(k, __alloc_pages, { gfp: GFP_KERNEL, order: 0 }));
    if (block === undefined) {
      blocks.forEach(__free_pages);
      return undefined;
    }
    blocks.push(block);
  }
  return blocks;
}

function* kmalloc_reserve(k: Kernel, order: number): Code<Page | undefined> {
  return yield* call(k, __alloc_pages, { gfp: GFP_HEAD, order });
}

/** recvmsg(2): the next message, for which it waits. @returns its pages */
export function* unix_stream_recvmsg(k: Kernel, socket: UnixSocket): Code<number> {
  while (socket.messages.length === 0) {
    if (fatal_signal_pending(k.current)) return 0;
    prepare_to_wait(k, socket.data, TASK_INTERRUPTIBLE);
    yield* call(k, schedule);
    finish_wait(k, socket.data);
  }
  k.current.state = TASK_RUNNING;
  const blocks = socket.messages.shift() ?? [];
  const pages = sizeOf(blocks);
  k.spend(COPY_US * pages);
  blocks.forEach(__free_pages);
  socket.queuedPages -= pages;
  wake_up(k, socket.room);
  return pages;
}

function sizeOf(blocks: readonly Page[]): number {
  return blocks.reduce((sum, { order }) => sum + 2 ** order, 0);
}
