// Memory that tells of each range which was read, and of what could not be.

import { MemoryWrapper, type PhysicalMemory, type PhysicalRange } from '../memory/physical.ts';
import { FaultError, VmcoreError } from '../util/errors.ts';
import type { PageState } from '../util/page-state.ts';

/** Who is told. */
export interface MemoryListener {
  /** Nobody wants to know for now. */
  readonly isSuspended: boolean;
  read(start: number, end: number): void;
  absent(paddr: number, state: Exclude<PageState, 'present'>): void;
  damaged(range: PhysicalRange, error: VmcoreError): void;
}

/** Reads another memory. */
export class RecordedMemory extends MemoryWrapper {
  readonly forTables?: PhysicalMemory;
  readonly #listener: MemoryListener;

  /** @param tables told of the reads of page tables, in place of `listener` */
  constructor(inner: PhysicalMemory, listener: MemoryListener, tables?: MemoryListener) {
    super(inner);
    this.#listener = listener;
    if (tables !== undefined) this.forTables = new RecordedMemory(inner, tables);
  }

  stateOf(paddr: number): PageState {
    const state = this.inner.stateOf(paddr);
    if (this.#listener.isSuspended) return state;
    // That a byte is there is an answer too.
    if (state === 'present') this.#listener.read(paddr, paddr + 1);
    else this.#listener.absent(paddr, state);
    return state;
  }

  presentRanges(): Iterable<PhysicalRange> {
    return this.inner.presentRanges();
  }

  readInto(into: Uint8Array, paddr: number): void {
    if (this.#listener.isSuspended) {
      this.inner.readInto(into, paddr);
      return;
    }
    const end = paddr + into.length;
    try {
      this.inner.readInto(into, paddr);
    } catch (error) {
      if (error instanceof FaultError) {
        // What lies in front of the byte was there.
        const at = Number(error.address);
        this.#listener.read(paddr, at);
        this.#listener.absent(at, absentState(error));
      } else if (error instanceof VmcoreError) this.#listener.damaged({ start: paddr, end }, error);
      throw error;
    }
    this.#listener.read(paddr, end);
  }
}

/** Physical addresses are never those of a page walk that failed. */
function absentState({ reason }: FaultError): Exclude<PageState, 'present'> {
  return reason === 'non-canonical' || reason === 'not-mapped' ? 'not-in-dump' : reason;
}
