// Where workqueues and pools of workers are found (kernel/workqueue.c): the list `workqueues`, the
// per-CPU pools, and worker_pool_idr.

import type { Ref } from '../target/ref.ts';
import type { Vmcore } from '../target/vmcore.ts';
import { hex, vaddr, vaddrAdd, type Vaddr } from '../util/address.ts';
import { escapeText } from '../util/escape.ts';
import { listEntries } from './list.ts';
import { cpuSets } from './percpu.ts';
import { xarrayEntries } from './xarray.ts';

/** A workqueue with its shares of pools. */
export interface NamedWorkqueue {
  /** `struct workqueue_struct` */
  readonly ref: Ref;
  readonly name: string;
  /** `struct pool_workqueue` */
  readonly pwqs: readonly Ref[];
}

/** NR_STD_WORKER_POOLS: normal and high priority. */
const POOLS_PER_CPU = 2;
/** More than any machine has; lists may be damaged. */
const WORKQUEUES_MAX = 1 << 16;
const PWQS_MAX = 1 << 20;

/** All workqueues, in the order of the kernel's list. */
export function namedWorkqueues(vmcore: Vmcore): NamedWorkqueue[] {
  const { problems } = vmcore;
  const found = problems.attempt('workqueues', () => {
    const head = vmcore.global('workqueues');
    const type = vmcore.struct('workqueue_struct');
    const walk = { problems, subject: 'workqueues', entriesMax: WORKQUEUES_MAX };
    return Array.from(listEntries(head, { type, member: 'list' }, walk));
  });
  const seen = new Set<bigint>();
  return (found ?? []).map((ref) => {
    const subject = `workqueue ${hex(ref.address)}`;
    const bytes = problems.attempt(subject, () => nameOf(ref));
    const name = bytes === undefined || bytes.length === 0 ? hex(ref.address) : escapeText(bytes);
    return { ref, name, pwqs: pwqsOf(vmcore, ref, { name, seen }) };
  });
}

function nameOf(ref: Ref): Uint8Array {
  return ref.member('name').cString();
}

function pwqsOf(
  vmcore: Vmcore,
  wq: Ref,
  { name, seen }: { name: string; seen: Set<bigint> },
): Ref[] {
  const { problems } = vmcore;
  const subject = `pool_workqueues of ${name}`;
  const pwqs = problems.attempt(subject, () => {
    const type = vmcore.struct('pool_workqueue');
    const walk = { problems, subject, seen, entriesMax: PWQS_MAX };
    return Array.from(listEntries(wq.member('pwqs'), { type, member: 'pwqs_node' }, walk));
  });
  return pwqs ?? [];
}

/** cpu_worker_pools[] of each possible CPU: an offline CPU's may still have work. */
export function cpuPools(vmcore: Vmcore): Vaddr[] {
  const { problems } = vmcore;
  const table = vmcore.symbols.lookup('cpu_worker_pools');
  const size = problems.attempt('cpu_worker_pools', () => vmcore.struct('worker_pool').size);
  if (table === undefined || size === undefined) return [];
  return cpuSets(vmcore).possible.flatMap((cpu) => {
    const offset = problems.attempt(`cpu_worker_pools of CPU ${cpu}`, () =>
      vmcore.perCpuOffset(cpu),
    );
    if (offset === undefined) return [];
    const first = vaddr(table + offset);
    return Array.from({ length: POOLS_PER_CPU }, (_, i) => vaddrAdd(first, i * size));
  });
}

/** worker_pool_idr has every pool. Before Linux 4.11 an IDR was a tree that we do not read. */
export function idrPools(vmcore: Vmcore): Vaddr[] {
  if (vmcore.symbols.lookup('worker_pool_idr') === undefined) return [];
  const { problems } = vmcore;
  const subject = 'worker_pool_idr';
  const root = problems.attempt(subject, () => vmcore.global('worker_pool_idr'));
  if (root?.has('idr_rt') !== true) return [];
  const entries = xarrayEntries(root.member('idr_rt'), { problems, subject });
  return Array.from(entries, ({ pointer }) => pointer);
}
