// An IDR as the kernel builds it (include/linux/idr.h, lib/radix-tree.c on struct xarray): how pids
// are found. A tree of nodes with 64 slots; a pointer to a node has 2 added to it.
//
// Mark 0 of a node says where an id is free: one bit a slot, set for an empty slot and for a child
// that has an empty slot below it.

import { findMember } from '../../types/ctype.ts';
import { vaddrAdd, type Vaddr } from '../../util/address.ts';
import { assert } from '../../util/assert.ts';
import type { KernelMemory } from './kernel-memory.ts';

/** XA_CHUNK_SHIFT; 4 with CONFIG_BASE_SMALL, which no machine of this size has. */
const CHUNK_SHIFT = 6;
const SLOT_COUNT = 1 << CHUNK_SHIFT;
const ALL_SLOTS = (1n << BigInt(SLOT_COUNT)) - 1n;

/** xa_mk_node(): internal entries are marked binary 10. */
const NODE_TAG = 2n;

/** IDR_RT_MARKER: ROOT_IS_IDR, and mark 0 above the 27 gfp bits of a kernel without LOCKDEP. */
const IDR_RT_MARKER = (1 << 2) | (1 << 27);

/** What {@link writeIdr} fills. */
export interface IdrPlan {
  /** Address of the `struct idr`. */
  readonly address: Vaddr;
  /** Pointers by their id. */
  readonly entries: ReadonlyMap<number, bigint>;
  /** Where the next `struct xa_node` is to lie. */
  readonly allocateNode: () => Vaddr;
}

/** Writes the nodes and the root. */
export function writeIdr(memory: KernelMemory, plan: IdrPlan): void {
  const ids = [...plan.entries.keys()].sort((a, b) => a - b);
  const last = ids.at(-1) ?? 0;
  let shift = 0;
  while (last >= 2 ** (shift + CHUNK_SHIFT)) shift += CHUNK_SHIFT;
  const builder = new Builder(memory, plan);
  const root = builder.node({ ids, shift, first: 0, parent: 0n, offset: 0 });
  memory.store('idr', plan.address, {
    'idr_rt.xa_flags': IDR_RT_MARKER,
    'idr_rt.xa_head': root.address + NODE_TAG,
    idr_base: 0,
    idr_next: last + 1,
  });
}

interface NodePlan {
  /** The ids below this node, ascending. */
  readonly ids: readonly number[];
  /** log2 of the ids that one slot covers. */
  readonly shift: number;
  /** The id of slot 0. */
  readonly first: number;
  readonly parent: bigint;
  readonly offset: number;
}

class Builder {
  readonly #memory: KernelMemory;
  readonly #plan: IdrPlan;
  readonly #listOffset: number;

  constructor(memory: KernelMemory, plan: IdrPlan) {
    this.#memory = memory;
    this.#plan = plan;
    const list = findMember(memory.struct('xa_node'), 'private_list');
    assert(list !== undefined, 'struct xa_node has no member private_list');
    this.#listOffset = list.bitOffset / 8;
  }

  node(plan: NodePlan): { address: Vaddr; hasFree: boolean } {
    const address = this.#plan.allocateNode();
    const slots = new BigUint64Array(SLOT_COUNT);
    let free = ALL_SLOTS;
    let count = 0;
    for (const [slot, ids] of bySlot(plan)) {
      const entry = this.#slot(plan, { address, slot, ids });
      slots[slot] = entry.pointer;
      if (!entry.hasFree) free &= ~(1n << BigInt(slot));
      count++;
    }
    this.#memory.store('xa_node', address, {
      shift: plan.shift,
      offset: plan.offset,
      count,
      parent: plan.parent,
      array: this.#plan.address,
      slots: new Uint8Array(slots.buffer),
      'marks[0]': free,
    });
    // A node from the cache is on no list: radix_tree_node_ctor().
    const list = vaddrAdd(address, this.#listOffset);
    this.#memory.store('list_head', list, { next: list, prev: list });
    return { address, hasFree: free !== 0n };
  }

  #slot(
    { shift, first }: NodePlan,
    { address, slot, ids }: { address: Vaddr; slot: number; ids: readonly number[] },
  ): { pointer: bigint; hasFree: boolean } {
    if (shift > 0) {
      const child = this.node({
        ids,
        shift: shift - CHUNK_SHIFT,
        first: first + slot * 2 ** shift,
        parent: address,
        offset: slot,
      });
      return { pointer: child.address + NODE_TAG, hasFree: child.hasFree };
    }
    const pointer = this.#plan.entries.get(ids[0] as number);
    assert(pointer !== undefined && (pointer & 3n) === 0n, `id ${ids[0]} has no pointer`);
    return { pointer, hasFree: false };
  }
}

function bySlot({ ids, shift, first }: NodePlan): Map<number, number[]> {
  const slots = new Map<number, number[]>();
  for (const id of ids) {
    const slot = Math.floor((id - first) / 2 ** shift);
    const list = slots.get(slot);
    if (list === undefined) slots.set(slot, [id]);
    else list.push(id);
  }
  return slots;
}
