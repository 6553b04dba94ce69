// A disk of finite speed: one request after the other, a bounded number of them waiting.

import { io_schedule } from './congestion.ts';
import { call, type Code } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import type { Page } from '../mm/mmzone.ts';
import { TASK_UNINTERRUPTIBLE } from '../kernel/task-bits.ts';
import { finish_wait, prepare_to_wait, wake_up, WaitQueue } from '../kernel/wait.ts';

/** nr_requests of a queue. */
const REQUESTS_MAX = 128;

/** A block device. */
export class Disk {
  /** How long a page takes, in microseconds. */
  usPerPage: number;
  inFlight = 0;
  readonly wait = new WaitQueue('disk requests');
  #freeAt = 0;

  constructor(usPerPage: number) {
    this.usPerPage = usPerPage;
  }

  /** When a request that is made now will be done. */
  schedule(now: number): number {
    this.#freeAt = Math.max(this.#freeAt, now) + this.usPerPage;
    return this.#freeAt;
  }
}

/** Writes a page; `done` is called when it is on the disk. */
export function* submit_bio(
  k: Kernel,
  { disk, done }: { disk: Disk; page: Page; done: () => void },
): Code {
  while (disk.inFlight >= REQUESTS_MAX) yield* call(k, blk_mq_get_tag, disk);
  disk.inFlight++;
  k.sched.at(disk.schedule(k.sched.now), () => {
    disk.inFlight--;
    wake_up(k, disk.wait);
    done();
  });
}

function* blk_mq_get_tag(k: Kernel, disk: Disk): Code {
  prepare_to_wait(k, disk.wait, TASK_UNINTERRUPTIBLE);
  yield* call(k, io_schedule);
  finish_wait(k, disk.wait);
}
