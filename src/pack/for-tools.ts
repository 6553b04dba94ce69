// What other tools read to list tasks and to unwind their stacks, beyond what a triage reads. Read
// here once, so that it is among what was read.

import { readKernelLog } from '../kernel/printk.ts';
import { threadSize } from '../kernel/stack-areas.ts';
import { readTasks } from '../kernel/task.ts';
import { xarrayEntries } from '../kernel/xarray.ts';
import type { Vmcore } from '../target/index.ts';
import { vaddr, type Vaddr } from '../util/address.ts';
import { VmcoreError } from '../util/errors.ts';
import { Problems } from '../util/problems.ts';
import { logAreas } from './log-areas.ts';

/** Structures that are read whole, by the symbol that they lie at. */
const GLOBALS: readonly (readonly [symbol: string, struct: string])[] = [
  ['init_task', 'task_struct'],
  ['init_pid_ns', 'pid_namespace'],
  ['init_uts_ns', 'uts_namespace'],
  ['modules', 'list_head'],
];

/** Variables of the log that other tools look at, with those of 3.5 to 5.9. */
const LOG_VARIABLES = 'prb log_buf log_buf_len log_first_idx log_next_idx clear_idx clear_seq';

/** Reads what crash, drgn and makedumpfile need for tasks, stacks and, if wanted, the log. */
export function readForTools(vmcore: Vmcore, { log }: { readonly log: boolean }): void {
  for (const [symbol, struct] of GLOBALS) {
    attempt(() => readWhole(vmcore, struct, vmcore.symbol(symbol)));
  }
  readWholeTasks(vmcore);
  attempt(() => readWholePids(vmcore));
  for (const { address } of vmcore.modules.modules) {
    attempt(() => readWhole(vmcore, 'module', address));
  }
  if (!log) return;
  attempt(() => readKernelLog(vmcore));
  for (const name of LOG_VARIABLES.split(' ')) {
    attempt(() => vmcore.readBytes(vmcore.symbol(name), 8, 'log'));
  }
  attempt(() => readWhole(vmcore, 'printk_ringbuffer', vmcore.global('prb').pointer()));
  // Tools copy it as a whole, used or not.
  for (const { address, size } of logAreas(vmcore)) vmcore.readPresent(address, size, 'log');
}

function readWholeTasks(vmcore: Vmcore): void {
  const size = threadSize(vmcore);
  const { tasks, idle } = readTasks(vmcore);
  const seen = new Set<string>();
  for (const { address, stack, signal, mm } of [...idle, ...tasks]) {
    attempt(() => readWhole(vmcore, 'task_struct', vaddr(BigInt(address))));
    if (stack !== undefined && BigInt(stack) !== 0n) {
      vmcore.readPresent(vaddr(BigInt(stack)), size, 'stack');
    }
    for (const [struct, at] of [
      ['signal_struct', signal],
      ['mm_struct', mm],
    ] as const) {
      if (at === undefined || BigInt(at) === 0n || seen.has(at)) continue;
      seen.add(at);
      attempt(() => readWhole(vmcore, struct, vaddr(BigInt(at))));
    }
  }
}

/** struct pid of each pid, with the nodes of the tree that leads to them. */
function readWholePids(vmcore: Vmcore): void {
  const root = vmcore.global('init_pid_ns').member('idr.idr_rt');
  const problems = new Problems();
  for (const { pointer } of xarrayEntries(root, { problems, subject: 'pid IDR' })) {
    attempt(() => readWhole(vmcore, 'pid', pointer));
  }
}

function readWhole(vmcore: Vmcore, struct: string, address: Vaddr): void {
  vmcore.readPresent(address, vmcore.struct(struct).size, struct);
}

/** One structure that is missing is no reason to keep no other. */
function attempt(read: () => unknown): void {
  try {
    read();
  } catch (error) {
    if (!(error instanceof VmcoreError)) throw error;
  }
}
