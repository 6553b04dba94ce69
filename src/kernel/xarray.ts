// struct xarray (include/linux/xarray.h, v4.20) and its predecessor struct radix_tree_root, which
// share their node layout; the pid IDR is one of them.

import type { Ref } from '../target/ref.ts';
import { hex, vaddr, type Vaddr } from '../util/address.ts';
import type { WalkOptions } from './list.ts';

/** One entry: its index and the pointer that is stored there. */
export interface XarrayEntry {
  readonly index: number;
  readonly pointer: Vaddr;
}

/** XA_CHUNK_SHIFT and RADIX_TREE_MAP_SHIFT: 6, or 4 with CONFIG_BASE_SMALL. */
const CHUNK_SHIFTS: ReadonlyMap<number, number> = new Map([
  [64, 6],
  [16, 4],
]);

/**
 * More than a tree of PID_MAX_LIMIT pids can have, one to a leaf of 64. Without a bound on nodes,
 * and with nodes that are their own children, 11 levels of 64 slots are a walk without end.
 */
const NODES_MAX = 1 << 17;

/** A 64-bit index with 16 slots a node has at most 16 levels. */
const DEPTH_MAX = 16;

/**
 * All entries of a tree, by ascending index.
 *
 * @param root `struct xarray` or `struct radix_tree_root`
 */
export function* xarrayEntries(
  root: Ref,
  options: WalkOptions,
): Generator<XarrayEntry, void, undefined> {
  // Linux kernel commit f8d5d0cc145c ("xarray: Add definition of struct xarray", v4.20) renamed
  // rnode to xa_head and radix_tree_node to xa_node.
  const head = options.problems.attempt(options.subject, () =>
    root.firstMember('xa_head', 'rnode').pointer(),
  );
  if (head === undefined || head === 0n) return;
  // v4.20 marks internal nodes with binary 10, the radix tree before it with binary 01.
  const isXarray = root.has('xa_head');
  const tag = isXarray ? 2n : 1n;
  const nodeType = root.memory.types.find('struct', isXarray ? 'xa_node' : 'radix_tree_node');
  if (nodeType === undefined) {
    options.problems.addMessage(options.subject, 'struct xa_node: not in this kernel', 'lookup');
    return;
  }
  if ((head & 3n) !== tag) {
    yield { index: 0, pointer: head };
    return;
  }
  const walk: TreeWalk = {
    nodeAt: (address) => root.as(nodeType).moved(address),
    tag,
    options,
    seen: new Set(),
  };
  yield* nodeEntries(walk, { pointer: head, index: 0, parentShift: 64 }, 0);
}

interface TreeWalk {
  readonly nodeAt: (address: Vaddr) => Ref;
  readonly tag: bigint;
  readonly options: WalkOptions;
  /** Addresses of the nodes that were walked. */
  readonly seen: Set<bigint>;
}

interface TaggedNode {
  readonly pointer: Vaddr;
  readonly index: number;
  /** Shifts fall on the way down, which also bounds a walk through damaged nodes. */
  readonly parentShift: number;
}

function* nodeEntries(
  walk: TreeWalk,
  tagged: TaggedNode,
  depth: number,
): Generator<XarrayEntry, void, undefined> {
  const { problems, subject } = walk.options;
  const node = walk.nodeAt(vaddr(tagged.pointer - walk.tag));
  if (walk.seen.has(node.address) || walk.seen.size >= NODES_MAX) {
    const what = walk.seen.has(node.address) ? 'a second time' : `after ${NODES_MAX} others`;
    problems.addMessage(subject, `node ${hex(node.address)} comes ${what}; it is not followed`);
    return;
  }
  walk.seen.add(node.address);
  const slots = node.member('slots');
  const slotCount = slots.type.kind === 'array' ? slots.type.count : 0;
  const chunkShift = CHUNK_SHIFTS.get(slotCount);
  const shift = problems.attempt(subject, () => node.member('shift').number());
  if (shift === undefined) return;
  if (chunkShift === undefined || shift >= tagged.parentShift || depth >= DEPTH_MAX) {
    problems.addMessage(
      subject,
      `node ${hex(node.address)} has shift ${shift} below shift ${tagged.parentShift}`,
    );
    return;
  }
  for (let i = 0; i < slotCount; i++) {
    const entry = problems.attempt(subject, () => slots.at(i).pointer());
    if (entry === undefined || entry === 0n) continue;
    const index = tagged.index + i * 2 ** shift;
    if ((entry & 3n) !== walk.tag) {
      yield { index, pointer: entry };
    } else if (entry > 4096n) {
      // Small tagged values are the tree's own (sibling, retry), not nodes.
      yield* nodeEntries(walk, { pointer: entry, index, parentShift: shift }, depth + 1);
    }
  }
}
