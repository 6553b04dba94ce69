// memalloc_list of the kmallocwd patch v1: the requests in flight, each on the stack of the task
// that asks, strung together in the order in which they began.

import { vaddrAdd, type Vaddr } from '../../util/address.ts';
import { findMember } from '../../types/ctype.ts';
import { assert } from '../../util/assert.ts';
import type { KernelImage } from './kernel-image.ts';
import type { KernelMemory } from './kernel-memory.ts';

/** Where the requests lie, by their place on the list. */
export type ListedRequests = Map<number, Vaddr>;

/** Links them to the head, where the kernel has one. */
export function linkRequests(
  image: KernelImage,
  memory: KernelMemory,
  requests: ListedRequests,
): void {
  if (!image.has('memalloc_list')) return;
  const inOrder = [...requests].sort(([a], [b]) => a - b).map(([, address]) => address);
  const list = inOrder.length === 0 ? 0 : listOffset(memory);
  const nodes = [
    image.symbol('memalloc_list'),
    ...inOrder.map((address) => vaddrAdd(address, list)),
  ];
  nodes.forEach((node, i) => {
    const next = nodes[(i + 1) % nodes.length]!;
    const prev = nodes[(i + nodes.length - 1) % nodes.length]!;
    memory.store('list_head', node, { next, prev });
  });
}

/** An empty list needs no struct memalloc, which the kernel's types may lack. */
function listOffset(memory: KernelMemory): number {
  const list = findMember(memory.struct('memalloc'), 'list');
  assert(list !== undefined, 'struct memalloc has no member list');
  return list.bitOffset / 8;
}
