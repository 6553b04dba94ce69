// Which way a kernel's stacks are walked: by ORC where it has the tables, else by frame pointers,
// and on from where that breaks off by what looks like a return address.

import type { Vmcore } from '../target/vmcore.ts';
import type { Vaddr } from '../util/address.ts';
import type { RawFrame, RawStack, StackStart } from './frame.ts';
import { unwindFramePointers } from './frame-pointer.ts';
import { canReturnTo, guessFrames } from './guess.ts';
import { OrcLookup } from './orc-lookup.ts';
import { unwindOrc } from './orc-unwind.ts';
import { ReturnHookReader } from './return-hooks.ts';
import { StackMemory } from './stack-memory.ts';

/** How frames are found, in words that stand in results. */
export type UnwindMethod = 'ORC' | 'frame pointers';

/** Walks the stacks of one vmcore. */
export class Unwinder {
  readonly method: UnwindMethod;
  readonly #vmcore: Vmcore;
  readonly #orc: OrcLookup;
  readonly #hooks: ReturnHookReader;

  constructor(vmcore: Vmcore) {
    this.#vmcore = vmcore;
    this.#hooks = new ReturnHookReader(vmcore);
    this.#orc = new OrcLookup(vmcore);
    this.method = this.#orc.isPresent ? 'ORC' : 'frame pointers';
  }

  /**
   * Walks the stack of a task. Where it breaks off, what may be its other frames follows, not
   * reliable.
   */
  unwind(start: StackStart, task: Vaddr): RawStack {
    const memory = new StackMemory(this.#vmcore, start.stacks);
    const hooks = this.#hooks.of(task);
    const stack =
      this.method === 'ORC'
        ? unwindOrc(memory, this.#orc, start, hooks)
        : unwindFramePointers(memory, start, (pc) => canReturnTo(this.#vmcore, pc), hooks);
    if (stack.end !== 'broken') return stack;
    const last = stack.frames.at(-1) as RawFrame;
    const guessed = guessFrames(this.#vmcore, memory, last.sp);
    return { ...stack, frames: [...stack.frames, ...guessed] };
  }
}
