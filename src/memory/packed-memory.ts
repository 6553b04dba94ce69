// The memory of a dump that `stallcore pack` made. Its pages have zeros where bytes were taken out,
// so that what was kept is known by the note alone.

import { FaultError, FormatError } from '../util/errors.ts';
import type { PageState } from '../util/page-state.ts';
import { rangeAt, type Ranges } from '../util/ranges.ts';
import { MemoryWrapper, type PhysicalMemory, type PhysicalRange } from './physical.ts';

/** A byte that could not be read in the dump that was packed, and why. */
export type AbsentState = Exclude<PageState, 'present' | 'removed-by-pack'>;

/** A page that was damaged in the dump that was packed. */
export interface DamagedRange extends PhysicalRange {
  /** The messages of the error and its causes, outermost first. */
  readonly messages: readonly string[];
}

/** What the note says of the memory. */
export interface PackedRanges {
  readonly kept: Ranges;
  /** Bytes that the triage asked for and the dump did not have. */
  readonly absent: ReadonlyMap<AbsentState, Ranges>;
  readonly damaged: readonly DamagedRange[];
}

/** Physical memory of which only the kept ranges can be read. */
export class PackedMemory extends MemoryWrapper {
  readonly #ranges: PackedRanges;
  /** Reads go on where the last one was more often than not. */
  #last = 0;

  constructor(inner: PhysicalMemory, ranges: PackedRanges) {
    super(inner);
    this.#ranges = ranges;
  }

  /** 'removed-by-pack' for all that nobody asked for: what it was is not known any more. */
  stateOf(paddr: number): PageState {
    if (this.#keptEnd(paddr) > paddr) return this.inner.stateOf(paddr);
    for (const [state, ranges] of this.#ranges.absent) {
      if (rangeAt(ranges, paddr) >= 0) return state;
    }
    return 'removed-by-pack';
  }

  *presentRanges(): Iterable<PhysicalRange> {
    const { starts, ends } = this.#ranges.kept;
    for (let i = 0; i < starts.length; i++) {
      yield { start: starts[i] as number, end: ends[i] as number };
    }
  }

  readInto(into: Uint8Array, paddr: number): void {
    const end = paddr + into.length;
    const keptEnd = this.#keptEnd(paddr);
    if (keptEnd >= end) {
      this.inner.readInto(into, paddr);
      return;
    }
    this.#throwDamage(paddr, end);
    const at = Math.max(paddr, keptEnd);
    const state = this.stateOf(at);
    const reason = state === 'present' ? 'removed-by-pack' : state;
    throw new FaultError({ space: 'physical', address: at, reason });
  }

  /** Where the kept range around a byte ends; 0 where it was not kept. */
  #keptEnd(paddr: number): number {
    const { kept } = this.#ranges;
    const { starts, ends } = kept;
    const last = this.#last;
    const isThere = paddr >= (starts[last] ?? Infinity) && paddr < (ends[last] as number);
    const index = isThere ? last : rangeAt(kept, paddr);
    if (index < 0) return 0;
    this.#last = index;
    return ends[index] as number;
  }

  #throwDamage(start: number, end: number): void {
    const found = this.#ranges.damaged.find((range) => range.start < end && start < range.end);
    if (found !== undefined) throw toldAgain(found.messages);
  }
}

/** The error of the dump that was packed, with its causes. */
function toldAgain(messages: readonly string[]): FormatError {
  let error: FormatError | undefined;
  for (const message of [...messages].reverse()) {
    const cause = error === undefined ? {} : { cause: error };
    // A FormatError puts the section in front.
    const [, section = 'page data', what = message] = /^([^:]*): (.*)$/s.exec(message) ?? [];
    error = new FormatError({ section }, what, cause);
  }
  return error ?? new FormatError({ section: 'page data' }, 'damaged');
}
