// What functions of 6.1 were called in Linux 4.4, and which of them were part of their callers.

/** A function of the simulated code → its name in 4.4; '' where its code is the caller's there. */
export const NAMES_4_4: Readonly<Record<string, string>> = {
  // arch/x86/entry: a system call's function is called by the assembler code itself.
  entry_SYSCALL_64_after_hwframe: 'entry_SYSCALL_64_fastpath',
  do_syscall_64: '',
  syscall_exit_to_user_mode: 'syscall_return_slowpath',
  irqentry_exit_to_user_mode: 'prepare_exit_to_usermode',
  exit_to_user_mode_prepare: 'exit_to_usermode_loop',
  arch_do_signal_or_restart: 'do_signal',
  asm_exc_page_fault: 'page_fault',
  exc_page_fault: 'do_page_fault',
  do_user_addr_fault: '__do_page_fault',
  __x64_sys_read: 'SyS_read',
  __x64_sys_write: 'SyS_write',
  __x64_sys_fsync: 'SyS_fsync',
  __x64_sys_sendto: 'SyS_sendto',
  __x64_sys_recvfrom: 'SyS_recvfrom',
  __x64_sys_futex: 'SyS_futex',
  __x64_sys_nanosleep: 'SyS_nanosleep',
  ksys_read: '',
  ksys_write: '',
  // kernel/
  __cond_resched: '_cond_resched',
  do_task_dead: '',
  futex_wait_queue: 'futex_wait_queue_me',
  kernel_clone: '_do_fork',
  // kernel/locking/
  __mutex_lock: '',
  rwsem_down_read_slowpath: 'rwsem_down_read_failed',
  rwsem_down_write_slowpath: 'rwsem_down_write_failed',
  // mm/
  __alloc_pages: '__alloc_pages_nodemask',
  should_reclaim_retry: '',
  shrink_node: 'shrink_zone',
  shrink_folio_list: 'shrink_page_list',
  reclaim_throttle: 'congestion_wait',
  folio_wait_bit: 'wait_on_page_bit',
  folio_wait_locked: '',
  folio_wait_writeback: '',
  __folio_lock: '__lock_page',
  filemap_read: 'generic_file_read_iter',
  filemap_create_folio: '',
  file_write_and_wait_range: 'filemap_write_and_wait_range',
  mem_cgroup_charge: '',
  __mem_cgroup_charge: 'mem_cgroup_try_charge',
  charge_memcg: '',
  try_charge_memcg: 'try_charge',
  // block/, fs/
  blk_mq_submit_bio: 'blk_mq_make_request',
  wait_on_buffer: '__wait_on_buffer',
  simfs_read_folio: 'simfs_readpage',
};

/** @returns undefined where 4.4 has no such function */
export function functionName44(name: string): string | undefined {
  const renamed = Object.hasOwn(NAMES_4_4, name) ? NAMES_4_4[name] : name;
  return renamed === '' ? undefined : renamed;
}
