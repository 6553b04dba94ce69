// The structs of Linux 4.4 as a distribution's x86-64 kernel has them, member by member: names and
// types are those of the kernel, options and comments are resolved. It is compiled for the offsets
// that a C compiler gives them (src/scripts/make-layout.ts); no function is in it.
//
// SMP with up to 256 CPUs, NUMA with up to 1024 nodes, memory cgroups, SLUB, huge pages,
// scheduler statistics, delay accounting, frame pointers; no lockdep, no CMA. The same structs
// compiled from the headers of 4.4.1 with gcc 12 and encoded by pahole have the same offsets.
//
// This file: containers, locks, timers, and what else the others are made of.

#define ALIGN(n) __attribute__((aligned(n)))
#define PACKED __attribute__((packed))

typedef _Bool bool;
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef short s16;
typedef long long s64;
// Behind pointers only.
typedef struct { unsigned long pgd; } pgd_t;

typedef struct { int counter; } atomic_t;
typedef struct { long counter; } atomic64_t;
typedef atomic64_t atomic_long_t;
typedef u32 gfp_t;
struct qspinlock { atomic_t val; };
struct raw_spinlock { struct qspinlock raw_lock; };
struct spinlock { union { struct raw_spinlock rlock; }; };
struct list_head { struct list_head *next, *prev; };
struct __wait_queue_head { struct spinlock lock; struct list_head task_list; };
typedef struct __wait_queue_head wait_queue_head_t;
struct qrwlock { atomic_t cnts; struct qspinlock wait_lock; };
typedef struct { struct qrwlock raw_lock; } rwlock_t;
typedef struct { unsigned long bits[16]; } nodemask_t;
typedef struct { u32 val; } kuid_t;
typedef struct { u32 val; } kgid_t;
typedef struct { unsigned long sig[1]; } sigset_t;
struct seqcount { u32 sequence; };
typedef struct { struct seqcount seqcount; struct spinlock lock; } seqlock_t;
struct hlist_head { struct hlist_node *first; };
struct hlist_node { struct hlist_node *next, **pprev; };
struct hlist_nulls_node { struct hlist_nulls_node *next, **pprev; };
struct llist_head { struct llist_node *first; };
struct llist_node { struct llist_node *next; };
struct rb_node { unsigned long __rb_parent_color; struct rb_node *rb_right, *rb_left; };
struct rb_root { struct rb_node *rb_node; };
struct plist_node { int prio; struct list_head prio_list, node_list; };
struct callback_head { struct callback_head *next; void (*func)(); };
struct optimistic_spin_queue { atomic_t tail; };
struct mutex {
  atomic_t count; struct spinlock wait_lock; struct list_head wait_list;
  struct task_struct *owner; struct optimistic_spin_queue osq;
};
struct mutex_waiter { struct list_head list; struct task_struct *task; };
struct rw_semaphore {
  long count; struct list_head wait_list; struct raw_spinlock wait_lock;
  struct optimistic_spin_queue osq; struct task_struct *owner;
};
enum rwsem_waiter_type { RWSEM_WAITING_FOR_WRITE, RWSEM_WAITING_FOR_READ };
struct rwsem_waiter {
  struct list_head list; struct task_struct *task; enum rwsem_waiter_type type;
};
struct semaphore { struct raw_spinlock lock; u32 count; struct list_head wait_list; };
struct semaphore_waiter { struct list_head list; struct task_struct *task; _Bool up; };
struct rt_mutex {
  struct raw_spinlock wait_lock; struct rb_root waiters; struct rb_node *waiters_leftmost;
  struct task_struct *owner;
};
struct rt_mutex_waiter {
  struct rb_node tree_entry, pi_tree_entry; struct task_struct *task; struct rt_mutex *lock;
  int prio;
};
struct completion { u32 done; struct __wait_queue_head wait; };
struct __wait_queue { u32 flags; void *private, (*func)(); struct list_head task_list; };
struct wait_bit_key { void *flags; int bit_nr; unsigned long timeout; };
struct wait_bit_queue { struct wait_bit_key key; struct __wait_queue wait; };
struct percpu_counter {
  struct raw_spinlock lock; s64 count; struct list_head list; int *counters;
};
enum rcu_sync_type { RCU_SYNC, RCU_SCHED_SYNC, RCU_BH_SYNC };
struct rcu_sync {
  int gp_state, gp_count; struct __wait_queue_head gp_wait; int cb_state;
  struct callback_head cb_head; enum rcu_sync_type gp_type;
};
struct percpu_rw_semaphore {
  struct rcu_sync rss; u32 *fast_read_ctr; struct rw_semaphore rw_sem; atomic_t slow_read_ctr;
  struct __wait_queue_head write_waitq;
};
struct timer_list {
  struct hlist_node entry; unsigned long expires; void (*function)(); unsigned long data;
  u32 flags; int slack, start_pid; void *start_site; char start_comm[16];
};
union ktime { s64 tv64; };
struct timerqueue_node { struct rb_node node; union ktime expires; };
struct hrtimer {
  struct timerqueue_node node; union ktime _softexpires; void (*function)();
  struct hrtimer_clock_base *base; unsigned long state; int start_pid; void *start_site;
  char start_comm[16];
};
struct arch_clocksource_data { int vclock_mode; };
struct ALIGN(64) clocksource {
  void (*read)(); u64 mask; u32 mult, shift; u64 max_idle_ns; u32 maxadj;
  struct arch_clocksource_data archdata; u64 max_cycles; char *name; struct list_head list;
  int rating; void (*enable)(), (*disable)(); unsigned long flags; void (*suspend)(), (*resume)();
  struct list_head wd_list; u64 cs_last, wd_last; struct module *owner;
};
struct cpumask { unsigned long bits[4]; };
struct radix_tree_root { u32 height, gfp_mask; struct radix_tree_node *rnode; };
struct radix_tree_node {
  u32 path, count;
  union {
    struct { struct radix_tree_node *parent; void *private_data; };
    struct callback_head callback_head;
  };
  struct list_head private_list; void *slots[64]; unsigned long tags[3];
};
struct idr {
  struct idr_layer *hint, *top; int layers, cur; struct spinlock lock; int id_free_cnt;
  struct idr_layer *id_free;
};
struct work_struct { atomic64_t data; struct list_head entry; void (*func)(); };
struct delayed_work {
  struct work_struct work; struct timer_list timer; struct workqueue_struct *wq; int cpu;
};
struct trace_print_flags { unsigned long mask; char *name; };
