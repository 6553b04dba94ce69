// Linux 4.4: pages, address spaces, zones, slabs, reclaim, swap and memory cgroups.

enum zone_type { ZONE_DMA, ZONE_DMA32, ZONE_NORMAL, ZONE_MOVABLE, __MAX_NR_ZONES };
enum zone_stat_item {
  NR_FREE_PAGES, NR_ALLOC_BATCH, NR_LRU_BASE, NR_INACTIVE_ANON = 2, NR_ACTIVE_ANON,
  NR_INACTIVE_FILE, NR_ACTIVE_FILE, NR_UNEVICTABLE, NR_MLOCK, NR_ANON_PAGES, NR_FILE_MAPPED,
  NR_FILE_PAGES, NR_FILE_DIRTY, NR_WRITEBACK, NR_SLAB_RECLAIMABLE, NR_SLAB_UNRECLAIMABLE,
  NR_PAGETABLE, NR_KERNEL_STACK, NR_UNSTABLE_NFS, NR_BOUNCE, NR_VMSCAN_WRITE, NR_VMSCAN_IMMEDIATE,
  NR_WRITEBACK_TEMP, NR_ISOLATED_ANON, NR_ISOLATED_FILE, NR_SHMEM, NR_DIRTIED, NR_WRITTEN,
  NR_PAGES_SCANNED, NUMA_HIT, NUMA_MISS, NUMA_FOREIGN, NUMA_INTERLEAVE_HIT, NUMA_LOCAL, NUMA_OTHER,
  WORKINGSET_REFAULT, WORKINGSET_ACTIVATE, WORKINGSET_NODERECLAIM, NR_ANON_TRANSPARENT_HUGEPAGES,
  NR_FREE_CMA_PAGES, NR_VM_ZONE_STAT_ITEMS,
};
enum zone_watermarks { WMARK_MIN, WMARK_LOW, WMARK_HIGH, NR_WMARK };
enum vm_event_item {
  PGPGIN, PGPGOUT, PSWPIN, PSWPOUT, PGALLOC_DMA, PGALLOC_DMA32, PGALLOC_NORMAL, PGALLOC_MOVABLE,
  PGFREE, PGACTIVATE, PGDEACTIVATE, PGFAULT, PGMAJFAULT, PGREFILL_DMA, PGREFILL_DMA32,
  PGREFILL_NORMAL, PGREFILL_MOVABLE, PGSTEAL_KSWAPD_DMA, PGSTEAL_KSWAPD_DMA32,
  PGSTEAL_KSWAPD_NORMAL, PGSTEAL_KSWAPD_MOVABLE, PGSTEAL_DIRECT_DMA, PGSTEAL_DIRECT_DMA32,
  PGSTEAL_DIRECT_NORMAL, PGSTEAL_DIRECT_MOVABLE, PGSCAN_KSWAPD_DMA, PGSCAN_KSWAPD_DMA32,
  PGSCAN_KSWAPD_NORMAL, PGSCAN_KSWAPD_MOVABLE, PGSCAN_DIRECT_DMA, PGSCAN_DIRECT_DMA32,
  PGSCAN_DIRECT_NORMAL, PGSCAN_DIRECT_MOVABLE, PGSCAN_DIRECT_THROTTLE, PGSCAN_ZONE_RECLAIM_FAILED,
  PGINODESTEAL, SLABS_SCANNED, KSWAPD_INODESTEAL, KSWAPD_LOW_WMARK_HIT_QUICKLY,
  KSWAPD_HIGH_WMARK_HIT_QUICKLY, PAGEOUTRUN, ALLOCSTALL, PGROTATED, DROP_PAGECACHE, DROP_SLAB,
  NUMA_PTE_UPDATES, NUMA_HUGE_PTE_UPDATES, NUMA_HINT_FAULTS, NUMA_HINT_FAULTS_LOCAL,
  NUMA_PAGE_MIGRATE, PGMIGRATE_SUCCESS, PGMIGRATE_FAIL, COMPACTMIGRATE_SCANNED, COMPACTFREE_SCANNED,
  COMPACTISOLATED, COMPACTSTALL, COMPACTFAIL, COMPACTSUCCESS, HTLB_BUDDY_PGALLOC,
  HTLB_BUDDY_PGALLOC_FAIL, UNEVICTABLE_PGCULLED, UNEVICTABLE_PGSCANNED, UNEVICTABLE_PGRESCUED,
  UNEVICTABLE_PGMLOCKED, UNEVICTABLE_PGMUNLOCKED, UNEVICTABLE_PGCLEARED, UNEVICTABLE_PGSTRANDED,
  THP_FAULT_ALLOC, THP_FAULT_FALLBACK, THP_COLLAPSE_ALLOC, THP_COLLAPSE_ALLOC_FAILED, THP_SPLIT,
  THP_ZERO_PAGE_ALLOC, THP_ZERO_PAGE_ALLOC_FAILED, NR_VM_EVENT_ITEMS,
};
enum lru_list {
  LRU_INACTIVE_ANON, LRU_ACTIVE_ANON, LRU_INACTIVE_FILE, LRU_ACTIVE_FILE, LRU_UNEVICTABLE,
  NR_LRU_LISTS,
};
enum pageflags {
  PG_locked, PG_error, PG_referenced, PG_uptodate, PG_dirty, PG_lru, PG_active, PG_slab,
  PG_owner_priv_1, PG_arch_1, PG_reserved, PG_private, PG_private_2, PG_writeback, PG_head,
  PG_swapcache, PG_mappedtodisk, PG_reclaim, PG_swapbacked, PG_unevictable, PG_mlocked, PG_uncached,
  PG_hwpoison, PG_compound_lock, __NR_PAGEFLAGS, PG_checked = 8, PG_fscache = 12, PG_pinned = 8,
  PG_savepinned = 4, PG_foreign = 8, PG_slob_free = 11,
};
enum oom_constraint {
  CONSTRAINT_NONE, CONSTRAINT_CPUSET, CONSTRAINT_MEMORY_POLICY, CONSTRAINT_MEMCG,
};
enum zone_flags {
  ZONE_RECLAIM_LOCKED, ZONE_OOM_LOCKED, ZONE_CONGESTED, ZONE_DIRTY, ZONE_WRITEBACK,
  ZONE_FAIR_DEPLETED,
};
enum node_states {
  N_POSSIBLE, N_ONLINE, N_NORMAL_MEMORY, N_HIGH_MEMORY = 2, N_MEMORY = 2, N_CPU, NR_NODE_STATES,
};
enum mem_cgroup_events_target {
  MEM_CGROUP_TARGET_THRESH, MEM_CGROUP_TARGET_SOFTLIMIT, MEM_CGROUP_TARGET_NUMAINFO,
  MEM_CGROUP_NTARGETS,
};
struct page {
  unsigned long flags; union { struct address_space *mapping; void *s_mem; };
  struct {
    union { unsigned long index; void *freelist; };
    union {
      unsigned long counters;
      struct {
        union { atomic_t _mapcount; struct { u32 inuse: 16, objects: 15, frozen: 1; }; int units; };
        atomic_t _count;
      };
      u32 active;
    };
  };
  union {
    struct list_head lru; struct { struct page *next; int pages, pobjects; };
    struct callback_head callback_head;
    struct { unsigned long compound_head; u32 compound_dtor, compound_order; };
    struct { unsigned long __pad; struct page *pmd_huge_pte; };
  };
  union { unsigned long private; struct spinlock ptl; struct kmem_cache *slab_cache; };
  struct mem_cgroup *mem_cgroup;
};
struct mm_rss_stat { atomic64_t count[3]; };
typedef struct {
  struct ldt_struct *ldt; u16 ia32_compat; struct mutex lock; void *vdso;
  atomic_t perf_rdpmc_allowed;
} mm_context_t;
struct uprobes_state {};
struct mm_struct {
  struct vm_area_struct *mmap; struct rb_root mm_rb; u32 vmacache_seqnum;
  void (*get_unmapped_area)();
  unsigned long mmap_base, mmap_legacy_base, task_size, highest_vm_end; pgd_t *pgd;
  atomic_t mm_users, mm_count; atomic64_t nr_ptes, nr_pmds; int map_count;
  struct spinlock page_table_lock; struct rw_semaphore mmap_sem; struct list_head mmlist;
  unsigned long hiwater_rss, hiwater_vm, total_vm, locked_vm, pinned_vm, shared_vm, exec_vm;
  unsigned long stack_vm, def_flags, start_code, end_code, start_data, end_data, start_brk, brk;
  unsigned long start_stack, arg_start, arg_end, env_start, env_end, saved_auxv[46];
  struct mm_rss_stat rss_stat; struct linux_binfmt *binfmt; struct cpumask cpu_vm_mask_var[1];
  mm_context_t context; unsigned long flags; struct core_state *core_state;
  struct spinlock ioctx_lock; struct kioctx_table *ioctx_table; struct task_struct *owner;
  struct file *exe_file; struct mmu_notifier_mm *mmu_notifier_mm;
  unsigned long numa_next_scan, numa_scan_offset; int numa_scan_seq; _Bool tlb_flush_pending;
  struct uprobes_state uprobes_state; atomic64_t hugetlb_usage;
};
struct pgprot { unsigned long pgprot; };
struct vm_userfaultfd_ctx {};
struct vm_area_struct {
  unsigned long vm_start, vm_end; struct vm_area_struct *vm_next, *vm_prev; struct rb_node vm_rb;
  unsigned long rb_subtree_gap; struct mm_struct *vm_mm; struct pgprot vm_page_prot;
  unsigned long vm_flags; struct { struct rb_node rb; unsigned long rb_subtree_last; } shared;
  struct list_head anon_vma_chain; struct anon_vma *anon_vma; struct vm_operations_struct *vm_ops;
  unsigned long vm_pgoff; struct file *vm_file; void *vm_private_data;
  struct mempolicy *vm_policy; struct vm_userfaultfd_ctx vm_userfaultfd_ctx;
};
struct address_space {
  struct inode *host; struct radix_tree_root page_tree; struct spinlock tree_lock;
  atomic_t i_mmap_writable; struct rb_root i_mmap; struct rw_semaphore i_mmap_rwsem;
  unsigned long nrpages, nrshadows, writeback_index; struct address_space_operations *a_ops;
  unsigned long flags; struct spinlock private_lock; struct list_head private_list;
  void *private_data;
};
struct timespec { long tv_sec, tv_nsec; };
struct inode {
  u16 i_mode, i_opflags; kuid_t i_uid; kgid_t i_gid; u32 i_flags;
  struct posix_acl *i_acl, *i_default_acl; struct inode_operations *i_op;
  struct super_block *i_sb; struct address_space *i_mapping; void *i_security;
  unsigned long i_ino; union { u32 i_nlink, __i_nlink; };
  u32 i_rdev; s64 i_size; struct timespec i_atime, i_mtime, i_ctime; struct spinlock i_lock;
  u16 i_bytes; u32 i_blkbits; unsigned long i_blocks, i_state; struct mutex i_mutex;
  unsigned long dirtied_when, dirtied_time_when; struct hlist_node i_hash;
  struct list_head i_io_list; struct bdi_writeback *i_wb; int i_wb_frn_winner;
  u16 i_wb_frn_avg_time, i_wb_frn_history; struct list_head i_lru, i_sb_list;
  union { struct hlist_head i_dentry; struct callback_head i_rcu; };
  u64 i_version; atomic_t i_count, i_dio_count, i_writecount, i_readcount;
  struct file_operations *i_fop; struct file_lock_context *i_flctx; struct address_space i_data;
  struct list_head i_devices;
  union {
    struct pipe_inode_info *i_pipe; struct block_device *i_bdev; struct cdev *i_cdev;
    char *i_link;
  };
  u32 i_generation, i_fsnotify_mask; struct hlist_head i_fsnotify_marks; void *i_private;
};
struct anon_vma {
  struct anon_vma *root; struct rw_semaphore rwsem; atomic_t refcount; u32 degree;
  struct anon_vma *parent; struct rb_root rb_root;
};
struct vm_struct {
  struct vm_struct *next; void *addr; unsigned long size, flags; struct page **pages;
  u32 nr_pages; u64 phys_addr; void *caller;
};
struct vmap_area {
  unsigned long va_start, va_end, flags; struct rb_node rb_node;
  struct list_head list, purge_list; struct vm_struct *vm; struct callback_head callback_head;
};
struct pagevec { unsigned long nr, cold; struct page *pages[14]; };
struct free_area { struct list_head free_list[5]; unsigned long nr_free; };
struct zone_reclaim_stat { unsigned long recent_rotated[2], recent_scanned[2]; };
struct lruvec {
  struct list_head lists[5]; struct zone_reclaim_stat reclaim_stat; struct zone *zone;
};
struct per_cpu_pages { int count, high, batch; struct list_head lists[3]; };
struct per_cpu_pageset {
  struct per_cpu_pages pcp; signed char expire, stat_threshold, vm_stat_diff[39];
};
struct zone_padding { char x[0]; };
struct zone {
  unsigned long watermark[3], nr_reserved_highatomic; long lowmem_reserve[4]; int node;
  u32 inactive_ratio; struct pglist_data *zone_pgdat; struct per_cpu_pageset *pageset;
  unsigned long dirty_balance_reserve, min_unmapped_pages, min_slab_pages, zone_start_pfn;
  unsigned long managed_pages, spanned_pages, present_pages; char *name;
  unsigned long nr_isolate_pageblock; seqlock_t span_seqlock;
  struct __wait_queue_head *wait_table; unsigned long wait_table_hash_nr_entries, wait_table_bits;
  struct zone_padding _pad1_; struct free_area free_area[11]; unsigned long flags;
  struct spinlock lock; struct zone_padding _pad2_ ALIGN(64); struct spinlock lru_lock;
  struct lruvec lruvec; atomic64_t inactive_age;
  unsigned long percpu_drift_mark, compact_cached_free_pfn, compact_cached_migrate_pfn[2];
  u32 compact_considered, compact_defer_shift; int compact_order_failed;
  _Bool compact_blockskip_flush; struct zone_padding _pad3_ ALIGN(16); atomic64_t vm_stat[39];
};
struct zoneref { struct zone *zone; int zone_idx; };
struct zonelist { struct zoneref _zonerefs[4097]; };
struct pglist_data {
  struct zone node_zones[4]; struct zonelist node_zonelists[2]; int nr_zones;
  struct spinlock node_size_lock;
  unsigned long node_start_pfn, node_present_pages, node_spanned_pages; int node_id;
  struct __wait_queue_head kswapd_wait, pfmemalloc_wait; struct task_struct *kswapd;
  int kswapd_max_order; enum zone_type classzone_idx; struct spinlock numabalancing_migrate_lock;
  unsigned long numabalancing_migrate_next_window, numabalancing_migrate_nr_pages;
};
struct vm_event_state { unsigned long event[74]; };
struct mem_section { unsigned long section_mem_map, *pageblock_flags; };
struct hstate {
  int next_nid_to_alloc, next_nid_to_free; u32 order;
  unsigned long mask, max_huge_pages, nr_huge_pages, free_huge_pages, resv_huge_pages;
  unsigned long surplus_huge_pages, nr_overcommit_huge_pages;
  struct list_head hugepage_activelist, hugepage_freelists[1024];
  u32 nr_huge_pages_node[1024], free_huge_pages_node[1024], surplus_huge_pages_node[1024];
  char name[32];
};
struct kmem_cache_order_objects { unsigned long x; };
struct kobject {
  char *name; struct list_head entry; struct kobject *parent; struct kset *kset;
  struct kobj_type *ktype; struct kernfs_node *sd; struct kref kref;
  u32 state_initialized: 1, state_in_sysfs: 1, state_add_uevent_sent: 1;
  u32 state_remove_uevent_sent: 1, uevent_suppress: 1;
};
struct memcg_cache_params {
  _Bool is_root_cache; struct list_head list;
  union {
    struct memcg_cache_array *memcg_caches;
    struct { struct mem_cgroup *memcg; struct kmem_cache *root_cache; };
  };
};
struct kmem_cache {
  struct kmem_cache_cpu *cpu_slab; unsigned long flags, min_partial;
  int size, object_size, offset, cpu_partial; struct kmem_cache_order_objects oo, max, min;
  u32 allocflags; int refcount; void (*ctor)(); int inuse, align, reserved; char *name;
  struct list_head list; struct kobject kobj; struct memcg_cache_params memcg_params;
  int max_attr_size; struct kset *memcg_kset; int remote_node_defrag_ratio;
  struct kmem_cache_node *node[1024];
};
struct kmem_cache_node {
  struct spinlock list_lock; unsigned long nr_partial; struct list_head partial;
  atomic64_t nr_slabs, total_objects; struct list_head full;
};
struct kmem_cache_cpu { void **freelist; unsigned long tid; struct page *page, *partial; };
struct scan_control {
  unsigned long nr_to_reclaim; u32 gfp_mask; int order; nodemask_t *nodemask;
  struct mem_cgroup *target_mem_cgroup; int priority;
  u32 may_writepage: 1, may_unmap: 1, may_swap: 1, may_thrash: 1, hibernation_mode: 1;
  u32 compaction_ready: 1; unsigned long nr_scanned, nr_reclaimed;
};
struct reclaim_state { unsigned long reclaimed_slab; };
struct alloc_context {
  struct zonelist *zonelist; nodemask_t *nodemask; struct zone *preferred_zone;
  int classzone_idx, migratetype; enum zone_type high_zoneidx; _Bool spread_dirty_pages;
};
struct oom_control { struct zonelist *zonelist; nodemask_t *nodemask; u32 gfp_mask; int order; };
enum migrate_mode { MIGRATE_ASYNC, MIGRATE_SYNC_LIGHT, MIGRATE_SYNC };
struct compact_control {
  struct list_head freepages, migratepages;
  unsigned long nr_freepages, nr_migratepages, free_pfn, migrate_pfn, last_migrated_pfn;
  enum migrate_mode mode; _Bool ignore_skip_hint; int order; u32 gfp_mask;
  int alloc_flags, classzone_idx; struct zone *zone; int contended;
};
struct shrinker {
  void (*count_objects)(), (*scan_objects)(); int seeks; long batch; unsigned long flags;
  struct list_head list; atomic64_t *nr_deferred;
};
struct shrink_control {
  u32 gfp_mask; unsigned long nr_to_scan; int nid; struct mem_cgroup *memcg;
};
struct swap_cluster_info { u32 data: 24, flags: 8; };
struct swap_extent { struct list_head list; unsigned long start_page, nr_pages, start_block; };
struct swap_info_struct {
  unsigned long flags; s16 prio; struct plist_node list, avail_list; signed char type; u32 max;
  u8 *swap_map; struct swap_cluster_info *cluster_info, free_cluster_head, free_cluster_tail;
  u32 lowest_bit, highest_bit, pages, inuse_pages, cluster_next, cluster_nr;
  struct percpu_cluster *percpu_cluster; struct swap_extent *curr_swap_extent, first_swap_extent;
  struct block_device *bdev; struct file *swap_file; u32 old_block_size; struct spinlock lock;
  struct work_struct discard_work;
  struct swap_cluster_info discard_cluster_head, discard_cluster_tail;
};
struct percpu_cluster { struct swap_cluster_info index; u32 next; };
struct mempool_s {
  struct spinlock lock; int min_nr, curr_nr; void **elements, *pool_data, (*alloc)(), (*free)();
  struct __wait_queue_head wait;
};
struct page_counter {
  atomic64_t count; unsigned long limit; struct page_counter *parent;
  unsigned long watermark, failcnt;
};
struct vmpressure {
  unsigned long scanned, reclaimed; struct spinlock sr_lock; struct list_head events;
  struct mutex events_lock; struct work_struct work;
};
struct cgroup_file { struct kernfs_node *kn; };
struct mem_cgroup_thresholds { struct mem_cgroup_threshold_ary *primary, *spare; };
struct cg_proto {
  struct page_counter memory_allocated; struct percpu_counter sockets_allocated;
  int memory_pressure; long sysctl_mem[3]; unsigned long flags; struct mem_cgroup *memcg;
};
struct fprop_global { struct percpu_counter events; u32 period; struct seqcount sequence; };
struct wb_domain {
  struct spinlock lock; struct fprop_global completions; struct timer_list period_timer;
  unsigned long period_time, dirty_limit_tstamp, dirty_limit;
};
struct mem_cgroup {
  struct cgroup_subsys_state css; struct page_counter memory, memsw, kmem;
  unsigned long low, high, soft_limit; struct vmpressure vmpressure; int initialized;
  _Bool use_hierarchy, oom_lock; int under_oom, swappiness, oom_kill_disable;
  struct cgroup_file events_file; struct mutex thresholds_lock;
  struct mem_cgroup_thresholds thresholds, memsw_thresholds; struct list_head oom_notify;
  unsigned long move_charge_at_immigrate; atomic_t moving_account; struct spinlock move_lock;
  struct task_struct *move_lock_task; unsigned long move_lock_flags;
  struct mem_cgroup_stat_cpu *stat; struct cg_proto tcp_mem; int kmemcg_id;
  _Bool kmem_acct_activated, kmem_acct_active; int last_scanned_node; nodemask_t scan_nodes;
  atomic_t numainfo_events, numainfo_updating; struct list_head cgwb_list;
  struct wb_domain cgwb_domain; struct list_head event_list; struct spinlock event_list_lock;
  struct mem_cgroup_per_node *nodeinfo[0];
};
struct mem_cgroup_reclaim_iter { struct mem_cgroup *position; u32 generation; };
struct mem_cgroup_per_zone {
  struct lruvec lruvec; unsigned long lru_size[5]; struct mem_cgroup_reclaim_iter iter[13];
  struct rb_node tree_node; unsigned long usage_in_excess; _Bool on_tree;
  struct mem_cgroup *memcg;
};
struct mem_cgroup_stat_cpu { long count[7]; unsigned long events[8], nr_page_events, targets[3]; };
struct mem_cgroup_per_node { struct mem_cgroup_per_zone zoneinfo[4]; };
struct oom_wait_info { struct mem_cgroup *memcg; struct __wait_queue wait; };
struct css_set {
  atomic_t refcount; struct hlist_node hlist; struct list_head tasks, mg_tasks, cgrp_links;
  struct cgroup *dfl_cgrp; struct cgroup_subsys_state *subsys[7];
  struct list_head mg_preload_node, mg_node; struct cgroup *mg_src_cgrp;
  struct css_set *mg_dst_cset; struct list_head e_cset_node[7], task_iters;
  struct callback_head callback_head;
};
struct cgroup {
  struct cgroup_subsys_state self; unsigned long flags; int id, populated_cnt;
  struct kernfs_node *kn; struct cgroup_file procs_file, events_file;
  u32 subtree_control, child_subsys_mask; struct cgroup_subsys_state *subsys[7];
  struct cgroup_root *root; struct list_head cset_links, e_csets[7], pidlists;
  struct mutex pidlist_mutex; struct __wait_queue_head offline_waitq;
  struct work_struct release_agent_work;
};
struct kernfs_elem_dir {
  unsigned long subdirs; struct rb_root children; struct kernfs_root *root;
};
struct kernfs_elem_symlink { struct kernfs_node *target_kn; };
struct kernfs_elem_attr {
  struct kernfs_ops *ops; struct kernfs_open_node *open; s64 size;
  struct kernfs_node *notify_next;
};
struct kernfs_node {
  atomic_t count, active; struct kernfs_node *parent; char *name; struct rb_node rb; void *ns;
  u32 hash;
  union {
    struct kernfs_elem_dir dir; struct kernfs_elem_symlink symlink; struct kernfs_elem_attr attr;
  };
  void *priv; u16 flags, mode; u32 ino; struct kernfs_iattrs *iattr;
};
