// struct list_head in memory, and where members lie.

import { byteOffsetOf, findMember } from '../../types/ctype.ts';
import { vaddrAdd, type Vaddr } from '../../util/address.ts';
import { assert } from '../../util/assert.ts';
import type { KernelMemory } from './kernel-memory.ts';

/** @throws AssertionError if the struct has no such member */
export function memberAddress(
  memory: KernelMemory,
  address: Vaddr,
  member: { readonly struct: string; readonly path: string },
): Vaddr {
  const place = findMember(memory.struct(member.struct), member.path);
  assert(place !== undefined, `struct ${member.struct} has no member ${member.path}`);
  return vaddrAdd(address, byteOffsetOf(place));
}

/** Links a circular list: the head, then the nodes. Without nodes: INIT_LIST_HEAD(). */
export function linkList(memory: KernelMemory, head: Vaddr, nodes: readonly Vaddr[] = []): void {
  const all = [head, ...nodes];
  all.forEach((node, i) => {
    memory.writeInteger(node, all[(i + 1) % all.length]!, 8);
    memory.writeInteger(vaddrAdd(node, 8), all[(i + all.length - 1) % all.length]!, 8);
  });
}
