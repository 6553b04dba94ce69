// How pids were found by number before Linux 4.15 (95846ecf9dac): one hash table for all
// namespaces, whose chains lead through the struct upids (kernel/pid.c).
//
//   pid_hash ──> hlist_head[1 << pidhash_shift] ──> upid.pid_chain ──> upid.pid_chain …

import { findMember } from '../../types/ctype.ts';
import { vaddr, vaddrAdd, type Vaddr } from '../../util/address.ts';
import { assert } from '../../util/assert.ts';
import type { Areas } from './areas.ts';
import type { KernelImage } from './kernel-image.ts';

const POINTER_SIZE = 8;
/** alloc_large_system_hash(): a head for each 256 KiB of memory, from 16 to 4096 of them. */
const BYTES_PER_HEAD = 2 ** 18;
const SHIFT_MIN = 4;
const SHIFT_MAX = 12;
/** GOLDEN_RATIO_PRIME_64 (include/linux/hash.h, up to Linux 4.6). */
const GOLDEN_RATIO_PRIME_64 = 0x9e37fffffffc0001n;

/** Gives the variables their symbols. */
export function definePidHash(image: KernelImage): void {
  image.define('pid_hash', { section: 'bss', size: POINTER_SIZE, local: true });
  image.define('pidhash_shift', { section: 'data', size: 4, align: 4, local: true });
}

/** What {@link writePidHash} makes findable. */
export interface PidHashPlan {
  /** `struct upid *` by number. */
  readonly upids: ReadonlyMap<number, Vaddr>;
  /** `struct pid_namespace *` */
  readonly namespace: Vaddr;
}

/** Writes the table and its chains. */
export function writePidHash(
  image: KernelImage,
  areas: Areas,
  { upids, namespace }: PidHashPlan,
): void {
  const { memory } = areas;
  const heads = memory.physical.end / BYTES_PER_HEAD;
  const shift = Math.min(SHIFT_MAX, Math.max(SHIFT_MIN, Math.floor(Math.log2(heads))));
  const size = 2 ** shift * POINTER_SIZE;
  const table = areas.allocatePages(size);
  memory.write(table, new Uint8Array(size));
  memory.writeInteger(image.symbol('pid_hash'), table, 8);
  memory.writeInteger(image.symbol('pidhash_shift'), shift, 4);
  const chain = findMember(memory.struct('upid'), 'pid_chain');
  assert(chain !== undefined, 'struct upid has no member pid_chain');
  const newest = new Map<number, Vaddr>();
  for (const [nr, upid] of upids) {
    const index = pidHash({ nr, namespace }, shift);
    const node = vaddrAdd(upid, chain.bitOffset / 8);
    const next = newest.get(index) ?? vaddr(0n);
    const head = vaddrAdd(table, index * POINTER_SIZE);
    // hlist_add_head_rcu()
    memory.store('hlist_node', node, { next, pprev: head });
    if (next !== 0n) memory.store('hlist_node', next, { pprev: node });
    memory.writeInteger(head, node, 8);
    newest.set(index, node);
  }
}

/** pid_hashfn(): hash_long() of number and namespace. */
export function pidHash(
  { nr, namespace }: { nr: number; namespace: bigint },
  shift: number,
): number {
  const product = BigInt.asUintN(64, (BigInt(nr) + namespace) * GOLDEN_RATIO_PRIME_64);
  return Number(product >> BigInt(64 - shift));
}
