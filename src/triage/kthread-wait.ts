// Who waits for a new kernel thread waits for kthreadd, which makes them one by one.

import { calls, type Facts, type LockWait, type TaskFacts } from './facts.ts';

/** kernel/kthread.c: it puts its wish on kthread_create_list and sleeps until the thread runs. */
const WANTS = '__kthread_create_on_node';
/** What create_kthread() calls, which is often a part of kthreadd(). */
const MAKES = ['kernel_thread', 'kernel_clone', '_do_fork', 'copy_process'];

/**
 * The wait of a task for kthreadd; undefined where it waits for none, or kthreadd does not make
 * one: then the new thread itself has to run first, whichever that is.
 */
export function kthreadWait({ tasks }: Facts, fact: TaskFacts): LockWait | undefined {
  if (!calls(fact, WANTS)) return undefined;
  const kthreadd = tasks.find(({ calls: names }) => names.includes('kthreadd'));
  const pid = kthreadd?.task.pid;
  if (kthreadd === undefined || pid === undefined || !calls(kthreadd, ...MAKES)) return undefined;
  return { lock: 'a new kernel thread', holders: [pid], isCertain: true };
}
