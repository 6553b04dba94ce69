// The words of the stacks of one task. A word outside of them is never read: what a damaged frame
// points to is no frame.

import type { TypedMemory } from '../target/ref.ts';
import { hex, vaddrAdd, type Vaddr } from '../util/address.ts';
import { InvalidError } from '../util/errors.ts';
import type { StackRange } from './frame.ts';

export const WORD_SIZE = 8;

/** Reads words off the stacks on which frames may lie. */
export class StackMemory {
  readonly stacks: readonly StackRange[];
  readonly #memory: Pick<TypedMemory, 'readInto'>;
  readonly #bytes = new Uint8Array(WORD_SIZE);
  readonly #view = new DataView(this.#bytes.buffer);

  constructor(memory: Pick<TypedMemory, 'readInto'>, stacks: readonly StackRange[]) {
    this.#memory = memory;
    this.stacks = stacks;
  }

  /** The stack that an address lies on. */
  stackAt(address: Vaddr): StackRange | undefined {
    return this.stacks.find(({ start, end }) => address >= start && address < end);
  }

  /**
   * The 8 bytes at an address.
   *
   * @throws InvalidError if it is on none of the stacks
   * @throws FaultError if it cannot be read
   */
  word(address: Vaddr): Vaddr {
    const stack = this.stackAt(address);
    if (stack === undefined || vaddrAdd(address, WORD_SIZE) > stack.end) {
      throw new InvalidError(`${hex(address)} is on none of the task's stacks`);
    }
    this.#memory.readInto(this.#bytes, address, 'stack');
    return this.#view.getBigUint64(0, true) as Vaddr;
  }
}
