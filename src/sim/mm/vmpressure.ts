// What user space is told about reclaim (mm/vmpressure.c, since Linux 3.10): who has registered an
// eventfd at memory.pressure_level of the root cgroup is woken when memory is as good as gone. Only
// the level `critical` is kept, and only as reclaim itself gives the alarm: it has come so far down
// that it looks at a large part of the lists at once, and still has not got enough.

import type { Kernel } from '../core/kernel.ts';
import { EventFd, eventfd_signal } from '../fs/eventfd.ts';
import { WorkStruct } from '../kernel/worker-pool.ts';
import { schedule_work } from '../kernel/workqueue.ts';
import { __GFP_FS, __GFP_HIGHMEM, __GFP_IO, __GFP_MOVABLE } from './gfp.ts';

/** vmpressure_level_critical_prio: ilog2(100 / 10), a tenth of the lists in one pass. */
const CRITICAL_PRIORITY = 3;
/** What user space can do nothing about is no news to it. */
const GFP_HELPABLE = __GFP_HIGHMEM | __GFP_MOVABLE | __GFP_IO | __GFP_FS;
/** Microseconds to tell one listener. */
const SIGNAL_US = 1;

/** struct vmpressure of the root cgroup. */
export class VmPressure {
  /** Who listens. */
  readonly events: EventFd[] = [];
  /** It never sleeps, so nobody ever sees it on a stack. */
  readonly work = new WorkStruct('vmpressure_work_fn', (k) => {
    for (const event of this.events) {
      k.spend(SIGNAL_US);
      eventfd_signal(k, event);
    }
  });
}

/** vmpressure_register_event() for the level `critical`. */
export function vmpressure_register_event(k: Kernel): EventFd {
  const event = new EventFd();
  k.vmpressure.events.push(event);
  return event;
}

/** Each pass of direct reclaim says how far down it has come. */
export function vmpressure_prio(k: Kernel, gfp: number, priority: number): void {
  if (priority > CRITICAL_PRIORITY || (gfp & GFP_HELPABLE) === 0) return;
  if (k.vmpressure.events.length > 0) schedule_work(k, k.vmpressure.work);
}
