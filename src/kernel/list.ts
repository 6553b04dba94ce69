// struct list_head and struct hlist_head (include/linux/types.h), walked in a dump that may have
// been taken in the middle of an update.

import type { StructType } from '../types/ctype.ts';
import type { Ref } from '../target/ref.ts';
import { hex } from '../util/address.ts';
import type { Problems } from '../util/problems.ts';

/** Which struct the list strings together, and by which member. */
export interface ListEntryType {
  readonly type: StructType;
  /** The member that is on the list: `tasks`, `thread_node`. */
  readonly member: string;
}

/** Where a walk reports what it finds wrong. */
export interface WalkOptions {
  readonly problems: Problems;
  /** What is walked, for the message: `init_task.tasks`. */
  readonly subject: string;
  /** The most entries that the list can have; PID_MAX_LIMIT unless told. */
  readonly entriesMax?: number;
  /**
   * The nodes that were walked so far, for lists that can share none: a list that runs into another
   * ends there, and all of them together stay within `entriesMax`.
   */
  readonly seen?: Set<bigint>;
}

/** PID_MAX_LIMIT (include/linux/threads.h): no list of tasks is longer. */
export const PID_MAX_LIMIT = 4 * 1024 * 1024;

/**
 * The structs on a `struct list_head`, in list order, without the head.
 *
 * A list that cannot be followed to its end yields what was found and leaves a problem: a node
 * that cannot be read, one that comes again before the head does, more nodes than there can be.
 *
 * @param head `struct list_head`
 */
export function listEntries(
  head: Ref,
  entry: ListEntryType,
  options: WalkOptions,
): Generator<Ref, void, undefined> {
  // A node is of the head's type, whatever the kernel's types say of the pointers to it.
  const next = (node: Ref): Ref => head.moved(node.address).member('next');
  return entries({ head, end: head.address, first: next, next }, { ...options, entry });
}

/**
 * The structs on a `struct hlist_head`, in list order; of one that cannot be followed to its end as
 * of a {@link listEntries | list}.
 *
 * @param head `struct hlist_head`
 */
export function hlistEntries(
  head: Ref,
  entry: ListEntryType,
  options: WalkOptions,
): Generator<Ref, void, undefined> {
  const first = (): Ref => head.member('first');
  const next = (node: Ref): Ref => node.member('next');
  return entries({ head, end: 0n, first, next }, { ...options, entry });
}

/** Where a chain of nodes begins, how it goes on, and the pointer that ends it. */
interface Chain {
  readonly head: Ref;
  readonly end: bigint;
  /** The pointers to the first node and to the one after a node. */
  readonly first: (head: Ref) => Ref;
  readonly next: (node: Ref) => Ref;
}

function* entries(
  { head, end, first, next }: Chain,
  options: WalkOptions & { readonly entry: ListEntryType },
): Generator<Ref, void, undefined> {
  const { problems, subject, entry } = options;
  const entriesMax = options.entriesMax ?? PID_MAX_LIMIT;
  const seen = options.seen ?? new Set<bigint>();
  seen.add(head.address);
  const repeats =
    options.seen === undefined ? 'is circular' : 'is circular or runs into another one';
  let node = problems.attempt(subject, () => first(head).deref());
  for (let count = 0; node !== undefined && node.address !== end; count++) {
    if (node.address === 0n) {
      problems.addMessage(subject, `entry ${count} has a next pointer of 0, the list has no end`);
      return;
    }
    if (seen.has(node.address) || seen.size > entriesMax) {
      const what = seen.size > entriesMax ? 'is longer than it can be' : repeats;
      const where = `after ${count} entries, at ${hex(node.address)}`;
      problems.addMessage(subject, `the list ${what} ${where}`);
      return;
    }
    seen.add(node.address);
    // Read before the entry is handed out: a pointer into nowhere is no entry.
    const current: Ref = node;
    const following = problems.attempt(subject, () => next(current).deref());
    if (following === undefined) return;
    yield current.containerOf(entry.type, entry.member);
    node = following;
  }
}
