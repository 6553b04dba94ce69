// The types that stallcore reads, so that one layout file holds all that a dump without BTF needs.
// A kernel lacks many of them, under one name or the other; what it lacks is left out.

import type { TypeName } from './layout-write.ts';

/** By subsystem, as src/kernel has it. */
const STRUCTS: Readonly<Record<string, string>> = {
  task: `task_struct signal_struct sighand_struct sigpending thread_struct thread_info kthread
    pt_regs inactive_task_frame nsproxy new_utsname uts_namespace task_delay_info sched_info cred
    kthread_create_info`,
  pid: 'pid upid pid_link pid_namespace idr xarray xa_node radix_tree_root radix_tree_node',
  memory: `mm_struct vm_area_struct maple_tree page folio slab address_space inode anon_vma
    vm_struct vmap_area folio_batch pagevec`,
  sched: `rq cfs_rq rt_rq dl_rq rt_prio_array sched_entity sched_rt_entity sched_class task_group
    cpumask pcpu_hot psi_group psi_group_cpu wake_q_head wake_q_node`,
  cpu: 'cpuinfo_x86 orc_entry kernel_cpustat',
  zone: `zone pglist_data per_cpu_pages per_cpu_pageset per_cpu_zonestat per_cpu_nodestat free_area
    zonelist zoneref vm_event_state mem_section mem_section_usage lruvec zone_reclaim_stat hstate`,
  slab: 'kmem_cache kmem_cache_node kmem_cache_cpu slub_percpu_sheaves node_barn slab_sheaf',
  reclaim: `scan_control reclaim_state alloc_context oom_control compact_control capture_control
    shrinker shrink_control swap_info_struct swap_cluster_info percpu_cluster file dentry mempool_s
    memalloc_info memalloc`,
  cgroup: `mem_cgroup page_counter mem_cgroup_per_node memcg_vmstats memcg_vmstats_percpu
    mem_cgroup_reclaim_iter oom_wait_info cgroup_subsys_state css_set cgroup kernfs_node`,
  workqueue: `worker_pool worker work_struct delayed_work pool_workqueue workqueue_struct
    workqueue_attrs wq_barrier rcu_head callback_head`,
  writeback: `backing_dev_info bdi_writeback wb_writeback_work wb_completion wb_domain super_block
    block_device gendisk request_queue bio journal_s transaction_s`,
  locking: `mutex mutex_waiter rw_semaphore rwsem_waiter semaphore semaphore_waiter rt_mutex
    rt_mutex_base rt_mutex_waiter percpu_rw_semaphore completion wait_queue_head wait_queue_entry
    wait_bit_queue_entry wait_page_queue swait_queue_head swait_queue wait_bit_queue __wait_queue
    rcuwait held_lock lockdep_map`,
  printk: `printk_ringbuffer prb_desc_ring prb_desc prb_data_ring prb_data_block prb_data_blk_lpos
    printk_info printk_log log`,
  module: 'module module_layout module_memory mod_arch_specific module_kobject mod_kallsyms',
  containers: `list_head hlist_head hlist_node rb_node rb_root rb_root_cached hlist_nulls_node
    llist_head llist_node plist_node`,
  trace: 'ftrace_ret_stack rethook_node rethook kretprobe_instance freelist_node',
  time: `clocksource timekeeper tk_read_base hrtimer timer_list timer_base timespec64
    percpu_counter trace_print_flags`,
  btf: 'btf_module btf',
};

const ENUMS = `zone_stat_item node_stat_item numa_stat_item vm_event_item memcg_stat_item zone_type
  zone_watermarks migratetype lru_list pageflags pid_type oom_constraint compact_priority
  compact_result compact_mode module_state mod_mem_type desc_state vmscan_throttle_state zone_flags
  pgdat_flags node_states rwsem_waiter_type wb_reason wb_state wb_stat_item writeback_stat_item
  memcg_memory_event mem_cgroup_events_target psi_task_count psi_states lruvec_flags wq_flags
  work_bits work_flags wq_misc_consts cpu_usage_stat`;

/** Typedefs of {@link GLOBAL_DECLARATIONS} and of casts. */
const TYPEDEFS =
  'u8 u32 u64 bool gfp_t atomic_t atomic_long_t nodemask_t rwlock_t wait_queue_head_t ' +
  'irq_cpustat_t';

/** All types by name, sorted by subsystem. */
export const USED_TYPES: readonly TypeName[] = [
  ...Object.values(STRUCTS).flatMap((list) => words(list).map((name) => `struct ${name}` as const)),
  ...words(ENUMS).map((name) => `enum ${name}` as const),
  ...words(TYPEDEFS).map((name) => `typedef ${name}` as const),
];

/**
 * Enumerators of enums without a name: the bits of gfp_mask (include/linux/gfp_types.h, an enum
 * since Linux 6.10), work items and worker pools (include/linux/workqueue.h, kernel/workqueue.c).
 */
export const USED_ENUMERATORS: readonly string[] = words(`
  ___GFP_DMA_BIT ___GFP_HIGHMEM_BIT ___GFP_DMA32_BIT ___GFP_MOVABLE_BIT ___GFP_RECLAIMABLE_BIT
  ___GFP_HIGH_BIT ___GFP_IO_BIT ___GFP_FS_BIT ___GFP_ZERO_BIT ___GFP_UNUSED_BIT
  ___GFP_DIRECT_RECLAIM_BIT ___GFP_KSWAPD_RECLAIM_BIT ___GFP_WRITE_BIT ___GFP_NOWARN_BIT
  ___GFP_RETRY_MAYFAIL_BIT ___GFP_NOFAIL_BIT ___GFP_NORETRY_BIT ___GFP_MEMALLOC_BIT ___GFP_COMP_BIT
  ___GFP_NOMEMALLOC_BIT ___GFP_HARDWALL_BIT ___GFP_THISNODE_BIT ___GFP_ACCOUNT_BIT
  ___GFP_ZEROTAGS_BIT ___GFP_SKIP_ZERO_BIT ___GFP_SKIP_KASAN_BIT ___GFP_NOLOCKDEP_BIT
  ___GFP_NO_OBJ_EXT_BIT ___GFP_LAST_BIT
  WORK_STRUCT_PENDING_BIT WORK_STRUCT_INACTIVE_BIT WORK_STRUCT_DELAYED_BIT WORK_STRUCT_PWQ_BIT
  WORK_STRUCT_LINKED_BIT WORK_STRUCT_COLOR_SHIFT WORK_STRUCT_COLOR_BITS WORK_STRUCT_FLAG_BITS
  WORK_STRUCT_FLAG_MASK WORK_STRUCT_WQ_DATA_MASK WORK_STRUCT_PWQ_SHIFT
  WORK_OFFQ_POOL_SHIFT WORK_OFFQ_POOL_BITS WORK_OFFQ_FLAG_BITS WORK_OFFQ_FLAG_BASE
  POOL_MANAGER_ACTIVE POOL_DISASSOCIATED POOL_BH POOL_BH_DRAINING
  WORKER_DIE WORKER_IDLE WORKER_PREP WORKER_CPU_INTENSIVE WORKER_UNBOUND WORKER_REBOUND
  WQ_UNBOUND WQ_FREEZABLE WQ_MEM_RECLAIM WQ_HIGHPRI WQ_CPU_INTENSIVE WQ_SYSFS WQ_BH
  WORKER_NOT_RUNNING
  TASK_COMM_LEN PG_locked PG_writeback NR_FREE_PAGES
  SWP_USED SWP_WRITEOK _SLAB_RECLAIM_ACCOUNT
  MIGRATE_UNMOVABLE MIGRATE_MOVABLE MIGRATE_RECLAIMABLE MIGRATE_RESERVE MIGRATE_HIGHATOMIC
  MIGRATE_CMA MIGRATE_ISOLATE MIGRATE_TYPES`);

function words(text: string): string[] {
  return text.trim().split(/\s+/);
}
