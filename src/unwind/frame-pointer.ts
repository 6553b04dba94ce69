// One stack by its frame pointers (CONFIG_FRAME_POINTER): each function pushes its caller's rbp and
// lets rbp point there.
//
//   rbp ->      rbp of the caller
//   rbp + 8     return address into the caller
//
// Since 4.9 (commit 946c191161ce, "x86/entry/unwind: Create stack frames for saved interrupt
// registers") entry code leaves the address of its pt_regs in rbp with bit 0 set.

import { KERNEL_HALF, PT_REGS, PT_REGS_SIZE, SEGMENT_RPL_MASK } from '../arch/x86-64.ts';
import { hex, vaddr, vaddrAdd, type Vaddr } from '../util/address.ts';
import { VmcoreError } from '../util/errors.ts';
import { optional } from '../util/optional.ts';
import { FRAMES_MAX, type RawFrame, type RawStack, type StackStart } from './frame.ts';
import { NO_HOOKS, type ReturnHooks } from './return-hooks.ts';
import { WORD_SIZE, type StackMemory } from './stack-memory.ts';

/** Set in an rbp that points to a pt_regs. */
const ENCODED_REGS = 1n;

interface State {
  readonly pc: Vaddr;
  readonly sp: Vaddr;
  readonly bp: Vaddr;
  readonly interrupted: boolean;
  readonly trampoline?: true;
}

/**
 * Walks a stack whose functions keep frame pointers, from its innermost frame outwards. Those of a
 * kernel that keeps none have anything in rbp.
 *
 * @param canReturnTo whether a word can be a return address: the walk breaks off at any other
 */
export function unwindFramePointers(
  memory: StackMemory,
  start: StackStart,
  canReturnTo: (address: Vaddr) => boolean,
  hooks: ReturnHooks = NO_HOOKS,
): RawStack {
  const frames: RawFrame[] = [];
  let state: State = {
    pc: start.pc,
    sp: start.sp,
    bp: start.bp ?? vaddr(0n),
    interrupted: start.interrupted,
  };
  while (frames.length < FRAMES_MAX) {
    const next = step(memory, state, canReturnTo);
    frames.push({
      ...state,
      ...optional('cfa', 'caller' in next && !next.caller.interrupted ? next.caller.sp : undefined),
      reliable: true,
    });
    if (!('caller' in next)) return { frames, ...next };
    state = unhooked(next.caller, hooks);
  }
  return { frames, end: 'limit', problem: `more than ${FRAMES_MAX} frames` };
}

/** Where the true address is not found the frame is the trampoline's; rbp leads on all the same. */
function unhooked(caller: State, hooks: ReturnHooks): State {
  if (!hooks.isTrampoline(caller.pc)) return caller;
  const pc = hooks.trueAddress(vaddrAdd(caller.sp, -WORD_SIZE));
  return pc === undefined ? { ...caller, trampoline: true } : { ...caller, pc };
}

type Step = { readonly caller: State } | Pick<RawStack, 'end' | 'problem'>;

function step(memory: StackMemory, state: State, canReturnTo: (address: Vaddr) => boolean): Step {
  const { bp, pc } = state;
  // Where a thread begins rbp is 0; before 4.12 of tasks from user mode it is the user's.
  if (bp === 0n || isUserAddress(bp) || isStray(memory, state)) return { end: 'end' };
  try {
    if ((bp & ENCODED_REGS) !== 0n) return interruptedAt(memory, vaddr(bp & ~ENCODED_REGS));
    if (bp < state.sp && memory.stackAt(bp) === memory.stackAt(state.sp)) {
      return { end: 'broken', problem: `rbp ${hex(bp)} is not further out than ${hex(state.sp)}` };
    }
    const caller = {
      pc: memory.word(vaddrAdd(bp, WORD_SIZE)),
      sp: vaddrAdd(bp, 2 * WORD_SIZE),
      bp: memory.word(bp),
      interrupted: false,
    };
    if (canReturnTo(caller.pc)) return { caller };
    // A thread begins with nothing above its first frame.
    if (caller.pc === 0n && caller.bp === 0n) return { end: 'end' };
    if (isFirst(memory, caller.sp)) return { end: 'end' };
    return { end: 'broken', problem: `${hex(caller.pc)} is no return address` };
  } catch (error) {
    if (!(error instanceof VmcoreError)) throw error;
    return { end: 'broken', problem: `frame of ${hex(pc)}: ${error.message}` };
  }
}

/**
 * Whether the frame below `sp` is the first on the task's stack: above it is the room of a pt_regs,
 * which idle tasks leave, too (initial_stack in arch/x86/kernel/head_64.S of 4.15). The first of
 * those returns to code that came there by `lretq` and did not call it.
 */
function isFirst(memory: StackMemory, sp: Vaddr): boolean {
  const stack = memory.stackAt(sp);
  return stack?.name === 'task' && sp === vaddrAdd(stack.end, -PT_REGS_SIZE);
}

/**
 * Whether nothing but the pt_regs of the entry from user mode lies further out on the task's stack,
 * and rbp leads off it: it is what user mode had there, if it wanted a kernel address, or in
 * ret_from_fork() what the task had that ran before, as each new thread began with that where
 * switch_to() went to it without a pop of rbp (arch/x86/include/asm/switch_to.h of 4.4).
 */
function isStray(memory: StackMemory, { bp, sp }: State): boolean {
  const stack = memory.stackAt(sp);
  if (stack?.name !== 'task' || sp < vaddrAdd(stack.end, -PT_REGS_SIZE)) return false;
  return memory.stackAt(vaddr(bp & ~ENCODED_REGS)) === undefined;
}

function interruptedAt(memory: StackMemory, regs: Vaddr): Step {
  const saved = (name: keyof typeof PT_REGS): Vaddr => memory.word(vaddrAdd(regs, PT_REGS[name]));
  if ((saved('cs') & SEGMENT_RPL_MASK) !== 0n) return { end: 'user' };
  const caller = { pc: saved('ip'), sp: saved('sp'), bp: saved('bp'), interrupted: true };
  return { caller };
}

function isUserAddress(address: Vaddr): boolean {
  return address < KERNEL_HALF;
}
