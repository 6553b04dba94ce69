// Ranges that overlap, with a rule for which of them wins, split once into pieces that do not. A
// look-up is then a binary search. All arrays are typed: 100,000 ranges take a few megabytes.
//
//   ranges, best first   0  ....aaaaaa......
//                        1  ..bbbbbb........
//                        2  cccccccccccc....
//   pieces                  ccbbaaaaaacc....

/** Ranges `start` (inclusive) to `end` (exclusive) with the best one first. */
export interface RankedRange {
  readonly start: number;
  readonly end: number;
}

/** Disjoint pieces of ranges in ascending order, each with the number of the range it is of. */
export class IntervalMap {
  /** Start of each piece. */
  readonly starts: Float64Array;
  /** One past the end of each piece. */
  readonly ends: Float64Array;
  /** Which range each piece is of: an index into the list that the map was built from. */
  readonly owners: Int32Array;
  #last = 0;

  /** @param ranges those first in the list win; empty ones are passed over */
  constructor(ranges: readonly RankedRange[]) {
    const cuts = cutPoints(ranges);
    const owners = paint(ranges, cuts);
    const pieces = merge(cuts, owners);
    this.starts = pieces.starts;
    this.ends = pieces.ends;
    this.owners = pieces.owners;
  }

  get length(): number {
    return this.starts.length;
  }

  /** The piece that `position` lies in, or -1. */
  find(position: number): number {
    // Reads go on where the last one was more often than not.
    if (this.#contains(this.#last, position)) return this.#last;
    const index = lowerBound(this.starts, position + 1) - 1;
    if (!this.#contains(index, position)) return -1;
    this.#last = index;
    return index;
  }

  #contains(index: number, position: number): boolean {
    const start = this.starts[index];
    const end = this.ends[index];
    return start !== undefined && end !== undefined && start <= position && position < end;
  }
}

/** The first index of ascending `values` whose value is `wanted` or more. */
export function lowerBound(values: Float64Array, wanted: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((values[middle] as number) < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Every position where a range starts or ends, ascending, each once. */
function cutPoints(ranges: readonly RankedRange[]): Float64Array {
  const cuts = new Float64Array(ranges.length * 2);
  let count = 0;
  for (const { start, end } of ranges) {
    if (end <= start) continue;
    cuts[count++] = start;
    cuts[count++] = end;
  }
  const sorted = cuts.subarray(0, count).sort();
  let kept = 0;
  for (const cut of sorted) {
    if (kept === 0 || sorted[kept - 1] !== cut) sorted[kept++] = cut;
  }
  return sorted.subarray(0, kept);
}

/**
 * Gives each gap between two cuts to the first range over it; -1 where there is none. Each gap is
 * painted once: `next` jumps over the painted ones (a union-find with path halving), so that the
 * whole is not quadratic where many ranges lie on top of each other.
 */
function paint(ranges: readonly RankedRange[], cuts: Float64Array): Int32Array {
  const owners = new Int32Array(Math.max(0, cuts.length - 1)).fill(-1);
  const next = new Int32Array(cuts.length);
  for (let gap = 0; gap < next.length; gap++) next[gap] = gap;
  const free = (gap: number): number => {
    let at = gap;
    while (next[at] !== at) {
      next[at] = next[next[at] as number] as number;
      at = next[at] as number;
    }
    return at;
  };
  ranges.forEach(({ start, end }, owner) => {
    if (end <= start) return;
    let gap = free(lowerBound(cuts, start));
    while ((cuts[gap] as number) < end) {
      owners[gap] = owner;
      next[gap] = gap + 1;
      gap = free(gap + 1);
    }
  });
  return owners;
}

/** Joins neighbouring gaps of one range and drops those of none. */
function merge(cuts: Float64Array, owners: Int32Array): IntervalPieces {
  const starts = new Float64Array(owners.length);
  const ends = new Float64Array(owners.length);
  const kept = new Int32Array(owners.length);
  let count = 0;
  owners.forEach((owner, gap) => {
    if (owner < 0) return;
    const joins = count > 0 && kept[count - 1] === owner && ends[count - 1] === cuts[gap];
    if (!joins) {
      starts[count] = cuts[gap] as number;
      kept[count++] = owner;
    }
    ends[count - 1] = cuts[gap + 1] as number;
  });
  return {
    starts: starts.slice(0, count),
    ends: ends.slice(0, count),
    owners: kept.slice(0, count),
  };
}

interface IntervalPieces {
  readonly starts: Float64Array;
  readonly ends: Float64Array;
  readonly owners: Int32Array;
}
