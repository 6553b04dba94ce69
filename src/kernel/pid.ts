// The second way to all tasks: the pids of the initial pid namespace (kernel/pid.c), in an IDR or,
// before, in a hash table.

import type { Ref } from '../target/ref.ts';
import type { Vmcore } from '../target/vmcore.ts';
import { vaddr, vaddrAdd } from '../util/address.ts';
import { byteOffsetOf, findMember } from '../types/ctype.ts';
import type { Problems } from '../util/problems.ts';
import { hashedPids, hasPidHash, type HashedPid } from './pid-hash.ts';
import { xarrayEntries } from './xarray.ts';

/** PIDTYPE_PID, the first of enum pid_type (include/linux/pid_types.h). */
const PIDTYPE_PID = 0;

/** Whether this kernel keeps its pids in an IDR (v4.15, commit 95846ecf9dac). */
export function hasPidIdr(vmcore: Vmcore): boolean {
  const namespace = vmcore.types.find('struct', 'pid_namespace');
  return namespace?.kind === 'struct' && findMember(namespace, 'idr.idr_rt') !== undefined;
}

/** What pids are found by in this kernel; undefined where it has neither. */
export function pidTable(vmcore: Vmcore): 'pid IDR' | 'pid hash' | undefined {
  if (hasPidIdr(vmcore)) return 'pid IDR';
  return hasPidHash(vmcore) ? 'pid hash' : undefined;
}

/**
 * The addresses of the task_structs that the pids lead to: one for each pid that a thread has.
 *
 * @returns undefined where this kernel has no such table, or where its root cannot be read
 */
export function tasksByPid(vmcore: Vmcore): Set<bigint> | undefined {
  const { problems } = vmcore;
  const subject = pidTable(vmcore);
  if (subject === undefined) return undefined;
  const namespace = problems.attempt(subject, () => vmcore.global('init_pid_ns'));
  if (namespace === undefined) return undefined;
  const pidStruct = problems.attempt(subject, () => vmcore.struct('pid'));
  const taskStruct = problems.attempt(subject, () => vmcore.struct('task_struct'));
  if (pidStruct === undefined || taskStruct === undefined) return undefined;
  const first = findMember(pidStruct, `tasks[${PIDTYPE_PID}].first`);
  // Commit 2c4704756cab (v4.19) replaced pids[].node by pid_links[].
  const link =
    findMember(taskStruct, `pid_links[${PIDTYPE_PID}]`) ??
    findMember(taskStruct, `pids[${PIDTYPE_PID}].node`);
  if (first === undefined || link === undefined) return undefined;
  const pids = subject === 'pid hash' ? hashedPids(vmcore) : idrPids(namespace, problems);
  if (pids === undefined) return undefined;
  const linkOffset = problems.attempt(subject, () => byteOffsetOf(link));
  if (linkOffset === undefined) return undefined;
  const tasks = new Set<bigint>();
  for (const { index, pointer } of pids) {
    const node = problems.attempt(`struct pid of pid ${index}`, () => {
      const bytes = vmcore.readBytes(vaddrAdd(pointer, byteOffsetOf(first)), 8, 'pid');
      return new DataView(bytes.buffer).getBigUint64(0, true);
    });
    // A pid may outlive its thread: as a process group or session it has no task of this type.
    if (node !== undefined && node !== 0n) tasks.add(vaddrAdd(vaddr(node), -linkOffset));
  }
  return tasks;
}

/** Undefined where the root of the IDR cannot be read. */
function idrPids(namespace: Ref, problems: Problems): Iterable<HashedPid> | undefined {
  const subject = 'pid IDR';
  const root = namespace.member('idr.idr_rt');
  const head = problems.attempt(subject, () => root.firstMember('xa_head', 'rnode').pointer());
  return head === undefined ? undefined : xarrayEntries(root, { problems, subject });
}
