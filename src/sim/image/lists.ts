// struct list_head in memory, and where members lie.

import { byteOffsetOf } from '../../types/ctype.ts';
import { vaddrAdd, type Vaddr } from '../../util/address.ts';
import type { KernelMemory } from './kernel-memory.ts';
import { memberPlace } from './struct-writer.ts';

/** @throws AssertionError if the struct has no such member */
export function memberAddress(
  memory: KernelMemory,
  address: Vaddr,
  member: { readonly struct: string; readonly path: string },
): Vaddr {
  return vaddrAdd(address, byteOffsetOf(memberPlace(memory.struct(member.struct), member.path)));
}

/** Links a circular list: the head, then the nodes. Without nodes: INIT_LIST_HEAD(). */
export function linkList(memory: KernelMemory, head: Vaddr, nodes: readonly Vaddr[] = []): void {
  const all = [head, ...nodes];
  all.forEach((node, i) => {
    memory.writeInteger(node, all[(i + 1) % all.length]!, 8);
    memory.writeInteger(vaddrAdd(node, 8), all[(i + all.length - 1) % all.length]!, 8);
  });
}
