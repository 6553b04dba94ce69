// Linux 4.4: workqueues, writeback, block devices, the journal, the log and modules.

enum module_state {
  MODULE_STATE_LIVE, MODULE_STATE_COMING, MODULE_STATE_GOING, MODULE_STATE_UNFORMED,
};
enum rpm_request {
  RPM_REQ_NONE, RPM_REQ_IDLE, RPM_REQ_SUSPEND, RPM_REQ_AUTOSUSPEND, RPM_REQ_RESUME,
};
enum rpm_status { RPM_ACTIVE, RPM_RESUMING, RPM_SUSPENDED, RPM_SUSPENDING };
enum wb_reason {
  WB_REASON_BACKGROUND, WB_REASON_TRY_TO_FREE_PAGES, WB_REASON_SYNC, WB_REASON_PERIODIC,
  WB_REASON_LAPTOP_TIMER, WB_REASON_FREE_MORE_MEM, WB_REASON_FS_FREE_SPACE, WB_REASON_FORKER_THREAD,
  WB_REASON_MAX,
};
enum wb_stat_item { WB_RECLAIMABLE, WB_WRITEBACK, WB_DIRTIED, WB_WRITTEN, NR_WB_STAT_ITEMS };
enum wb_state { WB_registered, WB_writeback_running, WB_has_dirty_io };
enum writeback_sync_modes { WB_SYNC_NONE, WB_SYNC_ALL };
typedef struct {
  u32 __softirq_pending, __nmi_count, apic_timer_irqs, irq_spurious_count, icr_read_retry_count;
  u32 kvm_posted_intr_ipis, kvm_posted_intr_wakeup_ipis, x86_platform_ipis, apic_perf_irqs;
  u32 apic_irq_work_irqs, irq_resched_count, irq_call_count, irq_tlb_count, irq_thermal_count;
  u32 irq_threshold_count, irq_deferred_error_count;
} irq_cpustat_t;
struct fprop_local_percpu { struct percpu_counter events; u32 period; struct raw_spinlock lock; };
struct bdi_writeback {
  struct backing_dev_info *bdi; unsigned long state, last_old_flush;
  struct list_head b_dirty, b_io, b_more_io, b_dirty_time; struct spinlock list_lock;
  struct percpu_counter stat[4]; struct bdi_writeback_congested *congested;
  unsigned long bw_time_stamp, dirtied_stamp, written_stamp, write_bandwidth, avg_write_bandwidth;
  unsigned long dirty_ratelimit, balanced_dirty_ratelimit; struct fprop_local_percpu completions;
  int dirty_exceeded; struct spinlock work_lock; struct list_head work_list;
  struct delayed_work dwork; struct list_head bdi_node; struct percpu_ref refcnt;
  struct fprop_local_percpu memcg_completions; struct cgroup_subsys_state *memcg_css, *blkcg_css;
  struct list_head memcg_node, blkcg_node;
  union { struct work_struct release_work; struct callback_head rcu; };
};
struct backing_dev_info {
  struct list_head bdi_list; unsigned long ra_pages; u32 capabilities;
  void (*congested_fn)(), *congested_data; char *name; u32 min_ratio, max_ratio, max_prop_frac;
  atomic64_t tot_write_bandwidth; struct bdi_writeback wb; struct list_head wb_list;
  struct radix_tree_root cgwb_tree; struct rb_root cgwb_congested_tree; atomic_t usage_cnt;
  struct __wait_queue_head wb_waitq; struct device *dev; struct timer_list laptop_mode_wb_timer;
  struct dentry *debug_dir, *debug_stats;
};
struct bvec_iter { unsigned long bi_sector; u32 bi_size, bi_idx, bi_bvec_done; };
struct bio_vec { struct page *bv_page; u32 bv_len, bv_offset; };
struct bio {
  struct bio *bi_next; struct block_device *bi_bdev; u32 bi_flags; int bi_error;
  unsigned long bi_rw; struct bvec_iter bi_iter;
  u32 bi_phys_segments, bi_seg_front_size, bi_seg_back_size; atomic_t __bi_remaining;
  void (*bi_end_io)(), *bi_private; struct io_context *bi_ioc; struct cgroup_subsys_state *bi_css;
  union {  };
  u16 bi_vcnt, bi_max_vecs; atomic_t __bi_cnt; struct bio_vec *bi_io_vec; struct bio_set *bi_pool;
  struct bio_vec bi_inline_vecs[0];
};
struct block_device {
  u32 bd_dev; int bd_openers; struct inode *bd_inode; struct super_block *bd_super;
  struct mutex bd_mutex; struct list_head bd_inodes; void *bd_claiming, *bd_holder;
  int bd_holders; _Bool bd_write_holder; struct list_head bd_holder_disks;
  struct block_device *bd_contains; u32 bd_block_size; struct hd_struct *bd_part;
  u32 bd_part_count; int bd_invalidated; struct gendisk *bd_disk; struct request_queue *bd_queue;
  struct list_head bd_list; unsigned long bd_private; int bd_fsfreeze_count;
  struct mutex bd_fsfreeze_mutex;
};
struct bsg_class_device {
  struct device *class_dev, *parent; int minor; struct request_queue *queue; struct kref ref;
  void (*release)();
};
struct dev_archdata { struct dma_map_ops *dma_ops; void *iommu; };
struct pm_message { int event; };
struct dev_pm_info {
  struct pm_message power_state; u32 can_wakeup: 1, async_suspend: 1;
  _Bool is_prepared: 1, is_suspended: 1, is_noirq_suspended: 1, is_late_suspended: 1;
  _Bool ignore_children: 1, early_init: 1, direct_complete: 1; struct spinlock lock;
  struct list_head entry; struct completion completion; struct wakeup_source *wakeup;
  _Bool wakeup_path: 1, syscore: 1; struct timer_list suspend_timer; unsigned long timer_expires;
  struct work_struct work; struct __wait_queue_head wait_queue; struct wake_irq *wakeirq;
  atomic_t usage_count, child_count;
  u32 disable_depth: 3, idle_notification: 1, request_pending: 1, deferred_resume: 1, run_wake: 1;
  u32 runtime_auto: 1, no_callbacks: 1, irq_safe: 1, use_autosuspend: 1, timer_autosuspends: 1;
  u32 memalloc_noio: 1; enum rpm_request request; enum rpm_status runtime_status;
  int runtime_error, autosuspend_delay;
  unsigned long last_busy, active_jiffies, suspended_jiffies, accounting_timestamp;
  struct pm_subsys_data *subsys_data; void (*set_latency_tolerance)(); struct dev_pm_qos *qos;
};
struct klist_node { void *n_klist; struct list_head n_node; struct kref n_ref; };
struct device {
  struct device *parent; struct device_private *p; struct kobject kobj; char *init_name;
  struct device_type *type; struct mutex mutex; struct bus_type *bus;
  struct device_driver *driver; void *platform_data, *driver_data; struct dev_pm_info power;
  struct dev_pm_domain *pm_domain; struct irq_domain *msi_domain; struct list_head msi_list;
  int numa_node; u64 *dma_mask, coherent_dma_mask; unsigned long dma_pfn_offset;
  struct device_dma_parameters *dma_parms; struct list_head dma_pools;
  struct dma_coherent_mem *dma_mem; struct dev_archdata archdata; struct device_node *of_node;
  struct fwnode_handle *fwnode; u32 devt, id; struct spinlock devres_lock;
  struct list_head devres_head; struct klist_node knode_class; struct class *class;
  struct attribute_group **groups; void (*release)(); struct iommu_group *iommu_group;
  _Bool offline_disabled: 1, offline: 1;
};
struct hd_struct {
  unsigned long start_sect, nr_sects; struct seqcount nr_sects_seq;
  unsigned long alignment_offset; u32 discard_alignment; struct device __dev;
  struct kobject *holder_dir; int policy, partno; struct partition_meta_info *info;
  unsigned long stamp; atomic_t in_flight[2]; struct disk_stats *dkstats; struct percpu_ref ref;
  struct callback_head callback_head;
};
struct gendisk {
  int major, first_minor, minors; char disk_name[32]; void (*devnode)(); u32 events, async_events;
  struct disk_part_tbl *part_tbl; struct hd_struct part0; struct block_device_operations *fops;
  struct request_queue *queue; void *private_data; int flags; struct device *driverfs_dev;
  struct kobject *slave_dir; struct timer_rand_state *random; atomic_t sync_io;
  struct disk_events *ev; int node_id;
};
struct hlist_bl_head { struct hlist_bl_node *first; };
struct ida { struct idr idr; struct ida_bitmap *free_bitmap; };
struct transaction_run_stats_s {
  unsigned long rs_wait, rs_request_delay, rs_running, rs_locked, rs_flushing, rs_logging;
  u32 rs_handle_count, rs_blocks, rs_blocks_logged;
};
struct transaction_stats_s {
  unsigned long ts_tid, ts_requested; struct transaction_run_stats_s run;
};
struct journal_s {
  unsigned long j_flags; int j_errno; struct buffer_head *j_sb_buffer;
  struct journal_superblock_s *j_superblock; int j_format_version; rwlock_t j_state_lock;
  int j_barrier_count; struct mutex j_barrier;
  struct transaction_s *j_running_transaction, *j_committing_transaction;
  struct transaction_s *j_checkpoint_transactions;
  struct __wait_queue_head j_wait_transaction_locked, j_wait_done_commit, j_wait_commit;
  struct __wait_queue_head j_wait_updates, j_wait_reserved; struct mutex j_checkpoint_mutex;
  struct buffer_head *j_chkpt_bhs[64]; unsigned long j_head, j_tail, j_free, j_first, j_last;
  struct block_device *j_dev; int j_blocksize; u64 j_blk_offset; char j_devname[56];
  struct block_device *j_fs_dev; u32 j_maxlen; atomic_t j_reserved_credits;
  struct spinlock j_list_lock; struct inode *j_inode;
  u32 j_tail_sequence, j_transaction_sequence, j_commit_sequence, j_commit_request; u8 j_uuid[16];
  struct task_struct *j_task; int j_max_transaction_buffers; unsigned long j_commit_interval;
  struct timer_list j_commit_timer; struct spinlock j_revoke_lock;
  struct jbd2_revoke_table_s *j_revoke, *j_revoke_table[2]; struct buffer_head **j_wbuf;
  int j_wbufsize, j_last_sync_writer; u64 j_average_commit_time;
  u32 j_min_batch_time, j_max_batch_time; void (*j_commit_callback)();
  struct spinlock j_history_lock; struct proc_dir_entry *j_proc_entry;
  struct transaction_stats_s j_stats; u32 j_failed_commit; void *j_private;
  struct crypto_shash *j_chksum_driver; u32 j_csum_seed;
};
struct latch_tree_node { struct rb_node node[2]; };
struct list_lru { struct list_lru_node *node; struct list_head list; };
struct mem_dqinfo {
  struct quota_format_type *dqi_format; int dqi_fmt_id; struct list_head dqi_dirty_list;
  unsigned long dqi_flags; u32 dqi_bgrace, dqi_igrace; s64 dqi_max_spc_limit, dqi_max_ino_limit;
  void *dqi_priv;
};
struct mod_arch_specific {};
struct mod_tree_node { struct module *mod; struct latch_tree_node node; };
struct module_kobject {
  struct kobject kobj; struct module *mod; struct kobject *drivers_dir;
  struct module_param_attrs *mp; struct completion *kobj_completion;
};
struct module {
  enum module_state state; struct list_head list; char name[56]; struct module_kobject mkobj;
  struct module_attribute *modinfo_attrs; char *version, *srcversion; struct kobject *holders_dir;
  struct kernel_symbol *syms; unsigned long *crcs; u32 num_syms; struct mutex param_lock;
  struct kernel_param *kp; u32 num_kp, num_gpl_syms; struct kernel_symbol *gpl_syms;
  unsigned long *gpl_crcs; _Bool async_probe_requested; struct kernel_symbol *gpl_future_syms;
  unsigned long *gpl_future_crcs; u32 num_gpl_future_syms, num_exentries;
  struct exception_table_entry *extable; void (*init)(); void *module_init ALIGN(64);
  void *module_core; u32 init_size, core_size, init_text_size, core_text_size;
  struct mod_tree_node mtn_core, mtn_init; u32 init_ro_size, core_ro_size;
  struct mod_arch_specific arch; u32 taints, num_bugs; struct list_head bug_list;
  struct bug_entry *bug_table; struct elf64_sym *symtab, *core_symtab;
  u32 num_symtab, core_num_syms; char *strtab, *core_strtab; struct module_sect_attrs *sect_attrs;
  struct module_notes_attrs *notes_attrs; char *args; void *percpu;
  u32 percpu_size, num_tracepoints; struct tracepoint **tracepoints_ptrs;
  struct jump_entry *jump_entries; u32 num_jump_entries, num_trace_bprintk_fmt;
  char **trace_bprintk_fmt_start; struct trace_event_call **trace_events; u32 num_trace_events;
  struct trace_enum_map **trace_enums; u32 num_trace_enums;
  struct list_head source_list, target_list; void (*exit)(); atomic_t refcnt;
};
struct ALIGN(128) pool_workqueue {
  struct worker_pool *pool; struct workqueue_struct *wq;
  int work_color, flush_color, refcnt, nr_in_flight[15], nr_active, max_active;
  struct list_head delayed_works, pwqs_node, mayday_node; struct work_struct unbound_release_work;
  struct callback_head rcu;
};
struct printk_log { u64 ts_nsec; u16 len, text_len, dict_len; u8 facility, flags: 5, level: 3; };
struct queue_limits {
  unsigned long bounce_pfn, seg_boundary_mask, virt_boundary_mask;
  u32 max_hw_sectors, max_dev_sectors, chunk_sectors, max_sectors, max_segment_size;
  u32 physical_block_size, alignment_offset, io_min, io_opt, max_discard_sectors;
  u32 max_hw_discard_sectors, max_write_same_sectors, discard_granularity, discard_alignment;
  u16 logical_block_size, max_segments, max_integrity_segments;
  u8 misaligned, discard_misaligned, cluster, discard_zeroes_data, raid_partial_stripes_expensive;
};
struct quota_info {
  u32 flags; struct mutex dqio_mutex, dqonoff_mutex; struct inode *files[3];
  struct mem_dqinfo info[3]; struct quota_format_ops *ops[3];
};
struct request_list {
  struct request_queue *q; struct blkcg_gq *blkg; int count[2], starved[2];
  struct mempool_s *rq_pool; struct __wait_queue_head wait[2]; u32 flags;
};
struct request_queue {
  struct list_head queue_head; struct request *last_merge; struct elevator_queue *elevator;
  int nr_rqs[2], nr_rqs_elvpriv; struct request_list root_rl;
  void (*request_fn)(), (*make_request_fn)(), (*prep_rq_fn)(), (*unprep_rq_fn)();
  void (*softirq_done_fn)(), (*rq_timed_out_fn)(), (*dma_drain_needed)(), (*lld_busy_fn)();
  struct blk_mq_ops *mq_ops; u32 *mq_map; struct blk_mq_ctx *queue_ctx; u32 nr_queues;
  struct blk_mq_hw_ctx **queue_hw_ctx; u32 nr_hw_queues; unsigned long end_sector;
  struct request *boundary_rq; struct delayed_work delay_work;
  struct backing_dev_info backing_dev_info; void *queuedata; unsigned long queue_flags; int id;
  u32 bounce_gfp; struct spinlock __queue_lock, *queue_lock; struct kobject kobj, mq_kobj;
  struct device *dev; int rpm_status; u32 nr_pending; unsigned long nr_requests;
  u32 nr_congestion_on, nr_congestion_off, nr_batching, dma_drain_size; void *dma_drain_buffer;
  u32 dma_pad_mask, dma_alignment; struct blk_queue_tag *queue_tags;
  struct list_head tag_busy_list; u32 nr_sorted, in_flight[2], request_fn_active, rq_timeout;
  struct timer_list timeout; struct list_head timeout_list, icq_list; unsigned long blkcg_pols[1];
  struct blkcg_gq *root_blkg; struct list_head blkg_list; struct queue_limits limits;
  u32 sg_timeout, sg_reserved_size; int node; struct blk_trace *blk_trace;
  u32 flush_flags, flush_not_queueable: 1; struct blk_flush_queue *fq;
  struct list_head requeue_list; struct spinlock requeue_lock; struct work_struct requeue_work;
  struct mutex sysfs_lock; int bypass_depth; atomic_t mq_freeze_depth; void (*bsg_job_fn)();
  int bsg_job_size; struct bsg_class_device bsg_dev; struct callback_head callback_head;
  struct __wait_queue_head mq_freeze_wq; struct percpu_ref q_usage_counter;
  struct list_head all_q_node; struct blk_mq_tag_set *tag_set; struct list_head tag_set_list;
  struct bio_set *bio_split; _Bool mq_sysfs_init_done;
};
struct sb_writers {
  int frozen; struct __wait_queue_head wait_unfrozen; struct percpu_rw_semaphore rw_sem[3];
};
struct super_block {
  struct list_head s_list; u32 s_dev; u8 s_blocksize_bits; unsigned long s_blocksize;
  s64 s_maxbytes; struct file_system_type *s_type; struct super_operations *s_op;
  struct dquot_operations *dq_op; struct quotactl_ops *s_qcop;
  struct export_operations *s_export_op; unsigned long s_flags, s_iflags, s_magic;
  struct dentry *s_root; struct rw_semaphore s_umount; int s_count; atomic_t s_active;
  void *s_security; struct xattr_handler **s_xattr; struct hlist_bl_head s_anon;
  struct list_head s_mounts; struct block_device *s_bdev; struct backing_dev_info *s_bdi;
  struct mtd_info *s_mtd; struct hlist_node s_instances; u32 s_quota_types;
  struct quota_info s_dquot; struct sb_writers s_writers; char s_id[32]; u8 s_uuid[16];
  void *s_fs_info; u32 s_max_links, s_mode, s_time_gran; struct mutex s_vfs_rename_mutex;
  char *s_subtype, *s_options; struct dentry_operations *s_d_op; int cleancache_poolid;
  struct shrinker s_shrink; atomic64_t s_remove_count; int s_readonly_remount;
  struct workqueue_struct *s_dio_done_wq; struct hlist_head s_pins;
  struct list_lru s_dentry_lru ALIGN(64); struct list_lru s_inode_lru ALIGN(64);
  struct callback_head rcu; struct work_struct destroy_work; struct mutex s_sync_lock;
  int s_stack_depth; struct spinlock s_inode_list_lock ALIGN(16); struct list_head s_inodes;
};
struct transaction_chp_stats_s {
  unsigned long cs_chp_time; u32 cs_forced_to_close, cs_written, cs_dropped;
};
struct transaction_s {
  struct journal_s *t_journal; u32 t_tid;
  enum {
    T_RUNNING, T_LOCKED, T_FLUSH, T_COMMIT, T_COMMIT_DFLUSH, T_COMMIT_JFLUSH, T_COMMIT_CALLBACK,
    T_FINISHED
  } t_state;
  unsigned long t_log_start; int t_nr_buffers;
  struct journal_head *t_reserved_list, *t_buffers, *t_forget, *t_checkpoint_list;
  struct journal_head *t_checkpoint_io_list, *t_shadow_list; struct list_head t_inode_list;
  struct spinlock t_handle_lock; unsigned long t_max_wait, t_start, t_requested;
  struct transaction_chp_stats_s t_chp_stats; atomic_t t_updates, t_outstanding_credits;
  struct transaction_s *t_cpnext, *t_cpprev; unsigned long t_expires; union ktime t_start_time;
  atomic_t t_handle_count; u32 t_synchronous_commit: 1; int t_need_data_flush;
  struct list_head t_private_list;
};
struct wb_completion { atomic_t cnt; };
struct wb_writeback_work {
  long nr_pages; struct super_block *sb; unsigned long *older_than_this;
  enum writeback_sync_modes sync_mode;
  u32 tagged_writepages: 1, for_kupdate: 1, range_cyclic: 1, for_background: 1, for_sync: 1;
  u32 auto_free: 1; enum wb_reason reason; struct list_head list; struct wb_completion *done;
};
struct worker {
  union { struct list_head entry; struct hlist_node hentry; };
  struct work_struct *current_work; void (*current_func)(); struct pool_workqueue *current_pwq;
  _Bool desc_valid; struct list_head scheduled; struct task_struct *task;
  struct worker_pool *pool; struct list_head node; unsigned long last_active; u32 flags; int id;
  char desc[24]; struct workqueue_struct *rescue_wq;
};
struct worker_pool {
  struct spinlock lock; int cpu, node, id; u32 flags; struct list_head worklist;
  int nr_workers, nr_idle; struct list_head idle_list; struct timer_list idle_timer, mayday_timer;
  struct hlist_head busy_hash[64]; struct mutex manager_arb; struct worker *manager;
  struct mutex attach_mutex; struct list_head workers; struct completion *detach_completion;
  struct ida worker_ida; struct workqueue_attrs *attrs; struct hlist_node hash_node; int refcnt;
  atomic_t nr_running ALIGN(64); struct callback_head rcu;
};
struct workqueue_attrs { int nice; struct cpumask cpumask[1]; _Bool no_numa; };
struct workqueue_struct {
  struct list_head pwqs, list; struct mutex mutex; int work_color, flush_color;
  atomic_t nr_pwqs_to_flush; struct wq_flusher *first_flusher;
  struct list_head flusher_queue, flusher_overflow, maydays; struct worker *rescuer;
  int nr_drainers, saved_max_active; struct workqueue_attrs *unbound_attrs;
  struct pool_workqueue *dfl_pwq; struct wq_device *wq_dev; char name[24];
  struct callback_head rcu; u32 flags ALIGN(64);
  struct pool_workqueue *cpu_pwqs, *numa_pwq_tbl[0];
};
// Of enums without a name.
enum {
  MIGRATE_HIGHATOMIC = 3, MIGRATE_ISOLATE = 4, MIGRATE_MOVABLE = 1, MIGRATE_PCPTYPES = 3,
  MIGRATE_RECLAIMABLE = 2, MIGRATE_TYPES = 5, MIGRATE_UNMOVABLE = 0, POOL_DISASSOCIATED = 4,
  SWP_USED = 1, SWP_WRITEOK = 2, WORKER_CPU_INTENSIVE = 64, WORKER_DIE = 2, WORKER_IDLE = 4,
  WORKER_NOT_RUNNING = 456, WORKER_PREP = 8, WORKER_REBOUND = 256, WORKER_UNBOUND = 128,
  WORK_OFFQ_FLAG_BASE = 4, WORK_OFFQ_FLAG_BITS = 1, WORK_OFFQ_POOL_BITS = 31,
  WORK_OFFQ_POOL_SHIFT = 5, WORK_STRUCT_COLOR_BITS = 4, WORK_STRUCT_COLOR_SHIFT = 4,
  WORK_STRUCT_DELAYED_BIT = 1, WORK_STRUCT_FLAG_BITS = 8, WORK_STRUCT_FLAG_MASK = 255,
  WORK_STRUCT_LINKED_BIT = 3, WORK_STRUCT_PENDING_BIT = 0, WORK_STRUCT_PWQ_BIT = 2,
  WQ_CPU_INTENSIVE = 32, WQ_FREEZABLE = 4, WQ_HIGHPRI = 16, WQ_MEM_RECLAIM = 8, WQ_SYSFS = 64,
  WQ_UNBOUND = 2,
};
