// Tasks that met the limit of a memory cgroup in a page fault and are to call its OOM killer when
// they have let go of their locks: task->memcg_in_oom (mm/memcontrol.c), with what they asked for.

import { numberOf, RecordReader } from '../target/record.ts';
import type { Vmcore } from '../target/vmcore.ts';
import { hex, vaddr } from '../util/address.ts';
import type { Task } from './task.ts';

/** The charge that failed. */
export interface MemcgInOom {
  /** `struct mem_cgroup *` */
  readonly memcg: string;
  /** `0x…` */
  readonly gfpMask: string;
  /** log2 of the pages. */
  readonly order: number;
}

/** Members of their own in later kernels, a struct memcg_oom_info before. */
const PATHS = {
  memcg: ['memcg_in_oom', 'memcg_oom.memcg'],
  gfpMask: ['memcg_oom_gfp_mask', 'memcg_oom.gfp_mask'],
  order: ['memcg_oom_order', 'memcg_oom.order'],
} as const;

/** Says what a task has failed to charge; undefined where it is not in such a fault. */
export function memcgInOomReader(vmcore: Vmcore): (task: Task) => MemcgInOom | undefined {
  const record = new RecordReader(vmcore, vmcore.struct('task_struct'), PATHS);
  return (task) => {
    const { memcg, ...values } = record.read(vaddr(BigInt(task.address)), {
      problems: vmcore.problems,
      subject: () => `task_struct ${task.address}`,
    });
    const gfp = numberOf(values.gfpMask);
    const order = numberOf(values.order);
    if (typeof memcg !== 'bigint' || memcg === 0n) return undefined;
    if (gfp === undefined || order === undefined) return undefined;
    return { memcg: hex(memcg), gfpMask: hex(gfp), order };
  };
}
