// The words of task_struct and thread_info that the simulated kernel uses, with the values of
// kernel 6.1 (include/linux/sched.h, arch/x86/include/asm/thread_info.h).

/** `__state` */
export const TASK_RUNNING = 0x0;
export const TASK_INTERRUPTIBLE = 0x1;
export const TASK_UNINTERRUPTIBLE = 0x2;
export const TASK_DEAD = 0x80;
export const TASK_WAKEKILL = 0x100;
export const TASK_NOLOAD = 0x400;
/** An idle kworker: asleep, but no part of the load. */
export const TASK_IDLE = TASK_UNINTERRUPTIBLE | TASK_NOLOAD;
export const TASK_KILLABLE = TASK_UNINTERRUPTIBLE | TASK_WAKEKILL;

/** `exit_state` */
export const EXIT_DEAD = 0x10;
export const EXIT_ZOMBIE = 0x20;

/** `flags` */
export const PF_IDLE = 0x2;
export const PF_EXITING = 0x4;
export const PF_WQ_WORKER = 0x20;
export const PF_FORKNOEXEC = 0x40;
export const PF_SUPERPRIV = 0x100;
export const PF_MEMALLOC = 0x800;
export const PF_KSWAPD = 0x20000;
export const PF_MEMALLOC_NOFS = 0x40000;
export const PF_MEMALLOC_NOIO = 0x80000;
/** PF_LOCAL_THROTTLE since Linux 5.8. */
export const PF_LESS_THROTTLE = 0x100000;
export const PF_KTHREAD = 0x200000;
export const PF_RANDOMIZE = 0x400000;
export const PF_NO_SETAFFINITY = 0x4000000;

/** Bits of `thread_info.flags` */
export const TIF_SIGPENDING = 1 << 2;
export const TIF_MEMDIE = 1 << 20;

/** `signal->flags` */
export const SIGNAL_GROUP_EXIT = 0x4;

export const SIGBUS = 7;
export const SIGKILL = 9;

/** `policy` */
export const SCHED_NORMAL = 0;
export const SCHED_FIFO = 1;
export const SCHED_IDLE = 5;

/** Bits of `mm->flags`: dumpable by its owner, and core dump filters as every mm starts with. */
export const MMF_INIT = 0xcd;
export const MMF_OOM_SKIP = 1 << 21;
export const MMF_UNSTABLE = 1 << 22;
export const MMF_OOM_REAP_QUEUED = 1 << 25;
