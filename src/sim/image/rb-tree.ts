// A red-black tree as the kernel's lib/rbtree.c could have left it, built from nodes in order.
//
//   struct rb_node   __rb_parent_color (parent | 1 where black), rb_right, rb_left

import { vaddrAdd, type Vaddr } from '../../util/address.ts';
import type { KernelMemory } from './kernel-memory.ts';

const RB_BLACK = 1n;
const RIGHT = 8;
const LEFT = 16;

/**
 * Writes the nodes as a tree of least height: every level full but the last one, whose nodes are
 * red; so each path has as many black ones.
 *
 * @param nodes `struct rb_node *`, the least first
 * @returns the root; 0 without nodes
 */
export function writeRbTree(memory: KernelMemory, nodes: readonly Vaddr[]): bigint {
  const full = Math.floor(Math.log2(nodes.length + 1));
  const place = (start: number, end: number, at: { parent: bigint; depth: number }): bigint => {
    if (start >= end) return 0n;
    const middle = (start + end) >> 1;
    const node = nodes[middle]!;
    const below = { parent: node, depth: at.depth + 1 };
    const color = at.depth < full ? RB_BLACK : 0n;
    memory.writeInteger(node, at.parent | color, 8);
    memory.writeInteger(vaddrAdd(node, LEFT), place(start, middle, below), 8);
    memory.writeInteger(vaddrAdd(node, RIGHT), place(middle + 1, end, below), 8);
    return node;
  };
  return place(0, nodes.length, { parent: 0n, depth: 0 });
}
