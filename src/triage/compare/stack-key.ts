// A stack in few bytes, to tell whether that of the other dump is the same one.

import { isAllocatorFrame } from '../../kernel/alloc-frames.ts';
import type { TaskStack } from '../../kernel/stack.ts';

/** What of a stack is compared. */
export interface StackKeys {
  /** Every frame. */
  readonly whole: string;
  /**
   * The frames outside of the allocator: how the task came to ask. Only of a stack that was
   * unwound to its end, without a guess, and is in the allocator.
   */
  readonly caller?: string;
  /** The stack came in by a page fault from user mode. */
  readonly isFault?: true;
}

/** undefined where nothing of the stack is known. */
export function stackKeys(stack: TaskStack | undefined): StackKeys | undefined {
  if (stack === undefined || stack.freed === true || stack.frames.length === 0) return undefined;
  const { frames, end } = stack;
  const keys = frames.map(({ pc, sp, guessed }) => `${guessed === true ? '?' : ''}${pc}@${sp}`);
  const whole = hashOf(`${end} ${keys.join(' ')}`);
  const outermost = frames.findLastIndex(isAllocatorFrame);
  const isWhole = end === 'user' || end === 'end';
  const isSure = isWhole && frames.every(({ guessed }) => guessed !== true);
  if (outermost < 0 || !isSure) return { whole };
  const outside = frames.slice(outermost + 1);
  const isFault = outside.some(({ name }) => name === 'handle_mm_fault');
  return {
    whole,
    caller: hashOf(keys.slice(outermost + 1).join(' ')),
    ...(isFault ? { isFault } : {}),
  };
}

/** FNV-1a of 53 bits in two halves: equal texts have equal hashes, others hardly ever. */
function hashOf(text: string): string {
  let low = 0x811c9dc5;
  let high = 0x01000193;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    low = Math.imul(low ^ code, 0x01000193);
    high = Math.imul(high ^ (code + at), 0x85ebca6b);
  }
  return ((high >>> 0) * 2 ** 21 + (low >>> 11)).toString(36);
}
