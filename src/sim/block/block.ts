// Block devices: what a bio is submitted to. The disk here has a finite speed, does one request
// after the other, and has tags for a bounded number of them.

import { bio_endio, type Bio } from './bio.ts';
import { clear_congested, io_schedule, set_congested } from './congestion.ts';
import { call, type Code, type KernelFunction } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import { TASK_UNINTERRUPTIBLE } from '../kernel/task-bits.ts';
import type { Task } from '../kernel/task.ts';
import { finish_wait, prepare_to_wait, wake_up, WaitQueue } from '../kernel/wait.ts';

/** nr_requests of a queue. */
const REQUESTS_MAX = 128;
/** blk_queue_congestion_threshold() of Linux up to 4.20: on above the first, off below the last. */
const CONGESTION_ON = REQUESTS_MAX - REQUESTS_MAX / 8 + 1;
const CONGESTION_OFF = REQUESTS_MAX - REQUESTS_MAX / 8 - REQUESTS_MAX / 16 - 1;

/** Something that bios are submitted to. */
export interface BlockDevice {
  readonly name: string;
  /** Its submit_bio(), which may sleep until there is room for another request. */
  readonly submit: KernelFunction<[Bio], void>;
  /** Threads that have to run before its I/O is done; none where hardware does it. */
  workers(): readonly Task[];
}

/** A disk. */
export class Disk implements BlockDevice {
  readonly name: string;
  readonly submit = blk_mq_submit_bio;
  /** How long a page takes, in microseconds. */
  usPerPage: number;
  inFlight = 0;
  isCongested = false;
  readonly wait: WaitQueue;
  #freeAt = 0;

  constructor(name: string, usPerPage: number) {
    this.name = name;
    this.usPerPage = usPerPage;
    this.wait = new WaitQueue(`requests of ${name}`);
  }

  workers(): readonly Task[] {
    return [];
  }

  /** When a request that is made now will be done. */
  schedule(now: number, pages: number): number {
    this.#freeAt = Math.max(this.#freeAt, now) + this.usPerPage * pages;
    return this.#freeAt;
  }
}

/** Hands a bio to its device, which has to see to it from now on. */
export function* submit_bio(k: Kernel, bio: Bio): Code {
  const { device } = bio;
  bio.element.holders = () => device.workers();
  yield* call(k, device.submit, bio);
}

function* blk_mq_submit_bio(k: Kernel, bio: Bio): Code {
  const disk = bio.device as Disk;
  while (disk.inFlight >= REQUESTS_MAX) yield* call(k, blk_mq_get_tag, disk);
  disk.inFlight++;
  if (!disk.isCongested && disk.inFlight > CONGESTION_ON) {
    disk.isCongested = true;
    set_congested(k);
  }
  k.sched.at(disk.schedule(k.sched.now, bio.pages), () => endRequest(k, disk, bio));
}

function* blk_mq_get_tag(k: Kernel, disk: Disk): Code {
  prepare_to_wait(k, disk.wait, TASK_UNINTERRUPTIBLE);
  yield* call(k, io_schedule);
  finish_wait(k, disk.wait);
}

/** The interrupt of the disk. */
function endRequest(k: Kernel, disk: Disk, bio: Bio): void {
  disk.inFlight--;
  if (disk.isCongested && disk.inFlight < CONGESTION_OFF) {
    disk.isCongested = false;
    clear_congested(k);
  }
  wake_up(k, disk.wait);
  bio_endio(k, bio);
}
