// What an unwinder is given and what it gives back.

import type { PT_REGS } from '../arch/x86-64.ts';
import type { Vaddr } from '../util/address.ts';

/** A general register, by its name in struct pt_regs. */
export type RegisterName = keyof typeof PT_REGS;

/** Where unwinding starts: the registers of a task that does not run, or of one that does. */
export interface StackStart {
  readonly pc: Vaddr;
  readonly sp: Vaddr;
  /** rbp; undefined where nothing kept it. */
  readonly bp?: Vaddr;
  /** The other registers where known: functions that realign their stack are undone by them. */
  readonly others?: ReadonlyMap<RegisterName, Vaddr>;
  /**
   * `pc` is the next instruction and not where a call returns to: the CPU was stopped or
   * interrupted there.
   */
  readonly interrupted: boolean;
  /** The stacks on which frames may lie. */
  readonly stacks: readonly StackRange[];
}

/** A kernel stack, [start, end). */
export interface StackRange {
  /** `task`, or the CPU's: `IRQ`, `NMI`, `#DF`, … */
  readonly name: string;
  readonly start: Vaddr;
  readonly end: Vaddr;
}

/** One call on a stack. */
export interface RawFrame {
  readonly pc: Vaddr;
  /** rsp in this frame; of a guessed one where its return address lies. */
  readonly sp: Vaddr;
  /** rbp in this frame, as the frames inside of it saved it. */
  readonly bp?: Vaddr;
  /**
   * rsp of the caller, before the call pushed the return address: what the function keeps on the
   * stack lies in [sp, cfa). Not known of a frame that was guessed, nor of the last.
   */
  readonly cfa?: Vaddr;
  /** False where the frame was found by scanning the stack: it may be left from an older call. */
  readonly reliable: boolean;
  /** `pc` is the next instruction and not a return: an exception or interrupt hit here. */
  readonly interrupted: boolean;
  /** `pc` is where a tracer has the call return to, and the true address was not found. */
  readonly trampoline?: true;
}

/**
 * How a stack ended: where user mode entered the kernel; where the kernel's own code says that
 * there is no caller; at our bound; at something that makes no sense, which `problem` says.
 */
export type StackEnd = 'user' | 'end' | 'limit' | 'broken';

/** A stack, as far as it could be walked; the innermost frame first. */
export interface RawStack {
  readonly frames: readonly RawFrame[];
  readonly end: StackEnd;
  readonly problem?: string;
}

/** More frames than any kernel stack has room for that is not damaged: 16 KiB of 32 bytes each. */
export const FRAMES_MAX = 512;
