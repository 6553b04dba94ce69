// The types of the kernel's global variables. BTF describes per-CPU variables only (pahole can
// encode the others, no distribution asks it to), and kallsyms has addresses without types, so the
// declarations of those that we read stand here, each with the file of the kernel that has it.
//
// An array without a length is written `[]`: its length follows from an enum, a config or a limit
// that the reader of the variable has to ask for anyway.

import { finderOf, parseCType, pointerSizeOf } from './c-declaration.ts';
import type { CType, TypeSource } from './ctype.ts';

/** Declarations of one kernel file: name → C type, or several of which the first known counts. */
type Declarations = Readonly<Record<string, string | readonly string[]>>;

/** By the file that defines them. A variable that moved is under its newer file. */
export const GLOBAL_DECLARATIONS: Readonly<Record<string, Declarations>> = {
  'init/init_task.c': { init_task: 'struct task_struct' },
  'init/version.c': { linux_banner: 'char []', init_uts_ns: 'struct uts_namespace' },
  'init/main.c': {
    saved_command_line: 'char *',
    boot_command_line: 'char []',
    loops_per_jiffy: 'unsigned long',
  },
  'kernel/time/timer.c': { jiffies_64: 'u64', timer_bases: 'struct timer_base []' },
  'arch/x86/kernel/vmlinux.lds.S': { jiffies: 'unsigned long' },
  'arch/x86/kernel/tsc.c': { tsc_khz: 'unsigned int', cpu_khz: 'unsigned int' },
  'arch/x86/kernel/head64.c': {
    page_offset_base: 'unsigned long',
    vmalloc_base: 'unsigned long',
    vmemmap_base: 'unsigned long',
  },
  'arch/x86/kernel/head_64.S': { phys_base: 'unsigned long' },
  'arch/x86/kernel/setup_percpu.c': { __per_cpu_offset: 'unsigned long []' },
  'kernel/pid.c': {
    init_pid_ns: 'struct pid_namespace',
    pid_max: 'int',
    pid_hash: 'struct hlist_head *',
    pidhash_shift: 'unsigned int',
  },
  'kernel/fork.c': { nr_threads: 'int', total_forks: 'unsigned long', tasklist_lock: 'rwlock_t' },
  'kernel/cpu.c': {
    __cpu_online_mask: 'struct cpumask',
    __cpu_possible_mask: 'struct cpumask',
    __cpu_present_mask: 'struct cpumask',
  },
  'kernel/smp.c': { nr_cpu_ids: 'unsigned int' },
  'kernel/sched/loadavg.c': { avenrun: 'unsigned long [3]' },
  'kernel/panic.c': { panic_cpu: 'atomic_t', tainted_mask: 'unsigned long', panic_timeout: 'int' },
  'kernel/sched/core.c': {
    runqueues: 'struct rq',
    kernel_cpustat: 'struct kernel_cpustat',
    sysctl_sched_features: 'unsigned int',
  },
  'arch/x86/kernel/cpu/common.c': {
    current_task: 'struct task_struct *',
    pcpu_hot: 'struct pcpu_hot',
  },
  'kernel/hung_task.c': {
    sysctl_hung_task_timeout_secs: 'unsigned long',
    sysctl_hung_task_check_count: 'int',
    // The watchdog of the patch has its timeout here from the draft of December 2015 on.
    sysctl_memalloc_task_timeout_secs: 'unsigned long',
    sysctl_memalloc_task_warning_secs: 'unsigned long',
  },
  'mm/page_alloc.c': {
    contig_page_data: 'struct pglist_data',
    node_states: 'nodemask_t []',
    _totalram_pages: 'atomic_long_t',
    totalram_pages: 'unsigned long',
    totalreserve_pages: 'unsigned long',
    totalcma_pages: 'unsigned long',
    min_free_kbytes: 'int',
    user_min_free_kbytes: 'int',
    watermark_scale_factor: 'int',
    watermark_boost_factor: 'int',
    numa_zonelist_order: 'char []',
    zone_names: 'char *[]',
    migratetype_names: 'char *[]',
    percpu_pagelist_high_fraction: 'int',
    // Of the kmallocwd patches: v1 to v4 (v3 in seeds/001), then v5 to v9 (per-CPU counters).
    kmallocwd_timeout: 'unsigned long',
    memalloc: ['struct memalloc_info', 'struct memalloc'],
    memalloc_list: 'struct list_head',
    memalloc_counter_active_index: 'u8',
    memalloc_in_flight: 'int [2]',
    memalloc_active_index: 'u8',
  },
  'mm/numa.c': { node_data: 'struct pglist_data *[]' },
  'mm/memory.c': { high_memory: 'void *', max_mapnr: 'unsigned long' },
  'mm/memblock.c': { max_pfn: 'unsigned long', max_low_pfn: 'unsigned long' },
  'mm/sparse.c': { mem_section: 'struct mem_section **' },
  'mm/vmstat.c': {
    vm_zone_stat: 'atomic_long_t []',
    vm_node_stat: 'atomic_long_t []',
    vm_numa_event: 'atomic_long_t []',
    vm_numa_stat: 'atomic_long_t []',
    vm_stat: 'atomic_long_t []',
    vm_event_states: 'struct vm_event_state',
    vmstat_text: 'char *[]',
    sysctl_stat_interval: 'int',
  },
  'mm/vmscan.c': {
    vm_swappiness: 'int',
    shrinker_list: 'struct list_head',
    shrinker_rwsem: 'struct rw_semaphore',
    shrinker_mutex: 'struct mutex',
  },
  'mm/oom_kill.c': {
    oom_lock: 'struct mutex',
    oom_adj_mutex: 'struct mutex',
    oom_victims: 'atomic_t',
    oom_victims_wait: 'wait_queue_head_t',
    oom_killer_disabled: 'bool',
    oom_reaper_list: 'struct task_struct *',
    oom_reaper_th: 'struct task_struct *',
    sysctl_panic_on_oom: 'int',
    sysctl_oom_kill_allocating_task: 'int',
    sysctl_oom_dump_tasks: 'int',
    out_of_memory_count: 'unsigned int',
    no_out_of_memory_count: 'unsigned int',
  },
  'mm/backing-dev.c': { congestion_wqh: 'wait_queue_head_t [2]', bdi_list: 'struct list_head' },
  'mm/page-writeback.c': {
    dirty_background_ratio: 'int',
    dirty_background_bytes: 'unsigned long',
    vm_dirty_ratio: 'int',
    vm_dirty_bytes: 'unsigned long',
    global_wb_domain: 'struct wb_domain',
  },
  'mm/swapfile.c': {
    swap_info: 'struct swap_info_struct *[]',
    nr_swapfiles: 'unsigned int',
    nr_swap_pages: 'atomic_long_t',
    total_swap_pages: 'long',
  },
  'mm/util.c': {
    sysctl_overcommit_memory: 'int',
    sysctl_overcommit_ratio: 'int',
    sysctl_overcommit_kbytes: 'unsigned long',
    vm_committed_as: 'struct percpu_counter',
  },
  'mm/slab_common.c': { slab_caches: 'struct list_head', slab_mutex: 'struct mutex' },
  'mm/vmalloc.c': { vmap_area_list: 'struct list_head', nr_vmalloc_pages: 'atomic_long_t' },
  'mm/memcontrol.c': { root_mem_cgroup: 'struct mem_cgroup *' },
  'mm/memory-failure.c': { num_poisoned_pages: 'atomic_long_t' },
  'mm/percpu.c': { pcpu_nr_populated: 'unsigned long', pcpu_nr_units: 'int' },
  'mm/init-mm.c': { init_mm: 'struct mm_struct' },
  'mm/hugetlb.c': { hstates: 'struct hstate []', hugetlb_max_hstate: 'int' },
  'mm/debug.c': {
    gfpflag_names: 'struct trace_print_flags []',
    pageflag_names: 'struct trace_print_flags []',
  },
  'kernel/workqueue.c': {
    workqueues: 'struct list_head',
    wq_pool_mutex: 'struct mutex',
    cpu_worker_pools: 'struct worker_pool []',
    unbound_pool_hash: 'struct hlist_head []',
    worker_pool_idr: 'struct idr',
    wq_watchdog_thresh: 'unsigned long',
    wq_watchdog_touched: 'unsigned long',
  },
  'kernel/module/main.c': { modules: 'struct list_head', module_mutex: 'struct mutex' },
  'kernel/printk/printk.c': {
    prb: 'struct printk_ringbuffer *',
    printk_rb_static: 'struct printk_ringbuffer',
    log_buf: 'char *',
    log_buf_len: ['u32', 'int'],
    log_first_idx: 'u32',
    log_next_idx: 'u32',
    console_sem: 'struct semaphore',
    console_owner: 'struct task_struct *',
    console_suspended: 'int',
  },
  'kernel/bpf/btf.c': { btf_modules: 'struct list_head' },
  'kernel/rcu/tree.c': { rcu_state: 'struct rcu_state' },
  'kernel/sched/psi.c': { psi_system: 'struct psi_group' },
  'kernel/cgroup/cgroup.c': {
    cgrp_dfl_root: 'struct cgroup_root',
    cgroup_mutex: 'struct mutex',
    init_css_set: 'struct css_set',
  },
  'kernel/freezer.c': { freezing_cnt: 'atomic_t', pm_freezing: 'bool', pm_nosig_freezing: 'bool' },
  'kernel/softirq.c': { irq_stat: 'irq_cpustat_t', ksoftirqd: 'struct task_struct *' },
  'fs/super.c': { super_blocks: 'struct list_head' },
  'fs/proc/array.c': { task_state_array: 'char *[]' },
};

/**
 * The type of a global or per-CPU variable: from the type source if it describes the variable,
 * else from our declarations.
 *
 * @returns undefined if neither knows it, or if the kernel lacks a type of the declaration
 */
export function globalType(types: TypeSource, name: string): CType | undefined {
  const described = types.variableType?.(name);
  if (described !== undefined) return described;
  const declared = DECLARED.get(name);
  if (declared === undefined) return undefined;
  const options = { pointerSize: pointerSizeOf(types), find: finderOf(types) };
  for (const text of declared.types) {
    const type = parseCType(text, options);
    if (type !== undefined) return type;
  }
  return undefined;
}

/** Where the type of a variable comes from, in words: `mm/oom_kill.c`. */
export function globalSource(types: TypeSource, name: string): string | undefined {
  if (types.variableType?.(name) !== undefined) return types.origin;
  return DECLARED.get(name)?.file;
}

const DECLARED = new Map(
  Object.entries(GLOBAL_DECLARATIONS).flatMap(([file, declarations]) =>
    Object.entries(declarations).map(
      ([name, type]) => [name, { file, types: typeof type === 'string' ? [type] : type }] as const,
    ),
  ),
);
