// What the OOM killer prints about a memory cgroup instead of the machine's memory
// (mem_cgroup_print_oom_meminfo() of mm/memcontrol.c).

import type { Kernel } from '../core/kernel.ts';
import type { MemCgroup } from './memcontrol.ts';
import type { MemcgLists } from './memcg-list.ts';
import { PAGE_COUNTER_MAX, type PageCounter } from './page-counter.ts';
import { LOGLEVEL_INFO } from '../kernel/printk.ts';

const PAGE_KB = 4;
const PAGE_SIZE = 4096;
/** PAGE_COUNTER_MAX in kB, as the kernel prints it. */
const NO_LIMIT_KB = '9007199254740988';

/** Prints usage, limit, and the statistics of memory.stat that the simulation has. */
export function mem_cgroup_print_oom_meminfo(k: Kernel, memcg: MemCgroup): void {
  const line = (text: string): void => k.printk(LOGLEVEL_INFO, text);
  line(`memory: ${counterText(memcg.memory)}`);
  line(`swap: usage 0kB, limit ${NO_LIMIT_KB}kB, failcnt 0`);
  line(`Memory cgroup stats for ${memcg.path}:`);
  const { inactive_anon, active_anon, inactive_file, active_file } = sumOfTree(memcg);
  const stats: readonly (readonly [name: string, pages: number])[] = [
    ['anon', inactive_anon + active_anon],
    ['file', inactive_file + active_file],
    ['inactive_anon', inactive_anon],
    ['active_anon', active_anon],
    ['inactive_file', inactive_file],
    ['active_file', active_file],
  ];
  for (const [name, pages] of stats) line(`${name} ${pages * PAGE_SIZE}`);
}

function counterText({ usage, max, failcnt }: PageCounter): string {
  const limit = max === PAGE_COUNTER_MAX ? NO_LIMIT_KB : String(max * PAGE_KB);
  return `usage ${usage * PAGE_KB}kB, limit ${limit}kB, failcnt ${failcnt}`;
}

/** Pages on the lists of a cgroup and of those below it. */
export function sumOfTree(memcg: MemCgroup): { [name in keyof MemcgLists]: number } {
  const sum = { inactive_anon: 0, active_anon: 0, inactive_file: 0, active_file: 0 };
  for (const { lru } of memcg.subtree()) {
    for (const name of Object.keys(sum) as (keyof typeof sum)[]) sum[name] += lru[name].length;
  }
  return sum;
}
