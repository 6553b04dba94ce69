// struct rb_root and struct rb_root_cached (include/linux/rbtree_types.h), walked in order.

import type { Ref } from '../target/ref.ts';
import { hex } from '../util/address.ts';
import type { ListEntryType, WalkOptions } from './list.ts';
import { PID_MAX_LIMIT } from './list.ts';

/** A red-black tree of n nodes is at most 2 log2(n + 1) deep. */
const DEPTH_MAX = 2 * 48;

/**
 * The structs in a red-black tree, from left to right.
 *
 * Of a tree that cannot be followed everywhere the rest is walked: a subtree that cannot be read,
 * a node that comes twice and a branch deeper than a balanced tree can be leave a problem each.
 *
 * @param root `struct rb_root` or `struct rb_root_cached`
 */
export function* rbtreeEntries(
  root: Ref,
  entry: ListEntryType,
  options: WalkOptions,
): Generator<Ref, void, undefined> {
  const { problems, subject } = options;
  const entriesMax = options.entriesMax ?? PID_MAX_LIMIT;
  const seen = new Set<bigint>();
  // The nodes whose left side has been entered and who come next themselves.
  const pending: Ref[] = [];
  let link = root.firstMember('rb_node', 'rb_root.rb_node');
  for (;;) {
    descendLeft(link, { pending, seen, options });
    const node = pending.pop();
    if (node === undefined) return;
    if (seen.size > entriesMax) {
      problems.addMessage(subject, `the tree has more than ${entriesMax} nodes`);
      return;
    }
    yield node.containerOf(entry.type, entry.member);
    link = node.member('rb_right');
  }
}

interface Descent {
  readonly pending: Ref[];
  readonly seen: Set<bigint>;
  readonly options: WalkOptions;
}

/** Pushes the node behind `link` and everything on its left edge. */
function descendLeft(link: Ref, descent: Descent): void {
  const { pending, seen, options } = descent;
  const { problems, subject } = options;
  for (let next = link; ;) {
    const at = next;
    const node = problems.attempt(subject, () => {
      const child = at.deref();
      // Read now, so that a pointer into nowhere is no entry.
      if (child.address !== 0n) child.member('rb_left').pointer();
      return child;
    });
    if (node === undefined || node.address === 0n) return;
    if (seen.has(node.address) || pending.length >= DEPTH_MAX) {
      const what = seen.has(node.address) ? 'comes twice' : `lies deeper than ${DEPTH_MAX} levels`;
      problems.addMessage(subject, `node ${hex(node.address)} of the tree ${what}`);
      return;
    }
    seen.add(node.address);
    pending.push(node);
    next = node.member('rb_left');
  }
}
