// The list of those that wait for a lock: a ring of waiters, each on the stack of its task, and of
// the lock's own wait_list between the last and the first.
//
//     lock.wait_list <-> waiter <-> waiter <-> … <-> lock.wait_list
//
// A ring is believed where each link is confirmed by the one back. Since 2026 a lock may have but a
// pointer to the first waiter: then the ring is of waiters alone.

import { vaddr, vaddrAdd, type Vaddr } from '../../util/address.ts';
import type { WordReader } from './words.ts';

/** A ring of list nodes, `struct list_head *` each. */
export interface WaitRing {
  /** In the order of the list, from wherever the walk began. */
  readonly nodes: readonly Vaddr[];
  /** Nodes that are no waiter's: the lock's head, and waiters of tasks that nobody knows. */
  readonly others: readonly Vaddr[];
  /** The ring could not be followed all around: where it broke. */
  readonly torn?: Vaddr;
}

/** What a walk needs to know. */
export interface RingOptions {
  readonly words: WordReader;
  /** Whether a node is in a waiter, on the stack of the task that the waiter names. */
  readonly isWaiter: (node: Vaddr) => boolean;
  /** More than there can be waiters. */
  readonly nodesMax: number;
}

/**
 * The ring that a node is on; undefined where the node's own links are not confirmed by both of its
 * neighbours, so that it is on no list: it was taken off, or is left from an older call.
 */
export function waitRing(start: Vaddr, options: RingOptions): WaitRing | undefined {
  const { words } = options;
  const next = nextOf(start, words);
  const prev = prevOf(start, words);
  if (next === undefined || prev === undefined || next === start) return undefined;
  const forward = walk(start, options, nextOf);
  if (forward.closed) return ring(forward.nodes, options.isWaiter, undefined);
  // Torn somewhere: what the other direction reaches is on the list too.
  const backward = walk(start, options, prevOf);
  const nodes = [...backward.nodes.slice(1).reverse(), ...forward.nodes];
  return ring(nodes, options.isWaiter, forward.nodes.at(-1));
}

interface Walked {
  /** Begins with the node that the walk began at. */
  readonly nodes: readonly Vaddr[];
  /** It came back to where it began. */
  readonly closed: boolean;
}

function walk(
  start: Vaddr,
  { words, nodesMax }: RingOptions,
  step: (node: Vaddr, words: WordReader) => Vaddr | undefined,
): Walked {
  const nodes = [start];
  const seen = new Set<bigint>(nodes);
  let node = start;
  while (nodes.length <= nodesMax) {
    const following = step(node, words);
    if (following === start) return { nodes, closed: true };
    if (following === undefined || seen.has(following)) break;
    seen.add(following);
    nodes.push(following);
    node = following;
  }
  return { nodes, closed: false };
}

function ring(
  nodes: readonly Vaddr[],
  isWaiter: (node: Vaddr) => boolean,
  torn: Vaddr | undefined,
): WaitRing {
  const others = nodes.filter((node) => !isWaiter(node));
  return { nodes, others, ...(torn === undefined ? {} : { torn }) };
}

/** The waiters behind the head, in order; of a torn ring some are missing in between. */
export function waitersFrom({ nodes }: WaitRing, head: Vaddr): Vaddr[] {
  const at = nodes.indexOf(head);
  return [...nodes.slice(at + 1), ...nodes.slice(0, Math.max(at, 0))];
}

/** The next node, if it points back. */
function nextOf(node: Vaddr, words: WordReader): Vaddr | undefined {
  const next = words.at(node);
  if (next === undefined || next === 0n) return undefined;
  return words.at(vaddrAdd(vaddr(next), 8)) === node ? vaddr(next) : undefined;
}

/** The previous node, if it points here. */
function prevOf(node: Vaddr, words: WordReader): Vaddr | undefined {
  const prev = words.at(vaddrAdd(node, 8));
  if (prev === undefined || prev === 0n) return undefined;
  return words.at(vaddr(prev)) === node ? vaddr(prev) : undefined;
}
