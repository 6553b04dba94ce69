// Linux 4.4: tasks, what the threads of a process share, pids, and the scheduler. A task_struct has
// the record of the kmallocwd patch v3 (struct memalloc_info) where that patch put it.

enum pid_type { PIDTYPE_PID, PIDTYPE_PGID, PIDTYPE_SID, PIDTYPE_MAX };
typedef struct { unsigned long seg; } mm_segment_t;
struct thread_info {
  struct task_struct *task; u32 flags, status, cpu; mm_segment_t addr_limit;
  u32 sig_on_uaccess_error: 1, uaccess_err: 1;
};
struct pt_regs {
  unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs;
  unsigned long flags, sp, ss;
};
struct desc_struct {
  union {
    struct { u32 a, b; };
    struct {
      u16 limit0, base0;
      u32 base1: 8, type: 4, s: 1, dpl: 2, p: 1, limit: 4, avl: 1, l: 1, d: 1, g: 1, base2: 8;
    };
  };
};
struct fregs_state { u32 cwd, swd, twd, fip, fcs, foo, fos, st_space[20], status; };
struct fxregs_state {
  u16 cwd, swd, twd, fop; union { struct { u64 rip, rdp; }; struct { u32 fip, fcs, foo, fos; }; };
  u32 mxcsr, mxcsr_mask, st_space[32], xmm_space[64], padding[12];
  union { u32 padding1[12], sw_reserved[12]; };
};
struct swregs_state {
  u32 cwd, swd, twd, fip, fcs, foo, fos, st_space[20];
  u8 ftop, changed, lookahead, no_update, rm, alimit; struct math_emu_info *info; u32 entry_eip;
};
struct xstate_header { u64 xfeatures, xcomp_bv, reserved[6]; };
struct xregs_state {
  struct fxregs_state i387; struct xstate_header header; u8 extended_state_area[0];
};
union fpregs_state {
  struct fregs_state fsave; struct fxregs_state fxsave; struct swregs_state soft;
  struct xregs_state xsave; u8 __padding[4096];
};
struct fpu {
  u32 last_cpu; u8 fpstate_active, fpregs_active, counter; union fpregs_state state ALIGN(64);
};
struct thread_struct {
  struct desc_struct tls_array[3]; unsigned long sp0, sp; u16 es, ds, fsindex, gsindex;
  unsigned long fs, gs; struct perf_event *ptrace_bps[4];
  unsigned long debugreg6, ptrace_dr7, cr2, trap_nr, error_code, *io_bitmap_ptr, iopl;
  u32 io_bitmap_max; struct fpu fpu;
};
struct load_weight { unsigned long weight; u32 inv_weight; };
struct sched_statistics {
  u64 wait_start, wait_max, wait_count, wait_sum, iowait_count, iowait_sum, sleep_start, sleep_max;
  s64 sum_sleep_runtime;
  u64 block_start, block_max, exec_max, slice_max, nr_migrations_cold, nr_failed_migrations_affine;
  u64 nr_failed_migrations_running, nr_failed_migrations_hot, nr_forced_migrations, nr_wakeups;
  u64 nr_wakeups_sync, nr_wakeups_migrate, nr_wakeups_local, nr_wakeups_remote, nr_wakeups_affine;
  u64 nr_wakeups_affine_attempts, nr_wakeups_passive, nr_wakeups_idle;
};
struct sched_avg {
  u64 last_update_time, load_sum; u32 util_sum, period_contrib; unsigned long load_avg, util_avg;
};
struct sched_entity {
  struct load_weight load; struct rb_node run_node; struct list_head group_node; u32 on_rq;
  u64 exec_start, sum_exec_runtime, vruntime, prev_sum_exec_runtime, nr_migrations;
  struct sched_statistics statistics; int depth; struct sched_entity *parent;
  struct cfs_rq *cfs_rq, *my_q; struct sched_avg avg;
};
struct sched_rt_entity {
  struct list_head run_list; unsigned long timeout, watchdog_stamp; u32 time_slice;
  struct sched_rt_entity *back;
};
struct sched_info { unsigned long pcount; u64 run_delay, last_arrival, last_queued; };
struct task_delay_info {
  struct spinlock lock; u32 flags; u64 blkio_start, blkio_delay, swapin_delay;
  u32 blkio_count, swapin_count; u64 freepages_start, freepages_delay; u32 freepages_count;
};
struct sigpending { struct list_head list; sigset_t signal; };
struct sched_dl_entity {
  struct rb_node rb_node; u64 dl_runtime, dl_deadline, dl_period, dl_bw; s64 runtime;
  u64 deadline; u32 flags; int dl_throttled, dl_new, dl_boosted, dl_yielded;
  struct hrtimer dl_timer;
};
struct task_rss_stat { int events, count[3]; };
struct restart_block {
  void (*fn)();
  union {
    struct { u32 *uaddr, val, flags, bitset; u64 time; u32 *uaddr2; } futex;
    struct {
      int clockid; struct timespec *rmtp; struct compat_timespec *compat_rmtp; u64 expires;
    } nanosleep;
    struct { struct pollfd *ufds; int nfds, has_timeout; unsigned long tv_sec, tv_nsec; } poll;
  };
};
struct pid_link { struct hlist_node node; struct pid *pid; };
struct prev_cputime { unsigned long utime, stime; struct raw_spinlock lock; };
struct task_cputime { unsigned long utime, stime; u64 sum_exec_runtime; };
struct sysv_sem { struct sem_undo_list *undo_list; };
struct sysv_shm { struct list_head shm_clist; };
struct seccomp { int mode; struct seccomp_filter *filter; };
struct wake_q_node { struct wake_q_node *next; };
struct task_io_accounting {
  u64 rchar, wchar, syscr, syscw, read_bytes, write_bytes, cancelled_write_bytes;
};
struct tlbflush_unmap_batch { struct cpumask cpumask; _Bool flush_required, writable; };
struct page_frag { struct page *page; u32 offset, size; };
struct memalloc_info {
  u32 sequence; u8 valid, dumped; unsigned long start; u32 order, gfp;
};
struct task_struct {
  long state; void *stack; atomic_t usage; u32 flags, ptrace; struct llist_node wake_entry;
  int on_cpu; u32 wakee_flips; unsigned long wakee_flip_decay_ts; struct task_struct *last_wakee;
  int wake_cpu, on_rq, prio, static_prio, normal_prio; u32 rt_priority;
  struct sched_class *sched_class; struct sched_entity se; struct sched_rt_entity rt;
  struct task_group *sched_task_group; struct sched_dl_entity dl;
  struct hlist_head preempt_notifiers; u32 btrace_seq, policy; int nr_cpus_allowed;
  struct cpumask cpus_allowed; struct sched_info sched_info; struct list_head tasks;
  struct plist_node pushable_tasks; struct rb_node pushable_dl_tasks;
  struct mm_struct *mm, *active_mm; u32 vmacache_seqnum; struct vm_area_struct *vmacache[4];
  struct task_rss_stat rss_stat; int exit_state, exit_code, exit_signal, pdeath_signal;
  unsigned long jobctl;
  u32 personality, sched_reset_on_fork: 1, sched_contributes_to_load: 1, sched_migrated: 1, : 0;
  u32 in_execve: 1, in_iowait: 1, memcg_may_oom: 1, memcg_kmem_skip_account: 1;
  unsigned long atomic_flags; struct restart_block restart_block; int pid, tgid;
  unsigned long stack_canary; struct task_struct *real_parent, *parent;
  struct list_head children, sibling; struct task_struct *group_leader;
  struct list_head ptraced, ptrace_entry; struct pid_link pids[3];
  struct list_head thread_group, thread_node; struct completion *vfork_done;
  int *set_child_tid, *clear_child_tid;
  unsigned long utime, stime, utimescaled, stimescaled, gtime; struct prev_cputime prev_cputime;
  unsigned long nvcsw, nivcsw; u64 start_time, real_start_time; unsigned long min_flt, maj_flt;
  struct task_cputime cputime_expires; struct list_head cpu_timers[3];
  struct cred *real_cred, *cred; char comm[16]; struct nameidata *nameidata;
  struct sysv_sem sysvsem; struct sysv_shm sysvshm; unsigned long last_switch_count;
  struct fs_struct *fs; struct files_struct *files; struct nsproxy *nsproxy;
  struct signal_struct *signal; struct sighand_struct *sighand;
  sigset_t blocked, real_blocked, saved_sigmask; struct sigpending pending;
  unsigned long sas_ss_sp, sas_ss_size; struct callback_head *task_works;
  struct audit_context *audit_context; kuid_t loginuid; u32 sessionid; struct seccomp seccomp;
  u32 parent_exec_id, self_exec_id; struct spinlock alloc_lock; struct raw_spinlock pi_lock;
  struct wake_q_node wake_q; struct rb_root pi_waiters; struct rb_node *pi_waiters_leftmost;
  struct rt_mutex_waiter *pi_blocked_on; void *journal_info; struct bio_list *bio_list;
  struct blk_plug *plug; struct reclaim_state *reclaim_state;
  struct backing_dev_info *backing_dev_info; struct io_context *io_context;
  unsigned long ptrace_message; struct siginfo *last_siginfo; struct task_io_accounting ioac;
  u64 acct_rss_mem1, acct_vm_mem1; unsigned long acct_timexpd; nodemask_t mems_allowed;
  struct seqcount mems_allowed_seq; int cpuset_mem_spread_rotor, cpuset_slab_spread_rotor;
  struct css_set *cgroups; struct list_head cg_list; struct robust_list_head *robust_list;
  struct compat_robust_list_head *compat_robust_list; struct list_head pi_state_list;
  struct futex_pi_state *pi_state_cache; struct perf_event_context *perf_event_ctxp[2];
  struct mutex perf_event_mutex; struct list_head perf_event_list; struct mempolicy *mempolicy;
  s16 il_next, pref_node_fork; int numa_scan_seq; u32 numa_scan_period, numa_scan_period_max;
  int numa_preferred_nid; unsigned long numa_migrate_retry;
  u64 node_stamp, last_task_numa_placement, last_sum_exec_runtime; struct callback_head numa_work;
  struct list_head numa_entry; struct numa_group *numa_group;
  unsigned long *numa_faults, total_numa_faults, numa_faults_locality[3], numa_pages_migrated;
  struct tlbflush_unmap_batch tlb_ubc; struct callback_head rcu;
  struct pipe_inode_info *splice_pipe; struct page_frag task_frag; struct task_delay_info *delays;
  int nr_dirtied, nr_dirtied_pause;
  unsigned long dirty_paused_when, timer_slack_ns, default_timer_slack_ns, trace, trace_recursion;
  struct mem_cgroup *memcg_in_oom; u32 memcg_oom_gfp_mask; int memcg_oom_order;
  u32 memcg_nr_pages_over_high; int pagefault_disabled; struct memalloc_info memalloc;
  struct thread_struct thread;
};
struct cpu_itimer { unsigned long expires, incr; u32 error, incr_error; };
struct task_cputime_atomic { atomic64_t utime, stime, sum_exec_runtime; };
struct thread_group_cputimer {
  struct task_cputime_atomic cputime_atomic; _Bool running, checking_timer;
};
struct rlimit { unsigned long rlim_cur, rlim_max; };
struct pacct_struct {
  int ac_flag; long ac_exitcode; unsigned long ac_mem, ac_utime, ac_stime, ac_minflt, ac_majflt;
};
struct signal_struct {
  atomic_t sigcnt, live; int nr_threads; struct list_head thread_head;
  struct __wait_queue_head wait_chldexit; struct task_struct *curr_target;
  struct sigpending shared_pending; int group_exit_code, notify_count;
  struct task_struct *group_exit_task; int group_stop_count;
  u32 flags, is_child_subreaper: 1, has_child_subreaper: 1; int posix_timer_id;
  struct list_head posix_timers; struct hrtimer real_timer; struct pid *leader_pid;
  union ktime it_real_incr; struct cpu_itimer it[2]; struct thread_group_cputimer cputimer;
  struct task_cputime cputime_expires; struct list_head cpu_timers[3]; struct pid *tty_old_pgrp;
  int leader; struct tty_struct *tty; struct autogroup *autogroup; seqlock_t stats_lock;
  unsigned long utime, stime, cutime, cstime, gtime, cgtime; struct prev_cputime prev_cputime;
  unsigned long nvcsw, nivcsw, cnvcsw, cnivcsw, min_flt, maj_flt, cmin_flt, cmaj_flt, inblock;
  unsigned long oublock, cinblock, coublock, maxrss, cmaxrss; struct task_io_accounting ioac;
  u64 sum_sched_runtime; struct rlimit rlim[16]; struct pacct_struct pacct;
  struct taskstats *stats; u32 audit_tty, audit_tty_log_passwd;
  struct tty_audit_buf *tty_audit_buf; u32 oom_flags; s16 oom_score_adj, oom_score_adj_min;
  struct mutex cred_guard_mutex;
};
struct sigaction {
  void (*sa_handler)(); unsigned long sa_flags; void (*sa_restorer)(); sigset_t sa_mask;
};
struct k_sigaction { struct sigaction sa; };
struct sighand_struct {
  atomic_t count; struct k_sigaction action[64]; struct spinlock siglock;
  struct __wait_queue_head signalfd_wqh;
};
struct kernel_cap_struct { u32 cap[2]; };
struct cred {
  atomic_t usage; kuid_t uid; kgid_t gid; kuid_t suid; kgid_t sgid; kuid_t euid; kgid_t egid;
  kuid_t fsuid; kgid_t fsgid; u32 securebits;
  struct kernel_cap_struct cap_inheritable, cap_permitted, cap_effective, cap_bset, cap_ambient;
  u8 jit_keyring;
  struct key *session_keyring, *process_keyring, *thread_keyring, *request_key_auth;
  void *security; struct user_struct *user; struct user_namespace *user_ns;
  struct group_info *group_info; struct callback_head rcu;
};
struct kthread { unsigned long flags; u32 cpu; void *data; struct completion parked, exited; };
struct kthread_create_info {
  void (*threadfn)(), *data; int node; struct task_struct *result; struct completion *done;
  struct list_head list;
};
struct nsproxy {
  atomic_t count; struct uts_namespace *uts_ns; struct ipc_namespace *ipc_ns;
  struct mnt_namespace *mnt_ns; struct pid_namespace *pid_ns_for_children; struct net *net_ns;
};
struct new_utsname {
  char sysname[65], nodename[65], release[65], version[65], machine[65], domainname[65];
};
struct kref { atomic_t refcount; };
struct ns_common { atomic64_t stashed; struct proc_ns_operations *ops; u32 inum; };
struct uts_namespace {
  struct kref kref; struct new_utsname name; struct user_namespace *user_ns; struct ns_common ns;
};
struct upid { int nr; struct pid_namespace *ns; struct hlist_node pid_chain; };
struct pid {
  atomic_t count; u32 level; struct hlist_head tasks[3]; struct callback_head rcu;
  struct upid numbers[1];
};
struct pidmap { atomic_t nr_free; void *page; };
struct pid_namespace {
  struct kref kref; struct pidmap pidmap[128]; struct callback_head rcu; int last_pid;
  u32 nr_hashed; struct task_struct *child_reaper; struct kmem_cache *pid_cachep; u32 level;
  struct pid_namespace *parent; struct vfsmount *proc_mnt;
  struct dentry *proc_self, *proc_thread_self; struct fs_pin *bacct;
  struct user_namespace *user_ns; struct work_struct proc_work; kgid_t pid_gid;
  int hide_pid, reboot; struct ns_common ns;
};
struct cfs_rq {
  struct load_weight load; u32 nr_running, h_nr_running; u64 exec_clock, min_vruntime;
  struct rb_root tasks_timeline; struct rb_node *rb_leftmost;
  struct sched_entity *curr, *next, *last, *skip; struct sched_avg avg; u64 runnable_load_sum;
  unsigned long runnable_load_avg, tg_load_avg_contrib;
  atomic64_t removed_load_avg, removed_util_avg; unsigned long h_load; u64 last_h_load_update;
  struct sched_entity *h_load_next; struct rq *rq; int on_list; struct list_head leaf_cfs_rq_list;
  struct task_group *tg; int runtime_enabled; u64 runtime_expires; s64 runtime_remaining;
  u64 throttled_clock, throttled_clock_task, throttled_clock_task_time;
  int throttled, throttle_count; struct list_head throttled_list;
};
struct rt_prio_array { unsigned long bitmap[2]; struct list_head queue[100]; };
struct plist_head { struct list_head node_list; };
struct irq_work { unsigned long flags; struct llist_node llnode; void (*func)(); };
struct rt_rq {
  struct rt_prio_array active; u32 rt_nr_running; struct { int curr, next; } highest_prio;
  unsigned long rt_nr_migratory, rt_nr_total; int overloaded; struct plist_head pushable_tasks;
  int push_flags, push_cpu; struct irq_work push_work; struct raw_spinlock push_lock;
  int rt_queued, rt_throttled; u64 rt_time, rt_runtime; struct raw_spinlock rt_runtime_lock;
};
struct dl_rq {
  struct rb_root rb_root; struct rb_node *rb_leftmost; unsigned long dl_nr_running;
  struct { u64 curr, next; } earliest_dl; unsigned long dl_nr_migratory; int overloaded;
  struct rb_root pushable_dl_tasks_root; struct rb_node *pushable_dl_tasks_leftmost;
};
struct sched_class {
  struct sched_class *next;
  void (*enqueue_task)(), (*dequeue_task)(), (*yield_task)(), (*yield_to_task)();
  void (*check_preempt_curr)(), (*pick_next_task)(), (*put_prev_task)(), (*select_task_rq)();
  void (*migrate_task_rq)(), (*task_waking)(), (*task_woken)(), (*set_cpus_allowed)();
  void (*rq_online)(), (*rq_offline)(), (*set_curr_task)(), (*task_tick)(), (*task_fork)();
  void (*task_dead)(), (*switched_from)(), (*switched_to)(), (*prio_changed)();
  void (*get_rr_interval)(), (*update_curr)(), (*task_move_group)();
};
struct percpu_ref {
  atomic64_t count; unsigned long percpu_count_ptr; void (*release)(), (*confirm_switch)();
  _Bool force_atomic: 1; struct callback_head rcu;
};
struct cgroup_subsys_state {
  struct cgroup *cgroup; struct cgroup_subsys *ss; struct percpu_ref refcnt;
  struct cgroup_subsys_state *parent; struct list_head sibling, children; int id; u32 flags;
  u64 serial_nr; struct callback_head callback_head; struct work_struct destroy_work;
};
struct cfs_bandwidth {
  struct raw_spinlock lock; union ktime period; u64 quota, runtime; s64 hierarchical_quota;
  u64 runtime_expires; int idle, period_active; struct hrtimer period_timer, slack_timer;
  struct list_head throttled_cfs_rq; int nr_periods, nr_throttled; u64 throttled_time;
};
struct task_group {
  struct cgroup_subsys_state css; struct sched_entity **se; struct cfs_rq **cfs_rq;
  unsigned long shares; atomic64_t load_avg; struct callback_head rcu; struct list_head list;
  struct task_group *parent; struct list_head siblings, children; struct autogroup *autogroup;
  struct cfs_bandwidth cfs_bandwidth;
};
struct wake_q_head { struct wake_q_node *first, **lastp; };
struct cpu_stop_work { struct list_head list; void (*fn)(), *arg; struct cpu_stop_done *done; };
struct call_single_data { struct llist_node llist; void (*func)(), *info; u32 flags; };
struct rq {
  struct raw_spinlock lock; u32 nr_running, nr_numa_running, nr_preferred_running;
  unsigned long cpu_load[5], last_load_update_tick; u64 nohz_stamp; unsigned long nohz_flags;
  struct load_weight load; unsigned long nr_load_updates; u64 nr_switches; struct cfs_rq cfs;
  struct rt_rq rt; struct dl_rq dl; struct list_head leaf_cfs_rq_list;
  unsigned long nr_uninterruptible; struct task_struct *curr, *idle, *stop;
  unsigned long next_balance; struct mm_struct *prev_mm; u32 clock_skip_update;
  u64 clock, clock_task; atomic_t nr_iowait; struct root_domain *rd; struct sched_domain *sd;
  unsigned long cpu_capacity, cpu_capacity_orig; struct callback_head *balance_callback;
  u8 idle_balance; int active_balance, push_cpu; struct cpu_stop_work active_balance_work;
  int cpu, online; struct list_head cfs_tasks;
  u64 rt_avg, age_stamp, idle_stamp, avg_idle, max_idle_balance_cost;
  unsigned long calc_load_update; long calc_load_active; int hrtick_csd_pending;
  struct call_single_data hrtick_csd; struct hrtimer hrtick_timer;
  struct sched_info rq_sched_info; u64 rq_cpu_time;
  u32 yld_count, sched_count, sched_goidle, ttwu_count, ttwu_local; struct llist_head wake_list;
  struct cpuidle_state *idle_state;
};
struct cpuinfo_x86 {
  u8 x86, x86_vendor, x86_model, x86_mask; int x86_tlbsize;
  u8 x86_virt_bits, x86_phys_bits, x86_coreid_bits; u32 extended_cpuid_level; int cpuid_level;
  u32 x86_capability[15]; char x86_vendor_id[16], x86_model_id[64];
  int x86_cache_size, x86_cache_alignment, x86_cache_max_rmid, x86_cache_occ_scale, x86_power;
  unsigned long loops_per_jiffy;
  u16 x86_max_cores, apicid, initial_apicid, x86_clflush_size, booted_cores, phys_proc_id;
  u16 cpu_core_id; u8 compute_unit_id; u16 cpu_index; u32 microcode;
};
