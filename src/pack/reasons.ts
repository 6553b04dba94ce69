// Why bytes of each kind are kept, for whoever has to allow a packed dump to leave.

/** Names of kinds by what they are good for. */
const REASONS: readonly (readonly [why: string, kinds: string])[] = [
  ['which tasks there are, what state they are in and what they ask for', 'task_struct'],
  ['which task a pid is', 'pid upid pid_namespace idr xa_node pid_link hlist_node'],
  ['threads of a process, and whether it is to die', 'signal_struct sighand_struct sigpending'],
  ['how much memory a process has, and whether it is a victim of the OOM killer', 'mm_struct'],
  ['which calls a task is in', 'stack pt_regs inactive_task_frame'],
  ['how to go from a call to its caller', 'ORC_table'],
  ['what calls lead to, and where they keep what they work on', 'code'],
  [
    'what a request for memory asked for, and how far it has come',
    `alloc_context scan_control reclaim_state capture_control compact_control oom_control
    memalloc_info memalloc`,
  ],
  [
    'how much memory is free, and below which mark',
    `zone pglist_data free_area per_cpu_pages per_cpu_pageset per_cpu_zonestat per_cpu_nodestat
    vm_event_state hstate swap_info_struct`,
  ],
  ['what holds the memory', 'kmem_cache kmem_cache_node kmem_cache_cpu slab page folio'],
  ['which memory cgroup is at its limit', 'mem_cgroup mem_cgroup_per_node page_counter cgroup'],
  ['what a memory cgroup is called', 'kernfs_node name_of_cgroup'],
  [
    'who holds a lock, and who waits for it',
    `mutex mutex_waiter rw_semaphore rwsem_waiter semaphore semaphore_waiter rt_mutex
    rt_mutex_base rt_mutex_waiter percpu_rw_semaphore wait_queue_head wait_queue_entry`,
  ],
  [
    'which work waits for a worker that is stuck',
    `worker_pool worker workqueue_struct workqueue_attrs pool_workqueue work_struct delayed_work`,
  ],
  ['whether time goes on, and what is due', 'timer_base timer_list timekeeper clocksource'],
  ['what runs on each CPU', 'rq per-CPU_data cpuinfo_x86 thread_info kernel_cpustat'],
  ['what the kernel said', 'log'],
  ['where the log is', 'printk_ringbuffer'],
  ['which kernel this is, and that it was found', 'kernel_identity uts_namespace'],
  ['where virtual addresses lie', 'page_tables mem_section'],
  ['what one structure leads to another by', 'list_head'],
  ['what a debugger starts from', 'variables'],
  ['what functions of modules are called', 'module symbols_of_modules kernel_symbol typetab'],
  ['crash wants it when it starts', 'bus_type device_private memory_block'],
  ['names of zones, of slab caches, and of workqueues', 'text'],
  ['what the kernel writes of a request for memory', 'names_of_flags printk_format'],
  ['whatever else a page has', 'rest_of_pages'],
];

const WHY = new Map(
  REASONS.flatMap(([why, kinds]) =>
    kinds
      .trim()
      .split(/\s+/)
      .map((kind) => [kind.replaceAll('_', ' '), why] as const),
  ),
);

/** Why bytes of a kind are kept: what the answer takes from them. */
export function reasonFor(what: string): string {
  return WHY.get(what.replaceAll('_', ' ')) ?? 'on the way to what the answer is made of';
}
