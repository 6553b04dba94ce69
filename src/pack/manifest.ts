// What a packed dump says of itself: how many bytes of what were kept.

import { bytesIn, NO_RANGES, union, without, type Ranges } from '../util/ranges.ts';
import type { KeptPart } from '../target/pack-manifest.ts';
import { reasonFor } from './reasons.ts';

/** What reads that nobody said anything of are booked as: the last, so that it is what is left. */
const LAST = 'other';

/** Kinds of structures with the bytes of each, the largest first. A byte is counted once. */
export function keptParts(byKind: ReadonlyMap<string, Ranges>): KeptPart[] {
  const rank = (what: string, ranges: Ranges): number =>
    what === LAST ? Infinity : ranges.starts.length;
  // The short lists first: each is held against all before it.
  const kinds = [...byKind].sort(([a, x], [b, y]) => rank(a, x) - rank(b, y));
  let counted: Ranges = NO_RANGES;
  const parts: KeptPart[] = [];
  for (const [what, ranges] of kinds) {
    const bytes = bytesIn(without(ranges, counted));
    if (bytes > 0) parts.push({ what, bytes, why: reasonFor(what) });
    counted = union(counted, ranges);
  }
  return parts.sort((a, b) => b.bytes - a.bytes || (a.what < b.what ? -1 : 1));
}

/** All that was kept. */
export function unionOf(all: Iterable<Ranges>): Ranges {
  // Two at a time: one after the other each byte would be copied as often as there are kinds.
  let lists = [...all];
  while (lists.length > 1) {
    const next: Ranges[] = [];
    for (let i = 0; i < lists.length; i += 2) {
      next.push(union(lists[i] ?? NO_RANGES, lists[i + 1] ?? NO_RANGES));
    }
    lists = next;
  }
  return lists[0] ?? NO_RANGES;
}
