// A disk behind a network: iSCSI over TCP (drivers/scsi/iscsi_tcp.c, libiscsi.c). A worker sends
// what is to be written. Where the card cannot gather a packet from several places TCP copies it
// (tcp_sendpage() goes to sock_no_sendpage()), and the worker may use all of the reserves for the
// copies (PF_MEMALLOC in iscsi_sw_tcp_pdu_xmit()), for writing is what frees memory. But they are
// freed only when the target has answered, and to hear that takes memory, too: see e1000.ts.
//
//   submit_bio -> iscsi_queuecommand -> [iscsi_q_0] packets -> target
//   target -> [napi/eth0] packets are freed, bio_endio

import { bio_endio, type Bio } from '../block/bio.ts';
import type { BlockDevice } from '../block/block.ts';
import { call, type Code } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import { cond_resched } from '../kernel/sched.ts';
import { PF_MEMALLOC } from '../kernel/task-bits.ts';
import type { Task } from '../kernel/task.ts';
import { WQ_MEM_RECLAIM, WQ_UNBOUND, type Workqueue } from '../kernel/worker-pool.ts';
import { alloc_workqueue, INIT_WORK, queue_work } from '../kernel/workqueue.ts';
import { __GFP_NOWARN, GFP_ATOMIC } from '../mm/gfp.ts';
import type { Page } from '../mm/mmzone.ts';
import { __alloc_pages, __free_pages } from '../mm/page-alloc.ts';
import type { NetworkCard } from './e1000.ts';

/** Microseconds to copy a page into a packet. */
const COPY_US = 10;
/** net.core.wmem_max as guides for fast networks have it: 64 MiB may be on their way. */
const WINDOW_PAGES = 16_384;
/** TCP_RTO_MIN and TCP_RTO_MAX: after so long the target sends again what it heard nothing of. */
const RTO_US = { least: 200_000, most: 120_000_000 };

/** Microseconds until the worker looks for a page again. */
const RETRY_US = 20_000;

/** What was sent and is not answered. */
interface Sent {
  readonly bio: Bio;
  readonly packets: readonly Page[];
}

/** What the target is like. */
interface Target {
  /** Microseconds that it takes for a page. */
  readonly usPerPage: number;
  readonly roundTripUs: number;
}

/** A disk of an iSCSI session. */
export class IscsiDisk implements BlockDevice {
  readonly name = 'sda';
  readonly submit = iscsi_queuecommand;
  readonly target: Target;
  readonly card: NetworkCard;
  readonly queue: Bio[] = [];
  /** In the order in which they were sent, which is that of the answers. */
  readonly sent: Sent[] = [];
  sentPages = 0;
  /** When the target has done what it was sent. */
  targetIsFreeAt = 0;
  /** Answers that the target has to send, or to send again. */
  answers = 0;
  /** How long the target waits before it sends again; 0 while nothing was lost. */
  rtoUs = 0;
  /** The worker found no page, and is about to look again. */
  isRetrying = false;
  readonly wq: Workqueue;
  readonly work = INIT_WORK(iscsi_xmitworker, this);

  constructor(k: Kernel, card: NetworkCard, target: Target) {
    this.card = card;
    this.target = target;
    const flags = WQ_MEM_RECLAIM | WQ_UNBOUND;
    this.wq = alloc_workqueue(k, { name: 'iscsi_q_0', flags, maxActive: 1 });
  }

  /** Whoever hears the answers: without it nothing that was sent is ever done. */
  workers(): readonly Task[] {
    return [this.card.task];
  }
}

function* iscsi_queuecommand(k: Kernel, bio: Bio): Code {
  const disk = bio.device as IscsiDisk;
  disk.queue.push(bio);
  queue_work(k, disk.wq, disk.work);
  yield* cond_resched(k);
}

/** Sends until the window is full, or for as long as there are pages, and then tries again. */
function* iscsi_xmitworker(k: Kernel, disk: IscsiDisk): Code {
  for (let [bio] = disk.queue; bio !== undefined; [bio] = disk.queue) {
    if (disk.sentPages + bio.pages > WINDOW_PAGES) return;
    if (!(yield* call(k, iscsi_sw_tcp_pdu_xmit, disk, bio))) {
      retryLater(k, disk);
      return;
    }
    disk.queue.shift();
  }
}

/** The worker does not leave its loop for -EAGAIN; here it leaves its CPU to others meanwhile. */
function retryLater(k: Kernel, disk: IscsiDisk): void {
  if (disk.isRetrying) return;
  disk.isRetrying = true;
  k.sched.at(k.sched.now + RETRY_US, () => {
    disk.isRetrying = false;
    queue_work(k, disk.wq, disk.work);
  });
}

/** @returns whether it was sent */
function* iscsi_sw_tcp_pdu_xmit(k: Kernel, disk: IscsiDisk, bio: Bio): Code<boolean> {
  const had = k.current.flags & PF_MEMALLOC;
  k.current.flags |= PF_MEMALLOC;
  const packets: Page[] = [];
  while (packets.length < bio.pages) {
    const page = yield* call(k, tcp_sendmsg);
    if (page === undefined) break;
    packets.push(page);
  }
  k.current.flags = (k.current.flags & ~PF_MEMALLOC) | had;
  yield* cond_resched(k);
  if (packets.length < bio.pages) {
    packets.forEach(__free_pages);
    return false;
  }
  disk.sent.push({ bio, packets });
  disk.sentPages += bio.pages;
  const { usPerPage, roundTripUs } = disk.target;
  const begin = Math.max(disk.targetIsFreeAt, k.sched.now);
  disk.targetIsFreeAt = begin + usPerPage * bio.pages;
  k.sched.at(disk.targetIsFreeAt + roundTripUs, () => answer(k, disk));
  return true;
}

/** A page of a packet. The socket is not to sleep: sk_allocation is GFP_ATOMIC. */
function* tcp_sendmsg(k: Kernel): Code<Page | undefined> {
  const gfp = GFP_ATOMIC | __GFP_NOWARN;
  const page = yield* call(k, __alloc_pages, { gfp, order: 0 });
  k.spend(COPY_US);
  return page;
}

/** The target answers, one packet for each that it was sent. */
function answer(k: Kernel, disk: IscsiDisk): void {
  disk.answers++;
  if (disk.rtoUs === 0) sendAnswers(k, disk);
}

function sendAnswers(k: Kernel, disk: IscsiDisk): void {
  for (; disk.answers > 0; disk.answers--) {
    if (disk.card.receive(k, () => iscsi_complete_pdu(k, disk))) continue;
    disk.rtoUs = Math.min(RTO_US.most, Math.max(RTO_US.least, 2 * disk.rtoUs));
    k.sched.at(k.sched.now + disk.rtoUs, () => sendAnswers(k, disk));
    return;
  }
  disk.rtoUs = 0;
}

/** The answer to what was sent first: its packets are freed, and there is room for others. */
function iscsi_complete_pdu(k: Kernel, disk: IscsiDisk): void {
  const sent = disk.sent.shift();
  if (sent === undefined) return;
  disk.sentPages -= sent.packets.length;
  sent.packets.forEach(__free_pages);
  bio_endio(k, sent.bio);
  if (disk.queue.length > 0) queue_work(k, disk.wq, disk.work);
}
